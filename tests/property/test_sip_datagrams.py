"""A stranger's packet is never an exception: random, truncated and mangled datagrams."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.sip.agent import UserAgent
from ccd.sip.compose import ReplyHead, reply
from ccd.sip.events import InviteReceived, RequestReceived
from ccd.sip.hop import Hop
from ccd.sip.message import MAX_MESSAGE, Headers, MalformedMessage, Request, Response, parse

HERE = Hop("udp", "192.0.2.1", 5060)
STRANGER = Hop("udp", "198.51.100.7", 40404)
SDP = b"v=0\r\ns=-\r\n"

SEEDS = [
    b"INVITE sip:95500@192.0.2.1 SIP/2.0\r\n"
    b'Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKab"c;rport, SIP/2.0/UDP 10.0.0.1\r\n'
    b'From: "A \\"B\\"" <sip:a@198.51.100.7;x=y?h=v>;tag=t1\r\nTo: <sip:95500@192.0.2.1>\r\n'
    b"Call-ID: c1@x\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.7>\r\nMax-Forwards: 70\r\n"
    b"Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nSupported: 100rel, timer\r\nRequire: 100rel\r\n"
    b"Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nAllow: INVITE, UPDATE\r\n"
    b"Expires: 60\r\nReplaces: c0;to-tag=a;from-tag=b\r\nAccept: application/sdp\r\n"
    b"P-Asserted-Identity: <tel:+1>\r\nTimestamp: 54\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 10\r\n\r\n" + SDP,
    b"INVITE sip:95500@192.0.2.1 SIP/2.0\r\nv: SIP/2.0/TCP a.example;branch=z9hG4bKq\r\n"
    b"f: sip:a@b;tag=t2\r\nt: sip:95500@192.0.2.1\r\ni: c2\r\nCSeq: 7 INVITE\r\nm: sip:a@b\r\n"
    b"l: 0\r\n\r\n",
    b"CANCEL sip:95500@192.0.2.1 SIP/2.0\r\nv: SIP/2.0/TCP a.example;branch=z9hG4bKq\r\n"
    b"f: sip:a@b;tag=t2\r\nt: sip:95500@192.0.2.1\r\ni: c2\r\nCSeq: 7 CANCEL\r\nl: 0\r\n\r\n",
    b"ACK sip:95500@192.0.2.1 SIP/2.0\r\nv: SIP/2.0/UDP a.example;branch=z9hG4bKq\r\n"
    b"f: sip:a@b;tag=t2\r\nt: sip:95500@192.0.2.1;tag=1\r\ni: c2\r\nCSeq: 7 ACK\r\n\r\n",
    b"REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKr\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n"
    b"Contact: <sip:a@198.51.100.7>;expires=60, *\r\nAuthorization: Digest a=b\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKs\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:c@d>\r\nRSeq: 1\r\nRequire: 100rel\r\n\r\n",
]

bits = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b";", b",", b":", b'"', b"<", b">", b"\\", b"=",
        b"tag=", b";lr", b"%00", b"\xff", b"\xe4\xb8", b"sip:", b"tel:", b"SIP/2.0", b"-1",
        b"99999999999999999999", b"\r\n ", b"\r\n\r\n", b"[::1]", b"[", b"@", b"?", b"INVITE",
        b"Via: ", b"Content-Length: 5\r\n",
    ]
)  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        act = draw(st.sampled_from(["insert", "delete", "replace", "copy", "cut"]))
        if act == "insert":
            data[at:at] = draw(bits)
        elif act == "delete":
            del data[at : at + draw(st.integers(1, 30))]
        elif act == "replace":
            data[at : at + 1] = draw(bits)
        elif act == "copy":
            data[at:at] = data[at : at + draw(st.integers(1, 80))]
        else:
            del data[at:]
    return bytes(data)


datagrams = st.one_of(st.binary(max_size=300), mangled(), mangled(), mangled())


@settings(max_examples=1500, deadline=None)
@given(data=datagrams)
def test_a_message_is_read_or_refused_with_a_reason(data: bytes) -> None:
    try:
        message = parse(data)
    except MalformedMessage as error:
        message, reason = error.request, error.reason
    else:
        reason = "none"
        assert isinstance(message.from_address.name, str)
        assert isinstance(message.to_address.uri.scheme, str)
        assert len(message.body) <= len(data)
    assert reason
    if isinstance(message, Request):
        assert isinstance(message.uri.scheme, str)
        answer = reply(ReplyHead(message, STRANGER), 400, to_tag="x")
        # What we answer is one message, whatever was asked.
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == b""
        assert b"\n" not in head.replace(b"\r\n", b"")
    else:
        assert message is None or isinstance(message, Response)


@settings(max_examples=400, deadline=None)
@given(packets=st.lists(datagrams, max_size=12), answers=st.booleans())
def test_an_agent_survives_them_and_keeps_nothing(packets: list[bytes], answers: bool) -> None:
    agent = UserAgent({"udp": (HERE.host, HERE.port)}, rng=random.Random(5))
    session = agent.invite(
        "sip:c@198.51.100.7", STRANGER, from_="sip:a@b", to="sip:c@d", sdp=SDP, now=0.0
    )
    [(invite, _)] = agent.to_send()
    via = next(line for line in invite.split(b"\r\n") if line.startswith(b"Via:"))
    ours = session.local_tag.encode()
    now = 0.0
    for data in packets:
        now += 0.01
        # Some of the mangled ones are made to fit the call under way.
        data = data.replace(b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKs", via)
        data = data.replace(b"tag=1", b"tag=" + ours).replace(b"i: c2", b"i: " + _id(session))
        agent.receive(data, STRANGER, now)
        while (event := agent.next_event()) is not None:
            if isinstance(event, InviteReceived) and answers:
                event.session.progress(183, SDP, now=now)
                event.session.accept(SDP, now=now)
            elif isinstance(event, RequestReceived) and answers:
                agent.respond(event, 200, now=now)
        for sent, _ in agent.to_send():
            assert sent.endswith((SDP, b"\r\n\r\n"))
    for left in list(agent._sessions.values()):
        left.terminate(now=now)
    for _ in range(5000):
        due = agent.get_timer()
        if due is None:
            break
        agent.handle_timer(due)
        for left in list(agent._sessions.values()):
            left.terminate(now=due)
    counts = agent.counts
    assert (counts.transactions, counts.sessions, counts.dialogs, counts.timers) == (0, 0, 0, 0)


def _id(session: object) -> bytes:
    return session.call_id.encode()  # type: ignore[attr-defined]


@given(name=st.text(max_size=40), value=st.text(max_size=200))
def test_header_look_up_is_the_same_in_any_case(name: str, value: str) -> None:
    headers = Headers()
    headers.add(name, value)
    assert headers.get(name.upper().lower()) in (value, None)
    assert headers.getlist(name) == [value]


def test_a_megabyte_is_refused_without_being_read() -> None:
    agent = UserAgent({"udp": (HERE.host, HERE.port)}, rng=random.Random(5))
    agent.receive(b"INVITE " + b"x" * 1_000_000, STRANGER, 0.0)
    event = agent.next_event()
    assert event.reason == f"larger than {MAX_MESSAGE} octets"
    assert agent.to_send() == []
