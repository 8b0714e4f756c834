"""What the desk makes of what it is told: stages, who is on the line, the day's figures."""

from __future__ import annotations

import pytest
from virtual.scene import CUSTOMER, MATE, ME, NOON, Scene

from ccd.cti.catalogue import AgentView, CallView, LegView, SnapshotResult
from ccd.events import (
    AgentBusy,
    AgentNotReady,
    AgentReady,
    CallCleared,
    Conferenced,
    DataAssociated,
    Delivered,
    DigitsDetected,
    Established,
    Held,
    Joined,
    Originated,
    RecordingPaused,
    RecordingResumed,
    ReturnedFromIvr,
    SeatLocked,
    SeatOpened,
    SentToIvr,
    WrappedUp,
)
from ccd.model import AgentState, Cause, Direction, ListenMode, Party
from tui.agent.desk import Stage


def stages(scene: Scene) -> list[Stage]:
    return [line.stage for line in scene.desk.lines]


def test_a_call_rings_is_spoken_in_held_and_over() -> None:
    scene = Scene().ringing()
    (line,) = scene.desk.lines
    assert (line.stage, line.who, line.number, line.queue) == (
        Stage.RINGING,
        "王芳",
        "13800138000",
        "orders",
    )
    assert line.data == {"account": "6228480"}
    scene.tell(Established(call="c1", leg="c1.1", party=Party.AGENT, agent=ME), after=3)
    (line,) = scene.desk.lines
    assert (line.stage, line.since) == (Stage.SPEAKING, scene.now)
    scene.tell(Held(call="c1", leg="c1.1", by=Party.AGENT), after=10)
    assert stages(scene) == [Stage.HELD]
    scene.tell(CallCleared(call="c1", cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER))
    assert stages(scene) == []


def test_the_call_spoken_in_comes_before_the_one_on_hold() -> None:
    scene = Scene().consulting()
    assert stages(scene) == [Stage.SPEAKING, Stage.HELD]
    first, second = scene.desk.lines
    assert (first.who, first.direction) == ("Bert Cole", Direction.INTERNAL)
    assert second.who == "王芳"
    # The screen shows the customer, whoever is spoken with.
    assert scene.desk.shown is not None
    assert scene.desk.shown.call == "c1"


def test_a_conference_names_the_others() -> None:
    scene = Scene().consulting()
    scene.tell(
        Conferenced(call="c1", leg="c2.1", legs=("c1.0", "c1.1", "c2.1"), secondary="c2", agent=ME),
        CallCleared(call="c2", cause=Cause.CONFERENCE, released_by=Party.SYSTEM),
    )
    (line,) = scene.desk.lines
    assert (line.stage, line.others) == (Stage.CONFERENCE, ("Bert Cole",))


def test_a_supervisor_who_listens_makes_no_conference() -> None:
    scene = Scene().speaking()
    scene.tell(
        Delivered(call="c1", leg="c1.9", agent="chief", queue="", mode=ListenMode.SILENT),
        Established(call="c1", leg="c1.9", party=Party.AGENT, agent="chief"),
        Joined(call="c1", leg="c1.9", agent="chief", mode=ListenMode.SILENT),
    )
    (line,) = scene.desk.lines
    assert (line.stage, line.others) == (Stage.SPEAKING, ())


def test_ones_own_call_is_dialled_then_rings_there() -> None:
    scene = Scene()
    scene.tell(
        Originated(
            call="d", leg="d.1", ani=ME, dnis="", trunk="", party=Party.AGENT,
            direction=Direction.INTERNAL, agent=ME,
        ),
        Delivered(call="d", leg="d.1", agent=ME, queue="", ani=ME),
    )  # fmt: skip
    assert stages(scene) == [Stage.DIALLING]
    scene.tell(Established(call="d", leg="d.1", party=Party.AGENT, agent=ME))
    assert stages(scene) == [Stage.DIAL_TONE]
    scene.tell(
        Originated(
            call="d", leg="d.1", ani=ME, dnis=MATE, trunk="", party=Party.AGENT,
            direction=Direction.INTERNAL, agent=ME, connected=True,
        ),
        Delivered(call="d", leg="d.2", agent=MATE, queue="", ani=ME, dnis=MATE),
    )  # fmt: skip
    assert stages(scene) == [Stage.CALLING]
    assert scene.desk.lines[0].who == "Bert Cole"
    assert scene.desk.last_dialled == MATE


