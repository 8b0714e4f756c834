"""Customers who call again themselves, and callers who were lost: told from events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ccd.events import Bridged, CallCleared, Dequeued, Event, Queued

HEARD = (Queued, Bridged, Dequeued, CallCleared)
"""The events that matter here."""


class Report(Protocol):
    """Who is told (`ccd.acd.callbacks.desk`). `number` is the caller's."""

    def arrived(self, number: str) -> None:
        """He waits in a queue."""

    def served(self, number: str) -> None:
        """He speaks with an agent; that his call ends is not told any more."""

    def left(self, number: str) -> None:
        """His call ended without that."""

    def abandoned(self, number: str, queue: str, waited: float, call: str) -> None:
        """He gave up in this queue, after `waited` seconds; `left` follows."""


class Callers:
    """Follows calls that came in, from their first queue to their end.

    `number_of(call)` is the caller's number, None for a call of ours or one that is not there.
    """

    def __init__(self, number_of: Callable[[str], str | None], report: Report) -> None:
        self._number_of = number_of
        self._report = report
        self._numbers: dict[str, str] = {}  # by call

    def __len__(self) -> int:
        """Calls that are followed."""
        return len(self._numbers)

    def heard(self, event: Event) -> None:
        """Take an event: one of `HEARD`."""
        match event:
            case Queued(call=call) if call not in self._numbers:
                number = self._number_of(call)
                if number is not None:
                    self._numbers[call] = number
                    self._report.arrived(number)
            case Bridged(call=call) if call in self._numbers:
                self._report.served(self._numbers.pop(call))
            case Dequeued(call=call, queue=queue, reason="abandoned", waited=waited):
                number = self._numbers.get(call)
                if number is not None:
                    self._report.abandoned(number, queue, waited, call)
            case CallCleared(call=call) if call in self._numbers:
                self._report.left(self._numbers.pop(call))
            case _:
                pass
