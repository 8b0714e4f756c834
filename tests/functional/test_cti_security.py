"""The CTI's door: keys, people, roles, lock-outs, floods, repeated requests, clients that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
import zmq.asyncio
from peers.asking import refusal, until

from ccd.cti import asyncio_client as client_module
from ccd.cti.access import Account, AuditLine, CurveKeys, hash_password
from ccd.cti.bucket import Rate
from ccd.cti.catalogue import CATALOGUE, Args, Op, ReloadResult, Role, SnapshotResult, Spec
from ccd.cti.client import Client, CtiError, ErrorCode
from ccd.cti.doors import Remote
from ccd.cti.keys import ClientKeys, KeyFolder, KeyRing
from ccd.cti.lockout import LockoutPolicy
from ccd.cti.server import Server
from ccd.cti.session import Session
from ccd.events import AgentReady, EventStream
from ccd.paths import StatePaths

PASSWORD = "s3cret"
HASH = hash_password(PASSWORD)
"""Made once: it costs a tenth of a second by design."""


class Echo(Args, frozen=True, kw_only=True):
    """Arguments of the operations that only tests have."""

    text: str = ""


class Door:
    """A server with a door to this machine and one to others, and handlers that count."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.paths = StatePaths(root)
        self.folder = KeyFolder(self.paths.keys)
        self.keys = self.folder.make_server()
        self.events = EventStream(time.time)
        self.people = {
            role.value: Account(role.value, role, HASH, agent=role is Role.AGENT) for role in Role
        } | {"nopass": Account("nopass", Role.AGENT, "", agent=True)}
        self.audit: list[AuditLine] = []
        self.done: list[tuple[str, Any]] = []
        self.holding = asyncio.Event()
        self.holding.set()
        self.options = options
        self.server = self._made("tcp://127.0.0.1:0", "tcp://127.0.0.1:0")

    def _made(self, commands: str, publish: str) -> Server:
        return Server(
            self.services(),
            self.events,
            commands=self.paths.cti_commands,
            publish=self.paths.cti_events,
            people=self.people.get,
            remote=Remote(commands, publish, self.keys),
            ring=KeyRing(self.folder),
            audit=self.audit.append,
            picture=lambda *_: SnapshotResult(seq=0, at=0.0),
            **{"beat_s": 0.03, **self.options},
        )

    async def restart(self) -> None:
        """Another daemon takes the place of the one before, at the same addresses."""
        where = self.server.remote_commands, self.server.remote_publish
        await self.server.stop()
        self.events = EventStream(time.time, last_seq=self.events.last_seq)
        self.server = self._made(*where)
        await self.server.start()

    def services(self) -> dict[str, Op]:
        def count(name: str) -> Callable[[Session, Any], Any]:
            def handler(_session: Session, args: Any) -> Any:
                self.done.append((name, args))
                return results.get(name)

            return handler

        results = {
            "snapshot": SnapshotResult(seq=0, at=0.0),
            "reload": ReloadResult(checked=True),
        }

        async def slowly(_session: Session, args: Echo) -> str:
            await self.holding.wait()
            self.done.append(("slow_change", args.text))
            return args.text

        def echo(_session: Session, args: Echo) -> str:
            self.done.append(("echo", len(args.text)))
            return args.text

        builtin = {
            "hello", "ping", "replay", "authenticate", "locked_accounts", "unlock_account",
            "monitor_start", "monitor_stop",
        }  # fmt: skip
        served = {name: Op.of(name, count(name)) for name in CATALOGUE.keys() - builtin}
        return served | {
            "echo": Op(Spec("echo", "Test.", Echo), echo),
            "change": Op(Spec("change", "Test.", Echo, changes=True), echo),
            "slow_change": Op(Spec("slow_change", "Test.", Echo, changes=True), slowly),
        }

    def remote(self, keys: ClientKeys | None = None, **options: Any) -> Client:
        keys = keys or self.folder.make_client(f"c{len(list(self.folder.clients()))}")
        return Client(commands=self.server.remote_commands, keys=keys, **options)

    def local(self, **options: Any) -> Client:
        return Client(self.paths.root, **options)


