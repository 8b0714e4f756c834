"""The CTI over real ZeroMQ: commands, roles, sessions, and what no client may do to us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
import zmq.asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers.asking import refusal, until

from ccd.acd.distributor import Distributor, QueueSettings
from ccd.cti import doors as doors_module
from ccd.cti import server as server_module
from ccd.cti.access import Account, AuditLine, hash_password
from ccd.cti.catalogue import (
    AgentArgs,
    Args,
    LogInArgs,
    NotReadyArgs,
    Op,
    Role,
    SnapshotResult,
    Spec,
    StatusResult,
)
from ccd.cti.client import Client, CtiError, ErrorCode, SyncClient
from ccd.cti.server import Server
from ccd.cti.session import Session
from ccd.cti.wire import MAX_DEPTH, MAX_REQUEST
from ccd.errors import CcdError
from ccd.events import AgentReady, EventStream
from ccd.paths import StatePaths

CORAS_HASH = hash_password("s3cret")
"""Made once: it costs a tenth of a second by design."""


class Echo(Args, frozen=True, kw_only=True):
    """Arguments of the operations that only tests have."""

    text: str = ""
    seconds: float = 0.0


class Centre:
    """A daemon's worth of handlers around a real distributor, and their server."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.paths = StatePaths(root)
        self.events = options.pop("events", None) or EventStream(time.time)
        self.acd = Distributor()
        self.acd.add_queue(QueueSettings(name="orders"))
        self.people = {
            name: Account(name, Role.AGENT, hashed, agent=True)
            for name, hashed in {"anna": "", "bert": "", "cora": CORAS_HASH}.items()
        }
        self.audit: list[AuditLine] = []
        self.lost: list[Session] = []
        self.running = 0
        options.setdefault("commands", self.paths.cti_commands)
        options.setdefault("publish", self.paths.cti_events)
        options.setdefault("beat_s", 0.05)
        self.server = Server(
            self.services(),
            self.events,
            people=self.people.get,
            audit=self.audit.append,
            on_session_lost=self.lost.append,
            **options,
        )

    def services(self) -> dict[str, Op]:
        async def slow(_session: Session, args: Echo) -> str:
            self.running += 1
            try:
                await asyncio.sleep(args.seconds)
            finally:
                self.running -= 1
            return args.text

        def broken(_session: Session, _args: Args) -> None:
            raise RuntimeError("the shoe is on fire")

        def unpackable(_session: Session, _args: Args) -> object:
            return object()

        return {
            "log_in": Op.of("log_in", self.log_in),
            "log_off": Op.of("log_off", self.log_off),
            "ready": Op.of("ready", self.ready),
            "not_ready": Op.of("not_ready", self.not_ready),
            "wrap_up_done": Op.of("wrap_up_done", self.wrap_up_done),
            "snapshot": Op.of("snapshot", self.snapshot),
            "status": Op.of("status", self.status),
            "slow": Op(Spec("slow", "Test.", Echo, str), slow),
            "broken": Op(Spec("broken", "Test."), broken),
            "unpackable": Op(Spec("unpackable", "Test."), unpackable),
            "spy": Op(Spec("spy", "Test.", roles=frozenset({Role.QA})), lambda _s, _a: "secret"),
            "echo": Op(Spec("echo", "Test.", Echo), lambda _s, args: args.text),
        }

    def log_in(self, _session: Session, args: LogInArgs) -> None:
        self.acd.agent_log_on(args.agent, ["orders"], 0.0)

    def log_off(self, _session: Session, args: AgentArgs) -> None:
        self.acd.agent_log_off(args.agent or "", 0.0)

    def ready(self, _session: Session, args: AgentArgs) -> None:
        self.acd.agent_ready(args.agent or "", 0.0)
        self.events.publish(AgentReady(agent=args.agent or ""))

    async def not_ready(self, _session: Session, args: NotReadyArgs) -> None:
        await asyncio.sleep(0)
        self.acd.agent_not_ready(args.agent or "", args.reason, 0.0)

    def wrap_up_done(self, _session: Session, args: AgentArgs) -> None:
        self.acd.wrap_up_done(args.agent or "", 0.0)

    def snapshot(self, _session: Session, _args: Args) -> SnapshotResult:
        return SnapshotResult(seq=self.events.last_seq, at=1.0)

    def status(self, _session: Session, _args: Args) -> StatusResult:
        return StatusResult(
            version="1", pid=2, started_at=3.0, seq=4, accepting=True, shedding=False,
            calls=5, waiting=6, agents={"ready": 7},
        )  # fmt: skip

    def client(self, **options: Any) -> Client:
        return Client(self.paths.root, **options)


