"""Call control's operations (ECMA-269, clauses 15 to 18): what is said of each.

Every one is about an agent (the one who logged in over the session, where none is named) and
one of his calls (the one that it fits, where none is named). In which state each may be
asked for is `ccd.control.situations.ALLOWED`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ccd.cti.spec import FOR_AGENT, AgentArgs, Spec, Text
from ccd.cti.wire import ErrorCode

Number = Annotated[str, Meta(max_length=64)]
Data = dict[
    Annotated[str, Meta(min_length=1, max_length=64)], Annotated[str, Meta(max_length=1024)]
]


class CallArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of what is about one of an agent's calls."""

    call: Text | None = None
    """None: the one of his that it fits."""


class MakeCallArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `make_call`."""

    number: Number = ""
    """A number, an extension, a colleague's or a queue's name; empty: `dial_digits` follows."""
    data: Data = msgspec.field(default_factory=dict[str, str])
    """Travels with the call."""


class ConsultArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `consultation_call`."""

    number: Number = ""
    """As in `make_call`."""
    data: Data = msgspec.field(default_factory=dict[str, str])
    """Beside what the first call has, which goes along."""


class NumberArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of what needs a number."""

    number: Annotated[str, Meta(min_length=1, max_length=64)]
    """As in `make_call`."""


class DigitsArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `dial_digits` and `generate_digits`."""

    digits: Annotated[str, Meta(min_length=1, max_length=64)]


class KeysArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `generate_digits`."""

    digits: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[0-9A-D*#]+$")]
    """Keys of a telephone; in no log."""


class DataArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `associate_data`."""

    data: Data
    """New values; an empty one takes the key away."""


class SendToIvrArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `send_to_ivr`."""

    flow: Annotated[str, Meta(min_length=1, max_length=64)]
    """A `[[service_flow]]` of the settings, by name."""
    data: Data = msgspec.field(default_factory=dict[str, str])
    """Variables for the flow, beside what the call has."""


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """The call that the agent is in from now on."""

    call: str


_DIALS = (
    *FOR_AGENT,
    *(ErrorCode.UNKNOWN_NUMBER, ErrorCode.NOT_ALLOWED, ErrorCode.PARTY_BUSY),
    *(ErrorCode.NOT_REACHABLE, ErrorCode.UNKNOWN_CALL, ErrorCode.SEAT_LOCKED),
)
_ACTS = (*FOR_AGENT, ErrorCode.UNKNOWN_CALL, ErrorCode.SEAT_LOCKED)


def _spec(
    name: str,
    summary: str,
    args: type[AgentArgs] = CallArgs,
    *,
    result: type[msgspec.Struct] | None = None,
    errors: tuple[ErrorCode, ...] = _ACTS,
) -> Spec:
    return Spec(name, summary, args, result, changes=True, for_agent=True, errors=errors)


CALL_OPERATIONS: tuple[Spec, ...] = (
    _spec(
        "make_call",
        "Ring the agent's own phone, then whom he calls. Emergency numbers are always called, "
        "from a locked seat too. With a call on hold his phone is there already.",
        MakeCallArgs,
        result=CallResult,
        errors=_DIALS,
    ),
    _spec(
        "dial_digits",
        "Say whom to call, in a call that was begun without a number.",
        DigitsArgs,
        errors=_DIALS,
    ),
    _spec("hold_call", "Leave the conversation, and stay connected; the other hears music."),
    _spec("retrieve_call", "Be back in a conversation that was put on hold."),
    _spec(
        "alternate_call",
        "Hold the call in which he speaks, and speak in the one on hold.",
        AgentArgs,
        result=CallResult,
    ),
    _spec(
        "consultation_call",
        "Hold the call, and call somebody else; its data goes along.",
        ConsultArgs,
        result=CallResult,
        errors=_DIALS,
    ),
    _spec(
        "reconnect_call",
        "Leave the second call, and be back in the one on hold.",
        AgentArgs,
        result=CallResult,
    ),
    _spec(
        "transfer_call",
        "Leave both calls, and have the other two parties speak with each other; where the second "
        "still rings, the first is his when he answers.",
        AgentArgs,
        result=CallResult,
    ),
    _spec(
        "conference_call",
        "Have all parties of both calls speak together.",
        AgentArgs,
        result=CallResult,
    ),
    _spec(
        "single_step_transfer",
        "Give the call to a colleague, a queue or a number outside at once. Where nobody answers "
        "there, the caller is back in his queue at the place of his age.",
        NumberArgs,
        errors=_DIALS,
    ),
    _spec(
        "single_step_conference",
        "Call somebody into the conversation.",
        NumberArgs,
        errors=_DIALS,
    ),
    _spec("clear_connection", "Leave the call; a phone that rings for the agent is declined."),
    _spec("clear_call", "End the call for everybody."),
    _spec("generate_digits", "Key digits to the other parties.", KeysArgs),
    _spec(
        "associate_data",
        "Attach data to the call; it goes where the caller goes.",
        DataArgs,
    ),
    _spec(
        "send_to_ivr",
        "Send the caller through a service flow (to key a PIN, say) and have him back. The agent "
        "hears nothing of it, and it is not recorded; ReturnedFromIvr says what came of it.",
        SendToIvrArgs,
    ),
    _spec("recall_from_ivr", "Have the caller back before the flow is done with him."),
)
