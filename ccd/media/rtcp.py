"""RTCP: sender and receiver reports, descriptions, goodbyes (RFC 3550 6.4 to 6.6).

`build` makes a compound packet, `parse` reads what a stranger sent: what breaks the rules
of RFC 3550 A.2 is an `RtcpError` and nothing else, packet types that are not ours (XR,
feedback, APP) are skipped by their length. Reduced-size RTCP (RFC 5506) is taken too:
a compound need not begin with a report.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ccd.media.protocol import SAMPLE_RATE

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203

NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970 (RFC 5905 6)."""

_CNAME = 1

_MAX_COUNT = 31
"""Report blocks, chunks or sources in one packet: the field has five bits."""

_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IIIIII")
_WORD = struct.Struct("!I")


class RtcpError(ValueError):
    """A datagram is no valid RTCP; the message says why."""


class ReportBlock(NamedTuple):
    """What a receiver says of one source (6.4.1).

    `fraction_lost` is in 1/256 since the last report, `lost` since the beginning (may
    be negative), `jitter` in timestamp units; `last_sr` is the middle of the NTP time of
    the last sender report, `delay` the time since then in 1/65536 s; both 0: none came.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay: int

    @property
    def jitter_ms(self) -> float:
        """Jitter in ms at G.711's clock."""
        return self.jitter * 1000.0 / SAMPLE_RATE


class SenderInfo(NamedTuple):
    """What a sender says of itself (6.4.1). `ntp` is a 64-bit NTP time, 32.32 bits."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


class Report(NamedTuple):
    """A sender report, or a receiver report where `sender` is None."""

    ssrc: int
    sender: SenderInfo | None
    blocks: tuple[ReportBlock, ...] = ()


class Description(NamedTuple):
    """One source's canonical name; other items are not kept."""

    ssrc: int
    cname: str


class Goodbye(NamedTuple):
    """Sources that end, and why."""

    sources: tuple[int, ...]
    reason: str = ""


Packet = Report | Description | Goodbye


def build(*packets: Packet) -> bytes:
    """A compound packet of these. Raises ValueError for values that do not fit their fields."""
    return b"".join(_build(packet) for packet in packets)


def _build(packet: Packet) -> bytes:
    if isinstance(packet, Report):
        kind, body, count = RR, b"", len(packet.blocks)
        if packet.sender is not None:
            kind, body = SR, _pack(_SENDER, *packet.sender)
        body = _pack(_WORD, packet.ssrc) + body + b"".join(map(_build_block, packet.blocks))
    elif isinstance(packet, Description):
        kind, count = SDES, 1
        name = packet.cname.encode()
        if len(name) > 255:
            raise ValueError(f"a CNAME of {len(name)} bytes: at most 255 fit")
        item = bytes((_CNAME, len(name))) + name
        # One null ends the list of items, more fill the word (6.5).
        body = _pack(_WORD, packet.ssrc) + item + bytes(4 - len(item) % 4)
    else:
        kind, count = BYE, len(packet.sources)
        body = b"".join(_pack(_WORD, source) for source in packet.sources)
        if packet.reason:
            reason = packet.reason.encode()[:255]
            text = bytes((len(reason),)) + reason
            body += text + bytes(-len(text) % 4)
    if count > _MAX_COUNT:
        raise ValueError(f"{count} items in one RTCP packet: at most {_MAX_COUNT} fit")
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _build_block(block: ReportBlock) -> bytes:
    # 24 bits, signed: beyond their ends the count stays there (A.3).
    lost = min(max(block.lost, -0x800000), 0x7FFFFF) & 0xFFFFFF
    if not 0 <= block.fraction_lost <= 255:
        raise ValueError(f"fraction lost {block.fraction_lost}: must be 0 to 255")
    return _pack(
        _BLOCK,
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest_sequence,
        block.jitter,
        block.last_sr,
        block.delay,
    )


def _pack(layout: struct.Struct, *values: int) -> bytes:
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise ValueError(f"{values} do not fit their fields: {error}") from error


def parse(data: bytes) -> list[Packet]:
    """The packets of a compound that we know, in order. Raises RtcpError."""
    if not data:
        raise RtcpError("an empty datagram")
    packets: list[Packet] = []
    position = 0
    while position < len(data):
        if position + _HEADER.size > len(data):
            raise RtcpError(f"{len(data) - position} bytes after the last packet")
        first, kind, words = _HEADER.unpack_from(data, position)
        end = position + 4 + 4 * words
        if first >> 6 != 2:
            raise RtcpError(f"version {first >> 6}, must be 2")
        if not 192 <= kind <= 223:
            raise RtcpError(f"packet type {kind}, none of RTCP's")  # RFC 5761 4
        if end > len(data):
            raise RtcpError(f"a packet of {4 + 4 * words} bytes, {len(data) - position} are there")
        body = data[position + 4 : end]
        if first & 0x20:
            body = _unpadded(body, last=end == len(data))
        _parse(kind, first & 0x1F, body, packets)
        position = end
    return packets


