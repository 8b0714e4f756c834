"""`ccd audit`: who changed what over the CTI, daemon running or not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from ccd.store.audit import AuditLine

EPILOG = """\
[bold]Examples[/]

  ccd audit                               the newest 20 acts

  ccd audit --who chief --since today     what the chief did, and what was done to the chief

  ccd audit --outcome refused --since 1h  what somebody tried and might not

  ccd audit --op reload --limit 0 --json
"""


def audit(
    who: Annotated[
        str,
        typer.Option(
            "--who",
            metavar="NAME",
            help="Only lines with this name: a user, an agent, a client or its key.",
            show_default=False,
        ),
    ] = "",
    op: Annotated[
        str,
        typer.Option(
            "--op",
            metavar="OPERATION",
            help="Only this operation, such as ready.",
            show_default=False,
        ),
    ] = "",
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome",
            metavar="CODE",
            help="Only what came to this: ok, refused (all the rest), or an error's code.",
            show_default=False,
        ),
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Only since: 90s, 30m, 2h, 7d, today, 2026-11-23, 2026-11-23T09:30.",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most so many; 0: all.")
    ] = 20,
    json: Json = False,
    state: State = None,
) -> None:
    """List who changed what over the CTI, newest first, and who was refused.

    With --json, a list of objects as ccd.store.audit.AuditLine describes them. Passwords are
    masked before they are written.
    """
    from ccd.commands.calls import parse_since
    from ccd.commands.output import console, print_json
    from ccd.paths import state_paths
    from ccd.store.audit import audit_lines
    from ccd.store.database import open_read_only

    begin = parse_since(since, time.time()) if since else None
    db = open_read_only(state_paths(state).database)
    try:
        found = audit_lines(
            db,
            limit=limit or None,
            since=begin,
            who=who or None,
            op=op or None,
            outcome=outcome or None,
        )
    finally:
        db.close()
    if json:
        print_json(found)
    elif found:
        from rich.markup import escape

        from ccd.commands.output import clock, plain_table

        table = plain_table("at", "who", "from", "operation", "with", "outcome")
        for line in found:
            cells = (_who(line), _origin(line), line.op, _args(line), line.outcome)
            table.add_row(clock(line.at), *map(escape, cells))
        console().print(table)
    else:
        typer.echo("No such lines.")


def _who(line: AuditLine) -> str:
    if line.user:
        return line.user
    if len(line.agents) > 3:
        return f"{len(line.agents)} agents"
    return ", ".join(line.agents) or "-"


def _origin(line: AuditLine) -> str:
    if not line.session:
        return "the daemon"
    where = f"key {line.key}" if line.key else "this machine"
    return f"{line.client}, {where}" if line.client else where


def _args(line: AuditLine) -> str:
    said = ", ".join(f"{name}={value}" for name, value in line.args.items() if value is not None)
    return said if len(said) <= 60 else said[:57] + "..."
