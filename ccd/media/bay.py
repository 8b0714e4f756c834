"""The patch bay: commands in, reports out, every leg's audio once a frame.

    apply(command)      between beats
    receive(now)        each 5 ms: whatever the sockets hold; relayed packets leave at once
    frame(now)          each 20 ms: players, jitter buffers, sums, encoding, sending, taps

It has no clock and no loop of its own (`worker` has), so a test can run it by hand. An
error in one leg closes that leg, with a traceback in the log; it never stops the rest.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ccd.media import protocol
from ccd.media.addresses import AddressBook, place
from ccd.media.batch_io import BatchIO
from ccd.media.board import Board
from ccd.media.codecs import CODEC_INDEX, DECODE_TABLE, FRAME
from ccd.media.concealment import Concealer
from ccd.media.control import Control
from ccd.media.detector import DtmfDetector
from ccd.media.digits import Dialling
from ccd.media.legs import Legs
from ccd.media.nodes import NONE, Kind
from ccd.media.patch import Mixer, Plan
from ccd.media.players import Players
from ccd.media.playout import Moment, Playout
from ccd.media.protocol import FRAME_MS, Command, Report
from ccd.media.reception import Reception
from ccd.media.recorder import RecorderThread
from ccd.media.relay import Relay
from ccd.media.sockets import PortTaken, Sockets
from ccd.media.taps import Taps
from ccd.media.transmission import Transmitter

ADAPT_TICKS: Final = 50
"""A second: how often play-out delays are looked at."""

TIMEOUT_TICKS: Final = 10
"""200 ms: how exact RTP time-outs are."""

FILL_TICKS: Final = 10
"""After 200 ms without a relayed packet a leg gets silence, so that no NAT forgets it."""

CONTROL_BURST: Final = 64
"""RTCP packets read from one socket in a beat; the rest waits for the next."""

CONTROL_BYTES: Final = 2048


class Bay:
    """All nodes and edges of a worker, and the machinery that moves their audio."""

    def __init__(
        self,
        sockets: Sockets,
        io: BatchIO,
        *,
        report: Callable[[Report], None],
        loader: Executor,
        recordings: RecorderThread,
        rng: random.Random,
        log: Any,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._sockets = sockets
        self._io = io
        self._report = report
        self._log = log
        self.board = Board()
        self.nodes = nodes = self.board.nodes
        self.transmitter = Transmitter(nodes, io, sockets)
        self._mixer = Mixer(nodes)
        self._playout = Playout(nodes)
        self._relay = Relay(nodes, self.transmitter)
        self._control = Control(nodes, sockets, rng, wall)
        self._players = Players(self.board, loader)
        self._dialling = Dialling(self.board, self.transmitter, self._players)
        self._taps = Taps(self.board, recordings, report=report, log=log)
        book = AddressBook()
        self.reception = Reception(
            nodes,
            book,
            self._playout,
            self._relay,
            on_digit=self._digit,
            on_latched=lambda row, peer: self.legs.latched(row, peer),
            on_odd=lambda row: self.board.change(),
            on_rtcp=lambda port, peer, data: self._control.receive(
                port, peer, data, multiplexed=True
            ),
            on_error=lambda row, error: self.legs.fail(row, error),
        )
        self.legs = Legs(
            self.board,
            sockets,
            book,
            self.reception,
            self._control,
            report=report,
            on_end=self._dialling.forget,
            rng=rng,
            log=log,
        )
        self._capacity = 0
        self._fit()
        self.tick = 0
        self._now = 0.0
        self._frame_at = 0.0
        self._commands: dict[type[Command], Callable[[Any], None]] = {
            protocol.OpenLeg: self._open_leg,
            protocol.ModifyLeg: lambda command: self.legs.modify(command, self._now),
            protocol.CloseLeg: self.legs.close,
            protocol.MeasureLeg: self.legs.measure,
            protocol.Connect: self._connect,
            protocol.Disconnect: self._disconnect,
            protocol.Play: self._play,
            protocol.Stop: self._stop,
            protocol.SendDigits: self._send_digits,
            protocol.Record: self._taps.record,
            protocol.PauseRecord: self._taps.pause,
            protocol.Detect: self._taps.detect,
        }

    @property
    def strays(self) -> int:
        """Datagrams that were nobody's, or no RTP or RTCP."""
        return self.reception.strays + self._control.strays

    @property
    def idle(self) -> bool:
        """There is nothing whose time must be kept."""
        return not len(self.legs) and not self._taps.busy and not self._players.busy

    # --- commands ----------------------------------------------------------------

    def apply(self, command: Command, now: float) -> None:
        """Do what the core asks.

        What can't be done is logged, and closes the leg it is for; where the language has
        a word for it, that is reported.
        """
        self._now = now
        try:
            self._commands[type(command)](command)
        except PortTaken as error:
            assert isinstance(command, protocol.OpenLeg | protocol.ModifyLeg)
            self._log.warning("media.port_taken", node=command.node, reason=str(error))
            self.legs.give_up(command.node, str(error), port=command.port)
        except Exception as error:
            self._log.exception("media.command_failed", command=repr(command))
            self._refuse(command, str(error))

    def _refuse(self, command: Command, why: str) -> None:
        match command:
            case protocol.OpenLeg() | protocol.ModifyLeg():
                self.legs.give_up(command.node, why)
            case protocol.Play():
                self._report(protocol.PlayFinished(node=command.node, reason="failed", error=why))
            case protocol.Record():
                self._report(
                    protocol.RecordFinished(
                        node=command.node, path=command.path, seconds=0.0, error=why
                    )
                )
            case protocol.CloseLeg() | protocol.SendDigits():
                leg = self.legs.of(command.node)
                if leg is not None:
                    self.legs.end(leg.row)

    def _open_leg(self, command: protocol.OpenLeg) -> None:
        self.legs.open(command, self._now)
        leg = self.legs.of(command.node)
        assert leg is not None
        self._fit()
        # The row was another's: nothing is to be made up from what that one said.
        row = np.array([leg.row])
        self._concealer.reset(row)
        self._inband.reset(row)

    def _fit(self) -> None:
        """Let what keeps audio for each row grow with the table (and forget 80 ms of it)."""
        capacity = self.nodes.capacity
        if self._capacity != capacity:
            self._capacity = capacity
            self._concealer = Concealer(capacity)
            self._inband = DtmfDetector(capacity)

    def _connect(self, command: protocol.Connect) -> None:
        source, sink = self.board.row(command.source), self._sink(command.sink, command.channel)
        if source is not None and sink is not None:
            self.board.edges.connect(source, sink, command.gain_db)
            self.board.change()

    def _disconnect(self, command: protocol.Disconnect) -> None:
        source = self.board.row(command.source)
        if source is None:
            return
        for channel in (0, 1):
            sink = self._sink(command.sink, channel)
            if sink is not None:
                self.board.edges.disconnect(source, sink)
        self.board.change()

    def _sink(self, node: int, channel: int) -> int | None:
        tap = self._taps.sink(node, channel)
        return self.board.row(node) if tap is None else tap

    def _play(self, command: protocol.Play) -> None:
        row = self.board.take(command.node, Kind.PLAYER)

        def ended(reason: str, error: str) -> None:
            self.board.drop(command.node, row)
            self._report(protocol.PlayFinished(node=command.node, reason=reason, error=error))

        self._players.start(row, command.sounds, loop=command.loop, ended=ended)
        for node in command.sinks:
            sink = self._sink(node, 0)
            if sink is not None:
                self.board.edges.connect(row, sink, command.gain_db)

    def _stop(self, command: protocol.Stop) -> None:
        row = self.board.row(command.node)
        if row is not None and self._players.stop(row):
            self.board.drop(command.node, row)
            self._report(protocol.PlayFinished(node=command.node, reason="stopped"))
        else:
            self._taps.stop(command.node)

    def _send_digits(self, command: protocol.SendDigits) -> None:
        leg = self.legs.of(command.node)
        if leg is not None:
            sent = protocol.DigitsSent(node=command.node)
            self._dialling.send(
                leg.row, command.digits, command.on_ms, command.gap_ms, lambda: self._report(sent)
            )

    def _digit(self, row: int, digit: str) -> None:
        self._report(protocol.Digit(node=int(self.nodes.node[row]), digit=digit))
        self._dialling.forward(row, digit)

    # --- each 5 ms -------------------------------------------------------------------

    def receive(self, now: float) -> None:
        """Take what the sockets hold, pass on what is relayed."""
        self._now = now
        self.board.plan()
        left = FRAME_MS - int((now - self._frame_at) * 1000)
        when = Moment(self.tick, min(max(left, 0), FRAME_MS))
        ready = self._sockets.ready()
        for index in ready.rtcp:
            self._receive_control(index)
        inbound, pending = self._io.inbound, ready.rtp
        while pending:
            inbound.count = 0
            unread = []
            for index in pending:
                self._read(index)
                if inbound.count == inbound.capacity:
                    unread.append(index)
            self._io.finish()
            if inbound.count:
                self.reception.receive(inbound, now, when)
                self._relay.flush(inbound)
            pending = unread

    def _read(self, index: int) -> None:
        try:
            self._io.receive(self._sockets.pairs[index].rtp, index)
        except OSError:
            self._log.exception("media.socket_failed", port=self._sockets.pairs[index].number)

    def _receive_control(self, index: int) -> None:
        sock = self._sockets.pairs[index].rtcp
        for _ in range(CONTROL_BURST):
            try:
                data, source = sock.recvfrom(CONTROL_BYTES)
            except OSError:
                return
            self._control.receive(index, place(source), data, multiplexed=False)

    # --- each 20 ms ------------------------------------------------------------------

    def frame(self, now: float) -> None:
        """One tick of the bay's clock."""
        self._now = self._frame_at = now
        self.tick += 1
        self._players.advance(now)
        plan = self.board.plan()
        self._listen(plan)
        sums = self._mixer.sums(plan)
        self._transmit(plan, self._mixer.payloads(plan, sums))
        self._taps.feed(plan, sums)
        self._taps.poll()
        self._control.send_due(now)
        if self.tick % ADAPT_TICKS == 0:
            self._playout.adapt(self.tick)
        if self.tick % TIMEOUT_TICKS == 0:
            self.legs.time_out(now)

    def _listen(self, plan: Plan) -> None:
        """Decode what legs say into their rows."""
        rows = plan.listened
        if not rows.size:
            return
        payload, have, missing = self._playout.take(rows)
        frames = np.empty((rows.size, FRAME), np.int16)
        for codec in CODEC_INDEX.values():
            part = slice(plan.cut[codec], plan.cut[codec + 1])
            # Twice as fast as indexing: the result has its place, and no index is out of range.
            np.take(DECODE_TABLE[codec], payload[part], out=frames[part], mode="clip")
        if have.all():
            frames = self._concealer.observe(rows, frames)
        else:
            frames[have] = self._concealer.observe(rows[have], frames[have])
            frames[~have] = 0
            frames[missing] = self._concealer.conceal(rows[missing])
        self.nodes.frame[rows] = frames
        self._playout.settle(rows, have, frames)
        toned = self.nodes.rx_event_pt[rows] == NONE
        if toned.any():
            for row, digit in self._inband.feed(rows[toned], frames[toned]):
                # A partner hears the tone itself.
                self._report(protocol.Digit(node=int(self.nodes.node[row]), digit=digit))

    def _transmit(self, plan: Plan, payloads: NDArray[np.uint8]) -> None:
        """A packet for every leg that is due one."""
        rows, at = plan.send, plan.send_payload
        if plan.relayed.size:
            # Who has no relayed packet yet, or for a while, is served like the others.
            waiting = self.nodes.relay_source[plan.relayed] == NONE
            waiting |= self.nodes.last_out[plan.relayed] < self.tick - FILL_TICKS
            stale = plan.relayed[waiting]
            if stale.size:
                rows = np.concatenate([rows, stale])
                at = np.concatenate([at, plan.payload_of[stale]])
        if rows.size:
            self.transmitter.audio(rows, payloads[at], self.tick)
        for row in plan.slow.tolist():
            try:
                self._transmit_slow(row, payloads[plan.payload_of[row]])
            except Exception as error:
                self.legs.fail(row, error)

    def _transmit_slow(self, row: int, payload: NDArray[np.uint8]) -> None:
        nodes = self.nodes
        if nodes.busy[row] and self._dialling.step(row, self.tick):
            return
        repacketiser = self.legs[row].repacketiser
        if repacketiser is None:
            self.transmitter.audio(np.array([row]), payload[None, :], self.tick)
            return
        for packet in repacketiser.feed(payload.tobytes()):
            self.transmitter.audio_of(row, packet, self.tick)

    def close(self, now: float) -> None:
        """Close every leg and finish every recording, each with its report."""
        self._now = now
        for row in self.legs.rows():
            self.legs.end(row)
        self._taps.close()
