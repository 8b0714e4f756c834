"""Session descriptions: what phones really write is read, and what we write is read back."""

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.sdp import (
    MAX_BYTES,
    MAX_MEDIA,
    Direction,
    MediaDescription,
    Origin,
    RtpMap,
    SdpError,
    SessionDescription,
)

PHONE = b"""v=0
o=- 3745 2 IN IP4 192.0.2.10
s=-
c=IN IP4 192.0.2.10
t=0 0
m=audio 4000 RTP/AVP 0 8 97 101
a=rtpmap:0 PCMU/8000
a=rtpmap:97 opus/48000/2
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
a=rtcp:4001 IN IP4 192.0.2.11
a=ssrc:99 cname:x
"""


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_reads_what_a_phone_writes_with_any_line_end(line_end: bytes) -> None:
    read = SessionDescription.parse(PHONE.replace(b"\n", line_end))
    (audio,) = read.media
    assert read.origin == Origin(3745, 2, "192.0.2.10")
    assert read.address_of(audio) == "192.0.2.10"
    assert audio.port == 4000
    assert audio.payload_types() == [0, 8, 97, 101]
    assert audio.rtpmap(8) == RtpMap("PCMA", 8000)
    assert audio.rtpmap(97) == RtpMap("opus", 48000, 2)
    assert audio.fmtps == {101: "0-15"}
    assert audio.ptime == 20
    assert audio.rtcp == ("192.0.2.11", 4001)
    assert audio.attributes == (("ssrc", "99 cname:x"),)
    assert read.direction_of(audio) is Direction.SENDRECV


def test_name_time_and_good_manners_may_be_missing() -> None:
    read = SessionDescription.parse(
        b"v=0\no=broken\nb=AS:64\nz=\nk=clear:x\nnonsense\n=\nc=IN IP4 10.0.0.1\nm=audio 8 RTP/AVP 0"
    )
    assert read.media[0].port == 8
    assert read.origin == Origin()


def test_an_attribute_without_sense_is_as_good_as_absent() -> None:
    (audio,) = SessionDescription.parse(
        b"v=0\nc=IN IP4 10.0.0.1\nm=audio 8 RTP/AVP 0 96 999 x\na=rtpmap:96\na=rtpmap:x y/z\n"
        b"a=rtpmap:97 G729/0\na=ptime:soon\na=ptime\na=fmtp:96\na=rtcp:99999\na=rtcp:\na=\n"
        b"a=rtpmap:200 X/8000\n"
    ).media
    assert audio.rtpmaps == {}
    assert audio.ptime is None
    assert audio.rtcp is None
    assert audio.payload_types() == [0, 96, 999]
    assert audio.find("PCMU") == 0


def test_media_level_wins_over_session_level() -> None:
    read = SessionDescription.parse(
        b"v=0\nc=IN IP4 10.0.0.1\na=inactive\na=ptime:30\n"
        b"m=audio 8 RTP/AVP 0\nc=IN IP6 2001:db8::1\na=sendonly\nm=video 9 RTP/AVP 31\na=ptime:10\n"
    )
    audio, video = read.media
    assert read.address_of(audio) == "2001:db8::1"
    assert read.direction_of(audio) is Direction.SENDONLY
    assert audio.ptime == 30
    assert read.address_of(video) == "10.0.0.1"
    assert read.direction_of(video) is Direction.INACTIVE
    assert video.ptime == 10


def test_dynamic_number_may_redefine_a_static_one() -> None:
    (audio,) = SessionDescription.parse(
        b"v=0\nc=IN IP4 10.0.0.1\nm=audio 8 RTP/AVP 0 96\na=rtpmap:0 GSM/8000\na=rtpmap:96 pcmu/8000\n"
    ).media
    assert audio.find("PCMU") == 96
    assert audio.find("GSM") == 0


