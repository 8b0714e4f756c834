"""`ccd dial-plan`: what a number leads to, and why."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from ccd.cli import app

SETTINGS = """\
[dialling]
ani = "02168880000"

[[dialling.rule]]
number = "9X."
trunks = ["carrier"]
strip = 1
classes = ["dealing"]
hours = "trading"

[[calendar]]
name = "trading"
open = { weekdays = ["09:30-15:00"] }

[[trunk]]
name = "carrier"
peers = ["192.0.2.1:5060"]

[[phone]]
name = "1001"
password = "secret"

[[queue]]
name = "orders"

[[agent]]
name = "li.na"
phone = "1001"
queues = ["orders"]
extension = "8001"
class_of_service = "dealing"
"""

MONDAY = "2026-11-23T10:00+08:00"
SUNDAY = "2026-11-22T10:00+08:00"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ccd.toml"
    path.write_text(SETTINGS)
    return path


def dial_plan(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["dial-plan", *arguments, "--config", str(file)])


def test_the_rule_that_holds(file: Path) -> None:
    done = dial_plan(file, "9 13800138000", "--agent", "li.na", "--at", MONDAY)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "→ rule 1 (9X.) fits, for class dealing: outside" in said
    assert said.endswith("✓ 13800138000 through carrier, showing 02168880000")


def test_why_not_for_programs(file: Path) -> None:
    done = dial_plan(file, "913800138000", "--agent", "li.na", "--at", SUNDAY, "--json")
    assert done.exit_code == 1
    said = msgspec.json.decode(done.output)
    assert said["refused"] == "not_allowed"
    assert "is for the hours of calendar trading only" in said["message"]
    assert said["destination"] is None
    assert [step["decided"] for step in said["steps"]] == [False] * 4


def test_help_from_a_locked_phone_of_nobody(file: Path) -> None:
    done = dial_plan(file, "110", "--locked", "--json")
    assert done.exit_code == 0
    assert msgspec.json.decode(done.output)["destination"] == {
        "type": "outside",
        "number": "110",
        "trunks": ["carrier"],
        "ani": "02168880000",
        "emergency": True,
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--agent", "li.n"), 'did you mean "li.na"'),
        (("--role", "boss"), "there is no role 'boss'"),
        (("--at", "soon"), "'soon' is no time"),
    ],
)
def test_what_cannot_be_asked(file: Path, options: tuple[str, ...], says: str) -> None:
    done = dial_plan(file, "110", *options)
    assert done.exit_code == 2
    assert says in re.sub(r"[\s│]+", " ", done.output)
