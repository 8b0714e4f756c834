"""`ccd init`: a settings file to begin with."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from ccd.commands.options import Config, State

EPILOG = """\
[bold]Examples[/]

  ccd init                        ~/.config/ccd/ccd.toml, and flows beside it

  ccd init --config ./ccd.toml    in this folder

  ccd init --state /srv/ccd       in a state folder, for the daemon that uses it
"""

FLOWS = ("welcome.yaml", "check_pin.yaml")
"""The first answers callers; the other is for agents who switch on its `[[service_flow]]`."""
PASSWORD_BYTES = 15


def init(
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    config: Config = None,
    state: State = None,
) -> None:
    """Write a commented settings file and two example call flows.

    The file shows every key with its meaning and default, and describes a small call
    centre that runs as it is: one phone with a fresh password, one agent, one queue.
    """
    from ccd import settings
    from ccd.errors import CcdError
    from ccd.settings import load
    from ccd.settings.template import template

    file = _target(config, state)
    flows = [file.with_name(name) for name in FLOWS]
    existing = [str(path) for path in (file, *flows) if path.exists()]
    if existing and not force:
        raise CcdError(f"{' and '.join(existing)} exists already; --force overwrites")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for flow in flows:
            example = Path(settings.__file__).with_name(flow.name)
            _write(flow, example.read_text(encoding="utf-8"))
        _write(file, template(secrets.token_urlsafe(PASSWORD_BYTES)))
    except OSError as error:
        raise CcdError(f"cannot write {error.filename}: {error.strerror}") from None
    load(file)  # what we write must be what we read
    typer.echo(f"Wrote {file}, and beside it {' and '.join(FLOWS)}.")
    typer.echo("Look through the settings, then check and start:")
    suffix = "" if config is None else f" --config {config}"
    suffix += "" if state is None else f" --state {state}"
    typer.echo(f"  ccd config validate{suffix}\n  ccd run{suffix}")


def _target(config: Path | None, state: Path | None) -> Path:
    from ccd.paths import state_paths, user_settings

    if config is not None:
        return config.expanduser().absolute()
    return state_paths(state).settings if state is not None else user_settings()


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, for it holds passwords; never half of one."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
