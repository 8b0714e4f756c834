"""Robot agents and their registrations."""

from __future__ import annotations

import random

import pytest

from lab.trunk_sim.registration import (
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    Registration,
    RegistrationState,
    SendRegister,
)
from lab.trunk_sim.robot import Answer, Robot, RobotHabits, RobotHangsUp, RobotState


def robot(**habits: object) -> Robot:
    return Robot(RobotHabits(**habits), random.Random(1))  # type: ignore[arg-type]


def test_answers_after_its_ring_time() -> None:
    it = robot(ring_s=(0.5, 0.5), hangs_up=0.0)
    assert it.rings(10.0)
    assert it.get_timer() == 10.5
    it.handle_timer(10.4)
    assert it.next_action() is None
    it.handle_timer(10.5)
    assert it.next_action() == Answer()
    assert it.state is RobotState.TALKING
    assert it.get_timer() is None
    call = it.ended(14.0)
    assert call is not None
    assert (call.rang_at, call.answered_at, call.hung_up_at, call.ended_at) == (
        10.0,
        10.5,
        None,
        14.0,
    )
    assert it.state is RobotState.IDLE


def test_hangs_up_not_before_its_least_talk() -> None:
    it = robot(ring_s=(0.0, 0.0), hangs_up=1.0, talk_s=0.001, least_talk_s=1.5)
    it.rings(0.0)
    it.handle_timer(0.0)
    assert it.next_action() == Answer()
    assert it.get_timer() == 1.5
    it.handle_timer(1.5)
    assert it.next_action() == RobotHangsUp()
    assert it.state is RobotState.LEAVING


def test_takes_one_call_at_a_time() -> None:
    it = robot()
    assert it.rings(0.0)
    assert not it.rings(0.1)
    it.ended(0.2)
    assert it.rings(0.3)


def test_ignores_calls_where_told() -> None:
    it = robot(ignores=1.0)
    assert it.rings(0.0)
    assert it.get_timer() is None
    assert it.state is RobotState.RINGING


def test_caller_gone_while_ringing() -> None:
    it = robot(ring_s=(1.0, 1.0))
    it.rings(0.0)
    call = it.ended(0.5)
    assert call is not None
    assert call.answered_at is None
    it.handle_timer(1.0)
    assert it.next_action() is None


def registration() -> Registration:
    return Registration(expires=300, rng=random.Random(1))


def test_registers_and_refreshes_in_time() -> None:
    it = registration()
    it.start()
    assert it.next_action() == SendRegister(300, 1)
    it.response(200, 120, 1.0)
    assert it.state is RegistrationState.REGISTERED
    assert it.get_timer() == 61.0
    it.handle_timer(61.0)
    assert it.next_action() == SendRegister(300, 2)
    it.response(200, None, 61.1)
    assert it.get_timer() == pytest.approx(211.1)


def test_failures_back_off_to_a_limit() -> None:
    it = registration()
    it.start()
    now = 0.0
    pauses = []
    for _ in range(12):
        assert it.next_action() is not None
        it.response(503, None, now)
        assert it.state is RegistrationState.WAITING
        due = it.get_timer()
        assert due is not None
        pauses.append(due - now)
        now = due
        it.handle_timer(now)
    assert pauses[0] <= FIRST_RETRY_S
    assert LONGEST_RETRY_S / 2 <= pauses[-1] <= LONGEST_RETRY_S


def test_interval_too_brief_is_asked_for_longer() -> None:
    it = registration()
    it.start()
    it.next_action()
    it.response(423, 600, 0.0)
    assert it.next_action() == SendRegister(600, 2)


def test_leaves() -> None:
    it = registration()
    it.leave()
    assert it.next_action() is None
    it.start()
    it.next_action()
    it.response(200, 300, 0.0)
    it.leave()
    assert it.next_action() == SendRegister(0, 2)
    it.response(200, 0, 0.1)
    assert it.state is RegistrationState.OFFLINE
    assert it.get_timer() is None


def test_late_answer_of_an_earlier_state_changes_nothing() -> None:
    it = registration()
    it.start()
    it.response(200, 300, 0.0)
    it.response(503, None, 0.1)
    assert it.state is RegistrationState.REGISTERED
