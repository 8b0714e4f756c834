"""What each verb of call control does: the standard's service, the connections, the events.

Parties and calls are named as in ECMA-269's figures: D1 is the agent who asks, D2 his caller, D3
whom he consults or calls, D4 whom else he names, D5 a colleague with a call of his own; C1 is the
first call, C2 the second. A connection is a pair of both (D1C1). `EFFECTS` says for every allowed
cell of `situations.ALLOWED`, and for verbs that may be about the call kept on hold, which
connections there are before and a second after, when those who are called have answered, and what is
published in between, in this order; every conversation is recorded here. A test does each cell
through the wire and compares. docs/call-control.md is made from it.
"""

from __future__ import annotations

from typing import NamedTuple

from ccd.control.situations import Situation, Verb


class Service(NamedTuple):
    """A verb in the standard's words."""

    name: str
    """The service; empty where the standard has none."""
    clause: str = ""
    """Of ECMA-269, as ASN.1 modules of ECMA-285 cite it; empty where we could not look it up."""
    differs: str = ""
    """Where we do otherwise, and why."""


class Effect(NamedTuple):
    """What one cell of the table does."""

    before: str
    """Connections and their states."""
    after: str
    events: tuple[str, ...]
    """By type, connection or call, and cause."""


SERVICES: dict[Verb, Service] = {
    Verb.MAKE_CALL: Service(
        "Make Call",
        "17.1.18",
        "The agent's own phone is rung first (`Delivered`), for it is any SIP phone; Service "
        "Initiated is not told, for no phone goes off the hook before it is rung.",
    ),
    Verb.DIAL_DIGITS: Service(
        "Dial Digits",
        "17.1.12",
        "Digits Dialed is not told: whom they led to is in what follows.",
    ),
    Verb.ANSWER_CALL: Service("Answer Call", "17.1.3"),
    Verb.HOLD_CALL: Service("Hold Call", "17.1.15"),
    Verb.RETRIEVE_CALL: Service(
        "Retrieve Call",
        "17.1.23",
        "Of one who speaks in another call this is an Alternate Call: that one is held first.",
    ),
    Verb.ALTERNATE_CALL: Service("Alternate Call", "17.1.2"),
    Verb.CONSULTATION_CALL: Service(
        "Consultation Call",
        "17.1.10",
        "It may also be asked for while the call is held already; Held is not told again then.",
    ),
    Verb.RECONNECT_CALL: Service("Reconnect Call", "17.1.22"),
    Verb.TRANSFER_CALL: Service(
        "Transfer Call",
        "17.1.27",
        "The call that the caller is in keeps its id, where the standard lets either be new, so that "
        "record, recording and data are one; the consultation's ends (`CallCleared`, cause "
        "transfer) and is named in `Transferred.secondary`. The giver's `ConnectionCleared` "
        "follows, since his leg also counts for the ACD. While D3's phone still rings, Transferred "
        "is told when it answers: until then nobody has the call.",
    ),
    Verb.SINGLE_STEP_TRANSFER: Service(
        "Single Step Transfer Call",
        "17.1.26",
        "Transferred is told when D4 answers, not at once: until then it may still fail, and then "
        "the call is rung back at who gave it away.",
    ),
    Verb.CONFERENCE_CALL: Service(
        "Conference Call",
        "17.1.9",
        "The caller's call keeps its id; that of the consultation ends with cause conference.",
    ),
    Verb.SINGLE_STEP_CONFERENCE: Service("Single Step Conference Call", "17.1.25"),
    Verb.DEFLECT_CALL: Service(
        "Deflect Call",
        "17.1.11",
        "Delivered at the new device precedes Diverted at the old: a call is never without a phone. "
        "The phone that stops is told as Failed with cause answered_elsewhere.",
    ),
    Verb.DIRECTED_PICKUP: Service(
        "Directed Pickup Call",
        "17.1.13",
        "Who picks up has to answer his phone, where the standard has him connected at once.",
    ),
    Verb.GROUP_PICKUP: Service("Group Pickup Call", "17.1.14", "As directed pickup."),
    Verb.PARK_CALL: Service(
        "Park Call",
        "17.1.21",
        "The call waits at a place, not at a device, so there is no Queued; Parked is ours, and the "
        "agent's connection ends with cause transfer.",
    ),
    Verb.UNPARK_CALL: Service("", "", "Ours; the standard has Directed Pickup or Answer for it."),
    Verb.CLEAR_CONNECTION: Service(
        "Clear Connection",
        "17.1.8",
        "A phone that only rings fails (cause rejected), and the call is given to somebody else. "
        "A caller whom the agent left on hold, or in a flow, waits again.",
    ),
    Verb.CLEAR_CALL: Service("Clear Call", "17.1.7"),
    Verb.GENERATE_DIGITS: Service(
        "Generate Digits",
        "18.1.4",
        "Digits Generated carries an asterisk for each: it may be a PIN.",
    ),
    Verb.PLAY_MESSAGE: Service("Play Message", "26.1.6"),
    Verb.JOIN_CALL: Service(
        "Join Call",
        "17.1.17",
        "Joined is ours, in place of Conferenced: who listens is no party of the conversation.",
    ),
    Verb.TAKE_OVER_CALL: Service("", "", "Ours (intercept): told as a transfer."),
    Verb.START_RECORDING: Service(
        "Record Message",
        "26.1.9",
        "Both sides of the call go to a file; the events are ours.",
    ),
    Verb.STOP_RECORDING: Service("Stop", "", "As start_recording."),
    Verb.PAUSE_RECORDING: Service(
        "Suspend", "", "As start_recording; the file goes on in silence."
    ),
    Verb.RESUME_RECORDING: Service("Resume", "", "As start_recording."),
    Verb.SEND_TO_IVR: Service("", "", "Ours: a flow is no device of the standard's."),
    Verb.RECALL_FROM_IVR: Service("", "", "Ours."),
    Verb.ASSOCIATE_DATA: Service(
        "Associate Data", "18.1.1", "DataAssociated is Call Information by another name."
    ),
}