@contextlib.asynccontextmanager
async def opened(root: Path, **options: Any) -> AsyncIterator[Centre]:
    centre = Centre(root, **options)
    await centre.server.start()
    try:
        yield centre
    finally:
        await centre.server.stop()


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    async with opened(tmp_path) as centre:
        yield centre


@contextlib.asynccontextmanager
async def bare(address: str, kind: int = zmq.DEALER) -> AsyncIterator[zmq.asyncio.Socket]:
    """A stranger's socket, without our library."""
    context = zmq.asyncio.Context()
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(address)
    try:
        yield socket
    finally:
        socket.close()
        context.term()


# --- operations ---------------------------------------------------------------------------------


async def test_an_agents_morning(centre: Centre) -> None:
    async with centre.client(name="softphone 1") as client:
        assert client.hello is not None
        assert {"log_in", "ready", "replay"} <= set(client.hello.ops)
        await client.log_in("anna", "1001")
        await client.ready()
        assert centre.acd.agent("anna").state == "ready"
        await client.not_ready("lunch")
        assert centre.acd.agent("anna").reason == "lunch"
        await client.log_off()
        assert centre.acd.agent("anna").state == "logged_out"
        assert (await refusal(client.ready())).code is ErrorCode.NOT_LOGGED_IN
    assert [(line.op, line.outcome) for line in centre.audit] == [
        ("log_in", "ok"),
        ("ready", "ok"),
        ("not_ready", "ok"),
        ("log_off", "ok"),
        ("ready", "not_logged_in"),
    ]
    assert centre.audit[1].client == "softphone 1"
    assert centre.audit[1].agents == ("anna",)
    assert centre.audit[2].args == {"agent": "anna", "reason": "lunch"}


async def test_one_client_for_many_agents(centre: Centre) -> None:
    async with centre.client() as client:
        for agent in ("anna", "bert"):
            await client.log_in(agent)
            await client.ready(agent)
        assert [view.state for view in centre.acd.agents()] == ["ready", "ready"]
        error = await refusal(client.not_ready())
        assert error.code is ErrorCode.NOT_LOGGED_IN
        assert "name one of anna, bert" in error.message


async def test_typed_results(centre: Centre) -> None:
    async with centre.client() as client:
        assert (await client.snapshot()) == SnapshotResult(seq=0, at=1.0)
        status = await client.status()
        assert (status.calls, status.agents) == (5, {"ready": 7})
        assert (await client.ping()).boot == centre.server.boot


@pytest.mark.parametrize(
    ("op", "args", "code", "says"),
    [
        ("fly", {}, ErrorCode.UNKNOWN_OP, "'fly'"),
        ("echo", {"text": 1}, ErrorCode.BAD_ARGS, "text"),
        ("echo", {"txet": "x"}, ErrorCode.BAD_ARGS, "txet"),
        ("log_in", {}, ErrorCode.BAD_ARGS, "agent"),
        ("log_in", {"agent": ""}, ErrorCode.BAD_ARGS, "agent"),
        ("log_in", {"agent": "nobody"}, ErrorCode.UNKNOWN_AGENT, "nobody"),
        ("ready", {"agent": "bert"}, ErrorCode.UNKNOWN_AGENT, "bert"),
        ("replay", {"since": -1}, ErrorCode.BAD_ARGS, "since"),
        ("replay", {"since": 9}, ErrorCode.GONE, "snapshot"),
        ("spy", {}, ErrorCode.FORBIDDEN, "qa"),
        ("broken", {}, ErrorCode.INTERNAL, "log"),
        ("unpackable", {}, ErrorCode.INTERNAL, "log"),
    ],
)
async def test_refusals(
    centre: Centre, op: str, args: dict[str, Any], code: ErrorCode, says: str
) -> None:
    async with centre.client() as client:
        error = await refusal(client.call(op, **args))
        assert error.code is code
        assert says in error.message
        assert "fire" not in error.message  # our faults are for our log
        assert await client.call("echo", text="alive") == "alive"
    assert centre.server.counts.faults == (1 if code is ErrorCode.INTERNAL else 0)


