"""`ccd password`: what the settings hold of a password."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ccd.commands.options import Json

EPILOG = """\
[bold]Examples[/]

  ccd password                            asks twice, prints the hash

  ccd password --user chief               the lines for the settings file

  pass show ccd/chief | ccd password --stdin
"""

SHORTEST = 8
"""Characters; fewer are guessed from a stolen settings file within hours, argon2 or not."""

LONGEST = 1024
"""As `log_in` takes it."""


def password(
    agent: Annotated[
        str,
        typer.Option(
            "--agent", metavar="NAME", help="Show it as this agent's line.", show_default=False
        ),
    ] = "",
    user: Annotated[
        str,
        typer.Option(
            "--user", metavar="NAME", help="Show it as this user's lines.", show_default=False
        ),
    ] = "",
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password's one line from standard input.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the argon2 hash of a password, for password_hash in the settings file.

    The password itself is kept nowhere. Each hash is another one, also of the same password.
    """
    from ccd.commands.output import print_json
    from ccd.cti.access import hash_password

    if agent and user:
        raise typer.BadParameter("one of --agent and --user")
    hashed = hash_password(_read(stdin))
    if json:
        print_json({"password_hash": hashed})
    elif agent or user:
        table = "agent" if agent else "user"
        role = "" if agent else '\nrole = "supervisor"    # or qa, admin, agent'
        name = (agent or user).replace("\\", "\\\\").replace('"', '\\"')
        typer.echo(f'[[{table}]]\nname = "{name}"{role}\npassword_hash = "{hashed}"')
    else:
        typer.echo(hashed)


def _read(stdin: bool) -> str:
    """The password. Raises CcdError for one that is none."""
    from ccd.errors import CcdError

    if stdin:
        found = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        found = typer.prompt("Password", hide_input=True, confirmation_prompt="Again", err=True)
    else:
        raise CcdError(
            "nobody is there to be asked; give the password on standard input, with --stdin"
        )
    if not SHORTEST <= len(found) <= LONGEST:
        raise CcdError(f"the password has {len(found)} characters; {SHORTEST} to {LONGEST} will do")
    return found
