"""Session descriptions (SDP, RFC 8866, and RFC 4566 before it): values, parsed and serialised.

Only what telephony needs has a field; every other attribute is kept as it came, in order.
Parsing is liberal, for phones are: LF alone ends a line, unknown and misplaced lines are
skipped, s= and t= may be missing, an attribute that makes no sense is as good as absent.
What decides where media goes (m= and c=) must be right, else `SdpError` says what was wrong.
Offer and answer are `ccd.sip.negotiation`'s.
"""

from __future__ import annotations

import functools
import ipaddress
from enum import StrEnum

import msgspec

MAX_BYTES = 16_384
"""A description longer than this is refused unread; WebRTC's, the longest known, stay below."""

MAX_MEDIA = 32
"""m= sections read at most: each costs a line in every answer for the life of the session."""

MAX_FORMATS = 64
"""Formats of one m= line at most; RTP has 128 payload types, no phone offers half of them."""

_MAX_DIGITS = 19
"""Digits of the longest number taken for one (64 bits, RFC 8866, 5.2)."""


class SdpError(ValueError):
    """A session description that cannot be used; `str()` is the reason, fit for a Warning header."""


class Direction(StrEnum):
    """Which way media flows, seen from whoever wrote it (RFC 8866, 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """The writer sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """The writer wants to receive."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def mirrored(self) -> Direction:
        """The same flow seen from the other side (RFC 3264, 6.1)."""
        return Direction.of(sends=self.receives, receives=self.sends)

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> Direction:
        """The direction of a party that does these."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


class Origin(msgspec.Struct, frozen=True):
    """The o= line (RFC 8866, 5.2): who wrote the description, and which version of it this is."""

    session_id: int = 0
    version: int = 0
    address: str = "0.0.0.0"
    username: str = "-"


class RtpMap(msgspec.Struct, frozen=True):
    """a=rtpmap (RFC 8866, 6.6): what a payload type number means; `encoding` as written."""

    encoding: str
    clock_rate: int
    channels: int = 1

    def carries(self, encoding: str, clock_rate: int) -> bool:
        """Whether it is this encoding, in any case (RFC 4855, 3), in mono at this rate."""
        return (
            self.clock_rate == clock_rate
            and self.channels == 1
            and self.encoding.upper() == encoding.upper()
        )


STATIC_PAYLOADS = {
    0: RtpMap("PCMU", 8000),
    3: RtpMap("GSM", 8000),
    4: RtpMap("G723", 8000),
    8: RtpMap("PCMA", 8000),
    9: RtpMap("G722", 8000),  # samples at 16 kHz; the clock rate is 8000 by an old mistake
    13: RtpMap("CN", 8000),
    15: RtpMap("G728", 8000),
    18: RtpMap("G729", 8000),
}
"""Payload types that need no rtpmap (RFC 3551, table 4): the voice part of it."""


class MediaDescription(msgspec.Struct, frozen=True):
    """One m= section (RFC 8866, 5.14). What is None was not said at this level."""

    kind: str
    port: int
    protocol: str = "RTP/AVP"
    formats: tuple[str, ...] = ()
    port_count: int = 1
    address: str | None = None
    direction: Direction | None = None
    ptime: int | None = None
    """Milliseconds of audio in a packet that the writer would like to receive."""
    maxptime: int | None = None
    rtpmaps: dict[int, RtpMap] = {}
    fmtps: dict[int, str] = {}
    rtcp: tuple[str | None, int] | None = None
    """a=rtcp (RFC 3605): address, if one is given, and port."""
    attributes: tuple[tuple[str, str | None], ...] = ()
    """Other attributes, in their order; None for one without a value."""

    def rtpmap(self, payload_type: int) -> RtpMap | None:
        """What a payload type means here, by a=rtpmap or else by RFC 3551."""
        return self.rtpmaps.get(payload_type) or STATIC_PAYLOADS.get(payload_type)

    def payload_types(self) -> list[int]:
        """The RTP payload types offered, in the writer's order of preference."""
        return [int(f) for f in self.formats if f.isascii() and f.isdigit() and len(f) < 4]

    def find(self, encoding: str, clock_rate: int = 8000) -> int | None:
        """The first payload type that carries this encoding in mono, or None."""
        for payload_type in self.payload_types():
            mapped = self.rtpmap(payload_type)
            if mapped is not None and mapped.carries(encoding, clock_rate):
                return payload_type
        return None


