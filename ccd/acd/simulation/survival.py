"""Times of which some were cut short before they were over.

An answer hides how long that caller would have waited: his patience is censored by it.
Taking the hang-ups alone would make people look much less patient than they are. In the
same way a hang-up hides how long the phone would have rung. The product-limit estimate
(Kaplan and Meier, JASA 53, 1958) uses both kinds.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterable


class ProductLimit:
    """The estimated distribution of such times, to draw from.

    Beyond the longest one that was seen whole the estimate ends, with some left; from there on
    they end at a constant rate, all ends seen / all time seen (which is what it would be without
    memory). Where no end was seen, there is none.
    """

    __slots__ = ("_hazard", "_survival", "_times")

    def __init__(self, times: Iterable[tuple[float, bool]]) -> None:
        """Take each time in seconds, and whether it was seen to its end (else it was longer)."""
        # At equal times ends come first: what was cut short then was longer.
        ordered = sorted((time, not whole) for time, whole in times)
        at_risk = len(ordered)
        self._times: list[float] = []
        self._survival: list[float] = []
        survival, ends, exposure = 1.0, 0, 0.0
        for time, cut_short in ordered:
            exposure += time
            if not cut_short:
                ends += 1
                survival *= 1 - 1 / at_risk
                if self._times and self._times[-1] == time:
                    self._survival[-1] = survival
                else:
                    self._times.append(time)
                    self._survival.append(survival)
            at_risk -= 1
        self._hazard = ends / exposure if exposure > 0 else 0.0

    def survival(self, time: float) -> float:
        """Return the share of times longer than this, as far as ends were seen."""
        index = bisect_right(self._times, time)
        return self._survival[index - 1] if index else 1.0

    def draw(self, rng: random.Random, longer_than: float = -1.0) -> float:
        """Return a time, in seconds, that is known to be longer than this; `inf` where none ends."""
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
