"""Tones: frequencies, levels, cadences, and no clicks."""

import numpy as np
import pytest

from ccd.media.level import FLOOR_DBM0, amplitude, gain, level_dbm0, rms
from ccd.media.sounds import SoundPlayer
from ccd.media.tones import (
    BUSY,
    CONGESTION,
    DIAL,
    DTMF,
    KEYPAD,
    RINGBACK,
    Tone,
    dtmf,
    tone,
)


def level_at(samples, frequency):
    """Level of one frequency over a stretch that holds whole numbers of its periods or is long."""
    window = np.hanning(samples.size)
    carrier = np.exp(-2j * np.pi * frequency * np.arange(samples.size) / 8000)
    return 20 * np.log10(2 * abs(np.sum(samples * window * carrier)) / window.sum() / amplitude(0))


def test_levels_and_amplitudes_are_inverse():
    for level in (-40.0, -13.0, 0.0, 3.14):
        sine = amplitude(level) * np.sin(2 * np.pi * 400 * np.arange(8000) / 8000)
        assert level_dbm0(np.rint(sine).astype(np.int16)) == pytest.approx(level, abs=0.05)
        assert rms(level) == pytest.approx(np.sqrt(np.mean(sine**2)), rel=1e-6)
    assert level_dbm0(np.zeros(160, dtype=np.int16)) == FLOOR_DBM0
    assert level_dbm0(np.zeros(0, dtype=np.int16)) == FLOOR_DBM0
    assert gain(6.0206) == pytest.approx(2.0, rel=1e-4)


def test_the_keypad_is_that_of_q23():
    assert "".join(KEYPAD) == "123A456B789C*0#D"
    assert DTMF["1"] == (697, 1209)
    assert DTMF["5"] == (770, 1336)
    assert DTMF["#"] == (941, 1477)
    assert DTMF["D"] == (941, 1633)


@pytest.mark.parametrize("digit", list(DTMF))
def test_a_digit_has_its_two_frequencies_at_their_level(digit):
    samples = dtmf(digit, on_ms=200, gap_ms=0, level_dbm0=-9)
    low, high = DTMF[digit]
    assert level_at(samples, low) == pytest.approx(-9, abs=0.2)
    assert level_at(samples, high) == pytest.approx(-9, abs=0.2)


def test_digits_have_their_times():
    samples = dtmf("12", on_ms=100, gap_ms=60)
    assert samples.size == 2 * 160 * 8
    assert samples[:800].any()
    assert not samples[800:1280].any()
    assert dtmf("").size == 0


def test_no_digit_is_refused():
    with pytest.raises(ValueError, match="'x', character 2"):
        dtmf("1x")


def test_a_burst_does_not_click():
    # Energy above 3 kHz of a 450 Hz burst is that of its edges.
    burst = np.concatenate([np.zeros(400), tone((450.0,), 100, -10), np.zeros(400)])
    cut = np.concatenate(
        [np.zeros(400), amplitude(-10) * np.sin(2 * np.pi * 450 * np.arange(3, 803) / 8000), np.zeros(400)]
    )  # fmt: skip

    def edges(samples):
        return np.sum(np.abs(np.fft.rfft(samples)[samples.size * 3 // 8 :]) ** 2)

    assert edges(burst) < edges(cut) / 1000


def test_any_stretch_of_a_tone_can_be_had():
    whole = Tone((450.0, 400.0), -10, 800, 500, None).stretch(0, 8000)
    parts = Tone((450.0, 400.0), -10, 800, 500, None)
    pieces = [parts.stretch(start, 133) for start in range(0, 8000, 133)]
    np.testing.assert_array_equal(whole, np.concatenate(pieces)[:8000])


def test_a_tone_far_in_time_is_still_in_tune():
    day = 86_400 * 8000
    late = Tone((450.0,), -10, 8000, 0, None).stretch(day, 8000)
    assert level_at(late, 450.0) == pytest.approx(-10, abs=0.01)


@pytest.mark.parametrize("frequency", [0.0, -1.0, 4000.0, float("nan")])
def test_frequencies_beyond_the_line_are_refused(frequency):
    with pytest.raises(ValueError, match="Hz"):
        tone((frequency,), 100)


def test_clipping_is_at_full_scale():
    loud = tone((450.0,), 100, 20.0)
    assert loud.max() == 32767
    assert loud.min() == -32768


@pytest.mark.parametrize(
    "plan", [RINGBACK, BUSY, CONGESTION, DIAL], ids=["ring", "busy", "cong", "dial"]
)
@pytest.mark.parametrize("country", ["cn", "eu", "uk", "us"])
def test_cadences_play_their_bursts(plan, country):
    cadence = plan[country]
    player = SoundPlayer(cadence.sounds(-15), loop=True)
    period = sum(on + off for on, off in cadence.bursts)
    audio = np.concatenate([player.next_frame() for _ in range(2 * period // 20)])
    per_ms = np.abs(audio.reshape(-1, 8)).max(axis=1) > 0
    begin = 0
    for on, off in cadence.bursts * 2:
        # A sine crosses zero, but no beat of two tones is silent for 20 ms.
        burst, pause = per_ms[begin + 5 : begin + on - 5], per_ms[begin + on : begin + on + off]
        assert burst.mean() > 0.9
        assert not pause.any()
        begin += on + off


def test_china_is_450_hz():
    for plan in (RINGBACK, BUSY, CONGESTION, DIAL):
        assert plan["cn"].frequencies == (450.0,)
    assert BUSY["cn"].bursts == ((350, 350),)
    assert RINGBACK["cn"].bursts == ((1000, 4000),)
