"""Recordings: what each side of a conversation said, on disk, without a wait in the media loop.

A recording is a stereo 16-bit 8 kHz WAV: channel 0 is one party, channel 1 the other, so
nobody has to guess who spoke. The media loop hands over frames and goes on; one thread
writes them, about a second of each recording at a time.

Evidence is not lost to what happens to the process or the disk:

- The file has its final name from the beginning, never that of an earlier recording,
  and a header that is true to the last write. A process that is killed leaves a file
  that every player opens, without its last second or so (`repair` brings back what a
  header misses).
- What can't be written now (disk full, folder gone) or not kept in memory (the disk has
  stalled) becomes silence of its length: what follows stays at its place in time. It is
  counted, told in the result, and writing is tried again with the next second.
- When a recording is finished it is flushed to the medium before that is said.

One thread feeds a `RecorderThread` (the media loop); nothing that a disk does blocks it
or raises in it. Measured: 1,000 recordings (32 MB/s) take 8 to 11 % of a core, mostly the
kernel's copying, 25 us a frame of it in the media loop.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ccd.media import wav
from ccd.media.protocol import SAMPLE_RATE

CHANNELS: Final = 2
T = TypeVar("T")

_SAMPLE_BYTES: Final = 2 * CHANNELS
"""One sample of both channels."""

BATCH_S = 1.0
"""How much of a recording is written at once: 32 kB, large against a system call's cost."""

_BEAT_S = BATCH_S / 4
"""How often the thread looks; recordings that began apart are written apart."""

_ROWS_AT_ONCE = 64
"""Rows turned from frames to runs in one operation: the media loop is kept from the
interpreter for no longer than 64 rows take (0.1 ms)."""

MAX_QUEUED_BYTES = 128 * 1024 * 1024
"""Audio waiting for the disk: 4 s of 1,000 recordings. Beyond it audio is dropped."""

_MENDS: Final = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "raise the quota",
    errno.EACCES: "let the daemon's user write there",
    errno.EPERM: "let the daemon's user write there",
    errno.EEXIST: "move the file that is where its folder should be",
    errno.ENOTDIR: "move the file that is where its folder should be",
    errno.EROFS: "mount the disk writable",
    errno.EMFILE: "raise the limit of open files",
}


class RecordingResult(NamedTuple):
    """A finished recording.

    `path` is where it is: its name has a number added where a file was in its way.
    `seconds` is its length, of which `lost_seconds` are silence that should not be;
    `error` is why, or empty.
    """

    recorder: Recorder
    path: Path
    seconds: float
    lost_seconds: float
    error: str


class Recorder:
    """One recording, as the media loop sees it. Made by `RecorderThread.open`."""

    __slots__ = ("_closed", "_file", "_thread")

    def __init__(self, thread: RecorderThread, path: Path) -> None:
        self._thread = thread
        self._file = _File(self, path)
        self._closed = False

    def write(self, frames: NDArray[np.int16]) -> None:
        """Append (n, 2) samples. They are not copied: the caller no longer changes them.

        Where many recordings go on at once, `RecorderThread.write_rows` is much cheaper.
        """
        if not self._closed:
            self._thread.write_rows((self,), frames[np.newaxis])

    def pause(self, paused: bool) -> None:
        """Keep what follows out of the file, as silence of its length, or go on."""
        if not self._closed:
            self._thread._put(_Pause(self._file, paused), 0)

    def close(self) -> None:
        """No more will come; the thread's `results` tell when the file is complete."""
        if not self._closed:
            self._closed = True
            self._thread._put(_Close(self._file), 0)


class _Pause(NamedTuple):
    file: _File
    paused: bool


class _Close(NamedTuple):
    file: _File


class _Gap(NamedTuple):
    """Audio that was dropped: samples by recording."""

    samples: dict[_File, int]


class _Rows(NamedTuple):
    """(rows, n, 2) samples, a row a recorder."""

    recorders: Sequence[Recorder]
    frames: NDArray[np.int16]


