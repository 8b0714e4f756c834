"""Pictures of the softphone's main screens, small and large, in both languages.

After a change that is meant: `pytest tests/snapshots --snapshot-update`, and look at them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from virtual.scene import NOON, Scene

from tui.agent.app import SoftphoneApp
from tui.agent.service import LinkState
from tui.shared import themes

SIZES = {"80x24": (80, 24), "140x45": (140, 45)}


@pytest.fixture(autouse=True)
def shanghai(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Times of day are local: the pictures' are Shanghai's."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    os.environ.pop("TZ", None)
    monkeypatch.undo()
    time.tzset()


async def nothing(pilot: Pilot[Any]) -> None:
    """Wait until all that was begun is drawn, however busy the machine is."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    drawn = getattr(pilot.app.screen, "script_drawn", None)
    if drawn is not None:
        await drawn
    for _ in range(3):
        await pilot.pause()


def pressing(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def press(pilot: Pilot[Any]) -> None:
        await nothing(pilot)
        for key in keys:
            await pilot.press(key)
            await nothing(pilot)

    return press


def lost(scene: Scene) -> None:
    scene.service.link = LinkState.LOST
    scene.now = NOON + 60


SCENES: dict[str, tuple[Callable[[Scene], Any], Callable[[Pilot[Any]], Awaitable[None]]]] = {
    "idle": (lambda scene: None, nothing),
    "ringing": (Scene.ringing, nothing),
    "consulting": (Scene.consulting, pressing("2")),
    "wrapping": (Scene.wrapping, pressing("w")),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCENES)
def test_screen(name: str, size: str, language: str, snap_compare: Any) -> None:
    prepare, act = SCENES[name]
    scene = Scene()
    prepare(scene)
    app = SoftphoneApp(scene.service, language=language)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=act)


@pytest.mark.parametrize("theme", themes.NAMES[1:])
def test_theme(theme: str, snap_compare: Any) -> None:
    app = SoftphoneApp(Scene().consulting().service, theme=theme)
    assert snap_compare(app, terminal_size=(80, 24), run_before=nothing)


def test_link_lost(snap_compare: Any) -> None:
    scene = Scene()
    lost(scene)
    assert snap_compare(SoftphoneApp(scene.service), terminal_size=(80, 24), run_before=nothing)


@pytest.mark.parametrize("size", [(60, 15), (59, 15)])
def test_small(size: tuple[int, int], snap_compare: Any) -> None:
    app = SoftphoneApp(Scene().ringing().service)
    assert snap_compare(app, terminal_size=size, run_before=nothing)
