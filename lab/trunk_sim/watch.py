"""The daemon's events, for the live picture: a CTI client that survives breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from ccd.cti.client import Client, CtiError
from ccd.events import Event

RETRY_S = 1.0


class Watch:
    """Calls `on_event` for each event, `on_stale` when they stop coming and come again."""

    def __init__(
        self, state: Path, on_event: Callable[[Event], None], on_stale: Callable[[bool], None]
    ) -> None:
        self._state = state
        self._on_event = on_event
        self._on_stale = on_stale
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            try:
                async with Client(self._state) as client:
                    self._on_stale(False)
                    async for event in client.events():
                        self._on_event(event)
            except (CtiError, OSError, TimeoutError):
                pass
            self._on_stale(True)
            await asyncio.sleep(RETRY_S)