class RecorderThread:
    """Writes every recording of a worker. `start`, then `open` recordings, then `stop`."""

    def __init__(
        self,
        *,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_queued = max_queued_bytes
        self._clock = clock
        self._queue: deque[_Rows | _Pause | _Close | _Gap] = deque()
        self._enqueued = 0  # bytes; only the media loop changes it
        self._dequeued = 0  # bytes; only the thread changes it
        self._dropped: dict[_File, int] = {}
        self._dropped_bytes = 0
        self._open: set[_File] = set()
        self._results: deque[RecordingResult] = deque()
        self._problems: deque[str] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        # Flushing to the medium takes as long as it takes; the others are written meanwhile.
        self._finisher = ThreadPoolExecutor(1, thread_name_prefix="recorder-finish")

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def open(self, path: Path) -> Recorder:
        """A new recording; its folder is made where it is missing.

        Never raises: what is wrong with the path is told by `problems`, and at the end.
        """
        recorder = Recorder(self, path)
        self._put(_Pause(recorder._file, False), 0)  # makes it known, even if nothing comes
        return recorder

    def write_rows(self, recorders: Sequence[Recorder], frames: NDArray[np.int16]) -> None:
        """Append `frames[i]`, (n, 2) samples, to `recorders[i]`, for all of them at once.

        One call a frame for all recordings costs the media loop a few microseconds.
        Neither argument is copied: both are left unchanged afterwards. Handing over the
        same `recorders` object as before lets the thread join frames without sorting
        them. Closed recorders may be among them: their rows are ignored. Raises
        ValueError where the shapes do not fit.
        """
        if frames.ndim != 3 or frames.shape[::2] != (len(recorders), CHANNELS):
            raise ValueError(f"frames of {frames.shape} for {len(recorders)} recordings")
        if self._enqueued - self._dequeued + frames.nbytes > self._max_queued:
            for recorder in recorders:
                if not recorder._closed:
                    file = recorder._file
                    self._dropped[file] = self._dropped.get(file, 0) + frames.shape[1]
            self._dropped_bytes += frames.nbytes
            return
        self._put(_Rows(recorders, frames), frames.nbytes)

    def results(self) -> list[RecordingResult]:
        """Recordings finished since the last call."""
        return _drain(self._results)

    def problems(self) -> list[str]:
        """Recordings that began to fail since the last call, a message each, for the log."""
        return _drain(self._problems)

    @property
    def alive(self) -> bool:
        """The thread runs."""
        return self._thread.is_alive()

    @property
    def queued_bytes(self) -> int:
        """Audio that waits to be written."""
        return self._enqueued - self._dequeued

    @property
    def dropped_bytes(self) -> int:
        """Audio that was dropped since the start because too much was waiting."""
        return self._dropped_bytes

    def stop(self, timeout_s: float = 10.0) -> list[RecordingResult]:
        """Close and finish every recording; the results not yet fetched.

        Blocks, at most about `timeout_s`: a dead disk keeps nobody from ending.
        """
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)
        self._finisher.shutdown(wait=not self._thread.is_alive(), cancel_futures=False)
        return self.results()

    def _put(self, item: _Rows | _Pause | _Close | _Gap, size: int) -> None:
        if self._dropped:
            # What was dropped comes before what follows it.
            self._queue.append(_Gap(self._dropped))
            self._dropped = {}
        self._enqueued += size
        self._queue.append(item)

    # What follows runs in the thread.

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(_BEAT_S)
            self._guarded_turn(everything=False)
        if self._dropped:
            self._queue.append(_Gap(self._dropped))
        self._guarded_turn(everything=True)
        while self._open:
            self._finish(self._open.pop())

    def _guarded_turn(self, *, everything: bool) -> None:
        """A fault of ours in one turn is told, and does not end all recording."""
        try:
            self._turn(self._clock(), everything=everything)
        except Exception:
            self._problems.append(f"the recorder's thread failed:\n{traceback.format_exc()}")

    def _turn(self, now: float, *, everything: bool) -> None:
        """Sort what has come, and write the recordings whose turn it is."""
        closing = self._sort(now)
        for file in self._open:
            if everything or file.due(now):
                self._flush(file)
        for file in closing:
            self._flush(file)
            self._finish(file)

    def _sort(self, now: float) -> list[_File]:
        closing = []
        run: list[_Rows] = []
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if isinstance(item, _Rows):
                if run and item.recorders is not run[0].recorders:
                    self._share_out(run, now)
                run.append(item)
                continue
            self._share_out(run, now)
            if isinstance(item, _Gap):
                for file, samples in item.samples.items():
                    file.lose(samples, now)
            elif isinstance(item, _Pause):
                self._open.add(item.file)
                item.file.paused = item.paused
            else:
                self._open.discard(item.file)
                closing.append(item.file)
        self._share_out(run, now)
        return closing

    def _share_out(self, run: list[_Rows], now: float) -> None:
        """Give each recording its part of frames that came for the same recordings."""
        if not run:
            return
        recorders = run[0].recorders
        for start in range(0, len(recorders), _ROWS_AT_ONCE):
            stop = start + _ROWS_AT_ONCE
            together = np.concatenate([rows.frames[start:stop] for rows in run], axis=1)
            for recorder, audio in zip(recorders[start:stop], together, strict=True):
                file = recorder._file
                if file in self._open and not file.paused:
                    file.append(audio, now)
                    continue
                self._dequeued += audio.nbytes
                if file in self._open:
                    file.keep_silent(len(audio), now)
        run.clear()

    def _flush(self, file: _File) -> None:
        self._dequeued += file.flush()
        if file.trouble and not file.told:
            file.told = True
            self._problems.append(file.error())

    def _finish(self, file: _File) -> None:
        self._finisher.submit(self._complete, file)

    def _complete(self, file: _File) -> None:
        """Runs in the finisher's thread."""
        self._results.append(file.complete())


