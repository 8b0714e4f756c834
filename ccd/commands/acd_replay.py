"""`ccd acd replay`: what a morning would have been with other people at work."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from ccd.acd.simulation.observed import Observed
    from ccd.acd.simulation.people import Person
    from ccd.acd.simulation.replay import Comparison, Row
    from ccd.acd.simulation.simulator import Centre
    from ccd.config import Queue, Settings
    from ccd.stats.confidence import Estimate

EPILOG = """\
[bold]Examples[/]

  ccd acd replay ~/.local/state/ccd --agents +10            the last day in the journal

  ccd acd replay ccd.sqlite --agents +5 --queue orders --since 2026-11-23T09:00 --until 2026-11-23T12:00

  ccd acd replay ccd.sqlite --remove-agents li.na,wang.wei --json | jq .comparison.total.service_level
"""

JOURNAL_HELP = "The journal: a state folder, or the database in it."
SHORT_ABANDON_S = 5.0
INTERVAL_S = 1800.0

SHOWN = (
    ("service_level", "in time", "share"),
    ("service_level_without_short", "w/o short", "share"),
    ("abandonment", "abandonment", "share"),
    ("asa_s", "ASA", "seconds"),
    ("p50_s", "P50", "seconds"),
    ("p90_s", "P90", "seconds"),
    ("longest_s", "longest wait", "seconds"),
    ("answered", "answered", "number"),
    ("abandoned", "abandoned", "number"),
    ("longest_queue", "waiting", "number"),
    ("occupancy", "occupancy", "share"),
)
"""Figure, its name for people, and its unit."""


def replay(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help=JOURNAL_HELP)],
    agents: Annotated[
        str,
        typer.Option(
            "--agents",
            metavar="+N|-N",
            help="So many agents more or fewer: copies of those who were there, with their shifts and breaks.",
            show_default=False,
        ),
    ] = "",
    queue: Annotated[
        str,
        typer.Option(
            "--queue",
            metavar="NAME",
            help="Of --agents: copies of those who serve this queue, serving it alone.",
            show_default="each copy serves what his model serves",
        ),
    ] = "",
    remove_agents: Annotated[
        str,
        typer.Option(
            "--remove-agents",
            metavar="NAME,NAME…",
            help="As if these had stayed at home.",
            show_default=False,
        ),
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Callers from then on: 2h, today, 2026-11-23T09:00.",
            show_default="the midnight before the newest event",
        ),
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="WHEN",
            help="Callers until then.",
            show_default="the newest event",
        ),
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings with the queues, agents' skills and customers of that day.",
            show_default="ccd.toml beside the journal, where there is one",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            min=1,
            max=1000,
            help="How often what was not seen is drawn anew; more make the interval narrower.",
        ),
    ] = 10,
    json: Json = False,
) -> None:
    """Replay a day of the journal with more agents, or fewer: what it would have been.

    The same callers come, with the patience that they showed, or that callers like them did. The
    day is simulated as it was, beside what was measured, so that the simulator's own error
    shows; then with the change. Reads only, also while the daemon runs. Without a change,
    it checks the simulator alone.
    """
    from ccd.acd.simulation.replay import Callers, compare
    from ccd.commands.acd_simulate import progress_bar
    from ccd.commands.output import console, print_json

    settings = _settings(config, journal)
    observed = _observed(journal, since, until)
    queues = _queues(observed, settings)
    skills = {agent.name: agent.skills for agent in settings.agent}
    team = observed.people(skills)
    changed = _changed(team, agents, queue, remove_agents, [each.name for each in queues])
    measured = observed.report(
        {each.name: each.service_level_s for each in queues},
        interval_s=INTERVAL_S,
        short_abandon_s=SHORT_ABANDON_S,
        redial_window_s=settings.acd.redial_window_s,
    )
    callers = Callers(observed.calls)
    centre = _centre(queues, team, settings, observed)
    with progress_bar(2.0 * seeds, "days") as tell:
        comparison = compare(
            measured,
            callers,
            was=centre,
            changed=_centre(queues, changed, settings, observed),
            seeds=range(1, seeds + 1),
            progress=tell,
        )
    if json:
        print_json(
            {
                "agents": {"were": len(team), "would_be": len(changed)},
                "measured": measured,
                "comparison": comparison,
            }
        )
    else:
        title = (
            f"{measured.total.offered:,} callers, {len(team):,} agents who were there, "
            f"{len(changed):,} with the change; {seeds} seeds"
        )
        console().print(_shown(comparison, title))


def _settings(config: Path | None, journal: Path) -> Settings:
    """Return the settings asked for, those beside the journal, or none in particular."""
    from ccd.config import Settings
    from ccd.paths import SETTINGS_NAME
    from ccd.settings.load import load

    folder = journal if journal.is_dir() else journal.parent
    file = config or folder / SETTINGS_NAME
    return load(file) if config is not None or file.is_file() else Settings()


def _observed(journal: Path, since: str, until: str) -> Observed:
    """Read the part of the journal that is asked for. Raises CcdError where there is none."""
    from ccd.acd.simulation.observed import EVENTS, Observed
    from ccd.acd.simulation.replay import NothingToReplayError
    from ccd.paths import state_paths
    from ccd.store import queries
    from ccd.store.database import open_read_only

    db = open_read_only(state_paths(journal).database if journal.is_dir() else journal)
    try:
        newest = queries.last_at(db)
        if newest is None:
            raise NothingToReplayError(f"{journal} has no events yet")
        end = _when(until, newest, "--until") if until else newest
        begin = _when(since, newest, "--since") if since else _midnight(end)
        if not begin < end:
            raise typer.BadParameter("is not before the end", param_hint="--since")
        observed = Observed(midnight=_midnight(begin), begin=begin, end=end)
        observed.feed(queries.events_of_types(db, EVENTS, until=end))
    finally:
        db.close()
    if not observed.calls:
        raise NothingToReplayError(
            f"nobody came into a queue from {_said(begin)} to {_said(end)}; see: ccd calls"
        )
    return observed


def _when(text: str, newest: float, option: str) -> float:
    """Return the time meant; `2h` and `today` are as seen from the newest event."""
    from ccd.commands.calls import parse_since

    try:
        return parse_since(text, newest)
    except typer.BadParameter as error:
        raise typer.BadParameter(error.message, param_hint=option) from None


def _midnight(at: float) -> float:
    day = datetime.fromtimestamp(at).astimezone()
    return day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def _said(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _queues(observed: Observed, settings: Settings) -> tuple[Queue, ...]:
    """Return the settings' queues and those only the journal knows.

    Wrap-up is part of the handle time that was observed, so the queues have none of their own.
    """
    import msgspec

    from ccd.config import Queue

    known = {queue.name: queue for queue in settings.queue}
    used = {call.queue for call in observed.calls}
    used |= {name for person in observed.people({}) for name in person.queues}
    return tuple(
        msgspec.structs.replace(known.get(name, Queue(name=name)), wrap_up_s=0.0)
        for name in sorted(used)
    )


def _centre(
    queues: tuple[Queue, ...],
    people: Sequence[Person],
    settings: Settings,
    observed: Observed,
) -> Centre:
    from ccd.acd.from_settings import Callers as Customers
    from ccd.acd.simulation.simulator import Centre

    return Centre(
        queues=queues,
        people=people,
        callers=Customers.of(settings),
        acd=settings.acd,
        short_abandon_s=SHORT_ABANDON_S,
        interval_s=INTERVAL_S,
        ends_s=observed.end_s,
    )


def _changed(
    team: Sequence[Person], agents: str, queue: str, remove: str, queues: Sequence[str]
) -> list[Person]:
    from ccd.commands.acd_team import changed_team

    if queue and queue not in queues:
        raise typer.BadParameter(
            f"there was no queue {queue!r}; there were {', '.join(queues)}", param_hint="--queue"
        )
    if queue and not agents:
        raise typer.BadParameter("says whom --agents copies; give that too", param_hint="--queue")
    away = {name for part in remove.split(",") if (name := part.strip())}
    names = {person.name for person in team}
    if unknown := sorted(away - names):
        raise typer.BadParameter(
            f"{unknown[0]!r} was not there; there were {', '.join(sorted(names))}",
            param_hint="--remove-agents",
        )
    stayed = [person for person in team if person.name not in away]
    return changed_team(stayed, agents, queue=queue or None) if agents else stayed


# --- how it is shown --------------------------------------------------------------------


def _shown(comparison: Comparison, title: str) -> RenderableType:
    from rich.console import Group
    from rich.markup import escape

    parts: list[RenderableType] = [f"[bold]{escape(title)}[/]"]
    if len(comparison.queues) > 1:
        for name, found in comparison.queues.items():
            if any(row.measured for row in found.values()):
                parts += ["", f"[bold]{escape(name)}[/]", _table(found)]
        parts += ["", "[bold]all queues[/]"]
    else:
        parts.append("")
    parts += [
        _table(comparison.total),
        "",
        "[dim]as it was: simulated without the change; off by: that - measured, the simulator's own "
        "error. ±: 95 % confidence over the seeds; ✓: clear of chance. in time: answered within "
        "the queue's target / offered; w/o short: without who hung up within "
        f"{SHORT_ABANDON_S:g} s.[/]",
    ]
    return Group(*parts)


def _table(found: Mapping[str, Row]) -> Table:
    from ccd.commands.output import plain_table

    columns = ("measured", "as it was", "off by", "changed", "difference", "±")
    table = plain_table("", *columns, "", right=columns)
    for name, label, unit in SHOWN:
        row = found.get(name)
        if row is None:
            continue
        was, changed, difference = row.simulated, row.changed, row.difference
        off = None if was is None or row.measured is None else was.mean - row.measured
        table.add_row(
            label,
            _value(row.measured, unit),
            _mean(was, unit),
            _value(off, unit, sign=True),
            _mean(changed, unit),
            _value(difference.mean if difference else None, unit, sign=True),
            _value(difference.error if difference else None, unit),
            "✓" if difference is not None and difference.is_clear else "",
        )
    return table


def _mean(found: Estimate | None, unit: str) -> str:
    return _value(None if found is None else found.mean, unit)


def _value(value: float | None, unit: str, *, sign: bool = False) -> str:
    if value is None:
        return ""
    plus = "+" if sign else ""
    match unit:
        case "share":
            return f"{value * 100:{plus}.1f} %"
        case "seconds":
            return f"{value:{plus}.1f} s"
        case _:
            return f"{value:{plus},.0f}" if value == round(value) else f"{value:{plus},.1f}"
