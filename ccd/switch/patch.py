"""The switch's side of the patch bay: which leg hears what, said as sets.

`hear(leg, sources)` states what a leg hears from now on; the edges that must go and
come are worked out here. Every verb (bridge, hold, whisper, conference) is one or two
such statements.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ccd.media.pool import MediaPool, Port
from ccd.media.protocol import (
    Address,
    CloseLeg,
    Codec,
    Connect,
    Disconnect,
    MeasureLeg,
    MediaFormat,
    ModifyLeg,
    OpenLeg,
    Play,
    PlayFinished,
    Record,
    RecordFinished,
    SendDigits,
    Sound,
    Stop,
)
from ccd.sip.negotiation import Agreed
from ccd.switch.call import Leg


def media_format(agreed: Agreed) -> MediaFormat:
    """What SDP agreed, in the media worker's words."""
    return MediaFormat(
        codec=Codec(agreed.codec),
        payload_type=agreed.payload_type,
        telephone_event=agreed.telephone_event,
        receive_payload_type=agreed.receive_payload_type,
        receive_telephone_event=agreed.receive_telephone_event,
        ptime_ms=agreed.ptime,
    )


RecordingDone = Callable[[str, float, str], None]
"""Told a recording's path, its length in seconds, and what went wrong, if anything did."""


class _Place(NamedTuple):
    """Where a leg's peer has its media."""

    remote: Address | None
    """What its SDP says; None: nowhere, or not yet."""
    latch: bool
    """Its audio may come from elsewhere."""


class _Recording(NamedTuple):
    worker: int
    path: str
    done: RecordingDone


