"""Whose packets a leg takes, what it makes of their order, and the figures at its end."""

from __future__ import annotations

import itertools
import random
import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from bay_rig import FRAME, Phone, Rig, amplitude

from ccd.media.codecs import encode
from ccd.media.protocol import (
    Codec,
    Connect,
    LegLatched,
    LegTimedOut,
    MediaFormat,
    ModifyLeg,
)

FULL = 8000.0


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()
    assert not rig.log.calls, rig.log.calls


def pair(rig: Rig, gain_db: float = -6.0, **options: object) -> tuple[Phone, Phone]:
    """A leg that is heard, through its jitter buffer, by another."""
    a, b = rig.leg(500, **options), rig.leg(900, port=1)
    rig.do(Connect(source=a.node, sink=b.node, gain_db=gain_db))
    return a, b


# --- strangers ------------------------------------------------------------------------


def test_stranger_is_counted_and_not_heard(rig: Rig) -> None:
    a, b = pair(rig)
    stranger = rig.phone(1300)
    stranger.port, stranger.ssrc = a.port, a.ssrc
    rig.talk(30, a, stranger)
    assert b.level(1300) < 50
    assert b.level(500) > 2000
    assert rig.bay.strays == 30
    assert rig.quality(a).packets_received == 30


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x00" + b"\0" * 9,
        b"\x00" * 172,
        b"\xff" * 172,
        b"\x80" * 700,
        b"INVITE sip:",
    ],
)
def test_garbage_from_the_right_address_is_no_packet(rig: Rig, data: bytes) -> None:
    a, b = pair(rig)
    rig.talk(5, a)
    a.send(data)
    rig.talk(5, a)
    quality = rig.quality(a)
    assert quality.packets_received == 10
    assert quality.packets_lost == 0
    assert b.heard


def test_lying_header_lengths_do_no_harm(rig: Rig) -> None:
    a, _ = pair(rig)
    rng = random.Random(1)
    for _ in range(300):
        first = 0x80 | rng.getrandbits(6)
        packet = bytearray(a.packet())
        packet[0] = first
        packet[12:20] = rng.randbytes(8)
        a.send(bytes(packet[: rng.randint(12, 172)]))
        rig.beat()
    rig.talk(5, a)
    assert rig.quality(a).packets_received == 305


def test_unknown_payload_type_cannot_begin_a_stream(rig: Rig) -> None:
    a, b = pair(rig)
    a.pt = 55
    rig.talk(5, a)
    assert rig.quality(a).packets_received == 0
    assert {p.payload for p in b.heard} == {b"\xff" * 160}


# --- latching -------------------------------------------------------------------------


def test_latches_to_the_sdp_address_at_once(rig: Rig) -> None:
    a = rig.leg(500, latch=True)
    rig.talk(1, a)
    assert rig.of(LegLatched) == [LegLatched(node=a.node, remote=a.address)]


def test_latches_to_another_source_with_its_second_packet(rig: Rig) -> None:
    promised = rig.phone()
    a, b = rig.leg(500, latch=True, remote=promised.address), rig.leg(900, port=1)
    rig.bridge(a, b, -6.0)
    rig.talk(3, b)
    assert promised.heard  # until then we send to where SDP said
    a.say()
    rig.frame()
    assert rig.of(LegLatched) == []
    a.say()
    rig.frame()
    assert rig.of(LegLatched) == [LegLatched(node=a.node, remote=a.address)]
    promised.forget()
    rig.talk(20)
    assert promised.heard == []
    assert a.level(900) > 2000


def test_a_single_stray_packet_takes_no_leg_over(rig: Rig) -> None:
    a = rig.leg(500, latch=True, remote=None)
    attacker = rig.phone(1300)
    attacker.port = a.port
    attacker.say()
    rig.beat()
    rig.talk(2, a)
    attacker.say()
    rig.beat()
    assert [latched.remote for latched in rig.of(LegLatched)] == [a.address]


