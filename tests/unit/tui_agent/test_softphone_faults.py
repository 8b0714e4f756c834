"""A fault of ours ends the screen, and says what it was."""

from __future__ import annotations

import pytest
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
