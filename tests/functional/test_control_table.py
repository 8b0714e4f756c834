"""Every verb in each situation, through the wire: what CSTA says, or `wrong_state` and nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.stage import NAMED, Stage

from ccd.control.situations import ALLOWED, Situation, Verb
from ccd.cti.catalogue import CATALOGUE, SnapshotResult
from ccd.cti.client import CtiError, ErrorCode

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
}
"""Those that make sense, so that a refusal is of the state."""

SPEAKING = "D1C1 connected, D2C1 connected"
HELD = "D1C1 hold, D2C1 connected"
CONSULTS = f"{HELD}, D1C2 connected"
CALLED = "D1C1 connected, D4C1 connected"

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
        Situation.CONNECTED: "",
        Situation.CONSULT_INITIATED: HELD,
        Situation.CONSULTING: HELD,
        Situation.ALL_HELD: HELD,
        Situation.CONFERENCED: "D2C1 connected, D3C1 connected",
    },
    Verb.CLEAR_CALL: {
        Situation.INITIATED: "",
        Situation.CONNECTED: "",
        Situation.HOLD: "",
        Situation.CONSULT_INITIATED: HELD,
        Situation.CONSULTING: HELD,
        Situation.ALL_HELD: HELD,
        Situation.CONFERENCED: "",
    },
    Verb.SEND_TO_IVR: {Situation.CONNECTED: HELD},
    Verb.RECALL_FROM_IVR: {Situation.IN_IVR: SPEAKING},
    **{
        verb: dict.fromkeys((Situation.CONNECTED, Situation.CONSULTING, Situation.CONFERENCED), "=")
        for verb in (Verb.GENERATE_DIGITS, Verb.STOP_RECORDING, Verb.PAUSE_RECORDING)
    },
    Verb.ASSOCIATE_DATA: dict.fromkeys(ALLOWED[Verb.ASSOCIATE_DATA] - {Situation.LISTENING}, "="),
}
"""The connections after it, by the names of ECMA-269's figures (`virtual.stage`); `=`: as before."""

OF_THE_HELD_CALL = {
    (verb, situation)
    for verb in Verb
    for situation in (Situation.CONSULTING, Situation.CONSULT_INITIATED)
    if Situation.ALL_HELD in ALLOWED[verb] and situation not in ALLOWED[verb]
}
"""The call that he keeps meanwhile is one that he holds: it may be retrieved (the other is held
then), and its recording paused."""

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


@pytest.mark.parametrize(("verb", "situation"), DONE)
async def test_an_allowed_cell_does_what_csta_says(
    tmp_path: Path, verb: Verb, situation: Situation
) -> None:
    assert situation in ALLOWED[verb] or (verb, situation) in OF_THE_HELD_CALL
    async with Stage(tmp_path, situation, verb) as stage:
        before = await stage.connections()
        await stage.ask(verb.value, seconds=1.0, **ARGUMENTS.get(verb, {}))
        wanted = AFTER[verb][situation]
        after = await stage.connections()
        if wanted == "=":
            assert after == before
        else:
            assert ", ".join(f"{name} {after[name]}" for name in sorted(after)) == ", ".join(
                sorted(wanted.split(", "))
            )
        for name, state in after.items():
            device, call = name[:2], name[2:]
            others = {
                other[:2]
                for other, its in after.items()
                if other[2:] == call and other != name and its == "connected"
            }
            away = situation is Situation.IN_IVR or verb is Verb.SEND_TO_IVR
            if state == "connected" and others and situation is not Situation.INITIATED:
                heard = stage.heard()[device]
                assert heard & {"D1", "D2", "D3", "D4"} == others or away


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
