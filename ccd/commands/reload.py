"""`ccd reload`: the settings file, read again by the daemon that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from ccd.cti.catalogue import ReloadResult

EPILOG = """\
[bold]Examples[/]

  ccd reload --check     what would change, and what needs a restart

  ccd reload             the same as SIGHUP, but it says what was done
"""

PATIENCE_S = 30.0
"""New prompts are rendered first, which takes seconds."""


def reload(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what would be done; change nothing.")
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Have the daemon read its settings file again, while calls go on.

    Agents, skills, queues, customers, opening hours, phones, numbers and flows are as the file
    says from then on; nobody who waits loses his place. What is read at the start alone is
    named, and left as it is. A file with mistakes changes nothing. What was changed over the
    CTI and is not in the file is undone.
    """
    from ccd.commands.asking import daemon
    from ccd.commands.output import print_json
    from ccd.paths import state_paths

    with daemon(state_paths(state), "ccd reload") as client:
        answer: ReloadResult = client.call("reload", check=check, timeout_s=PATIENCE_S)
    if json:
        print_json(answer)
        return
    for line in _lines(answer):
        typer.echo(line)


_MARKS = {"add": "+", "change": "~", "remove": "-"}


def _lines(answer: ReloadResult) -> list[str]:
    lines = [f"{_MARKS[change.verb]} {change}" for change in answer.changes]
    lines += [f"! {key} has changed: restart the daemon to have it" for key in answer.restart]
    if not lines:
        return ["Nothing has changed."]
    if answer.checked:
        lines.append("Nothing was changed yet: ccd reload does it.")
    elif answer.changes:
        lines.append(f"Reloaded: {len(answer.changes)} changed, no call was touched.")
    return lines
