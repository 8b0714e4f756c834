"""How late the event loop runs, for `ccd.sip.overload`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY_S = 0.1


class LagMeter:
    """Calls `tell(late, now)` every 100 ms, `late` being how much later than planned, in seconds."""

    def __init__(self, tell: Callable[[float, float], None]) -> None:
        self._tell = tell
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure the running loop."""
        loop = asyncio.get_running_loop()
        self._handle = loop.call_at(loop.time() + EVERY_S, self._tick, loop, loop.time() + EVERY_S)

    def stop(self) -> None:
        """Measure no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self, loop: asyncio.AbstractEventLoop, planned: float) -> None:
        now = loop.time()
        due = now + EVERY_S
        self._handle = loop.call_at(due, self._tick, loop, due)
        self._tell(now - planned, now)
