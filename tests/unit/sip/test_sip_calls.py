"""Whole calls between two agents in virtual time: setting up, refusing, ending, racing."""

from __future__ import annotations

import pytest
from sip_calls import ANSWER, OFFER, Pair

from ccd.sip.auth import Credentials
from ccd.sip.events import (
    Accepted,
    Confirmed,
    InfoReceived,
    InviteReceived,
    Progressed,
    Rejected,
    RequestReceived,
    ResponseReceived,
    Terminated,
)
from ccd.sip.message import Request, parse


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_call_from_invite_to_bye(protocol: str) -> None:
    pair = Pair(protocol=protocol)
    ours = pair.call()
    theirs = pair.callee.session
    assert theirs.incoming
    assert theirs.request is not None
    assert theirs.request.to_address.uri.user == "95500"
    assert theirs.remote_sdp == OFFER
    theirs.progress(180, now=pair.now)
    pair.settle()
    theirs.accept(ANSWER, now=pair.now)
    pair.settle()
    assert pair.caller.told() == ["Progressed", "Accepted"]
    assert pair.callee.told() == ["InviteReceived", "Confirmed"]
    assert (ours.local_sdp, ours.remote_sdp) == (OFFER, ANSWER)
    assert (theirs.local_sdp, theirs.remote_sdp) == (ANSWER, OFFER)
    ours.terminate(now=pair.now)
    pair.settle()
    assert pair.caller.ends == [Terminated(ours, "local", cancelled=False, reason="")]
    assert pair.callee.ends == [Terminated(theirs, "remote", cancelled=False, reason="BYE")]
    assert pair.lines() == ["INVITE", "180", "200", "ACK", "BYE", "200"]
    pair.finish()


def test_the_callee_hangs_up_with_a_reason() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    theirs.terminate(now=pair.now, reason='Q.850;cause=16;text="Normal call clearing"')
    theirs.terminate(now=pair.now, reason="again")
    pair.settle()
    [end] = pair.caller.ends
    assert (end.by, end.reason) == ("remote", 'Q.850;cause=16;text="Normal call clearing"')
    assert pair.lines() == ["BYE", "200"]
    assert ours.over
    assert theirs.over
    pair.finish()


def test_both_hang_up_at_once() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    ours.terminate(now=pair.now)
    theirs.terminate(now=pair.now)
    pair.settle()
    assert pair.lines() == ["BYE", "BYE", "200", "200"]
    assert [end.by for end in (*pair.caller.ends, *pair.callee.ends)] == ["local", "local"]
    pair.finish()


@pytest.mark.parametrize("code", [302, 404, 486, 503, 603])
def test_a_refused_call(code: int) -> None:
    pair = Pair()
    ours = pair.call()
    pair.callee.session.reject(code, now=pair.now, headers=[("Retry-After", "5")])
    pair.settle()
    rejected, terminated = pair.caller.events
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.request_failed) == (code, "response")
    assert rejected.response.headers.get("Retry-After") == "5"
    assert terminated == Terminated(ours, "remote", False, f"{code} {rejected.phrase}")
    assert pair.callee.told() == ["InviteReceived", "Terminated"]
    assert pair.lines() == ["INVITE", str(code), "ACK"]
    pair.finish()


def test_nobody_there() -> None:
    pair = Pair(loss=1.0)
    pair.call()
    pair.finish()
    rejected, terminated = pair.caller.events
    assert (rejected.code, rejected.request_failed) == (408, "timeout")
    assert (terminated.by, terminated.cancelled) == ("timeout", False)


def test_not_deliverable() -> None:
    pair = Pair(loss=1.0)
    pair.call()
    pair.caller.agent.transport_failed(pair.callee.hop, pair.now)
    pair.settle()
    rejected, terminated = pair.caller.events
    assert (rejected.code, rejected.request_failed) == (503, "transport")
    assert terminated.by == "transport"
    pair.finish()


