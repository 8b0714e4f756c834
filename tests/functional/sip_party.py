"""One end of calls for the endpoint's tests: an `Endpoint` that remembers what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from ccd.sip.auth import Credentials
from ccd.sip.authenticator import Accepted as Proven
from ccd.sip.authenticator import Authenticator
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import Accepted, InviteReceived, OfferReceived, RequestReceived, SipEvent
from ccd.sip.hop import Hop
from ccd.sip.negotiation import Agreed, LocalMedia, Negotiation
from ccd.sip.registrar import Registrar
from ccd.sip.session import Session
from ccd.sip.timers import Timers

QUICK = Timers(t1=0.03, t2=0.12, t4=0.06, d=0.3)
"""RFC 3261's clockwork, seventeen times as fast: everything lingering is gone in 2 s."""

E = TypeVar("E")


class Party:
    """Answers calls that come in (if `answers`) and makes calls; `events` is all it was told."""

    def __init__(self, listen: Sequence[str], *, answers: bool = True, **options: Any) -> None:
        options.setdefault("timers", QUICK)
        self.endpoint = Endpoint(listen, self.handle, **options)
        self.answers = answers
        self.events: list[SipEvent] = []
        self.agreed: dict[int, Agreed] = {}
        self.media = LocalMedia("127.0.0.1", 4000, ("PCMU", "PCMA"))
        self.on_event: Callable[[SipEvent], None] | None = None
        self._negotiations: dict[int, Negotiation] = {}
        self._news = asyncio.Event()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def handle(self, event: SipEvent) -> None:
        self.events.append(event)
        self._news.set()
        if self.on_event is not None:
            self.on_event(event)
        match event:
            case InviteReceived(session) if self.answers:
                session.progress(180, now=self.now)
                if session.remote_sdp is not None:
                    session.accept(self._answer(session, session.remote_sdp), now=self.now)
            case OfferReceived(session, sdp) if sdp is not None:
                session.answer(self._answer(session, sdp), now=self.now)
            case Accepted(session, sdp) if sdp is not None:
                self.agreed[session.id] = self._negotiation(session).accept(sdp)

    def call(self, to: Hop, credentials: Credentials | None = None) -> Session:
        """Call the party at that hop."""
        negotiation = Negotiation(1)
        session = self.endpoint.agent.invite(
            f"sip:service@{str(to)[4:]}",
            to,
            from_="sip:caller@example.com",
            to="sip:service@example.com",
            sdp=negotiation.offer(self.media),
            now=self.now,
            credentials=credentials,
        )
        self._negotiations[session.id] = negotiation
        self.endpoint.wake()
        return session

    def hang_up(self, session: Session) -> None:
        session.terminate(now=self.now)
        self.endpoint.wake()

    async def told(self, kind: type[E], number: int = 1, within: float = 8.0) -> E:
        """Wait until so many events of a kind came; the last of them."""
        async with asyncio.timeout(within):
            while True:
                found = [event for event in self.events if isinstance(event, kind)]
                if len(found) >= number:
                    return found[number - 1]
                self._news.clear()
                await self._news.wait()

    async def quiet(self, within: float = 12.0) -> None:
        """Wait until the agent keeps nothing any more: no session, no transaction, no timer."""
        async with asyncio.timeout(within):
            # Nothing tells of the end of what lingers, for nobody is to care.
            while any(msgspec.structs.astuple(self.endpoint.agent.counts)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def _negotiation(self, session: Session) -> Negotiation:
        return self._negotiations.setdefault(session.id, Negotiation(session.id))

    def _answer(self, session: Session, offer: bytes) -> bytes:
        answer, self.agreed[session.id] = self._negotiation(session).answer(offer, self.media)
        return answer


@asynccontextmanager
async def party(*listen: str, **options: Any) -> AsyncIterator[Party]:
    """A party that listens (on UDP and TCP of loopback where nothing else is said)."""
    made = Party(listen or ("udp:127.0.0.1:0", "tcp:127.0.0.1:0"), **options)
    await made.endpoint.start()
    try:
        yield made
    finally:
        await made.endpoint.stop(patience=0.5)


@asynccontextmanager
async def registrar_for(
    passwords: Mapping[str, str], **options: Any
) -> AsyncIterator[tuple[Party, Registrar]]:
    """A party that registers phones: authenticator, registrar and endpoint, joined as in the
    daemon. Hops that were lost are among its events."""
    authenticator = Authenticator("ccd.local", passwords.get, b"sealing wax")
    registrar = Registrar(passwords.__contains__)

    def lost(hop: Hop) -> None:
        registrar.unreachable(hop, server.now)
        server.handle(hop)  # type: ignore[arg-type]

    def serve(event: SipEvent) -> None:
        if not isinstance(event, RequestReceived):
            return
        request, now, agent = event.request, server.now, server.endpoint.agent
        verdict = authenticator.check(
            request.method,
            request.uri_text,
            request.headers.getlist("Authorization"),
            source=event.source.host,
            now=now,
        )
        if isinstance(verdict, Proven):
            reply = registrar.register(request, event.source, now, identity=verdict.username)
            agent.respond(event, reply.code, now=now, headers=reply.headers, phrase=reply.phrase)
        else:
            agent.respond(event, verdict.code, now=now, headers=verdict.headers)

    async with party(answers=False, unreachable=lost, **options) as server:
        server.on_event = serve
        yield server, registrar