def test_latches_once_and_only_on_what_was_agreed(rig: Rig) -> None:
    a, b = rig.leg(500, latch=True), rig.leg(900, port=1)
    rig.bridge(a, b)
    attacker = rig.phone(1300)
    attacker.port = a.port
    attacker.pt = 18
    rig.talk(5, attacker)
    assert rig.of(LegLatched) == []
    rig.talk(5, a)
    attacker.pt = 0
    rig.talk(10, a, attacker)
    assert [latched.remote for latched in rig.of(LegLatched)] == [a.address]
    assert b.level(1300) < 50
    assert rig.quality(a).packets_stray == 5  # only what came while it looked for its peer


def test_a_flood_of_strangers_does_not_keep_the_peer_out(rig: Rig) -> None:
    a = rig.leg(500, latch=True)
    flood = rig.phone()
    flood.port, flood.pt = a.port, 99
    for _ in range(200):
        flood.say()
    a.say()
    rig.beat()
    rig.talk(2, a)
    assert [latched.remote for latched in rig.of(LegLatched)] == [a.address]


def test_leg_without_remote_and_latch_waits_for_modify(rig: Rig) -> None:
    a, b = rig.leg(500, remote=None), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(5)
    assert a.heard == []
    rig.do(ModifyLeg(node=a.node, remote=a.address, format=MediaFormat()))
    rig.talk(20)
    assert a.level(900) > FULL / 2
    assert b.level(500) > FULL / 2


# --- order ----------------------------------------------------------------------------


def test_counts_agree_with_the_rfc_model_on_a_bad_network(rig: Rig) -> None:
    from ccd.media.quality import Reception

    a, _ = pair(rig)
    a.seq = 65000
    model = Reception()
    rng = random.Random(7)
    delayed: list[tuple[int, bytes]] = []
    for tick in range(2000):
        packet = a.packet()
        if rng.random() > 0.03:
            delayed.append((tick + (rng.randint(1, 3) if rng.random() < 0.05 else 0), packet))
            if rng.random() < 0.02:
                delayed.append((tick + rng.randint(0, 2), packet))
        now = [entry for entry in delayed if entry[0] == tick]
        delayed = [entry for entry in delayed if entry[0] > tick]
        for _, data in now:
            model.packet(int.from_bytes(data[2:4], "big"))
            a.send(data)
        rig.frame()
    quality = rig.quality(a)
    assert quality.packets_received == model.received - model.duplicates
    assert quality.packets_duplicate == model.duplicates
    assert quality.packets_reordered == model.reordered
    assert quality.packets_lost == model.lost + model.duplicates
    assert model.duplicates > 10
    assert model.reordered > 10
    assert 30 < quality.packets_lost < 100
    assert quality.concealed_ms > 0
    assert quality.mos < 4.3


def test_what_is_lost_is_made_up_from_what_was_said(rig: Rig) -> None:
    a, b = pair(rig)
    rig.talk(20, a)
    for _ in range(5):
        a.skip(1)
        rig.frame()
        rig.talk(10, a)
    levels = [amplitude(frame, 500) for frame in b.audio()[5 * FRAME :].reshape(-1, FRAME)]
    assert min(levels[:-3]) > FULL / 2 * 0.7
    quality = rig.quality(a)
    assert (quality.packets_lost, quality.concealed_ms) == (5, 100)


def test_buffer_puts_packets_in_order_and_drops_doubles(rig: Rig) -> None:
    a, b = pair(rig, -0.001)
    rig.talk(3, a)
    payloads = [bytes([0x80 + n]) * 160 for n in range(6)]
    packets = [a.packet(payload) for payload in payloads]
    for first, second in ((0, 2), (1, 1), (4, 3), (5, 4)):
        a.send(packets[first])
        a.send(packets[second])
        rig.frame()
    for _ in range(4):
        rig.frame()
    b.listen()
    heard = [p.payload for p in b.heard]
    at = heard.index(payloads[0])
    assert heard[at : at + 6] == payloads
    quality = rig.quality(a)
    assert (quality.packets_duplicate, quality.packets_reordered) == (2, 2)
    assert quality.packets_lost == 0


def test_several_packets_of_a_leg_in_one_beat(rig: Rig) -> None:
    a, b = pair(rig, -0.001)
    rig.talk(2, a)
    payloads = [bytes([0x90 + n]) * 160 for n in range(4)]
    for payload in payloads:
        a.send(a.packet(payload))
    for _ in range(8):
        rig.frame()
    b.listen()
    heard = [p.payload for p in b.heard]
    at = heard.index(payloads[0])
    assert heard[at : at + 4] == payloads