@contextlib.asynccontextmanager
async def opened(root: Path, **options: Any) -> AsyncIterator[Door]:
    door = Door(root, **options)
    await door.server.start()
    try:
        yield door
    finally:
        door.holding.set()
        await door.server.stop()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as door:
        yield door


@contextlib.asynccontextmanager
async def bare(address: str, **options: int) -> AsyncIterator[zmq.asyncio.Socket]:
    """A stranger's DEALER, without our library."""
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    for name, value in options.items():
        socket.setsockopt(getattr(zmq, name), value)
    socket.connect(address)
    try:
        yield socket
    finally:
        socket.close()
        context.term()


def packed(number: int | str, op: str, **args: Any) -> bytes:
    return bytes(msgpack.packb({"v": 1, "id": number, "op": op, "args": args}))


async def told(socket: zmq.asyncio.Socket) -> dict[str, Any]:
    async with asyncio.timeout(5):
        answer: dict[str, Any] = msgpack.unpackb(await socket.recv())
        return answer


# --- keys ---------------------------------------------------------------------------------------


async def test_a_remote_client_needs_a_key_and_a_log_in_and_finds_the_events(door: Door) -> None:
    async with door.remote() as client, door.local() as here:
        assert (await refusal(client.snapshot())).code is ErrorCode.NOT_LOGGED_IN
        await client.log_in("agent", password=PASSWORD)
        await client.ready()
        feed = await client.monitor(agent="agent")
        door.events.publish(AgentReady(agent="agent"))
        assert (await anext(feed)).seq == 1
        assert (await anext(here.events())).seq == 1
        assert (await refusal(client.ready("nopass"))).code is ErrorCode.FORBIDDEN
    (session,) = {(line.key, line.roles) for line in door.audit if line.op == "ready"}
    assert session == ("c0", ("agent",))


async def test_a_key_that_nobody_authorised_gets_no_session(door: Door) -> None:
    stranger = ClientKeys("x", CurveKeys(*zmq.curve_keypair()), door.keys.public)
    error = await refusal(door.remote(stranger).connect())
    assert error.code is ErrorCode.FORBIDDEN
    assert "ccd keys client" in error.message
    assert not door.server.sessions
    assert door.server.counts.keys_refused == 1


async def test_the_wrong_servers_key_is_named_as_such(door: Door) -> None:
    own = door.folder.make_client("wall").own
    other = ClientKeys("wall", own, zmq.curve_keypair()[0])
    error = await refusal(door.remote(other).connect())
    assert error.code is ErrorCode.FORBIDDEN
    assert "server_key" in error.message
    assert not door.server.sessions


async def test_without_keys_or_a_listener_one_is_told_the_mend(door: Door) -> None:
    where = door.server.remote_commands
    error = await refusal(Client(commands=where).connect())
    assert (error.code, "--keys" in error.message) == (ErrorCode.FORBIDDEN, True)
    async with bare(where) as plain:
        await plain.send(packed(1, "ping"))
        assert not await plain.poll(100)
    keys = door.folder.make_client("wall")
    await door.server.stop()
    error = await refusal(Client(commands=where, keys=keys).connect())
    assert (error.code, "nothing listens" in error.message) == (ErrorCode.UNAVAILABLE, True)


