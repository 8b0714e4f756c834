"""Every operation of the CTI: its arguments, its result, who may call it.

The one place that says so: the server checks by it, the client converts by it, and
docs/cti.md is generated from it (`python -m ccd.cti.reference`). The daemon gives each
its handler (`Op`); what a handler does is not the CTI's business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ccd.acd.stories.story import Story
from ccd.config import Announce, Callback, Overflow, Ring, Voicemail
from ccd.cti.call_operations import CALL_OPERATIONS
from ccd.cti.colleague_operations import COLLEAGUE_OPERATIONS
from ccd.cti.desk_operations import DESK_OPERATIONS
from ccd.cti.record_operations import RECORD_OPERATIONS
from ccd.cti.session import Session
from ccd.cti.spec import (
    ADMINS,
    EVERY_ROLE,
    FOR_AGENT,
    NOBODY_IN_PARTICULAR,
    SUPERVISORS,
    AgentArgs,
    Args,
    Nothing,
    Role,
    Spec,
    Text,
)
from ccd.cti.voice_operations import VOICE_OPERATIONS
from ccd.cti.wire import ErrorCode
from ccd.customers.match import Match
from ccd.customers.match import Record as Record
from ccd.host.words import Account as Account
from ccd.host.words import Holdings as Holdings
from ccd.host.words import Order as Order
from ccd.host.words import Position as Position
from ccd.model import AgentState, Customer, ListenMode, SystemState
from ccd.reload import Change
from ccd.store.customers import Note

__all__ = [
    "ADMINS",
    "CATALOGUE",
    "EVERY_ROLE",
    "FOR_AGENT",
    "NOBODY_IN_PARTICULAR",
    "SUPERVISORS",
    "AgentArgs",
    "Args",
    "Nothing",
    "Op",
    "Role",
    "Spec",
    "Text",
]


class HelloArgs(Args, frozen=True, kw_only=True):
    """Arguments of `hello`."""

    client: Annotated[str, Meta(max_length=128)] = ""
    """Who is asking, for the log: a program's name and version."""


class LogInArgs(Args, frozen=True, kw_only=True):
    """Arguments of `log_in`."""

    agent: Text
    phone: Annotated[str, Meta(max_length=128)] = ""
    """Where to ring the agent; empty: as the settings say."""
    password: Annotated[str, Meta(max_length=1024)] = ""
    """Needed where the settings hold a hash of it; never in a log."""
    unless_taken: bool = False
    """Refused (`wrong_state`) where he is at work over another session, which else is his no more."""
    nailed_up: bool | None = None
    """Whether his phone is called now and kept, so that calls are put through to it; nothing said:
    as its settings have it."""


class AuthenticateArgs(Args, frozen=True, kw_only=True):
    """Arguments of `authenticate`."""

    user: Text
    """A `[[user]]`, or an agent whose shift is not to begin."""
    password: Annotated[str, Meta(max_length=1024)] = ""
    """Never in a log."""


class LockKind(StrEnum):
    """Who can be locked out."""

    PERSON = "person"
    """A name, whether there is such a person or not."""
    CLIENT = "client"
    """A client's key, by its name in `ccd keys list`."""


class UnlockAccountArgs(Args, frozen=True, kw_only=True):
    """Arguments of `unlock_account`."""

    name: Text
    kind: LockKind = LockKind.PERSON


class NotReadyArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `not_ready`."""

    reason: Text = "break"


class WrapUpArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `wrap_up`."""

    disposition: Text
    """A `[[disposition]]` of the settings; any word where there are none."""
    notes: Annotated[str, Meta(max_length=8192)] = ""


class WrapUpResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrapped up."""

    call: str


class NextStateArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `next_state`."""

    state: AgentState
    """`ready`, `not_ready`, `wrap_up` or `logged_out`."""
    reason: Text = "break"
    """For `not_ready`."""


