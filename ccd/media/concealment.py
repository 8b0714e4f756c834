"""Packet-loss concealment: what is played where a packet is missing.

After the idea of ITU-T G.711 appendix I: speech goes on as it was, by repeating its last
pitch period; after 10 ms it grows quieter, after 60 ms it is silent, for by then nobody
knows what was being said. When packets come again the real speech fades in over the
made-up one. Unlike the appendix nothing is delayed: it holds speech back by 3.75 ms to
fade out of it; here the repetition begins at once and the step to it is taken up by a
ramp.

All rows that lack a frame are made at once. A row's state is its last four frames, made
up or real.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import FRAME
from ccd.media.protocol import SAMPLE_RATE

SHORTEST_PITCH: Final = SAMPLE_RATE // 200
LONGEST_PITCH: Final = SAMPLE_RATE // 66
"""Pitch periods looked for, in samples: 200 to 66 Hz. Higher voices repeat two at a time."""

_COMPARED = FRAME
"""Samples compared with those a period before: the last 20 ms (G.711 I.2.3)."""

_FRAMES = 4
_HISTORY = _FRAMES * FRAME

FADE_BEGINS: Final = SAMPLE_RATE // 100
FADE_ENDS: Final = SAMPLE_RATE * 60 // 1000
"""Samples into a gap where it grows quieter (10 ms) and where it is silent (60 ms)."""

_PERIODS = 3
"""Periods repeated in turn from the second frame on: one alone sounds like a buzzer."""

_LONGEST_RAMP = LONGEST_PITCH // 4

_TRANSFORM = 288
"""Length of the correlation's Fourier transform: holds both, and has small factors."""

_VOICED = 0.5
"""Least correlation of a period with the one before for speech that has a pitch."""

_MOST_OVERLAP = SAMPLE_RATE // 100
"""Longest fade back to real speech: 10 ms (G.711 I.2.7)."""

Float = NDArray[np.float32]

_LOUDNESS: Final[Float] = np.clip(
    (FADE_ENDS - np.arange(FADE_ENDS + 1)) / (FADE_ENDS - FADE_BEGINS), 0.0, 1.0
).astype(np.float32)
"""By samples into the gap."""


