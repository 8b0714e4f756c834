"""What the core and a media worker say to each other.

The patch bay knows nodes and edges. A node is a number, unique within its worker and
chosen by the core: a leg (source and sink), a player (source), a recorder or a tone
detector (sinks). An edge carries a source's audio to a sink with a gain; what a sink
hears is the sum of its edges. A bridge is two edges, whisper is one, hold moves one.

Messages are msgpack arrays of these structs (tagged maps), several to a ZeroMQ message,
in order. Commands have no replies: what can fail reports it as an event. A command that
names a node the worker no longer has is ignored, for a leg may die while it travels.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ccd.model import Quality

Address = tuple[str, int]
"""IP address and port."""

FRAME_MS = 20
"""The bay's beat; every leg is decoded, mixed and encoded once a frame."""

SAMPLE_RATE = 8000
"""Samples a second inside the bay (G.711's)."""


class Codec(StrEnum):
    """Voice codecs, by their RTP encoding name (RFC 3551)."""

    PCMU = "PCMU"
    PCMA = "PCMA"


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag=True):
    """Core to worker."""


class MediaFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed in SDP for one leg: codec, payload type numbers, packet time."""

    codec: Codec = Codec.PCMU
    payload_type: int = 0
    telephone_event: int | None = 101
    """RFC 4733 payload type, or None where the peer does not speak it."""
    receive_payload_type: int | None = None
    """What comes in has another payload type than what goes out (RFC 3264, 6.1); None: the same."""
    receive_telephone_event: int | None = None
    """The same for RFC 4733."""
    ptime_ms: int = 20
    """What we send; what comes in may have any packet time from 10 to 60 ms."""


class OpenLeg(Command, frozen=True, kw_only=True):
    """Make a leg on a local RTP port that the worker reported in `WorkerReady`.

    Answered by `LegFailed` where that cannot be.

    `remote` is the SDP's address, or None until one is known. With `latch` the leg has
    the port to itself and takes the source of the first valid RTP as its remote
    (symmetric RTP), once; without, only packets from `remote` are its own.
    """

    node: int
    port: int
    remote: Address | None
    format: MediaFormat
    latch: bool = False
    send: bool = True
    receive: bool = True
    timeout_s: float = 0.0
    """Report `LegTimedOut` after so long without RTP while `receive`; 0: never."""


class ModifyLeg(Command, frozen=True, kw_only=True):
    """After a re-INVITE: where the peer's media is now, in which format and direction.

    `port` moves our side too, where the present port can't serve the new remote; the leg
    keeps its edges and its stream. Answered by `LegFailed` where that cannot be.
    """

    node: int
    remote: Address | None
    format: MediaFormat
    latch: bool = False
    send: bool = True
    receive: bool = True
    port: int | None = None


class CloseLeg(Command, frozen=True, kw_only=True):
    """Remove a leg and its edges; answered by `LegClosed`, also when it was not there."""

    node: int


class MeasureLeg(Command, frozen=True, kw_only=True):
    """Say what a leg's audio was like since it was opened, or last measured; answered by `LegMeasured`.

    A leg that serves several calls one after the other is measured between them.
    """

    node: int


class Connect(Command, frozen=True, kw_only=True):
    """Make an edge, or change its gain. `channel` is 0 or 1 where the sink is a recorder."""

    source: int
    sink: int
    gain_db: float = 0.0
    channel: int = 0


class Disconnect(Command, frozen=True, kw_only=True):
    """Take an edge away."""

    source: int
    sink: int


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a play list: a WAV file, a tone, or silence.

    `path` is a WAV of any rate, mono or stereo, 8 or 16 bit. Otherwise `frequencies`
    (Hz, summed) sound for `on_ms` then pause for `off_ms`, `repeat` times in all
    (0: for ever); no frequencies: silence of `on_ms`.
    """

    path: str | None = None
    frequencies: tuple[float, ...] = ()
    level_dbm0: float = -13.0
    on_ms: int = 0
    off_ms: int = 0
    repeat: int = 1


class Play(Command, frozen=True, kw_only=True):
    """Make a player and begin at once; ends with `PlayFinished` unless it loops.

    `sinks` saves the `Connect`s. A player that nobody hears keeps its time, so that a
    shared hold music is one player with many edges.
    """

    node: int
    sounds: tuple[Sound, ...]
    loop: bool = False
    sinks: tuple[int, ...] = ()
    gain_db: float = 0.0


