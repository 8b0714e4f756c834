"""G.711 by table: one look-up decodes, one encodes, for all legs at once.

The tables are computed here from the segment structure of ITU-T G.711: eight segments a
sign, sixteen equal steps in each, every segment's step twice the one before. A linear
sample is a 16-bit one; mu-law looks at its upper 14 bits, A-law at its upper 13, and
both round towards the value whose interval it lies in, as G.711's decision values say.

    DECODE_TABLE[codec_index, payload_bytes]            -> int16 samples
    ENCODE_TABLE[codec_index, samples.view(np.uint16)]  -> payload bytes

`codec_index` is a scalar, or a column of one index a leg, so that legs of both laws are
converted in one operation.
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ccd.media.protocol import FRAME_MS, SAMPLE_RATE, Codec

FRAME: Final = SAMPLE_RATE * FRAME_MS // 1000
"""Samples in a frame, and bytes in its G.711 payload: 160."""

T = TypeVar("T", bound=np.generic)

_ULAW_BIAS = 33
"""Shifts the 14-bit magnitude so that every segment begins at a power of two."""

_ULAW_CLIP = 8158
"""Largest 14-bit magnitude (G.711 table 2a: the virtual decision value 8159 is the end)."""

_ALAW_TOGGLE = 0x55
"""A-law inverts its even bits on the line (G.711, table 1, note 2)."""


def _ulaw_decode() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF  # the line carries the complement
    segment = code >> 4 & 7
    magnitude = (((code & 0xF) * 2 + _ULAW_BIAS) << segment) - _ULAW_BIAS
    return np.where(code & 0x80, -magnitude * 4, magnitude * 4).astype(np.int16)


def _ulaw_encode(linear: NDArray[np.int32]) -> NDArray[np.uint8]:
    value = linear >> 2
    magnitude = np.minimum(np.abs(value), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = segment << 4 | (magnitude >> (segment + 1) & 0xF) | np.where(value < 0, 0x80, 0)
    line: NDArray[np.uint8] = (~code & 0xFF).astype(np.uint8)
    return line


def _alaw_decode() -> NDArray[np.int16]:
    code = np.arange(256) ^ _ALAW_TOGGLE
    segment = code >> 4 & 7
    step = code & 0xF
    # Segments 0 and 1 share one step size; values lie in the middle of their interval.
    magnitude = np.where(segment == 0, step * 2 + 1, (step * 2 + 33) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude * 8, -magnitude * 8).astype(np.int16)


def _alaw_encode(linear: NDArray[np.int32]) -> NDArray[np.uint8]:
    value = linear >> 3
    magnitude = np.where(value < 0, ~value, value)  # -1 is the first negative interval
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    step = magnitude >> np.maximum(segment, 1) & 0xF
    code = segment << 4 | step | np.where(value < 0, 0, 0x80)
    line: NDArray[np.uint8] = (code ^ _ALAW_TOGGLE).astype(np.uint8)
    return line


def _frozen(table: NDArray[T]) -> NDArray[T]:
    table.setflags(write=False)
    return table


_LINEAR: Final = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)

DECODE: Final[dict[Codec, NDArray[np.int16]]] = {
    Codec.PCMU: _frozen(_ulaw_decode()),
    Codec.PCMA: _frozen(_alaw_decode()),
}
"""By codec: 256 samples, indexed by the byte on the line."""

ENCODE: Final[dict[Codec, NDArray[np.uint8]]] = {
    Codec.PCMU: _frozen(_ulaw_encode(_LINEAR)),
    Codec.PCMA: _frozen(_alaw_encode(_LINEAR)),
}
"""By codec: 65,536 bytes, indexed by the sample seen as an unsigned 16-bit number."""

CODEC_INDEX: Final[dict[Codec, int]] = {codec: index for index, codec in enumerate(Codec)}
"""Each codec's row in the stacked tables."""

DECODE_TABLE: Final = _frozen(np.stack([DECODE[codec] for codec in CODEC_INDEX]))
"""(codecs, 256) int16."""

ENCODE_TABLE: Final = _frozen(np.stack([ENCODE[codec] for codec in CODEC_INDEX]))
"""(codecs, 65536) uint8."""

SILENCE: Final[dict[Codec, int]] = {codec: int(ENCODE[codec][0]) for codec in CODEC_INDEX}
"""The byte that stands for a sample of zero: 0xFF in mu-law, 0xD5 in A-law."""


def decode(codec: Codec, payload: bytes) -> NDArray[np.int16]:
    """Samples of one payload, as many as it has bytes."""
    return DECODE[codec][np.frombuffer(payload, dtype=np.uint8)]


def encode(codec: Codec, samples: NDArray[np.int16]) -> bytes:
    """Payload of these samples, as many bytes as there are samples."""
    return ENCODE[codec][np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)].tobytes()
