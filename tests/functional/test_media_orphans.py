"""Workers that outlived their core, and the next core on the same folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import psutil
import pytest
import structlog

from ccd.media.orphans import end_orphans
from ccd.media.pool import MediaPool
from ccd.media.protocol import Report

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
