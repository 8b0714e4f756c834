"""Dialogs: route sets, targets, order, and where requests in them go."""

from __future__ import annotations

import pytest
from sip_calls import Pair

from ccd.sip.compose import OutgoingRequest
from ccd.sip.dialog import Dialog, Order, is_loose
from ccd.sip.grammar import GrammarError
from ccd.sip.hop import Hop
from ccd.sip.message import Request, Response, parse

SOURCE = Hop("udp", "198.51.100.7", 40404)


def invite(
    contact: str = "<sip:alice@198.51.100.7:5062>",
    via: str = "198.51.100.7:5060",
    routes: str = "",
) -> Request:
    message = parse(
        "INVITE sip:bob@192.0.2.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bK1\r\n"
        "From: <sip:alice@example.com>;tag=far\r\nTo: <sip:bob@example.com>\r\nCall-ID: c\r\n"
        f"CSeq: 5 INVITE\r\n{routes}Contact: {contact}\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


def server(source: Hop = SOURCE, **options: str) -> Dialog:
    return Dialog.of_server(invite(**options), source, "near")


def in_dialog(dialog: Dialog) -> OutgoingRequest:
    return dialog.request("BYE", via="SIP/2.0/UDP 192.0.2.1;branch=", cseq=1)


class TestMaking:
    def test_as_the_called_side(self) -> None:
        dialog = server(routes="Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51;lr>\r\n")
        assert (dialog.local, dialog.remote) == (
            "<sip:bob@example.com>;tag=near",
            "<sip:alice@example.com>;tag=far",
        )
        assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("c", "near", "far")
        assert dialog.routes == ("<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>")
        assert dialog.target == "sip:alice@198.51.100.7:5062"

    def test_as_the_calling_side_the_route_set_is_reversed(self) -> None:
        ours = OutgoingRequest(
            "INVITE", "sip:bob@192.0.2.1", SOURCE, via="", from_="<sip:a@b>;tag=near",
            to="<sip:bob@b>", call_id="c", cseq=7,
        )  # fmt: skip
        response = parse(
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=near\r\n"
            b"To: <sip:bob@b>;tag=far\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n"
            b"Record-Route: <sip:192.0.2.50;lr>\r\nRecord-Route: <sip:192.0.2.51;lr>\r\n\r\n"
        )
        assert isinstance(response, Response)
        dialog = Dialog.of_client(ours, response, "near")
        assert dialog.routes == ("<sip:192.0.2.51;lr>", "<sip:192.0.2.50;lr>")
        assert dialog.target == "sip:bob@192.0.2.1"  # no Contact: where the INVITE went
        assert (dialog.remote_tag, dialog.remote) == ("far", "<sip:bob@b>;tag=far")

    def test_an_unusable_contact_makes_none(self) -> None:
        with pytest.raises(GrammarError):
            server(contact="not an address")


class TestRouting:
    def test_loose_routers_stay_in_route(self) -> None:
        dialog = server(routes="Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51;lr>\r\n")
        request = in_dialog(dialog)
        assert request.uri == "sip:alice@198.51.100.7:5062"
        assert request.routes == ("<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>")
        assert request.hop == Hop("udp", "192.0.2.50", 5060)

    def test_a_strict_router_finds_itself_in_the_request_uri(self) -> None:
        dialog = server(routes="Record-Route: <sip:192.0.2.50>, <sip:192.0.2.51;lr>\r\n")
        request = in_dialog(dialog)
        assert request.uri == "sip:192.0.2.50"
        assert request.routes == ("<sip:192.0.2.51;lr>", "<sip:alice@198.51.100.7:5062>")
        assert request.hop == Hop("udp", "192.0.2.50", 5060)

    @pytest.mark.parametrize(
        ("route", "loose"),
        [
            ("<sip:p;lr>", True),
            ("<sip:u;lr@p>", False),
            ("<sip:u@p;transport=tcp;lr=on>", True),
            ("<sip:p>;lr", False),
            ("garbage", True),
        ],
    )
    def test_what_is_loose(self, route: str, loose: bool) -> None:
        assert is_loose(route) is loose

    @pytest.mark.parametrize(
        ("contact", "via", "hop"),
        [
            ("<sip:a@203.0.113.9:5070>", "198.51.100.7", Hop("udp", "203.0.113.9", 5070)),
            ("<sip:a@203.0.113.9>", "198.51.100.7", Hop("udp", "203.0.113.9", 5060)),
            (
                "<sip:a@203.0.113.9;transport=TCP>",
                "198.51.100.7",
                Hop("tcp", "203.0.113.9", 5060),
            ),
            ("<sips:a@203.0.113.9>", "198.51.100.7", Hop("tls", "203.0.113.9", 5061)),
            ("<sip:a@[2001:db8::9]:5070>", "198.51.100.7", Hop("udp", "2001:db8::9", 5070)),
            ("<sip:a@203.0.113.9;transport=ws>", "198.51.100.7", Hop("udp", "203.0.113.9", 5060)),
            ("<sip:a@phone.example>", "198.51.100.7", SOURCE),  # nobody here resolves names
            ("<sip:a@10.0.0.5:5062>", "10.0.0.5", SOURCE),  # behind a NAT
        ],
    )
    def test_next_hop(self, contact: str, via: str, hop: Hop) -> None:
        assert server(contact=contact, via=via).next_hop() == hop

    def test_a_connection_to_the_same_host_is_used(self) -> None:
        connection = Hop("tcp", "198.51.100.7", 40404)
        dialog = server(source=connection, contact="<sip:a@198.51.100.7:5062;transport=tcp>")
        assert dialog.next_hop() == connection
        dialog = server(source=connection, contact="<sip:a@203.0.113.9;transport=tcp>")
        assert dialog.next_hop() == Hop("tcp", "203.0.113.9", 5060)


def test_order_of_requests() -> None:
    dialog = server()
    request = invite()
    assert dialog.order(request) is Order.OUT_OF_ORDER
    request.cseq_number = 9
    assert dialog.order(request) is Order.IN_ORDER
    request.cseq_number = 8
    assert dialog.order(request) is Order.OUT_OF_ORDER


def test_target_refresh_takes_only_a_usable_contact() -> None:
    dialog = server()
    dialog.refresh_target(invite(contact="<sip:new@198.51.100.7>"))
    assert dialog.target == "sip:new@198.51.100.7"
    dialog.refresh_target(invite(contact="broken"))
    assert dialog.target == "sip:new@198.51.100.7"


class TestLostConnection:
    def test_requests_go_to_the_contact_when_the_connection_is_gone(self) -> None:
        pair = Pair(protocol="tcp")
        phone = Hop("tcp", "192.0.2.1", 50123)
        from test_sip_calls import raw

        pair.network.inject(raw("INVITE").replace(b"/UDP", b"/TCP"), phone, pair.callee.hop)
        session = pair.callee.session
        session.accept(b"v=0\r\n", now=pair.now)
        pair.network._settle()
        assert pair.network.trace[-1].target == phone
        pair.callee.agent.transport_failed(phone, pair.now)
        assert session.peer == Hop("tcp", "192.0.2.1", 5060)
        pair.settle(0.6)
        # The 2xx, repeated, over a new connection to where the phone listens.
        assert pair.network.trace[-1].target == Hop("tcp", "192.0.2.1", 5060)
        session.terminate(now=pair.now)
        pair.finish()
        assert not pair.callee.agent._by_connection

    def test_a_request_over_a_new_connection_moves_the_session_there(self) -> None:
        pair = Pair(protocol="tcp")
        from test_sip_calls import raw

        first, second = Hop("tcp", "192.0.2.1", 50123), Hop("tcp", "192.0.2.1", 50124)
        pair.network.inject(raw("INVITE").replace(b"/UDP", b"/TCP"), first, pair.callee.hop)
        session = pair.callee.session
        session.accept(b"v=0\r\n", now=pair.now)
        tag = f"<sip:95500@192.0.2.2>;tag={session.local_tag}"
        for data in (
            raw("ACK", to=tag, branch="z9hG4bKack", body="v=0\r\n", extra="Content-Type: application/sdp\r\n"),
            raw("INFO", to=tag, branch="z9hG4bKinfo", cseq=2),
        ):  # fmt: skip
            pair.network.inject(data.replace(b"/UDP", b"/TCP"), second, pair.callee.hop)
        assert session.peer == second
        assert list(pair.callee.agent._by_connection) == [second]
        session.terminate(now=pair.now)
        pair.network._settle()
        assert pair.network.trace[-1].target == second
        pair.finish()
        assert not pair.callee.agent._by_connection


def test_a_line_break_hidden_in_the_number_called_does_no_harm() -> None:
    pair = Pair()
    from test_sip_calls import raw

    pair.network.inject(
        raw("INVITE", uri="sip:9%0D%0AEvil:1@192.0.2.2"), pair.caller.hop, pair.callee.hop
    )
    session = pair.callee.session
    session.progress(180, now=pair.now)
    session.terminate(now=pair.now)
    pair.settle()
    assert b"Contact: <sip:9%0D%0AEvil@192.0.2.2:5060>" in pair.network.trace[0].data
