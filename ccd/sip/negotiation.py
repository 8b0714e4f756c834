"""Offer and answer for one audio stream (RFC 3264), over `ccd.sip.sdp`.

`make_offer`, `answer_offer` and `accept_answer` are functions of their arguments.
`Negotiation` keeps for one session what the RFC wants kept from one exchange to the next:
the m= lines and their order, and a version that grows when, and only when, something changed.

What we refuse, we refuse with port 0: media that is not audio, a second audio stream, SRTP
(`RTP/SAVP`; keys in SDP over UDP would protect nobody), codecs that we have not.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ccd.sip.sdp import (
    Direction,
    MediaDescription,
    Origin,
    RtpMap,
    SdpError,
    SessionDescription,
    is_address,
    is_unspecified,
)

CODECS = {
    "PCMU": (0, RtpMap("PCMU", 8000)),
    "PCMA": (8, RtpMap("PCMA", 8000)),
    "G722": (9, RtpMap("G722", 8000)),
}
"""What may be offered: encoding name to static payload type and map (RFC 3551, table 4)."""

TELEPHONE_EVENT = "telephone-event"
TELEPHONE_EVENT_PAYLOAD = 101
"""The payload type that nearly everybody gives to RFC 4733, and some expect."""

_TELEPHONE_EVENT_MAP = RtpMap(TELEPHONE_EVENT, 8000)

KEYS = "0-15"
"""RFC 4733 events that we take: the sixteen keys of DTMF."""

MIN_PTIME_MS = 10
MAX_PTIME_MS = 60
"""Packet times that we send; beyond them a lost packet is a lost syllable."""

_PROTOCOLS = ("RTP/AVP", "RTP/AVPF")


class NoCommonMedia(ValueError):  # noqa: N818 - a verdict on an offer, not a fault
    """There is no audio stream that both can speak; answered with 488 (RFC 3261, 13.3.1.3)."""


class LocalMedia(msgspec.Struct, frozen=True):
    """What we bring: where we receive RTP, and which codecs, best first.

    `codecs` are encoding names out of `CODECS`; `ptime` is milliseconds; `direction` is ours:
    `sendonly` puts the peer on hold (RFC 3264, 8.4). Raises ValueError for what it cannot offer.
    """

    address: str
    port: int
    codecs: tuple[str, ...]
    ptime: int = 20
    direction: str = Direction.SENDRECV

    def __post_init__(self) -> None:
        if not is_address(self.address):
            raise ValueError(f"media address {self.address!r} is no IP address")
        if not 0 < self.port < 65536:
            raise ValueError(f"media port {self.port} is not in 1-65535")
        unknown = [codec for codec in self.codecs if codec not in CODECS]
        if unknown or not self.codecs:
            known = ", ".join(CODECS)
            raise ValueError(f"no codec {', '.join(unknown) or 'given'}; there are {known}")
        if not MIN_PTIME_MS <= self.ptime <= MAX_PTIME_MS:
            raise ValueError(f"ptime {self.ptime} is not in {MIN_PTIME_MS}-{MAX_PTIME_MS}")
        Direction(self.direction)


class Agreed(msgspec.Struct, frozen=True):
    """What an exchange came to, seen from us.

    `remote` is where the peer receives RTP; None when it did not say (RFC 2543 hold, or a
    host name: its media shows where it is). The payload types are those to send with, the
    `receive_…` ones those that come in; they differ only where the peer's answer renumbered
    our offer's, which RFC 3264, 6.1 advises against and some phones do for RFC 4733.
    """

    remote: tuple[str, int] | None
    codec: str
    payload_type: int
    telephone_event: int | None
    ptime: int
    """Milliseconds a packet, for what we send."""
    send: bool
    receive: bool
    receive_payload_type: int
    receive_telephone_event: int | None

    @property
    def held(self) -> bool:
        """The peer does not want to hear us: it has put us on hold."""
        return not self.send


def make_offer(
    local: LocalMedia, *, session_id: int, version: int, previous: bytes | None = None
) -> bytes:
    """Offer `local`; after a first exchange give our last description as `previous`.

    A later offer must keep every m= line of the session in its place, and what a payload type
    means (RFC 3264, 8 and 8.3.2); sections of `previous` that were refused stay refused.
    """
    return _make_offer(local, Origin(session_id, version, local.address), previous)


def answer_offer(
    offer: bytes, local: LocalMedia, *, session_id: int, version: int
) -> tuple[bytes, Agreed]:
    """Answer the first audio stream that we can carry, refuse the rest.

    Of the codecs offered the one that comes first in `local.codecs` is taken, and it alone, so
    that the peer does not change codec in mid-call. Raises `SdpError` for an offer that cannot
    be read, `NoCommonMedia` for one that has nothing for us.
    """
    return _answer_offer(offer, local, Origin(session_id, version, local.address))


def accept_answer(offer: bytes, answer: bytes) -> Agreed:
    """Read the peer's answer to our offer.

    Raises `SdpError` when it is no answer to this offer, `NoCommonMedia` when it refuses.
    """
    ours, theirs = SessionDescription.parse(offer), SessionDescription.parse(answer)
    index = _live_audio(ours.media)
    if index is None:
        raise SdpError("our offer had no audio stream")
    if len(theirs.media) <= index or theirs.media[index].kind != "audio":
        raise SdpError("the answer does not repeat the offer's m= lines")
    offered, answered = ours.media[index], theirs.media[index]
    if answered.port == 0:
        raise NoCommonMedia("the answer refuses the audio stream")
    if answered.protocol not in _PROTOCOLS:
        raise NoCommonMedia(f"the answer wants {answered.protocol}")
    for payload_type in answered.payload_types():
        mapped = answered.rtpmap(payload_type)
        if mapped is None or mapped.encoding.upper() not in CODECS:
            continue
        codec = mapped.encoding.upper()
        receive_payload_type = offered.find(codec)
        if receive_payload_type is not None and mapped.carries(codec, 8000):
            break
    else:
        raise NoCommonMedia("the answer has no codec of the offer")
    receive_event = offered.find(TELEPHONE_EVENT)
    event = None if receive_event is None else answered.find(TELEPHONE_EVENT)
    mine, peers = ours.direction_of(offered), theirs.direction_of(answered)
    address = theirs.address_of(answered)
    return Agreed(
        remote=_remote(address, answered.port),
        codec=codec,
        payload_type=payload_type,
        telephone_event=event,
        ptime=_ptime(answered, offered.ptime or 20),
        send=mine.sends and peers.receives and not is_unspecified(address),
        receive=mine.receives and peers.sends,
        receive_payload_type=receive_payload_type,
        receive_telephone_event=None if event is None else receive_event,
    )


class Negotiation:
    """Offers and answers of one session, for as long as it lasts.

    `session_id` goes into o= and stays, as all of o= does but the version: that begins at 1
    and grows by one with each description that differs from the last (RFC 3264, 8). `local`
    is our last description.
    """

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        self.version = 0
        self.local: bytes | None = None
        self._address: str | None = None

    def offer(self, local: LocalMedia) -> bytes:
        """Make an offer: the first, or one that changes what there is."""
        origin = self._next_origin(local)
        return self._keep(_make_offer(local, origin, self.local), origin)

    def answer(self, offer: bytes, local: LocalMedia) -> tuple[bytes, Agreed]:
        """Answer the peer's offer; raises as `answer_offer` does, and is unchanged then."""
        origin = self._next_origin(local)
        made, agreed = _answer_offer(offer, local, origin)
        return self._keep(made, origin), agreed

    def accept(self, answer: bytes) -> Agreed:
        """Read the answer to our last offer; raises as `accept_answer` does."""
        if self.local is None:
            raise SdpError("an answer, and nothing was offered")
        return accept_answer(self.local, answer)

    def _next_origin(self, local: LocalMedia) -> Origin:
        return Origin(self.session_id, self.version + 1, self._address or local.address)

    def _keep(self, made: bytes, origin: Origin) -> bytes:
        if self.local is not None and _below_origin(made) == _below_origin(self.local):
            return self.local
        self._address = origin.address
        self.version += 1
        self.local = made
        return made


