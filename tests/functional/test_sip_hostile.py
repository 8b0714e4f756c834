"""What strangers send: it costs them their connection, and nobody else anything."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from sip_party import Party, party

from ccd.sip import streams
from ccd.sip.events import Accepted, BadMessage, Confirmed, RequestReceived, Terminated


@pytest.fixture
async def callee() -> AsyncIterator[Party]:
    async with party() as made:
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of a fraction of a second."""
    monkeypatch.setattr(streams, "SWEEP_S", 0.02)
    monkeypatch.setattr(streams, "MESSAGE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(streams, "FIRST_MESSAGE_TIMEOUT_S", 0.4)
    monkeypatch.setattr(streams, "CLOSE_GRACE_S", 0.05)


def options(call_id: str, *headers: str, body: str = "") -> bytes:
    lines = [
        "OPTIONS sip:x@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{call_id}",
        "From: <sip:a@b>;tag=1",
        "To: <sip:x@b>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        *(headers or ("Content-Length: 0",)),
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


async def connect(party: Party) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    hop = party.endpoint.hop("tcp")
    return await asyncio.open_connection(hop.host, hop.port)


async def closed_by_peer(reader: asyncio.StreamReader, within: float = 5.0) -> bytes:
    """Read until the other side closes or resets; what came before."""
    said = b""
    async with asyncio.timeout(within):
        try:
            while data := await reader.read(65536):
                said += data
        except ConnectionResetError:
            pass
    return said


async def still_serves(callee: Party, protocol: str = "tcp") -> None:
    """A decent caller is served, and the endpoint has no fault on its record."""
    async with party() as caller:
        before = sum(isinstance(event, Confirmed) for event in callee.events)
        session = caller.call(callee.endpoint.hop(protocol))
        await caller.told(Accepted)
        await callee.told(Confirmed, before + 1)
        caller.hang_up(session)
        await caller.told(Terminated)
    assert callee.endpoint.faults == 0


async def test_a_megabyte_without_headers(callee: Party) -> None:
    reader, writer = await connect(callee)
    writer.write(b"x" * 1_048_576)
    await closed_by_peer(reader)
    writer.close()
    assert callee.endpoint.counters.framing_errors == 1
    assert callee.endpoint.counters.bytes_in < 600_000  # it did not take it all
    await still_serves(callee)


async def test_a_megabyte_of_headers_and_one_of_body(callee: Party) -> None:
    for hostile in (
        b"OPTIONS sip:x SIP/2.0\r\n" + b"X-Header: y\r\n" * 80_000,
        options("big", "Content-Length: 1048576", body="x" * 1_048_576),
    ):
        reader, writer = await connect(callee)
        writer.write(hostile)
        await closed_by_peer(reader)
        writer.close()
    assert callee.endpoint.counters.framing_errors == 2
    await still_serves(callee)


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999"])
async def test_an_impossible_content_length_is_answered_400_and_the_end(
    callee: Party, impatient: None, length: str
) -> None:
    reader, writer = await connect(callee)
    writer.write(options("fine") + options("lie", f"Content-Length: {length}", body="x"))
    said = await closed_by_peer(reader)
    writer.close()
    assert b"SIP/2.0 400" in said
    assert b"Call-ID: lie" in said
    await still_serves(callee)


async def test_a_content_length_that_is_too_small(callee: Party, impatient: None) -> None:
    reader, writer = await connect(callee)
    writer.write(options("lie", "Content-Length: 3", body="v=0\r\ns=-\r\n") + options("next"))
    await closed_by_peer(reader)
    writer.close()
    assert callee.endpoint.counters.framing_errors == 1
    requests = [e.request for e in callee.events if isinstance(e, RequestReceived)]
    assert [r.headers["Call-ID"] for r in requests] == ["lie"]
    await still_serves(callee)


async def test_a_content_length_that_is_too_great_runs_into_the_time_out(
    callee: Party, impatient: None
) -> None:
    reader, writer = await connect(callee)
    writer.write(options("lie", "Content-Length: 500", body="short"))
    await closed_by_peer(reader)
    writer.close()
    assert callee.endpoint.counters.timeouts == 1
    await still_serves(callee)


async def test_slow_loris(callee: Party, impatient: None) -> None:
    reader, writer = await connect(callee)

    async def drip() -> None:
        for byte in options("slow"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    await closed_by_peer(reader)
    dripping.cancel()
    writer.close()
    assert callee.endpoint.counters.timeouts == 1
    await still_serves(callee)


async def test_silence_after_connecting(callee: Party, impatient: None) -> None:
    reader, writer = await connect(callee)
    assert await closed_by_peer(reader) == b""
    writer.close()
    assert callee.endpoint.counters.timeouts == 1


async def test_who_pings_may_stay(callee: Party, impatient: None) -> None:
    reader, writer = await connect(callee)
    for _ in range(3):
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 2) == b"\r\n"
        await asyncio.sleep(0.2)
    assert callee.endpoint.counters.connections == 1
    writer.close()


async def test_who_does_not_read_is_cut_off(callee: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_UNSENT", 20_000)
    hop = callee.endpoint.hop("tcp")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, (hop.host, hop.port))

    async def talk_for_ever() -> None:
        number = 0
        while True:
            number += 1
            # Refused with 501, which repeats our long Call-ID.
            request = options(f"{number}" + "x" * 4000).replace(b"OPTIONS", b"NOTHING")
            await loop.sock_sendall(deaf, request)

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await asyncio.wait_for(talk_for_ever(), 20)
    deaf.close()
    await still_serves(callee)


async def test_connections_are_bounded() -> None:
    async with party(max_connections=5) as callee:
        pairs = [await connect(callee) for _ in range(8)]
        for reader, _ in pairs[5:]:
            assert await closed_by_peer(reader) == b""
        counters = callee.endpoint.counters
        assert (counters.connections, counters.connections_refused) == (5, 3)
        for _, writer in pairs:
            writer.close()
        async with asyncio.timeout(5):
            while callee.endpoint.counters.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await still_serves(callee)


async def test_one_stranger_does_not_get_all_connections(
    callee: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_CONNECTIONS_A_SOURCE", 2)
    pairs = [await connect(callee) for _ in range(3)]
    assert await closed_by_peer(pairs[2][0]) == b""
    hop = callee.endpoint.hop("tcp")
    other = await asyncio.open_connection(hop.host, hop.port, local_addr=("127.0.0.9", 0))
    other[1].write(b"\r\n\r\n")
    assert await asyncio.wait_for(other[0].readexactly(2), 2) == b"\r\n"
    for _, writer in [*pairs, other]:
        writer.close()


async def test_a_connection_reset_at_every_moment(callee: Party) -> None:
    message = options("reset")
    for cut in (0, 1, 40, len(message) - 1, len(message)):
        _, writer = await connect(callee)
        writer.write(message[:cut])
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    await still_serves(callee)
    async with asyncio.timeout(5):
        while callee.endpoint.counters.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_random_and_truncated_datagrams(callee: Party) -> None:
    rng = random.Random(4475)
    hop = callee.endpoint.hop()
    whole = options("udp", "Content-Type: application/sdp", "Content-Length: 4", body="v=0\r\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        for number in range(600):
            noise = rng.randbytes(rng.choice([0, 1, 4, 60, 1400]))
            if number % 3 == 0:
                noise = whole[: rng.randrange(len(whole))]
            elif number % 3 == 1:
                at = rng.randrange(len(whole))
                noise = whole[:at] + rng.randbytes(3) + whole[at + 3 :]
            stranger.sendto(noise, (hop.host, hop.port))
            if number % 50 == 0:
                await asyncio.sleep(0)  # a burst at a time, so that none overflows the socket
        stranger.sendto(b"\r\n\r\n", (hop.host, hop.port))
        await still_serves(callee, "udp")
    assert any(isinstance(event, BadMessage) for event in callee.events)
    assert callee.endpoint.counters.keep_alives > 0


async def test_a_stream_of_garbage_and_of_other_protocols(callee: Party, impatient: None) -> None:
    rng = random.Random(3261)
    for hostile in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(300) + b"\n",
        b"\n" * 200_000 + b"x\n",
        *(rng.randbytes(50_000) for _ in range(5)),
    ):
        reader, writer = await connect(callee)
        writer.write(hostile)
        await closed_by_peer(reader)
        writer.close()
    await still_serves(callee)


async def test_after_all_of_it_nothing_is_left() -> None:
    """Good and bad calls mixed: tables, sockets and memory of the agent are back where they were."""
    rng = random.Random(1)
    async with party() as callee:
        for turn in range(25):
            _, writer = await connect(callee)
            writer.write(
                rng.choice([b"x" * 70_000, options(f"t{turn}", "Content-Length: -4"), b""])
            )
            writer.write(options(f"u{turn}"))
            async with party() as caller:
                sessions = [
                    caller.call(callee.endpoint.hop(rng.choice(["udp", "tcp"]))) for _ in range(4)
                ]
                await caller.told(Accepted, rng.randrange(1, 5))
                for session in sessions:
                    caller.hang_up(session)
                await caller.told(Terminated, 4)
            writer.close()
        for event in callee.events:
            if isinstance(event, RequestReceived):
                callee.endpoint.agent.respond(event, 200, now=callee.now)
        callee.endpoint.wake()
        await callee.told(Terminated, 100)
        await callee.quiet()
        assert callee.endpoint.counters.connections == 0
        assert callee.endpoint.faults == 0
