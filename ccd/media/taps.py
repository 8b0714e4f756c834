"""Taps: sinks that are no legs. Recorders take frames to disk, detectors listen for tones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ccd.media import protocol
from ccd.media.board import Board
from ccd.media.codecs import FRAME
from ccd.media.detector import ToneDetector
from ccd.media.nodes import Kind
from ccd.media.patch import Plan
from ccd.media.protocol import Report
from ccd.media.recorder import Recorder, RecorderThread, RecordingResult

_SILENT: Final = np.zeros(FRAME, np.int16)


@dataclass
class _Recording:
    node: int
    channels: tuple[int, int]
    """A row for each: left, right."""
    recorder: Recorder


class Taps:
    """All recorders and detectors."""

    def __init__(
        self,
        board: Board,
        recordings: RecorderThread,
        *,
        report: Callable[[Report], None],
        log: Any,
    ) -> None:
        self._board = board
        self._thread = recordings
        self._report = report
        self._log = log
        self._recordings: dict[int, _Recording] = {}
        self._finishing: dict[Recorder, _Recording] = {}
        self._detectors: dict[int, ToneDetector] = {}
        # The recorder thread joins frames that come with one and the same tuple.
        self._recorders: tuple[Recorder, ...] = ()
        self._arranged = True
        self._place = np.zeros(0, np.int64)
        """By row: twice a recorder's index in that tuple, and the channel."""

    @property
    def busy(self) -> bool:
        """A recording is being written or finished."""
        return bool(self._recordings or self._finishing)

    def record(self, command: protocol.Record) -> None:
        """Begin a recording. Raises ValueError where the node number is in use."""
        left = self._board.take(command.node, Kind.RECORDER)
        right = self._board.take_more(Kind.RECORDER)
        recorder = self._thread.open(Path(command.path))
        self._recordings[command.node] = _Recording(command.node, (left, right), recorder)
        self._arranged = False

    def pause(self, command: protocol.PauseRecord) -> None:
        """Keep what is said out of the file, or go on."""
        recording = self._recordings.get(command.node)
        if recording is not None:
            recording.recorder.pause(command.paused)

    def detect(self, command: protocol.Detect) -> None:
        """Begin to listen for tones. Raises ValueError for one that can't be."""
        detector = ToneDetector(command.frequencies)
        self._detectors[self._board.take(command.node, Kind.DETECTOR)] = detector

    def stop(self, node: int) -> None:
        """End the recorder or detector of this number, if it is one."""
        recording = self._recordings.pop(node, None)
        if recording is not None:
            recording.recorder.close()
            self._finishing[recording.recorder] = recording
            self._board.drop(node, *recording.channels)
            self._arranged = False
            return
        row = self._board.row(node)
        if row is not None and self._detectors.pop(row, None) is not None:
            self._board.drop(node, row)

    def sink(self, node: int, channel: int) -> int | None:
        """The row of a recorder's channel; None where the node is no recorder."""
        recording = self._recordings.get(node)
        return None if recording is None else recording.channels[channel]

    def feed(self, plan: Plan, sums: NDArray[np.int16]) -> None:
        """A frame for each of them: a source's own, a sum, or silence."""
        if not self._arranged:
            self._arrange()
        if not self._recorders and not self._detectors:
            return
        heard = (
            (plan.tap_sink, self._board.nodes.frame[plan.tap_source]),
            (plan.tap_sum_sink, sums[plan.tap_sum]),
        )
        if self._recorders:
            stereo = np.zeros((len(self._recorders), FRAME, 2), np.int16)
            for sinks, frames in heard:
                mine = self._board.nodes.kind[sinks] == Kind.RECORDER
                place = self._place[sinks[mine]]
                stereo[place >> 1, :, place & 1] = frames[mine]
            self._thread.write_rows(self._recorders, stereo)
        if self._detectors:
            by_row = {
                row: frame
                for sinks, frames in heard
                for row, frame in zip(sinks.tolist(), frames, strict=True)
                if row in self._detectors
            }
            for row, detector in self._detectors.items():
                self._listen(row, detector, by_row.get(row, _SILENT))

    def poll(self) -> None:
        """Report recordings that are complete, log those in trouble."""
        for problem in self._thread.problems():
            self._log.error("media.recording", problem=problem)
        for result in self._thread.results():
            self._finished(result)

    def close(self) -> None:
        """Finish every recording; returns when they are on disk."""
        for node in list(self._recordings):
            self.stop(node)
        for result in self._thread.stop():
            self._finished(result)

    def _listen(self, row: int, detector: ToneDetector, frame: NDArray[np.int16]) -> None:
        for change in detector.feed(frame):
            self._report(
                protocol.Tone(
                    node=int(self._board.nodes.node[row]),
                    frequency=change.frequency,
                    present=change.present,
                    level_dbm0=change.level_dbm0,
                )
            )

    def _finished(self, result: RecordingResult) -> None:
        recording = self._finishing.pop(result.recorder, None)
        if recording is not None:
            self._report(
                protocol.RecordFinished(
                    node=recording.node,
                    path=str(result.path),
                    seconds=result.seconds,
                    error=result.error,
                )
            )

    def _arrange(self) -> None:
        self._arranged = True
        self._recorders = tuple(item.recorder for item in self._recordings.values())
        self._place = np.zeros(self._board.nodes.capacity, np.int64)
        for index, recording in enumerate(self._recordings.values()):
            for channel, row in enumerate(recording.channels):
                self._place[row] = 2 * index + channel
