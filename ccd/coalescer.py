"""Many small reasons, one act: what is to be sent goes out together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Coalescer:
    """Calls `act` once for any number of `touch`es.

    The first touch after a quiet `window` (seconds) acts at the end of the loop's present
    turn, so that a lone message is not delayed; touches that follow wait until the window
    is over. A send that wakes another thread or process costs far more than the bytes it
    carries, and at a thousand a second they are carried together.
    """

    def __init__(self, act: Callable[[], None], window: float) -> None:
        self._act = act
        self._window = window
        self._pending = False
        self._acted_at = float("-inf")

    def touch(self) -> None:
        """Have `act` called soon; only in a running loop."""
        if self._pending:
            return
        self._pending = True
        loop = asyncio.get_running_loop()
        due = self._acted_at + self._window
        if due <= loop.time():
            loop.call_soon(self._fire, loop)
        else:
            loop.call_at(due, self._fire, loop)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._pending:
            self._acted_at = loop.time()
            self.settle()

    def settle(self) -> None:
        """Do now what is pending."""
        if self._pending:
            self._pending = False
            self._act()
