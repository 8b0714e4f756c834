"""What a recorded line proves: which tones and how much sound were on it, and when.

The recordings are the media plane's own (stereo 16-bit WAV, 8 kHz), but the judge here
is not: this Goertzel bank shares nothing with the worker's detector that steers the
callers, so a fault in either shows as a disagreement.
"""

from __future__ import annotations

import wave
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

FRAME = 160
"""Samples: 20 ms at 8 kHz, in which every tone of a voice has whole cycles."""

RATE = 8000
FRAME_S = FRAME / RATE

TONE_SHARE = 0.5
"""A frame belongs to a tone that has more than this share of the frame's energy."""

AUDIBLE_DBM0 = -45.0
"""A frame above this is audible; G.711's idle noise lies below -65 dBm0."""

RUN_FRAMES = 4
"""A tone counts where it holds for at least so many frames together (80 ms)."""

_DBM0_FULL_SCALE = 3.14
"""Level of a full-scale sine in dBm0 (ITU-T G.711, mu-law; A-law's is 3.17)."""


class Sounding(msgspec.Struct, frozen=True, kw_only=True):
    """What was on one channel between two moments."""

    tones_ms: dict[float, int]
    """Milliseconds of each tone asked for, where there were any."""
    audible_ms: int
    level_dbm0: float
    """Mean level of the audible frames; -99 where there were none."""
    lasted_ms: int


class Tape:
    """One recorded call."""

    def __init__(self, heard: NDArray[np.int16], said: NDArray[np.int16]) -> None:
        self._channels = {"heard": heard, "said": said}

    @classmethod
    def read(cls, path: Path) -> Tape:
        """Read a stereo WAV; channel 0 is what was heard, channel 1 what was said.

        Raises `ValueError` for another format, `OSError` where the file can't be read,
        `wave.Error` or `EOFError` where it is no WAV.
        """
        with wave.open(str(path), "rb") as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            if shape != (2, 2, RATE):
                raise ValueError(f"{path}: not stereo 16 bit {RATE} Hz but {shape}")
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return cls(samples[0::2].astype(np.int16), samples[1::2].astype(np.int16))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self._channels["heard"]) / RATE

    def sounding(
        self,
        channel: str,
        tones: tuple[float, ...] = (),
        begin_s: float = 0.0,
        end_s: float | None = None,
    ) -> Sounding:
        """What was on `channel` ("heard" or "said") between two moments of the tape."""
        samples = self._channels[channel]
        first = max(0, int(begin_s * RATE))
        last = len(samples) if end_s is None else max(first, int(end_s * RATE))
        part = samples[first:last]
        frames = part[: len(part) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
        power = np.mean(frames**2, axis=1) / (32768.0**2 / 2)  # of a full-scale sine
        level = 10.0 * np.log10(np.maximum(power, 1e-12)) + _DBM0_FULL_SCALE
        audible = level > AUDIBLE_DBM0
        held: dict[float, int] = {}
        for tone, share in zip(tones, _tone_shares(frames, tones), strict=True):
            milliseconds = _in_runs(audible & (share > TONE_SHARE)) * 20
            if milliseconds:
                held[tone] = milliseconds
        mean = float(np.mean(power[audible])) if audible.any() else 0.0
        return Sounding(
            tones_ms=held,
            audible_ms=int(audible.sum()) * 20,
            level_dbm0=round(10 * np.log10(mean) + _DBM0_FULL_SCALE, 1) if mean else -99.0,
            lasted_ms=len(frames) * 20,
        )


def _tone_shares(frames: NDArray[np.float64], tones: tuple[float, ...]) -> NDArray[np.float64]:
    """Share of each frame's energy in each tone: shape (tones, frames), 0 to 1."""
    phase = 2j * np.pi * np.arange(FRAME)[:, None] * np.asarray(tones)[None, :] / RATE
    bank = np.exp(-phase)
    spectrum = np.abs(frames @ bank) ** 2 * 2 / FRAME
    energy = np.sum(frames**2, axis=1, keepdims=True)
    return np.asarray((spectrum / np.maximum(energy, 1e-9)).T)


def _in_runs(held: NDArray[np.bool_]) -> int:
    """How many frames of `held` lie in runs of `RUN_FRAMES` or more."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], held.astype(np.int8), [0]))))
    lengths = edges[1::2] - edges[0::2]
    return int(lengths[lengths >= RUN_FRAMES].sum())