class SessionDescription(msgspec.Struct, frozen=True):
    """A whole description. Levels are kept apart; `address_of` and `direction_of` join them."""

    origin: Origin = Origin()
    name: str = "-"
    address: str | None = None
    direction: Direction | None = None
    media: tuple[MediaDescription, ...] = ()
    attributes: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> SessionDescription:
        """Read a description; raises `SdpError` when it does not say where media goes."""
        return _read(data)

    def serialise(self) -> bytes:
        """Write it down, lines in the order of RFC 8866, 5, each ended by CR LF."""
        origin = self.origin
        lines = [
            "v=0",
            f"o={origin.username} {origin.session_id} {origin.version} {_connection(origin.address)}",
            f"s={self.name or '-'}",
        ]
        if self.address is not None:
            lines.append(f"c={_connection(self.address)}")
        lines.append("t=0 0")
        lines += [_attribute(name, value) for name, value in self.attributes]
        if self.direction is not None:
            lines.append(f"a={self.direction}")
        for media in self.media:
            lines += _media_lines(media)
        lines.append("")
        return "\r\n".join(lines).encode()

    def address_of(self, media: MediaDescription) -> str | None:
        """Where a section's media goes: its own c=, else the session's (RFC 8866, 5.7)."""
        return self.address if media.address is None else media.address

    def direction_of(self, media: MediaDescription) -> Direction:
        """A section's direction: its own, else the session's, else sendrecv (RFC 8866, 6.7)."""
        return media.direction or self.direction or Direction.SENDRECV


@functools.lru_cache(maxsize=256)
def _read(data: bytes) -> SessionDescription:
    """Parse, once: a call reads its offer and its answer two or three times each."""
    return _Parser(data).result()


@functools.lru_cache(maxsize=1024)
def is_address(text: str) -> bool:
    """Whether this is an IP literal (a name is legal in SDP; media is sent to literals only)."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_unspecified(address: str | None) -> bool:
    """0.0.0.0 or ::, the hold of RFC 2543 (RFC 3264, 8.4): send nothing there."""
    if address is None or ":" not in address:
        return address == "0.0.0.0"
    return is_address(address) and ipaddress.ip_address(address).is_unspecified


def number(text: str) -> int | None:
    """A decimal number as SDP writes it; None for anything else that `int()` would take."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    return None


