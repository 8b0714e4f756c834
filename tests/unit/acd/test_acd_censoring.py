"""Waits cut short count as "longer than": by hand, and against a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest

from ccd.acd.estimates.censoring import Patient, distribution, order


def test_without_censoring_it_is_the_share_at_or_below() -> None:
    got = distribution(np.ones(4), np.array([True] * 4))
    assert got == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_one_who_left_is_shared_out_among_those_who_waited_longer() -> None:
    # values 1, 2+, 3, 4: the lost quarter falls to 3 and 4, an eighth each
    got = distribution(np.ones(4), np.array([True, False, True, True]))
    assert got == pytest.approx([0.25, 0.25, 0.625, 1.0])


def test_the_tail_stays_open_where_the_longest_left() -> None:
    got = distribution(np.ones(2), np.array([True, False]))
    assert got == pytest.approx([0.5, 0.5])


def test_weights_count_as_so_many_and_rows_are_independent() -> None:
    seen = np.array([True, True])
    got = distribution(np.array([[3.0, 1.0], [0.0, 2.0]]), seen)
    assert got[0] == pytest.approx([0.75, 1.0])
    assert got[1] == pytest.approx([0.0, 1.0])


def test_of_equal_values_the_seen_one_comes_first() -> None:
    values = np.array([2.0, 1.0, 2.0])
    assert list(order(values, np.array([False, True, True]))) == [1, 2, 0]


def test_the_answered_stand_for_those_who_left() -> None:
    # of three, one left at 2: whoever was answered later stands for 1.5 callers
    patient = Patient(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))
    assert patient.stands_for(1.0) == pytest.approx(1.0)
    assert patient.stands_for(2.0) == pytest.approx(1.0), "answered at 2 is before left at 2"
    assert patient.stands_for(3.0) == pytest.approx(2.0)
    weights = patient.weights(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))
    assert weights == pytest.approx([1.0, 0.0, 2.0])


def test_the_true_quantile_is_found_behind_heavy_abandonment() -> None:
    rng = np.random.default_rng(3)
    truth = rng.exponential(60.0, 20_000)
    patience = rng.exponential(60.0, 20_000)
    seen = truth <= patience
    waits = np.minimum(truth, patience)
    assert 0.45 < seen.mean() < 0.55
    index = order(waits, seen)
    share = distribution(np.ones(len(waits)), seen[index])
    median = waits[index][np.searchsorted(share, 0.5)]
    assert median == pytest.approx(60 * np.log(2), rel=0.04)
    assert np.median(waits[seen]) < 0.6 * median, "the answered alone would flatter"
    weights = Patient(waits, seen).weights(waits, seen)
    assert weights @ (waits <= 60 * np.log(2)) / len(waits) == pytest.approx(0.5, abs=0.02)


def test_where_hardly_anybody_stays_nothing_can_be_measured() -> None:
    waits = np.array([10.0] * 10 + [60.0] * 90)
    answered = waits < 60.0
    patient = Patient(waits, answered)
    assert patient.share(59.0) == patient.share(60.0) == 1.0
    assert patient.share(61.0) == 0.0
    assert patient.stands_for(61.0) == pytest.approx(10.0), "nobody stands for more than ten"
    in_sight = patient.in_sight(np.array([5.0, 60.0, 61.0, 600.0]))
    assert in_sight.tolist() == [True, True, False, False]
