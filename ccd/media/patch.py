"""The patch bay's edges, and the plan that is made of them.

An edge carries a source's frames to a sink with a gain. From all edges a `Plan` is
compiled, lazily after changes and without a Python loop, that says in row numbers what
each frame has to do: which legs are relayed, whose buffers are read, which sums are
formed, what is encoded how often, and which packet gets which payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from ccd.media.codecs import CODEC_INDEX, ENCODE_TABLE, FRAME, SILENCE
from ccd.media.nodes import NONE, Kind, Nodes
from ccd.media.table import Column, Table

CODECS: Final = len(CODEC_INDEX)

_SILENCE: Final = tuple(SILENCE[codec] for codec in CODEC_INDEX)

Rows = NDArray[np.int64]


class Edges(Table):
    """Every edge: source row, sink row, linear gain."""

    COLUMNS: ClassVar[Mapping[str, Column]] = {
        "source": Column(np.int64),
        "sink": Column(np.int64),
        "gain": Column(np.float32),
    }
    source: Rows
    sink: Rows
    gain: NDArray[np.float32]

    def __init__(self, capacity: int = 64) -> None:
        super().__init__(capacity)
        self._by_pair: dict[tuple[int, int], int] = {}
        self._touching: dict[int, set[tuple[int, int]]] = {}

    def connect(self, source: int, sink: int, gain_db: float) -> None:
        """Make an edge or change its gain; 0 dB is exactly 1."""
        pair = source, sink
        row = self._by_pair.get(pair)
        if row is None:
            row = self._by_pair[pair] = self.take()
            self.source[row], self.sink[row] = pair
            for end in pair:
                self._touching.setdefault(end, set()).add(pair)
        self.gain[row] = 10.0 ** (gain_db / 20.0)

    def disconnect(self, source: int, sink: int) -> None:
        """Take an edge away, if there is one."""
        pair = source, sink
        row = self._by_pair.pop(pair, None)
        if row is None:
            return
        self.give_back(row)
        for end in set(pair):
            touching = self._touching[end]
            touching.discard(pair)
            if not touching:
                del self._touching[end]

    def isolate(self, row: int) -> None:
        """Take every edge of a node away."""
        for source, sink in list(self._touching.get(row, ())):
            self.disconnect(source, sink)

    def touch(self, row: int) -> bool:
        """Whether a node has any edge."""
        return row in self._touching

    def sources_of(self, sink: int) -> list[int]:
        """Whom a sink hears."""
        return [a for a, b in self._touching.get(sink, ()) if b == sink]

    def sinks_of(self, source: int) -> list[int]:
        """Who hears a source."""
        return [b for a, b in self._touching.get(source, ()) if a == source]


@dataclass(frozen=True)
class Encoding:
    """What one codec has to encode: frames of `direct` source rows, then sums `mixed`."""

    direct: Rows
    mixed: Rows
    """Positions among the plan's sums."""
    first: int
    """Row of the payload matrix where this codec's frames begin; its silence is the last."""

    @property
    def count(self) -> int:
        """Rows of the payload matrix that are this codec's."""
        return self.direct.size + self.mixed.size + 1


@dataclass(frozen=True)
class Plan:
    """What a frame has to do. Rows are the node table's."""

    listened: Rows
    """Legs whose jitter buffers are read, grouped by codec: `listened[cut[c]:cut[c+1]]`."""
    cut: tuple[int, ...]
    mix_source: Rows
    mix_gain: NDArray[np.float32]
    mix_start: Rows
    """Where each sum begins among `mix_source`."""
    encodings: tuple[Encoding, ...]
    payload_rows: int
    send: Rows
    """Legs that get a packet each frame, by port."""
    send_payload: Rows
    """The payload matrix's row for each."""
    payload_of: Rows
    """The same for every node; also for those with other packet times."""
    slow: Rows
    """Legs with another packet time than 20 ms."""
    relayed: Rows
    """Legs that get their packets from a relay (and silence when it has none)."""
    tap_sink: Rows
    tap_source: Rows
    """Recorder channels and detectors that hear one source as it is."""
    tap_sum_sink: Rows
    tap_sum: Rows
    """Those that hear a sum: its position."""


