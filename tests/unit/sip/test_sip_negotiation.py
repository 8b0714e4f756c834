"""Offer and answer (RFC 3264): who may say what, and what it comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.negotiation import (
    CODECS,
    Agreed,
    LocalMedia,
    Negotiation,
    NoCommonMedia,
    accept_answer,
    answer_offer,
    make_offer,
)
from ccd.sip.sdp import Direction, SdpError, SessionDescription

OURS = LocalMedia("192.0.2.1", 16384, ("PCMU", "PCMA"))
HEAD = b"v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n"


def answered(*lines: str, local: LocalMedia = OURS) -> tuple[SessionDescription, Agreed]:
    offer = HEAD + "\n".join(lines).encode()
    answer, agreed = answer_offer(offer, local, session_id=5, version=1)
    return SessionDescription.parse(answer), agreed


def test_plain_offer_is_answered_with_one_codec_and_digits() -> None:
    answer, agreed = answered(
        "m=audio 4000 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"
    )
    assert agreed == Agreed(
        remote=("198.51.100.7", 4000),
        codec="PCMU",
        payload_type=0,
        telephone_event=101,
        ptime=20,
        send=True,
        receive=True,
        receive_payload_type=0,
        receive_telephone_event=101,
    )
    (audio,) = answer.media
    assert audio.formats == ("0", "101")
    assert audio.fmtps == {101: "0-15"}
    assert (answer.address, audio.port) == ("192.0.2.1", 16384)
    assert audio.direction is Direction.SENDRECV


def test_our_preference_decides_among_what_is_offered() -> None:
    local = LocalMedia("192.0.2.1", 16384, ("PCMA", "PCMU"))
    assert answered("m=audio 4000 RTP/AVP 0 8", local=local)[1].codec == "PCMA"
    assert answered("m=audio 4000 RTP/AVP 0", local=local)[1].codec == "PCMU"


def test_numbers_of_the_offer_are_used() -> None:
    answer, agreed = answered(
        "m=audio 4000 RTP/AVP 98 97 96",
        "a=rtpmap:98 PCMA/8000",
        "a=rtpmap:97 telephone-event/48000",
        "a=rtpmap:96 Telephone-Event/8000",
    )
    assert (agreed.codec, agreed.payload_type, agreed.telephone_event) == ("PCMA", 98, 96)
    assert answer.media[0].formats == ("98", "96")


def test_without_telephone_event_at_8000_there_is_none() -> None:
    answer, agreed = answered("m=audio 4000 RTP/AVP 0 97", "a=rtpmap:97 telephone-event/16000")
    assert agreed.telephone_event is None
    assert answer.media[0].formats == ("0",)


@pytest.mark.parametrize(
    ("offered", "ours", "answer", "send", "receive"),
    [
        ("sendrecv", "sendrecv", "sendrecv", True, True),
        ("sendonly", "sendrecv", "recvonly", False, True),
        ("recvonly", "sendrecv", "sendonly", True, False),
        ("inactive", "sendrecv", "inactive", False, False),
        ("sendrecv", "sendonly", "sendonly", True, False),
        ("sendonly", "sendonly", "inactive", False, False),
        ("recvonly", "sendonly", "sendonly", True, False),
        ("sendrecv", "inactive", "inactive", False, False),
    ],
)
def test_direction_is_mirrored_and_narrowed(
    offered: str, ours: str, answer: str, send: bool, receive: bool
) -> None:
    local = LocalMedia("192.0.2.1", 16384, ("PCMU",), direction=ours)
    for lines in (
        ("m=audio 4000 RTP/AVP 0", f"a={offered}"),
        (f"a={offered}", "m=audio 4000 RTP/AVP 0"),
    ):
        description, agreed = answered(*lines, local=local)
        assert description.media[0].direction == answer
        assert (agreed.send, agreed.receive) == (send, receive)
        assert agreed.held is not send


@pytest.mark.parametrize("nowhere", ["IN IP4 0.0.0.0", "IN IP6 ::", "IN IP6 0:0::0"])
def test_hold_of_rfc_2543_sends_nothing(nowhere: str) -> None:
    description, agreed = answered("m=audio 4000 RTP/AVP 0", f"c={nowhere}")
    assert agreed.remote is None
    assert (agreed.send, agreed.receive) == (False, True)
    assert description.media[0].direction is Direction.RECVONLY


def test_a_host_name_as_address_leaves_the_remote_to_be_found() -> None:
    _, agreed = answered("m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com")
    assert agreed.remote is None
    assert agreed.send


def test_other_sections_are_refused_in_their_place() -> None:
    description, agreed = answered(
        "m=video 5000 RTP/AVP 31",
        "m=audio 4998 RTP/SAVP 0",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 4002 RTP/AVP 0",
        "m=application 9 DTLS/SCTP webrtc-datachannel",
    )
    assert [(m.kind, m.port, m.protocol) for m in description.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 0, "RTP/SAVP"),
        ("audio", 16384, "RTP/AVP"),
        ("audio", 0, "RTP/AVP"),
        ("application", 0, "DTLS/SCTP"),
    ]
    assert all(m.formats for m in description.media)
    assert agreed.remote == ("198.51.100.7", 4000)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no m= line"),
        (["m=video 5000 RTP/AVP 31"], "video"),
        (["m=audio 0 RTP/AVP 0"], "port 0"),
        (["m=audio 4000 RTP/SAVP 0"], "RTP/SAVP"),
        (["m=audio 4000 RTP/AVP 18 96", "a=rtpmap:96 opus/48000/2"], "PCMU, PCMA"),
        (["m=audio 4000 RTP/AVP"], "PCMU, PCMA"),
        (["m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/16000"], "PCMU, PCMA"),
    ],
)
def test_nothing_in_common_says_why(lines: list[str], reason: str) -> None:
    with pytest.raises(NoCommonMedia, match=reason):
        answered(*lines)


def test_an_offer_without_address_is_an_error() -> None:
    with pytest.raises(SdpError, match="c= line"):
        answer_offer(b"v=0\nm=audio 4000 RTP/AVP 0", OURS, session_id=1, version=1)


@pytest.mark.parametrize(
    ("said", "ptime"),
    [
        ([], 20),
        (["a=ptime:30"], 30),
        (["a=ptime:25"], 20),
        (["a=ptime:0"], 20),
        (["a=ptime:500"], 20),
        (["a=ptime:40", "a=maxptime:20"], 20),
        (["a=maxptime:15"], 10),
        (["a=maxptime:5"], 10),
        (["a=ptime:20.0"], 20),
    ],
)
def test_packet_time_follows_the_peer_within_reason(said: list[str], ptime: int) -> None:
    assert answered("m=audio 4000 RTP/AVP 0", *said)[1].ptime == ptime


def test_offer_names_everything_that_we_speak() -> None:
    offer = SessionDescription.parse(make_offer(OURS, session_id=7, version=3))
    assert (offer.origin.session_id, offer.origin.version) == (7, 3)
    (audio,) = offer.media
    assert audio.formats == ("0", "8", "101")
    assert [audio.find(name) for name in ("PCMU", "PCMA", "telephone-event")] == [0, 8, 101]


def test_answer_that_renumbers_is_followed_when_sending() -> None:
    offer = make_offer(OURS, session_id=7, version=1)
    agreed = accept_answer(
        offer, HEAD + b"m=audio 4000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\n"
    )
    assert (agreed.codec, agreed.payload_type) == ("PCMA", 8)
    assert (agreed.telephone_event, agreed.receive_telephone_event) == (96, 101)


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (HEAD, SdpError, "repeat"),
        (HEAD + b"m=video 1 RTP/AVP 31", SdpError, "repeat"),
        (HEAD + b"m=audio 0 RTP/AVP 0", NoCommonMedia, "refuses"),
        (HEAD + b"m=audio 9 RTP/SAVP 0", NoCommonMedia, "SAVP"),
        (HEAD + b"m=audio 9 RTP/AVP 18", NoCommonMedia, "codec"),
        (b"rubbish", SdpError, "v=0"),
    ],
)
def test_answer_that_is_none(answer: bytes, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        accept_answer(make_offer(OURS, session_id=7, version=1), answer)


def test_hold_from_the_far_end_in_an_answer() -> None:
    offer = make_offer(OURS, session_id=7, version=1)
    agreed = accept_answer(offer, HEAD + b"m=audio 4000 RTP/AVP 0\na=recvonly")
    assert (agreed.send, agreed.receive) == (True, False)
    agreed = accept_answer(offer, HEAD + b"m=audio 4000 RTP/AVP 0\na=inactive")
    assert (agreed.send, agreed.receive) == (False, False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"address": "media.example.com"}, "address"),
        ({"port": 0}, "port"),
        ({"codecs": ()}, "codec"),
        ({"codecs": ("PCMU", "opus")}, "opus"),
        ({"ptime": 0}, "ptime"),
        ({"direction": "both"}, "both"),
    ],
)
def test_local_media_that_cannot_be_offered_is_ours_to_mend(
    change: dict[str, object], reason: str
) -> None:
    values: dict[str, object] = {"address": "192.0.2.1", "port": 16384, "codecs": ("PCMU",)}
    with pytest.raises(ValueError, match=reason):
        LocalMedia(**{**values, **change})  # type: ignore[arg-type]


class TestNegotiation:
    def test_version_grows_only_with_a_change(self) -> None:
        ours = Negotiation(9)
        first = ours.offer(OURS)
        assert ours.offer(OURS) == first
        assert SessionDescription.parse(first).origin.version == 1
        held = ours.offer(LocalMedia("192.0.2.1", 16384, ("PCMU", "PCMA"), direction="sendonly"))
        assert SessionDescription.parse(held).origin.version == 2
        again = SessionDescription.parse(ours.offer(OURS))
        assert again.origin == SessionDescription.parse(first).origin.__class__(9, 3, "192.0.2.1")

    def test_later_offers_keep_lines_numbers_and_origin(self) -> None:
        ours = Negotiation(9)
        ours.answer(
            HEAD + b"m=video 5000 RTP/AVP 31\nm=audio 4000 RTP/AVPF 0 96\n"
            b"a=rtpmap:96 telephone-event/8000\n",
            OURS,
        )
        moved = LocalMedia("192.0.2.99", 17000, ("PCMU",))
        offer = SessionDescription.parse(ours.offer(moved))
        assert [(m.kind, m.port) for m in offer.media] == [("video", 0), ("audio", 17000)]
        assert offer.media[1].formats == ("0", "96")
        assert offer.media[1].protocol == "RTP/AVPF"
        assert (offer.address, offer.origin.address) == ("192.0.2.99", "192.0.2.1")
        assert offer.origin.version == 2

    def test_same_offer_again_is_the_same_answer(self) -> None:
        ours = Negotiation(9)
        offer = HEAD + b"m=audio 4000 RTP/AVP 0\n"
        assert ours.answer(offer, OURS) == ours.answer(offer, OURS)

    def test_a_refused_offer_changes_nothing(self) -> None:
        ours = Negotiation(9)
        answer, _ = ours.answer(HEAD + b"m=audio 4000 RTP/AVP 0\n", OURS)
        with pytest.raises(NoCommonMedia):
            ours.answer(HEAD + b"m=audio 4000 RTP/AVP 18\n", OURS)
        assert (ours.local, ours.version) == (answer, 1)

    def test_an_answer_to_nothing(self) -> None:
        with pytest.raises(SdpError, match="nothing was offered"):
            Negotiation(1).accept(HEAD)


local_media = st.builds(
    LocalMedia,
    st.ip_addresses().map(str).filter(lambda a: a not in ("0.0.0.0", "::")),
    st.integers(1, 65535),
    st.lists(st.sampled_from(sorted(CODECS)), min_size=1, unique=True).map(tuple),
    st.sampled_from([10, 20, 30, 60]),
    st.sampled_from(Direction),
)


@given(local_media, local_media)
def test_both_sides_read_the_same_out_of_an_exchange(
    caller: LocalMedia, callee: LocalMedia
) -> None:
    offer = make_offer(caller, session_id=1, version=1)
    try:
        answer, at_callee = answer_offer(offer, callee, session_id=2, version=1)
    except NoCommonMedia:
        assert not set(caller.codecs) & set(callee.codecs)
        return
    at_caller = accept_answer(offer, answer)
    assert at_caller.codec == at_callee.codec
    assert at_callee.codec == next(c for c in callee.codecs if c in caller.codecs)
    assert at_caller.payload_type == at_callee.receive_payload_type
    assert at_caller.telephone_event == at_callee.telephone_event == 101
    assert at_caller.remote == (callee.address, callee.port)
    assert at_callee.remote == (caller.address, caller.port)
    # Nobody sends to one who does not listen, nor waits for one who does not send.
    assert at_caller.send == at_callee.receive
    assert at_caller.receive == at_callee.send


@given(st.lists(local_media, min_size=1, max_size=8))
def test_a_session_keeps_its_lines_and_versions(changes: list[LocalMedia]) -> None:
    ours, theirs = Negotiation(1), Negotiation(2)
    first = LocalMedia("192.0.2.1", 4000, tuple(CODECS))
    last: SessionDescription | None = None
    for turn, change in enumerate(changes):
        offerer, answerer = (ours, theirs) if turn % 2 else (theirs, ours)
        answer, _ = answerer.answer(offerer.offer(change), first)
        offerer.accept(answer)
        for side in (ours, theirs):
            assert side.local is not None
            assert len(SessionDescription.parse(side.local).media) == 1
        now = SessionDescription.parse(ours.local or b"")
        if last is not None:
            step = now.origin.version - last.origin.version
            assert step == (0 if now == last else 1)
        last = now
