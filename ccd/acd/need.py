"""What a contact needs of an agent: the key under which contacts wait together.

All who need the same wait in one line, so that finding somebody for one of them finds
somebody for the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ccd.model import Channel

Skills = tuple[tuple[str, int], ...]
"""Skill and lowest level, by skill's name."""


class Need(NamedTuple):
    """Which agents will do: those of the queue with these skills, or one by name."""

    queue: str
    channel: Channel
    skills: Skills = ()
    agent: str | None = None
    weights: tuple[tuple[str, float], ...] = ()
    """How much a level of a skill counts for strategies; 1 where it is not named."""


def lowest_levels(*needs: Mapping[str, int]) -> Skills:
    """Return what satisfies all of these: of each skill the highest level that one asks for."""
    merged: dict[str, int] = {}
    for need in needs:
        for skill, level in need.items():
            merged[skill] = max(level, merged.get(skill, 0))
    return tuple(sorted(merged.items()))


def suffice(has: Mapping[str, int], needed: Skills) -> bool:
    """Whether somebody with these skills will do."""
    return all(has.get(skill, 0) >= level for skill, level in needed)


def covers(more: Skills, less: Skills) -> bool:
    """Whether everybody who satisfies `more` satisfies `less`."""
    return suffice(dict(more), less)