async def test_an_act_in_the_wrong_state_is_told_as_such(centre: Centre) -> None:
    async with centre.client() as client:
        await client.log_in("anna")
        error = await refusal(client.call("wrap_up_done"))
        assert error.code is ErrorCode.WRONG_STATE


async def test_a_restarted_softphone_goes_on_with_the_shift(centre: Centre) -> None:
    async with centre.client() as before, centre.client() as after:
        assert not (await before.log_in("anna")).resumed
        await before.ready()
        assert (await after.log_in("anna")).resumed
        assert centre.acd.agent("anna").state == "ready"
        assert (await refusal(before.not_ready())).code is ErrorCode.NOT_LOGGED_IN
        await after.not_ready()
        assert centre.acd.agent("anna").state == "not_ready"


# --- passwords and roles --------------------------------------------------------------------------


async def test_a_password_is_checked_and_never_written_down(centre: Centre) -> None:
    async with centre.client() as client:
        for wrong in ("", "secret"):
            error = await refusal(client.log_in("cora", password=wrong))
            assert error.code is ErrorCode.WRONG_PASSWORD
        await client.log_in("cora", password="s3cret")
        await client.ready()
    assert "s3cret" not in repr(centre.audit)
    assert "secret" not in repr(centre.audit)
    assert [line.outcome for line in centre.audit] == ["wrong_password"] * 2 + ["ok"] * 2


async def test_tcp_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="CURVE"):
        Centre(tmp_path, commands="tcp://127.0.0.1:0")
    with pytest.raises(CcdError, match="CURVE"):
        Centre(tmp_path, publish="tcp://127.0.0.1:0")


async def test_the_sockets_are_this_users_alone(centre: Centre) -> None:
    folder = centre.paths.sockets
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("commands", "events"):
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0


async def test_a_path_that_no_socket_can_have_is_named(tmp_path: Path) -> None:
    centre = Centre(tmp_path, commands=f"ipc://{tmp_path}/{'x' * 120}")
    with pytest.raises(CcdError, match="107 bytes; choose a shorter"):
        await centre.server.start()


async def test_a_long_state_folder_still_has_a_short_way_in(tmp_path: Path) -> None:
    root = tmp_path / ("very-" * 30)
    paths = StatePaths(root)
    paths.prepare()
    async with opened(root) as centre, centre.client() as client:
        assert (await client.ping()).boot == centre.server.boot
    paths.sockets.rmdir()  # which is empty: a server leaves no sockets behind


# --- strangers ------------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([b""], "bad_request"),
        ([b"\xc1"], "bad_request"),
        ([b"\x91" * 5000], "bad_request"),
        ([b"\xdf\xff\xff\xff\xff"], "bad_request"),
        ([b"\x81\x91\x01\x01"], "bad_request"),
        ([b"\xd9\x02\xff\xfe"], "bad_request"),
        ([b"\x01\x02"], "bad_request"),
        ([msgpack.packb([1, 2])], "bad_request"),
        ([msgpack.packb({"v": 1, "op": "ping"})], "bad_request"),
        ([msgpack.packb({"v": 1, "id": 1.5, "op": "ping"})], "bad_request"),
        ([msgpack.packb({"v": 1, "id": 7, "op": ["ping"]})], "bad_request"),
        ([msgpack.packb({"v": 2, "id": 7, "op": "ping"})], "unsupported_version"),
        ([msgpack.packb({"v": 1, "id": 7, "op": "x" * 99})], "bad_request"),
        ([msgpack.packb({"v": 1, "id": 7, "op": "echo", "args": nested(MAX_DEPTH)})], "too_large"),
        ([b"\xc4" + b"x" * MAX_REQUEST], "too_large"),
        ([b"", b"\xc1"], "bad_request"),
    ],
)
async def test_what_is_no_request_is_answered_and_counted(
    centre: Centre, frames: list[bytes], code: str
) -> None:
    async with bare(centre.server.commands) as stranger, asyncio.timeout(5):
        await stranger.send_multipart(frames)
        *_, answer = await stranger.recv_multipart()
        plain = msgpack.unpackb(answer)
        assert plain["ok"] is False
        assert plain["error"]["code"] == code
        if code == "unsupported_version":
            assert plain["id"] == 7
        await stranger.send(msgpack.packb({"v": 1, "id": "b", "op": "ping"}))
        assert msgpack.unpackb(await stranger.recv())["id"] == "b"
    assert centre.server.counts.malformed == 1
    assert centre.server.counts.requests == 1


