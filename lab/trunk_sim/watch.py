"""The daemon's events, for the live picture: a CTI client that survives breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from ccd.cti.client import Client, CtiError
from ccd.events import Event
from ccd.model import AgentState

RETRY_S = 1.0


class Watch:
    """Tells of events, and whether they come.

    `on_agents` gets the agents' states from the snapshot, at the start and after every
    break; `on_event` each event after it; `on_stale` True when events stop coming, False
    when they come (again).
    """

    def __init__(
        self,
        state: Path,
        *,
        on_event: Callable[[Event], None],
        on_agents: Callable[[Mapping[str, AgentState]], None] = lambda agents: None,
        on_stale: Callable[[bool], None] = lambda stale: None,
    ) -> None:
        self._state = state
        self._on_event = on_event
        self._on_agents = on_agents
        self._on_stale = on_stale
        self._joined = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, timeout_s: float = 5.0) -> None:
        """Begin to listen; returns when events come, or after `timeout_s` without."""
        self._task = asyncio.create_task(self._listen())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._joined.wait(), timeout_s)

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            # A daemon that went away comes back, or the demo ends over its death.
            with contextlib.suppress(CtiError, OSError):
                async with Client(self._state, name="lab.watch") as client:
                    snapshot = await client.snapshot()
                    self._on_agents({agent.agent: agent.state for agent in snapshot.agents})
                    self._on_stale(False)
                    self._joined.set()
                    async for event in client.events(snapshot.seq):
                        self._on_event(event)
            self._on_stale(True)
            await asyncio.sleep(RETRY_S)
