"""Who calls when: a random day of a given shape."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping

import msgspec

from ccd.acd.simulation.distributions import Distribution, Shares
from ccd.acd.simulation.profiles import Profile


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody who calls, and what he brings with him whatever the centre does."""

    at: float
    """When he joins the queue: seconds since midnight."""
    queue: str
    handle_s: float
    """How long an agent will speak with him."""
    patience_s: float = math.inf
    """How long he waits before he hangs up."""
    number: str = ""
    """Whom he is known by; empty: nobody who has called before."""
    customer_class: str = ""
    skills: Mapping[str, int] = {}
    """What he needs beside what the queue needs."""
    ring_s: float | None = None
    """How long the phone of whoever answers rings; None: drawn from `Behaviour.ring`."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """A day's calls, before the dice are thrown."""

    profile: Profile
    calls: float
    """Expected number in the day."""
    queues: Mapping[str, float]
    """Share of the calls by queue; the sum does not matter."""
    handle: Distribution
    patience: Distribution
    classes: Mapping[str, float] = {}
    """Share of the calls by class of customer; the rest of 1 is of none."""

    def draw(self, rng: random.Random) -> Iterator[Call]:
        """Return the calls of one such day in order of time, as a Poisson process.

        Raises ValueError, at once, for shares that cannot be.
        """
        return self._calls(Shares(list(self.queues.items())), self._classes(), rng)

    def _calls(self, queues: Shares, classes: Shares | None, rng: random.Random) -> Iterator[Call]:
        for begin, end, share in self.profile.spans():
            rate = share * self.calls / (end - begin)
            if not rate > 0:
                continue
            # Without memory: what is left of a gap at a span's end is drawn anew.
            at = begin + rng.expovariate(rate)
            while at < end:
                yield Call(
                    at=at,
                    queue=queues.draw(rng),
                    handle_s=self.handle.draw(rng),
                    patience_s=self.patience.draw(rng),
                    customer_class=classes.draw(rng) if classes is not None else "",
                )
                at += rng.expovariate(rate)

    def _classes(self) -> Shares | None:
        rest = 1.0 - sum(self.classes.values())
        if rest < -1e-9:
            raise ValueError("the classes' shares are more than 1 together")
        if not self.classes:
            return None
        return Shares([("", max(0.0, rest)), *self.classes.items()])
