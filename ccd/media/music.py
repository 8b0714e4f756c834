"""The built-in hold music: a piece of our own, so that nobody owes anybody for it.

Sixteen bars in D at 84 beats a minute, 45.7 s: a soft pad, a bass, broken chords on
something like an electric piano, and in the second half a melody. It is written for the
telephone: what carries it lies between 150 and 3,000 Hz, nothing is sharp (G.711 makes
sharp things hiss), and it is never quite silent, for silence is what a lost call sounds
like. It is rendered on a circle, reverberation included, so its end runs into its
beginning without a seam.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ccd.media import wav
from ccd.media.level import rms
from ccd.media.protocol import SAMPLE_RATE

LEVEL_DBM0: Final = -22.0
"""Quieter than prompts and people: one waits with it, one does not listen to it."""

_VERSION: Final = 1
"""Of the piece: raise it with every change, for rendered files are kept."""

_BEAT = 60.0 / 84.0
_BARS = 16
_LENGTH = round(_BARS * 4 * _BEAT * SAMPLE_RATE)

_REVERBERATION_S = 1.6
_WET = 0.35

Signal = NDArray[np.float64]


class Chord(NamedTuple):
    """MIDI note numbers: the bass, and the notes above it from low to high."""

    bass: int
    notes: tuple[int, int, int, int]


_D = Chord(38, (57, 62, 64, 66))
"""D major with its ninth; below: B minor 7, G major 7, A suspended, E minor 7, F sharp minor 7."""
_BM = Chord(35, (57, 59, 62, 66))
_G = Chord(43, (55, 59, 62, 66))
_A = Chord(45, (57, 61, 62, 64))
_EM = Chord(40, (55, 59, 62, 67))
_FM = Chord(42, (57, 61, 64, 66))

_PROGRESSION = (_D, _BM, _G, _A, _D, _FM, _G, _A, _BM, _FM, _G, _D, _EM, _BM, _G, _A)
"""A chord a bar; the last leads back to the first."""

_FIGURES = ((0, 1, 2, 3, 2, 1, 2, 3), (0, 2, 1, 3, 2, 3, 1, 2))
"""Which note of the chord sounds on each eighth, in even and odd bars."""

_MELODY: tuple[tuple[float, float, int], ...] = (
    # (beat, length in beats, note), from bar 9
    (32.0, 3.0, 78), (35.0, 1.0, 76), (36.0, 2.0, 73), (38.0, 2.0, 76),
    (40.0, 3.0, 74), (43.0, 1.0, 71), (44.0, 3.5, 69),
    (48.0, 2.0, 71), (50.0, 1.0, 74), (51.0, 1.0, 76), (52.0, 3.0, 74), (55.0, 1.0, 73),
    (56.0, 2.0, 71), (58.0, 2.0, 74), (60.0, 3.0, 73), (63.0, 1.0, 69),
)  # fmt: skip


def hold_music(folder: Path) -> Path:
    """The piece as a WAV file (8 kHz, mono) in `folder`; rendered when it is not there.

    Rendering takes about a second. Raises OSError where the file can't be written.
    """
    path = folder / f"hold-music-{_VERSION}.wav"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        wav.write(path, compose())
    return path


def compose() -> NDArray[np.int16]:
    """The piece: one round of the loop, at 8 kHz and `LEVEL_DBM0`."""
    dry = np.zeros(_LENGTH)
    for bar, chord in enumerate(_PROGRESSION):
        start = bar * 4 * _BEAT
        for note in chord.notes:
            _place(dry, start - 0.4, _pad(_hertz(note), 4 * _BEAT + 1.2), 0.10)
        for beat, length in ((0.0, 2.4), (2.5, 1.4)):
            _place(dry, start + beat * _BEAT, _bass(_hertz(chord.bass + 12), length * _BEAT), 0.22)
        for eighth, voice in enumerate(_FIGURES[bar % 2]):
            # A little louder on the beat: what is even sounds like a machine.
            strength = 0.20 if eighth % 4 == 0 else 0.15
            note = chord.notes[voice] + (12 if eighth >= 4 else 0)
            _place(dry, start + eighth * _BEAT / 2, _piano(_hertz(note), 1.8), strength)
    for beat, length, note in _MELODY:
        _place(dry, beat * _BEAT, _flute(_hertz(note), length * _BEAT), 0.16)
    wet = _reverberated(dry)
    even = np.tanh(wet / (4.0 * wet.std()))  # rounds the peaks that G.711 would clip
    samples: NDArray[np.int16] = np.rint(even / even.std() * rms(LEVEL_DBM0)).astype(np.int16)
    return samples


def _hertz(note: int) -> float:
    return 440.0 * math.pow(2.0, (note - 69) / 12.0)


def _place(track: Signal, start_s: float, sound: Signal, strength: float) -> None:
    """Mix a sound in; what goes over an end of the circle comes in at the other."""
    begin = round(start_s * SAMPLE_RATE) % track.size
    first = sound[: track.size - begin]
    track[begin : begin + first.size] += strength * first
    track[: sound.size - first.size] += strength * sound[first.size :]


def _time(seconds: float) -> Signal:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _swell(time: Signal, rise_s: float, fall_s: float) -> Signal:
    """From nothing to one and back, without corners."""
    edge = np.minimum(time / rise_s, (time[-1] - time) / fall_s)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(edge, 0.0, 1.0)))


def _harmonics(
    frequency: float, time: Signal, strength: Callable[[int], Signal | float]
) -> Iterator[Signal]:
    """Sines above a fundamental, as far as the telephone carries them.

    Their phases are spread (Schroeder's way): in step they would add up to a saw's edge.
    """
    for number in range(1, int(3000.0 / frequency) + 1):
        phase = 2.0 * np.pi * number * frequency * time + 0.6 * number**2
        yield strength(number) * np.sin(phase)


def _total(parts: Iterator[Signal], time: Signal) -> Signal:
    return np.asarray(sum(parts, np.zeros_like(time)))


def _pad(frequency: float, seconds: float) -> Signal:
    """Strings of a kind: three voices a hair apart, so that they beat slowly."""
    time = _time(seconds)
    voices = (
        _total(_harmonics(frequency * detune, time, lambda n: n**-2.0), time)
        for detune in (0.997, 1.0, 1.0031)
    )
    return _total(voices, time) / 3.0 * _swell(time, 0.8, 1.0)


def _bass(frequency: float, seconds: float) -> Signal:
    time = _time(seconds)
    tone = _total(_harmonics(frequency, time, lambda n: np.exp(-time * n) * n**-1.5), time)
    return tone * _swell(time, 0.02, 0.15)


def _piano(frequency: float, seconds: float) -> Signal:
    """Struck: high harmonics are gone before low ones, as in an electric piano."""
    time = _time(seconds)
    tone = _total(
        _harmonics(frequency, time, lambda n: np.exp(-time * (1.6 + 1.8 * n)) * n**-1.4), time
    )
    return tone * _swell(time, 0.006, 0.3)


def _flute(frequency: float, seconds: float) -> Signal:
    """The melody: nearly a sine, with a vibrato that comes in late."""
    time = _time(seconds + 0.15)
    sway = 0.004 * np.clip(time - 0.35, 0.0, 0.6) / 0.6 * np.sin(2.0 * np.pi * 5.1 * time)
    phase = 2.0 * np.pi * frequency * np.cumsum(1.0 + sway) / SAMPLE_RATE
    tone = np.sin(phase) + 0.22 * np.sin(2.0 * phase) + 0.07 * np.sin(3.0 * phase)
    return np.asarray(tone * _swell(time, 0.09, 0.22))


def _reverberated(dry: Signal) -> Signal:
    """A mild hall: the piece convolved, on its circle, with noise that dies away."""
    time = _time(_REVERBERATION_S)
    noise = np.random.default_rng(1909).standard_normal(time.size)
    tail = noise * np.exp(-time * 4.5 / _REVERBERATION_S) * np.clip(time / 0.012, 0.0, 1.0)
    hall = np.fft.rfft(tail / math.sqrt(float(np.sum(tail**2))), dry.size)
    hertz = np.fft.rfftfreq(dry.size, 1.0 / SAMPLE_RATE)
    # Air takes the treble; below 120 Hz a telephone has nothing.
    hall *= 1.0 / (1.0 + (hertz / 1800.0) ** 2)
    both = np.fft.rfft(dry) * (1.0 + _WET * hall)
    both *= (hertz / 120.0) ** 4 / (1.0 + (hertz / 120.0) ** 4)
    return np.asarray(np.fft.irfft(both, dry.size))
