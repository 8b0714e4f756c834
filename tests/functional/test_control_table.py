"""Every verb in each situation, through the wire: what CSTA says, or `wrong_state` and nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.stage import CONSULTED, NAMED, PLACE, Stage

from ccd.control.effects import EFFECTS
from ccd.control.situations import ALLOWED, Situation, Verb
from ccd.control.standard import SERVICES
from ccd.cti.catalogue import CATALOGUE, SnapshotResult
from ccd.cti.client import CtiError, ErrorCode
from ccd.events import (
    CallCleared,
    Conferenced,
    ConnectionCleared,
    DataAssociated,
    Delivered,
    DigitsGenerated,
    Diverted,
    Established,
    Event,
    Failed,
    Held,
    Joined,
    Originated,
    Parked,
    Play,
    Queued,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
    Retrieved,
    ReturnedFromIvr,
    SentToIvr,
    Transferred,
    Unparked,
)
from ccd.model import ListenMode

ARGUMENTS: dict[Verb, dict[str, Any]] = {
    Verb.MAKE_CALL: {"number": NAMED},
    Verb.DIAL_DIGITS: {"digits": NAMED},
    Verb.CONSULTATION_CALL: {"number": NAMED},
    Verb.SINGLE_STEP_TRANSFER: {"number": NAMED},
    Verb.SINGLE_STEP_CONFERENCE: {"number": NAMED},
    Verb.GENERATE_DIGITS: {"digits": "12"},
    Verb.ASSOCIATE_DATA: {"data": {"account": "6222"}},
    Verb.SEND_TO_IVR: {"flow": "pin"},
    Verb.PLAY_MESSAGE: {"message": "notice"},
    Verb.DEFLECT_CALL: {"number": NAMED},
    Verb.DIRECTED_PICKUP: {"from_agent": CONSULTED},
    Verb.UNPARK_CALL: {"place": PLACE},
}
"""Those that make sense, so that a refusal is of the state."""

SPEAKING = "D1C1 connected, D2C1 connected"
HELD = "D1C1 hold, D2C1 connected"
CONSULTS = f"{HELD}, D1C2 connected"
CALLED = "D1C1 connected, D4C1 connected"
LISTENED = "D2C1 connected, D5C1 connected"
"""C1 is agent2's call here."""
GONE = "D2C1 connected"
"""The caller waits without him."""

