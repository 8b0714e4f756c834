"""`ccd dial-plan`: what a number leads to for somebody, and which rule says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Config, Json, State

if TYPE_CHECKING:
    from ccd.control.dialling import Explanation

EPILOG = """\
[bold]Examples[/]

  ccd dial-plan 913800138000 --agent li.na

  ccd dial-plan 110 --locked            from a seat that is locked

  ccd dial-plan 00442071234567 --role supervisor --at 2026-10-01T10:00+08:00 --json
"""


def dial_plan(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="What is dialled, or a name.")],
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="NAME",
            help="Who dials.",
            show_default="a phone at which nobody is logged on",
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role", metavar="ROLE", help="In which role.", show_default="agent, of an agent"
        ),
    ] = None,
    locked: Annotated[bool, typer.Option("--locked", help="The seat is locked.")] = False,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="When, as 2026-10-01T10:00+08:00.", show_default="now"
        ),
    ] = None,
    json: Json = False,
    config: Config = None,
    state: State = None,
) -> None:
    """Say what a dialled number leads to by the settings file, and which rule holds and why.

    Exits with 1 where it leads nowhere.
    """
    from ccd.commands.output import print_json
    from ccd.commands.settings_file import load_settings
    from ccd.control.dialling import DiallingPlan
    from ccd.paths import state_paths
    from ccd.settings.rules.common import choices
    from ccd.settings.rules.dialling import ROLES

    settings = load_settings(config, state_paths(state)).settings
    agents = dict.fromkeys(each.name for each in settings.agent)
    if agent is not None and agent not in agents and role in (None, "agent"):
        hint = choices(agent, agents) if agents else "the settings have no [[agent]]"
        raise typer.BadParameter(f"there is no agent {agent!r} ({hint})", param_hint="--agent")
    if role is not None and role not in ROLES:
        raise typer.BadParameter(
            f"there is no role {role!r} ({choices(role, ROLES)})", param_hint="--role"
        )
    explained = DiallingPlan(settings).explain(
        number,
        agent=agent,
        role=role or ("agent" if agent is not None else ""),
        at=time.time() if at is None else _time(at),
        locked=locked,
    )
    if json:
        print_json(explained)
    else:
        _show(explained)
    if explained.destination is None:
        raise typer.Exit(1)


def _time(text: str) -> float:
    """Read a time in ISO 8601; without an offset it is this machine's. Raises typer.BadParameter."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: write it like 2026-10-01T10:00+08:00", param_hint="--at"
        ) from None


def _show(explained: Explanation) -> None:
    from rich.markup import escape

    from ccd.commands.output import console, plain_table

    table = plain_table("", "looked at", "")
    for step in explained.steps:
        mark = "[bold]→[/]" if step.decided else "·"
        table.add_row(mark, escape(step.what), escape(step.why))
    console().print(table)
    if explained.destination is not None:
        console().print(f"[green]✓[/] {escape(str(explained.destination))}")
    else:
        console().print(f"[red]✗ {explained.refused}[/]: {escape(explained.message)}")
