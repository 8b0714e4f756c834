"""Listening, parking and locked seats, asked for over the CTI."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.centre import VirtualCentre
from virtual.wired import Wired

from ccd.cti.access import Account, hash_password
from ccd.cti.catalogue import CATALOGUE, Role
from ccd.cti.wire import CtiError


def at_work(folder: Path) -> VirtualCentre:
    """agent1 speaks with a caller; agent2 is at his desk, not ready."""
    centre = VirtualCentre(folder, agents=2)
    centre.staff("agent1")
    centre.caller_in_queue()
    centre.run(2.0)
    phone = centre.phones["agent2"]
    phone.answers_after = 0.5
    centre.do(lambda: phone.register(centre.hop, "agent2-secret"))
    centre.centre.acd.log_on("agent2")
    return centre


async def test_a_call_is_listened_to_and_taken_over(tmp_path: Path) -> None:
    centre = at_work(tmp_path)
    call = centre.call
    async with Wired(tmp_path, centre) as wired:
        await wired.ask("join_call", agent="agent2", to_agent="agent1", mode="silent", seconds=2.0)
        assert [leg.agent for leg in call.listeners] == ["agent2"]
        await wired.ask("take_over_call", agent="agent2", seconds=2.0)
        assert call.answered is not None
        assert call.answered.agent == "agent2"
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


async def test_a_call_is_parked_listed_and_taken(tmp_path: Path) -> None:
    centre = at_work(tmp_path)
    call = centre.call
    async with Wired(tmp_path, centre) as wired:
        place = (await wired.ask("park_call", agent="agent1")).place
        (parked,) = (await wired.ask("parked_calls")).parked
        assert (parked.place, parked.call, parked.agent) == (place, call.id, "agent1")
        await wired.ask("unpark_call", agent="agent2", place=place, seconds=2.0)
        assert call.answered is not None
        assert call.answered.agent == "agent2"
        assert (await wired.ask("parked_calls")).parked == ()
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


async def test_a_locked_seat_refuses_whatever_is_asked_in_its_name(tmp_path: Path) -> None:
    centre = at_work(tmp_path)
    async with Wired(tmp_path, centre) as wired:
        await wired.ask("lock_seat", agent="agent1")
        for op in ("ready", "hold_call", "log_off", "lock_seat", "clear_connection"):
            with pytest.raises(CtiError, match="locked") as refused:
                await wired.ask(op, agent="agent1")
            assert refused.value.code == "seat_locked"
        await wired.ask("open_seat", agent="agent1")
        await wired.ask("hold_call", agent="agent1")
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


async def test_a_wrong_password_opens_no_seat(tmp_path: Path) -> None:
    centre = at_work(tmp_path)
    async with Wired(tmp_path, centre) as wired:
        secret = hash_password("right")
        wired.people["agent1"] = Account("agent1", Role.AGENT, secret, agent=True)
        await wired.ask("lock_seat", agent="agent1")
        with pytest.raises(CtiError) as refused:
            await wired.ask("open_seat", agent="agent1", password="wrong")
        assert refused.value.code == "wrong_password"
        assert "agent1" in centre.centre.control.calls.locked
        await wired.ask("open_seat", agent="agent1", password="right")
        assert not centre.centre.control.calls.locked


def test_supervision_is_for_supervisors() -> None:
    assert CATALOGUE["join_call"].roles == {Role.SUPERVISOR, Role.ADMIN, Role.QA}
    assert CATALOGUE["take_over_call"].roles == {Role.SUPERVISOR, Role.ADMIN}
