"""SIPp as a subprocess: a scenario in, counts and response times out."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np

from lab.sipp_scenarios import media
from peers.ports import HOST, free_port, free_range

SCENARIOS = Path(media.__file__).parent

BUILT_IN = frozenset({"uac", "uas", "regexp", "branchc", "branchs"})


class SippError(Exception):
    """SIPp could not be run, or did not end in time; the message has the tail of its error file."""


@cache
def can_play_captures() -> bool:
    """Whether raw sockets may be opened, which SIPp's `play_pcap_audio` needs (root)."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except PermissionError:
        return False
    return True


@dataclass(frozen=True)
class SippResult:
    """What SIPp said when it ended."""

    status: int
    """0: every call succeeded; 1: one failed; 99: no call was made; else it could not run."""
    created: int
    successful: int
    failed: int
    retransmissions: int
    unexpected: int
    timeouts: int
    peak: int
    """Not more calls than this were open at once (SIPp's own count, once a second)."""
    seconds: float
    response_ms: Mapping[str, tuple[float, ...]]
    """Every response time by its name in the scenario (`rtd`), in milliseconds."""
    errors: str
    """The tail of its error file."""

    def percentile(self, name: str, share: float) -> float:
        """A percentile (0..100) of one response time."""
        return float(np.percentile(np.array(self.response_ms[name]), share))

    def check(self, calls: int | None = None) -> Self:
        """Raise `SippError` unless every call (and as many as that) succeeded."""
        if self.status or self.failed or (calls is not None and self.successful != calls):
            raise SippError(
                f"SIPp: {self.successful} of {calls if calls is not None else self.created} calls "
                f"succeeded, {self.failed} failed (status {self.status}): {self.errors}"
            )
        return self


