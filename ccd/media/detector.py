"""Which tones are in the audio: for tests and call progress, and DTMF keyed in the band.

Everything is a correlation with windowed sines (what Goertzel's recurrence computes, as
one matrix product over all rows). A single 20 ms frame tells tones apart that are 100 Hz
from each other; `ToneDetector` looks at 60 ms and so at 33 Hz.

`DtmfDetector` follows ITU-T Q.23 and Q.24: frequencies within 1.5 % are taken and beyond
3.5 % refused, presses and pauses of 40 ms are seen, presses under 23 ms and gaps under
10 ms are not. It is hard to talk into: both tones must make up most of the energy, hold
still in level, and be in tune, which is measured by how their phases advance.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import FRAME
from ccd.media.level import amplitude, power_dbm0
from ccd.media.protocol import SAMPLE_RATE
from ccd.media.tones import HIGH_GROUP, KEYPAD, LOW_GROUP

Complex = NDArray[np.complex64]
Float = NDArray[np.float32]


@functools.lru_cache(maxsize=64)
def _analyser(frequencies: tuple[float, ...], length: int) -> tuple[Complex, Float]:
    """(length, F) windowed sines that give a sine's complex amplitude; and the window."""
    window = np.hanning(length + 1)[:-1]
    time = np.arange(length) / SAMPLE_RATE
    sines = np.exp(-2j * np.pi * time[:, None] * np.asarray(frequencies)[None, :])
    return (
        (2.0 * sines * window[:, None] / window.sum()).astype(np.complex64),
        window.astype(np.float32),
    )


def _amplitudes(frames: Float, frequencies: tuple[float, ...]) -> Complex:
    """(n, F) complex amplitudes, sample units, phase at the frames' beginning."""
    sines, _ = _analyser(frequencies, frames.shape[1])
    # Two real products: half the work of a complex one.
    parts: Complex = frames @ sines.real + 1j * (frames @ sines.imag)
    return parts


def levels(frames: NDArray[np.int16], frequencies: Sequence[float]) -> NDArray[np.float64]:
    """Levels in dBm0, (n, F), of each frequency in each of (n, samples) frames.

    Through a Hann window: what is two spectral lines (100 Hz at 20 ms) away is not seen.
    """
    found = _amplitudes(frames.astype(np.float32), tuple(frequencies))
    return power_dbm0(np.square(np.abs(found), dtype=np.float64) / 2.0)


class ToneChange(NamedTuple):
    """A tone began (`present`) or ceased; its level when it began, or was last heard."""

    frequency: float
    present: bool
    level_dbm0: float


