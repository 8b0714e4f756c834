"""docs/callbacks.md says what is so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ccd.acd.callbacks.agent_first import CUSTOMER_RINGS_S
from ccd.acd.callbacks.states import TRANSITIONS, CallbackState, Origin, Outcome, Step
from ccd.acd.redials import LIMIT
from ccd.config import Callback

PAGE = (Path(__file__).parents[3] / "docs" / "callbacks.md").read_text()


@pytest.mark.parametrize("state", CallbackState)
def test_what_leaves_each_state(state: CallbackState) -> None:
    section = PAGE.split("### States")[1].split("###")[0]
    (row,) = (line for line in section.splitlines() if line.startswith(f"| `{state.value}`"))
    leaves = row.split("|")[2]
    for (before, trigger), after in TRANSITIONS.items():
        if before is state and after is not Step.STAY:
            assert f"*{trigger.value}*" in leaves
    told = leaves.count("*") // 2
    assert told <= sum(before is state for before, _ in TRANSITIONS)


@pytest.mark.parametrize("word", [*Outcome, *Origin])
def test_every_outcome_and_origin_is_told_of(word: Outcome | Origin) -> None:
    assert f"`{word.value}`" in PAGE


def test_the_settings_shown_are_settings() -> None:
    shown = PAGE.split("[queue.callback]\n")[1].split("```")[0]
    callback = msgspec.toml.decode(shown, type=Callback)
    assert callback.trunk == "carrier"
    hidden = {"key"}
    assert set(Callback.__struct_fields__) - hidden == {
        line.split(" = ")[0] for line in shown.splitlines() if line
    }


def test_figures_are_those_of_the_code() -> None:
    assert f"phone rings for {CUSTOMER_RINGS_S:g} s" in PAGE
    assert f"{LIMIT:,} numbers" in PAGE
