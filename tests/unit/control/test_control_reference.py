"""The page of verbs and situations is what the table says."""

from __future__ import annotations

from pathlib import Path

from ccd.control.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "call-control.md"


def test_the_page_is_not_stale() -> None:
    stale = "stale: run python -m ccd.control.reference docs/call-control.md"
    assert PAGE.read_text(encoding="utf-8") == page(), stale
