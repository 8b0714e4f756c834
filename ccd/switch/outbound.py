"""Legs that we call: an agent's phone, or a number outside through a trunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ccd.media.ports import NoPortFree, Port
from ccd.media.protocol import Address
from ccd.model import Cause, ConnectionState, Party
from ccd.sip.endpoint import Endpoint
from ccd.sip.grammar import escape_user
from ccd.sip.hop import Hop, bracketed
from ccd.sip.negotiation import Negotiation
from ccd.sip.session import Session, SessionState
from ccd.switch.admission import ANONYMOUS, Admission, user_of
from ccd.switch.call import Call, Leg
from ccd.switch.descriptions import Descriptions
from ccd.switch.errors import NotReachable
from ccd.switch.patch import Patch
from ccd.switch.phones import Phones

Header = tuple[str, str]

OURSELVES = "ccd"
"""User part of our address where no number is shown."""


class Outbound:
    """Sends INVITEs for new legs of calls; what comes of them is the switch's to hear.

    A leg is given back `INITIATED`, with its INVITE on the way, and is in `call.legs`. Every
    method raises `NotReachable` where it can't be tried; then nothing has changed. `numbers`
    counts the switch's legs and calls.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        patch: Patch,
        descriptions: Descriptions,
        admission: Admission,
        phones: Phones,
        domain: str,
        numbers: Iterator[int],
    ) -> None:
        self._endpoint = endpoint
        self._patch = patch
        self._descriptions = descriptions
        self._admission = admission
        self._phones = phones
        self._domain = domain
        self._numbers = numbers
        self.answer_by_themselves: frozenset[str] = frozenset()
        """Phones that are asked to, where their own agent began the call."""
        self._sessions: dict[str, list[Session]] = {}
        """By phone; those that have ended for it, too, are dropped when somebody looks."""

    def is_of_phone(self, phone: str, session: Session) -> None:
        """A call with this phone: it is called again only when that has ended for it, too."""
        self._sessions[phone] = [*self._not_ended(phone), session]

    def _not_ended(self, phone: str) -> list[Session]:
        sessions = self._sessions.get(phone, ())
        return [each for each in sessions if each.state is not SessionState.ENDED]

    def prepare_phone(self, call: Call, *, agent: str, phone: str) -> Leg:
        """A leg for an agent's phone, in the call, not called yet (see `call_phone`)."""
        contacts = self._phones.lookup(phone)
        if not contacts:
            raise NotReachable(Cause.DESTINATION_OUT_OF_ORDER, f"phone {phone} is not registered")
        leg = self._leg(call, Party.AGENT, contacts[0].hop)
        leg.agent = agent
        return leg

    def call_phone(self, leg: Leg, *, phone: str, queue: str, now: float) -> None:
        """Call the phone of a leg just prepared; it shows the number of who calls.

        Not before it has heard that its last call is over (`UserAgent.invite`, `after`).

        Where its agent asked for the call himself, or his queue answers by itself, or it is to be
        kept, it may answer at once (RFC 5373; what desk phones know instead is `answer-after`).
        """
        call, contact = leg.call, self._phones.lookup(phone)[0]
        if leg.standing:
            headers = [("X-CCD-Line", "nailed-up")]
        else:
            headers = [("X-CCD-Call", call.id), ("X-CCD-Queue", queue)]
        asked = leg.auto_answer or (call.initiator is not None and call.initiator == leg.agent)
        if asked and (leg.standing or phone in self.answer_by_themselves):
            headers += [
                ("Answer-Mode", "Auto"),
                ("Call-Info", f"<sip:{self._domain}>;answer-after=0"),
            ]
        self._invite(
            leg,
            contact.contact,
            contact.hop,
            from_=self._address(call.number or OURSELVES),
            to=self._address(phone),
            headers=headers,
            now=now,
            after=self._not_ended(phone),
        )
        self.is_of_phone(phone, leg.session)

    def number(
        self,
        call: Call,
        number: str,
        *,
        trunk: str,
        party: Party,
        ani: str,
        now: float,
        diverted_by: str = "",
        emergency: bool = False,
    ) -> Leg:
        """Call a number through a trunk's first peer with a port, showing `ani`.

        The number shown goes into P-Asserted-Identity as well (RFC 3325, 9.1); where we show
        none there is none. `diverted_by`: our number at which the call came in, which is sent
        on (RFC 5806). An `emergency` goes out whatever the load.
        """
        if number == ANONYMOUS or user_of(number) != number:
            raise NotReachable(Cause.DESTINATION_NOT_OBTAINABLE, f"{number!r} is no number")
        hop = self._admission.let_out(trunk, emergency=emergency)
        try:
            leg = self._leg(call, party, hop)
        except NotReachable:
            self._admission.leave(trunk)
            raise
        leg.channel = trunk
        shown = user_of(ani) if ani else OURSELVES
        headers: list[Header] = []
        if shown not in (OURSELVES, ANONYMOUS):
            headers.append(("P-Asserted-Identity", self._address(shown)))
        if diverted_by:
            headers.append(
                ("Diversion", f"{self._address(user_of(diverted_by))};reason=unconditional")
            )
        leg.number = number
        uri = f"sip:{escape_user(number)}@{bracketed(hop.host)}:{hop.port}"
        self._invite(
            leg, uri, hop, from_=self._address(shown), to=f"<{uri}>", headers=headers, now=now
        )
        return leg

    def _leg(self, call: Call, party: Party, hop: Hop) -> Leg:
        """A leg with a port on the worker of the call's other legs: audio stays on one."""
        if call.ending is not None:
            raise NotReachable(Cause.CALL_CANCELLED, f"call {call.id} is over")
        port = port_towards(self._patch, None, hop.host, call.worker)
        number = next(self._numbers)
        return Leg(
            id=f"{call.id}.{number}",
            call=call,
            party=party,
            state=ConnectionState.INITIATED,
            node=self._patch.node(),
            negotiation=Negotiation(number),
            port=port,
        )

    def _invite(
        self,
        leg: Leg,
        uri: str,
        hop: Hop,
        *,
        from_: str,
        to: str,
        headers: Sequence[Header],
        now: float,
        after: Sequence[Session] = (),
    ) -> None:
        leg.session = self._endpoint.agent.invite(
            uri,
            hop,
            from_=from_,
            to=to,
            sdp=self._descriptions.offer(leg, first=_codec_of_others(leg.call)),
            headers=headers,
            contact_user=OURSELVES,
            now=now,
            after=after,
        )
        leg.session.owner = leg
        leg.call.legs.append(leg)
        self._endpoint.wake()

    def _address(self, user: str) -> str:
        return f"<sip:{escape_user(user)}@{self._domain}>"


def port_towards(
    patch: Patch, remote: Address | None, signalled_from: str, worker: int | None
) -> Port:
    """Take a port for a leg that we call. Raises `NotReachable`."""
    try:
        return patch.port(remote, signalled_from, worker)
    except NoPortFree as error:
        raise NotReachable(Cause.DESTINATION_NOT_OBTAINABLE, str(error)) from error


def _codec_of_others(call: Call) -> str:
    """The codec of a leg that is there already: a bridge of one codec is relayed, not transcoded."""
    return next((leg.agreed.codec for leg in call.legs if leg.agreed is not None), "")
