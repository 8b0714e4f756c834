"""Digits both ways: to a leg's peer as RFC 4733 events or tones, and on to its partner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from ccd.media.board import Board
from ccd.media.codecs import FRAME
from ccd.media.dtmf import EventSender
from ccd.media.nodes import NONE, Kind
from ccd.media.players import Players
from ccd.media.protocol import Sound
from ccd.media.tones import DTMF, DTMF_LEVEL_DBM0, check_digits
from ccd.media.transmission import Transmitter

FORWARDED_ON_MS: Final = 100
"""A digit that passes a bridge which is mixed is made anew, this long ..."""

FORWARDED_GAP_MS: Final = 60
"""... and as long apart from the next."""


class Dialling:
    """Legs that are sending digits. One that sends events has its `busy` column set."""

    def __init__(self, board: Board, transmitter: Transmitter, players: Players) -> None:
        self._board = board
        self._transmitter = transmitter
        self._players = players
        self._queues: dict[int, deque[tuple[EventSender, Callable[[], None]]]] = {}
        self._base: dict[int, int] = {}

    def send(
        self, row: int, digits: str, on_ms: int, gap_ms: int, done: Callable[[], None]
    ) -> None:
        """Send after what is being sent; `done` is called at the end.

        As events where they were agreed, else as tones over what the peer hears. Raises
        ValueError for what is no digit.
        """
        if self._board.nodes.event_pt[row] == NONE:
            self._send_tones(row, check_digits(digits), on_ms, gap_ms, done)
            return
        sender = EventSender(digits, on_ms, gap_ms)
        self._queues.setdefault(row, deque()).append((sender, done))
        self._board.nodes.busy[row] = True
        self._board.change()

    def forward(self, row: int, digit: str) -> None:
        """The peer of `row` pressed a key: whoever hears that leg alone is its partner."""
        nodes, edges = self._board.nodes, self._board.edges
        if nodes.relay_sink[row] != NONE:
            return  # its packets pass as they come
        for sink in edges.sinks_of(row):
            if nodes.kind[sink] == Kind.LEG and sink != row and edges.sources_of(sink) == [row]:
                self.send(sink, digit, FORWARDED_ON_MS, FORWARDED_GAP_MS, lambda: None)

    def forget(self, row: int) -> None:
        """The leg is gone."""
        self._queues.pop(row, None)
        self._base.pop(row, None)

    def step(self, row: int, tick: int) -> bool:
        """A frame of a busy leg: send its event packets; False if it has audio to send instead."""
        nodes = self._board.nodes
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
                self._board.change()
            done()
        return bool(packets)

    def _send_tones(
        self, row: int, digits: str, on_ms: int, gap_ms: int, done: Callable[[], None]
    ) -> None:
        sounds = [
            Sound(frequencies=DTMF[digit], level_dbm0=DTMF_LEVEL_DBM0, on_ms=on_ms, off_ms=gap_ms)
            for digit in digits
        ]
        node = self._board.private()
        player = self._board.take(node, Kind.PLAYER)

        def ended(reason: str, error: str) -> None:
            self._board.drop(node, player)
            done()

        self._players.start(player, sounds, loop=False, ended=ended)
        self._board.edges.connect(player, row, 0.0)
