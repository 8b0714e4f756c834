"""The public network outside the trunk: subscribers who call in, and who can be called."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from ccd.sip.agent import UserAgent
from ccd.sip.events import Accepted, InviteReceived, OfferReceived, Rejected, SipEvent, Terminated
from ccd.sip.hop import Hop
from ccd.sip.negotiation import LocalMedia, Negotiation
from ccd.sip.session import Session
from ccd.sip.virtual_network import VirtualNetwork

HOST = "10.0.9.1"


@dataclass(eq=False)
class Subscriber:
    """Somebody with a telephone of one line; what he does when it rings is set by the test."""

    number: str
    exchange: Exchange
    answers_after: float | None = None
    """He answers so long after it begins to ring; None: it only rings."""
    refuses_with: int | None = None
    session: Session | None = None
    events: list[SipEvent] = field(default_factory=list)
    rung: int = 0
    """How often he was called."""

    def hang_up(self) -> None:
        """End his call, or his wish for one."""
        assert self.session is not None
        self.session.terminate(now=self.exchange.network.now)

    @property
    def on_the_phone(self) -> bool:
        """Whether he has a call, or one rings, or he waits for an answer."""
        return self.session is not None and not self.session.over

    @property
    def ended(self) -> int:
        """How many calls of his are over."""
        return sum(isinstance(event, Terminated) for event in self.events)


class Exchange:
    """One SIP peer with all subscribers behind it, as a carrier's gateway."""

    def __init__(self, network: VirtualNetwork) -> None:
        self.network = network
        self.agent = UserAgent({"udp": (HOST, 5060)}, rng=random.Random(11), name="exchange")
        self.hop = network.attach(self.agent, self._handle)
        self._subscribers: dict[str, Subscriber] = {}
        self._owners: dict[int, Subscriber] = {}
        self._negotiations: dict[int, Negotiation] = {}

    def subscriber(self, number: str) -> Subscriber:
        """Whose number this is."""
        found = self._subscribers.get(number)
        if found is None:
            found = self._subscribers[number] = Subscriber(number, self)
        return found

    def call(self, subscriber: Subscriber, hop: Hop, dnis: str) -> None:
        """Have him dial a number of the centre's."""
        negotiation = Negotiation(1000 + 2 * len(self._owners))
        session = self.agent.invite(
            f"sip:{dnis}@{hop.host}",
            hop,
            from_=f"<sip:{subscriber.number}@carrier.example>",
            to=f"<sip:{dnis}@{hop.host}>",
            sdp=negotiation.offer(self._media(len(self._owners))),
            now=self.network.now,
        )
        self._begin(subscriber, session, negotiation)

    def _begin(self, subscriber: Subscriber, session: Session, negotiation: Negotiation) -> None:
        subscriber.session = session
        self._owners[session.id] = subscriber
        self._negotiations[session.id] = negotiation

    @staticmethod
    def _media(index: int) -> LocalMedia:
        return LocalMedia(HOST, 4000 + 2 * index, ("PCMU", "PCMA"), direction="sendrecv")

    def _handle(self, event: SipEvent) -> None:
        session: Any = getattr(event, "session", None)
        if isinstance(event, InviteReceived):
            self._ring(event)
            return
        owner = self._owners.get(session.id) if session is not None else None
        if owner is None:
            return
        owner.events.append(event)
        negotiation = self._negotiations[session.id]
        now = self.network.now
        match event:
            case Accepted(sdp=bytes(sdp)):
                negotiation.accept(sdp)
            case OfferReceived(sdp=bytes(sdp)):
                answer, _ = negotiation.answer(sdp, self._media(session.id))
                session.answer(answer, now=now)
            case Rejected() | Terminated():
                pass
            case _:
                pass

    def _ring(self, event: InviteReceived) -> None:
        session, now = event.session, self.network.now
        assert session.request is not None
        called = self.subscriber(session.request.uri.user or "")
        called.rung += 1
        if called.on_the_phone:
            session.reject(486, now=now)
            return
        if called.refuses_with is not None:
            session.reject(called.refuses_with, now=now)
            return
        self._begin(called, session, Negotiation(5000 + 2 * len(self._owners)))
        called.events.append(event)
        session.progress(180, now=now)
        if called.answers_after is not None:
            self.network.at(now + called.answers_after, lambda: self._pick_up(session))

    def _pick_up(self, session: Session) -> None:
        if session.over or session.remote_sdp is None:
            return
        negotiation = self._negotiations[session.id]
        answer, _ = negotiation.answer(session.remote_sdp, self._media(session.id))
        session.accept(answer, now=self.network.now)