class Sipp:
    """One run of SIPp. As a context it is ended when left; `run()` is the whole life of a caller.

    `scenario` names a built-in one (`uac`, `uas`), a file of `lab/sipp_scenarios` without its
    suffix, or a path. Its files go to `folder`; captures are made there when first needed.
    """

    def __init__(
        self,
        scenario: str | Path,
        folder: Path,
        *,
        remote: tuple[str, int] | None = None,
        transport: str = "u1",
        calls: int | None = 1,
        rate: float = 10.0,
        limit: int | None = None,
        service: str = "95500",
        ani: str = "02155501234",
        duration_ms: int = 0,
        keys: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        user: str = "",
        password: str = "",
        auth_uri: str = "",
        inject: Sequence[Sequence[str]] | None = None,
        port: int | None = None,
        receive_timeout_ms: int = 30_000,
        ends_within: float = 60.0,
        options: Sequence[str] = (),
    ) -> None:
        self.scenario = str(scenario)
        self.name = Path(self.scenario).stem
        self.port = port or free_port()
        self.media_port = free_range(8)
        self.ends_within = ends_within
        self._folder = folder
        self._calls = calls
        self._process: asyncio.subprocess.Process | None = None
        self._words = b""
        self._stem = folder / f"{self.name}_{self.port}"
        self._inject = inject
        self._kind = socket.SOCK_STREAM if transport[0] == "t" else socket.SOCK_DGRAM
        self._remote = remote
        self._options: list[str] = ["-t", transport, "-r", str(rate), "-d", str(duration_ms)]
        self._options += ["-i", HOST, "-bind_local", "-mi", HOST, "-p", str(self.port)]
        control = next(p for p in iter(free_port, None) if p != self.port)
        self._options += ["-ci", HOST, "-cp", str(control)]
        self._options += ["-mp", str(self.media_port), "-s", service, "-key", "ani", ani]
        self._options += ["-recv_timeout", str(receive_timeout_ms), "-nostdin"]
        # SIPp asks for 50,000 and refuses to start where the limit of open files is lower.
        self._options += ["-max_socket", "500"]
        if calls is not None:
            self._options += ["-m", str(calls)]
        if limit is not None:
            self._options += ["-l", str(limit)]
        if user:
            self._options += ["-au", user, "-ap", password]
        if auth_uri:  # else SIPp puts the address it sends to, whatever the Request-URI is
            self._options += ["-auth_uri", auth_uri]
        for key, value in (keys or {}).items():
            self._options += ["-key", key, value]
        for variable, value in (variables or {}).items():
            self._options += ["-set", variable, value]
        self._options += options

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """`host:port` where it listens."""
        return f"{HOST}:{self.port}"

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is not None and self._process.returncode is not None

    async def start(self) -> None:
        """Start it; a server is listening once this returns."""
        program = shutil.which("sipp")
        if program is None:
            raise SippError("sipp is not installed: apt install sip-tester")
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [program]
        if self._remote is not None:
            command.append(f"{self._remote[0]}:{self._remote[1]}")
        command += self._scenario_options() + self._options + self._file_options()
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"TERM": "dumb"},
        )
        if self.name.startswith("uas"):
            await self._listening()

    async def wait(self) -> SippResult:
        """Wait for its end and read its files; raises `SippError` where it does not end in time."""
        process = self._running()
        try:
            _, said = await asyncio.wait_for(process.communicate(), self.ends_within)
        except TimeoutError:
            await self.stop()
            raise SippError(
                f"{self.name} did not end within {self.ends_within} s: {self._errors()}"
            ) from None
        self._words += said
        return self._result()

    async def run(self) -> SippResult:
        """Start it, wait for its end, and return what it counted."""
        try:
            await self.start()
            return await self.wait()
        finally:
            await self.stop()

    async def finish(self) -> SippResult:
        """Ask a server to make an end once its calls are over, and return what it counted."""
        process = self._running()
        # SIGUSR1 is the key q: no new calls, then the end; a second one does not wait for calls.
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGUSR1)
        return await self.wait()

    async def stop(self) -> None:
        """End it at once, by its process id."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise SippError(f"{self.name} was not started")
        return self._process

    def _scenario_options(self) -> list[str]:
        if self.scenario in BUILT_IN:
            return ["-sn", self.scenario]
        path = Path(self.scenario)
        if not path.suffix:
            path = SCENARIOS / f"{self.scenario}.xml"
        text = path.read_text()
        if "play_pcap_audio" in text:
            if not can_play_captures():
                raise SippError(
                    f"{self.name} plays a capture, which needs raw sockets: run as root"
                )
            if not (self._folder / "caller_digit_1.pcap").exists():
                media.write_all(self._folder)
        return ["-sf", str(path)]

    def _file_options(self) -> list[str]:
        options = ["-trace_err", "-error_file", f"{self._stem}_errors.log"]
        options += ["-trace_stat", "-stf", f"{self._stem}_stat.csv", "-fd", "1"]
        options += ["-trace_rtt", "-rtt_freq", "1"]
        if self._inject is not None:
            rows = self._folder / f"{self.name}_{self.port}_inject.csv"
            rows.write_text("SEQUENTIAL\n" + "".join(";".join(row) + "\n" for row in self._inject))
            options += ["-inf", str(rows)]
        return options

    async def _listening(self) -> None:
        """Wait until the port is bound: SIPp says nothing when it is ready."""
        for _ in range(200):
            if self._running().returncode is not None:
                raise SippError(f"{self.name} ended at once: {self._errors()}")
            with socket.socket(socket.AF_INET, self._kind) as probe:
                try:
                    probe.bind((HOST, self.port))
                except OSError:
                    return
            await asyncio.sleep(0.02)
        raise SippError(f"{self.name} does not listen on {self.address}: {self._errors()}")

    def _errors(self) -> str:
        path = Path(f"{self._stem}_errors.log")
        tail = path.read_text(errors="replace")[-3000:] if path.exists() else ""
        return (tail + self._words.decode(errors="replace")[-1000:]).strip() or "(it said nothing)"

    def _result(self) -> SippResult:
        status = self._running().returncode
        path = Path(f"{self._stem}_stat.csv")
        if not path.exists():
            raise SippError(f"{self.name} could not run (status {status}): {self._errors()}")
        with path.open(newline="") as file:
            rows = [
                row for row in csv.DictReader(file, delimiter=";") if row.get("TotalCallCreated")
            ]
        if not rows:
            raise SippError(f"{self.name} wrote no figures (status {status}): {self._errors()}")
        last = rows[-1]
        hours, minutes, seconds = last["ElapsedTime(C)"].split(":")[:3]
        return SippResult(
            status=int(status if status is not None else -1),
            created=int(last["TotalCallCreated"]),
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            unexpected=int(last["FailedUnexpectedMessage(C)"]),
            timeouts=int(last["FailedTimeoutOnRecv(C)"]) + int(last["FailedMaxUDPRetrans(C)"]),
            peak=max(int(row["CurrentCall"]) for row in rows),
            seconds=int(hours) * 3600 + int(minutes) * 60 + float(seconds),
            response_ms=self._response_times(),
            errors=self._errors(),
        )

    def _response_times(self) -> dict[str, tuple[float, ...]]:
        times: dict[str, list[float]] = {}
        stem = self.name if self.scenario in BUILT_IN else Path(self.scenario).stem
        path = self._folder / f"{stem}_{self._running().pid}_rtt.csv"
        if path.exists():
            with path.open(newline="") as file:
                for row in list(csv.reader(file, delimiter=";"))[1:]:
                    times.setdefault(row[2], []).append(float(row[1]))
        return {name: tuple(values) for name, values in times.items()}
