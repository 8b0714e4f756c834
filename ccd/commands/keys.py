"""`ccd keys`: who may come in over TCP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.adding import add
from ccd.commands.options import Config, Json, State

if TYPE_CHECKING:
    from ccd.cti.keys import KeyFolder

app = typer.Typer(
    help="Keys for the CTI over TCP: the daemon's own pair, and the clients that it lets in.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

EPILOG = """\
[bold]Examples[/]

  ccd keys server                     once, on the daemon's machine; then set cti.listen

  ccd keys client wallboard           wallboard.toml: copy it to the wallboard's machine

  ccd --connect tcp://10.0.0.5:7600 --keys wallboard.toml --user chief status

  ccd keys revoke wallboard           it is out within a second; nothing is restarted
"""

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="Folder of the daemon's keys.",
        show_default="[cti] keys of the settings file, else keys in the state folder",
        rich_help_panel="Where",
    ),
]


def server(
    force: Annotated[
        bool,
        typer.Option("--force", help="Make a new pair where there is one; asks before it does."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --force: do not ask.")] = False,
    json: Json = False,
    folder: Folder = None,
    config: Config = None,
    state: State = None,
) -> None:
    """Make the daemon's key pair, and show its public key.

    A new pair shuts every client out until its file has the new public key; the daemon takes it
    when it is started again.
    """
    from ccd.commands.output import print_json
    from ccd.errors import CcdError

    keys = _folder(folder, config, state)
    file = keys.server_file
    if file.exists():
        if not force:
            raise CcdError(f"{file} is there already; --force makes a new pair, see --help")
        if not yes:
            question = f"Every client of the pair in {file} will be shut out. Make a new one?"
            typer.confirm(question, abort=True, err=json)
    made = keys.make_server()
    if json:
        print_json({"file": str(file), "public_key": made.public.decode()})
        return
    typer.echo(
        f"Wrote {file}. The public key, which clients' files have, is {made.public.decode()}"
    )
    typer.echo('Now: cti.listen = "0.0.0.0:7600" in the settings, and ccd keys client NAME.')


def client(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What the daemon is to call the client.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write the client's own file; it must not exist.",
            show_default="NAME.toml in this folder",
        ),
    ] = None,
    json: Json = False,
    folder: Folder = None,
    config: Config = None,
    state: State = None,
) -> None:
    """Make a client's key pair, and let it in.

    The secret key is in the client's file alone: bring it to the client's machine on a safe way.
    """
    from ccd.commands.output import print_json
    from ccd.cti.keys import client_text, write_secret
    from ccd.errors import CcdError

    file = (out or Path(f"{name}.toml")).expanduser().absolute()
    keys = _folder(folder, config, state)
    keys.client_file(name)  # no name, no file
    if file.exists():
        raise CcdError(f"{file} is there already; choose another with --out")
    made = keys.make_client(name)
    try:
        write_secret(file, client_text(made))
    except CcdError:
        keys.revoke(name)  # nobody has its secret
        raise
    public = made.own.public.decode()
    if json:
        print_json({"name": name, "file": str(file), "public_key": public})
        return
    typer.echo(f"Wrote {file}, and let {name} in ({public}).")


def list_clients(
    json: Json = False, folder: Folder = None, config: Config = None, state: State = None
) -> None:
    """List the clients that may come in, and the daemon's public key."""
    from ccd.commands.output import clock, console, plain_table, print_json

    keys = _folder(folder, config, state)
    public = keys.server().public.decode() if keys.server_file.exists() else None
    found = keys.clients()
    if json:
        print_json({"server": public, "clients": found})
        return
    typer.echo(f"server: {public or 'no key pair yet; make it with: ccd keys server'}")
    if not found:
        typer.echo("No clients.")
        return
    table = plain_table("client", "public key", "since")
    for each in found:
        # Z85 has brackets, which are no markup.
        table.add_row(each.name, each.public.replace("[", r"\["), clock(each.since or None))
    console().print(table)


def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `ccd keys list` has it.")],
    json: Json = False,
    folder: Folder = None,
    config: Config = None,
    state: State = None,
) -> None:
    """Let a client in no longer.

    A running daemon sees it within a second, ends the client's sessions, and cuts its events off.
    """
    from ccd.commands.output import print_json

    _folder(folder, config, state).revoke(name)
    if json:
        print_json({"name": name, "revoked": True})
        return
    typer.echo(f"{name} is let in no longer.")


add(app, server, None, EPILOG)
add(app, client, None, "")
add(app, list_clients, None, "", name="list")
add(app, revoke, None, "")


def _folder(chosen: Path | None, config: Path | None, state: Path | None) -> KeyFolder:
    """The folder named on the command line, else by the settings where there are any, else the state's."""
    from ccd.cti.keys import KeyFolder
    from ccd.paths import settings_path, state_paths

    if chosen is not None:
        return KeyFolder(chosen.expanduser().absolute())
    paths = state_paths(state)
    if settings_path(config, paths) is not None:
        from ccd.commands.settings_file import load_settings

        named = load_settings(config, paths).settings.cti.keys
        if named:
            return KeyFolder(Path(named))
    return KeyFolder(paths.keys)
