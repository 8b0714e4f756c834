"""What a day that was would have been with other people at work.

The same callers come at the same times. What was seen of them is kept: who hung up has the
patience that he showed, who was answered takes as long as he did. What was not seen is drawn:
the patience of the answered, given that they waited as long as they did, and how long a phone
would have rung that was not answered before the caller hung up (`survival`); and the handle
time of those whom nobody answered, from those of their queue. Agents come, go and
take their breaks as they did; a pause after a phone not answered counts as a break.

The day is lived twice for each seed, as it was and with the change, by the very same callers,
so that the difference is that of the change alone. How far the first is from what was
measured is the simulator's own error, and is shown beside it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import msgspec

from ccd.acd.simulation.arrivals import Call
from ccd.acd.simulation.distributions import Empirical
from ccd.acd.simulation.observed import ObservedCall
from ccd.acd.simulation.report import Figures, Report
from ccd.acd.simulation.simulator import Centre, simulate
from ccd.acd.simulation.survival import ProductLimit
from ccd.errors import CcdError
from ccd.stats.confidence import Estimate, estimate

METRICS = (
    "service_level",
    "service_level_without_short",
    "abandonment",
    "asa_s",
    "p50_s",
    "p90_s",
    "longest_s",
    "answered",
    "abandoned",
    "longest_queue",
)
"""The figures that are compared, by their names in `Figures`; of all queues, occupancy too."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: as it was, as it is simulated, with the change, and what the change makes."""

    measured: float | None
    simulated: Estimate | None
    changed: Estimate | None
    difference: Estimate | None
    """Changed - simulated, seed by seed. None where one of the days has no such figure."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure of `METRICS`, of all queues and of each; estimates are over `seeds` runs."""

    seeds: int
    total: dict[str, Row]
    queues: dict[str, dict[str, Row]]


class NothingToReplayError(CcdError):
    """That time says too little about its callers."""


class Callers:
    """The callers of an observed day, to be drawn again and again."""

    def __init__(self, calls: Sequence[ObservedCall]) -> None:
        """Raises `NothingToReplayError` where nobody called, or nobody was answered."""
        self._calls = calls
        handles = [call.handle for call in calls if call.handle is not None]
        if not handles:
            raise NothingToReplayError(
                "no call was answered and ended in that time, so nothing says how long one takes"
            )
        self._any_handle = Empirical(handles)
        self._handles: dict[str, Empirical] = {}
        self._patience: dict[str, ProductLimit] = {}
        for queue in {call.queue for call in calls}:
            here = [call for call in calls if call.queue == queue]
            known = [call.handle for call in here if call.handle is not None]
            self._handles[queue] = Empirical(known) if known else self._any_handle
            self._patience[queue] = ProductLimit(
                (call.wait, call.outcome == "abandoned") for call in here if call.wait is not None
            )
        self._ring = ProductLimit(
            (call.ring, call.outcome == "assigned") for call in calls if call.ring is not None
        )

    def draw(self, rng: random.Random) -> Iterator[Call]:
        """Yield them, with what was not seen of them drawn."""
        for call in self._calls:
            if call.outcome == "abandoned":
                patience = call.wait or 0.0
            else:
                patience = self._patience[call.queue].draw(rng, call.wait or 0.0)
            if call.outcome == "assigned":
                ring = call.ring or 0.0
            else:
                ring = self._ring.draw(rng, call.ring or 0.0)
            handle = self._handles[call.queue].draw(rng)  # drawn for all: one seed, one sequence
            yield Call(
                at=call.at,
                queue=call.queue,
                handle_s=handle if call.handle is None else call.handle,
                patience_s=patience,
                number=call.number,
                ring_s=ring,
            )


def compare(
    measured: Report,
    callers: Callers,
    *,
    was: Centre,
    changed: Centre,
    seeds: Sequence[int],
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Live the day twice for each seed; `progress` is told how many days are done."""
    runs: list[tuple[Report, Report]] = []
    for seed in seeds:
        pair = []
        for centre in (was, changed):
            calls = callers.draw(random.Random(seed))
            pair.append(simulate(centre, calls, rng=random.Random(seed)))
            if progress is not None:
                progress(2 * len(runs) + len(pair))
        runs.append((pair[0], pair[1]))
    total = _rows(measured.total, [(a.total, b.total) for a, b in runs])
    total["occupancy"] = _row(measured.occupancy, [(a.occupancy, b.occupancy) for a, b in runs])
    return Comparison(
        seeds=len(seeds),
        total=total,
        queues={
            name: _rows(figures, [(a.queues[name], b.queues[name]) for a, b in runs])
            for name, figures in measured.queues.items()
        },
    )


def _rows(measured: Figures, runs: Sequence[tuple[Figures, Figures]]) -> dict[str, Row]:
    return {
        name: _row(getattr(measured, name), [(getattr(a, name), getattr(b, name)) for a, b in runs])
        for name in METRICS
    }


def _row(measured: float | None, runs: Sequence[tuple[float | None, float | None]]) -> Row:
    before = [a for a, _ in runs if a is not None]
    after = [b for _, b in runs if b is not None]
    pairs = [b - a for a, b in runs if a is not None and b is not None]
    return Row(
        measured=measured,
        simulated=estimate(before) if before else None,
        changed=estimate(after) if after else None,
        difference=estimate(pairs) if pairs else None,
    )
