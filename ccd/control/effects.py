"""What each verb of call control does: the connections before and after, and the events between.

Parties and calls are named as in ECMA-269's figures: D1 is the agent who asks, D2 his caller, D3
whom he consults or calls, D4 whom else he names, D5 a colleague with a call of his own; C1 is the
first call, C2 the second. A connection is a pair of both (D1C1). `EFFECTS` says for every allowed
cell of `situations.ALLOWED`, and for verbs that may be about the call kept on hold, which
connections there are before and a second after, when those who are called have answered, and what is
published in between, in this order; every conversation is recorded here. A test does each cell
through the wire and compares. docs/call-control.md is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ccd.control.situations import Situation, Verb


class Effect(NamedTuple):
    """What one cell of the table does."""

    before: str
    """Connections and their states."""
    after: str
    events: tuple[str, ...]
    """By type, connection or call, and cause."""


_V, _S = Verb, Situation

# --- connections that many cells begin or end with ---------------------------------------------------

_NOTHING = ""
_DIALLING = "D1C1 connected, D3C1 alerting"
_RUNG = "D1C1 alerting, D2C1 connected"
_SPEAKING = "D1C1 connected, D2C1 connected"
_HOLDING = "D1C1 hold, D2C1 connected"
_CONSULTED_RINGS = "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting"
_CONSULTING = "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected"
_BACK_WITH_CALLER = "D1C1 connected, D1C2 hold, D2C1 connected, D3C2 connected"
_ALL_HELD = "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected"
_CONFERRING = "D1C1 connected, D2C1 connected, D3C1 connected"
_LISTENING = "D1C1 connected, D2C1 connected, D5C1 connected"
_SECOND_CALL = "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected"

_BEFORE = {
    _S.INITIATED: _DIALLING,
    _S.ALERTING: _RUNG,
    _S.CONNECTED: _SPEAKING,
    _S.HOLD: _HOLDING,
    _S.IN_IVR: _HOLDING,
    _S.CONSULT_INITIATED: _CONSULTED_RINGS,
    _S.CONSULTING: _CONSULTING,
    _S.ALL_HELD: _ALL_HELD,
    _S.CONFERENCED: _CONFERRING,
    _S.LISTENING: _LISTENING,
}
"""What a situation is mostly made of."""

# --- events that many cells have --------------------------------------------------------------------


def _answered(connection: str, call: str) -> tuple[str, ...]:
    """Somebody's phone is called, and he answers."""
    return (
        f"Delivered {connection}",
        f"Established {connection}",
        f"Bridged {call}",
        f"RecordingStarted {call}",
    )


def _over(*connections: str) -> tuple[str, ...]:
    """The call that these were in ends with the last of them."""
    call = connections[-1][2:]
    cleared = [f"ConnectionCleared {each} (normal_clearing)" for each in connections]
    return (*cleared, f"CallCleared {call} (normal_clearing)")


_SECOND_CALL_MADE = ("Originated D1C2", *_answered("D4C2", "C2"))
_ALTERNATED = ("Held D1C2", "Retrieved D1C1")
_CONSULTATION_OVER = (*_over("D1C2", "D3C2"), "RecordingStopped C2")
_TRANSFERRED_IN_ONE_STEP = (
    "Delivered D4C1",
    "ConnectionCleared D1C1 (transfer)",
    "RecordingStopped C1",
    "Established D4C1",
    "Transferred C1",
    "Bridged C1",
    "RecordingStarted C1",
)
_JOINED_BY_D4 = ("Delivered D4C1", "Established D4C1", "Conferenced D4C1")
_PARKED = ("Parked D1C1", "ConnectionCleared D1C1 (transfer)", "RecordingStopped C1")
_RETURNED = ("ReturnedFromIvr C1", "Bridged C1", "RecordingStarted C1")

_PICKED_UP = Effect(
    "D2C1 connected, D3C1 alerting",
    _SPEAKING,
    (
        "Delivered D1C1",
        "Dequeued C1",
        "Diverted D3C1",
        "Failed D3C1 (answered_elsewhere)",
        "Established D1C1",
        "Bridged C1",
        "RecordingStarted C1",
    ),
)

# --- verbs that leave the connections as they are ---------------------------------------------------

_Cells = dict[tuple[Verb, Situation], Effect]

_SPOKEN_IN = {_S.CONNECTED: "D1C1", _S.CONSULTING: "D1C2", _S.CONFERENCED: "D1C1"}
"""The connection by which the agent speaks."""