AFTER: dict[Verb, dict[Situation, str]] = {
    Verb.MAKE_CALL: {
        Situation.NULL: CALLED,
        Situation.HOLD: f"{CONSULTS}, D4C2 connected",
        Situation.IN_IVR: f"{CONSULTS}, D4C2 connected",
    },
    Verb.DIAL_DIGITS: {
        Situation.INITIATED: CALLED,
        Situation.CONSULT_INITIATED: f"{CONSULTS}, D4C2 connected",
    },
    Verb.HOLD_CALL: {
        Situation.CONNECTED: HELD,
        Situation.CONSULTING: f"{HELD}, D1C2 hold, D3C2 connected",
        Situation.CONFERENCED: f"{HELD}, D3C1 connected",
    },
    Verb.RETRIEVE_CALL: {
        Situation.HOLD: SPEAKING,
        Situation.ALL_HELD: f"{CONSULTS}, D3C2 connected",
        Situation.CONSULTING: f"{SPEAKING}, D1C2 hold, D3C2 connected",
        Situation.CONSULT_INITIATED: f"{SPEAKING}, D1C2 hold, D3C2 alerting",
    },
    Verb.ALTERNATE_CALL: {Situation.CONSULTING: f"{SPEAKING}, D1C2 hold, D3C2 connected"},
    Verb.CONSULTATION_CALL: {
        Situation.CONNECTED: f"{CONSULTS}, D4C2 connected",
        Situation.HOLD: f"{CONSULTS}, D4C2 connected",
        Situation.IN_IVR: f"{CONSULTS}, D4C2 connected",
        # C2 was his first consultation, which is merged into C1.
        Situation.CONFERENCED: f"{HELD}, D3C1 connected, D1C3 connected, D4C3 connected",
    },
    Verb.RECONNECT_CALL: {Situation.CONSULTING: SPEAKING, Situation.CONSULT_INITIATED: SPEAKING},
    Verb.TRANSFER_CALL: {
        Situation.CONSULTING: "D2C1 connected, D3C1 connected",
        Situation.CONSULT_INITIATED: "D2C1 connected, D3C1 alerting",
    },
    Verb.SINGLE_STEP_TRANSFER: {
        Situation.CONNECTED: "D2C1 connected, D4C1 connected",
        Situation.HOLD: "D2C1 connected, D4C1 connected",
    },
    Verb.CONFERENCE_CALL: {Situation.CONSULTING: f"{SPEAKING}, D3C1 connected"},
    Verb.SINGLE_STEP_CONFERENCE: {
        Situation.CONNECTED: f"{SPEAKING}, D4C1 connected",
        Situation.CONFERENCED: f"{SPEAKING}, D3C1 connected, D4C1 connected",
    },
    Verb.CLEAR_CONNECTION: {
        Situation.INITIATED: "",
        Situation.ALERTING: GONE,
        Situation.CONNECTED: "",
        # Whom he left on hold, or in a flow, waits again; and who is ready next is he.
        Situation.HOLD: SPEAKING,
        Situation.IN_IVR: SPEAKING,
        Situation.LISTENING: LISTENED,
        Situation.CONSULT_INITIATED: HELD,
        Situation.CONSULTING: HELD,
        Situation.ALL_HELD: HELD,
        Situation.CONFERENCED: "D2C1 connected, D3C1 connected",
    },
    Verb.CLEAR_CALL: {
        Situation.INITIATED: "",
        Situation.CONNECTED: "",
        Situation.HOLD: "",
        Situation.IN_IVR: "",
        Situation.CONSULT_INITIATED: HELD,
        Situation.CONSULTING: HELD,
        Situation.ALL_HELD: HELD,
        Situation.CONFERENCED: "",
    },
    Verb.ANSWER_CALL: {Situation.ALERTING: SPEAKING},
    Verb.DEFLECT_CALL: {Situation.ALERTING: "D2C1 connected, D4C1 connected"},
    Verb.DIRECTED_PICKUP: {Situation.NULL: SPEAKING},
    Verb.GROUP_PICKUP: {Situation.NULL: SPEAKING},
    Verb.PARK_CALL: {Situation.CONNECTED: GONE, Situation.HOLD: GONE},
    Verb.UNPARK_CALL: {Situation.NULL: SPEAKING},
    Verb.JOIN_CALL: {Situation.NULL: f"D1C1 connected, {LISTENED}", Situation.LISTENING: "="},
    Verb.TAKE_OVER_CALL: {Situation.LISTENING: SPEAKING},
    Verb.SEND_TO_IVR: {Situation.CONNECTED: HELD},
    Verb.RECALL_FROM_IVR: {
        Situation.IN_IVR: SPEAKING,
        # He is back in the call that is kept, and hears music until it is retrieved.
        Situation.CONSULT_INITIATED: "=",
        Situation.CONSULTING: "=",
        Situation.ALL_HELD: "=",
    },
    **{
        verb: dict.fromkeys((Situation.CONNECTED, Situation.CONSULTING, Situation.CONFERENCED), "=")
        for verb in (Verb.GENERATE_DIGITS, Verb.PLAY_MESSAGE)
    },
    **{
        verb: dict.fromkeys((*ALLOWED[verb], Situation.CONSULT_INITIATED), "=")
        for verb in (
            *(Verb.START_RECORDING, Verb.STOP_RECORDING),
            *(Verb.PAUSE_RECORDING, Verb.RESUME_RECORDING),
        )
    },
    Verb.ASSOCIATE_DATA: dict.fromkeys(ALLOWED[Verb.ASSOCIATE_DATA], "="),
}
"""The connections a second after it, by the names of ECMA-269's figures (`virtual.stage`); `=`: as before."""

