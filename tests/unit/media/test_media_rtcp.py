"""RTCP on the wire, and what a stranger's bytes can do to it: nothing."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.media.rtcp import (
    Description,
    Goodbye,
    Report,
    ReportBlock,
    RtcpError,
    SenderInfo,
    build,
    delay_since,
    epoch_time,
    middle,
    ntp_time,
    parse,
    report_interval_s,
    round_trip_s,
)

U32 = st.integers(0, 2**32 - 1)
BLOCKS = st.builds(
    ReportBlock, U32, st.integers(0, 255), st.integers(-(2**23), 2**23 - 1), U32, U32, U32, U32
)
SENDERS = st.builds(SenderInfo, st.integers(0, 2**64 - 1), U32, U32, U32)
TEXTS = st.text(max_size=60)
PACKETS = st.one_of(
    st.builds(Report, U32, st.none() | SENDERS, st.lists(BLOCKS, max_size=31).map(tuple)),
    st.builds(Description, U32, TEXTS),
    st.builds(Goodbye, st.lists(U32, max_size=31).map(tuple), TEXTS),
)


@given(st.lists(PACKETS, min_size=1, max_size=6))
def test_what_is_built_is_parsed(packets):
    data = build(*packets)
    assert len(data) % 4 == 0
    assert parse(data) == packets


def test_a_compound_byte_by_byte():
    data = build(
        Report(0x11223344, SenderInfo(0x83AA7E80_80000000, 160, 2, 320),
               (ReportBlock(0xAABBCCDD, 64, -1, 0x10005, 8, 0x7E808000, 65536),)),
        Description(0x11223344, "a@b"),
        Goodbye((0x11223344,), "bye"),
    )  # fmt: skip
    assert data.hex(" ", 4) == (
        "81c8000c 11223344 83aa7e80 80000000 000000a0 00000002 00000140"
        " aabbccdd 40ffffff 00010005 00000008 7e808000 00010000"
        " 81ca0003 11223344 01036140 62000000"
        " 81cb0002 11223344 03627965"
    )


@given(st.binary(max_size=300))
def test_random_bytes_are_parsed_or_refused(data):
    for candidate in (data, b"\x81\xc8" + data, b"\x9f\xca" + data, b"\xa1\xcb" + data):
        try:
            packets = parse(candidate)
        except RtcpError:
            continue
        assert all(isinstance(packet, Report | Description | Goodbye) for packet in packets)


@given(st.lists(PACKETS, min_size=1, max_size=3), st.data())
def test_mutilated_compounds_are_parsed_or_refused(packets, data):
    whole = bytearray(build(*packets))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(RtcpError):
        parse(cut)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x80\xc9\0", "3 bytes"),
        (b"\x40\xc9\0\1\0\0\0\0", "version 1"),
        (b"\x80\x08\0\1\0\0\0\0", "packet type 8"),
        (b"\x80\xc9\0\2\0\0\0\0", "12 bytes, 8 are there"),
        (b"\x81\xc9\0\1\0\0\0\0", "too short for 1 blocks"),
        (b"\x80\xc8\0\1\0\0\0\0", "too short for 0 blocks"),
        (b"\xa0\xc9\0\1\0\0\0\0", "padding"),
        (b"\xa0\xc9\0\2\0\0\0\0\0\0\0\4\x80\xc9\0\1\0\0\0\0", "padding"),
        (b"\x81\xca\0\1\0\0\0\1", "does not end"),
        (b"\x81\xca\0\2\0\0\0\1\1\5ab", "item of a description is cut"),
        (b"\x82\xca\0\2\0\0\0\1\0\0\0\0", "description is cut"),
        (b"\x82\xcb\0\1\0\0\0\1", "goodbye is cut"),
        (b"\x81\xcb\0\2\0\0\0\1\7abc", "reason is cut"),
    ],
)
def test_what_breaks_the_rules_is_refused_with_a_reason(data, reason):
    with pytest.raises(RtcpError, match=reason):
        parse(data)


def test_padding_at_the_end_is_taken_off():
    padded = b"\xa0\xc9\0\2\0\0\0\7\0\0\0\4"
    assert parse(padded) == [Report(7, None)]


def test_unknown_packets_and_extensions_are_skipped():
    xr = b"\x80\xcf\0\1\0\0\0\1"
    receiver = bytearray(build(Report(7, None)))
    receiver[3] += 1
    extended = bytes(receiver) + b"\0\0\0\0"  # a profile's extension (6.4.3)
    assert parse(xr + extended + build(Description(7, "x"))) == [
        Report(7, None),
        Description(7, "x"),
    ]


def test_other_items_of_a_description_are_skipped():
    items = bytes((2, 3)) + b"Bob" + bytes((1, 2)) + b"me" + b"\0\0\0"
    data = struct.pack("!BBHI", 0x81, 202, 1 + len(items) // 4, 9) + items
    assert parse(data) == [Description(9, "me")]


def test_losses_stay_at_the_ends_of_their_24_bits():
    def through(lost):
        block = ReportBlock(1, 0, lost, 0, 0, 0, 0)
        return parse(build(Report(1, None, (block,))))[0].blocks[0].lost

    assert through(10**8) == 2**23 - 1
    assert through(-(10**8)) == -(2**23)


@pytest.mark.parametrize(
    "packet",
    [
        Report(2**32, None),
        Report(1, SenderInfo(0, -1, 0, 0)),
        Report(1, None, (ReportBlock(1, 256, 0, 0, 0, 0, 0),)),
        Report(1, None, (ReportBlock(1, 0, 0, 0, 0, 0, 0),) * 32),
        Description(1, "x" * 256),
    ],
)
def test_what_does_not_fit_is_not_built(packet):
    with pytest.raises(ValueError, match=r"fit|must be"):
        build(packet)


@given(st.floats(0, 4e9))
def test_ntp_time_and_back(epoch):
    assert epoch_time(ntp_time(epoch)) == pytest.approx(epoch, abs=1e-6)


def test_ntp_time_of_known_instants():
    assert ntp_time(0.0) == 0x83AA7E80 << 32
    assert ntp_time(0.5) & 0xFFFFFFFF == 0x80000000
    assert ntp_time(2_085_978_496.0) == 0  # 7 February 2036, 06:28:16 UTC


def test_the_round_trip_of_the_rfcs_figure():
    # RFC 3550 figure 2: A = b710:8000, LSR = b705:2000, DLSR = 0005:4000: 6.125 s.
    block = ReportBlock(1, 0, 0, 0, 0, 0xB7052000, 0x00054000)
    assert round_trip_s(block, 0xB7108000 << 16) == pytest.approx(6.125)


@given(
    start=st.floats(0, 4e9), there=st.floats(0, 1), held=st.floats(0, 100), back=st.floats(0, 1),
    skew=st.floats(-1e6, 1e6),
)  # fmt: skip
def test_the_round_trip_needs_no_common_clock(start, there, held, back, skew):
    sent = ntp_time(start)
    theirs = max(start + there + skew, 0.0)
    delay = delay_since(ntp_time(theirs), ntp_time(theirs + held))
    block = ReportBlock(1, 0, 0, 0, 0, middle(sent), delay)
    measured = round_trip_s(block, ntp_time(start + there + held + back))
    if middle(sent):
        assert measured == pytest.approx(there + back, abs=2e-4)


def test_no_round_trip_out_of_nothing_or_nonsense():
    now = ntp_time(1e9)
    assert round_trip_s(ReportBlock(1, 0, 0, 0, 0, 0, 5), now) is None
    assert round_trip_s(ReportBlock(1, 0, 0, 0, 0, middle(now), 65536), now) is None
    assert round_trip_s(ReportBlock(1, 0, 0, 0, 0, middle(now), 5), now) == 0.0
    assert round_trip_s(ReportBlock(1, 0, 0, 0, 0, middle(ntp_time(1e9 - 60)), 0), now) is None


def test_reports_are_spread():
    assert report_interval_s(2, 0.0) == 2.5
    assert report_interval_s(2, 0.999) == pytest.approx(7.5, abs=0.01)
    assert report_interval_s(8, 0.5) == 20.0
    with pytest.raises(ValueError, match="member"):
        report_interval_s(0, 0.5)
