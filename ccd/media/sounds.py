"""Sounds that the bay plays: WAV files brought to its own rate, tones, silence.

`load` reads a file once; what it returns is shared and read-only. `SoundPlayer` walks a
play list in steps of one frame, to the sample: a file may end in the middle of a frame
and the next sound begins there.

Reading and resampling take milliseconds (a minute of 44.1 kHz stereo: about 150 ms), so
whoever runs a media loop calls `load` or makes the player in another thread; once a
file is cached, making a player costs microseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ccd.media import wav
from ccd.media.codecs import FRAME
from ccd.media.protocol import SAMPLE_RATE, Sound
from ccd.media.resample import resample
from ccd.media.tones import Tone

CACHE_BYTES = 64 * 1024 * 1024
"""Of decoded audio: over an hour of prompts."""


class SoundError(Exception):
    """A sound can't be played; the message names it, the reason and the mend."""


class _Cache:
    """Decoded files by path, as long as the file is the same; the least used go first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._size = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[tuple[int, int], NDArray[np.int16]]] = OrderedDict()

    def get(self, path: str, version: tuple[int, int]) -> NDArray[np.int16] | None:
        with self._lock:
            entry = self._entries.get(path)
            if entry is None or entry[0] != version:
                return None
            self._entries.move_to_end(path)
            return entry[1]

    def put(self, path: str, version: tuple[int, int], samples: NDArray[np.int16]) -> None:
        with self._lock:
            previous = self._entries.pop(path, None)
            if previous is not None:
                self._size -= previous[1].nbytes
            if samples.nbytes > self._capacity:
                return
            self._entries[path] = version, samples
            self._size += samples.nbytes
            while self._size > self._capacity:
                _, (_, oldest) = self._entries.popitem(last=False)
                self._size -= oldest.nbytes


_cache = _Cache(CACHE_BYTES)


def load(path: str | Path) -> NDArray[np.int16]:
    """A WAV file as mono samples at 8 kHz, read-only; cached until the file changes.

    Channels are averaged. Raises SoundError. Safe from any thread.
    """
    place = Path(path)
    try:
        stat = place.stat()
        version = stat.st_mtime_ns, stat.st_size
        samples = _cache.get(str(place), version)
        if samples is None:
            samples = _telephone(wav.read(place))
            _cache.put(str(place), version, samples)
    except FileNotFoundError as error:
        raise SoundError(f"{place}: there is no such sound file; check the path") from error
    except OSError as error:
        raise SoundError(
            f"{place}: can't be read ({error.strerror or error}); check its permissions"
        ) from error
    except wav.WavError as error:
        raise SoundError(
            f"{place}: can't be played, {error}; convert it with: sox IN -r 8000 -c 1 -b 16 OUT.wav"
        ) from error
    return samples


def _telephone(wave: wav.Wave) -> NDArray[np.int16]:
    """Mono, 8 kHz, 16 bits; peaks beyond full scale are clipped."""
    mono = wave.samples.mean(axis=1, dtype=np.float32)
    slow = resample(mono, wave.rate, SAMPLE_RATE)
    samples: NDArray[np.int16] = np.clip(np.rint(slow * 32768.0), -32768, 32767).astype(np.int16)
    samples.setflags(write=False)
    return samples


class _Source(Protocol):
    """What a play list item gives: any stretch of `length` samples (None: endless)."""

    length: int | None

    def stretch(self, start: int, count: int) -> NDArray[np.int16]: ...


class _Clip:
    """A file, played `repeat` times with a pause after each (0: for ever)."""

    def __init__(self, samples: NDArray[np.int16], pause: int, repeat: int) -> None:
        if pause:
            samples = np.concatenate([samples, np.zeros(pause, dtype=np.int16)])
        self.length = samples.size * repeat if repeat else None
        self._samples = samples

    def stretch(self, start: int, count: int) -> NDArray[np.int16]:
        begin = start % self._samples.size
        piece = self._samples[begin : begin + count]
        if piece.size < count:
            return np.take(self._samples, np.arange(begin, begin + count), mode="wrap")
        return piece


class _Silence:
    def __init__(self, length: int | None) -> None:
        self.length = length

    def stretch(self, start: int, count: int) -> NDArray[np.int16]:
        return np.zeros(count, dtype=np.int16)


def _source(sound: Sound) -> _Source:
    if sound.on_ms < 0 or sound.off_ms < 0 or sound.repeat < 0:
        raise SoundError(f"{_name(sound)}: durations and repeats can't be negative")
    on = sound.on_ms * SAMPLE_RATE // 1000
    off = sound.off_ms * SAMPLE_RATE // 1000
    if sound.path is not None:
        samples = load(sound.path)
        if samples.size + off == 0 and sound.repeat == 0:
            raise SoundError(f"{sound.path}: is empty and can't be repeated for ever")
        return _Clip(samples, off, sound.repeat)
    period = on + off
    if period == 0:
        raise SoundError(f"{_name(sound)}: has no duration; give on_ms, or a path")
    length = period * sound.repeat if sound.repeat else None
    if not sound.frequencies or on == 0:
        return _Silence(length)
    try:
        return Tone(sound.frequencies, sound.level_dbm0, on, off, length)
    except ValueError as error:
        raise SoundError(f"{_name(sound)}: {error}") from error


def _name(sound: Sound) -> str:
    if sound.path is not None:
        return sound.path
    if sound.frequencies:
        return "a tone of " + " + ".join(f"{frequency:g} Hz" for frequency in sound.frequencies)
    return "a silence"


class SoundPlayer:
    """A play list, a frame at a time.

    Makes every sound ready at once, so that a missing file is told before a note is
    heard: raises SoundError. With `loop` the list begins again without a gap.
    """

    def __init__(self, sounds: Sequence[Sound], loop: bool = False) -> None:
        self._sources = [_source(sound) for sound in sounds]
        lengths = [source.length for source in self._sources]
        if loop and sum(length or 0 for length in lengths) == 0 and None not in lengths:
            raise SoundError("a play list without any audio can't loop; give it a sound")
        self._loop = loop
        self._item = 0
        self._position = 0

    @property
    def endless(self) -> bool:
        """It goes on until it is stopped."""
        return self._loop or any(source.length is None for source in self._sources)

    def next_frame(self) -> NDArray[np.int16] | None:
        """The next 160 samples, not to be changed; None when the list is at its end.

        The last frame is filled up with silence.
        """
        source = self._current()
        if source is None:
            return None
        if source.length is None or source.length - self._position >= FRAME:
            frame = source.stretch(self._position, FRAME)
            self._position += FRAME
            return frame
        return self._across()

    def skip(self, frames: int) -> None:
        """Go on as if so many frames had been played."""
        left = frames * FRAME
        lengths = [source.length for source in self._sources]
        if self._loop and None not in lengths and left > 0:
            left %= sum(length or 0 for length in lengths)  # whole rounds lead back here
        while left and (source := self._current()) is not None:
            step = left if source.length is None else min(left, source.length - self._position)
            self._position += step
            left -= step

    def _current(self) -> _Source | None:
        """The sound at the play position, stepping over what is finished."""
        while True:
            if self._item == len(self._sources):
                if not self._loop or not self._sources:
                    return None
                self._item = 0
            source = self._sources[self._item]
            if source.length is None or self._position < source.length:
                return source
            self._item += 1
            self._position = 0

    def _across(self) -> NDArray[np.int16]:
        """A frame made of the end of one sound and the beginning of the next."""
        frame = np.zeros(FRAME, dtype=np.int16)
        filled = 0
        while filled < FRAME and (source := self._current()) is not None:
            left = FRAME if source.length is None else source.length - self._position
            count = min(FRAME - filled, left)
            frame[filled : filled + count] = source.stretch(self._position, count)
            filled += count
            self._position += count
        return frame
