"""What is wrong with a settings file: every mistake at once, each with its mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccd.errors import CcdError
from ccd.settings.places import Path as KeyPath


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what is wrong, and what to do about it."""

    key: KeyPath
    message: str
    mend: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        named = f"{spell(self.key)}: " if self.key else ""
        return f"{where}{named}{self.message}" + (f" ({self.mend})" if self.mend else "")


class SettingsError(CcdError):
    """A settings file cannot be used; `problems` has every reason, in the file's order."""

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems, key=lambda p: (p.line is None, p.line or 0)))
        super().__init__("\n".join(f"{file}: {problem}" for problem in self.problems))


def spell(key: KeyPath) -> str:
    """Return a key path as people write it, counting from 1: `trunk[1].peers`."""
    spelled = ""
    for part in key:
        if isinstance(part, int):
            spelled += f"[{part + 1}]"
        else:
            spelled += f".{part}" if spelled else part
    return spelled
