"""What promises of waiting times are worth, in small centres, and what one costs.

Coverage is over all callers who had to wait after the estimator had some hours to learn, those who hung up
included: the simulation knows how long they would have waited. 0.5 and 0.9 are right.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from statistics import fmean, stdev

from bench._waiting_line import (
    Kind,
    WaitingLine,
    constant,
    coverage,
    exponential,
    lognormal,
    steady,
)
from bench.result import Result, at_most, figure
from ccd.acd.estimates.estimator import Estimator

WARM_S = 20_000.0
CHANGE_S = 40_000.0
BUDGET_US = 50.0
OFF = 0.03
"""A share that is farther from its target than this has missed the budget."""


def _team(count: int, *queues: str) -> list[frozenset[str]]:
    return [frozenset(queues)] * count


def erlang_a(seed: int = 1) -> WaitingLine:
    """The model's own case: exponential service and patience, one queue."""
    kind = Kind("q", steady(0.058), 0.058, exponential(180), exponential(120))
    return WaitingLine([kind], _team(10, "q"), seed=seed)


def lognormal_service(seed: int = 1) -> WaitingLine:
    """Handle times as they are measured (L. Brown et al., 2005), and phones that ring for 4 s."""
    kind = Kind("q", steady(0.055), 0.055, lognormal(180, 1.3), exponential(120))
    return WaitingLine([kind], _team(10, "q"), seed=seed, ring=4.0)


def overloaded(seed: int = 1) -> WaitingLine:
    """A hundred agents, a quarter too few: some thirty wait at any time."""
    kind = Kind("q", steady(0.7), 0.7, exponential(180), exponential(200))
    return WaitingLine([kind], _team(100, "q"), seed=seed)


def load_changes(seed: int = 1) -> WaitingLine:
    """Nearly twice the calls, each half as long again, from one moment on."""

    def service(rng: random.Random, now: float) -> float:
        return rng.expovariate(1 / 180 if now < CHANGE_S else 1 / 270)

    kind = Kind("q", lambda now: 0.045 if now < CHANGE_S else 0.08, 0.08, service, exponential(120))
    return WaitingLine([kind], _team(10, "q"), seed=seed)


def two_classes(seed: int = 1) -> WaitingLine:
    """One caller in three has a head start of two minutes."""
    vip = Kind("q", steady(0.02), 0.02, exponential(180), exponential(300), 120.0, "vip")
    others = Kind("q", steady(0.038), 0.038, exponential(180), exponential(150))
    return WaitingLine([vip, others], _team(10, "q"), seed=seed)


def skills(seed: int = 1) -> WaitingLine:
    """Three queues whose agents overlap in part: those counted as able are mostly busy elsewhere."""
    kinds = [
        Kind("a", steady(0.03), 0.03, lognormal(180, 1.0), exponential(200)),
        Kind("b", steady(0.03), 0.03, lognormal(240, 1.0), exponential(200)),
        Kind("c", steady(0.008), 0.008, lognormal(300, 1.0), exponential(200)),
    ]
    agents = _team(5, "a") + _team(4, "a", "b") + _team(4, "b", "c") + _team(1, "c")
    return WaitingLine(kinds, agents, seed=seed)


def overflow(seed: int = 1) -> WaitingLine:
    """Whoever has waited for a minute is sent elsewhere, and nobody leaves before."""
    kind = Kind("q", steady(0.06), 0.06, lognormal(180, 1.0), constant(60))
    return WaitingLine([kind], _team(10, "q"), seed=seed)


SCENARIOS: dict[str, tuple[Callable[[int], WaitingLine], float]] = {
    "Erlang A": (erlang_a, 150_000),
    "lognormal service, ringing": (lognormal_service, 150_000),
    "overloaded, 100 agents": (overloaded, 40_000),
    "load and handle time change": (load_changes, 120_000),
    "two classes": (two_classes, 150_000),
    "partly shared agents": (skills, 150_000),
}
"""Name, and how to make it from a seed, and how many seconds it is run for."""


SEEDS = (1, 2, 3)


def run() -> list[Result]:
    results: list[Result] = []
    for name, (make, until) in SCENARIOS.items():
        lines = [make(seed) for seed in SEEDS]
        for line in lines:
            line.run(until)
        runs = [coverage(line.callers, after=WARM_S) for line in lines]
        count = sum(run[0] for run in runs)
        for label, level, which in (("P50", 0.5, 1), ("P90", 0.9, 2)):
            share = fmean(run[which] for run in runs)
            error = stdev(run[which] for run in runs) / math.sqrt(len(runs))
            note = f"{share:.3f} ± {error:.3f} below it, of {count} waits"
            results.append(
                at_most(f"estimates, {name}: {label} off by", abs(share - level), "", OFF, note)
            )
        results.append(_against_simple_ways(name, lines))
    line = overflow()
    line.run(150_000)
    count, p50, p90 = coverage(line.callers, after=WARM_S)
    results += [
        figure("estimates, overflow after a minute: below P50", p50, "", f"{count} waits"),
        figure("estimates, overflow after a minute: below P90", p90, "", "mostly never seen"),
    ]
    return results + _costs()


def _against_simple_ways(name: str, lines: list[WaitingLine]) -> Result:
    """Our mean absolute error by that of the better of two simple ways, of each queue; the worst."""
    ratios = []
    for line in lines:
        for queue in line.servers:
            test = line.estimator.error(queue)
            if test.ours and test.last_wait and test.mean_of_ten:
                simple = min(test.last_wait.absolute, test.mean_of_ten.absolute)
                ratios.append(test.ours.absolute / simple)
    note = f"worst of {len(ratios)} queues; {fmean(ratios):.2f} on the mean"
    return at_most(f"estimates, {name}: error to a recent wait's", max(ratios), "", 1.0, note)


def _costs() -> list[Result]:
    line = erlang_a()
    line.run(60_000)
    estimator = line.estimator
    count = 20_000
    results = []
    for ahead in (2, 2_000):
        begin = time.process_time()
        for _ in range(count):
            estimator.estimate("q", ahead, 10)
        cost = (time.process_time() - begin) / count * 1e6
        results.append(at_most(f"estimates, one with {ahead} ahead", cost, "µs", BUDGET_US))
    learner = Estimator()
    for second in range(10):
        learner.handled("q", 100.0, float(second))
    begin = time.process_time()
    for number in range(count):
        now = 10.0 + number * 40.0
        learner.arrived(str(number), "q", 3, 10, now)
        learner.started(str(number), now + 40.0 + number % 17)
    cost = (time.process_time() - begin) / count * 1e6
    results.append(
        figure("estimates, one wait from arrival to its lessons", cost, "µs", "all learnt from")
    )
    return results
