"""Three witnesses are compared; every kind of lie is found."""

from __future__ import annotations

import msgspec
import pytest

from ccd.model import CallRecord, Cause, Outcome, Party
from lab.trunk_sim.caller import CallerState, CallerView
from lab.trunk_sim.evidence import Sounding
from lab.trunk_sim.plans import Behaviour, Plan
from lab.trunk_sim.verdict import (
    CallStory,
    Ending,
    RobotLine,
    TapeFindings,
    judge,
    match_robot,
)
from lab.trunk_sim.voices import Voice, caller_voice, robot_voice

SERVICE = "95500"
CALLER, ROBOT = caller_voice(1), robot_voice(2)
T = 1_700_000_000.0


def heard(voice: Voice) -> dict[float, int]:
    return dict.fromkeys(voice.tones, 960)


def good_view(**changes: object) -> CallerView:
    plan = Plan(number=1, ani="13800000001", voice=CALLER)
    view = CallerView(
        plan=plan,
        last_state=CallerState.TALKING,
        dialled_at=T,
        answered_at=T + 0.05,
        waiting_since=T + 1.0,
        agent_heard_at=T + 3.6,
        hung_up_at=T + 8.0,
        ended_at=T + 8.01,
        pressed="1",
        agent_voice=ROBOT,
    )
    return msgspec.structs.replace(view, **changes)


def good_record(**changes: object) -> CallRecord:
    record = CallRecord(
        call="c1",
        ani="13800000001",
        dnis=SERVICE,
        trunk="lab",
        outcome=Outcome.ANSWERED,
        offered_at=T + 0.01,
        answered_at=T + 0.04,
        queued_at=T + 1.1,
        queue="service",
        delivered_at=T + 2.5,
        connected_at=T + 3.0,
        cleared_at=T + 8.0,
        agent="robot3",
        released_by=Party.CALLER,
        cause=Cause.NORMAL_CLEARING,
        digits="1",
    )
    return msgspec.structs.replace(record, **changes)


def good_robot(**changes: object) -> RobotLine:
    line = RobotLine(
        agent="robot3",
        phone="robot3",
        voice=ROBOT,
        ani="13800000001",
        call_id="x",
        rang_at=T + 2.5,
        answered_at=T + 2.99,
        hung_up_at=None,
        ended_at=T + 8.02,
        heard_ms=tuple(heard(CALLER).items()),
    )
    return msgspec.structs.replace(line, **changes)


def sounding(tones: dict[float, int] | None = None, audible: int = 900) -> Sounding:
    return Sounding(
        tones_ms=tones or {}, audible_ms=audible, level_dbm0=-20.0, lasted_ms=max(audible, 2000)
    )


def good_tape(**changes: object) -> TapeFindings:
    tape = TapeFindings(
        welcome=sounding(),
        music=sounding(),
        talk=sounding(heard(ROBOT)),
        said=sounding(heard(CALLER)),
    )
    return msgspec.structs.replace(tape, **changes)


def story(**changes: object) -> CallStory:
    good = CallStory(
        view=good_view(),
        heard_ms=heard(ROBOT),
        tape=good_tape(),
        records=(good_record(),),
        robot=good_robot(),
    )
    return msgspec.structs.replace(good, **changes)


def faults(**changes: object) -> str:
    return "; ".join(judge(story(**changes), service=SERVICE).faults)


def test_good_call_has_no_fault() -> None:
    verdict = judge(story(), service=SERVICE)
    assert verdict.faults == ()
    assert verdict.ending is Ending.ANSWERED
    assert verdict.audio_ok is True


def test_agent_hangs_up() -> None:
    view = good_view(hung_up_at=None)
    assert faults(view=view, records=(good_record(released_by=Party.AGENT),)) == ""
    assert "the agent hung up, recorded caller" in faults(view=view)


def test_both_hang_up_at_once_and_either_may_be_recorded() -> None:
    assert faults(records=(good_record(released_by=Party.AGENT),)) == ""


