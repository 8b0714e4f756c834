"""Other people's calls: listening, taking over, picking up, deflecting, parking; locked seats; codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.centre import DOMAIN, VirtualCentre

from ccd.control.errors import ControlError, Refused
from ccd.events import (
    AgentNotReady,
    Diverted,
    Joined,
    Parked,
    SeatLocked,
    SeatOpened,
    Transferred,
    Unparked,
)
from ccd.model import ListenMode
from ccd.sip.auth import Credentials
from ccd.switch.call import Call, Leg

SILENT, WHISPER, ACTIVE = ListenMode.SILENT, ListenMode.WHISPER, ListenMode.ACTIVE


class Scene:
    """agent1 is ready, agent2 and agent3 are at their desks and not ready; one caller."""

    def __init__(self, folder: Path, *, talking: bool = True) -> None:
        self.centre = VirtualCentre(folder, agents=3, ring_timeout_s=5.0)
        self.control = self.centre.centre.control
        self.centre.staff("agent1")
        self.phones = self.centre.phones
        if not talking:
            self.phones["agent1"].answers_after = None
        for name in ("agent2", "agent3"):
            phone = self.phones[name]
            phone.answers_after = 0.5
            self.centre.do(
                lambda phone=phone, name=name: phone.register(self.centre.hop, f"{name}-secret")
            )  # type: ignore[misc]
            self.centre.centre.acd.log_on(name)
        self.centre.caller_in_queue()
        self.centre.run(2.0)
        self.call: Call = self.centre.call

    def do(self, act: Any, seconds: float = 1.0) -> None:
        self.centre.do(act, seconds)

    def dial(self, agent: str, number: str, seconds: float) -> None:
        """At his phone, which proves that it is his."""
        phone = self.phones[agent]

        def call() -> None:
            phone.session = phone.agent.invite(
                f"sip:{number}@{DOMAIN}",
                self.centre.hop,
                from_=f"<sip:{agent}@{DOMAIN}>",
                to=f"<sip:{number}@{DOMAIN}>",
                sdp=phone.negotiation.offer(phone.media()),
                credentials=Credentials(agent, f"{agent}-secret"),
                now=self.centre.network.now,
            )

        self.do(call, seconds)

    def leg(self, agent: str) -> Leg:
        (leg,) = self.centre.centre.switch.legs_of(agent)
        return leg

    def hears(self, listener: Leg | str) -> set[str]:
        leg = self.leg(listener) if isinstance(listener, str) else listener
        legs = {
            each.node: each.agent or "caller"
            for call in self.centre.centre.switch.calls.values()
            for each in call.legs
        }
        sources = self.centre.bay.sources(leg.node)
        heard = {legs[node] for node in sources if node in legs}
        return heard | ({"music"} if self.centre.bay.files_heard(leg.node) else set())

    def states(self) -> list[str]:
        return [self.centre.agent_state(f"agent{number}") for number in (1, 2, 3)]

    def over(self) -> None:
        """The caller hangs up, and nothing is left."""
        self.centre.do(self.centre.caller.hang_up)
        assert self.centre.agent_state("agent2") == "not_ready"
        self.centre.assert_nothing_left()


@pytest.fixture
def talking(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def ringing(tmp_path: Path) -> Scene:
    return Scene(tmp_path, talking=False)


def listen(scene: Scene, mode: ListenMode = SILENT, role: str = "supervisor") -> None:
    scene.do(
        lambda: scene.control.supervision.join_call("agent2", mode, role=role, to_agent="agent1"),
        2.0,
    )


# --- supervision ------------------------------------------------------------------------------


def test_a_supervisor_listens_whispers_and_barges_in_without_a_new_ring(talking: Scene) -> None:
    listen(talking)
    assert talking.hears("agent2") == {"caller", "agent1"}
    assert talking.hears("agent1") == {"caller"}
    listen(talking, WHISPER)
    assert talking.hears("agent1") == {"caller", "agent2"}
    assert talking.hears(talking.call.caller) == {"agent1"}
    listen(talking, ACTIVE)
    assert talking.hears(talking.call.caller) == {"agent1", "agent2"}
    assert [event.mode for event in talking.centre.told(Joined)] == [SILENT, WHISPER, ACTIVE]
    assert talking.states() == ["busy", "busy", "not_ready"]
    talking.over()


def test_a_supervisor_who_hangs_up_leaves_the_others_alone(talking: Scene) -> None:
    listen(talking)
    talking.do(talking.phones["agent2"].hang_up)
    assert talking.hears("agent1") == {"caller"}
    assert talking.states() == ["busy", "not_ready", "not_ready"]
    talking.over()


def test_a_supervisor_who_does_not_answer_is_what_he_was(talking: Scene) -> None:
    talking.phones["agent2"].answers_after = None
    listen(talking)
    assert talking.states()[1] == "busy"
    talking.centre.run(60.0)
    assert talking.states() == ["busy", "not_ready", "not_ready"]
    talking.over()


def test_the_caller_hangs_up_while_the_supervisors_phone_rings(talking: Scene) -> None:
    talking.phones["agent2"].answers_after = None
    listen(talking)
    talking.over()


def test_qa_may_listen_silently_only(talking: Scene) -> None:
    join = talking.control.supervision.join_call
    with pytest.raises(ControlError, match="silently only") as refused:
        join("agent2", WHISPER, role="qa", to_agent="agent1")
    assert refused.value.code is Refused.NOT_ALLOWED
    listen(talking, SILENT, "qa")
    assert talking.hears("agent2") == {"caller", "agent1"}
    with pytest.raises(ControlError, match="takes no calls over"):
        talking.control.supervision.take_over_call("agent2", role="qa")
    talking.over()


def test_nobody_listens_to_who_has_no_call(talking: Scene) -> None:
    with pytest.raises(ControlError, match="speaks in no call") as refused:
        talking.control.supervision.join_call("agent2", SILENT, role="admin", to_agent="agent3")
    assert refused.value.code is Refused.WRONG_STATE


def test_a_supervisor_takes_a_call_over(talking: Scene) -> None:
    listen(talking)
    talking.do(lambda: talking.control.supervision.take_over_call("agent2", role="supervisor"))
    assert talking.hears("agent2") == {"caller"}
    assert talking.hears(talking.call.caller) == {"agent2"}
    assert talking.states() == ["ready", "busy", "not_ready"]
    assert talking.centre.told(Transferred)[0].to_agent == "agent2"
    talking.over()
    assert talking.centre.records[talking.call.id].agent == "agent2"


def test_a_supervisors_call_with_a_colleague_is_his_own_affair(talking: Scene) -> None:
    talking.over()
    talking.control._roles["agent2"] = "supervisor"
    talking.do(lambda: talking.control.calls.make_call("agent2", "agent3"), 3.0)
    join = talking.control.supervision.join_call
    with pytest.raises(ControlError, match="for admin") as refused:
        join("agent1", SILENT, role="supervisor", to_agent="agent3")
    assert refused.value.code is Refused.NOT_ALLOWED
    talking.do(lambda: join("agent1", SILENT, role="admin", to_agent="agent3"), 2.0)
    assert talking.hears("agent1") == {"agent2", "agent3"}
    talking.do(lambda: talking.control.calls.clear_call("agent2"))
    talking.centre.assert_nothing_left()


def test_the_agent_hangs_up_while_the_supervisor_listens(talking: Scene) -> None:
    listen(talking)
    talking.do(talking.phones["agent1"].hang_up)
    assert talking.states() == ["ready", "not_ready", "not_ready"]
    talking.centre.assert_nothing_left()


# --- pickup and deflect -------------------------------------------------------------------------


def test_a_ringing_call_is_picked_up_without_rona(ringing: Scene) -> None:
    ringing.do(lambda: ringing.control.pickup.directed_pickup("agent2", "agent1"), 2.0)
    assert ringing.hears(ringing.call.caller) == {"agent2"}
    assert ringing.states() == ["ready", "busy", "not_ready"]
    (diverted,) = ringing.centre.told(Diverted)
    assert (diverted.agent, diverted.to, diverted.why) == ("agent1", "agent2", "picked_up")
    assert not [event for event in ringing.centre.told(AgentNotReady) if event.reason == "rona"]
    ringing.over()


def test_group_pickup_takes_what_rings_in_the_same_queue(ringing: Scene) -> None:
    ringing.do(lambda: ringing.control.pickup.group_pickup("agent2"), 2.0)
    assert ringing.hears(ringing.call.caller) == {"agent2"}
    ringing.over()


def test_who_picks_up_and_does_not_answer_leaves_the_call_in_its_queue(ringing: Scene) -> None:
    ringing.phones["agent2"].answers_after = None
    ringing.do(lambda: ringing.control.pickup.directed_pickup("agent2", "agent1"), 1.0)
    ringing.phones["agent1"].answers_after = 0.5
    ringing.centre.run(8.0)
    assert ringing.hears(ringing.call.caller) == {"agent1"}
    assert ringing.states() == ["busy", "not_ready", "not_ready"]
    ringing.over()


def test_the_caller_hangs_up_while_it_rings_at_who_picked_it_up(ringing: Scene) -> None:
    ringing.phones["agent2"].answers_after = None
    ringing.do(lambda: ringing.control.pickup.directed_pickup("agent2", "agent1"), 1.0)
    ringing.over()


def test_what_does_not_ring_is_not_picked_up(talking: Scene) -> None:
    with pytest.raises(ControlError, match="no phone rings") as refused:
        talking.control.pickup.directed_pickup("agent2", "agent1")
    assert refused.value.code is Refused.WRONG_STATE


def test_a_colleagues_call_is_picked_up_and_rings_back_where_nobody_answers(
    talking: Scene,
) -> None:
    talking.over()
    talking.phones["agent3"].answers_after = None
    talking.do(lambda: talking.control.calls.make_call("agent2", "agent3"), 2.0)
    talking.phones["agent1"].answers_after = None
    talking.do(lambda: talking.control.pickup.directed_pickup("agent1", "agent3"), 2.0)
    talking.phones["agent3"].answers_after = 0.5
    talking.do(lambda: talking.control.calls.clear_connection("agent1"), 2.0)
    assert talking.hears("agent2") == {"agent3"}
    talking.do(lambda: talking.control.calls.clear_call("agent2"))
    talking.centre.assert_nothing_left()


def test_a_colleagues_call_whose_taker_is_busy_rings_back(talking: Scene) -> None:
    talking.over()
    talking.phones["agent3"].answers_after = None
    talking.do(lambda: talking.control.calls.make_call("agent2", "agent3"), 2.0)
    talking.phones["agent3"].answers_after = 0.5
    talking.phones["agent1"].refuses_with = 486
    talking.do(lambda: talking.control.pickup.directed_pickup("agent1", "agent3"), 3.0)
    assert talking.hears("agent2") == {"agent3"}
    talking.do(lambda: talking.control.calls.clear_call("agent2"))
    talking.centre.assert_nothing_left()


def test_an_agent_deflects_to_a_colleague(ringing: Scene) -> None:
    ringing.do(lambda: ringing.control.pickup.deflect_call("agent1", "agent3"), 2.0)
    assert ringing.hears(ringing.call.caller) == {"agent3"}
    assert ringing.states() == ["ready", "not_ready", "busy"]
    (diverted,) = ringing.centre.told(Diverted)
    assert (diverted.to, diverted.why) == ("agent3", "deflected")
    ringing.over()


def test_an_agent_who_takes_no_more_deflects_to_his_queue(ringing: Scene) -> None:
    ringing.centre.centre.acd.not_ready("agent1", "lunch")
    ringing.centre.centre.acd.ready("agent3")
    ringing.do(lambda: ringing.control.pickup.deflect_call("agent1", "queue:orders"), 2.0)
    assert ringing.centre.told(Diverted)[0].to == "orders"
    assert ringing.hears(ringing.call.caller) == {"agent3"}
    ringing.over()


def test_a_deflected_call_that_nobody_answers_is_back_in_its_queue(ringing: Scene) -> None:
    ringing.phones["agent3"].refuses_with = 486
    ringing.phones["agent1"].answers_after = 0.5
    ringing.do(lambda: ringing.control.pickup.deflect_call("agent1", "agent3"), 4.0)
    assert ringing.hears(ringing.call.caller) == {"agent1"}
    assert ringing.states() == ["busy", "not_ready", "not_ready"]
    ringing.over()


def test_an_answer_that_crosses_a_pickup_comes_too_late(ringing: Scene) -> None:
    ringing.centre.network.delay = 0.3
    phone = ringing.phones["agent1"]
    assert phone.session is not None
    session = phone.session
    ringing.do(lambda: ringing.control.pickup.directed_pickup("agent2", "agent1"), 0.1)
    ringing.do(lambda: phone._pick_up(session), 4.0)
    assert ringing.hears(ringing.call.caller) == {"agent2"}
    assert ringing.states() == ["ready", "busy", "not_ready"]
    assert phone.is_over
    ringing.over()


def test_who_is_on_the_phone_picks_nothing_up(ringing: Scene) -> None:
    ringing.do(lambda: ringing.control.calls.make_call("agent2", "agent3"), 3.0)
    with pytest.raises(ControlError, match="without a call") as refused:
        ringing.control.pickup.group_pickup("agent2")
    assert refused.value.code is Refused.WRONG_STATE
    ringing.do(lambda: ringing.control.calls.clear_call("agent2"))
    ringing.over()


# --- parking --------------------------------------------------------------------------------------


def test_a_call_is_parked_and_taken_at_another_desk(talking: Scene) -> None:
    talking.do(lambda: talking.control.parking.park_call("agent1"))
    assert talking.centre.told(Parked)[0].place == "701"
    assert talking.hears(talking.call.caller) == {"music"}
    assert talking.states() == ["ready", "not_ready", "not_ready"]
    talking.do(lambda: talking.control.parking.unpark_call("agent2", "701"), 2.0)
    assert talking.hears(talking.call.caller) == {"agent2"}
    assert talking.centre.told(Unparked)[0].agent == "agent2"
    assert not talking.control.parking.parked()
    talking.over()


def test_a_parked_call_comes_back_to_who_parked_it_then_to_the_queue(talking: Scene) -> None:
    talking.phones["agent1"].answers_after = None
    talking.do(lambda: talking.control.parking.park_call("agent1", "705"))
    talking.centre.run(120.0)
    assert talking.centre.told(Unparked)[0].agent is None
    assert talking.states()[0] == "busy"
    talking.phones["agent1"].answers_after = 0.5
    talking.centre.run(40.0)
    assert talking.hears(talking.call.caller) == {"agent1"}
    talking.over()


def test_a_parked_call_that_nobody_wants_waits_in_its_queue(talking: Scene) -> None:
    talking.do(lambda: talking.control.parking.park_call("agent1"))
    talking.centre.centre.acd.not_ready("agent1", "lunch")
    talking.phones["agent1"].refuses_with = 486
    talking.centre.run(125.0)
    assert talking.centre.centre.acd.position(talking.call.id) == 1
    talking.centre.centre.acd.ready("agent3")
    talking.centre.run(2.0)
    assert talking.hears(talking.call.caller) == {"agent3"}
    talking.over()


def test_who_takes_a_parked_call_and_does_not_answer_leaves_it_there(talking: Scene) -> None:
    talking.do(lambda: talking.control.parking.park_call("agent1"))
    talking.phones["agent2"].refuses_with = 486
    talking.do(lambda: talking.control.parking.unpark_call("agent2", "701"), 2.0)
    assert talking.states()[1] == "not_ready"
    assert [each.place for each in talking.control.parking.parked()] == ["701"]
    assert talking.hears(talking.call.caller) == {"music"}
    talking.over()


def test_a_colleague_is_parked(talking: Scene) -> None:
    talking.over()
    talking.do(lambda: talking.control.calls.make_call("agent2", "agent3"), 3.0)
    talking.do(lambda: talking.control.parking.park_call("agent3"))
    assert talking.hears("agent2") == {"music"}
    talking.do(lambda: talking.control.parking.unpark_call("agent3", "701"), 2.0)
    assert talking.hears("agent2") == {"agent3"}
    talking.do(lambda: talking.control.calls.clear_call("agent2"))
    assert talking.states()[1:] == ["not_ready", "not_ready"]
    talking.centre.assert_nothing_left()


def test_who_parked_it_is_rung_where_a_late_taker_does_not_answer(talking: Scene) -> None:
    talking.phones["agent2"].answers_after = None
    talking.do(lambda: talking.control.parking.park_call("agent1"), 110.0)
    talking.do(lambda: talking.control.parking.unpark_call("agent2", "701"), 35.0)
    assert talking.hears(talking.call.caller) == {"agent1"}
    talking.over()


def test_who_is_parked_hangs_up(talking: Scene) -> None:
    talking.do(lambda: talking.control.parking.park_call("agent1"))
    talking.over()
    assert not talking.control.parking.parked()


def test_who_is_parked_hangs_up_while_the_takers_phone_rings(talking: Scene) -> None:
    talking.phones["agent2"].answers_after = None
    talking.do(lambda: talking.control.parking.park_call("agent1"))
    talking.do(lambda: talking.control.parking.unpark_call("agent2", "701"), 2.0)
    talking.over()


def test_a_place_has_one_call(talking: Scene) -> None:
    parking = talking.control.parking
    with pytest.raises(ControlError, match="no parking place") as refused:
        parking.park_call("agent1", "999")
    assert refused.value.code is Refused.BAD_ARGS
    with pytest.raises(ControlError, match="no call is parked") as refused:
        parking.unpark_call("agent2", "701")
    assert refused.value.code is Refused.UNKNOWN_CALL


# --- codes ------------------------------------------------------------------------------------------


def test_a_code_at_a_phone_picks_up(ringing: Scene) -> None:
    ringing.dial("agent2", "*8", 3.0)
    assert ringing.hears(ringing.call.caller) == {"agent2"}
    ringing.over()


def test_a_code_at_a_phone_parks_the_call_that_it_holds(talking: Scene) -> None:
    talking.dial("agent1", "*7", 3.0)
    assert [event.agent for event in talking.centre.told(Parked)] == ["agent1"]
    assert talking.hears(talking.call.caller) == {"music"}
    talking.dial("agent2", "701", 3.0)
    assert talking.hears(talking.call.caller) == {"agent2"}
    talking.over()


def test_a_slots_number_takes_a_parked_call_back(talking: Scene) -> None:
    talking.do(lambda: talking.control.parking.park_call("agent1"))
    talking.dial("agent2", "701", 3.0)
    assert talking.hears(talking.call.caller) == {"agent2"}
    talking.over()


# --- seats ------------------------------------------------------------------------------------------


def test_a_locked_seat_refuses_and_keeps_its_call(talking: Scene) -> None:
    seats = talking.control.seats
    talking.do(lambda: seats.lock_seat("agent1"))
    with pytest.raises(ControlError, match="locked") as refused:
        talking.control.calls.hold_call("agent1")
    assert refused.value.code is Refused.LOCKED
    assert talking.hears("agent1") == {"caller"}
    talking.over()
    assert talking.states()[0] == "not_ready"
    talking.do(lambda: seats.open_seat("agent1", "agent2"))
    assert talking.centre.told(SeatLocked)[0].agent == "agent1"
    assert talking.centre.told(SeatOpened)[0].by == "agent2"
    talking.centre.centre.acd.ready("agent1")
    assert talking.states()[0] == "ready"


def test_a_seat_that_is_not_locked_is_not_opened(talking: Scene) -> None:
    with pytest.raises(ControlError, match="not locked"):
        talking.control.seats.open_seat("agent1", "agent2")
