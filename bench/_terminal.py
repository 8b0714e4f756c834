"""`ccd agent` in a terminal of its own, and what it and its phone take of a core."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

COLUMNS, ROWS = 100, 30


@asynccontextmanager
async def in_terminal(folder: Path, agent: str, *arguments: str) -> AsyncIterator[psutil.Process]:
    """Run it; what it draws is thrown away."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", PYTHONPATH=os.getcwd())
        words = [sys.executable, "-m", "ccd", "agent", agent, "--state", str(folder), *arguments]
        os.execv(sys.executable, words)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    os.set_blocking(terminal, False)
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal, _drain, terminal)
    program = psutil.Process(pid)
    try:
        yield program
    finally:
        loop.remove_reader(terminal)
        program.terminate()
        await asyncio.to_thread(os.waitpid, pid, 0)
        os.close(terminal)


async def busy_percent(program: psutil.Process, seconds: float) -> dict[str, float]:
    """What the screen, and what its phone took meanwhile, percent of a core."""
    screen, *phones = await cpu_percent(program, *program.children(recursive=True), seconds=seconds)
    return {"screen": screen, "phone": sum(phones)}


async def cpu_percent(*processes: psutil.Process, seconds: float) -> list[float]:
    """What each took of a core in the seconds that follow, percent."""
    before = [_cpu_s(process) for process in processes]
    await asyncio.sleep(seconds)
    after = [_cpu_s(process) for process in processes]
    return [100 * (now - then) / seconds for now, then in zip(after, before, strict=True)]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _drain(terminal: int) -> None:
    with contextlib.suppress(OSError):
        os.read(terminal, 65536)
