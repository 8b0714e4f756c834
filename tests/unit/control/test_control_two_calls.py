"""An agent with two calls: consultation, alternate, reconnect, transfer, conference; who hears whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.centre import VirtualCentre

from ccd.control.errors import ControlError, Refused
from ccd.events import (
    AgentWorkingAfterCall,
    CallCleared,
    Conferenced,
    Delivered,
    Dequeued,
    Held,
    Retrieved,
    Transferred,
)
from ccd.model import Outcome
from ccd.switch.call import Call, Leg


class Scene:
    """A caller with agent1; agent2 and agent3 are at their desks, not ready."""

    def __init__(self, folder: Path, **queue: Any) -> None:
        self.centre = VirtualCentre(folder, agents=3, ring_timeout_s=5.0, **queue)
        self.centre.staff("agent1")
        self.centre.caller_in_queue()
        self.centre.run(2.0)
        for name in ("agent2", "agent3"):
            phone = self.centre.phones[name]
            phone.answers_after = 0.5
            self.centre.do(
                lambda phone=phone, name=name: phone.register(self.centre.hop, f"{name}-secret")
            )  # type: ignore[misc]
            self.centre.centre.acd.log_on(name)
        self.first: Call = self.centre.call
        self.verbs = self.centre.centre.control.calls

    def do(self, verb: str, *args: Any, seconds: float = 1.0, **named: Any) -> None:
        self.centre.do(lambda: getattr(self.verbs, verb)(*args, **named), seconds)

    @property
    def caller(self) -> Leg:
        return self.first.caller

    def leg(self, agent: str) -> Leg:
        (leg,) = self.centre.centre.switch.legs_of(agent)
        return leg

    def hears(self, listener: Leg | str) -> set[str]:
        """Whom a party hears, by name; `music` where it is that."""
        leg = self.leg(listener) if isinstance(listener, str) else listener
        legs = {
            each.node: each.agent or "caller"
            for call in self.centre.centre.switch.calls.values()
            for each in call.legs
        }
        sources = self.centre.bay.sources(leg.node)
        heard = {legs[node] for node in sources if node in legs}
        return heard | ({"music"} if self.centre.bay.files_heard(leg.node) else set())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_consultation_holds_the_caller(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=0.2)
    assert scene.hears(scene.caller) == {"music"}
    assert scene.hears("agent1") == set()  # ringback is no file
    assert scene.centre.bay.sources(scene.leg("agent1").node) != set()
    scene.centre.run(1.0)
    assert scene.hears("agent1") == {"agent2"}
    assert scene.hears("agent2") == {"agent1"}
    assert scene.hears(scene.caller) == {"music"}
    (held,) = scene.centre.told(Held)
    assert (held.call, held.leg) == (scene.first.id, scene.leg("agent1").id)
    assert scene.centre.agent_state("agent2") == "busy"


def test_the_consulted_is_told_what_the_caller_brought(scene: Scene) -> None:
    scene.do("associate_data", "agent1", {"account": "6222"})
    scene.do("consultation_call", "agent1", "agent2")
    assert scene.centre.told(Delivered)[-1].data["account"] == "6222"


def test_alternate_and_back(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.do("alternate_call", "agent1")
    assert scene.hears("agent1") == {"caller"}
    assert scene.hears(scene.caller) == {"agent1"}
    assert scene.hears("agent2") == {"music"}
    scene.do("alternate_call", "agent1")
    assert scene.hears("agent1") == {"agent2"}
    assert scene.hears(scene.caller) == {"music"}
    assert len(scene.centre.told(Retrieved)) == 2


def test_reconnect_ends_the_consultation(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.do("reconnect_call", "agent1")
    assert scene.hears("agent1") == {"caller"}
    assert scene.hears(scene.caller) == {"agent1"}
    assert scene.centre.phones["agent2"].is_over
    assert scene.centre.agent_state("agent2") == "not_ready"
    assert len(scene.centre.told(CallCleared)) == 1


def test_a_transfer_after_consultation(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    second = scene.leg("agent1").call
    scene.do("transfer_call", "agent1")
    assert scene.hears(scene.caller) == {"agent2"}
    assert scene.hears("agent2") == {"caller"}
    (transferred,) = scene.centre.told(Transferred)
    assert (transferred.call, transferred.secondary) == (scene.first.id, second.id)
    assert (transferred.agent, transferred.to_agent) == ("agent1", "agent2")
    assert scene.centre.agent_state("agent1") == "ready"
    assert scene.centre.agent_state("agent2") == "busy"
    scene.centre.do(scene.centre.caller.hang_up)
    assert scene.centre.records[scene.first.id].agent == "agent2"
    assert scene.centre.agent_state("agent2") == "not_ready"
    scene.centre.assert_nothing_left()


def test_a_transfer_while_the_colleague_still_rings(scene: Scene) -> None:
    scene.centre.phones["agent2"].answers_after = 2.0
    scene.do("consultation_call", "agent1", "agent2", seconds=0.5)
    scene.do("transfer_call", "agent1", seconds=0.5)
    assert scene.hears(scene.caller) == {"music"}
    assert scene.centre.agent_state("agent1") == "ready"
    scene.centre.run(2.0)
    assert scene.hears(scene.caller) == {"agent2"}
    assert scene.centre.agent_state("agent2") == "busy"
    scene.centre.do(scene.centre.caller.hang_up)
    scene.centre.assert_nothing_left()


def test_a_conference_of_three_and_who_leaves_it(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.do("conference_call", "agent1")
    assert scene.hears(scene.caller) == {"agent1", "agent2"}
    assert scene.hears("agent1") == {"caller", "agent2"}
    assert scene.hears("agent2") == {"caller", "agent1"}
    assert len(scene.centre.told(Conferenced)[0].legs) == 3
    scene.do("clear_connection", "agent1")
    assert scene.hears(scene.caller) == {"agent2"}
    assert scene.centre.agent_state("agent1") == "ready"
    assert scene.centre.agent_state("agent2") == "busy"
    scene.centre.do(scene.centre.caller.hang_up)
    scene.centre.assert_nothing_left()


def test_a_fourth_is_brought_in_at_once(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.do("conference_call", "agent1")
    scene.do("single_step_conference", "agent1", "agent3", seconds=2.0)
    assert scene.hears(scene.caller) == {"agent1", "agent2", "agent3"}
    scene.centre.do(scene.centre.phones["agent2"].hang_up)
    assert scene.hears(scene.caller) == {"agent1", "agent3"}
    assert scene.centre.agent_state("agent2") == "not_ready"
    scene.centre.do(scene.centre.caller.hang_up)
    assert scene.hears("agent1") == {"agent3"}  # colleagues may go on without him
    scene.do("clear_call", "agent1")
    scene.centre.assert_nothing_left()


def test_hold_and_retrieve(scene: Scene) -> None:
    scene.do("hold_call", "agent1")
    assert scene.hears(scene.caller) == {"music"}
    assert scene.hears("agent1") == set()
    scene.do("retrieve_call", "agent1")
    assert scene.hears(scene.caller) == {"agent1"}


def test_a_call_to_a_colleague_and_its_end(scene: Scene) -> None:
    scene.do("make_call", "agent2", "agent3", seconds=3.0)
    assert scene.hears("agent2") == {"agent3"}
    assert scene.centre.agent_state("agent2") == scene.centre.agent_state("agent3") == "busy"
    scene.centre.do(scene.centre.phones["agent3"].hang_up)
    assert scene.centre.phones["agent2"].is_over
    assert scene.centre.agent_state("agent2") == scene.centre.agent_state("agent3") == "not_ready"


def test_a_busy_colleague_is_refused_at_once(scene: Scene) -> None:
    with pytest.raises(ControlError, match="busy") as refused:
        scene.verbs.make_call("agent2", "agent1")
    assert refused.value.code is Refused.BUSY
    assert scene.centre.agent_state("agent2") == "not_ready"


def test_who_consults_and_is_hung_up_on_has_his_caller_still(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.centre.do(scene.centre.phones["agent2"].hang_up)
    assert scene.hears(scene.caller) == {"music"}
    scene.do("retrieve_call", "agent1")
    assert scene.hears(scene.caller) == {"agent1"}


def test_a_consultation_that_nobody_answers(scene: Scene) -> None:
    scene.centre.phones["agent2"].refuses_with = 486
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    assert scene.centre.bay.sources(scene.leg("agent1").node) != set()  # a busy tone
    scene.do("reconnect_call", "agent1")
    assert scene.hears(scene.caller) == {"agent1"}
    scene.centre.do(scene.centre.caller.hang_up)
    scene.centre.assert_nothing_left()


def test_help_is_called_from_a_locked_seat_and_nobody_else(scene: Scene) -> None:
    scene.centre.centre.control.seats.lock_seat("agent2")
    with pytest.raises(ControlError) as refused:
        scene.verbs.make_call("agent2", "agent3")
    assert refused.value.code in (Refused.LOCKED, Refused.NOT_ALLOWED)
    call = scene.verbs.make_call("agent2", "110")
    assert call.initiator == "agent2"
    with pytest.raises(ControlError, match="locked"):
        scene.verbs.clear_call("agent2")


# --- a queue is consulted ------------------------------------------------------------------------


def test_who_was_only_consulted_has_nothing_to_wrap_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path, wrap_up_s=30.0)
    scene.centre.centre.acd.ready("agent2")
    scene.do("consultation_call", "agent1", "queue:orders", seconds=2.0)
    assert scene.hears("agent2") == {"agent1"}
    assert scene.hears(scene.caller) == {"music"}
    scene.do("reconnect_call", "agent1")
    assert scene.hears(scene.caller) == {"agent1"}
    assert scene.centre.agent_state("agent2") == "ready"
    scene.centre.do(scene.centre.caller.hang_up)
    assert scene.centre.agent_state("agent1") == "wrap_up"


def test_who_gets_the_caller_from_a_consultation_wraps_that_call_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path, wrap_up_s=30.0)
    scene.centre.centre.acd.ready("agent2")
    scene.do("consultation_call", "agent1", "queue:orders", seconds=2.0)
    scene.do("transfer_call", "agent1")
    assert scene.hears("agent2") == {"caller"}
    assert scene.centre.agent_state("agent2") == "busy"
    scene.centre.do(scene.centre.caller.hang_up)
    assert scene.centre.agent_state("agent2") == "wrap_up"
    working = scene.centre.told(AgentWorkingAfterCall)
    assert [event.call for event in working if event.agent == "agent2"] == [scene.first.id]


def test_a_colleague_who_waits_no_longer_has_abandoned_nothing(scene: Scene) -> None:
    scene.do("consultation_call", "agent1", "queue:orders", seconds=3.0)
    consultation = scene.leg("agent1").call
    scene.do("reconnect_call", "agent1")
    left = [event for event in scene.centre.told(Dequeued) if event.call == consultation.id]
    assert [event.reason for event in left] == ["withdrawn"]
    assert scene.centre.records[consultation.id].outcome is Outcome.UNREACHED
    scene.centre.do(scene.centre.caller.hang_up)
    scene.centre.assert_nothing_left()
