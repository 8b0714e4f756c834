"""Payload types that differ by direction, which an answer may bring about (RFC 3264, 6.1)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bay_rig import Phone, Rig

from ccd.media.protocol import Digit, LegLatched, MediaFormat, ModifyLeg, OpenLeg, SendDigits

FULL = 8000
OURS, THEIRS = 98, 0
"""What our offer called PCMU, and the answer."""
OUR_EVENTS, THEIR_EVENTS = 101, 96

BOTH = MediaFormat(
    payload_type=THEIRS,
    telephone_event=THEIR_EVENTS,
    receive_payload_type=OURS,
    receive_telephone_event=OUR_EVENTS,
)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()
    assert not rig.log.calls, rig.log.calls


def renumbered(rig: Rig, **options: object) -> Phone:
    """A peer that sends with our numbers and wants to hear its own."""
    phone = rig.phone(500)
    phone.node, phone.port = rig.node(), rig.ports[0]
    options.setdefault("remote", phone.address)
    rig.do(OpenLeg(node=phone.node, port=phone.port, format=BOTH, **options))
    phone.pt = OURS
    return phone


def press(phone: Phone, pt: int) -> None:
    for duration, end in ((160, False), (320, False), (480, True)):
        phone.event(7, phone.ts, duration, end=end, marker=duration == 160, pt=pt)
        phone.rig.frame()


def test_audio_is_plain_both_ways(rig: Rig) -> None:
    a, b = renumbered(rig), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(20)
    assert b.level(500) > FULL / 2
    assert {packet.pt for packet in a.heard} == {THEIRS}
    assert len(a.heard) > 15
    # A relay takes plain packets alone: ours were no others.
    assert not rig.bay.nodes.odd.any()
    assert rig.bay.nodes.relay_sink.max() >= 0


def test_digits_are_known_by_our_number_and_sent_by_theirs(rig: Rig) -> None:
    a = renumbered(rig)
    rig.talk(3)
    press(a, THEIR_EVENTS)
    assert not rig.of(Digit)
    a.pause(800)
    press(a, OUR_EVENTS)
    assert [report.digit for report in rig.of(Digit)] == ["7"]
    a.forget()
    rig.do(SendDigits(node=a.node, digits="1"))
    rig.talk(10, a)
    assert {packet.pt for packet in a.heard} == {THEIRS, THEIR_EVENTS}


def test_latching_goes_by_what_comes_in(rig: Rig) -> None:
    a = renumbered(rig, remote=("192.0.2.1", 4000), latch=True)
    a.pt = 97
    rig.talk(3, a)
    assert not rig.of(LegLatched)
    a.pt = OURS
    rig.talk(3, a)
    assert [report.remote for report in rig.of(LegLatched)] == [a.address]


def test_without_more_words_they_are_the_same(rig: Rig) -> None:
    a, b = renumbered(rig), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.do(ModifyLeg(node=a.node, remote=a.address, format=MediaFormat()))
    a.pt = 0
    rig.talk(20)
    assert b.level(500) > FULL / 2
    press(a, 101)
    assert [report.digit for report in rig.of(Digit)] == ["7"]