async def test_odd_envelopes_are_dropped(centre: Centre) -> None:
    async with bare(centre.server.commands) as stranger:
        await stranger.send_multipart([b"a", b"b", b"c"])
        await stranger.send_multipart([b"not empty", b"\xc1"])
        await until(lambda: centre.server.counts.malformed == 2)


async def test_a_req_socket_is_served_too(centre: Centre) -> None:
    async with bare(centre.server.commands, zmq.REQ) as stranger, asyncio.timeout(5):
        await stranger.send(msgpack.packb({"v": 1, "id": 1, "op": "echo", "args": {"text": "é"}}))
        answer = msgpack.unpackb(await stranger.recv())
        assert answer == {"id": 1, "ok": True, "result": "é"}


async def test_a_gigantic_message_is_cut_off_and_nobody_else_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors_module, "MAX_INCOMING", 100_000)
    async with (
        opened(tmp_path) as centre,
        centre.client() as client,
        bare(centre.server.commands) as stranger,
    ):
        await stranger.send(b"x" * 100_001)
        assert await client.call("echo", text="alive") == "alive"
        assert not await stranger.poll(100)


requests = st.fixed_dictionaries(
    {},
    optional={
        "v": st.integers(0, 2),
        "id": st.one_of(st.integers(-1, 2**64 - 1), st.text(max_size=3), st.none()),
        "op": st.one_of(
            st.sampled_from(["ping", "hello", "log_in", "ready", "echo", "broken"]), st.text()
        ),
        "args": st.dictionaries(
            st.sampled_from(["agent", "text", "password", "x"]),
            st.recursive(
                st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=5), st.binary()),
                lambda inner: st.lists(inner, max_size=3),
                max_leaves=6,
            ),
        ),
    },
)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[tuple[asyncio.Runner, Centre]]:
    """A server that outlives the examples of a property test."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        centre = runner.run(stack.enter_async_context(opened(tmp_path)))
        yield runner, centre
        runner.run(stack.aclose())


@given(
    messages=st.lists(
        st.one_of(st.binary(max_size=300), requests.map(msgpack.packb)), min_size=1, max_size=20
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_every_message_is_answered(
    standing: tuple[asyncio.Runner, Centre], messages: list[bytes]
) -> None:
    runner, centre = standing

    async def run() -> None:
        before = centre.server.counts.malformed + centre.server.counts.requests
        async with bare(centre.server.commands) as stranger, asyncio.timeout(20):
            for message in messages:
                await stranger.send(message)
            for _ in messages:
                answer = msgpack.unpackb(await stranger.recv(), strict_map_key=False)
                assert answer["ok"] in (True, False)
        after = centre.server.counts.malformed + centre.server.counts.requests
        assert after - before == len(messages)

    runner.run(run())


async def test_a_flood_leaves_the_loop_its_turns(centre: Centre) -> None:
    request = msgpack.packb({"v": 1, "id": 1, "op": "echo", "args": {"text": "x"}})
    longest = 0

    async def watch() -> None:
        nonlocal longest
        before = 0
        while True:
            requests = centre.server.counts.requests
            longest, before = max(longest, requests - before), requests
            await asyncio.sleep(0)

    async with bare(centre.server.commands) as flood:
        watcher = asyncio.create_task(watch())
        for _ in range(3000):
            await flood.send(request)
        await until(lambda: centre.server.counts.requests == 3000)
        watcher.cancel()
    assert 1 < longest <= server_module.BURST


async def test_too_many_unanswered_requests_are_refused(centre: Centre) -> None:
    async with centre.client() as client:
        calls = [
            asyncio.create_task(client.call("slow", seconds=60.0, timeout_s=60.0))
            for _ in range(server_module.MAX_IN_FLIGHT)
        ]
        await until(lambda: centre.running == server_module.MAX_IN_FLIGHT)
        assert (await refusal(client.call("slow"))).code is ErrorCode.BUSY
        async with centre.client() as other:
            assert await other.call("slow", text="mine") == "mine"
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_made_up_identities_come_to_an_end(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_SESSIONS", 1)
    async with centre.client():
        error = await refusal(centre.client(timeout_s=2.0).connect())
        assert error.code is ErrorCode.BUSY


# --- sessions ----------------------------------------------------------------------------------------


async def test_a_handler_that_never_ends_is_ended(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HANDLER_TIMEOUT_S", 0.05)
    async with centre.client() as client:
        error = await refusal(client.call("slow", seconds=60.0))
        assert error.code is ErrorCode.TIMEOUT
        assert "took too long" in error.message
        assert centre.running == 0


async def test_a_client_that_waits_too_long_is_told_so(centre: Centre) -> None:
    async with centre.client() as client:
        error = await refusal(client.call("slow", seconds=0.3, text="late", timeout_s=0.05))
        assert error.code is ErrorCode.TIMEOUT
        # The late answer belongs to nobody; the next call gets its own.
        assert await client.call("slow", seconds=0.4, text="next") == "next"


async def test_a_silent_session_with_agents_is_noticed(tmp_path: Path) -> None:
    async with opened(tmp_path, session_timeout_s=0.1) as centre:
        async with centre.client(name="crashing phone") as client, centre.client():
            await client.log_in("anna")
            await until(lambda: any(each.agents for each in centre.lost))
        (session,) = (each for each in centre.lost if each.agents)
        assert (session.client, session.agents) == ("crashing phone", {"anna"})
        assert centre.server.counts.sessions_lost == 1
        await until(lambda: not centre.server.sessions)


async def test_a_session_that_waits_for_us_is_not_silent(tmp_path: Path) -> None:
    async with opened(tmp_path, session_timeout_s=0.05) as centre, centre.client() as client:
        await client.log_in("anna")
        assert await client.call("slow", seconds=0.4, text="done") == "done"
        assert not centre.lost


async def test_answers_find_their_requests_in_any_order(centre: Centre) -> None:
    async with centre.client() as client, centre.client() as other:
        waits = [0.06, 0.01, 0.04, 0.0, 0.02]
        calls = [
            each.call("slow", seconds=wait, text=f"{name} {wait}")
            for wait in waits
            for name, each in (("a", client), ("b", other))
        ]
        texts = await asyncio.gather(*calls)
        assert texts == [f"{name} {wait}" for wait in waits for name in "ab"]


async def test_no_daemon_is_said_at_once_with_the_mend(tmp_path: Path) -> None:
    error = await refusal(Client(tmp_path).connect())
    assert error.code is ErrorCode.UNAVAILABLE
    assert "ccd run" in error.message


async def test_a_dead_daemons_socket_is_no_daemon(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path)
    paths.prepare()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(paths.sockets / "commands"))
    began = time.monotonic()
    assert (await refusal(Client(tmp_path).connect())).code is ErrorCode.UNAVAILABLE
    assert time.monotonic() - began < 2.0  # not after the time-out of a call


async def test_after_close_everything_says_so(centre: Centre) -> None:
    client = centre.client()
    async with client:
        pending = asyncio.create_task(client.call("slow", seconds=60.0))
        await until(lambda: centre.running == 1)
    assert (await refusal(pending)).code is ErrorCode.UNAVAILABLE
    assert (await refusal(client.ping())).code is ErrorCode.UNAVAILABLE
    with pytest.raises(CtiError, match="not connected"):
        client.events()


async def test_without_asyncio(centre: Centre) -> None:
    def script() -> list[object]:
        with SyncClient(centre.paths.root) as client:
            client.log_in("anna")
            client.ready()
            event = next(client.events(0))
            with pytest.raises(CtiError, match="fly"):
                client.call("fly")
            return [client.snapshot().seq, event, client.status().calls]

    assert await asyncio.to_thread(script) == [
        1,
        AgentReady(seq=1, at=pytest.approx(time.time(), abs=60), agent="anna"),
        5,
    ]
    with pytest.raises(CtiError, match="not connected"):
        SyncClient(centre.paths.root).ready()
