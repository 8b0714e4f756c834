"""A leg's life: opened, moved, latched, timed out, closed with its figures."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from ccd.media import addresses, protocol, quality
from ccd.media.addresses import AddressBook
from ccd.media.board import Board
from ccd.media.codecs import CODEC_INDEX
from ccd.media.control import Control
from ccd.media.nodes import NONE, Kind
from ccd.media.protocol import FRAME_MS, SAMPLE_RATE, Address, MediaFormat, Report
from ccd.media.reception import Reception
from ccd.media.sockets import Sockets
from ccd.media.transmission import Repacketiser
from ccd.model import Quality

RELAY_MS: Final = 2.5
"""What a relayed packet waits for its beat, in the mean."""


class Counts(NamedTuple):
    """Packets and frames of a leg since it was opened."""

    sent: int = 0
    expected: int = 0
    received: int = 0
    late: int = 0
    duplicate: int = 0
    reordered: int = 0
    stray: int = 0
    concealed: int = 0
    bursts: int = 0

    def since(self, before: Counts) -> Counts:
        """What came after."""
        return Counts(*(now - then for now, then in zip(self, before, strict=True)))

    @property
    def lost(self) -> int:
        """Packets that never came (RFC 3550, A.3)."""
        return max(0, self.expected - self.received)


NOTHING: Final = Counts()


@dataclass
class Leg:
    """What a leg has beyond its row in the node table."""

    row: int
    node: int
    sdp: int
    """The place its SDP gave, 0 for none."""
    repacketiser: Repacketiser | None = None
    measured: Counts = NOTHING
    """As it was last measured."""


class Legs:
    """All legs, by row. `on_end` is told of each row before it is given back."""

    def __init__(
        self,
        board: Board,
        sockets: Sockets,
        book: AddressBook,
        reception: Reception,
        control: Control,
        *,
        report: Callable[[Report], None],
        on_end: Callable[[int], None],
        rng: random.Random,
        log: Any,
    ) -> None:
        self._board = board
        self._sockets = sockets
        self._book = book
        self._reception = reception
        self._control = control
        self._report = report
        self._on_end = on_end
        self._rng = rng
        self._log = log
        self._legs: dict[int, Leg] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def __contains__(self, row: int | None) -> bool:
        return row in self._legs

    def __getitem__(self, row: int) -> Leg:
        return self._legs[row]

    def rows(self) -> list[int]:
        """Every leg's row."""
        return list(self._legs)

    def of(self, node: int) -> Leg | None:
        """The leg of the core's node number, if that is one."""
        row = self._board.row(node)
        return None if row is None else self._legs.get(row)

    # --- commands -------------------------------------------------------------------

    def open(self, command: protocol.OpenLeg, now: float) -> None:
        """Make a leg. Raises ValueError for a port, number or address that can't be, PortTaken."""
        sdp = _place(command.remote)
        port = self._sockets.index(command.port)
        row = self._board.take(command.node, Kind.LEG)
        leg = self._legs[row] = Leg(row, command.node, sdp)
        nodes = self._board.nodes
        nodes.port[row] = port
        nodes.timeout[row] = command.timeout_s
        nodes.last_rx[row] = now
        # Random beginnings, as RFC 3550, 5.1 wants them.
        nodes.tx_ssrc[row] = self._rng.getrandbits(32)
        nodes.tx_seq[row] = self._rng.getrandbits(16)
        nodes.tx_ts[row] = self._rng.getrandbits(32)
        nodes.tx_marker[row] = True
        self._agree(leg, command.format, command.send, command.receive)
        self._aim(leg, latch=command.latch)
        self._control.add(row, now)

    def modify(self, command: protocol.ModifyLeg, now: float) -> None:
        """What a re-INVITE agreed. Addresses that stay leave what was latched.

        Raises ValueError for an address or port that can't be, PortTaken.
        """
        leg = self.of(command.node)
        if leg is None:
            return
        sdp = _place(command.remote)
        nodes, row = self._board.nodes, leg.row
        port = nodes.port[row] if command.port is None else self._sockets.index(command.port)
        if not nodes.receive[row] and command.receive:
            nodes.last_rx[row] = now
        before = int(nodes.codec[row]), int(nodes.rx_pt[row])
        self._agree(leg, command.format, command.send, command.receive)
        moved = sdp != leg.sdp or port != nodes.port[row]
        if moved or before != (int(nodes.codec[row]), int(nodes.rx_pt[row])):
            self._reception.restart(row)
        if moved:
            self._unaim(leg)
            nodes.port[row] = port
            leg.sdp = sdp
            self._control.redirect(row)
            self._aim(leg, latch=command.latch)

    def close(self, command: protocol.CloseLeg) -> None:
        """End a leg; what is none is reported as closed all the same."""
        leg = self.of(command.node)
        if leg is None:
            self.refuse(command.node)
        else:
            self.end(leg.row)

    def measure(self, command: protocol.MeasureLeg) -> None:
        """Report what a leg's audio was like, and begin to count anew."""
        leg = self.of(command.node)
        if leg is None:
            self._report(protocol.LegMeasured(node=command.node, quality=Quality()))
            return
        self._report(protocol.LegMeasured(node=leg.node, quality=self._quality(leg)))
        leg.measured = self._counts(leg.row)

    def refuse(self, node: int) -> None:
        """Say that there is no such leg (any more)."""
        self._report(protocol.LegClosed(node=node, quality=Quality()))

    def give_up(self, node: int, why: str, port: int | None = None) -> None:
        """A leg can't be what the core wants: say why, and end it where there is one.

        `port` is the local port where it was that which could not be bound.
        """
        self._report(protocol.LegFailed(node=node, reason=why, port=port))
        self.close(protocol.CloseLeg(node=node))

    def end(self, row: int) -> None:
        """Close a leg, and report what its audio was like."""
        leg = self._legs.pop(row)
        figures = self._quality(leg)
        self._control.end(row)
        self._unaim(leg)
        self._reception.forget(row)
        self._on_end(row)
        self._board.drop(leg.node, row)
        self._report(protocol.LegClosed(node=leg.node, quality=figures))

    def fail(self, row: int, error: BaseException) -> None:
        """Something went wrong that concerns this leg alone: it ends, the others go on."""
        leg = self._legs.get(row)
        if leg is not None:
            self._log.error("media.leg_failed", node=leg.node, exc_info=error)
            self.give_up(leg.node, f"{type(error).__name__}: {error}")

    # --- where its peer is ------------------------------------------------------------

    def latched(self, row: int, place: int) -> None:
        """The leg's peer was found at this place."""
        leg = self._legs[row]
        self._unaim(leg)
        self._target(row, place)
        self._book.add(int(self._board.nodes.port[row]), place, row)
        self._report(protocol.LegLatched(node=leg.node, remote=addresses.address(place)))

    def _agree(self, leg: Leg, form: MediaFormat, send: bool, receive: bool) -> None:
        nodes, row = self._board.nodes, leg.row
        nodes.codec[row] = CODEC_INDEX[form.codec]
        nodes.pt[row] = form.payload_type
        nodes.event_pt[row] = _number(form.telephone_event, NONE)
        nodes.rx_pt[row] = _number(form.receive_payload_type, form.payload_type)
        nodes.rx_event_pt[row] = _number(form.receive_telephone_event, int(nodes.event_pt[row]))
        nodes.ptime[row] = form.ptime_ms
        nodes.send[row] = send
        nodes.receive[row] = receive
        leg.repacketiser = None if form.ptime_ms == FRAME_MS else Repacketiser(form.ptime_ms)
        self._board.change()

    def _aim(self, leg: Leg, *, latch: bool) -> None:
        """Send to where SDP says from now on; hear it, or whoever proves to be the peer."""
        port = int(self._board.nodes.port[leg.row])
        self._unaim(leg)
        self._target(leg.row, leg.sdp)
        if latch or not leg.sdp:
            self._reception.latching.add(port, leg.row, leg.sdp, latch)
        else:
            self._book.add(port, leg.sdp, leg.row)

    def _unaim(self, leg: Leg) -> None:
        nodes, row = self._board.nodes, leg.row
        port = int(nodes.port[row])
        self._reception.latching.remove(port, row)
        if nodes.remote[row]:
            self._book.remove(port, int(nodes.remote[row]), row)

    def _target(self, row: int, place: int) -> None:
        self._board.nodes.remote[row] = place
        if place:
            self._board.nodes.sockaddr[row] = addresses.sockaddr(place)
        self._board.change()

    # --- how it is --------------------------------------------------------------------

    def time_out(self, now: float) -> None:
        """Report legs that have heard nothing for too long, once each time."""
        nodes = self._board.nodes
        quiet = (nodes.kind == Kind.LEG) & nodes.receive & ~nodes.timed_out
        quiet &= (nodes.timeout > 0) & (now - nodes.last_rx > nodes.timeout)
        for row in np.flatnonzero(quiet).tolist():
            nodes.timed_out[row] = True
            self._report(protocol.LegTimedOut(node=int(nodes.node[row])))

    def _counts(self, row: int) -> Counts:
        nodes = self._board.nodes
        return Counts(
            sent=int(nodes.tx_packets[row]),
            expected=nodes.expected(row),
            received=int(nodes.received[row]),
            late=int(nodes.late[row]),
            duplicate=int(nodes.duplicate[row]),
            reordered=int(nodes.reordered[row]),
            stray=int(nodes.stray[row]),
            concealed=int(nodes.concealed[row]),
            bursts=int(nodes.bursts[row]),
        )

    def _quality(self, leg: Leg) -> Quality:
        nodes, row = self._board.nodes, leg.row
        round_trip = self._control.round_trip_ms(row)
        counts = self._counts(row).since(leg.measured)
        rating = quality.rate(
            expected=counts.expected,
            missing=counts.lost + counts.late,
            bursts=counts.bursts,
            round_trip_ms=round_trip,
            buffer_ms=self._delay_ms(row),
        )
        return Quality(
            packets_sent=counts.sent,
            packets_received=counts.received,
            packets_lost=counts.lost,
            packets_late=counts.late,
            packets_duplicate=counts.duplicate,
            packets_reordered=counts.reordered,
            packets_stray=counts.stray,
            concealed_ms=counts.concealed * FRAME_MS,
            jitter_ms=max(0.0, float(nodes.rx_jitter[row])) * 1000 / SAMPLE_RATE,
            round_trip_ms=round_trip,
            r_factor=rating.r_factor,
            mos=rating.mos,
        )

    def _delay_ms(self, row: int) -> float:
        """What the bay itself adds on the way from this leg."""
        nodes = self._board.nodes
        if not nodes.primed[row]:
            return RELAY_MS
        return float(max(0, int(nodes.high[row] - nodes.play[row]))) * FRAME_MS + FRAME_MS / 2


def _number(payload_type: int | None, otherwise: int) -> int:
    return otherwise if payload_type is None else payload_type


def _place(remote: Address | None) -> int:
    """An SDP address as a place; 0 where it is none to send to (RFC 3264, 8.4's old hold)."""
    if remote is None or remote[0] == "0.0.0.0" or remote[1] == 0:
        return addresses.NOWHERE
    return addresses.place(remote)
