"""The ACD's side of call control, in a whole centre: engaged agents, transfers, calls taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.town import Town, person

from ccd.acd.errors import UnknownAgentError, WrongStateError
from ccd.config import Overflow, Queue
from ccd.events import AgentBusy, AgentReady, AgentWorkingAfterCall, Dequeued, Routed
from ccd.switch.switch import NotReachable

LI, WANG = "13800000001", "13800000002"


def town_of(tmp_path: Path, *names: str, queue: Queue | None = None) -> Town:
    queues = [queue or Queue(name="orders"), Queue(name="help")]
    return Town(tmp_path, queues=queues, agents=[person(name) for name in names])


def state(town: Town, agent: str) -> str:
    return town.agent_state(agent)


def test_who_is_engaged_is_given_nothing_and_then_the_next(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna")
    town.staff("anna")
    acd = town.centre.acd
    acd.engage("anna", "own-1")
    assert town.told(AgentBusy)[-1].call == "own-1"
    assert acd.why_not("anna") == "agent anna is busy"
    town.come(LI, seconds=5.0)
    assert town.waiting() == [LI]
    assert acd.disengage("anna", "own-1") is True
    assert acd.disengage("anna", "own-1") is False
    town.run(2.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.assert_nothing_left()


def test_who_is_rung_or_logged_out_cannot_be_engaged(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna", "bert")
    town.staff("anna", answers_after=None)
    acd = town.centre.acd
    with pytest.raises(UnknownAgentError):
        acd.engage("bert", "own-1")
    town.come(LI, seconds=1.0)
    assert state(town, "anna") == "reserved"
    assert not acd.is_free("anna")
    with pytest.raises(WrongStateError, match="reserved"):
        acd.engage("anna", "own-1")


def test_wrap_up_goes_on_with_what_was_left(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna", queue=Queue(name="orders", wrap_up_s=10.0))
    town.staff("anna")
    town.come(LI, seconds=2.0)
    town.leave(LI, 4.0)
    assert state(town, "anna") == "wrap_up"
    town.centre.acd.engage("anna", "own-1")
    town.run(60.0)
    town.centre.acd.disengage("anna", "own-1")
    assert state(town, "anna") == "wrap_up"
    town.run(5.5)
    assert state(town, "anna") == "wrap_up"
    town.run(1.0)
    assert state(town, "anna") == "ready"


def test_a_transferred_call_is_the_colleagues_and_he_wraps_it_up(tmp_path: Path) -> None:
    """He was at lunch: so he is again, when it is over."""
    town = town_of(tmp_path, "anna", "bert", queue=Queue(name="orders", wrap_up_s=3.0))
    town.staff("anna")
    town.come(LI, seconds=2.0)
    town.staff("bert", answers_after=2.0)
    acd = town.centre.acd
    acd.not_ready("bert", "lunch")
    town.do(lambda: acd.transfer(town.call_of(LI), "bert"), 1.0)
    assert (state(town, "anna"), state(town, "bert")) == ("wrap_up", "busy")
    town.run(2.0)
    assert town.conversations[-1] == (LI, "bert")
    assert acd._distributor.holder(town.call_id(LI)) == "bert"
    assert town.routed(town.call_id(LI))[-1].step == "taken"
    town.leave(LI, 1.0)
    assert [(event.agent, event.call) for event in town.told(AgentWorkingAfterCall)] == [
        ("anna", town.call_id(LI)),
        ("bert", town.call_id(LI)),
    ]
    town.run(3.0)
    bert = acd.agent("bert")
    assert bert is not None
    assert (bert.state.value, bert.reason) == ("not_ready", "lunch")
    assert acd.last_agents.of(LI, town.wall_clock()) == "bert"
    town.assert_nothing_left()


def test_a_colleague_who_does_not_answer_is_what_he_was(tmp_path: Path) -> None:
    queue = Queue(
        name="orders", ring_timeout_s=5.0, overflow=(Overflow(to="queue:help", wait_s=20.0),)
    )
    town = town_of(tmp_path, "anna", "bert", queue=queue)
    town.staff("anna")
    town.come(LI, seconds=2.0)
    town.staff("bert", answers_after=None)
    acd = town.centre.acd
    acd.not_ready("bert", "lunch")
    town.do(lambda: acd.transfer(town.call_of(LI), "bert"), 0.5)
    acd.not_ready("anna", "lunch")
    town.run(6.0)
    assert state(town, "bert") == "not_ready"
    assert town.waiting() == [LI]
    town.run(20.0)  # rules of overflow hold for him again
    assert town.waiting("help") == [LI]
    town.leave(LI)
    town.assert_nothing_left()


def test_a_colleague_on_the_phone_is_not_rung(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna", "bert")
    town.staff("anna", "bert")
    town.come(LI, seconds=2.0)
    town.come(WANG, seconds=2.0)
    with pytest.raises(NotReachable, match="agent bert is busy"):
        town.centre.acd.transfer(town.call_of(LI), "bert")
    assert town.call_of(LI).bridged


def test_a_waiting_call_is_picked_up(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna")
    town.staff("anna")
    acd = town.centre.acd
    acd.not_ready("anna", "desk")
    town.come(LI, seconds=3.0)
    acd.engage("anna", town.call_id(LI))  # his phone rings for it
    assert acd.take(town.call_of(LI), "anna") is True
    (left,) = town.told(Dequeued)
    assert left.reason == "picked_up"
    assert left.waited == pytest.approx(3.0, abs=0.2)
    taken = [event for event in town.told(Routed) if event.step == "taken"]
    assert [(event.agent, event.why) for event in taken] == [("anna", "it waited")]
    assert acd.disengage("anna", town.call_id(LI)) is False
    town.leave(LI)
    assert state(town, "anna") == "not_ready"
    town.assert_nothing_left()


def test_a_call_that_rings_elsewhere_is_picked_up_and_that_phone_stops(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna", "bert")
    town.staff("anna", answers_after=None)
    town.come(LI, seconds=1.0)
    town.staff("bert")
    assert town.centre.acd.take(town.call_of(LI), "bert") is True
    town.run(0.5)
    assert town.phones["anna"].is_over
    assert (state(town, "anna"), state(town, "bert")) == ("ready", "busy")
    assert [event.agent for event in town.told(AgentReady)].count("anna") == 2
    town.leave(LI)
    town.assert_nothing_left()


def test_one_who_is_logged_out_takes_nothing(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna")
    town.staff("anna")
    town.centre.acd.log_off("anna")
    town.come(LI, seconds=1.0)
    assert town.centre.acd.take(town.call_of(LI), "anna") is False
    assert town.waiting() == [LI]


OUTSIDE = "13900000009"


def test_a_call_that_rings_is_sent_outside_through_the_first_trunk_that_takes_it(
    tmp_path: Path,
) -> None:
    town = town_of(tmp_path, "anna")
    town.staff("anna", answers_after=None)
    town.who(OUTSIDE).answers_after = 1.0
    town.come(LI, seconds=1.0)
    acd, call = town.centre.acd, town.call_of(LI)
    town.do(lambda: acd.divert_outside(call, OUTSIDE, ["nowhere", "carrier"], ani="95500"), 3.0)
    assert town.who(OUTSIDE).rung == 1
    assert call.bridged
    assert town.who(OUTSIDE).on_the_phone
    assert state(town, "anna") == "ready"
    assert town.dequeued(LI) == ["deflected"]
    town.leave(LI, 1.0)
    assert not town.who(OUTSIDE).on_the_phone
    town.assert_nothing_left()


def test_one_who_was_sent_outside_in_vain_waits_again(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna", "bert")
    town.staff("anna", answers_after=None)
    town.who(OUTSIDE).refuses_with = 486
    town.come(LI, seconds=1.0)
    acd, call = town.centre.acd, town.call_of(LI)
    acd.not_ready("anna", "lunch")
    town.do(lambda: acd.divert_outside(call, OUTSIDE, ["carrier"], ani="95500"), 3.0)
    assert town.waiting() == [LI]
    town.staff("bert")
    town.run(2.0)
    assert town.conversations == [(LI, "bert")]
    town.leave(LI, 1.0)
    town.assert_nothing_left()


def test_where_no_trunk_takes_it_the_agents_phone_rings_on(tmp_path: Path) -> None:
    town = town_of(tmp_path, "anna")
    town.staff("anna", answers_after=4.0)
    town.come(LI, seconds=1.0)
    acd, call = town.centre.acd, town.call_of(LI)
    with pytest.raises(NotReachable, match="no trunk 'nowhere'"):
        acd.divert_outside(call, OUTSIDE, ["nowhere"], ani="95500")
    town.run(4.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI, 1.0)
    town.assert_nothing_left()
