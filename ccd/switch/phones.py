"""Our phones: who has registered, from where, and whether a request is really theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ccd.alarm import Alarm
from ccd.events import EventStream, PhoneRegistered, PhoneUnregistered
from ccd.sip.authenticator import Accepted, Authenticator, Challenge
from ccd.sip.grammar import GrammarError
from ccd.sip.hop import Hop
from ccd.sip.message import Request
from ccd.sip.registrar import Binding, Registered, Registrar, Reply


@dataclass(frozen=True, slots=True)
class Denied:
    """A challenge (401) or a refusal (400, 403), with the headers that go with it."""

    code: int
    headers: tuple[tuple[str, str], ...]
    reason: str


class Phones:
    """The registrar behind a password, and its news as events.

    `names` is looked at anew for each request: phones that come and go there come and go here.
    `hosts` are the names and addresses by which phones may call us in their From.
    Without an authenticator every phone is believed (a laboratory's choice).
    """

    def __init__(
        self,
        names: Collection[str],
        *,
        hosts: Collection[str],
        authenticator: Authenticator | None,
        registrar: Registrar,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._names = names
        self._hosts = frozenset(host.lower() for host in hosts)
        self._authenticator = authenticator
        self._registrar = registrar
        self._events = events
        self._loop = loop
        self._wall_clock = wall_clock
        self._alarm = Alarm(loop, self._expire)

    def claimed_by(self, request: Request) -> str | None:
        """The phone that the request says it is from; None where it names none of ours."""
        try:
            uri = request.from_address.uri
        except (GrammarError, ValueError):
            return None
        if uri.user in self._names and uri.host.lower() in self._hosts:
            return uri.user
        return None

    def check(self, request: Request, source: Hop, now: float) -> str | Denied:
        """The phone that the request proves to be from, or what to answer it."""
        claimed = self.claimed_by(request) or ""
        if self._authenticator is None:
            return claimed
        verdict = self._authenticator.check(
            request.method,
            request.uri_text,
            request.headers.getlist("Authorization"),
            source=source.host,
            now=now,
            body=request.body,
        )
        if isinstance(verdict, Accepted):
            return verdict.username
        if isinstance(verdict, Challenge):
            return Denied(verdict.code, verdict.headers, "challenged")
        return Denied(verdict.code, verdict.headers, verdict.reason)

    def register(self, request: Request, source: Hop, now: float) -> Reply:
        """Answer a REGISTER."""
        proven = self.check(request, source, now)
        if isinstance(proven, Denied):
            return Reply(proven.code, proven.headers)
        reply = self._registrar.register(
            request, source, now, identity=proven if self._authenticator is not None else None
        )
        self._tell(now)
        return reply

    def lookup(self, phone: str) -> list[Binding]:
        """Where the phone can be reached, best first; empty: nowhere."""
        return self._registrar.lookup(phone)

    def registered(self) -> list[Binding]:
        """Every binding there is."""
        return list(self._registrar)

    def connection_lost(self, hop: Hop) -> None:
        """The connection that a phone registered over is gone, and so is the phone."""
        now = self._loop.time()
        self._registrar.unreachable(hop, now)
        self._tell(now)

    def close(self) -> None:
        """Expire nothing any more."""
        self._alarm.cancel()

    def _expire(self, now: float) -> None:
        self._registrar.handle_timer(now)
        self._tell(now)

    def _tell(self, now: float) -> None:
        """Publish what changed; a refresh is no news."""
        while (change := self._registrar.next_event()) is not None:
            binding = change.binding
            if isinstance(change, Registered):
                if not change.refreshed:
                    self._events.publish(
                        PhoneRegistered(
                            phone=binding.user,
                            contact=binding.contact,
                            expires_at=self._wall_clock() + binding.expires_at - now,
                        )
                    )
            else:
                self._events.publish(
                    PhoneUnregistered(
                        phone=binding.user,
                        contact=binding.contact,
                        expired=change.reason == "expired",
                    )
                )
        self._alarm.set(self._registrar.get_timer())
