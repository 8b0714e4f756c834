"""One event-loop timer that follows a sans-IO engine's next deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Rings once at the time last set; setting it again moves it.

    Moving a timer of the event loop costs a cancellation and a new timer, and most
    moves are to a later time: so a timer that is due too early is left to ring and then
    set again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[float], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._due: float | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = 0.0

    def set(self, when: float | None) -> None:
        """Ring at `when` (the loop's clock); None: not at all."""
        self._due = when
        if when is None:
            return
        if self._handle is not None:
            if self._handle_at <= when:
                return
            self._handle.cancel()
        self._handle_at = when
        self._handle = self._loop.call_at(when, self._fire)

    def cancel(self) -> None:
        """Never ring again, and hold nothing."""
        self._due = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        due, now = self._due, self._loop.time()
        if due is None:
            return
        if due > now:
            self.set(due)
            return
        self._due = None
        self._ring(now)
