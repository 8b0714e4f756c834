"""`ccd acd simulate`: a day with these settings, in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json

if TYPE_CHECKING:
    import random

    from ccd.acd.simulation.arrivals import Call
    from ccd.acd.simulation.distributions import Distribution
    from ccd.acd.simulation.people import Person
    from ccd.acd.simulation.profiles import Profile
    from ccd.config import Settings

EPILOG = """\
[bold]Examples[/]

  ccd acd simulate ccd.toml --profile market-open --calls-a-day 8000 --agents 60

  ccd acd simulate ccd.toml --profile market-shock --scale 1.5 --redial 0.5 --seed 3

  ccd acd simulate ccd.toml --calls monday.csv --agents +10 --json | jq .report.total
"""

SETTINGS_HELP = "The settings file: queues, agents, skills, classes."
DURATION = "KIND:MEAN[:SHAPE]"


def simulate(
    settings: Annotated[Path, typer.Argument(metavar="SETTINGS", help=SETTINGS_HELP)],
    calls: Annotated[
        Path | None,
        typer.Option(
            "--calls",
            metavar="FILE",
            help="CSV of calls: time,queue and, where known, class,skills,handle_s,patience_s,number.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Random calls instead, over a day of this shape: market-open, market-shock, flat.",
            show_default="market-open, without --calls",
        ),
    ] = "",
    day: Annotated[
        str,
        typer.Option(
            "--day",
            metavar="DATE",
            help="Of a file with several days, only this one: 2026-11-23.",
            show_default=False,
        ),
    ] = "",
    calls_a_day: Annotated[
        int | None,
        typer.Option(
            "--calls-a-day",
            metavar="N",
            min=1,
            help="How many calls a profile's day has, on average.",
            show_default="the profile's own",
        ),
    ] = None,
    scale: Annotated[
        float, typer.Option("--scale", metavar="X", help="So many times the profile's calls.")
    ] = 1.0,
    mix: Annotated[
        list[str] | None,
        typer.Option(
            "--mix",
            metavar="QUEUE=SHARE",
            help="How a profile's calls are shared out to the queues; may be given again.",
            show_default="all queues alike",
        ),
    ] = None,
    class_share: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="CLASS=SHARE",
            help="How many of a profile's callers are of a class (0.05: one in twenty); may be given again.",
            show_default=False,
        ),
    ] = None,
    agents: Annotated[
        str,
        typer.Option(
            "--agents",
            metavar="+N|-N|N",
            help="More or fewer agents than the settings have, like those, or so many in all.",
            show_default="those of the settings",
        ),
    ] = "",
    handle: Annotated[
        str,
        typer.Option(
            "--handle",
            metavar=DURATION,
            help="How long an agent speaks, where a file does not say: 180, exponential:180, lognormal:180:0.8.",
        ),
    ] = "lognormal:180:0.8",
    patience: Annotated[
        str,
        typer.Option(
            "--patience",
            metavar=DURATION,
            help="How long callers wait before they hang up: exponential:120, weibull:120:0.8, none (for ever).",
        ),
    ] = "exponential:120",
    ring: Annotated[
        str,
        typer.Option(
            "--ring", metavar=DURATION, help="How long a phone rings until it is answered."
        ),
    ] = "constant:4",
    rona: Annotated[
        float,
        typer.Option("--rona", metavar="P", min=0, max=1, help="How likely an agent lets it ring."),
    ] = 0.0,
    rona_pause: Annotated[
        str,
        typer.Option("--rona-pause", metavar=DURATION, help="After which he is ready again."),
    ] = "constant:60",
    redial: Annotated[
        float,
        typer.Option(
            "--redial", metavar="P", min=0, max=1, help="How likely one who hung up calls again."
        ),
    ] = 0.0,
    redial_after: Annotated[
        str, typer.Option("--redial-after", metavar=DURATION, help="After so long.")
    ] = "exponential:60",
    short_abandon: Annotated[
        float,
        typer.Option(
            "--short-abandon",
            metavar="SECONDS",
            min=0,
            help="Who hangs up within this is a short abandon.",
        ),
    ] = 5.0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed is the same day.")
    ] = 1,
    json: Json = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print one line a half-hour for spreadsheets.")
    ] = False,
) -> None:
    """Simulate a day: the daemon's own distributor, with these settings, in virtual time.

    Shows service level, waits, abandonment and occupancy by queue and by half-hour. Ways out of
    a queue (overflow, callbacks, voicemail) are not simulated: whoever would take one waits.
    """
    import random

    from ccd.acd.from_settings import Callers
    from ccd.acd.simulation.people import Behaviour
    from ccd.acd.simulation.simulator import Centre
    from ccd.acd.simulation.simulator import simulate as live
    from ccd.commands.acd_figures import as_csv
    from ccd.commands.acd_figures import day as shown
    from ccd.commands.output import console, print_json
    from ccd.settings.load import load

    if calls is not None and profile:
        raise typer.BadParameter("is for random calls; leave out --calls", param_hint="--profile")
    if not 0 < scale < float("inf"):
        raise typer.BadParameter("must be above 0", param_hint="--scale")
    loaded = load(settings)
    if not loaded.queue:
        raise typer.BadParameter(f"{settings} has no [[queue]]", param_hint="SETTINGS")
    handle_time, patience_time = _time(handle, "--handle"), _time(patience, "--patience")
    rng = random.Random(seed)
    if calls is not None:
        if calls_a_day is not None or scale != 1 or mix or class_share:
            raise typer.BadParameter(
                "--calls-a-day, --scale, --mix and --class are for --profile", param_hint="--calls"
            )
        read = _from_file(calls, loaded, handle_time, patience_time, day, rng)
        stream: Iterable[Call] = read
        expected = float(len(read))
        title = f"{calls.name}: {expected:,.0f} calls"
    else:
        if day:
            raise typer.BadParameter("chooses among the days of --calls", param_hint="--day")
        shape = _profile(profile or "market-open")
        expected = (calls_a_day or shape.calls) * scale
        stream = _random_day(
            shape, expected, loaded, handle_time, patience_time, mix or [], class_share or [], rng
        )
        title = f"{shape.name}, about {expected:,.0f} calls: {shape.meaning}"
    team = _team(loaded, agents)
    centre = Centre(
        queues=loaded.queue,
        people=team,
        callers=Callers.of(loaded),
        behaviour=Behaviour(
            ring=_time(ring, "--ring"),
            rona=rona,
            rona_pause=_time(rona_pause, "--rona-pause"),
            redial=redial,
            redial_after=_time(redial_after, "--redial-after"),
        ),
        acd=loaded.acd,
        short_abandon_s=short_abandon,
    )
    with progress_bar(expected, "calls") as tell:
        report = live(centre, stream, rng=rng, progress=tell)
    if json:
        print_json({"seed": seed, "agents": len(team), "report": report})
    elif csv:
        typer.echo(as_csv(report), nl=False)
    else:
        targets = {queue.name: queue.service_level_s for queue in loaded.queue}
        console().print(shown(report, targets, f"{title}; {len(team):,} agents, seed {seed}"))


@contextmanager
def progress_bar(total: float, what: str) -> Iterator[Callable[[int], None] | None]:
    """Show on standard error, where that is a terminal, how far we are; yield how to tell it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=round(total))
        yield lambda done: progress.update(task, completed=done)


