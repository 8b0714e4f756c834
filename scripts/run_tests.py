"""Run the tests: `make test`.

With arguments (`make test ARGS="-k store"`) it is one pytest, and those are its arguments.
Without any it is all tests in two lanes side by side: those against other programs mostly
wait, for audio takes its time; those of single rooms mostly compute, at a lower priority, so
that no packet comes late for their sake. The first lane is seen as it goes, the second when
it is done. The exit status is 0 where every test passed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
PYTEST = (sys.executable, "-m", "pytest")
NICENESS = 10

WITH_PEERS = ("tests/interop",)
IN_REAL_TIME = ("tests/functional",)
ALONE = ("tests", *(f"--ignore={folder}" for folder in (*WITH_PEERS, *IN_REAL_TIME)))
"""Whatever else there is, so that no new folder is left out."""


class Lane:
    """Runs of pytest one after the other, in a thread; each has a niceness and its arguments."""

    def __init__(
        self, name: str, runs: tuple[tuple[int, tuple[str, ...]], ...], out: IO[bytes] | None
    ) -> None:
        self.name = name
        self.statuses: list[int] = []
        self.seconds = 0.0
        self._runs = runs
        self._out = out
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._go)

    @property
    def passed(self) -> bool:
        """Whether all its runs were made, and no test of theirs failed."""
        return self.statuses == [0] * len(self._runs)

    def start(self) -> None:
        """Begin with the first run."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the last run."""
        self._thread.join()

    def stop(self) -> None:
        """End the run there is, as Ctrl-C does, and begin no other."""
        self._stopped = True
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)

    def _go(self) -> None:
        began = time.monotonic()
        for number, (niceness, arguments) in enumerate(self._runs):
            if self._stopped:
                break
            own = ("-o", f"cache_dir=.pytest_cache/{self.name}-{number}")  # one writes it at a time
            command = ("nice", "-n", str(niceness), *PYTEST, *own, *arguments)
            self._running = subprocess.Popen(
                command, cwd=ROOT, stdout=self._out, stderr=subprocess.STDOUT if self._out else None
            )
            self.statuses.append(self._running.wait())
        self.seconds = time.monotonic() - began


def main(arguments: list[str]) -> int:
    """Run what is asked for; return the exit status."""
    if arguments:
        os.chdir(ROOT)
        os.execv(sys.executable, (*PYTEST, *arguments))
    with tempfile.TemporaryFile() as kept:
        lanes = (
            Lane("peers", ((0, WITH_PEERS),), None),
            Lane("rooms", ((NICENESS, ALONE), (NICENESS // 2, IN_REAL_TIME)), kept),
        )
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.join()
        except KeyboardInterrupt:
            for lane in lanes:
                lane.stop()
            for lane in lanes:
                lane.join()
        kept.seek(0)
        sys.stdout.buffer.write(kept.read())
    for lane in lanes:
        sys.stdout.write(f"{lane.name}: exit status {lane.statuses}, {lane.seconds:.0f} s\n")
    sys.stdout.flush()
    return 0 if all(lane.passed for lane in lanes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
