"""Which verb is for whom in which state: the table of call control (sans-IO).

ECMA-269 says for each service in which states of a connection it may be asked for. A state
here is what one agent has to do with one call, and whether he has another on hold: that
is what services such as alternate and transfer are about. `ALLOWED` is the table; docs/call-control.md
is generated from it, and a test tries every cell.
"""

from __future__ import annotations

from enum import StrEnum

from ccd.model import ConnectionState
from ccd.switch.call import Call, Leg


class Situation(StrEnum):
    """What an agent has to do with a call."""

    NULL = "null"
    """He has no call at all (ready, not ready, or wrapping one up)."""
    INITIATED = "initiated"
    """He began the call, and nobody has answered him yet."""
    ALERTING = "alerting"
    """His phone rings."""
    CONNECTED = "connected"
    """He speaks with one other party."""
    HOLD = "hold"
    """He holds the call, and has no other."""
    IN_IVR = "in_ivr"
    """He waits for his caller, whom he sent through a flow; he hears nothing of it."""
    CONSULT_INITIATED = "consult_initiated"
    """He began a second call, nobody has answered him yet, and the first is on hold."""
    CONSULTING = "consulting"
    """He speaks in the call, and has another on hold."""
    ALL_HELD = "all_held"
    """He holds the call, and has another on hold."""
    CONFERENCED = "conferenced"
    """He speaks with two others or more, and has no other call."""
    LISTENING = "listening"
    """He listens to the call, whispers or barges in."""


class Verb(StrEnum):
    """CSTA's call control services (ECMA-269, 15 to 18), by the names of the CTI's operations."""

    MAKE_CALL = "make_call"
    DIAL_DIGITS = "dial_digits"
    ANSWER_CALL = "answer_call"
    HOLD_CALL = "hold_call"
    RETRIEVE_CALL = "retrieve_call"
    ALTERNATE_CALL = "alternate_call"
    CONSULTATION_CALL = "consultation_call"
    RECONNECT_CALL = "reconnect_call"
    TRANSFER_CALL = "transfer_call"
    SINGLE_STEP_TRANSFER = "single_step_transfer"
    CONFERENCE_CALL = "conference_call"
    SINGLE_STEP_CONFERENCE = "single_step_conference"
    DEFLECT_CALL = "deflect_call"
    DIRECTED_PICKUP = "directed_pickup"
    GROUP_PICKUP = "group_pickup"
    PARK_CALL = "park_call"
    UNPARK_CALL = "unpark_call"
    CLEAR_CONNECTION = "clear_connection"
    CLEAR_CALL = "clear_call"
    GENERATE_DIGITS = "generate_digits"
    PLAY_MESSAGE = "play_message"
    JOIN_CALL = "join_call"
    TAKE_OVER_CALL = "take_over_call"
    START_RECORDING = "start_recording"
    STOP_RECORDING = "stop_recording"
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"
    SEND_TO_IVR = "send_to_ivr"
    RECALL_FROM_IVR = "recall_from_ivr"
    ASSOCIATE_DATA = "associate_data"


_S = Situation
_SPEAKING = frozenset({_S.CONNECTED, _S.CONSULTING, _S.CONFERENCED})
_HOLDING = frozenset({_S.HOLD, _S.ALL_HELD})
_THERE = frozenset(_S) - {_S.NULL, _S.ALERTING}

ALLOWED: dict[Verb, frozenset[Situation]] = {
    Verb.MAKE_CALL: frozenset({_S.NULL, _S.HOLD, _S.IN_IVR}),
    Verb.DIAL_DIGITS: frozenset({_S.INITIATED, _S.CONSULT_INITIATED}),
    Verb.ANSWER_CALL: frozenset({_S.ALERTING}),
    Verb.HOLD_CALL: _SPEAKING,
    Verb.RETRIEVE_CALL: _HOLDING,
    Verb.ALTERNATE_CALL: frozenset({_S.CONSULTING}),
    Verb.CONSULTATION_CALL: frozenset({_S.CONNECTED, _S.CONFERENCED, _S.HOLD, _S.IN_IVR}),
    Verb.RECONNECT_CALL: frozenset({_S.CONSULTING, _S.CONSULT_INITIATED}),
    Verb.TRANSFER_CALL: frozenset({_S.CONSULTING, _S.CONSULT_INITIATED}),
    Verb.SINGLE_STEP_TRANSFER: frozenset({_S.CONNECTED, _S.HOLD}),
    Verb.CONFERENCE_CALL: frozenset({_S.CONSULTING}),
    Verb.SINGLE_STEP_CONFERENCE: frozenset({_S.CONNECTED, _S.CONFERENCED}),
    Verb.DEFLECT_CALL: frozenset({_S.ALERTING}),
    Verb.DIRECTED_PICKUP: frozenset({_S.NULL}),
    Verb.GROUP_PICKUP: frozenset({_S.NULL}),
    Verb.PARK_CALL: frozenset({_S.CONNECTED, _S.HOLD}),
    Verb.UNPARK_CALL: frozenset({_S.NULL}),
    Verb.CLEAR_CONNECTION: _THERE | {_S.ALERTING},
    Verb.CLEAR_CALL: _THERE - {_S.LISTENING},
    Verb.GENERATE_DIGITS: _SPEAKING,
    Verb.PLAY_MESSAGE: _SPEAKING,
    Verb.JOIN_CALL: frozenset({_S.NULL, _S.LISTENING}),
    Verb.TAKE_OVER_CALL: frozenset({_S.LISTENING}),
    Verb.START_RECORDING: _SPEAKING | _HOLDING,
    Verb.STOP_RECORDING: _SPEAKING | _HOLDING,
    Verb.PAUSE_RECORDING: _SPEAKING | _HOLDING,
    Verb.RESUME_RECORDING: _SPEAKING | _HOLDING,
    Verb.SEND_TO_IVR: frozenset({_S.CONNECTED}),
    Verb.RECALL_FROM_IVR: frozenset({_S.IN_IVR, _S.ALL_HELD}),
    Verb.ASSOCIATE_DATA: _THERE | {_S.ALERTING},
}
"""Any other pair is answered with `wrong_state`."""


def situation(leg: Leg | None, call: Call | None) -> Situation:
    """What the agent of this leg has to do with this call."""
    if leg is None or call is None or leg.ending is not None:
        return Situation.NULL
    state = leg.state_in(call)
    if state is ConnectionState.NULL:
        return Situation.NULL
    if leg in call.listeners:
        return Situation.LISTENING if leg.connected else Situation.ALERTING
    if not leg.connected:
        return Situation.INITIATED if _began(leg, call) else Situation.ALERTING
    others = [party for party in call.parties if party is not leg]
    if not others:
        return Situation.CONSULT_INITIATED if leg.kept else Situation.INITIATED
    another = bool(leg.kept) or leg.call is not call
    if state is ConnectionState.HOLD:
        if another:
            return Situation.ALL_HELD
        return Situation.IN_IVR if call.caller_away else Situation.HOLD
    if another:
        return Situation.CONSULTING
    return Situation.CONNECTED if len(others) == 1 else Situation.CONFERENCED


def _began(leg: Leg, call: Call) -> bool:
    """Whether the phone rings because its own agent asked for the call."""
    return leg is call.answered or call.initiator == leg.agent