def test_a_caller_in_a_flow_is_there_and_what_he_keyed_comes_back() -> None:
    scene = Scene().speaking()
    scene.tell(
        SentToIvr(call="c1", flow="pin", agent=ME), Held(call="c1", leg="c1.1", by=Party.AGENT)
    )
    assert stages(scene) == [Stage.IVR]
    scene.tell(DigitsDetected(call="c1", leg="c1.0", digits="***"))
    scene.tell(
        ReturnedFromIvr(call="c1", flow="pin", agent=ME, outcome="ok", data={"pin_ok": "yes"})
    )
    (line,) = scene.desk.lines
    assert line.data["pin_ok"] == "yes"
    assert line.data["digits"] == "***"


def test_data_and_the_recordings_state_are_kept_with_the_call() -> None:
    scene = Scene().speaking()
    scene.tell(DataAssociated(call="c1", data={"order": "600519"}))
    scene.tell(RecordingPaused(call="c1", path="c1.wav"))
    (line,) = scene.desk.lines
    assert (line.recording, line.paused, line.data["order"]) == (True, True, "600519")
    scene.tell(RecordingResumed(call="c1", path="c1.wav"))
    assert not scene.desk.lines[0].paused


def test_after_call_work_knows_whose_call_it_was_and_that_it_was_said() -> None:
    scene = Scene().wrapping()
    wrapping = scene.desk.wrapping
    assert wrapping is not None
    assert (wrapping.who, wrapping.queue, wrapping.limit_s) == ("王芳", "orders", 30.0)
    assert wrapping.customer == CUSTOMER
    scene.tell(WrappedUp(agent=ME, call="c1", disposition="sold"))
    assert scene.desk.wrapping is not None
    assert scene.desk.wrapping.said
    scene.tell(AgentReady(agent=ME))
    assert scene.desk.wrapping is None


def test_after_a_break_the_desk_goes_on_from_the_state_it_is_given() -> None:
    scene = Scene().speaking()
    me = AgentView(agent=ME, state=AgentState.BUSY, queues=("orders",), since=NOON)
    call = CallView(
        call="c1", ani="13800138000", dnis="95500", trunk="t", offered_at=NOON,
        legs=(
            LegView(leg="c1.0", party="caller", state="connected"),
            LegView(leg="c1.1", party="agent", state="hold", agent=ME),
        ),
    )  # fmt: skip
    scene.desk.begin(SnapshotResult(seq=90, at=NOON + 300, agents=(me,), calls=(call,)))
    (line,) = scene.desk.lines
    # What was known of the caller is known still; what happened meanwhile counts.
    assert (line.stage, line.who) == (Stage.HELD, "王芳")
    scene.desk.begin(SnapshotResult(seq=95, at=NOON + 400, agents=(me,)))
    assert scene.desk.lines == ()


def test_a_seat_is_locked_until_it_is_opened() -> None:
    scene = Scene()
    scene.tell(SeatLocked(agent=ME), AgentNotReady(agent=ME, reason="locked"))
    assert scene.desk.seat.locked
    scene.tell(SeatOpened(agent=ME, by=ME))
    assert not scene.desk.seat.locked


def test_what_is_said_of_others_changes_nothing() -> None:
    scene = Scene()
    before = scene.desk.seat
    scene.tell(AgentReady(agent=MATE), AgentBusy(agent=MATE, call="c9"))
    assert scene.desk.seat == before


def test_figures_of_the_day_are_made_of_records() -> None:
    day = Scene().desk.day
    assert (day.handled, day.queued, day.in_level) == (3, 3, 3)
    assert day.aht_s == pytest.approx((180 + 60 + 240 + 30) / 3)
    assert day.level == 1.0


def test_occupancy_is_the_share_of_time_on_calls_of_time_for_calls() -> None:
    scene = Scene()
    assert scene.desk.figures(scene.now).occupancy is None
    scene.tell(AgentReady(agent=ME), after=0)
    scene.tell(AgentBusy(agent=ME, call="c"), after=30)
    assert scene.desk.figures(scene.now + 10).occupancy == pytest.approx(10 / 40)
    scene.tell(AgentNotReady(agent=ME, reason="lunch"), after=30)
    # Lunch does not count.
    assert scene.desk.figures(scene.now + 1000).occupancy == pytest.approx(30 / 60)
