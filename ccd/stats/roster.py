"""Rosters: who is to do what, from when to when, as a work-force planner's program writes it.

    agent,start,end,activity
    li.na,2026-11-24T09:00,2026-11-24T11:30,work
    li.na,2026-11-24T11:30,2026-11-24T12:15,meal

Times without an offset are of this machine's time zone. Sans-IO: it is given the text.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ccd.errors import CcdError

COLUMNS = ("agent", "start", "end", "activity")


class RosterError(CcdError):
    """A roster with mistakes; every one is named with its line."""


class Activity(StrEnum):
    """What somebody is to do. Whoever is to work is adherent while he takes calls, has one, or wraps
    one up; in all others, while he does not."""

    WORK = "work"
    BREAK = "break"
    MEAL = "meal"
    MEETING = "meeting"
    TRAINING = "training"


class Stint(NamedTuple):
    """One agent, one activity; seconds since the epoch."""

    agent: str
    start: float
    end: float
    activity: Activity


def parse(text: str, name: str = "roster") -> tuple[Stint, ...]:
    """Read a roster in CSV. Raises `RosterError`, with every line that is wrong."""
    rows = csv.DictReader(text.lstrip("\ufeff").splitlines())
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise RosterError(f"{name}:1: the first line has to be {','.join(COLUMNS)}")
    stints: list[Stint] = []
    wrong: list[str] = []
    for row in rows:
        try:
            stints.append(_stint(row))
        except ValueError as error:
            wrong.append(f"{name}:{rows.line_num}: {error}")
    wrong += [f"{name}: {each}" for each in _overlaps(stints)]
    if wrong:
        raise RosterError("\n".join(wrong))
    return tuple(sorted(stints, key=lambda stint: (stint.agent, stint.start)))


def _stint(row: dict[str, str | None]) -> Stint:
    agent, start, end, activity = ((row.get(each) or "").strip() for each in COLUMNS)
    if not agent:
        raise ValueError("agent: is empty")
    try:
        doing = Activity(activity)
    except ValueError:
        there_are = ", ".join(Activity)
        raise ValueError(f"activity: there is no {activity!r}; there are: {there_are}") from None
    stint = Stint(agent, _time("start", start), _time("end", end), doing)
    if stint.end <= stint.start:
        raise ValueError(f"end: {end} is not after {start}")
    return stint


def _time(column: str, text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise ValueError(f"{column}: {text!r} is no time; write 2026-11-24T09:00") from None


def _overlaps(stints: Sequence[Stint]) -> Iterator[str]:
    """Who is to do two things at once."""
    ordered = sorted(stints, key=lambda stint: (stint.agent, stint.start))
    for before, after in itertools.pairwise(ordered):
        if before.agent == after.agent and after.start < before.end:
            at = datetime.fromtimestamp(after.start).astimezone().isoformat(timespec="minutes")
            yield f"{after.agent} is to do two things at {at}"
