"""Whole queue calls under load: SIPp calls in, SIPp answers as the agents' phones.

What is measured is the core: caller in, prompt, queue, agent's leg, talk, recording, both
ends cleared, journalled and published to a subscriber. What a call costs falls as the rate
grows, for code stays in the caches and wake-ups serve several calls: so it is measured at a
busy rate, held against the budget, and at a calm one, to compare.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import uvloop

from bench._queue_centre import Cost, missing, queue_centre
from bench.result import Result, at_most, figure
from ccd.cti.client import Client
from ccd.events import Delivered, Event

BUSY_RATE = 200
CALM_RATE = 30
SECONDS = 12
BUDGET_MS = 2.0


def queue_load() -> list[Result]:
    """Measure at both rates; needs SIPp."""
    if missing():
        return [Result(name="queue_call_core_cpu", value=None, unit="ms", note=missing())]
    (busy, offers), (calm, calm_offers) = _run(BUSY_RATE), _run(CALM_RATE)
    note = _note(BUSY_RATE, busy, offers)
    result = at_most("queue_call_core_cpu", busy.total_ms, "ms", BUDGET_MS, note)
    if busy.bad or offers < busy.good:
        result = msgspec.structs.replace(result, ok=False)
    return [
        result,
        figure("queue_call_core_cpu_system", busy.system_ms, "ms", "of which the kernel's"),
        figure(
            "queue_call_core_cpu_calm", calm.total_ms, "ms", _note(CALM_RATE, calm, calm_offers)
        ),
    ]


def _note(rate: int, cost: Cost, offers: int) -> str:
    return f"{cost.good} whole calls at {rate}/s, {cost.bad} failed, {offers} offers to agents"


def _run(rate: int) -> tuple[Cost, int]:
    """What the calls cost, and how often agents were offered one."""
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        return uvloop.run(_measure(Path(name), rate))


async def _measure(folder: Path, rate: int) -> tuple[Cost, int]:
    seen: Counter[type[Event]] = Counter()
    async with queue_centre(folder) as centre:
        watch = asyncio.create_task(_count(centre.client, seen))
        cost = await centre.cost(rate, SECONDS)
        watch.cancel()
    return cost, seen[Delivered]


async def _count(client: Client, seen: Counter[type[Event]]) -> None:
    async for event in client.events():
        seen[type(event)] += 1


BENCHMARKS = {"queue_load": queue_load}
