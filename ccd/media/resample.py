"""Changing a recording's sample rate without aliases.

A windowed-sinc polyphase filter (Crochiere and Rabiner, "Multirate Digital Signal
Processing", 1983). From rate `r` to rate `s` every output sample falls on one of
`s / gcd(r, s)` phases between two input samples; each phase has its own short filter,
and all outputs of one phase are one matrix product. The band that telephony uses
(to 3,400 Hz at 8 kHz) passes flat, what would fold back into it is 80 dB down.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_PASS = 0.85
"""End of the pass band and ..."""
_STOP = 1.0
"""... beginning of the stop band, in units of the lower rate's half: 3,400 and 4,000 Hz."""
_ATTENUATION_DB = 80.0
_KAISER_BETA = 0.1102 * (_ATTENUATION_DB - 8.7)
"""Kaiser's own formula for more than 50 dB."""

_BLOCK = 2048
"""Outputs a product: it copies their overlapping inputs, which must not fill the memory."""


def resample(samples: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    """`samples` (n,) at `source` Hz as ceil(n * target / source) samples at `target` Hz.

    The output's first sample falls on the input's first; beyond its ends the input is
    silence. Raises ValueError for a rate that is not positive.
    """
    if source <= 0 or target <= 0:
        raise ValueError(f"can't resample from {source} Hz to {target} Hz")
    if source == target or samples.size == 0:
        return samples
    divisor = math.gcd(source, target)
    up, down = target // divisor, source // divisor
    half_band = min(source, target) / 2.0 / source  # cycles per input sample
    cutoff = half_band * (_PASS + _STOP) / 2.0
    transition = half_band * (_STOP - _PASS)
    reach = math.ceil((_ATTENUATION_DB - 7.95) / (2.285 * 2.0 * math.pi * transition) / 2.0)
    count = -(-samples.size * up // down)
    padded = np.concatenate(
        [np.zeros(reach - 1, np.float32), samples, np.zeros(reach + down, np.float32)]
    )
    windows = sliding_window_view(padded, 2 * reach)
    output = np.empty(count, dtype=np.float32)
    for phase in range(min(up, count)):
        # Output n lies at input time n * down / up; those with n = phase (mod up) share
        # their fraction, and their whole parts are `down` apart.
        whole, remainder = divmod(phase * down, up)
        mine = output[phase::up]
        kernel = _kernel(remainder / up, cutoff, reach)
        sources = windows[whole::down]
        for start in range(0, mine.size, _BLOCK):
            stop = min(start + _BLOCK, mine.size)
            mine[start:stop] = sources[start:stop] @ kernel
    return output


@functools.lru_cache(maxsize=1024)
def _kernel(fraction: float, cutoff: float, reach: int) -> NDArray[np.float32]:
    """The filter of outputs that fall `fraction` behind an input; for a short prompt, making
    the 160 filters from 22,050 Hz to 8,000 costs ten times what using them does.
    """
    distance = np.arange(-reach + 1, reach + 1, dtype=np.float64) - fraction
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (distance / reach) ** 2)))
    taps = np.sinc(2.0 * cutoff * distance) * window
    # Every phase passes a constant unchanged; otherwise their ripple would be a tone.
    normalised: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    normalised.setflags(write=False)
    return normalised
