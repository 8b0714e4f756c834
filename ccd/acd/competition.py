"""Who stands between a contact and an agent: what an estimate of its wait begins with.

An agent serves several queues, so those before a contact are not only those of its own
queue, and its agents are not its own alone. Another line counts by its share: the part of
the agents who can serve that line who could serve this one as well. Of ten who wait there
before us, with half of whose agents we have to do, five are before us.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ccd.acd.contact import Place
from ccd.acd.line import Line
from ccd.acd.need import suffice
from ccd.acd.queue import QueueState

FRESH_S = 1.0
"""Shares are worked out anew so often, and a second less often for each `ABLE_PER_S` agents of
a line: who serves what changes slowly, and looking at 20,000 agents takes long."""
ABLE_PER_S = 2000

LEAST_SHARE = 0.02
"""Lines with which less is shared are left out."""


class Standing(NamedTuple):
    """How many are before a contact, and how many at work can serve it."""

    ahead: int
    servers: int
    free: int = 0
    """How many of these would take it at once; where it waits already: none would."""


class _Rivals(NamedTuple):
    until: float
    servers: int
    lines: tuple[tuple[Line, float], ...]


class Competition:
    """Works standings out, and keeps for a moment what does not change with each call."""

    def __init__(self) -> None:
        self._rivals: dict[Line, _Rivals] = {}

    def standing(self, line: Line, place: Place, queue: QueueState, now: float) -> Standing:
        """The standing of a contact at this place of this line."""
        if line.need.agent is not None:
            return Standing(line.ahead_of(place), 1)
        rivals = self._rivals.get(line)
        if rivals is None or now >= rivals.until:
            if len(self._rivals) > 2 * len(queue.lines) + 10_000:
                self._rivals.clear()  # lines that are no more
            rivals = self._rivals[line] = _rivals(line, queue, now)
        ahead = sum(other.ahead_of(place) * share for other, share in rivals.lines)
        return Standing(round(ahead), rivals.servers)


def _rivals(line: Line, queue: QueueState, now: float) -> _Rivals:
    able = [a for a in queue.members.values() if suffice(a.skills, line.need.skills)]
    shared = Counter(other for agent in able for other in agent.lines)
    shares = [(other, count / other.able) for other, count in shared.items() if other.able]
    return _Rivals(
        now + FRESH_S + len(able) / ABLE_PER_S,
        sum(agent.at_work for agent in able),
        tuple((other, share) for other, share in shares if share >= LEAST_SHARE),
    )
