"""A waiting caller is given to a number outside, through a trunk."""

from __future__ import annotations

from pathlib import Path

import pytest
from listener import Listener, waiting
from virtual.centre import SERVICE, Telephone, VirtualCentre

from ccd.events import Bridged, Delivered, Failed
from ccd.model import Cause, Outcome, Party
from ccd.sip.events import InviteReceived
from ccd.switch.call import Leg
from ccd.switch.switch import NotReachable

SITE = "01088880000"


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def centre(tmp_path: Path, listener: Listener) -> VirtualCentre:
    """A caller who waits; the trunk's first peer with a port is the other site."""
    centre = VirtualCentre(tmp_path)
    visitor = Telephone(centre.network, "13800000002", "10.0.9.2", seed=12)
    centre.caller, centre.site = visitor, centre.caller  # type: ignore[attr-defined]
    waiting(centre, listener)
    return centre


def site(centre: VirtualCentre) -> Telephone:
    found: Telephone = centre.site  # type: ignore[attr-defined]
    return found


def ring(centre: VirtualCentre) -> Leg:
    return centre.centre.switch.ring_outside(
        centre.call, number=SITE, trunk="carrier", queue="orders"
    )


def test_the_site_answers_and_has_the_caller(centre: VirtualCentre, listener: Listener) -> None:
    site(centre).answers_after = 2.0
    leg = ring(centre)
    call = centre.call
    assert (leg.party, leg.agent) == (Party.AGENT, None)
    assert centre.centre.trunks.in_use("carrier") == 2
    listener.on["established"] = lambda call, _leg: centre.centre.switch.bridge(call)
    centre.run(1.0)
    assert centre.bay.files_heard(call.caller.node) == {"music.wav"}
    centre.run(2.0)
    assert listener.told == ["alerting agent", "established agent"]
    assert centre.bay.sources(call.caller.node) == {leg.node}
    (delivered,) = centre.told(Delivered)
    assert (delivered.agent, delivered.number) == ("", SITE)
    assert [event.agent for event in centre.told(Bridged)] == [None]
    centre.do(centre.caller.hang_up)
    assert site(centre).is_over
    record = centre.record
    assert (record.outcome, record.agent) == (Outcome.ANSWERED, None)
    assert record.connected_at is not None
    assert record.agent_quality is not None
    centre.assert_nothing_left()


def test_whom_the_site_sees(centre: VirtualCentre) -> None:
    ring(centre)
    centre.run()
    (received,) = site(centre).saw(InviteReceived)
    request = received.session.request
    assert request.uri_text == f"sip:{SITE}@10.0.9.1:5060"
    assert request.from_address.uri.user == "13800000002"
    assert request.headers.get("Diversion") == (
        f"<sip:{SERVICE}@virtual.ccd.local>;reason=unconditional"
    )


@pytest.mark.parametrize(("status", "cause"), [(486, Cause.BUSY), (603, Cause.REJECTED)])
def test_a_site_that_does_not_take_it(
    centre: VirtualCentre, listener: Listener, status: int, cause: Cause
) -> None:
    site(centre).refuses_with = status
    ring(centre)
    centre.run()
    assert listener.told == [f"failed agent {cause}"]
    assert centre.call.agent is None
    assert centre.call.caller.connected
    assert centre.bay.files_heard(centre.call.caller.node) == {"music.wav"}
    assert centre.centre.trunks.in_use("carrier") == 1
    assert [(event.party, event.agent) for event in centre.told(Failed)] == [(Party.AGENT, None)]
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_a_site_that_does_not_answer_in_time(centre: VirtualCentre, listener: Listener) -> None:
    leg = ring(centre)
    centre.run(5.0)
    centre.do(lambda: centre.centre.switch.clear_connection(leg, Cause.NO_ANSWER))
    assert listener.told == ["alerting agent", "failed agent no_answer"]
    assert site(centre).is_over
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_the_caller_leaves_while_the_site_rings(centre: VirtualCentre, listener: Listener) -> None:
    ring(centre)
    centre.run(1.0)
    centre.do(centre.caller.hang_up)
    assert listener.told == ["alerting agent", "caller_left normal_clearing", "cleared"]
    assert site(centre).is_over
    centre.assert_nothing_left()


def test_the_site_hangs_up(centre: VirtualCentre, listener: Listener) -> None:
    site(centre).answers_after = 1.0
    ring(centre)
    listener.on["established"] = lambda call, _leg: centre.centre.switch.bridge(call)
    centre.run(3.0)
    centre.do(site(centre).hang_up)
    assert listener.told[-1] == "agent_left agent normal_clearing"
    assert centre.call.caller.connected
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_no_channel_is_left_for_it(centre: VirtualCentre, listener: Listener) -> None:
    centre.centre.admission.draining = True
    with pytest.raises(NotReachable, match="shutting down"):
        ring(centre)
    assert centre.call.agent is None
    assert not centre.told(Delivered)
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_a_call_that_is_over_goes_nowhere(centre: VirtualCentre) -> None:
    call = centre.call
    centre.do(centre.caller.hang_up)
    with pytest.raises(NotReachable, match="is over"):
        centre.centre.switch.ring_outside(call, number=SITE, trunk="carrier", queue="orders")
    centre.assert_nothing_left()
