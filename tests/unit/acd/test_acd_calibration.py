"""From the model's quantiles to those that hold."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from ccd.acd.estimates.calibration import LEAST, WINDOW, Calibration, Curve, Seen
from ccd.acd.estimates.departures import Quantiles


def exponential(mean: float) -> Quantiles:
    return Quantiles(mean * math.log(2), mean * math.log(10))


def teach(node: Calibration, count: int, *, factor: float, seed: int = 1, mean: float = 60) -> None:
    """Waits `factor` times as long as the model thinks."""
    rng = random.Random(seed)
    for _ in range(count):
        node.add(Seen(exponential(mean).logs, rng.expovariate(1 / (mean * factor)), True))


def test_with_nothing_seen_the_model_stands() -> None:
    assert Calibration()(exponential(60)) == pytest.approx(exponential(60))


def test_a_few_waits_change_nothing() -> None:
    node = Calibration()
    teach(node, LEAST - 1, factor=9.0)
    assert node(exponential(60)) == pytest.approx(exponential(60))


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_a_wrong_model_is_put_right(factor: float) -> None:
    node = Calibration()
    teach(node, WINDOW, factor=factor)
    said = node(exponential(60))
    assert said.p50 == pytest.approx(exponential(60 * factor).p50, rel=0.25)
    assert said.p90 == pytest.approx(exponential(60 * factor).p90, rel=0.25)


def test_what_changes_is_followed() -> None:
    node = Calibration()
    teach(node, 2 * WINDOW, factor=1.0)
    teach(node, WINDOW, factor=4.0, seed=2)
    assert node(exponential(60)).p50 == pytest.approx(exponential(240).p50, rel=0.3)


def test_short_and_long_waits_are_put_right_apart() -> None:
    """A ring of 10 s matters to who would wait 2 s, not to who waits minutes."""
    node = Calibration()
    rng = random.Random(3)
    for _ in range(WINDOW):
        mean = rng.choice((2.0, 8.0, 30.0, 120.0, 400.0))
        node.add(Seen(exponential(mean).logs, 10.0 + rng.expovariate(1 / mean), True))
    assert node(exponential(2.0)).p50 > 8.0
    assert node(exponential(400.0)).p50 == pytest.approx(exponential(400.0).p50 + 10, rel=0.3)


def test_a_queue_begins_with_what_the_centre_knows() -> None:
    centre = Calibration()
    queue = Calibration(centre)
    teach(centre, WINDOW, factor=3.0)
    assert queue(exponential(60)) == centre(exponential(60))
    for _ in range(LEAST):
        queue.add(Seen(exponential(60).logs, exponential(180).p50 / 2, True))
    said = queue(exponential(60))
    assert centre(exponential(60)).p50 * 0.5 < said.p50 < centre(exponential(60)).p50 * 0.9


def test_those_who_left_are_longer_waits_not_short_ones() -> None:
    rng = random.Random(4)
    honest, flattering = Calibration(), Calibration()
    for _ in range(WINDOW):
        wait, patience = rng.expovariate(1 / 60), rng.expovariate(1 / 60)
        honest.add(Seen(exponential(60).logs, min(wait, patience), wait <= patience))
        if wait <= patience:
            flattering.add(Seen(exponential(60).logs, wait, True))
    assert honest(exponential(60)).p50 == pytest.approx(exponential(60).p50, rel=0.25)
    assert flattering(exponential(60)).p50 < 0.75 * exponential(60).p50


def test_where_all_leave_nothing_is_invented() -> None:
    node = Calibration()
    for _ in range(WINDOW):
        node.add(Seen(exponential(60).logs, 20.0, False))
    assert node(exponential(60)) == pytest.approx(exponential(60)), "only the model is left"


def test_broken_promises_raise_what_is_said_and_kept_ones_lower_it() -> None:
    said = []
    for kept in (True, False):
        node = Calibration()
        teach(node, WINDOW, factor=1.0)
        for _ in range(60):
            node.judge(1.0, Quantiles(2.0, 2.0) if kept else Quantiles(0.5, 0.5), ended=True)
        teach(node, WINDOW, factor=1.0)
        said.append(node(exponential(60)))
    assert said[0].p50 < said[1].p50
    assert said[0].p90 < said[1].p90


def test_a_promise_that_nobody_stays_to_see_kept_is_not_judged() -> None:
    said = []
    for judged in (True, False):
        node = Calibration()
        for number in range(WINDOW):
            over = number * 7 % 40
            node.add(Seen(exponential(60).logs, 20.0 + over, over < 30))
            if judged:
                node.judge(50.0, Quantiles(500.0, 1000.0), ended=False)
        said.append(node(exponential(60)))
    assert said[0] == said[1]


def test_p90_is_never_below_p50() -> None:
    node = Calibration()
    for number in range(WINDOW):
        node.add(Seen((math.log(10), math.log(100)), 60.0 + number % 2, True))
    said = node(Quantiles(100.0, 100.0))
    assert said.p90 >= said.p50 > 100.0


def test_overlapping_waits_are_thinned_once_the_window_fills() -> None:
    node = Calibration()
    assert all(node.wants(100.0, float(now)) for now in range(10)), "an empty one takes all"
    teach(node, WINDOW, factor=1.0)
    wanted = [now for now in range(1000, 1100) if node.wants(100.0, float(now))]
    assert wanted == [1000, 1025, 1050, 1075]


def test_a_curve_is_straight_between_knots_and_keeps_its_ratio_outside() -> None:
    curve = Curve((0.0, 2.0), (1.0, 2.0))
    at = [-1.0, 0.0, 1.0, 2.0, 3.0]
    assert [curve(x) for x in at] == [0.0, 1.0, 1.5, 2.0, 3.0]
    assert curve.over(np.array(at)) == pytest.approx([curve(x) for x in at])
