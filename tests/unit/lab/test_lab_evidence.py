"""What a recorded line proves."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from lab.trunk_sim.evidence import Tape
from lab.trunk_sim.voices import ALL_TONES, caller_voice, robot_voice

RATE = 8000


def sine(frequency: float, seconds: float, amplitude: float = 3000.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def spoken(tones: tuple[float, ...], seconds: float) -> np.ndarray:
    syllables = [sine(tones[n % 2], 0.24) for n in range(int(seconds / 0.24))]
    return np.concatenate(syllables)


def write(path: Path, heard: np.ndarray, said: np.ndarray) -> Path:
    length = max(len(heard), len(said))
    stereo = np.zeros((length, 2), dtype="<i2")
    stereo[: len(heard), 0] = np.rint(heard)
    stereo[: len(said), 1] = np.rint(said)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(stereo.tobytes())
    return path


def test_every_voice_is_heard_as_itself_alone(tmp_path: Path) -> None:
    for voice in (robot_voice(0), robot_voice(14), caller_voice(0), caller_voice(27)):
        tape = Tape.read(write(tmp_path / "v.wav", spoken(voice.tones, 3.0), np.zeros(0)))
        heard = tape.sounding("heard", ALL_TONES).tones_ms
        assert set(heard) == set(voice.tones)
        assert all(1200 <= ms <= 1500 for ms in heard.values())
        assert tape.sounding("said", ALL_TONES).tones_ms == {}


def test_voice_is_heard_off_the_frame_beat_and_in_noise(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    voice = robot_voice(4)
    late = np.concatenate((np.zeros(77), spoken(voice.tones, 3.0)))
    tape = Tape.read(write(tmp_path / "v.wav", late + rng.normal(0, 200, len(late)), late))
    assert set(tape.sounding("heard", ALL_TONES).tones_ms) == set(voice.tones)


def test_level_is_dbm0(tmp_path: Path) -> None:
    full = sine(1000.0, 1.0, amplitude=32767.0)
    tape = Tape.read(write(tmp_path / "l.wav", full, full / 10))
    assert tape.sounding("heard").level_dbm0 == pytest.approx(3.1, abs=0.1)
    assert tape.sounding("said").level_dbm0 == pytest.approx(-16.9, abs=0.1)


def test_silence_and_idle_noise_are_not_audible(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(-8, 9, RATE).astype(float)
    tape = Tape.read(write(tmp_path / "s.wav", np.zeros(RATE), noise))
    for channel in ("heard", "said"):
        sounding = tape.sounding(channel, ALL_TONES)
        assert sounding.audible_ms == 0
        assert sounding.tones_ms == {}
        assert sounding.lasted_ms == 1000
    assert tape.sounding("heard").level_dbm0 == -99.0


def test_speech_like_sound_is_audible_but_no_voice(tmp_path: Path) -> None:
    vowel = sum(sine(140.0 * n, 2.0, 4000.0 / n) for n in range(1, 24))
    tape = Tape.read(write(tmp_path / "h.wav", np.asarray(vowel), np.zeros(0)))
    sounding = tape.sounding("heard", ALL_TONES)
    assert sounding.audible_ms == 2000
    assert sounding.tones_ms == {}


def test_stretches_are_told_apart(tmp_path: Path) -> None:
    first, second = sine(2350.0, 1.0), sine(1750.0, 1.0)
    tape = Tape.read(write(tmp_path / "t.wav", np.concatenate((first, second)), np.zeros(0)))
    assert tape.seconds == 2.0
    assert set(tape.sounding("heard", ALL_TONES, 0.0, 1.0).tones_ms) == {2350.0}
    assert set(tape.sounding("heard", ALL_TONES, 1.0).tones_ms) == {1750.0}
    assert tape.sounding("heard", ALL_TONES, 5.0, 6.0).lasted_ms == 0


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(b"\0\0" * 100)
    with pytest.raises(ValueError, match="not stereo"):
        Tape.read(path)
