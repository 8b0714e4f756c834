"""The daemon under test, as a process of its own: start it, watch it, measure it, stop it.

It is seen from outside only: its command line, its one JSON line, its log, /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from ccd.model import CallRecord
from lab.trunk_sim.figures import CpuUse

START_TIMEOUT_S = 45.0
"""Rendering speech for the first time and registering the robots takes a few seconds."""

STOP_TIMEOUT_S = 20.0
ORPHANS_TIMEOUT_S = 10.0
QUERY_TIMEOUT_S = 30.0

CCD = (sys.executable, "-m", "ccd")
"""The program; a profiler may stand before it."""

TRACE_LINES = 8
"""Of a traceback, the last lines: they name the place and the fault."""

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of one line of JSON: the ready line of a daemon with thousands of robots is long."""


class DaemonError(Exception):
    """The daemon did not start, or died; the message says what its log says."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's one JSON line; what else it says is not needed here."""

    ready: bool
    sip: str
    service: str
    pid: int
    media_pids: tuple[int, ...] = ()

    @property
    def sip_address(self) -> tuple[str, int]:
        """Host and port of its SIP over UDP."""
        host, _, port = self.sip.rpartition(":")
        return host.strip("[]"), int(port)


class Daemon:
    """One running `ccd run --demo`. Make it with `start`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ready: Ready,
        state: Path,
        program: Sequence[str] = CCD,
    ) -> None:
        self._process = process
        self._program = tuple(program)
        self.ready = ready
        self.state = state
        self._drain = asyncio.ensure_future(_discard(process.stdout))

    @classmethod
    async def start(
        cls,
        state: Path,
        *,
        robots: int,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = CCD,
    ) -> Daemon:
        """Start it on a free port and wait until it is ready.

        Raises `DaemonError` with the tail of its log.
        """
        command = [*program, "run", "--demo", "--robots", str(robots)]
        command += ["--sip", "127.0.0.1:0", "--state", str(state), *arguments]
        with (state / "daemon.stderr").open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **(environment or {})},
                limit=LONGEST_LINE,
                # Ctrl-C is for us: the daemon is stopped after the callers have left.
                start_new_session=True,
            )
        try:
            ready = await asyncio.wait_for(_ready(process), START_TIMEOUT_S)
        except (TimeoutError, DaemonError) as error:
            reason = str(error) or f"not ready within {START_TIMEOUT_S:.0f} s"
            await _end(process)
            raise DaemonError(f"{reason}\n{log_tail(state)}") from None
        except BaseException:
            await _end(process)
            raise
        return cls(process, ready, state, program)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait until it ends; returns its exit status (negative: the signal that killed it)."""
        return await self._process.wait()

    async def stop(self) -> int:
        """End it politely (SIGTERM), and by force if it does not."""
        status = await _end(self._process)
        # Media outlives a core that was killed, for a while: not here.
        await asyncio.to_thread(_end_workers, self.ready.media_pids)
        self._drain.cancel()
        return status

    def cpu(self) -> CpuUse:
        """CPU used so far by the core and its media workers; what has ended counts nothing."""
        return CpuUse(
            core_s=_cpu_s(self.ready.pid),
            media_s=sum(_cpu_s(pid) for pid in self.ready.media_pids),
        )

    async def records(self) -> list[CallRecord]:
        """The call records, as `ccd calls --json` tells them.

        Raises `DaemonError` where the command fails or speaks nonsense.
        """
        process = await asyncio.create_subprocess_exec(
            *(*self._program, "calls", "--json", "--limit", "0", "--state", str(self.state)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), QUERY_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise DaemonError(f"ccd calls did not answer in {QUERY_TIMEOUT_S:.0f} s") from None
        if process.returncode != 0:
            raise DaemonError(f"ccd calls failed: {err.decode(errors='replace').strip()}")
        try:
            return msgspec.json.decode(out, type=list[CallRecord])
        except msgspec.DecodeError as error:
            raise DaemonError(f"ccd calls speaks nonsense: {error}") from error


def log_tail(state: Path, lines: int = 30) -> str:
    """The last lines of what the daemon wrote: its log, and its standard error."""
    parts = []
    for path in (*sorted((state / "log").glob("*.log")), state / "daemon.stderr"):
        with contextlib.suppress(OSError):
            text = path.read_text(errors="replace").splitlines()[-lines:]
            if text:
                parts.append(f"--- {path}\n" + "\n".join(map(readable, text)))
    return "\n".join(parts) or f"(no log in {state})"


def readable(line: str) -> str:
    """A line of a JSON log as a person reads it; any other line as it is."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        return line
    trace = str(fields.pop("exception", "")).splitlines()[-TRACE_LINES:]
    head = [str(fields.pop(key, "")) for key in ("timestamp", "level", "logger", "event")]
    rest = [f"{key}={value}" for key, value in fields.items()]
    return "\n    ".join([" ".join([*head, *rest]), *trace])


async def _ready(process: asyncio.subprocess.Process) -> Ready:
    """Read the ready line; other lines before it are passed over."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        with contextlib.suppress(msgspec.DecodeError):
            ready = msgspec.json.decode(line, type=Ready)
            if ready.ready:
                return ready
    status = await process.wait()
    raise DaemonError(f"the daemon ended with status {status} before it was ready")


async def _discard(stream: asyncio.StreamReader | None) -> None:
    """Read what nobody wants, so that the writer never blocks."""
    while stream is not None and await stream.read(65536):
        pass


async def _end(process: asyncio.subprocess.Process) -> int:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    status = await process.wait()
    await _end_orphans(process.pid)
    return status


async def _end_orphans(group: int) -> None:
    """End what a daemon that was killed left behind: its robots and what they started.

    They are of its process group, which is of our making (`start_new_session`).
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ORPHANS_TIMEOUT_S):
                # They are not our children: nobody tells of their end.
                while _has_members(group):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            return


def _end_workers(pids: Sequence[int]) -> None:
    """End the media workers among these processes; a number may be somebody else's by now."""
    workers = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if "ccd.media.worker" in process.cmdline():
                process.terminate()
                workers.append(process)
    _, left = psutil.wait_procs(workers, ORPHANS_TIMEOUT_S)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _cpu_s(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
