"""A call from the first INVITE to its record, in virtual time; who hears whom on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.centre import EPOCH, SERVICE, VirtualCentre

from ccd.events import (
    Bridged,
    CallCleared,
    Delivered,
    Dequeued,
    DigitsDetected,
    DistributorTold,
    Established,
    Held,
    Queued,
    RecordingStarted,
    RecordingStopped,
    Retrieved,
)
from ccd.model import Cause, ConnectionState, Outcome, Party


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    return VirtualCentre(tmp_path)


def test_a_whole_call_is_told_in_order_and_leaves_its_record(centre: VirtualCentre) -> None:
    centre.staff()
    begun = len(centre.events)
    centre.caller_in_queue()
    centre.run(3.0)
    centre.do(centre.caller.hang_up)
    told = centre.events[begun:]
    names = [type(event).__name__ for event in told if not isinstance(event, DistributorTold)]
    assert names == [
        *("Offered", "Established", "FlowStepped", "DigitsDetected", "FlowStepped"),
        *("Routed", "Queued", "AgentReserved", "Delivered", "Routed", "Established", "Dequeued"),
        *("Bridged", "RecordingStarted", "AgentBusy"),
        *("ConnectionCleared", "ConnectionCleared", "CallCleared", "AgentReady"),
        *("RecordingStopped", "QualityReported", "QualityReported"),
    ]
    assert [event.seq for event in centre.events] == list(range(1, len(centre.events) + 1))
    record = centre.record
    assert record.outcome is Outcome.ANSWERED
    assert (record.ani, record.dnis, record.trunk) == ("13800000001", SERVICE, "carrier")
    assert (record.agent, record.queue, record.digits) == ("agent1", "orders", "1")
    assert record.ivr_path == ("test:welcome", "test:orders")
    assert record.released_by is Party.CALLER
    assert record.cause is Cause.NORMAL_CLEARING
    times = (
        record.offered_at, record.answered_at, record.queued_at, record.delivered_at,
        record.connected_at, record.cleared_at,
    )  # fmt: skip
    assert all(time is not None and time > EPOCH for time in times)
    assert list(times) == sorted(times, key=lambda time: time or 0)
    assert record.connected_at == pytest.approx(record.delivered_at + 0.5, abs=0.05)
    assert record.caller_quality is not None
    assert record.agent_quality is not None
    assert centre.agent_state() == "ready"
    centre.assert_nothing_left()


def test_the_caller_hears_the_welcome_then_music_then_the_agent(centre: VirtualCentre) -> None:
    centre.caller_in_menu()
    node = centre.call.caller.node
    assert centre.bay.files_heard(node) == {"welcome.wav"}
    centre.do(lambda: centre.bay.press(node, "1"), 0.1)
    assert centre.bay.files_heard(node) == {"music.wav"}
    centre.staff()
    centre.run(2.0)
    agent = centre.call.agent
    assert centre.bay.sources(node) == {agent.node}
    assert centre.bay.sources(agent.node) == {node}


def test_all_who_wait_share_one_player(centre: VirtualCentre) -> None:
    centre.caller_in_queue()
    first = centre.bay.sources(centre.call.caller.node)
    centre.do(centre.caller.hang_up)
    centre.caller_in_queue()
    assert centre.bay.sources(centre.call.caller.node) == first


def test_keys_barge_in(centre: VirtualCentre) -> None:
    centre.caller_in_menu()
    centre.do(lambda: centre.bay.press(centre.call.caller.node, "9"))
    assert centre.bay.files_heard(centre.call.caller.node) == {"bye.wav"}
    centre.do(lambda: centre.bay.finish(centre.call.caller.node))
    assert centre.caller.is_over
    assert centre.record.outcome is Outcome.SELF_SERVED
    assert centre.record.released_by is Party.SYSTEM
    assert [event.digits for event in centre.told(DigitsDetected)] == ["9"]
    centre.assert_nothing_left()


def test_silence_in_the_menu_leads_to_a_person(centre: VirtualCentre) -> None:
    centre.caller_in_menu()
    centre.do(lambda: centre.bay.finish(centre.call.caller.node), 6.0)
    assert [event.queue for event in centre.told(Queued)] == ["orders"]


def test_the_agent_hangs_up(centre: VirtualCentre) -> None:
    centre.talking()
    centre.do(centre.phones["agent1"].hang_up)
    assert centre.caller.is_over
    assert centre.record.released_by is Party.AGENT
    assert centre.record.outcome is Outcome.ANSWERED
    assert centre.agent_state() == "ready"
    centre.assert_nothing_left()


def test_wrap_up_follows_the_call(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path, wrap_up_s=10.0)
    centre.talking()
    centre.do(centre.caller.hang_up)
    assert centre.agent_state() == "wrap_up"
    centre.run(10.0)
    assert centre.agent_state() == "ready"
    assert centre.record.wrap_up_ended_at == pytest.approx(centre.record.cleared_at + 10.0, abs=0.1)


def test_the_conversation_is_recorded_caller_left_agent_right(centre: VirtualCentre) -> None:
    centre.talking()
    (recorder,) = centre.bay.recorders
    caller, agent = centre.call.caller.node, centre.call.agent.node
    assert centre.bay.edges[caller, recorder].channel == 0
    assert centre.bay.edges[agent, recorder].channel == 1
    centre.do(centre.caller.hang_up)
    started, stopped = centre.told(RecordingStarted), centre.told(RecordingStopped)
    assert [event.path for event in started] == [event.path for event in stopped]
    assert centre.record.recording == started[0].path


def test_a_late_offer_is_answered_with_ours(centre: VirtualCentre) -> None:
    centre.do(lambda: centre.caller.call(centre.hop, SERVICE, late_offer=True))
    leg = centre.call.caller
    assert leg.state is ConnectionState.CONNECTED
    opened = centre.bay.legs[leg.node]
    assert opened.remote == ("10.0.9.1", 4000)
    assert centre.bay.files_heard(leg.node) == {"welcome.wav"}
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_a_far_end_that_holds_gives_the_other_music(centre: VirtualCentre, direction: str) -> None:
    centre.talking()
    caller, agent = centre.call.caller, centre.call.agent
    centre.do(lambda: centre.caller.change_media(direction))
    assert centre.bay.files_heard(agent.node) == {"music.wav"}
    assert [(event.leg, event.by) for event in centre.told(Held)] == [(caller.id, Party.CALLER)]
    assert centre.bay.legs[caller.node].send is False
    centre.do(lambda: centre.caller.change_media("sendrecv"))
    assert centre.bay.sources(agent.node) == {caller.node}
    assert centre.bay.sources(caller.node) == {agent.node}
    assert len(centre.told(Retrieved)) == 1
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_the_agents_leg_is_offered_the_callers_codec_first(centre: VirtualCentre) -> None:
    centre.caller.codecs = ("PCMA",)
    centre.talking()
    phone = centre.phones["agent1"].session
    assert phone is not None
    assert phone.remote_sdp is not None
    assert b" RTP/AVP 8 0 101" in phone.remote_sdp


def test_bridged_names_both_legs(centre: VirtualCentre) -> None:
    centre.talking()
    (bridged,) = centre.told(Bridged)
    assert bridged.legs == (centre.call.caller.id, centre.call.agent.id)
    assert bridged.agent == "agent1"
    assert [event.agent for event in centre.told(Delivered)] == ["agent1"]
    assert [event.party for event in centre.told(Established)] == [Party.CALLER, Party.AGENT]
    (dequeued,) = centre.told(Dequeued)
    assert dequeued.reason == "assigned"
    assert dequeued.waited == pytest.approx(0.5, abs=0.05)
    assert not centre.told(CallCleared)
