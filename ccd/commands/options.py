"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ccd.paths import (
    CONNECT_VARIABLE,
    KEYS_VARIABLE,
    SETTINGS_VARIABLE,
    STATE_VARIABLE,
    USER_VARIABLE,
)

_chosen: Path | None = None


def chosen_state() -> Path | None:
    """Return the state folder given on the command line or in CCD_STATE, if one was read already."""
    return _chosen


def _remember(state: Path | None) -> Path | None:
    global _chosen
    _chosen = state
    return state


State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        envvar=STATE_VARIABLE,
        callback=_remember,
        help="Folder with the daemon's database, recordings, log and sockets.",
        show_default="the platform's state folder",
        rich_help_panel="Where",
    ),
]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar=SETTINGS_VARIABLE,
        help="Settings file.",
        show_default="ccd.toml in the state folder, else the user's, else /etc/ccd/ccd.toml",
        rich_help_panel="Where",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True)
class Elsewhere:
    """The daemon on another machine that is asked, and as whom."""

    address: str
    keys: Path | None
    user: str


_elsewhere: Elsewhere | None = None


def elsewhere() -> Elsewhere | None:
    """Return which daemon `--connect` names; None: the one of the state folder."""
    return _elsewhere


def connection(
    connect: Annotated[
        str,
        typer.Option(
            "--connect",
            metavar="tcp://HOST:PORT",
            envvar=CONNECT_VARIABLE,
            help="Ask the daemon of another machine: its cti.listen.",
            show_default=False,
            rich_help_panel="Another machine",
        ),
    ] = "",
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            envvar=KEYS_VARIABLE,
            help="The client's key, which `ccd keys client` made there.",
            show_default=False,
            rich_help_panel="Another machine",
        ),
    ] = None,
    user: Annotated[
        str,
        typer.Option(
            "--user",
            metavar="NAME",
            envvar=USER_VARIABLE,
            help="Who one is there; the password is asked for, or read from CCD_PASSWORD.",
            show_default=False,
            rich_help_panel="Another machine",
        ),
    ] = "",
) -> None:
    """Options before the command: which daemon is asked."""
    global _elsewhere
    if connect and not connect.startswith("tcp://"):
        connect = f"tcp://{connect}"
    _elsewhere = Elsewhere(connect, keys, user) if connect else None
