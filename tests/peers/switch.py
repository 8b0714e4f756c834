"""A switch with real sockets and a real media worker, in the test's own loop.

For what no program of ours can ask a daemon for: calls that a controller begins. The controller
is the test.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import structlog

from ccd.config import Media, Settings, Sip, Trunk
from ccd.events import Event, EventStream
from ccd.media.pool import MediaPool
from ccd.media.protocol import Report, WorkerReady
from ccd.model import Cause
from ccd.sip.endpoint import Endpoint
from ccd.sip.hop import Hop
from ccd.sip.overload import Overload
from ccd.sip.trunks import Trunks
from ccd.switch.admission import Admission
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch
from peers.ports import HOST, free_range

PHONE = "desk"
"""The one phone that is registered."""


class RealSwitch:
    """The switch, and a controller that keeps what it is told.

    `trunk` is where the world outside is, `phone` where the agent's phone is.
    """

    def __init__(self, folder: Path, *, trunk: tuple[str, int], phone: tuple[str, int]) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.events: list[Event] = []
        self.on_established: Callable[[Call, Leg], object] = lambda _call, _leg: None
        self._news = asyncio.Event()
        first = free_range(40)
        self._settings = Settings(
            sip=Sip(domain="test.ccd.local"),
            media=Media(address=HOST, ports=(first, first + 39), workers=1),
            trunk=(Trunk(name="carrier", peers=(f"{trunk[0]}:{trunk[1]}",), channels=2),),
        )
        self._phone = phone

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        settings = self._settings
        self.media = MediaPool(
            folder=self.folder / "run",
            address=HOST,
            ports=settings.media.ports,
            workers=1,
            on_report=self._report,
            on_lost=lambda worker, reason: self.told.append(f"worker {worker} lost: {reason}"),
            log=structlog.get_logger(),
        )
        await self.media.start()
        self.endpoint = Endpoint([f"udp:{HOST}:0"], lambda event: self.switch.handle_sip(event))
        await self.endpoint.start()
        stream = EventStream(loop.time)
        stream.subscribe(self.events.append)
        self.trunks = Trunks(settings.trunk)
        phones: Any = SimpleNamespace(
            lookup=lambda name: (
                [
                    SimpleNamespace(
                        contact=f"sip:{PHONE}@{self._phone[0]}:{self._phone[1]}",
                        hop=Hop("udp", *self._phone),
                    )
                ]
                if name == PHONE
                else []
            )
        )
        self.switch = Switch(
            settings=settings,
            endpoint=self.endpoint,
            media=self.media,
            media_address=HOST,
            events=stream,
            admission=Admission(self.trunks, phones, Overload(100.0, loop.time())),
            phones=phones,
            router=lambda _call: None,
            recordings=self.folder / "recordings",
            hold_music=self.folder / "music.wav",
            salvage=lambda path, done: done(path, 0.0, "lost"),
            boot=f"{random.getrandbits(32):x}",
            clock=loop.time,
            call_later=loop.call_later,
            wall_clock=loop.time,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.endpoint.stop()
        await self.media.stop()
        if error is None:
            assert self.switch.calls == {}
            assert self.switch.legs == 0
            assert self.trunks.in_use("carrier") == 0

    async def until(self, words: str, within: float = 20.0) -> None:
        """Wait until the controller was told this."""
        await self.wait(lambda: words in self.told, within)

    async def wait(self, condition: Callable[[], object], within: float = 20.0) -> None:
        """Wait for something that news brings about."""
        async with asyncio.timeout(within):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def note(self, words: str) -> None:
        """Something happened."""
        self.told.append(words)
        self._news.set()

    def _report(self, worker: int, report: Report) -> None:
        if not isinstance(report, WorkerReady):
            self.switch.handle_media(worker, report)
            self._news.set()

    # --- the controller ---------------------------------------------------------------

    def offered(self, call: Call) -> None:
        self.note("offered")

    def established(self, call: Call, leg: Leg) -> None:
        self.on_established(call, leg)
        self.note(f"established {leg.party}")

    def alerting(self, call: Call, leg: Leg) -> None:
        self.note(f"alerting {leg.party}")

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        self.note(f"failed {leg.party} {cause}")

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        self.note(f"digit {leg.party} {digit}")

    def played(self, call: Call, leg: Leg) -> None:
        self.note(f"played {leg.party}")

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        self.note(f"agent_left {cause}")

    def caller_left(self, call: Call, cause: Cause) -> None:
        self.note(f"caller_left {cause}")

    def cleared(self, call: Call) -> None:
        self.note("cleared")
