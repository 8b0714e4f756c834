"""Receiving: whose packet it is, whether it is in order, and what became of the stream.

A batch is looked up, validated and counted as a whole. Packets of one leg in one batch
must be dealt with one after the other, so the batch is cut into rounds in which each
leg has one packet at most; nearly always one round is all. What is not a plain packet
of 20 ms in the agreed codec goes through Python, alone.

Sequence numbers are judged as RFC 3550, A.1 has it: a packet far from the last ones, or
of another SSRC, starts a new stream only when a second one follows it. An unknown
source address is a stranger: counted, never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ccd.media import rtp
from ccd.media.addresses import AddressBook
from ccd.media.batch_io import Inbound
from ccd.media.codecs import CODEC_INDEX, DECODE_TABLE, ENCODE_TABLE, FRAME, SILENCE
from ccd.media.dtmf import EventReceiver
from ccd.media.nodes import HISTORY, NONE, SLOTS, Nodes
from ccd.media.playout import Moment, Playout
from ccd.media.protocol import Codec
from ccd.media.relay import Relay

MAX_DROPOUT: Final = 3000
"""Sequence numbers ahead that are still the same stream (RFC 3550, A.1)."""

MAX_MISORDER: Final = 100

MAX_ROUNDS: Final = 32
"""Packets of one leg in one batch; more than its jitter buffer holds are dropped."""

LATCH_ATTEMPTS: Final = 256
"""Strangers' packets of one batch that a latching leg looks at; a flood is not its peer."""

STATIC_CODECS: Final = {0: Codec.PCMU, 8: Codec.PCMA}
"""Payload types that mean the same to everybody (RFC 3551)."""

_CLOCK_JUMP: Final = 8000
"""A transit time that changes by a second is a clock that was set, not jitter."""

_SAMPLE_NS: Final = 125_000

_CODECS: Final = list(CODEC_INDEX)


