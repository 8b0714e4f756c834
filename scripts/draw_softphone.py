"""Draws the pictures of docs/agent.md, from the scenes that the tests look at.

python scripts/draw_softphone.py
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
SIZE = (100, 28)
PICTURES = (("ringing", "en"), ("consulting", "zh"))


async def drawn(scene: str, language: str) -> str:
    """Return one picture as SVG; times of day are Shanghai's."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from virtual.scene import Scene

    from tui.agent.app import SoftphoneApp

    told = getattr(Scene(), scene)()
    app = SoftphoneApp(told.service, language=language)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        return app.export_screenshot(title="ccd agent")


def file_of(scene: str, language: str) -> Path:
    """Where it is."""
    return FOLDER / f"softphone-{scene}-{language}.svg"


if __name__ == "__main__":
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()
    for each in PICTURES:
        file_of(*each).write_text(asyncio.run(drawn(*each)), encoding="utf-8")