class ReplayArgs(Args, frozen=True, kw_only=True):
    """Arguments of `replay`."""

    since: Annotated[int, Meta(ge=0)]
    """The number of the last event seen; those after it are wanted."""
    limit: Annotated[int, Meta(ge=1, le=5000)] = 1000
    monitor: Text | None = None
    """Only those of this monitor, as messages of its topic."""


class MonitorStartArgs(Args, frozen=True, kw_only=True):
    """Arguments of `monitor_start`: one of these; `all` for everything there is."""

    agent: Text | None = None
    call: Text | None = None
    queue: Text | None = None
    all: bool = False


class MonitorArgs(Args, frozen=True, kw_only=True):
    """Arguments of `monitor_stop`."""

    monitor: Text


class CallArgs(Args, frozen=True, kw_only=True):
    """Arguments of what is about one call."""

    call: Text


class DeviceArgs(Args, frozen=True, kw_only=True):
    """Arguments of `snapshot_device`."""

    agent: Text | None = None
    """Empty: the one that logged in over this session."""


class HelloResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whom one speaks with."""

    version: str
    boot: str
    """Changes when the daemon restarts; sessions do not outlive it."""
    seq: int
    """The newest event's number."""
    session_timeout_s: float
    """A session not heard of for so long is over: ping within it."""
    ops: tuple[str, ...]
    events_port: int = 0
    """Over TCP: where events are, on the same host. 0: one came in on the daemon's own machine."""
    events_topic: str = ""
    """What the topics of all events begin with: `event/TOKEN/`. Empty: one may not hear them."""
    session: int = 0
    """Counts the sessions of this run of the daemon. Another one than before: the one before is
    over, and who was logged in over it logs in again."""


class AuthenticateResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who one is now."""

    user: str
    roles: tuple[Role, ...]
    """All that this session has."""
    full_name: str = ""
    events_topic: str = ""
    """As in `hello`, for the roles that one has now."""


class LockView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is locked out for wrong passwords."""

    name: str
    kind: LockKind
    for_s: float
    """Until it ends by itself."""
    locks: int
    """How often it has happened, without a long quiet time between."""


class LockedAccountsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody who is locked out now."""

    locked: tuple[LockView, ...] = ()


class UnlockAccountResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of lifting a lock."""

    lifted: bool
    """There was one."""


class LogInResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a log-in."""

    resumed: bool = False
    """The agent was logged on already, and goes on as he is, at the phone he has."""
    events_topic: str = ""
    """As in `hello`, for the roles that one has now."""


class PingResult(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life."""

    boot: str
    seq: int
    at: float
    """The daemon's clock, seconds since the epoch."""
    monitors: dict[str, int] = {}
    """This session's monitors, and how many events each has had: who has seen fewer lost some."""
    session: int = 0
    """As in `hello`."""


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """Events, in order, without a gap."""

    seq: int
    """The newest event's number, now."""
    more: bool
    """Ask again with the last one's number."""
    events: tuple[dict[str, Any], ...]
    """With `monitor`, maps of `n` and `event`, as they were published."""


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent in a snapshot."""

    agent: str
    state: AgentState
    queues: tuple[str, ...] = ()
    phone: str = ""
    reason: str | None = None
    call: str | None = None
    pending: str | None = None
    """`log_off` or `not_ready`, which follows the present call."""
    since: float | None = None
    """When this state began, seconds since the epoch."""
    nailed_up: bool = False
    """His phone is called and kept: calls are put through to it."""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue in a snapshot."""

    queue: str
    waiting: int
    idle_agents: int
    oldest_wait_s: float | None = None


