"""A SQLite file that is read in the event loop: found when it appears, given up when it fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from ccd.store.errors import StoreError

WAIT_S = 0.005
"""For a lock, at most. In WAL mode nobody who writes takes one against readers; a repair does,
and calls go on without customers then."""

RETRY_S = 1.0
"""A file that could not be read is left alone for so long: no call waits twice for the same lock."""

T = TypeVar("T")


class Open(Protocol):
    """How a file is opened for reading."""

    def __call__(self, path: Path, *, wait_s: float) -> sqlite3.Connection:
        """Open it. Raises `StoreError`."""


class ReadFile:
    """One file and its connection; `clock` is in seconds.

    A file that is not there is an empty one. One that was exchanged for another (a backup put
    back) is opened anew.
    """

    def __init__(self, path: Path | None, open_file: Open, clock: Callable[[], float]) -> None:
        self._path = path
        self._open_file = open_file
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        """Device and inode of the file that is open."""
        self._not_before = float("-inf")
        self.failures = 0
        """Questions that went unanswered."""
        self._failing = False
        self._log = structlog.get_logger("customers")

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what the question says; None where there is no file, or it cannot be read."""
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        except OSError as error:
            self._failed(error)
            return None
        if self._clock() < self._not_before:
            self.failures += 1
            return None
        try:
            if self._connection is None or self._opened != (stat.st_dev, stat.st_ino):
                self.close()
                self._connection = self._open_file(self._path, wait_s=WAIT_S)
                self._opened = (stat.st_dev, stat.st_ino)
            answer = question(self._connection)
        except (sqlite3.Error, StoreError, ValueError) as error:
            # ValueError, UnicodeDecodeError: what a damaged page holds is no text.
            self._failed(error)
            return None
        if self._failing:
            self._failing = False
            self._log.info("read again", path=str(self._path))
        return answer

    def close(self) -> None:
        """Let go of the file; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._opened = None

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._not_before = self._clock() + RETRY_S
        if not self._failing:
            self._failing = True
            self._log.error("cannot be read", path=str(self._path), reason=str(error))
        self.close()
