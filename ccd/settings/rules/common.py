"""What several rules need: names that are there once, names that must be known, sizes of values."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem, spell

LEVELS = range(1, 11)
"""How well an agent can do something; 10 is best."""

LANGUAGES = ("zh", "en")

MOST_SHOWN = 8
"""Words in a hint."""

DTMF = "0123456789*#ABCD"
"""RFC 4733, 3.2."""


def distinct(table: str, names: Sequence[str], *, field: str = "name") -> Iterator[Problem]:
    """Every element of an array of tables has a name, and one of its own."""
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        key = (table, index, field)
        if not name:
            yield Problem(key, "is empty", f"every {table} needs one")
        elif name in seen:
            first = spell((table, seen[name]))
            yield Problem(key, f'"{name}" is taken by {first}', "every one needs its own")
        seen.setdefault(name, index)


def known(key: Key, name: str, what: str, names: Collection[str]) -> Iterator[Problem]:
    """One of these names: those of the `[[what]]` tables."""
    if name not in names:
        hint = choices(name, names) if names else f"add a [[{what}]] with this name"
        yield Problem(key, f'there is no {what.replace("_", " ")} "{name}"', hint)


def one_of(key: Key, value: str, right: Collection[str]) -> Iterator[Problem]:
    """One of a few words."""
    if value not in right:
        yield Problem(key, f'"{value}" is none of the choices', choices(value, right))


def choices(wrong: str, right: Iterable[str]) -> str:
    """Return a hint: the nearest right word, or what there is."""
    right = list(right)
    near = difflib.get_close_matches(wrong, right, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    more = len(right) - MOST_SHOWN
    return f"one of: {', '.join(right[:MOST_SHOWN])}" + (f" and {more} more" if more > 0 else "")


def positive(key: Key, value: float) -> Iterator[Problem]:
    """Above zero."""
    if not value > 0:  # also where it is NaN, which TOML can write
        yield Problem(key, f"{value:g} is not above zero", "")


def not_negative(key: Key, value: float, zero: str = "") -> Iterator[Problem]:
    """A finite number from zero on; `zero` says what zero means."""
    if value < 0:
        yield Problem(key, f"{value:g} is negative", f"0 means {zero}" if zero else "0 at least")
    elif not math.isfinite(value):
        yield Problem(key, f"{value:g} is no length of time", "a finite number")


def levels(key: Key, skills: Mapping[str, int], names: Collection[str]) -> Iterator[Problem]:
    """Skills that there are, each at a level that there is."""
    for skill, level in skills.items():
        yield from known((*key, skill), skill, "skill", names)
        if level not in LEVELS:
            mend = f"{LEVELS[0]} to {LEVELS[-1]}"
            yield Problem((*key, skill), f"level {level} is out of range", mend)


def file(key: Key, name: str) -> Iterator[Problem]:
    """A file that is there."""
    if name and not Path(name).is_file():
        mend = "names are relative to the settings file"
        yield Problem(key, f"there is no file {name}", mend)