def _unpadded(body: bytes, *, last: bool) -> bytes:
    padding = body[-1] if body else 0
    if not last or padding == 0 or padding % 4 or padding > len(body):
        raise RtcpError("padding that is not the end of the compound, or has no sound length")
    return body[:-padding]


def _parse(kind: int, count: int, body: bytes, packets: list[Packet]) -> None:
    if kind in (SR, RR):
        packets.append(_parse_report(kind == SR, count, body))
    elif kind == SDES:
        packets.extend(_parse_description(count, body))
    elif kind == BYE:
        packets.append(_parse_goodbye(count, body))


def _parse_report(sends: bool, count: int, body: bytes) -> Report:
    fixed = 4 + (_SENDER.size if sends else 0)
    if len(body) < fixed + count * _BLOCK.size:
        raise RtcpError(f"a report of {len(body)} bytes is too short for {count} blocks")
    (ssrc,) = _WORD.unpack_from(body)
    sender = SenderInfo(*_SENDER.unpack_from(body, 4)) if sends else None
    blocks = []
    for index in range(count):
        source, losses, *rest = _BLOCK.unpack_from(body, fixed + index * _BLOCK.size)
        lost = (losses & 0xFFFFFF ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(source, losses >> 24, lost, *rest))
    return Report(ssrc, sender, tuple(blocks))


def _parse_description(count: int, body: bytes) -> list[Description]:
    found = []
    position = 0
    for _ in range(count):
        if position + 4 > len(body):
            raise RtcpError("a description is cut short")
        (ssrc,) = _WORD.unpack_from(body, position)
        position += 4
        while True:
            if position >= len(body):
                raise RtcpError("a description does not end")
            if body[position] == 0:
                position += 4 - position % 4  # the nulls that fill the word
                break
            if position + 2 > len(body) or position + 2 + body[position + 1] > len(body):
                raise RtcpError("an item of a description is cut short")
            text = body[position + 2 : position + 2 + body[position + 1]]
            if body[position] == _CNAME:
                found.append(Description(ssrc, text.decode("utf-8", "replace")))
            position += 2 + len(text)
    return found


def _parse_goodbye(count: int, body: bytes) -> Goodbye:
    if len(body) < 4 * count:
        raise RtcpError("a goodbye is cut short")
    sources = struct.unpack_from(f"!{count}I", body)
    reason = b""
    if len(body) > 4 * count:
        length = body[4 * count]
        reason = body[4 * count + 1 : 4 * count + 1 + length]
        if len(reason) < length:
            raise RtcpError("a goodbye's reason is cut short")
    return Goodbye(sources, reason.decode("utf-8", "replace"))


def ntp_time(epoch_s: float) -> int:
    """64-bit NTP time (32.32 bits) of seconds since 1970; wraps in 2036 as NTP does."""
    whole, fraction = divmod(epoch_s, 1.0)
    return ((int(whole) + NTP_EPOCH) % 2**32) << 32 | int(fraction * 2**32)


def epoch_time(ntp: int) -> float:
    """Seconds since 1970 of a 64-bit NTP time; its era is taken as 1968 to 2104."""
    seconds = ntp >> 32
    if seconds < 0x80000000:
        seconds += 1 << 32  # the top bit says which era (RFC 4330 3)
    return seconds - NTP_EPOCH + (ntp & 0xFFFFFFFF) / 2**32


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP time, 16.16: what report blocks speak in."""
    return ntp >> 16 & 0xFFFFFFFF


def delay_since(ntp_then: int, ntp_now: int) -> int:
    """A report block's `delay`: 1/65536 s since a sender report came."""
    return min(max(ntp_now - ntp_then, 0) >> 16, 0xFFFFFFFF)


def round_trip_s(block: ReportBlock, ntp_now: int) -> float | None:
    """Round trip in seconds, from a report block that has just come (6.4.1).

    None where no sender report of ours is answered in it, or what it says is no time
    that can be: negative beyond its own rounding, or over ten seconds.
    """
    if block.last_sr == 0:
        return None
    units = (middle(ntp_now) - block.last_sr - block.delay) % 2**32
    if units >= 2**32 - 66:  # 1 ms: the peer's clock runs in coarser steps than ours
        return 0.0
    seconds = units / 65536.0
    return seconds if seconds <= 10.0 else None


def report_interval_s(members: int, random_unit: float, *, minimum_s: float = 5.0) -> float:
    """Seconds to the next report (6.2, 6.3.1), without the bandwidth's part.

    For two-party sessions the minimum decides. It is drawn from half to one and a half
    of itself so that legs do not report together; `random_unit` is uniform in [0, 1).
    Raises ValueError for less than one member.
    """
    if members < 1:
        raise ValueError("a session has at least one member")
    # Above two parties the same total rate is kept.
    return minimum_s * max(1.0, members / 2.0) * (0.5 + random_unit)
