"""Echo cancelling: what the loudspeaker says is taken out of what the microphone hears.

A partitioned-block frequency-domain Kalman filter (Enzner and Vary, Signal Processing 86, 2006;
Kuech, Mabande and Enzner, ICASSP 2014): the echo's way through the room is a state that is estimated,
with its error, bin by bin. Where both talk at once the error says so, and the filter holds still by
itself: there is no detector of double talk to be wrong. Sans-IO: frames in, frames out.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui.agent.phones.phone import PhoneError
from tui.agent.phones.sound import FRAME_MS, Sink, Source, open_sink, open_source

TAIL_MS: Final = 240
"""Longest way that is taken out: buffers of the sound card, and the room."""

FORGET: Final = 0.998
"""How much of the way is believed to be the same a frame later: rooms change, and cards' clocks differ."""

SMOOTH: Final = 0.8
"""Of the power of what remains, from frame to frame."""

FLOOR: Final = 1e-10
FULL: Final = 32768.0
AHEAD: Final = 25
"""Frames of the loudspeaker that may wait for the microphone's; more were dropped by a stall."""


class Canceller:
    """One microphone and one loudspeaker, in frames of 16-bit samples of `frame` samples each."""

    def __init__(self, frame: int, frame_ms: int) -> None:
        self._size = frame
        partitions = max(1, TAIL_MS // frame_ms)
        bins = frame + 1
        self._spectra = np.zeros((partitions, bins), np.complex128)
        """Of what was played, the newest first."""
        self._way = np.zeros((partitions, bins), np.complex128)
        # Early echoes are the strong ones, and are sought first.
        self._error = np.geomspace(1.0, 0.1, partitions)[:, None] * np.ones((1, bins))
        self._rest = np.full(bins, FLOOR)
        self._before = np.zeros(frame)
        self._played: deque[bytes] = deque(maxlen=AHEAD)

    def play(self, data: bytes) -> None:
        """A frame goes to the loudspeaker."""
        self._played.append(data)

    def clean(self, data: bytes) -> bytes:
        """A frame came from the microphone: return it without its echo."""
        if len(data) != 2 * self._size:
            return data
        played = self._played.popleft() if self._played else b""
        if len(played) != len(data):
            played = bytes(len(data))
        left = self._take_out(_samples(data), _samples(played))
        return np.clip(left * FULL, -32768, 32767).astype("<i2").tobytes()

    def _take_out(
        self, heard: NDArray[np.float64], played: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        size, spectra = self._size, self._spectra
        spectra[1:] = spectra[:-1]
        spectra[0] = np.fft.rfft(np.concatenate((self._before, played)))
        self._before = played
        echo: NDArray[np.float64] = np.fft.irfft((spectra * self._way).sum(axis=0))[size:]
        left = heard - echo
        rest = np.fft.rfft(np.concatenate((np.zeros(size), left)))
        self._rest = SMOOTH * self._rest + (1 - SMOOTH) * (np.abs(rest) ** 2)
        power = np.abs(spectra) ** 2
        unsure = 0.5 * (self._error * power).sum(axis=0) + self._rest + FLOOR
        step = self._error / unsure
        way = np.fft.irfft(self._way + step * spectra.conj() * rest, axis=1)
        way[:, size:] = 0.0  # circular convolution's other half is none of the way
        self._way = FORGET * np.fft.rfft(way, axis=1)
        believed = np.maximum(1.0 - 0.5 * step * power, 0.0)
        self._error = FORGET**2 * believed * self._error + (1 - FORGET**2) * np.abs(self._way) ** 2
        self._error = np.maximum(self._error, FLOOR)
        return left


class WithoutEcho:
    """A microphone and a loudspeaker (`Source` and `Sink` in one) with a canceller between them."""

    def __init__(self, source: Source, sink: Sink, rate: int) -> None:
        self._source, self._sink = source, sink
        self._canceller = Canceller(rate * FRAME_MS // 1000, FRAME_MS)
        self._open = True

    def read(self) -> bytes:
        """What was said, and not what was heard."""
        return self._canceller.clean(self._source.read())

    def write(self, frame: bytes) -> None:
        """Take the next frame to be heard."""
        self._canceller.play(frame)
        self._sink.write(frame)

    def close(self) -> None:
        """Let go of both; it is both, and may be told so twice."""
        if self._open:
            self._open = False
            self._source.close()
            self._sink.close()


def open_both(capture: str, playback: str, rate: int, *, cancel_echo: bool) -> tuple[Source, Sink]:
    """Open microphone and loudspeaker. Raises `PhoneError`, and has opened neither then."""
    source = open_source(capture, rate)
    try:
        sink = open_sink(playback, rate)
    except PhoneError:
        source.close()
        raise
    if not cancel_echo:
        return source, sink
    both = WithoutEcho(source, sink, rate)
    return both, both


def _samples(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, "<i2").astype(np.float64) / FULL
