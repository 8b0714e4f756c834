"""How long things take: distributions of times in seconds, drawn from a given `random.Random`."""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

import msgspec


class Distribution(Protocol):
    """A distribution of times."""

    def draw(self, rng: random.Random) -> float:
        """Return one time, in seconds."""
        ...


class Constant(msgspec.Struct, frozen=True):
    """Always the same; `inf` is somebody who never gives up."""

    seconds: float

    def draw(self, rng: random.Random) -> float:
        """Return it."""
        return self.seconds


class Exponential(msgspec.Struct, frozen=True):
    """Without memory: the assumption of Erlang's formulas."""

    mean: float

    def draw(self, rng: random.Random) -> float:
        """Return one time, in seconds."""
        return rng.expovariate(1.0) * self.mean


class Lognormal(msgspec.Struct, frozen=True):
    """What measured handle times look like (Brown et al., "Statistical analysis of a telephone
    call center", JASA 100 (2005), section 4)."""

    mean: float
    spread: float = 1.0
    """Standard deviation / mean."""

    def draw(self, rng: random.Random) -> float:
        """Return one time, in seconds."""
        variance = math.log1p(self.spread * self.spread)
        return self.mean * math.exp(rng.gauss(-variance / 2, math.sqrt(variance)))


class Weibull(msgspec.Struct, frozen=True):
    """Patience: with a shape below 1 who has waited long is ever less likely to give up."""

    mean: float
    shape: float = 1.0

    def draw(self, rng: random.Random) -> float:
        """Return one time, in seconds."""
        scale = self.mean / math.gamma(1 + 1 / self.shape)
        return rng.weibullvariate(scale, self.shape)


class Empirical(msgspec.Struct, frozen=True):
    """One of the values that were observed, each as likely as the other."""

    values: Sequence[float]

    def draw(self, rng: random.Random) -> float:
        """Return one time, in seconds."""
        return self.values[int(rng.random() * len(self.values))]


class Shares:
    """A choice by weight: which queue, which class of customer."""

    __slots__ = ("_bounds", "_names", "_total")

    def __init__(self, weights: Sequence[tuple[str, float]]) -> None:
        """Take names and weights. Raises ValueError where no weight is above 0, or one is below."""
        if not weights or any(not 0 <= weight < math.inf for _, weight in weights):
            raise ValueError("weights are numbers that are not below 0")
        self._names = [name for name, _ in weights]
        self._bounds = list(accumulate(weight for _, weight in weights))
        self._total = self._bounds[-1]
        if not self._total > 0:
            raise ValueError("one weight at least must be above 0")

    def draw(self, rng: random.Random) -> str:
        """Return one name."""
        return self._names[
            bisect(self._bounds, rng.random() * self._total, 0, len(self._names) - 1)
        ]


KINDS = "180, constant:180, exponential:180, lognormal:180:0.8, weibull:120:1.5, or none"
"""What `parse` understands, as an error says it."""


def parse(text: str, *, plain: type[Constant | Exponential | Lognormal]) -> Distribution:
    """Return the distribution that `text` names: `kind:mean[:shape]`, a bare mean, or `none`.

    A bare number is the mean of a `plain`; `none` never ends. Raises ValueError.
    """
    if text == "none":
        return Constant(math.inf)
    kind, *numbers = text.split(":")
    try:
        if not numbers:
            return plain(_positive(kind))
        mean, *shape = map(_positive, numbers)
        match kind, shape:
            case "constant", []:
                return Constant(mean)
            case "exponential", []:
                return Exponential(mean)
            case "lognormal", [] | [_]:
                return Lognormal(mean, *shape)
            case "weibull", [] | [_]:
                return Weibull(mean, *shape)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no distribution of times; write {KINDS}")


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(text)
    return number
