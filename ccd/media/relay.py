"""Relaying: a plain two-party bridge whose payloads pass as they come.

A leg that is heard by just one other, at 0 dB and in its own codec, needs no decoding.
Its packets go out again on the same 5 ms beat with a header of ours: the sink's SSRC and
payload type, and the source's sequence numbers and timestamps moved by a constant, so
that loss, reordering and silence suppression are seen at the far end as they happened
(a translator's duty, RFC 3550, 7.1). The constants are found anew whenever something
else was sent in between, so the sink's numbers never jump.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ccd.media import rtp
from ccd.media.batch_io import Inbound
from ccd.media.codecs import FRAME
from ccd.media.nodes import NONE, Nodes
from ccd.media.transmission import Transmitter


class Relay:
    """Collects a beat's relayed packets and sends them."""

    def __init__(self, nodes: Nodes, transmitter: Transmitter) -> None:
        self._nodes = nodes
        self._transmitter = transmitter
        self._pending: list[tuple[NDArray[np.int64], ...]] = []

    def forward(
        self,
        rows: NDArray[np.int64],
        index: NDArray[np.int64],
        seq: NDArray[np.int64],
        ts: NDArray[np.int64],
        marker: NDArray[np.bool_],
        tick: int,
    ) -> None:
        """Plain 20 ms audio packets (unique rows, each with a sink) from rows `index` of the batch."""
        nodes = self._nodes
        sinks = nodes.relay_sink[rows]
        fresh = nodes.relay_source[sinks] != rows
        if fresh.any():
            self._align(rows[fresh], sinks[fresh], seq[fresh], ts[fresh])
            marker = marker | fresh
        out_seq = seq + nodes.relay_seq[sinks] & 0xFFFF
        out_ts = ts + nodes.relay_ts[sinks] & 0xFFFF_FFFF
        ahead = rtp.signed16(out_seq + 1 - nodes.tx_seq[sinks]) > 0
        moved = sinks[ahead]
        nodes.tx_seq[moved] = out_seq[ahead] + 1 & 0xFFFF
        nodes.tx_ts[moved] = out_ts[ahead] + FRAME & 0xFFFF_FFFF
        nodes.last_out[sinks] = tick
        nodes.tx_packets[sinks] += 1
        nodes.tx_octets[sinks] += FRAME
        second = nodes.pt[sinks].astype(np.int64) | marker.astype(np.int64) << 7
        self._pending.append((sinks, index, out_seq, out_ts, second))

    def forward_event(
        self, row: int, seq: int, ts: int, marker: bool, payload: bytes, tick: int
    ) -> None:
        """One RFC 4733 packet: with the sink's payload type, or not at all."""
        nodes = self._nodes
        sink = int(nodes.relay_sink[row])
        if nodes.relay_source[sink] != row:
            self._align(np.array([row]), np.array([sink]), np.array([seq]), np.array([ts]))
        if nodes.event_pt[sink] == NONE:
            # Left out without a hole that would look like loss.
            nodes.relay_seq[sink] -= 1
            return
        out_seq = seq + int(nodes.relay_seq[sink]) & 0xFFFF
        out_ts = ts + int(nodes.relay_ts[sink]) & 0xFFFF_FFFF
        nodes.tx_seq[sink] = out_seq + 1 & 0xFFFF
        nodes.last_out[sink] = tick
        self._transmitter.send_one(
            sink, int(nodes.event_pt[sink]), marker, out_seq, out_ts, payload
        )

    def flush(self, inbound: Inbound) -> None:
        """Send what was collected; payloads are still in the batch."""
        if not self._pending:
            return
        sinks, index, seq, ts, second = (
            np.concatenate(parts) if len(self._pending) > 1 else parts[0]
            for parts in zip(*self._pending, strict=True)
        )
        self._pending.clear()
        payload = inbound.data[index, rtp.HEADER : rtp.HEADER + FRAME]
        self._transmitter.send(sinks, second, seq, ts, payload)

    def _align(
        self,
        rows: NDArray[np.int64],
        sinks: NDArray[np.int64],
        seq: NDArray[np.int64],
        ts: NDArray[np.int64],
    ) -> None:
        nodes = self._nodes
        nodes.relay_source[sinks] = rows
        nodes.relay_seq[sinks] = nodes.tx_seq[sinks] - seq
        nodes.relay_ts[sinks] = nodes.tx_ts[sinks] - ts
