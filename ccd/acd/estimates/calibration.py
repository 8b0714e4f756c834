"""From the model's quantiles to those that hold: learnt from how waits turned out. Sans-IO.

No model is right: service times are not exponential, callers of a better class overtake, an agent
who is counted serves other queues too, a phone rings for some seconds. What stays is a ratio of
true to modelled quantile, which changes slowly and may differ between short and long waits. A
`Calibration` keeps the last waits beside what the model said of them, and draws a curve

    log quantile = h(log modelled quantile)

for each of the two quantiles: at up to six knots the local quantile of log(wait / modelled), by the
weighted product-limit estimate (see `ccd.acd.estimates.censoring`), late waits weighing more; straight
between the knots, and never falling, so that who has more people ahead is never told less.

This is split conformal prediction with a decaying, localised window: R. Barber, E. Candès,
A. Ramdas, R. Tibshirani, "Conformal prediction beyond exchangeability", Annals of Statistics
51(2), 2023; for censored times, E. Candès, L. Lei, Z. Ren, "Conformalized survival analysis",
JRSS B 85(1), 2023. Waits are no independent draws: one long call makes everybody behind it wait. So a
window holds less news than its length says, and the share of waits below P90 would stay some
hundredths short. Adaptive conformal inference puts that right (I. Gibbs, E. Candès, NeurIPS 2021):
with each wait, the level asked of the window goes up by a small step if the promise was broken,
and down if it was kept.
"""

from __future__ import annotations

from bisect import bisect_right
from math import inf, log
from typing import NamedTuple

import numpy as np

from ccd.acd.estimates.censoring import HORIZON, Flags, Floats, Patient, distribution, order
from ccd.acd.estimates.departures import Quantiles

LEVELS = (0.5, 0.9)

WINDOW = 256
"""Waits remembered at each node."""

HALF_LIFE = 96.0
"""A wait weighs half as much when so many more have ended."""

LEAST = 8
"""With fewer waits a node says what its parent says."""

EVERY = 8
"""The curve is drawn anew after so many waits, or sooner while there are few."""

PRIOR = 8.0
"""The parent's curve counts as so many waits of the node's own; a node's mean as so many waits at a knot."""

KNOTS = 6
OCTAVE = log(2.0)
"""Knots are at least a factor of two apart."""

APART = 0.25
"""Two waits that overlap are made long by the same busy agents: they are hardly two observations. For a
full window two waits begin at least this part of a median wait apart; an empty one takes all."""

STEP = 0.005
"""Of the level asked, by one wait (gamma of adaptive conformal inference)."""

ASKED = ((0.35, 0.65), (0.80, 0.98))
"""Bounds of the levels asked."""

FLOOR_S = 0.05
"""Waits and modelled quantiles below this count as this: ratios of shorter ones say nothing."""


class Seen(NamedTuple):
    """What became of one wait, and what the model had said of it."""

    modelled: tuple[float, float]
    """Natural logarithms of the model's quantiles."""
    wait: float
    """Seconds, above 0."""
    ended: bool
    """An agent came; else it was longer than `wait`."""


class Curve(NamedTuple):
    """A rising line through knots, with slope 1 outside them; both sides are natural logarithms."""

    modelled: tuple[float, ...]
    true: tuple[float, ...]

    def __call__(self, x: float) -> float:
        """Return the calibrated logarithm for a modelled one."""
        right = bisect_right(self.modelled, x)
        if right == 0:
            return self.true[0] + x - self.modelled[0]
        if right == len(self.modelled):
            return self.true[-1] + x - self.modelled[-1]
        x0, x1 = self.modelled[right - 1], self.modelled[right]
        y0, y1 = self.true[right - 1], self.true[right]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)

    def over(self, x: Floats) -> Floats:
        """Return the same for many at once."""
        low, high = self.modelled[0], self.modelled[-1]
        within: Floats = np.interp(x, self.modelled, self.true)
        return within + np.minimum(x - low, 0.0) + np.maximum(x - high, 0.0)


IDENTITY = Curve((0.0,), (0.0,))


