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

from ccd.cti.session import Session
from ccd.cti.wire import ErrorCode
from ccd.model import AgentState


class Role(StrEnum):
    """What a session may do."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    QA = "qa"
    ADMIN = "admin"
    """Whoever may open the daemon's own socket on this machine is it."""


EVERY_ROLE = frozenset(Role)
NOBODY_IN_PARTICULAR: frozenset[Role] = frozenset()
"""No role needed, not even a log-in."""


class Args(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation's arguments; one that is not a field is an error."""


class Nothing(Args, frozen=True, kw_only=True):
    """No arguments."""


Text = Annotated[str, Meta(min_length=1, max_length=128)]


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


class AgentArgs(Args, frozen=True, kw_only=True):
    """Arguments of what is about one agent."""

    agent: Text | None = None
    """Empty: the one that logged in over this session."""


class NotReadyArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `not_ready`."""

    reason: Text = "break"


class ReplayArgs(Args, frozen=True, kw_only=True):
    """Arguments of `replay`."""

    since: Annotated[int, Meta(ge=0)]
    """The number of the last event seen; those after it are wanted."""
    limit: Annotated[int, Meta(ge=1, le=5000)] = 1000


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


class LogInResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a log-in."""

    resumed: bool = False
    """The agent was logged on already, and goes on as he is, at the phone he has."""


class PingResult(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life."""

    boot: str
    seq: int
    at: float
    """The daemon's clock, seconds since the epoch."""


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """Events, in order, without a gap."""

    seq: int
    """The newest event's number, now."""
    more: bool
    """Ask again with the last one's number."""
    events: tuple[dict[str, Any], ...]


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


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue in a snapshot."""

    queue: str
    waiting: int
    idle_agents: int
    oldest_wait_s: float | None = None


class LegView(msgspec.Struct, frozen=True, kw_only=True):
    """One party of a call in a snapshot."""

    leg: str
    party: str
    state: str
    agent: str | None = None


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call in a snapshot."""

    call: str
    ani: str
    dnis: str
    trunk: str
    offered_at: float
    queue: str | None = None
    agent: str | None = None
    legs: tuple[LegView, ...] = ()


class SnapshotResult(msgspec.Struct, frozen=True, kw_only=True):
    """All that is so after event number `seq`: apply the events from there on."""

    seq: int
    at: float
    agents: tuple[AgentView, ...] = ()
    queues: tuple[QueueView, ...] = ()
    calls: tuple[CallView, ...] = ()


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


@dataclass(frozen=True)
class Spec:
    """What is known of an operation to everybody."""

    name: str
    summary: str
    args: type[Args] = Nothing
    result: Any = None
    roles: frozenset[Role] = EVERY_ROLE
    changes: bool = False
    """It changes something, and leaves an audit line."""
    for_agent: bool = False
    """It is about the agent in `args.agent`, which the server fills in and checks."""
    errors: tuple[ErrorCode, ...] = ()
    """Those beside what can happen to any request."""


_FOR_AGENT = (ErrorCode.NOT_LOGGED_IN, ErrorCode.UNKNOWN_AGENT, ErrorCode.WRONG_STATE)

CATALOGUE: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec(
            "hello",
            "Say who one is, learn whom one speaks with.",
            HelloArgs,
            HelloResult,
            NOBODY_IN_PARTICULAR,
        ),
        Spec("ping", "Keep the session alive.", Nothing, PingResult, NOBODY_IN_PARTICULAR),
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
                ErrorCode.FORBIDDEN,
            ),
        ),
        Spec(
            "log_off",
            "End the shift; in a call, once it is over.",
            AgentArgs,
            changes=True,
            for_agent=True,
            errors=_FOR_AGENT,
        ),
        Spec(
            "ready",
            "Take calls; ends wrap-up, and takes a pending not-ready or log-off back.",
            AgentArgs,
            changes=True,
            for_agent=True,
            errors=_FOR_AGENT,
        ),
        Spec(
            "not_ready",
            "Take no calls, for a reason; in a call, once it is over.",
            NotReadyArgs,
            changes=True,
            for_agent=True,
            errors=_FOR_AGENT,
        ),
        Spec(
            "wrap_up_done",
            "End wrap-up before its time.",
            AgentArgs,
            changes=True,
            for_agent=True,
            errors=_FOR_AGENT,
        ),
        Spec(
            "snapshot",
            "All agents, queues and calls, with the number of the last event they include.",
            result=SnapshotResult,
        ),
        Spec("status", "How the daemon is: load, trunks, workers, counts.", result=StatusResult),
        Spec(
            "replay",
            "Events after a number, for who was cut off.",
            ReplayArgs,
            ReplayResult,
            errors=(ErrorCode.GONE,),
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