def _make_offer(local: LocalMedia, origin: Origin, previous: bytes | None) -> bytes:
    sections: list[MediaDescription] = []
    if previous is not None:
        sections += SessionDescription.parse(previous).media
    index = _live_audio(sections)
    if index is None:
        sections.append(_offer_section(local, TELEPHONE_EVENT_PAYLOAD))
    else:
        event = sections[index].find(TELEPHONE_EVENT)
        kept = _offer_section(local, TELEPHONE_EVENT_PAYLOAD if event is None else event)
        sections[index] = msgspec.structs.replace(kept, protocol=sections[index].protocol)
    return _describe(local, origin, sections)


def _answer_offer(offer: bytes, local: LocalMedia, origin: Origin) -> tuple[bytes, Agreed]:
    theirs = SessionDescription.parse(offer)
    reasons: list[str] = []
    answers: list[MediaDescription] = []
    agreed: Agreed | None = None
    for section in theirs.media:
        accepted = None
        if agreed is None:
            accepted = _accept_section(theirs, section, local, reasons)
        if accepted is None:
            answers.append(_refuse_section(section))
        else:
            answers.append(accepted[0])
            agreed = accepted[1]
    if agreed is None:
        raise _nothing_common(reasons)
    return _describe(local, origin, answers), agreed


