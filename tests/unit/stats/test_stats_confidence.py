"""Student's interval against its published table."""

import random

import pytest

from ccd.stats.confidence import estimate, student

TABLE = [
    (0.95, 1, 12.706), (0.95, 2, 4.303), (0.95, 4, 2.776), (0.95, 9, 2.262), (0.95, 30, 2.042),
    (0.99, 3, 5.841), (0.99, 10, 3.169), (0.99, 120, 2.617), (0.9, 7, 1.895), (0.999, 11, 4.437),
]  # fmt: skip


@pytest.mark.parametrize(("confidence", "freedom", "quantile"), TABLE)
def test_student_is_the_published_table(confidence: float, freedom: int, quantile: float) -> None:
    assert student(confidence, freedom) == pytest.approx(quantile, abs=6e-4)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = random.Random(4)
    hits = 0
    for _ in range(2000):
        found = estimate([rng.gauss(3.0, 2.0) for _ in range(5)])
        hits += found.error is not None and abs(found.mean - 3.0) <= found.error
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)  # three standard errors


def test_one_run_has_no_interval() -> None:
    found = estimate([5.0])
    assert (found.mean, found.error, found.is_clear) == (5.0, None, False)
    assert estimate([5.0, 5.1, 4.9]).is_clear
    assert not estimate([5.0, -5.1, 4.9]).is_clear


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no values"):
        estimate([])
    with pytest.raises(ValueError, match="between 0 and 1"):
        student(1.0, 3)
