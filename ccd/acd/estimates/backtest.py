"""How good the estimates were, measured on those who were given them. Sans-IO.

Each caller's estimate is kept as it was given, beside what two simpler ways would have said at that
moment: the wait of the caller who was last answered, and the mean of the last ten. When the wait is
over, all three are held against it. Who left before he was answered is not left out: those answered
stand for him too (`ccd.acd.estimates.censoring.Patient`), because a figure over answered
calls alone would hide just the long waits.
"""

from __future__ import annotations

from collections import deque
from math import inf
from statistics import fmean

import msgspec
import numpy as np

from ccd.acd.estimates.calibration import APART
from ccd.acd.estimates.censoring import Floats, Patient
from ccd.acd.estimates.departures import Quantiles

WINDOW = 400
"""Waits remembered for the figures of a queue."""

LEAST = 30
"""Answered waits before the figures mean anything."""

TOLERANCE = 0.1
"""A share that is off by more than this is no honest promise."""

SEEN = 0.1
"""Where fewer promises than this part are within callers' patience, it is unknown whether they are kept."""

RECENT = 10
"""Waits in the simple mean."""


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """How far a way of estimating was off on the mean, in seconds, for waits that people stay for."""

    absolute: float
    """Mean absolute error of its P50 (of its only figure, for a simple way)."""
    pinball_p50: float
    pinball_p90: float
    """Mean pinball loss, which only the true quantile makes smallest (R. Koenker, G. Bassett,
    Econometrica 46, 1978): p·(wait - said) for a longer wait, (1 - p)·(said - wait) for a shorter."""


class BackTest(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last estimates of a queue; None where nothing can be said yet."""

    waits: int
    """How many estimates the figures are about."""
    left: int
    """How many of these left before an agent came."""
    below_p50: float | None = None
    """Share of waits below their P50: 0.5 where estimates are honest."""
    below_p90: float | None = None
    """The same for P90: 0.9. Both are over promises that callers stay long enough to see kept or broken: not
    over one of three minutes where an overflow sends everybody away after one; None where all are so."""
    ours: Losses | None = None
    last_wait: Losses | None = None
    """Had each been told the wait of the one who was last answered."""
    mean_of_ten: Losses | None = None
    """Had each been told the mean of the last ten waits."""

    @property
    def sound(self) -> bool:
        """Whether enough was seen and the shares are about as promised: good enough to announce P50."""
        if self.below_p50 is None or self.waits - self.left < LEAST:
            return False
        return abs(self.below_p50 - 0.5) <= TOLERANCE and (
            self.below_p90 is None or abs(self.below_p90 - 0.9) <= TOLERANCE
        )


class Said(msgspec.Struct, frozen=True):
    """What was said of a wait when it began, in seconds."""

    quantiles: Quantiles
    last_wait: float
    mean_of_ten: float


class Record:
    """One queue's estimates and what became of them."""

    __slots__ = ("_at", "_count", "_latest", "_recent", "_result", "_rows")

    def __init__(self) -> None:
        self._rows = np.empty((16, 6), dtype=np.float32)
        self._at = 0
        self._count = 0
        self._latest = -inf
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._result: BackTest | None = None

    def say(self, quantiles: Quantiles, now: float) -> Said | None:
        """Note what is said now; None where it is not measured.

        That is so while the simple ways know nothing to compare it with, and for waits that
        overlap others too much, as in `ccd.acd.estimates.calibration`: in a big centre the last 400 callers
        are the last five minutes, and share one fate.
        """
        apart = APART * min(self._count / WINDOW, 1.0) * quantiles.p50
        if not self._recent or now < self._latest + apart:
            return None
        self._latest = now
        return Said(quantiles, self._recent[-1], fmean(self._recent))

    def over(self, said: Said | None, wait: float, *, answered: bool) -> None:
        """A wait is over, of which this had been said."""
        if answered:
            self._recent.append(wait)
        if said is None:
            return
        if self._at == len(self._rows) < WINDOW:
            self._rows = np.concatenate((self._rows, np.empty_like(self._rows)))[:WINDOW]
        row = self._at % WINDOW
        self._rows[row] = (wait, answered, *said.quantiles, said.last_wait, said.mean_of_ten)
        self._at = row + 1
        self._count += 1
        self._result = None

    def result(self) -> BackTest:
        """Return the figures of the last waits."""
        if self._result is None:
            self._result = self._measure()
        return self._result

    def _measure(self) -> BackTest:
        rows = self._rows[: min(self._count, WINDOW)].astype(np.float64)
        wait, seen, p50, p90, last, mean = rows.T
        answered = seen > 0.5
        left = int(len(rows) - answered.sum())
        if not answered.any():
            return BackTest(waits=len(rows), left=left)
        patient = Patient(wait, answered)
        weights = patient.weights(wait, answered)

        def share(promised: Floats) -> float | None:
            visible = patient.in_sight(promised)
            if (count := int(visible.sum())) < SEEN * len(rows):
                return None
            return min(float(weights @ (visible & (wait <= promised))) / count, 1.0)

        def average(values: Floats) -> float:
            return float(weights @ values / weights.sum())

        def losses(middle: Floats, high: Floats) -> Losses:
            return Losses(
                absolute=average(np.abs(wait - middle)),
                pinball_p50=average(_pinball(0.5, wait, middle)),
                pinball_p90=average(_pinball(0.9, wait, high)),
            )

        return BackTest(
            waits=len(rows),
            left=left,
            below_p50=share(p50),
            below_p90=share(p90),
            ours=losses(p50, p90),
            last_wait=losses(last, last),
            mean_of_ten=losses(mean, mean),
        )


def _pinball(level: float, wait: Floats, said: Floats) -> Floats:
    return np.maximum(level * (wait - said), (1.0 - level) * (said - wait))
