"""The jitter buffer: takes packets as they come, gives a frame every 20 ms.

All legs' buffers are one array (rows, slots, 160) of payload bytes. A stream's
timestamps are cut into frames, counted from `base`; frame f lives in slot f mod 32 and
`slot_frame` says which frame a slot holds, so a packet's place needs no search, order
does not matter, and nothing needs clearing.

The play-out delay is what lies between a packet's coming and its frame's playing, its
*slack* counted in frames. The buffer aims at a least slack of one: every packet comes
at least 20 ms before it is needed. It grows at once when the newest packet is late
(then the frame is played late rather than never), and shrinks by leaving out a frame
when for a second none came with less than two frames to spare. A sender's clock that
is fast or slow against ours is the same thing, slower. Frames are left out or repeated
in silence where there is some (RFC 3550 leaves this to the receiver; ITU-T G.1020
calls it an adaptive buffer with adjustment in silence).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import FRAME
from ccd.media.nodes import SLOTS, Nodes

AHEAD: Final = SLOTS - 8
"""A packet this many frames early is of another timeline: its clock jumped."""

BEHIND: Final = 50
"""So is one a second late."""

DEEP: Final = 6
"""Slack that is got rid of at once, silence or not: 120 ms of needless delay."""

PATIENCE: Final = 3
"""Seconds to wait for a silence before a frame is left out in speech."""

CALM: Final = 500
"""Ticks (10 s) without shrinking after a late packet: jitter comes in clusters."""

QUIET: Final = 256
"""Peak below which a frame counts as silent: -42 dBov."""

_UNKNOWN: Final = 1 << 30


class Playout:
    """The jitter buffers of all legs. Rows handed in are unique within a call."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def put(
        self,
        rows: NDArray[np.int64],
        ts: NDArray[np.int64],
        payload: NDArray[np.uint8],
        tick: int,
    ) -> None:
        """Packets of exactly one frame: extended timestamps (n,), payload (n, 160)."""
        nodes = self._nodes
        offset = ts - nodes.base[rows]
        frame = offset // FRAME
        slack = frame - nodes.play[rows]
        lost = ~nodes.primed[rows] | (slack >= AHEAD) | (slack < -BEHIND)
        if lost.any():
            for at in np.flatnonzero(lost):
                self._synchronise(int(rows[at]), int(ts[at]))
            offset = ts - nodes.base[rows]
        astray = offset % FRAME
        if astray.any():
            # A talk spurt that began between our frames moves the grid, by at most 10 ms.
            nodes.base[rows] += np.where(astray > FRAME // 2, astray - FRAME, astray)
            offset = ts - nodes.base[rows]
        frame = offset // FRAME
        slack = frame - nodes.play[rows]
        late = slack < 0
        if late.any():
            newest = frame > nodes.high[rows]
            self._grow(rows[late & newest], frame[late & newest], tick)
            gone = late & ~newest
            nodes.late[rows[gone]] += 1
            keep = ~gone
            rows, frame, payload, slack = rows[keep], frame[keep], payload[keep], slack[keep]
        slot = frame & (SLOTS - 1)
        nodes.ring[rows, slot] = payload
        nodes.slot_frame[rows, slot] = frame
        nodes.high[rows] = np.maximum(nodes.high[rows], frame)
        nodes.slack[rows] = np.minimum(nodes.slack[rows], np.maximum(slack, 0))

    def put_bytes(self, row: int, ts: int, payload: bytes, silence: int, tick: int) -> None:
        """One packet of any length, which may lie across frames; gaps hold `silence`."""
        nodes = self._nodes
        nodes.depth[row] = 2  # a frame may have to wait for the packet with its other half
        slack = (ts - int(nodes.base[row])) // FRAME - int(nodes.play[row])
        if not nodes.primed[row] or slack >= AHEAD or slack < -BEHIND:
            self._synchronise(row, ts)
        offset = ts - int(nodes.base[row])
        first = offset // FRAME
        slack = first - int(nodes.play[row])
        if slack < 0:
            if first < nodes.high[row]:
                nodes.late[row] += 1
                return
            self._grow(np.array([row]), np.array([first]), tick)
        data = np.frombuffer(payload, np.uint8)
        while data.size:
            frame, begin = divmod(offset, FRAME)
            slot = frame & (SLOTS - 1)
            if nodes.slot_frame[row, slot] != frame:
                nodes.slot_frame[row, slot] = frame
                nodes.ring[row, slot] = silence
            piece = data[: FRAME - begin]
            nodes.ring[row, slot, begin : begin + piece.size] = piece
            nodes.high[row] = max(int(nodes.high[row]), frame)
            offset += piece.size
            data = data[piece.size :]
        nodes.slack[row] = min(int(nodes.slack[row]), max(slack, 0))

    def take(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
        """The frames to play now: payload (n, 160), whether there is one, whether one was due."""
        nodes = self._nodes
        play = nodes.play[rows]
        slot = play & (SLOTS - 1)
        due = nodes.primed[rows]
        have = due & (nodes.slot_frame[rows, slot] == play)
        missing = due & ~have
        nodes.play[rows] = play + due
        if missing.any():
            self._account(rows[missing])
        return nodes.ring[rows, slot], have, missing

    def _account(self, rows: NDArray[np.int64]) -> None:
        """Frames that are filled in: lost for certain, or perhaps."""
        nodes = self._nodes
        known = nodes.owed[rows] > 0
        nodes.owed[rows] -= known
        nodes.concealed[rows] += known
        nodes.hole[rows] += ~known

    def settle(self, rows: NDArray[np.int64], have: NDArray[np.bool_]) -> None:
        """After `take`, with the frames decoded: leave out or repeat one where it does least harm."""
        nodes = self._nodes
        wanted = nodes.adjust[rows]
        if not wanted.any():
            return
        at = np.flatnonzero(wanted)
        some, wanted = rows[at], wanted[at]
        loud = np.abs(nodes.frame[some]).max(axis=1) >= QUIET
        loud &= have[at]
        nodes.play[some[(wanted < 0) & ~loud]] -= 1
        skip = (wanted > 0) & (~loud | (wanted > PATIENCE))
        nodes.play[some[skip]] += 1
        nodes.adjust[some[~loud | skip]] = 0

    def adapt(self, tick: int) -> None:
        """Once a second: see how early packets came, and what to do about it."""
        nodes = self._nodes
        rows = np.flatnonzero(nodes.listening & nodes.primed)
        if not rows.size:
            return
        slack = nodes.slack[rows]
        heard = slack < _UNKNOWN
        deep = heard & (slack > 1) & (nodes.calm_until[rows] <= tick)
        adjust = np.where(deep, np.maximum(nodes.adjust[rows], 0) + 1, 0)
        adjust[deep & (slack >= DEEP)] = PATIENCE + 1
        adjust[heard & (slack == 0)] = -1
        nodes.adjust[rows] = adjust
        nodes.slack[rows] = _UNKNOWN

    def _synchronise(self, row: int, ts: int) -> None:
        """Begin a timeline with this timestamp, in frame numbers no slot has seen."""
        nodes = self._nodes
        frame = max(int(nodes.high[row]), int(nodes.play[row])) + 2 * SLOTS
        nodes.base[row] = ts - frame * FRAME
        nodes.play[row] = frame - int(nodes.depth[row])
        nodes.high[row] = frame - 1
        nodes.slack[row] = _UNKNOWN
        nodes.adjust[row] = 0
        nodes.hole[row] = nodes.owed[row] = 0
        nodes.primed[row] = True

    def _grow(self, rows: NDArray[np.int64], frame: NDArray[np.int64], tick: int) -> None:
        nodes = self._nodes
        nodes.concealed[rows] += np.minimum(nodes.hole[rows], nodes.play[rows] - frame)
        nodes.hole[rows] = 0
        nodes.play[rows] = frame
        nodes.calm_until[rows] = tick + CALM
