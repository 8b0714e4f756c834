"""How patient callers are, when all that was seen is who hung up and who was answered first.

An answer hides how long that caller would have waited: his patience is censored by it.
Taking the hang-ups alone would make people look much less patient than they are. The
product-limit estimate (Kaplan and Meier, JASA 53, 1958) uses both.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterable


class Patience:
    """The estimated distribution of patience, to draw from.

    Beyond the longest hang-up seen the estimate ends, with some callers left; from there on they
    give up at a constant rate, all hang-ups / all time waited (which is what patience would
    be if it had no memory). Where nobody hung up, nobody ever does.
    """

    __slots__ = ("_hazard", "_survival", "_times")

    def __init__(self, waits: Iterable[tuple[float, bool]]) -> None:
        """Take each caller's wait in seconds, and whether he hung up (else he was answered)."""
        # At equal times a hang-up comes first: who was answered then would have waited on.
        ordered = sorted((wait, not hung_up) for wait, hung_up in waits)
        at_risk = len(ordered)
        self._times: list[float] = []
        self._survival: list[float] = []
        survival, hung_up_count, exposure = 1.0, 0, 0.0
        for wait, answered in ordered:
            exposure += wait
            if not answered:
                hung_up_count += 1
                survival *= 1 - 1 / at_risk
                if self._times and self._times[-1] == wait:
                    self._survival[-1] = survival
                else:
                    self._times.append(wait)
                    self._survival.append(survival)
            at_risk -= 1
        self._hazard = hung_up_count / exposure if exposure > 0 else 0.0

    def survival(self, wait: float) -> float:
        """Return the share of callers who wait longer than this, as far as hang-ups were seen."""
        index = bisect_right(self._times, wait)
        return self._survival[index - 1] if index else 1.0

    def draw(self, rng: random.Random, longer_than: float = -1.0) -> float:
        """Return the patience, in seconds, of somebody known to wait longer than this; or `inf`."""
        level = rng.random() * self.survival(longer_than)
        if self._survival and level >= self._survival[-1]:
            # The first time at which no more than `level` are left.
            low, high = 0, len(self._survival) - 1
            while low < high:
                middle = (low + high) // 2
                if self._survival[middle] <= level:
                    high = middle
                else:
                    low = middle + 1
            return self._times[low]
        if not self._hazard:
            return math.inf
        last = self._times[-1] if self._times else 0.0
        return max(last, longer_than) + rng.expovariate(self._hazard)
