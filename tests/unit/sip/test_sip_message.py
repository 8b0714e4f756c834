"""Reading messages: limits, folding, compact forms; writing them: nothing smuggled in."""

from __future__ import annotations

import pytest

from ccd.sip.compose import OutgoingRequest, ReplyHead, assemble, reply
from ccd.sip.grammar import (
    GrammarError,
    escape_user,
    params,
    parse_name_addr,
    parse_uri,
    parse_via,
    split_list,
    tokens,
)
from ccd.sip.hop import Hop
from ccd.sip.message import (
    MAX_HEADERS,
    MAX_LINE,
    MAX_MESSAGE,
    Headers,
    MalformedMessage,
    Request,
    Response,
    parse,
)

UDP = Hop("udp", "198.51.100.7", 40404)
TCP = Hop("tcp", "198.51.100.7", 40404)


def message(*extra: str, method: str = "OPTIONS", body: str = "", drop: str = "") -> bytes:
    lines = [
        f"{method} sip:bob@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1",
        "From: <sip:alice@198.51.100.7>;tag=a",
        "To: <sip:bob@192.0.2.1>",
        "Call-ID: c1",
        f"CSeq: 1 {method}",
    ]
    kept = [line for line in lines if not drop or not line.startswith(drop)]
    return ("\r\n".join([*kept, *extra]) + "\r\n\r\n" + body).encode()


def request(*extra: str, **options: str) -> Request:
    parsed = parse(message(*extra, **options))
    assert isinstance(parsed, Request)
    return parsed


