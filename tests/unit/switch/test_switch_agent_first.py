"""Agent first: an agent's phone, then the customer's; each order in which they come and go."""

from __future__ import annotations

from pathlib import Path

import pytest
from listener import Listener
from virtual.centre import SERVICE, VirtualCentre

from ccd.events import CallCleared, ConnectionCleared, Delivered, Established, Failed, Originated
from ccd.media.protocol import Sound
from ccd.model import Cause, ConnectionState, Direction, Outcome, Party
from ccd.sip.events import InviteReceived
from ccd.switch.call import Call
from ccd.switch.switch import NotReachable

CUSTOMER = "13911112222"
RINGBACK_HZ = (450.0,)


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    centre = VirtualCentre(tmp_path, agents=2)
    for name, phone in centre.phones.items():
        phone.answers_after = 1.0
        centre.do(lambda phone=phone, name=name: phone.register(centre.hop, f"{name}-secret"))  # type: ignore[misc]
    centre.caller.answers_after = 2.0
    return centre


@pytest.fixture
def listener() -> Listener:
    return Listener()


def call_agent(centre: VirtualCentre, listener: Listener, agent: str = "agent1") -> Call:
    return centre.centre.switch.call_agent(
        agent=agent,
        phone=agent,
        queue="orders",
        controller=listener,
        number=CUSTOMER,
        ani=SERVICE,
        call_data={"callback": "7"},
    )


def with_agent(centre: VirtualCentre, listener: Listener) -> Call:
    """An agent who has answered, and whose customer is not called yet."""
    call = call_agent(centre, listener)
    centre.run(1.5)
    assert listener.told == ["alerting agent1", "established agent1"]
    listener.told.clear()
    return call


def add_customer(centre: VirtualCentre, call: Call) -> None:
    centre.centre.switch.add_customer(call, CUSTOMER, "carrier")


def talking(centre: VirtualCentre, listener: Listener) -> Call:
    call = with_agent(centre, listener)
    listener.on["established"] = lambda call, _leg: centre.centre.switch.bridge(call)
    add_customer(centre, call)
    centre.run(3.0)
    assert call.bridged
    listener.told.clear()
    return call


def tones_heard(centre: VirtualCentre, node: int) -> set[tuple[float, ...]]:
    return {
        sound.frequencies
        for source in centre.bay.sources(node)
        if source in centre.bay.players
        for sound in centre.bay.players[source].sounds
    }


