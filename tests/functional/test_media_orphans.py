"""Workers that outlived their core, and the next core on the same folder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import psutil
import pytest
import structlog
import zmq

from ccd.media.link import Link
from ccd.media.orphans import end_orphans
from ccd.media.pool import MediaPool
from ccd.media.protocol import Report, Shutdown, WorkerReady

CORE = """
import asyncio, sys
from pathlib import Path
import structlog
from ccd.media.pool import MediaPool
from ccd.media.protocol import Connect, Play, Record, Sound

async def main(folder):
    pool = MediaPool(folder=folder, address="127.0.0.1", ports=(0, 0), workers=1,
                     on_report=lambda w, r: None, on_lost=lambda w, r: None,
                     log=structlog.get_logger())
    await pool.start()
    tone, tape = pool.node(), pool.node()
    pool.send(0, Record(node=tape, path=str(folder / "tape.wav")),
              Play(node=tone, sounds=(Sound(frequencies=(500.0,), on_ms=60000),)),
              Connect(source=tone, sink=tape))
    await asyncio.sleep(0.5)
    print(pool.pid(0), flush=True)
    await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
def killed_core(tmp_path: Path) -> int:
    """Start a core that records, kill it; return its worker's pid."""
    core = subprocess.Popen(
        (sys.executable, "-c", CORE, str(tmp_path)), stdout=subprocess.PIPE, text=True
    )
    assert core.stdout is not None
    with core.stdout:
        pid = int(core.stdout.readline())
        core.send_signal(signal.SIGKILL)
        core.wait()
    assert psutil.pid_exists(pid)
    return pid


async def test_a_new_core_ends_the_worker_of_a_killed_one(killed_core: int, tmp_path: Path) -> None:
    ready: list[Report] = []
    pool = MediaPool(
        folder=tmp_path,
        address="127.0.0.1",
        ports=(0, 0),
        workers=1,
        on_report=lambda _worker, report: ready.append(report),
        on_lost=lambda _worker, _reason: None,
        log=structlog.get_logger(),
    )
    await pool.start()
    try:
        assert not psutil.pid_exists(killed_core) or (
            psutil.Process(killed_core).status() == psutil.STATUS_ZOMBIE
        )
        with wave.open(str(tmp_path / "tape.wav")) as tape:
            assert tape.getnframes() > 0.3 * tape.getframerate()
    finally:
        await pool.stop()


async def test_links_without_a_worker_are_cleared_away(tmp_path: Path) -> None:
    os.close(os.open(tmp_path / "media-0-1.ipc", os.O_CREAT))
    assert await end_orphans(tmp_path, structlog.get_logger()) == 0
    assert os.listdir(tmp_path) == []


class BusyWorker:
    """A worker that has no time to look at its link when one core goes and another comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(60)"))
        self._link = Link(path, self._greeting, structlog.get_logger())
        with zmq.Context() as context, context.socket(zmq.PAIR) as core:
            core.linger = 0
            core.connect(f"ipc://{path}")
            while not self._link.connected:
                self._beat()

    def serve(self, give_up: threading.Event) -> None:
        """Look again only when the second core is connected, and obey it."""
        while self._connections() < 1 and not give_up.is_set():
            give_up.wait(0.01)
        give_up.wait(0.1)  # its handshake comes after its connection, and nothing shows it
        while self._process.returncode is None and not give_up.is_set():
            self._beat()
        self._process.kill()
        self._process.wait()
        self._link.close()

    def _greeting(self) -> Report:
        return WorkerReady(pid=self._process.pid, ports=(), batched=False)

    def _beat(self) -> None:
        self._link.wait(0.01)
        self._link.watch()
        self._link.flush()
        if any(isinstance(command, Shutdown) for command in self._link.commands()):
            self._process.kill()
            self._process.wait()

    def _connections(self) -> int:
        """How many there are on the link's socket, beside the one that listens."""
        sockets = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
        return sum(line.endswith(f" {self._path}") for line in sockets) - 1


async def test_a_worker_that_has_not_yet_missed_its_core_is_ended_too(tmp_path: Path) -> None:
    worker = BusyWorker(tmp_path / "media-0-1.ipc")
    give_up = threading.Event()
    serving = asyncio.create_task(asyncio.to_thread(worker.serve, give_up))
    try:
        assert await end_orphans(tmp_path, structlog.get_logger()) == 1
    finally:
        give_up.set()
        await serving
