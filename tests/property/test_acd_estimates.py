"""Whatever was seen before, an estimate is a sensible figure, and the same history says the same."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.acd.estimates.backtest import BackTest, Losses
from ccd.acd.estimates.calibration import LEAST, Calibration, Curve, Seen
from ccd.acd.estimates.departures import Quantiles, moments, quantiles
from ccd.acd.estimates.estimator import Estimate, Estimator

aheads = st.integers(0, 60) | st.integers(0, 100_000)
teams = st.integers(0, 40) | st.integers(0, 20_000)
seconds = st.floats(0.0, 600.0) | st.sampled_from([0.0, 1e-9, 1.0, 86_400.0])

steps = st.lists(
    st.tuples(
        st.sampled_from(["arrived", "advanced", "started", "left", "handled", "forget"]),
        st.sampled_from(["c1", "c2", "c3", "c4"]),
        st.sampled_from(["q", "r"]),
        st.sampled_from(["", "vip"]),
        aheads,
        teams,
        seconds,
    ),
    max_size=150,
)


def live(history: list[tuple[str, str, str, str, int, int, float]]) -> Estimator:
    estimator = Estimator()
    now = 0.0
    for step, contact, queue, group, ahead, servers, passed in history:
        now += passed
        match step:
            case "arrived":
                check(estimator.arrived(contact, queue, ahead, servers, now, group=group))
            case "advanced":
                check(estimator.advanced(contact, ahead, servers, now))
            case "started":
                estimator.started(contact, now)
            case "left":
                estimator.left(contact, now)
            case "handled":
                estimator.handled(queue, passed, now)
            case _:
                if passed > 500:
                    estimator.forget(queue)
    return estimator


def check(estimate: Estimate) -> None:
    if estimate.p50 is None or estimate.p90 is None:
        assert estimate.p50 is estimate.p90 is None
    else:
        assert 0.0 <= estimate.p50 <= estimate.p90
        assert isfinite(estimate.p90)


def at_most(first: Estimate, second: Estimate) -> bool:
    """Whether both figures of the first are not above the second's; rounding aside."""
    if first.p50 is None or first.p90 is None or second.p50 is None or second.p90 is None:
        return first == second
    return first.p50 <= second.p50 * (1 + 1e-9) and first.p90 <= second.p90 * (1 + 1e-9)


@given(steps, aheads, aheads, teams, teams, st.sampled_from([0.0, 30.0]))
@settings(max_examples=60, deadline=None)
def test_never_less_with_more_ahead_never_more_with_more_agents(
    history: list[tuple[str, str, str, str, int, int, float]],
    ahead: int,
    behind: int,
    few: int,
    many: int,
    waited: float,
) -> None:
    estimator = live(history)
    ahead, behind = sorted((ahead, behind))
    few, many = sorted((few, many))
    for group in ("", "vip"):
        said = {
            (place, team): estimator.estimate("q", place, team, waited=waited, group=group)
            for place in (ahead, behind)
            for team in (few, many)
        }
        for estimate in said.values():
            check(estimate)
        for team in (few, many):
            assert at_most(said[ahead, team], said[behind, team])
        if few > 0:
            for place in (ahead, behind):
                assert at_most(said[place, many], said[place, few])
        else:
            assert said[ahead, 0] == Estimate()


observed = st.tuples(
    st.floats(0.05, 3000.0),
    st.floats(1.0, 5.0),
    st.floats(0.0, 7200.0),
    st.booleans(),
)


@given(st.lists(observed, min_size=LEAST, max_size=90), st.lists(st.floats(-12, 12), min_size=2))
@settings(max_examples=60, deadline=None)
def test_a_calibration_never_falls(
    waits: list[tuple[float, float, float, bool]], at: list[float]
) -> None:
    parent = Calibration()
    node = Calibration(parent)
    for index, (p50, ratio, wait, ended) in enumerate(waits):
        seen = Seen(Quantiles(p50, p50 * ratio).logs, wait, ended)
        (parent if index % 3 == 0 else node).add(seen)
    for curve in node.curves():
        assert isinstance(curve, Curve)
        true = [curve(x) for x in sorted(at)]
        assert all(isfinite(value) for value in true)
        assert all(low <= high + 1e-9 for low, high in pairwise(true))


@given(aheads, st.floats(1e-6, 1e3), st.just(0.0) | st.floats(0.0, 10.0))
def test_the_model_grows_with_each_one_ahead(ahead: int, service: float, leaving: float) -> None:
    one, other = (quantiles(moments(n, service, leaving)) for n in (ahead, ahead + 1))
    assert 0.0 < one.p50 < one.p90
    assert one.p50 <= other.p50 * (1 + 1e-9)
    assert one.p90 <= other.p90 * (1 + 1e-9)


@given(steps)
@settings(max_examples=25, deadline=None)
def test_the_same_history_says_the_same_and_measures_shares(
    history: list[tuple[str, str, str, str, int, int, float]],
) -> None:
    first, again = live(history), live(history)
    for queue in ("q", "r"):
        assert first.estimate(queue, 3, 7) == again.estimate(queue, 3, 7)
        test: BackTest = first.error(queue)
        assert test == again.error(queue)
        assert 0 <= test.left <= test.waits
        for share in (test.below_p50, test.below_p90):
            assert share is None or -1e-9 <= share <= 1 + 1e-9
        losses: list[Losses | None] = [test.ours, test.last_wait, test.mean_of_ten]
        for loss in losses:
            assert loss is None or min(loss.absolute, loss.pinball_p50, loss.pinball_p90) >= 0.0
