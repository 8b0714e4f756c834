"""Who may not hear what happens hears nothing: topics as rights, over TCP and on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from peers.asking import until

from ccd.cti import asyncio_client as client_module
from ccd.cti.access import Account, hash_password
from ccd.cti.catalogue import Role, SnapshotResult
from ccd.cti.client import Client, CtiError, ErrorCode
from ccd.cti.doors import Remote
from ccd.cti.keys import ClientKeys, KeyFolder, KeyRing
from ccd.cti.monitors import Kind, Monitors, Target
from ccd.cti.server import Server
from ccd.cti.topics import Topics
from ccd.events import AgentReady, EventStream, Offered
from ccd.paths import StatePaths

PASSWORD = "s3cret"
HASH = hash_password(PASSWORD)


class Door:
    """A server with both doors, and people who come and go."""

    def __init__(self, root: Path) -> None:
        self.paths = StatePaths(root)
        folder = KeyFolder(self.paths.keys)
        server_keys = folder.make_server()
        self.keys = folder.make_client("seat")
        self.events = EventStream(time.time)
        self.people = {
            "anna": Account("anna", Role.AGENT, HASH, agent=True),
            "bert": Account("bert", Role.AGENT, HASH, agent=True),
            "chief": Account("chief", Role.SUPERVISOR, HASH),
            "other": Account("other", Role.SUPERVISOR, HASH),
        }
        address = "tcp://127.0.0.1:0"
        self.server = Server(
            {},
            self.events,
            commands=self.paths.cti_commands,
            publish=self.paths.cti_events,
            people=lambda name: self.people.get(name),
            remote=Remote(address, address, server_keys),
            ring=KeyRing(folder),
            picture=lambda *_: SnapshotResult(seq=self.events.last_seq, at=0.0),
            beat_s=0.03,
        )

    def client(self) -> Client:
        return Client(commands=self.server.remote_commands, keys=self.keys)


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    monkeypatch.setattr(client_module, "PING_S", 0.05)
    made = Door(tmp_path)
    await made.server.start()
    yield made
    await made.server.stop()


@contextlib.contextmanager
def listener(
    address: str, *topics: bytes, keys: ClientKeys | None = None, kind: int = zmq.SUB
) -> Iterator[Any]:
    """A stranger's socket, without our library."""
    context = zmq.asyncio.Context()
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    if keys is not None:
        socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.own.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.own.secret)
        socket.setsockopt(zmq.CURVE_SERVERKEY, keys.server)
    for topic in topics:
        socket.setsockopt(zmq.SUBSCRIBE, topic)
    socket.connect(address)
    try:
        yield socket
    finally:
        socket.close()
        context.term()


async def heard_till_beat(socket: Any, beats: int = 3) -> list[bytes]:
    """Topics of what arrives until so many beats have."""
    heard: list[bytes] = []
    async with asyncio.timeout(5):
        while heard.count(b"beat") < beats:
            heard.append((await socket.recv_multipart())[0])
    return heard


def a_call(door: Door) -> None:
    door.events.publish(Offered(call="c1", leg="l1", ani="13800000001", dnis="1", trunk="t"))


@pytest.mark.parametrize("remote", [True, False])
async def test_what_does_not_begin_with_a_token_is_not_accepted(door: Door, remote: bool) -> None:
    async with door.client() as chief:
        await chief.authenticate("chief", PASSWORD)
        monitor = await chief.monitor(all=True)
        token = door.server.publisher.topics.events
        guesses = [
            b"", b"e", b"event/", b"event/Offered", token[:-1], token[:-2], token[:-2] + b"?/",
            b"m", b"monitor/", f"monitor/{monitor.monitor}".encode(), b"monitor/\xff/",
        ]  # fmt: skip
        where = door.server.remote_publish if remote else door.server.publish
        keys = door.keys if remote else None
        with listener(where, b"beat", *guesses, keys=keys) as stranger:
            await heard_till_beat(stranger, 1)
            await until(lambda: door.server.publisher.subscriptions_refused >= len(guesses))
            a_call(door)
            assert (await anext(monitor)).seq == 1
            assert set(await heard_till_beat(stranger)) == {b"beat"}
        assert door.server.publisher.subscriptions_refused == len(guesses)
        with listener(where, b"beat", token + b"Offered", keys=keys) as knows:
            await heard_till_beat(knows, 1)
            a_call(door)
            assert set(await heard_till_beat(knows)) == {b"beat", token + b"Offered"}


async def test_an_agent_hears_himself_and_not_the_centre(door: Door) -> None:
    async with door.client() as anna:
        assert anna.hello is not None
        assert anna.hello.events_topic == ""
        assert (await anna.log_in("anna", password=PASSWORD)).events_topic == ""
        with pytest.raises(CtiError, match="monitor") as caught:
            anna.events()
        assert caught.value.code is ErrorCode.FORBIDDEN
        with pytest.raises(CtiError, match="monitor") as caught:
            await anna.replay(0)
        assert caught.value.code is ErrorCode.FORBIDDEN
        for target in ({"all": True}, {"agent": "bert"}, {"queue": "orders"}, {"call": "c1"}):
            with pytest.raises(CtiError) as caught:
                await anna.monitor(**target)
            assert caught.value.code is ErrorCode.FORBIDDEN
        feed = await anna.monitor(agent="anna")
        a_call(door)
        door.events.publish(AgentReady(agent="bert"))
        door.events.publish(AgentReady(agent="anna"))
        assert (await anext(feed)).seq == 3
        assert (await anna.replay(0, monitor=feed.monitor)).seq == 3