class _File:
    """A recording on disk. Owned by the thread; it is handed on to the finisher once."""

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self.path = path
        self.paused = False
        self.trouble: OSError | None = None
        self.told = False
        self._recorder = recorder
        self._stream: FileIO | None = None
        self._pending: list[NDArray[np.int16] | int] = []  # audio, or samples of silence
        self._pending_since: float | None = None
        self._position = 0  # samples
        self._on_disk = 0  # samples that the header tells of
        self._lost = 0

    def append(self, audio: NDArray[np.int16], now: float) -> None:
        """Audio to write at its turn."""
        self._pending.append(audio)
        if self._pending_since is None:
            self._pending_since = now

    def keep_silent(self, samples: int, now: float) -> None:
        """Silence in place of audio that came during a pause."""
        self._pending.append(samples)
        if self._pending_since is None:
            self._pending_since = now

    def lose(self, samples: int, now: float) -> None:
        """Silence in place of audio that was dropped."""
        self.keep_silent(samples, now)
        self._lost += samples

    def due(self, now: float) -> bool:
        """A second has gathered, or nothing of the file is on disk yet."""
        if self._stream is None and self.trouble is None:
            return True
        return self._pending_since is not None and now - self._pending_since >= BATCH_S - _BEAT_S

    def flush(self) -> int:
        """Write what is pending; bytes of audio that are dealt with, written or not."""
        pending, self._pending, self._pending_since = self._pending, [], None
        done = 0
        try:
            stream = self._ready()
        except OSError as error:
            stream = None
            self.trouble = self.trouble or error
        for silent, group in itertools.groupby(pending, lambda item: isinstance(item, int)):
            if silent:
                self._position += sum(item for item in group if isinstance(item, int))
                continue
            parts = [item for item in group if not isinstance(item, int)]
            audio = parts[0] if len(parts) == 1 else np.concatenate(parts)
            done += audio.nbytes
            if stream is None or not self._written(stream, audio):
                self._lost += len(audio)
            self._position += len(audio)
        if stream is not None and self._position != self._on_disk:
            self._update_header(stream)
        return done

    def _ready(self) -> FileIO:
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream, self.path = _create(self.path)
        return self._stream

    def _written(self, stream: FileIO, audio: NDArray[np.int16]) -> bool:
        # Where writing fails half-way the next second goes to its own place all the same,
        # and what is missing before it is a hole, which reads as silence.
        try:
            stream.seek(wav.HEADER_BYTES + self._position * _SAMPLE_BYTES)
            _write_all(stream, audio.data.cast("B"))
        except OSError as error:
            self.trouble = self.trouble or error
            return False
        return True

    def _update_header(self, stream: FileIO) -> None:
        try:
            _write_header(stream, self._position)
        except OSError as error:
            self.trouble = self.trouble or error
        else:
            self._on_disk = self._position

    def complete(self) -> RecordingResult:
        """Put the file's end in order, bring it to the medium, close it."""
        stream = self._stream
        if stream is not None:
            try:
                # A recording that ends in silence has its whole length.
                stream.truncate(wav.HEADER_BYTES + self._position * _SAMPLE_BYTES)
                _write_header(stream, self._position)
                os.fsync(stream.fileno())
                _sync_folder(self.path.parent)
            except OSError as error:
                self.trouble = self.trouble or error
            finally:
                with contextlib.suppress(OSError):  # told by fsync already
                    stream.close()
        return RecordingResult(
            self._recorder,
            self.path,
            self._position / SAMPLE_RATE,
            self._lost / SAMPLE_RATE,
            self.error(),
        )

    def error(self) -> str:
        """What went wrong so far: the file, the reason, what is lost and the mend."""
        lost = f"{self._lost / SAMPLE_RATE:.1f} s of audio are lost"
        if self.trouble is not None:
            reason = self.trouble.strerror or str(self.trouble)
            mend = _MENDS.get(self.trouble.errno or 0, "see to the disk")
            return f"{self.path}: {reason}, {lost}; {mend}"
        if self._lost:
            return f"{self.path}: the disk was too slow, {lost}; give recordings a faster one"
        return ""