class TestCancel:
    def test_a_ringing_call_is_cancelled(self) -> None:
        pair = Pair()
        ours = pair.call()
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        ours.terminate(now=pair.now, reason="SIP;cause=200")
        pair.settle()
        assert pair.lines() == ["INVITE", "180", "CANCEL", "200", "487", "ACK"]
        assert pair.caller.told() == ["Progressed", "Terminated"]
        [end] = pair.callee.ends
        assert (end.by, end.cancelled, end.reason) == ("remote", True, "SIP;cause=200")
        pair.finish()

    def test_cancel_waits_for_the_first_provisional_response(self) -> None:
        pair = Pair()
        ours = pair.call()
        ours.terminate(now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE"]
        pair.settle(0.3)  # the callee's 100 after 200 ms
        assert pair.lines() == ["100", "CANCEL", "200", "487", "ACK"]
        [end] = pair.caller.ends
        assert (end.by, end.cancelled) == ("local", True)
        pair.finish()

    def test_cancel_crosses_the_answer(self) -> None:
        pair = Pair()
        ours = pair.call()
        theirs = pair.callee.session
        theirs.progress(180, now=pair.now)
        pair.settle()
        ours.terminate(now=pair.now)
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        assert sorted(pair.lines()) == sorted(
            ["INVITE", "180", "CANCEL", "200", "200", "ACK", "BYE", "200"]
        )
        [end] = pair.caller.ends
        assert (end.by, end.cancelled) == ("local", True)
        assert pair.callee.told() == ["InviteReceived", "Confirmed", "Terminated"]
        pair.finish()

    def test_the_callee_never_answers_the_cancelled_invite(self) -> None:
        pair = Pair()
        ours = pair.call()
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        pair.network.loss = 1.0
        ours.terminate(now=pair.now)
        pair.settle(33.0)
        assert [end.cancelled for end in pair.caller.ends] == [True]
        pair.network.loss = 0.0
        pair.callee.session.terminate(now=pair.now)
        pair.finish()

    def test_cancel_of_an_unknown_invite_is_answered_481(self) -> None:
        pair = Pair()
        pair.network.inject(raw("CANCEL"), pair.caller.hop, pair.callee.hop)
        assert pair.lines() == ["481"]
        pair.finish()

    def test_verbs_after_the_cancel_do_nothing(self) -> None:
        pair = Pair()
        ours = pair.call()
        theirs = pair.callee.session
        theirs.progress(180, now=pair.now)
        pair.settle()
        ours.terminate(now=pair.now)
        pair.settle()
        pair.lines()
        theirs.accept(ANSWER, now=pair.now)
        theirs.progress(183, now=pair.now)
        theirs.reject(486, now=pair.now)
        theirs.terminate(now=pair.now)
        theirs.offer(OFFER, now=pair.now)
        theirs.answer(ANSWER, now=pair.now)
        theirs.refuse_offer(now=pair.now)
        theirs.info("x/y", b"z", now=pair.now)
        pair.settle(0.2)
        assert pair.lines() == []
        pair.finish()


class TestLoss:
    def test_a_lost_invite_comes_again(self) -> None:
        pair = Pair()
        pair.lose("INVITE")
        pair.call()
        assert pair.callee.told() == []
        pair.settle(0.6)
        assert pair.callee.told() == ["InviteReceived"]

    def test_a_lost_ack_brings_the_2xx_again_and_that_the_ack(self) -> None:
        pair = Pair()
        pair.lose("ACK")
        ours = pair.call()
        pair.callee.session.accept(ANSWER, now=pair.now)
        pair.settle(1.0)
        assert pair.lines() == ["INVITE", "200", "ACK", "200", "ACK"]
        assert pair.caller.told() == ["Accepted"]
        assert pair.callee.told() == ["InviteReceived", "Confirmed"]
        ours.terminate(now=pair.now)
        pair.finish()

    def test_no_ack_at_all_ends_the_call(self) -> None:
        pair = Pair()
        pair.lose("ACK", times=100)
        pair.call()
        theirs = pair.callee.session
        theirs.accept(ANSWER, now=pair.now)
        pair.settle(33.0)
        assert [(end.by, end.reason) for end in pair.callee.ends] == [
            ("timeout", "no ACK for our 2xx")
        ]
        assert [end.by for end in pair.caller.ends] == ["remote"]
        # T1, 2*T1, 4*T1, then every T2 for 64*T1 (13.3.1.4).
        assert pair.lines().count("200") == 12
        pair.finish()

    def test_hanging_up_before_the_ack_sends_the_bye_after_it(self) -> None:
        pair = Pair()
        pair.lose("ACK")
        pair.call()
        theirs = pair.callee.session
        theirs.accept(ANSWER, now=pair.now)
        theirs.terminate(now=pair.now)
        pair.settle(1.0)
        assert pair.lines() == ["INVITE", "200", "ACK", "200", "ACK", "BYE", "200"]
        assert pair.callee.told() == ["InviteReceived", "Terminated"]
        pair.finish()

    def test_hanging_up_without_ever_an_ack_sends_the_bye_after_timer_h(self) -> None:
        pair = Pair()
        pair.lose("ACK", times=100)
        pair.call()
        theirs = pair.callee.session
        theirs.accept(ANSWER, now=pair.now)
        theirs.terminate(now=pair.now)
        pair.settle(33.0)
        assert pair.lines()[-2:] == ["BYE", "200"]
        assert [end.by for end in pair.callee.ends] == ["local"]
        pair.finish()

    def test_a_lost_bye_comes_again(self) -> None:
        pair = Pair()
        ours, _ = pair.answered_call()
        pair.lose("BYE")
        ours.terminate(now=pair.now)
        pair.settle(0.6)
        assert [end.by for end in pair.callee.ends] == ["remote"]
        pair.finish()


def raw(
    method: str, *, to: str = "<sip:95500@192.0.2.2>", extra: str = "", uri: str = "", body: str = "",
    branch: str = "z9hG4bKraw", cseq: int = 1,
) -> bytes:  # fmt: skip
    return (
        f"{method} {uri or 'sip:95500@192.0.2.2'} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n"
        f"From: <sip:alice@192.0.2.1>;tag=raw\r\nTo: {to}\r\nCall-ID: raw\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:alice@192.0.2.1>\r\n"
        f"Max-Forwards: 70\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class TestScreening:
    """RFC 3261, 8.2: what is refused, and how."""

    @pytest.mark.parametrize(
        ("message", "code", "header"),
        [
            (raw("FROBNICATE"), 501, "Allow: INVITE"),
            (raw("MESSAGE"), 405, "Allow: INVITE"),
            (raw("REFER"), 405, "Allow: INVITE"),
            (raw("INVITE", uri="urn:service:sos"), 416, ""),
            (raw("INVITE", extra="Require: 100rel, warp, timer\r\n"), 420, "Unsupported: warp"),
            (raw("INVITE", to="<sip:x@y>;tag=gone"), 481, ""),
            (raw("BYE"), 481, ""),
            (raw("BYE", to="<sip:x@y>;tag=gone"), 481, ""),
            (raw("UPDATE"), 481, ""),
            (raw("INVITE", extra="Accept: text/plain\r\n"), 406, "Accept: application/sdp"),
            (raw("INVITE", extra="Content-Type: text/plain\r\n", body="hi"), 415, "Accept: "),
            (raw("INVITE", extra="Replaces: a;to-tag=b;from-tag=c\r\n"), 481, ""),
            (
                raw("INVITE", extra="Session-Expires: 60\r\nSupported: timer\r\n"),
                422,
                "Min-SE: 90",
            ),
        ],
    )
    def test_refusals(self, message: bytes, code: int, header: str) -> None:
        pair = Pair()
        pair.network.inject(message, pair.caller.hop, pair.callee.hop)
        [sent] = pair.network.trace
        assert sent.start_line.startswith(f"SIP/2.0 {code} ")
        assert header in sent.data.decode()
        assert pair.callee.told() == []
        pair.finish()

    def test_invite_without_contact_cannot_make_a_dialog(self) -> None:
        pair = Pair()
        message = raw("INVITE").replace(b"Contact: <sip:alice@192.0.2.1>\r\n", b"")
        pair.network.inject(message, pair.caller.hop, pair.callee.hop)
        assert pair.lines() == ["400"]

    def test_merged_request(self) -> None:
        pair = Pair()
        for branch in ("z9hG4bK-one", "z9hG4bK-two"):
            pair.network.inject(raw("INVITE", branch=branch), pair.caller.hop, pair.callee.hop)
        assert pair.lines() == ["482"]
        assert pair.callee.told() == ["InviteReceived"]

    def test_options_can_be_left_to_the_agent(self) -> None:
        pair = Pair(callee={"serves": ()})
        pair.network.inject(raw("OPTIONS"), pair.caller.hop, pair.callee.hop)
        [sent] = pair.network.trace
        text = sent.data.decode()
        assert text.startswith("SIP/2.0 200 OK")
        assert "Allow: INVITE, ACK, CANCEL, BYE" in text
        assert "Supported: 100rel, timer" in text
        assert "Accept: application/sdp" in text

    def test_malformed_request_is_answered_400_with_the_reason(self) -> None:
        pair = Pair()
        message = raw("INVITE").replace(b"Max-Forwards: 70", b"Max-Forwards: many")
        pair.network.inject(message, pair.caller.hop, pair.callee.hop)
        [sent] = pair.network.trace
        assert sent.start_line == "SIP/2.0 400 Bad Request"
        assert "Max-Forwards is not valid" in sent.data.decode()
        assert pair.callee.told() == ["BadMessage"]

    def test_malformed_ack_and_garbage_are_not_answered(self) -> None:
        pair = Pair()
        ack = raw("ACK").replace(b"CSeq: 1 ACK", b"CSeq: one ACK")
        for data in (ack, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01garbage", b"SIP/2.0\r\n\r\n"):
            pair.network.inject(data, pair.caller.hop, pair.callee.hop)
        assert pair.lines() == []
        assert pair.callee.told() == ["BadMessage"] * 4

    @pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0\0\0\0", b"\r\n"])
    def test_keep_alives_are_nothing(self, data: bytes) -> None:
        pair = Pair()
        pair.network.inject(data, pair.caller.hop, pair.callee.hop)
        assert pair.callee.told() == []
        assert pair.lines() == []

    def test_a_response_with_anothers_via_is_dropped(self) -> None:
        pair = Pair()
        pair.call()
        [invite] = pair.messages("INVITE")
        via = invite.data.split(b"\r\n")[1]
        forged = (
            b"SIP/2.0 200 OK\r\n" + via.replace(b"192.0.2.1", b"192.0.2.99")
            + b"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
        )  # fmt: skip
        pair.network.inject(forged, pair.callee.hop, pair.caller.hop)
        assert pair.caller.told() == ["BadMessage"]


class TestInDialog:
    def test_info_is_answered_and_told(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        ours.info("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", now=pair.now)
        pair.settle()
        assert pair.callee.events == [
            InfoReceived(theirs, "application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")
        ]
        assert pair.lines() == ["INFO", "200"]

    @pytest.mark.parametrize(
        ("method", "code"),
        [("OPTIONS", "200"), ("REFER", "603"), ("NOTIFY", "489"), ("MESSAGE", "405"), ("X", "501")],
    )
    def test_other_requests_are_answered_politely(self, method: str, code: str) -> None:
        pair = Pair()
        _, theirs = pair.answered_call()
        theirs.send_in_dialog(method, pair.now)
        pair.settle()
        assert pair.lines() == [method, code]
        assert pair.caller.told() == []

    def test_a_lower_cseq_is_refused_500(self) -> None:
        pair = Pair()
        ours, _ = pair.answered_call()
        ours.info("a/b", b"1", now=pair.now)
        pair.settle()
        ours._cseq = 0
        ours.info("a/b", b"2", now=pair.now)
        pair.settle()
        assert pair.lines() == ["INFO", "200", "INFO", "500"]

    def test_a_far_end_that_forgot_the_dialog_is_gone(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        pair.callee.agent.forget(theirs)
        ours.info("a/b", b"1", now=pair.now)
        pair.settle()
        [end] = pair.caller.ends
        assert (end.by, end.reason) == ("timeout", "the far end does not know the dialog")


class TestOutsideDialogs:
    def test_request_and_respond(self) -> None:
        pair = Pair()
        pair.callee.on(
            RequestReceived,
            lambda event: pair.callee.agent.respond(
                event, 200, now=pair.now, headers=[("Contact", "<sip:a@b>;expires=60")]
            ),
        )
        token = pair.caller.agent.request(
            "REGISTER", "sip:192.0.2.2", pair.callee.hop, from_="sip:a@b", to="sip:a@b",
            now=pair.now, call_id="reg-1", cseq=7, headers=[("Contact", "<sip:a@b>")],
        )  # fmt: skip
        pair.settle()
        [received] = pair.callee.events
        assert received.request.headers.get("CSeq") == "7 REGISTER"
        assert received.request.headers.get("Call-ID") == "reg-1"
        [response] = pair.caller.events
        assert (response.token, response.code) == (token, 200)
        assert response.response.headers.get("Contact") == "<sip:a@b>;expires=60"
        pair.finish()

    def test_no_answer_and_no_transport(self) -> None:
        pair = Pair(loss=1.0)
        where = dict(from_="sip:a@b", to="sip:a@b", now=0.0)  # noqa: C408
        first = pair.caller.agent.request("OPTIONS", "sip:x@y", pair.callee.hop, **where)
        pair.settle(40.0)
        where["now"] = pair.now
        second = pair.caller.agent.request("OPTIONS", "sip:x@y", pair.callee.hop, **where)
        pair.caller.agent.transport_failed(pair.callee.hop, pair.now)
        pair.settle()
        assert pair.caller.events == [
            ResponseReceived(first, 408, None),
            ResponseReceived(second, 503, None),
        ]
        pair.finish()

    def test_a_request_nobody_answers_does_not_stay(self) -> None:
        pair = Pair()
        pair.network.inject(raw("REGISTER"), pair.caller.hop, pair.callee.hop)
        assert pair.callee.told() == ["RequestReceived"]
        pair.finish()


CHALLENGE = 'Digest realm="ccd", nonce="abc", qop="auth", algorithm=SHA-256'


class TestDigest:
    def challenge_first(self, pair: Pair, times: int = 1, stale: bool = False) -> None:
        left = [times]

        def invited(event: InviteReceived) -> None:
            if left[0]:
                left[0] -= 1
                again = stale and left[0] < times - 1
                value = CHALLENGE + (", stale=true" if again else "")
                event.session.reject(401, now=pair.now, headers=[("WWW-Authenticate", value)])

        pair.callee.on(InviteReceived, invited)

    def test_a_challenged_invite_is_sent_again_with_credentials(self) -> None:
        pair = Pair()
        self.challenge_first(pair)
        ours = pair.call(credentials=Credentials("alice", "secret"))
        theirs = pair.callee.session
        assert theirs.request.headers.get("Authorization").startswith("Digest ")
        assert theirs.request.headers.get("CSeq") == "2 INVITE"
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        assert pair.caller.told() == ["Accepted"]
        ack = parse(pair.messages("ACK")[-1].data)
        assert isinstance(ack, Request)
        assert ack.cseq_number == 2
        assert ack.headers.get("Authorization") is not None
        ours.terminate(now=pair.now)
        pair.finish()

    def test_a_stale_nonce_is_tried_once_more(self) -> None:
        pair = Pair()
        self.challenge_first(pair, times=2, stale=True)
        pair.call(credentials=Credentials("alice", "secret"))
        assert pair.lines().count("INVITE") == 3
        assert pair.caller.told() == []

    def test_a_wrong_password_is_a_rejection(self) -> None:
        pair = Pair()
        self.challenge_first(pair, times=9)
        pair.call(credentials=Credentials("alice", "wrong"))
        assert pair.lines().count("INVITE") == 2
        assert [event.code for event in pair.caller.events if isinstance(event, Rejected)] == [401]
        pair.finish()

    def test_without_credentials_the_challenge_is_a_rejection(self) -> None:
        pair = Pair()
        self.challenge_first(pair)
        pair.call()
        assert pair.caller.told() == ["Rejected", "Terminated"]
        pair.finish()

    def test_a_cancelled_call_does_not_come_back_with_credentials(self) -> None:
        pair = Pair()
        ours = pair.call(credentials=Credentials("alice", "secret"))
        theirs = pair.callee.session
        theirs.progress(180, now=pair.now)
        pair.settle()
        ours.terminate(now=pair.now)
        theirs.reject(401, now=pair.now, headers=[("WWW-Authenticate", CHALLENGE)])
        pair.settle()
        assert pair.lines().count("INVITE") == 1
        assert pair.caller.told() == ["Progressed", "Terminated"]
        pair.finish()


def test_header_injection_is_refused_before_anything_is_sent() -> None:
    pair = Pair()
    with pytest.raises(ValueError, match="CR or LF"):
        pair.call(headers=[("X-Name", "a\r\nEvil: yes")])
    assert pair.lines() == []
    pair.finish()


def test_provisional_responses_are_repeated_every_minute() -> None:
    pair = Pair()
    ours = pair.call()
    pair.callee.session.progress(182, now=pair.now)
    pair.settle(125.0)
    assert pair.lines() == ["INVITE", "182", "182", "182"]
    assert pair.caller.told() == ["Progressed"] * 3
    ours.terminate(now=pair.now)
    pair.finish()


def test_an_invite_expires() -> None:
    pair = Pair()
    pair.call(headers=[("Expires", "10")])
    pair.settle(11.0)
    assert pair.lines() == ["INVITE", "100", "487", "ACK"]
    [end] = pair.callee.ends
    assert end.by == "timeout"
    pair.finish()


def test_replaces_is_told_when_the_call_to_take_over_is_there() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    value = f"{theirs.call_id};to-tag={theirs.local_tag};from-tag={ours.local_tag}"
    pair.call(headers=[("Replaces", value)])
    assert pair.callee.session.replaces is theirs


def test_asserted_identity_is_readable() -> None:
    pair = Pair()
    pair.call(headers=[("P-Asserted-Identity", '"Alice" <sip:+8613900000000@carrier.example>')])
    assert pair.callee.session.asserted_identity == "sip:+8613900000000@carrier.example"


def test_events_carry_what_the_contract_says() -> None:
    pair = Pair()
    ours = pair.call()
    theirs = pair.callee.session
    theirs.progress(183, b"early", now=pair.now)
    pair.settle()
    assert pair.caller.events == [Progressed(ours, 183, b"early")]
    assert ours.remote_sdp == b"early"
    theirs.accept(ANSWER, now=pair.now)
    pair.settle()
    assert pair.caller.events[1:] == [Accepted(ours, ANSWER, is_offer=False)]
    assert pair.callee.events[-1] == Confirmed(theirs, None)