def test_caller_hung_up_long_before_the_record_blames_the_agent() -> None:
    record = good_record(released_by=Party.AGENT, cleared_at=T + 9.2)
    assert "the caller hung up, recorded agent" in faults(records=(record,))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"heard_ms": {}}, "one-way: the caller did not hear"),
        ({"robot": good_robot(heard_ms=())}, "one-way: the agent did not hear"),
        ({"tape": good_tape(talk=sounding())}, "one-way: the recording did not hear"),
        ({"heard_ms": heard(ROBOT) | heard(CALLER)}, "echo: the caller heard its own"),
        (
            {"robot": good_robot(heard_ms=tuple((heard(CALLER) | heard(ROBOT)).items()))},
            "echo: the agent heard its own",
        ),
        ({"heard_ms": heard(ROBOT) | heard(robot_voice(14))}, "crossed line: the caller heard"),
        (
            {
                "robot": good_robot(
                    heard_ms=tuple((heard(CALLER) | heard(caller_voice(27))).items())
                )
            },
            "crossed line: the agent heard",
        ),
        ({"heard_ms": heard(robot_voice(14))}, "one-way: the caller did not hear"),
        ({"robot": None}, "no account of this call by its agent robot3"),
        ({"tape": good_tape(welcome=sounding(audible=0))}, "silence instead of a welcome"),
        ({"tape": good_tape(music=sounding(audible=0))}, "silence instead of hold music"),
    ],
)
def test_audio_faults_are_found(changes: dict[str, object], fault: str) -> None:
    verdict = judge(story(**changes), service=SERVICE)
    assert fault in "; ".join(verdict.faults)
    assert verdict.audio_ok is False


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ({"dnis": "12345"}, "dialled 95500, recorded 12345"),
        ({"outcome": Outcome.ABANDONED}, "the caller says answered, the record abandoned"),
        ({"digits": ""}, "pressed 1, no digit recorded"),
        ({"digits": "7"}, "pressed '1', recorded '7'"),
        ({"connected_at": T + 2.0}, "connected_at before delivered_at"),
        ({"agent": None}, "without agent"),
        ({"delivered_at": T + 2.5, "connected_at": T + 6.0}, "agent heard -2.40 s"),
        ({"cleared_at": T + 12.0}, "cleared +3.99 s from the caller's end"),
    ],
)
def test_contradictions_are_found(record: dict[str, object], fault: str) -> None:
    assert fault in faults(records=(good_record(**record),))


def test_keys_that_the_menu_does_not_know_need_no_record() -> None:
    view = good_view(pressed="51")
    assert faults(view=view, records=(good_record(digits="1"),)) == ""
    assert faults(view=view, records=(good_record(digits="51"),)) == ""
    assert "pressed '51', recorded '15'" in faults(view=view, records=(good_record(digits="15"),))


def test_talk_that_was_cut_short_is_not_judged_by_what_was_not_heard() -> None:
    view = good_view(hung_up_at=T + 4.0, ended_at=T + 4.0, gave_up=True)
    cut = story(view=view, records=(good_record(cleared_at=T + 4.0),))
    unheard = msgspec.structs.replace(cut, robot=None, heard_ms={})
    verdict = judge(unheard, service=SERVICE)
    assert verdict.faults == ()
    assert verdict.audio_ok is None
    assert judge(cut, service=SERVICE).audio_ok is True
    own_will = msgspec.structs.replace(view, gave_up=False)
    assert judge(msgspec.structs.replace(unheard, view=own_will), service=SERVICE).audio_ok is False


def test_missing_and_double_records() -> None:
    assert "no call record" in faults(records=())
    assert "2 call records: c1, c2" in faults(records=(good_record(), good_record(call="c2")))


def left(state: CallerState, **changes: object) -> CallerView:
    return good_view(last_state=state, agent_heard_at=None, agent_voice=None, **changes)


