"""Messages out of a stream: whatever the chunks, whatever the peer says its length is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.framing import MAX_BODY_BYTES, MAX_HEADER_BYTES, PING, Framer


def message(body: bytes = b"", length: bytes | None = None, headers: bytes = b"") -> bytes:
    said = str(len(body)).encode() if length is None else length
    return b"OPTIONS sip:x SIP/2.0\r\n" + headers + b"Content-Length: " + said + b"\r\n\r\n" + body


def test_whole_message() -> None:
    framer = Framer()
    assert framer.feed(message(b"v=0\r\n\r\n")) == [message(b"v=0\r\n\r\n")]
    assert not framer.incomplete


def test_several_at_once_and_the_rest_later() -> None:
    framer = Framer()
    stream = message() + message(b"abc") + message(b"defg")
    assert framer.feed(stream[:-2]) == [message(), message(b"abc")]
    assert framer.incomplete
    assert framer.feed(stream[-2:]) == [message(b"defg")]
    assert not framer.incomplete


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 3",
        b"CONTENT-LENGTH:3",
        b"content-length \t :\t 3 ",
        b"l: 3",
        b"L:03",
        b"Content-Length:\r\n 3",
        b"Content-Length: 3\r\nl: 3",
        b"Subject: Content-Length: 99\r\nl: 3",
        b"X-Content-Length: 99\r\nl: 3",
    ],
)
def test_ways_to_write_the_length(header: bytes) -> None:
    whole = b"INFO sip:x SIP/2.0\r\n" + header + b"\r\n\r\nabc"
    framer = Framer()
    assert framer.feed(whole + message()) == [whole, message()]


def test_no_length_is_no_body_unless_one_is_announced() -> None:
    bare = b"SIP/2.0 100 Trying\r\nVia: x\r\n\r\n"
    assert Framer().feed(bare + message()) == [bare, message()]
    framer = Framer()
    framer.feed(b"INFO sip:x SIP/2.0\r\nc: a/b\r\n\r\nabc")
    assert framer.error == "Content-Length is missing"


class TestKeepAlive:
    def test_ping_between_messages(self) -> None:
        framer = Framer()
        assert framer.feed(PING + message() + PING + PING) == [PING, message(), PING, PING]
        assert not framer.incomplete

    def test_ping_in_halves_and_pong(self) -> None:
        framer = Framer()
        assert framer.feed(b"\r\n") == []
        assert not framer.incomplete
        assert framer.feed(b"\r\n") == [PING]
        assert framer.feed(b"\r\n" + message()) == [message()]

    def test_a_blank_line_before_a_message_is_nothing(self) -> None:
        assert Framer().feed(b"\n\r\n" + message()) == [message()]

    def test_nothing_but_blank_lines_for_ever(self) -> None:
        for blank in (b"\n", b"\r", b"\r\n\n"):
            framer = Framer()
            assert framer.feed(blank * 50_000 + message()) == [message()]


class TestLosingStep:
    @pytest.mark.parametrize("length", [b"-1", b"+3", b"3 4", b"0x3", b"", b"3.0", b"\xb2"])
    def test_length_that_is_none_is_still_there_to_be_answered(self, length: bytes) -> None:
        framer = Framer()
        bad = message(length=length)
        assert framer.feed(message() + bad + message()) == [message(), bad]
        assert framer.error == "Content-Length is not one number"
        assert framer.feed(message()) == []

    def test_two_lengths(self) -> None:
        framer = Framer()
        framer.feed(message(headers=b"l: 5\r\n"))
        assert framer.error == "Content-Length is not one number"

    @pytest.mark.parametrize("length", [str(MAX_BODY_BYTES + 1).encode(), b"9" * 5000])
    def test_a_length_to_fill_our_memory(self, length: bytes) -> None:
        framer = Framer()
        framer.feed(message(length=length))
        assert framer.error == f"Content-Length is above {MAX_BODY_BYTES}"

    def test_a_length_that_is_too_small_shows_in_the_next_start_line(self) -> None:
        framer = Framer()
        frames = framer.feed(message(b"v=0\r\no=x\r\n", length=b"3") + message())
        assert frames == [message(b"v=0", length=b"3")]
        assert framer.error == "not SIP"

    def test_a_length_that_is_too_great_swallows_the_next_and_shows_then(self) -> None:
        framer = Framer()
        frames = framer.feed(message(length=b"30") + message() + message())
        assert len(frames) == 1
        assert framer.error == "not SIP"

    @pytest.mark.parametrize(
        "noise", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\n\x00", b"x\n"]
    )
    def test_another_protocol_is_seen_at_its_first_line(self, noise: bytes) -> None:
        framer = Framer()
        assert framer.feed(noise) == []
        assert framer.error == "not SIP"

    def test_a_megabyte_without_headers_is_not_kept(self) -> None:
        framer = Framer()
        fed = 0
        while not framer.error:
            framer.feed(b"x" * 1000)
            fed += 1000
        assert fed <= MAX_HEADER_BYTES + 1000
        assert not framer.incomplete
        framer = Framer()
        framer.feed(b"OPTIONS sip:x SIP/2.0\r\n" + b"X: y\r\n" * 200_000 + b"\r\n")
        assert "headers" in framer.error

    def test_malformed_start_lines_of_rfc_4475_stay_in_step(self) -> None:
        for start in (b"INVITE  sip:x SIP/2.0", b"OPTIONS sip:x SIP/7.0", b"OPTIONS x SIP/2.0  "):
            bad = start + b"\r\nl: 0\r\n\r\n"
            assert Framer().feed(bad + message()) == [bad, message()]


pieces = st.one_of(
    st.binary(max_size=40).map(message),
    st.just(PING),
    st.just(b"\r\n"),
    st.binary(max_size=12),
    st.sampled_from([b"-1", b"7", b"x"]).map(lambda length: message(b"ab", length=length)),
)


@given(st.lists(pieces, max_size=8).map(b"".join), st.data())
def test_any_chunking_gives_the_same(stream: bytes, data: st.DataObject) -> None:
    whole = Framer()
    expected = whole.feed(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    chunked = Framer()
    frames = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        frames += chunked.feed(stream[begin:end])
    assert frames == expected
    assert (chunked.error, chunked.incomplete) == (whole.error, whole.incomplete)


@given(st.lists(st.binary(max_size=60).map(message) | st.just(PING), max_size=6))
def test_well_formed_streams_come_apart_where_they_were_joined(parts: list[bytes]) -> None:
    framer = Framer()
    assert framer.feed(b"".join(parts)) == parts
    assert framer.error == ""