def _create(path: Path) -> tuple[FileIO, Path]:
    """A new file, beside any that has its name. Raises OSError."""
    for number in itertools.count():
        place = path.with_name(f"{path.stem}-{number}{path.suffix}") if number else path
        try:
            # What customers say is for its owner and group alone.
            stream = FileIO(place, "xb", opener=lambda name, flags: os.open(name, flags, 0o640))
        except FileExistsError:
            continue
        try:
            _write_header(stream, 0)
        except OSError:
            stream.close()
            place.unlink(missing_ok=True)
            raise
        return stream, place
    raise AssertionError("count() does not end")


def _write_header(stream: FileIO, samples: int) -> None:
    stream.seek(0)
    _write_all(stream, memoryview(wav.header(samples * _SAMPLE_BYTES, channels=CHANNELS)))


def _write_all(stream: FileIO, data: memoryview) -> None:
    while data:
        data = data[stream.write(data) :]


def _sync_folder(folder: Path) -> None:
    """Make a new file's name last, where folders can be opened (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _drain(items: deque[T]) -> list[T]:
    return [items.popleft() for _ in range(len(items))]


def repair(path: Path) -> float:
    """Make the header of a recording whose process was killed tell of all its audio.

    Returns its length in seconds. Raises OSError, or ValueError for what is no
    recording of ours.
    """
    with path.open("r+b") as stream:
        begin = stream.read(wav.HEADER_BYTES)
        if begin[:4] != b"RIFF" or begin[8:40] != wav.header(0, channels=CHANNELS)[8:40]:
            raise ValueError(f"{path}: is no recording made here")
        samples = (stream.seek(0, os.SEEK_END) - wav.HEADER_BYTES) // _SAMPLE_BYTES
        stream.truncate(wav.HEADER_BYTES + samples * _SAMPLE_BYTES)
        stream.seek(0)
        stream.write(wav.header(samples * _SAMPLE_BYTES, channels=CHANNELS))
        stream.flush()
        os.fsync(stream.fileno())
    return samples / SAMPLE_RATE
