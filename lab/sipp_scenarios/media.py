"""Make the captures that the scenarios play: RTP as SIPp's `play_pcap_audio` wants it.

Run `python -m lab.sipp_scenarios.media FOLDER` once, then SIPp with FOLDER as its working
folder. Made rather than kept: no binary belongs in a repository when thirty lines can make it.

A capture is one RTP stream: G.711 µ-law every 20 ms, in it, where a key is pressed, RFC 4733
events in the place of the audio. SIPp replays it with its own addresses and ports; sequence
numbers, time stamps and SSRC stay as they are here.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

FRAME = 160
"""Samples in 20 ms at 8 kHz."""

CALLER_HZ = 523
AGENT_HZ = 659
"""The pitch of each side's voice, so that a listener can tell who speaks."""

EVENTS = "0123456789*#ABCD"
PCMU, TELEPHONE_EVENT = 0, 101


def ulaw(sample: int) -> int:
    """Encode one 16 bit sample (ITU-T G.711, table 2a)."""
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | mantissa) & 0xFF


def voice(hertz: int) -> bytes:
    """Make a voice of sorts: one second of a steady pitch at -13 dBm0, in µ-law, to be looped."""
    return bytes(ulaw(round(6500 * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(8000))


def rtp_stream(
    seconds: float, sound: bytes, digit: str = "", digit_at: float = 0.0
) -> Iterator[tuple[float, bytes]]:
    """Give each packet of a stream and when it is due, in seconds."""
    sequence, ssrc = 1, 0x0CCD0001
    pressed = range(int(digit_at * 50), int(digit_at * 50) + 8) if digit else range(0)
    for frame in range(int(seconds * 50)):
        first = frame * FRAME
        due = frame * 0.02
        if frame not in pressed:
            payload = sound[first % len(sound) :][:FRAME]
            # A marker begins a talk spurt (RFC 3551, 4.1): the first, and the one after a key.
            marker = frame == 0 or frame - 1 in pressed
            yield due, _packet(PCMU, marker, sequence, first, ssrc, payload)
            sequence += 1
            continue
        count = frame - pressed.start + 1
        last = count == len(pressed)
        body = struct.pack("!BBH", EVENTS.index(digit), (0x80 if last else 0) | 10, count * FRAME)
        stamp = pressed.start * FRAME
        for _ in range(3 if last else 1):  # RFC 4733, 2.5.1.4: the end is said three times
            yield due, _packet(TELEPHONE_EVENT, count == 1, sequence, stamp, ssrc, body)
            sequence += 1


def _packet(kind: int, marker: bool, sequence: int, stamp: int, ssrc: int, body: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, kind | marker << 7, sequence, stamp, ssrc) + body


def write_capture(path: Path, stream: Iterator[tuple[float, bytes]]) -> Path:
    """Write a pcap file of Ethernet frames; addresses and ports are SIPp's to replace."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for due, payload in stream:
        udp = struct.pack("!HHHH", 10000, 10000, 8 + len(payload), 0) + payload
        loopback = bytes((127, 0, 0, 1))
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + loopback * 2
        frame = bytes(12) + b"\x08\x00" + ip + udp
        seconds, micros = divmod(round(due * 1_000_000), 1_000_000)
        records.append(struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(records))
    return path


def write_all(folder: Path, *, seconds: float = 60.0, digit_at: float = 1.0) -> None:
    """Write every capture that the scenarios name; the key is pressed `digit_at` seconds in."""
    folder.mkdir(parents=True, exist_ok=True)
    caller, agent = voice(CALLER_HZ), voice(AGENT_HZ)
    write_capture(folder / "caller_speech.pcap", rtp_stream(seconds, caller))
    write_capture(folder / "caller_digit_1.pcap", rtp_stream(seconds, caller, "1", digit_at))
    write_capture(folder / "agent_speech.pcap", rtp_stream(seconds, agent))


if __name__ == "__main__":
    write_all(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
