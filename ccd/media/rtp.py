"""RTP's header (RFC 3550, 5.1): of a whole batch at once, and the odd one by itself.

Numbers come out as int64, so that differences need no care; `signed16` and `signed32`
fold them back onto the circle they live on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER: Final = 12
"""Bytes of a header without contributing sources or extension."""

VERSION: Final = 2
PLAIN: Final = 0x80
"""First byte of a header of version 2 with no padding, no extension, no CSRC."""

MARKER: Final = 0x80
"""In the second byte; the other seven bits are the payload type."""

COMFORT_NOISE: Final = 13
"""Static payload type of RFC 3389."""

RTCP_HEADER: Final = 8
"""Bytes of the shortest RTCP packet that says who it is from."""

RTCP_FIRST: Final = 192
RTCP_LAST: Final = 223
"""Second bytes that mean RTCP where both share a port (RFC 5761, 4)."""

SEQ_MOD: Final = 1 << 16
TS_MOD: Final = 1 << 32

FIELDS: Final = np.dtype(
    [("first", "u1"), ("second", "u1"), ("seq", ">u2"), ("ts", ">u4"), ("ssrc", ">u4")]
)


class Headers(NamedTuple):
    """One batch's headers, each (n,)."""

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    seq: NDArray[np.int64]
    ts: NDArray[np.int64]
    ssrc: NDArray[np.int64]


def parse(data: NDArray[np.uint8]) -> Headers:
    """Read the headers of packets (n, at least 12); the caller knows their lengths."""
    fields = np.ascontiguousarray(data[:, :HEADER]).view(FIELDS)[:, 0]
    return Headers(
        fields["first"],
        fields["second"],
        fields["seq"].astype(np.int64),
        fields["ts"].astype(np.int64),
        fields["ssrc"].astype(np.int64),
    )


def signed16(difference: NDArray[np.int64]) -> NDArray[np.int64]:
    """A difference of sequence numbers, as the shorter way round."""
    return (difference + 0x8000 & 0xFFFF) - 0x8000


def signed32(difference: NDArray[np.int64]) -> NDArray[np.int64]:
    """A difference of timestamps, as the shorter way round."""
    return (difference + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000


def payload(packet: bytes) -> bytes | None:
    """What a packet of version 2 carries: behind CSRCs and extension, without its padding.

    None where the lengths it states do not fit into it (RFC 3550, A.1).
    """
    if len(packet) < HEADER or packet[0] >> 6 != VERSION:
        return None
    begin = HEADER + 4 * (packet[0] & 0x0F)
    end = len(packet)
    if packet[0] & 0x10:
        if begin + 4 > end:
            return None
        begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
    if packet[0] & 0x20:
        if not 0 < packet[-1] <= end - begin:
            return None
        end -= packet[-1]
    return packet[begin:end] if begin <= end else None
