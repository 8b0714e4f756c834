"""`ccd demo`: real callers, a real queue, real agents, and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccd.commands.options import Json

EPILOG = """\
[bold]Examples[/]

  ccd demo                            60 callers, 8 agents

  ccd demo --duration 60 --rate 10 --robots 30

  ccd demo --calls 200 --json | jq .service_level
"""


def demo(
    calls: Annotated[
        int | None,
        typer.Option(
            "--calls",
            metavar="N",
            min=1,
            help="How many callers dial.",
            show_default="60, or as many as come in --duration",
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            metavar="SECONDS",
            help="Callers come for so long.",
            show_default="until all have dialled",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", metavar="N", help="Callers a second, on average.")
    ] = 3.0,
    robots: Annotated[
        int,
        typer.Option("--robots", metavar="N", min=1, max=10_000, help="How many agents answer."),
    ] = 8,
    talk: Annotated[
        float, typer.Option("--talk", metavar="SECONDS", help="How long they talk, on average.")
    ] = 4.0,
    channels: Annotated[
        int, typer.Option("--channels", metavar="N", min=1, help="Channels of the trunk.")
    ] = 500,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed brings the same callers.")
    ] = 1,
    json: Json = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a live picture, in a terminal too.")
    ] = False,
    keep_state: Annotated[
        bool, typer.Option("--keep-state", help="Keep database and recordings of a clean run too.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="State folder for this run, kept afterwards.",
            show_default="a temporary one",
            rich_help_panel="Where",
        ),
    ] = None,
) -> None:
    """Show the call centre at work on this machine, and check every call.

    Starts the daemon, a simulated trunk whose callers really send SIP and RTP, and robot
    agents with phones of their own; shows what happens; and sums up. The exit status is 1
    if one call went astray.
    """
    for name, value in (("--duration", duration), ("--rate", rate), ("--talk", talk)):
        if value is not None and not 0 < value < float("inf"):
            raise typer.BadParameter(f"{value:g} is not a number above 0", param_hint=name)

    from lab.trunk_sim.demo import run
    from lab.trunk_sim.options import DemoOptions

    options = DemoOptions(
        calls=DemoOptions().calls if calls is None and duration is None else calls,
        duration=duration,
        rate=rate,
        robots=robots,
        talk=talk,
        channels=channels,
        seed=seed,
        json=json,
        plain=plain,
        keep_state=keep_state,
        state=None if state is None else state.absolute(),
    )
    raise typer.Exit(run(options))
