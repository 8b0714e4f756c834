"""Digits to a leg's peer: RFC 4733 events in place of its audio, one press after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ccd.media.codecs import FRAME
from ccd.media.dtmf import EventSender
from ccd.media.nodes import Nodes
from ccd.media.transmission import Transmitter


class Dialling:
    """Legs that are sending events. A leg in here has its `busy` column set."""

    def __init__(self, nodes: Nodes, transmitter: Transmitter) -> None:
        self._nodes = nodes
        self._transmitter = transmitter
        self._queues: dict[int, deque[tuple[EventSender, Callable[[], None]]]] = {}
        self._base: dict[int, int] = {}

    def add(self, row: int, sender: EventSender, done: Callable[[], None]) -> None:
        """Send these digits after those that are being sent; `done` is called at their end."""
        self._queues.setdefault(row, deque()).append((sender, done))
        self._nodes.busy[row] = True

    def forget(self, row: int) -> None:
        """The leg is gone."""
        self._queues.pop(row, None)
        self._base.pop(row, None)

    def step(self, row: int, tick: int) -> bool:
        """A frame of a busy leg: send its event packets; False if it has audio to send instead."""
        nodes = self._nodes
        queue = self._queues[row]
        sender, done = queue[0]
        base = self._base.setdefault(row, int(nodes.tx_ts[row]))
        packets = sender.next_frame()
        for packet in packets:
            self._transmitter.send_one(
                row,
                int(nodes.event_pt[row]),
                packet.marker,
                int(nodes.tx_seq[row]),
                base + packet.offset & 0xFFFF_FFFF,
                packet.payload,
            )
            nodes.tx_seq[row] = int(nodes.tx_seq[row]) + 1 & 0xFFFF
            nodes.last_out[row] = tick
        if packets:
            nodes.tx_ts[row] = int(nodes.tx_ts[row]) + FRAME & 0xFFFF_FFFF
            nodes.tx_marker[row] = True  # the next audio begins a talk spurt
        if sender.finished:
            queue.popleft()
            del self._base[row]
            if not queue:
                del self._queues[row]
                nodes.busy[row] = False
            done()
        return bool(packets)
