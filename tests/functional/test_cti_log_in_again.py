"""Who was logged in over a session that was lost is logged in over the next one, without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from peers.asking import refusal, until
from test_cti_security import PASSWORD, Door, opened

from ccd.cti import asyncio_client as client_module
from ccd.cti import feed as feed_module
from ccd.cti.access import hash_password
from ccd.cti.client import ErrorCode
from ccd.cti.feed import Subscription
from ccd.events import AgentReady


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as door:
        yield door


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RETRY_S", 0.02)
    monkeypatch.setattr(client_module, "PING_S", 0.05)
    monkeypatch.setattr(client_module, "RESEND_S", 0.2)


def ready(door: Door) -> int:
    return door.events.publish(AgentReady(agent="agent")).seq


async def heard(feed: Subscription, within: float = 10.0) -> int:
    async with asyncio.timeout(within):
        event = await anext(feed)  # type: ignore[call-overload]
    return int(event.seq)


# --- another daemon ---------------------------------------------------------------------------------


async def test_a_supervisors_feed_over_tcp_goes_on_at_the_next_daemon(door: Door) -> None:
    async with door.remote() as client:
        await client.authenticate("supervisor", PASSWORD)
        feed = client.events()
        assert ready(door) == await heard(feed)
        await door.restart()
        assert ready(door) == await heard(feed)
        (session,) = door.server.sessions.values()
        assert session.user == "supervisor"


async def test_an_agents_softphone_over_tcp_goes_on_at_the_next_daemon(door: Door) -> None:
    told: list[str] = []
    async with door.remote(on_restart=lambda: told.append("restarted")) as client:
        await client.log_in("agent", password=PASSWORD)
        await door.restart()
        await client.ready()
        assert [name for name, _ in door.done] == ["log_in", "log_in", "ready"]
        await until(lambda: told == ["restarted"])


async def test_it_is_logged_in_before_it_is_told_that_the_daemon_is_another(door: Door) -> None:
    roles: list[frozenset[str]] = []

    def told() -> None:
        (session,) = door.server.sessions.values()
        roles.append(session.roles)

    async with door.remote(on_restart=told) as client:
        await client.authenticate("supervisor", PASSWORD)
        await door.restart()
        await until(lambda: bool(roles))
        assert roles == [frozenset({"supervisor"})]


async def test_everybody_of_a_gateway_is_logged_in_again_and_once(door: Door) -> None:
    async with door.local() as client:
        await client.log_in("agent", password=PASSWORD)
        await client.log_in("nopass")
        await door.restart()
        await asyncio.gather(*(client.ready(name) for name in ("agent", "nopass") * 5))
        await until(lambda: len(door.done) >= 14)
        again = [args.agent for name, args in door.done if name == "log_in"]
        assert again == ["agent", "nopass"] * 2
        (session,) = door.server.sessions.values()
        assert session.agents == {"agent", "nopass"}


async def test_who_logged_off_is_not_logged_in_again(door: Door) -> None:
    async with door.local() as client:
        await client.log_in("agent", password=PASSWORD)
        await client.log_off()
        await door.restart()
        assert (await refusal(client.ready())).code is ErrorCode.NOT_LOGGED_IN
        assert [name for name, _ in door.done] == ["log_in", "log_off"]


async def test_whose_password_is_another_one_now_is_told_so_by_the_next_thing_he_asks(
    door: Door,
) -> None:
    async with door.remote() as client:
        await client.authenticate("supervisor", PASSWORD)
        feed = client.events()
        assert ready(door) == await heard(feed)
        door.people["supervisor"] = type(door.people["supervisor"])(
            "supervisor", door.people["supervisor"].role, hash_password("another")
        )
        await door.restart()
        assert (await refusal(client.snapshot())).code is ErrorCode.NOT_LOGGED_IN
        ready(door)
        assert (await refusal(heard(feed))).code is ErrorCode.FORBIDDEN
        assert not client._credentials  # it is not tried again, until somebody is locked out


# --- another session of the same daemon -------------------------------------------------------------


async def test_a_session_that_was_silent_for_too_long_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PING_S", 3600.0)
    async with opened(tmp_path, session_timeout_s=0.1) as door, door.remote() as client:
        await client.log_in("agent", password=PASSWORD)
        monitor = await client.monitor(agent="agent")
        await until(lambda: not door.server.sessions)
        await client.ready()
        assert [name for name, _ in door.done] == ["log_in", "log_in", "ready"]
        # A monitor is not: what was missed of it is not known, so its state is to be taken anew.
        monitor.told({})
        assert (await refusal(heard(monitor))).code is ErrorCode.UNKNOWN_MONITOR


async def test_who_is_at_work_over_another_session_by_then_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PING_S", 3600.0)
    async with opened(tmp_path, session_timeout_s=0.3) as door, door.remote() as left:
        await left.log_in("agent", password=PASSWORD)
        await until(lambda: not door.server.sessions)
        async with door.remote() as taken:
            await taken.log_in("agent", password=PASSWORD)
            assert (await refusal(left.ready())).code is ErrorCode.NOT_LOGGED_IN
            await taken.ready()
            assert not left._credentials


async def test_who_leaves_frees_his_seat_at_once(door: Door) -> None:
    async with door.remote() as left, door.remote() as other:
        await left.log_in("agent", password=PASSWORD)
        await left.leave()
        await until(lambda: len(door.server.sessions) == 1)
        await other.log_in("agent", password=PASSWORD, unless_taken=True)


async def test_who_was_displaced_does_not_come_back(door: Door) -> None:
    async with door.local() as before, door.local() as after:
        await before.log_in("agent", password=PASSWORD)
        await after.log_in("agent", password=PASSWORD)
        assert (await refusal(before.ready())).code is ErrorCode.NOT_LOGGED_IN
        assert not before._credentials
        await door.restart()
        await after.ready()
        assert (await refusal(before.ready())).code is ErrorCode.NOT_LOGGED_IN


# --- the end ------------------------------------------------------------------------------------------


async def test_the_feed_of_a_revoked_key_ends_and_says_why(door: Door) -> None:
    keys = door.folder.make_client("gone")
    async with door.remote(keys) as client:
        await client.authenticate("supervisor", PASSWORD)
        feed = client.events()
        assert ready(door) == await heard(feed)
        door.folder.revoke("gone")
        error = await refusal(heard(feed))
        assert (error.code, "revoked" in error.message) == (ErrorCode.FORBIDDEN, True)


async def test_what_a_monitor_missed_and_nobody_keeps_is_said_to_be_gone(tmp_path: Path) -> None:
    async with opened(tmp_path, replay_events=10) as door, door.local() as client:
        monitor = await client.monitor(agent="agent")
        ready(door)
        assert await heard(monitor) == 1
        publisher = door.server.publisher
        socket, publisher._socket = publisher._socket, None
        for _ in range(25):
            ready(door)
        publisher._socket = socket
        assert (await refusal(heard(monitor))).code is ErrorCode.GONE
