"""Any WAV people have, brought to 8 kHz mono; play lists, to the sample."""

import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.media import sounds, wav
from ccd.media.level import amplitude, level_dbm0
from ccd.media.protocol import Sound
from ccd.media.resample import resample
from ccd.media.sounds import SoundError, SoundPlayer, load

RATES = [6000, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000]


def sine(frequency, level, seconds, rate):
    time = np.arange(round(seconds * rate)) / rate
    return amplitude(level) / 32768.0 * np.sin(2 * np.pi * frequency * time)


def frequency_of(samples, rate=8000):
    """The strongest frequency, interpolated between the bins of a windowed spectrum."""
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(samples.size))) + 1e-9)
    peak = int(np.argmax(spectrum[1:-1])) + 1
    left, middle, right = spectrum[peak - 1 : peak + 2]
    offset = 0.5 * (left - right) / (left - 2 * middle + right)
    return (peak + offset) * rate / samples.size


def wav_bytes(kind, bits, channels, rate, data, *, extensible=False, size=None):
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    if extensible:
        layout = struct.pack("<H", 0xFFFE) + layout[2:]
        layout += struct.pack("<HHIH", 22, bits, 0, kind) + bytes.fromhex(
            "000000001000800000aa00389b71"
        )
    junk = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # an odd chunk, padded
    fmt = b"fmt " + struct.pack("<I", len(layout)) + layout
    body = b"WAVE" + junk + fmt + b"data" + struct.pack("<I", len(data) if size is None else size)
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def packed(values, kind, bits):
    if kind == 3:
        return values.astype(f"<f{bits // 8}").tobytes()
    if bits == 8:
        return np.rint(values * 127 + 128).astype(np.uint8).tobytes()
    whole = np.rint(values * (2 ** (bits - 1) - 1)).astype("<i4")
    return whole.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()


@pytest.mark.parametrize("extensible", [False, True], ids=["plain", "extensible"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)])
def test_every_sample_format_is_read(tmp_path, kind, bits, channels, extensible):
    values = np.repeat(sine(1000, -10, 0.25, 8000), channels)
    path = tmp_path / "a.wav"
    path.write_bytes(
        wav_bytes(kind, bits, channels, 8000, packed(values, kind, bits), extensible=extensible)
    )
    samples = load(path)
    assert samples.dtype == np.int16
    assert samples.shape == (2000,)
    expected = sine(1000, -10, 0.25, 8000) * 32768
    assert np.abs(samples - expected).max() <= (260 if bits == 8 else 2)


@pytest.mark.parametrize(("kind", "silence"), [(6, 0xD5), (7, 0xFF)], ids=["A-law", "mu-law"])
def test_g711_in_a_wav_is_read(tmp_path, kind, silence):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(kind, 8, 1, 8000, bytes([silence]) * 100))
    assert set(load(path).tolist()) <= {0, 8}


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "a.wav"
    pair = np.stack([np.full(80, 1000), np.full(80, 3000)], axis=1).astype("<i2")
    path.write_bytes(wav_bytes(1, 16, 2, 8000, pair.tobytes()))
    assert set(load(path).tolist()) == {2000}


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 1_000_000], ids=["zero", "stream", "too long"])
def test_a_file_whose_writer_died_is_read_to_its_end(tmp_path, size):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(1, 16, 1, 8000, b"\x01\x00" * 800, size=size))
    assert load(path).size == 800


@pytest.mark.parametrize("rate", RATES)
def test_rates_are_brought_to_8_khz(tmp_path, rate):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(1, 16, 1, rate, packed(sine(700, -12, 1.0, rate), 1, 16)))
    samples = load(path)
    assert samples.size == 8000
    middle = samples[400:-400]
    assert frequency_of(middle) == pytest.approx(700, abs=0.5)
    assert level_dbm0(middle) == pytest.approx(-12, abs=0.1)


@settings(max_examples=30, deadline=None)
@given(
    rate=st.integers(5000, 50000),
    frequency=st.floats(100, 2000),
    level=st.floats(-30, 0),
)
def test_resampling_keeps_frequency_and_level(rate, frequency, level):
    samples = resample(sine(frequency, level, 0.3, rate).astype(np.float32), rate, 8000)
    middle = samples[300:-300] * 32768
    assert frequency_of(middle) == pytest.approx(frequency, abs=3)
    # Half a period of the lowest tone may be cut off at either end.
    assert level_dbm0(middle) == pytest.approx(level, abs=0.35)


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
def test_what_would_fold_back_is_gone(rate):
    for frequency in (4000, 4600, 5500, 7000):
        samples = resample(sine(frequency, 0, 0.5, rate).astype(np.float32), rate, 8000)
        assert level_dbm0(samples[400:-400] * 32768) < -75


@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_telephone_band_is_flat(rate):
    for frequency in (50, 300, 1000, 2500, 3400):
        samples = resample(sine(frequency, -10, 0.5, rate).astype(np.float32), rate, 8000)
        assert level_dbm0(samples[400:-400] * 32768) == pytest.approx(-10, abs=0.05)


def test_a_file_is_read_once_until_it_changes(tmp_path):
    path = tmp_path / "a.wav"
    wav.write(path, np.arange(100, dtype=np.int16))
    first = load(path)
    assert load(str(path)) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1
    wav.write(path, np.arange(50, dtype=np.int16))
    os.utime(path, ns=(1, 1))
    assert load(path).size == 50


