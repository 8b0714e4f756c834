"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccd.paths import SETTINGS_VARIABLE, STATE_VARIABLE

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
