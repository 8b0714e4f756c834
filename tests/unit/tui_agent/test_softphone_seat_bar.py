"""What stands in the one row on top, whatever room there is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content

from ccd.cti.desk_operations import WordView, WorkplaceResult
from ccd.model import AgentState
from tui.agent.desk import Desk, Line, Stage
from tui.agent.phones.phone import Ability, Levels, PhoneState
from tui.agent.service import LinkState
from tui.agent.widgets import panes
from tui.shared.words import Words

NOW = 1_800_000_000.0
LONG = "Training with the colleagues of compliance"


def service(**seat: Any) -> Any:
    desk = Desk("li.na")
    desk.furnish(
        WorkplaceResult(
            agent="li.na", full_name="Li Na", reasons=(WordView(name="training", title=LONG),)
        )
    )
    desk._seat = replace(desk.seat, phone="1001", since=NOW - 61.0, **seat)
    return SimpleNamespace(desk=desk, phone=None, phone_trouble="", link=LinkState.UP, login=None)


def bar(of: Any, width: int, language: str = "en") -> str:
    return Content.from_markup(panes.seat_bar(of, Words(language), NOW, width)).plain


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_clock_is_at_the_right_edge_whatever_the_reason(width: int, language: str) -> None:
    of = service(state=AgentState.NOT_READY, reason="training")
    drawn = panes.seat_bar(of, Words(language), NOW, width)
    assert Content.from_markup(drawn).cell_length == width - 1
    assert bar(of, width, language).endswith(panes.clock(NOW))


def test_what_is_known_anyway_goes_first_and_then_the_reason_is_cut() -> None:
    of = service(state=AgentState.NOT_READY, reason="training")
    assert "(1001)" in bar(of, 140)
    assert "connected" in bar(of, 140)
    narrow = bar(of, 80)
    assert "(1001)" not in narrow
    assert "Training with" in narrow
    assert "…" in narrow
    assert "Li Na" in narrow


def test_that_the_link_is_lost_is_never_left_out() -> None:
    of = service(state=AgentState.NOT_READY, reason="training")
    of.link = LinkState.LOST
    assert "! connecting" in bar(of, 80)


def test_a_phone_that_is_nailed_up_is_said_to_be() -> None:
    of = service(state=AgentState.READY, nailed_up=True)
    assert "phone nailed up" in bar(of, 80)


def test_in_a_call_both_levels_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    of = service(state=AgentState.BUSY)
    of.phone = SimpleNamespace(
        can=frozenset(Ability),
        state=PhoneState.TALKING,
        trouble="",
        muted=False,
        levels=Levels(microphone=1.0, earpiece=0.0),
    )
    assert "↑" not in bar(of, 80)
    speaking = Line(call="1", leg="1.1", stage=Stage.SPEAKING, who="x")
    monkeypatch.setattr(Desk, "lines", property(lambda _: (speaking,)))
    assert "↑█ ↓▁" in bar(of, 80)
