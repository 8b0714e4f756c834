"""One table of keys: no two actions share one; a person's own file is checked before the shift."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from virtual.scene import Scene

from tui.agent.actions import ACTIONS, Around, possible
from tui.agent.widgets.panes import footer
from tui.shared import keymap
from tui.shared.keymap import KeysError
from tui.shared.words import Words

USUAL = {action.id: action.key for action in ACTIONS}
FIXED = {action.function_key: action.id for action in ACTIONS if action.function_key}


def test_no_two_actions_share_a_key() -> None:
    keys = Counter([*USUAL.values(), *FIXED])
    assert [key for key, count in keys.items() if count > 1] == []


def read(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    return keymap.read(file, USUAL, FIXED)


def test_a_file_gives_an_action_another_key(tmp_path: Path) -> None:
    keys = read(tmp_path, '[keys]\nanswer = "space"\n')
    assert keys == USUAL | {"answer": "space"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[keys]\nanswr = "space"\n', "there is no action 'answr'; there are: alternate, answer"),
        ('[keys]\nanswer = "h"\n', "'h' is the key of 'answer' and of 'hold'"),
        ('[keys]\nanswer = "f3"\n', "'f3' is the key of 'hang_up' and of 'answer'"),
        ("[keys]\nanswer = 3\n", "answer: a key is a text"),
        ('[key]\nanswer = "space"\n', "one table, [keys]"),
        ("[keys\n", "keys.toml: "),
    ],
)
def test_what_makes_no_sense_is_said_with_its_mend(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(KeysError) as caught:
        read(tmp_path, text)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"nothing\.toml"):
        keymap.read(tmp_path / "nothing.toml", USUAL, FIXED)


@pytest.mark.parametrize(
    ("scene", "first"),
    [
        (Scene().ringing(), ["answer", "hang_up", "deflect"]),
        (Scene().speaking(), ["hang_up", "hold", "consult"]),
        (Scene().consulting(), ["transfer", "conference", "alternate", "reconnect"]),
        (Scene().wrapping(), ["wrap_up", "ready", "done"]),
        (Scene(), ["ready", "dial", "not_ready"]),
    ],
)
def test_the_footer_has_what_matters_now(scene: Scene, first: list[str]) -> None:
    found = [action.id for action in possible(scene.desk, Around())]
    assert found[: len(first)] == first


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_footer_fits_its_row(width: int, language: str) -> None:
    from textual.content import Content

    for scene in (Scene().ringing(), Scene().consulting(), Scene()):
        text = footer(scene.service, Words(language), USUAL, width)
        assert Content.from_markup(text).cell_length <= width


def test_without_a_link_nothing_of_the_server_is_possible() -> None:
    desk = Scene().consulting().desk
    assert {action.group for action in possible(desk, Around(linked=False))} <= {"screen"}
