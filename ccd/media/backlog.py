"""Commands that wait for their turn, so that many at once make no frame late.

A thousand calls that come back after a fault are a thousand `OpenLeg`s in one message;
done at once they would hold up everybody's audio for 50 to 100 ms.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from ccd.media.protocol import Command


class Backlog:
    """Does commands with `obey`, in their order. `clock` is seconds."""

    def __init__(
        self, obey: Callable[[Command], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._obey = obey
        self._clock = clock
        self._waiting: deque[Command] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def add(self, commands: Iterable[Command]) -> None:
        """Put commands behind those that wait."""
        self._waiting.extend(commands)

    def work(self, seconds: float) -> None:
        """Do what waits, until it is all done or so much time went by; one at least."""
        if not self._waiting:
            return
        until = self._clock() + seconds
        while self._waiting:
            self._obey(self._waiting.popleft())
            if self._clock() >= until:
                return
