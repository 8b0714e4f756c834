"""Waits of which only the beginning was seen: who left before an agent came. Sans-IO.

Leaving them out would flatter us: it is the long waits that people leave. An abandoned wait of
40 s says "longer than 40 s", and that is how it is counted here, by the product-limit estimate
(E. L. Kaplan, P. Meier, JASA 53, 1958). It is right where patience has nothing to do with how
long the wait would have been, given what the estimate was made from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def distribution(weights: Floats, seen: Flags) -> Floats:
    """Return the product-limit distribution function, weighted.

    `seen` is in ascending order of the values, true where the value itself was seen, false where
    it is only known to be larger; seen ones before others of the same value. `weights` has the same
    last axis; with more axes, one function is made for each row: with weights by the distance
    of a covariate that is R. Beran's conditional estimate ("Nonparametric regression with
    randomly censored survival data", Berkeley, 1981). The result at i: P(value <= value i).
    """
    at_risk = np.cumsum(weights[..., ::-1], axis=-1)[..., ::-1]
    hazard = np.divide(weights * seen, at_risk, out=np.zeros_like(weights), where=at_risk > 1e-12)
    return 1.0 - np.cumprod(1.0 - np.minimum(hazard, 1.0), axis=-1, dtype=np.float64)


def order(values: Floats, seen: Flags) -> NDArray[np.intp]:
    """Return the order that `distribution` asks for."""
    return np.lexsort((~seen, values))


HORIZON = 0.1
"""Beyond the wait that fewer than this part of callers have patience for, nothing can be measured."""


class Patient:
    """Who of those that wait would still be there after so long, and what the answered stand for.

    A wait seen to its end after w seconds stands for 1 / G(w) callers, G(w) being the share of people
    who would have waited that long, by the product-limit estimate: inverse probability of
    censoring weighting (J. Robins, A. Rotnitzky, 1992). It makes averages over answered calls hold for
    all calls. An answer at w counts before those who leave at w.
    """

    __slots__ = ("_share", "_waits")

    def __init__(self, waits: Floats, answered: Flags) -> None:
        index = np.lexsort((~answered, waits))
        self._waits = waits[index]
        left = ~answered[index]
        self._share = np.concatenate(([1.0], 1.0 - distribution(np.ones(len(waits)), left)))

    def share(self, wait: float) -> float:
        """Return which part of callers would wait so long: G."""
        return float(self._share[int(np.searchsorted(self._waits, wait))])

    def stands_for(self, wait: float) -> float:
        """Return how many callers one who was answered after `wait` stands for."""
        return 1.0 / max(self.share(wait), HORIZON)

    def weights(self, waits: Floats, answered: Flags) -> Floats:
        """Return the same for many, 0 for those who left."""
        shares = self._share[np.searchsorted(self._waits, waits)]
        return np.where(answered, 1.0 / np.maximum(shares, HORIZON), 0.0)

    def in_sight(self, promises: Floats) -> Flags:
        """Return which promised waits are such that enough callers stay to see them kept or broken."""
        seen: Flags = self._share[np.searchsorted(self._waits, promises)] >= HORIZON
        return seen
