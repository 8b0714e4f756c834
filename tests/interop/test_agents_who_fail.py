"""Agents' phones that ring unanswered, are busy, are gone: the caller gets the next agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from peers.centre import DOMAIN, RING_S, SPARE_PHONE, STRAIGHT, Centre, Desk, password
from peers.daemon import Watch
from peers.ports import free_port
from peers.pyvoip import PyvoipPhone
from peers.raw import Message, RawSip
from peers.sipp import Sipp

from ccd.events import (
    AgentNotReady,
    Bridged,
    CallCleared,
    Delivered,
    Failed,
    PhoneRegistered,
    PhoneUnregistered,
    Queued,
)
from ccd.model import Cause, Outcome

pytestmark = pytest.mark.peer


async def test_no_answer_then_the_next_agent(centre: Centre, watch: Watch) -> None:
    """RONA: the phone rings for the queue's ring time, is cancelled, and its agent set aside."""
    async with (
        Desk(centre, watch, "agent1", answer_after=None) as absent,
        centre.caller() as caller,
    ):
        call = await caller.call(centre.uri(STRAIGHT))
        delivered = await watch.expect(Delivered, agent="agent1")
        theirs = (await absent.incoming())["call"]
        async with Desk(centre, watch, "agent2") as present:
            failed = await watch.expect(Failed, call=delivered.call, agent="agent1")
            assert failed.cause is Cause.NO_ANSWER
            assert failed.at - delivered.at == pytest.approx(RING_S, abs=0.3)
            ended = await absent.phone.state(theirs, "disconnected")
            assert ended["code"] == 487
            await watch.expect(AgentNotReady, agent="agent1", reason="rona")
            bridged = await watch.expect(Bridged, call=delivered.call)
            assert bridged.agent == "agent2"
            await present.incoming()
            await caller.hang_up(call)
            await watch.expect(CallCleared, call=delivered.call)
    record = centre.daemon.record(delivered.call)
    assert (record.agent, record.rings_unanswered) == ("agent2", 1)
    assert record.outcome is Outcome.ANSWERED
    # Of the phone that answered, not of the one that rang first.
    assert record.delivered_at is not None
    assert record.delivered_at >= failed.at


@pytest.mark.parametrize("code", [486, 603, 480])
async def test_a_phone_that_refuses(code: int, centre: Centre, watch: Watch) -> None:
    async with (
        Desk(centre, watch, "agent1", answer_after=0.0, answer_with=code),
        centre.caller() as caller,
    ):
        call = await caller.call(centre.uri(STRAIGHT))
        failed = await watch.expect(Failed, agent="agent1")
        async with Desk(centre, watch, "agent2"):
            bridged = await watch.expect(Bridged, call=failed.call)
            assert bridged.agent == "agent2"
            await caller.hang_up(call)
            await watch.expect(CallCleared, call=failed.call)


async def test_a_phone_that_was_unregistered(centre: Centre, watch: Watch) -> None:
    async with Desk(centre, watch, "agent1") as gone:
        since = watch.mark()
        await gone.phone.unregister()
        await watch.expect(PhoneUnregistered, phone="agent1", expired=False, since=since)
        async with centre.caller() as caller:
            call = await caller.call(centre.uri(STRAIGHT))
            queued = await watch.expect(Queued, since=since)
            async with Desk(centre, watch, "agent2"):
                bridged = await watch.expect(Bridged, call=queued.call)
                assert bridged.agent == "agent2"
                await caller.hang_up(call)
                await watch.expect(CallCleared, call=queued.call)
        assert gone.phone.said("incoming") == []


async def test_a_phone_that_died(centre: Centre, watch: Watch) -> None:
    """Registered, but its process is gone: nobody answers the INVITE."""
    async with Desk(centre, watch, "agent1") as dead:
        await dead.phone.kill()
        async with centre.caller() as caller:
            call = await caller.call(centre.uri(STRAIGHT))
            delivered = await watch.expect(Delivered, agent="agent1")
            async with Desk(centre, watch, "agent2"):
                failed = await watch.expect(
                    Failed, call=delivered.call, agent="agent1", within=RING_S + 3
                )
                assert failed.at - delivered.at <= RING_S + 0.5
                bridged = await watch.expect(Bridged, call=delivered.call)
                assert bridged.agent == "agent2"
                await caller.hang_up(call)
                await watch.expect(CallCleared, call=delivered.call)


