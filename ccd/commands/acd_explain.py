"""`ccd acd explain`: why a contact went where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from rich.console import RenderableType
    from sqlite_utils import Database

    from ccd.acd.stories.lines import Line
    from ccd.acd.stories.overtaking import Overtaking
    from ccd.acd.stories.story import EstimateCheck, Story
    from ccd.store.contacts import Visit

EPILOG = """\
[bold]Examples[/]

  ccd acd explain 6b046585-1       a call, by its name or the beginning of it

  ccd acd explain 13800138000      a caller's latest contacts

  ccd acd explain 6b046585-1 --json | jq '.overtaken_by[].why'
"""

WIDTH = 80
"""Columns of a story: what every terminal has."""

MOST_ESTIMATES = 6
"""Estimates that are shown of a long wait: the first ones and the last. --json has all."""


def explain(
    contact: Annotated[
        str,
        typer.Argument(
            metavar="CONTACT",
            help="A call, callback or message by its name or the beginning of it, or a caller's number.",
        ),
    ],
    json: Json = False,
    state: State = None,
) -> None:
    """Tell why a contact went where it went: each decision with its reason and its figures.

    Reads the journal, whether a daemon runs or not. Says who was asked, who overtook the
    contact and why, what wait was promised and what came of it. For a caller's number his
    latest contacts are listed.
    """
    from ccd.commands.output import console, print_json
    from ccd.paths import state_paths
    from ccd.store.database import open_read_only

    db = open_read_only(state_paths(state).database)
    try:
        found = _find(db, contact)
    finally:
        db.close()
    if json:
        print_json(found)
        return
    shown = console()
    shown.print(_visits(contact, found) if isinstance(found, list) else _picture(found))


def _find(db: Database, name: str) -> Story | list[Visit]:
    """The story of the one that is meant, or the contacts of a number. Raises CcdError."""
    from ccd.acd.stories.reading import read_story
    from ccd.errors import CcdError
    from ccd.store import contacts

    names = contacts.contacts_named_like(db, name)
    if len(names) == 1:
        return read_story(db, names[0])
    visits = contacts.contacts_of_number(db, name)
    if visits:
        return visits
    if names:
        more = " …" if len(names) > 5 else ""
        raise CcdError(f"several contacts begin with {name}: {', '.join(names[:5])}{more}")
    near = contacts.names_like(db, name)
    hint = f"did you mean {' or '.join(near)}?" if near else "see the newest with: ccd calls"
    raise CcdError(f"no contact is named {name}, and nobody called from such a number; {hint}")


# --- a number -------------------------------------------------------------------------


def _visits(number: str, visits: list[Visit]) -> RenderableType:
    from rich.console import Group
    from rich.markup import escape

    from ccd.commands.output import clock, plain_table

    table = plain_table("came", "what", "queue", "outcome", "contact")
    for visit in visits:
        table.add_row(
            clock(visit.at),
            visit.what,
            escape(visit.queue or ""),
            _words(visit.outcome or ""),
            escape(visit.contact),
        )
    count = f"{len(visits)} latest contacts" if len(visits) > 1 else "One contact"
    head = f"{count} of {escape(number)}. The story of one: ccd acd explain CONTACT"
    return Group(head, "", table)


# --- one story ----------------------------------------------------------------------------


def _picture(story: Story) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding

    parts: list[RenderableType] = [*_head(story), "", _timeline(story)]
    if story.overtaken_by:
        parts += [
            "",
            "[bold]Overtaken by[/]",
            Padding(_overtakers(story.overtaken_by), (0, 0, 0, 2), expand=False),
        ]
    if story.estimates:
        parts += ["", "[bold]What was said of the wait[/]"]
        parts.append(Padding(_estimates(story.estimates), (0, 0, 0, 2), expand=False))
    return Group(*parts)


_MARKS = {
    "answered": "[green]✓[/]",
    "heard": "[green]✓[/]",
    "abandoned": "[red]✗[/]",
    "unreachable": "[red]✗[/]",
    "failed": "[bold red]![/]",
    "refused": "[yellow]-[/]",
    "waiting": "[yellow]…[/]",
    "ringing": "[yellow]…[/]",
    "talking": "[green]●[/]",
}


def _head(story: Story) -> list[str]:
    from rich.markup import escape

    from ccd.commands.output import clock, seconds

    who = [escape(story.caller)] if story.caller else []
    if story.customer_class:
        who.append(escape(story.customer_class))
    if story.number:
        who.append(f"to {escape(story.number)}")
    outcome = f"{_MARKS.get(story.outcome, '·')} [bold]{_words(story.outcome)}[/]"
    if story.agent:
        outcome += f" by {escape(story.agent)}"
    if story.waited_s is not None:
        outcome += f", after {seconds(story.waited_s)} in {escape(' → '.join(story.queues))}"
    passed = len(story.overtaken_by)
    if passed:
        outcome += f", overtaken by {passed}"
    lines = [
        f"[bold]{escape(story.contact)}[/]  {story.channel}  {'  '.join(who)}  {clock(story.began_at)}",
        outcome,
    ]
    if story.links:
        links = ", ".join(f"{link.what} {escape(link.contact)}" for link in story.links)
        lines.append(f"[dim]see also: {links}[/]")
    return lines


_GLYPHS = {
    "originated": "↗",
    "enqueued": "↳",
    "queued": "↳",
    "moved": "↳",
    "redialled": "↳",
    "widened": "○",
    "preference": "○",
    "preference_ended": "○",
    "urgent": "↑",
    "assigned": "→",
    "ringing": "→",
    "returned": "[red]←[/]",
    "not_answered": "[red]←[/]",
    "withdrawn": "←",
    "connected": "[green]✓[/]",
    "talking": "[green]✓[/]",
    "callback_resolved": "[green]✓[/]",
    "voicemail_heard": "[green]✓[/]",
    "overflowed": "[yellow]↷[/]",
    "removed": "[red]✗[/]",
    "dequeued": "[red]✗[/]",
    "cleared": "■",
}


def _timeline(story: Story) -> RenderableType:
    """Wall time, seconds since it came, what happened; reason and figures below."""
    from datetime import datetime

    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, width=WIDTH)
    table.add_column(justify="left", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for line in story.lines:
        at = datetime.fromtimestamp(line.at).astimezone().strftime("%H:%M:%S")
        table.add_row(at, f"{line.after_s:.1f} s", _GLYPHS.get(line.kind, "·"), _said(line))
    return table


def _said(line: Line) -> str:
    from rich.markup import escape

    text = escape(line.text)
    if line.why:
        text += f"\n[dim]because {escape(line.why)}[/]"
    if figures := _figures(line):
        text += f"\n[dim]{escape(figures)}[/]"
    return text


_FIGURES = {
    "position": "position {}",
    "phase": "asks {}",
    "skills": "needs {}",
    "customer_class": "class {}",
    "head_start_s": "head start {} s",
    "weight_s": "queue's weight {} s",
    "candidates": "{} could have had it",
    "waited": "waited {} s",
    "wait_s": "waited {} s",
    "ewt_s": "estimate {} s",
    "waiting": "{} waiting",
    "length": "{} waiting",
    "attempt": "attempt {}",
    "callback": "callback {}",
    "voicemail": "message {}",
    "seconds": "{} s long",
    "status": "SIP {}",
}
"""The figures that say something to people, in this order, and their words."""

_TRIFLES = frozenset({("phase", "queue"), ("candidates", 1)})
"""Figures that say nothing: he needs what everybody in the queue needs, and there was no choice."""

_FOR_PROGRAMS = frozenset({"due", "enqueued_at", "channel", "flow", "step", "next_at", "due_at"})
"""Figures that --json alone shows: clocks, and what the line says already."""


def _figures(line: Line) -> str:
    facts = {
        name: value
        for name, value in line.facts.items()
        if value not in (0, "") and (name, value) not in _TRIFLES
    }
    shown = [
        words.format(_figure(facts[name])) for name, words in _FIGURES.items() if name in facts
    ]
    shown += (
        f"{_words(name)} {_figure(value)}"
        for name, value in facts.items()
        if name not in _FIGURES and name not in _FOR_PROGRAMS
    )
    return ", ".join(shown)


def _figure(value: str | float) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _overtakers(found: tuple[Overtaking, ...]) -> RenderableType:
    from rich.markup import escape

    from ccd.commands.output import plain_table

    table = plain_table(
        "after", "who", "came later by", "went to", "why", right=("after", "came later by")
    )
    for each in found:
        table.add_row(
            f"{each.after_s:.1f} s",
            escape(each.contact),
            f"{each.came_later_s:.1f} s",
            escape(each.agent or ""),
            escape(each.why),
        )
    table.width = WIDTH - 2
    return table


def _estimates(found: tuple[EstimateCheck, ...]) -> RenderableType:
    from ccd.commands.output import plain_table, seconds

    table = plain_table(
        *("after", "position", "half within", "nine in ten within", "it took", "error"),
        right=("after", "position", "half within", "nine in ten within", "it took", "error"),
    )
    half = MOST_ESTIMATES // 2
    shown = found if len(found) <= MOST_ESTIMATES else (*found[:half], None, *found[-half:])
    for each in shown:
        if each is None:
            table.add_row(*["…"] * 6)
            continue
        error = "" if each.error_s is None else f"{each.error_s:+.1f} s"
        late = " !" if each.within_p90 is False else ""
        table.add_row(
            f"{each.after_s:.1f} s",
            str(each.position),
            seconds(each.p50) or "not known",
            seconds(each.p90) or "not known",
            seconds(each.came) or "-",
            error + late,
        )
    table.width = WIDTH - 2
    return table


def _words(name: str) -> str:
    return name.replace("_", " ")
