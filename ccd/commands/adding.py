"""Putting a command into the command line, or into one of its groups."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import typer


def add(
    to: typer.Typer,
    command: Callable[..., None],
    panel: str | None,
    epilog: str,
    name: str | None = None,
) -> None:
    """Add a command whose help is its docstring, each paragraph of it as one line; called as the
    function, where no other `name` is given.

    A terminal is seldom as wide as a source file, and rich keeps the line breaks it is given.
    """
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)
    to.command(name, help=text, rich_help_panel=panel, epilog=epilog or None)(command)
