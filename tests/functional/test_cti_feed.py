"""Events over real ZeroMQ: in order, without a gap, or the truth about what is gone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest
import zmq

from ccd.cti import asyncio_client as client_module
from ccd.cti import feed as feed_module
from ccd.cti import publisher as publisher_module
from ccd.cti.client import Client, CtiError, ErrorCode
from ccd.cti.server import Server
from ccd.events import AgentNotReady, AgentReady, Event, EventStream
from ccd.paths import StatePaths


def make(root: Path, events: EventStream, **options: object) -> Server:
    paths = StatePaths(root)
    return Server(
        {},
        events,
        commands=paths.cti_commands,
        publish=paths.cti_events,
        people=lambda _: None,
        **{"beat_s": 0.05, **options},  # type: ignore[arg-type]
    )


@pytest.fixture
def stream() -> EventStream:
    return EventStream(time.time)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RETRY_S", 0.02)
    monkeypatch.setattr(client_module, "PING_S", 0.05)


def publish(stream: EventStream, count: int) -> None:
    for _ in range(count):
        stream.publish(AgentReady(agent="anna"))


async def take(feed: feed_module.Feed, count: int, within: float = 10.0) -> list[int]:
    async with asyncio.timeout(within):
        return [(await anext(feed)).seq for _ in range(count)]


async def test_two_clients_see_the_same_in_order(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as one, Client(tmp_path) as other:
        feeds = [one.events(), other.events()]
        publish(stream, 50)
        for feed in feeds:
            assert await take(feed, 50) == list(range(1, 51))
        stream.publish(AgentNotReady(agent="anna", reason="rona"))
        event = await anext(feeds[0])
        assert isinstance(event, AgentNotReady)
        assert (event.seq, event.reason) == (51, "rona")
        assert event.at == pytest.approx(time.time(), abs=60)
    await server.stop()


async def test_nothing_since_connect_is_missed_however_late_one_listens(
    tmp_path: Path, stream: EventStream
) -> None:
    server = make(tmp_path, stream)
    publish(stream, 5)  # before the server opened
    await server.start()
    async with Client(tmp_path) as client:
        publish(stream, 7)
        assert await take(client.events(), 7) == list(range(6, 13))
        assert await take(client.events(since=3), 9) == list(range(4, 13))
    await server.stop()


async def test_only_the_wanted_kinds(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as client:
        feed = client.events(None, AgentNotReady)
        publish(stream, 3)
        stream.publish(AgentNotReady(agent="anna", reason="lunch"))
        publish(stream, 3)
        assert await take(feed, 1) == [4]
    await server.stop()


async def test_a_lost_last_event_is_found_by_the_beat(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as client:
        feed = client.events()
        publish(stream, 1)
        assert await take(feed, 1) == [1]
        await asyncio.sleep(0.1)  # joined for certain: a beat was heard
        socket, server.publisher._socket = server.publisher._socket, None
        publish(stream, 3)  # these never leave
        server.publisher._socket = socket
        gaps = feed.gaps
        assert await take(feed, 3) == [2, 3, 4]
        assert feed.gaps == gaps + 1
    await server.stop()


async def test_a_long_gap_is_fetched_page_by_page(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as client:
        publish(stream, 3500)
        assert await take(client.events(), 3500) == list(range(1, 3501))
    await server.stop()


async def test_what_is_no_longer_kept_is_said_to_be_gone(
    tmp_path: Path, stream: EventStream
) -> None:
    server = make(tmp_path, stream, replay_events=10)
    await server.start()
    async with Client(tmp_path) as client:
        # They never leave: one who had joined already would have heard them all.
        socket, server.publisher._socket = server.publisher._socket, None
        publish(stream, 25)
        server.publisher._socket = socket
        with pytest.raises(CtiError) as caught:
            await take(client.events(), 1)
        assert caught.value.code is ErrorCode.GONE
        assert caught.value.details == {"oldest": 16, "seq": 25}
        assert await take(client.events(since=15), 10) == list(range(16, 26))
    await server.stop()


async def test_a_restart_of_the_daemon_is_a_break_and_no_more(
    tmp_path: Path, stream: EventStream
) -> None:
    restarts: list[str] = []
    first = make(tmp_path, stream)
    await first.start()
    client = Client(tmp_path, on_restart=lambda: restarts.append("restarted"), timeout_s=0.2)
    async with client:
        feed = client.events()
        publish(stream, 2)
        assert await take(feed, 2) == [1, 2]
        await first.stop()
        with pytest.raises(CtiError) as caught:
            await client.ping()
        assert caught.value.code is ErrorCode.UNAVAILABLE
        # The new daemon goes on with the numbers of the state folder.
        continued = EventStream(time.time, last_seq=2)
        second = make(tmp_path, continued)
        await second.start()
        publish(continued, 3)
        assert await take(feed, 3) == [3, 4, 5]
        client.timeout_s = 5.0
        assert (await client.ping()).boot == second.boot
        async with asyncio.timeout(5):
            while not restarts:  # noqa: ASYNC110 - the ping that finds out is the client's own
                await asyncio.sleep(0.01)
        await second.stop()


async def test_what_an_earlier_run_published_can_be_kept(
    tmp_path: Path, stream: EventStream
) -> None:
    journal: list[Event] = []
    stream.subscribe(journal.append)
    publish(stream, 9)
    continued = EventStream(time.time, last_seq=9)
    server = make(tmp_path, continued, history=journal[3:])
    await server.start()
    async with Client(tmp_path) as client:
        publish(continued, 2)
        assert await take(client.events(since=3), 8) == list(range(4, 12))
        with pytest.raises(CtiError, match="4 is the oldest"):
            await take(client.events(since=2), 1)
    await server.stop()


def test_a_history_that_does_not_lead_up_to_now_is_of_no_use(stream: EventStream) -> None:
    publisher = publisher_module.Publisher(keep=10, last_seq=9, boot="b", clock=time.time)
    publisher.remember([AgentReady(agent="anna", seq=seq) for seq in (1, 2, 3)])
    assert (publisher.ring.oldest, publisher.ring.last_seq) == (10, 9)


async def test_another_state_folder_at_the_same_place_is_no_continuation(
    tmp_path: Path, stream: EventStream
) -> None:
    first = make(tmp_path, stream)
    await first.start()
    async with Client(tmp_path, timeout_s=0.5) as client:
        feed = client.events()
        publish(stream, 30)
        await take(feed, 30)
        await first.stop()
        anew = EventStream(time.time)
        second = make(tmp_path, anew)
        await second.start()
        publish(anew, 3)
        with pytest.raises(CtiError) as caught:
            await take(feed, 1)
        assert caught.value.code is ErrorCode.GONE
        await second.stop()


async def test_a_stuck_subscriber_stops_nobody_and_catches_up(
    tmp_path: Path, stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccd.cti.server.SUBSCRIBER_QUEUE", 100)
    monkeypatch.setattr(client_module, "RECEIVE_QUEUE", 100)
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as stuck, Client(tmp_path) as lively:
        late, feed = stuck.events(), lively.events()
        publish(stream, 1)
        assert await take(late, 1) == [1]  # and now it stops reading
        slowest = 0.0
        for _ in range(200):
            begin = time.perf_counter()
            publish(stream, 100)
            slowest = max(slowest, time.perf_counter() - begin)
            await asyncio.sleep(0)
        assert await take(feed, 20_001, 40) == list(range(1, 20_002))
        assert await take(late, 20_000, 40) == list(range(2, 20_002))
        assert late.gaps > 0  # it had lost some
        assert slowest < 1.0
    await server.stop()


async def test_a_socket_that_refuses_costs_the_daemon_nothing(stream: EventStream) -> None:
    publisher = publisher_module.Publisher(keep=10, last_seq=0, boot="b", clock=time.time)
    stream.subscribe(publisher.on_event)
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    publisher.open(socket)
    socket.close()
    publish(stream, 2)
    publisher.close()  # sends what waits
    context.term()
    assert publisher.failed == 2
    assert publisher.ring.last_seq == 2


async def test_closing_ends_the_iteration(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    client = Client(tmp_path)
    await client.connect()
    seen: list[int] = []

    async def read() -> str:
        async for event in client.events():
            seen.append(event.seq)  # noqa: PERF401 - looked at while it goes on
        return "ended"

    reader = asyncio.create_task(read())
    publish(stream, 1)
    async with asyncio.timeout(5):
        while not seen:  # noqa: ASYNC110 - the reader tells nobody
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)  # so that it waits in the socket, not for a page
        await client.close()
        assert await reader == "ended"
    await server.stop()


async def test_a_cancelled_reader_is_cancelled(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as client:
        reader = asyncio.create_task(anext(client.events()))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    await server.stop()


async def test_events_of_a_newer_daemon_do_not_break_the_chain(
    tmp_path: Path, stream: EventStream
) -> None:
    class Levitated(Event, frozen=True, kw_only=True):
        agent: str

    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as client:
        feed = client.events()
        stream.publish(Levitated(agent="anna"))
        publish(stream, 1)
        unknown = await anext(feed)
        assert type(unknown) is Event
        assert unknown.seq == 1
        assert await take(feed, 1) == [2]
    await server.stop()


async def test_the_last_event_before_a_stop_still_goes_out(
    tmp_path: Path, stream: EventStream
) -> None:
    server = make(tmp_path, stream)
    await server.start()
    async with Client(tmp_path) as client:
        feed = client.events()
        publish(stream, 1)
        await take(feed, 1)
        await asyncio.sleep(0.1)
        stream.publish(AgentNotReady(agent="anna", reason="shutdown"))
        await server.stop()
        assert await take(feed, 1) == [2]


async def test_raw_subscribers_get_topics_and_maps(tmp_path: Path, stream: EventStream) -> None:
    server = make(tmp_path, stream)
    await server.start()
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.SUB)
    socket.subscribe(server.publisher.topics.events + b"AgentNotReady")
    socket.connect(StatePaths(tmp_path).cti_events)
    async with asyncio.timeout(5):
        while not await socket.poll(20):
            publish(stream, 1)
            stream.publish(AgentNotReady(agent="anna", reason="lunch"))
        topic, body = await socket.recv_multipart()
    assert topic == server.publisher.topics.events + b"AgentNotReady"
    plain = msgspec.msgpack.decode(body)
    assert (plain["type"], plain["agent"], plain["reason"]) == ("AgentNotReady", "anna", "lunch")
    socket.close(0)
    context.term()
    await server.stop()
