"""The table of agent states, line by line, and what is not in it."""

from __future__ import annotations

import itertools

import pytest

from ccd.acd.agent import TRANSITIONS, Agent, Step, Trigger, Wish
from ccd.acd.errors import WrongStateError
from ccd.model import AgentState, Channel


def agent_in(state: AgentState) -> Agent:
    agent = Agent("anna", 0, 0.0)
    agent.state = state
    return agent


@pytest.mark.parametrize(
    ("state", "trigger"), list(itertools.product(AgentState, Trigger)), ids=lambda v: v.name
)
def test_every_pair_goes_where_the_table_says_or_is_refused(
    state: AgentState, trigger: Trigger
) -> None:
    agent = agent_in(state)
    step = TRANSITIONS.get((state, trigger))
    if step is None:
        with pytest.raises(WrongStateError, match=trigger.value):
            agent.fire(trigger)
        assert agent.state is state
        return
    went = agent.fire(trigger, reason="lunch")
    if step in (Step.STAY, Step.RECALL, Step.DEFER):
        assert went is None
        assert agent.state is state
    elif isinstance(step, AgentState):
        assert went is step is agent.state
    elif step is Step.INTERRUPT:
        assert went is AgentState.BUSY
        assert agent.wish is Wish.NOT_READY
    else:
        assert went is AgentState.READY


def test_every_state_can_be_reached_and_left() -> None:
    reached = {step for step in TRANSITIONS.values() if isinstance(step, AgentState)}
    assert reached | {AgentState.WRAP_UP} == set(AgentState)
    assert {state for state, _ in TRANSITIONS} == set(AgentState)


@pytest.mark.parametrize("state", [AgentState.RESERVED, AgentState.BUSY])
def test_a_wish_waits_for_the_end_of_the_contact(state: AgentState) -> None:
    agent = agent_in(state)
    agent.fire(Trigger.NOT_READY, reason="lunch")
    assert agent.wish is Wish.NOT_READY
    end = Trigger.WITHDRAWN if state is AgentState.RESERVED else Trigger.ENDED
    assert agent.fire(end) is AgentState.NOT_READY
    assert agent.reason == "lunch"
    assert agent.wish is None


def test_the_later_wish_counts() -> None:
    agent = agent_in(AgentState.BUSY)
    agent.fire(Trigger.LOG_OFF)
    agent.fire(Trigger.NOT_READY, reason="lunch")
    agent.fire(Trigger.LOG_OFF)
    assert agent.fire(Trigger.ENDED) is AgentState.LOGGED_OUT


def test_ready_takes_a_wish_back() -> None:
    agent = agent_in(AgentState.BUSY)
    agent.fire(Trigger.LOG_OFF)
    assert agent.fire(Trigger.READY) is None
    assert agent.fire(Trigger.ENDED) is AgentState.READY


def test_a_wish_outlives_wrap_up() -> None:
    agent = agent_in(AgentState.BUSY)
    agent.fire(Trigger.NOT_READY, reason="lunch")
    assert agent.fire(Trigger.ENDED, wrap_up=True) is AgentState.WRAP_UP
    assert agent.fire(Trigger.WRAPPED_UP) is AgentState.NOT_READY
    assert agent.reason == "lunch"


def test_one_who_wished_to_go_home_and_did_not_answer_goes_home() -> None:
    agent = agent_in(AgentState.RESERVED)
    agent.fire(Trigger.LOG_OFF)
    assert agent.fire(Trigger.FAILED, reason="rona") is AgentState.LOGGED_OUT
    assert agent.reason is None


def test_an_unanswered_ring_is_the_reason_whatever_was_wished() -> None:
    agent = agent_in(AgentState.RESERVED)
    agent.fire(Trigger.NOT_READY, reason="lunch")
    assert agent.fire(Trigger.FAILED, reason="rona") is AgentState.NOT_READY
    assert agent.reason == "rona"
    assert agent.wish is None


def with_a_chat(state: AgentState) -> Agent:
    agent = agent_in(state)
    agent.capacity = {"chat": 3}
    agent.take("chat-1", Channel.CHAT)
    return agent


@pytest.mark.parametrize("trigger", [Trigger.FAILED, Trigger.WITHDRAWN])
def test_one_with_another_contact_in_hand_is_busy_with_it(trigger: Trigger) -> None:
    agent = with_a_chat(AgentState.RESERVED)
    assert agent.fire(trigger, reason="rona") is AgentState.BUSY


def test_a_ring_unanswered_is_a_wish_while_another_contact_is_in_hand() -> None:
    agent = with_a_chat(AgentState.RESERVED)
    agent.fire(Trigger.FAILED, reason="rona")
    assert agent.wish is Wish.NOT_READY
    assert not agent.has_room(Channel.CHAT)
    agent.give_back("chat-1")
    assert agent.fire(Trigger.ENDED) is AgentState.NOT_READY
    assert agent.reason == "rona"


def test_room_is_by_channel() -> None:
    agent = with_a_chat(AgentState.BUSY)
    assert agent.has_room(Channel.CHAT)
    assert not agent.has_room(Channel.VOICE)
    agent.take("chat-2", Channel.CHAT)
    agent.take("chat-3", Channel.CHAT)
    assert not agent.has_room(Channel.CHAT)
    assert not agent.has_spare_room


def test_a_capacity_that_changes_counts_what_is_in_hand_anew() -> None:
    agent = with_a_chat(AgentState.BUSY)
    agent.capacity = {"chat": 1}
    assert not agent.has_spare_room
    agent.capacity = {"chat": 2, "email": 5}
    assert agent.has_room(Channel.EMAIL)
    agent.give_back("chat-1")
    assert agent.load == 0
