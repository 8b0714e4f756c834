"""One daemon a state folder: a lock that the kernel releases, however its owner dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ccd.errors import CcdError

ATTEMPTS = 4
PAUSE_S = 0.05
"""`owner` holds the lock for an instant to see whether it is free; that must not keep a
daemon from starting."""


class StateInUseError(CcdError):
    """Another daemon holds the state folder."""


class StateLock:
    """An advisory lock (flock(2)) on a file that names its owner's process.

    The lock, not the file, is what counts: a file left behind by a killed daemon is no
    obstacle, so nobody ever has to remove one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock. Raises StateInUseError where it is taken, OSError where it can't be made."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(ATTEMPTS):
            if _try_lock(descriptor):
                break
            time.sleep(PAUSE_S)
        else:
            process = _owner_named_in(descriptor)
            os.close(descriptor)
            raise StateInUseError(
                f"a daemon already runs on {self._path.parent}"
                + (f" (process {process})" if process else "")
                + ". Stop it first, or give this one a folder of its own: --state DIR"
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def owner(path: Path) -> int | None:
    """Return the process that holds the lock file at `path`, or None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _try_lock(descriptor) else _owner_named_in(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner_named_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
