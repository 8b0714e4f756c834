"""How busy an agent was lately, as one number that keeps its order while he is idle.

Occupancy is a mean over the past that forgets exponentially, with the time constant
`MEMORY_S`: in work it goes to 1, idle it goes to 0. Between two looks

    x(t) = target + (x(t0) - target) * exp(-(t - t0) / MEMORY_S)

All who are idle decay by one factor, so `log x(t0) + t0 / MEMORY_S` puts them in the same
order at any later time: a sorted list of idle agents stays right without being touched.
"""

from __future__ import annotations

import math
from typing import Final

MEMORY_S: Final = 3600.0


class Occupancy:
    """One agent's share of time spent on contacts."""

    __slots__ = ("_at", "_share", "_working")

    def __init__(self, now: float) -> None:
        self._share = 0.0
        self._at = now
        self._working = False

    def work(self, working: bool, now: float) -> None:
        """He begins, or stops, to work (reserved, busy and wrap-up are work)."""
        self._share, self._at, self._working = self.share(now), now, working

    def share(self, now: float) -> float:
        """Occupancy now, 0 to 1."""
        target = 1.0 if self._working else 0.0
        return target + (self._share - target) * math.exp((self._at - now) / MEMORY_S)

    @property
    def mark(self) -> float:
        """Smaller for who was less occupied; compares only those who are idle."""
        if self._share <= 0.0:
            return -math.inf
        return math.log(self._share) + self._at / MEMORY_S
