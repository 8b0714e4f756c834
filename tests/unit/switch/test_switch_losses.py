"""What goes wrong: callers who leave, agents who fail, workers that die. Nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from virtual.centre import SERVICE, Telephone, VirtualCentre

from ccd.events import (
    AgentNotReady,
    CallCleared,
    ConnectionCleared,
    Delivered,
    Dequeued,
    Event,
    Failed,
    Offered,
    Queued,
)
from ccd.model import Cause, Outcome, Party
from ccd.sip.events import Rejected


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    return VirtualCentre(tmp_path)


@pytest.fixture
def two_agents(tmp_path: Path) -> VirtualCentre:
    return VirtualCentre(tmp_path, agents=2, ring_timeout_s=5.0)


# --- callers who leave ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "outcome"),
    [("menu", Outcome.SELF_SERVED), ("queue", Outcome.ABANDONED), ("ringing", Outcome.ABANDONED)],
)
def test_the_caller_hangs_up(centre: VirtualCentre, where: str, outcome: Outcome) -> None:
    if where == "ringing":
        centre.staff(answers_after=60.0)
    if where == "menu":
        centre.caller_in_menu()
    else:
        centre.caller_in_queue()
    centre.do(centre.caller.hang_up)
    assert centre.record.outcome is outcome
    assert centre.record.released_by is Party.CALLER
    waits = [event.reason for event in centre.told(Dequeued)]
    assert waits == ([] if where == "menu" else ["abandoned"])
    if where == "ringing":
        assert centre.phones["agent1"].is_over
        assert centre.agent_state() == "ready"
        assert not centre.told(Failed)
    centre.assert_nothing_left()


def test_an_agent_is_not_given_the_next_call_while_the_last_ones_phone_rings(
    centre: VirtualCentre,
) -> None:
    """The CANCEL is lost for a while: an INVITE now would find the phone busy."""
    centre.staff(answers_after=60.0)
    centre.caller_in_queue()
    second = Telephone(centre.network, "13800000002", "10.0.9.2", seed=12)
    centre.do(lambda: second.call(centre.hop, SERVICE))
    other = next(c for c in centre.centre.switch.calls.values() if c.ani == second.name)
    centre.do(lambda: centre.bay.press(other.caller.node, "1"), 0.1)
    lost_until = centre.network.now + 3.0
    centre.network.filter = lambda sent: (
        not sent.start_line.startswith("CANCEL") or centre.network.now > lost_until
    )
    centre.do(centre.caller.hang_up, 0.5)
    assert [event.reason for event in centre.told(Dequeued)] == ["abandoned"]
    assert len(centre.told(Delivered)) == 1
    centre.run(8.0)
    assert len(centre.told(Delivered)) == 2
    assert not centre.told(Failed)


def test_a_caller_who_cancels_before_the_answer(centre: VirtualCentre) -> None:
    """Answered at once, so the CANCEL crosses our 200: the call ends by BYE."""
    centre.network.delay = 0.05
    centre.network.at(0.0, lambda: centre.caller.call(centre.hop, SERVICE))
    centre.network.at(0.02, centre.caller.hang_up)
    centre.run(3.0)
    assert centre.caller.is_over
    assert centre.record.released_by is Party.CALLER
    centre.assert_nothing_left()


def test_a_caller_who_vanishes_is_ended_by_rtp_silence(centre: VirtualCentre) -> None:
    centre.talking()
    centre.do(lambda: centre.bay.time_out(centre.call.caller.node))
    assert centre.record.cause is Cause.MEDIA_TIMEOUT
    assert centre.record.released_by is Party.SYSTEM
    assert centre.phones["agent1"].is_over
    assert centre.agent_state() == "ready"
    centre.assert_nothing_left()


def test_silence_is_no_fault_of_one_who_holds(centre: VirtualCentre) -> None:
    centre.talking()
    centre.do(lambda: centre.caller.change_media("inactive"))
    centre.do(lambda: centre.bay.time_out(centre.call.caller.node))
    assert centre.call.bridged


def test_a_caller_whose_ack_never_comes(centre: VirtualCentre) -> None:
    centre.network.filter = lambda sent: not sent.start_line.startswith("ACK")
    centre.do(lambda: centre.caller.call(centre.hop, SERVICE), 40.0)
    assert centre.record.outcome is Outcome.FAILED
    assert centre.record.cause is Cause.NETWORK_FAILURE
    centre.assert_nothing_left()


# --- agents who fail ----------------------------------------------------------------------


def test_an_unanswered_ring_goes_to_the_next_agent(two_agents: VirtualCentre) -> None:
    two_agents.staff("agent1", answers_after=60.0)
    two_agents.staff("agent2", answers_after=0.5)
    two_agents.caller_in_queue()
    two_agents.run(7.0)
    assert [event.agent for event in two_agents.told(Delivered)] == ["agent1", "agent2"]
    assert [event.cause for event in two_agents.told(Failed)] == [Cause.NO_ANSWER]
    assert [(e.agent, e.reason) for e in two_agents.told(AgentNotReady)][-1] == ("agent1", "rona")
    assert two_agents.call.bridged
    assert two_agents.call.agent.agent == "agent2"
    two_agents.do(two_agents.caller.hang_up)
    assert two_agents.record.rings_unanswered == 1
    two_agents.assert_nothing_left()


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, Cause.BUSY),
        (603, Cause.REJECTED),
        (480, Cause.DESTINATION_OUT_OF_ORDER),
        (488, Cause.INCOMPATIBLE_MEDIA),
        (500, Cause.NETWORK_FAILURE),
    ],
)
def test_a_phone_that_refuses(two_agents: VirtualCentre, status: int, cause: Cause) -> None:
    two_agents.staff()
    two_agents.phones["agent1"].refuses_with = status
    two_agents.caller_in_queue()
    two_agents.run(2.0)
    assert [event.cause for event in two_agents.told(Failed)] == [cause]
    assert two_agents.call.agent.agent == "agent2"
    assert two_agents.agent_state("agent1") == "not_ready"


def test_a_phone_that_is_gone_from_the_network(two_agents: VirtualCentre) -> None:
    two_agents.staff()
    two_agents.phones["agent1"].silent = True
    two_agents.caller_in_queue()
    two_agents.run(8.0)
    assert two_agents.call.bridged
    assert two_agents.call.agent.agent == "agent2"


def test_a_phone_that_never_registered(centre: VirtualCentre) -> None:
    centre.centre.acd.log_on("agent1")
    centre.centre.acd.ready("agent1")
    centre.caller_in_queue()
    assert centre.agent_state() == "not_ready"
    assert [event.position for event in centre.told(Queued)] == [1, 1]
    assert not centre.told(Delivered)
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_an_agent_who_answers_as_the_ring_times_out(two_agents: VirtualCentre) -> None:
    """The 200 crosses our CANCEL: that leg is ended by BYE, the next agent has the call."""
    two_agents.network.delay = 0.2
    two_agents.staff("agent1", answers_after=4.7)
    two_agents.staff("agent2", answers_after=0.5)
    two_agents.caller_in_queue()
    two_agents.run(10.0)
    assert two_agents.phones["agent1"].is_over
    assert two_agents.call.agent.agent == "agent2"
    two_agents.do(two_agents.caller.hang_up, 3.0)
    two_agents.assert_nothing_left()


# --- refused at the door --------------------------------------------------------------------


def test_a_number_without_a_service_is_404(centre: VirtualCentre) -> None:
    centre.do(lambda: centre.caller.call(centre.hop, "12345"))
    assert centre.caller.status == 404
    assert centre.record.outcome is Outcome.REFUSED
    centre.assert_nothing_left()


def test_a_stranger_is_403_and_no_call(centre: VirtualCentre) -> None:
    stranger = Telephone(centre.network, "666", "10.9.9.9", seed=66)
    centre.do(lambda: stranger.call(centre.hop, SERVICE))
    assert stranger.status == 403
    assert not centre.told(Offered)
    centre.assert_nothing_left()


def test_a_caller_who_says_he_is_one_of_our_phones_must_prove_it(centre: VirtualCentre) -> None:
    impostor = Telephone(centre.network, "agent1", "10.0.9.5", seed=66)
    centre.do(
        lambda: impostor.agent.invite(
            f"sip:{SERVICE}@10.0.0.1",
            centre.hop,
            from_="<sip:agent1@virtual.ccd.local>",
            to=f"<sip:{SERVICE}@10.0.0.1>",
            sdp=impostor.negotiation.offer(impostor.media()),
            now=centre.network.now,
        )
    )
    assert impostor.status == 401
    centre.assert_nothing_left()


def test_no_codec_in_common_is_488(centre: VirtualCentre) -> None:
    centre.caller.codecs = ("G722",)
    centre.do(lambda: centre.caller.call(centre.hop, SERVICE))
    assert centre.caller.status == 488
    assert centre.record.cause is Cause.INCOMPATIBLE_MEDIA
    centre.assert_nothing_left()


def test_a_full_trunk_is_503_until_a_channel_is_free(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path, trunk_channels=1)
    centre.caller_in_menu()
    second = Telephone(centre.network, "13800000002", "10.0.9.2", seed=12)
    centre.do(lambda: second.call(centre.hop, SERVICE))
    assert second.status == 503
    centre.do(centre.caller.hang_up)
    third = Telephone(centre.network, "13800000003", "10.0.9.3", seed=13)
    centre.do(lambda: third.call(centre.hop, SERVICE))
    assert third.status is None
    centre.do(third.hang_up)
    centre.assert_nothing_left()


def test_above_the_rate_new_calls_are_shed_and_live_ones_stay(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path)
    centre.caller_in_menu()
    crowd = [
        Telephone(centre.network, f"139{n:08}", f"10.0.9.{n + 10}", n + 50) for n in range(150)
    ]
    centre.do(lambda: [one.call(centre.hop, SERVICE) for one in crowd])
    shed = [one for one in crowd if one.status == 503]
    assert 0 < len(shed) < len(crowd)
    assert not centre.caller.is_over
    (rejected,) = shed[0].saw(Rejected)
    assert rejected.response.headers.get("Retry-After") is not None


def test_strangers_use_up_nobodys_rate(centre: VirtualCentre) -> None:
    crowd = [Telephone(centre.network, "666", f"10.9.9.{n}", n + 50) for n in range(150)]
    centre.network.at(0.0, lambda: [one.call(centre.hop, SERVICE) for one in crowd])
    centre.network.at(0.01, lambda: centre.caller.call(centre.hop, SERVICE))
    centre.run(1.0)
    assert {one.status for one in crowd} == {403}
    assert centre.caller.status is None
    assert centre.call.ani == centre.caller.name


def test_who_is_shutting_down_takes_no_new_call(centre: VirtualCentre) -> None:
    centre.centre.admission.draining = True
    centre.do(lambda: centre.caller.call(centre.hop, SERVICE))
    assert centre.caller.status == 503


# --- the media plane ---------------------------------------------------------------------------


def test_a_dead_media_worker_ends_its_calls_cleanly(centre: VirtualCentre) -> None:
    centre.talking()
    centre.bay.alive = False
    centre.bay.legs.clear()
    centre.bay.edges.clear()
    centre.bay.recorders.clear()
    centre.bay.players.clear()
    centre.do(lambda: centre.centre.switch.media_lost(0, "killed"))
    assert centre.caller.is_over
    assert centre.phones["agent1"].is_over
    assert centre.record.cause is Cause.MEDIA_WORKER_LOST
    assert centre.agent_state() == "ready"
    centre.bay.alive = True
    centre.assert_nothing_left()


def test_after_the_worker_is_back_callers_hear_music_again(centre: VirtualCentre) -> None:
    centre.caller_in_queue()
    centre.bay.alive = False
    centre.bay.legs.clear()
    centre.bay.edges.clear()
    centre.bay.players.clear()
    centre.do(lambda: centre.centre.switch.media_lost(0, "killed"))
    centre.bay.alive = True
    centre.caller_in_queue()
    assert centre.bay.files_heard(centre.call.caller.node) == {"music.wav"}


def test_a_caller_without_audio_is_not_kept(centre: VirtualCentre) -> None:
    """The refusal comes between our 200 and the caller's ACK."""
    centre.bay.refuses = "RTP port 20000: Address already in use"
    centre.caller_in_menu()
    assert centre.caller.is_over
    assert centre.record.cause is Cause.MEDIA_FAILED
    assert centre.record.outcome is Outcome.FAILED
    centre.assert_nothing_left()


