"""Legs that move to another local port, and ports that nobody can have."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from bay_rig import Rig

from ccd.media.protocol import LegClosed, LegFailed, LegLatched, MediaFormat, ModifyLeg, OpenLeg

FULL = 8000


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


def test_a_leg_moves_to_another_port_and_its_bridge_goes_with_it(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(10)
    before = b.heard[-1]
    # Its peer is where another leg of the port's peer is: they could not be told apart.
    moved = rig.phone(1300)
    rig.do(
        ModifyLeg(node=b.node, port=rig.ports[2], remote=moved.address, format=MediaFormat()),
    )
    b.forget()
    moved.port = rig.ports[2]
    rig.talk(20, a, moved)
    assert not b.heard
    assert moved.level(500) > FULL / 2
    assert a.level(1300) > FULL / 2
    assert {packet.ssrc for packet in moved.heard} == {before.ssrc}
    assert (moved.heard[0].seq - before.seq) & 0xFFFF == 1
    strays = rig.bay.strays
    b.say()  # to the old port
    rig.beat()
    assert rig.bay.strays == strays + 1


def test_a_leg_that_moves_latches_on_its_new_port(rig: Rig) -> None:
    a = rig.leg(500)
    peer = rig.phone(900)
    rig.do(
        ModifyLeg(
            node=a.node,
            port=rig.ports[3],
            remote=("192.0.2.1", 4000),
            format=MediaFormat(),
            latch=True,
        )
    )
    peer.port = rig.ports[3]
    rig.talk(3, peer)
    assert [report.remote for report in rig.of(LegLatched, a.node)] == [peer.address]


def test_a_port_is_bound_when_a_leg_names_it(rig: Rig) -> None:
    spare = rig.spare
    phone = rig.phone()
    node = rig.node()
    rig.do(OpenLeg(node=node, port=spare, remote=phone.address, format=MediaFormat()))
    phone.port = spare
    rig.talk(3, phone)
    assert rig.bay.nodes.received.max() == 3
    assert spare not in rig.sockets.spare


@pytest.mark.parametrize("rtcp", [0, 1])
def test_a_port_that_somebody_has_fails_the_leg_alone(rig: Rig, rtcp: int) -> None:
    a = rig.leg(500)
    spare = rig.spare
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", spare + rtcp))
        rig.do(OpenLeg(node=77, port=spare, remote=a.address, format=MediaFormat()))
        rig.do(ModifyLeg(node=a.node, port=spare, remote=a.address, format=MediaFormat()))
    for node in (77, a.node):
        (failed,) = rig.of(LegFailed, node)
        assert failed.port == spare
        assert f"{spare}: Address already in use" in failed.reason
        assert len(rig.of(LegClosed, node)) == 1
    assert [call.method_name for call in rig.log.calls] == ["warning", "warning"]
    # It is free by now, and may be used.
    rig.do(OpenLeg(node=78, port=spare, remote=a.address, format=MediaFormat()))
    assert not rig.of(LegFailed, 78)
    rig.log.calls.clear()


def test_a_port_of_nobody_fails_the_leg(rig: Rig) -> None:
    rig.do(OpenLeg(node=5, port=7, remote=None, format=MediaFormat()))
    (failed,) = rig.of(LegFailed)
    assert (failed.node, failed.port) == (5, None)
    rig.log.calls.clear()
