"""Sending: headers for all packets at once, a system call per socket.

Also the two slow ways of sending that a leg may need: packets of another length than
20 ms, and RFC 4733 events in place of audio.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ccd.media import rtp
from ccd.media.batch_io import BatchIO
from ccd.media.codecs import FRAME
from ccd.media.nodes import NONE, Nodes
from ccd.media.sockets import Sockets

PLAIN_PACKET: Final = rtp.HEADER + FRAME


class Transmitter:
    """Builds and sends RTP packets for rows of the node table."""

    def __init__(self, nodes: Nodes, io: BatchIO, sockets: Sockets) -> None:
        self._nodes = nodes
        self._io = io
        self._sockets = sockets
        self.packets = 0
        self.errors = 0
        fields = io.outbound.data[:, : rtp.HEADER]
        fields[:, 0] = rtp.PLAIN
        self._seq = io.outbound.data[:, 2:4].view(">u2")[:, 0]
        self._ts = io.outbound.data[:, 4:8].view(">u4")[:, 0]
        self._ssrc = io.outbound.data[:, 8:12].view(">u4")[:, 0]

    def audio(self, rows: NDArray[np.int64], payload: NDArray[np.uint8], tick: int) -> None:
        """A frame for each row (unique), (n, 160): takes and moves the rows' numbers."""
        nodes = self._nodes
        seq, ts = nodes.tx_seq[rows], nodes.tx_ts[rows]
        second = nodes.pt[rows].astype(np.int64) | nodes.tx_marker[rows].astype(np.int64) << 7
        nodes.tx_seq[rows] = seq + 1 & 0xFFFF
        nodes.tx_ts[rows] = ts + FRAME & 0xFFFF_FFFF
        nodes.tx_marker[rows] = False
        nodes.relay_source[rows] = NONE
        nodes.last_out[rows] = tick
        nodes.tx_packets[rows] += 1
        nodes.tx_octets[rows] += FRAME
        self.send(rows, second, seq, ts, payload)

    def send(
        self,
        rows: NDArray[np.int64],
        second: NDArray[np.int64],
        seq: NDArray[np.int64],
        ts: NDArray[np.int64],
        payload: NDArray[np.uint8],
    ) -> None:
        """Packets of one length with these header fields, in any order of rows."""
        capacity = self._io.outbound.capacity
        if len(rows) > capacity:
            for begin in range(0, len(rows), capacity):
                part = slice(begin, begin + capacity)
                self.send(rows[part], second[part], seq[part], ts[part], payload[part])
            return
        nodes, out, count = self._nodes, self._io.outbound, len(rows)
        ports = nodes.port[rows]
        if (ports[1:] < ports[:-1]).any():
            order = np.argsort(ports, kind="stable")
            rows, second, seq, ts = rows[order], second[order], seq[order], ts[order]
            payload, ports = payload[order], ports[order]
        out.data[:count, 1] = second
        self._seq[:count] = seq
        self._ts[:count] = ts
        self._ssrc[:count] = nodes.tx_ssrc[rows]
        size = payload.shape[1]
        out.data[:count, rtp.HEADER : rtp.HEADER + size] = payload
        out.length[:count] = rtp.HEADER + size
        out.sockaddr[:count] = nodes.sockaddr[rows]
        self._flush(ports)

    def send_one(self, row: int, pt: int, marker: bool, seq: int, ts: int, payload: bytes) -> None:
        """A single packet of any payload."""
        nodes = self._nodes
        nodes.tx_packets[row] += 1
        nodes.tx_octets[row] += len(payload)
        one = np.array([row])
        data = np.frombuffer(payload, np.uint8)[None, :]
        second = np.array([pt | marker << 7])
        self.send(one, second, np.array([seq]), np.array([ts]), data)

    def audio_of(self, row: int, payload: bytes, tick: int) -> None:
        """One packet of audio of any length; takes and moves the row's numbers."""
        nodes = self._nodes
        seq, ts = int(nodes.tx_seq[row]), int(nodes.tx_ts[row])
        self.send_one(row, int(nodes.pt[row]), bool(nodes.tx_marker[row]), seq, ts, payload)
        nodes.tx_marker[row] = False
        nodes.tx_seq[row] = seq + 1 & 0xFFFF
        nodes.tx_ts[row] = ts + len(payload) & 0xFFFF_FFFF
        nodes.last_out[row] = tick

    def _flush(self, ports: NDArray[np.int64]) -> None:
        starts = np.flatnonzero(np.diff(ports, prepend=-1))
        ends = np.append(starts[1:], len(ports))
        for port, start, end in zip(
            ports[starts].tolist(), starts.tolist(), ends.tolist(), strict=True
        ):
            sock = self._sockets.pairs[port].rtp
            self.errors += self._io.send(sock, start, end - start)
        self.packets += len(ports)


class Repacketiser:
    """Makes packets of another length out of frames: 10, 30, 40, 50 or 60 ms."""

    def __init__(self, ptime_ms: int) -> None:
        self._size = ptime_ms * FRAME // 20
        self._rest = b""

    def feed(self, payload: bytes) -> list[bytes]:
        """The packets that this frame completes."""
        data = self._rest + payload
        whole = len(data) // self._size * self._size
        self._rest = data[whole:]
        return [data[at : at + self._size] for at in range(0, whole, self._size)]
