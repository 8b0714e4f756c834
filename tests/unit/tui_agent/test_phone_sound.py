"""Sound between a call and a headset: frames, levels, tones, files; and what a headset is judged by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from peers import audio

from tui.agent.phones import audio_check, bell, sound
from tui.agent.phones.audio_check import RATE, Echo, Headset, Measured, check, find_echo, judge
from tui.agent.phones.phone import PhoneError
from tui.shared.words import LANGUAGES, Words

FRAME = sound.frame_bytes(8000)


# --- frames ----------------------------------------------------------------------------------------


def test_a_queue_gives_nothing_until_two_frames_wait() -> None:
    queue = sound.FrameQueue(FRAME)
    queue.put(b"\1" * FRAME)
    assert queue.get(FRAME) == bytes(FRAME)
    queue.put(b"\2" * FRAME)
    assert queue.get(FRAME) == b"\1" * FRAME
    assert queue.get(FRAME) == b"\2" * FRAME
    assert queue.get(FRAME) == bytes(FRAME)
    assert queue.missing == 2


def test_a_queue_that_is_too_full_drops_the_oldest_so_that_delay_does_not_grow() -> None:
    queue = sound.FrameQueue(FRAME, most=3)
    for number in range(5):
        queue.put(bytes([number]) * FRAME)
    assert queue.get(FRAME) == b"\2" * FRAME
    assert queue.dropped == 2 * FRAME


@pytest.mark.parametrize(
    ("amplitude", "shown"), [(0.0, 0.0), (0.0005, 0.0), (0.1, 0.6), (1.0, 0.95)]
)
def test_levels_are_even_in_decibels(amplitude: float, shown: float) -> None:
    samples = (amplitude * 32767 * np.sin(np.arange(160) * 0.5)).astype("<i2")
    assert sound.level(samples.tobytes()) == pytest.approx(shown, abs=0.03)


def test_beeps_are_two_short_tones_without_clicks() -> None:
    samples = np.frombuffer(b"".join(sound.beeps(8000)), "<i2") / 32768
    assert len(samples) == 8000 * 3 // 10
    loud = [audio_check.dbfs(samples[at : at + 400]) > -30 for at in range(200, 2400, 800)]
    assert loud == [True, False, True]
    assert np.max(np.abs(np.diff(samples))) < 0.2


def test_a_ring_is_a_second_and_a_pause() -> None:
    frames = bell.ring()
    samples = np.frombuffer(b"".join(frames), "<i2") / 32768
    assert len(samples) == 4 * bell.RATE
    assert audio_check.dbfs(samples[: bell.RATE]) > -20
    assert not samples[bell.RATE :].any()


def test_a_wav_is_said_over_and_over_and_what_is_heard_is_written(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "tone.wav", audio.tone(440, 0.05))
    source = sound.open_source(str(path), 8000)
    said = b"".join(source.read() for _ in range(5))
    data = (audio.read(path) * 32768).astype("<i2").tobytes()
    assert said == (data + data)[: len(said)]
    sink = sound.open_sink(str(tmp_path / "heard.wav"), 8000)
    sink.write(said)
    sink.close()
    assert len(audio.read(tmp_path / "heard.wav")) == len(said) // 2


@pytest.mark.parametrize(("content", "says"), [(b"nonsense", "cannot read"), (None, "cannot read")])
def test_a_file_that_cannot_be_said_is_refused(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PhoneError, match=says):
        sound.open_source(str(path), 8000)


def test_a_file_of_another_rate_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "tone.wav", audio.tone(440, 0.1))
    with pytest.raises(PhoneError, match="make it one channel of 16 bit at 16000 Hz"):
        sound.open_source(str(path), 16000)


# --- the check before the shift --------------------------------------------------------------------


class Room:
    """A headset in a room: what is played comes back, late and softer, beside noise and a voice."""

    def __init__(
        self, *, delay_ms: float = 0.0, gain: float = 0.0, noise: float = 0.0, voice: float = 0.0
    ) -> None:
        self._late = int(delay_ms * RATE / 1000)
        self._gain, self._noise, self._voice = gain, noise, voice
        self._played = np.zeros(0)
        self._at = 0
        self._chance = np.random.default_rng(1)
        self.now = 0.0

    def write(self, frame: bytes) -> None:
        self._played = np.concatenate((self._played, np.frombuffer(frame, "<i2") / 32768))

    def read(self) -> bytes:
        size = RATE // 50
        at = np.arange(self._at, self._at + size)
        self._at += size
        heard = self._noise * self._chance.normal(size=size)
        heard += self._voice * np.sin(2 * np.pi * 200 * at / RATE)
        back = at - self._late
        there = (back >= 0) & (back < len(self._played))
        heard[there] += self._gain * self._played[back[there]]
        return (np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes()

    def close(self) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def measured(room: Room) -> Measured:
    said: list[str] = []
    found = check(Headset(room, room, clock=lambda: room.now, sleep=room.sleep), said.append)
    assert said == ["silence", "speak", "listen"]
    return found


@pytest.mark.parametrize("delay_ms", [0.0, 37.5, 180.0, 400.0])
def test_an_echo_is_found_with_its_delay_and_its_gain(delay_ms: float) -> None:
    found = measured(Room(delay_ms=delay_ms, gain=0.1, noise=0.002)).echo
    assert found is not None
    assert found.delay_ms == pytest.approx(delay_ms, abs=0.2)
    assert found.gain_db == pytest.approx(-20, abs=0.5)


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.03])
def test_where_nothing_comes_back_nothing_is_found(noise: float) -> None:
    assert measured(Room(noise=noise)).echo is None


def test_levels_of_room_and_voice_are_measured() -> None:
    found = measured(Room(noise=0.001, voice=0.1))
    assert found.speech_dbfs == pytest.approx(-23, abs=0.3)
    assert found.peak == pytest.approx(0.1, abs=0.01)


GOOD = Measured(noise_dbfs=-60, speech_dbfs=-24, peak=0.3, echo=None)


@pytest.mark.parametrize(
    ("changes", "keys", "fit"),
    [
        ({}, ["speech", "noise", "no_echo"], True),
        ({"speech_dbfs": -90.0}, ["nothing", "noise", "no_echo"], False),
        ({"speech_dbfs": -50.0}, ["quiet", "noise", "no_echo"], False),
        ({"speech_dbfs": -5.0}, ["loud", "noise", "no_echo"], False),
        ({"peak": 1.0}, ["loud", "noise", "no_echo"], False),
        ({"noise_dbfs": -30.0}, ["speech", "noisy", "no_echo"], False),
        ({"echo": Echo(40, -50)}, ["speech", "noise", "faint_echo", "round_trip"], True),
        ({"echo": Echo(40, -20)}, ["speech", "noise", "echo", "round_trip"], False),
        ({"echo": Echo(400, -50)}, ["speech", "noise", "faint_echo", "late"], False),
    ],
)
def test_what_was_measured_is_judged(
    changes: dict[str, float | Echo], keys: list[str], fit: bool
) -> None:
    from dataclasses import replace

    verdicts = judge(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert [each.key for each in verdicts] == keys
    assert all(each.fit for each in verdicts) is fit
    for language in LANGUAGES:
        for each in verdicts:
            assert Words(language)(f"check.{each.key}", value=each.value)


def test_an_echo_is_not_looked_for_in_too_little() -> None:
    assert find_echo(np.ones(10), np.ones(5)) is None
