"""`ccd unlock`: who is locked out for wrong passwords, and the end of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from ccd.cti.catalogue import LockedAccountsResult, UnlockAccountResult

EPILOG = """\
[bold]Examples[/]

  ccd unlock                       who is locked out, and for how long

  ccd unlock li.na                 she may try again at once

  ccd unlock --client wallboard    a client's key, by its name in ccd keys list
"""


def unlock(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Whose lock is to end.", show_default=False)
    ] = "",
    client: Annotated[
        bool, typer.Option("--client", help="NAME is a client's key, not a person.")
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Let somebody try a password again who was locked out; without a name, show who is.

    The exit status is 1 where NAME was not locked.
    """
    from ccd.commands.asking import daemon
    from ccd.commands.output import console, plain_table, print_json, seconds
    from ccd.paths import state_paths

    kind = "client" if client else "person"
    with daemon(state_paths(state), "ccd unlock") as session:
        if not name:
            found: LockedAccountsResult = session.call("locked_accounts")
        else:
            answer: UnlockAccountResult = session.call("unlock_account", name=name, kind=kind)
    if name:
        if json:
            print_json(answer)
        else:
            was = "may try again" if answer.lifted else "was not locked out"
            typer.echo(f"{kind} {name} {was}.")
        raise typer.Exit(0 if answer.lifted else 1)
    if json:
        print_json(found.locked)
    elif not found.locked:
        typer.echo("Nobody is locked out.")
    else:
        from rich.markup import escape

        table = plain_table("who", "kind", "for", "times", right=("for", "times"))
        for one in found.locked:
            table.add_row(escape(one.name), one.kind.value, seconds(one.for_s), str(one.locks))
        console().print(table)
