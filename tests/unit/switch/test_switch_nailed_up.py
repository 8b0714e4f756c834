"""Nailed-up lines: the phone is called once, and calls are put through to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.centre import SERVICE, Telephone, VirtualCentre

from ccd.config import Phone
from ccd.events import (
    AgentBusy,
    Bridged,
    ConnectionCleared,
    Delivered,
    Established,
    Failed,
    Held,
    LineNailedUp,
    LineReleased,
    QualityReported,
)
from ccd.model import Cause, ConnectionState
from ccd.sip.events import InviteReceived, OfferReceived, Terminated
from ccd.switch.nailed_up import RINGING, ZIP_TONE


def nailed(tmp_path: Path, agents: int = 1, **queue: object) -> VirtualCentre:
    """Agents whose lines are up, and who are ready."""
    centre = VirtualCentre(tmp_path, agents=agents, **queue)
    centre.staff(answers_after=0.2)
    for name in centre.names:
        centre.do(lambda name=name: centre.centre.control.lines.log_on(name, name, True))  # type: ignore[misc]
    assert [event.agent for event in centre.told(LineNailedUp)] == centre.names
    return centre


def invites(phone: Telephone) -> int:
    return len(phone.saw(InviteReceived))


def answer(centre: VirtualCentre, agent: str = "agent1") -> list[object]:
    told: list[object] = []
    centre.do(lambda: centre.centre.control.answering.answer(agent, None, told.append), 0.2)
    return told


def heard(centre: VirtualCentre, agent: str = "agent1") -> list[object]:
    """The sounds that play in an agent's ear."""
    (leg,) = centre.centre.switch.legs_of(agent)
    nodes = centre.bay.sources(leg.node)
    return [play.sounds for node, play in centre.bay.players.items() if node in nodes]


def gone(centre: VirtualCentre) -> None:
    """Everybody logs off; nothing is left."""
    for name in centre.names:
        centre.do(lambda name=name: centre.centre.acd.log_off(name))  # type: ignore[misc]
    centre.assert_nothing_left()


def test_a_call_rings_in_the_ear_and_is_there_when_answered_without_a_sip_message(
    tmp_path: Path,
) -> None:
    centre = nailed(tmp_path)
    phone = centre.phones["agent1"]
    before = len(phone.events)
    centre.caller_in_queue()
    assert centre.agent_state() == "reserved"
    assert heard(centre) == [RINGING]
    assert answer(centre) == [None]
    assert centre.call.bridged
    assert centre.agent_state() == "busy"
    assert heard(centre) == []
    assert len(phone.events) == before
    told = [type(event) for event in centre.events if getattr(event, "agent", "") == "agent1"]
    of_calls = (Delivered, Established, AgentBusy, Bridged)
    assert [kind for kind in told if kind in of_calls] == [
        Delivered,
        Established,
        Bridged,
        AgentBusy,
    ]


