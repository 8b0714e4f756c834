"""How figures are shown: a table for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.result import Result


def number(value: float | None) -> str:
    """Return a figure with as many digits as mean something."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(result: Result) -> str:
    """Return a mark and a word, never a colour alone."""
    if result.value is None:
        return "[red]! failed[/]"
    if result.ok is None:
        return ""
    return "[green]✓ met[/]" if result.ok else "[red]✗ missed[/]"


def table(results: Iterable[Result]) -> Table:
    """Return the table of the results."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("what", overflow="fold", ratio=3)
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("unit", no_wrap=True)
    shown.add_column("budget", justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    shown.add_column("note", overflow="fold", ratio=4)
    for result in results:
        shown.add_row(
            escape(result.name),
            number(result.value),
            escape(result.unit),
            number(result.budget) if result.budget is not None else "",
            verdict(result),
            escape(result.note),
        )
    return shown


def console() -> Console:
    """Return a console that is wide enough in a pipe."""
    shown = Console()
    return shown if shown.is_terminal else Console(width=160)
