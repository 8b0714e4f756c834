"""RTCP of all legs: reports every five seconds or so, round trips, goodbyes (RFC 3550, 6).

Reports go to the port after the RTP one (RFC 3550, 11) until the peer's own show another
way: a NAT's mapping, or RTCP on the RTP port (RFC 5761). With about 400 packets a second
at 2,000 legs there is no need for batches here.
"""

from __future__ import annotations

import contextlib
import heapq
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ccd.media import addresses, rtcp
from ccd.media.nodes import Kind, Nodes
from ccd.media.quality import fraction_lost
from ccd.media.sockets import Sockets

MEMBERS: Final = 2
"""A leg is a session of its own: the peer and we."""


@dataclass
class _Session:
    """One leg's RTCP."""

    cname: str
    place: int = 0
    """Where reports go; 0: to the port after the RTP one."""
    multiplexed: bool = False
    last_sr: int = 0
    """Middle of the peer's NTP time, from its last sender report."""
    last_sr_at: int = 0
    """Our NTP time when it came."""
    expected: int = 0
    received: int = 0
    sent: int = 0
    """As of our last report."""
    turn: int = 0
    """Number of the scheduled report; an older one is of a leg that had the row before."""
    round_trips: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Sum in seconds, and how many."""


class Control:
    """Sends and takes RTCP. `wall` is seconds since the epoch, for NTP times alone."""

    def __init__(
        self, nodes: Nodes, sockets: Sockets, rng: random.Random, wall: Callable[[], float]
    ) -> None:
        self._nodes = nodes
        self._sockets = sockets
        self._rng = rng
        self._wall = wall
        self._sessions: dict[int, _Session] = {}
        self._due: list[tuple[float, int, int]] = []
        self._serial = 0
        self.strays = 0

    def add(self, row: int, now: float) -> None:
        """A new leg; its first report comes after half an interval (6.3.6)."""
        # A name that says nothing of us and stays with the leg (RFC 7022, 4.2).
        session = self._sessions[row] = _Session(cname=secrets.token_urlsafe(12))
        self._schedule(row, session, now, 0.5)

    def end(self, row: int) -> None:
        """The leg ends: say goodbye."""
        session = self._sessions.get(row)
        if session is None:
            return
        if self._nodes.tx_packets[row]:
            ssrc = int(self._nodes.tx_ssrc[row])
            self._send(row, session, rtcp.Goodbye((ssrc,)))
        del self._sessions[row]

    def redirect(self, row: int) -> None:
        """The leg's media moved: its old return path is no more."""
        session = self._sessions.get(row)
        if session is not None:
            session.place, session.multiplexed, session.last_sr = 0, False, 0

    def round_trip_ms(self, row: int) -> float | None:
        """Mean of what was measured; None where no peer answered."""
        session = self._sessions.get(row)
        if session is None or not session.round_trips[1]:
            return None
        return 1000.0 * session.round_trips[0] / session.round_trips[1]

    def send_due(self, now: float) -> None:
        """Send the reports whose time has come."""
        while self._due and self._due[0][0] <= now:
            _, turn, row = heapq.heappop(self._due)
            session = self._sessions.get(row)
            if session is None or session.turn != turn:
                continue
            self._schedule(row, session, now, 1.0)
            if self._nodes.remote[row]:
                self._send(row, session)

    def receive(self, port: int, place: int, data: bytes, *, multiplexed: bool) -> None:
        """A datagram that came to local port index `port`; whatever it holds."""
        try:
            packets = rtcp.parse(data)
        except rtcp.RtcpError:
            self.strays += 1
            return
        reports = [packet for packet in packets if isinstance(packet, rtcp.Report)]
        row = self._row(port, place, reports, multiplexed)
        if row is None:
            self.strays += 1
            return
        session = self._sessions[row]
        session.place, session.multiplexed = place, multiplexed
        now = rtcp.ntp_time(self._wall())
        for report in reports:
            if report.sender is not None and report.ssrc == self._nodes.rx_ssrc[row]:
                session.last_sr = rtcp.middle(report.sender.ntp)
                session.last_sr_at = now
            for block in report.blocks:
                if block.ssrc == self._nodes.tx_ssrc[row]:
                    trip = rtcp.round_trip_s(block, now)
                    if trip is not None:
                        session.round_trips[0] += trip
                        session.round_trips[1] += 1

    def _row(
        self, port: int, place: int, reports: list[rtcp.Report], multiplexed: bool
    ) -> int | None:
        """Whose it is: by address, else by its SSRC from the right host."""
        nodes = self._nodes
        here = (nodes.kind == Kind.LEG) & (nodes.port == port)
        exact = here & (nodes.remote == np.uint64(place if multiplexed else place - 1))
        found = np.flatnonzero(exact)
        if not found.size and reports:
            host = (nodes.remote >> np.uint64(16)) == np.uint64(place >> 16)
            found = np.flatnonzero(here & host & nodes.rx_on & (nodes.rx_ssrc == reports[0].ssrc))
        rows: list[int] = found.tolist()
        return rows[0] if len(rows) == 1 and rows[0] in self._sessions else None

    def _schedule(self, row: int, session: _Session, now: float, part: float) -> None:
        self._serial += 1
        session.turn = self._serial
        interval = rtcp.report_interval_s(MEMBERS, self._rng.random())
        heapq.heappush(self._due, (now + part * interval, self._serial, row))

    def _send(self, row: int, session: _Session, *more: rtcp.Packet) -> None:
        nodes = self._nodes
        remote = int(nodes.remote[row])
        if not remote or (not session.place and remote & 0xFFFF == 0xFFFF):
            return
        ntp = rtcp.ntp_time(self._wall())
        packets, octets = int(nodes.tx_packets[row]), int(nodes.tx_octets[row])
        sender = None
        if packets != session.sent:
            session.sent = packets
            sender = rtcp.SenderInfo(
                ntp, int(nodes.tx_ts[row]), packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
            )
        ssrc = int(nodes.tx_ssrc[row])
        data = rtcp.build(
            rtcp.Report(ssrc, sender, self._blocks(row, session, ntp)),
            rtcp.Description(ssrc, session.cname),
            *more,
        )
        place = session.place or remote + 1
        pair = self._sockets.pairs[int(nodes.port[row])]
        sock = pair.rtp if session.multiplexed else pair.rtcp
        with contextlib.suppress(OSError):  # a peer without RTCP answers with ICMP
            sock.sendto(data, addresses.address(place))

    def _blocks(self, row: int, session: _Session, ntp: int) -> tuple[rtcp.ReportBlock, ...]:
        nodes = self._nodes
        if not nodes.rx_on[row]:
            return ()
        expected, received = nodes.expected(row), int(nodes.received[row])
        fraction = fraction_lost(expected - session.expected, received - session.received)
        session.expected, session.received = expected, received
        delay = rtcp.delay_since(session.last_sr_at, ntp) if session.last_sr else 0
        return (
            rtcp.ReportBlock(
                ssrc=int(nodes.rx_ssrc[row]),
                fraction_lost=fraction,
                lost=expected - received,
                # The bay counts from the second cycle; the peer from its first.
                highest_sequence=max(0, int(nodes.rx_ext[row]) - 0x10000) & 0xFFFFFFFF,
                jitter=max(0, int(nodes.rx_jitter[row])),
                last_sr=session.last_sr,
                delay=delay,
            ),
        )
