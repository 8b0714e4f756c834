"""When the worker beats: by absolute times, and less often while it is behind them."""

from __future__ import annotations

import pytest

from ccd.media.worker import BEAT_S, BEATS_A_FRAME, next_beat


def beats(beat: int, late: float) -> tuple[int, float]:
    """The beat after `beat`, which was due at 100 s, and how long after it that is due."""
    number, due = next_beat(beat, 100.0, 100.0 + late)
    return number, due - 100.0


@pytest.mark.parametrize("late", [0.0, 0.004, 0.009])
def test_in_time_every_beat_is_kept(late: float) -> None:
    assert beats(8, late) == (9, pytest.approx(BEAT_S))


@pytest.mark.parametrize(
    ("beat", "late", "expected"),
    [
        (8, 0.011, 10),
        (8, 0.016, 11),
        (8, 0.021, 12),
        (8, 0.150, 12),
        (10, 0.150, 12),
        (11, 0.1, 12),
    ],
)
def test_behind_time_beats_are_left_out_but_never_a_frame(
    beat: int, late: float, expected: int
) -> None:
    number, after = beats(beat, late)
    assert number == expected
    assert after == pytest.approx((expected - beat) * BEAT_S)


def test_a_long_way_behind_each_frame_is_made_with_one_beat() -> None:
    beat, due, frames = 0, 0.0, 0
    for _ in range(10):
        beat, due = next_beat(beat, due, 1.0)
        frames += beat % BEATS_A_FRAME == 0
    assert frames == 10
    assert due == pytest.approx(0.2)
