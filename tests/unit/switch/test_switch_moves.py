"""A peer's media moves to where our port can't follow: legs that share one are told by remote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.centre import SERVICE, Telephone, VirtualCentre

from ccd.media.ports import PortPlan
from ccd.model import Cause
from ccd.sip.events import OfferAnswered, OfferRefused
from ccd.sip.negotiation import Agreed
from ccd.sip.sdp import SessionDescription
from ccd.switch.patch import media_format


@pytest.fixture(params=["auto", "never"])
def centre(request: pytest.FixtureRequest, tmp_path: Path) -> VirtualCentre:
    """Two callers share a port; with `auto`, media that moves to another host latches."""
    centre = VirtualCentre(tmp_path)
    centre.centre.switch._patch._nat = request.param
    return centre


def two_callers(centre: VirtualCentre, ports: int) -> tuple[Any, Telephone, Any]:
    """The first one's leg, the second one, and its leg, on one port of so many."""
    centre.bay.plan = PortPlan(range(20000, 20000 + 2 * ports, 2), shared=1)
    centre.caller_in_menu()
    first = centre.call.caller
    second = Telephone(centre.network, "13800000002", "10.0.9.2", seed=12)
    centre.do(lambda: second.call(centre.hop, SERVICE))
    calls = centre.centre.switch.calls.values()
    leg = next(call.caller for call in calls if call.ani == second.name)
    assert leg.port.number == first.port.number == 20000
    return first, second, leg


def move(centre: VirtualCentre, phone: Telephone, host: str) -> None:
    """Offer media at another host, at the same port."""
    assert phone.session is not None
    phone.host = host
    phone.change_media("sendrecv")


def told_port(description: bytes | None) -> int:
    assert description is not None
    return SessionDescription.parse(description).media[0].port


def test_media_that_moves_to_another_legs_remote_gets_another_port(centre: VirtualCentre) -> None:
    first, second, leg = two_callers(centre, ports=2)
    edges = centre.bay.sources(leg.node)
    centre.do(lambda: move(centre, second, "10.0.9.1"))
    assert leg.port.number == 20002
    assert told_port(second.saw(OfferAnswered)[-1].sdp) == 20002
    opened = centre.bay.legs[leg.node]
    assert (opened.port, opened.remote) == (20002, ("10.0.9.1", 4000))
    assert centre.bay.sources(leg.node) == edges != set()
    assert first.port.number == 20000
    # The old place on the shared port is free again.
    assert centre.bay.plan.take(("10.0.9.2", 4000), latch=False)[0] == 20000
    centre.do(second.hang_up)
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_media_that_moves_to_an_address_of_its_own_keeps_its_port(centre: VirtualCentre) -> None:
    _, second, leg = two_callers(centre, ports=2)
    second.rtp_port = 4444
    centre.do(lambda: second.change_media("sendrecv"))
    assert leg.port.number == 20000
    assert told_port(second.saw(OfferAnswered)[-1].sdp) == 20000
    assert centre.bay.legs[leg.node].remote == ("10.0.9.2", 4444)


def test_without_another_port_the_offer_is_refused_and_the_call_goes_on(
    centre: VirtualCentre,
) -> None:
    _, second, leg = two_callers(centre, ports=1)
    centre.do(lambda: move(centre, second, "10.0.9.1"))
    assert [event.code for event in second.saw(OfferRefused)] == [488]
    assert leg.port.number == 20000
    assert centre.bay.legs[leg.node].remote == ("10.0.9.2", 4000)
    assert not second.is_over
    centre.do(second.hang_up)
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_an_answer_that_moves_is_followed_by_our_offer(centre: VirtualCentre) -> None:
    """A re-INVITE without an offer: ours has named a port when the peer's address comes."""
    _, second, leg = two_callers(centre, ports=2)
    second.host = "10.0.9.1"
    assert second.session is not None
    centre.do(lambda: second.session.offer(None, now=centre.network.now))
    assert leg.port.number == 20002
    assert told_port(second.session.remote_sdp) == 20002
    assert (centre.bay.legs[leg.node].port, leg.connected) == (20002, True)
    centre.do(second.hang_up)
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_an_answer_that_moves_to_where_no_port_is_ends_the_call(centre: VirtualCentre) -> None:
    _, second, leg = two_callers(centre, ports=1)
    second.host = "10.0.9.1"
    assert second.session is not None
    centre.do(lambda: second.session.offer(None, now=centre.network.now))
    assert second.is_over
    assert centre.records[leg.call.id].cause is Cause.MEDIA_FAILED
    assert not centre.caller.is_over


def test_an_old_hold_keeps_the_place_on_a_shared_port(centre: VirtualCentre) -> None:
    """`c=0.0.0.0` (RFC 3264, 8.4): nothing comes and nothing goes, and nobody latches."""
    _, second, leg = two_callers(centre, ports=1)
    own = second.host
    centre.do(lambda: move(centre, second, "0.0.0.0"))
    held = centre.bay.legs[leg.node]
    assert (held.remote, held.latch, leg.port.number) == (None, False, 20000)
    centre.do(lambda: move(centre, second, own))
    back = centre.bay.legs[leg.node]
    assert (back.remote, back.latch, leg.port.number) == ((own, 4000), False, 20000)


def test_the_media_worker_is_told_of_payload_types_by_direction() -> None:
    agreed = Agreed(
        remote=("10.0.9.1", 4000),
        codec="PCMU",
        payload_type=0,
        telephone_event=96,
        ptime=20,
        send=True,
        receive=True,
        receive_payload_type=98,
        receive_telephone_event=101,
    )
    form = media_format(agreed)
    assert (form.payload_type, form.receive_payload_type) == (0, 98)
    assert (form.telephone_event, form.receive_telephone_event) == (96, 101)
