"""docs/agent.md is what the softphone is: its key card, its pictures, its commands."""

from __future__ import annotations

import re
import runpy
import time
from pathlib import Path

import pytest

from tui.agent.reference import with_card
from tui.agent.script import parse

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "agent.md"
DRAW = runpy.run_path(str(ROOT / "scripts" / "draw_softphone.py"))


def test_the_key_card_is_of_today() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_card(text) == text, "python -m tui.agent.reference docs/agent.md"


@pytest.mark.parametrize(("scene", "language"), DRAW["PICTURES"])
async def test_the_pictures_are_of_today(
    scene: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        fresh = await DRAW["drawn"](scene, language)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert DRAW["file_of"](scene, language).read_text(encoding="utf-8") == fresh, (
        "python scripts/draw_softphone.py"
    )


def test_the_script_of_the_page_is_one() -> None:
    scripts = re.findall(r"```\n(ready\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [parse(script)[0].word for script in scripts] == ["ready"]
