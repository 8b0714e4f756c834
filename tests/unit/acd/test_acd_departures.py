"""The model of a wait: so many departures, by service and by impatience."""

from __future__ import annotations

import math
import random

import pytest

from ccd.acd.estimates.departures import Moments, moments, quantiles


@pytest.mark.parametrize("ahead", [0, 1, 15, 16, 17, 100, 5000])
@pytest.mark.parametrize("leaving", [0.0, 1e-9, 0.001, 0.01, 1.0])
def test_moments_are_those_of_the_sum(ahead: int, leaving: float) -> None:
    rates = [0.05 + j * leaving for j in range(ahead + 1)]
    got = moments(ahead, 0.05, leaving)
    assert got.mean == pytest.approx(math.fsum(1 / rate for rate in rates), rel=1e-9)
    assert got.variance == pytest.approx(math.fsum(1 / rate**2 for rate in rates), rel=1e-9)


def test_one_agent_nobody_ahead_is_one_handle_time() -> None:
    assert moments(0, 1 / 180, 0.0) == pytest.approx(Moments(180.0, 180.0**2))


@pytest.mark.parametrize("waits", [0.01, 1.0, 1e5])
def test_quantiles_of_one_exponential_time(waits: float) -> None:
    got = quantiles(moments(0, 1 / waits, 0.0))
    assert got.p50 == pytest.approx(waits * math.log(2), rel=0.015)
    assert got.p90 == pytest.approx(waits * math.log(10), rel=0.015)


@pytest.mark.parametrize(("ahead", "leaving"), [(3, 0.0), (3, 0.02), (40, 0.005)])
def test_quantiles_are_those_of_many_draws(ahead: int, leaving: float) -> None:
    rng = random.Random(7)
    draws = sorted(
        sum(rng.expovariate(0.05 + j * leaving) for j in range(ahead + 1)) for _ in range(10_000)
    )
    got = quantiles(moments(ahead, 0.05, leaving))
    assert got.p50 == pytest.approx(draws[5000], rel=0.03)
    assert got.p90 == pytest.approx(draws[9000], rel=0.03)


def test_logarithms_stand_beside_the_quantiles() -> None:
    got = quantiles(moments(2, 0.1, 0.0))
    assert [math.exp(value) for value in got.logs] == pytest.approx(list(got))
