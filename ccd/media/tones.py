"""Tones: DTMF, and the call progress tones of the networks we meet.

A tone is a sum of sines that sounds for a while and pauses for a while. Its envelope
rises and falls over a few milliseconds, for a sine that is cut hard clicks, and its
phase runs on across bursts, so any stretch of it can be computed alone: the bay asks
for a frame at a time and keeps nothing but a position.

Cadences: ITU-T E.180 supplement 2; China GB/T 3380 (450 Hz throughout); Europe's 425 Hz
as recommended by ETSI TR 101 041; North America's precise tone plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ccd.media.level import FULL_SCALE, amplitude
from ccd.media.protocol import SAMPLE_RATE, Sound

RAMP = 32
"""Samples (4 ms) over which a burst rises and falls: short against a 40 ms digit, long against a click."""

LOW_GROUP: Final = (697.0, 770.0, 852.0, 941.0)
HIGH_GROUP: Final = (1209.0, 1336.0, 1477.0, 1633.0)
KEYPAD: Final = ("123A", "456B", "789C", "*0#D")
"""Rows by low frequency, columns by high frequency (ITU-T Q.23)."""

DTMF: Final[Mapping[str, tuple[float, float]]] = {
    key: (LOW_GROUP[row], HIGH_GROUP[column])
    for row, keys in enumerate(KEYPAD)
    for column, key in enumerate(keys)
}
"""Both frequencies of each digit, Hz."""

DTMF_LEVEL_DBM0 = -7.0
"""Each frequency of a digit that we send; Q.24 receivers take -25 to 0 dBm0."""


class Cadence(NamedTuple):
    """A call progress tone: frequencies in Hz, summed, and its bursts.

    `bursts` are (on, off) pairs in milliseconds, repeated for ever; one pair with off 0
    is a tone without pauses.
    """

    frequencies: tuple[float, ...]
    bursts: tuple[tuple[int, int], ...]

    def sounds(self, level_dbm0: float = -13.0) -> tuple[Sound, ...]:
        """A play list of one period; played with `loop`, it is the tone."""
        return tuple(
            Sound(frequencies=self.frequencies, level_dbm0=level_dbm0, on_ms=on, off_ms=off)
            for on, off in self.bursts
        )


RINGBACK: Final[Mapping[str, Cadence]] = {
    "cn": Cadence((450.0,), ((1000, 4000),)),
    "eu": Cadence((425.0,), ((1000, 4000),)),
    "uk": Cadence((400.0, 450.0), ((400, 200), (400, 2000))),
    "us": Cadence((440.0, 480.0), ((2000, 4000),)),
}
BUSY: Final[Mapping[str, Cadence]] = {
    "cn": Cadence((450.0,), ((350, 350),)),
    "eu": Cadence((425.0,), ((500, 500),)),
    "uk": Cadence((400.0,), ((375, 375),)),
    "us": Cadence((480.0, 620.0), ((500, 500),)),
}
CONGESTION: Final[Mapping[str, Cadence]] = {
    "cn": Cadence((450.0,), ((700, 700),)),
    "eu": Cadence((425.0,), ((250, 250),)),
    "uk": Cadence((400.0,), ((400, 350), (225, 525))),
    "us": Cadence((480.0, 620.0), ((250, 250),)),
}
DIAL: Final[Mapping[str, Cadence]] = {
    "cn": Cadence((450.0,), ((1000, 0),)),
    "eu": Cadence((425.0,), ((1000, 0),)),
    "uk": Cadence((350.0, 440.0), ((1000, 0),)),
    "us": Cadence((350.0, 440.0), ((1000, 0),)),
}


class Tone:
    """A cadenced tone of which any stretch can be had.

    `on` and `off` are samples; with `off` 0 the tone has no pauses, and only its very
    beginning and its end (`length` samples from it; None: never) are ramped. Each
    frequency has the level given, so two sound 3 dB louder than one.
    """

    def __init__(
        self,
        frequencies: tuple[float, ...],
        level_dbm0: float,
        on: int,
        off: int,
        length: int | None,
    ) -> None:
        """Raise ValueError for a frequency that 8 kHz cannot carry, or no duration."""
        for frequency in frequencies:
            if not 0.0 < frequency < SAMPLE_RATE / 2:
                raise ValueError(f"a tone of {frequency:g} Hz: must lie between 0 and 4000 Hz")
        if on <= 0 or off < 0:
            raise ValueError("a tone needs a duration above zero, and a pause of zero or more")
        self.length = length
        self._frequencies = frequencies
        self._amplitude = amplitude(level_dbm0)
        self._on = on
        self._period = on + off
        self._ramp = min(RAMP, on // 2)
        self._steady = off == 0

    def stretch(self, start: int, count: int) -> NDArray[np.int16]:
        """Samples `start` to `start + count` of the tone; silence beyond its length."""
        position = np.arange(start, start + count, dtype=np.float64)
        wave = np.zeros(count)
        for frequency in self._frequencies:
            wave += np.sin(position * (2.0 * math.pi * frequency / SAMPLE_RATE))
        wave *= self._envelope(position) * self._amplitude
        return np.clip(np.rint(wave), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    def _envelope(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._steady:
            since = position
            left = math.inf if self.length is None else self.length - position
        else:
            since = position % self._period
            left = self._on - since
            if self.length is not None:
                left = np.minimum(left, self.length - position)
        if self._ramp == 0:
            return np.asarray((left > 0.0) * np.ones_like(position))
        edge = np.minimum(since + 0.5, np.asarray(left) - 0.5) / self._ramp
        # A raised cosine: its slope is continuous, so it has no click of its own.
        return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(edge, 0.0, 1.0)))


def tone(
    frequencies: tuple[float, ...], milliseconds: int, level_dbm0: float = -13.0
) -> NDArray[np.int16]:
    """One burst, ramped at both ends: samples at 8 kHz."""
    length = milliseconds * SAMPLE_RATE // 1000
    return Tone(frequencies, level_dbm0, length, 0, length).stretch(0, length)


def dtmf(
    digits: str, on_ms: int = 100, gap_ms: int = 60, level_dbm0: float = DTMF_LEVEL_DBM0
) -> NDArray[np.int16]:
    """Digits as tones, each followed by its gap: samples at 8 kHz.

    Raises ValueError for a character that is no DTMF digit.
    """
    gap = np.zeros(gap_ms * SAMPLE_RATE // 1000, dtype=np.int16)

    def parts() -> Iterator[NDArray[np.int16]]:
        for digit in check_digits(digits):
            yield tone(DTMF[digit], on_ms, level_dbm0)
            yield gap

    return np.concatenate([np.zeros(0, dtype=np.int16), *parts()])


def check_digits(digits: str) -> str:
    """The digits in upper case; raises ValueError naming the first that is none."""
    upper = digits.upper()
    for place, digit in enumerate(upper, start=1):
        if digit not in DTMF:
            raise ValueError(
                f"{digits[place - 1]!r}, character {place} of {digits!r}, is no DTMF digit:"
                " use 0-9, *, # and A-D"
            )
    return upper
