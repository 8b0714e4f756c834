"""`ccd acd skills`: what an agent can and serves, changed while he works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from ccd.cti.catalogue import SkillsResult

EPILOG = """\
[bold]Examples[/]

  ccd acd skills li.na english=7 futures=3     two levels; the others stay

  ccd acd skills li.na futures=0               not that one any more

  ccd acd skills li.na --queue orders --queue advice
"""

PATIENCE_S = 30.0


def skills(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Whose.")],
    levels: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SKILL=LEVEL]...", help="Skills and their levels, 1 to 10; 0 takes one away."
        ),
    ] = None,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            "--queue",
            metavar="NAME",
            help="A queue that he serves from now on, several times for several, * for all that "
            "his skills suffice for; those not named no longer.",
            show_default="as they are",
        ),
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Set an agent's skills and queues, whatever he does now; without any, show them.

    Lasts until the daemon reads its settings file again: put it there as well if it is to stay.
    """
    from ccd.commands.asking import daemon
    from ccd.commands.output import print_json
    from ccd.paths import state_paths

    wanted = dict(_level(text) for text in levels or ())
    with daemon(state_paths(state), "ccd acd skills") as client:
        answer: SkillsResult = client.call(
            "agent_skills",
            agent=agent,
            skills=wanted,
            queues=queue or None,
            timeout_s=PATIENCE_S,
        )
    if json:
        print_json(answer)
        return
    have = ", ".join(f"{name} {level}" for name, level in sorted(answer.skills.items()))
    typer.echo(
        f"{answer.agent} serves {', '.join(answer.queues) or 'no queue'}; {have or 'no skills'}."
    )


def _level(text: str) -> tuple[str, int]:
    """Read `english=7`. Raises typer.BadParameter."""
    name, found, level = text.partition("=")
    if not (found and name and level.isdecimal() and 0 <= int(level) <= 10):
        raise typer.BadParameter(
            f"{text!r} is no skill with a level: write it like english=7 (1 to 10, 0 to take it away)",
            param_hint="SKILL=LEVEL",
        )
    return name, int(level)