def test_the_agent_answers_then_the_customer_and_they_speak(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = call_agent(centre, listener)
    assert (call.direction, call.number, call.data) == (Direction.OUT, CUSTOMER, {"callback": "7"})
    assert call.caller.state is ConnectionState.NULL
    assert centre.centre.trunks.in_use("carrier") == 0
    centre.run(1.5)
    agent = call.agent
    assert agent is not None
    assert agent is call.answered
    add_customer(centre, call)
    assert tones_heard(centre, agent.node) == {RINGBACK_HZ}
    listener.on["established"] = lambda call, _leg: centre.centre.switch.bridge(call)
    centre.run(3.0)
    assert listener.told == [
        *("alerting agent1", "established agent1"),
        *("alerting caller", "established caller"),
    ]
    assert centre.bay.sources(agent.node) == {call.caller.node}
    assert centre.bay.sources(call.caller.node) == {agent.node}
    assert centre.bay.players == {}
    centre.do(centre.caller.hang_up)
    assert listener.told[4:] == ["caller_left normal_clearing", "cleared"]
    centre.assert_nothing_left()


def test_its_events_and_record(centre: VirtualCentre, listener: Listener) -> None:
    begun = len(centre.events)
    call = talking(centre, listener)
    agent = call.agent
    assert agent is not None
    centre.do(centre.caller.hang_up)
    names = [type(event).__name__ for event in centre.events[begun:]]
    assert names == [
        *("Originated", "Delivered", "Established", "Originated", "Established"),
        *("Bridged", "RecordingStarted", "ConnectionCleared", "ConnectionCleared", "CallCleared"),
        *("RecordingStopped", "QualityReported", "QualityReported"),
    ]
    first, second = centre.told(Originated)
    assert (first.leg, first.party, first.dnis, first.trunk) == (
        *(agent.id, Party.AGENT, CUSTOMER, ""),
    )
    assert (second.leg, second.party, second.dnis, second.trunk) == (
        *(call.caller.id, Party.CALLER, CUSTOMER, "carrier"),
    )
    record = centre.record
    assert (record.direction, record.outcome) == (Direction.OUT, Outcome.ANSWERED)
    assert (record.ani, record.dnis, record.trunk) == (SERVICE, CUSTOMER, "carrier")
    assert (record.agent, record.released_by) == ("agent1", Party.CALLER)
    assert record.offered_at < record.connected_at < record.cleared_at
    assert record.caller_quality is not None
    assert record.agent_quality is not None


def test_the_phone_shows_the_customer_and_the_customer_ours(
    centre: VirtualCentre, listener: Listener
) -> None:
    talking(centre, listener)
    (at_phone,) = centre.phones["agent1"].saw(InviteReceived)
    (at_customer,) = centre.caller.saw(InviteReceived)
    assert at_phone.session.request.from_address.uri.user == CUSTOMER
    assert at_customer.session.request.from_address.uri.user == SERVICE


# --- the agent is not there --------------------------------------------------------------------


def test_an_agent_who_refuses_ends_the_call(centre: VirtualCentre, listener: Listener) -> None:
    centre.phones["agent1"].refuses_with = 486
    call_agent(centre, listener)
    centre.run()
    assert listener.told == ["failed agent1 busy", "cleared"]
    assert (centre.record.outcome, centre.record.cause) == (Outcome.UNREACHED, Cause.BUSY)
    centre.assert_nothing_left()


def test_an_agent_who_does_not_answer_is_cancelled(
    centre: VirtualCentre, listener: Listener
) -> None:
    centre.phones["agent1"].answers_after = None
    call = call_agent(centre, listener)
    centre.run()
    (leg,) = call.ringing
    centre.do(lambda: centre.centre.switch.clear_connection(leg, Cause.NO_ANSWER))
    assert listener.told == ["alerting agent1", "failed agent1 no_answer", "cleared"]
    assert centre.record.rings_unanswered == 1
    centre.assert_nothing_left()


def test_the_next_agent_may_be_rung_for_the_same_call(
    centre: VirtualCentre, listener: Listener
) -> None:
    centre.phones["agent1"].refuses_with = 486
    listener.on["failed"] = lambda call, _leg, _cause: centre.centre.switch.ring(
        call, agent="agent2", phone="agent2", queue="orders"
    )
    call = call_agent(centre, listener)
    centre.run(2.0)
    assert listener.told == ["failed agent1 busy", "alerting agent2", "established agent2"]
    assert call.agent is not None
    assert call.agent.agent == "agent2"
    assert [event.agent for event in centre.told(Delivered)] == ["agent1", "agent2"]
    centre.do(centre.phones["agent2"].hang_up)
    centre.assert_nothing_left()


def test_a_phone_that_is_not_there_is_no_call(centre: VirtualCentre, listener: Listener) -> None:
    with pytest.raises(NotReachable, match="nowhere is not registered"):
        centre.centre.switch.call_agent(
            agent="agent1", phone="nowhere", queue="orders", controller=listener
        )
    assert not centre.told(Originated)
    assert listener.told == []
    centre.assert_nothing_left()


# --- the agent leaves ----------------------------------------------------------------------------


def test_an_agent_who_leaves_before_the_customer_is_called(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = with_agent(centre, listener)
    centre.do(centre.phones["agent1"].hang_up)
    assert listener.told == ["agent_left agent1 normal_clearing", "cleared"]
    (cleared,) = centre.told(CallCleared)
    assert (cleared.cause, cleared.released_by) == (Cause.NORMAL_CLEARING, Party.AGENT)
    assert centre.record.outcome is Outcome.UNREACHED
    with pytest.raises(NotReachable, match="is over"):
        add_customer(centre, call)
    centre.assert_nothing_left()


def test_an_agent_who_leaves_while_the_customer_is_called(
    centre: VirtualCentre, listener: Listener
) -> None:
    centre.caller.answers_after = None
    call = with_agent(centre, listener)
    add_customer(centre, call)
    centre.run()
    listener.on["agent_left"] = lambda call, _leg, cause: centre.centre.switch.clear_call(
        call, cause, Party.AGENT
    )
    centre.do(centre.phones["agent1"].hang_up)
    assert listener.told == ["alerting caller", "agent_left agent1 normal_clearing", "cleared"]
    assert centre.caller.is_over
    assert centre.record.released_by is Party.AGENT
    assert not centre.told(Failed)
    centre.assert_nothing_left()


def test_the_customer_may_go_to_another_agent_then(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = with_agent(centre, listener)
    add_customer(centre, call)
    centre.run(0.5)
    listener.on["agent_left"] = lambda call, _leg, _cause: centre.centre.switch.ring(
        call, agent="agent2", phone="agent2", queue="orders"
    )
    centre.do(centre.phones["agent1"].hang_up, 3.0)
    assert listener.told == [
        *("alerting caller", "agent_left agent1 normal_clearing", "alerting agent2"),
        *("established agent2", "established caller"),
    ]
    centre.centre.switch.bridge(call)
    assert call.agent is not None
    assert centre.bay.sources(call.caller.node) == {call.agent.node}
    centre.do(centre.caller.hang_up)
    assert centre.record.agent == "agent2"
    centre.assert_nothing_left()


def test_an_agent_who_leaves_as_the_customer_answers(
    centre: VirtualCentre, listener: Listener
) -> None:
    """The 200 and the BYE are under way together; whichever is first, nobody is kept."""
    centre.network.delay = 0.05
    call = with_agent(centre, listener)
    add_customer(centre, call)
    listener.on["established"] = lambda call, _leg: centre.centre.switch.bridge(call)
    listener.on["agent_left"] = lambda call, _leg, cause: centre.centre.switch.clear_call(
        call, cause, Party.AGENT
    )
    centre.network.at(centre.network.now + 2.06, centre.phones["agent1"].hang_up)
    centre.run(4.0)
    assert listener.told[-1] == "cleared"
    assert centre.caller.is_over
    centre.assert_nothing_left()


# --- the customer is not there, or leaves ------------------------------------------------------------


def test_a_customer_who_is_busy_leaves_the_agent_there(
    centre: VirtualCentre, listener: Listener
) -> None:
    centre.caller.refuses_with = 486
    call = with_agent(centre, listener)
    agent = call.agent
    assert agent is not None
    add_customer(centre, call)
    centre.run()
    assert listener.told == ["failed caller busy"]
    assert agent.connected
    assert centre.bay.sources(agent.node) == set()
    assert centre.centre.trunks.in_use("carrier") == 0
    assert [event.cause for event in centre.told(Failed)] == [Cause.BUSY]
    # Once more, and then he gives up.
    add_customer(centre, call)
    assert tones_heard(centre, agent.node) == {RINGBACK_HZ}
    centre.run()
    assert listener.told == ["failed caller busy", "failed caller busy"]
    centre.do(lambda: centre.centre.switch.clear_call(call, Cause.BUSY))
    assert listener.told[2:] == ["cleared"]
    assert (centre.record.outcome, centre.record.cause) == (Outcome.UNREACHED, Cause.BUSY)
    centre.assert_nothing_left()


def test_what_plays_to_the_agent_goes_on_when_the_customer_answers(
    centre: VirtualCentre, listener: Listener, tmp_path: Path
) -> None:
    """The ringback is stopped, and only the ringback."""
    call = with_agent(centre, listener)
    add_customer(centre, call)
    agent = call.agent
    assert agent is not None
    centre.centre.switch.play(agent, [Sound(path=str(tmp_path / "message.wav"))])
    assert centre.bay.files_heard(agent.node) == {"message.wav"}
    assert tones_heard(centre, agent.node) == {()}
    centre.run(3.0)
    assert listener.told == ["alerting caller", "established caller"]
    assert centre.bay.files_heard(agent.node) == {"message.wav"}
    centre.bay.finish(agent.node)
    centre.run()
    assert listener.told[-1] == "played agent1"
    centre.centre.switch.bridge(call)
    assert centre.bay.sources(agent.node) == {call.caller.node}


def test_the_ringback_ends_with_the_answer(centre: VirtualCentre, listener: Listener) -> None:
    call = with_agent(centre, listener)
    add_customer(centre, call)
    centre.run(3.0)
    assert listener.told == ["alerting caller", "established caller"]
    assert call.agent is not None
    assert centre.bay.sources(call.agent.node) == set()
    assert centre.bay.players == {}


def test_a_conversation_ends_what_plays_to_either(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = with_agent(centre, listener)
    add_customer(centre, call)
    centre.run(3.0)
    agent = call.agent
    assert agent is not None
    for leg in (call.caller, agent):
        centre.centre.switch.play(leg, [Sound(path="whisper.wav")])
    centre.centre.switch.bridge(call)
    assert centre.bay.sources(agent.node) == {call.caller.node}
    assert centre.bay.sources(call.caller.node) == {agent.node}
    assert centre.bay.players == {}


def test_a_customer_who_hangs_up_ends_the_call(centre: VirtualCentre, listener: Listener) -> None:
    talking(centre, listener)
    centre.do(centre.caller.hang_up)
    assert listener.told == ["caller_left normal_clearing", "cleared"]
    assert centre.phones["agent1"].is_over
    centre.assert_nothing_left()


def test_an_agent_who_hangs_up_leaves_the_customer(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = talking(centre, listener)
    centre.do(centre.phones["agent1"].hang_up)
    assert listener.told == ["agent_left agent1 normal_clearing"]
    assert call.caller.connected
    assert centre.bay.sources(call.caller.node) == set()
    centre.do(lambda: centre.centre.switch.clear_call(call, Cause.NORMAL_CLEARING, Party.AGENT))
    assert centre.caller.is_over
    assert centre.record.released_by is Party.AGENT
    centre.assert_nothing_left()


def test_a_customer_who_answers_before_the_agent(centre: VirtualCentre, listener: Listener) -> None:
    """Both are called at once; there is nobody to hear ringback."""
    centre.phones["agent1"].answers_after = 4.0
    call = call_agent(centre, listener)
    add_customer(centre, call)
    centre.run(3.0)
    centre.centre.switch.bridge(call)  # too early, and nothing comes of it but silence
    assert not call.bridged
    assert listener.told == ["alerting agent1", "alerting caller", "established caller"]


def test_a_call_that_has_its_caller_gets_no_other(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = talking(centre, listener)
    with pytest.raises(NotReachable, match="has its caller"):
        add_customer(centre, call)
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_a_full_trunk_leaves_the_agent_as_he_was(tmp_path: Path, listener: Listener) -> None:
    centre = VirtualCentre(tmp_path, trunk_channels=1)
    phone = centre.phones["agent1"]
    phone.answers_after = 1.0
    centre.do(lambda: phone.register(centre.hop, "agent1-secret"))
    call = with_agent(centre, listener)
    assert centre.centre.trunks.take("carrier")
    with pytest.raises(NotReachable, match="no channel free"):
        add_customer(centre, call)
    assert call.agent is not None
    assert centre.bay.sources(call.agent.node) == set()
    assert call.caller.state is ConnectionState.NULL
    centre.centre.trunks.release("carrier")
    centre.do(phone.hang_up)
    centre.assert_nothing_left()


def test_the_media_worker_dies(centre: VirtualCentre, listener: Listener) -> None:
    call = with_agent(centre, listener)
    centre.caller.answers_after = None
    add_customer(centre, call)
    centre.run()
    centre.bay.alive = False
    centre.bay.legs.clear()
    centre.bay.edges.clear()
    centre.bay.players.clear()
    centre.do(lambda: centre.centre.switch.media_lost(0, "killed"))
    assert centre.caller.is_over
    assert centre.phones["agent1"].is_over
    assert listener.told == ["alerting caller", "cleared"]
    assert {event.cause for event in centre.told(ConnectionCleared)} == {Cause.MEDIA_WORKER_LOST}
    assert [event.party for event in centre.told(Established)] == [Party.AGENT]
    centre.bay.alive = True
    centre.assert_nothing_left()
