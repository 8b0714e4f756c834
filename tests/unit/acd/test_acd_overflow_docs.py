"""docs/overflow.md: its settings load, and its tables have every condition and every way out."""

from __future__ import annotations

import re
from pathlib import Path

from ccd.acd.overflow.calendar import OpeningHours
from ccd.acd.overflow.rules import Overflows
from ccd.settings import load
from ccd.settings.hours import GROUPS
from ccd.settings.rules.overflows import CONDITIONS
from ccd.settings.targets import FORMS

PAGE = (Path(__file__).parents[3] / "docs" / "overflow.md").read_text(encoding="utf-8")


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    path = tmp_path / "ccd.toml"
    beside = (
        '[queue.callback]\ntrunk = "carrier"\n[[queue]]\nname = "advisers"\n'
        '[[trunk]]\nname = "carrier"\npeers = ["192.0.2.1:5060"]\n'
    )
    path.write_text("\n".join((*blocks, beside)), encoding="utf-8")
    settings = load(path)
    overflows = Overflows(settings.queue[0], OpeningHours(settings.calendar[0]))
    assert overflows.watches_agents
    assert [rule.to.split(":")[0] for rule in settings.queue[0].overflow] == [
        "callback",
        "queue",
        "number",
    ]


def test_every_condition_way_out_and_group_is_told_of() -> None:
    rows = set(re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE))
    assert {row.split(" = ")[0] for row in rows if " = " in row} == set(CONDITIONS)
    assert {row for row in rows if " = " not in row and row != "to"} == set(FORMS)
    assert [group for group in GROUPS if f"`{group}`" not in PAGE] == []