def compile_plan(nodes: Nodes, edges: Edges) -> Plan:
    """Make the plan; sets the nodes' `relay_sink` and `listening`."""
    at = np.flatnonzero(edges.used)
    source, sink, gain = edges.source[at], edges.sink[at], edges.gain[at]
    capacity = nodes.capacity
    degree = np.bincount(sink, minlength=capacity)
    alone = (degree[sink] == 1) & (gain == 1.0)
    leg = nodes.kind == Kind.LEG
    sending = leg & nodes.send & (nodes.remote != 0)

    relay = _relays(nodes, source, sink, alone, sending)
    nodes.relay_sink[:] = NONE
    nodes.relay_sink[source[relay]] = sink[relay]
    is_relayed = np.zeros(capacity, bool)
    is_relayed[sink[relay]] = True

    rest = ~relay
    source, sink, gain, alone = source[rest], sink[rest], gain[rest], alone[rest]
    listening = np.zeros(capacity, bool)
    listening[source] = True
    listening |= nodes.rx_event_pt == NONE  # digits can only come as tones
    listening &= leg & nodes.receive
    nodes.primed &= listening & nodes.listening
    nodes.listening[:] = listening
    listened = [np.flatnonzero(listening & (nodes.codec == codec)) for codec in range(CODECS)]
    cut = np.cumsum([0, *(rows.size for rows in listened)])

    d_source, d_sink = source[alone], sink[alone]
    order = np.argsort(sink[~alone], kind="stable")
    m_source, m_sink, m_gain = source[~alone][order], sink[~alone][order], gain[~alone][order]
    sums, start = np.unique(m_sink, return_index=True)

    payload_of = np.zeros(capacity, np.int64)
    encodings = []
    total = 0
    for codec in range(CODECS):
        mine = leg[d_sink] & (nodes.codec[d_sink] == codec)
        direct = np.unique(d_source[mine])
        mixed = np.flatnonzero(leg[sums] & (nodes.codec[sums] == codec))
        encoding = Encoding(direct, mixed, total)
        payload_of[nodes.codec == codec] = total + encoding.count - 1
        payload_of[d_sink[mine]] = total + np.searchsorted(direct, d_source[mine])
        payload_of[sums[mixed]] = total + direct.size + np.arange(mixed.size)
        encodings.append(encoding)
        total += encoding.count

    here = sending & ~is_relayed
    send = np.flatnonzero(here & (nodes.ptime == 20) & ~nodes.busy)
    send = send[np.argsort(nodes.port[send], kind="stable")]
    tap = ~leg[d_sink]
    sum_tap = np.flatnonzero(~leg[sums])
    return Plan(
        listened=np.concatenate(listened),
        cut=tuple(cut.tolist()),
        mix_source=m_source,
        mix_gain=m_gain[:, None],
        mix_start=start,
        encodings=tuple(encodings),
        payload_rows=total,
        send=send,
        send_payload=payload_of[send],
        payload_of=payload_of,
        slow=np.flatnonzero(here & ((nodes.ptime != 20) | nodes.busy)),
        relayed=np.flatnonzero(is_relayed),
        tap_sink=d_sink[tap],
        tap_source=d_source[tap],
        tap_sum_sink=sums[sum_tap],
        tap_sum=sum_tap,
    )


def _relays(
    nodes: Nodes, source: Rows, sink: Rows, alone: NDArray[np.bool_], sending: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which edges can be relayed: a sink's only source, unaltered, in the sink's codec."""
    leg = nodes.kind == Kind.LEG
    fit = (
        alone
        & leg[source]
        & sending[sink]
        & nodes.receive[source]
        & ~nodes.odd[source]
        & ~nodes.busy[sink]
        & (nodes.ptime[sink] == 20)
        & (nodes.codec[source] == nodes.codec[sink])
    )
    # A source has one relay at most; who else hears it gets its frames from the buffer.
    fan = np.bincount(source[fit], minlength=nodes.capacity)
    relay: NDArray[np.bool_] = fit & (fan[source] == 1)
    return relay


class Mixer:
    """Runs a plan's arithmetic: sums, clipping, encoding."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def sums(self, plan: Plan) -> NDArray[np.int16]:
        """What sinks with several sources, or a gain, hear: (sums, 160)."""
        if not plan.mix_start.size:
            return np.zeros((0, FRAME), np.int16)
        parts = self._nodes.frame[plan.mix_source] * plan.mix_gain
        if plan.mix_start.size != plan.mix_source.size:
            parts = np.add.reduceat(parts, plan.mix_start, axis=0)
        np.clip(parts, -32768.0, 32767.0, out=parts)
        return parts.astype(np.int16)

    def payloads(self, plan: Plan, sums: NDArray[np.int16]) -> NDArray[np.uint8]:
        """Every distinct payload of this frame: (payload_rows, 160), each encoded once."""
        result = np.empty((plan.payload_rows, FRAME), np.uint8)
        for codec, encoding in enumerate(plan.encodings):
            table = ENCODE_TABLE[codec]
            at = encoding.first
            for frames in (self._nodes.frame[encoding.direct], sums[encoding.mixed]):
                np.take(
                    table, frames.view(np.uint16), out=result[at : at + len(frames)], mode="clip"
                )
                at += len(frames)
            result[at] = _SILENCE[codec]
        return result