class LegView(msgspec.Struct, frozen=True, kw_only=True):
    """One party's connection to a call in a snapshot; a phone with several calls has one in each."""

    leg: str
    party: str
    state: str
    agent: str | None = None
    mode: ListenMode | None = None
    """How it listens; none: it is a party, or is to become one."""


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call in a snapshot."""

    call: str
    ani: str
    dnis: str
    trunk: str
    offered_at: float
    queue: str | None = None
    """The one that it waits in, or came to its agent from."""
    waits_since: float | None = None
    """Since when it waits there (while a phone rings for it, too); none: it does not wait."""
    agent: str | None = None
    """Of our agents in it the first who is connected; where none is, the first who is called."""
    legs: tuple[LegView, ...] = ()


class SnapshotResult(msgspec.Struct, frozen=True, kw_only=True):
    """All that is so after event number `seq`: apply the events from there on."""

    seq: int
    at: float
    agents: tuple[AgentView, ...] = ()
    queues: tuple[QueueView, ...] = ()
    calls: tuple[CallView, ...] = ()


class MonitorStartResult(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor, and what it watches as it is after event number `seq`."""

    monitor: str
    topic: str
    """Where its events are published: maps of `n` and `event`, with `call` where a call comes to
    what is watched with a history, and `stopped` in the last one."""
    seq: int
    n: int
    """How many events it has had: the next one's number less one."""
    state: SnapshotResult
    """The agent with his calls; the call; the queue with who waits in it and who serves it; or all."""


class SnapshotCallResult(msgspec.Struct, frozen=True, kw_only=True):
    """A call after event number `seq`."""

    seq: int
    call: CallView


class ConnectionView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's connection to a call (ECMA-269, 6.1.5)."""

    call: str
    leg: str
    state: str


class SnapshotDeviceResult(msgspec.Struct, frozen=True, kw_only=True):
    """An agent after event number `seq`, and all that he is connected to."""

    seq: int
    agent: AgentView
    connections: tuple[ConnectionView, ...] = ()
    calls: tuple[CallView, ...] = ()


class SystemStatusResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the system is (ECMA-269, system status)."""

    state: SystemState
    """The gravest that applies."""
    states: tuple[SystemState, ...] = ()
    """All that apply, the gravest first."""
    reason: str = ""
    since: float
    """When `state` began, seconds since the epoch."""


class TrunkView(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk in the status."""

    trunk: str
    up: bool
    calls: int = 0
    channels: int = 0
    """Most calls at once; 0: no limit."""


class StatusResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon is."""

    version: str
    pid: int
    boot: str = ""
    started_at: float
    seq: int
    accepting: bool
    """New calls are taken."""
    shedding: bool
    """New calls are refused for overload."""
    calls: int
    waiting: int
    agents: dict[str, int]
    """How many agents are in which state."""
    phones: int = 0
    """Registered."""
    trunks: tuple[TrunkView, ...] = ()
    media_workers: int = 0
    counts: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    """Whatever else is counted, by name."""


class SkillsArgs(Args, frozen=True, kw_only=True):
    """Arguments of `agent_skills`."""

    agent: Text
    queues: tuple[Text, ...] | None = None
    """All that he serves from now on, `*` for every one that his skills suffice for; none: as it is."""
    skills: dict[Text, Annotated[int, Meta(ge=0, le=10)]] = msgspec.field(
        default_factory=dict[str, int]
    )
    """Levels to be set, 0 to take a skill away; those not named stay."""


class QueueArgs(Args, frozen=True, kw_only=True):
    """What a queue may be given while it works, as `[[queue]]` in the settings has it; none: as it is."""

    queue: Text
    title: str | None = None
    ring_timeout_s: float | None = None
    wrap_up_s: float | None = None
    service_level_s: float | None = None
    skills: dict[str, int] | None = None
    skill_weights: dict[str, float] | None = None
    strategy: str | None = None
    ring_agents: int | None = None
    weight_s: float | None = None
    last_agent_s: float | None = None
    adviser_s: float | None = None
    hours: str | None = None
    ring: tuple[Ring, ...] | None = None
    overflow: tuple[Overflow, ...] | None = None
    announce: Announce | None = None
    callback: Callback | None = None
    voicemail: Voicemail | None = None


class QueueRemoveArgs(Args, frozen=True, kw_only=True):
    """Arguments of `queue_remove`."""

    queue: Text
    move_to: Text | None = None
    """Where those who wait in it are to wait, at the places that their age gives them there."""


class ContactMoveArgs(Args, frozen=True, kw_only=True):
    """Arguments of `contact_move`."""

    contact: Text
    """A call's id, or a callback's or message's."""
    queue: Text


