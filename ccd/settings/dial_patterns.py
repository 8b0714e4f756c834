"""Patterns of dialled numbers, as Asterisk's dial plans write them.

`X` is a digit from 0 to 9, `Z` from 1, `N` from 2; `[13-5]` is one of those in it; at the
end `.` is one more character or several, `!` none or several. All else is itself. A `_` in
front, which marks a pattern there, is allowed here; so are spaces and hyphens between digits.

A pattern is a row of cells, each a set of characters, and perhaps an open end. That one
form answers what the settings' checks and a phone that dials digit by digit have to know:
whether a number fits, whether it could come to fit, and whether one pattern leaves another
nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

DIGITS: Final = frozenset("0123456789")
DIALLED: Final = DIGITS | frozenset("*#+")
"""All that can be dialled; `+` in front only."""

LONGEST: Final = 32
"""Characters of the longest number: E.164 allows 15 digits, codes and prefixes stand before them."""

MOST_SLOTS: Final = 1000

CLASSES: Final = {"X": DIGITS, "Z": frozenset("123456789"), "N": frozenset("23456789")}
_SEPARATORS: Final = " -"
_ENDS: Final = ".!"


class Pattern(msgspec.Struct, frozen=True):
    """What numbers fit: a set of characters for each place, and perhaps any more after these."""

    cells: tuple[frozenset[str], ...]
    open: bool = False

    def fits(self, number: str) -> bool:
        """Whether this number is one of the pattern's."""
        return self._begins(number) and (
            len(number) == len(self.cells) or (self.open and len(number) > len(self.cells))
        )

    def may_grow_to_fit(self, number: str) -> bool:
        """Whether a longer number that begins with this one is one of the pattern's."""
        return self._begins(number) and (self.open or len(number) < len(self.cells))

    def covers(self, other: Pattern) -> bool:
        """Whether every number of the other one is one of this one's too."""
        if self.open:
            enough = len(other.cells) >= len(self.cells)
        else:
            enough = not other.open and len(other.cells) == len(self.cells)
        return enough and all(
            theirs <= ours for ours, theirs in zip(self.cells, other.cells, strict=False)
        )

    def meets(self, other: Pattern) -> bool:
        """Whether some number is one of both."""
        shorter, longer = sorted((self, other), key=lambda pattern: len(pattern.cells))
        same_length = len(shorter.cells) == len(longer.cells)
        return (same_length or shorter.open) and all(
            ours & theirs for ours, theirs in zip(self.cells, other.cells, strict=False)
        )

    @property
    def shortest(self) -> int:
        """Characters of the shortest number that fits."""
        return len(self.cells)

    def _begins(self, number: str) -> bool:
        return all(char in cell for char, cell in zip(number, self.cells, strict=False))


def exactly(number: str) -> Pattern:
    """The pattern of this one number."""
    return Pattern(tuple(frozenset(char) for char in number))


def parse_pattern(text: str) -> Pattern:
    """Parse a pattern. Raises ValueError with the text, what is wrong with it, and the mend."""
    body = text.removeprefix("_")
    open_ = False
    cells: list[frozenset[str]] = []
    if body.endswith("."):
        cells, body, open_ = [DIALLED - {"+"}], body[:-1], True  # a + stands in front only
    elif body.endswith("!"):
        body, open_ = body[:-1], True
    front = list(_cells(text, body))
    if cells and not front:
        cells = [DIALLED]
    if not front and not open_:
        raise ValueError(f'"{text}" is no number; write digits, or a pattern such as "9X."')
    if len(front) + len(cells) > LONGEST:
        raise ValueError(f'"{text}" is longer than any number; {LONGEST} places at most')
    if any("+" in cell for cell in front[1:]):
        raise ValueError(f'"{text}" has a + within; it can only be the first')
    return Pattern((*front, *cells), open_)


def _cells(text: str, body: str) -> Iterator[frozenset[str]]:
    rest = body
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "[":
            inside, bracket, rest = rest.partition("]")
            if not bracket:
                raise ValueError(f'"{text}" has a [ without its ]; close it, like "[2-5]"')
            yield _set(text, inside)
        elif char in CLASSES:
            yield CLASSES[char]
        elif char in DIALLED:
            yield frozenset(char)
        elif char in _ENDS:
            raise ValueError(f'"{text}" goes on after {char}; it stands at the end only')
        elif char not in _SEPARATORS:
            raise ValueError(
                f'"{text}" has "{char}", which nobody can dial; digits, *, #, X, Z, N, [..], . and !'
            )


def _set(text: str, inside: str) -> frozenset[str]:
    """Read what stands in brackets: `13-5` is 1, 3, 4 and 5."""
    found: set[str] = set()
    rest = inside
    while rest:
        first, last, length = rest[0], rest[0], 1
        if rest[1:2] == "-":
            last, length = rest[2:3], 3
        if first in "*#" and length == 1:
            found.add(first)
        elif first in DIGITS and last in DIGITS and first <= last:
            found.update(map(str, range(int(first), int(last) + 1)))
        else:
            raise ValueError(f'"{text}" has "[{inside}]", which is no set; like "[13-5]"')
        rest = rest[length:]
    if not found:
        raise ValueError(f'"{text}" has an empty []; name the digits, like "[13-5]"')
    return frozenset(found)


def bare(dialled: str) -> str:
    """A dialled number without what people put between its digits: spaces, hyphens, brackets, dots."""
    return "".join(char for char in dialled if char not in " \t-()./")


def is_number(text: str) -> bool:
    """Whether this is a number and nothing else: digits, `*`, `#`, perhaps a `+` in front."""
    return 0 < len(text) <= LONGEST and all(
        char in DIALLED and (char != "+" or place == 0) for place, char in enumerate(text)
    )


def parse_slots(text: str) -> range:
    """Parse `701-720`, first to last, or `701` alone. Raises ValueError with what is wrong."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    fine = all(end.isascii() and end.isdigit() and end[0] != "0" for end in (first, last))
    if not fine or len(first) != len(last) or int(first) > int(last):
        raise ValueError(
            f'"{text}" is no row of slots; first and last of one length, like "701-720"'
        )
    if int(last) - int(first) >= MOST_SLOTS:
        raise ValueError(f'"{text}" is more slots than anybody finds again; {MOST_SLOTS} at most')
    return range(int(first), int(last) + 1)
