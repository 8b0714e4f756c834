"""What became of promises, counted."""

from __future__ import annotations

import random

import pytest

from ccd.acd.estimates.backtest import WINDOW, BackTest, Record
from ccd.acd.estimates.departures import Quantiles


def test_before_anybody_was_answered_nothing_is_measured() -> None:
    record = Record()
    assert record.say(Quantiles(1.0, 2.0), 0.0) is None
    assert record.result() == BackTest(waits=0, left=0)
    assert not record.result().sound


def test_figures_by_hand() -> None:
    record = Record()
    record.over(None, 10.0, answered=True)
    first = record.say(Quantiles(20.0, 40.0), 0.0)
    record.over(first, 30.0, answered=True)
    second = record.say(Quantiles(20.0, 40.0), 100.0)
    record.over(second, 50.0, answered=True)
    result = record.result()
    assert (result.waits, result.left) == (2, 0)
    assert (result.below_p50, result.below_p90) == (0.0, 0.5)
    assert result.ours
    assert result.last_wait
    assert result.mean_of_ten
    assert result.ours.absolute == pytest.approx((10 + 30) / 2)
    assert result.ours.pinball_p50 == pytest.approx((5 + 15) / 2)
    assert result.ours.pinball_p90 == pytest.approx((0.1 * 10 + 0.9 * 10) / 2)
    assert result.last_wait.absolute == pytest.approx((20 + 20) / 2)
    assert result.mean_of_ten.absolute == pytest.approx((20 + 30) / 2)


def test_those_who_left_do_not_flatter_the_figures() -> None:
    """True waits have P50 69 s and P90 230 s, and half the callers leave first."""
    rng = random.Random(2)
    record = Record()
    record.over(None, 100.0, answered=True)
    shares, naive = [], []
    for number in range(20 * WINDOW):
        said = record.say(Quantiles(69.3, 230.3), number * 1000.0)
        wait, patience = rng.expovariate(1 / 100), rng.expovariate(1 / 100)
        record.over(said, min(wait, patience), answered=wait <= patience)
        if wait <= patience:
            naive.append(wait <= 69.3)
        if number % WINDOW == WINDOW - 1:
            shares.append(record.result())
    below = [result.below_p50 for result in shares if result.below_p50 is not None]
    assert len(below) == 20
    assert sum(below) / 20 == pytest.approx(0.5, abs=0.03)
    assert sum(naive) / len(naive) > 0.7, "over the answered alone it would look like this"
    assert shares[-1].left > WINDOW / 3


@pytest.mark.parametrize(("factor", "sound"), [(1.0, True), (0.4, False), (3.0, False)])
def test_sound_means_that_shares_are_about_as_promised(factor: float, sound: bool) -> None:
    rng = random.Random(9)
    record = Record()
    record.over(None, 100.0, answered=True)
    for number in range(WINDOW):
        said = record.say(Quantiles(69.3 * factor, 230.3 * factor), number * 1000.0)
        record.over(said, rng.expovariate(1 / 100), answered=True)
    assert record.result().sound is sound


def test_old_waits_make_room() -> None:
    record = Record()
    record.over(None, 1.0, answered=True)
    for number in range(3 * WINDOW):
        said = record.say(Quantiles(10.0, 20.0), number * 1000.0)
        record.over(said, 5.0 if number >= 2 * WINDOW else 50.0, answered=True)
    result = record.result()
    assert result.waits == WINDOW
    assert (result.below_p50, result.below_p90) == pytest.approx((1.0, 1.0))


def test_waits_that_overlap_are_thinned_once_the_window_fills() -> None:
    record = Record()
    record.over(None, 100.0, answered=True)
    for number in range(WINDOW):
        record.over(record.say(Quantiles(100.0, 200.0), number * 1e3), 90.0, answered=True)
    at = WINDOW * 1e3
    asked = [record.say(Quantiles(100.0, 200.0), at + second) for second in range(100)]
    assert sum(said is not None for said in asked) == 4
