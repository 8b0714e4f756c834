"""A SIP user agent without I/O: bytes in, bytes out, events.

```
agent.receive(datagram, source, now)
while (event := agent.next_event()) is not None: ...
for data, hop in agent.to_send(): ...
deadline = agent.get_timer()      # then agent.handle_timer(now)
```

`UserAgent` reads messages, screens requests as RFC 3261, 8.2 has it, and hands each to the
transaction and session it belongs to. It never raises on what a stranger sent.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from ccd.sip.auth import Credentials
from ccd.sip.bodies import SDP, UnsupportedBody, session_description
from ccd.sip.compose import OutgoingRequest, ReplyHead, check_headers, reply
from ccd.sip.dialog import Dialog, Order
from ccd.sip.events import (
    BadMessage,
    InfoReceived,
    InviteReceived,
    RequestReceived,
    ResponseReceived,
    SipEvent,
)
from ccd.sip.exchange import Authenticating, Exchange
from ccd.sip.grammar import GrammarError, escape_user
from ccd.sip.hop import Hop, bracketed
from ccd.sip.incoming import IncomingSetup
from ccd.sip.message import MalformedMessage, Request, Response, parse
from ccd.sip.offers import Move
from ccd.sip.outgoing import OutgoingSetup
from ccd.sip.replaces import find_replaced
from ccd.sip.screening import EXTENSIONS, METHODS, accepts_sdp, screen
from ccd.sip.server_transactions import InviteServer, ServerTransaction
from ccd.sip.session import Session
from ccd.sip.session_timer import IntervalTooSmall
from ccd.sip.timers import Timers
from ccd.sip.transaction import Input
from ccd.sip.transactions import TransactionLayer
from ccd.timer_queue import TimerQueue

Header = tuple[str, str]


class Counts(msgspec.Struct, frozen=True):
    """What is alive; all zero when every call is over and the timers ran out."""

    transactions: int
    sessions: int
    """Not yet terminated."""
    dialogs: int
    """Sessions with something left on the wire, terminated ones included."""
    requests: int
    """Of `request()`, without a final response."""
    timers: int


class UserAgent:
    """Both ends of calls for one set of local addresses.

    `local` maps a protocol to the host and port for Via and Contact. `serves` names
    the methods outside dialogs that the owner answers itself (`RequestReceived`); an
    OPTIONS not among them is answered here. `session_expires` is RFC 4028's interval in
    seconds, None for no session timers of our own. `prefers_reliable` sends provisional
    responses reliably also where that is only supported, not required (RFC 3262).
    `rng` makes tags and branches: outside tests it should be `random.SystemRandom()`.
    """

    def __init__(
        self,
        local: Mapping[str, tuple[str, int]],
        *,
        rng: random.Random,
        name: str = "ccd",
        timers: Timers = Timers(),  # noqa: B008 - frozen
        serves: Collection[str] = ("REGISTER", "OPTIONS"),
        session_expires: int | None = 1800,
        prefers_reliable: bool = False,
    ) -> None:
        self.local = dict(local)
        self.rng = rng
        self.name = name
        self.timers = timers
        self.prefers_reliable = prefers_reliable
        self.queue = TimerQueue()
        self.layer = TransactionLayer(queue=self.queue, timers=timers, rng=rng)
        self._serves = frozenset(serves)
        self._session_expires = session_expires
        allowed = [*METHODS, *(method for method in sorted(serves) if method not in METHODS)]
        self._allow: Header = ("Allow", ", ".join(allowed))
        self._supported: Header = ("Supported", ", ".join(EXTENSIONS))
        self._user_agent: Header = ("User-Agent", name)
        self.capabilities: list[Header] = [self._allow, self._supported]
        self._sessions: dict[tuple[str, str], Session] = {}
        self._requests: dict[int, Exchange] = {}
        self._by_connection: dict[Hop, dict[Session, None]] = {}
        self._events: deque[Any] = deque()
        self._live = 0
        self._serial = 0

    # --- the seam ---------------------------------------------------------------------

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take in one complete message. Never raises on bad input."""
        if not data.strip(b"\r\n\0"):
            return  # a keep-alive (RFC 5626, 3.5.1)
        try:
            message = parse(data)
        except MalformedMessage as error:
            self._refuse_malformed(error, source)
            return
        if isinstance(message, Response):
            self._receive_response(message, source, now)
        else:
            self._receive_request(message, source, now)

    def transport_failed(self, hop: Hop, now: float) -> None:
        """Something could not be sent to `hop`, or the connection to it broke."""
        self.layer.transport_failed(hop, now)
        for session in self._by_connection.pop(hop, ()):
            session.connection_lost()

    def to_send(self) -> list[tuple[bytes, Hop]]:
        """What is to be sent, and where, in order; handed out once."""
        return self.layer.to_send()

    def get_timer(self) -> float | None:
        """When to call `handle_timer`, by the clock of the `now`s given; None: no need."""
        return self.queue.next_due()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.queue.run(now)

    def next_event(self) -> SipEvent | None:
        """The next thing that happened, None when all is told."""
        return self._events.popleft() if self._events else None

    @property
    def counts(self) -> Counts:
        """What is alive, for leak tests, `doctor` and overload control."""
        return Counts(
            transactions=len(self.layer),
            sessions=self._live,
            dialogs=len(self._sessions),
            requests=len(self._requests),
            timers=len(self.queue),
        )

    # --- acts of the owner ------------------------------------------------------------

    def invite(
        self,
        uri: str,
        hop: Hop,
        *,
        from_: str,
        to: str,
        sdp: bytes | None,
        now: float,
        headers: Sequence[Header] = (),
        credentials: Credentials | None = None,
        contact_user: str = "",
        after: Sequence[Session] = (),
    ) -> Session:
        """Call `uri` through `hop`; without `sdp` the far end makes the offer.

        The INVITE is sent when those sessions of `after` that we have ended are over for the far
        end as well, or after `LEAVING_S`: a phone that has not heard our BYE would be busy.
        `from_` and `to` are URIs or name-addrs without a tag. Raises ValueError where one
        of the texts carries a CR or LF; nothing is sent then.
        """
        check_headers(headers, uri, from_, to)
        local_tag = self._tag()
        session = self._new_session(
            call_id=self._call_id(),
            local_tag=local_tag,
            incoming=False,
            peer=hop,
            contact_user=contact_user,
            credentials=credentials,
        )
        template = OutgoingRequest(
            "INVITE",
            uri,
            hop,
            via=self.via(hop.protocol),
            from_=f"{name_addr(from_)};tag={local_tag}",
            to=name_addr(to),
            call_id=session.call_id,
            cseq=0,
            body=sdp or b"",
        )
        if sdp is not None:
            session.offers.move(Move.OFFER_SENT, sdp)
        setup = OutgoingSetup(
            session,
            template,
            [("Contact", session.contact), *self.capabilities, self._user_agent, *headers],
        )
        session.outbound = setup
        if not session.follow(after, setup.begin):
            setup.begin(now)
        self._keep(session)
        return session

    def request(
        self,
        method: str,
        uri: str,
        hop: Hop,
        *,
        from_: str,
        to: str,
        now: float,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        content_type: str | None = None,
        call_id: str | None = None,
        cseq: int | None = None,
        credentials: Credentials | None = None,
    ) -> int:
        """Send a request outside any dialog; `ResponseReceived` carries the token returned.

        `call_id` and `cseq` continue an earlier series (REGISTER, 10.2); a challenge that is
        answered uses up further numbers. Raises ValueError as `invite` does.
        """
        self._serial += 1
        token = self._serial
        numbers = [cseq if cseq is not None else 1]

        def next_cseq() -> int:
            numbers[0] += 1
            return numbers[0]

        request = OutgoingRequest(
            method,
            uri,
            hop,
            via=self.via(hop.protocol),
            from_=f"{name_addr(from_)};tag={self._tag()}",
            to=name_addr(to),
            call_id=call_id or self._call_id(),
            cseq=numbers[0],
            headers=(self._user_agent, *headers),
            body=body,
            content_type=content_type,
        )

        def on_response(response: Response, now: float) -> None:
            if response.code >= 200 and self._requests.pop(token, None) is not None:
                self.emit(ResponseReceived(token, response.code, response))

        def on_failure(why: str, now: float) -> None:
            if self._requests.pop(token, None) is not None:
                self.emit(ResponseReceived(token, 408 if why == "timeout" else 503, None))

        exchange = Exchange(
            self.layer,
            request,
            auth=Authenticating(credentials, self.rng) if credentials is not None else None,
            next_cseq=next_cseq,
            on_response=on_response,
            on_failure=on_failure,
        )
        exchange.begin(now)
        self._requests[token] = exchange
        return token

    def respond(
        self,
        incoming: RequestReceived,
        code: int,
        *,
        now: float,
        phrase: str | None = None,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        """Answer a `RequestReceived`; nothing happens when that was done or is too late."""
        incoming.transaction.respond(
            code, now, phrase=phrase, headers=headers, body=body, content_type=content_type
        )

    # --- for sessions -----------------------------------------------------------------

    def via(self, protocol: str) -> str:
        """Our Via for that transport, up to and including `branch=` (with RFC 3581's rport)."""
        host, port = self._address(protocol)
        return f"SIP/2.0/{protocol.upper()} {bracketed(host)}:{port};rport;branch="

    def contact(self, protocol: str, user: str) -> str:
        """Our Contact for that transport, in angle brackets."""
        host, port = self._address(protocol)
        at = f"{escape_user(user)}@" if user else ""
        transport = "" if protocol == "udp" else f";transport={protocol}"
        return f"<sip:{at}{bracketed(host)}:{port}{transport}>"

    def emit(self, event: SipEvent) -> None:
        """Queue an event for `next_event`."""
        self._events.append(event)

    def ended(self, session: Session) -> None:
        """`Terminated` was told for this session."""
        self._live -= 1

    def forget(self, session: Session) -> None:
        """Nothing of this session is left on the wire."""
        if self._sessions.pop((session.call_id, session.local_tag), None) is not None:
            self._unlink(session, session.peer)
            session.dispose()

    def moved(self, session: Session, old: Hop, new: Hop) -> None:
        """The far end of this session is at another hop now."""
        self._unlink(session, old)
        self._link(session, new)

    def _link(self, session: Session, hop: Hop) -> None:
        # Datagrams have no connection to lose.
        if hop.reliable:
            self._by_connection.setdefault(hop, {})[session] = None

    def _unlink(self, session: Session, hop: Hop) -> None:
        sessions = self._by_connection.get(hop) if hop.reliable else None
        if sessions is not None:
            sessions.pop(session, None)
            if not sessions:
                del self._by_connection[hop]

    # --- incoming ---------------------------------------------------------------------

    def _receive_response(self, response: Response, source: Hop, now: float) -> None:
        top = response.top_via
        vias = response.headers.getlist("Via")
        host, port = self._address(source.protocol)
        # 18.1.2, 8.1.3.3: not ours, or not for us as the last hop.
        if len(vias) > 1 or top.end != len(top.text):
            self.emit(BadMessage(source, "a response with more than one Via"))
        elif top.host.lower() != bracketed(host).lower() or (top.port or 5060) != port:
            self.emit(BadMessage(source, "a response to somebody else's Via"))
        else:
            # One that no transaction waits for is late or forged; both are dropped.
            self.layer.receive_response(response, now)

    def _receive_request(self, request: Request, source: Hop, now: float) -> None:
        method = request.method
        transaction = self.layer.match(request)
        if method == "ACK":
            if transaction is None or not transaction.fire(Input.ACK, now, request):
                session = self._session_of(request)
                if session is not None:
                    session.receive_ack(request, now)
            return
        if transaction is not None:
            transaction.fire(Input.REQUEST, now, request)
            return
        if method == "CANCEL":
            self._receive_cancel(request, source, now)
            return
        merged = self.layer.is_merged(request)
        transaction = self.layer.accept(request, source, now)
        refusal = (482, ()) if merged else screen(request, self._serves, self._allow)
        if refusal is not None:
            transaction.respond(refusal[0], now, headers=refusal[1])
        elif request.to_tag:
            self._receive_in_dialog(transaction, request, source, now)
        elif isinstance(transaction, InviteServer):
            self._receive_invite(transaction, request, source, now)
        elif method in self._serves:
            self.emit(RequestReceived(transaction, request, source))
        elif method == "OPTIONS":
            self._answer_options(transaction, now)
        else:
            transaction.respond(481, now)  # BYE, PRACK, UPDATE, INFO without a dialog

    def _receive_cancel(self, request: Request, source: Hop, now: float) -> None:
        invite = self.layer.match(request, "INVITE")
        transaction = self.layer.accept(request, source, now)
        if invite is None:
            transaction.respond(481, now)
            return
        transaction.to_tag = invite.to_tag
        transaction.respond(200, now)
        session = invite.owner
        if isinstance(session, Session) and not invite.answered:
            if session.inbound is not None and session.inbound.transaction is invite:
                session.receive_cancel(request, now)
            else:
                session.media.receive_cancel(invite, now)

    def _receive_invite(
        self, transaction: InviteServer, request: Request, source: Hop, now: float
    ) -> None:
        if not accepts_sdp(request):
            transaction.respond(406, now, headers=(("Accept", SDP),))
            return
        try:
            sdp = session_description(request)
        except UnsupportedBody:
            transaction.respond(
                415, now, headers=(("Accept", SDP), ("Accept-Encoding", "identity"))
            )
            return
        replaced: Session | None = None
        if "Replaces" in request.headers:
            replaced = find_replaced(request, self._sessions)
            if replaced is None:
                transaction.respond(481, now)
                return
        try:
            dialog = Dialog.of_server(request, source, transaction.to_tag)
        except GrammarError as error:
            transaction.respond(400, now, phrase=str(error))
            return
        session = self._new_session(
            call_id=dialog.call_id,
            local_tag=dialog.local_tag,
            incoming=True,
            peer=source,
            contact_user=request.uri.user or "",
            credentials=None,
        )
        session.request = request
        session.replaces = replaced
        session.dialog = dialog
        try:
            timer_headers = session.timer.answer(request)
        except IntervalTooSmall as small:
            transaction.respond(422, now, headers=(("Min-SE", str(small.minimum)),))
            return
        transaction.owner = session
        session.inbound = IncomingSetup(session, transaction, request, now)
        session.inbound.answer_headers = timer_headers
        session.note_allowed(request)
        if sdp is not None:
            session.offers.move(Move.OFFER_RECEIVED, sdp)
        self._keep(session)
        self.emit(InviteReceived(session, source))

    def _receive_in_dialog(
        self, transaction: ServerTransaction, request: Request, source: Hop, now: float
    ) -> None:
        session = self._session_of(request)
        dialog = session.dialog_with(request.from_tag) if session is not None else None
        if session is None or dialog is None:
            transaction.respond(481, now)
            return
        if dialog.order(request) is Order.OUT_OF_ORDER:
            transaction.respond(500, now)
            return
        session.heard_from(dialog, source)
        method = request.method
        if method == "BYE":
            session.receive_bye(transaction, request, now)
        elif session.over:
            transaction.respond(481, now)
        elif method in ("INVITE", "UPDATE"):
            session.media.receive(transaction, request, now)
        elif method == "PRACK":
            if session.inbound is None:
                transaction.respond(481, now)
            else:
                session.inbound.prack(transaction, request, now)
        elif method == "INFO":
            transaction.respond(200, now)
            kind = request.headers.get("Content-Type") or ""
            self.emit(InfoReceived(session, kind, request.body))
        else:
            self._answer_options(transaction, now)

    def _answer_options(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(200, now, headers=(*self.capabilities, ("Accept", SDP)))

    def _refuse_malformed(self, error: MalformedMessage, source: Hop) -> None:
        if error.request is not None:
            # Without a transaction: a repetition is simply refused again.
            head = ReplyHead(error.request, source)
            tag = "" if error.request.to_tag else self._tag()
            self.layer.send(
                reply(head, error.code, to_tag=tag, headers=[("Warning", _warning(error.reason))]),
                head.hop,
            )
        self.emit(BadMessage(source, error.reason))

    # --- bookkeeping ------------------------------------------------------------------

    def _new_session(
        self,
        *,
        call_id: str,
        local_tag: str,
        incoming: bool,
        peer: Hop,
        contact_user: str,
        credentials: Credentials | None,
    ) -> Session:
        self._serial += 1
        return Session(
            self,
            self._serial,
            call_id=call_id,
            local_tag=local_tag,
            incoming=incoming,
            peer=peer,
            contact_user=contact_user,
            auth=Authenticating(credentials, self.rng) if credentials is not None else None,
            session_expires=self._session_expires,
        )

    def _keep(self, session: Session) -> None:
        self._sessions[session.call_id, session.local_tag] = session
        self._link(session, session.peer)
        self._live += 1

    def _session_of(self, request: Request) -> Session | None:
        return self._sessions.get((request.headers["Call-ID"], request.to_tag))

    def _address(self, protocol: str) -> tuple[str, int]:
        address = self.local.get(protocol)
        if address is None:
            # A route or Contact may name a transport we have not; any address will do to
            # compose the request, which the shell then reports as not deliverable.
            address = next(iter(self.local.values()))
        return address

    def _tag(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"

    def _call_id(self) -> str:
        return f"{self.rng.getrandbits(96):024x}@{self.name}"


def name_addr(text: str) -> str:
    """`text` as a name-addr: a bare URI in angle brackets, anything else unchanged."""
    return text if "<" in text else f"<{text}>"


def _warning(reason: str) -> str:
    return f'399 ccd "{reason}"'