class TestReading:
    def test_what_every_message_is_judged_by(self) -> None:
        parsed = request("Max-Forwards: 70")
        assert (parsed.method, parsed.uri_text) == ("OPTIONS", "sip:bob@192.0.2.1")
        assert (parsed.from_tag, parsed.to_tag, parsed.cseq_number) == ("a", "", 1)
        assert (parsed.top_via.branch, parsed.top_via.sent_by) == (
            "z9hG4bK1",
            "198.51.100.7:5060",
        )
        assert parsed.from_address.uri.user == "alice"
        assert parsed.uri.host == "192.0.2.1"

    def test_sipmessages_accessors_work_on_it(self) -> None:
        parsed = request("m: <sip:x@y>;expires=60", "k: timer, path", "Expires: 30")
        assert parsed.contact[0].parameters["expires"] == "60"
        assert parsed.supported == ["timer", "path"]
        assert parsed.expires == 30
        assert parsed.call_id == "c1"
        assert parsed.cseq.method == "OPTIONS"
        assert parsed.via[0].host == "198.51.100.7"

    def test_folded_lines_are_one(self) -> None:
        assert request("Subject: a\r\n\t b\r\n c").headers.get("Subject") == "a b c"

    @pytest.mark.parametrize("name", ["Subject", "SUBJECT", "subject", "sUbJeCt", "s", "S"])
    @pytest.mark.parametrize("colon", [":", " :", "\t:  ", ": "])
    def test_names_in_any_case_or_compact_and_blanks_around_the_colon(
        self, name: str, colon: str
    ) -> None:
        assert request(f"{name}{colon}hello").headers.get("subject") == "hello"

    def test_comma_lists_and_repeated_lines_are_the_same(self) -> None:
        parsed = request('Contact: "a, b" <sip:c,d@e>;x="1,2" , <sip:f@g>', "Contact: <sip:h@i>")
        assert parsed.headers.elements("Contact") == [
            '"a, b" <sip:c,d@e>;x="1,2"',
            "<sip:f@g>",
            "<sip:h@i>",
        ]
        assert parsed.headers.elements("Route") == []

    def test_leading_line_ends_are_skipped(self) -> None:
        assert isinstance(parse(b"\r\n\r\n" + message()), Request)

    def test_body_is_what_content_length_says(self) -> None:
        assert request("Content-Length: 3", body="abcdef").body == b"abc"
        assert request(body="abcdef").body == b"abcdef"
        assert request("l: 0", body="abc").body == b""

    def test_bytes_that_are_no_utf8_survive_a_round_trip(self) -> None:
        data = message("Subject: ?").replace(b"?", b"\xff\xfe")
        parsed = parse(data)
        answer = reply(
            ReplyHead(parsed, UDP), 200, headers=[("Subject", parsed.headers.get("Subject"))]
        )
        assert b"Subject: \xff\xfe\r\n" in answer

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"x" * (MAX_MESSAGE + 1), "larger than"),
            (message(*["X: y"] * MAX_HEADERS), "headers"),
            (message("X: " + "y" * MAX_LINE), "longer than"),
            (message("no colon here"), "without a name"),
            (message(": empty"), "without a name"),
            (message("b@d name: x"), "without a name"),
            (message("X: a\nb"), "CR or LF"),
            (message("X: a\rb"), "CR or LF"),
            (message()[:-2], "does not end"),
            (message("Content-Length: 5", body="abc"), "shorter than"),
            (message("Content-Length: x"), "Content-Length is not valid"),
            (message("Content-Length: ٣"), "Content-Length is not valid"),
            (message("Content-Length: 1" + "0" * 40), "shorter than"),
            (message("Max-Forwards: 256"), "Max-Forwards"),
            (message("Max-Forwards: -1"), "Max-Forwards"),
            (message(drop="Via"), "Via is missing"),
            (message(drop="From"), "From is missing"),
            (message(drop="To"), "To is missing"),
            (message(drop="Call-ID"), "Call-ID is missing"),
            (message(drop="CSeq"), "CSeq is missing"),
            (message("CSeq: 2 OPTIONS"), "CSeq occurs more than once"),
            (message("CSeq: 2147483648 OPTIONS", drop="CSeq"), "out of range"),
            (message("CSeq: x OPTIONS", drop="CSeq"), "CSeq is not valid"),
            (message("CSeq: 1", drop="CSeq"), "CSeq is not valid"),
            (message("CSeq: 1 BYE", drop="CSeq"), "another method"),
            (message("Call-ID: a b", drop="Call-ID"), "Call-ID"),
            (message("Via: HTTP/1.1 x", drop="Via"), "Via is not valid"),
            (message("Via: SIP/2.0/UDP x:70000", drop="Via"), "port"),
            (b"OPTIONS sip:a SIP/3.0\r\n\r\n", "version"),
            (b"GET / HTTP/1.1\r\n\r\n", "protocol version"),
            (b"hello\r\n\r\n", "neither"),
            (b"SIP/2.0 99 X\r\n\r\n", "status code"),
            (b"SIP/2.0 700 X\r\n\r\n", "status code"),
            (b"SIP/2.0 2\xd9\xa30 X\r\n\r\n", "status code"),
            (b"SIP/1.0 200 X\r\n\r\n", "version"),
        ],
    )
    def test_what_is_refused_and_why(self, data: bytes, reason: str) -> None:
        with pytest.raises(MalformedMessage, match=reason) as caught:
            parse(data)
        assert reason in caught.value.reason

    def test_the_largest_that_is_allowed_passes(self) -> None:
        head = message("Content-Length: 99999")
        body = "x" * (MAX_MESSAGE - len(head))
        data = message(f"Content-Length: {len(body)}", body=body)
        assert len(parse(data).body) == len(body)

    def test_nobody_is_answered_for_a_broken_ack_or_without_a_via(self) -> None:
        for data in (message("X", method="ACK"), message("X", drop="Via")):
            with pytest.raises(MalformedMessage) as caught:
                parse(data)
            assert caught.value.request is None

    def test_a_broken_address_still_leaves_something_to_answer(self) -> None:
        with pytest.raises(MalformedMessage) as caught:
            parse(message("To: <sip:bob@x", drop="To:"))
        assert caught.value.request is not None
        assert b"To: <sip:bob@x;tag=t\r\n" in reply(
            ReplyHead(caught.value.request, UDP), 400, to_tag="t"
        )


