"""`ccd version`: what is installed here."""

from __future__ import annotations

import typer

from ccd.commands.options import Json

PARTS = ("sipmessage", "msgspec", "pyzmq", "uvloop", "numpy", "sqlite-utils")
"""The libraries whose releases matter most in a report of a fault."""


def version(json: Json = False) -> None:
    """Print the version of ccd, of Python, and of what it stands on."""
    import platform
    import sqlite3
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from ccd import __version__
    from ccd.commands.output import print_json

    found = {
        "ccd": __version__,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    for part in PARTS:
        try:
            found[part] = installed(part)
        except PackageNotFoundError:
            found[part] = "missing"
    if json:
        print_json(found)
        return
    typer.echo(f"ccd {__version__}")
    for name, release in list(found.items())[1:]:
        typer.echo(f"  {name} {release}")
