"""Who hears whom in the patch bay: relayed, mixed, held, and how it goes over."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from bay_rig import Phone, Rig

from ccd.media.nodes import NONE
from ccd.media.protocol import (
    CloseLeg,
    Codec,
    Connect,
    Disconnect,
    LegClosed,
    MediaFormat,
    ModifyLeg,
    Play,
    Sound,
)

FULL = 8000.0


@pytest.fixture(params=["plain sockets", "recvmmsg"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = Rig(plain=request.param == "plain sockets")
    yield rig
    rig.close()
    assert not rig.log.calls, rig.log.calls


def assert_continuous(phone: Phone) -> None:
    """One SSRC, sequence numbers and timestamps without a step, over everything heard."""
    phone.listen()
    assert len({packet.ssrc for packet in phone.heard}) == 1
    steps = {
        ((b.seq - a.seq) & 0xFFFF, (b.ts - a.ts) & 0xFFFFFFFF)
        for a, b in zip(phone.heard, phone.heard[1:], strict=False)
    }
    assert steps == {(1, 160)}


def relayed(rig: Rig) -> int:
    rig.frame()
    return int((rig.bay.nodes.relay_sink != NONE).sum())


def test_leg_without_a_source_gets_silence(rig: Rig) -> None:
    a = rig.leg(500)
    rig.talk(10)
    packets = a.listen() or a.heard
    assert len(packets) == 10
    assert {packet.payload for packet in packets} == {b"\xff" * 160}
    assert [packet.marker for packet in packets] == [True] + [False] * 9


@pytest.mark.parametrize("gain_db", [0.0, -6.0])
def test_two_parties_hear_each_other_and_not_themselves(rig: Rig, gain_db: float) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b, gain_db)
    rig.talk(10)
    a.forget(), b.forget()
    rig.talk(50)
    expected = FULL * 10 ** (gain_db / 20)
    assert a.level(900) == pytest.approx(expected, rel=0.05)
    assert b.level(500) == pytest.approx(expected, rel=0.05)
    assert a.level(500) < 50
    assert b.level(900) < 50
    assert relayed(rig) == (2 if gain_db == 0 else 0)


def test_relay_passes_on_at_the_next_beat(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900)
    rig.bridge(a, b)
    rig.talk(3)
    b.forget()
    packet = a.packet()
    a.send(packet)
    rig.beat()
    (heard,) = b.listen()
    assert heard.payload == packet[12:]


def test_relay_keeps_loss_and_order_visible(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900)
    rig.bridge(a, b)
    rig.talk(2, a)
    b.listen()
    last = b.heard[-1]
    lost, second, third = a.packet(), a.packet(), a.packet()
    for packet in (third, second):
        a.send(packet)
        rig.beat()
    assert lost
    heard = b.listen()
    assert [(p.seq - last.seq) & 0xFFFF for p in heard] == [3, 2]
    assert [(p.ts - last.ts) & 0xFFFFFFFF for p in heard] == [480, 320]


def test_relay_keeps_the_pause_of_silence_suppression(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900)
    rig.bridge(a, b)
    rig.talk(2, a)
    b.listen()
    last = b.heard[-1]
    a.pause(5 * 160)
    for _ in range(5):
        rig.frame()
    assert b.listen() == []
    a.say(marker=True)
    rig.beat()
    (first,) = b.listen()
    assert first.marker
    assert ((first.seq - last.seq) & 0xFFFF, (first.ts - last.ts) & 0xFFFFFFFF) == (1, 6 * 160)


def test_relay_that_falls_silent_is_filled_and_goes_on_without_a_step(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900)
    rig.bridge(a, b)
    rig.talk(5)
    rig.talk(40, b)
    rig.talk(5)
    assert_continuous(b)
    b.listen()
    assert len(b.heard) > 35


def test_codecs_are_converted(rig: Rig) -> None:
    a, b = rig.leg(500, Codec.PCMU), rig.leg(900, Codec.PCMA, port=1)
    rig.bridge(a, b)
    rig.talk(10)
    a.forget(), b.forget()
    rig.talk(50)
    assert {packet.pt for packet in b.heard} == {8}
    assert a.level(900) == pytest.approx(FULL, rel=0.05)
    assert b.level(500) == pytest.approx(FULL, rel=0.05)
    assert relayed(rig) == 0


def test_payload_types_are_those_agreed_with_each_leg(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900)
    rig.do(
        ModifyLeg(
            node=b.node, remote=b.address, format=MediaFormat(codec=Codec.PCMU, payload_type=97)
        )
    )
    b.pt = 97
    rig.bridge(a, b)
    rig.talk(5)
    assert {packet.pt for packet in b.heard} == {97}
    assert {packet.pt for packet in a.heard} == {0}
    assert relayed(rig) == 2


def test_conference_of_four_with_gains(rig: Rig) -> None:
    phones = [rig.leg(300 + 200 * n, [Codec.PCMU, Codec.PCMA][n % 2], port=n) for n in range(4)]
    for a in phones:
        for b in phones:
            if a is not b:
                rig.do(
                    Connect(source=a.node, sink=b.node, gain_db=-12.0 if a is phones[0] else -6.0)
                )
    rig.talk(10)
    for phone in phones:
        phone.forget()
    rig.talk(50)
    for listener in phones:
        for speaker in phones:
            wanted = 0.0
            if speaker is not listener:
                wanted = FULL * 10 ** ((-12 if speaker is phones[0] else -6) / 20)
            assert listener.level(speaker.frequency) == pytest.approx(wanted, rel=0.06, abs=120)


def test_sums_are_clipped_and_do_not_wrap(rig: Rig) -> None:
    a, b, c = (rig.leg(500, port=n) for n in range(3))
    for speaker in (a, b):
        rig.do(Connect(source=speaker.node, sink=c.node, gain_db=12.0))
    rig.talk(40)
    audio = c.audio()[1600:]
    assert np.abs(audio).max() >= 32000
    assert np.abs(np.diff(audio)).max() < 30000  # a wrap would jump from end to end


def test_monitoring_a_relayed_bridge_leaves_it_alone(rig: Rig) -> None:
    a, b, supervisor = rig.leg(500), rig.leg(900, port=1), rig.leg(1300, port=2)
    rig.bridge(a, b)
    rig.do(
        Connect(source=a.node, sink=supervisor.node),
        Connect(source=b.node, sink=supervisor.node),
    )
    rig.talk(10)
    assert relayed(rig) == 2
    supervisor.forget()
    rig.talk(50)
    assert supervisor.level(500) == pytest.approx(FULL, rel=0.05)
    assert supervisor.level(900) == pytest.approx(FULL, rel=0.05)
    assert a.level(1300) < 50


def test_whisper_reaches_the_agent_alone_and_numbers_go_on(rig: Rig) -> None:
    caller, agent, coach = rig.leg(500), rig.leg(900, port=1), rig.leg(1300, port=2)
    rig.bridge(caller, agent)
    rig.talk(20)
    rig.do(Connect(source=coach.node, sink=agent.node))
    rig.talk(50)
    assert agent.level(1300) > FULL / 2
    assert caller.level(1300) < 50
    rig.do(Disconnect(source=coach.node, sink=agent.node))
    rig.talk(20)
    assert_continuous(caller)
    # Sums run on our clock, relays on the peer's: at the seams what waits in the jitter
    # buffer may be left out, yet SSRC and numbers go on.
    assert len({packet.ssrc for packet in agent.heard}) == 1
    seqs = [packet.seq for packet in agent.heard]
    assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(seqs)} == {1}


def test_hold_moves_an_edge_to_the_music_and_back(rig: Rig) -> None:
    caller, agent = rig.leg(500), rig.leg(900, port=1)
    music = rig.node()
    rig.do(Play(node=music, sounds=(Sound(frequencies=(1700.0,), on_ms=1000),), loop=True))
    rig.bridge(caller, agent)
    rig.talk(20)
    rig.do(
        Disconnect(source=caller.node, sink=agent.node),
        Disconnect(source=agent.node, sink=caller.node),
        Connect(source=music, sink=caller.node),
    )
    rig.talk(5)
    caller.forget(), agent.forget()
    rig.talk(50)
    assert caller.level(1700) > 2000
    assert caller.level(900) < 50
    assert agent.level(500) < 50
    rig.do(Disconnect(source=music, sink=caller.node))
    rig.bridge(caller, agent)
    rig.talk(5)
    caller.forget()
    rig.talk(50)
    assert caller.level(1700) < 50
    assert caller.level(900) == pytest.approx(FULL, rel=0.05)


def test_one_music_for_many_is_the_same_for_all(rig: Rig) -> None:
    legs = [rig.leg(500, [Codec.PCMU, Codec.PCMA][n % 2], port=n % 2) for n in range(8)]
    music = rig.node()
    rig.do(
        Play(
            node=music,
            sounds=(Sound(frequencies=(440.0,), on_ms=1000),),
            loop=True,
            sinks=tuple(leg.node for leg in legs),
        )
    )
    rig.talk(25)
    assert len({tuple(p.payload for p in leg.heard) for leg in legs[::2]}) == 1
    for leg in legs:
        assert leg.level(440) == pytest.approx(legs[0].level(440), rel=0.02)


def test_send_and_receive_flags(rig: Rig) -> None:
    a, b = rig.leg(500, send=False), rig.leg(900, port=1, receive=False)
    rig.bridge(a, b)
    rig.talk(20)
    assert a.heard == []  # we do not send to it
    assert b.level(500) > FULL * 0.8
    form = MediaFormat()
    rig.do(
        ModifyLeg(node=a.node, remote=a.address, format=form),
        ModifyLeg(node=b.node, remote=b.address, format=form),
    )
    rig.talk(5)
    a.forget()
    rig.talk(20)
    assert a.level(900) == pytest.approx(FULL, rel=0.1)


def test_closing_a_leg_silences_its_partner_and_reports_once(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900)
    rig.bridge(a, b)
    rig.talk(10)
    rig.do(CloseLeg(node=a.node), CloseLeg(node=a.node), CloseLeg(node=4242))
    assert [report.node for report in rig.of(LegClosed)] == [a.node, a.node, 4242]
    first, again, unknown = (report.quality for report in rig.of(LegClosed))
    assert first.packets_received == 10
    assert again == unknown
    b.forget()
    strays = rig.bay.strays
    rig.talk(30)
    assert rig.bay.strays == strays + 30
    assert b.level(500) < 5
    assert b.heard


def test_rows_and_ports_are_used_again_without_a_trace(rig: Rig) -> None:
    for round_ in range(20):
        a, b = rig.leg(500), rig.leg(900)
        rig.bridge(a, b)
        rig.talk(4, a, b)
        assert b.heard, round_
        assert len({p.ssrc for p in b.heard}) == 1
        quality = rig.quality(a)
        assert (quality.packets_received, quality.packets_lost) == (4, 0)
        rig.do(CloseLeg(node=b.node))
    assert rig.bay.idle
    assert len(rig.bay.nodes) == 0
    assert len(rig.bay.board.edges) == 0


def test_commands_for_unknown_nodes_are_ignored(rig: Rig) -> None:
    a = rig.leg(500)
    rig.do(
        Connect(source=99, sink=a.node),
        Connect(source=a.node, sink=99),
        Disconnect(source=98, sink=97),
        ModifyLeg(node=96, remote=None, format=MediaFormat()),
    )
    rig.talk(3)
    assert len(a.heard) == 3


def test_echo_is_an_edge_to_oneself(rig: Rig) -> None:
    a = rig.leg(500)
    rig.do(Connect(source=a.node, sink=a.node))
    rig.talk(20)
    assert a.level(500) > FULL * 0.8
