"""Levels: what a dBm0 is in samples.

G.711 defines its overload point as a sine of +3.14 dBm0 for A-law and +3.17 dBm0 for
mu-law (ITU-T G.711, tables 1 and 2). The bay takes 3.14 for a sine that just fills 16
bits; the 0.03 dB between the laws is below what anybody hears or a test resolves.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

OVERLOAD_DBM0 = 3.14
"""Level of a sine whose peaks just reach full scale."""

FULL_SCALE = 32768.0

FLOOR_DBM0 = -96.0
"""What silence is reported as: below one bit of a 16-bit sample."""


def amplitude(level_dbm0: float) -> float:
    """Peak, in sample units, of a sine of this level."""
    return FULL_SCALE * math.pow(10.0, (level_dbm0 - OVERLOAD_DBM0) / 20.0)


def rms(level_dbm0: float) -> float:
    """Root mean square, in sample units, of a signal of this level."""
    return amplitude(level_dbm0) / math.sqrt(2.0)


def gain(decibels: float) -> float:
    """Factor for a gain in dB."""
    return math.pow(10.0, decibels / 20.0)


def level_dbm0(samples: NDArray[np.int16]) -> float:
    """Level of the whole of `samples`, dBm0; `FLOOR_DBM0` where there is nothing."""
    if samples.size == 0:
        return FLOOR_DBM0
    return float(power_dbm0(float(np.mean(np.square(samples, dtype=np.float64)))))


def power_dbm0(mean_square: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Levels of mean squares (sample units squared), element by element, floored."""
    full_scale_sine = FULL_SCALE**2 / 2.0
    ratio = np.asarray(mean_square, dtype=np.float64) / full_scale_sine
    tiny = 10.0 ** ((FLOOR_DBM0 - OVERLOAD_DBM0) / 10.0)
    levels: NDArray[np.float64] = 10.0 * np.log10(np.maximum(ratio, tiny)) + OVERLOAD_DBM0
    return levels
