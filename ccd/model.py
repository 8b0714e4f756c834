"""The nouns: what a call centre is made of, in the field's own words.

Names follow CSTA Phase III (ECMA-269) where it has one. Everything here is frozen or
an enumeration; what changes is kept by exactly one owner elsewhere (the switch its
calls, the distributor its agents) and told to everybody else as an event.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ConnectionState(StrEnum):
    """State of one party's connection to a call (ECMA-269, 6.1.5)."""

    NULL = "null"
    INITIATED = "initiated"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HOLD = "hold"
    QUEUED = "queued"
    FAILED = "failed"


class AgentState(StrEnum):
    """What an agent is doing, as the distributor sees it (ECMA-269, 6.1.3)."""

    LOGGED_OUT = "logged_out"
    NOT_READY = "not_ready"
    READY = "ready"
    RESERVED = "reserved"
    BUSY = "busy"
    WRAP_UP = "wrap_up"


class Channel(StrEnum):
    """What kind of thing waits for an agent."""

    VOICE = "voice"
    CALLBACK = "callback"
    VOICEMAIL = "voicemail"
    CHAT = "chat"
    EMAIL = "email"
    TASK = "task"


class Cause(StrEnum):
    """Why something happened to a connection (the CSTA event causes that we use)."""

    NORMAL_CLEARING = "normal_clearing"
    CALL_CANCELLED = "call_cancelled"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DESTINATION_NOT_OBTAINABLE = "destination_not_obtainable"
    DESTINATION_OUT_OF_ORDER = "destination_out_of_order"
    TRUNKS_BUSY = "trunks_busy"
    REJECTED = "rejected"
    INCOMPATIBLE_MEDIA = "incompatible_media"
    MEDIA_TIMEOUT = "media_timeout"
    MEDIA_WORKER_LOST = "media_worker_lost"
    MEDIA_FAILED = "media_failed"
    NETWORK_FAILURE = "network_failure"
    OVERLOAD = "overload"
    TRANSFER = "transfer"
    CONFERENCE = "conference"
    SHUTDOWN = "shutdown"
    ANSWERED_ELSEWHERE = "answered_elsewhere"


class Party(StrEnum):
    """Which side did something."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


class Direction(StrEnum):
    """Who began a call."""

    IN = "in"
    """A caller."""
    OUT = "out"
    """We did: `ani` is the number that we showed, `dnis` the one that we dialled."""
    INTERNAL = "internal"
    """One of us called another: `ani` is who called, `dnis` whom."""


class ListenMode(StrEnum):
    """How somebody who is no party of a conversation takes part in it (ECMA-269, join call)."""

    SILENT = "silent"
    """He hears all, nobody hears him (monitor)."""
    WHISPER = "whisper"
    """He hears all, and is heard by one agent alone (coach)."""
    ACTIVE = "active"
    """He hears all and all hear him (barge)."""


class SystemState(StrEnum):
    """How the system is (ECMA-269, system status), the gravest last."""

    NORMAL = "normal"
    OVERLOADED = "overloaded"
    """It keeps up, but late: new calls are let in more slowly."""
    SHEDDING = "shedding"
    """New calls are refused."""
    MEDIA_LOST = "media_lost"
    """A media worker died, and is not back yet."""
    STORE_FAILING = "store_failing"
    """Events cannot be written: they wait in memory."""
    DRAINING = "draining"
    """It ends: no new calls."""


class Outcome(StrEnum):
    """How a call ended, for the call record and the figures."""

    ANSWERED = "answered"
    """An agent spoke with the caller, or with the customer whom we called."""
    ABANDONED = "abandoned"
    """The caller hung up while queued or while the agent's phone rang, or was sent away then, or
    before he was queued: closed, too many waiting."""
    SELF_SERVED = "self_served"
    """It ended in the IVR without an agent being wanted, with a message, or with a callback promised."""
    REFUSED = "refused"
    """We turned it away before answering (no service, no media in common, overload)."""
    FAILED = "failed"
    """It was lost through a fault of ours or of the network."""
    UNREACHED = "unreached"
    """We called, and there was nobody to speak with: busy, no answer, no such number."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What one leg's audio was like, from its first packet to its last.

    Times are milliseconds, counts are RTP packets. Jitter is RFC 3550 6.4.1; `mos` is
    the E-model's conversational estimate (ITU-T G.107, with G.113's impairments).
    """

    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_reordered: int = 0
    packets_stray: int = 0
    concealed_ms: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    r_factor: float = 0.0
    mos: float = 0.0


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer, as the customer store knows him: what an agent sees when his phone rings."""

    id: str
    name: str = ""
    numbers: tuple[str, ...] = ()
    customer_class: str = ""
    adviser: str = ""
    """The agent who looks after him."""
    language: str = ""
    accounts: tuple[str, ...] = ()
    notes: str = ""
    """The newest notes, as one reads them at a glance."""
    last_contact_at: float | None = None
    """Seconds since the epoch."""
    last_agent: str = ""
    contacts: int = 0
    """How often he was in touch."""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call's line in the database; every time is seconds since the Unix epoch, UTC.

    Built from events alone (`ccd.store.records`), so a replay gives the same line.
    """

    call: str
    ani: str
    dnis: str
    trunk: str
    direction: Direction = Direction.IN
    outcome: Outcome
    offered_at: float
    """It came in, or we began to call."""
    answered_at: float | None = None
    """The daemon answered the caller (the welcome begins), or the customer answered us."""
    queued_at: float | None = None
    queue: str | None = None
    delivered_at: float | None = None
    """The phone of the agent that finally answered began to ring."""
    connected_at: float | None = None
    """Agent and caller hear each other."""
    cleared_at: float
    wrap_up_ended_at: float | None = None
    agent: str | None = None
    released_by: Party
    cause: Cause
    digits: str = ""
    ivr_path: tuple[str, ...] = ()
    rings_unanswered: int = 0
    recording: str | None = None
    disposition: str = ""
    """What came of it, in the agent's word; the last one that was said."""
    notes: str = ""
    caller_quality: Quality | None = None
    agent_quality: Quality | None = None
