"""`[[calendar]]`: hours that can be read, in a time zone that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ccd.config import Calendar, Settings
from ccd.settings import hours
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import distinct

T = TypeVar("T")


def calendars(settings: Settings) -> Iterator[Problem]:
    """Each calendar once, and open at some time."""
    yield from distinct("calendar", [calendar.name for calendar in settings.calendar])
    for index, calendar in enumerate(settings.calendar):
        key = ("calendar", index)
        yield from _read((*key, "timezone"), hours.parse_timezone, calendar.timezone)
        yield from _open(key, calendar)
        for number, text in enumerate(calendar.holidays):
            yield from _read((*key, "holidays", number), hours.parse_days, text)
        for day, texts in calendar.special.items():
            yield from _read((*key, "special", day), hours.parse_day, day)
            yield from _hours((*key, "special", day), texts)


def _open(key: Key, calendar: Calendar) -> Iterator[Problem]:
    for day, texts in calendar.open.items():
        yield from _read((*key, "open", day), hours.check_day_name, day)
        yield from _hours((*key, "open", day), texts)
    if not any(calendar.open.values()) and not any(calendar.special.values()):
        mend = 'such as open = { weekdays = ["09:00-17:00"] }'
        yield Problem(key, "is never open", mend)


def _hours(key: Key, texts: Sequence[str]) -> Iterator[Problem]:
    """Tell of each text that cannot be read, else of two that overlap."""
    before = [
        problem
        for number, text in enumerate(texts)
        for problem in _read((*key, number), hours.parse_hours, text)
    ]
    yield from before or _read(key, hours.parse_day_s_hours, texts)


def _read(key: Key, parse: Callable[[T], object], text: T) -> Iterator[Problem]:
    try:
        parse(text)
    except ValueError as error:
        message, _, mend = str(error).partition("; ")
        yield Problem(key, message, mend)
