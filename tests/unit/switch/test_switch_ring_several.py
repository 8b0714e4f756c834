"""Several phones ring for one call: the first answer wins, and nobody rings on."""

from __future__ import annotations

from pathlib import Path

import pytest
from listener import Listener, waiting
from virtual.centre import VirtualCentre

from ccd.events import CallCleared, ConnectionCleared, Established, Failed
from ccd.model import Cause, Outcome, Party
from ccd.sip.events import Accepted, Confirmed, SipEvent, Terminated
from ccd.switch.call import Call, Leg


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    centre = VirtualCentre(tmp_path, agents=3)
    for name, phone in centre.phones.items():
        centre.do(lambda phone=phone, name=name: phone.register(centre.hop, f"{name}-secret"))  # type: ignore[misc]
    return centre


def ring_all(centre: VirtualCentre, listener: Listener) -> tuple[Call, list[Leg]]:
    """A caller who waits, and every agent's phone is called for him."""
    call = waiting(centre, listener)
    legs = [
        centre.centre.switch.ring(call, agent=name, phone=name, queue="orders")
        for name in centre.names
    ]
    return call, legs


def first_wins(centre: VirtualCentre, listener: Listener) -> None:
    """Do what a controller does: connect the first, withdraw the others."""

    def established(call: Call, leg: Leg) -> None:
        for other in tuple(call.ringing):
            centre.centre.switch.clear_connection(other, Cause.ANSWERED_ELSEWHERE)
        centre.centre.switch.bridge(call)

    listener.on["established"] = established


def test_the_first_to_answer_has_the_call(centre: VirtualCentre, listener: Listener) -> None:
    centre.phones["agent2"].answers_after = 1.0
    call, legs = ring_all(centre, listener)
    assert call.ringing == legs
    assert call.agent is legs[0]
    assert call.answered is None
    first_wins(centre, listener)
    centre.run(0.5)
    assert listener.told == ["alerting agent1", "alerting agent2", "alerting agent3"]
    centre.run(2.0)
    assert listener.told[3:] == [
        "established agent2",
        "failed agent1 answered_elsewhere",
        "failed agent3 answered_elsewhere",
    ]
    assert call.agent is call.answered is legs[1]
    assert call.ringing == []
    assert centre.bay.sources(call.caller.node) == {legs[1].node}
    assert [event.agent for event in centre.told(Established)] == [None, "agent2"]
    failed = centre.told(Failed)
    assert [(event.agent, event.cause) for event in failed] == [
        ("agent1", Cause.ANSWERED_ELSEWHERE),
        ("agent3", Cause.ANSWERED_ELSEWHERE),
    ]
    centre.do(centre.caller.hang_up)
    assert (centre.record.agent, centre.record.rings_unanswered) == ("agent2", 0)
    centre.assert_nothing_left()


def test_the_others_phones_count_no_missed_call(centre: VirtualCentre, listener: Listener) -> None:
    """RFC 3326, 2: the CANCEL says that the call was completed elsewhere."""
    centre.phones["agent1"].answers_after = 1.0
    cancels: list[bytes] = []

    def see(sent: object) -> bool:
        if sent.start_line.startswith("CANCEL"):  # type: ignore[attr-defined]
            cancels.append(sent.data)  # type: ignore[attr-defined]
        return True

    centre.network.filter = see
    ring_all(centre, listener)
    first_wins(centre, listener)
    centre.run(3.0)
    assert len(cancels) == 2
    for cancel in cancels:
        assert b'\r\nReason: SIP;cause=200;text="Call completed elsewhere"\r\n' in cancel
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_bridging_ends_whoever_still_rings(centre: VirtualCentre, listener: Listener) -> None:
    """A controller that forgets the others keeps no phone ringing."""
    centre.phones["agent3"].answers_after = 1.0
    call, _ = ring_all(centre, listener)
    listener.on["established"] = lambda call, _leg: centre.centre.switch.bridge(call)
    centre.run(3.0)
    assert call.ringing == []
    assert centre.phones["agent1"].is_over
    assert centre.phones["agent2"].is_over
    assert not centre.phones["agent3"].is_over


@pytest.mark.parametrize("withdraws", [True, False])
def test_two_answers_that_cross(centre: VirtualCentre, listener: Listener, withdraws: bool) -> None:
    """Both picked up; the later one is ended by BYE, and never had the call."""
    centre.network.delay = 0.05
    centre.phones["agent1"].answers_after = 1.02
    centre.phones["agent2"].answers_after = 1.0
    call, legs = ring_all(centre, listener)
    if withdraws:
        first_wins(centre, listener)
    centre.run(2.0)
    assert listener.told[3] == "established agent2"
    assert "failed agent1 answered_elsewhere" in listener.told
    assert "established agent1" not in listener.told
    assert call.answered is legs[1]
    loser = centre.phones["agent1"]
    assert loser.saw(Confirmed)
    (ended,) = loser.saw(Terminated)
    assert (ended.by, ended.cancelled) == ("remote", False)
    assert "Call completed elsewhere" in ended.reason
    assert legs[0].node not in centre.bay.legs
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_one_who_refuses_leaves_the_others_ringing(
    centre: VirtualCentre, listener: Listener
) -> None:
    centre.phones["agent1"].refuses_with = 486
    call, legs = ring_all(centre, listener)
    centre.run(1.0)
    assert "failed agent1 busy" in listener.told
    assert call.ringing == legs[1:]
    assert call.agent is legs[1]
    centre.phones["agent3"]._pick_up(centre.phones["agent3"].session)  # type: ignore[arg-type]
    centre.run(1.0)
    assert call.answered is legs[2]


