"""How far a mean of few independent runs may be trusted: Student's interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over runs, and the half-width of its confidence interval."""

    mean: float
    error: float | None
    """None: of one run nothing can be said."""
    runs: int

    @property
    def is_clear(self) -> bool:
        """Whether 0 is outside the interval."""
        return self.error is not None and abs(self.mean) > self.error


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the mean of independent values with its interval. Raises ValueError for none."""
    if not values:
        raise ValueError("no values, no mean")
    runs = len(values)
    error = None
    if runs > 1:
        error = student(confidence, runs - 1) * statistics.stdev(values) / math.sqrt(runs)
    return Estimate(mean=math.fsum(values) / runs, error=error, runs=runs)


def student(confidence: float, freedom: int) -> float:
    """Return t with P(|T| < t) = `confidence`, T being Student's with `freedom` degrees.

    Raises ValueError for a confidence outside 0..1 or no freedom.
    """
    if not 0 < confidence < 1 or freedom < 1:
        raise ValueError("confidence is between 0 and 1, freedom at least 1")
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # on the angle, where the function is smooth and its range finite
        middle = (low + high) / 2
        if _within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """P(|T| < tan(angle) sqrt(freedom)): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine * cosine * (k - 1) / k
    return (angle + sine * total) * 2 / math.pi if odd else sine * total
