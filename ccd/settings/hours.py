"""Opening hours as a `[[calendar]]` writes them: times, days of the week, days of the year.

Every function here that cannot read its text raises `ValueError` with that text and what is
wrong with it; the checks put the key before it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday`."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {"daily": WEEKDAYS, "weekdays": WEEKDAYS[:5]}
"""Words for several days; a later one goes before an earlier, and a day's own name before both."""

MINUTES_A_DAY: Final = 24 * 60

_SPAN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", re.ASCII)


class Hours(NamedTuple):
    """Open from `begin` until before `end`, in minutes since the midnight that the day began with.

    `end` above 1440 is on the next day.
    """

    begin: int
    end: int


class Days(NamedTuple):
    """A day, or all from `first` to `last`."""

    first: date
    last: date


def parse_hours(text: str) -> Hours:
    """Parse `09:30-11:30`; `20:00-02:00` ends on the next day, `00:00-24:00` is the whole day."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not written like "09:30-11:30"')
    begin_h, begin_min, end_h, end_min = map(int, match.groups())
    begin, end = begin_h * 60 + begin_min, end_h * 60 + end_min
    if begin_min > 59 or end_min > 59 or begin >= MINUTES_A_DAY or end > MINUTES_A_DAY:
        raise ValueError(f'"{text}" has a time that no clock shows, from 00:00 to 24:00')
    if begin == end:
        raise ValueError(f'"{text}" ends when it begins; the whole day is "00:00-24:00"')
    return Hours(begin, end if end > begin else end + MINUTES_A_DAY)


def parse_day_s_hours(texts: Sequence[str]) -> tuple[Hours, ...]:
    """Parse all the hours of one day, which must not overlap; none: closed."""
    hours = sorted(parse_hours(text) for text in texts)
    for one, other in pairwise(hours):
        if other.begin < one.end:
            raise ValueError(f'"{spell(one)}" and "{spell(other)}" overlap')
    return tuple(hours)


def parse_day(text: str) -> date:
    """Parse `2026-10-01` (ISO 8601)."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) is None:
        raise ValueError(f'"{text}" is not written like "2026-10-01"')
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is a day that no year has') from None


def parse_days(text: str) -> Days:
    """Parse `2026-10-01`, or `2026-10-01/2026-10-07` with both days in it (ISO 8601's interval)."""
    first, slash, last = text.partition("/")
    days = Days(parse_day(first), parse_day(last if slash else first))
    if days.last < days.first:
        raise ValueError(f'"{text}" ends before it begins')
    return days


def parse_week(hours: Mapping[str, Sequence[str]]) -> tuple[tuple[Hours, ...], ...]:
    """Return the hours of Monday to Sunday: those of the day's own name, else of its group."""
    week: dict[str, tuple[Hours, ...]] = dict.fromkeys(WEEKDAYS, ())
    for name in hours:
        check_day_name(name)
    for group, days in GROUPS.items():
        if group in hours:
            week.update(dict.fromkeys(days, parse_day_s_hours(hours[group])))
    week.update({day: parse_day_s_hours(hours[day]) for day in WEEKDAYS if day in hours})
    return tuple(week.values())


def check_day_name(name: str) -> None:
    """Raise ValueError, with what there is, where this names no day of the week and no group."""
    names = (*WEEKDAYS, *GROUPS)
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(names)}"
        raise ValueError(f'"{name}" is no day of the week; {hint}')


def parse_timezone(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database, as this machine has it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder's name is an OSError
        known = available_timezones()
        near = difflib.get_close_matches(name, known, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ', such as "Asia/Shanghai"'
        if not known:
            hint = ", for this machine has none: install tzdata"
        raise ValueError(f'"{name}" is no time zone of the IANA database{hint}') from None


def spell(hours: Hours) -> str:
    """Return hours as the settings write them."""
    end = hours.end - MINUTES_A_DAY if hours.end > MINUTES_A_DAY else hours.end
    return f"{hours.begin // 60:02}:{hours.begin % 60:02}-{end // 60:02}:{end % 60:02}"