def test_nobody_answers(centre: VirtualCentre, listener: Listener) -> None:
    call, legs = ring_all(centre, listener)
    centre.run(5.0)
    for leg in legs:
        centre.centre.switch.clear_connection(leg, Cause.NO_ANSWER)
    centre.run(1.0)
    assert listener.told[3:] == [f"failed {name} no_answer" for name in centre.names]
    assert call.agent is None
    assert call.caller.connected
    centre.do(centre.caller.hang_up)
    assert listener.told[-2:] == ["caller_left normal_clearing", "cleared"]
    assert centre.record.rings_unanswered == 3
    assert centre.record.outcome is Outcome.SELF_SERVED
    centre.assert_nothing_left()


def test_the_caller_leaves_while_they_ring(centre: VirtualCentre, listener: Listener) -> None:
    ring_all(centre, listener)
    centre.run(1.0)
    centre.do(centre.caller.hang_up)
    assert listener.told[3:] == ["caller_left normal_clearing", "cleared"]
    assert all(phone.is_over for phone in centre.phones.values())
    assert {event.cause for event in centre.told(ConnectionCleared)[1:]} == {Cause.CALL_CANCELLED}
    assert not centre.told(Failed)
    centre.assert_nothing_left()


def test_the_caller_leaves_as_one_answers(centre: VirtualCentre, listener: Listener) -> None:
    """The agent's 200 crosses our CANCEL: he is ended by BYE and has no call."""
    centre.network.delay = 0.05
    centre.phones["agent1"].answers_after = 1.0
    ring_all(centre, listener)
    begin = centre.network.now
    centre.network.at(begin + 1.02, centre.caller.hang_up)
    centre.run(3.0)
    assert "established agent1" not in listener.told
    assert listener.told[-2:] == ["caller_left normal_clearing", "cleared"]
    assert centre.phones["agent1"].is_over
    assert len(centre.told(CallCleared)) == 1
    centre.assert_nothing_left()


def test_the_winner_hangs_up_before_the_next_answer_comes(
    centre: VirtualCentre, listener: Listener
) -> None:
    """The one who answers then is the first to be there, and has the call."""
    centre.network.delay = 0.05
    centre.phones["agent1"].answers_after = 1.0
    centre.phones["agent2"].answers_after = 2.0
    call, legs = ring_all(centre, listener)
    centre.network.at(centre.network.now + 1.5, centre.phones["agent1"].hang_up)
    centre.run(4.0)
    assert listener.told[3:] == [
        *("established agent1", "agent_left agent1 normal_clearing", "established agent2"),
    ]
    assert call.answered is legs[1]
    centre.centre.switch.bridge(call)
    assert centre.bay.sources(call.caller.node) == {legs[1].node}
    centre.run(1.0)
    assert centre.phones["agent3"].is_over
    centre.do(centre.caller.hang_up)
    assert (centre.record.agent, centre.record.released_by) == ("agent2", Party.CALLER)
    centre.assert_nothing_left()


def test_one_who_answers_as_the_winner_is_ended_has_the_call(
    centre: VirtualCentre, listener: Listener
) -> None:
    """Both are in one batch of events: the winner's end is asked for, and is not told yet."""
    switch = centre.centre.switch
    centre.phones["agent1"].answers_after = 1.0
    call, legs = ring_all(centre, listener)
    centre.run(1.5)
    switch.bridge(call)
    centre.run(1.0)
    phone = centre.phones["agent2"]
    leg = switch.ring(call, agent="agent2", phone="agent2", queue="orders")
    phone.answers_after = 1.0
    take = switch._signals.take

    def end_the_winner_first(event: SipEvent) -> None:
        if isinstance(event, Accepted) and event.session is leg.session:
            switch.clear_connection(legs[0], Cause.NORMAL_CLEARING)
        take(event)

    switch._signals.take = end_the_winner_first  # type: ignore[method-assign]
    del listener.told[:]
    centre.run(2.0)
    assert listener.told == [
        *("alerting agent2", "established agent2", "agent_left agent1 normal_clearing"),
    ]
    assert call.answered is leg
    switch.bridge(call)
    assert call.bridged
    assert centre.bay.sources(call.caller.node) == {leg.node}
    assert len(centre.bay.recorders) == 1
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_a_phone_without_audio_is_one_less(centre: VirtualCentre, listener: Listener) -> None:
    centre.phones["agent1"].answers_after = 1.0
    call, legs = ring_all(centre, listener)
    centre.bay.refuses = "RTP port 20002: Address already in use"
    centre.run(3.0)
    assert "agent_left agent1 media_failed" in listener.told
    assert call.ringing == legs[1:]
    assert call.caller.connected
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()
