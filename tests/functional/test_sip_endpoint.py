"""The endpoint over real sockets: calls, failures, registration, and how it ends."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sip_party import Party, party, registrar_for

from ccd.sip.auth import Credentials
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import (
    Accepted,
    Confirmed,
    OfferAnswered,
    Rejected,
    ResponseReceived,
    SipEvent,
    Terminated,
)
from ccd.sip.hop import Hop
from ccd.sip.negotiation import LocalMedia, Negotiation
from ccd.sip.registrar import Registrar
from ccd.sip.resolver import ResolveError
from ccd.sip.transports import ListenError, reachable_address
from ccd.sip.udp import UdpSocket


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1, and its key: paths."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed: apt install openssl")
    folder = tmp_path_factory.mktemp("tls")
    paths = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = [program, "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=ccd test"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return paths


def tls_options(certificate: tuple[str, str]) -> dict[str, str]:
    return {"certificate": certificate[0], "private_key": certificate[1], "ca": certificate[0]}


async def one_call(caller: Party, callee: Party, to: Hop) -> None:
    """A call with hold, ended by the callee; both agree on the audio."""
    session = caller.call(to)
    await caller.told(Accepted)
    confirmed = await callee.told(Confirmed)
    at_caller, at_callee = caller.agreed[session.id], callee.agreed[confirmed.session.id]
    assert at_caller.codec == at_callee.codec == "PCMU"
    assert at_caller.send
    assert at_callee.receive

    hold = Negotiation(1)
    hold.version = 1
    held = LocalMedia("127.0.0.1", 4000, ("PCMU",), direction="sendonly")
    session.offer(hold.offer(held), now=caller.now)
    caller.endpoint.wake()
    await caller.told(OfferAnswered)
    assert callee.agreed[confirmed.session.id].held

    callee.hang_up(confirmed.session)
    ended = await caller.told(Terminated)
    assert ended.by == "remote"
    assert (await callee.told(Terminated)).by == "local"


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_a_call_over_udp_and_tcp(protocol: str, host: str) -> None:
    listen = (f"udp:{host}:0", f"tcp:{host}:0")
    async with party(*listen) as caller, party(*listen) as callee:
        await one_call(caller, callee, callee.endpoint.hop(protocol))
        await caller.quiet()
        await callee.quiet()


async def test_a_call_over_tls(certificate: tuple[str, str]) -> None:
    listen, options = ("tls:127.0.0.1:0",), tls_options(certificate)
    async with party(*listen, **options) as caller, party(*listen, **options) as callee:
        await one_call(caller, callee, callee.endpoint.hop("tls"))
        await caller.quiet()
        assert callee.endpoint.counters.connections_accepted == 1


async def test_a_certificate_nobody_signed_is_a_transport_failure(
    certificate: tuple[str, str],
) -> None:
    options = tls_options(certificate)
    async with (
        party("tls:127.0.0.1:0", **options) as callee,
        party("tls:127.0.0.1:0", **(options | {"ca": ""})) as caller,
    ):
        caller.call(callee.endpoint.hop("tls"))
        assert (await caller.told(Rejected)).request_failed == "transport"


async def test_udp_and_tcp_share_a_free_port() -> None:
    async with party("udp:127.0.0.1:0", "tcp:127.0.0.1:0") as one:
        assert one.endpoint.local["udp"] == one.endpoint.local["tcp"]
        assert one.endpoint.local["udp"][0] == "127.0.0.1"


async def test_what_is_advertised_goes_into_via_and_contact() -> None:
    sent: list[bytes] = []

    def trace(direction: str, data: bytes, hop: Hop, at: float) -> None:
        if direction == "out":
            sent.append(data)

    async with party("udp:0.0.0.0:0", advertise="192.0.2.77", trace=trace) as one:
        port = one.endpoint.local["udp"][1]
        one.call(Hop("udp", "127.0.0.1", one.endpoint.hop().port))
        await one.told(SipEvent)  # type: ignore[arg-type]
    assert f"Via: SIP/2.0/UDP 192.0.2.77:{port};".encode() in sent[0]
    assert b"Contact: <sip:192.0.2.77:" in sent[0]


async def test_a_connection_carries_everything_between_two_addresses() -> None:
    async with party() as caller, party() as callee:
        for number in range(1, 6):
            session = caller.call(callee.endpoint.hop("tcp"))
            await caller.told(Accepted, number)
            confirmed = await callee.told(Confirmed, number)
            if number % 2:
                callee.hang_up(confirmed.session)  # comes back the way the INVITE came
            else:
                caller.hang_up(session)
            await caller.told(Terminated, number)
            await callee.told(Terminated, number)
        assert caller.endpoint.counters.connections_opened == 1
        assert callee.endpoint.counters.connections_accepted == 1
        assert callee.endpoint.counters.connections_opened == 0


async def test_trace_shows_both_sides_of_the_ladder() -> None:
    ladder: list[tuple[str, str]] = []

    def trace(direction: str, data: bytes, hop: Hop, at: float) -> None:
        ladder.append((direction, data.split(b"\r\n")[0].decode().split(" SIP/2.0")[0]))

    async with party(trace=trace) as caller, party() as callee:
        session = caller.call(callee.endpoint.hop())
        await callee.told(Confirmed)
        caller.hang_up(session)
        await callee.told(Terminated)
        await caller.told(Terminated)
    lines = [text.split(" sip:")[0] for _, text in ladder]
    assert lines[:4] == ["INVITE", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK", "ACK"]
    assert [direction for direction, _ in ladder[:4]] == ["out", "in", "in", "out"]


async def test_a_handler_that_raises_ends_nothing() -> None:
    def fall_over(event: SipEvent) -> None:
        raise RuntimeError("the owner's fault")

    async with party() as caller, party() as callee:
        callee.on_event = fall_over
        session = caller.call(callee.endpoint.hop())
        await callee.told(object)
        caller.hang_up(session)
        await caller.told(Terminated)
        assert callee.endpoint.faults > 0
        callee.on_event = None
        caller.call(callee.endpoint.hop())
        await caller.told(Accepted)


async def test_a_fault_of_ours_costs_one_message_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with party() as caller, party() as callee:
        receive = callee.endpoint.agent.receive

        def fall_over_once(data: bytes, source: Hop, now: float) -> None:
            monkeypatch.setattr(callee.endpoint.agent, "receive", receive)
            raise KeyError("a fault of ours")

        monkeypatch.setattr(callee.endpoint.agent, "receive", fall_over_once)
        caller.call(callee.endpoint.hop())
        await caller.told(Accepted)  # by the INVITE's repetition
        assert callee.endpoint.faults == 1


async def test_many_acts_in_one_iteration_are_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = 0
    turn = Endpoint.turn

    def count(self: Endpoint) -> None:
        nonlocal turns
        turns += 1
        turn(self)

    async with party() as one:
        monkeypatch.setattr(Endpoint, "turn", count)
        for _ in range(100):
            one.endpoint.wake()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turns == 1


class TestFailure:
    """What cannot be delivered is known at once, and costs nobody else anything."""

    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
    def test_a_dead_phone_is_reported_by_icmp(
        self, run: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        async def scenario() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                dead = Hop("udp", *probe.getsockname())
            lost: list[Hop] = []
            async with party(unreachable=lost.append) as caller, party() as callee:
                for number in range(1, 4):
                    caller.call(dead)
                    rejected = await caller.told(Rejected, number, within=2.0)
                    assert (rejected.code, rejected.request_failed) == (503, "transport")
                    # The socket still hears the living.
                    caller.call(callee.endpoint.hop())
                    await caller.told(Accepted, number, within=2.0)
                assert set(lost) == {dead}

        run(scenario())

    async def test_a_refused_connection(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            dead = Hop("tcp", *probe.getsockname())
        async with party() as caller:
            caller.call(dead)
            assert (await caller.told(Rejected)).request_failed == "transport"
            assert caller.endpoint.counters.unreachable == 1

    @pytest.mark.parametrize(
        "hop", [Hop("tls", "127.0.0.1", 9), Hop("udp", "::1", 9), Hop("udp", "127.0.0.1", 0)]
    )
    async def test_where_no_socket_of_ours_leads(self, hop: Hop) -> None:
        async with party() as caller:
            caller.call(hop)
            assert (await caller.told(Rejected)).request_failed == "transport"

    async def test_a_datagram_that_is_too_large(self) -> None:
        async with party() as caller:
            session = caller.endpoint.agent.invite(
                "sip:x@127.0.0.1",
                Hop("udp", "127.0.0.1", 9),
                from_="sip:a@b",
                to="sip:x@b",
                sdp=b"v=0\r\n" + b"x" * 70_000,
                now=caller.now,
            )
            caller.endpoint.wake()
            assert (await caller.told(Rejected)).session is session

    async def test_a_connection_that_breaks_fails_what_waits_on_it(self) -> None:
        lost: list[Hop] = []
        mute = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        hop = Hop("tcp", *mute.sockets[0].getsockname())
        connections: list[asyncio.StreamWriter] = []
        mute.close()
        await mute.wait_closed()

        async def hear_and_hang_up(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            connections.append(writer)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(hear_and_hang_up, hop.host, hop.port)
        try:
            async with party(unreachable=lost.append) as caller:
                caller.call(hop)
                rejected = await caller.told(Rejected)
                assert rejected.request_failed == "transport"
                assert lost == [hop]
        finally:
            server.close()
            await server.wait_closed()

    async def test_a_full_send_buffer_delays_and_loses_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blocked = [True]
        sendto = UdpSocket._sendto

        def choke(self: UdpSocket, data: bytes, address: tuple[str, int]) -> None:
            if blocked[0]:
                blocked[0] = False
                raise BlockingIOError
            sendto(self, data, address)

        async with party() as caller, party() as callee:
            monkeypatch.setattr(UdpSocket, "_sendto", choke)
            for _ in range(3):
                caller.call(callee.endpoint.hop())
            await caller.told(Accepted, 3)
            assert caller.endpoint.counters.dropped_out == 0


class TestNames:
    async def test_uris_lead_to_hops(self) -> None:
        async with party() as one:
            resolve = one.endpoint.resolve
            assert await resolve("sip:a@192.0.2.1") == Hop("udp", "192.0.2.1", 5060)
            assert await resolve("sip:192.0.2.1:5070;transport=TCP") == Hop(
                "tcp", "192.0.2.1", 5070
            )
            assert await resolve("sips:a@192.0.2.1") == Hop("tls", "192.0.2.1", 5061)
            assert await resolve("sip:a@[2001:db8::1]:99") == Hop("udp", "2001:db8::1", 99)
            assert await resolve("sip:a@x;maddr=192.0.2.9") == Hop("udp", "192.0.2.9", 5060)
            assert await resolve("sip:a@localhost") == Hop("udp", "127.0.0.1", 5060)
            for wrong in ("tel:+4930", "rubbish", "sip:a@192.0.2.1;transport=sctp"):
                with pytest.raises(ResolveError, match=wrong[:4]):
                    await resolve(wrong)

    async def test_names_are_asked_for_once_and_failures_remembered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        async def getaddrinfo(host: str, port: object, **_: object) -> list[Any]:
            asked.append(host)
            await asyncio.sleep(0)
            if host == "nowhere.test":
                raise socket.gaierror("no such name")
            return [
                (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("2001:db8::5", 0, 0, 0)),
                (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", 0)),
            ]

        async with party() as caller, party() as callee:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
            there = callee.endpoint.hop("tcp")
            named = Hop("tcp", "trunk.test", there.port)
            for number in (1, 2):
                caller.call(named)
                await caller.told(Accepted, number)
            assert asked == ["trunk.test"]
            lost = Hop("udp", "nowhere.test", 5060)
            for number in (1, 2):
                caller.call(lost)
                rejected = await caller.told(Rejected, number)
                assert rejected.request_failed == "transport"
            assert asked == ["trunk.test", "nowhere.test"]

    async def test_failure_is_told_under_the_name_that_was_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def getaddrinfo(host: str, port: object, **_: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", 0))]

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            dead = probe.getsockname()[1]
        async with party() as caller:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
            for number, protocol in enumerate(("tcp", "udp"), 1):
                caller.call(Hop(protocol, "trunk.test", dead))
                rejected = await caller.told(Rejected, number, within=2.0)
                assert rejected.request_failed == "transport"


class TestRegistration:
    """Authenticator, registrar and endpoint together, as the daemon joins them."""

    @pytest.fixture
    async def domain(self) -> AsyncIterator[tuple[Party, Registrar]]:
        async with registrar_for({"1001": "open sesame"}) as made:
            yield made

    def register(self, phone: Party, to: Hop, password: str) -> None:
        phone.endpoint.agent.request(
            "REGISTER",
            "sip:ccd.local",
            to,
            from_="sip:1001@ccd.local",
            to="sip:1001@ccd.local",
            now=phone.now,
            headers=[("Contact", "<sip:1001@10.9.9.9:5060>;expires=600")],
            credentials=Credentials("1001", password),
        )
        phone.endpoint.wake()

    @pytest.mark.parametrize("protocol", ["udp", "tcp"])
    async def test_a_phone_registers_and_is_called_where_it_is(
        self, domain: tuple[Party, Registrar], protocol: str
    ) -> None:
        server, registrar = domain
        async with party() as phone:
            self.register(phone, server.endpoint.hop(protocol), "open sesame")
            response = await phone.told(ResponseReceived)
            assert response.code == 200
            (binding,) = registrar.lookup("1001")
            assert binding.contact == "sip:1001@10.9.9.9:5060"
            assert binding.hop.host == "127.0.0.1"
            server.call(binding.hop)
            await phone.told(Confirmed)
        if protocol == "tcp":
            assert await server.told(Hop) == binding.hop
            assert registrar.lookup("1001") == []

    async def test_a_wrong_password_ends_in_403(self, domain: tuple[Party, Registrar]) -> None:
        server, registrar = domain
        codes = []
        async with party() as phone:
            for number in range(1, 6):
                self.register(phone, server.endpoint.hop(), "guess")
                response = await phone.told(ResponseReceived, number)
                codes.append(response.code)
            assert response.response is not None
            assert int(response.response.headers["Retry-After"]) >= 1
        assert codes[0] == 401
        assert codes[-1] == 403
        assert registrar.lookup("1001") == []


class TestStartAndStop:
    @pytest.mark.parametrize(
        ("listen", "reason"),
        [
            ([], "nothing to listen on"),
            (["sctp:127.0.0.1:0"], "udp:, tcp: or tls:"),
            (["udp:localhost:0"], "no IP address"),
            (["udp:127.0.0.1:70000"], "no valid port"),
            (["udp:127.0.0.1:0", "udp:127.0.0.2:0"], "one udp address"),
        ],
    )
    def test_wrong_addresses_are_explained(self, listen: list[str], reason: str) -> None:
        with pytest.raises(ListenError, match=reason):
            Endpoint(listen, print)

    async def test_a_port_that_is_taken_is_named(self) -> None:
        async with party("tcp:127.0.0.1:0") as one:
            port = one.endpoint.local["tcp"][1]
            other = Endpoint(["udp:127.0.0.1:0", f"tcp:127.0.0.1:{port}"], print)
            with pytest.raises(ListenError, match=f"tcp:127.0.0.1:{port}.*another program"):
                await other.start()

    async def test_tls_needs_a_certificate_that_can_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(ListenError, match="certificate"):
            await Endpoint(["tls:127.0.0.1:0"], print).start()
        wrong = tmp_path / "wrong.pem"
        wrong.write_text("not a certificate")
        options = {"certificate": str(wrong), "private_key": str(wrong)}
        with pytest.raises(ListenError, match=r"wrong\.pem"):
            await Endpoint(["udp:127.0.0.1:0", "tls:127.0.0.1:0"], print, **options).start()  # type: ignore[arg-type]

    async def test_stop_waits_for_the_answer_to_our_bye(self) -> None:
        async with party() as caller, party() as callee:
            session = caller.call(callee.endpoint.hop())
            await callee.told(Confirmed)
            session.terminate(now=caller.now)
            await caller.endpoint.stop()
            assert (await callee.told(Terminated)).by == "remote"
            assert not caller.endpoint._waiting()
            await caller.endpoint.stop()  # again does nothing

    async def test_stop_has_an_end_where_nobody_answers(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind(("127.0.0.1", 0))
            async with party() as caller:
                caller.call(Hop("udp", *mute.getsockname()))
                began = caller.now
                await caller.endpoint.stop(patience=0.2)
                assert caller.now - began < 1.5

    def test_what_to_advertise(self) -> None:
        assert reachable_address("192.0.2.4") == "192.0.2.4"
        assert reachable_address("0.0.0.0") != "0.0.0.0"
        assert ":" in reachable_address("::")
