"""What is wrong with a flow: every mistake at once, each with its place and its mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """Whether a flow can be used in spite of it."""

    ERROR = "error"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. `line` and `column` count from 1; `rule` is its stable name."""

    file: str
    line: int
    column: int
    key: str
    """Where in the document: `steps.welcome.next`."""
    rule: str
    message: str
    mend: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        mend = f" ({self.mend})" if self.mend else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {key}{self.message}{mend}"


StepWarnings = tuple[Problem, ...]
"""What a usable flow should still be mended for, in the file's order."""


class FlowError(Exception):
    """A flow cannot be used; `problems` has every reason, warnings too, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the mend for a misspelt name: the nearest right one, else all there are."""
    known = sorted(words)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are: {', '.join(known)}" if known else "there are none"
