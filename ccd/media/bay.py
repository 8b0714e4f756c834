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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ccd.media import addresses, protocol, quality
from ccd.media.batch_io import BatchIO
from ccd.media.codecs import CODEC_INDEX, DECODE_TABLE, FRAME
from ccd.media.concealment import Concealer
from ccd.media.control import Control
from ccd.media.detector import ToneDetector
from ccd.media.digits import Dialling
from ccd.media.dtmf import EventSender
from ccd.media.nodes import NONE, Kind, Nodes
from ccd.media.patch import Edges, Mixer, Plan, compile_plan
from ccd.media.players import Players
from ccd.media.playout import Moment, Playout
from ccd.media.protocol import FRAME_MS, SAMPLE_RATE, Command, MediaFormat, Report, Sound
from ccd.media.reception import Reception
from ccd.media.recorder import Recorder, RecorderThread, RecordingResult
from ccd.media.relay import Relay
from ccd.media.sockets import Sockets
from ccd.media.tones import DTMF, DTMF_LEVEL_DBM0
from ccd.media.transmission import Repacketiser, Transmitter
from ccd.model import Quality

ADAPT_TICKS: Final = 50
"""A second: how often play-out delays are looked at."""

TIMEOUT_TICKS: Final = 10
"""200 ms: how exact RTP time-outs are."""

FILL_TICKS: Final = 10
"""After 200 ms without a relayed packet a leg gets silence, so that no NAT forgets it."""

FORWARDED_DIGIT_MS: Final = 100
"""A digit that passes a bridge which is mixed is made anew, this long."""

RELAY_MS: Final = 2.5
"""Mean wait for the beat."""

CONTROL_BURST: Final = 64
"""RTCP packets read from one socket in a beat; the rest waits for the next."""

CONTROL_BYTES: Final = 2048

_CODECS: Final = list(CODEC_INDEX)

_SILENT: Final = np.zeros(FRAME, np.int16)


@dataclass
class _Leg:
    """What a leg has beyond its row."""

    row: int
    node: int
    sdp: int
    """The place its SDP gave, 0 for none."""
    latching: bool = False
    repacketiser: Repacketiser | None = None


@dataclass
class _Recording:
    node: int
    path: str
    channels: tuple[int, int]
    recorder: Recorder


