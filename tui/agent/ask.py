"""What is asked of an agent before an action can be carried out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Choice:
    """A row of a list: what is handed on, and what is read."""

    value: str
    shown: str


@dataclass
class Ask:
    """What is asked for before an action can be carried out."""

    action: str
    question: str
    choices: list[Choice] = field(default_factory=list)
    """To choose from; empty: a text."""
    free: bool = True
    """A text that is no choice will do, too."""
    secret: bool = False
    prefix: str = ""
    """Put before the answer."""


def fits(text: str, shown: str) -> bool:
    """Whether every word that was typed is in what is shown, in whatever order and case."""
    found = shown.casefold()
    return all(word in found for word in text.casefold().split())
