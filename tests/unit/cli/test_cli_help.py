"""The command line is documented, quick, and says what is wrong."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ccd.cli import app

ROOT = Path(__file__).parents[3]


def commands(group: Any = None, prefix: str = "ccd") -> Iterator[tuple[str, Any]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        yield f"{prefix} {name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")


def ccd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": "100", **environment}
    return subprocess.run(
        [sys.executable, "-m", "ccd", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=env,
    )


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value))
def test_every_command_and_every_option_is_documented(name: str, command: Any) -> None:
    assert command.help, name
    assert command.help.splitlines()[0].endswith("."), f"{name}: one line of purpose"
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value))
def test_every_command_is_in_the_readers_reference(name: str, command: Any) -> None:
    if not hasattr(command, "commands"):
        assert f"## {name}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate_docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy() -> None:
    """What makes `ccd --help` slow is imports, so they are what is looked at."""
    program = (
        "import sys, ccd.cli;"
        "heavy = {'numpy', 'sqlite_utils', 'structlog', 'zmq', 'uvloop', 'yaml', 'tomlkit',"
        " 'msgpack', 'cffi', 'asyncio', 'psutil', 'textual', 'rich.console'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_help_is_grouped_and_has_examples() -> None:
    shown = ccd("--help").stdout
    for panel in ("Run", "Look", "Set up"):
        assert re.search(rf"─ {panel} ─", shown), shown
    assert "ccd init" in ccd("init", "--help").stdout


def test_no_color_is_honoured() -> None:
    assert "\x1b[3" not in ccd("--help", NO_COLOR="1", FORCE_COLOR="1").stdout


def test_a_mistyped_command_is_answered_with_the_right_one() -> None:
    done = ccd("stats")
    assert done.returncode == 2
    assert "'status'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--robots", "3"), "add --demo"),
        (("run", "--demo", "--sip", "localhost"), "has no port"),
        (("run", "--demo", "--sip", "1.2.3.4:99999"), "0 to 65535"),
        (("run", "--demo", "--robots", "-1"), "greater than or equal to 0"),
        (("calls", "--since", "yesterdayish"), "is no time"),
        (("calls", "--outcome", "great"), "answered"),
        (("demo", "--rate", "0"), "above 0"),
        (("demo", "--duration", "nan"), "above 0"),
    ],
)
def test_wrong_options_are_explained(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = ccd(*arguments, CCD_STATE=str(tmp_path), NO_COLOR="1")
    assert done.returncode == 2
    assert says in re.sub(r"[\s│]+", " ", done.stderr)
    assert "Traceback" not in done.stderr
