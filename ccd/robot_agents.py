"""The demo's robot agents: a process of the lab's, started and ended with the daemon.

The lab is no part of the daemon, so it is not imported: it gets its agents' names and
passwords in a file that only this user can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys

import structlog

from ccd.config import Settings
from ccd.errors import CcdError
from ccd.paths import StatePaths

READY_S = 60.0
"""How long robots may take to register and log in: 10,000 of them take half of that."""

STOP_S = 5.0


class RobotAgents:
    """`python -m lab.trunk_sim.robots`, for as long as the daemon runs."""

    def __init__(self, settings: Settings, paths: StatePaths) -> None:
        self._settings = settings
        self._paths = paths
        self._process: asyncio.subprocess.Process | None = None
        self._log = structlog.get_logger("robots")

    @property
    def pid(self) -> int | None:
        """The robots' process."""
        return None if self._process is None else self._process.pid

    async def start(self, robots: int, sip: str) -> None:
        """Start them and wait until all have logged in at `sip` (HOST:PORT).

        Raises `CcdError` where they do not come up.
        """
        self._write_accounts(sip)
        output = self._paths.log.with_name("robots.log")
        with output.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "lab.trunk_sim.robots"),
                *("--state", str(self._paths.root), "--robots", str(robots), "--sip", sip),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = b""
        with contextlib.suppress(TimeoutError):
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_S)
        if not line:
            await self.stop()
            raise CcdError(f"the robot agents did not log in; their log is {output}")
        self._log.info("robots logged in", robots=robots, pid=self._process.pid)

    async def stop(self) -> None:
        """End them, and wait until they are gone."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _write_accounts(self, sip: str) -> None:
        passwords = {phone.name: phone.password for phone in self._settings.phone}
        accounts = {
            "domain": self._settings.sip.domain,
            "sip": sip,
            "phones": [
                {"agent": agent.name, "phone": agent.phone, "password": passwords[agent.phone]}
                for agent in self._settings.agent
            ],
        }
        path = self._paths.root / "robots.json"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(accounts, file)