@dataclass
class _Taps:
    """Recorder channels by row, as the plan needs them; remade with it."""

    recorders: tuple[Recorder, ...] = ()
    place: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


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
        self._recordings = recordings
        self._rng = rng
        self._log = log
        self.nodes = nodes = Nodes(256)
        self.edges = Edges(256)
        self._mixer = Mixer(nodes)
        self.transmitter = Transmitter(nodes, io, sockets)
        self._book = addresses.AddressBook()
        self._playout = Playout(nodes)
        self._conceals = nodes.capacity
        self._concealer = Concealer(nodes.capacity)
        self._players = Players(nodes, loader)
        self._dialling = Dialling(nodes, self.transmitter)
        self._relay = Relay(nodes, self.transmitter)
        self._control = Control(nodes, sockets, rng, wall)
        self.reception = Reception(
            nodes,
            self._book,
            self._playout,
            self._relay,
            on_digit=self._digit,
            on_latched=self._latched,
            on_odd=lambda row: self._change(),
            on_rtcp=lambda port, place, data: self._control.receive(
                port, place, data, multiplexed=True
            ),
            on_error=self._leg_failed,
        )
        self._rows: dict[int, int] = {}
        self._legs: dict[int, _Leg] = {}
        self._recorders: dict[int, _Recording] = {}
        self._detectors: dict[int, ToneDetector] = {}
        self._finishing: dict[Recorder, _Recording] = {}
        self._plan: Plan | None = None
        self._taps = _Taps()
        self.tick = 0
        self._now = 0.0
        self._frame_at = 0.0
        self._commands: dict[type[Command], Callable[[Any], None]] = {
            protocol.OpenLeg: self._open_leg,
            protocol.ModifyLeg: self._modify_leg,
            protocol.CloseLeg: self._close_leg,
            protocol.Connect: self._connect,
            protocol.Disconnect: self._disconnect,
            protocol.Play: self._play,
            protocol.Stop: self._stop,
            protocol.SendDigits: self._send_digits,
            protocol.Record: self._record,
            protocol.PauseRecord: self._pause_record,
            protocol.Detect: self._detect,
        }

    @property
    def legs(self) -> int:
        """How many legs there are."""
        return len(self._legs)

    @property
    def strays(self) -> int:
        """Datagrams that were nobody's, or no RTP or RTCP."""
        return self.reception.strays + self._control.strays

    @property
    def idle(self) -> bool:
        """There is nothing whose time must be kept."""
        return not self._rows

    # --- commands ----------------------------------------------------------------

    def apply(self, command: Command, now: float) -> None:
        """Do what the core asks; what can't be done is logged, and reported where the language has a word."""
        self._now = now
        handler = self._commands.get(type(command))
        if handler is None:
            self._log.error("media.unknown_command", command=type(command).__name__)
            return
        try:
            handler(command)
        except Exception:
            self._log.exception("media.command_failed", command=repr(command))
            node = getattr(command, "node", None)
            row = self._rows.get(node) if node is not None else None
            if row in self._legs:
                self._end_leg(row)
            elif isinstance(command, protocol.OpenLeg):
                self._report(protocol.LegClosed(node=command.node, quality=Quality()))

    def _open_leg(self, command: protocol.OpenLeg) -> None:
        port = self._sockets.index.get(command.port)
        if port is None or command.node in self._rows:
            self._log.error(
                "media.leg_refused",
                node=command.node,
                reason=f"no port {command.port} here" if port is None else "node number in use",
            )
            self._report(protocol.LegClosed(node=command.node, quality=Quality()))
            return
        sdp = addresses.place(command.remote) if command.remote else 0
        nodes = self.nodes
        row = self._take(command.node, Kind.LEG)
        leg = self._legs[row] = _Leg(row, command.node, sdp)
        nodes.port[row] = port
        nodes.timeout[row] = command.timeout_s
        nodes.last_rx[row] = self._now
        nodes.tx_ssrc[row] = self._rng.getrandbits(32)
        nodes.tx_seq[row] = self._rng.getrandbits(16)
        nodes.tx_ts[row] = self._rng.getrandbits(32)
        nodes.tx_marker[row] = True
        self._agree(leg, command.format, command.send, command.receive)
        self._aim(leg, sdp, latch=command.latch)
        self._control.add(row, self._now)

    def _modify_leg(self, command: protocol.ModifyLeg) -> None:
        leg = self._leg(command.node)
        if leg is None:
            return
        sdp = addresses.place(command.remote) if command.remote else 0
        nodes, row = self.nodes, leg.row
        if not nodes.receive[row] and command.receive:
            nodes.last_rx[row] = self._now
        before = int(nodes.codec[row]), int(nodes.pt[row])
        self._agree(leg, command.format, command.send, command.receive)
        moved = sdp != leg.sdp or (command.latch and not leg.latching and not nodes.remote[row])
        if moved or before != (int(nodes.codec[row]), int(nodes.pt[row])):
            self.reception.restart(row)
        if moved:
            leg.sdp = sdp
            self._control.redirect(row)
            self._aim(leg, sdp, latch=command.latch)

    def _agree(self, leg: _Leg, form: MediaFormat, send: bool, receive: bool) -> None:
        nodes, row = self.nodes, leg.row
        nodes.codec[row] = CODEC_INDEX[form.codec]
        nodes.pt[row] = form.payload_type
        nodes.event_pt[row] = NONE if form.telephone_event is None else form.telephone_event
        nodes.ptime[row] = form.ptime_ms
        nodes.send[row] = send
        nodes.receive[row] = receive
        leg.repacketiser = None if form.ptime_ms == FRAME_MS else Repacketiser(form.ptime_ms)
        self._change()

    def _aim(self, leg: _Leg, sdp: int, *, latch: bool) -> None:
        """Send to `sdp` from now on, and hear whom SDP, or latching, says."""
        nodes, row = self.nodes, leg.row
        port = int(nodes.port[row])
        self._unaim(leg)
        self._target(row, sdp)
        leg.latching = latch
        if latch or not sdp:
            self.reception.latching.add(port, row, sdp, latch)
        else:
            self._book.add(port, sdp, row)

    def _unaim(self, leg: _Leg) -> None:
        nodes, row = self.nodes, leg.row
        port = int(nodes.port[row])
        self.reception.latching.remove(port, row)
        if nodes.remote[row]:
            self._book.remove(port, int(nodes.remote[row]), row)

    def _target(self, row: int, place: int) -> None:
        self.nodes.remote[row] = place
        if place:
            self.nodes.sockaddr[row] = addresses.sockaddr(place)
        self._change()

    def _latched(self, row: int, place: int) -> None:
        leg = self._legs[row]
        leg.latching = False
        self.reception.latching.remove(int(self.nodes.port[row]), row)
        self._target(row, place)
        self._book.add(int(self.nodes.port[row]), place, row)
        self._report(protocol.LegLatched(node=leg.node, remote=addresses.address(place)))

    def _close_leg(self, command: protocol.CloseLeg) -> None:
        leg = self._leg(command.node)
        if leg is None:
            self._report(protocol.LegClosed(node=command.node, quality=Quality()))
        else:
            self._end_leg(leg.row)

    def _end_leg(self, row: int) -> None:
        leg = self._legs[row]
        figures = self._quality(row)
        self._control.end(row)
        self._unaim(leg)
        del self._legs[row]
        self._dialling.forget(row)
        self.reception.forget(row)
        self._drop(leg.node, row)
        self._report(protocol.LegClosed(node=leg.node, quality=figures))

    def _leg_failed(self, row: int, error: BaseException) -> None:
        self._log.error("media.leg_failed", row=row, exc_info=error)
        if row in self._legs:
            self._end_leg(row)

    def _connect(self, command: protocol.Connect) -> None:
        source, sink = self._rows.get(command.source), self._sink(command.sink, command.channel)
        if source is not None and sink is not None:
            self.edges.connect(source, sink, command.gain_db)
            self._change()

    def _disconnect(self, command: protocol.Disconnect) -> None:
        source = self._rows.get(command.source)
        if source is None:
            return
        for channel in (0, 1):
            sink = self._sink(command.sink, channel)
            if sink is not None:
                self.edges.disconnect(source, sink)
        self._change()

    def _sink(self, node: int, channel: int) -> int | None:
        recording = self._recorders.get(node)
        if recording is not None:
            return recording.channels[channel]
        return self._rows.get(node)

    def _play(self, command: protocol.Play) -> None:
        if command.node in self._rows:
            raise ValueError(f"node {command.node} is in use")
        row = self._take(command.node, Kind.PLAYER)

        def ended(reason: str, error: str) -> None:
            self._drop(command.node, row)
            self._report(protocol.PlayFinished(node=command.node, reason=reason, error=error))

        self._players.start(row, command.sounds, loop=command.loop, ended=ended)
        for node in command.sinks:
            sink = self._sink(node, 0)
            if sink is not None:
                self.edges.connect(row, sink, command.gain_db)

    def _stop(self, command: protocol.Stop) -> None:
        row = self._rows.get(command.node)
        if row is None:
            return
        if self._players.stop(row):
            self._drop(command.node, row)
            self._report(protocol.PlayFinished(node=command.node, reason="stopped"))
        elif command.node in self._recorders:
            recording = self._recorders.pop(command.node)
            recording.recorder.close()
            self._finishing[recording.recorder] = recording
            self._drop(command.node, *recording.channels)
        elif self._detectors.pop(row, None) is not None:
            self._drop(command.node, row)

    def _send_digits(self, command: protocol.SendDigits) -> None:
        leg = self._leg(command.node)
        if leg is None:
            return

        def done() -> None:
            self._change()
            self._report(protocol.DigitsSent(node=command.node))

        self._dial(leg.row, command.digits, command.on_ms, command.gap_ms, done)

    def _dial(
        self, row: int, digits: str, on_ms: int, gap_ms: int, done: Callable[[], None]
    ) -> None:
        """As events where they were agreed, else as tones over what the peer hears."""
        if self.nodes.event_pt[row] != NONE:
            self._dialling.add(row, EventSender(digits, on_ms, gap_ms), done)
            self._change()
            return
        sounds = [
            Sound(
                frequencies=DTMF[digit],
                level_dbm0=DTMF_LEVEL_DBM0,
                on_ms=on_ms,
                off_ms=gap_ms,
            )
            for digit in digits.upper()
        ]
        self._private -= 1
        node = self._private
        player = self._take(node, Kind.PLAYER)

        def ended(reason: str, error: str) -> None:
            self._drop(node, player)
            done()

        self._players.start(player, sounds, loop=False, ended=ended)
        self.edges.connect(player, row, 0.0)

    _private = 0
    """Node numbers of players that the core knows nothing of count down from here."""

    def _record(self, command: protocol.Record) -> None:
        if command.node in self._rows:
            raise ValueError(f"node {command.node} is in use")
        left = self._take(command.node, Kind.RECORDER)
        right = self.nodes.take()
        self.nodes.kind[right] = Kind.RECORDER
        recorder = self._recordings.open(Path(command.path))
        self._recorders[command.node] = _Recording(
            command.node, command.path, (left, right), recorder
        )

    def _pause_record(self, command: protocol.PauseRecord) -> None:
        recording = self._recorders.get(command.node)
        if recording is not None:
            recording.recorder.pause(command.paused)

    def _detect(self, command: protocol.Detect) -> None:
        detector = ToneDetector(command.frequencies)
        self._detectors[self._take(command.node, Kind.DETECTOR)] = detector

    # --- nodes --------------------------------------------------------------------

    def _take(self, node: int, kind: Kind) -> int:
        row = self.nodes.take()
        self.nodes.kind[row] = kind
        self.nodes.node[row] = node
        self._rows[node] = row
        self._conceal_from_here(row)
        self._change()
        return row

    def _conceal_from_here(self, row: int) -> None:
        """The row is another's now: nothing is to be made up from what the last one said."""
        if self._conceals != self.nodes.capacity:
            self._conceals = self.nodes.capacity
            self._concealer = Concealer(self._conceals)  # forgets 80 ms of the others
        else:
            self._concealer.reset(np.array([row]))

    def _drop(self, node: int, *rows: int) -> None:
        self._rows.pop(node, None)
        for row in rows:
            self.edges.isolate(row)
            self.nodes.kind[row] = Kind.FREE
            self.nodes.listening[row] = False
            self.nodes.relay_sink[row] = NONE
            self.nodes.give_back(row)
        self._change()

    def _leg(self, node: int) -> _Leg | None:
        row = self._rows.get(node)
        return None if row is None else self._legs.get(row)

    def _change(self) -> None:
        self._plan = None

    def _current(self) -> Plan:
        if self._plan is None:
            self._plan = compile_plan(self.nodes, self.edges)
            place = np.zeros(self.nodes.capacity, np.int64)
            recorders = list(self._recorders.values())
            for at, recording in enumerate(recorders):
                for channel, row in enumerate(recording.channels):
                    place[row] = 2 * at + channel
            known = tuple(recording.recorder for recording in recorders)
            if known == self._taps.recorders:
                known = self._taps.recorders  # the thread joins frames of one and the same tuple
            self._taps = _Taps(known, place)
        return self._plan

    # --- the beat -----------------------------------------------------------------

    def receive(self, now: float) -> None:
        """Take what the sockets hold, pass on what is relayed."""
        self._now = now
        self._current()
        io = self._io
        left = FRAME_MS - int((now - self._frame_at) * 1000)
        when = Moment(self.tick, min(max(left, 0), FRAME_MS))
        ready = self._sockets.ready()
        for index in ready.rtcp:
            self._read_control(index)
        pending = ready.rtp
        while pending:
            io.inbound.count = 0
            again = []
            for index in pending:
                self._read(index)
                if io.inbound.count == io.inbound.capacity:
                    again.append(index)
            io.finish()
            if io.inbound.count:
                self.reception.receive(io.inbound, now, when)
                self._relay.flush(io.inbound)
            pending = again

    def _read(self, index: int) -> None:
        try:
            self._io.receive(self._sockets.pairs[index].rtp, index)
        except OSError:
            self._log.exception("media.socket_failed", port=self._sockets.pairs[index].number)

    def frame(self, now: float) -> None:
        """One tick of 20 ms."""
        self._now = now
        self._frame_at = now
        self.tick += 1
        self._players.advance()
        plan = self._current()
        self._listen(plan)
        sums = self._mixer.sums(plan)
        payloads = self._mixer.payloads(plan, sums)
        self._transmit(plan, payloads)
        self._tap(plan, sums)
        if self.tick % ADAPT_TICKS == 0:
            self._playout.adapt(self.tick)
        if self.tick % TIMEOUT_TICKS == 0:
            self._time_out(now)
        self._control.send_due(now)
        self._recorded()

    def _listen(self, plan: Plan) -> None:
        """Decode what legs say into their rows."""
        rows = plan.listened
        if not rows.size:
            return
        nodes = self.nodes
        payload, have, missing = self._playout.take(rows)
        frames = np.empty((rows.size, FRAME), np.int16)
        for codec in range(len(_CODECS)):
            part = slice(plan.cut[codec], plan.cut[codec + 1])
            # Twice as fast as indexing: the result has its place, and no index is out of range.
            np.take(DECODE_TABLE[codec], payload[part], out=frames[part], mode="clip")
        if have.all():
            frames = self._concealer.observe(rows, frames)
        else:
            frames[have] = self._concealer.observe(rows[have], frames[have])
            frames[~have] = 0
            frames[missing] = self._concealer.conceal(rows[missing])
        nodes.frame[rows] = frames
        self._playout.settle(rows, have, frames)

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
                self._leg_failed(row, error)

    def _transmit_slow(self, row: int, payload: NDArray[np.uint8]) -> None:
        nodes = self.nodes
        if nodes.busy[row] and self._dialling.step(row, self.tick):
            return
        repacketiser = self._legs[row].repacketiser
        if repacketiser is None:
            self.transmitter.audio(np.array([row]), payload[None, :], self.tick)
            return
        for packet in repacketiser.feed(payload.tobytes()):
            seq, ts = int(nodes.tx_seq[row]), int(nodes.tx_ts[row])
            marker = bool(nodes.tx_marker[row])
            self.transmitter.send_one(row, int(nodes.pt[row]), marker, seq, ts, packet)
            nodes.tx_marker[row] = False
            nodes.tx_seq[row] = seq + 1 & 0xFFFF
            nodes.tx_ts[row] = ts + len(packet) & 0xFFFF_FFFF
            nodes.last_out[row] = self.tick

    def _tap(self, plan: Plan, sums: NDArray[np.int16]) -> None:
        """Recorders and detectors take their copies."""
        taps = (
            (plan.tap_sink, self.nodes.frame[plan.tap_source]),
            (plan.tap_sum_sink, sums[plan.tap_sum]),
        )
        recorders = self._taps.recorders
        if recorders:
            stereo = np.zeros((len(recorders), FRAME, 2), np.int16)
            for sinks, frames in taps:
                mine = self.nodes.kind[sinks] == Kind.RECORDER
                place = self._taps.place[sinks[mine]]
                stereo[place >> 1, :, place & 1] = frames[mine]
            self._recordings.write_rows(recorders, stereo)
        if self._detectors:
            heard = {
                row: frame
                for sinks, frames in taps
                for row, frame in zip(sinks.tolist(), frames, strict=True)
            }
            for row, detector in self._detectors.items():
                self._feed_detector(row, detector, heard.get(row, _SILENT))

    def _feed_detector(self, row: int, detector: ToneDetector, frame: NDArray[np.int16]) -> None:
        for change in detector.feed(frame):
            self._report(
                protocol.Tone(
                    node=int(self.nodes.node[row]),
                    frequency=change.frequency,
                    present=change.present,
                    level_dbm0=change.level_dbm0,
                )
            )

    def _time_out(self, now: float) -> None:
        nodes = self.nodes
        quiet = (nodes.kind == Kind.LEG) & nodes.receive & ~nodes.timed_out
        quiet &= (nodes.timeout > 0) & (now - nodes.last_rx > nodes.timeout)
        for row in np.flatnonzero(quiet).tolist():
            nodes.timed_out[row] = True
            self._report(protocol.LegTimedOut(node=int(nodes.node[row])))

    def _recorded(self) -> None:
        for problem in self._recordings.problems():
            self._log.error("media.recording", problem=problem)
        for result in self._recordings.results():
            self._recording_done(result)

    def _recording_done(self, result: RecordingResult) -> None:
        recording = self._finishing.pop(result.recorder, None)
        if recording is not None:
            self._report(
                protocol.RecordFinished(
                    node=recording.node,
                    path=str(result.path),
                    seconds=result.seconds,
                    error=result.error,
                )
            )

    # --- what happens on the way ----------------------------------------------------

    def _digit(self, row: int, digit: str) -> None:
        leg = self._legs[row]
        self._report(protocol.Digit(node=leg.node, digit=digit))
        if self.nodes.relay_sink[row] != NONE:
            return
        for sink in self.edges.sinks_of(row):
            # Whoever hears this leg alone is its partner in a bridge.
            if sink in self._legs and self.edges.sources_of(sink) == [row]:
                self._dial(sink, digit, FORWARDED_DIGIT_MS, FORWARDED_DIGIT_MS // 2, self._change)

    def _read_control(self, index: int) -> None:
        sock = self._sockets.pairs[index].rtcp
        for _ in range(CONTROL_BURST):
            try:
                data, source = sock.recvfrom(CONTROL_BYTES)
            except OSError:
                return
            self._control.receive(index, addresses.place(source), data, multiplexed=False)

    def _quality(self, row: int) -> Quality:
        nodes = self.nodes
        round_trip = self._control.round_trip_ms(row)
        lost, late = nodes.lost(row), int(nodes.late[row])
        rating = quality.rate(
            expected=nodes.expected(row),
            missing=lost + late,
            bursts=int(nodes.bursts[row]),
            round_trip_ms=round_trip,
            buffer_ms=self._delay_ms(row),
        )
        return Quality(
            packets_sent=int(nodes.tx_packets[row]),
            packets_received=int(nodes.received[row]),
            packets_lost=lost,
            packets_late=late,
            packets_duplicate=int(nodes.duplicate[row]),
            packets_reordered=int(nodes.reordered[row]),
            packets_stray=int(nodes.stray[row]),
            concealed_ms=int(nodes.concealed[row]) * FRAME_MS,
            jitter_ms=max(0.0, float(nodes.rx_jitter[row])) * 1000 / SAMPLE_RATE,
            round_trip_ms=round_trip,
            r_factor=rating.r_factor,
            mos=rating.mos,
        )

    def _delay_ms(self, row: int) -> float:
        """What the bay itself adds on the way from this leg."""
        nodes = self.nodes
        if not nodes.primed[row]:
            return RELAY_MS
        return float(max(0, int(nodes.high[row] - nodes.play[row]))) * FRAME_MS + FRAME_MS / 2

    def close(self, now: float) -> None:
        """Finish recordings and close every leg, each with its report."""
        self._now = now
        for row in list(self._legs):
            self._end_leg(row)
        for recording in list(self._recorders.values()):
            self._stop(protocol.Stop(node=recording.node))
        for result in self._recordings.stop():
            self._recording_done(result)
