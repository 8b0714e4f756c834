"""One heap that carries every timer of an engine.

Nothing here looks at a clock. A timer is an absolute time of the caller's clock
(monotonic seconds) and a function; `TimerQueue.run(now)` calls what is due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

_COMPACT_ABOVE = 64
"""Cancelled entries tolerated in the heap before it is rebuilt. Below this a rebuild
costs more than the memory is worth; above it, it happens when the dead outnumber the
living, so the heap never exceeds twice its live size and a cancel stays O(1) amortised."""


class Timer:
    """One future call of `callback(argument, now)`; `cancel()` is idempotent."""

    __slots__ = ("_queue", "argument", "callback", "when")

    def __init__(
        self,
        queue: TimerQueue,
        when: float,
        callback: Callable[[Any, float], None],
        argument: Any,
    ) -> None:
        self._queue = queue
        self.when = when
        self.callback: Callable[[Any, float], None] | None = callback
        self.argument = argument

    def cancel(self) -> None:
        """Never call; lets go of the callback at once, whatever the heap still holds."""
        if self.callback is not None:
            self.callback = None
            self.argument = None
            self._queue._discard()


class TimerQueue:
    """A heap with lazy deletion: O(log n) to start, O(1) to cancel, nothing leaks."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._dead = 0

    def __len__(self) -> int:
        """Timers that will still fire."""
        return len(self._heap) - self._dead

    def at(
        self, when: float, callback: Callable[[Any, float], None], argument: Any = None
    ) -> Timer:
        """Call `callback(argument, now)` once `when` is reached; equal times fire in order."""
        timer = Timer(self, when, callback, argument)
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, timer))
        return timer

    def next_due(self) -> float | None:
        """When `run` next has something to do; None when nothing is planned."""
        heap = self._heap
        while heap:
            if heap[0][2].callback is not None:
                return heap[0][0]
            heapq.heappop(heap)
            self._dead -= 1
        return None

    def run(self, now: float) -> None:
        """Call everything due at `now`, also what those calls start for `now` or before."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            timer = heapq.heappop(heap)[2]
            callback = timer.callback
            if callback is None:
                self._dead -= 1
                continue
            argument = timer.argument
            timer.callback = timer.argument = None
            callback(argument, now)

    def _discard(self) -> None:
        self._dead += 1
        if self._dead > _COMPACT_ABOVE and self._dead * 2 > len(self._heap):
            # In place: `run` may be iterating over this very list.
            self._heap[:] = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._dead = 0