def test_abandoned() -> None:
    view = left(CallerState.WAITING)
    record = good_record(outcome=Outcome.ABANDONED, connected_at=None, agent=None)
    verdict = judge(story(view=view, records=(record,), robot=None, heard_ms={}), service=SERVICE)
    assert verdict.faults == ()
    assert verdict.ending is Ending.ABANDONED
    assert verdict.audio_ok is None


def test_hung_up_between_key_and_queue_may_be_recorded_as_self_served() -> None:
    record = good_record(
        outcome=Outcome.SELF_SERVED,
        queued_at=None,
        delivered_at=None,
        connected_at=None,
        agent=None,
        cleared_at=T + 3.0,
    )
    quick = left(CallerState.WAITING, hung_up_at=T + 3.0, ended_at=T + 3.0)
    assert faults(view=quick, records=(record,), heard_ms={}) == ""
    late = left(CallerState.WAITING, hung_up_at=T + 30.0, ended_at=T + 30.0)
    record = msgspec.structs.replace(record, cleared_at=T + 30.0)
    assert "the record self_served" in faults(view=late, records=(record,), heard_ms={})


def test_photo_finish_blames_nobody() -> None:
    view = left(CallerState.WAITING)
    record = good_record(connected_at=T + 7.9, delivered_at=T + 7.0)
    verdict = judge(story(view=view, records=(record,), robot=None, heard_ms={}), service=SERVICE)
    assert verdict.faults == ()
    assert verdict.photo_finish


def test_connected_without_ever_hearing_the_agent_is_one_way() -> None:
    view = left(CallerState.WAITING)
    assert "one-way: connected to robot3 for 5.0 s" in faults(view=view, heard_ms={})


def test_lost_calls_say_how() -> None:
    cut = left(CallerState.WAITING, hung_up_at=None)
    assert "cut off by the service while waiting" in faults(view=cut)
    refused = left(CallerState.CALLING, hung_up_at=None, refused=503)
    assert "refused with 503 while calling" in faults(view=refused)
    silent = left(CallerState.CALLING)
    assert "never answered" in faults(view=silent)
    stuck = left(CallerState.TALKING, ended_at=None, hung_up_at=None)
    assert "never ended" in faults(view=stuck)
    for view in (cut, refused, silent, stuck):
        assert judge(story(view=view), service=SERVICE).ending is Ending.LOST


def test_cancelled() -> None:
    plan = Plan(number=1, ani="1", voice=CALLER, behaviour=Behaviour.CANCELS, cancel_after_s=0.1)
    view = CallerView(
        plan=plan,
        last_state=CallerState.CALLING,
        dialled_at=T,
        hung_up_at=T + 0.1,
        ended_at=T + 0.12,
        refused=487,
    )
    record = good_record(
        outcome=Outcome.ABANDONED,
        answered_at=None,
        queued_at=None,
        delivered_at=None,
        connected_at=None,
        cleared_at=T + 0.11,
        agent=None,
        digits="",
    )
    verdict = judge(CallStory(view=view, records=(record,)), service=SERVICE)
    assert verdict.faults == ()
    assert verdict.ending is Ending.CANCELLED


def test_breaches_are_faults() -> None:
    assert "answered while talking" in faults(view=good_view(breaches=("answered while talking",)))


def test_robot_is_matched_by_number_then_by_time() -> None:
    other = good_robot(ani="13800000002", call_id="other", answered_at=T + 3.0)
    mine = good_robot()
    lines = {"robot3": [other, mine]}
    assert match_robot(good_record(), "13800000001", lines) is mine
    hidden = [good_robot(ani="anonymous", call_id="a", answered_at=T + 3.1)]
    assert match_robot(good_record(), "13800000001", {"robot3": hidden}) is hidden[0]
    late = [good_robot(answered_at=T + 60.0)]
    assert match_robot(good_record(), "13800000001", {"robot3": late}) is None
    assert match_robot(None, "13800000001", lines) is None