async def test_a_phone_that_dies_while_talking(centre: Centre, watch: Watch) -> None:
    """Its media falls silent; the caller is not left with a dead line for ever."""
    async with Desk(centre, watch, "agent1") as desk, centre.caller() as caller:
        call = await caller.call(centre.uri(STRAIGHT))
        bridged = await watch.expect(Bridged)
        await desk.incoming()
        await desk.phone.kill()
        cleared = await watch.expect(CallCleared, call=bridged.call, within=15)
        assert cleared.cause is Cause.MEDIA_TIMEOUT
        await caller.state(call, "disconnected")


@pytest.mark.parametrize("scenario", ["uas_agent", "uas_agent_busy", "uas_agent_no_answer"])
async def test_sipp_as_an_agents_phone(
    scenario: str, centre: Centre, watch: Watch, tmp_path: Path, sipp_program: str
) -> None:
    port = free_port()
    with RawSip(centre.address, port=port) as sip:
        assert sip.register("agent3", password("agent3"), DOMAIN).code == 200
    registered = await watch.expect(PhoneRegistered, phone="agent3")
    assert f":{port}" in registered.contact
    async with Sipp(scenario, tmp_path, port=port, duration_ms=200) as agent:
        await watch.log_on("agent3")
        await watch.ready("agent3")
        async with centre.caller() as caller:
            call = await caller.call(centre.uri(STRAIGHT))
            delivered = await watch.expect(Delivered, agent="agent3")
            if scenario == "uas_agent":
                await watch.expect(Bridged, call=delivered.call)
            else:
                await watch.expect(Failed, call=delivered.call, within=RING_S + 3)
            await caller.hang_up(call)
            await watch.expect(CallCleared, call=delivered.call)
        (await agent.wait()).check(1)
        await watch.log_off("agent3")


async def test_a_pyvoip_phone_as_an_agents(centre: Centre, watch: Watch) -> None:
    since = watch.mark()
    phone = PyvoipPhone(
        "agent3", centre.address, password=password("agent3"), register=True,
        wav=centre.tone(1300.0),
    )  # fmt: skip
    async with phone:
        await watch.expect(PhoneRegistered, phone="agent3", since=since)
        await phone.auto_answer(0.0)
        await watch.log_on("agent3")
        await watch.ready("agent3")
        async with centre.caller() as caller:
            call = await caller.call(centre.uri(STRAIGHT))
            bridged = await watch.expect(Bridged, within=RING_S + 3)
            assert bridged.agent == "agent3"
            theirs = (await phone.expect("incoming"))["call"]
            await phone.state(theirs, "answered")
            await caller.hang_up(call)
            await watch.expect(CallCleared, call=bridged.call)
            await phone.state(theirs, "ended")
        await watch.log_off("agent3")


async def test_guessing_a_password_is_answered_later_and_later(centre: Centre) -> None:
    """401 at first; after some tries 403, with a Retry-After that grows with every further one.

    While it lasts the right password does not help, lest a guesser learn from the answer.
    """

    def register(secret: str) -> Message:
        with RawSip(centre.address) as sip:
            return sip.register(SPARE_PHONE, secret, DOMAIN)

    codes: list[int] = []
    while not codes or codes[-1] != 403:
        answer = register("not the password")
        codes.append(answer.code)
        assert len(codes) < 10, codes
    assert set(codes[:-1]) == {401}
    first = int(answer.get("Retry-After"))
    assert register(password(SPARE_PHONE)).code == 403
    await asyncio.sleep(first)
    answer = register("not the password")
    assert answer.code == 403
    second = int(answer.get("Retry-After"))
    assert second >= 2 * first
    await asyncio.sleep(second)
    assert register(password(SPARE_PHONE)).code == 200


async def test_an_old_phone_registers_where_md5_stands_first(
    open_centre: Callable[..., Centre], tmp_path: Path, sipp_program: str
) -> None:
    """SIPp 3.6 knows MD5 alone and looks at the first challenge only, as old phones do."""
    centre = open_centre(sip={"domain": DOMAIN, "digest_algorithms": ["MD5", "SHA-256"]})
    register = Sipp(
        "uac_register", tmp_path, remote=centre.address, service=SPARE_PHONE, user=SPARE_PHONE,
        password=password(SPARE_PHONE), auth_uri=DOMAIN, keys={"domain": DOMAIN, "expires": "60"},
    )  # fmt: skip
    (await register.run()).check(1)