async def test_a_revoked_key_ends_its_session_and_its_events_and_nobody_elses(door: Door) -> None:
    gone_keys, stays_keys = door.folder.make_client("gone"), door.folder.make_client("stays")
    async with door.remote(gone_keys) as gone, door.remote(stays_keys) as stays:
        for client in (gone, stays):
            await client.authenticate("supervisor", PASSWORD)
        feeds = [gone.events(), stays.events()]
        door.events.publish(AgentReady(agent="agent"))
        for feed in feeds:
            assert (await anext(feed)).seq == 1
        door.folder.revoke("gone")
        await until(lambda: any(line.op == "key_revoked" for line in door.audit))
        assert {session.key for session in door.server.sessions.values()} == {"stays"}
        error = await refusal(gone.snapshot())
        assert (error.code, "revoked" in error.message) == (ErrorCode.FORBIDDEN, True)
        await until(lambda: door.server.counts.keys_refused >= 1)  # its subscription came back
        door.events.publish(AgentReady(agent="agent"))
        async with asyncio.timeout(5):
            assert (await anext(feeds[1])).seq == 2
        while await feeds[0]._socket.poll(20):  # what was sent to it before
            assert (await feeds[0]._socket.recv_multipart())[0] == b"beat"
        error = await refusal(door.remote(gone_keys).connect())
        assert "revoked" in error.message


async def test_a_key_made_while_the_daemon_runs_counts_at_once(door: Door) -> None:
    assert not door.server._ring.names  # type: ignore[union-attr]
    async with door.remote(door.folder.make_client("new")) as client:
        assert (await client.ping()).boot == door.server.boot
    await until(lambda: any(line.op == "key_authorised" for line in door.audit))


async def test_nobody_takes_over_a_session_with_another_key(door: Door) -> None:
    victim, thief = door.remote(), door.remote()
    thief._identity = victim._identity
    async with victim:
        await victim.authenticate("admin", PASSWORD)
    async with thief:
        assert (await refusal(thief.call("reload"))).code is ErrorCode.NOT_LOGGED_IN


