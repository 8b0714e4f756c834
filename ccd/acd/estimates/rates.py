"""How fast agents are and how patient those who wait: the two rates of the model. Sans-IO.

Both are learnt per queue and leant towards the whole centre's while a queue has shown little,
with the weight of a few made-up observations (the usual conjugate prior of a rate).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp

HANDLED_MEMORY = 200
"""A queue's mean handle time is one over about so many of its last contacts."""

MIX_MEMORY_S = 1800.0
"""Which queues busy an agent is judged by what was handled in about this time."""

HANDLED_PRIOR = 5.0
"""The centre's mean counts as so many contacts of the queue's own."""

HANDLED_LEAST = 5
"""With fewer handled contacts in the whole centre nothing is said."""

SHORTEST_S = 0.05
"""No wait and no mean handle time counts as less: a rate is a number one can work with."""

PATIENCE_MEMORY = 500
"""Patience is judged by about so many of the last waits."""

LEFT_PRIOR = 1.0
"""The centre's patience counts as so many contacts who left the queue."""


class _Handled:
    """One queue's: a mean over the last contacts, and how many there were lately."""

    __slots__ = ("at", "count", "lately", "mean")

    def __init__(self) -> None:
        self.mean = 0.0
        self.count = 0
        self.lately = 0.0
        self.at = 0.0

    def add(self, seconds: float, now: float) -> None:
        self.count += 1
        self.mean += (seconds - self.mean) / min(self.count, HANDLED_MEMORY)
        self.lately = self.lately * exp(-max(now - self.at, 0.0) / MIX_MEMORY_S) + 1.0
        self.at = now


class HandleTimes:
    """Mean handle times, by queue and of the mix that a queue's agents serve."""

    def __init__(self) -> None:
        self._queues: dict[str, _Handled] = {}
        self._all = _Handled()
        self._peers: dict[str, tuple[str, ...]] = {}

    def add(self, queue: str, seconds: float, now: float) -> None:
        """An agent was busy for `seconds` with a contact of this queue."""
        if (handled := self._queues.get(queue)) is None:
            handled = self._queues[queue] = _Handled()
        handled.add(seconds, now)
        self._all.add(seconds, now)

    def together(self, queue: str, queues: Iterable[str]) -> None:
        """Say which queues the agents of `queue` serve, itself or not among them."""
        self._peers[queue] = tuple(dict.fromkeys((queue, *queues)))

    def forget(self, queue: str) -> None:
        """The queue is gone."""
        self._queues.pop(queue, None)
        self._peers.pop(queue, None)

    def mean(self, queue: str) -> float | None:
        """Return the mean handle time (s) of what the agents of `queue` do; None: unknown."""
        if self._all.count < HANDLED_LEAST:
            return None
        known = [
            handled
            for peer in self._peers.get(queue, (queue,))
            if (handled := self._queues.get(peer)) is not None
        ]
        if not known:
            return max(self._all.mean, SHORTEST_S)
        latest = max(handled.at for handled in known)
        seconds = weight = count = 0.0
        for handled in known:
            share = handled.lately * exp((handled.at - latest) / MIX_MEMORY_S)
            seconds += share * handled.mean
            weight += share
            count += handled.count
        own = min(count, HANDLED_MEMORY)
        mean = (own * seconds / weight + HANDLED_PRIOR * self._all.mean) / (own + HANDLED_PRIOR)
        return max(mean, SHORTEST_S)


class _Waits:
    __slots__ = ("left", "seconds")

    def __init__(self) -> None:
        self.left = 0.0
        self.seconds = 0.0

    def add(self, seconds: float, left: bool) -> None:
        keep = 1.0 - 1.0 / PATIENCE_MEMORY
        self.left = self.left * keep + left
        self.seconds = self.seconds * keep + max(seconds, SHORTEST_S)


class Patience:
    """The rate at which one who waits gives up.

    The maximum-likelihood estimate of an exponential rate with censored observations: how many
    left, by how long all of them together waited (N. Gans, G. Koole, A. Mandelbaum, "Telephone
    Call Centers", M&SOM 5(2), 2003; L. Brown et al., JASA 100, 2005).
    """

    def __init__(self) -> None:
        self._queues: dict[str, _Waits] = {}
        self._all = _Waits()

    def add(self, queue: str, seconds: float, *, left: bool) -> None:
        """A wait is over after `seconds`: the contact left, or an agent took it."""
        if (waits := self._queues.get(queue)) is None:
            waits = self._queues[queue] = _Waits()
        waits.add(seconds, left)
        self._all.add(seconds, left)

    def forget(self, queue: str) -> None:
        """The queue is gone."""
        self._queues.pop(queue, None)

    def leaving_rate(self, queue: str) -> float:
        """Return theta, 1/s; 0 where nobody has left yet."""
        if self._all.left == 0.0:
            return 0.0
        common = self._all.left / self._all.seconds
        waits = self._queues.get(queue)
        if waits is None:
            return common
        return (waits.left + LEFT_PRIOR) / (waits.seconds + LEFT_PRIOR / common)