def test_jitter_is_the_rfcs(rig: Rig) -> None:
    steady, _ = pair(rig)
    rig.talk(100, steady)
    assert rig.quality(steady).jitter_ms == pytest.approx(0.0, abs=0.2)
    shaky = rig.leg(500, port=2)
    for number in range(200):
        for beat in range(4):
            if beat == 2 * (number % 2):  # now and then, 10 ms apart
                shaky.say()
            rig.beat()
    assert rig.quality(shaky).jitter_ms == pytest.approx(10.0, rel=0.05)


def test_late_packets_are_counted_and_the_delay_grows(rig: Rig) -> None:
    a, b = pair(rig, -0.001)
    rig.talk(50, a)
    rig.frame(), rig.frame(), rig.frame()  # the network holds everything for 60 ms
    for _ in range(3):
        a.say()
    b.forget()
    rig.talk(100, a)
    # From now on the packets that come late come in time for a later play-out.
    late = rig.bay.nodes.late.sum()
    for number in range(40):
        if number % 2:
            a.say(), a.say()
        rig.frame()
    assert rig.bay.nodes.late.sum() == late
    audio = b.audio()[20 * FRAME : 90 * FRAME]
    assert amplitude(audio, 500) == pytest.approx(FULL, rel=0.02)


def test_delay_shrinks_again_in_silence(rig: Rig) -> None:
    a, _ = pair(rig)
    rig.talk(20, a)
    nodes = rig.bay.nodes
    row = rig.bay.board.row(a.node)
    for _ in range(4):
        rig.frame()
    for _ in range(4):
        a.say()
    rig.talk(5, a)
    grown = int(nodes.high[row] - nodes.play[row])
    quiet = encode(Codec.PCMU, np.zeros(160, np.int16))
    for _ in range(900):
        a.send(a.packet(quiet))
        rig.frame()
    assert int(nodes.high[row] - nodes.play[row]) < grown
    assert rig.quality(a).packets_lost == 0


@pytest.mark.parametrize("parts_per_thousand", [-2, 2])
def test_clock_drift_is_followed_for_a_long_call(rig: Rig, parts_per_thousand: int) -> None:
    """A sender whose clock is off: the delay stays bounded, few frames are touched."""
    a, b = pair(rig, -0.001)
    nodes, row = rig.bay.nodes, rig.bay.board.row(a.node)
    due, depths = 0.0, []
    period = 4 * (1 - parts_per_thousand / 1000)  # in beats
    for beat in range(20_000):
        if beat >= due:
            a.say()
            due += period
        rig.beat()
        if beat % 40 == 0 and beat > 400:
            depths.append(int(nodes.high[row] - nodes.play[row]))
        if beat % 1000 == 0:
            b.listen()
    assert min(depths) >= -2
    assert max(depths) <= 6
    assert rig.quality(a).packets_lost == 0
    # 2 per mille of 5,000 frames are 10: each costs one frame, not more.
    assert b.level(500) > 0
    levels = [amplitude(frames, 500) for frames in np.array_split(b.audio(), 100)]
    assert sum(level < FULL * 0.9 for level in levels) <= 25


def test_ssrc_change_goes_over_with_the_second_packet(rig: Rig) -> None:
    a, b = pair(rig)
    rig.talk(10, a)
    a.ssrc, a.seq, a.ts = 12345, 7, 99
    rig.talk(20, a)
    quality = rig.quality(a)
    assert quality.packets_received == 10 + 19
    assert quality.packets_lost == 0
    assert amplitude(b.audio()[-15 * FRAME :], 500) == pytest.approx(FULL / 2, rel=0.05)


def test_one_packet_of_a_foreign_ssrc_changes_nothing(rig: Rig) -> None:
    a, b = pair(rig)
    rig.talk(10, a)
    other = struct.pack("!BBHII", 0x80, 0, 1, 1, 666) + b"\x10" * 160
    a.send(other)
    rig.talk(10, a)
    quality = rig.quality(a)
    assert (quality.packets_received, quality.packets_lost) == (20, 0)
    assert amplitude(b.audio()[3 * FRAME :], 500) == pytest.approx(FULL / 2, rel=0.05)


