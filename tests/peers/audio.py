"""What is in a recording: tones, silence, speech, and whether a known prompt was heard.

Everything works on mono float arrays at 8 kHz, full scale 1.0, and is written against numpy
alone, so that the media plane under test never judges itself.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second of everything here (G.711's)."""

Audio = NDArray[np.float64]


def read(path: Path, channel: int = 0) -> Audio:
    """Read one channel of a 8 or 16 bit WAV, as floats at 8 kHz (resampled linearly)."""
    with wave.open(str(path), "rb") as file:
        frames = file.readframes(file.getnframes())
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
    if width == 2:
        samples = np.frombuffer(frames, dtype="<i2").astype(np.float64) / 32768.0
    elif width == 1:
        samples = (np.frombuffer(frames, dtype=np.uint8).astype(np.float64) - 128.0) / 128.0
    else:
        raise ValueError(f"{path}: {8 * width} bit samples are not handled here")
    samples = samples[channel::channels]
    if rate != RATE and len(samples):
        wanted = np.arange(0, len(samples) * RATE // rate) * (rate / RATE)
        samples = np.interp(wanted, np.arange(len(samples)), samples)
    return samples


def write(path: Path, samples: Audio) -> Path:
    """Write a mono 16 bit WAV at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return path


def tone(frequency: float, seconds: float, amplitude: float = 0.3) -> Audio:
    """Make a sine; give whole seconds and whole hertz where it will be looped."""
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def level_dbfs(samples: Audio) -> float:
    """Root mean square in dB below full scale; -120 for digital silence."""
    if not len(samples):
        return -120.0
    return float(max(-120.0, 10 * np.log10(np.mean(samples**2) + 1e-12)))


def part(samples: Audio, start: float, end: float | None = None) -> Audio:
    """Cut out `start`..`end`, both in seconds."""
    return samples[int(start * RATE) : None if end is None else int(end * RATE)]


def tone_dbfs(samples: Audio, frequency: float, width: float = 15.0) -> float:
    """Level of what lies within `width` Hz of `frequency`, as a sine's RMS in dBFS."""
    if len(samples) < 160:
        return -120.0
    window = np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(samples * window)) ** 2
    bins = np.fft.rfftfreq(len(samples), 1 / RATE)
    # Parseval for a windowed real signal: one side of the spectrum holds half the power.
    power = 2 * spectrum[np.abs(bins - frequency) <= width].sum()
    power /= len(samples) * (window**2).sum()
    return float(max(-120.0, 10 * np.log10(power + 1e-12)))


@dataclass(frozen=True)
class Stretch:
    """From when to when something was heard, in seconds of the recording."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


def tone_stretches(
    samples: Audio,
    frequency: float,
    *,
    threshold_dbfs: float = -35.0,
    window_s: float = 0.1,
    bridge_s: float = 0.2,
) -> list[Stretch]:
    """Find where a tone sounds, in steps of half a window; gaps up to `bridge_s` are closed."""
    size = int(window_s * RATE)
    found: list[Stretch] = []
    for at in range(0, len(samples) - size + 1, size // 2):
        if tone_dbfs(samples[at : at + size], frequency, width=25.0) < threshold_dbfs:
            continue
        start, end = at / RATE, (at + size) / RATE
        if found and start - found[-1].end <= bridge_s:
            found[-1] = Stretch(found[-1].start, end)
        else:
            found.append(Stretch(start, end))
    return found


def tone_seconds(samples: Audio, frequency: float, threshold_dbfs: float = -35.0) -> float:
    """For how long in all a tone sounds."""
    return sum(s.seconds for s in tone_stretches(samples, frequency, threshold_dbfs=threshold_dbfs))


def has_tone(samples: Audio, frequency: float, start: float, end: float) -> bool:
    """Whether a tone sounds all through `start`..`end` (19 windows of 20)."""
    piece = part(samples, start, end)
    return tone_seconds(piece, frequency) >= 0.95 * len(piece) / RATE > 0


def frame_levels(samples: Audio, frame_s: float = 0.02) -> NDArray[np.float64]:
    """Level of each frame in dBFS."""
    size = int(frame_s * RATE)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    return np.maximum(-120.0, 10 * np.log10((frames**2).mean(axis=1) + 1e-12))


def is_silent(samples: Audio, threshold_dbfs: float = -50.0) -> bool:
    """Whether no frame is louder than the threshold."""
    return not len(samples) or bool(frame_levels(samples).max(initial=-120.0) < threshold_dbfs)


def speech_like(samples: Audio) -> bool:
    """Whether this moves as speech does: loud, with syllables' dips, and no steady pitch."""
    levels = frame_levels(samples)
    if len(levels) < 25 or levels.max() < -45:
        return False
    active = levels > levels.max() - 30
    swing = float(np.percentile(levels[active], 90) - np.percentile(levels[active], 10))
    window = samples * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(window)) ** 2
    peak = float(spectrum.max() / (spectrum.sum() + 1e-12))
    return swing > 6 and float(active.mean()) > 0.2 and peak < 0.5


@dataclass(frozen=True)
class Match:
    """Where a reference was found in a recording, and how alike the two are (0..1)."""

    at: float
    likeness: float


def find(reference: Audio, recording: Audio) -> Match:
    """Find `reference` in `recording` by normalised cross-correlation.

    The likeness is the correlation coefficient at the best place: 1 for the same samples, above
    0.9 after G.711, about 0.05 for strangers. It needs the whole reference to have been
    recorded; give a part of a prompt where playing may have been cut short.
    """
    size = len(reference)
    if not size or len(recording) < size:
        return Match(0.0, 0.0)
    total = len(recording) + size - 1
    points = 1 << (total - 1).bit_length()
    centred = reference - reference.mean()
    product = np.fft.irfft(
        np.fft.rfft(recording, points) * np.conj(np.fft.rfft(centred, points)), points
    )[: len(recording) - size + 1]
    sums = np.concatenate(([0.0], np.cumsum(recording)))
    squares = np.concatenate(([0.0], np.cumsum(recording**2)))
    energy = (squares[size:] - squares[:-size]) - (sums[size:] - sums[:-size]) ** 2 / size
    # Where the recording is silent there is nothing to compare with: no likeness there.
    floor = max(1e-9, 1e-4 * float(energy.max(initial=0.0)))
    norm = np.sqrt(np.maximum(energy, floor) * float((centred**2).sum()) + 1e-18)
    score = product / norm
    best = int(np.argmax(score))
    return Match(best / RATE, float(np.clip(score[best], 0.0, 1.0)))


def heard(prompt: Audio, recording: Audio, *, likeness: float = 0.5, chunk_s: float = 0.4) -> float:
    """What share of a prompt's loud chunks are in the recording, in order (0..1).

    Works through jitter buffers that skip or repeat a frame in between, which one correlation
    over the whole prompt does not.
    """
    size = int(chunk_s * RATE)
    chunks = [prompt[i : i + size] for i in range(0, len(prompt) - size + 1, size)]
    loud = [c for c in chunks if level_dbfs(c) > level_dbfs(prompt) - 6]
    if not loud:
        return 0.0
    found = 0
    last = -1.0
    for chunk in loud:
        match = find(chunk, recording)
        if match.likeness >= likeness and match.at > last - chunk_s:
            found += 1
            last = match.at
    return found / len(loud)