def _time(text: str, option: str) -> Distribution:
    from ccd.acd.simulation.distributions import Lognormal, parse

    try:
        return parse(text, plain=Lognormal)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _profile(name: str) -> Profile:
    from ccd.acd.simulation.profiles import PROFILES

    try:
        return PROFILES[name]
    except KeyError:
        raise typer.BadParameter(
            f"there is no profile {name!r}; there are {', '.join(PROFILES)}", param_hint="--profile"
        ) from None


def _from_file(
    file: Path,
    settings: Settings,
    handle: Distribution,
    patience: Distribution,
    day: str,
    rng: random.Random,
) -> list[Call]:
    from datetime import date

    from ccd.acd.simulation.calls_file import CallsFileError, read_calls

    try:
        chosen = date.fromisoformat(day) if day else None
    except ValueError:
        raise typer.BadParameter(
            f"{day!r} is no date; write 2026-11-23", param_hint="--day"
        ) from None
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return read_calls(
                lines,
                str(file),
                queues=[queue.name for queue in settings.queue],
                classes=[each.name for each in settings.customer_class],
                skills=[skill.name for skill in settings.skill],
                handle=handle,
                patience=patience,
                rng=rng,
                day=chosen,
            )
    except OSError as error:
        raise CallsFileError(f"{file}: {error.strerror}") from None


def _random_day(
    shape: Profile,
    calls: float,
    settings: Settings,
    handle: Distribution,
    patience: Distribution,
    mix: list[str],
    classes: list[str],
    rng: random.Random,
) -> Iterable[Call]:
    from ccd.acd.simulation.arrivals import Demand

    queues = [queue.name for queue in settings.queue]
    names = [each.name for each in settings.customer_class]
    try:
        return Demand(
            profile=shape,
            calls=calls,
            queues=_shares(mix, queues, "--mix") or dict.fromkeys(queues, 1.0),
            handle=handle,
            patience=patience,
            classes=_shares(classes, names, "--class"),
        ).draw(rng)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--class" if classes else "--mix") from None


def _shares(given: list[str], known: list[str], option: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in given:
        name, _, share = text.partition("=")
        try:
            number = float(share)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise typer.BadParameter(f"{text!r}: write it as NAME=SHARE", param_hint=option)
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there are none"
            raise typer.BadParameter(
                f"{name!r} is not in the settings; {there_are}", param_hint=option
            )
        shares[name] = number
    return shares


def _team(settings: Settings, agents: str) -> list[Person]:
    from ccd.acd.simulation.people import jack_of_all_trades, people_of
    from ccd.commands.acd_team import changed_team

    team = people_of(settings)
    if not agents:
        return team
    if not team and not agents.startswith("-"):
        # Settings of a centre that is still being planned: people who can do everything.
        model = jack_of_all_trades(settings)
        return changed_team([model], agents.removeprefix("+"))
    return changed_team(team, agents)