def test_multicast_tail_is_cut_off() -> None:
    read = SessionDescription.parse(b"v=0\nc=IN IP4 224.2.36.42/127/3\nm=audio 8/2 RTP/AVP 0")
    assert read.address == "224.2.36.42"
    assert read.media[0].port_count == 2


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (b"", "v=0"),
        (b"INVITE sip:x SIP/2.0", "v=0"),
        (b"v=0\nm=audio 70000 RTP/AVP 0", "port"),
        (b"v=0\nm=audio -1 RTP/AVP 0", "port"),
        (b"v=0\nm=audio 1_0 RTP/AVP 0", "port"),
        ("v=0\nm=audio ٤٠٠٠ RTP/AVP 0".encode(), "port"),
        (b"v=0\nm=audio " + b"9" * 5000 + b" RTP/AVP 0", "port"),
        (b"v=0\nm=audio", "fields"),
        (b"v=0\nm=audio 1 RTP/AVP" + b" 0" * 65, "formats"),
        (b"v=0\n" + b"m=audio 1 RTP/AVP 0\n" * (MAX_MEDIA + 1), "m= lines"),
        (b"v=0\nc=IN IP4 300.1.1.1", "address"),
        (b"v=0\nc=IN IP6 12345::", "address"),
        (b"v=0\nc=IN IP4 ", "c= line"),
        (b"v=0\nc=ATM NSAP 47", "c= line"),
        (b"v=0\n" + b" " * MAX_BYTES, "bytes"),
    ],
)
def test_what_cannot_be_used_says_why(description: bytes, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        SessionDescription.parse(description)


def test_writes_lines_in_the_order_of_the_grammar() -> None:
    audio = MediaDescription(
        "audio",
        4000,
        formats=("0",),
        direction=Direction.SENDONLY,
        rtpmaps={0: RtpMap("PCMU", 8000)},
    )
    written = SessionDescription(Origin(1, 2, "::1"), address="::1", media=(audio,)).serialise()
    assert written == (
        b"v=0\r\no=- 1 2 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n"
    )


@pytest.mark.parametrize("direction", Direction)
def test_mirrored_twice_is_the_same(direction: Direction) -> None:
    assert direction.mirrored.mirrored is direction
    assert direction.mirrored.sends == direction.receives


tokens = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
texts = st.text(string.ascii_letters + string.digits + " ;=/é", min_size=1, max_size=20).map(
    str.strip
)
addresses = st.ip_addresses().map(str)
payload_types = st.integers(0, 127)
other_attributes = st.lists(
    st.tuples(tokens.map("x-{}".format), st.none() | texts.filter(bool)), max_size=3
).map(tuple)
media_descriptions = st.builds(
    MediaDescription,
    st.sampled_from(["audio", "video", "image"]),
    st.integers(0, 65535),
    st.sampled_from(["RTP/AVP", "RTP/SAVP", "UDPTL"]),
    st.lists(payload_types.map(str), max_size=6).map(tuple),
    st.integers(1, 4),
    st.none() | addresses,
    st.none() | st.sampled_from(Direction),
    st.none() | st.integers(1, 200),
    st.none() | st.integers(1, 200),
    st.dictionaries(
        payload_types,
        st.builds(RtpMap, tokens, st.integers(1, 96000), st.integers(1, 6)),
        max_size=4,
    ),
    st.dictionaries(payload_types, texts.filter(bool), max_size=3),
    st.none() | st.tuples(st.none() | addresses, st.integers(0, 65535)),
    other_attributes,
)
descriptions = st.builds(
    SessionDescription,
    st.builds(Origin, st.integers(0, 2**62), st.integers(0, 2**62), addresses, tokens),
    texts.filter(bool),
    st.none() | addresses,
    st.none() | st.sampled_from(Direction),
    st.lists(media_descriptions, max_size=4).map(tuple),
    other_attributes,
)


@given(descriptions)
def test_what_is_written_is_read_back(description: SessionDescription) -> None:
    assert SessionDescription.parse(description.serialise()) == description


def read_or_refuse(data: bytes) -> None:
    """Whatever `parse` takes, it can write and read again; what it does not take is `SdpError`."""
    with contextlib.suppress(SdpError):
        description = SessionDescription.parse(data)
        again = SessionDescription.parse(description.serialise())
        assert again.serialise() == description.serialise()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for data in (noise, b"v=0\n" + noise, PHONE[: len(noise)] + noise):
        read_or_refuse(data)


@given(
    st.lists(st.sampled_from([*PHONE.split(b"\n"), b"m=audio 1", b"c=IN IP4 x y", b"a=rtpmap:1"]))
)
def test_any_mixture_of_lines_is_read_or_refused(lines: list[bytes]) -> None:
    read_or_refuse(b"v=0\n" + b"\n".join(lines))
