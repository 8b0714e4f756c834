"""The jitter buffer: takes packets as they come, gives a frame every 20 ms.

All legs' buffers are one array (rows, slots, 160) of payload bytes. A stream's
timestamps are cut into frames, counted from `base`; frame f lives in slot f mod 32 and
`slot_frame` says which frame a slot holds, so a packet's place needs no search, order
does not matter, and nothing needs clearing.

The play-out delay is what lies between a packet's coming and its frame's playing: its
*margin*. The buffer wants the least margin of a second to be between 10 and 30 ms. It
grows at once when the newest packet is late (then the frame is played late rather than
never), and shrinks by leaving out frames when for a second every packet came early; the
more often it had to grow of late, the longer it waits with that. A sender's clock that
is fast or slow against ours is the same thing, slower. Frames are left out or repeated
in silence where there is some (RFC 3550 leaves this to the receiver; ITU-T G.1020
calls it an adaptive buffer with adjustment in silence).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import FRAME
from ccd.media.nodes import SLOTS, Nodes
from ccd.media.protocol import FRAME_MS

AHEAD: Final = SLOTS - 8
"""A packet this many frames early is of another timeline: its clock jumped."""

BEHIND: Final = 50
"""So is one a second late."""

ENOUGH_MS: Final = 10
"""Least margin wanted: two of our beats."""

LITTLE_MS: Final = 5
"""Below it a frame is repeated, if there is a silence to do it in."""

DEEP_MS: Final = 120
"""Least margin that is not left to wait for a silence: needless delay."""

PATIENCE: Final = 3
"""Seconds to wait for a silence before a frame is left out in speech."""

CALM: Final = 250
"""Ticks (5 s) without shrinking after a late packet: jitter comes in clusters ..."""

UNREST: Final = 5
"""... and doubled so many times at most, as it comes again and again: 160 s."""

QUIET: Final = 256
"""Peak below which a frame counts as silent: -42 dBov."""

_UNKNOWN: Final = 1 << 30


class Moment(NamedTuple):
    """When a batch is dealt with: the frame's number, and how long it is to the next one."""

    tick: int
    left_ms: int


class Playout:
    """The jitter buffers of all legs. Rows handed in are unique within a call."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def put(
        self,
        rows: NDArray[np.int64],
        ts: NDArray[np.int64],
        payload: NDArray[np.uint8],
        when: Moment,
    ) -> None:
        """Packets of exactly one frame: extended timestamps (n,), payload (n, 160)."""
        nodes = self._nodes
        offset = ts - nodes.base[rows]
        frame = offset // FRAME
        slack = frame - nodes.play[rows]
        lost = ~nodes.primed[rows] | (slack >= AHEAD) | (slack < -BEHIND)
        if lost.any():
            for at in np.flatnonzero(lost):
                self._synchronise(int(rows[at]), int(ts[at]), when)
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
            self._grow(rows[late & newest], frame[late & newest], when.tick)
            gone = late & ~newest
            nodes.late[rows[gone]] += 1
            keep = ~gone
            rows, frame, payload, slack = rows[keep], frame[keep], payload[keep], slack[keep]
        slot = frame & (SLOTS - 1)
        nodes.ring[rows, slot] = payload
        nodes.slot_frame[rows, slot] = frame
        nodes.high[rows] = np.maximum(nodes.high[rows], frame)
        margin = np.maximum(slack, 0) * FRAME_MS + when.left_ms
        nodes.margin[rows] = np.minimum(nodes.margin[rows], margin)

    def put_bytes(self, row: int, ts: int, payload: bytes, silence: int, when: Moment) -> None:
        """One packet of any length, which may lie across frames; gaps hold `silence`."""
        nodes = self._nodes
        nodes.extra[row] = 1  # a frame may have to wait for the packet with its other half
        slack = (ts - int(nodes.base[row])) // FRAME - int(nodes.play[row])
        if not nodes.primed[row] or slack >= AHEAD or slack < -BEHIND:
            self._synchronise(row, ts, when)
        offset = ts - int(nodes.base[row])
        first = offset // FRAME
        slack = first - int(nodes.play[row])
        if slack < 0:
            if first < nodes.high[row]:
                nodes.late[row] += 1
                return
            self._grow(np.array([row]), np.array([first]), when.tick)
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
        margin = max(slack, 0) * FRAME_MS + when.left_ms
        nodes.margin[row] = min(int(nodes.margin[row]), margin)

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

    def settle(
        self, rows: NDArray[np.int64], have: NDArray[np.bool_], frames: NDArray[np.int16]
    ) -> None:
        """After `take`, with the frames decoded: leave out or repeat one where it does least harm."""
        nodes = self._nodes
        wanted = nodes.adjust[rows]
        if not wanted.any():
            return
        at = np.flatnonzero(wanted)
        some, wanted = rows[at], wanted[at]
        quiet = (np.abs(frames[at]).max(axis=1) < QUIET) | ~have[at]
        impatient = nodes.waited[some] >= PATIENCE
        step = np.where(quiet | ((wanted > 0) & impatient), np.sign(wanted), 0)
        nodes.play[some] += step
        nodes.adjust[some] = np.where(quiet, wanted - step, np.where(step, 0, wanted))

    def adapt(self, tick: int) -> None:
        """Once a second: see how early packets came, and what to do about it."""
        nodes = self._nodes
        rows = np.flatnonzero(nodes.listening & nodes.primed)
        if not rows.size:
            return
        margin = nodes.margin[rows]
        heard = margin < _UNKNOWN
        deep = heard & (margin >= ENOUGH_MS + FRAME_MS) & (nodes.calm_until[rows] <= tick)
        # In silence all that is too much goes at once, in speech a frame a second.
        spare = (margin - ENOUGH_MS) // FRAME_MS
        nodes.adjust[rows] = np.where(deep, spare, np.where(heard & (margin < LITTLE_MS), -1, 0))
        nodes.waited[rows] = np.where(deep, nodes.waited[rows] + 1, 0)
        nodes.waited[rows[deep & (margin >= DEEP_MS)]] = PATIENCE
        nodes.unrest[rows] -= deep & (nodes.unrest[rows] > 0)
        nodes.margin[rows] = _UNKNOWN

    def _synchronise(self, row: int, ts: int, when: Moment) -> None:
        """Begin a timeline with this timestamp, in frame numbers no slot has seen."""
        nodes = self._nodes
        frame = max(int(nodes.high[row]), int(nodes.play[row])) + 2 * SLOTS
        nodes.base[row] = ts - frame * FRAME
        nodes.play[row] = frame - int(nodes.extra[row]) - (when.left_ms < ENOUGH_MS)
        nodes.high[row] = frame - 1
        nodes.margin[row] = _UNKNOWN
        nodes.adjust[row] = 0
        nodes.hole[row] = nodes.owed[row] = 0
        nodes.primed[row] = True

    def _grow(self, rows: NDArray[np.int64], frame: NDArray[np.int64], tick: int) -> None:
        nodes = self._nodes
        nodes.concealed[rows] += np.minimum(nodes.hole[rows], nodes.play[rows] - frame)
        nodes.hole[rows] = 0
        nodes.play[rows] = frame
        nodes.unrest[rows] = np.minimum(nodes.unrest[rows] + 1, UNREST)
        nodes.calm_until[rows] = tick + (CALM << nodes.unrest[rows] - 1)
