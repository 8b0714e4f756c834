"""`[recording]` that is well typed and still cannot work."""

from __future__ import annotations

import math

import pytest

from ccd.config import Recording, Settings
from ccd.settings.check import check


@pytest.mark.parametrize(
    ("longest", "says"),
    [
        (-1.0, "recording.pause_longest_s: -1 is negative (0 means no pause at all)"),
        (math.inf, "recording.pause_longest_s: inf is no length of time"),
        (math.nan, "recording.pause_longest_s: nan is no length of time"),
    ],
)
def test_a_pause_that_never_ends_is_refused(longest: float, says: str) -> None:
    (problem,) = check(Settings(recording=Recording(pause_longest_s=longest)))
    assert says in str(problem)


def test_a_pause_may_be_of_any_length() -> None:
    for longest in (0.0, 0.5, 86_400.0):
        assert list(check(Settings(recording=Recording(pause_longest_s=longest)))) == []