EVENTS: dict[Verb, type[Event]] = {
    Verb.MAKE_CALL: Originated,
    Verb.DIAL_DIGITS: Delivered,
    Verb.ANSWER_CALL: Established,
    Verb.HOLD_CALL: Held,
    Verb.RETRIEVE_CALL: Retrieved,
    Verb.ALTERNATE_CALL: Retrieved,
    Verb.CONSULTATION_CALL: Originated,
    Verb.RECONNECT_CALL: Retrieved,
    Verb.TRANSFER_CALL: Transferred,
    Verb.SINGLE_STEP_TRANSFER: Transferred,
    Verb.CONFERENCE_CALL: Conferenced,
    Verb.SINGLE_STEP_CONFERENCE: Conferenced,
    Verb.DEFLECT_CALL: Diverted,
    Verb.DIRECTED_PICKUP: Diverted,
    Verb.GROUP_PICKUP: Diverted,
    Verb.PARK_CALL: Parked,
    Verb.UNPARK_CALL: Unparked,
    Verb.CLEAR_CONNECTION: ConnectionCleared,
    Verb.CLEAR_CALL: CallCleared,
    Verb.JOIN_CALL: Joined,
    Verb.TAKE_OVER_CALL: Transferred,
    Verb.START_RECORDING: RecordingStarted,
    Verb.STOP_RECORDING: RecordingStopped,
    Verb.PAUSE_RECORDING: RecordingPaused,
    Verb.RESUME_RECORDING: RecordingResumed,
    Verb.SEND_TO_IVR: SentToIvr,
    Verb.RECALL_FROM_IVR: ReturnedFromIvr,
    Verb.ASSOCIATE_DATA: DataAssociated,
    Verb.GENERATE_DIGITS: DigitsGenerated,
    Verb.PLAY_MESSAGE: Play,
}
"""What is published, at the least."""

OTHER_EVENTS: dict[tuple[Verb, Situation], type[Event]] = {
    # It is said when the one consulted answers.
    (Verb.TRANSFER_CALL, Situation.CONSULT_INITIATED): CallCleared,
    (Verb.CLEAR_CONNECTION, Situation.ALERTING): Failed,
    (Verb.CLEAR_CONNECTION, Situation.HOLD): Queued,
    (Verb.CLEAR_CONNECTION, Situation.IN_IVR): Queued,
}
"""Where it is another one."""

HEARD_ONLY = {Verb.GENERATE_DIGITS, Verb.PLAY_MESSAGE}
"""Of these, what the parties hear and keys that are sent are looked at."""

OF_THE_HELD_CALL = {
    (verb, situation)
    for verb in Verb
    for situation in (Situation.CONSULTING, Situation.CONSULT_INITIATED)
    if Situation.ALL_HELD in ALLOWED[verb] and situation not in ALLOWED[verb]
}
"""The call that he keeps meanwhile is one that he holds: it may be retrieved (the other is held
then), its recording paused, and its caller had back from a flow."""

REFUSED = [
    (verb, situation)
    for verb in Verb
    for situation in Situation
    if situation not in ALLOWED[verb]
    and verb.value in CATALOGUE
    and (verb, situation) not in OF_THE_HELD_CALL
]
DONE = [(verb, situation) for verb, cells in AFTER.items() for situation in cells]


def still(seen: SnapshotResult) -> Any:
    """A snapshot without the clock."""
    return seen.agents, seen.calls


def hearing(verb: Verb, situation: Situation, after: dict[str, str]) -> dict[str, set[str]]:
    """Whom each party hears by these connections, and what is played to him.

    All who are connected in a call hear each other; who is alone in it with one who holds, or with
    nobody, hears music; one who rings, or holds, hears nothing.
    """
    goes_on = {Verb.MAKE_CALL, Verb.CONSULTATION_CALL, Verb.ASSOCIATE_DATA}
    in_a_flow = verb is Verb.SEND_TO_IVR or (situation is Situation.IN_IVR and verb in goes_on)
    silent = "D5C1" in after and (verb, situation) != (Verb.JOIN_CALL, Situation.LISTENING)
    found: dict[str, set[str]] = {name[:2]: set() for name in after}
    for name, state in after.items():
        device, call = name[:2], name[2:]
        if state != "connected":
            continue
        its = {other[:2]: state for other, state in after.items() if other[2:] == call}
        others = {other for other, state in its.items() if state == "connected"} - {device}
        if silent:
            others.discard("D1")
        if others:
            found[device] = others | ({"notice"} if verb is Verb.PLAY_MESSAGE else set())
        elif device == "D2":
            found[device] = {"pin"} if in_a_flow else {"music"}
        elif "hold" in its.values():
            found[device] = {"music"}
    return found