class Calibration:
    """The curves of one queue (or of one class in it, or of the whole centre, its parent)."""

    __slots__ = (
        "_asked",
        "_at",
        "_count",
        "_curves",
        "_latest",
        "_patient",
        "_rows",
        "_stale",
        "parent",
    )

    def __init__(self, parent: Calibration | None = None) -> None:
        self.parent = parent
        self._rows = np.empty((16, 4), dtype=np.float32)
        self._count = 0
        self._at = 0
        self._stale = 0
        self._curves: tuple[Curve, Curve] | None = None
        self._patient: Patient | None = None
        self._asked = LEVELS
        self._latest = -inf

    def wants(self, wait: float, now: float) -> bool:
        """Return whether to learn from a wait that begins now and is likely to take `wait` seconds.

        Asked before it is known how long it takes: a choice by the outcome would be a bias.
        """
        if now < self._latest + APART * min(self._count / WINDOW, 1.0) * wait:
            return False
        self._latest = now
        return True

    def add(self, seen: Seen) -> None:
        """Learn from one wait that this node wanted."""
        if self._at == len(self._rows) < WINDOW:
            self._rows = np.concatenate((self._rows, np.empty_like(self._rows)))
        row = self._at % WINDOW
        self._rows[row] = (
            max(seen.modelled[0], log(FLOOR_S)),
            max(seen.modelled[1], log(FLOOR_S)),
            log(max(seen.wait, FLOOR_S)),
            seen.ended,
        )
        self._at = row + 1
        self._count += 1
        self._stale += 1
        if self._count >= LEAST and self._stale >= min(EVERY, self._count // LEAST):
            self._curves = self._draw()
            self._stale = 0

    def judge(self, wait: float, said: Quantiles, *, ended: bool) -> None:
        """Ask for more where this node's promise was broken; those answered stand for those who left."""
        if (patient := self._patient) is None:
            return
        stands_for = patient.stands_for(wait) if ended else 0.0

        def moved(column: int) -> float:
            asked, promised = self._asked[column], said[column]
            if patient.share(promised) < HORIZON:  # whether it was kept is rarely seen
                return asked
            kept = stands_for if wait <= promised else 0.0
            lowest, highest = ASKED[column]
            return min(max(asked + STEP * (LEVELS[column] - kept), lowest), highest)

        self._asked = moved(0), moved(1)

    def curves(self) -> tuple[Curve, Curve]:
        """Return those for P50 and P90; asking changes nothing, so that a replay says the same."""
        if self._curves is None:
            return self.parent.curves() if self.parent else (IDENTITY, IDENTITY)
        return self._curves

    def __call__(self, modelled: Quantiles) -> Quantiles:
        """Return the quantiles that hold; P90 is never below P50."""
        p50, p90 = self.curves()
        logs = modelled.logs
        low = float(np.exp(p50(logs[0])))
        return Quantiles(low, max(low, float(np.exp(p90(logs[1])))))

    def _draw(self) -> tuple[Curve, Curve]:
        rows = self._rows[: min(self._count, WINDOW)].astype(np.float64)
        age = (self._at - 1 - np.arange(len(rows))) % WINDOW
        recency = 0.5 ** (age / HALF_LIFE)
        parents = self.parent.curves() if self.parent else (IDENTITY, IDENTITY)
        seen = rows[:, 3] > 0.5
        self._patient = Patient(np.exp(rows[:, 2]), seen)
        p50, p90 = (
            _fit(asked, rows[:, column], rows[:, 2], seen, recency, parents[column])
            for column, asked in enumerate(self._asked)
        )
        return p50, p90


def _fit(
    level: float, modelled: Floats, waits: Floats, seen: Flags, recency: Floats, parent: Curve
) -> Curve:
    """Draw one curve through waits and what was modelled (logarithms, one entry a wait)."""
    low, high = float(modelled.min()), float(modelled.max())
    knots = np.linspace(low, high, 1 + min(KNOTS - 1, int((high - low) / OCTAVE)))
    expected = parent.over(modelled)
    index = order(waits - expected, seen)
    ratios = (waits - expected)[index]
    weights = np.broadcast_to(recency[index], (1 + len(knots), len(index))).copy()
    if len(knots) > 1:
        distance = np.abs(modelled[index] - knots[:, None]) / (knots[1] - knots[0])
        weights[1:] *= np.maximum(1.0 - distance, 0.0)
    functions = distribution(weights, seen[index])
    numbers = weights.sum(axis=1) ** 2 / np.maximum((weights**2).sum(axis=1), 1e-12)

    def at(row: int, otherwise: float) -> float:
        # The (n + 1)-th of the conformal rule: a quantile of n seen waits, for one yet unseen.
        number = float(numbers[row])
        asked = min(level * (1.0 + 1.0 / max(number, 1.0)), 0.999)
        place = int(np.searchsorted(functions[row], asked))
        if place < len(ratios):
            local = float(ratios[place])
        else:  # too many left to know it: not below what was seen
            known = ratios[seen[index] & (weights[row] > 0)]
            local = max(otherwise, float(known[-1])) if len(known) else otherwise
        return (number * local + PRIOR * otherwise) / (number + PRIOR)

    whole = at(0, 0.0)
    if len(knots) == 1:
        return Curve((low,), (parent(low) + whole,))
    true = [parent(x) + at(1 + row, whole) for row, x in enumerate(knots.tolist())]
    rising = (np.maximum.accumulate(true) + np.minimum.accumulate(true[::-1])[::-1]) / 2.0
    return Curve(tuple(knots.tolist()), tuple(rising.tolist()))
