"""Counting a day's calls, as they are simulated or as they were.

A call is counted in the queue and the half-hour in which it came in, whatever becomes of it
and whenever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ccd.acd.simulation.report import Figures, Utilisation


class Tally:
    """One queue's calls of one interval."""

    __slots__ = (
        "abandoned",
        "abandoned_wait",
        "handle",
        "in_time",
        "left",
        "longest",
        "longest_queue",
        "offered",
        "redials",
        "short",
        "target",
        "waits",
    )

    def __init__(self, target: float) -> None:
        self.target = target
        self.offered = 0
        self.in_time = 0
        self.abandoned = 0
        self.short = 0
        self.left = 0
        self.redials = 0
        self.abandoned_wait = 0.0
        self.handle = 0.0
        self.longest = 0.0
        self.longest_queue = 0
        self.waits: list[float] = []
        """Of the answered."""

    def answered(self, wait: float, handle: float) -> None:
        """An agent spoke after `wait` seconds."""
        self.waits.append(wait)
        self.handle += handle
        if wait <= self.target:
            self.in_time += 1
        if wait > self.longest:
            self.longest = wait

    def hung_up(self, wait: float, short_s: float) -> None:
        """The caller hung up after `wait` seconds."""
        self.abandoned += 1
        self.abandoned_wait += wait
        if wait <= short_s:
            self.short += 1
        if wait > self.longest:
            self.longest = wait


class Ledger:
    """All tallies of a day."""

    def __init__(
        self, targets: Mapping[str, float], *, interval_s: float, short_abandon_s: float
    ) -> None:
        """Take each queue's service level target in seconds."""
        self.interval_s = interval_s
        self.short_abandon_s = short_abandon_s
        self._targets = targets
        self._tallies: dict[tuple[str, int], Tally] = {}
        self._longest_total: dict[int, int] = {}

    def tally(self, queue: str, at: float) -> Tally:
        """Return where a call of this queue that came in at this time is counted."""
        key = (queue, int(at // self.interval_s))
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally(self._targets[queue])
        return found

    def queue_length(self, at: float, length: int) -> None:
        """So many wait in all queues together."""
        number = int(at // self.interval_s)
        if length > self._longest_total.get(number, 0):
            self._longest_total[number] = length

    def total(self) -> Figures:
        """Return the figures of all calls."""
        return figures(self._tallies.values(), max(self._longest_total.values(), default=0))

    def of_queue(self, queue: str) -> Figures:
        """Return one queue's figures."""
        return figures([t for (name, _), t in self._tallies.items() if name == queue])

    def intervals(self) -> list[tuple[int, Figures]]:
        """Return, in order, each interval in which a call came in, by its number since midnight."""
        by_number: dict[int, list[Tally]] = {}
        for (_, number), tally in self._tallies.items():
            by_number.setdefault(number, []).append(tally)
        return [
            (number, figures(by_number[number], self._longest_total.get(number, 0)))
            for number in sorted(by_number)
        ]


def figures(tallies: Iterable[Tally], longest_queue: int | None = None) -> Figures:
    """Return what these tallies say together."""
    chosen = list(tallies)
    waits = sorted(wait for tally in chosen for wait in tally.waits)
    offered = sum(tally.offered for tally in chosen)
    abandoned = sum(tally.abandoned for tally in chosen)
    left = sum(tally.left for tally in chosen)
    redials = sum(tally.redials for tally in chosen)
    short = sum(tally.short for tally in chosen)
    in_time = sum(tally.in_time for tally in chosen)
    return Figures(
        offered=offered,
        answered=len(waits),
        abandoned=abandoned,
        waiting=offered - len(waits) - abandoned - left,
        left=left,
        redials=redials,
        customers=offered - redials,
        short_abandoned=short,
        service_level=_share(in_time, offered),
        service_level_without_short=_share(in_time, offered - short),
        abandonment=_share(abandoned, offered),
        asa_s=_share(math.fsum(waits), len(waits)),
        p50_s=percentile(waits, 0.5),
        p90_s=percentile(waits, 0.9),
        longest_s=max((tally.longest for tally in chosen), default=0.0) if offered else None,
        abandoned_wait_s=_share(sum(tally.abandoned_wait for tally in chosen), abandoned),
        handle_s=_share(sum(tally.handle for tally in chosen), len(waits)),
        longest_queue=max((tally.longest_queue for tally in chosen), default=0)
        if longest_queue is None
        else longest_queue,
    )


def utilisation(shares: Iterable[float]) -> Utilisation | None:
    """Return how these shares are spread; None where there are none."""
    ordered = sorted(shares)
    if not ordered:
        return None
    p10, p50, p90 = (percentile(ordered, p) or 0.0 for p in (0.1, 0.5, 0.9))
    return Utilisation(
        agents=len(ordered), lowest=ordered[0], p10=p10, p50=p50, p90=p90, highest=ordered[-1]
    )


def percentile(ordered: list[float], share: float) -> float | None:
    """Return the smallest of these sorted values that `share` of them do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
