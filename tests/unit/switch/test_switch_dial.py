"""Calls that we begin: a customer through a trunk, in every order of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from listener import Listener
from virtual.centre import EPOCH, SERVICE, VirtualCentre

from ccd.config import Trunk
from ccd.events import CallCleared, Established, Failed, Originated
from ccd.media.ports import PortPlan
from ccd.model import Cause, ConnectionState, Direction, Outcome, Party
from ccd.sip.events import InviteReceived
from ccd.sip.overload import Overload
from ccd.sip.trunks import Trunks
from ccd.switch.call import Call
from ccd.switch.switch import NotReachable

CUSTOMER = "13911112222"


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    return VirtualCentre(tmp_path)


@pytest.fixture
def listener() -> Listener:
    return Listener()


def dial(centre: VirtualCentre, listener: Listener, **changes: Any) -> Call:
    arguments: dict[str, Any] = {"trunk": "carrier", "ani": SERVICE, **changes}
    return centre.centre.switch.dial(CUSTOMER, controller=listener, **arguments)


def test_a_customer_who_answers(centre: VirtualCentre, listener: Listener) -> None:
    centre.caller.answers_after = 3.0
    call = dial(centre, listener, data={"callback": "7"})
    assert (call.direction, call.number, call.data) == (Direction.OUT, CUSTOMER, {"callback": "7"})
    assert call.caller.state is ConnectionState.INITIATED
    centre.run(1.0)
    assert call.caller.state is ConnectionState.ALERTING
    assert listener.told == ["alerting caller"]
    centre.run(3.0)
    assert listener.told == ["alerting caller", "established caller"]
    assert centre.bay.legs[call.caller.node].remote == ("10.0.9.1", 4000)
    assert centre.centre.trunks.in_use("carrier") == 1
    centre.do(lambda: centre.centre.switch.clear_call(call, Cause.NORMAL_CLEARING))
    assert listener.told[2:] == ["caller_left normal_clearing", "cleared"]
    assert centre.caller.is_over
    centre.assert_nothing_left()


def test_what_the_carrier_is_told(centre: VirtualCentre, listener: Listener) -> None:
    dial(centre, listener)
    centre.run()
    (received,) = centre.caller.saw(InviteReceived)
    request = received.session.request
    assert request.uri_text == f"sip:{CUSTOMER}@10.0.9.1:5060"
    assert request.from_address.uri.user == SERVICE
    assert request.headers.get("P-Asserted-Identity") == f"<sip:{SERVICE}@virtual.ccd.local>"


def test_without_a_number_to_show_none_is_asserted(
    centre: VirtualCentre, listener: Listener
) -> None:
    dial(centre, listener, ani="")
    centre.run()
    (received,) = centre.caller.saw(InviteReceived)
    assert received.session.request.from_address.uri.user == "ccd"
    assert received.session.request.headers.get("P-Asserted-Identity") is None


def test_the_record_of_an_outgoing_call(centre: VirtualCentre, listener: Listener) -> None:
    centre.caller.answers_after = 2.0
    call = dial(centre, listener)
    centre.run(5.0)
    centre.do(centre.caller.hang_up)
    record = centre.record
    assert (record.call, record.direction) == (call.id, Direction.OUT)
    assert (record.ani, record.dnis, record.trunk) == (SERVICE, CUSTOMER, "carrier")
    assert record.offered_at == pytest.approx(EPOCH, abs=0.1)
    assert record.answered_at == pytest.approx(EPOCH + 2.0, abs=0.1)
    assert (record.released_by, record.cause) == (Party.CALLER, Cause.NORMAL_CLEARING)
    assert record.caller_quality is not None
    (originated,) = centre.told(Originated)
    assert (originated.leg, originated.party) == (call.caller.id, Party.CALLER)
    assert [event.leg for event in centre.told(Established)] == [call.caller.id]
    assert listener.told[-2:] == ["caller_left normal_clearing", "cleared"]
    centre.assert_nothing_left()


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        (486, Cause.BUSY, Outcome.UNREACHED),
        (404, Cause.DESTINATION_NOT_OBTAINABLE, Outcome.UNREACHED),
        (480, Cause.DESTINATION_OUT_OF_ORDER, Outcome.UNREACHED),
        (603, Cause.REJECTED, Outcome.UNREACHED),
        (500, Cause.NETWORK_FAILURE, Outcome.FAILED),
    ],
)
def test_a_customer_who_cannot_be_had(
    centre: VirtualCentre, listener: Listener, status: int, cause: Cause, outcome: Outcome
) -> None:
    centre.caller.refuses_with = status
    call = dial(centre, listener)
    listener.on["failed"] = lambda _call, leg, _cause: listener.told.append(str(leg is call.caller))
    centre.run()
    assert listener.told == [f"failed caller {cause}", "True", "cleared"]
    (failed,) = centre.told(Failed)
    assert (failed.party, failed.cause) == (Party.CALLER, cause)
    (cleared,) = centre.told(CallCleared)
    assert (cleared.cause, cleared.released_by) == (cause, Party.SYSTEM)
    assert centre.record.outcome is outcome
    centre.assert_nothing_left()


def test_a_customer_who_lets_it_ring_is_cancelled(
    centre: VirtualCentre, listener: Listener
) -> None:
    call = dial(centre, listener)
    centre.run(20.0)
    centre.do(lambda: centre.centre.switch.clear_connection(call.caller, Cause.NO_ANSWER))
    assert listener.told == ["alerting caller", "failed caller no_answer", "cleared"]
    assert centre.caller.is_over
    assert (centre.record.outcome, centre.record.cause) == (Outcome.UNREACHED, Cause.NO_ANSWER)
    centre.assert_nothing_left()


def test_an_answer_that_crosses_our_cancel(centre: VirtualCentre, listener: Listener) -> None:
    centre.network.delay = 0.05
    centre.caller.answers_after = 2.0
    call = dial(centre, listener)
    centre.network.at(
        2.08, lambda: centre.centre.switch.clear_connection(call.caller, Cause.NO_ANSWER)
    )
    centre.run(4.0)
    assert listener.told == ["alerting caller", "failed caller no_answer", "cleared"]
    assert centre.caller.is_over
    centre.assert_nothing_left()


def test_a_carrier_that_says_nothing(centre: VirtualCentre, listener: Listener) -> None:
    centre.network.filter = lambda sent: not sent.start_line.startswith("INVITE")
    dial(centre, listener)
    centre.run(40.0)
    assert listener.told == ["failed caller destination_out_of_order", "cleared"]
    centre.assert_nothing_left()


def test_a_time_out_before_anything_was_heard(centre: VirtualCentre, listener: Listener) -> None:
    """There is nothing to cancel yet (RFC 3261, 9.1); the leg ends with the transaction."""
    centre.network.filter = lambda sent: not sent.start_line.startswith("INVITE")
    call = dial(centre, listener)
    centre.run(5.0)
    centre.centre.switch.clear_connection(call.caller, Cause.NO_ANSWER)
    centre.run(40.0)
    assert listener.told == ["failed caller no_answer", "cleared"]
    centre.assert_nothing_left()


@pytest.mark.parametrize("reliable", [False, True])
def test_early_media_breaks_nothing(
    centre: VirtualCentre, listener: Listener, reliable: bool
) -> None:
    """183 with SDP, plain or by 100rel (RFC 3262): the leg's media opens with the 200."""
    phone = centre.caller
    phone.silent = True
    phone.agent.prefers_reliable = reliable
    call = dial(centre, listener)
    centre.run(0.5)
    (received,) = phone.saw(InviteReceived)
    session = received.session
    answer, _ = phone.negotiation.answer(session.remote_sdp, phone.media())
    centre.do(lambda: session.progress(183, answer, now=centre.network.now))
    assert listener.told == ["alerting caller"]
    assert call.caller.node not in centre.bay.legs
    centre.do(lambda: session.accept(answer, now=centre.network.now))
    assert listener.told == ["alerting caller", "established caller"]
    assert call.caller.node in centre.bay.legs
    phone.session = session
    centre.do(phone.hang_up)
    centre.assert_nothing_left()


