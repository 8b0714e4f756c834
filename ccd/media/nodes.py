"""Everything the bay knows of its nodes, a row each, a column a fact.

Legs, players, recorder channels and detectors share one table, so that an edge is two
row numbers and a source's frame is `frame[row]`, whatever it is. Who owns which columns:

    what and where       the bay            kind, node, port, remote, codec …
    rx_*, counts         `reception`        RFC 3550's per-source state
    ring, play, base …   `playout`          the jitter buffer
    tx_*, relay_*        `transmission`, `relay`
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import FRAME
from ccd.media.table import Column, Table

SLOTS: Final = 32
"""Frames a jitter buffer holds, played and to come: 640 ms; a power of two."""

HISTORY: Final = 128
"""Sequence numbers remembered to tell duplicates; above RFC 3550's MAX_MISORDER of 100."""

NONE: Final = -1


class Kind(IntEnum):
    """What a row is."""

    FREE = 0
    LEG = 1
    PLAYER = 2
    RECORDER = 3
    """One of a recorder's two channels."""
    DETECTOR = 4


class Nodes(Table):
    """See the module's description; every column is (capacity, …)."""

    COLUMNS: ClassVar[Mapping[str, Column]] = {
        "kind": Column(np.uint8),
        "node": Column(np.int64),
        "frame": Column(np.int16, 0, (FRAME,)),
        # a leg: what was agreed
        "port": Column(np.int64),
        "codec": Column(np.int64),
        "pt": Column(np.uint8),
        "event_pt": Column(np.int64, NONE),
        "rx_pt": Column(np.uint8),
        "rx_event_pt": Column(np.int64, NONE),
        "ptime": Column(np.int64, 20),
        "send": Column(bool),
        "receive": Column(bool),
        "timeout": Column(np.float64),
        "remote": Column(np.uint64),
        "sockaddr": Column(np.uint8, 0, (16,)),
        # what comes in: one stream at a time
        "rx_on": Column(bool),
        "rx_ssrc": Column(np.int64),
        "rx_ext": Column(np.int64),
        "rx_first": Column(np.int64),
        "rx_ts": Column(np.int64),
        "rx_transit": Column(np.int64),
        "rx_jitter": Column(np.float64, -1.0),
        "last_rx": Column(np.float64),
        "timed_out": Column(bool),
        "odd": Column(bool),
        "cand_ssrc": Column(np.int64, NONE),
        "cand_seq": Column(np.int64, NONE),
        "seen": Column(np.int64, NONE, (HISTORY,)),
        # counts over all streams of the leg
        "expected_before": Column(np.int64),
        "received": Column(np.int64),
        "duplicate": Column(np.int64),
        "reordered": Column(np.int64),
        "late": Column(np.int64),
        "stray": Column(np.int64),
        "concealed": Column(np.int64),
        "bursts": Column(np.int64),
        # the jitter buffer
        "ring": Column(np.uint8, 0, (SLOTS, FRAME)),
        "slot_frame": Column(np.int64, NONE, (SLOTS,)),
        "listening": Column(bool),
        "primed": Column(bool),
        "play": Column(np.int64),
        "high": Column(np.int64),
        "base": Column(np.int64),
        "extra": Column(np.int64),
        "margin": Column(np.int64),
        "unrest": Column(np.int64),
        "calm_until": Column(np.int64),
        "adjust": Column(np.int64),
        "waited": Column(np.int64),
        "hole": Column(np.int64),
        "owed": Column(np.int64),
        # what goes out
        "tx_ssrc": Column(np.int64),
        "tx_seq": Column(np.int64),
        "tx_ts": Column(np.int64),
        "tx_marker": Column(bool),
        "tx_packets": Column(np.int64),
        "tx_octets": Column(np.int64),
        "last_out": Column(np.int64),
        "busy": Column(bool),
        "relay_sink": Column(np.int64, NONE),
        "relay_source": Column(np.int64, NONE),
        "relay_seq": Column(np.int64),
        "relay_ts": Column(np.int64),
    }
    KEEP: ClassVar[frozenset[str]] = frozenset({"ring"})

    kind: NDArray[np.uint8]
    node: NDArray[np.int64]
    """The core's number."""
    frame: NDArray[np.int16]
    """What a source says in this frame, (capacity, 160)."""

    port: NDArray[np.int64]
    """Local port, by index."""
    codec: NDArray[np.int64]
    """Row of the codec tables."""
    pt: NDArray[np.uint8]
    """Payload type of what goes out."""
    event_pt: NDArray[np.int64]
    """RFC 4733's, -1 for none."""
    rx_pt: NDArray[np.uint8]
    """Payload types of what comes in; nearly always the same."""
    rx_event_pt: NDArray[np.int64]
    ptime: NDArray[np.int64]
    send: NDArray[np.bool_]
    receive: NDArray[np.bool_]
    timeout: NDArray[np.float64]
    remote: NDArray[np.uint64]
    """Where we send to, as a place; 0: not known yet."""
    sockaddr: NDArray[np.uint8]

    rx_on: NDArray[np.bool_]
    """A stream was accepted."""
    rx_ssrc: NDArray[np.int64]
    rx_ext: NDArray[np.int64]
    """Highest sequence number, extended by its cycles."""
    rx_first: NDArray[np.int64]
    rx_ts: NDArray[np.int64]
    """Highest timestamp of audio, extended."""
    rx_transit: NDArray[np.int64]
    rx_jitter: NDArray[np.float64]
    """RFC 3550 6.4.1, in samples; -1 before the first packet."""
    last_rx: NDArray[np.float64]
    timed_out: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    """The peer sends other packets than plain ones of 20 ms; they can't be relayed as they are."""
    cand_ssrc: NDArray[np.int64]
    cand_seq: NDArray[np.int64]
    """A second packet with these starts a new stream (RFC 3550, A.1)."""
    seen: NDArray[np.int64]

    expected_before: NDArray[np.int64]
    """Packets expected of earlier streams."""
    received: NDArray[np.int64]
    duplicate: NDArray[np.int64]
    reordered: NDArray[np.int64]
    late: NDArray[np.int64]
    stray: NDArray[np.int64]
    concealed: NDArray[np.int64]
    """Frames."""
    bursts: NDArray[np.int64]
    """Runs of lost packets; with their number, how bursty loss is."""

    ring: NDArray[np.uint8]
    slot_frame: NDArray[np.int64]
    """Which frame a slot holds."""
    listening: NDArray[np.bool_]
    """Somebody but a relay hears the leg: its packets go through the buffer."""
    primed: NDArray[np.bool_]
    play: NDArray[np.int64]
    """The frame to be played next."""
    high: NDArray[np.int64]
    base: NDArray[np.int64]
    """Extended timestamp of frame 0."""
    extra: NDArray[np.int64]
    """Frames of delay beyond what a packet of 20 ms needs."""
    margin: NDArray[np.int64]
    """How long before its playing, in ms, the least early packet of this second came."""
    unrest: NDArray[np.int64]
    """How often of late the delay had to grow."""
    calm_until: NDArray[np.int64]
    adjust: NDArray[np.int64]
    """Frames to leave out (above 0) or to repeat (below) when it is silent."""
    waited: NDArray[np.int64]
    """Seconds for which there were frames to leave out."""
    hole: NDArray[np.int64]
    """Frames filled in since the last packet: loss, or a pause, the next one will tell."""
    owed: NDArray[np.int64]
    """Frames known to be lost that are still to be played."""

    tx_ssrc: NDArray[np.int64]
    tx_seq: NDArray[np.int64]
    """The next packet's."""
    tx_ts: NDArray[np.int64]
    tx_marker: NDArray[np.bool_]
    tx_packets: NDArray[np.int64]
    tx_octets: NDArray[np.int64]
    last_out: NDArray[np.int64]
    """Tick of the last packet sent."""
    busy: NDArray[np.bool_]
    """Digits are being sent in place of audio."""
    relay_sink: NDArray[np.int64]
    """The leg that hears this one at once, without decoding; -1: none."""
    relay_source: NDArray[np.int64]
    """Whom the offsets below are for; -1: the next relayed packet finds them anew."""
    relay_seq: NDArray[np.int64]
    relay_ts: NDArray[np.int64]

    def expected(self, row: int) -> int:
        """Packets that its peer must have sent."""
        present = int(self.rx_ext[row] - self.rx_first[row]) + 1 if self.rx_on[row] else 0
        return int(self.expected_before[row]) + present
