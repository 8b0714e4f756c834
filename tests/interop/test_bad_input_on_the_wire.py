"""What no stack would send: the daemon answers, ignores, or refuses, and goes on serving."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import audio
from peers.centre import CALLER_HZ, STRAIGHT, Centre, Desk
from peers.daemon import Watch
from peers.raw import Message, NothingCameError, RawRtp, RawSip, sdp

from ccd.events import Bridged, CallCleared, DigitsDetected, Established, Offered

pytestmark = pytest.mark.peer


@pytest.fixture
def sip(centre: Centre) -> Iterator[RawSip]:
    with RawSip(centre.address) as raw:
        yield raw


def alive(sip: RawSip, centre: Centre) -> bool:
    """Whether it still answers."""
    dialog_branch = sip.branch()
    sip.send(sip.request("OPTIONS", centre.uri(), branch=dialog_branch))
    return sip.receive(method="OPTIONS", final=True, timeout=5).code == 200


def test_garbage_datagrams(sip: RawSip, centre: Centre) -> None:
    rng = random.Random(4475)
    whole = sip.request("INVITE", centre.uri(), body=sdp(9))
    for _ in range(500):
        sip.send(rng.randbytes(rng.randrange(0, 1400)))
        sip.send(whole[: rng.randrange(len(whole))])
        broken = bytearray(whole)
        for _ in range(rng.randrange(1, 8)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        # One in the head at least: a whole INVITE by luck would be a call.
        broken[0] = 0xFF
        sip.send(bytes(broken))
    for filler in (b"", b"\r\n", b"\r\n\r\n", b"\0" * 4, b"\xff" * 1400):
        sip.send(filler)
    sip.drain(0.1)
    assert alive(sip, centre)


@pytest.mark.parametrize(
    ("what", "codes"),
    [
        ({"Content-Length": "99999"}, {400}),
        ({"Content-Length": "-1"}, {400}),
        ({"CSeq": "1 OPTIONS"}, {400}),
        ({"CSeq": "36893488147419103232 INVITE"}, {400}),
        ({"Require": "nothingSupportsThis"}, {420}),
        ({"Content-Type": "application/unknown"}, {415, 488, 400}),
        ({"To": '"unterminated <sip:a@b>'}, {400}),
    ],
)
def test_invites_that_lie(
    what: dict[str, str], codes: set[int], sip: RawSip, centre: Centre
) -> None:
    dialog = sip.invite(centre.uri(), sdp(9), headers=what)
    answer = sip.receive(call_id=dialog.call_id, final=True)
    assert answer.code in codes, answer.start
    assert alive(sip, centre)


@pytest.mark.parametrize("body", [
    sdp(9, media="video", formats="31", attributes=()),
    sdp(9, formats="4 18", attributes=()),
    b"this is no session description",
    b"v=0\r\n",
    sdp(9)[:40],
    sdp(9).replace(b"m=audio 9", b"m=audio 99999999"),
], ids=["video", "no common codec", "prose", "one line", "cut", "port"])  # fmt: skip
def test_session_descriptions_that_cannot_be(body: bytes, sip: RawSip, centre: Centre) -> None:
    answer = sip.answer_of(sip.invite(centre.uri(), body))
    assert answer.code in {488, 400}, answer.start
    assert alive(sip, centre)


def test_an_unknown_method(sip: RawSip, centre: Centre) -> None:
    sip.send(sip.request("FROBNICATE", centre.uri()))
    answer = sip.receive(method="FROBNICATE", final=True)
    assert answer.code in {405, 501}
    if answer.code == 405:
        assert "INVITE" in answer.get("Allow")


def test_requests_in_no_dialog(sip: RawSip, centre: Centre) -> None:
    """481 for a BYE of a call that there is not (RFC 3261, 15.1.2)."""
    for method in ("BYE", "UPDATE", "INFO", "PRACK"):
        sip.send(sip.request(method, centre.uri(), headers={"To": f"<{centre.uri()}>;tag=none"}))
        answer = sip.receive(method=method, final=True)
        assert answer.code in {481, 405}, (method, answer.start)


def test_a_megabyte_over_tcp(sip: RawSip, centre: Centre) -> None:
    """No end of headers in sight: the connection is closed, the daemon is not filled up."""
    before = sum(p.memory_info().rss for p in centre.daemon.processes())
    for _ in range(8):
        with socket.create_connection(centre.address, timeout=5) as tcp:
            refused = False
            try:
                for _ in range(64):
                    tcp.sendall(b"X-Filler: " + b"a" * 16374)
                tcp.settimeout(5)
                while tcp.recv(65536):
                    pass
                refused = True
            except (ConnectionError, BrokenPipeError):
                refused = True
            except TimeoutError:
                pass
            assert refused, "a megabyte without a message was swallowed"
    after = sum(p.memory_info().rss for p in centre.daemon.processes())
    assert after - before < 16 * 2**20
    assert alive(sip, centre)


@pytest.mark.parametrize("length", ["-5", "100000000", "abc", "5, 7"])
def test_a_content_length_that_lies_over_tcp(length: str, sip: RawSip, centre: Centre) -> None:
    """Over TCP the length frames the stream: one that cannot be believed ends it."""
    with socket.create_connection(centre.address, timeout=5) as tcp:
        host, port = tcp.getsockname()
        request = sip.request(
            "OPTIONS",
            centre.uri(),
            headers={
                "Via": f"SIP/2.0/TCP {host}:{port};branch={sip.branch()}",
                "Content-Length": length,
            },
        )
        tcp.sendall(request)
        tcp.settimeout(5)
        with contextlib.suppress(ConnectionError):
            answer = tcp.recv(65536)
            assert answer == b"" or Message.parse(answer).code in {400, 413}
            while answer:
                answer = tcp.recv(65536)
    assert alive(sip, centre)


def test_a_message_in_crumbs_over_tcp(sip: RawSip, centre: Centre) -> None:
    """Byte by byte, and two messages in one piece: the stream is framed by its contents alone."""
    with socket.create_connection(centre.address, timeout=5) as tcp:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = tcp.getsockname()

        def options() -> bytes:
            via = f"SIP/2.0/TCP {host}:{port};branch={sip.branch()}"
            return sip.request("OPTIONS", centre.uri(), headers={"Via": via})

        for byte in options():
            tcp.sendall(bytes([byte]))
        assert Message.parse(tcp.recv(65536)).code == 200
        tcp.sendall(b"\r\n\r\n" + options() + options())
        received = b""
        while received.count(b"SIP/2.0 200") < 2:
            received += tcp.recv(65536)


def test_many_connections_that_say_nothing(sip: RawSip, centre: Centre) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(centre.address, timeout=5))
        assert alive(sip, centre)
    assert alive(sip, centre)


async def test_stray_rtp_is_not_heard(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    """A stranger who knows the port sends a tone and keys: neither reaches anybody."""
    stranger_hz = 1900.0
    async with Desk(centre, watch) as desk, centre.caller() as caller:
        call = await caller.call(centre.uri(STRAIGHT))
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        await desk.phone.state(theirs, "confirmed")
        await desk.phone.record(theirs, tmp_path / "agent.wav")
        remote = (await caller.expect("media", call=call, status="active"))["remote"]
        host, port = remote.rsplit(":", 1)
        payloads = ulaw_tone(stranger_hz)

        def intrude() -> None:
            with RawRtp() as stranger:
                for frame in range(60):
                    payload = payloads[frame % len(payloads)]
                    stranger.send(stranger.packet(payload), (host, int(port)))
                    time.sleep(0.02)
                stranger.press("9", (host, int(port)))

        await asyncio.to_thread(intrude)
        await caller.hang_up(call)
        await watch.expect(CallCleared, call=bridged.call)
        await desk.phone.expect("recorded")
    heard = audio.read(tmp_path / "agent.wav")
    assert audio.tone_seconds(heard, CALLER_HZ) > 0.8
    assert audio.tone_seconds(heard, stranger_hz) == 0
    assert watch.of(DigitsDetected, call=bridged.call) == []


def ulaw_tone(hertz: float) -> list[bytes]:
    """One second of a tone in µ-law, cut into 20 ms."""
    from lab.sipp_scenarios import media

    second = media.voice(round(hertz))
    return [second[n : n + 160] for n in range(0, 8000, 160)]


async def test_rtp_that_is_none(centre: Centre, watch: Watch) -> None:
    """Rubbish from the right address: the call lives, and its next key is understood."""
    rng = random.Random(3550)
    with RawSip(centre.address) as sip, RawRtp() as rtp:
        dialog = sip.invite(centre.uri(), sdp(rtp.port))
        answer = sip.answer_of(dialog)
        offered = await watch.expect(Offered)
        await watch.expect(Established, call=offered.call)
        for _ in range(300):
            rtp.send(rng.randbytes(rng.randrange(0, 400)), answer.media)
        for version in range(4):
            rtp.send(bytes([version << 6]) + rng.randbytes(11), answer.media)
        rtp.press("9", answer.media)
        digits = await watch.expect(DigitsDetected, call=offered.call)
        assert digits.digits == "9"
        with contextlib.suppress(NothingCameError):
            sip.bye(dialog)
        await watch.expect(CallCleared, call=offered.call)
