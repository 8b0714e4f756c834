"""When a queue is served: opening hours in a time zone, with holidays and special days.

Sans-IO. Times are seconds since the Unix epoch, as events carry them; the wall clock of
the calendar's time zone is worked out here, so that hours mean what people read on it on
both sides of a change to or from summer time.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from ccd.config import Calendar
from ccd.settings import hours as written

LOOK_AHEAD_DAYS: Final = 400
"""How far ahead a change is looked for: over a year, so that yearly closing is found."""

_DAY_S: Final = 86400.0


class Period(NamedTuple):
    """Open, or closed, all the time from `begin` until before `end` (seconds since the epoch).

    `end` is None where nothing changes for `LOOK_AHEAD_DAYS`.
    """

    open: bool
    begin: float
    end: float | None


class OpeningHours:
    """The hours of one `[[calendar]]`.

    What holds for a day, first to last: its special hours; closed, on a holiday; the hours
    of its day of the week; those of `weekdays`; those of `daily`; closed. Hours that run
    over midnight belong to the day on which they begin, also where the next is a holiday.

    An hour that summer time leaves out is not waited for: what begins in it begins when the
    clock has jumped. Of an hour that comes twice the first counts (PEP 495, `fold=0`).

    Raises `ValueError`, which names calendar and key, for hours that cannot be read.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.name = calendar.name
        key = "timezone"
        try:
            self._zone = written.parse_timezone(calendar.timezone)
            key = "open"
            self._week = written.parse_week(calendar.open)
            key = "holidays"
            self._holidays = [written.parse_days(text) for text in calendar.holidays]
            key = "special"
            self._special = {
                written.parse_day(day): written.parse_day_s_hours(texts)
                for day, texts in calendar.special.items()
            }
        except ValueError as error:
            raise ValueError(f"calendar {calendar.name!r}: {key}: {error}") from error
        self._period = Period(open=False, begin=0.0, end=0.0)  # the last one asked for

    def is_open(self, at: float) -> bool:
        """Whether the queue is served at this time."""
        return self.period(at).open

    def next_change(self, at: float) -> float | None:
        """When it next opens or closes after `at`; None: not for `LOOK_AHEAD_DAYS`."""
        return self.period(at).end

    def closes_at(self, at: float) -> float | None:
        """When the hours that run at `at` are over; None where it is closed, or closes never."""
        period = self.period(at)
        return period.end if period.open else None

    def opens_at(self, at: float) -> float | None:
        """The first time from `at` on when it is open: `at` itself where it is open then."""
        period = self.period(at)
        return at if period.open else period.end

    def period(self, at: float) -> Period:
        """Return the period that `at` is in."""
        period = self._period
        if not (period.begin <= at and (period.end is None or at < period.end)) or (
            # Nothing was found to change from there on, but it was not looked for ever after.
            period.end is None and at > period.begin + _DAY_S
        ):
            period = self._period = self._find(at)
        return period

    def local(self, at: float) -> datetime:
        """Return the time on the wall clock there."""
        return datetime.fromtimestamp(at, self._zone)

    def _find(self, at: float) -> Period:
        """Return the period from `at` on; its begin is `at`, for nobody asks what was before."""
        today = self.local(at).date()
        closes: float | None = None
        for days in range(-1, LOOK_AHEAD_DAYS):  # hours over midnight began the day before
            for begin, end in self._spans(today + timedelta(days)):
                if end <= at:
                    continue
                if closes is None and begin > at:
                    return Period(open=False, begin=at, end=begin)
                if closes is not None and begin > closes:
                    return Period(open=True, begin=at, end=closes)
                closes = end if closes is None else max(closes, end)
            if closes is not None and self._seconds(today + timedelta(days), 0) > closes:
                return Period(open=True, begin=at, end=closes)
        return Period(open=closes is not None, begin=at, end=None)

    def _spans(self, day: date) -> list[tuple[float, float]]:
        """Return what is open on hours that begin on this day, in order, as epoch seconds."""
        hours = self._special.get(day)
        if hours is None and any(days.first <= day <= days.last for days in self._holidays):
            hours = ()
        if hours is None:
            hours = self._week[day.weekday()]
        spans = [(self._seconds(day, one.begin), self._seconds(day, one.end)) for one in hours]
        return [(begin, end) for begin, end in spans if begin < end]  # not those jumped over

    def _seconds(self, day: date, minutes: int) -> float:
        """Return when the wall clock shows so many minutes after the midnight of this day."""
        wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
        first = wall.replace(tzinfo=self._zone).timestamp()
        second = wall.replace(tzinfo=self._zone, fold=1).timestamp()
        # PEP 495: alike, but for an hour that comes twice (first < second), or not at all.
        return first if first <= second else self._jump(int(second), int(first))

    def _jump(self, before: int, after: int) -> float:
        """Return the second of these, `before` excluded, from which on the clock is ahead."""
        ahead = self.local(after).utcoffset()
        while after - before > 1:
            middle = (before + after) // 2
            if self.local(middle).utcoffset() == ahead:
                after = middle
            else:
                before = middle
        return float(after)