def parsed(connections: str) -> dict[str, str]:
    """Connections as the table writes them."""
    return {
        name: state
        for name, _, state in (each.partition(" ") for each in connections.split(", ") if each)
    }


@pytest.mark.parametrize(("verb", "situation"), DONE)
async def test_an_allowed_cell_does_what_csta_says(
    tmp_path: Path, verb: Verb, situation: Situation
) -> None:
    arguments = dict(ARGUMENTS.get(verb, {}))
    async with Stage(tmp_path, situation, verb) as stage:
        if verb is Verb.JOIN_CALL:
            mode = ListenMode.ACTIVE if situation is Situation.LISTENING else ListenMode.SILENT
            arguments |= {"call": stage.other_call.id, "mode": mode.value}
        before, seq = await stage.connections(), stage.town.stream.last_seq
        await stage.ask(verb.value, seconds=1.0, **arguments)
        wanted = AFTER[verb][situation]
        after = await stage.connections()
        if wanted == "=":
            assert after == before
        else:
            assert ", ".join(f"{name} {after[name]}" for name in sorted(after)) == ", ".join(
                sorted(wanted.split(", "))
            )
        assert stage.heard() == hearing(verb, situation, after)
        told = {type(event) for event in stage.town.events if event.seq > seq}
        assert OTHER_EVENTS.get((verb, situation), EVENTS[verb]) in told
        effect = EFFECTS[verb, situation]
        assert effect.events == tuple(stage.told(seq))
        assert (parsed(effect.before), parsed(effect.after)) == (before, after)
        others = hearing(verb, situation, after)["D1"] - {"notice"} if verb in HEARD_ONLY else ()
        keyed = dict.fromkeys(others, "12") if verb is Verb.GENERATE_DIGITS else {}
        assert stage.keyed() == keyed


@pytest.mark.parametrize(("verb", "situation"), REFUSED)
async def test_any_other_cell_is_wrong_state_and_changes_nothing(
    tmp_path: Path, verb: Verb, situation: Situation
) -> None:
    fields = set(CATALOGUE[verb.value].args.__struct_fields__)
    filled = (
        {"number": NAMED, "digits": "12", "to": NAMED, "place": "1"}
        if verb not in ARGUMENTS
        else {}
    )
    arguments = ARGUMENTS.get(verb) or {k: v for k, v in filled.items() if k in fields}
    async with Stage(tmp_path, situation, verb) as stage:
        if verb is Verb.JOIN_CALL:
            arguments["call"] = stage.other_call.id
        before, seq = still(await stage.snapshot()), stage.town.stream.last_seq
        with pytest.raises(CtiError) as caught:
            await stage.ask(verb.value, seconds=0.0, **arguments)
        assert caught.value.code is ErrorCode.WRONG_STATE, caught.value.message
        assert still(await stage.snapshot()) == before
        assert stage.town.stream.last_seq == seq


def test_every_verb_is_an_operation() -> None:
    assert {verb.value for verb in Verb} - set(CATALOGUE) == set()


def test_every_cell_of_the_table_is_run() -> None:
    allowed = {(verb, situation) for verb in Verb for situation in ALLOWED[verb]}
    assert set(DONE) == allowed | OF_THE_HELD_CALL
    assert set(DONE) | set(REFUSED) == {
        (verb, situation) for verb in Verb for situation in Situation
    }
    assert set(DONE).isdisjoint(REFUSED)
    assert EVENTS.keys() == set(Verb)
    assert EFFECTS.keys() == set(DONE)
    assert SERVICES.keys() == set(Verb)