async def test_an_agents_monitor_is_nobody_elses_and_ends_with_his_log_in(door: Door) -> None:
    async with door.client() as anna, door.client() as chief, door.client() as again:
        await anna.log_in("anna", password=PASSWORD)
        await chief.authenticate("chief", PASSWORD)
        mine, his = await anna.monitor(agent="anna"), await chief.monitor(agent="anna")
        assert mine.monitor != his.monitor
        await again.log_in("anna", password=PASSWORD)  # another seat: this one is nobody's now
        assert [
            each.owner for each in door.server.publisher.monitors.of(Target(Kind.AGENT, "anna"))
        ] == [None]
        door.events.publish(AgentReady(agent="anna"))
        assert (await anext(his)).seq == 1
        with pytest.raises(CtiError) as caught:
            async with asyncio.timeout(5):
                await anext(mine)
        assert caught.value.code in (ErrorCode.UNKNOWN_MONITOR, ErrorCode.NOT_LOGGED_IN)


async def test_who_loses_the_right_hears_no_more_and_others_do_not_notice(door: Door) -> None:
    async with door.client() as chief, door.client() as other:
        await chief.authenticate("chief", PASSWORD)
        await other.authenticate("other", PASSWORD)
        feed, watching = other.events(), await other.monitor(all=True)
        token = door.server.publisher.topics.events
        keys = door.keys
        with listener(door.server.remote_publish, b"beat", token, keys=keys) as kept:
            await heard_till_beat(kept, 1)
            del door.people["chief"]
            await until(lambda: door.server.publisher.topics.events != token)
            for _ in range(3):
                a_call(door)
            assert set(await heard_till_beat(kept)) == {b"beat"}
        async with asyncio.timeout(5):
            assert [(await anext(feed)).seq for _ in range(3)] == [1, 2, 3]
            with pytest.raises(CtiError) as caught:
                await anext(watching)
        assert caught.value.code is ErrorCode.UNKNOWN_MONITOR  # to be started again
        fetched = feed.gaps
        for seq in range(4, 50):  # it comes by the new topic again, not by asking
            a_call(door)
            assert (await anext(feed)).seq == seq
        assert feed.gaps <= fetched + 1
        with pytest.raises(CtiError):
            await chief.replay(0)


async def test_what_is_no_subscription_gives_a_stranger_nobodys_topic(door: Door) -> None:
    """libzmq hands it on without its sender, and takes what follows for the next client's."""
    async with Client(door.paths.root) as owner:
        assert owner.hello is not None
        topic = owner.hello.events_topic.encode()
        xpub = door.server._pub
        subscribers = door.server.publisher._subscribers
        assert xpub is not None
        assert subscribers is not None
        where = door.server.publish
        door.events.publish(AgentReady(agent="anna"))
        await until(lambda: door.server.publisher._outbox == [])
        with (
            listener(where, kind=zmq.XSUB) as stranger,
            listener(where, kind=zmq.XSUB) as honest,
        ):
            for socket in (stranger, honest):
                await socket.send(b"\1beat")
                await heard_till_beat(socket, 1)
            # All are queued before any is looked at, in this order.
            subscribers.close()
            for socket, said in (
                (stranger, b"no subscription"),
                (honest, b"\1" + topic),
                (stranger, b"\1junk"),
            ):
                await socket.send(said)
                await asyncio.to_thread(time.sleep, 0.01)
                xpub.getsockopt(zmq.EVENTS)
            subscribers.look()
            a_call(door)
            assert set(await heard_till_beat(stranger)) == {b"beat"}
            await honest.send(b"\0" + topic)
            await honest.send(b"\1" + topic)
            await asyncio.to_thread(time.sleep, 0.02)
            subscribers.look()
            a_call(door)
            assert topic + b"Offered" in await heard_till_beat(honest)
            assert set(await heard_till_beat(stranger)) == {b"beat"}


def test_a_token_is_replaced_when_one_who_was_told_it_may_not_know_it_any_more() -> None:
    tokens = iter("abc")
    monitors = Monitors(lambda: "m1")
    topics = Topics(lambda: next(tokens), monitors)
    assert topics.tell(["chief"]) == "event/a/"
    assert not topics.review(lambda name: name == "chief")
    assert topics.accepts(b"event/a/Offered")
    assert topics.review(lambda _: False)
    assert (topics.events, topics.accepts(b"event/a/")) == (b"event/b/", False)
    assert not topics.review(lambda _: False)  # nobody was told the new one
    assert not topics.accepts(b"monitor/m1/")
    monitor = monitors.start(Target(Kind.ALL), "session", 0)
    assert topics.accepts(monitor.topic)
    monitors.drop(monitor)
    assert not topics.accepts(monitor.topic)


async def test_the_new_topic_is_found_by_a_client_that_heard_nothing(door: Door) -> None:
    """Over ipc too: the daemon's owner is never locked out by somebody else's demotion."""
    async with Client(door.paths.root) as owner, door.client() as chief:
        await chief.authenticate("chief", PASSWORD)
        feed = owner.events()
        a_call(door)
        assert (await anext(feed)).seq == 1
        del door.people["chief"]
        token = door.server.publisher.topics.events
        await until(lambda: door.server.publisher.topics.events != token)
        a_call(door)
        async with asyncio.timeout(5):
            assert (await anext(feed)).seq == 2