def _below_origin(description: bytes) -> bytes:
    return description[description.index(b"\r\ns=") :]


def _describe(local: LocalMedia, origin: Origin, sections: list[MediaDescription]) -> bytes:
    return SessionDescription(origin, address=local.address, media=tuple(sections)).serialise()


def _offer_section(local: LocalMedia, event_payload: int) -> MediaDescription:
    rtpmaps = dict(CODECS[codec] for codec in local.codecs)
    rtpmaps[event_payload] = _TELEPHONE_EVENT_MAP
    return MediaDescription(
        "audio",
        local.port,
        formats=tuple(str(payload_type) for payload_type in rtpmaps),
        direction=Direction(local.direction),
        ptime=local.ptime,
        rtpmaps=rtpmaps,
        fmtps={event_payload: KEYS},
    )


def offered_remote(offer: bytes, codecs: Sequence[str]) -> tuple[str, int] | None:
    """Where the peer wants its audio, by the stream of its offer that we would take.

    For choosing our port before answering. None and errors as in `answer_offer`.
    """
    theirs = SessionDescription.parse(offer)
    reasons: list[str] = []
    for section in theirs.media:
        if _common_codec(section, codecs, reasons) is not None:
            return _remote(theirs.address_of(section), section.port)
    raise _nothing_common(reasons)


def _nothing_common(reasons: list[str]) -> NoCommonMedia:
    return NoCommonMedia("; ".join(reasons) or "no m= line in the offer")


def _common_codec(
    section: MediaDescription, codecs: Sequence[str], reasons: list[str]
) -> tuple[str, int] | None:
    """The codec to use and its payload type; None, with the reason noted, if there is none."""
    if section.kind != "audio":
        reasons.append(f"{section.kind} is not carried here")
    elif section.port == 0:
        reasons.append("the audio stream is closed (port 0)")
    elif section.protocol not in _PROTOCOLS:
        reasons.append(f"audio over {section.protocol} is not carried here")
    else:
        for codec in codecs:
            payload_type = section.find(codec)
            if payload_type is not None:
                return codec, payload_type
        reasons.append(f"none of {', '.join(codecs)} is offered")
    return None


def _accept_section(
    theirs: SessionDescription, section: MediaDescription, local: LocalMedia, reasons: list[str]
) -> tuple[MediaDescription, Agreed] | None:
    """Our section and what it agrees on; None, with the reason noted, if we can't have it."""
    common = _common_codec(section, local.codecs, reasons)
    if common is None:
        return None
    codec, payload_type = common
    address = theirs.address_of(section)
    if address is None:
        raise SdpError("no c= line for the audio stream")
    wanted, ours = theirs.direction_of(section).mirrored, Direction(local.direction)
    send = wanted.sends and ours.sends and not is_unspecified(address)
    receive = wanted.receives and ours.receives
    event = section.find(TELEPHONE_EVENT)
    ptime = _ptime(section, local.ptime)
    rtpmaps = {payload_type: CODECS[codec][1]}
    fmtps = {}
    if event is not None:
        rtpmaps[event] = _TELEPHONE_EVENT_MAP
        fmtps[event] = KEYS
    answer = MediaDescription(
        "audio",
        local.port,
        section.protocol,
        formats=tuple(str(number) for number in rtpmaps),
        direction=Direction.of(sends=send, receives=receive),
        ptime=ptime,
        rtpmaps=rtpmaps,
        fmtps=fmtps,
    )
    agreed = Agreed(
        remote=_remote(address, section.port),
        codec=codec,
        payload_type=payload_type,
        telephone_event=event,
        ptime=ptime,
        send=send,
        receive=receive,
        receive_payload_type=payload_type,
        receive_telephone_event=event,
    )
    return answer, agreed


def _refuse_section(section: MediaDescription) -> MediaDescription:
    """Port 0, and the offer's formats, of which there must be one (RFC 3264, 6)."""
    return MediaDescription(section.kind, 0, section.protocol, section.formats or ("0",))


def _live_audio(sections: list[MediaDescription] | tuple[MediaDescription, ...]) -> int | None:
    for index, section in enumerate(sections):
        if section.kind == "audio" and section.port:
            return index
    return None


def _remote(address: str | None, port: int) -> tuple[str, int] | None:
    if address is None or is_unspecified(address) or not is_address(address):
        return None
    return address, port


def _ptime(section: MediaDescription, preferred: int) -> int:
    """The packet time to send with: what the peer would like, in whole tens of milliseconds."""
    wanted = section.ptime
    if wanted is None or wanted % 10 or not MIN_PTIME_MS <= wanted <= MAX_PTIME_MS:
        wanted = preferred
    if section.maxptime is not None and section.maxptime < wanted:
        wanted = max(MIN_PTIME_MS, section.maxptime - section.maxptime % 10)
    return wanted
