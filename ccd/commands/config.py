"""`ccd config`: what the settings say, and whether they are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Config, Json, State

if TYPE_CHECKING:
    from ccd.config import Settings
    from ccd.settings.load import Loaded

Demo = Annotated[bool, typer.Option("--demo", help="The embedded settings of the demo instead.")]

SHOW_EPILOG = """\
[bold]Examples[/]

  ccd config show                 every value, each with its origin

  ccd config show --json | jq '."sip.domain"'
"""

SCHEMA_EPILOG = """\
[bold]Examples[/]

  ccd config schema > ccd.schema.json   for editors that know TOML schemas
"""


def show(
    demo: Demo = False, json: Json = False, config: Config = None, state: State = None
) -> None:
    """Print the settings that apply, with where each comes from. Passwords are hidden."""
    from ccd.commands.output import print_json
    from ccd.settings.effective import values
    from ccd.settings.template import toml_value

    loaded, settings = _settings(demo, config, state)
    shown = list(values(settings, loaded))
    if json:
        print_json({each.name: {"value": each.value, "origin": each.origin} for each in shown})
        return
    assignments = [f"{each.name} = {toml_value(each.value)}" for each in shown]
    width = min(60, max(map(len, assignments)))
    for assignment, each in zip(assignments, shown, strict=True):
        typer.echo(f"{assignment:<{width}}  # {each.origin}")


def validate(config: Config = None, state: State = None) -> None:
    """Check the settings file, and the call flows it names. Tells every mistake at once."""
    from ccd.commands.output import warn
    from ccd.settings.check import warnings

    loaded, settings = _settings(False, config, state)
    assert loaded is not None
    _check_flows(settings)
    for problem in warnings(settings):
        warn(f"{loaded.file}: {problem}")
    typer.echo(f"{loaded.file} is right: {_summary(settings)}.")


def schema() -> None:
    """Print the JSON Schema of ccd.toml, for editors."""
    from ccd.commands.output import print_json
    from ccd.settings.describe import json_schema

    print_json(json_schema())


def _settings(
    demo: bool, config: Path | None, state: Path | None
) -> tuple[Loaded | None, Settings]:
    from ccd.commands.settings_file import load_settings
    from ccd.demo_settings import demo_settings
    from ccd.paths import state_paths

    if demo:
        return None, demo_settings(robots=1)
    loaded = load_settings(config, state_paths(state))
    return loaded, loaded.settings


def _check_flows(settings: Settings) -> None:
    """Read every flow that a number leads to, or an agent. Raises CcdError with all that is wrong in them."""
    from ccd.acd.from_settings import destinations
    from ccd.commands.output import warn
    from ccd.errors import CcdError
    from ccd.ivr import reader
    from ccd.ivr.flow import Entry
    from ccd.ivr.problems import FlowError

    queues = destinations(settings)
    mistakes: list[str] = []
    files = {
        **{each.flow: Entry.AGENT for each in settings.service_flow},
        **{each.flow: Entry.NUMBER for each in settings.route},
    }
    for file, entry in files.items():
        try:
            _flow, warnings = reader.load(Path(file), queues=queues, entered=(entry,))
        except (FlowError, OSError) as error:
            mistakes.append(str(error))
            continue
        for warning in warnings:
            warn(str(warning))
    if mistakes:
        raise CcdError("\n".join(mistakes))


def _summary(settings: Settings) -> str:
    counts = {
        "trunk": settings.trunk,
        "phone": settings.phone,
        "agent": settings.agent,
        "queue": settings.queue,
        "route": settings.route,
    }
    return ", ".join(
        f"{len(of)} {name}{'s' if len(of) != 1 else ''}" for name, of in counts.items()
    )