class Stop(Command, frozen=True, kw_only=True):
    """Take a player, recorder or detector away; a player answers `PlayFinished`."""

    node: int


class SendDigits(Command, frozen=True, kw_only=True):
    """Send DTMF to a leg's peer, RFC 4733 where it was agreed, else as tones."""

    node: int
    digits: str
    on_ms: int = 100
    gap_ms: int = 60


class Record(Command, frozen=True, kw_only=True):
    """Make a recorder: a stereo 16-bit 8 kHz WAV, fed by edges to channels 0 and 1."""

    node: int
    path: str


class PauseRecord(Command, frozen=True, kw_only=True):
    """Stop writing (a card number is being said), or go on; the pause is silence of its length."""

    node: int
    paused: bool


class Detect(Command, frozen=True, kw_only=True):
    """Make a tone detector: a sink that reports which of these tones it hears."""

    node: int
    frequencies: tuple[float, ...]


class SetGauge(Command, frozen=True, kw_only=True):
    """How often `Gauge` is reported, in seconds."""

    every_s: float = 1.0


class Shutdown(Command, frozen=True, kw_only=True):
    """Finish recordings, close every leg, end."""


AnyCommand = (
    OpenLeg
    | ModifyLeg
    | CloseLeg
    | MeasureLeg
    | Connect
    | Disconnect
    | Play
    | Stop
    | SendDigits
    | Record
    | PauseRecord
    | Detect
    | SetGauge
    | Shutdown
)


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    """Worker to core."""


class WorkerReady(Report, frozen=True, kw_only=True):
    """The worker can carry legs on these RTP ports (RTCP is each one's next, odd, port)."""

    pid: int
    ports: tuple[int, ...]
    """Bound."""
    batched: bool
    """recvmmsg and sendmmsg are in use."""
    spare: tuple[int, ...] = ()
    """Bound when the first `OpenLeg` names them, if nobody else has them then."""


class LegLatched(Report, frozen=True, kw_only=True):
    """A latching leg found its peer; its port may be shared now."""

    node: int
    remote: Address


class LegFailed(Report, frozen=True, kw_only=True):
    """A leg could not be opened, or could not go on; `LegClosed` follows.

    `port` is its local port where it was that which could not be bound.
    """

    node: int
    reason: str
    port: int | None = None


class LegTimedOut(Report, frozen=True, kw_only=True):
    """No RTP came for the leg's time-out; said once until packets come again."""

    node: int


class LegClosed(Report, frozen=True, kw_only=True):
    """The leg is gone; this is what its audio was like."""

    node: int
    quality: Quality


class LegMeasured(Report, frozen=True, kw_only=True):
    """What a leg's audio was like since it was last measured; nothing where there is no such leg."""

    node: int
    quality: Quality


class Digit(Report, frozen=True, kw_only=True):
    """The peer pressed a key; said once a press, when it begins."""

    node: int
    digit: str


class DigitsSent(Report, frozen=True, kw_only=True):
    """The last digit of a `SendDigits` is out."""

    node: int


class PlayFinished(Report, frozen=True, kw_only=True):
    """A player ended: `completed`, `stopped`, or `failed` with the reason in `error`."""

    node: int
    reason: str
    error: str = ""


class RecordFinished(Report, frozen=True, kw_only=True):
    """The file is complete on disk (`error` says why, where it is not)."""

    node: int
    path: str
    seconds: float
    error: str = ""


class Tone(Report, frozen=True, kw_only=True):
    """A detector began or ceased to hear a tone (at least 60 ms of it, or of none)."""

    node: int
    frequency: float
    present: bool
    level_dbm0: float


class Gauge(Report, frozen=True, kw_only=True):
    """How the worker is: also its heartbeat.

    `late_ms` is how late frames began since the last gauge; `cpu_s` is user and system
    time of the process since its start; packet counts since its start.
    """

    legs: int
    late_ms_p50: float
    late_ms_p99: float
    late_ms_max: float
    cpu_s: float
    packets_in: int
    packets_out: int
    packets_stray: int
    send_errors: int


AnyReport = (
    WorkerReady
    | LegLatched
    | LegFailed
    | LegTimedOut
    | LegClosed
    | LegMeasured
    | Digit
    | DigitsSent
    | PlayFinished
    | RecordFinished
    | Tone
    | Gauge
)
