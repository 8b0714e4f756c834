"""A peer in its own process, spoken to in JSON lines.

Down its standard input go commands `{"id": 1, "op": "call", "args": {…}}`; up its standard
output come answers `{"id": 1, "ok": true, "result": …}` and events `{"event": "state", …}`.
Whatever it says on standard error is kept, and shown when something goes wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).parent.parent

Said = dict[str, Any]


class PeerError(Exception):
    """The peer refused a command, ended, or did not say in time what was waited for."""


class Peer:
    """One child process; commands are awaited, events are kept in order and can be awaited."""

    def __init__(self, module: str, name: str, *arguments: str) -> None:
        self.name = name
        self.events: list[Said] = []
        """All that was said, oldest first; each with `at`, seconds since the epoch."""
        self._command = [sys.executable, "-u", "-m", module, *arguments]
        self._process: asyncio.subprocess.Process | None = None
        self._next_id = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Condition()
        self._readers: list[asyncio.Task[None]] = []
        self._complaints: deque[str] = deque(maxlen=200)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """The child's process id."""
        if self._process is None:
            raise PeerError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self, within: float = 15.0) -> Said:
        """Start the process and wait until it says that it is ready."""
        environment = os.environ | {"PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        self._readers = [
            asyncio.create_task(self._read_words(), name=f"{self.name} words"),
            asyncio.create_task(self._read_complaints(), name=f"{self.name} complaints"),
        ]
        return await self.expect("ready", within=within)

    async def stop(self, within: float = 5.0) -> None:
        """Ask it to end, then insist; never leaves the process behind."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()  # the end of its input is its sign to leave
            try:
                await asyncio.wait_for(process.wait(), within)
            except TimeoutError:
                await self.kill()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._readers = []

    async def kill(self) -> None:
        """End it at once, as a power cut does: nothing is said to anybody."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def command(self, op: str, within: float = 10.0, **arguments: Any) -> Any:
        """Have something done; returns its result, raises `PeerError` where it is refused."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise PeerError(f"{self.name} is not running: {self.complaints()}")
        self._next_id += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[self._next_id] = answer
        line = json.dumps({"id": self._next_id, "op": op, "args": arguments})
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()
        try:
            return await asyncio.wait_for(answer, within)
        except TimeoutError:
            raise PeerError(
                f"{self.name}: no answer to {op} in {within} s: {self.complaints()}"
            ) from None

    def mark(self) -> int:
        """The place in `events` from which a later `expect` should look."""
        return len(self.events)

    async def expect(
        self,
        event: str,
        *,
        within: float = 10.0,
        since: int = 0,
        where: Callable[[Said], bool] | None = None,
        **fields: Any,
    ) -> Said:
        """Wait for an event with these fields (and for which `where` holds), and return it.

        Looks from `since` on, so what has happened already counts too.
        """

        def wanted(said: Said) -> bool:
            return (
                said["event"] == event
                and all(said.get(key) == value for key, value in fields.items())
                and (where is None or where(said))
            )

        def found() -> Said | None:
            return next((e for e in self.events[since:] if wanted(e)), None)

        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: found() is not None or self._ended()), within
                )
            except TimeoutError:
                raise PeerError(
                    f"{self.name}: no {event} {fields or ''} in {within} s; it said "
                    f"{self.events[since:]}; {self.complaints()}"
                ) from None
        said = found()
        if said is None:
            raise PeerError(f"{self.name} ended before {event} {fields or ''}: {self.complaints()}")
        return said

    def said(self, event: str, since: int = 0, **fields: Any) -> list[Said]:
        """All events so far of this kind with these fields."""
        return [
            e
            for e in self.events[since:]
            if e["event"] == event and all(e.get(k) == v for k, v in fields.items())
        ]

    def complaints(self) -> str:
        """The last of what it wrote on standard error."""
        return "\n".join(self._complaints) or "(nothing on standard error)"

    def _ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    async def _read_words(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                message = json.loads(line)
            except json.JSONDecodeError:
                self._complaints.append(f"not JSON: {line!r}")
                continue
            await self._take(message)
        await self._process.wait()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(PeerError(f"{self.name} ended: {self.complaints()}"))
        async with self._news:
            self._news.notify_all()

    async def _take(self, message: Mapping[str, Any]) -> None:
        if "event" in message:
            async with self._news:
                self.events.append({"at": time.time(), **message})
                self._news.notify_all()
            return
        answer = self._answers.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if message["ok"]:
            answer.set_result(message.get("result"))
        else:
            answer.set_exception(PeerError(f"{self.name}: {message['error']}"))

    async def _read_complaints(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._complaints.append(line.decode(errors="replace").rstrip())
