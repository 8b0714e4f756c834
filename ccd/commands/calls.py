"""`ccd calls` and `ccd call`: what the database knows of calls, daemon running or not."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.commands.options import Json, State
from ccd.model import Direction, Outcome, Quality

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from sqlite_utils import Database

    from ccd.events import Event
    from ccd.model import CallRecord

CALLS_EPILOG = """\
[bold]Examples[/]

  ccd calls                                   the newest 20

  ccd calls --since 1h --outcome abandoned    who hung up in the last hour

  ccd calls --agent li.na --since today --limit 0 --json
"""

CALL_EPILOG = """\
[bold]Examples[/]

  ccd call 6b046585-1       from its first packet to its last

  ccd calls --json --limit 1 | jq -r '.[0].call' | xargs ccd call
"""

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def calls(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most so many; 0: all.")
    ] = 20,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Only calls that came in since: 90s, 30m, 2h, 7d, today, 2026-11-23, 2026-11-23T09:30.",
            show_default=False,
        ),
    ] = "",
    agent: Annotated[
        str, typer.Option("--agent", metavar="NAME", help="Only this agent's.", show_default=False)
    ] = "",
    queue: Annotated[
        str, typer.Option("--queue", metavar="NAME", help="Only this queue's.", show_default=False)
    ] = "",
    ani: Annotated[
        str,
        typer.Option("--ani", metavar="NUMBER", help="Only this caller's.", show_default=False),
    ] = "",
    outcome: Annotated[
        Outcome | None,
        typer.Option("--outcome", help="Only calls that ended so.", show_default=False),
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """List call records, newest first.

    With --json, a list of objects as ccd.model.CallRecord describes them; times are
    seconds since the Unix epoch.
    """
    from ccd.commands.output import console, print_json
    from ccd.store.queries import recent_calls

    begin = parse_since(since, time.time()) if since else None
    db = _database(state)
    try:
        found = recent_calls(
            db,
            limit=limit or None,
            since=begin,
            agent=agent or None,
            queue=queue or None,
            ani=ani or None,
            outcome=outcome,
        )
    finally:
        db.close()
    if json:
        print_json(found)
    elif found:
        console().print(_list(found))
    else:
        typer.echo("No such calls.")


def call(
    name: Annotated[str, typer.Argument(metavar="CALL", help="The call's name, or its beginning.")],
    json: Json = False,
    state: State = None,
) -> None:
    """Tell one call's story: its record, and every event in order."""
    from ccd.commands.output import console, print_json
    from ccd.errors import CcdError
    from ccd.store import queries

    db = _database(state)
    try:
        names = queries.calls_named_like(db, name)
        if len(names) != 1:
            several = f"several calls begin with {name}: {', '.join(names[:5])}"
            raise CcdError(several if names else f"no call is named {name}; see: ccd calls")
        record = queries.call(db, names[0])
        events = queries.events_of_call(db, names[0])
    finally:
        db.close()
    if json:
        print_json({"record": record, "events": events})
    else:
        console().print(_story(names[0], record, events))


def parse_since(text: str, now: float) -> float:
    """Return the time meant, in seconds since the epoch; dates are of this machine's zone.

    Raises typer.BadParameter where it means nothing.
    """
    length = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if length:
        return now - float(length[1]) * UNITS_S[length[2]]
    if text.strip() == "today":
        today = datetime.fromtimestamp(now).astimezone()
        return today.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write 30m, 2h, 7d, today, 2026-11-23 or 2026-11-23T09:30",
            param_hint="--since",
        ) from None


def _database(state: Any) -> Database:
    from ccd.paths import state_paths
    from ccd.store.database import open_read_only

    return open_read_only(state_paths(state).database)


_MARKS = {
    Outcome.ANSWERED: "✓",
    Outcome.ABANDONED: "✗",
    Outcome.SELF_SERVED: "·",
    Outcome.REFUSED: "-",
    Outcome.FAILED: "!",
    Outcome.UNREACHED: "✗",
}


_GOING = {Direction.IN: "", Direction.OUT: "→ "}
"""Before the number dialled: the calls that we began stand out."""


def _list(found: list[CallRecord]) -> RenderableType:
    from rich.markup import escape

    from ccd.commands.output import clock, plain_table, seconds

    table = plain_table(
        *("began", "outcome", "caller", "number", "queue", "agent"),
        *("waited", "talked", "MOS", "ended", "came of it", "call"),
        right=("waited", "talked", "MOS"),
    )
    for record in found:
        quality = record.caller_quality
        table.add_row(
            clock(record.offered_at),
            f"{_MARKS[record.outcome]} {record.outcome}",
            escape(record.ani),
            _GOING[record.direction] + escape(record.dnis),
            escape(record.queue or ""),
            escape(record.agent or ""),
            seconds(_between(record.queued_at, record.connected_at or record.cleared_at)),
            seconds(_between(record.connected_at, record.cleared_at)),
            f"{quality.mos:.1f}" if quality is not None and quality.mos else "",
            f"{record.released_by}, {str(record.cause).replace('_', ' ')}",
            escape(record.disposition),
            escape(record.call),
        )
    return table


def _story(name: str, record: CallRecord | None, events: list[Event]) -> Group:
    from rich.console import Group
    from rich.markup import escape

    from ccd.commands.output import clock, plain_table

    parts: list[RenderableType] = []
    if record is None:
        parts.append(f"Call {escape(name)} has not ended yet.")
    else:
        parts += [_list([record]), ""]
        if record.disposition:
            said = f"{record.disposition}: {record.notes}" if record.notes else record.disposition
            parts += [f"Came of it: {escape(said)}", ""]
    table = plain_table("at", "after", "event", "what", right=("after",))
    begin = events[0].at if events else 0.0
    for event in events:
        table.add_row(
            clock(event.at),
            f"{event.at - begin:.3f} s",
            type(event).__name__,
            escape(_details(event)),
        )
    parts.append(table)
    return Group(*parts)


def _details(event: Event) -> str:
    """Return what an event says beyond its call and time."""
    import msgspec

    return "  ".join(
        f"{name}={_shown(value)}"
        for name, value in msgspec.structs.asdict(event).items()
        if name not in ("seq", "at", "call") and value is not None
    )


def _shown(value: Any) -> str:
    """Return a value as a line of a story has room for it; --json has it whole."""
    if isinstance(value, Quality):
        lost, received = value.packets_lost, value.packets_received
        return f"MOS {value.mos:.1f}, {lost} of {lost + received} lost, jitter {value.jitter_ms:.1f} ms"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    return str(value)


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin
