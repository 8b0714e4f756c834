"""An agent sends his caller through a flow: who hears whom, what is recorded, and every way it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.centre import FLOW, SERVICE, VirtualCentre

from ccd.control.errors import ControlError, Refused
from ccd.control.situations import Situation
from ccd.events import (
    AgentReady,
    Bridged,
    CallCleared,
    DataAssociated,
    Held,
    RecordingStarted,
    RecordingStopped,
    Retrieved,
    ReturnedFromIvr,
    SentToIvr,
    Transferred,
)
from ccd.ivr.reader import parse
from ccd.model import Cause
from ccd.switch.call import Call, Leg

PIN = """\
version: 1
name: pin
start: account
fallback: gave_up
steps:
  account: {type: collect, prompt: {play: account.wav}, into: account, max_digits: 4, next: pin}
  pin: {type: collect, prompt: {play: pin.wav}, into: pin, max_digits: 4, secret: true, next: what}
  what:
    type: menu
    prompt: {play: what.wav}
    choices: {"1": ok, "2": bye, "3": orders}
  ok: {type: return, outcome: ok}
  gave_up: {type: return, outcome: gave_up, prompt: {play: sorry.wav}}
  bye: {type: hangup}
  orders: {type: queue, queue: orders}
"""
KEYED = "12349876"
"""Account and PIN."""


class Scene:
    """A caller with agent1; agent2 is at his desk, not ready."""

    def __init__(self, folder: Path) -> None:
        self.centre = VirtualCentre(folder, agents=2, ring_timeout_s=5.0)
        flow, _ = parse(PIN, queues=["orders"])
        self.flows = {SERVICE: parse(FLOW)[0]}
        self.centre.centre.ivr.change_flows(self.flows, {"check_pin": flow})
        self.centre.staff("agent1")
        self.centre.caller_in_queue()
        self.centre.run(2.0)
        phone = self.centre.phones["agent2"]
        phone.answers_after = 0.5
        self.centre.do(lambda: phone.register(self.centre.hop, "agent2-secret"))
        self.centre.centre.acd.log_on("agent2")
        self.first: Call = self.centre.call
        self.verbs = self.centre.centre.control.calls
        self.loans = self.centre.centre.control.ivr_loans

    def do(self, verb: str, *args: Any, seconds: float = 0.5) -> None:
        self.centre.do(lambda: getattr(self.verbs, verb)(*args), seconds)

    def send(self, **data: str) -> None:
        self.centre.do(lambda: self.loans.send("agent1", "check_pin", None, data), 0.2)

    def key(self, digits: str) -> None:
        for digit in digits:
            self.centre.do(lambda d=digit: self.centre.bay.press(self.first.caller.node, d), 0.1)  # type: ignore[misc]

    def leg(self, agent: str) -> Leg:
        (leg,) = self.centre.centre.switch.legs_of(agent)
        return leg

    def hears(self, leg: Leg | str) -> set[str]:
        """Whom a party hears, by name, and which files."""
        node = self.leg(leg).node if isinstance(leg, str) else leg.node
        legs = {
            each.node: each.agent or "caller"
            for call in self.centre.centre.switch.calls.values()
            for each in call.legs
        }
        sources = self.centre.bay.sources(node)
        return {legs[s] for s in sources if s in legs} | self.centre.bay.files_heard(node)

    @property
    def situations(self) -> list[Situation]:
        return [state for _, _, state in self.verbs.situations("agent1")]

    @property
    def together(self) -> bool:
        return self.hears("agent1") == {"caller"} and self.hears(self.first.caller) == {"agent1"}

    @property
    def outcomes(self) -> list[str]:
        sent = self.centre.told(SentToIvr)
        returned = [event.outcome for event in self.centre.told(ReturnedFromIvr)]
        assert len(sent) == len(returned)
        return returned

    def end(self) -> None:
        self.centre.do(self.centre.caller.hang_up)
        self.centre.assert_nothing_left()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_agent_hears_none_of_it_and_nothing_is_recorded(scene: Scene) -> None:
    assert scene.together
    assert len(scene.centre.bay.recorders) == 1
    scene.send()
    assert scene.situations == [Situation.IN_IVR]
    assert scene.hears(scene.first.caller) == {"account.wav"}
    for _ in range(2):  # during prompts, between them, and after keys
        assert scene.hears("agent1") == set()
        assert not scene.centre.bay.recorders
        assert not [
            sink for source, sink in scene.centre.bay.edges if source == scene.first.caller.node
        ]
        scene.key("1234")
    assert scene.centre.agent_state() == "busy"
    (held,) = scene.centre.told(Held)
    assert held.leg == scene.leg("agent1").id


def test_they_are_together_again_in_a_new_part_of_the_recording(scene: Scene) -> None:
    scene.send(language="zh")
    scene.key(KEYED + "1")
    assert scene.together
    assert scene.situations == [Situation.CONNECTED]
    (returned,) = scene.centre.told(ReturnedFromIvr)
    assert (returned.outcome, returned.data) == ("ok", {"account": "1234"})
    assert [event.data for event in scene.centre.told(DataAssociated)] == [{"account": "1234"}]
    assert scene.first.data["account"] == "1234"
    assert len(scene.centre.told(Retrieved)) == 1
    assert len(scene.centre.told(RecordingStopped)) == 1
    paths = [Path(event.path).name for event in scene.centre.told(RecordingStarted)]
    assert paths == [f"{scene.first.id}.wav", f"{scene.first.id}-2.wav"]
    assert len(scene.centre.bay.recorders) == 1
    assert [line for line in map(repr, scene.centre.events) if "9876" in line] == []
    scene.end()
    assert scene.centre.record.agent == "agent1"


def test_he_is_recalled(scene: Scene) -> None:
    scene.send()
    scene.key("12")
    scene.centre.do(lambda: scene.loans.recall("agent1"))
    assert scene.outcomes == ["recalled"]
    assert scene.together
    scene.send()
    scene.key(KEYED + "1")
    assert scene.outcomes == ["recalled", "ok"]
    assert scene.together
    scene.end()


def test_the_flow_sends_him_to_a_queue(scene: Scene) -> None:
    """The agent is done with him, and is rung for him again only when his own phone is free."""
    scene.centre.phones["agent1"].one_line = True
    scene.send()
    scene.key(KEYED + "3")
    scene.centre.run(3.0)
    assert scene.outcomes == ["queued"]
    assert scene.centre.phones["agent1"].found_busy == 0
    assert len(scene.centre.told(AgentReady)) == 2
    assert len(scene.centre.told(Bridged)) == 2
    assert len(scene.centre.told(Transferred)) == 1
    assert scene.together
    scene.end()


def test_the_queue_of_the_flow_is_closed_by_then(scene: Scene) -> None:
    flow, _ = parse(PIN.replace("queue: orders", "queue: gone"), queues=["gone"])
    scene.centre.centre.ivr.change_flows(scene.flows, {"check_pin": flow})
    scene.send()
    scene.key(KEYED + "3")
    assert scene.outcomes == ["queued"]
    assert scene.together
    scene.end()


def test_the_flow_hangs_up(scene: Scene) -> None:
    scene.send()
    scene.key(KEYED + "2")
    scene.centre.run(1.0)
    assert scene.outcomes == ["hung_up"]
    assert scene.centre.agent_state() == "ready"
    scene.centre.assert_nothing_left()


def test_the_caller_hangs_up(scene: Scene) -> None:
    scene.send()
    scene.centre.do(scene.centre.caller.hang_up)
    assert scene.outcomes == ["caller_left"]
    assert scene.centre.phones["agent1"].is_over
    assert scene.centre.agent_state() == "ready"
    scene.centre.assert_nothing_left()


def test_the_agent_hangs_up(scene: Scene) -> None:
    """As of every caller whose agent hangs up while he holds: he waits again, at his place."""
    scene.send()
    scene.centre.do(scene.centre.phones["agent1"].hang_up)
    assert scene.outcomes == ["agent_left"]
    assert not scene.first.caller_away
    scene.centre.run(3.0)
    assert len(scene.centre.told(Bridged)) == 2
    assert scene.together
    scene.end()


def test_a_media_worker_dies(scene: Scene) -> None:
    scene.send()
    scene.centre.do(lambda: scene.centre.centre.switch.media_lost(0, "killed"))
    scene.centre.run(40.0)
    assert scene.outcomes == ["caller_left"]
    assert [event.cause for event in scene.centre.told(CallCleared)] == [Cause.MEDIA_WORKER_LOST]
    assert scene.centre.agent_state() == "ready"


def test_a_flow_that_fails_gives_him_back(scene: Scene) -> None:
    unprepared = PIN.replace("{play: pin.wav}", "{say: Nobody rendered this.}")
    scene.centre.centre.ivr.change_flows(scene.flows, {"check_pin": parse(unprepared)[0]})
    scene.send()
    scene.key("1234")
    assert scene.outcomes == ["failed"]
    assert scene.together
    scene.end()


def test_a_colleague_is_consulted_meanwhile(scene: Scene) -> None:
    scene.send()
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    assert scene.situations == [Situation.CONSULTING, Situation.ALL_HELD]
    assert scene.hears("agent1") == {"agent2"}
    assert scene.hears(scene.first.caller) == {"account.wav"}
    for verb in ("alternate_call", "transfer_call", "conference_call"):
        with pytest.raises(ControlError, match="recall_from_ivr"):
            getattr(scene.verbs, verb)("agent1")
    with pytest.raises(ControlError, match="recall_from_ivr"):
        scene.verbs.retrieve_call("agent1", scene.first.id)
    scene.key(KEYED + "1")
    assert scene.hears(scene.first.caller) == {"music.wav"}
    assert scene.hears("agent1") == {"agent2"}
    scene.do("alternate_call", "agent1")
    assert scene.together
    scene.do("transfer_call", "agent1")
    assert scene.hears("agent2") == {"caller"}
    scene.end()


def test_he_leaves_the_colleague_and_waits_on(scene: Scene) -> None:
    scene.send()
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.do("reconnect_call", "agent1")
    assert scene.situations == [Situation.IN_IVR]
    assert scene.hears("agent1") == set()
    scene.key(KEYED + "1")
    assert scene.together
    scene.end()


def test_he_is_recalled_while_a_colleague_is_asked(scene: Scene) -> None:
    scene.send()
    scene.do("consultation_call", "agent1", "agent2", seconds=2.0)
    scene.centre.do(lambda: scene.loans.recall("agent1"))
    assert scene.hears(scene.first.caller) == {"music.wav"}
    with pytest.raises(ControlError, match="in no flow"):
        scene.loans.recall("agent1", scene.first.id)
    scene.do("reconnect_call", "agent1")
    assert scene.together
    scene.end()


def test_the_phone_holds_when_he_is_back(scene: Scene) -> None:
    """The phone's own hold is not ours to end."""
    scene.send()
    scene.centre.do(lambda: scene.centre.phones["agent1"].change_media("sendonly"))
    scene.key(KEYED + "1")
    assert scene.hears(scene.first.caller) == {"music.wav"}
    scene.centre.do(lambda: scene.centre.phones["agent1"].change_media("sendrecv"))
    assert scene.together
    scene.end()


@pytest.mark.parametrize(
    "verb",
    [
        *("hold_call", "retrieve_call", "alternate_call", "transfer_call", "conference_call"),
        "reconnect_call",
    ],
)
def test_what_he_cannot_do_meanwhile(scene: Scene, verb: str) -> None:
    scene.send()
    with pytest.raises(ControlError) as refused:
        getattr(scene.verbs, verb)("agent1")
    assert refused.value.code is Refused.WRONG_STATE
    assert "in_ivr" in refused.value.message
    scene.key(KEYED + "1")
    assert scene.together


def test_what_is_refused(scene: Scene) -> None:
    def refused(agent: str, flow: str = "check_pin", call: str | None = None) -> ControlError:
        with pytest.raises(ControlError) as caught:
            scene.loans.send(agent, flow, call)
        return caught.value

    unknown = refused("agent1", "chek_pin")
    assert (unknown.code, unknown.message) == (
        Refused.BAD_ARGS,
        "there is no service flow 'chek_pin': there are check_pin",
    )
    assert refused("agent2").code is Refused.WRONG_STATE
    assert refused("agent1", call="nobody's").code is Refused.UNKNOWN_CALL
    assert refused("nobody").code is Refused.UNKNOWN_AGENT
    scene.verbs.locked.add("agent1")
    assert refused("agent1").code is Refused.LOCKED
    scene.verbs.locked.discard("agent1")
    with pytest.raises(ControlError, match="connected"):
        scene.loans.recall("agent1")
    assert scene.centre.told(SentToIvr) == []
    assert scene.together
    scene.send()
    assert refused("agent1").code is Refused.WRONG_STATE


def test_colleagues_have_no_caller_to_send(scene: Scene) -> None:
    scene.end()
    scene.do("make_call", "agent1", "agent2", seconds=3.0)
    with pytest.raises(ControlError, match="no caller"):
        scene.loans.send("agent1", "check_pin")


def test_a_third_who_still_rings_is_waited_for(scene: Scene) -> None:
    scene.centre.phones["agent2"].answers_after = 2.0
    scene.do("single_step_conference", "agent1", "agent2")
    with pytest.raises(ControlError, match="still rings"):
        scene.loans.send("agent1", "check_pin")
    scene.end()