async def test_one_key_cannot_take_every_place(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from ccd.cti import server as server_module

    monkeypatch.setattr(server_module, "MAX_SESSIONS_OF_KEY", 1)
    keys = door.folder.make_client("greedy")
    async with door.remote(keys), door.remote():
        error = await refusal(door.remote(keys).connect())
        assert error.code is ErrorCode.BUSY


# --- people and roles ---------------------------------------------------------------------------

VALID: dict[str, dict[str, Any]] = {
    "log_in": {"agent": "agent", "password": PASSWORD},
    "authenticate": {"user": "qa", "password": PASSWORD},
    "replay": {"since": 0},
}


async def code_of(client: Client, op: str) -> str:
    try:
        await client.call(op, **VALID.get(op, {}))
    except CtiError as error:
        return error.code.value
    return "ok"


async def test_every_role_may_call_what_the_catalogue_gives_it_and_nothing_else(
    tmp_path: Path,
) -> None:
    """Every operation with every role, and with none: 403 where the catalogue says so, and
    where it does not, something else. Arguments are left out: roles are looked at before them."""
    async with opened(tmp_path) as door:
        seen: dict[str, set[tuple[str, str]]] = {"allowed": set(), "refused": set()}
        for role in (None, *Role):
            left = list(CATALOGUE.values())
            while left:  # a new session after each operation that changes who one is
                async with door.remote() as client:
                    if role is not None:
                        await client.authenticate(role.value, PASSWORD)
                    while left:
                        spec = left.pop()
                        door.done.clear()
                        allowed = not spec.roles or role in spec.roles
                        code = await code_of(client, spec.name)
                        if allowed:
                            agentless = spec.for_agent and code == "not_logged_in"
                            # Who may monitor what is a rule of its own.
                            right = spec.name in ("monitor_start", "replay") or code not in (
                                "forbidden",
                                "not_logged_in",
                            )
                            assert agentless or right, (spec.name, role)
                        else:
                            expected = "forbidden" if role is not None else "not_logged_in"
                            assert code == expected, (spec.name, role)
                            assert not door.done
                        outcome = "allowed" if allowed else "refused"
                        seen[outcome].add((spec.name, role.value if role is not None else ""))
                        if spec.name in ("log_in", "authenticate", "log_off"):
                            break
    assert len(seen["allowed"] | seen["refused"]) == len(CATALOGUE) * (len(Role) + 1)
    assert ("reload", "supervisor") in seen["refused"]
    assert ("reload", "admin") in seen["allowed"]


async def test_over_tcp_nobody_is_admin_by_default_and_over_ipc_the_owner_is(door: Door) -> None:
    async with door.local() as here, door.remote() as there:
        await here.call("reload")
        assert (await refusal(there.call("reload"))).code is ErrorCode.NOT_LOGGED_IN
        answer = await there.authenticate("admin", PASSWORD)
        assert (answer.user, answer.roles) == ("admin", (Role.ADMIN,))
        await there.call("reload")
        assert (await there.authenticate("qa", PASSWORD)).roles == (Role.QA,)
        assert (await refusal(there.call("reload"))).code is ErrorCode.FORBIDDEN


async def test_a_shift_that_ends_takes_its_role_with_it(door: Door) -> None:
    async with door.remote() as client:
        await client.log_in("agent", password=PASSWORD)
        await client.call("snapshot")
        await client.log_off()
        assert (await refusal(client.snapshot())).code is ErrorCode.NOT_LOGGED_IN


async def test_who_is_taken_out_of_the_settings_has_no_role_any_more(door: Door) -> None:
    async with door.remote() as client:
        await client.authenticate("supervisor", PASSWORD)
        await client.call("locked_accounts")
        del door.people["supervisor"]
        (session,) = door.server.sessions.values()
        await until(lambda: not session.roles)
        assert (await refusal(client.call("locked_accounts"))).code is ErrorCode.NOT_LOGGED_IN


async def test_a_user_begins_no_shift(door: Door) -> None:
    async with door.remote() as client:
        error = await refusal(client.log_in("qa", password=PASSWORD))
        assert error.code is ErrorCode.UNKNOWN_AGENT
    assert not door.done


# --- lock-outs ----------------------------------------------------------------------------------


async def test_a_guesser_is_locked_out_and_learns_nothing_of_who_exists(tmp_path: Path) -> None:
    async with opened(tmp_path, lockout=LockoutPolicy(attempts=2)) as door:
        told_of: dict[str, list[tuple[str, str]]] = {}
        async with door.remote() as client:
            for name in ("qa", "nobody", "nopass"):
                answers = told_of[name] = []
                for _ in range(3):
                    error = await refusal(client.authenticate(name, "wrong"))
                    answers.append((error.code.value, error.message.replace(name, "NAME")))
            assert told_of["qa"] == told_of["nobody"] == told_of["nopass"]
            codes = [code for code, _ in told_of["qa"]]
            assert codes == ["wrong_password", "wrong_password", "locked"]
            error = await refusal(client.authenticate("qa", PASSWORD))
            assert error.code is ErrorCode.LOCKED
            assert 0 < error.details["retry_after_s"] <= 60
        async with door.remote() as chief:
            await chief.authenticate("supervisor", PASSWORD)
            locked = (await chief.call("locked_accounts")).locked
            assert {view.name for view in locked} == {"qa", "nobody", "nopass"}
            assert (await chief.call("unlock_account", name="qa")).lifted
            assert not (await chief.call("unlock_account", name="qa")).lifted
        async with door.remote() as client:
            assert (await client.authenticate("qa", PASSWORD)).user == "qa"
    outcomes = [line.outcome for line in door.audit if line.args.get("user") == "qa"]
    assert outcomes == ["wrong_password", "wrong_password", "locked", "locked", "ok"]
    assert PASSWORD not in repr(door.audit)
    assert "wrong'" not in repr(door.audit)


async def test_a_key_that_guesses_many_names_is_locked_and_no_other_is(tmp_path: Path) -> None:
    async with opened(tmp_path, lockout=LockoutPolicy(attempts=1)) as door:
        async with door.remote() as client:
            for number in range(4):
                error = await refusal(client.authenticate(f"name{number}", "guess"))
                assert error.code is ErrorCode.WRONG_PASSWORD
            error = await refusal(client.authenticate("qa", PASSWORD))
            assert (error.code, "key" in error.message) == (ErrorCode.LOCKED, True)
        async with door.remote() as other:
            await other.authenticate("qa", PASSWORD)


async def test_guesses_sent_all_at_once_are_counted_one_by_one(tmp_path: Path) -> None:
    async with opened(tmp_path, lockout=LockoutPolicy(attempts=2)) as door, door.remote() as client:
        guesses = [client.authenticate("qa", f"guess{n}") for n in range(8)]
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        codes = [answer.code.value for answer in answers if isinstance(answer, CtiError)]
        assert sorted(codes) == ["locked"] * 6 + ["wrong_password"] * 2


# --- the same request again -----------------------------------------------------------------------


async def test_a_repeated_command_is_answered_again_and_done_once(door: Door) -> None:
    async with bare(door.server.commands) as client:
        for _ in range(2):
            await client.send(packed(7, "change", text="x"))
            assert await told(client) == {"id": 7, "ok": True, "result": "x"}
        assert door.done == [("echo", 1)]
        await client.send(packed(7, "change", text="other"))
        assert (await told(client))["error"]["code"] == "replayed"
        await client.send(packed(7, "echo", text="looking twice does no harm"))
        assert (await told(client))["ok"]
        for number in range(8, 150):
            await client.send(packed(number, "change"))
            assert (await told(client))["ok"]
        await client.send(packed(7, "change", text="x"))
        assert (await told(client))["error"]["code"] == "replayed"
        assert len(door.done) == 1 + 1 + 142
    assert door.server.counts.repeated == 1


async def test_a_command_repeated_while_it_is_done_has_one_answer(door: Door) -> None:
    door.holding.clear()
    async with bare(door.server.commands) as client:
        for _ in range(3):
            await client.send(packed(1, "slow_change", text="x"))
        await until(lambda: door.server.counts.repeated == 2)
        door.holding.set()
        assert (await told(client))["result"] == "x"
        await client.send(packed(2, "ping"))
        assert (await told(client))["id"] == 2
    assert door.done == [("slow_change", "x")]


async def test_the_library_asks_again_and_nothing_is_done_twice(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RESEND_S", 0.03)
    async with door.local() as client:
        lost: list[bytes] = []
        reply = door.server._reply

        def lose_the_first(caller: Any, packed: bytes, session: Session | None = None) -> None:
            if lost:
                reply(caller, packed, session)
            else:
                lost.append(packed)

        monkeypatch.setattr(door.server, "_reply", lose_the_first)
        assert await client.call("change", text="once") == "once"
    assert lost
    assert door.done == [("echo", 4)]


# --- floods -----------------------------------------------------------------------------------------


async def test_who_asks_too_much_is_told_when_to_ask_again(tmp_path: Path) -> None:
    rate = Rate(per_s=20.0, burst=3.0)
    async with opened(tmp_path, rate=rate) as door, bare(door.server.commands) as client:
        for number in range(5):
            await client.send(packed(number, "change", text="x"))
        answers = [await told(client) for _ in range(5)]
        assert [answer["ok"] for answer in answers] == [True] * 3 + [False] * 2
        error = answers[-1]["error"]
        assert error["code"] == "rate_limited"
        assert 0 < error["details"]["retry_after_s"] <= 0.05
        assert len(door.done) == 3
        async with door.local() as other:  # whose bucket is its own
            assert await other.call("echo", text="alive") == "alive"
            # The library waits, and is served at the rate that there is.
            texts = await asyncio.gather(*(other.call("change", text=str(n)) for n in range(5)))
            assert texts == ["0", "1", "2", "3", "4"]
        assert door.server.counts.limited >= 4


async def test_a_flood_costs_another_client_no_more_than_its_own_turn(door: Door) -> None:
    """Counted in turns: everything is in the door's queues before it opens its eyes, and the
    quiet client is served before the flood's third request, however many wait."""
    context = zmq.Context()
    flood, quiet = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    try:
        for socket in (flood, quiet):
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(door.server.commands)
        # Both have been heard of, so that their connections stand.
        for socket in (flood, quiet):
            socket.send(packed(0, "ping"))
            async with asyncio.timeout(5):
                while not socket.poll(0):  # noqa: ASYNC110 - a plain socket tells nobody
                    await asyncio.sleep(0.001)
            socket.recv()
        # No turn of the loop from here: only ZeroMQ's threads move messages.
        for number in range(1, 400):
            flood.send(packed(number, "echo", text="flood"))
        time.sleep(0.1)  # noqa: ASYNC251 - the loop must not turn
        quiet.send(packed(1, "echo", text="q"))
        time.sleep(0.1)  # noqa: ASYNC251 - the loop must not turn
        await until(lambda: ("echo", 1) in door.done)
        assert door.done.index(("echo", 1)) <= 3
    finally:
        flood.close()
        quiet.close()
        context.term()


async def test_a_client_that_never_reads_costs_little_and_nobody_else(tmp_path: Path) -> None:
    """A real DEALER, whose answers fill its own queue, the kernel's and ours: then nothing more
    is kept, or done, for it; when it reads, it is served again."""
    text = "x" * 40_000
    async with (
        opened(tmp_path, rate=Rate(per_s=0.0)) as door,
        bare(door.server.commands, RCVHWM=1) as stuck,
        door.local() as other,
    ):
        for number in range(2000):
            await stuck.send(packed(number, "echo", text=text))
            if number % 50 == 0:
                assert await other.call("echo", text="alive") == "alive"
            if door.server.counts.unread > 3:
                break
        assert door.server.counts.unread > 3
        # What was carried out is what fits into queues, not what was asked for.
        large = [done for done in door.done if done == ("echo", len(text))]
        assert len(large) < 700
        assert sum(session.stuck for session in door.server.sessions.values()) <= 1
        assert await other.call("echo", text="alive") == "alive"
        while await stuck.poll(100):
            await stuck.recv()
        for number in (10_000, 10_001):  # the first may only be told that it reads again
            await stuck.send(packed(number, "echo", text="back"))
            answer = await told(stuck)
        assert answer == {"id": 10_001, "ok": True, "result": "back"}


# --- what is no request, over TCP too ---------------------------------------------------------------


async def test_malformed_oversized_deep_and_old_are_answered_over_tcp(door: Door) -> None:
    keys = door.folder.make_client("odd")
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.curve_publickey, socket.curve_secretkey = keys.own.public, keys.own.secret
    socket.curve_serverkey = keys.server
    socket.connect(door.server.remote_commands)
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    try:
        for body, code in (
            (b"", "bad_request"),
            (b"\xc1", "bad_request"),
            (b"\xdf\xff\xff\xff\xff", "bad_request"),
            (b"\x91" * 5000, "bad_request"),
            (b"\xc4" + b"x" * 65536, "too_large"),
            (packed(1, "echo", text=deep), "too_large"),
            (msgpack.packb({"v": 9, "id": 1, "op": "ping"}), "unsupported_version"),
            (packed(1, "no_such_op"), "unknown_op"),
        ):
            await socket.send(body)
            assert (await told(socket))["error"]["code"] == code
        await socket.send(packed(2, "ping"))
        assert (await told(socket))["ok"]
    finally:
        socket.close()
        context.term()
    assert door.server.counts.faults == 0


# --- audit ------------------------------------------------------------------------------------------


async def test_refusals_beyond_measure_are_counted_and_not_written(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with door.remote() as client:
        for _ in range(110):
            await refusal(client.call("reload"))
    lines = [line for line in door.audit if line.op == "reload"]
    assert 100 <= len(lines) < 110
    assert door.server.counts.unaudited == 110 - len(lines)
    assert json.dumps([line.outcome for line in lines]).count("not_logged_in") == len(lines)