class ToneDetector:
    """Tells when tones of these frequencies begin and cease, in one stream.

    A tone begins when for 80 ms it is above `threshold_dbm0` and holds still, and the
    tones listened for make up most of what is heard, which keeps speech and music out. It
    has ceased when four frames running are without it. Tones that are clipped or went
    through G.711 count. A tone beneath others as loud is heard only where those are
    listened for too. Frequencies should be 40 Hz apart.
    """

    WINDOW: Final = 3
    """Frames looked at for a beginning: 60 ms."""

    BEGIN: Final = 2
    """Windows, a frame apart, in which a tone must be: 80 ms of it."""

    SHARE: Final = 0.75
    """Of the power, that the tones listened for must have together ..."""

    PART: Final = 0.03
    """... and each of them: one in a mix may be 15 dB below another."""

    STEADY: Final = 0.8
    """Least ratio of a tone's amplitude in any frame of the window to that in all of it;
    only where no other tone listened for is so near that a single frame holds their beat."""

    CEASE: Final = 4
    """Frames in which it must be away: more than 60 ms, and a lost packet is no pause."""

    AWAY: Final = 0.25
    """Of its amplitude: with less in a frame a tone is away ..."""

    AWAY_SHARE: Final = 0.2
    """... or where all tones together have less of the frame's power."""

    def __init__(self, frequencies: Sequence[float], *, threshold_dbm0: float = -40.0) -> None:
        """Raise ValueError for a frequency that is not between 0 and 4,000 Hz."""
        for frequency in frequencies:
            if not 0.0 < frequency < SAMPLE_RATE / 2:
                raise ValueError(f"a tone of {frequency:g} Hz: must lie between 0 and 4000 Hz")
        self._frequencies = tuple(frequencies)
        self._threshold = amplitude(threshold_dbm0)
        self._recent = np.zeros((self.WINDOW, FRAME), dtype=np.float32)
        count = len(self._frequencies)
        apart = np.abs(np.subtract.outer(self._frequencies, self._frequencies))
        self._near = (apart < 2.0 * SAMPLE_RATE / FRAME).sum(axis=1) > 1
        self._present = np.zeros(count, dtype=bool)
        self._runs = np.zeros(count, dtype=np.intp)
        self._amplitude = np.zeros(count)

    def feed(self, frame: NDArray[np.int16]) -> list[ToneChange]:
        """What changed with these 160 samples."""
        self._recent[:-1] = self._recent[1:]
        self._recent[-1] = frame
        frames = np.abs(_amplitudes(self._recent, self._frequencies)).astype(np.float64)
        heard, found = self._heard(frames)
        away = self._away(frames[-1])
        self._amplitude = np.where(heard, found, self._amplitude)
        # How many frames running each tone has been other than it is said to be.
        self._runs = np.where(np.where(self._present, away, heard), self._runs + 1, 0)
        turned = self._runs >= np.where(self._present, self.CEASE, self.BEGIN)
        self._present ^= turned
        self._runs[turned] = 0
        return [
            ToneChange(
                self._frequencies[k],
                bool(self._present[k]),
                round(float(power_dbm0(float(self._amplitude[k] ** 2 / 2.0))), 1),
            )
            for k in np.flatnonzero(turned)
        ]

    def _heard(self, frames: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which tones the window holds, and the amplitude of each."""
        whole = self._recent.reshape(-1)
        found = np.abs(_amplitudes(whole[np.newaxis], self._frequencies)[0]).astype(np.float64)
        shares = found**2 / 2.0 / _power(whole, self._frequencies)
        steady = self._near | (frames.min(axis=0) >= self.STEADY * found)
        held = (found >= self._threshold) & (shares >= self.PART) & steady
        if shares[held].sum() < self.SHARE:
            held[:] = False
        return held, found

    def _away(self, frame: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which tones the newest frame has not, given their amplitudes in it."""
        power = _power(self._recent[-1], self._frequencies)
        if float((frame**2).sum() / 2.0) < self.AWAY_SHARE * power:
            return np.ones(frame.size, dtype=bool)
        return np.asarray(frame < np.maximum(self.AWAY * self._amplitude, self._threshold / 2.0))


def _power(samples: Float, frequencies: tuple[float, ...]) -> float:
    """Mean square as the window sees it, so that a lone sine has all of it; 1 at least."""
    shape = np.square(_analyser(frequencies, samples.size)[1])
    return max(float(np.square(samples) @ shape / shape.sum()), 1.0)


class DtmfDetector:
    """Digits keyed as tones, in many streams at once.

    Audio is looked at in windows of 20 ms, one every 10 ms. A digit is told when two
    windows running hold it, and again only after it was away for four (40 ms).
    """

    THRESHOLD_DBM0: Final = -29.0
    """Each tone; Q.24 asks for -25 (and no response below -29 in Japan's column)."""

    TWIST_HIGH_DB: Final = 6.0
    """The high tone may be so much above the low one (Q.24: 4 at least is taken) ..."""

    TWIST_LOW_DB: Final = 10.0
    """... and the low one so much above the high one (Q.24: 8)."""

    OTHERS_DB: Final = 6.0
    """How far the other tones of a group must be below the one that counts."""

    SHARE: Final = 0.6
    """Of the window's power, that the two tones must have."""

    EVEN_DB: Final = 1.6
    """How much the window's halves may differ: more, and a tone begins or ends in it."""

    TUNE: Final = 0.025
    """Most deviation of a frequency: between the 1.5 % to be taken and the 3.5 % not to be."""

    RELEASE: Final = 4
    """Windows without the digit after which the key is up."""

    HOP: Final = FRAME // 2

    def __init__(self, capacity: int) -> None:
        self._tail = np.zeros((capacity, self.HOP), dtype=np.float32)
        self._before = np.zeros((capacity, 8), dtype=np.complex64)
        self._last = np.full(capacity, -1, dtype=np.int8)  # the digit in the last window
        self._key = np.full(capacity, -1, dtype=np.int8)  # the key that is down
        self._away = np.zeros(capacity, dtype=np.int8)  # windows since it was heard
        self._floor = amplitude(self.THRESHOLD_DBM0)

    def feed(self, rows: NDArray[np.intp], frames: NDArray[np.int16]) -> list[tuple[int, str]]:
        """Keys that went down in these frames, (n, 160), of these rows: (row, digit)."""
        told: list[tuple[int, str]] = []
        audio = frames.astype(np.float32)
        bridging = np.concatenate([self._tail[rows], audio[:, : self.HOP]], axis=1)
        self._tail[rows] = audio[:, self.HOP :]
        for windows in (bridging, audio):
            down = self._step(rows, windows)
            told += [(int(rows[n]), DIGITS[self._key[rows[n]]]) for n in np.flatnonzero(down)]
        return told

    def reset(self, rows: NDArray[np.intp]) -> None:
        """These rows begin a new stream."""
        self._tail[rows] = 0.0
        self._last[rows] = self._key[rows] = -1
        self._away[rows] = 0

    def _step(self, rows: NDArray[np.intp], windows: Float) -> NDArray[np.bool_]:
        """One window of each row; in which rows a key went down."""
        found = _amplitudes(windows, _GROUPS)
        digit = self._digit(windows, np.abs(found))
        hit = digit >= 0
        again = hit & (digit == self._last[rows])
        again &= self._in_tune(self._before[rows], found, digit)
        down = again & (digit != self._key[rows])
        key = np.where(down, digit, self._key[rows])
        away = np.where(hit & (digit == key), 0, np.minimum(self._away[rows] + 1, self.RELEASE))
        self._key[rows] = np.where(away >= self.RELEASE, -1, key)
        self._away[rows] = away
        self._last[rows] = digit
        self._before[rows] = found
        return np.asarray(down)

    def _digit(self, windows: Float, strength: Float) -> NDArray[np.int8]:
        """The digit that each window holds, or -1."""
        low, high = strength[:, :4], strength[:, 4:]
        row, column = low.argmax(axis=1), high.argmax(axis=1)
        every = np.arange(len(windows))
        a, b = low[every, row], high[every, column]
        held = (a >= self._floor) & (b >= self._floor)
        held &= b <= a * _ratio(self.TWIST_HIGH_DB)
        held &= a <= b * _ratio(self.TWIST_LOW_DB)
        for group, strongest in ((low, a), (high, b)):
            second = np.partition(group, 2, axis=1)[:, 2]
            held &= second * _ratio(self.OTHERS_DB) <= strongest
        digit = np.full(len(windows), -1, dtype=np.int8)
        likely = np.flatnonzero(held)
        if likely.size:
            # The rest is looked at only where it can matter: few of a thousand legs.
            chosen = windows[likely]
            good = self._pure(chosen, a[likely], b[likely]) & self._even(chosen)
            likely = likely[good]
            digit[likely] = (row[likely] * 4 + column[likely]).astype(np.int8)
        return digit

    def _pure(self, windows: Float, low: Float, high: Float) -> NDArray[np.bool_]:
        _, window = _analyser(_GROUPS, FRAME)
        shape = np.square(window)
        power = np.square(windows) @ shape / shape.sum()
        return np.asarray((low**2 + high**2) / 2.0 >= self.SHARE * power)

    def _even(self, windows: Float) -> NDArray[np.bool_]:
        power = np.square(windows).reshape(len(windows), 2, -1).mean(axis=2)
        most = _ratio(self.EVEN_DB) ** 2
        return np.asarray(power.max(axis=1) <= most * power.min(axis=1))

    def _in_tune(self, before: Complex, now: Complex, digit: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Whether both tones advanced in phase by what their frequencies say."""
        every = np.arange(len(digit))
        tuned = np.ones(len(digit), dtype=bool)
        for line in (digit >> 2 & 3, (digit & 3) + 4):
            advance = now[every, line] * np.conj(before[every, line]) * _HOP_PHASE[line]
            deviation = np.angle(advance) * (SAMPLE_RATE / (2.0 * np.pi * self.HOP))
            tuned &= np.abs(deviation) <= self.TUNE * _HERTZ[line]
        return tuned


def _ratio(decibels: float) -> float:
    return float(np.power(10.0, decibels / 20.0))


DIGITS: Final = "".join(KEYPAD)
"""By the number of the low frequency times four and that of the high one."""

_GROUPS: Final = LOW_GROUP + HIGH_GROUP
_HERTZ: Final = np.array(_GROUPS)
_HOP_PHASE: Final = np.exp(-2j * np.pi * _HERTZ * DtmfDetector.HOP / SAMPLE_RATE)
