"""A caller follows his plan, whatever the service does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.trunk_sim.caller import (
    ANSWER_GUARD_S,
    HESITATION_S,
    LEAVE_GUARD_S,
    Caller,
    CallerState,
    Dial,
    HangUp,
    Leave,
    PressKey,
)
from lab.trunk_sim.plans import Behaviour, Habits, Plan, Press, draw_plan
from lab.trunk_sim.voices import caller_voice, robot_voice

AGENT = robot_voice(0)


def plan(**changes: object) -> Plan:
    fields: dict[str, object] = {
        "number": 1,
        "ani": "13800000001",
        "voice": caller_voice(1),
        "presses": (Press(1.0, "1"),),
        "patience_s": 30.0,
        "talk_s": 5.0,
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]


def actions(caller: Caller) -> list[object]:
    done: list[object] = []
    while (action := caller.next_action()) is not None:
        done.append(action)
    return done


def test_normal_call() -> None:
    caller = Caller(plan())
    caller.start(0.0)
    assert actions(caller) == [Dial()]
    caller.ringing(0.1)
    caller.answered(0.2)
    assert caller.state is CallerState.LISTENING
    assert caller.get_timer() == pytest.approx(1.2)
    caller.handle_timer(1.2)
    assert actions(caller) == [PressKey("1")]
    assert caller.state is CallerState.WAITING
    caller.hears_agent(AGENT, 6.0)
    assert caller.state is CallerState.TALKING
    caller.handle_timer(11.0)
    assert actions(caller) == [HangUp()]
    caller.ended(11.1)
    assert actions(caller) == [Leave()]
    view = caller.view
    assert view.breaches == ()
    assert view.hung_up
    assert view.last_state is CallerState.TALKING
    assert (view.answered_at, view.waiting_since, view.agent_heard_at) == (0.2, 1.2, 6.0)
    assert view.ended_at == 11.1
    assert caller.get_timer() is None


def test_agent_hangs_up_first() -> None:
    caller = Caller(plan())
    caller.start(0.0)
    caller.answered(0.1)
    caller.handle_timer(1.1)
    caller.hears_agent(AGENT, 2.0)
    caller.ended(3.0)
    assert caller.state is CallerState.GONE
    assert not caller.view.hung_up
    assert caller.view.last_state is CallerState.TALKING


def test_wrong_digit_then_the_right_one() -> None:
    caller = Caller(plan(presses=(Press(1.0, "9"), Press(2.0, "1"))))
    caller.start(0.0)
    caller.answered(0.0)
    caller.handle_timer(1.0)
    assert caller.state is CallerState.LISTENING
    assert caller.get_timer() == pytest.approx(3.0)
    caller.handle_timer(3.0)
    assert caller.state is CallerState.WAITING
    assert caller.view.pressed == "91"


def test_impatient_caller_abandons() -> None:
    caller = Caller(plan(patience_s=2.0))
    caller.start(0.0)
    caller.answered(0.0)
    caller.handle_timer(1.0)
    caller.handle_timer(3.0)
    assert caller.state is CallerState.LEAVING
    assert caller.view.last_state is CallerState.WAITING


def test_nobody_hangs_up_in_the_moment_somebody_answers() -> None:
    caller = Caller(plan(patience_s=2.0))
    caller.start(0.0)
    caller.answered(0.0)
    caller.handle_timer(1.0)
    caller.hears_somebody(2.9)
    caller.handle_timer(3.0)
    assert caller.state is CallerState.WAITING
    caller.hears_agent(AGENT, 3.5)
    assert caller.state is CallerState.TALKING


def test_music_that_sounds_like_an_agent_holds_nobody_for_ever() -> None:
    caller = Caller(plan(patience_s=2.0))
    caller.start(0.0)
    caller.answered(0.0)
    caller.handle_timer(1.0)
    now = 1.0
    while caller.state is CallerState.WAITING and now < 100.0:
        now += HESITATION_S / 2
        caller.hears_somebody(now)
        caller.handle_timer(now)
    assert caller.state is CallerState.LEAVING
    assert now < 10.0


def test_cancel_before_the_answer() -> None:
    caller = Caller(plan(cancel_after_s=0.5))
    caller.start(10.0)
    caller.ringing(10.1)
    assert caller.get_timer() == 10.5
    caller.handle_timer(10.5)
    assert actions(caller) == [Dial(), HangUp()]
    caller.refused(487)
    caller.ended(10.6)
    assert caller.view.breaches == ()
    assert caller.view.last_state is CallerState.CALLING


def test_answer_that_crosses_the_cancel() -> None:
    caller = Caller(plan(cancel_after_s=0.5))
    caller.start(0.0)
    caller.handle_timer(0.5)
    caller.answered(0.51)
    assert caller.state is CallerState.LEAVING
    caller.ended(0.6)
    assert caller.view.breaches == ()


def test_answer_quicker_than_the_cancel_is_hung_up_all_the_same() -> None:
    caller = Caller(plan(cancel_after_s=0.5))
    caller.start(0.0)
    caller.answered(0.1)
    caller.handle_timer(0.5)
    assert caller.state is CallerState.LEAVING
    assert caller.view.last_state is CallerState.LISTENING


def test_leaves_menu() -> None:
    caller = Caller(plan(presses=(), menu_patience_s=1.5))
    caller.start(0.0)
    caller.answered(0.1)
    caller.handle_timer(1.6)
    assert caller.state is CallerState.LEAVING
    assert caller.view.last_state is CallerState.LISTENING


def test_refusal() -> None:
    caller = Caller(plan())
    caller.start(0.0)
    caller.refused(503)
    caller.ended(0.1)
    assert caller.state is CallerState.GONE
    assert caller.view.refused == 503
    assert caller.view.last_state is CallerState.CALLING


def test_service_that_never_answers_is_given_up() -> None:
    caller = Caller(plan())
    caller.start(0.0)
    caller.handle_timer(ANSWER_GUARD_S)
    assert caller.state is CallerState.LEAVING


def test_signalling_that_never_ends_is_a_breach() -> None:
    caller = Caller(plan(presses=(), menu_patience_s=1.0))
    caller.start(0.0)
    caller.answered(0.0)
    caller.handle_timer(1.0)
    caller.handle_timer(1.0 + LEAVE_GUARD_S)
    assert caller.state is CallerState.GONE
    assert "did not end" in caller.view.breaches[0]


def test_second_answer_is_a_breach() -> None:
    caller = Caller(plan())
    caller.start(0.0)
    caller.answered(0.1)
    caller.answered(0.2)
    assert caller.view.breaches == ("answered while listening",)


def test_giving_up_is_possible_anywhere() -> None:
    caller = Caller(plan())
    caller.give_up(0.0)
    assert actions(caller) == []
    caller.start(0.0)
    caller.answered(0.1)
    caller.give_up(0.5)
    caller.give_up(0.6)
    assert actions(caller) == [Dial(), HangUp()]
    assert caller.view.hung_up_at == 0.5
    assert caller.view.gave_up


CUES = ("ringing", "answered", "hears_agent", "hears_somebody", "refused", "ended", "time")


@given(
    seed=st.integers(0, 10_000),
    behaviour=st.sampled_from(list(Behaviour)),
    cues=st.lists(st.tuples(st.sampled_from(CUES), st.floats(0.0, 20.0)), max_size=25),
)
def test_every_call_comes_to_an_end(
    seed: int, behaviour: Behaviour, cues: list[tuple[str, float]]
) -> None:
    """Whatever happens in whatever order: one Dial, at most one HangUp, one Leave, no timer left."""
    drawn = draw_plan(seed, Habits(mix={behaviour: 1.0}), random.Random(seed))
    caller = Caller(drawn)
    now = 100.0
    caller.start(now)
    for cue, later in cues:
        now += later
        match cue:
            case "hears_agent":
                caller.hears_agent(AGENT, now)
            case "refused":
                caller.refused(486)
            case "time":
                caller.handle_timer(now)
            case _:
                getattr(caller, cue)(now)
    for _ in range(20):
        if (timer := caller.get_timer()) is None:
            break
        caller.handle_timer(timer)
    assert caller.state is CallerState.GONE
    assert caller.get_timer() is None
    done = actions(caller)
    assert done[0] == Dial()
    assert done[-1] == Leave()
    assert done.count(Dial()) == done.count(Leave()) == 1
    assert done.count(HangUp()) <= 1