@pytest.mark.parametrize("jump", [5000, 40000, 65000])
def test_sequence_jump_is_no_loss(rig: Rig, jump: int) -> None:
    a, b = pair(rig)
    rig.talk(10, a)
    a.seq = (a.seq + jump) & 0xFFFF
    rig.talk(30, a)
    quality = rig.quality(a)
    assert quality.packets_lost == 0
    assert quality.packets_received == 39
    assert amplitude(b.audio()[-20 * FRAME :], 500) == pytest.approx(FULL / 2, rel=0.05)


@pytest.mark.parametrize("jump", [8000 * 60, -8000 * 60, 1 << 31, 77])
def test_timestamp_jump_is_followed(rig: Rig, jump: int) -> None:
    a, b = pair(rig)
    rig.talk(10, a)
    a.ts = (a.ts + jump) & 0xFFFFFFFF
    rig.talk(40, a)
    assert rig.quality(a).packets_lost == 0
    assert amplitude(b.audio()[-30 * FRAME :], 500) == pytest.approx(FULL / 2, rel=0.05)


def test_silence_suppression_is_no_loss(rig: Rig) -> None:
    a, b = pair(rig)
    for _ in range(5):
        a.say(marker=True)
        rig.frame()
        rig.talk(10, a)
        a.pause(30 * FRAME + 40)  # the next talk spurt begins between our frames
        for _ in range(30):
            rig.frame()
    quality = rig.quality(a)
    assert quality.packets_lost == 0
    assert quality.concealed_ms == 0
    b.listen()
    loud = sum(p.payload != b"\xff" * 160 for p in b.heard)
    assert 50 <= loud <= 5 * 20  # 11 frames a spurt, and its fading


# --- packet times -----------------------------------------------------------------------


@pytest.mark.parametrize("gain_db", [0.0, -6.0])
@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
def test_any_packet_time_comes_in(rig: Rig, ptime: int, gain_db: float) -> None:
    a, b = pair(rig, gain_db, ptime=ptime)
    rig.talk(120, a)
    quality = rig.quality(a)
    assert quality.packets_received == 120 * 20 // ptime
    assert (quality.packets_lost, quality.packets_late) == (0, 0)
    audio = b.audio()[20 * FRAME : 110 * FRAME]
    assert amplitude(audio, 500) == pytest.approx(FULL * 10 ** (gain_db / 20), rel=0.03)


