"""Promises held against the truth, in small centres that are simulated.

A share over simulated callers is not made of independent draws, for a long call makes many wait: its
standard error is taken from the shares of long stretches (batch means), and a promise holds where
the share is within three of them.
"""

from __future__ import annotations

import math
from statistics import fmean, stdev

import pytest

from bench._waiting_line import Caller, Kind, WaitingLine, coverage, exponential, steady
from bench.acd_estimates import (
    CHANGE_S,
    SCENARIOS,
    WARM_S,
    erlang_a,
    load_changes,
    overflow,
    skills,
    two_classes,
)

END_S = 80_000.0
BATCHES = 12
BIAS = 0.01
"""A share may be off by this beside its sampling error."""


def shares(callers: list[Caller], which: int) -> list[float]:
    size = len(callers) // BATCHES
    return [coverage(callers[n * size : (n + 1) * size])[which] for n in range(BATCHES)]


def holds(callers: list[Caller]) -> None:
    assert len(callers) > 300
    for which, level in ((1, 0.5), (2, 0.9)):
        batches = shares(callers, which)
        error = stdev(batches) / math.sqrt(BATCHES)
        assert error < 0.03, "too few to say anything"
        assert abs(fmean(batches) - level) < 3 * error + BIAS, f"{level}: {fmean(batches):.3f}"


def told(line: WaitingLine, after: float = WARM_S, until: float = math.inf) -> list[Caller]:
    return [
        caller
        for caller in line.callers
        if after <= caller.since < until and caller.wait is not None and caller.told.p50 is not None
    ]


def test_the_simulated_line_is_an_erlang_a_queue() -> None:
    """Who waits and who leaves is as theory says, so that what is shown with it means something."""
    arrivals, agents, handle, patience = 0.058, 10, 180.0, 120.0
    weights = [1.0]  # stationary probabilities, up to a factor, of the birth and death chain
    for n in range(1, 200):
        leave = min(n, agents) / handle + max(n - agents, 0) / patience
        weights.append(weights[-1] * arrivals / leave)
    total = math.fsum(weights)
    waiting = math.fsum(weights[agents:]) / total
    queue = math.fsum((n - agents) * w for n, w in enumerate(weights) if n > agents) / total
    leaving = queue / patience / (arrivals * waiting)

    line = erlang_a(2)
    line.run(200_000)
    callers = told(line, 0.0)
    assert len(callers) / (200_000 * arrivals) == pytest.approx(waiting, rel=0.06)
    assert fmean(caller.ghost for caller in callers) == pytest.approx(leaving, rel=0.06)


@pytest.mark.parametrize("name", SCENARIOS)
def test_p50_and_p90_hold_for_all_who_waited(name: str) -> None:
    make, until = SCENARIOS[name]
    line = make(3)
    line.run(until)
    holds(told(line))
    for queue in line.servers:
        test = line.estimator.error(queue)
        assert test.ours
        assert test.last_wait
        assert test.mean_of_ten
        for simple in (test.last_wait, test.mean_of_ten):
            assert test.ours.absolute < 0.95 * simple.absolute
            assert test.ours.pinball_p50 < 0.95 * simple.pinball_p50
            assert test.ours.pinball_p90 < 0.6 * simple.pinball_p90


def test_they_hold_for_each_class_and_each_queue_apart() -> None:
    line = two_classes(4)
    line.run(END_S)
    for group in ("vip", ""):
        holds([caller for caller in told(line) if caller.kind.group == group])
    line = skills(4)
    line.run(END_S)
    for queue in ("a", "b"):
        holds([caller for caller in told(line) if caller.kind.queue == queue])


def test_they_hold_after_a_change_of_load() -> None:
    line = load_changes(5)
    line.run(END_S)
    holds(told(line, CHANGE_S + 7_200.0))


def test_when_half_the_agents_counted_are_not_there_a_hundred_waits_put_it_right() -> None:
    """The model is wrong by a factor of two from one moment on."""
    before, first, later = [], [], []
    for seed in range(3):
        line = WaitingLine(
            [Kind("q", steady(0.058), 0.058, exponential(180), exponential(120))],
            [frozenset("q")] * 10,
            seed=seed,
            counted=lambda now: 1.0 if now < CHANGE_S else 2.0,
        )
        line.run(60_000)
        before += told(line, WARM_S, CHANGE_S)
        after = told(line, CHANGE_S)
        first += after[:40]
        later += after[100:400]
    _, p50, p90 = coverage(before)
    assert (p50, p90) == pytest.approx((0.5, 0.9), abs=0.05)
    _, p50, p90 = coverage(first)
    assert p50 < 0.35, "or nothing had to be put right"
    _, p50, p90 = coverage(later)
    assert (p50, p90) == pytest.approx((0.5, 0.9), abs=0.06)


def test_what_nobody_stays_to_see_errs_on_the_long_side_and_is_not_counted_as_kept() -> None:
    """Everybody is sent away after a minute: what P90 is for those far behind, nobody ever sees."""
    line = overflow(3)
    line.run(100_000)
    callers = told(line)
    _, p50, p90 = coverage(callers)
    assert p50 == pytest.approx(0.5, abs=0.04)
    assert 0.89 < p90 < 0.97
    test = line.estimator.error("q")
    visible = [caller for caller in callers if caller.told.p90 and caller.told.p90 <= 60.0]
    assert 0.1 < len(visible) / len(callers) < 0.6
    assert test.below_p90 == pytest.approx(coverage(visible)[2], abs=0.05)
    assert test.sound


def test_what_waiting_callers_are_told_holds_too() -> None:
    line = WaitingLine(
        [Kind("q", steady(0.058), 0.058, exponential(180), exponential(120))],
        [frozenset("q")] * 10,
        seed=6,
        look_every=15.0,
    )
    line.run(END_S)
    looks = [
        (look.rest, look.told.p50, look.told.p90)
        for look in line.looks
        if look.at >= WARM_S
        and look.rest is not None
        and look.told.p50 is not None
        and look.told.p90 is not None
    ]
    assert len(looks) > 3000
    assert fmean(rest <= p50 for rest, p50, _ in looks) == pytest.approx(0.5, abs=0.04)
    assert fmean(rest <= p90 for rest, _, p90 in looks) == pytest.approx(0.9, abs=0.03)


def test_the_back_test_says_what_is_true() -> None:
    """Its shares, made without knowing how long those who left would have waited, agree with the truth."""
    line = WaitingLine(
        [Kind("q", steady(0.065), 0.065, exponential(180), exponential(60))],
        [frozenset("q")] * 10,
        seed=7,
    )
    measured = []
    for hour in range(8, 40):
        line.run(hour * 3600.0)
        measured.append(line.estimator.error("q"))
    callers = told(line, 4 * 3600.0)
    assert fmean(caller.ghost for caller in callers) > 0.35
    _, p50, p90 = coverage(callers)
    seen50 = fmean(test.below_p50 for test in measured if test.below_p50 is not None)
    seen90 = fmean(test.below_p90 for test in measured if test.below_p90 is not None)
    assert seen50 == pytest.approx(p50, abs=0.03)
    assert seen90 == pytest.approx(p90, abs=0.03)
    assert all(test.sound for test in measured[-5:])
