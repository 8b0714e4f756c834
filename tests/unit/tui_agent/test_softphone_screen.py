"""The screen as such: its panes in a wide window, and what a fault of ours does to it."""

from __future__ import annotations

import pytest
from textual.widgets import TabbedContent
from virtual.scene import Scene

from tui.agent.app import SoftphoneApp
from tui.agent.desk import _ORDER, Stage


async def test_a_fault_beside_the_screen_ends_it_with_its_trace() -> None:
    with pytest.raises(KeyError, match="wrong"):
        await _at_fault(SoftphoneApp(Scene().service))


async def _at_fault(app: SoftphoneApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        app.service.on_fault(KeyError("wrong"))
        await pilot.pause()


def test_every_stage_of_a_call_has_its_place_on_the_screen() -> None:
    assert set(_ORDER) == set(Stage)


async def test_in_a_wide_window_the_caller_is_drawn_once() -> None:
    app = SoftphoneApp(Scene().ready().service)
    async with app.run_test(size=(140, 45)) as pilot:
        tabs = app.screen.query_one("#tabs", TabbedContent)
        assert (tabs.active, tabs.get_tab("caller-tab").display) == ("script-tab", False)
        await pilot.press("1")
        assert tabs.active == "script-tab"
        await pilot.press("3")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert (tabs.active, tabs.get_tab("caller-tab").display) == ("notes-tab", True)


async def test_the_caller_is_back_where_he_was_when_the_window_is_narrow_again() -> None:
    app = SoftphoneApp(Scene().ready().service)
    async with app.run_test(size=(80, 24)) as pilot:
        tabs = app.screen.query_one("#tabs", TabbedContent)
        assert tabs.active == "caller-tab"
        for size, shown in (((140, 45), "script-tab"), ((80, 24), "caller-tab")):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert tabs.active == shown
