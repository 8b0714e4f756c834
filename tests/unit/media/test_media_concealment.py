"""Concealment is better than silence, seamless, bounded, and keeps rows apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.media.concealment import Concealer
from ccd.media.level import amplitude, level_dbm0, rms
from ccd.media.sounds import load
from ccd.media.speech import Prompt, render_many_now

ROW = np.array([0])


def played(samples, lost):
    """What is heard of `samples` where the frames numbered in `lost` do not come."""
    concealer = Concealer(1)
    frames = [
        concealer.conceal(ROW)
        if number in lost
        else concealer.observe(ROW, samples[np.newaxis, 160 * number :][:, :160])
        for number in range(samples.size // 160)
    ]
    return np.concatenate(frames, axis=1)[0]


def silenced(samples, lost):
    quiet = samples.copy()
    quiet.reshape(-1, 160)[sorted(lost)] = 0
    return quiet


def sine(frequency, level=-10, frames=100):
    time = np.arange(160 * frames) / 8000
    return np.rint(amplitude(level) * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def missing(samples, lost):
    return samples.reshape(-1, 160)[sorted(lost)].astype(float)


def error_db(samples, heard, lost):
    """Energy of the error in the lost frames against theirs: silence is 0 dB."""
    wrong = missing(heard, lost) - missing(samples, lost)
    return 10 * np.log10(np.sum(wrong**2) / np.sum(missing(samples, lost) ** 2))


def spectral_error_db(samples, heard, lost):
    """The same of the frames' spectra, without the phases that no ear hears."""
    before, after = (
        np.abs(np.fft.rfft(missing(audio, lost) * np.hanning(160))) for audio in (samples, heard)
    )
    return 10 * np.log10(np.sum((before - after) ** 2) / np.sum(before**2))


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    prompts = [
        Prompt("Your order for two thousand shares was filled at nine thirty this morning.", "en"),
        Prompt("您的委托已经全部成交，感谢您的来电，再见。", "zh"),
    ]
    paths = render_many_now(prompts, tmp_path_factory.mktemp("speech"))
    audio = np.concatenate([load(path) for path in paths])
    return audio[: audio.size // 160 * 160]


@pytest.mark.parametrize("frequency", [100, 180, 317, 450, 1000])
def test_a_tone_goes_on(frequency):
    samples = sine(frequency)
    lost = set(range(10, 100, 10))
    heard = played(samples, lost)
    assert error_db(samples, heard, lost) < -18
    # Without a click: no steeper anywhere than the tone is.
    assert (
        np.abs(np.diff(heard.astype(int))).max() <= np.abs(np.diff(samples.astype(int))).max() * 1.1
    )


def test_speech_is_closer_than_silence(speech):
    rng = np.random.default_rng(5)
    wave, spectrum = [], []
    for percent in (2, 5, 10) * 10:
        lost = set(np.flatnonzero(rng.random(speech.size // 160) < percent / 100)) - {0, 1, 2}
        heard = played(speech, lost)
        wave.append(error_db(speech, heard, lost))
        spectrum.append(spectral_error_db(speech, heard, lost))
        assert spectral_error_db(speech, silenced(speech, lost), lost) == pytest.approx(0)
    # The wave drifts out of step within a frame, what is heard of it hardly changes.
    assert np.mean(wave) < -0.2
    assert np.mean(spectrum) < -6


def test_speech_has_no_clicks(speech):
    lost = set(range(7, speech.size // 160, 13))
    edges = np.array(sorted({160 * (n + k) for n in lost for k in (0, 1)}))

    def roughness(audio):
        """Steps at the edges of lost frames: the mean of second differences there."""
        return np.abs(np.diff(audio.astype(float), 2))[edges - 1].mean()

    assert roughness(played(speech, lost)) < 1.1 * roughness(speech)
    assert roughness(silenced(speech, lost)) > 1.4 * roughness(speech)


def test_noise_keeps_its_level():
    noise = np.rint(np.random.default_rng(2).standard_normal(160 * 40) * rms(-20)).astype(np.int16)
    heard = played(noise, {20})
    assert level_dbm0(heard[3200:3280]) == pytest.approx(-20, abs=2.0)


def test_a_long_gap_fades_to_silence_in_60_ms():
    heard = played(sine(200), set(range(20, 60)))
    gap = heard[3200:].astype(float)
    parts = [level_dbm0(gap[start : start + 80].astype(np.int16)) for start in range(0, 480, 80)]
    assert parts[0] == pytest.approx(-10, abs=0.5)
    assert parts == sorted(parts, reverse=True)
    assert parts[-1] < -22
    assert not gap[480 : 40 * 160].any()


def test_audio_that_comes_again_fades_in():
    samples = sine(200)
    heard = played(samples, set(range(20, 40)))
    assert (
        np.abs(np.diff(heard.astype(int))).max() <= np.abs(np.diff(samples.astype(int))).max() * 1.1
    )
    np.testing.assert_array_equal(heard[40 * 160 + 80 :], samples[40 * 160 + 80 :])


def test_what_came_is_played_as_it_is(speech):
    np.testing.assert_array_equal(played(speech, set()), speech)


def test_a_caller_keeps_its_own_frames():
    concealer = Concealer(1)
    frame = sine(200, frames=1)[np.newaxis]
    before = frame.copy()
    assert concealer.observe(ROW, frame) is frame
    concealer.conceal(ROW)
    assert concealer.observe(ROW, frame) is not frame
    np.testing.assert_array_equal(frame, before)


def test_nothing_known_is_silence():
    concealer = Concealer(3)
    assert not concealer.conceal(np.array([0, 2])).any()
    concealer.observe(ROW, sine(200, frames=1)[np.newaxis])
    concealer.reset(ROW)
    assert not concealer.conceal(ROW).any()
    assert concealer.conceal(np.array([], dtype=np.intp)).shape == (0, 160)


def test_room_for_more_streams_changes_nothing_for_those_there(speech):
    lost = {20, 21, 40}
    concealer = Concealer(1)
    heard = []
    for number in range(60):
        if number in (10, 21, 30):
            concealer.grow(number)
            concealer.conceal(np.array([number - 1]))
        frame = speech[np.newaxis, 160 * number :][:, :160]
        heard.append(concealer.conceal(ROW) if number in lost else concealer.observe(ROW, frame))
    np.testing.assert_array_equal(
        np.concatenate(heard, axis=1)[0], played(speech, lost)[: 60 * 160]
    )


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 1))
def test_rows_do_not_touch_each_other(seed, loss):
    rng = np.random.default_rng(seed)
    rows = 6
    audio = np.stack([sine(rng.uniform(80, 3000), rng.uniform(-40, 3), 30) for _ in range(rows)])
    lost = rng.random((rows, 30)) < loss
    together = Concealer(rows)
    heard = np.zeros_like(audio)
    for frame in range(30):
        cut = slice(160 * frame, 160 * frame + 160)
        order = rng.permutation(rows)
        gone, came = order[lost[order, frame]], order[~lost[order, frame]]
        heard[gone, cut] = together.conceal(gone)
        heard[came, cut] = together.observe(came, audio[came, cut])
    for row in range(rows):
        alone = played(audio[row], set(np.flatnonzero(lost[row])))
        np.testing.assert_array_equal(heard[row], alone)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_full_scale_garbage_does_not_wrap_around(seed):
    rng = np.random.default_rng(seed)
    samples = rng.choice(np.array([-32768, 32767], dtype=np.int16), 160 * 12)
    heard = played(samples, {6, 7, 9})
    assert heard.dtype == np.int16
    quiet = sine(300, -30, 12)
    loud_before_gap = np.concatenate([quiet[: 160 * 6], quiet[160 * 6 :]])
    assert np.abs(played(loud_before_gap, {6, 7, 9}).astype(int)).max() <= amplitude(-30) * 1.2