_V, _S = Verb, Situation

EFFECTS: dict[tuple[Verb, Situation], Effect] = {
    (_V.MAKE_CALL, _S.NULL): Effect(
        "",
        "D1C1 connected, D4C1 connected",
        (
            "Originated D1C1",
            "Delivered D1C1",
            "Established D1C1",
            "Delivered D4C1",
            "Established D4C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.MAKE_CALL, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected",
        (
            "Originated D1C2",
            "Delivered D4C2",
            "Established D4C2",
            "Bridged C2",
            "RecordingStarted C2",
        ),
    ),
    (_V.MAKE_CALL, _S.IN_IVR): Effect(
        "D1C1 hold, D2C1 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected",
        (
            "Originated D1C2",
            "Delivered D4C2",
            "Established D4C2",
            "Bridged C2",
            "RecordingStarted C2",
        ),
    ),
    (_V.DIAL_DIGITS, _S.INITIATED): Effect(
        "D1C1 connected",
        "D1C1 connected, D4C1 connected",
        ("Delivered D4C1", "Established D4C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.DIAL_DIGITS, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected",
        ("Delivered D4C2", "Established D4C2", "Bridged C2", "RecordingStarted C2"),
    ),
    (_V.ANSWER_CALL, _S.ALERTING): Effect(
        "D1C1 alerting, D2C1 connected",
        "D1C1 connected, D2C1 connected",
        ("Established D1C1", "Dequeued C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.HOLD_CALL, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 hold, D2C1 connected", ("Held D1C1",)
    ),
    (_V.HOLD_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("Held D1C2",),
    ),
    (_V.HOLD_CALL, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 hold, D2C1 connected, D3C1 connected",
        ("Held D1C1",),
    ),
    (_V.RETRIEVE_CALL, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 connected, D2C1 connected", ("Retrieved D1C1",)
    ),
    (_V.RETRIEVE_CALL, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 connected, D1C2 hold, D2C1 connected, D3C2 alerting",
        ("Held D1C2", "Retrieved D1C1"),
    ),
    (_V.RETRIEVE_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 connected, D1C2 hold, D2C1 connected, D3C2 connected",
        ("Held D1C2", "Retrieved D1C1"),
    ),
    (_V.RETRIEVE_CALL, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("Retrieved D1C2",),
    ),
    (_V.ALTERNATE_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 connected, D1C2 hold, D2C1 connected, D3C2 connected",
        ("Held D1C2", "Retrieved D1C1"),
    ),
    (_V.CONSULTATION_CALL, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected",
        (
            "Held D1C1",
            "Originated D1C2",
            "Delivered D4C2",
            "Established D4C2",
            "Bridged C2",
            "RecordingStarted C2",
        ),
    ),
    (_V.CONSULTATION_CALL, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected",
        (
            "Originated D1C2",
            "Delivered D4C2",
            "Established D4C2",
            "Bridged C2",
            "RecordingStarted C2",
        ),
    ),
    (_V.CONSULTATION_CALL, _S.IN_IVR): Effect(
        "D1C1 hold, D2C1 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D4C2 connected",
        (
            "Originated D1C2",
            "Delivered D4C2",
            "Established D4C2",
            "Bridged C2",
            "RecordingStarted C2",
        ),
    ),
    (_V.CONSULTATION_CALL, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 hold, D1C3 connected, D2C1 connected, D3C1 connected, D4C3 connected",
        (
            "Held D1C1",
            "Originated D1C3",
            "Delivered D4C3",
            "Established D4C3",
            "Bridged C3",
            "RecordingStarted C3",
        ),
    ),
    (_V.RECONNECT_CALL, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 connected, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "Retrieved D1C1",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
        ),
    ),
    (_V.RECONNECT_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 connected, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "Retrieved D1C1",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
            "RecordingStopped C2",
        ),
    ),
    (_V.TRANSFER_CALL, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D2C1 connected, D3C1 alerting",
        ("CallCleared C2 (transfer)", "ConnectionCleared D1C1 (transfer)", "RecordingStopped C1"),
    ),
    (_V.TRANSFER_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D2C1 connected, D3C1 connected",
        (
            "Transferred C1",
            "CallCleared C2 (transfer)",
            "ConnectionCleared D1C1 (transfer)",
            "RecordingStopped C2",
        ),
    ),
    (_V.SINGLE_STEP_TRANSFER, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "D2C1 connected, D4C1 connected",
        (
            "Delivered D4C1",
            "ConnectionCleared D1C1 (transfer)",
            "RecordingStopped C1",
            "Established D4C1",
            "Transferred C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.SINGLE_STEP_TRANSFER, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected",
        "D2C1 connected, D4C1 connected",
        (
            "Delivered D4C1",
            "ConnectionCleared D1C1 (transfer)",
            "RecordingStopped C1",
            "Established D4C1",
            "Transferred C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.CONFERENCE_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("Conferenced D3C1", "CallCleared C2 (conference)", "RecordingStopped C2"),
    ),
    (_V.SINGLE_STEP_CONFERENCE, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "D1C1 connected, D2C1 connected, D4C1 connected",
        ("Delivered D4C1", "Established D4C1", "Conferenced D4C1"),
    ),
    (_V.SINGLE_STEP_CONFERENCE, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected, D4C1 connected",
        ("Delivered D4C1", "Established D4C1", "Conferenced D4C1"),
    ),
    (_V.DEFLECT_CALL, _S.ALERTING): Effect(
        "D1C1 alerting, D2C1 connected",
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
    (_V.DIRECTED_PICKUP, _S.NULL): Effect(
        "D2C1 connected, D3C1 alerting",
        "D1C1 connected, D2C1 connected",
        (
            "Delivered D1C1",
            "Dequeued C1",
            "Diverted D3C1",
            "Failed D3C1 (answered_elsewhere)",
            "Established D1C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.GROUP_PICKUP, _S.NULL): Effect(
        "D2C1 connected, D3C1 alerting",
        "D1C1 connected, D2C1 connected",
        (
            "Delivered D1C1",
            "Dequeued C1",
            "Diverted D3C1",
            "Failed D3C1 (answered_elsewhere)",
            "Established D1C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.PARK_CALL, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "D2C1 connected",
        ("Parked D1C1", "ConnectionCleared D1C1 (transfer)", "RecordingStopped C1"),
    ),
    (_V.PARK_CALL, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected",
        "D2C1 connected",
        ("Parked D1C1", "ConnectionCleared D1C1 (transfer)", "RecordingStopped C1"),
    ),
    (_V.UNPARK_CALL, _S.NULL): Effect(
        "D2C1 connected",
        "D1C1 connected, D2C1 connected",
        (
            "Delivered D1C1",
            "Established D1C1",
            "Unparked C1",
            "Transferred C1",
            "Bridged C1",
            "RecordingStarted C1",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.INITIATED): Effect(
        "D1C1 connected, D3C1 alerting",
        "",
        (
            "ConnectionCleared D1C1 (normal_clearing)",
            "ConnectionCleared D3C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.ALERTING): Effect(
        "D1C1 alerting, D2C1 connected", "D2C1 connected", ("Failed D1C1 (rejected)", "Queued C1")
    ),
    (_V.CLEAR_CONNECTION, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "",
        (
            "ConnectionCleared D1C1 (normal_clearing)",
            "ConnectionCleared D2C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
            "RecordingStopped C1",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected",
        "D1C1 connected, D2C1 connected",
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
        "D1C1 hold, D2C1 connected",
        "D1C1 connected, D2C1 connected",
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
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
            "RecordingStopped C2",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
            "RecordingStopped C2",
        ),
    ),
    (_V.CLEAR_CONNECTION, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D2C1 connected, D3C1 connected",
        ("ConnectionCleared D1C1 (normal_clearing)",),
    ),
    (_V.CLEAR_CONNECTION, _S.LISTENING): Effect(
        "D1C1 connected, D2C1 connected, D5C1 connected",
        "D2C1 connected, D5C1 connected",
        ("ConnectionCleared D1C1 (normal_clearing)",),
    ),
    (_V.CLEAR_CALL, _S.INITIATED): Effect(
        "D1C1 connected, D3C1 alerting",
        "",
        (
            "ConnectionCleared D1C1 (normal_clearing)",
            "ConnectionCleared D3C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
        ),
    ),
    (_V.CLEAR_CALL, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "",
        (
            "ConnectionCleared D2C1 (normal_clearing)",
            "ConnectionCleared D1C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
            "RecordingStopped C1",
        ),
    ),
    (_V.CLEAR_CALL, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected",
        "",
        (
            "ConnectionCleared D2C1 (normal_clearing)",
            "ConnectionCleared D1C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
            "RecordingStopped C1",
        ),
    ),
    (_V.CLEAR_CALL, _S.IN_IVR): Effect(
        "D1C1 hold, D2C1 connected",
        "",
        (
            "ConnectionCleared D2C1 (normal_clearing)",
            "ReturnedFromIvr C1",
            "ConnectionCleared D1C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
        ),
    ),
    (_V.CLEAR_CALL, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
        ),
    ),
    (_V.CLEAR_CALL, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
            "RecordingStopped C2",
        ),
    ),
    (_V.CLEAR_CALL, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D2C1 connected",
        (
            "ConnectionCleared D1C2 (normal_clearing)",
            "ConnectionCleared D3C2 (normal_clearing)",
            "CallCleared C2 (normal_clearing)",
            "RecordingStopped C2",
        ),
    ),
    (_V.CLEAR_CALL, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "",
        (
            "ConnectionCleared D2C1 (normal_clearing)",
            "ConnectionCleared D1C1 (normal_clearing)",
            "ConnectionCleared D3C1 (normal_clearing)",
            "CallCleared C1 (normal_clearing)",
            "RecordingStopped C1",
        ),
    ),
    (_V.GENERATE_DIGITS, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "D1C1 connected, D2C1 connected",
        ("DigitsGenerated D1C1",),
    ),
    (_V.GENERATE_DIGITS, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("DigitsGenerated D1C2",),
    ),
    (_V.GENERATE_DIGITS, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("DigitsGenerated D1C1",),
    ),
    (_V.PLAY_MESSAGE, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 connected, D2C1 connected", ("Play D1C1",)
    ),
    (_V.PLAY_MESSAGE, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("Play D1C2",),
    ),
    (_V.PLAY_MESSAGE, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("Play D1C1",),
    ),
    (_V.JOIN_CALL, _S.NULL): Effect(
        "D2C1 connected, D5C1 connected",
        "D1C1 connected, D2C1 connected, D5C1 connected",
        ("Delivered D1C1", "Established D1C1", "Joined D1C1"),
    ),
    (_V.JOIN_CALL, _S.LISTENING): Effect(
        "D1C1 connected, D2C1 connected, D5C1 connected",
        "D1C1 connected, D2C1 connected, D5C1 connected",
        ("Joined D1C1",),
    ),
    (_V.TAKE_OVER_CALL, _S.LISTENING): Effect(
        "D1C1 connected, D2C1 connected, D5C1 connected",
        "D1C1 connected, D2C1 connected",
        ("Transferred C1", "ConnectionCleared D5C1 (transfer)"),
    ),
    (_V.START_RECORDING, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 connected, D2C1 connected", ("RecordingStarted C1",)
    ),
    (_V.START_RECORDING, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 hold, D2C1 connected", ("RecordingStarted C1",)
    ),
    (_V.START_RECORDING, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        ("RecordingStarted C1",),
    ),
    (_V.START_RECORDING, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("RecordingStarted C2",),
    ),
    (_V.START_RECORDING, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("RecordingStarted C2",),
    ),
    (_V.START_RECORDING, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("RecordingStarted C1",),
    ),
    (_V.STOP_RECORDING, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 connected, D2C1 connected", ("RecordingStopped C1",)
    ),
    (_V.STOP_RECORDING, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 hold, D2C1 connected", ("RecordingStopped C1",)
    ),
    (_V.STOP_RECORDING, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        ("RecordingStopped C1",),
    ),
    (_V.STOP_RECORDING, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("RecordingStopped C2",),
    ),
    (_V.STOP_RECORDING, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("RecordingStopped C2",),
    ),
    (_V.STOP_RECORDING, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("RecordingStopped C1",),
    ),
    (_V.PAUSE_RECORDING, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 connected, D2C1 connected", ("RecordingPaused C1",)
    ),
    (_V.PAUSE_RECORDING, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 hold, D2C1 connected", ("RecordingPaused C1",)
    ),
    (_V.PAUSE_RECORDING, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        ("RecordingPaused C1",),
    ),
    (_V.PAUSE_RECORDING, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("RecordingPaused C2",),
    ),
    (_V.PAUSE_RECORDING, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("RecordingPaused C2",),
    ),
    (_V.PAUSE_RECORDING, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("RecordingPaused C1",),
    ),
    (_V.RESUME_RECORDING, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 connected, D2C1 connected", ("RecordingResumed C1",)
    ),
    (_V.RESUME_RECORDING, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 hold, D2C1 connected", ("RecordingResumed C1",)
    ),
    (_V.RESUME_RECORDING, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        ("RecordingResumed C1",),
    ),
    (_V.RESUME_RECORDING, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("RecordingResumed C2",),
    ),
    (_V.RESUME_RECORDING, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("RecordingResumed C2",),
    ),
    (_V.RESUME_RECORDING, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("RecordingResumed C1",),
    ),
    (_V.SEND_TO_IVR, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected",
        "D1C1 hold, D2C1 connected",
        ("SentToIvr C1", "Held D1C1", "RecordingStopped C1"),
    ),
    (_V.RECALL_FROM_IVR, _S.IN_IVR): Effect(
        "D1C1 hold, D2C1 connected",
        "D1C1 connected, D2C1 connected",
        ("ReturnedFromIvr C1", "Retrieved D1C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.RECALL_FROM_IVR, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        ("ReturnedFromIvr C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.RECALL_FROM_IVR, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("ReturnedFromIvr C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.RECALL_FROM_IVR, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("ReturnedFromIvr C1", "Bridged C1", "RecordingStarted C1"),
    ),
    (_V.ASSOCIATE_DATA, _S.INITIATED): Effect(
        "D1C1 connected, D3C1 alerting", "D1C1 connected, D3C1 alerting", ("DataAssociated C1",)
    ),
    (_V.ASSOCIATE_DATA, _S.ALERTING): Effect(
        "D1C1 alerting, D2C1 connected", "D1C1 alerting, D2C1 connected", ("DataAssociated C1",)
    ),
    (_V.ASSOCIATE_DATA, _S.CONNECTED): Effect(
        "D1C1 connected, D2C1 connected", "D1C1 connected, D2C1 connected", ("DataAssociated C1",)
    ),
    (_V.ASSOCIATE_DATA, _S.HOLD): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 hold, D2C1 connected", ("DataAssociated C1",)
    ),
    (_V.ASSOCIATE_DATA, _S.IN_IVR): Effect(
        "D1C1 hold, D2C1 connected", "D1C1 hold, D2C1 connected", ("DataAssociated C1",)
    ),
    (_V.ASSOCIATE_DATA, _S.CONSULT_INITIATED): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 alerting",
        ("DataAssociated C2",),
    ),
    (_V.ASSOCIATE_DATA, _S.CONSULTING): Effect(
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 connected, D2C1 connected, D3C2 connected",
        ("DataAssociated C2",),
    ),
    (_V.ASSOCIATE_DATA, _S.ALL_HELD): Effect(
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        "D1C1 hold, D1C2 hold, D2C1 connected, D3C2 connected",
        ("DataAssociated C2",),
    ),
    (_V.ASSOCIATE_DATA, _S.CONFERENCED): Effect(
        "D1C1 connected, D2C1 connected, D3C1 connected",
        "D1C1 connected, D2C1 connected, D3C1 connected",
        ("DataAssociated C1",),
    ),
    (_V.ASSOCIATE_DATA, _S.LISTENING): Effect(
        "D1C1 connected, D2C1 connected, D5C1 connected",
        "D1C1 connected, D2C1 connected, D5C1 connected",
        ("DataAssociated C1",),
    ),
}
"""By verb, and by the situation of the agent who asks."""
