"""Echo cancelling in a simulated room: how much of the echo is left, and all of the voice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tui.agent.phones.echo import Canceller, WithoutEcho, open_both
from tui.agent.phones.phone import PhoneError

RATE, FRAME = 16000, 320
Audio = NDArray[np.float64]


def voice(seconds: float, seed: int) -> Audio:
    """Noise with the spectrum's slope and the syllables of speech, pauses too."""
    chance, size = np.random.default_rng(seed), int(seconds * RATE)
    spectrum = np.fft.rfft(chance.standard_normal(size))
    hertz = np.arange(spectrum.size) * RATE / size
    spectrum *= (hertz > 80) / np.sqrt(1 + (hertz / 500) ** 2)
    sound = np.fft.irfft(spectrum, size)
    at = np.arange(size) / RATE
    slow, fast = (np.sin(2 * np.pi * f * at + chance.uniform(0, 6)) for f in (0.43, 3.1))
    syllables: Audio = np.clip(0.6 * fast + 0.6 * slow + 0.3, 0, None)
    return 0.08 * syllables * sound / sound.std()


def room(seed: int, delay_ms: float = 60.0) -> Audio:
    """The way from the loudspeaker to the microphone: buffers, then 120 ms of walls, 6 dB down."""
    size = int(0.12 * RATE)
    walls = np.random.default_rng(seed).standard_normal(size)
    walls *= np.exp(-np.arange(size) / (0.02 * RATE))
    walls *= 0.5 / np.sqrt((walls**2).sum())
    return np.concatenate((np.zeros(int(delay_ms / 1000 * RATE)), walls))


def heard(far: Audio, way: Audio) -> Audio:
    return np.convolve(far, way)[: far.size]


def frame(samples: Audio) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def cleaned(far: Audio, microphone: Audio) -> Audio:
    canceller, out = Canceller(FRAME, 20), []
    for begin in range(0, far.size - FRAME + 1, FRAME):
        canceller.play(frame(far[begin : begin + FRAME]))
        out.append(canceller.clean(frame(microphone[begin : begin + FRAME])))
    return np.frombuffer(b"".join(out), "<i2") / 32767


def level_db(samples: Audio, start: float, end: float) -> float:
    piece = samples[int(start * RATE) : int(end * RATE)]
    return float(10 * np.log10((piece**2).mean() + 1e-12))


def taken_out_db(echo: Audio, rest: Audio, start: float, end: float) -> float:
    """Echo return loss enhancement (ITU-T G.168's ERLE) in this stretch, seconds."""
    return level_db(echo, start, end) - level_db(rest, start, end)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_caller_does_not_hear_himself(seed: int) -> None:
    far = voice(8.0, seed)
    echo = heard(far, room(seed))
    left = cleaned(far, echo + 1e-4 * np.random.default_rng(seed).standard_normal(far.size))
    assert taken_out_db(echo, left, 1.0, 2.0) > 10
    assert taken_out_db(echo, left, 3.0, 8.0) > 28


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_while_both_talk_the_echo_stays_out_and_the_voice_stays_in(seed: int) -> None:
    far, near = voice(10.0, seed), voice(10.0, seed + 50)
    near[: 4 * RATE] = 0.0
    near[8 * RATE :] = 0.0
    echo = heard(far, room(seed))
    out = cleaned(far, echo + near)
    left = out - near[: out.size]
    assert taken_out_db(echo, left, 4.0, 8.0) > 10
    assert level_db(out, 4.0, 8.0) == pytest.approx(level_db(near, 4.0, 8.0), abs=0.3)
    assert taken_out_db(echo, left, 9.0, 10.0) > 18


def test_a_microphone_that_was_moved_is_found_again() -> None:
    far = voice(14.0, 5)
    echo = heard(far, room(3))
    echo[6 * RATE :] = heard(far, room(8, 90.0))[6 * RATE :]
    left = cleaned(far, echo)
    assert taken_out_db(echo, left, 4.0, 6.0) > 25
    assert taken_out_db(echo, left, 12.0, 14.0) > 15


def test_clocks_that_differ_leave_less_than_half_the_loudness() -> None:
    far = voice(12.0, 5)
    at = np.arange(far.size) * (1 + 40e-6)
    echo = np.interp(at, np.arange(far.size), heard(far, room(3)))
    assert taken_out_db(echo, cleaned(far, echo), 2.0, 12.0) > 10


def test_who_talks_alone_is_not_changed() -> None:
    near = voice(4.0, 9)
    out = cleaned(np.zeros(near.size), near)
    assert level_db(out - near[: out.size], 0.0, 4.0) < level_db(near, 0.0, 4.0) - 50


def test_frames_that_are_missing_or_odd_do_no_harm() -> None:
    canceller = Canceller(FRAME, 20)
    assert canceller.clean(b"\x01\x02") == b"\x01\x02"
    canceller.play(b"\x00")
    said = frame(voice(0.02, 1))
    assert len(canceller.clean(said)) == len(said)
    for _ in range(200):  # nobody says anything for a while
        canceller.play(said)
    assert len(canceller._played) < 50
    assert len(canceller.clean(said)) == len(said)


class Room:
    """A loudspeaker that its microphone hears, 40 ms later and half as loud."""

    def __init__(self) -> None:
        self.air = [bytes(2 * FRAME)] * 2
        self.closed = 0

    def write(self, data: bytes) -> None:
        self.air.append((np.frombuffer(data, "<i2") // 2).astype("<i2").tobytes())

    def read(self) -> bytes:
        return self.air.pop(0)

    def close(self) -> None:
        self.closed += 1


def test_a_microphone_and_a_loudspeaker_with_a_canceller_between_them() -> None:
    place = Room()
    both = WithoutEcho(place, place, RATE)
    far, out = voice(4.0, 2), []
    for begin in range(0, far.size, FRAME):
        both.write(frame(far[begin : begin + FRAME]))
        out.append(both.read())
    left = np.frombuffer(b"".join(out), "<i2") / 32767
    assert taken_out_db(far / 2, left, 2.0, 4.0) > 25
    both.close()
    both.close()
    assert place.closed == 2  # the microphone and the loudspeaker, once each


def test_where_one_cannot_be_opened_neither_is() -> None:
    with pytest.raises(PhoneError):
        open_both("null", "no such device at all", RATE, cancel_echo=True)
    source, sink = open_both("null", "null", RATE, cancel_echo=False)
    assert source is not sink
    source.close()
    sink.close()
