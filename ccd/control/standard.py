"""The verbs of call control in the words of ECMA-269, and where we do otherwise."""

from __future__ import annotations

from typing import NamedTuple

from ccd.control.situations import Verb


class Service(NamedTuple):
    """A verb in the standard's words."""

    name: str
    """The service; empty where the standard has none."""
    clause: str = ""
    """Of ECMA-269, as ASN.1 modules of ECMA-285 cite it; empty where we could not look it up."""
    differs: str = ""
    """Where we do otherwise, and why."""


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
        "is told when it answers: until then nobody has the call. Delivered is told again at once, "
        "with the caller's number and data: whom that phone rings for is another.",
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
