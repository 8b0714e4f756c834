"""Whole queue calls to agents whose phones are nailed up: no INVITE between agent and caller.

- `queue_call_core_cpu_nailed_up`: CPU of the core for one call, at the rate of `queue_load`.
- `agent_free_to_patched_p99`: from the daemon's stamp on an agent's being ready, while somebody
  waits, to the one on their being bridged; the media worker patches at its next beat (5 ms).
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import uvloop

from bench._queue_centre import AGENTS, Cost, missing, queue_centre
from bench.queue_load import BUSY_RATE, SECONDS
from bench.result import Result, at_most, figure
from ccd.cti.client import Client
from ccd.events import AgentReady, Bridged, CallCleared, Dequeued, Event, Queued
from lab.trunk_sim.figures import percentile

BUDGET_MS = 1.2
PATCHED_MS = 40.0
FEW = 24
"""Agents for whom callers have to wait, at `CROWD_RATE` calls a second of 2 s each."""
CROWD_RATE = 26
BEAT_MS = 5.0


def queue_nailed_up() -> list[Result]:
    """Measure both; needs SIPp."""
    if missing():
        return [Result(name="queue_call_core_cpu_nailed_up", value=None, unit="ms", note=missing())]
    busy, events = _run(BUSY_RATE, AGENTS)
    talks = sum(isinstance(event, Bridged) for event in events)
    note = f"{busy.good} whole calls at {BUSY_RATE}/s, {busy.bad} failed, {talks} conversations"
    cost = at_most("queue_call_core_cpu_nailed_up", busy.total_ms, "ms", BUDGET_MS, note)
    if busy.bad or talks < busy.good:
        cost = msgspec.structs.replace(cost, ok=False)
    _, events = _run(CROWD_RATE, FEW)
    waits = sorted(patched_ms(events))
    said = (
        f"{len(waits)} agents who became free while callers waited; with a beat of {BEAT_MS:g} ms"
    )
    return [
        cost,
        at_most(
            "agent_free_to_patched_p99",
            (percentile(waits, 0.99) or 0.0) + BEAT_MS,
            "ms",
            PATCHED_MS,
            said,
        ),
        figure("agent_free_to_patched_p50", (percentile(waits, 0.5) or 0.0) + BEAT_MS, "ms"),
    ]


def patched_ms(stream: Sequence[Event]) -> Iterator[float]:
    """From an agent's being ready while somebody waits to his being patched, each time."""
    waiting: set[str] = set()
    free_since: dict[str, float] = {}
    for event in stream:
        match event:
            case Queued(call=call):
                waiting.add(call)
            case AgentReady(agent=agent, at=at):
                if waiting:
                    free_since[agent] = at
            case Bridged(agent=agent, at=at):
                if agent is not None and (since := free_since.pop(agent, None)) is not None:
                    yield 1000 * (at - since)
            case Dequeued(call=call) | CallCleared(call=call):
                waiting.discard(call)
            case _:
                pass


def _run(rate: int, agents: int) -> tuple[Cost, list[Event]]:
    """What the calls cost, and all that happened."""
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        return uvloop.run(_measure(Path(name), rate, agents))


async def _measure(folder: Path, rate: int, agents: int) -> tuple[Cost, list[Event]]:
    heard: deque[Event] = deque()
    async with queue_centre(folder, agents=agents, nailed_up=True) as centre:
        watch = asyncio.create_task(_hear(centre.client, heard))
        cost = await centre.cost(rate, SECONDS)
        watch.cancel()
    return cost, list(heard)


async def _hear(client: Client, heard: deque[Event]) -> None:
    async for event in client.events():
        heard.append(event)


BENCHMARKS = {"queue_nailed_up": queue_nailed_up}
