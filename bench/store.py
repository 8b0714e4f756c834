"""The journal: what an event costs the event loop, and what it costs the machine."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.result import Result, at_least, at_most, figure
from ccd import events as e
from ccd.events import Event
from ccd.model import Cause, Party, Quality
from ccd.store.journal import Writer

CALLS = 3_000
APPEND_BUDGET_US = 5.0
LAG_BUDGET_MS = 100.0
CALLS_A_SECOND = 300
"""The design's sustained load."""


def call(name: str) -> Iterator[Event]:
    """Yield a queue call's events, as the daemon publishes them."""
    caller, agent = f"{name}-1", f"{name}-2"
    quality = Quality(packets_sent=900, packets_received=899, jitter_ms=0.4, r_factor=92.1, mos=4.4)
    yield e.Offered(call=name, leg=caller, ani="13800138000", dnis="95500", trunk="carrier")
    yield e.Established(call=name, leg=caller, party=Party.CALLER)
    yield e.FlowStepped(call=name, flow="welcome", step="welcome")
    yield e.DigitsDetected(call=name, leg=caller, digits="1")
    yield e.FlowStepped(call=name, flow="welcome", step="orders")
    yield e.Queued(call=name, queue="orders", position=1)
    yield e.AgentReserved(agent="li.na", call=name)
    yield e.Delivered(call=name, leg=agent, agent="li.na", queue="orders")
    yield e.Established(call=name, leg=agent, party=Party.AGENT, agent="li.na")
    yield e.Dequeued(call=name, queue="orders", reason="assigned", waited=2.5)
    yield e.Bridged(call=name, legs=(caller, agent), agent="li.na")
    yield e.AgentBusy(agent="li.na", call=name)
    yield e.RecordingStarted(call=name, path=f"/var/lib/ccd/recordings/2026-11-23/{name}.wav")
    cause = Cause.NORMAL_CLEARING
    yield e.ConnectionCleared(call=name, leg=caller, party=Party.CALLER, cause=cause)
    yield e.ConnectionCleared(call=name, leg=agent, party=Party.AGENT, cause=cause)
    yield e.CallCleared(call=name, cause=cause, released_by=Party.CALLER)
    yield e.AgentWorkingAfterCall(agent="li.na", call=name)
    yield e.QualityReported(call=name, leg=caller, party=Party.CALLER, quality=quality)
    yield e.QualityReported(call=name, leg=agent, party=Party.AGENT, quality=quality)
    yield e.RecordingStopped(call=name, path=f"/var/lib/ccd/recordings/{name}.wav", seconds=18.0)
    yield e.AgentReady(agent="li.na")


def stamped(calls: int) -> list[list[Event]]:
    """Return the events of so many calls, each call's apart, numbered and timed."""
    seq = itertools.count(1)
    begin = time.time()
    return [
        [
            msgspec.structs.replace(event, seq=(number := next(seq)), at=begin + number / 1000)
            for event in call(f"c{index:08x}")
        ]
        for index in range(calls)
    ]


def run() -> list[Result]:
    """Measure the journal in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="ccd-bench-") as folder:
        return [*_throughput(Path(folder) / "a.sqlite"), *_paced(Path(folder) / "b.sqlite")]


def _throughput(path: Path) -> list[Result]:
    calls = stamped(CALLS)
    events = [event for one in calls for event in one]
    writer = Writer(path)
    append = writer.append
    # The loop's share: no other thread may have the interpreter meanwhile.
    begin = time.perf_counter()
    for event in events:
        append(event)
    appended = time.perf_counter() - begin
    assert writer.flush(60)
    whole = time.perf_counter() - begin
    lost = writer.close()
    append_us = appended / len(events) * 1e6
    return [
        at_most("journal_append_us", append_us, "µs/event", APPEND_BUDGET_US, "in the event loop"),
        at_least(
            "journal_events_per_s",
            len(events) / whole,
            "events/s",
            CALLS_A_SECOND * len(calls[0]),
            f"all at once; the budget is {CALLS_A_SECOND} calls/s of {len(calls[0])} events",
        ),
        at_most("journal_lost", lost, "events", 0),
    ]


def _paced(path: Path) -> list[Result]:
    """A second of the sustained load, evenly: what it costs, and how long events wait."""
    calls = stamped(CALLS_A_SECOND)
    writer = Writer(path)
    writer.flush(10)
    lags: list[float] = []
    waiting: deque[tuple[int, float]] = deque()  # how many were appended, and when
    appended = 0
    cpu = time.process_time()
    begin = time.perf_counter()
    for number, one in enumerate(calls):
        due = begin + number / CALLS_A_SECOND
        while (now := time.perf_counter()) < due:
            time.sleep(min(0.002, due - now))
            while waiting and waiting[0][0] <= writer.written:
                lags.append(time.perf_counter() - waiting.popleft()[1])
        for event in one:
            writer.append(event)
        appended += len(one)
        waiting.append((appended, now))
    writer.flush(10)
    spent = time.process_time() - cpu
    writer.close()
    return [
        figure(
            "journal_cpu_ms_per_call",
            spent / len(calls) * 1e3,
            "ms/call",
            f"of the core's 2.0 ms a call, at {CALLS_A_SECOND} calls/s, with the pacing loop",
        ),
        at_most(
            "journal_lag_ms_max",
            max(lags, default=0.0) * 1e3,
            "ms",
            LAG_BUDGET_MS,
            "from an event to its commit: what a killed process loses at most",
        ),
    ]