class TestHeaders:
    def test_store(self) -> None:
        headers = Headers()
        headers.add("Via", "a")
        headers.add("v", "b")
        headers.set("subject", "x")
        headers.setlist("Route", ["r1", "r2"])
        assert headers.getlist("VIA") == ["a", "b"]
        assert headers["Via"] == "a"
        assert "s" in headers
        assert "To" not in headers
        assert 5 not in headers
        assert headers.keys() == ["Via", "Subject", "Route"]
        headers.remove("v")
        assert headers.get("Via") is None
        assert headers.get("Via", "none") == "none"
        with pytest.raises(KeyError):
            headers["Via"]
        assert str(headers) == "Subject: x\r\nRoute: r1\r\nRoute: r2\r\n\r\n"


class TestGrammar:
    def test_via(self) -> None:
        via = parse_via("SIP / 2.0 / UDP [2001:db8::9]:5070 ; rport ; branch=z9 , SIP/2.0/TCP x")
        assert (via.transport, via.host, via.port, via.branch) == (
            "udp",
            "[2001:db8::9]",
            5070,
            "z9",
        )
        assert via.params == {"rport": None, "branch": "z9"}
        assert via.text[via.end :].strip() == ", SIP/2.0/TCP x"

    def test_a_quoted_parameter_cannot_pose_as_the_branch(self) -> None:
        assert parse_via('SIP/2.0/UDP x;a=";branch=evil";branch=good').branch == "good"

    @pytest.mark.parametrize("value", ["", "SIP/2.0/UDP", "SIP/2.0/UDP x;;", "SIP/2.0/UDP x y"])
    def test_via_refused(self, value: str) -> None:
        with pytest.raises(GrammarError):
            parse_via(value)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("sip:a@b;tag=1", ("", "sip:a@b", "1")),
            ("<sip:a@b;tag=no>;tag=1", ("", "sip:a@b;tag=no", "1")),
            ('"x <y>; \\" z" <sip:a@b> ; Tag = 1', ('x <y>; " z', "sip:a@b", "1")),
            ("Two words <tel:+1-2>", ("Two words", "tel:+1-2", "")),
            ("王丽 <sip:a@b>", ("王丽", "sip:a@b", "")),
            ('<sip:a@b>;x="a;tag=2";tag=1', ("", "sip:a@b", "1")),
        ],
    )
    def test_addresses(self, value: str, expected: tuple[str, str, str]) -> None:
        address = parse_name_addr(value)
        assert (address.display, address.uri, address.tag) == expected

    @pytest.mark.parametrize(
        "value", ["", "a", "<sip:a@b", '"x <sip:a@b>', "sip:a@b?x=y", "a, b <sip:c@d>", "<>", "< sip:a>"]
    )  # fmt: skip
    def test_addresses_refused(self, value: str) -> None:
        with pytest.raises(GrammarError):
            parse_name_addr(value)

    @pytest.mark.timeout(5)
    @pytest.mark.parametrize("piece", ["a", "a ", " ", ";", ";a", '"', "\\", "<", ";a=", "a,"])
    def test_no_value_takes_long(self, piece: str) -> None:
        value = piece * (8000 // len(piece))
        for read in (parse_via, parse_name_addr, split_list, params, parse_uri):
            for text in (value, "SIP/2.0/UDP x" + value, "<sip:a@b>" + value, '"' + value):
                try:
                    read(text)
                except GrammarError:
                    continue

    def test_uris(self) -> None:
        assert parse_uri("sip:a@b:5070;lr").parameters == {"lr": None}
        assert parse_uri("sip:a@b?Route=x").host == "b"
        assert parse_uri("isbn:123").scheme == "isbn"
        assert parse_uri("tel:+86-10-1").user == "+86-10-1"

    def test_tokens(self) -> None:
        assert tokens(["100rel, timer", "path"]) == {"100rel", "timer", "path"}
        assert tokens([]) == set()

    def test_a_user_name_is_escaped_where_it_must_be(self) -> None:
        assert escape_user("li.na;x=y") == "li.na;x=y"
        assert escape_user("a b@c\r\n") == "a%20b%40c%0D%0A"


class TestWriting:
    def test_a_request(self) -> None:
        outgoing = OutgoingRequest(
            "INVITE", "sip:b@c", UDP, via="SIP/2.0/UDP x:5060;branch=", from_="<sip:a@x>;tag=1",
            to="<sip:b@c>", call_id="i", cseq=3, routes=("<sip:p;lr>",), headers=[("Subject", "s")],
            body=b"v=0\r\n",
        )  # fmt: skip
        parsed = parse(outgoing.serialise("z9hG4bKx"))
        assert isinstance(parsed, Request)
        assert parsed.body == b"v=0\r\n"
        assert parsed.headers.get("Content-Type") == "application/sdp"
        assert parsed.headers.get("Route") == "<sip:p;lr>"
        assert parsed.headers.get("Max-Forwards") == "70"

    def test_max_forwards_of_the_caller_counts(self) -> None:
        outgoing = OutgoingRequest(
            "OPTIONS", "sip:b@c", UDP, via="SIP/2.0/UDP x;branch=", from_="<sip:a@x>;tag=1",
            to="<sip:b@c>", call_id="i", cseq=3, headers=[("max-forwards", "12")],
        )  # fmt: skip
        parsed = parse(outgoing.serialise("z9hG4bKx"))
        assert parsed.headers.getlist("Max-Forwards") == ["12"]

    @pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb", "\r\n\r\nBYE"])
    def test_nothing_is_smuggled_in(self, value: str) -> None:
        with pytest.raises(ValueError, match="CR or LF"):
            assemble(["OPTIONS sip:a SIP/2.0", f"X: {value}"], b"", None)
        with pytest.raises(ValueError, match="CR or LF"):
            reply(ReplyHead(request(), UDP), 200, phrase=value)

    def test_a_response_has_everything_of_the_request_that_it_must(self) -> None:
        asked = request(
            "Via: SIP/2.0/TCP older;branch=z9hG4bK0", "Record-Route: <sip:p;lr>", "Subject: no"
        )
        data = reply(ReplyHead(asked, UDP), 180, to_tag="t", record_routes=True)
        answer = parse(data)
        assert isinstance(answer, Response)
        assert (answer.code, answer.phrase, answer.to_tag) == (180, "Ringing", "t")
        assert len(answer.headers.getlist("Via")) == 2
        assert answer.headers.get("Record-Route") == "<sip:p;lr>"
        assert answer.headers.get("Subject") is None
        assert (answer.headers["Call-ID"], answer.headers["CSeq"]) == ("c1", "1 OPTIONS")


class TestWhereResponsesGo:
    """RFC 3261, 18.2 and RFC 3581."""

    def head(self, via: str, source: Hop = UDP) -> ReplyHead:
        return ReplyHead(request(f"Via: {via}", drop="Via"), source)

    def test_to_the_port_of_the_via_at_the_source_address(self) -> None:
        assert self.head("SIP/2.0/UDP 198.51.100.7:5066;branch=z9hG4bK1").hop.port == 5066
        assert self.head("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1").hop.port == 5060

    def test_received_says_what_the_via_did_not(self) -> None:
        head = self.head("SIP/2.0/UDP 10.0.0.9:5066;branch=z9hG4bK1;received=6.6.6.6")
        assert head.hop == Hop("udp", "198.51.100.7", 5066)
        assert head.common[0].endswith(";branch=z9hG4bK1;received=198.51.100.7")

    def test_rport_is_filled_in_and_followed(self) -> None:
        head = self.head("SIP/2.0/UDP 10.0.0.9:5066;rport;branch=z9hG4bK1, SIP/2.0/UDP b;rport")
        assert head.hop == UDP
        assert head.common[0] == (
            "Via: SIP/2.0/UDP 10.0.0.9:5066;branch=z9hG4bK1;received=198.51.100.7;rport=40404"
            ", SIP/2.0/UDP b;rport"
        )

    def test_back_over_the_connection(self) -> None:
        assert self.head("SIP/2.0/TCP 10.0.0.9:5066;branch=z9hG4bK1", TCP).hop == TCP

    def test_maddr_is_not_followed(self) -> None:
        head = self.head("SIP/2.0/UDP 198.51.100.7;maddr=203.0.113.1;branch=z9hG4bK1")
        assert head.hop.host == "198.51.100.7"