_RECORDED = {
    _S.CONNECTED: "C1",
    _S.HOLD: "C1",
    _S.CONSULT_INITIATED: "C1",
    _S.CONSULTING: "C2",
    _S.ALL_HELD: "C2",
    _S.CONFERENCED: "C1",
}
"""The call that is recorded: in the consultation nobody speaks yet before it is answered."""

_MEANT = {
    _S.INITIATED: "C1",
    _S.ALERTING: "C1",
    _S.CONNECTED: "C1",
    _S.HOLD: "C1",
    _S.IN_IVR: "C1",
    _S.CONSULT_INITIATED: "C2",
    _S.CONSULTING: "C2",
    _S.ALL_HELD: "C2",
    _S.CONFERENCED: "C1",
    _S.LISTENING: "C1",
}
"""The call that is meant where none is named."""


def _only_tells(verb: Verb, event: str, about: Mapping[Situation, str]) -> _Cells:
    """Cells of a verb that changes no connection and publishes one event."""
    return {
        (verb, situation): Effect(_BEFORE[situation], _BEFORE[situation], (f"{event} {what}",))
        for situation, what in about.items()
    }


EFFECTS: _Cells = {
    (_V.MAKE_CALL, _S.NULL): Effect(
        _NOTHING,
        "D1C1 connected, D4C1 connected",
        ("Originated D1C1", "Delivered D1C1", "Established D1C1", *_answered("D4C1", "C1")),
    ),
    (_V.MAKE_CALL, _S.HOLD): Effect(_HOLDING, _SECOND_CALL, _SECOND_CALL_MADE),
    (_V.MAKE_CALL, _S.IN_IVR): Effect(_HOLDING, _SECOND_CALL, _SECOND_CALL_MADE),
    (_V.DIAL_DIGITS, _S.INITIATED): Effect(
        "D1C1 connected",
        "D1C1 connected, D4C1 connected",
        ("Originated D1C1", *_answered("D4C1", "C1")),
    ),
    (_V.DIAL_DIGITS, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected", _SECOND_CALL, _SECOND_CALL_MADE
    ),
    (_V.ANSWER_CALL, _S.ALERTING): Effect(
        _RUNG, _SPEAKING, ("Established D1C1", "Dequeued C1", "Bridged C1", "RecordingStarted C1")
    ),
    (_V.HOLD_CALL, _S.CONNECTED): Effect(_SPEAKING, _HOLDING, ("Held D1C1",)),
    (_V.HOLD_CALL, _S.CONSULTING): Effect(_CONSULTING, _ALL_HELD, ("Held D1C2",)),
    (_V.HOLD_CALL, _S.CONFERENCED): Effect(
        _CONFERRING, "D1C1 hold, D2C1 connected, D3C1 connected", ("Held D1C1",)
    ),
    (_V.RETRIEVE_CALL, _S.HOLD): Effect(_HOLDING, _SPEAKING, ("Retrieved D1C1",)),
    (_V.RETRIEVE_CALL, _S.CONSULT_INITIATED): Effect(
        _CONSULTED_RINGS, "D1C1 connected, D1C2 hold, D2C1 connected, D3C2 alerting", _ALTERNATED
    ),
    (_V.RETRIEVE_CALL, _S.CONSULTING): Effect(_CONSULTING, _BACK_WITH_CALLER, _ALTERNATED),
    (_V.RETRIEVE_CALL, _S.ALL_HELD): Effect(_ALL_HELD, _CONSULTING, ("Retrieved D1C2",)),
    (_V.ALTERNATE_CALL, _S.CONSULTING): Effect(_CONSULTING, _BACK_WITH_CALLER, _ALTERNATED),
    (_V.CONSULTATION_CALL, _S.CONNECTED): Effect(
        _SPEAKING, _SECOND_CALL, ("Held D1C1", *_SECOND_CALL_MADE)
    ),
    (_V.CONSULTATION_CALL, _S.HOLD): Effect(_HOLDING, _SECOND_CALL, _SECOND_CALL_MADE),
    (_V.CONSULTATION_CALL, _S.IN_IVR): Effect(_HOLDING, _SECOND_CALL, _SECOND_CALL_MADE),
    (_V.CONSULTATION_CALL, _S.CONFERENCED): Effect(
        _CONFERRING,
        "D1C1 hold, D1C3 connected, D2C1 connected, D3C1 connected, D4C3 connected",
        ("Held D1C1", "Originated D1C3", *_answered("D4C3", "C3")),
    ),
    (_V.RECONNECT_CALL, _S.CONSULT_INITIATED): Effect(
        _CONSULTED_RINGS,
        _SPEAKING,
        ("ConnectionCleared D1C2 (normal_clearing)", "Retrieved D1C1", *_over("D3C2")),
    ),
    (_V.RECONNECT_CALL, _S.CONSULTING): Effect(
        _CONSULTING,
        _SPEAKING,
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "Retrieved D1C1",
            *_over("D3C2"),
            "RecordingStopped C2",
        ),
    ),
    (_V.TRANSFER_CALL, _S.CONSULT_INITIATED): Effect(
        _CONSULTED_RINGS,
        "D2C1 connected, D3C1 alerting",
        (
            "Delivered D3C1",
            "CallCleared C2 (transfer)",
            "ConnectionCleared D1C1 (transfer)",
            "RecordingStopped C1",
        ),
    ),
    (_V.TRANSFER_CALL, _S.CONSULTING): Effect(
        _CONSULTING,
        "D2C1 connected, D3C1 connected",
        (
            "Transferred C1",
            "CallCleared C2 (transfer)",
            "ConnectionCleared D1C1 (transfer)",
            "RecordingStopped C2",
        ),
    ),
    (_V.SINGLE_STEP_TRANSFER, _S.CONNECTED): Effect(
        _SPEAKING, "D2C1 connected, D4C1 connected", _TRANSFERRED_IN_ONE_STEP
    ),
    (_V.SINGLE_STEP_TRANSFER, _S.HOLD): Effect(
        _HOLDING, "D2C1 connected, D4C1 connected", _TRANSFERRED_IN_ONE_STEP
    ),
    (_V.CONFERENCE_CALL, _S.CONSULTING): Effect(
        _CONSULTING,
        _CONFERRING,
        ("Conferenced D3C1", "CallCleared C2 (conference)", "RecordingStopped C2"),
    ),
    (_V.SINGLE_STEP_CONFERENCE, _S.CONNECTED): Effect(
        _SPEAKING, "D1C1 connected, D2C1 connected, D4C1 connected", _JOINED_BY_D4
    ),
    (_V.SINGLE_STEP_CONFERENCE, _S.CONFERENCED): Effect(
        _CONFERRING, "D1C1 connected, D2C1 connected, D3C1 connected, D4C1 connected", _JOINED_BY_D4
    ),
    (_V.DEFLECT_CALL, _S.ALERTING): Effect(
        _RUNG,
        "D2C1 connected, D4C1 connected",
        (
            "Delivered D4C1",
            "Dequeued C1",
            "Diverted D1C1",
            "Failed D1C1 (answered_elsewhere)",
            "Established D4C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.DIRECTED_PICKUP, _S.NULL): _PICKED_UP,
    (_V.GROUP_PICKUP, _S.NULL): _PICKED_UP,
    (_V.PARK_CALL, _S.CONNECTED): Effect(_SPEAKING, "D2C1 connected", _PARKED),
    (_V.PARK_CALL, _S.HOLD): Effect(_HOLDING, "D2C1 connected", _PARKED),
    (_V.UNPARK_CALL, _S.NULL): Effect(
        "D2C1 connected",
        _SPEAKING,
        (
            "Delivered D1C1",
            "Established D1C1",
            "Unparked C1",
            "Transferred C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.INITIATED): Effect(_DIALLING, _NOTHING, _over("D1C1", "D3C1")),
    (_V.CLEAR_CONNECTION, _S.ALERTING): Effect(
        _RUNG, "D2C1 connected", ("Failed D1C1 (rejected)", "Queued C1")
    ),
    (_V.CLEAR_CONNECTION, _S.CONNECTED): Effect(
        _SPEAKING, _NOTHING, (*_over("D1C1", "D2C1"), "RecordingStopped C1")
    ),
    (_V.CLEAR_CONNECTION, _S.HOLD): Effect(
        _HOLDING,
        _SPEAKING,
        (
            "ConnectionCleared D1C1 (normal_clearing)",
            "Queued C1",
            "Delivered D1C1",
            "RecordingStopped C1",
            "Established D1C1",
            "Dequeued C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.IN_IVR): Effect(
        _HOLDING,
        _SPEAKING,
        (
            "ConnectionCleared D1C1 (normal_clearing)",
            "ReturnedFromIvr C1",
            "Queued C1",
            "Delivered D1C1",
            "Established D1C1",
            "Dequeued C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.CONSULT_INITIATED): Effect(
        _CONSULTED_RINGS, _HOLDING, _over("D1C2", "D3C2")
    ),
    (_V.CLEAR_CONNECTION, _S.CONSULTING): Effect(_CONSULTING, _HOLDING, _CONSULTATION_OVER),
    (_V.CLEAR_CONNECTION, _S.ALL_HELD): Effect(_ALL_HELD, _HOLDING, _CONSULTATION_OVER),
    (_V.CLEAR_CONNECTION, _S.CONFERENCED): Effect(
        _CONFERRING, "D2C1 connected, D3C1 connected", ("ConnectionCleared D1C1 (normal_clearing)",)
    ),
    (_V.CLEAR_CONNECTION, _S.LISTENING): Effect(
        _LISTENING, "D2C1 connected, D5C1 connected", ("ConnectionCleared D1C1 (normal_clearing)",)
    ),
    (_V.CLEAR_CALL, _S.INITIATED): Effect(_DIALLING, _NOTHING, _over("D1C1", "D3C1")),
    (_V.CLEAR_CALL, _S.CONNECTED): Effect(
        _SPEAKING, _NOTHING, (*_over("D2C1", "D1C1"), "RecordingStopped C1")
    ),
    (_V.CLEAR_CALL, _S.HOLD): Effect(
        _HOLDING, _NOTHING, (*_over("D2C1", "D1C1"), "RecordingStopped C1")
    ),
    (_V.CLEAR_CALL, _S.IN_IVR): Effect(
        _HOLDING,
        _NOTHING,
        ("ConnectionCleared D2C1 (normal_clearing)", "ReturnedFromIvr C1", *_over("D1C1")),
    ),
    (_V.CLEAR_CALL, _S.CONSULT_INITIATED): Effect(
        _CONSULTED_RINGS, _HOLDING, _over("D1C2", "D3C2")
    ),
    (_V.CLEAR_CALL, _S.CONSULTING): Effect(_CONSULTING, _HOLDING, _CONSULTATION_OVER),
    (_V.CLEAR_CALL, _S.ALL_HELD): Effect(_ALL_HELD, _HOLDING, _CONSULTATION_OVER),
    (_V.CLEAR_CALL, _S.CONFERENCED): Effect(
        _CONFERRING, _NOTHING, (*_over("D2C1", "D1C1", "D3C1"), "RecordingStopped C1")
    ),
    (_V.JOIN_CALL, _S.NULL): Effect(
        "D2C1 connected, D5C1 connected",
        _LISTENING,
        ("Delivered D1C1", "Established D1C1", "Joined D1C1"),
    ),
    (_V.JOIN_CALL, _S.LISTENING): Effect(_LISTENING, _LISTENING, ("Joined D1C1",)),
    (_V.TAKE_OVER_CALL, _S.LISTENING): Effect(
        _LISTENING, _SPEAKING, ("Transferred C1", "ConnectionCleared D5C1 (transfer)")
    ),
    (_V.SEND_TO_IVR, _S.CONNECTED): Effect(
        _SPEAKING, _HOLDING, ("SentToIvr C1", "Held D1C1", "RecordingStopped C1")
    ),
    (_V.RECALL_FROM_IVR, _S.IN_IVR): Effect(
        _HOLDING,
        _SPEAKING,
        ("ReturnedFromIvr C1", "Retrieved D1C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.RECALL_FROM_IVR, _S.CONSULT_INITIATED): Effect(
        _CONSULTED_RINGS, _CONSULTED_RINGS, _RETURNED
    ),
    (_V.RECALL_FROM_IVR, _S.CONSULTING): Effect(_CONSULTING, _CONSULTING, _RETURNED),
    (_V.RECALL_FROM_IVR, _S.ALL_HELD): Effect(_ALL_HELD, _ALL_HELD, _RETURNED),
    **_only_tells(_V.GENERATE_DIGITS, "DigitsGenerated", _SPOKEN_IN),
    **_only_tells(_V.PLAY_MESSAGE, "Play", _SPOKEN_IN),
    **_only_tells(_V.START_RECORDING, "RecordingStarted", _RECORDED),
    **_only_tells(_V.STOP_RECORDING, "RecordingStopped", _RECORDED),
    **_only_tells(_V.PAUSE_RECORDING, "RecordingPaused", _RECORDED),
    **_only_tells(_V.RESUME_RECORDING, "RecordingResumed", _RECORDED),
    **_only_tells(_V.ASSOCIATE_DATA, "DataAssociated", _MEANT),
}
"""By verb, and by the situation of the agent who asks."""