def test_an_answer_without_a_codec_of_ours(centre: VirtualCentre, listener: Listener) -> None:
    phone = centre.caller
    phone.silent = True
    dial(centre, listener)
    centre.run(0.5)
    (received,) = phone.saw(InviteReceived)
    answer, _ = phone.negotiation.answer(received.session.remote_sdp, phone.media())
    strange = answer.replace(b"RTP/AVP 0", b"RTP/AVP 18").replace(
        b"rtpmap:0 PCMU", b"rtpmap:18 G729"
    )
    centre.do(lambda: received.session.accept(strange, now=centre.network.now), 2.0)
    assert listener.told == ["failed caller incompatible_media", "cleared"]
    assert phone.is_over
    assert centre.record.outcome is Outcome.FAILED
    centre.assert_nothing_left()


def test_who_failed_may_be_tried_again_in_the_same_call(
    centre: VirtualCentre, listener: Listener
) -> None:
    centre.caller.refuses_with = 486
    call = dial(centre, listener)

    def again(_call: Call, _leg: object, _cause: Cause) -> None:
        centre.caller.refuses_with = None
        centre.caller.answers_after = 0.5
        del listener.on["failed"]
        centre.centre.switch.add_customer(call, CUSTOMER, "carrier")

    listener.on["failed"] = again
    centre.run(2.0)
    assert listener.told == ["failed caller busy", "alerting caller", "established caller"]
    assert centre.centre.trunks.in_use("carrier") == 1
    centre.do(centre.caller.hang_up)
    assert centre.record.caller_quality is not None
    centre.assert_nothing_left()


