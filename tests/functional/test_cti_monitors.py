"""Monitors over real ZeroMQ: a seat hears what is about it, all of it, and nothing else."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from ccd.cti.catalogue import AgentView, SnapshotResult
from ccd.cti.client import Client, CtiError, ErrorCode, MonitorFeed
from ccd.cti.monitors import Kind, Monitors, Target
from ccd.cti.server import Server
from ccd.events import (
    AgentLoggedOn,
    AgentReady,
    AgentReserved,
    CallCleared,
    ConnectionCleared,
    Delivered,
    DigitsDetected,
    Event,
    EventStream,
    Offered,
    QualityReported,
    Queued,
    RecordingStopped,
    WrappedUp,
)
from ccd.model import AgentState, Cause, Party, Quality
from ccd.paths import StatePaths

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def stream() -> EventStream:
    return EventStream(time.time)


@pytest.fixture
async def server(tmp_path: Path, stream: EventStream) -> AsyncIterator[Server]:
    def picture(target: Target, _calls: Iterable[str], people: Iterable[str]) -> SnapshotResult:
        agents = tuple(AgentView(agent=name, state=AgentState.READY) for name in people)
        return SnapshotResult(seq=stream.last_seq, at=time.time(), agents=agents)

    paths = StatePaths(tmp_path)
    server = Server(
        {}, stream, commands=paths.cti_commands, publish=paths.cti_events,
        people=lambda _: None, beat_s=0.05, picture=picture,
    )  # fmt: skip
    await server.start()
    yield server
    await server.stop()


def a_call(stream: EventStream, call: str, agent: str, queue: str = "orders") -> None:
    """A call comes, waits, is delivered and ends."""
    stream.publish(Offered(call=call, leg=f"{call}.0", ani="1", dnis="2", trunk="t"))
    stream.publish(Queued(call=call, queue=queue, position=1))
    stream.publish(AgentReserved(agent=agent, call=call))
    stream.publish(Delivered(call=call, leg=f"{call}.1", agent=agent, queue=queue))
    stream.publish(DigitsDetected(call=call, leg=f"{call}.0", digits="1"))
    for leg, party in ((f"{call}.1", Party.AGENT), (f"{call}.0", Party.CALLER)):
        stream.publish(
            ConnectionCleared(call=call, leg=leg, party=party, cause=Cause.NORMAL_CLEARING)
        )
    stream.publish(CallCleared(call=call, cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER))


async def take(feed: MonitorFeed, count: int) -> list[Event]:
    async with asyncio.timeout(10):
        return [await anext(feed) for _ in range(count)]


async def test_an_agent_hears_of_his_calls_and_gets_what_was_before(
    tmp_path: Path, server: Server, stream: EventStream
) -> None:
    async with Client(tmp_path) as client:
        feed = await client.monitor(agent="anna")
        assert feed.state.agents[0].agent == "anna"
        a_call(stream, "c1", "bert")
        a_call(stream, "c2", "anna")
        heard = await take(feed, 4)
        assert [type(event).__name__ for event in heard] == [
            "AgentReserved", "Delivered", "DigitsDetected", "ConnectionCleared",
        ]  # fmt: skip
        stream.publish(AgentReady(agent="anna"))
        assert isinstance((await take(feed, 1))[0], AgentReady)
        assert feed.n == 5


async def test_the_call_comes_as_a_picture_with_the_event_that_brings_it(
    tmp_path: Path, server: Server, stream: EventStream
) -> None:
    async with Client(tmp_path) as client:
        feed = await client.monitor(agent="anna")
        a_call(stream, "c1", "anna")
        calls = []
        for _ in range(3):
            await take(feed, 1)
            calls.append(feed.call)
        assert calls[0] is None
        assert calls[1] is not None
        assert (calls[1].call, calls[1].ani, calls[1].agent) == ("c1", "1", "anna")
        assert calls[2] is None


async def test_a_calls_monitor_stops_with_the_call_and_sessions_share_topics(
    tmp_path: Path, server: Server, stream: EventStream
) -> None:
    async with Client(tmp_path) as one, Client(tmp_path) as other:
        feeds = [await one.monitor(call="c1"), await other.monitor(call="c1")]
        assert feeds[0].monitor == feeds[1].monitor
        a_call(stream, "c1", "anna")
        for feed in feeds:
            async with asyncio.timeout(10):
                heard = [event async for event in feed]
            assert len(heard) == 8
            assert feed.stopped == "call_cleared"


async def test_a_queues_monitor_has_its_callers_and_its_people(
    tmp_path: Path, server: Server, stream: EventStream
) -> None:
    async with Client(tmp_path) as client:
        feed = await client.monitor(queue="orders")
        stream.publish(AgentLoggedOn(agent="anna", phone="1001", queues=("orders",)))
        stream.publish(AgentReady(agent="anna"))
        stream.publish(AgentReady(agent="bert"))
        stream.publish(Queued(call="c9", queue="sales", position=1))
        stream.publish(AgentReady(agent="anna"))
        assert [event.seq for event in await take(feed, 3)] == [1, 2, 5]


async def test_what_never_left_is_found_by_the_count(
    tmp_path: Path, server: Server, stream: EventStream
) -> None:
    async with Client(tmp_path) as client:
        feed = await client.monitor(agent="anna")
        rng = random.Random(7)
        published = 0
        for _ in range(30):
            lost = rng.random() < 0.5
            server.publisher.settle()
            socket = server.publisher._socket
            if lost:
                server.publisher._socket = None
            for _ in range(rng.randint(1, 5)):
                stream.publish(AgentReady(agent=rng.choice(["anna", "bert"])))
            monitor = server.publisher.monitors.get(feed.monitor)
            assert monitor is not None
            published = monitor.n
            server.publisher._socket = socket
            await asyncio.sleep(0)
        heard = await take(feed, published)
        reference = [e.seq for e in heard]
        assert reference == sorted(set(reference))
        assert feed.n == published == len(heard)


def test_what_is_said_of_a_call_afterwards_comes_to_those_whose_it_was() -> None:
    stream, monitors = EventStream(time.time), Monitors(iter("abc").__next__)
    heard: dict[str, list[str]] = {"anna": [], "bert": []}
    for agent in heard:
        monitors.start(Target(Kind.AGENT, agent), agent, 0)

    def take(event: Event) -> None:
        for monitor, _ in monitors.take(event):
            heard[monitor.target.name].append(type(event).__name__)

    stream.subscribe(take)
    a_call(stream, "c1", "anna")
    before = len(heard["anna"])
    stream.publish(QualityReported(call="c1", leg="c1.1", party=Party.AGENT, quality=Quality()))
    stream.publish(RecordingStopped(call="c1", path="c1.wav", seconds=9.0))
    stream.publish(WrappedUp(agent="anna", call="c1", disposition="sold"))
    stream.publish(RecordingStopped(call="c2", path="c2.wav", seconds=9.0))
    assert heard["anna"][before:] == ["QualityReported", "RecordingStopped", "WrappedUp"]
    assert heard["bert"] == []


async def test_who_missed_more_than_is_kept_is_told(tmp_path: Path, stream: EventStream) -> None:
    monitors = Monitors(lambda: "m")
    monitor = monitors.start(Target(Kind.AGENT, "anna"), "session", 0)
    for seq in range(1, 11):
        monitors.take(AgentReady(agent="anna", seq=seq))
    monitor.forget(before=6)
    assert monitor.forgotten == 5
    assert [entry.seq for entry in monitor.since(5, 100)] == [6, 7, 8, 9, 10]
    assert [entry.n for entry in monitor.since(8, 1)] == [9]


async def test_a_monitor_is_its_sessions_and_ends_with_it(
    tmp_path: Path, server: Server, stream: EventStream
) -> None:
    async with Client(tmp_path) as one, Client(tmp_path) as other:
        feed = await one.monitor(agent="anna")
        for attempt in (
            other.replay(0, monitor=feed.monitor),
            other.monitor_stop(feed.monitor),
        ):
            with pytest.raises(CtiError) as caught:
                await attempt
            assert caught.value.code is ErrorCode.UNKNOWN_MONITOR
        assert (await one.ping()).monitors == {feed.monitor: 0}
        await feed.stop()
        assert len(server.publisher.monitors) == 0
        with pytest.raises(CtiError) as caught:
            await one.monitor_start(agent="anna", queue="orders")
        assert caught.value.code is ErrorCode.BAD_ARGS


@pytest.mark.parametrize(
    ("name", "args", "line"),
    [
        ("watch_agent.py", ["anna"], "AgentReserved("),
        ("screen_pop.py", ["anna", "echo"], "1"),
    ],
)
async def test_examples_that_watch_an_agent(
    tmp_path: Path, server: Server, stream: EventStream, name: str, args: list[str], line: str
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *args, str(tmp_path),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while not len(server.publisher.monitors):  # noqa: ASYNC110 - until it watches
                await asyncio.sleep(0.01)
            a_call(stream, "c1", "anna")
            assert program.stdout is not None
            assert (await program.stdout.readline()).decode().startswith(line)
    finally:
        program.kill()
        await program.communicate()