class Concealer:
    """Concealment for up to `capacity` streams, a row each.

    Every frame that is played goes through here, each row once a frame: `observe` takes
    those that came, `conceal` makes those that did not.
    """

    def __init__(self, capacity: int) -> None:
        self._frames = np.zeros((0, _FRAMES, FRAME), dtype=np.int16)  # a ring a row
        self._next = np.zeros(0, dtype=np.intp)  # the ring's oldest frame
        self._gap = np.zeros(0, dtype=np.intp)  # samples made up since a frame came
        self._pitch = np.zeros(0, dtype=np.intp)
        self._past = np.zeros((0, _HISTORY), dtype=np.float32)  # as the gap began
        self._step = np.zeros(0, dtype=np.float32)  # from the last sample to the first
        self.grow(capacity)

    def grow(self, capacity: int) -> None:
        """Make room for more streams (4 kB each); what is known of the others stays."""
        for name in ("_frames", "_next", "_gap", "_pitch", "_past", "_step"):
            before = getattr(self, name)
            if len(before) < capacity:
                more = np.zeros((capacity - len(before), *before.shape[1:]), before.dtype)
                setattr(self, name, np.concatenate([before, more]))

    def observe(self, rows: NDArray[np.intp], frames: NDArray[np.int16]) -> NDArray[np.int16]:
        """Real frames, (n, 160), of these rows; returns them as they are to be played.

        That is `frames` itself, but where a row comes out of a gap it is a copy in which
        the real speech fades in over the made-up one.
        """
        returning = np.flatnonzero(self._gap[rows])
        if returning.size:
            frames = frames.copy()
            frames[returning] = self._joined(rows[returning], frames[returning])
            self._gap[rows[returning]] = 0
        self._remember(rows, frames)
        return frames

    def conceal(self, rows: NDArray[np.intp]) -> NDArray[np.int16]:
        """Frames, (n, 160), for rows whose packet is missing."""
        beginning = rows[self._gap[rows] == 0]
        if beginning.size:
            self._begin(beginning)
        frames = np.zeros((len(rows), FRAME), dtype=np.int16)
        sounding = np.flatnonzero(self._gap[rows] < FADE_ENDS)
        if sounding.size:
            live = rows[sounding]
            made_up = np.rint(self._synthesis(live, FRAME)).astype(np.int16)
            self._gap[live] += FRAME
            self._remember(live, made_up)
            frames[sounding] = made_up
        return frames

    def reset(self, rows: NDArray[np.intp]) -> None:
        """These rows begin a new stream: nothing is known of it."""
        self._frames[rows] = 0
        self._gap[rows] = 0

    def _remember(self, rows: NDArray[np.intp], frames: NDArray[np.int16]) -> None:
        place = self._next[rows]
        self._frames[rows, place] = frames
        self._next[rows] = (place + 1) % _FRAMES

    def _begin(self, rows: NDArray[np.intp]) -> None:
        """A gap begins: find the pitch, keep what is repeated."""
        order = (self._next[rows][:, None] + np.arange(_FRAMES)) % _FRAMES
        past = self._frames[rows[:, None], order].reshape(len(rows), _HISTORY).astype(np.float32)
        pitch, voiced = _pitch(past)
        self._past[rows] = past
        # What has no pitch is noise: it is repeated in long pieces, which buzz less.
        self._pitch[rows] = np.where(voiced, pitch, LONGEST_PITCH)
        every = np.arange(len(rows))
        self._step[rows] = np.where(voiced, past[:, -1] - past[every, -1 - pitch], 0.0)

    def _synthesis(self, rows: NDArray[np.intp], count: int) -> Float:
        """The next `count` made-up samples of rows in a gap, (n, count)."""
        gap = self._gap[rows].astype(np.int32)[:, None]
        pitch = self._pitch[rows].astype(np.int32)[:, None]
        overlap = pitch // 4
        time = gap + np.arange(count, dtype=np.int32)
        # From the second frame of a gap on, longer cycles; they begin where a period does.
        cycle = np.where(gap < FRAME, pitch, _PERIODS * pitch)
        position = time % cycle
        past = self._past[rows].reshape(-1)
        begin = np.arange(len(rows), dtype=np.int32)[:, None] * _HISTORY + _HISTORY - cycle
        wave: Float = past[begin + position]
        # Towards its end a cycle fades into what came before its beginning.
        row, column = np.nonzero(position >= cycle - overlap)
        place, width = position[row, column], overlap[row, 0]
        left = (cycle[row, 0] - 1 - place) / width
        earlier = past[begin[row, 0] - (cycle[row, 0] - place)]
        wave[row, column] = earlier + (wave[row, column] - earlier) * left
        if gap.min(initial=FRAME) < overlap.max(initial=0):
            ramp = 1.0 - (time[:, :_LONGEST_RAMP] + 1) / overlap
            wave[:, :_LONGEST_RAMP] += self._step[rows][:, None] * np.maximum(ramp, 0.0)
        wave *= _LOUDNESS[np.minimum(time, FADE_ENDS)]
        np.clip(wave, -32768.0, 32767.0, out=wave)
        return wave

    def _joined(self, rows: NDArray[np.intp], frames: NDArray[np.int16]) -> NDArray[np.int16]:
        """The first real frames after a gap, faded in."""
        made_up = self._synthesis(rows, _MOST_OVERLAP)
        # The longer the gap the longer the fade: a quarter period and 4 ms each 10 ms.
        overlap = self._pitch[rows] // 4 + self._gap[rows] * 4 // 10
        overlap = np.minimum(overlap, _MOST_OVERLAP)[:, None]
        real = np.clip((np.arange(_MOST_OVERLAP) + 0.5) / overlap, 0.0, 1.0)
        start = frames[:, :_MOST_OVERLAP]
        frames[:, :_MOST_OVERLAP] = np.rint(start * real + made_up * (1.0 - real))
        return frames


def _pitch(past: Float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Pitch period in samples of (n, history) audio by its end, and whether it has one."""
    latest = past[:, -_COMPARED:]
    # Candidate k is the audio LONGEST_PITCH - k samples before the latest.
    region = past[:, -_COMPARED - LONGEST_PITCH : -SHORTEST_PITCH]
    lags = region.shape[1] - _COMPARED + 1
    spectrum = np.fft.rfft(region, _TRANSFORM) * np.conj(np.fft.rfft(latest, _TRANSFORM))
    products = np.fft.irfft(spectrum, _TRANSFORM)[:, :lags]
    energy = np.cumsum(np.square(region, dtype=np.float64), axis=1)
    energy = np.concatenate([np.zeros((len(past), 1)), energy], axis=1)
    sums = energy[:, _COMPARED:] - energy[:, :lags]
    likeness = products / np.sqrt(np.maximum(sums, 1.0))
    best = likeness.argmax(axis=1)
    own = np.sqrt(np.maximum(np.square(latest, dtype=np.float64).sum(axis=1), 1.0))
    voiced = likeness[np.arange(len(past)), best] >= _VOICED * own
    return LONGEST_PITCH - best, voiced
