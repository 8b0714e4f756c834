"""`ccd doctor`: whether this machine can carry calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ccd.commands.options import Config, Json, State

if TYPE_CHECKING:
    from ccd.doctor import Check

EPILOG = """\
[bold]Examples[/]

  ccd doctor                      before the first start

  ccd doctor --json | jq '.[] | select(.level != "ok")'
"""


def doctor(json: Json = False, config: Config = None, state: State = None) -> None:
    """Examine this machine: ports, limits, clock, disk, audio, tools. Each with its mend.

    The exit status is 1 where something would keep the daemon from working; warnings do
    not count.
    """
    from ccd.commands.output import print_json
    from ccd.doctor import Level

    checks = _examine(config, state)
    if json:
        print_json(checks)
    else:
        _print(checks)
    raise typer.Exit(1 if any(check.level is Level.FAIL for check in checks) else 0)


def _examine(config: Config, state: State) -> list[Check]:
    from ccd import doctor
    from ccd.errors import CcdError
    from ccd.paths import settings_path, state_paths
    from ccd.settings import load

    paths = state_paths(state)
    file = settings_path(config, paths)
    settings, findings = None, []
    if file is None:
        found = "no file; the defaults are examined"
        mend = "ccd init writes one"
        findings.append(
            doctor.Check(name="settings", level=doctor.Level.OK, found=found, mend=mend)
        )
    else:
        try:
            settings = load(file)
        except CcdError as error:
            findings.append(doctor.settings_check(error))
        else:
            findings.append(doctor.Check(name="settings", level=doctor.Level.OK, found=str(file)))
    return [*findings, *doctor.examine(settings, paths)]


_MARKS = {"ok": "[green]✓ ok[/]", "warn": "[yellow]! warn[/]", "fail": "[bold red]✗ FAIL[/]"}


def _print(checks: list[Check]) -> None:
    from rich.markup import escape

    from ccd.commands.output import console, plain_table

    table = plain_table("", "what", "found", "what to do")
    for check in checks:
        mend = "" if check.level == "ok" else escape(check.mend)
        table.add_row(_MARKS[check.level], escape(check.name), escape(check.found), mend)
    console().print(table)
    bad = sum(check.level == "fail" for check in checks)
    middling = sum(check.level == "warn" for check in checks)
    typer.echo(f"{len(checks)} checks: {bad} failed, {middling} warned.")
