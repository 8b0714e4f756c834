"""A whole centre in virtual time behind the CTI's real server: real sockets, real client library.

The wire is in real time and the centre in virtual time: nothing of the centre happens until
time is let run, which `Wired.ask` does after every command. What a command came to is so
the same each time, however busy the machine is.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from ccd.cti.access import Account, AuditLine
from ccd.cti.client import Client
from ccd.cti.server import Server
from ccd.health import Health
from ccd.paths import StatePaths
from ccd.services import services
from ccd.services_snapshot import SnapshotHandlers
from virtual.centre import EPOCH, VirtualCentre


class Daemon:
    """What the operations ask of a daemon, where they are about calls, agents and what is so now."""

    def __init__(self, centre: VirtualCentre, paths: StatePaths) -> None:
        self.centre = centre.centre
        self.acd = self.centre.acd
        self.paths = paths
        self.boot = "test"
        self.started_at = EPOCH
        self.health = Health(self.centre.events, EPOCH)
        self.live = SimpleNamespace(settings=centre.settings)
        self.callbacks = self.centre.floor.callbacks

    def counts(self) -> dict[str, float]:
        return self.centre.counts()


class Wired:
    """A centre and its door; `client` is on this machine, and so an administrator's."""

    def __init__(self, folder: Path, centre: VirtualCentre) -> None:
        self.centre = centre
        self.paths = StatePaths(folder)
        self.audit: list[AuditLine] = []
        self.people: dict[str, Account] = {}
        """Who may log in."""

    @cached_property
    def daemon(self) -> Any:
        """Made when the door opens: a test may change the centre before."""
        return Daemon(self.centre, self.paths)

    async def __aenter__(self) -> Self:
        self.server = Server(
            services(self.daemon),
            self.centre.stream,
            commands=self.paths.cti_commands,
            publish=self.paths.cti_events,
            people=self.people.get,
            audit=self.audit.append,
            picture=SnapshotHandlers(self.daemon).picture,
            clock=self.centre.wall_clock,
        )
        await self.server.start()
        self.client = Client(self.paths.root)
        await self.client.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.server.stop()

    async def ask(
        self, op: str, *, seconds: float = 1.0, by: Client | None = None, **args: Any
    ) -> Any:
        """Ask for an operation, and let so much time pass in the centre. Raises CtiError."""
        before = self.server.counts.requests
        asked = asyncio.ensure_future((by or self.client).call(op, **args))
        try:
            while not (await asyncio.wait({asked}, timeout=0.05))[0]:
                if self.server.counts.requests > before:
                    self.centre.run(0.05)  # its answer waits for what happens in the centre
            return await asked
        finally:
            self.centre.run(seconds)

    async def told(self, since: int) -> list[dict[str, Any]]:
        """What was published after this number, as a client is told."""
        return list((await self.client.call("replay", since=since)).events)
