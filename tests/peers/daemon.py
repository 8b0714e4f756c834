"""The daemon under test, as its users see it: a process, its command line, its CTI."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import psutil
import tomlkit

from ccd.cti.client import Client
from ccd.events import AgentLoggedOff, Event
from ccd.model import CallRecord
from peers.ports import HOST, free_port
from peers.raw import NothingCameError, RawSip

E = TypeVar("E", bound=Event)


class DaemonError(Exception):
    """The daemon did not start, or a command of it failed; the message has its log's tail."""


class Daemon:
    """One `ccd run`, with a settings file of the test's or on the demo's settings.

    Synchronous, so that one may serve a whole module of tests, each with an event loop of its
    own; `watch` follows its events from within a test.
    """

    def __init__(
        self,
        state: Path,
        *,
        settings: Mapping[str, Any] | None = None,
        robots: int = 0,
        port: int | None = None,
    ) -> None:
        self.state = state
        self.port = port or free_port()
        self.address = (HOST, self.port)
        self.ready: dict[str, Any] = {}
        """The line that a demo prints when it is ready."""
        self._settings = settings
        self._robots = robots
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The core's process id."""
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, within: float = 40.0) -> None:
        """Start it, and return when it answers."""
        self.state.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "ccd", "run", "--state", str(self.state)]
        command += ["--sip", f"{HOST}:{self.port}"]
        if self._settings is None:
            command += ["--demo", "--robots", str(self._robots)]
        else:
            file = self.state / "test.toml"
            file.write_text(tomlkit.dumps(self._settings))
            command += ["--config", str(file)]
        with (self.state / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        try:
            if self._settings is None:
                self.ready = json.loads(self._first_line(within))
            self._wait_for_options(within)
        except BaseException:
            self.kill()
            raise

    def stop(self, within: float = 20.0) -> int:
        """Send SIGTERM and return its exit status."""
        process = self._running()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(within)
            if process.stdout is not None:
                process.stdout.close()
            return status
        except subprocess.TimeoutExpired:
            raise DaemonError(f"did not end {within} s after SIGTERM: {self.log_tail()}") from None

    def crash(self) -> None:
        """Kill the core alone, as a fault of its own would; its workers live on."""
        process = self._running()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def kill(self) -> None:
        """Make sure that it is gone, and its workers with it."""
        process = self._process
        if process is None:
            return
        family: list[psutil.Process] = []
        if process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        if process.stdout is not None:
            process.stdout.close()

    # --- what its users ask ----------------------------------------------------------

    def command(self, *arguments: str) -> Any:
        """Run `ccd ARGUMENTS --json --state …` and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "ccd", *arguments, "--json", "--state", str(self.state)],
            capture_output=True,
            check=False,
            timeout=30,
        )
        if done.returncode:
            raise DaemonError(f"ccd {' '.join(arguments)}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def status(self) -> dict[str, Any]:
        """`ccd status --json`."""
        return dict(self.command("status"))

    def calls(self) -> list[CallRecord]:
        """`ccd calls --json`: every call record there is."""
        return msgspec.convert(self.command("calls", "--limit", "100000"), list[CallRecord])

    def record(self, call: str, within: float = 5.0) -> CallRecord:
        """One call's record, as soon as it has been written."""
        end = time.monotonic() + within
        while True:
            for record in self.calls():
                if record.call == call:
                    return record
            if time.monotonic() > end:
                raise DaemonError(f"no record of call {call} within {within} s")

    def processes(self) -> list[psutil.Process]:
        """The core and its workers."""
        core = psutil.Process(self.pid)
        return [core, *core.children(recursive=True)]

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log and of its standard error."""
        parts = []
        for path in (self.state / "log" / "ccd.log", self.state / "stderr"):
            if path.exists():
                parts.append(f"--- {path.name}")
                parts += path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(parts)

    def log_entries(self, level: str) -> list[dict[str, Any]]:
        """Log entries of this level (`warning`, `error`)."""
        path = self.state / "log" / "ccd.log"
        entries = []
        for line in path.read_text().splitlines() if path.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):
                entry = json.loads(line)
                if entry.get("level") == level:
                    entries.append(entry)
        return entries

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise DaemonError("the daemon was not started")
        return self._process

    def _first_line(self, within: float) -> str:
        process = self._running()
        assert process.stdout is not None
        lines: queue.Queue[bytes] = queue.Queue()
        reader = threading.Thread(
            target=lambda: lines.put(process.stdout.readline()),  # type: ignore[union-attr]
            daemon=True,
        )
        reader.start()
        try:
            line = lines.get(timeout=within)
        except queue.Empty:
            raise DaemonError(f"not ready within {within} s: {self.log_tail()}") from None
        if not line:
            raise DaemonError(f"ended at once: {self.log_tail()}")
        return line.decode()

    def _wait_for_options(self, within: float) -> None:
        """Ask OPTIONS until it answers: the one sign that every daemon gives."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if not self.running:
                raise DaemonError(f"ended at once: {self.log_tail()}")
            with RawSip(self.address) as sip:
                sip.send(sip.request("OPTIONS", f"sip:{HOST}:{self.port}"))
                with contextlib.suppress(NothingCameError):
                    sip.receive(timeout=0.3, method="OPTIONS", final=True)
                    return
        raise DaemonError(f"does not answer OPTIONS within {within} s: {self.log_tail()}")


class Watch:
    """Follows a daemon's events over the CTI; also the door to its commands."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.client = Client(daemon.state)
        self.events: list[Event] = []
        """All since this watch began, in order."""
        self._news = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.client.connect()
        self._reader = asyncio.create_task(self._read(), name="watch")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self.client.close()

    async def log_on(self, agent: str) -> None:
        """Begin an agent's shift."""
        await self.client.log_in(agent)

    async def log_off(self, agent: str) -> None:
        """End it, and wait until it has ended (a call is finished first)."""
        since = self.mark()
        await self.client.log_off(agent)
        await self.expect(AgentLoggedOff, agent=agent, since=since)

    async def ready(self, agent: str) -> None:
        """Have the agent take calls."""
        await self.client.ready(agent)

    def mark(self) -> int:
        """The place from which a later `expect` should look."""
        return len(self.events)

    async def expect(
        self,
        kind: type[E],
        *,
        since: int = 0,
        within: float = 10.0,
        where: Callable[[E], bool] | None = None,
        **fields: Any,
    ) -> E:
        """Wait for an event of this kind with these fields; what has come already counts."""

        def found() -> E | None:
            for event in self.events[since:]:
                if (
                    isinstance(event, kind)
                    and all(getattr(event, key) == value for key, value in fields.items())
                    and (where is None or where(event))
                ):
                    return event
            return None

        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: found() is not None or self._lost()), within
                )
            except TimeoutError:
                came = "\n  ".join(str(event) for event in self.events[since:])
                raise AssertionError(
                    f"no {kind.__name__} {fields or ''} within {within} s; came:\n  {came}\n"
                    + self._daemon.log_tail()
                ) from None
        event = found()
        if event is None:
            assert self._reader is not None
            self._reader.result()  # raises what ended the reading
            raise AssertionError("the events have come to an end")
        return event

    def of(self, kind: type[E], since: int = 0, **fields: Any) -> list[E]:
        """All events so far of this kind with these fields."""
        return [
            event
            for event in self.events[since:]
            if isinstance(event, kind)
            and all(getattr(event, key) == value for key, value in fields.items())
        ]

    def _lost(self) -> bool:
        return self._reader is not None and self._reader.done()

    async def _read(self) -> None:
        try:
            await self._collect()
        finally:
            async with self._news:
                self._news.notify_all()

    async def _collect(self) -> None:
        async for event in self.client.events():
            async with self._news:
                self.events.append(event)
                self._news.notify_all()
