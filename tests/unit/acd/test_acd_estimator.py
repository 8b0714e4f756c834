"""What the estimator is told, and what it says."""

from __future__ import annotations

import gc
import math
import tracemalloc

import pytest

from ccd.acd.estimates.backtest import BackTest
from ccd.acd.estimates.estimator import UNKNOWN, Estimate, Estimator


def knowing(mean: float = 100.0) -> Estimator:
    """One that has seen some contacts handled."""
    estimator = Estimator()
    for second in range(20):
        estimator.handled("q", mean, float(second))
    return estimator


def figures(estimate: Estimate) -> tuple[float, float]:
    assert estimate.p50 is not None
    assert estimate.p90 is not None
    return estimate.p50, estimate.p90


def test_without_data_nothing_is_said() -> None:
    estimator = Estimator()
    assert estimator.estimate("q", 0, 5) == UNKNOWN == Estimate(None, None)
    assert estimator.arrived("c1", "q", 0, 5, 0.0) == UNKNOWN
    assert estimator.advanced("c1", 0, 5, 10.0) == UNKNOWN
    assert estimator.started("c1", 20.0)
    assert estimator.error("q") == BackTest(waits=0, left=0)


def test_with_nobody_at_work_nothing_is_said() -> None:
    estimator = knowing()
    assert estimator.estimate("q", 3, 0) == UNKNOWN
    assert estimator.arrived("c1", "q", 3, 0, 100.0) == UNKNOWN
    figures(estimator.advanced("c1", 3, 2, 110.0))
    assert estimator.started("c1", 130.0)


def test_a_fresh_estimate_is_the_models() -> None:
    p50, p90 = figures(knowing().estimate("q", 0, 10))
    assert p50 == pytest.approx(10 * math.log(2), rel=0.02)
    assert p90 == pytest.approx(10 * math.log(10), rel=0.02)


def test_those_ahead_who_give_up_shorten_the_wait() -> None:
    patient, impatient = knowing(), knowing()
    for number in range(200):
        for estimator, leaves in ((patient, False), (impatient, number % 2 == 0)):
            estimator.arrived(f"c{number}", "r", 0, 1, number * 100.0)
            over = estimator.left if leaves else estimator.started
            assert over(f"c{number}", number * 100.0 + 30.0)
    assert figures(impatient.estimate("q", 30, 10)) < figures(patient.estimate("q", 30, 10))


def test_news_of_an_unknown_contact_changes_nothing() -> None:
    estimator = knowing()
    before = estimator.estimate("q", 2, 3)
    assert not estimator.started("nobody", 1.0)
    assert not estimator.left("nobody", 1.0)
    assert estimator.advanced("nobody", 1, 1, 1.0) == UNKNOWN
    assert estimator.estimate("q", 2, 3) == before


def test_who_never_waited_teaches_nothing() -> None:
    estimator = knowing()
    before = estimator.estimate("q", 0, 10)
    for number in range(100):
        estimator.arrived(f"c{number}", "q", 0, 10, 100.0 + number)
        assert estimator.started(f"c{number}", 100.0 + number)
    assert estimator.estimate("q", 0, 10) == before
    assert estimator.error("q").waits == 0


def test_asking_changes_nothing() -> None:
    asked, unasked = knowing(), knowing()
    for number in range(300):
        for estimator in (asked, unasked):
            estimator.arrived(f"c{number}", "q", 3, 10, number * 60.0)
            estimator.started(f"c{number}", number * 60.0 + number % 50)
        asked.estimate("q", number % 7, 10, waited=float(number % 3))
        asked.error("q")
    assert asked.estimate("q", 3, 10) == unasked.estimate("q", 3, 10)
    assert asked.estimate("q", 3, 10, waited=9.0) == unasked.estimate("q", 3, 10, waited=9.0)
    assert asked.error("q") == unasked.error("q")


def test_what_is_true_of_the_rest_of_waits_is_learnt_apart() -> None:
    """Callers wait 10 s or 100 s: who has waited 20 s is of the second kind."""
    estimator = knowing()
    for number in range(400):
        at = number * 500.0
        estimator.arrived(f"c{number}", "q", 0, 2, at)
        if number % 2:
            estimator.advanced(f"c{number}", 0, 2, at + 20.0)
        estimator.started(f"c{number}", at + (100.0 if number % 2 else 10.0))
    p50, p90 = figures(estimator.estimate("q", 0, 2, waited=20.0))
    assert (p50, p90) == pytest.approx((80.0, 80.0), rel=0.1)
    p50, p90 = figures(estimator.estimate("q", 0, 2))
    assert p90 == pytest.approx(100.0, rel=0.1)


def test_classes_of_one_queue_have_figures_of_their_own() -> None:
    estimator = knowing()
    for number in range(400):
        at, vip = number * 500.0, number % 2 == 0
        estimator.arrived(f"c{number}", "q", 1, 10, at, group="vip" if vip else "")
        estimator.started(f"c{number}", at + (10.0 if vip else 60.0))
    assert figures(estimator.estimate("q", 1, 10, group="vip")) == pytest.approx((10, 10), rel=0.2)
    assert figures(estimator.estimate("q", 1, 10)) == pytest.approx((60, 60), rel=0.2)
    new_p50, new_p90 = figures(estimator.estimate("q", 1, 10, group="never seen"))
    assert 9 < new_p50 < 61, "as the queue's callers fare, of all classes"
    assert new_p90 == pytest.approx(60, rel=0.2)


def test_a_contact_that_begins_anew_is_followed_from_there() -> None:
    estimator = knowing()
    estimator.arrived("c1", "q", 0, 1, 100.0)
    estimator.arrived("c1", "r", 0, 1, 200.0)
    assert estimator.started("c1", 205.0)
    assert not estimator.started("c1", 206.0)


def test_a_forgotten_queue_is_gone_with_those_who_wait_in_it() -> None:
    estimator = knowing()
    for number in range(50):
        estimator.arrived(f"c{number}", "q", 0, 1, number * 400.0)
        estimator.started(f"c{number}", number * 400.0 + 50.0)
    assert estimator.error("q").waits > 0
    estimator.arrived("waits", "q", 0, 1, 30_000.0)
    estimator.forget("q")
    assert not estimator.started("waits", 30_010.0)
    assert estimator.error("q") == BackTest(waits=0, left=0)
    figures(estimator.estimate("q", 0, 1))


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_an_impossible_handle_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"handle time .*queue q"):
        Estimator().handled("q", seconds, 0.0)


def test_an_impossible_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"-1 contacts .*queue q"):
        knowing().estimate("q", -1, 1)


def held_by_us() -> int:
    """Bytes that the ACD's code holds: not those of whatever else lives in this process."""
    gc.collect()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern="*/ccd/acd/*")
    statistics = tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename")
    return sum(each.size for each in statistics)


def test_memory_is_bounded_however_long_it_runs() -> None:
    estimator = knowing()

    def hours(first: int, last: int) -> None:
        for number in range(first, last):
            at = number * 30.0
            estimator.arrived(f"c{number}", "q", number % 5, 10, at)
            for second in range(1, 30, 4):
                estimator.advanced(f"c{number}", 0, 10, at + second)
            (estimator.left if number % 4 == 0 else estimator.started)(f"c{number}", at + 29.0)
            estimator.handled("q", 100.0, at)

    hours(0, 450)  # every window is full
    tracemalloc.start()
    hours(450, 550)  # everything that is ever replaced was replaced once
    before = held_by_us()
    hours(550, 850)
    after = held_by_us()
    tracemalloc.stop()
    assert after - before < 10_000
