"""A peer in its own process, spoken to in JSON lines (`tui.agent.phones.child` has the talk).

What it says is kept in order, and can be waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tui.agent.phones.child import Child, ChildError, Said

TESTS = Path(__file__).parent.parent

PeerError = ChildError
"""The peer refused a command, ended, or did not say in time what was waited for."""

__all__ = ["Peer", "PeerError", "Said"]


class Peer(Child):
    """One child process; commands are awaited, events are kept in order and can be awaited."""

    def __init__(self, module: str, name: str, *arguments: str) -> None:
        super().__init__(module, name, *arguments, environment={"PYTHONPATH": str(TESTS)})
        self.events: list[Said] = []
        """All that was said, oldest first; each with `at`, seconds since the epoch."""
        self._news = asyncio.Event()

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

    async def start(self, within: float = 15.0) -> Said:
        """Start the process and wait until it says that it is ready."""
        await self.begin(within)
        return await self.expect("ready", within=within)

    def heard(self, said: Said) -> None:
        """Keep it, and tell those who wait."""
        self.events.append({"at": time.time(), **said})
        self._tell()

    def ended(self) -> None:
        """Nothing more will come."""
        self._tell()

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()

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

        try:
            async with asyncio.timeout(within):
                while True:
                    said = next((each for each in self.events[since:] if wanted(each)), None)
                    if said is not None:
                        return said
                    if not self.running:
                        break
                    await self._news.wait()
        except TimeoutError:
            raise PeerError(
                f"{self.name}: no {event} {fields or ''} in {within} s; it said "
                f"{self.events[since:]}; {self.complaints()}"
            ) from None
        raise PeerError(f"{self.name} ended before {event} {fields or ''}: {self.complaints()}")

    def said(self, event: str, since: int = 0, **fields: Any) -> list[Said]:
        """All events so far of this kind with these fields."""
        return [
            e
            for e in self.events[since:]
            if e["event"] == event and all(e.get(k) == v for k, v in fields.items())
        ]
