"""A SIP user agent and a media worker that many parties share: a carrier's end, or a rack of phones.

The worker is a process of its own, so that thousands of calls' audio does not disturb
their signalling.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import structlog

from ccd.media.pool import MediaPool
from ccd.media.protocol import Report
from ccd.sip import events as sip
from ccd.sip.agent import UserAgent
from ccd.sip.endpoint import Endpoint
from lab.trunk_sim.line import Line

HOST = "127.0.0.1"
"""The lab stays on this machine."""


class Station:
    """Signalling and sound for any number of lines. Use `start` and `stop`."""

    def __init__(
        self,
        *,
        folder: Path,
        ports: tuple[int, int],
        name: str,
        host: str = HOST,
        on_invite: Callable[[sip.InviteReceived], None] | None = None,
        on_response: Callable[[sip.ResponseReceived], None] | None = None,
    ) -> None:
        self.rng = random.SystemRandom()
        """For what must be unlike any other run's, on the same daemon: tags, SDP session ids."""
        self.log = structlog.get_logger(name)
        self.host = host
        self._on_invite = on_invite
        self._on_response = on_response
        self._owners: dict[int, Line] = {}
        self.endpoint = Endpoint((f"udp:{host}:0",), self._on_sip, name=name)
        self.pool = MediaPool(
            folder=folder,
            address=host,
            ports=ports,
            workers=1,
            arguments=("--max-ports", str((ports[1] - ports[0] + 1) // 2)),
            on_report=self._on_report,
            on_lost=self._on_lost,
            log=self.log,
        )
        self.workers_lost = 0

    @property
    def agent(self) -> UserAgent:
        """The sans-IO user agent; call `wake` after any act outside a handler."""
        return self.endpoint.agent

    @property
    def local(self) -> tuple[str, int]:
        """Host and port of our SIP over UDP."""
        return self.endpoint.local["udp"]

    def now(self) -> float:
        """The loop's clock, which everything here is timed by."""
        return asyncio.get_running_loop().time()

    def wake(self) -> None:
        """Send what the agent wants to send."""
        self.endpoint.wake()

    async def start(self) -> None:
        """Bind the SIP socket and start the media worker."""
        await self.pool.start()
        await self.endpoint.start()

    async def stop(self) -> None:
        """Close both; lines should have ended before."""
        await self.endpoint.stop()
        await self.pool.stop()

    def adopt(self, line: Line) -> int:
        """A fresh node number whose reports go to `line`."""
        node = self.pool.node()
        self._owners[node] = line
        return node

    def disown(self, node: int) -> None:
        """Reports of `node` go nowhere from now on."""
        self._owners.pop(node, None)

    def _on_sip(self, event: sip.SipEvent) -> None:
        match event:
            case sip.InviteReceived(session=session):
                if self._on_invite is None:
                    session.reject(404, now=self.now())
                else:
                    self._on_invite(event)
            case sip.RequestReceived(request=request):
                # A far end pings with OPTIONS (RFC 3261 11); nothing else is for us.
                code = 200 if request.method == "OPTIONS" else 405
                self.agent.respond(event, code, now=self.now())
            case sip.ResponseReceived():
                if self._on_response is not None:
                    self._on_response(event)
            case sip.BadMessage(source=source, reason=reason):
                self.log.warning("station.bad_message", source=str(source), reason=reason)
            case _:
                owner = event.session.owner
                if isinstance(owner, Line):
                    owner.on_sip(event)

    def _on_report(self, worker: int, report: Report) -> None:
        owner = self._owners.get(getattr(report, "node", 0))
        if owner is not None:
            owner.on_report(report)

    def _on_lost(self, worker: int, reason: str) -> None:
        self.workers_lost += 1
        self.log.error("station.worker_lost", worker=worker, reason=reason)
        for line in set(self._owners.values()):
            line.on_worker_lost()