class _Parser:
    """Reads line after line into the section that is open: the session, then each m=."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_BYTES:
            raise SdpError(f"session description of {len(data)} bytes, more than {MAX_BYTES}")
        self.origin = Origin()
        self.name = "-"
        self.session = _Section()
        self.sections: list[_Section] = []
        self.current = self.session
        lines = data.decode("utf-8", "replace").strip().replace("\r", "\n").split("\n")
        if lines[0].strip() != "v=0":
            raise SdpError("session description does not begin with v=0")
        for line in lines:
            if line[1:2] == "=":
                self._line(line[0], line[2:].strip())

    def _line(self, kind: str, value: str) -> None:
        if kind == "a":
            self.current.attribute(value)
        elif kind == "m":
            self._media(value)
        elif kind == "c":
            # Only the first c= of a section counts: more than one is for multicast layers.
            if self.current.address is None:
                self.current.address = _parse_connection(value)
        elif kind == "o":
            self._origin(value)
        elif kind == "s" and self.current is self.session:
            self.name = value or "-"

    def _origin(self, value: str) -> None:
        # Nobody's calls should fail for an o= line: it tells versions apart, no more.
        parts = value.split()
        if len(parts) == 6:
            session_id, version = number(parts[1]), number(parts[2])
            if session_id is not None and version is not None:
                self.origin = Origin(session_id, version, parts[5], parts[0])

    def _media(self, value: str) -> None:
        if len(self.sections) == MAX_MEDIA:
            raise SdpError(f"more than {MAX_MEDIA} m= lines")
        parts = value.split()
        if len(parts) < 3:
            raise SdpError(f"m= line with too few fields: {value[:40]!r}")
        port_text, _, count_text = parts[1].partition("/")
        port, count = number(port_text), number(count_text or "1")
        if port is None or port > 65535 or count is None:
            raise SdpError(f"m= line with no valid port: {value[:40]!r}")
        if len(parts) - 3 > MAX_FORMATS:
            raise SdpError(f"m= line with more than {MAX_FORMATS} formats")
        section = _Section()
        section.header = (parts[0].lower(), port, parts[2].upper(), tuple(parts[3:]), count)
        self.sections.append(section)
        self.current = section

    def result(self) -> SessionDescription:
        for section in self.sections:  # some phones write a=ptime once, for the whole session
            section.ptime = section.ptime or self.session.ptime
            section.maxptime = section.maxptime or self.session.maxptime
        return SessionDescription(
            self.origin,
            self.name,
            self.session.address,
            self.session.direction,
            tuple([section.media() for section in self.sections]),
            tuple(self.session.attributes),
        )


class _Section:
    """What has been read of one level so far."""

    __slots__ = (
        "address",
        "attributes",
        "direction",
        "fmtps",
        "header",
        "maxptime",
        "ptime",
        "rtcp",
        "rtpmaps",
    )

    def __init__(self) -> None:
        self.header: tuple[str, int, str, tuple[str, ...], int] = ("", 0, "", (), 1)
        self.address: str | None = None
        self.direction: Direction | None = None
        self.ptime: int | None = None
        self.maxptime: int | None = None
        self.rtpmaps: dict[int, RtpMap] = {}
        self.fmtps: dict[int, str] = {}
        self.rtcp: tuple[str | None, int] | None = None
        self.attributes: list[tuple[str, str | None]] = []

    def attribute(self, text: str) -> None:
        name, colon, value = text.partition(":")
        if not colon:
            direction = _DIRECTIONS.get(name)
            if direction is not None:
                self.direction = direction
            elif name:
                self.attributes.append((name, None))
        elif name == "rtpmap":
            self._rtpmap(value)
        elif name == "fmtp":
            payload, _, parameters = value.partition(" ")
            payload_type = number(payload)
            if payload_type is not None and parameters.strip():
                self.fmtps[payload_type] = parameters.strip()
        elif name == "ptime":
            self.ptime = _milliseconds(value)
        elif name == "maxptime":
            self.maxptime = _milliseconds(value)
        elif name == "rtcp":
            parts = value.split()
            port = number(parts[0]) if parts else None
            if port is not None and port <= 65535:
                self.rtcp = (parts[3] if len(parts) == 4 else None, port)
        else:
            self.attributes.append((name, value))

    def _rtpmap(self, value: str) -> None:
        payload, _, mapping = value.partition(" ")
        parts = mapping.strip().split("/")
        payload_type = number(payload)
        clock_rate = number(parts[1]) if len(parts) > 1 else None
        channels = number(parts[2]) if len(parts) > 2 else 1
        if payload_type is not None and payload_type < 128 and clock_rate and channels:
            self.rtpmaps[payload_type] = RtpMap(parts[0], clock_rate, channels)

    def media(self) -> MediaDescription:
        kind, port, protocol, formats, count = self.header
        return MediaDescription(
            kind,
            port,
            protocol,
            formats,
            count,
            self.address,
            self.direction,
            self.ptime,
            self.maxptime,
            self.rtpmaps,
            self.fmtps,
            self.rtcp,
            tuple(self.attributes),
        )


_DIRECTIONS: dict[str, Direction] = {direction.value: direction for direction in Direction}


def _milliseconds(text: str) -> int | None:
    # Some phones write "20.0" (RFC 4566 left room for it); none writes less than a millisecond.
    return number(text.partition(".")[0].strip()) or None


def _parse_connection(value: str) -> str:
    """The address of a c= line `IN IP4 192.0.2.1[/ttl[/count]]`, without its multicast tail."""
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN" or parts[1].upper() not in ("IP4", "IP6"):
        raise SdpError(f"c= line not understood: {value[:60]!r}")
    address = parts[2].partition("/")[0]
    looks_numeric = ":" in address or address.replace(".", "").isdigit()
    if not address or (looks_numeric and not is_address(address)):
        raise SdpError(f"c= line with no valid address: {value[:60]!r}")
    return address


def _connection(address: str) -> str:
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def _attribute(name: str, value: str | None) -> str:
    return f"a={name}" if value is None else f"a={name}:{value}"


def _media_lines(media: MediaDescription) -> list[str]:
    port = f"{media.port}/{media.port_count}" if media.port_count != 1 else str(media.port)
    lines = [" ".join([f"m={media.kind}", port, media.protocol, *media.formats])]
    if media.address is not None:
        lines.append(f"c={_connection(media.address)}")
    for payload_type, mapped in media.rtpmaps.items():
        channels = f"/{mapped.channels}" if mapped.channels != 1 else ""
        lines.append(f"a=rtpmap:{payload_type} {mapped.encoding}/{mapped.clock_rate}{channels}")
    lines += [f"a=fmtp:{payload_type} {text}" for payload_type, text in media.fmtps.items()]
    if media.ptime is not None:
        lines.append(f"a=ptime:{media.ptime}")
    if media.maxptime is not None:
        lines.append(f"a=maxptime:{media.maxptime}")
    if media.rtcp is not None:
        address, rtcp_port = media.rtcp
        tail = f" {_connection(address)}" if address is not None else ""
        lines.append(f"a=rtcp:{rtcp_port}{tail}")
    lines += [_attribute(name, value) for name, value in media.attributes]
    if media.direction is not None:
        lines.append(f"a={media.direction}")
    return lines