# --- what is not even tried ----------------------------------------------------------------


def refused(
    centre: VirtualCentre, listener: Listener, number: str = CUSTOMER, **changes: Any
) -> Cause:
    """Why it was not tried; and nothing came of it."""
    arguments: dict[str, Any] = {"trunk": "carrier", **changes}
    in_use = centre.centre.trunks.in_use("carrier")
    with pytest.raises(NotReachable) as info:
        centre.centre.switch.dial(number, controller=listener, **arguments)
    assert centre.centre.trunks.in_use("carrier") == in_use
    assert not centre.told(Originated)
    assert listener.told == []
    return info.value.cause


@pytest.mark.parametrize(
    "number", ["", "anonymous", "1 2", "1\r\nVia: x", "1;x=y", "1@evil", "9" * 65]
)
def test_what_is_no_number(centre: VirtualCentre, listener: Listener, number: str) -> None:
    assert refused(centre, listener, number) is Cause.DESTINATION_NOT_OBTAINABLE
    centre.assert_nothing_left()


def test_a_trunk_that_is_not_there(centre: VirtualCentre, listener: Listener) -> None:
    assert refused(centre, listener, trunk="pigeon") is Cause.DESTINATION_NOT_OBTAINABLE


def test_a_trunk_that_only_calls_us(centre: VirtualCentre, listener: Listener) -> None:
    only_in = Trunks([Trunk(name="carrier", peers=("10.0.9.0/24", "10.0.8.1"))])
    centre.centre.trunks = centre.centre.admission._trunks = only_in
    with pytest.raises(NotReachable, match=r"give one a port, like 192\.0\.2\.7:5060"):
        dial(centre, listener)


def test_a_trunk_that_is_down(centre: VirtualCentre, listener: Listener) -> None:
    """Nobody waits for the INVITE's time-out where the pings have said it already."""
    centre.centre.plant.trunk_up = lambda trunk: trunk != "carrier"  # type: ignore[method-assign]
    assert refused(centre, listener) is Cause.DESTINATION_OUT_OF_ORDER


def test_a_full_trunk_takes_no_call_until_a_channel_is_free(
    tmp_path: Path, listener: Listener
) -> None:
    centre = VirtualCentre(tmp_path, trunk_channels=1)
    centre.caller_in_menu()
    assert refused(centre, listener) is Cause.TRUNKS_BUSY
    centre.do(centre.caller.hang_up)
    dial(centre, listener)
    centre.run()
    assert centre.centre.trunks.in_use("carrier") == 1


def test_no_port_gives_the_channel_back(centre: VirtualCentre, listener: Listener) -> None:
    centre.bay.plan = PortPlan(range(20000, 20000))
    assert refused(centre, listener) is Cause.DESTINATION_NOT_OBTAINABLE
    centre.assert_nothing_left()


def test_who_is_shutting_down_begins_no_call(centre: VirtualCentre, listener: Listener) -> None:
    centre.centre.admission.draining = True
    assert refused(centre, listener) is Cause.SHUTDOWN


def test_no_call_is_begun_while_callers_are_turned_away(
    centre: VirtualCentre, listener: Listener
) -> None:
    overload: Overload = centre.centre.overload
    for _ in range(200):
        overload.admit(centre.network.now)
    assert overload.shedding
    assert refused(centre, listener) is Cause.OVERLOAD
