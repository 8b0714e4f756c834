"""WAV files: reading whatever people have, and the one kind that we write.

Reads PCM of 8, 16, 24 and 32 bits, 32 and 64-bit floats, and G.711 (mu-law and A-law
WAVs are common in telephony), of any rate and any number of channels, plain or
WAVE_FORMAT_EXTENSIBLE. A file whose writer was killed or streamed has a data size of
0 or 0xFFFFFFFF, or one beyond the file's end: then the data is what is there.

Writes 16-bit PCM. Layout: Microsoft and IBM, "Multimedia Programming Interface and Data
Specifications 1.0" (1991), chapter 3; the extension: mmreg.h's WAVEFORMATEXTENSIBLE.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import DECODE
from ccd.media.protocol import SAMPLE_RATE, Codec

HEADER_BYTES: Final = 44
"""Length of the header that `header()` builds: the data begins there."""

_MAX_SIZE = 0xFFFFFFFF

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")


class WavError(ValueError):
    """Not a WAV file, or one of a kind that is not read; the message says which."""


class Wave(NamedTuple):
    """What a file holds: `samples` are (frames, channels) float32, full scale is 1.0."""

    rate: int
    samples: NDArray[np.float32]


def header(data_bytes: int, *, channels: int = 1, rate: int = SAMPLE_RATE) -> bytes:
    """The 44 bytes before `data_bytes` of 16-bit PCM; sizes beyond 4 GiB stay at the limit."""
    block = 2 * channels
    return _HEADER.pack(
        b"RIFF",
        min(data_bytes + HEADER_BYTES - 8, _MAX_SIZE),
        b"WAVE",
        b"fmt ",
        _FORMAT.size,
        _PCM,
        channels,
        rate,
        rate * block,
        block,
        16,
        b"data",
        min(data_bytes, _MAX_SIZE),
    )


def write(path: Path, samples: NDArray[np.int16], *, rate: int = SAMPLE_RATE) -> None:
    """Write mono (n,) or (n, channels) samples; the file appears whole or not at all.

    Raises OSError where it can't be written.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = np.ascontiguousarray(samples, dtype="<i2").tobytes()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(header(len(data), channels=channels, rate=rate) + data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path: Path) -> Wave:
    """Read a file whole. Raises OSError, or WavError for what is no WAV that we read."""
    return parse(path.read_bytes())


def parse(content: bytes) -> Wave:
    """A WAV file's content as samples. Raises WavError."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise WavError("it does not begin like a WAV file")
    layout: bytes | None = None
    position = 12
    while position + _CHUNK.size <= len(content):
        name, size = _CHUNK.unpack_from(content, position)
        position += _CHUNK.size
        if name == b"fmt ":
            layout = content[position : position + size]
        elif name == b"data":
            if layout is None:
                raise WavError("its data comes before its format")
            unfinished = size in (0, _MAX_SIZE)
            return _decode(
                layout, content[position:] if unfinished else content[position : position + size]
            )
        position += size + (size & 1)  # chunks are padded to even lengths
    raise WavError("it has no data")


def _decode(layout: bytes, data: bytes) -> Wave:
    if len(layout) < _FORMAT.size:
        raise WavError("its format is cut short")
    kind, channels, rate, _, block, bits = _FORMAT.unpack_from(layout)
    if kind == _EXTENSIBLE and len(layout) >= 26:
        kind = struct.unpack_from("<H", layout, 24)[0]  # the sub-format's first two bytes
    if not 1 <= channels <= 64 or not 1 <= rate <= 1_000_000:
        raise WavError(f"it claims {channels} channels at {rate} Hz")
    width = block // channels
    if width == 0 or block % channels or width != (bits + 7) // 8:
        raise WavError(f"its blocks of {block} bytes do not fit {channels} channels of {bits} bits")
    data = data[: len(data) // block * block]
    samples = _samples(kind, bits, data)
    return Wave(rate, samples.reshape(-1, channels))


def _samples(kind: int, bits: int, data: bytes) -> NDArray[np.float32]:
    if kind == _PCM and bits == 8:  # the only unsigned one
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / 128.0
    if kind == _PCM and bits == 16:
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768.0
    if kind == _PCM and bits == 24:
        octets = np.frombuffer(data, np.uint8).reshape(-1, 3)
        widened = np.zeros((octets.shape[0], 4), dtype=np.uint8)
        widened[:, 1:] = octets  # as the upper three bytes the sign comes by itself
        return (widened.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    if kind == _PCM and bits == 32:
        return (np.frombuffer(data, "<i4") / 2.0**31).astype(np.float32)
    if kind == _FLOAT and bits in (32, 64):
        # A stranger's file may hold infinities and signalling NaNs; neither is a sample.
        with np.errstate(invalid="ignore", over="ignore"):
            floats = np.frombuffer(data, f"<f{bits // 8}").astype(np.float32)
            return np.clip(np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0), -8.0, 8.0)
    if kind in (_ALAW, _ULAW) and bits == 8:
        table = DECODE[Codec.PCMA if kind == _ALAW else Codec.PCMU]
        return table[np.frombuffer(data, np.uint8)].astype(np.float32) / 32768.0
    raise WavError(f"its format ({kind}, {bits} bits) is none of PCM, float, A-law, mu-law")