class Patch:
    """Nodes and edges of the calls of this switch, over all media workers."""

    def __init__(self, pool: MediaPool, *, rtp_timeout_s: float, nat: str) -> None:
        self._pool = pool
        self._rtp_timeout_s = rtp_timeout_s
        self._nat = nat
        self._legs: dict[int, Leg] = {}
        """By node; a leg stays until the worker has said its last word on it."""
        self._places: dict[int, _Place] = {}
        """By node."""
        self._measures: dict[int, deque[Leg]] = {}
        """By node: legs whose figures the worker was asked for, and has not told yet."""
        self._plays: dict[int, tuple[Leg, Callable[[Leg], None]]] = {}
        self._recordings: dict[int, _Recording] = {}
        self._music: dict[tuple[int, str], int] = {}

    def __len__(self) -> int:
        return len(self._legs)

    # --- legs ------------------------------------------------------------------

    def port(self, remote: Address | None, signalled_from: str, worker: int | None) -> Port:
        """Take an RTP port for a leg whose peer says it is at `remote` (None: not known yet).

        Raises `ccd.media.ports.NoPortFree`.
        """
        return self._pool.take_port(
            remote, latch=self.must_latch(remote, signalled_from), worker=worker
        )

    def must_latch(self, remote: Address | None, signalled_from: str) -> bool:
        """Whether the peer's audio may come from elsewhere than its SDP says (NAT)."""
        if remote is None or self._nat == "always":
            return True
        return self._nat == "auto" and remote[0] != signalled_from

    def node(self) -> int:
        """A fresh node number."""
        return self._pool.node()

    def move(self, leg: Leg, remote: Address | None) -> bool:
        """The peer's media goes to `remote`: give the leg another port where its own can't follow.

        Legs that share a port are told apart by their remotes, and one that may latch has a
        port alone. True where `leg.port` is another one from now on; our SDP must say so.
        Raises `ccd.media.ports.NoPortFree`; then everything is as it was.
        """
        assert leg.port is not None
        known = self._places.get(leg.node)
        if known is not None and known.remote == remote:
            return False
        latch = self.must_latch(remote, leg.session.peer.host)
        changed = False
        if not self._pool.moved(leg.port, remote, latch=latch):
            if remote is None:
                latch = False  # media rests, and what comes to a shared port may be anybody's
            else:
                port = self._pool.take_port(remote, latch=latch, worker=leg.port.worker)
                self._pool.release(leg.port)
                leg.port, changed = port, True
        self._places[leg.node] = _Place(remote, latch)
        return changed

    def open(self, leg: Leg) -> None:
        """Make the leg's node, as agreed; where it was open already, change it."""
        assert leg.port is not None
        assert leg.agreed is not None
        agreed = leg.agreed
        place = self._places.get(leg.node)
        if place is None:
            # For this very remote the port was taken.
            latch = self.must_latch(agreed.remote, leg.session.peer.host)
            place = self._places[leg.node] = _Place(agreed.remote, latch)
        if not leg.media_open:
            leg.media_open = True
            self._legs[leg.node] = leg
            self._pool.send(
                leg.port.worker,
                OpenLeg(
                    node=leg.node,
                    port=leg.port.number,
                    remote=agreed.remote,
                    format=media_format(agreed),
                    latch=place.latch,
                    send=agreed.send,
                    receive=agreed.receive,
                    timeout_s=self._rtp_timeout_s,
                ),
            )
        else:
            self._pool.send(
                leg.port.worker,
                ModifyLeg(
                    node=leg.node,
                    remote=agreed.remote,
                    format=media_format(agreed),
                    latch=place.latch,
                    send=agreed.send,
                    receive=agreed.receive,
                    port=leg.port.number,
                ),
            )

    def close(self, leg: Leg) -> None:
        """Take the leg's node and port away."""
        self.stop(leg)
        leg.hears = frozenset()
        if leg.port is None:  # it never had one, or gave all away
            return
        self._places.pop(leg.node, None)
        if leg.media_open:
            leg.media_open = False
            self._pool.send(leg.port.worker, CloseLeg(node=leg.node))
        self._pool.release(leg.port)
        leg.port = None

    def hand_over(self, giver: Leg, taker: Leg) -> None:
        """Another leg has this one's node, port and format from now on; both hear nothing then.

        What its audio was like until now is the giver's (`measured`).
        """
        self.stop(giver)
        self.hear(giver, ())
        if giver.port is not None and giver.media_open:
            self._legs[giver.node] = taker
            self._measures.setdefault(giver.node, deque()).append(giver)
            self._pool.send(giver.port.worker, MeasureLeg(node=giver.node))
        taker.node, taker.port, taker.media_open = giver.node, giver.port, giver.media_open
        taker.negotiation, taker.agreed = giver.negotiation, giver.agreed
        giver.port, giver.media_open = None, False

    def measured(self, node: int) -> Leg | None:
        """The leg that figures are about which the worker was asked for first."""
        asked = self._measures.get(node)
        if not asked:
            return None
        leg = asked.popleft()
        if not asked:
            del self._measures[node]
        return leg

    def leg(self, node: int) -> Leg | None:
        """The leg of this node."""
        return self._legs.get(node)

    def latched(self, node: int, remote: Address) -> None:
        """The worker found the peer of a leg."""
        leg = self._legs.get(node)
        if leg is not None and leg.port is not None:
            self._pool.latched(leg.port, remote)

    def closed(self, node: int) -> Leg | None:
        """The worker has said its last word on this leg."""
        return self._legs.pop(node, None)

    # --- edges -----------------------------------------------------------------

    def hear(self, leg: Leg, sources: Iterable[int]) -> None:
        """From now on the leg hears these nodes and no others; nothing without media."""
        wanted = frozenset(sources)
        if leg.port is None or not leg.media_open or wanted == leg.hears:
            return
        self._pool.send(
            leg.port.worker,
            *(Disconnect(source=node, sink=leg.node) for node in sorted(leg.hears - wanted)),
            *(Connect(source=node, sink=leg.node) for node in sorted(wanted - leg.hears)),
        )
        leg.hears = wanted

    def music(self, worker: int, path: str) -> int:
        """The node of this music on this worker: one player for all who wait."""
        node = self._music.get((worker, path))
        if node is None:
            node = self._music[worker, path] = self._pool.node()
            self._pool.send(worker, Play(node=node, sounds=(Sound(path=path),), loop=True))
        return node

    def send_digits(self, leg: Leg, digits: str) -> None:
        """Key digits towards the leg's peer."""
        if leg.port is not None:
            self._pool.send(leg.port.worker, SendDigits(node=leg.node, digits=digits))

    # --- players ---------------------------------------------------------------

    def play(
        self,
        leg: Leg,
        sounds: Sequence[Sound],
        loop: bool,
        ended: Callable[[Leg], None],
        gain_db: float = 0.0,
    ) -> None:
        """Play to one leg, in place of music and of what played before.

        `ended(leg)` when it ends by itself. A leg without media hears nothing, and nothing ends.
        """
        if leg.port is None or not leg.media_open:
            return
        self.stop(leg)
        self.hear(leg, leg.hears.difference(self._music.values()))
        node = self._pool.node()
        leg.player = node
        leg.hears = leg.hears | {node}
        self._plays[node] = (leg, ended)
        self._pool.send(
            leg.port.worker,
            Play(node=node, sounds=tuple(sounds), loop=loop, sinks=(leg.node,), gain_db=gain_db),
        )

    def stop(self, leg: Leg) -> None:
        """Stop what plays to this leg."""
        if leg.player is None or leg.port is None:
            return
        self._plays.pop(leg.player, None)
        self._pool.send(leg.port.worker, Stop(node=leg.player))
        leg.hears = leg.hears - {leg.player}
        leg.player = None

    def play_finished(self, report: PlayFinished) -> None:
        """A player ended; whoever waits for it is told."""
        entry = self._plays.pop(report.node, None)
        if entry is None:
            return
        leg, ended = entry
        leg.player = None
        leg.hears = leg.hears - {report.node}
        ended(leg)

    # --- recorders -------------------------------------------------------------

    def record(
        self,
        path: Path,
        legs: Sequence[Leg],
        sources: Iterable[tuple[int, int]],
        done: RecordingDone,
    ) -> int | None:
        """Record to a stereo file; the recorder's node. `sources` are nodes and channels (0, 1) of `legs`.

        `done(path, seconds, error)` is called when the file is complete. None, and it never is,
        where a leg has no media.
        """
        ports = [leg.port for leg in legs]
        if ports[0] is None or None in ports:
            return None
        node = self._pool.node()
        worker = ports[0].worker
        self._recordings[node] = _Recording(worker, str(path), done)
        self._pool.send(worker, Record(node=node, path=str(path)))
        self.record_these(node, frozenset(), frozenset(sources))
        return node

    def record_these(
        self, recorder: int, before: frozenset[tuple[int, int]], sources: frozenset[tuple[int, int]]
    ) -> None:
        """Have a recorder hear these nodes and channels, where it heard those before."""
        recording = self._recordings.get(recorder)
        if recording is None or before == sources:
            return
        now = {node for node, _ in sources}
        self._pool.send(
            recording.worker,
            *(
                Disconnect(source=node, sink=recorder)
                for node, channel in sorted(before)
                if node not in now or (node, channel) not in sources
            ),
            *(
                Connect(source=node, sink=recorder, channel=channel)
                for node, channel in sorted(sources - before)
            ),
        )

    def stop_recording(self, node: int) -> None:
        """End a recording; it is complete when the worker says so."""
        recording = self._recordings.get(node)
        if recording is not None:
            self._pool.send(recording.worker, Stop(node=node))

    def record_finished(self, report: RecordFinished) -> None:
        """A recording is on disk, or failed."""
        recording = self._recordings.pop(report.node, None)
        if recording is not None:
            recording.done(report.path, report.seconds, report.error)

    # --- a worker's death --------------------------------------------------------

    def lost(self, worker: int) -> tuple[list[Leg], list[tuple[str, RecordingDone]]]:
        """Forget what a dead worker carried: the legs it had open, the files it was writing."""
        self._music = {key: node for key, node in self._music.items() if key[0] != worker}
        legs = [
            leg for leg in self._legs.values() if leg.port is not None and leg.port.worker == worker
        ]
        for leg in legs:
            leg.media_open = False
            del self._legs[leg.node]
            self._measures.pop(leg.node, None)
            if leg.player is not None:
                self._plays.pop(leg.player, None)
                leg.player = None
        torn = [node for node, recording in self._recordings.items() if recording.worker == worker]
        files = [self._recordings.pop(node) for node in torn]
        return legs, [(file.path, file.done) for file in files]
