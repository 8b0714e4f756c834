"""Operations on other people's calls and on seats: supervision, pickup, deflect, parking, locks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ccd.cti.call_operations import CallArgs, CallResult, Number, NumberArgs
from ccd.cti.spec import FOR_AGENT, SUPERVISORS, AgentArgs, Nothing, Role, Spec, Text
from ccd.cti.wire import ErrorCode
from ccd.model import ListenMode

LISTENERS = SUPERVISORS | {Role.QA}


class JoinCallArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `join_call`; `agent` is who listens, at his own phone."""

    to_agent: Text | None = None
    """Whose call, and to whom a whisper goes; None: who has the call."""
    mode: ListenMode = ListenMode.SILENT
    """`silent`; `whisper`: the agent alone hears it; `active`: everybody does."""


class PickupArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `directed_pickup`."""

    from_agent: Text | None = None
    """At whom it rings; None: `call` says which is meant."""


class ParkArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `park_call`."""

    place: Number | None = None
    """One of `[dialling] park_slots`; None: the first that is free."""


class UnparkArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `unpark_call`."""

    place: Annotated[str, Meta(min_length=1, max_length=64)]


class OpenSeatArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `open_seat`."""

    password: Annotated[str, Meta(max_length=1024)] = ""
    """The agent's; none is needed over ipc, nor by a supervisor for another's seat."""


class PlaceResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call is parked."""

    place: str


class ParkedView(msgspec.Struct, frozen=True, kw_only=True):
    """A parked call."""

    place: str
    call: str
    agent: str
    """Who parked it."""
    since: float
    """Seconds since the epoch."""
    ani: str
    taker: str | None = None
    """Whose phone rings for it."""


class ParkedCallsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of `parked_calls`."""

    parked: tuple[ParkedView, ...]


_ACTS = (
    *FOR_AGENT,
    *(ErrorCode.UNKNOWN_CALL, ErrorCode.SEAT_LOCKED, ErrorCode.PARTY_BUSY),
    ErrorCode.NOT_REACHABLE,
)
_DIALS = (*_ACTS, ErrorCode.UNKNOWN_NUMBER, ErrorCode.NOT_ALLOWED)

COLLEAGUE_OPERATIONS: tuple[Spec, ...] = (
    Spec(
        "join_call",
        "Listen to a call, whisper to its agent, or speak with all: the listener's own phone is rung. "
        "While he listens his mode changes at once. `qa` may only be silent.",
        JoinCallArgs,
        CallResult,
        roles=LISTENERS,
        changes=True,
        for_agent=True,
        errors=(*_ACTS, ErrorCode.NOT_ALLOWED),
    ),
    Spec(
        "take_over_call",
        "Who listens has the call from now on, and its agent leaves it.",
        AgentArgs,
        CallResult,
        roles=SUPERVISORS,
        changes=True,
        for_agent=True,
        errors=(*_ACTS, ErrorCode.NOT_ALLOWED),
    ),
    Spec(
        "directed_pickup",
        "Take a call that rings at a colleague's: the agent's own phone is rung for it. Where he does "
        "not answer, it goes back to its place.",
        PickupArgs,
        CallResult,
        changes=True,
        for_agent=True,
        errors=_ACTS,
    ),
    Spec(
        "group_pickup",
        "Take the oldest call that rings at anybody who shares a queue with the agent.",
        AgentArgs,
        CallResult,
        changes=True,
        for_agent=True,
        errors=_ACTS,
    ),
    Spec(
        "deflect_call",
        "Send the call that rings at the agent to a colleague, a queue or a number outside; he stays "
        "ready. Where nobody answers there, it goes back to its place.",
        NumberArgs,
        changes=True,
        for_agent=True,
        errors=_DIALS,
    ),
    Spec(
        "park_call",
        "Leave the call in a numbered place, with music. Nobody takes it in time: it rings at the "
        "agent again, then waits in its queue.",
        ParkArgs,
        PlaceResult,
        changes=True,
        for_agent=True,
        errors=_ACTS,
    ),
    Spec(
        "unpark_call",
        "Ring the agent's phone for the call in this place; it stays there until he answers.",
        UnparkArgs,
        CallResult,
        changes=True,
        for_agent=True,
        errors=_ACTS,
    ),
    Spec("parked_calls", "The calls that are parked, oldest first.", Nothing, ParkedCallsResult),
    Spec(
        "lock_seat",
        "The agent leaves his seat: he is not ready (`locked`) and nobody acts for him until it is "
        "opened. The call in hand goes on; emergency numbers are called.",
        AgentArgs,
        changes=True,
        for_agent=True,
        errors=(*FOR_AGENT, ErrorCode.SEAT_LOCKED),
    ),
    Spec(
        "open_seat",
        "Open a locked seat, with the agent's password, or as a supervisor; he stays not ready.",
        OpenSeatArgs,
        changes=True,
        for_agent=True,
        errors=(*FOR_AGENT, ErrorCode.WRONG_PASSWORD, ErrorCode.LOCKED),
    ),
)
