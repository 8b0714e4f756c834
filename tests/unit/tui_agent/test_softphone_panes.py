"""What strangers say (caller's numbers, names, notes) is shown as it is, whatever it is made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from tui.agent.widgets.panes import JOINER, escaped


@given(st.text(alphabet="[]\\/ab=$@'\" #王", max_size=12))
def test_others_text_in_markup_is_that_text(text: str) -> None:
    shown = Content.from_markup(f"[bold]{escaped(text)}[/] x").plain
    assert shown.replace(JOINER, "") == f"{text} x"
