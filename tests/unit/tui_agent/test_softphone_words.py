"""Every phrase is there in every language, with the same places to fill in; every action has its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from virtual.scene import Scene

import tui
from ccd.acd.after_call import OUR_REASONS
from ccd.model import AgentState, Cause
from tui.agent.actions import ACTIONS, GROUPS, Around
from tui.agent.desk import Stage
from tui.agent.phones.phone import PhoneState
from tui.agent.service import LinkState
from tui.shared import themes
from tui.shared.words import LANGUAGES, Words

SOURCE = Path(tui.__file__).parent


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_all_phrases_but_for_errors_which_the_daemon_says_in_english(
    language: str,
) -> None:
    def keys(words: Words) -> set[str]:
        return {key for key in words.keys() if not key.startswith("error.")}  # noqa: SIM118

    assert keys(Words(language)) == keys(Words("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_places_to_fill_in_are_the_same(language: str) -> None:
    english, other = Words("en"), Words(language)
    for key in english.keys():  # noqa: SIM118
        assert set(re.findall(r"{\w+}", english(key))) == set(re.findall(r"{\w+}", other(key))), key


def test_what_is_shown_by_a_made_up_key_is_there() -> None:
    words = Words("en")
    made = [f"action.{action.id}" for action in ACTIONS]
    made += [f"group.{group}" for group in GROUPS]
    made += [f"state.{state.value}" for state in AgentState]
    made += [f"stage.{stage.value}" for stage in Stage]
    made += [f"phone.{state.value}" for state in PhoneState]
    made += [f"link.{state.value}" for state in LinkState]
    made += [f"theme.{name}" for name in themes.NAMES]
    assert [key for key in made if key not in words] == []


def test_every_phrase_that_the_source_names_is_there_and_no_other() -> None:
    text = "\n".join(file.read_text() for file in SOURCE.rglob("*.py"))
    words = Words("en")
    named = set(re.findall(r'words\(\s*"([a-z_]+\.[a-z_]+)"', text))
    assert named - words.keys() == set()
    why = set(re.findall(r'"([a-z_]+)"', (SOURCE / "agent" / "actions.py").read_text()))
    unused = {
        key
        for key in words.keys()  # noqa: SIM118
        if key.partition(".")[0] == "why" and key.partition(".")[2] not in why
    }
    assert unused == set()


def test_every_reason_why_not_has_words() -> None:
    scenes = [
        Scene(),
        *(
            getattr(Scene(), name)()
            for name in ("ready", "ringing", "speaking", "consulting", "wrapping")
        ),
    ]
    arounds = [Around(), Around(linked=False), Around(displaced=True), Around(can_mute=True)]
    said = {
        action.why_not(scene.desk, around)
        for action in ACTIONS
        for scene in scenes
        for around in arounds
    } - {""}
    assert len(said) > 10
    for language in LANGUAGES:
        assert [why for why in sorted(said) if f"why.{why}" not in Words(language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_that_the_acd_gives_has_words(language: str) -> None:
    given = {*OUR_REASONS, *(cause.value for cause in Cause)}
    assert [reason for reason in sorted(given) if f"reason.{reason}" not in Words(language)] == []


def test_a_language_that_is_not_there_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="there are: en, zh"):
        Words("fr")
