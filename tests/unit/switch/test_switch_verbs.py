"""Verbs on a call in progress: hold, retrieve, transfer, keys, and who hears whom then."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.centre import VirtualCentre

from ccd.events import ConnectionCleared, Held, Queued, Retrieved, Transferred
from ccd.media.protocol import SendDigits
from ccd.model import Cause, ConnectionState, Outcome, Party
from ccd.switch.switch import NotReachable


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    centre = VirtualCentre(tmp_path, agents=2, ring_timeout_s=5.0)
    centre.staff("agent1")
    centre.caller_in_queue()
    centre.run(2.0)
    assert centre.call.bridged
    return centre


def register_second(centre: VirtualCentre, *, answers_after: float | None = 0.5) -> None:
    """The colleague's phone is there; he himself is in a meeting, as it were."""
    phone = centre.phones["agent2"]
    phone.answers_after = answers_after
    centre.do(lambda: phone.register(centre.hop, "agent2-secret"))
    centre.centre.acd.log_on("agent2")


def test_who_holds_hears_nothing_and_the_other_music(centre: VirtualCentre) -> None:
    caller, agent = centre.call.caller, centre.call.agent
    centre.centre.switch.hold(agent)
    assert centre.bay.files_heard(caller.node) == {"music.wav"}
    assert centre.bay.sources(agent.node) == set()
    assert agent.state is ConnectionState.HOLD
    assert caller.state is ConnectionState.CONNECTED
    centre.centre.switch.hold(agent)  # once is enough
    assert [(event.leg, event.by) for event in centre.told(Held)] == [(agent.id, Party.AGENT)]
    centre.centre.switch.retrieve(agent)
    assert centre.bay.sources(caller.node) == {agent.node}
    assert centre.bay.sources(agent.node) == {caller.node}
    assert [event.leg for event in centre.told(Retrieved)] == [agent.id]


def test_our_hold_and_the_far_ends_are_two(centre: VirtualCentre) -> None:
    caller, agent = centre.call.caller, centre.call.agent
    centre.centre.switch.hold(caller)
    centre.do(lambda: centre.caller.change_media("inactive"))
    centre.centre.switch.retrieve(caller)
    assert caller.state is ConnectionState.HOLD
    assert centre.bay.files_heard(agent.node) == {"music.wav"}
    centre.do(lambda: centre.caller.change_media("sendrecv"))
    assert caller.state is ConnectionState.CONNECTED
    assert centre.bay.sources(agent.node) == {caller.node}
    assert len(centre.told(Held)) == len(centre.told(Retrieved)) == 1


def test_a_transfer_gives_the_caller_to_a_colleague(centre: VirtualCentre) -> None:
    register_second(centre)
    caller, giver = centre.call.caller, centre.call.agent
    centre.do(lambda: centre.centre.acd.transfer(centre.call, "agent2"), 0.1)
    assert centre.bay.files_heard(caller.node) == {"music.wav"}
    assert centre.phones["agent1"].is_over
    assert centre.agent_state("agent1") == "ready"
    centre.run(1.0)
    taker = centre.call.agent
    assert taker.agent == "agent2"
    assert centre.bay.sources(caller.node) == {taker.node}
    (transferred,) = centre.told(Transferred)
    assert (transferred.from_leg, transferred.to_leg) == (giver.id, taker.id)
    assert [event.cause for event in centre.told(ConnectionCleared)] == [Cause.TRANSFER]
    centre.do(centre.caller.hang_up)
    assert centre.record.outcome is Outcome.ANSWERED
    assert centre.record.agent == "agent2"
    centre.assert_nothing_left()


def test_a_transfer_unanswered_puts_the_caller_back_in_the_queue(centre: VirtualCentre) -> None:
    register_second(centre, answers_after=60.0)
    centre.phones["agent1"].answers_after = 0.2
    centre.do(lambda: centre.centre.acd.transfer(centre.call, "agent2"), 7.0)
    assert [event.position for event in centre.told(Queued)] == [1, 1]
    assert centre.call.bridged
    assert centre.call.agent.agent == "agent1"
    assert centre.told(Transferred) == []


def test_a_transfer_to_nobody_changes_nothing(centre: VirtualCentre) -> None:
    centre.centre.acd.log_on("agent2")
    with pytest.raises(NotReachable, match="agent2 is not registered"):
        centre.centre.acd.transfer(centre.call, "agent2")
    assert centre.call.bridged
    assert centre.bay.sources(centre.call.caller.node) == {centre.call.agent.node}


@pytest.mark.parametrize("when", [0.1, 1.5])
def test_the_caller_hangs_up_during_a_transfer(centre: VirtualCentre, when: float) -> None:
    register_second(centre, answers_after=1.0)
    centre.do(lambda: centre.centre.acd.transfer(centre.call, "agent2"), when)
    centre.do(centre.caller.hang_up)
    assert centre.phones["agent2"].is_over
    centre.assert_nothing_left()


def test_digits_are_keyed_towards_a_party(centre: VirtualCentre) -> None:
    sent = []
    take = centre.bay._take
    centre.bay._take = lambda command: (  # type: ignore[method-assign]
        sent.append(command) if isinstance(command, SendDigits) else take(command)
    )
    centre.centre.switch.send_digits(centre.call.agent, "12#")
    assert sent == [SendDigits(node=centre.call.agent.node, digits="12#")]
