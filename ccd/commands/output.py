"""How commands answer: JSON for programs, rich's tables for people."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console() -> Console:
    """Return the console for standard output. NO_COLOR is honoured by rich itself."""
    from rich.console import Console

    shown = Console(highlight=False)
    # In a pipe nobody's window has a width: do not cut what somebody wants to grep.
    return shown if shown.is_terminal else Console(width=200, highlight=False)


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table without lines; the columns named in `right` are for numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def print_json(value: Any) -> None:
    """Print a value (structs, maps, lists) as indented JSON."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def warn(text: str) -> None:
    """Say something on standard error, under the program's name."""
    typer.echo(f"ccd: {text}", file=sys.stderr)


def clock(at: float | None) -> str:
    """Return a time of day in this machine's zone, with the date where it is not today."""
    if at is None:
        return ""
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M:%S")


def seconds(length: float | None) -> str:
    """Return a length of time as people say it: `7.2 s`, `1:05`, `1:00:00`."""
    if length is None:
        return ""
    if length < 60:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