class ContactArgs(Args, frozen=True, kw_only=True):
    """Arguments of `explain`."""

    contact: Text


class ScheduleCallbackArgs(Args, frozen=True, kw_only=True):
    """Arguments of `schedule_callback`."""

    number: Text
    """The customer's."""
    queue: Text
    at: float | None = None
    """Not before this time, seconds since the epoch; none: as soon as its place in the queue allows."""


class CallbackArgs(Args, frozen=True, kw_only=True):
    """Arguments of `cancel_callback`."""

    callback: Text


class ReloadArgs(Args, frozen=True, kw_only=True):
    """Arguments of `reload`."""

    check: bool = False
    """Only say what would be done."""


class ChangesResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed."""

    changes: tuple[str, ...] = ()
    """In words, in the order in which it was done; empty where all was so already."""


class SkillsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent serves and can from now on."""

    agent: str
    queues: tuple[str, ...]
    skills: dict[str, int]


class ReloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a new reading of the settings file brought."""

    checked: bool
    """Nothing was changed: it was only asked what would be."""
    changes: tuple[Change, ...] = ()
    restart: tuple[str, ...] = ()
    """Keys that have changed and are taken at the next start only."""


class CallbackView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who is to be called back; times are seconds since the epoch."""

    callback: str
    queue: str
    number: str
    origin: str
    """`offered`, `overflow`, `scheduled`, or `abandoned`."""
    state: str
    """What is done for him now, such as `waiting` (in its queue) or `scheduled`."""
    enqueued_at: float
    """The place that it keeps."""
    due_at: float | None = None
    """Not before this time: an appointment, or the next try."""
    tries: int = 0
    """How often he could have answered, and did not."""
    call: str | None = None
    """The call that it came from."""


class CallbacksResult(msgspec.Struct, frozen=True, kw_only=True):
    """Those who are to be called back, the best place first."""

    callbacks: tuple[CallbackView, ...] = ()


class ScheduleCallbackResult(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that was scheduled."""

    callback: str


class VoicemailView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that nobody has heard yet."""

    voicemail: str
    call: str
    queue: str
    number: str
    path: str
    """The WAV file, on the daemon's machine."""
    seconds: float
    left_at: float
    """Seconds since the epoch."""


class VoicemailsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that nobody has heard yet, oldest first."""

    voicemails: tuple[VoicemailView, ...] = ()


class EstimateView(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of waits in a queue, and what such words were worth. Lengths in seconds; none
    where nothing can be said yet."""

    queue: str
    p50: float | None = None
    """Half of those who come now wait less."""
    p90: float | None = None
    """Nine in ten of those who come now wait less."""
    waits: int = 0
    """How many past estimates the following is about."""
    left: int = 0
    """How many of these left before an agent came."""
    below_p50: float | None = None
    """Share of waits that were below their P50: 0.5 where estimates are honest."""
    below_p90: float | None = None
    """Share of waits that were below their P90: 0.9 where estimates are honest."""
    error_s: float | None = None
    """By how much the P50 was off, on the mean."""
    last_wait_error_s: float | None = None
    """The same, had each been told the wait of the one who was last answered."""
    mean_of_ten_error_s: float | None = None
    """The same, had each been told the mean of the last ten waits."""
    sound: bool = False
    """Good enough to be announced."""


class EstimatesResult(msgspec.Struct, frozen=True, kw_only=True):
    """One for each queue."""

    estimates: tuple[EstimateView, ...] = ()


class RouteRegisterArgs(Args, frozen=True, kw_only=True):
    """Arguments of `route_register`."""

    queue: Text
    """About whose calls to ask; `*` for those of every queue that nobody is asked about otherwise."""
    timeout_ms: Annotated[int, Meta(ge=50, le=30_000)] = 2000
    """How long a call waits for an answer."""


class RouteRegisterResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a router is called."""

    router: str
    """`RouteRequested.router` of those that are this client's to answer."""


class RouteCancelArgs(Args, frozen=True, kw_only=True):
    """Arguments of `route_cancel`."""

    queue: Text | None = None
    """None: every one that this client is asked about."""


class RouteSelectArgs(Args, frozen=True, kw_only=True):
    """Arguments of `route_select`."""

    call: Text
    destination: Text
    """`queue:NAME`, `agent:NAME`, `number:NUMBER@TRUNK`, `voicemail`, `voicemail:QUEUE`, or
    `flow:NUMBER` (the flow that answers this number)."""
    data: Annotated[dict[Text, Annotated[str, Meta(max_length=1024)]], Meta(max_length=64)] = (
        msgspec.field(default_factory=dict[str, str])
    )
    """To be attached to the call, also where it cannot be sent there."""


class RouteSelectResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an answer."""

    used: bool
    """The call is on its way there. If not, another `RouteRequested` follows, or `RouteUsed`."""
    why: str = ""
    """Why it is not."""


class RouteRejectArgs(Args, frozen=True, kw_only=True):
    """Arguments of `route_reject`."""

    call: Text


class RouterView(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is asked about calls for a queue."""

    router: str
    queue: str
    timeout_ms: int
    state: str
    """`good`, `resting` (it failed too often, and is not asked), or `on_trial` (about one call at a time)."""
    asked: int
    """Calls that it is asked about now."""
    failures: int
    """In a row."""
    rests_s: float | None = None
    """How much longer it rests."""


class RoutesResult(msgspec.Struct, frozen=True, kw_only=True):
    """Every program that is asked, in the order in which they are."""

    routers: tuple[RouterView, ...] = ()


class CustomerFindArgs(Args, frozen=True, kw_only=True):
    """Arguments of `customer_find`: one at least; where there are several, all must fit."""

    number: Text | None = None
    """However it is written."""
    text: Text | None = None
    """A name or part of one, a number, an account, or an id."""
    account: Text | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class CustomerArgs(Args, frozen=True, kw_only=True):
    """Arguments of `customer`."""

    id: Text
    history: Annotated[int, Meta(ge=0, le=200)] = 20
    """At most so many of his contacts."""


class CustomerNoteArgs(Args, frozen=True, kw_only=True):
    """Arguments of `customer_note`."""

    id: Text
    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class CustomerOfCallArgs(Args, frozen=True, kw_only=True):
    """Arguments of `customer_of_call`."""

    call: Text


class HoldingsArgs(Args, frozen=True, kw_only=True):
    """Arguments of `holdings`."""

    id: Text
    """A customer's."""


class CustomersResult(msgspec.Struct, frozen=True, kw_only=True):
    """Customers found."""

    customers: tuple[Customer, ...] = ()


CUSTOMER_ROLES = EVERY_ROLE
"""Every log-in may see customers; a session without one may not."""

_SETTINGS = (ErrorCode.UNKNOWN_QUEUE, ErrorCode.WRONG_SETTINGS)
CATALOGUE: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        *CALL_OPERATIONS,
        *VOICE_OPERATIONS,
        *COLLEAGUE_OPERATIONS,
        *RECORD_OPERATIONS,
        *DESK_OPERATIONS,
        Spec(
            "hello",
            "Say who one is, learn whom one speaks with.",
            HelloArgs,
            HelloResult,
            NOBODY_IN_PARTICULAR,
        ),
        Spec("ping", "Keep the session alive.", Nothing, PingResult, NOBODY_IN_PARTICULAR),
        Spec(
            "leave",
            "End the session at once, and not by silence: agents who logged in over it are not "
            "ready, and may log in elsewhere unasked.",
            roles=NOBODY_IN_PARTICULAR,
        ),
        Spec(
            "log_in",
            "Begin an agent's shift at a phone, not ready; the session may act for him. One who is "
            "logged on already (his softphone was restarted, say) goes on as he is, and the "
            "session that acted for him before no longer does.",
            LogInArgs,
            LogInResult,
            roles=NOBODY_IN_PARTICULAR,
            changes=True,
            errors=(
                ErrorCode.UNKNOWN_AGENT,
                ErrorCode.WRONG_PASSWORD,
                ErrorCode.LOCKED,
                ErrorCode.FORBIDDEN,
            ),
        ),
        Spec(
            "authenticate",
            "Show who one is, for the roles that the settings give; no shift begins. A session is "
            "one person's: the roles of the one before him go.",
            AuthenticateArgs,
            AuthenticateResult,
            roles=NOBODY_IN_PARTICULAR,
            changes=True,
            errors=(ErrorCode.WRONG_PASSWORD, ErrorCode.LOCKED),
        ),
        Spec(
            "locked_accounts",
            "Who is locked out for wrong passwords.",
            result=LockedAccountsResult,
            roles=SUPERVISORS,
        ),
        Spec(
            "unlock_account",
            "End a lock-out before its time.",
            UnlockAccountArgs,
            UnlockAccountResult,
            roles=SUPERVISORS,
            changes=True,
        ),
        Spec(
            "log_off",
            "End the shift; in a call, once it is over.",
            AgentArgs,
            changes=True,
            for_agent=True,
            errors=FOR_AGENT,
        ),
        Spec(
            "ready",
            "Take calls; ends wrap-up, and takes a pending not-ready or log-off back.",
            AgentArgs,
            changes=True,
            for_agent=True,
            errors=(*FOR_AGENT, ErrorCode.DISPOSITION_REQUIRED),
        ),
        Spec(
            "not_ready",
            "Take no calls, for a reason; in a call, once it is over.",
            NotReadyArgs,
            changes=True,
            for_agent=True,
            errors=(*FOR_AGENT, ErrorCode.DISPOSITION_REQUIRED, ErrorCode.UNKNOWN_REASON),
        ),
        Spec(
            "wrap_up_done",
            "End wrap-up before its time.",
            AgentArgs,
            changes=True,
            for_agent=True,
            errors=(*FOR_AGENT, ErrorCode.DISPOSITION_REQUIRED),
        ),
        Spec(
            "wrap_up",
            "Say what came of the call in hand, or of the last one until the next is answered. Where "
            "the queue requires it, wrap-up does not end before.",
            WrapUpArgs,
            WrapUpResult,
            changes=True,
            for_agent=True,
            errors=(*FOR_AGENT, ErrorCode.UNKNOWN_DISPOSITION, ErrorCode.NOTHING_TO_WRAP_UP),
        ),
        Spec(
            "next_state",
            "Say what the agent is to be when the call in hand is over (ECMA-269, pending agent "
            "state): `ready` takes back what was asked for, `wrap_up` asks for wrap-up whatever the "
            "queue says.",
            NextStateArgs,
            changes=True,
            for_agent=True,
            errors=FOR_AGENT,
        ),
        Spec(
            "snapshot",
            "All agents, queues and calls, with the number of the last event they include.",
            result=SnapshotResult,
        ),
        Spec("status", "How the daemon is: load, trunks, workers, counts.", result=StatusResult),
        Spec(
            "replay",
            "Events after a number, for who was cut off: all (supervisors and admins), or those of "
            "one monitor of this session.",
            ReplayArgs,
            ReplayResult,
            errors=(ErrorCode.GONE, ErrorCode.FORBIDDEN, ErrorCode.UNKNOWN_MONITOR),
        ),
        Spec(
            "monitor_start",
            "Have what is about an agent, a call or a queue published on a topic of its own, and "
            "learn how it is now (ECMA-269, monitoring services). Agents may monitor themselves "
            "and the calls they are connected to, supervisors everything. Ends with the session, "
            "and with the call.",
            MonitorStartArgs,
            MonitorStartResult,
            errors=(
                ErrorCode.NOT_LOGGED_IN,
                ErrorCode.FORBIDDEN,
                ErrorCode.UNKNOWN_AGENT,
                ErrorCode.UNKNOWN_CALL,
                ErrorCode.UNKNOWN_QUEUE,
                ErrorCode.BUSY,
            ),
        ),
        Spec(
            "monitor_stop",
            "End a monitor of this session.",
            MonitorArgs,
            errors=(ErrorCode.UNKNOWN_MONITOR,),
        ),
        Spec(
            "snapshot_call",
            "One call and its connections, now.",
            CallArgs,
            SnapshotCallResult,
            errors=(ErrorCode.UNKNOWN_CALL,),
        ),
        Spec(
            "snapshot_device",
            "An agent, and each of his connections with its state, now.",
            DeviceArgs,
            SnapshotDeviceResult,
            for_agent=True,
            errors=(ErrorCode.NOT_LOGGED_IN, ErrorCode.UNKNOWN_AGENT),
        ),
        Spec(
            "system_status",
            "How the system is: normal, or what is wrong. `SystemStatusChanged` says when it changes.",
            result=SystemStatusResult,
        ),
        Spec(
            "agent_skills",
            "Change what an agent serves and how well he can, whatever he does now. Lasts until "
            "the settings file is read again.",
            SkillsArgs,
            SkillsResult,
            SUPERVISORS,
            changes=True,
            errors=(ErrorCode.UNKNOWN_AGENT, *_SETTINGS),
        ),
        Spec(
            "queue_add",
            "Open a queue. Lasts until the settings file is read again.",
            QueueArgs,
            ChangesResult,
            SUPERVISORS,
            changes=True,
            errors=(ErrorCode.DUPLICATE_QUEUE, ErrorCode.WRONG_SETTINGS),
        ),
        Spec(
            "queue_change",
            "Change an open queue; nobody who waits loses his place. Lasts until the settings file "
            "is read again.",
            QueueArgs,
            ChangesResult,
            SUPERVISORS,
            changes=True,
            errors=_SETTINGS,
        ),
        Spec(
            "queue_remove",
            "Close a queue; agents who serve it serve it no longer. Refused while somebody waits "
            "in it, unless it is said where they are to wait. Lasts until the settings file is "
            "read again.",
            QueueRemoveArgs,
            ChangesResult,
            SUPERVISORS,
            changes=True,
            errors=(ErrorCode.QUEUE_NOT_EMPTY, *_SETTINGS),
        ),
        Spec(
            "contact_move",
            "Have a waiting contact wait in another queue, at the place that its age gives it.",
            ContactMoveArgs,
            roles=SUPERVISORS,
            changes=True,
            errors=(ErrorCode.UNKNOWN_CONTACT, ErrorCode.UNKNOWN_QUEUE),
        ),
        Spec(
            "explain",
            "The story of a contact: each decision with its reason and figures, who overtook it "
            "and why, and what its estimates were worth.",
            ContactArgs,
            Story,
            SUPERVISORS,
            errors=(ErrorCode.UNKNOWN_CONTACT,),
        ),
        Spec(
            "estimates",
            "How long waits are likely to be, and how far such estimates were off.",
            result=EstimatesResult,
        ),
        Spec(
            "schedule_callback",
            "Have a customer called back, now or at a time. One number has one open callback: one "
            "that is there already is put off to the new time.",
            ScheduleCallbackArgs,
            ScheduleCallbackResult,
            changes=True,
            errors=(ErrorCode.UNKNOWN_QUEUE, ErrorCode.NO_NUMBER, ErrorCode.NO_TRUNK),
        ),
        Spec(
            "cancel_callback",
            "Have nobody call a customer back.",
            CallbackArgs,
            changes=True,
            errors=(ErrorCode.UNKNOWN_CALLBACK,),
        ),
        Spec("callbacks", "Who is to be called back.", result=CallbacksResult),
        Spec("voicemails", "Messages that nobody has heard yet.", result=VoicemailsResult),
        Spec(
            "route_register",
            "Be asked where calls are to go that come to a queue, by `RouteRequested` (ECMA-269, "
            "route register). Again for the same queue: with this time limit, and back in service.",
            RouteRegisterArgs,
            RouteRegisterResult,
            SUPERVISORS,
            changes=True,
            errors=(ErrorCode.UNKNOWN_QUEUE,),
        ),
        Spec(
            "route_cancel",
            "Be asked no more (ECMA-269, route register cancel); calls that wait for this client's "
            "answer go on without it.",
            RouteCancelArgs,
            roles=SUPERVISORS,
            changes=True,
            errors=(ErrorCode.WRONG_STATE,),
        ),
        Spec(
            "route_select",
            "Answer `RouteRequested` with a destination (ECMA-269, route select).",
            RouteSelectArgs,
            RouteSelectResult,
            SUPERVISORS,
            changes=True,
            errors=(ErrorCode.WRONG_STATE,),
        ),
        Spec(
            "route_reject",
            "Answer `RouteRequested` by leaving the call to the ACD (ECMA-269, route reject).",
            RouteRejectArgs,
            roles=SUPERVISORS,
            changes=True,
            errors=(ErrorCode.WRONG_STATE,),
        ),
        Spec("routes", "Which programs are asked where calls go.", result=RoutesResult),
        Spec(
            "customer_find",
            "Customers by number, account, or a text.",
            CustomerFindArgs,
            CustomersResult,
            CUSTOMER_ROLES,
            errors=(ErrorCode.REFUSED,),
        ),
        Spec(
            "customer",
            "All that is known of a customer: what was written down about him, and his contacts.",
            CustomerArgs,
            Record,
            CUSTOMER_ROLES,
            errors=(ErrorCode.UNKNOWN_CUSTOMER, ErrorCode.REFUSED),
        ),
        Spec(
            "customer_note",
            "Write something down about a customer, in the session's name.",
            CustomerNoteArgs,
            Note,
            CUSTOMER_ROLES,
            changes=True,
            errors=(ErrorCode.UNKNOWN_CUSTOMER, ErrorCode.REFUSED),
        ),
        Spec(
            "holdings",
            "What the brokerage's systems know of a customer's accounts: money, positions, today's orders.",
            HoldingsArgs,
            Holdings,
            CUSTOMER_ROLES,
            errors=(ErrorCode.UNKNOWN_CUSTOMER, ErrorCode.REFUSED, ErrorCode.HOST_FAILED),
        ),
        Spec(
            "customer_of_call",
            "Who a live call is with, or who it could be.",
            CustomerOfCallArgs,
            Match,
            CUSTOMER_ROLES,
            errors=(ErrorCode.UNKNOWN_CALL,),
        ),
        Spec(
            "reload",
            "Read the settings file again and make it true: all that can change while calls go "
            "on, or, where something is wrong, nothing. What needs a restart is named.",
            ReloadArgs,
            ReloadResult,
            ADMINS,
            changes=True,
            errors=(ErrorCode.WRONG_SETTINGS, ErrorCode.QUEUE_NOT_EMPTY, ErrorCode.REFUSED),
        ),
    )
}

Handler = Callable[[Session, Any], Any | Awaitable[Any]]
"""Called with the session and the typed arguments; returns the result, or raises CtiError."""


@dataclass(frozen=True)
class Op:
    """An operation that can be called: what is known of it, and what does it."""

    spec: Spec
    handler: Handler

    @classmethod
    def of(cls, name: str, handler: Handler) -> Op:
        """Give a catalogued operation its handler. Raises KeyError for another name."""
        return cls(CATALOGUE[name], handler)
