"""What is learnt of agents' speed and callers' patience."""

from __future__ import annotations

import random

import pytest

from ccd.acd.estimates.rates import HANDLED_LEAST, HandleTimes, Patience


def test_nothing_is_known_until_some_contacts_were_handled() -> None:
    times = HandleTimes()
    for number in range(HANDLED_LEAST):
        assert times.mean("q") is None
        times.add("q", 100.0, float(number))
    assert times.mean("q") == pytest.approx(100.0)


def test_a_new_queue_begins_with_the_centres_mean_and_goes_its_own_way() -> None:
    times = HandleTimes()
    for number in range(50):
        times.add("old", 100.0, float(number))
    assert times.mean("new") == pytest.approx(100.0)
    times.add("new", 400.0, 50.0)
    first = times.mean("new")
    assert first is not None
    assert 100.0 < first < 200.0
    for number in range(300):
        times.add("new", 400.0, 51.0 + number)
    assert times.mean("new") == pytest.approx(400.0, rel=0.02)


def test_a_change_is_followed() -> None:
    times = HandleTimes()
    for number in range(1000):
        times.add("q", 100.0, float(number))
    for number in range(600):
        times.add("q", 200.0, 1000.0 + number)
    assert times.mean("q") == pytest.approx(200.0, rel=0.05)


def test_agents_of_several_queues_take_the_mix() -> None:
    times = HandleTimes()
    for number in range(400):
        times.add("short", 60.0, float(number))
        if number % 4 == 0:
            times.add("long", 660.0, float(number))
    times.together("short", ["short", "long"])
    times.together("long", ["short"])
    assert times.mean("short") == pytest.approx((4 * 60 + 660) / 5, rel=0.03)
    assert times.mean("long") == times.mean("short")


def test_the_mix_holds_after_a_quiet_weekend() -> None:
    times = HandleTimes()
    times.together("q", ["r"])
    for number in range(200):
        times.add("q", 60.0, float(number))
        times.add("r", 120.0, float(number))
    before = times.mean("q")
    times.add("q", 60.0, 3 * 86_400.0)
    after = times.mean("q")
    assert before == pytest.approx(90.0, rel=0.02)
    assert after is not None
    assert 60.0 <= after < 65.0, "what is handled now is what counts"


def test_forgotten_queues_leave_nothing() -> None:
    times, patience = HandleTimes(), Patience()
    for number in range(10):
        times.add("q", 300.0, float(number))
        times.add("r", 100.0, float(number))
        patience.add("q", 10.0, left=True)
        patience.add("r", 10.0, left=False)
    times.forget("q")
    patience.forget("q")
    assert times.mean("q") == pytest.approx(200.0), "the centre's"
    assert patience.leaving_rate("q") == pytest.approx(0.05, rel=0.02), "the centre's"


def test_patience_is_found_though_most_are_answered_first() -> None:
    rng = random.Random(5)
    patience = Patience()
    for _ in range(3000):
        would_leave, answered = rng.expovariate(1 / 120), rng.expovariate(1 / 40)
        patience.add("q", min(would_leave, answered), left=would_leave < answered)
    assert 1 / patience.leaving_rate("q") == pytest.approx(120, rel=0.2)


def test_patience_without_abandonment_has_no_end() -> None:
    patience = Patience()
    assert patience.leaving_rate("q") == 0.0
    patience.add("q", 100.0, left=False)
    assert patience.leaving_rate("q") == 0.0


def test_rates_stay_finite_for_waits_and_calls_of_no_length() -> None:
    times, patience = HandleTimes(), Patience()
    for number in range(10):
        times.add("q", 0.0, float(number))
        patience.add("q", 0.0, left=True)
    mean = times.mean("q")
    assert mean is not None
    assert mean > 0
    assert patience.leaving_rate("q") <= 20.0