class Latching:
    """The legs that wait for their peer on a port of their own, by local port index."""

    def __init__(self) -> None:
        self._legs: dict[int, tuple[int, int, bool]] = {}
        self._candidates: dict[int, tuple[int, int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._legs)

    def add(self, port: int, row: int, place: int, may_latch: bool) -> None:
        """A leg that has the port alone; `place` is what its SDP said, 0 for nothing."""
        self._legs[port] = row, place, may_latch
        self._candidates.pop(port, None)

    def remove(self, port: int, row: int) -> None:
        """The leg found its peer, or is gone."""
        if self._legs.get(port, (NONE,))[0] == row:
            del self._legs[port]
            self._candidates.pop(port, None)

    def ports(self) -> list[int]:
        """Ports that somebody has alone."""
        return list(self._legs)

    def row(self, port: int) -> int:
        """Who has the port."""
        return self._legs[port][0]

    def try_latch(self, port: int, source: int, ssrc: int, seq: int) -> bool:
        """Judge a valid packet from `source`: is this the leg's peer?

        At once where it comes from what SDP promised. From elsewhere (the peer is behind
        a NAT) when a second packet follows the first in order from the same place, so
        that a single stray datagram takes no leg over.
        """
        _, place, may_latch = self._legs[port]
        if not may_latch:
            return False
        if source == place:
            return True
        known = self._candidates.get(port)
        self._candidates[port] = source, ssrc, seq + 1 & 0xFFFF
        return known == (source, ssrc, seq)


class Reception:
    """Takes batches; fills counts and jitter buffers, feeds the relay, tells of digits."""

    def __init__(
        self,
        nodes: Nodes,
        book: AddressBook,
        playout: Playout,
        relay: Relay,
        *,
        on_digit: Callable[[int, str], None],
        on_latched: Callable[[int, int], None],
        on_odd: Callable[[int], None],
        on_rtcp: Callable[[int, int, bytes], None],
        on_error: Callable[[int, BaseException], None],
    ) -> None:
        self._nodes = nodes
        self._book = book
        self._playout = playout
        self._relay = relay
        self._on_digit = on_digit
        self._on_latched = on_latched
        self._on_odd = on_odd
        self._on_rtcp = on_rtcp
        self._on_error = on_error
        self.latching = Latching()
        self._events: dict[int, EventReceiver] = {}
        self._inbound: Inbound | None = None
        self.packets = 0
        self.strays = 0

    def forget(self, row: int) -> None:
        """The leg is gone."""
        self._events.pop(row, None)

    def restart(self, row: int) -> None:
        """The leg's media moved: the next packet may begin a new stream at once."""
        nodes = self._nodes
        nodes.expected_before[row] = nodes.expected(row)
        nodes.rx_on[row] = False
        nodes.cand_ssrc[row] = nodes.cand_seq[row] = NONE
        nodes.primed[row] = False
        nodes.odd[row] = False

    def receive(self, inbound: Inbound, now: float, when: Moment) -> None:
        """Deal with a batch, `inbound.count` packets."""
        count = inbound.count
        self.packets += count
        data = inbound.data[:count]
        headers = rtp.parse(data)
        length = inbound.length[:count]
        version = headers.first >> 6 == rtp.VERSION
        control = version & (length >= rtp.RTCP_HEADER)
        control &= (headers.second >= rtp.RTCP_FIRST) & (headers.second <= rtp.RTCP_LAST)
        valid = version & (length >= rtp.HEADER)
        if control.any():
            valid &= ~control
            self._take_control(inbound, np.flatnonzero(control))
        rows = self._book.find(inbound.port[:count], inbound.place[:count])
        if self.latching:
            self._latch(inbound, headers, valid, rows)
        good = valid & (rows >= 0)
        accepted = int(np.count_nonzero(good))
        self.strays += count - accepted - int(np.count_nonzero(control))
        if not accepted:
            return
        good &= self._nodes.receive[rows]  # row -1 reads the last row, and is not good anyway
        index = np.flatnonzero(good)
        rows = rows[index]
        order = np.argsort(rows, kind="stable")
        rows, index = rows[order], index[order]
        self._inbound = inbound
        first = np.ones(rows.size, bool)
        np.not_equal(rows[1:], rows[:-1], out=first[1:])
        if first.all():
            self._round(rows, index, headers, now, when)
            return
        starts = np.flatnonzero(first)
        sizes = np.diff(starts, append=rows.size)
        rank = np.arange(rows.size) - np.repeat(starts, sizes)
        for number in range(min(int(sizes.max()), MAX_ROUNDS)):
            at = np.flatnonzero(rank == number)
            self._round(rows[at], index[at], headers, now, when)

    def _latch(
        self,
        inbound: Inbound,
        headers: rtp.Headers,
        valid: NDArray[np.bool_],
        rows: NDArray[np.int64],
    ) -> None:
        """Packets of strangers on ports with a leg that waits: one may be its peer's."""
        waiting = np.isin(inbound.port[: rows.size], self.latching.ports()) & (rows < 0)
        if not waiting.any():
            return
        nodes = self._nodes
        for at in np.flatnonzero(waiting)[:LATCH_ATTEMPTS].tolist():
            port, source = int(inbound.port[at]), int(inbound.place[at])
            if port not in self.latching.ports():
                rows[at] = self._book.find(inbound.port[at : at + 1], inbound.place[at : at + 1])[0]
                continue
            row = self.latching.row(port)
            pt = int(headers.second[at]) & 0x7F
            expected = pt in (int(nodes.rx_pt[row]), int(nodes.rx_event_pt[row]))
            if (
                valid[at]
                and expected
                and self.latching.try_latch(
                    port, source, int(headers.ssrc[at]), int(headers.seq[at])
                )
            ):
                self._on_latched(row, source)
                rows[at] = row
            else:
                nodes.stray[row] += 1

    def _take_control(self, inbound: Inbound, index: NDArray[np.int64]) -> None:
        for at in index.tolist():
            packet = inbound.data[at, : inbound.length[at]].tobytes()
            self._on_rtcp(int(inbound.port[at]), int(inbound.place[at]), packet)

    def _round(
        self,
        rows: NDArray[np.int64],
        index: NDArray[np.int64],
        headers: rtp.Headers,
        now: float,
        when: Moment,
    ) -> None:
        """One packet of each row: unique `rows`, and where in the batch it is."""
        nodes = self._nodes
        seq, ssrc = headers.seq[index], headers.ssrc[index]
        delta = rtp.signed16(seq - nodes.rx_ext[rows])
        fits = nodes.rx_on[rows] & (ssrc == nodes.rx_ssrc[rows])
        fits &= (delta > -MAX_MISORDER) & (delta < MAX_DROPOUT)
        if not fits.all():
            for at in np.flatnonzero(~fits).tolist():
                fits[at] = self._admit(int(rows[at]), int(index[at]), headers)
            rows, index, seq = rows[fits], index[fits], seq[fits]
            if not rows.size:
                return
            delta = rtp.signed16(seq - nodes.rx_ext[rows])
        fresh = self._count(rows, delta, now)

        # Where it belongs in time.
        ts = headers.ts[index]
        second = headers.second[index]
        extended = nodes.rx_ts[rows] + rtp.signed32(ts - nodes.rx_ts[rows])
        audio = (second & 0x7F) == nodes.rx_pt[rows]
        assert self._inbound is not None
        plain = fresh & audio & (headers.first[index] == rtp.PLAIN)
        plain &= self._inbound.length[index] == rtp.HEADER + FRAME
        if audio.all() and fresh.all():
            self._measure(rows, index, extended, delta > 0)
        else:
            at = audio & fresh
            self._measure(rows[at], index[at], extended[at], delta[at] > 0)
        if not plain.all():
            for at in np.flatnonzero(fresh & ~plain).tolist():
                row = int(rows[at])
                try:
                    self._irregular(row, int(index[at]), headers, int(extended[at]), when)
                except Exception as error:
                    self._on_error(row, error)
            rows, index, seq, ts = rows[plain], index[plain], seq[plain], ts[plain]
            extended, second = extended[plain], second[plain]
        listening = nodes.listening[rows]
        if listening.any():
            some = slice(None) if listening.all() else listening
            payload = self._inbound.data[index[some], rtp.HEADER : rtp.HEADER + FRAME]
            self._playout.put(rows[some], extended[some], payload, when)
        relayed = nodes.relay_sink[rows] >= 0
        if relayed.any():
            some = slice(None) if relayed.all() else relayed
            marker = second[some] >= rtp.MARKER
            self._relay.forward(rows[some], index[some], seq[some], ts[some], marker, when.tick)

    def _count(
        self, rows: NDArray[np.int64], delta: NDArray[np.int64], now: float
    ) -> NDArray[np.bool_]:
        """Keep the sequence's books; which packets are no duplicates."""
        nodes = self._nodes
        extended = nodes.rx_ext[rows] + delta
        slot = extended & (HISTORY - 1)
        fresh: NDArray[np.bool_] = nodes.seen[rows, slot] != extended
        nodes.seen[rows, slot] = extended
        nodes.rx_ext[rows] = np.maximum(nodes.rx_ext[rows], extended)
        nodes.received[rows] += fresh
        nodes.last_rx[rows] = now
        nodes.timed_out[rows] = False
        if (delta != 1).any():
            nodes.duplicate[rows] += ~fresh
            nodes.reordered[rows] += fresh & (delta < 0)
            nodes.bursts[rows] += delta > 1
            gap = np.maximum(delta - 1, 0)
            # What was filled in was lost, as far as numbers are missing; else a pause.
            past = np.minimum(nodes.hole[rows], gap)
            nodes.concealed[rows] += past
            owed = nodes.owed[rows] + gap - past - (fresh & (delta < 0))
            nodes.owed[rows] = np.where(nodes.listening[rows], np.clip(owed, 0, SLOTS), 0)
        nodes.hole[rows] = 0
        return fresh

    def _measure(
        self,
        rows: NDArray[np.int64],
        index: NDArray[np.int64],
        extended: NDArray[np.int64],
        newest: NDArray[np.bool_],
    ) -> None:
        """Highest timestamp, and interarrival jitter (RFC 3550, 6.4.1 and A.8)."""
        nodes = self._nodes
        assert self._inbound is not None
        nodes.rx_ts[rows] = np.maximum(nodes.rx_ts[rows], extended)
        transit = self._inbound.arrival[index] // _SAMPLE_NS - extended
        change = np.abs(transit - nodes.rx_transit[rows])
        jitter = nodes.rx_jitter[rows]
        known = jitter >= 0
        change[~known | (change > _CLOCK_JUMP)] = 0
        nodes.rx_jitter[rows] = np.where(known, jitter + (change - jitter) / 16, 0.0)
        nodes.rx_transit[rows] = transit

    def _admit(self, row: int, at: int, headers: rtp.Headers) -> bool:
        """A packet out of any order: begin a stream with it, or wait for its successor."""
        nodes = self._nodes
        pt = int(headers.second[at]) & 0x7F
        if pt not in (int(nodes.rx_pt[row]), int(nodes.rx_event_pt[row]), rtp.COMFORT_NOISE) and (
            pt not in STATIC_CODECS
        ):
            return False
        ssrc, seq, ts = int(headers.ssrc[at]), int(headers.seq[at]), int(headers.ts[at])
        if nodes.rx_on[row] and (nodes.cand_ssrc[row], nodes.cand_seq[row]) != (ssrc, seq):
            nodes.cand_ssrc[row], nodes.cand_seq[row] = ssrc, seq + 1 & 0xFFFF
            return False
        nodes.expected_before[row] = nodes.expected(row)
        if nodes.rx_on[row] and row in self._events and ssrc != nodes.rx_ssrc[row]:
            self._events[row].reset()
        nodes.rx_on[row] = True
        nodes.rx_ssrc[row] = ssrc
        # A cycle up, so that what was sent before it and comes after it stays positive.
        nodes.rx_first[row] = seq + rtp.SEQ_MOD
        nodes.rx_ext[row] = seq + rtp.SEQ_MOD - 1
        nodes.rx_ts[row] = ts + rtp.TS_MOD
        nodes.rx_jitter[row] = -1.0
        nodes.seen[row] = NONE
        nodes.cand_ssrc[row] = nodes.cand_seq[row] = NONE
        nodes.primed[row] = False
        nodes.hole[row] = nodes.owed[row] = 0
        sink = int(nodes.relay_sink[row])
        if sink >= 0:
            nodes.relay_source[sink] = NONE
        return True

    def _irregular(
        self, row: int, at: int, headers: rtp.Headers, extended: int, when: Moment
    ) -> None:
        """Events, comfort noise, other packet times, header extensions, the other law."""
        nodes = self._nodes
        assert self._inbound is not None
        packet = self._inbound.data[at, : self._inbound.length[at]].tobytes()
        body = rtp.payload(packet)
        if not body:
            return
        pt = packet[1] & 0x7F
        marker = packet[1] >= rtp.MARKER
        if pt == nodes.rx_event_pt[row]:
            digit = self._events.setdefault(row, EventReceiver()).feed(
                body, int(headers.ts[at]), marker
            )
            if nodes.relay_sink[row] >= 0:
                seq, ts = int(headers.seq[at]), int(headers.ts[at])
                self._relay.forward_event(row, seq, ts, marker, body, when.tick)
            if digit is not None:
                self._on_digit(row, digit)
            return
        codec = _CODECS[int(nodes.codec[row])]
        if pt != nodes.rx_pt[row]:
            other = STATIC_CODECS.get(pt)
            if other is None:
                return  # comfort noise: the pause is silent enough as it is
            samples = DECODE_TABLE[CODEC_INDEX[other]][np.frombuffer(body, np.uint8)]
            body = ENCODE_TABLE[CODEC_INDEX[codec]][samples.view(np.uint16)].tobytes()
        if not nodes.odd[row]:
            nodes.odd[row] = True
            self._on_odd(row)
        if nodes.listening[row]:
            self._playout.put_bytes(row, extended, body, SILENCE[codec], when)