def test_both_sides_hear_each_other_and_nobody_else(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    answer(centre)
    (leg,) = centre.centre.switch.legs_of("agent1")
    caller = centre.call.caller
    assert centre.bay.sources(leg.node) == {caller.node}
    assert centre.bay.sources(caller.node) == {leg.node}


def test_when_the_caller_leaves_the_line_stays_and_has_the_next_call(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    phone = centre.phones["agent1"]
    for _ in range(3):
        centre.caller_in_queue()
        answer(centre)
        centre.do(centre.caller.hang_up)
        assert not centre.centre.switch.calls
        assert centre.agent_state() == "ready"
        line = centre.centre.switch.lines.of("agent1")
        assert line is not None
        assert line.rest is not None
        assert not centre.bay.sources(line.rest.node)
    assert invites(phone) == 1
    assert not phone.is_over
    gone(centre)


def test_the_agent_hangs_up_a_call_and_keeps_the_line(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    answer(centre)
    centre.do(lambda: centre.centre.control.calls.clear_connection("agent1"))
    assert centre.caller.is_over
    assert not centre.phones["agent1"].is_over
    assert centre.agent_state() == "ready"
    gone(centre)


def test_a_caller_who_gives_up_while_it_rings_leaves_no_tone_behind(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    line = centre.centre.switch.lines.of("agent1")
    centre.do(centre.caller.hang_up)
    assert line is not None
    assert line.rest is not None
    assert not centre.bay.sources(line.rest.node)
    assert centre.agent_state() == "ready"
    gone(centre)


def test_not_answered_in_time_is_not_ready_and_the_next_agent_is_rung(tmp_path: Path) -> None:
    centre = nailed(tmp_path, agents=2, ring_timeout_s=5.0)
    centre.caller_in_queue()
    first = "agent1" if centre.agent_state("agent1") == "reserved" else "agent2"
    centre.run(5.5)
    assert centre.told(Failed)[-1].cause is Cause.NO_ANSWER
    assert centre.agent_state(first) == "not_ready"
    second = {"agent1": "agent2", "agent2": "agent1"}[first]
    assert centre.agent_state(second) == "reserved"
    answer(centre, second)
    assert centre.call.bridged


def test_a_queue_that_answers_by_itself_puts_callers_through_with_a_zip_tone(
    tmp_path: Path,
) -> None:
    centre = nailed(tmp_path, auto_answer=True)
    centre.caller_in_queue()
    assert centre.call.bridged
    assert heard(centre) == [ZIP_TONE]
    (leg,) = centre.centre.switch.legs_of("agent1")
    assert centre.call.caller.node in centre.bay.sources(leg.node)
    centre.bay.finish(leg.node)
    centre.run(0.1)
    assert heard(centre) == []


def test_a_call_of_his_own_goes_out_at_once(tmp_path: Path) -> None:
    centre = nailed(tmp_path, agents=2)
    centre.do(lambda: centre.centre.control.calls.make_call("agent1", "agent2"), 0.1)
    (leg,) = centre.centre.switch.legs_of("agent1")
    assert leg.state is ConnectionState.CONNECTED
    assert heard(centre, "agent2") == [RINGING]
    answer(centre, "agent2")
    assert centre.call.bridged
    centre.do(lambda: centre.centre.control.calls.clear_connection("agent1"))
    assert not centre.centre.switch.calls
    assert [invites(phone) for phone in centre.phones.values()] == [1, 1]
    gone(centre)


def test_hold_consult_and_transfer_as_at_any_phone(tmp_path: Path) -> None:
    centre = nailed(tmp_path, agents=2)
    centre.centre.acd.not_ready("agent2", "break")
    centre.caller_in_queue()
    answer(centre)
    calls = centre.centre.control.calls
    centre.do(lambda: calls.hold_call("agent1"))
    assert centre.told(Held)
    centre.do(lambda: calls.consultation_call("agent1", "agent2"))
    answer(centre, "agent2")
    centre.do(lambda: calls.transfer_call("agent1"))
    assert centre.call.answered.agent == "agent2"
    assert centre.call.bridged
    line = centre.centre.switch.lines.of("agent1")
    assert line is not None
    assert line.rest is not None
    centre.do(centre.caller.hang_up)
    gone(centre)


def test_who_hangs_up_at_the_phone_ends_call_and_line_and_is_rung_next_time(
    tmp_path: Path,
) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    answer(centre)
    phone = centre.phones["agent1"]
    phone.answers_after = None
    centre.do(phone.hang_up)
    assert centre.told(LineReleased)[-1].cause is Cause.NORMAL_CLEARING
    assert centre.caller.is_over
    # Being ready again he is called again; he does not pick up.
    assert invites(phone) == 2
    centre.do(lambda: centre.caller.call(centre.hop, SERVICE))
    centre.do(lambda: centre.bay.press(centre.call.caller.node, "1"), 0.1)
    # The call has the phone that rings: he picks up, and has both.
    phone._pick_up(phone.session)  # type: ignore[arg-type]
    centre.run(0.5)
    assert invites(phone) == 2
    assert centre.call.bridged
    assert len(centre.told(LineNailedUp)) == 2
    centre.do(centre.caller.hang_up)
    assert not phone.session.over  # type: ignore[union-attr]
    gone(centre)


def test_a_line_that_is_down_becomes_one_with_the_next_call_that_is_answered(
    tmp_path: Path,
) -> None:
    centre = VirtualCentre(tmp_path)
    phone = centre.phones["agent1"]
    phone.refuses_with = 486
    centre.do(lambda: phone.register(centre.hop, "agent1-secret"))
    centre.centre.acd.log_on("agent1")
    centre.do(lambda: centre.centre.control.lines.log_on("agent1", "agent1", True))
    assert [event.cause for event in centre.told(LineReleased)] == [Cause.BUSY]
    centre.do(lambda: centre.centre.acd.ready("agent1"))
    phone.refuses_with, phone.answers_after = None, 0.2
    centre.caller_in_queue()
    centre.run(1.0)
    assert centre.call.bridged
    centre.do(centre.caller.hang_up)
    assert centre.told(LineNailedUp)
    assert not phone.session.over  # type: ignore[union-attr]
    gone(centre)


def test_a_phone_that_nobody_answers_is_called_for_a_minute(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path)
    phone = centre.phones["agent1"]
    centre.do(lambda: phone.register(centre.hop, "agent1-secret"))
    centre.centre.acd.log_on("agent1")
    centre.do(lambda: centre.centre.control.lines.log_on("agent1", "agent1", True))
    centre.run(57.0)
    assert not phone.is_over
    centre.run(3.0)
    assert phone.is_over
    assert [event.cause for event in centre.told(LineReleased)] == [Cause.NO_ANSWER]
    gone(centre)


def test_a_phone_that_was_started_anew_is_called_anew(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    phone = centre.phones["agent1"]
    old = phone.session
    centre.run(3601.0)  # its registration is over
    centre.do(lambda: phone.register(centre.hop, "agent1-secret"), 2.0)
    assert invites(phone) == 2
    assert old is not None
    assert old.over
    line = centre.centre.switch.lines.of("agent1")
    assert line is not None
    assert line.is_up
    assert centre.centre.control.lines.is_up("agent1")
    gone(centre)


def test_a_line_whose_audio_ends_is_given_up_and_the_agent_is_rung(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    line = centre.centre.switch.lines.of("agent1")
    assert line is not None
    assert line.rest is not None
    centre.bay.time_out(line.rest.node)
    centre.run()
    assert centre.told(LineReleased)[-1].cause is Cause.MEDIA_TIMEOUT
    centre.caller_in_queue()
    centre.run(1.0)
    assert centre.call.bridged
    assert invites(centre.phones["agent1"]) == 2


def test_a_phone_that_falls_silent_in_a_call_is_not_kept(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    answer(centre)
    (leg,) = centre.centre.switch.legs_of("agent1")
    centre.bay.time_out(leg.node)
    centre.run()
    assert centre.told(LineReleased)[-1].cause is Cause.MEDIA_TIMEOUT
    assert centre.phones["agent1"].saw(Terminated)
    assert centre.caller.is_over
    # Ready again, he is called again.
    assert invites(centre.phones["agent1"]) == 2
    gone(centre)


def test_a_dead_media_worker_ends_the_call_and_the_line_comes_back(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    answer(centre)
    centre.bay.legs.clear()
    centre.bay.edges.clear()
    centre.bay.players.clear()
    centre.bay.recorders.clear()
    centre.do(lambda: centre.centre.switch.media_lost(0, "killed"))
    assert centre.caller.is_over
    centre.run(3.0)
    assert centre.told(LineReleased)[-1].cause is Cause.MEDIA_WORKER_LOST
    assert len(centre.told(LineNailedUp)) == 2
    gone(centre)


def test_quality_is_told_of_each_call_and_of_none_between(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    calls = []
    for _ in range(2):
        centre.caller_in_queue()
        answer(centre)
        calls.append(centre.call.id)
        centre.do(centre.caller.hang_up)
    gone(centre)
    of_agents = [event.call for event in centre.told(QualityReported) if event.party == "agent"]
    assert of_agents == calls


def test_nobody_hears_of_the_lines_own_call(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.do(lambda: centre.phones["agent1"].change_media("sendonly"))
    centre.do(lambda: centre.phones["agent1"].change_media("sendrecv"))
    gone(centre)
    assert not [event for event in centre.events if getattr(event, "call", "")]
    assert not centre.told(ConnectionCleared)


def test_who_holds_at_the_phone_before_a_call_holds_it(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.do(lambda: centre.phones["agent1"].change_media("sendonly"))
    centre.caller_in_queue()
    answer(centre)
    (leg,) = centre.centre.switch.legs_of("agent1")
    assert not leg.speaks_in(centre.call)
    centre.do(lambda: centre.phones["agent1"].change_media("sendrecv"))
    assert leg.speaks_in(centre.call)


def test_logging_off_in_a_call_hangs_up_after_it(tmp_path: Path) -> None:
    centre = nailed(tmp_path)
    centre.caller_in_queue()
    answer(centre)
    phone = centre.phones["agent1"]
    centre.do(lambda: centre.centre.acd.log_off("agent1"))
    assert not phone.is_over
    centre.do(centre.caller.hang_up)
    assert phone.saw(Terminated)
    assert centre.told(LineReleased)[-1].cause is Cause.NORMAL_CLEARING
    centre.assert_nothing_left()


def test_two_lines_that_answer_by_themselves_and_one_call(tmp_path: Path) -> None:
    centre = nailed(tmp_path, agents=2, auto_answer=True, ring_agents=2)
    centre.caller_in_queue()
    assert centre.call.bridged
    assert len([leg for leg in centre.call.legs if leg.agent]) == 1
    assert sorted([centre.agent_state("agent1"), centre.agent_state("agent2")]) == ["busy", "ready"]
    centre.do(centre.caller.hang_up)
    gone(centre)


def test_an_agent_at_another_phone_has_his_line_there(tmp_path: Path) -> None:
    centre = nailed(tmp_path, agents=2)
    lines = centre.centre.control.lines
    centre.do(lambda: lines.log_on("agent2", "agent2", False))
    assert centre.phones["agent2"].is_over
    centre.do(lambda: lines.log_on("agent1", "agent2", True))
    assert centre.phones["agent1"].is_over
    line = centre.centre.switch.lines.of("agent1")
    assert line is not None
    assert line.phone == "agent2"
    assert line.is_up


def test_a_line_on_another_worker_moves_to_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre = nailed(tmp_path)
    line = centre.centre.switch.lines.of("agent1")
    assert line is not None
    assert line.rest is not None
    old, node = line.rest.port, line.rest.node
    elsewhere = 1
    take = centre.bay.take_port
    centre.caller_in_menu()
    port = centre.call.caller.port
    centre.call.caller.port = port._replace(worker=elsewhere)
    asked: list[int | None] = []

    def take_port(remote, *, latch, worker=None):  # type: ignore[no-untyped-def]
        asked.append(worker)
        return take(remote, latch=latch, worker=worker)

    monkeypatch.setattr(centre.bay, "take_port", take_port)
    centre.do(lambda: centre.bay.press(centre.call.caller.node, "1"), 0.3)
    assert asked == [elsewhere]
    (leg,) = centre.centre.switch.legs_of("agent1")
    assert leg.port is not old
    assert leg.node != node
    assert centre.phones["agent1"].saw(OfferReceived)
    assert centre.phones["agent1"].negotiation is not None
    centre.call.caller.port = port
    answer(centre)
    assert centre.call.bridged


@pytest.mark.parametrize(("phone_can", "asked"), [(True, True), (False, False)])
def test_a_queue_that_answers_by_itself_asks_phones_that_can(
    tmp_path: Path, phone_can: bool, asked: bool
) -> None:
    """At phones that are rung for each call: Answer-Mode (RFC 5373), and what desk phones know."""
    centre = VirtualCentre(tmp_path, auto_answer=True)
    centre.centre.change_phones(
        [Phone(name="agent1", password="agent1-secret", auto_answer=phone_can)]
    )
    centre.staff()
    centre.caller_in_queue()
    session = centre.phones["agent1"].session
    assert session is not None
    assert session.request is not None
    assert (session.request.headers.get("Answer-Mode") == "Auto") is asked
    assert ("answer-after=0" in (session.request.headers.get("Call-Info") or "")) is asked