def test_with_an_agent_without_audio_the_call_ends(two_agents: VirtualCentre) -> None:
    two_agents.caller_in_queue()
    two_agents.bay.refuses = "RTP port 20000: Address already in use"
    two_agents.staff()
    two_agents.run(5.0)
    assert two_agents.phones["agent1"].is_over
    cleared = two_agents.told(ConnectionCleared)
    assert {event.cause for event in cleared} == {Cause.MEDIA_FAILED}
    assert two_agents.caller.is_over
    assert two_agents.record.cause is Cause.MEDIA_FAILED
    two_agents.assert_nothing_left()


# --- invariants -----------------------------------------------------------------------------------


def test_every_event_is_one_that_clients_can_decode(centre: VirtualCentre) -> None:
    from ccd.events import AnyEvent

    centre.talking()
    centre.do(centre.caller.hang_up)
    for event in centre.events:
        assert msgspec.convert(msgspec.to_builtins(event), AnyEvent) == event


def test_what_begins_ends_once(two_agents: VirtualCentre) -> None:
    two_agents.talking()
    two_agents.do(two_agents.caller.hang_up)
    cleared: list[Event] = [*two_agents.told(CallCleared)]
    assert len(cleared) == 1
    legs = [event.leg for event in two_agents.told(ConnectionCleared)]
    assert len(legs) == len(set(legs)) == 2
