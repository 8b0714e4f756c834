"""A phone's other half in a process of its own, spoken to in JSON lines.

Down its standard input go commands `{"id": 1, "op": "answer", "args": {…}}`; up its standard
output come answers `{"id": 1, "ok": true, "result": …}` and events `{"event": "state", …}`; what
it says on standard error is kept for when something goes wrong. The end of its input is its sign
to leave. `words` is the child's side.

A process, because a SIP stack in C that falls takes its process with it, and the screen should
still be there to say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

Said = dict[str, Any]

LONGEST_LINE = 1 << 20
"""Bytes. A line is a few hundred; asyncio's own limit of 64 KiB would end the reading."""


class ChildError(Exception):
    """The child refused a command, did not answer in time, or has ended."""


class Child:
    """One child process. Commands are awaited; what it says goes to `heard`."""

    def __init__(
        self, module: str, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-u", "-m", module, *arguments]
        self._environment = environment or {}
        self._process: asyncio.subprocess.Process | None = None
        self._next_id = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._ready = asyncio.Event()
        self._readers: list[asyncio.Task[None]] = []
        self._complaints: deque[str] = deque(maxlen=200)

    # --- to be overridden -------------------------------------------------------------

    def heard(self, said: Said) -> None:
        """It said something."""

    def ended(self) -> None:
        """Its output ended: the process is gone, asked to or not."""

    # --- its life ---------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The child's process id."""
        if self._process is None:
            raise ChildError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def begin(self, within: float = 15.0) -> None:
        """Start the process and wait until it says that it is ready. Raises `ChildError`."""
        self._ready.clear()
        self._complaints.clear()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            env=os.environ | {"PYTHONWARNINGS": "ignore"} | dict(self._environment),
        )
        self._readers = [
            asyncio.create_task(self._read_words(self._process), name=f"{self.name} words"),
            asyncio.create_task(self._read_complaints(self._process), name=f"{self.name} stderr"),
        ]
        try:
            await asyncio.wait_for(self._ready.wait(), within)
        except TimeoutError:
            raise ChildError(
                f"{self.name} is not ready after {within:.0f} s: {self.complaints()}"
            ) from None
        if not self.running:
            raise ChildError(f"{self.name} ended at once: {self.complaints()}")

    async def stop(self, within: float = 5.0) -> None:
        """Ask it to end, then insist; never leaves the process behind."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), within)
            except TimeoutError:
                await self.kill()
        # What it said last is still to be read; its output ends with it.
        if self._readers:
            await asyncio.wait(self._readers, timeout=1.0)
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

    # --- talk -------------------------------------------------------------------------

    async def command(self, op: str, within: float = 10.0, **arguments: Any) -> Any:
        """Have something done; returns its result. Raises `ChildError` where it is refused."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise ChildError(f"{self.name} is not running: {self.complaints()}")
        self._next_id += 1
        number = self._next_id
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        line = json.dumps({"id": number, "op": op, "args": arguments})
        try:
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()
            return await asyncio.wait_for(answer, within)
        except TimeoutError:
            raise ChildError(
                f"{self.name}: no answer to {op} in {within} s: {self.complaints()}"
            ) from None
        except ConnectionError:
            raise ChildError(f"{self.name} ended: {self.complaints()}") from None
        finally:
            self._answers.pop(number, None)

    def complaints(self) -> str:
        """The last of what it wrote on standard error."""
        return "\n".join(self._complaints) or "(nothing on standard error)"

    async def _read_words(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            try:
                message = json.loads(line)
            except json.JSONDecodeError:
                self._complaints.append(f"not JSON: {line!r}")
                continue
            self._take(message)
        await process.wait()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ChildError(f"{self.name} ended: {self.complaints()}"))
        self._ready.set()  # whoever waits for it looks whether it runs
        self.ended()

    def _take(self, message: Said) -> None:
        if "event" in message:
            self.heard(message)
            if message["event"] == "ready":
                self._ready.set()
            return
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            return
        if message["ok"]:
            answer.set_result(message.get("result"))
        else:
            answer.set_exception(ChildError(f"{self.name}: {message['error']}"))

    async def _read_complaints(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._complaints.append(line.decode(errors="replace").rstrip())
