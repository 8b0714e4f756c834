"""A small queue in virtual time, to hold the estimates of waits against what came true.

Callers of several kinds arrive (Poisson, at a rate that may change), have patience, and are
served by agents who serve one or several queues; an agent takes whoever is first by time of arrival less
head start. It shares no code with the distributor: a fault there must not hide a fault here.

Callers who leave stay in the line as ghosts, whom nobody serves and who hold up nobody: the moment at
which an agent would have taken one is how long he would have waited. So the estimates are
checked against the waits of all callers, which a real centre never sees.
"""

from __future__ import annotations

import heapq
import math
import random
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ccd.acd.estimates.estimator import Estimate, Estimator


@dataclass(frozen=True)
class Kind:
    """One kind of caller."""

    queue: str
    rate: Callable[[float], float]
    """Arrivals a second at a time; never above `most`."""
    most: float
    service: Callable[[random.Random, float], float]
    """Draws a handle time, at a time."""
    patience: Callable[[random.Random, float], float] | None = None
    """Draws after what wait he leaves; None: never."""
    head_start: float = 0.0
    group: str = ""


@dataclass
class Caller:
    kind: Kind
    since: float
    number: int
    told: Estimate = field(default_factory=Estimate)
    ahead: int = 0
    ghost: bool = False
    wait: float | None = None
    """How long he waited, or would have."""

    @property
    def key(self) -> tuple[float, int]:
        return (self.since - self.kind.head_start, self.number)

    def __lt__(self, other: Caller) -> bool:
        return self.key < other.key


@dataclass(frozen=True)
class Look:
    """A caller asked about in the middle of his wait."""

    at: float
    told: Estimate
    caller: Caller

    @property
    def rest(self) -> float | None:
        return None if self.caller.wait is None else self.caller.since + self.caller.wait - self.at


class WaitingLine:
    """`agents[n]`: the queues that agent n serves.

    `ring`: how long each phone rings, part of wait and handle time; `look_every`: waiting callers are
    asked about so often; `counted`: how many times too many agents the estimator is told of, at a time.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        agents: Sequence[frozenset[str]],
        *,
        seed: int = 1,
        ring: float = 0.0,
        look_every: float = 0.0,
        counted: Callable[[float], float] = lambda _: 1.0,
    ) -> None:
        self.estimator = Estimator()
        self.callers: list[Caller] = []
        """Everybody who had to wait, in order of arrival."""
        self.looks: list[Look] = []
        self._rng = random.Random(seed)
        self._kinds = kinds
        self._agents = agents
        self._ring = ring
        self._look_every = look_every
        self._counted = counted
        self._line: list[Caller] = []
        self._idle = set(range(len(agents)))
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self.servers = {
            kind.queue: sum(kind.queue in serves for serves in agents) for kind in kinds
        }
        self._rivals = {
            kind.queue: frozenset().union(*(serves for serves in agents if kind.queue in serves))
            for kind in kinds
        }
        for queue, rivals in self._rivals.items():
            self.estimator.together(queue, rivals)
        for kind in kinds:
            self._next_arrival(kind, 0.0)

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            at, _, act = heapq.heappop(self._events)
            act(at)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, act))

    def _next_arrival(self, kind: Kind, now: float) -> None:
        when = now + self._rng.expovariate(kind.most)
        while self._rng.random() * kind.most > kind.rate(when):
            when += self._rng.expovariate(kind.most)
        self._at(when, lambda at: self._arrive(kind, at))

    def _arrive(self, kind: Kind, now: float) -> None:
        self._next_arrival(kind, now)
        self._number += 1
        caller = Caller(kind, now, self._number)
        able = [agent for agent in self._idle if kind.queue in self._agents[agent]]
        if able:
            self._serve(min(able), kind, now)
            return
        caller.ahead = self._ahead(caller)
        caller.told = self.estimator.arrived(
            str(caller.number),
            kind.queue,
            caller.ahead,
            self._servers(kind.queue, now),
            now,
            group=kind.group,
        )
        self.callers.append(caller)
        insort(self._line, caller)
        if kind.patience is not None:
            leaves = now + kind.patience(self._rng, now)
            self._at(leaves, lambda at: self._leave(caller, at))
        if self._look_every:
            self._at(now + self._look_every, lambda at: self._look(caller, at))

    def _servers(self, queue: str, now: float) -> int:
        return max(round(self.servers[queue] * self._counted(now)), 1)

    def _ahead(self, caller: Caller) -> int:
        rivals = self._rivals[caller.kind.queue]
        return sum(
            other < caller and not other.ghost and other.kind.queue in rivals
            for other in self._line
        )

    def _look(self, caller: Caller, now: float) -> None:
        if caller.ghost or caller.wait is not None:
            return
        told = self.estimator.advanced(
            str(caller.number), self._ahead(caller), self._servers(caller.kind.queue, now), now
        )
        self.looks.append(Look(now, told, caller))
        self._at(now + self._look_every, lambda at: self._look(caller, at))

    def _leave(self, caller: Caller, now: float) -> None:
        if caller.wait is None:
            caller.ghost = True
            self.estimator.left(str(caller.number), now)

    def _serve(self, agent: int, kind: Kind, now: float) -> None:
        self._idle.discard(agent)
        seconds = self._ring + kind.service(self._rng, now)
        self._at(now + seconds, lambda at: self._free(agent, kind, seconds, at))

    def _free(self, agent: int, kind: Kind, seconds: float, now: float) -> None:
        self.estimator.handled(kind.queue, seconds, now)
        self._idle.add(agent)
        serves = self._agents[agent]
        passed: list[Caller] = []
        taken: Caller | None = None
        for caller in self._line:
            if caller.kind.queue in serves:
                passed.append(caller)
                if not caller.ghost:
                    taken = caller
                    break
        for caller in passed:
            caller.wait = now - caller.since + self._ring
            self._line.remove(caller)
        if taken is not None:
            self._serve(agent, taken.kind, now)
            self._at(
                now + self._ring, lambda at: void(self.estimator.started(str(taken.number), at))
            )


def void(_: object) -> None:
    """Let a callback return nothing."""


def coverage(callers: Sequence[Caller], *, after: float = 0.0) -> tuple[int, float, float]:
    """Return how many waits are known, and the shares of them below P50 and below P90."""
    known = [
        (caller.wait, caller.told.p50, caller.told.p90)
        for caller in callers
        if caller.since >= after
        and caller.wait is not None
        and caller.told.p50 is not None
        and caller.told.p90 is not None
    ]
    count = len(known)
    return (
        count,
        sum(wait <= p50 for wait, p50, _ in known) / max(count, 1),
        sum(wait <= p90 for wait, _, p90 in known) / max(count, 1),
    )


def exponential(mean: float) -> Callable[[random.Random, float], float]:
    return lambda rng, _: rng.expovariate(1 / mean)


def lognormal(mean: float, variation: float) -> Callable[[random.Random, float], float]:
    """`variation`: standard deviation by mean."""
    sigma = math.sqrt(math.log(1 + variation**2))
    return lambda rng, _: rng.lognormvariate(math.log(mean) - sigma**2 / 2, sigma)


def constant(seconds: float) -> Callable[[random.Random, float], float]:
    return lambda _rng, _now: seconds


def steady(rate: float) -> Callable[[float], float]:
    return lambda _: rate
