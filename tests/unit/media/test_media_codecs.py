"""G.711 against its definition, and against the interpreter's own implementation."""

import warnings

import numpy as np
import pytest

from ccd.media.codecs import (
    CODEC_INDEX,
    DECODE,
    DECODE_TABLE,
    ENCODE,
    ENCODE_TABLE,
    FRAME,
    SILENCE,
    decode,
    encode,
)
from ccd.media.level import amplitude, level_dbm0
from ccd.media.protocol import Codec

EVERY_SAMPLE = np.arange(65536, dtype=np.uint16).view(np.int16)
EVERY_BYTE = np.arange(256, dtype=np.uint8)


@pytest.fixture(scope="module")
def audioop():
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return pytest.importorskip("audioop", reason="left the standard library with 3.13")


@pytest.mark.parametrize(
    ("codec", "name"), [(Codec.PCMU, "ulaw"), (Codec.PCMA, "alaw")], ids=["mu-law", "A-law"]
)
def test_all_samples_and_bytes_agree_with_audioop(codec, name, audioop):
    encoded = getattr(audioop, f"lin2{name}")(EVERY_SAMPLE.tobytes(), 2)
    assert encode(codec, EVERY_SAMPLE) == encoded
    decoded = getattr(audioop, f"{name}2lin")(EVERY_BYTE.tobytes(), 2)
    assert decode(codec, EVERY_BYTE.tobytes()).tobytes() == decoded


@pytest.mark.parametrize("codec", Codec)
def test_recoding_a_decoded_byte_changes_nothing(codec):
    once = DECODE[codec][EVERY_BYTE]
    again = DECODE[codec][ENCODE[codec][once.view(np.uint16)]]
    np.testing.assert_array_equal(once, again)


def test_character_signals_of_the_recommendation():
    # G.711 tables 1a and 2a: the largest values, the first ones, and the sign bit.
    assert DECODE[Codec.PCMU][0x80] == 32124
    assert DECODE[Codec.PCMU][0x00] == -32124
    assert DECODE[Codec.PCMU][0xFF] == DECODE[Codec.PCMU][0x7F] == 0
    assert DECODE[Codec.PCMA][0xAA] == 32256
    assert DECODE[Codec.PCMA][0x2A] == -32256
    assert DECODE[Codec.PCMA][0xD5] == 8
    assert DECODE[Codec.PCMA][0x55] == -8
    assert SILENCE == {Codec.PCMU: 0xFF, Codec.PCMA: 0xD5}


def test_the_reference_sequence_is_0_dbm0():
    # G.711 tables 5 and 6 (0.03 dB between the laws is the scale of level.py): these eight characters, repeated, are a 1 kHz sine of 0 dBm0.
    reference = {
        Codec.PCMU: bytes((0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E)),
        Codec.PCMA: bytes((0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4)),
    }
    for codec, characters in reference.items():
        assert level_dbm0(decode(codec, characters * 100)) == pytest.approx(0.0, abs=0.08)


@pytest.mark.parametrize("codec", Codec)
def test_quantising_distortion_is_that_of_companding(codec):
    # G.712: better than 33 dB signal to distortion for sines of -30 to 0 dBm0.
    time = np.arange(8000) / 8000
    for level in (-30.0, -20.0, -10.0, 0.0):
        sine = np.round(amplitude(level) * np.sin(2 * np.pi * 1020 * time)).astype(np.int16)
        error = decode(codec, encode(codec, sine)).astype(float) - sine
        ratio = 10 * np.log10(np.mean(sine.astype(float) ** 2) / np.mean(error**2))
        assert ratio > 33.0


def test_legs_of_both_laws_are_converted_together():
    rng = np.random.default_rng(7)
    payloads = rng.integers(0, 256, (50, FRAME), dtype=np.uint8)
    codecs = rng.integers(0, len(CODEC_INDEX), 50)
    together = DECODE_TABLE[codecs[:, None], payloads]
    back = ENCODE_TABLE[codecs[:, None], together.view(np.uint16)]
    names = list(CODEC_INDEX)
    for row, index in enumerate(codecs):
        alone = decode(names[index], payloads[row].tobytes())
        np.testing.assert_array_equal(together[row], alone)
        assert back[row].tobytes() == encode(names[index], alone)


def test_tables_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        DECODE_TABLE[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        ENCODE_TABLE[0, 0] = 1
