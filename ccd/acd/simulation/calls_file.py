"""Calls from a CSV file.

The first line names the columns, in any order: `time` and `queue`, and where known `class`,
`skills` (`en:5 options:3`), `handle_s`, `patience_s` (empty: drawn) and `number`. A time is
`09:30`, `09:30:05.5` or `2026-11-23T09:30:05`; lines need not be in its order.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time

import msgspec

from ccd.acd.simulation.arrivals import Call
from ccd.acd.simulation.distributions import Distribution
from ccd.errors import CcdError

COLUMNS = ("time", "queue", "class", "skills", "handle_s", "patience_s", "number")
REQUIRED = ("time", "queue")
MOST_PROBLEMS = 10
"""Told at once; who has more than these has one that repeats."""


class CallsFileError(CcdError):
    """A file of calls cannot be used; every line of the message names file and line."""


class _LineError(Exception):
    """A value in a line is wrong; becomes a line of `CallsFileError`."""


def read_calls(
    lines: Iterable[str],
    file: str,
    *,
    queues: Collection[str],
    classes: Collection[str],
    skills: Collection[str],
    handle: Distribution,
    patience: Distribution,
    rng: random.Random,
    day: date | None = None,
) -> list[Call]:
    """Return the calls in order of time: seconds since midnight of `day`, else of the first day named.

    With `day`, calls of other days are left out. What a line does not say is drawn from
    `handle` and `patience`. Raises `CallsFileError` with what is wrong, by line.
    """
    rows = csv.reader(lines)
    try:
        header = [name.strip().lstrip("\ufeff") for name in next(rows, [])]
        _check_header(header, file)
        reader = _Reader(header, queues, classes, skills, handle, patience, rng)
        problems: list[str] = []
        calls: list[tuple[datetime | time, Call]] = []
        for row in rows:
            if not any(value.strip() for value in row):
                continue
            try:
                calls.append(reader.call(row))
            except _LineError as error:
                problems.append(f"{file}:{rows.line_num}: {error}")
                if len(problems) >= MOST_PROBLEMS:
                    break
    except csv.Error as error:
        raise CallsFileError(f"{file}:{rows.line_num}: {error}") from None
    except UnicodeDecodeError as error:
        raise CallsFileError(f"{file}: is not UTF-8 text ({error.reason})") from None
    if problems:
        raise CallsFileError("\n".join(problems))
    return _on_one_clock(calls, day, file)


def _check_header(header: list[str], file: str) -> None:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing:
        raise CallsFileError(
            f"{file}:1: no column {' or '.join(missing)}; the first line names the columns, "
            f"of {','.join(COLUMNS)}"
        )
    if unknown:
        raise CallsFileError(
            f"{file}:1: column {unknown[0]!r} means nothing here; there are {','.join(COLUMNS)}"
        )
    if len(set(header)) < len(header):
        raise CallsFileError(f"{file}:1: a column is named twice")


class _Reader:
    """Makes a call of a line."""

    def __init__(
        self,
        header: list[str],
        queues: Collection[str],
        classes: Collection[str],
        skills: Collection[str],
        handle: Distribution,
        patience: Distribution,
        rng: random.Random,
    ) -> None:
        self._header = header
        self._queues = queues
        self._classes = classes
        self._skills = skills
        self._handle = handle
        self._patience = patience
        self._rng = rng

    def call(self, row: list[str]) -> tuple[datetime | time, Call]:
        if len(row) != len(self._header):
            raise _LineError(
                f"{len(row)} values, where the first line names {len(self._header)} columns"
            )
        values = {name: value.strip() for name, value in zip(self._header, row, strict=True)}
        at = _time(values["time"])
        queue = _one_of(values["queue"], self._queues, "queue")
        customer_class = values.get("class", "")
        if customer_class:
            _one_of(customer_class, self._classes, "class")
        return at, Call(
            at=0.0,
            queue=queue,
            customer_class=customer_class,
            skills=self._needs(values.get("skills", "")),
            handle_s=self._seconds(values, "handle_s", self._handle),
            patience_s=self._seconds(values, "patience_s", self._patience),
            number=values.get("number", ""),
        )

    def _seconds(self, values: Mapping[str, str], name: str, otherwise: Distribution) -> float:
        text = values.get(name, "")
        if not text:
            return otherwise.draw(self._rng)
        try:
            number = float(text)
        except ValueError:
            raise _LineError(f"{name} {text!r} is no number of seconds") from None
        if not number >= 0 or (number == math.inf and name == "handle_s"):
            raise _LineError(f"{name} {text!r} is no length of time")
        return number

    def _needs(self, text: str) -> dict[str, int]:
        needs: dict[str, int] = {}
        for part in text.replace(";", " ").split():
            name, _, level = part.partition(":")
            _one_of(name, self._skills, "skill")
            if level not in {str(number) for number in range(1, 11)}:
                raise _LineError(f"skill {part!r}: write it as {name}:LEVEL, from 1 to 10")
            needs[name] = int(level)
        return needs


def _one_of(name: str, known: Collection[str], what: str) -> str:
    if name not in known:
        there_are = f"there are {', '.join(sorted(known))}" if known else "there are none"
        raise _LineError(f"no {what} {name!r} in the settings; {there_are}")
    return name


def _time(text: str) -> datetime | time:
    for parse in (time.fromisoformat, datetime.fromisoformat):
        made = _parsed(parse, text)
        if made is not None and ":" in text:
            return made.replace(tzinfo=None)
    raise _LineError(f"time {text!r} is none; write 09:30, 09:30:05.5 or 2026-11-23T09:30:05")


def _parsed(
    parse: Callable[[str], time] | Callable[[str], datetime], text: str
) -> time | datetime | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _on_one_clock(
    calls: list[tuple[datetime | time, Call]], day: date | None, file: str
) -> list[Call]:
    """Return the calls with their times in seconds since midnight of the first day, in order."""
    dated = [at for at, _ in calls if isinstance(at, datetime)]
    if dated and len(dated) < len(calls):
        raise CallsFileError(f"{file}: some times have a date and some have none")
    if day is not None and not dated:
        raise CallsFileError(f"{file}: its times have no date, so a day cannot be chosen")
    first = day or (min(dated).date() if dated else None)
    placed: list[Call] = []
    for at, call in calls:
        if isinstance(at, datetime):
            if day is not None and at.date() != day:
                continue
            assert first is not None  # there is a dated call
            seconds = (at - datetime.combine(first, time())).total_seconds()
        else:
            seconds = (
                datetime.combine(date.min, at) - datetime.combine(date.min, time())
            ).total_seconds()
        placed.append(msgspec.structs.replace(call, at=seconds))
    if not placed:
        on = f" on {day}" if day is not None else ""
        raise CallsFileError(f"{file}: there is no call in it{on}")
    return sorted(placed, key=lambda call: call.at)