@pytest.mark.parametrize("ptime", [10, 30, 40, 60])
def test_any_packet_time_goes_out(rig: Rig, ptime: int) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1, sends_ptime=ptime)
    rig.bridge(a, b)
    rig.talk(60)
    assert {len(p.payload) for p in b.heard} == {ptime * 8}
    assert len(b.heard) == pytest.approx(60 * 20 // ptime, abs=1)
    steps = {
        ((y.seq - x.seq) & 0xFFFF, (y.ts - x.ts) & 0xFFFFFFFF)
        for x, y in zip(b.heard, b.heard[1:], strict=False)
    }
    assert steps == {(1, ptime * 8)}
    assert amplitude(b.audio()[10 * FRAME :], 500) == pytest.approx(FULL, rel=0.05)


def test_header_extension_csrc_and_padding_are_stepped_over(rig: Rig) -> None:
    a, b = pair(rig, -0.001)
    rig.talk(2, a)
    payload = b"\xa5" * 160
    for number in range(6):
        plain = bytearray(a.packet(payload))
        extension = struct.pack("!HHI", 0xBEDE, 1, 7)
        variants = [
            (0x90, extension + payload),
            (0x82, b"\0" * 8 + payload),
            (0xA0, payload + b"\0\0\0\4"),
        ]
        first, body = variants[number % 3]
        plain[0] = first
        a.send(bytes(plain[:12]) + body)
        rig.frame()
    for _ in range(3):
        rig.frame()
    b.listen()
    assert sum(p.payload == payload for p in b.heard) == 6


def test_the_other_law_without_a_word_is_understood(rig: Rig) -> None:
    a, b = pair(rig)
    rig.talk(10, a)
    a.codec, a.pt = Codec.PCMA, 8
    b.forget()
    rig.talk(40, a)
    assert amplitude(b.audio()[5 * FRAME :], 500) == pytest.approx(FULL / 2, rel=0.05)
    assert np.abs(b.audio()).max() < FULL  # not one frame was taken for the wrong law


# --- changes ------------------------------------------------------------------------------


def test_modify_moves_the_media_and_keeps_our_numbers(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(20)
    moved = rig.phone(1300)
    moved.port, moved.node = a.port, a.node
    rig.do(ModifyLeg(node=a.node, remote=moved.address, format=MediaFormat()))
    a.node = 0
    rig.talk(30, b, moved)
    rig.talk(1, a)
    assert moved.level(900) > FULL * 0.8
    assert amplitude(b.audio()[-10 * FRAME :], 1300) == pytest.approx(FULL, rel=0.05)
    numbers = [(p.ssrc, p.seq) for p in a.heard + moved.heard]
    assert len({ssrc for ssrc, _ in numbers}) == 1
    assert {(y - x) & 0xFFFF for (_, x), (_, y) in itertools.pairwise(numbers)} == {1}
    assert rig.bay.strays == 1


def test_hold_of_old_sends_nothing_and_comes_back(rig: Rig) -> None:
    """`c=IN IP4 0.0.0.0` (RFC 3264, 8.4) is no address to send to."""
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(5)
    rig.do(ModifyLeg(node=a.node, remote=("0.0.0.0", a.address[1]), format=MediaFormat()))
    a.forget()
    rig.talk(5, b)
    assert a.heard == []
    rig.do(ModifyLeg(node=a.node, remote=a.address, format=MediaFormat()))
    rig.talk(20)
    assert a.level(900) > FULL * 0.8


def test_modify_changes_the_codec(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(10)
    rig.do(
        ModifyLeg(
            node=a.node,
            remote=a.address,
            format=MediaFormat(codec=Codec.PCMA, payload_type=8),
        )
    )
    a.codec, a.pt = Codec.PCMA, 8
    a.forget(), b.forget()
    rig.talk(40)
    assert amplitude(a.audio()[2 * FRAME :], 900) == pytest.approx(FULL, rel=0.1)
    assert amplitude(b.audio()[4 * FRAME :], 500) == pytest.approx(FULL, rel=0.1)


def test_modify_with_the_same_sdp_keeps_what_was_latched(rig: Rig) -> None:
    promised = rig.phone()
    a, b = rig.leg(500, latch=True, remote=promised.address), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(5)
    promised.forget()
    rig.do(ModifyLeg(node=a.node, remote=promised.address, format=MediaFormat(), latch=True))
    rig.talk(10)
    assert promised.heard == []
    assert len(rig.of(LegLatched)) == 1


# --- time-outs ------------------------------------------------------------------------------


def test_time_out_is_said_once_until_packets_come_again(rig: Rig) -> None:
    a = rig.leg(500, timeout_s=1.0)
    rig.talk(10, a)
    for _ in range(45):
        rig.frame()
    assert rig.of(LegTimedOut) == []
    for _ in range(100):
        rig.frame()
    assert rig.of(LegTimedOut) == [LegTimedOut(node=a.node)]
    rig.talk(5, a)
    for _ in range(100):
        rig.frame()
    assert len(rig.of(LegTimedOut)) == 2


def test_leg_that_receives_nothing_by_agreement_never_times_out(rig: Rig) -> None:
    a = rig.leg(500, timeout_s=0.5, receive=False)
    for _ in range(100):
        rig.frame()
    assert rig.of(LegTimedOut) == []
    rig.do(ModifyLeg(node=a.node, remote=a.address, format=MediaFormat()))
    for _ in range(20):
        rig.frame()
    assert rig.of(LegTimedOut) == []
    for _ in range(40):
        rig.frame()
    assert rig.of(LegTimedOut) == [LegTimedOut(node=a.node)]


def test_a_thousand_packets_at_once_are_bounded_work(rig: Rig) -> None:
    a, _ = pair(rig)
    rig.talk(2, a)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        for _ in range(200):
            a.say()
        rig.beat()
    rig.talk(5, a)
    quality = rig.quality(a)
    assert quality.packets_received <= 207
    assert quality.packets_received >= 7 + 32