def test_the_cache_forgets_what_was_least_used():
    cache = sounds._Cache(capacity=1000)
    clips = {name: np.zeros(200, dtype=np.int16) for name in "abc"}  # 400 bytes each
    for name in "ab":
        cache.put(name, (1, 1), clips[name])
    assert cache.get("a", (1, 1)) is clips["a"]
    cache.put("c", (1, 1), clips["c"])
    assert cache.get("b", (1, 1)) is None
    assert cache.get("a", (1, 1)) is clips["a"]
    assert cache.get("a", (2, 1)) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin like a WAV"),
        (b"ID3\x04 an mp3", "does not begin like a WAV"),
        (wav_bytes(1, 16, 1, 8000, b"")[:20], "has no data"),
        (wav_bytes(85, 16, 1, 8000, b"\0\0"), "format \\(85, 16 bits\\)"),
        (wav_bytes(1, 16, 0, 8000, b"\0\0"), "0 channels"),
        (wav_bytes(1, 12, 1, 8000, b"\0\0"), "do not fit"),
    ],
)
def test_what_is_no_sound_is_named_with_reason_and_mend(tmp_path, content, reason):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(SoundError, match=rf"broken\.wav.*{reason}.*sox"):
        load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SoundError, match=r"gone\.wav: there is no such"):
        SoundPlayer((Sound(path=str(tmp_path / "gone.wav")),))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content):
    for candidate in (content, b"RIFF\0\0\0\0WAVE" + content, b"RIFF\0\0\0\0WAVEfmt " + content):
        try:
            wave = wav.parse(candidate)
        except wav.WavError:
            continue
        assert wave.samples.ndim == 2
        assert np.isfinite(wave.samples).all()


def played(player, limit=10_000):
    frames = []
    while (frame := player.next_frame()) is not None and len(frames) < limit:
        assert frame.shape == (160,)
        assert frame.dtype == np.int16
        frames.append(frame)
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.int16)


@pytest.fixture
def clip(tmp_path):
    def make(samples, name="clip.wav"):
        path = tmp_path / name
        wav.write(path, np.asarray(samples, dtype=np.int16))
        return str(path)

    return make


def test_a_play_list_runs_on_to_the_sample(clip):
    first, second = clip(np.arange(1, 251), "1.wav"), clip(np.arange(1001, 1101), "2.wav")
    audio = played(SoundPlayer((Sound(path=first), Sound(path=second))))
    assert audio.size == 480  # 350 samples, filled up to whole frames
    np.testing.assert_array_equal(audio[:250], np.arange(1, 251))
    np.testing.assert_array_equal(audio[250:350], np.arange(1001, 1101))
    assert not audio[350:].any()


def test_a_loop_has_no_seam(clip):
    player = SoundPlayer((Sound(path=clip(np.arange(250))),), loop=True)
    audio = np.concatenate([player.next_frame() for _ in range(50)])
    np.testing.assert_array_equal(audio, np.arange(8000) % 250)


def test_a_file_repeats_with_its_pause(clip):
    audio = played(SoundPlayer((Sound(path=clip(np.ones(100)), off_ms=10, repeat=3),)))
    np.testing.assert_array_equal(
        audio[:540], np.tile(np.concatenate([np.ones(100), np.zeros(80)]), 3)
    )


def test_a_short_file_repeats_within_one_frame(clip):
    player = SoundPlayer((Sound(path=clip(np.arange(7)), repeat=0),))
    audio = np.concatenate([player.next_frame() for _ in range(20)])
    np.testing.assert_array_equal(audio, np.arange(3200) % 7)


def test_a_cadenced_tone_sounds_and_pauses():
    sound = Sound(frequencies=(450.0,), level_dbm0=-10, on_ms=350, off_ms=350, repeat=2)
    audio = played(SoundPlayer((sound,)))
    assert audio.size == 11200
    for begin in (0, 5600):
        assert level_dbm0(audio[begin + 100 : begin + 2700]) == pytest.approx(-10, abs=0.1)
        assert not audio[begin + 2800 : begin + 5600].any()
    assert frequency_of(audio[:2800].astype(float)) == pytest.approx(450, abs=1)


def test_two_frequencies_are_summed():
    sound = Sound(frequencies=(697.0, 1209.0), level_dbm0=-10, on_ms=1000)
    assert level_dbm0(played(SoundPlayer((sound,)))) == pytest.approx(-7, abs=0.1)


def test_a_tone_without_end_and_pause_has_no_clicks():
    sound = Sound(frequencies=(425.0,), level_dbm0=-10, on_ms=1000, repeat=0)
    player = SoundPlayer((sound,))
    audio = np.concatenate([player.next_frame() for _ in range(400)]).astype(float)
    assert level_dbm0(audio[8000:]) == pytest.approx(-10, abs=0.02)
    # The second difference of a sine is bounded by its own curvature; a click is not.
    curvature = amplitude(-10) * (2 * np.pi * 425 / 8000) ** 2
    assert np.abs(np.diff(audio, 2)).max() < curvature * 1.1 + 4


def test_silence_is_an_item():
    audio = played(SoundPlayer((Sound(on_ms=30), Sound(frequencies=(400.0,), on_ms=10))))
    assert audio.size == 320
    assert not audio[:240].any()
    assert audio[240:].any()


@pytest.mark.parametrize(
    "sound",
    [
        Sound(),
        Sound(frequencies=(440.0,)),
        Sound(frequencies=(4400.0,), on_ms=100),
        Sound(on_ms=-5),
        Sound(on_ms=5, repeat=-1),
    ],
)
def test_impossible_sounds_are_refused_before_they_play(sound):
    with pytest.raises(SoundError):
        SoundPlayer((sound,))


def test_an_empty_list_is_over_at_once_and_can_not_loop(clip):
    assert SoundPlayer(()).next_frame() is None
    empty = Sound(path=clip([]))
    assert SoundPlayer((empty, empty)).next_frame() is None
    with pytest.raises(SoundError, match="loop"):
        SoundPlayer((empty,), loop=True)
