"""DTMF as RTP events (RFC 4733).

A press is a train of four-byte payloads which all carry the RTP timestamp of its
beginning and a duration that grows; the last has the end bit and comes three times.
Any of them may be lost, doubled or overtaken, so the receiver tells presses apart by
their timestamps alone, and the sender relies on no single packet.

    0                   1                   2                   3
    |     event     |E|R| volume    |          duration             |
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import Final, NamedTuple

from ccd.media.codecs import FRAME
from ccd.media.protocol import FRAME_MS, SAMPLE_RATE
from ccd.media.tones import check_digits

EVENTS: Final = "0123456789*#ABCD"
"""Digits by event code (RFC 4733, table 3)."""

_PAYLOAD = struct.Struct("!BBH")

_END = 0x80

_MAX_DURATION = 0xFFFF
"""Of one segment, in samples: longer presses go on in the next one (RFC 4733 2.5.1.3)."""

_END_PACKETS = 3
"""RFC 4733 2.5.1.4."""

_GAP_FLOOR = 40 * SAMPLE_RATE // 1000
"""Two presses of one key are at least 40 ms apart (ITU-T Q.24), shorter is one press."""

_REMEMBERED = 256
"""Presses whose late packets are recognised; above a minute of the fastest dialling."""

_TIMESTAMPS = 1 << 32


def _ahead(later: int, earlier: int) -> int:
    """How many samples `later` follows `earlier`, timestamps modulo 2**32."""
    return (later - earlier + _TIMESTAMPS // 2) % _TIMESTAMPS - _TIMESTAMPS // 2


class _Segment:
    """What is known of one event of one timestamp: a press, or a part of a long one."""

    __slots__ = ("duration", "ended")

    def __init__(self) -> None:
        self.duration = 0
        self.ended = False


class EventReceiver:
    """Digits out of one peer's event packets, each once, as soon as it is known."""

    def __init__(self) -> None:
        self._segments: OrderedDict[tuple[int, int], _Segment] = OrderedDict()

    def feed(self, payload: bytes, timestamp: int, marker: bool) -> str | None:
        """The digit that this packet begins; None for all its further packets.

        `timestamp` is the RTP timestamp. A press whose first packets are lost is
        told with the first that comes; one that comes late is told late. What is no
        DTMF event (flash, tones, garbage) is None.
        """
        if len(payload) < _PAYLOAD.size:
            return None
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(EVENTS):
            return None
        key = event, timestamp
        segment = self._segments.get(key)
        new = segment is None
        begins = new and not self._goes_on(event, timestamp, duration, marker)
        if segment is None:
            segment = self._segments[key] = _Segment()
            if len(self._segments) > _REMEMBERED:
                self._segments.popitem(last=False)
        segment.duration = max(segment.duration, duration)
        segment.ended = segment.ended or bool(flags & _END)
        return EVENTS[event] if begins else None

    def reset(self) -> None:
        """Forget every press: the peer began a new stream (a new SSRC)."""
        self._segments.clear()

    def _goes_on(self, event: int, timestamp: int, duration: int, marker: bool) -> bool:
        """Whether a packet of an unknown timestamp belongs to a press already told."""
        for (known_event, start), segment in reversed(self._segments.items()):
            if known_event != event:
                continue
            after = _ahead(timestamp, start)
            if 0 < after < segment.duration or 0 < -after < duration:
                # A press can't begin within itself: a gateway that moves the timestamp
                # with every packet, against the RFC.
                return True
            if _is_next_segment(after) and not segment.ended and not marker:
                return True
            if _is_next_segment(-after):
                return True  # the next segment overtook the end of this one
            if 0 < after < segment.duration + _GAP_FLOOR and not segment.ended and not marker:
                return True
        return False


def _is_next_segment(samples: int) -> bool:
    """Whether segments so far apart are neighbours in one long press.

    The RFC's are 0xFFFF apart; some senders stop at the last whole packet before it
    (up to 60 ms earlier).
    """
    return _MAX_DURATION - 480 <= samples <= _MAX_DURATION + 1


class EventPacket(NamedTuple):
    """One event packet to send, in a frame where no voice is sent."""

    payload: bytes
    offset: int
    """Add this to the RTP timestamp of the frame in which the sender was first asked."""
    marker: bool


class EventSender:
    """Digits as event packets, for one leg, one `next_frame()` a 20 ms frame.

        base = leg.timestamp                    # of the first frame
        for packet in sender.next_frame():      # () in a gap: send voice as usual
            send(packet.payload, timestamp=base + packet.offset, marker=packet.marker)
        if sender.finished: ...                 # the last packet is out, its gap is over

    A press is an update a frame and three end packets, the second and third in the two
    frames after it. Times are rounded up to whole frames; the gap is at least three
    frames, so that end packets never meet the next press. `volume` is the tone's power
    in -dBm0 (0 to 63).
    """

    def __init__(
        self, digits: str, on_ms: int = 100, gap_ms: int = 60, *, volume: int = 10
    ) -> None:
        """Raise ValueError for what is no DTMF digit, and for times or volumes out of range."""
        if on_ms <= 0 or gap_ms < 0:
            raise ValueError(f"a digit of {on_ms} ms and a gap of {gap_ms} ms: must be positive")
        if not 0 <= volume <= 63:
            raise ValueError(f"volume {volume}: must be 0 to 63 (-dBm0)")
        self._events = [EVENTS.index(digit) for digit in check_digits(digits)]
        self._volume = volume
        self._on = -(-on_ms // FRAME_MS)
        self._gap = max(-(-gap_ms // FRAME_MS), _END_PACKETS)
        self._frame = 0

    @property
    def finished(self) -> bool:
        """Every packet is out and the last digit's gap is over."""
        return self._frame >= len(self._events) * (self._on + self._gap)

    def next_frame(self) -> tuple[EventPacket, ...]:
        """Packets due in this frame, in the order to send them; moves to the next frame."""
        if self.finished:
            return ()
        index, frame = divmod(self._frame, self._on + self._gap)
        start = (self._frame - frame) * FRAME
        self._frame += 1
        # The packet at the end of a press is repeated in the two frames after it.
        ending = frame >= self._on - 1
        if frame > self._on + _END_PACKETS - 2:
            return ()
        elapsed = min(frame + 1, self._on) * FRAME
        return self._update(self._events[index], start, elapsed, ending, frame == 0)

    def _update(
        self, event: int, start: int, elapsed: int, ending: bool, first: bool
    ) -> tuple[EventPacket, ...]:
        """One state of a press, in the segment that `elapsed` samples fall into."""
        full, duration = divmod(elapsed - 1, _MAX_DURATION)
        duration += 1
        packets = []
        if full and duration <= FRAME and not ending:
            # The first packet of a new segment: say first that the old one was full.
            offset = start + (full - 1) * _MAX_DURATION
            packets.append(EventPacket(self._payload(event, _MAX_DURATION, False), offset, False))
        offset = start + full * _MAX_DURATION
        packets.append(EventPacket(self._payload(event, duration, ending), offset, first))
        return tuple(packets)

    def _payload(self, event: int, duration: int, end: bool) -> bytes:
        return _PAYLOAD.pack(event, self._volume | (_END if end else 0), duration)
