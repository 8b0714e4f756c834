"""200 clients of a running daemon at 100 calls a second: how late its events reach them.

As a centre has them: softphones, each with a monitor of its agent, and wallboards that hear
everything; all are `ccd.cti.client.Client`s. One more hears everything and never reads, one
connects anew every second. The calls are whole ones (`_queue_centre`). Latency is from an
event's stamp to its coming out of the client, on one machine's clock. Lost is what the daemon
counts and the client did not have when the calls were over. (`cti_clients` has 200 readers of
the whole stream, without our library: so many of ours would need more cores than the daemon.)
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from bench._queue_centre import missing, queue_centre
from bench.result import Result, at_most, figure
from ccd.cti.client import Client, Feed, MonitorFeed

RATE = 100
SECONDS = 12
PROCESSES = 2
SEATS = 98
"""Softphones of each process; with a wallboard in each, a stuck and a restless client: 200."""
SETTLED_S = 5.0
"""The last events' time to arrive."""
BUDGET_MS = 10.0


class Read(NamedTuple):
    """What the clients of one process had."""

    late: list[float]
    """Seconds, an event each."""
    lost: int
    gaps: int
    """How often a client had to ask for what it missed."""


def clients(folder: str, number: int, over: Any, out: Any) -> None:
    """Be the clients of one process, until `over` is set."""
    out.put(uvloop.run(_clients(Path(folder), number, over, out)))


async def _clients(folder: Path, number: int, over: Any, out: Any) -> Read:
    late: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        seats = [
            await stack.enter_async_context(Client(folder, name=f"seat {n}")) for n in range(SEATS)
        ]
        board = await stack.enter_async_context(Client(folder, name="wallboard"))
        monitors = [
            await seat.monitor(agent=f"agent{number * SEATS + n}") for n, seat in enumerate(seats)
        ]
        feed = board.events()
        readers = [asyncio.create_task(_read(each, late)) for each in (feed, *monitors)]
        out.put("ready")
        await asyncio.to_thread(over.wait)
        await asyncio.sleep(SETTLED_S)
        lost = (await board.ping()).seq - feed.seq
        for seat, monitor in zip(seats, monitors, strict=True):
            lost += (await seat.ping()).monitors[monitor.monitor] - monitor.n
        for reader in readers:
            reader.cancel()
        return Read(late, lost, sum(each.gaps for each in (feed, *monitors)))


async def _read(feed: Feed | MonitorFeed, late: list[float]) -> None:
    async for event in feed:
        late.append(time.time() - event.at)  # noqa: PERF401 - the stream has no end


@contextlib.asynccontextmanager
async def _stuck_and_restless(folder: Path) -> AsyncIterator[None]:
    async def restless() -> None:
        while True:
            async with Client(folder, name="restless") as client:
                feed = client.events()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        async for _ in feed:
                            pass

    async with Client(folder, name="stuck") as stuck:
        stuck.events()
        coming = asyncio.create_task(restless())
        try:
            yield
            if coming.done():
                coming.result()
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _measure(folder: Path) -> list[Result]:
    spawned = multiprocessing.get_context("spawn")
    out, over = spawned.Queue(), spawned.Event()
    async with queue_centre(folder) as centre:
        readers = [
            spawned.Process(target=clients, args=(str(folder), number, over, out), daemon=True)
            for number in range(PROCESSES)
        ]
        for reader in readers:
            reader.start()
        try:
            for _ in readers:
                await asyncio.to_thread(out.get, timeout=60)
            async with _stuck_and_restless(folder):
                good, bad = await centre.call(RATE, SECONDS)
                over.set()
                told = [await asyncio.to_thread(out.get, timeout=60) for _ in readers]
        finally:
            over.set()
            for reader in readers:
                await asyncio.to_thread(reader.join, 10)
                if reader.is_alive():
                    reader.kill()
    late = sorted(seconds for read in told for seconds in read.late)
    note = f"{good} whole calls at {RATE}/s, {bad} failed, {len(late)} events read"
    return [
        at_most("cti_calls_p99", late[int(len(late) * 0.99)] * 1e3, "ms", BUDGET_MS, note),
        figure("cti_calls_p50", late[len(late) // 2] * 1e3, "ms"),
        at_most("cti_calls_lost", sum(read.lost for read in told), "events", 0),
        figure("cti_calls_gaps", sum(read.gaps for read in told), "times asked"),
    ]


def run() -> list[Result]:
    """Measure it; needs SIPp."""
    if missing():
        return [Result(name="cti_calls_p99", value=None, unit="ms", note=missing())]
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        return uvloop.run(_measure(Path(name)))
