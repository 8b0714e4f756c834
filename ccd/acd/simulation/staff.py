"""Where the agents' time went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ccd.acd.actions import Moved
from ccd.acd.simulation.people import Person
from ccd.model import AgentState

WORKING = frozenset({AgentState.RESERVED, AgentState.BUSY, AgentState.WRAP_UP})
PRESENT = WORKING | {AgentState.READY}


class Member:
    """One agent's state now, and his time so far."""

    __slots__ = ("contact", "name", "present_s", "reason", "since", "state", "working_s")

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = AgentState.LOGGED_OUT
        self.reason: str | None = None
        self.contact: str | None = None
        self.since = 0.0
        self.present_s = 0.0
        self.working_s = 0.0

    def settle(self, now: float) -> None:
        """Count the time since the last change."""
        if self.state in PRESENT:
            self.present_s += now - self.since
            if self.state is not AgentState.READY:
                self.working_s += now - self.since
        self.since = now


class Staff:
    """All agents: how many are at work, and how many of those with a call, over time."""

    def __init__(self, people: Iterable[Person], interval_s: float) -> None:
        self.members = {person.name: Member(person.name) for person in people}
        self._interval_s = interval_s
        self._now = 0.0
        self._present = 0
        self._working = 0
        self._boundary = 0.0
        self._number = 0
        self.ended = False
        """Time is not counted any more."""
        self._areas: dict[int, list[float]] = {}
        self._lengths: dict[int, float] = {}
        self._area = [0.0, 0.0]
        """Agent-seconds at work, and with a call, of the present interval."""

    def begin(self, now: float) -> None:
        """Start the clock."""
        self._now = now
        for member in self.members.values():
            member.since = now
        self._open(int(now // self._interval_s))

    def _open(self, number: int) -> None:
        self._number = number
        self._boundary = (number + 1) * self._interval_s
        self._area = self._areas[number] = [0.0, 0.0]
        self._lengths[number] = 0.0

    def reach(self, at: float) -> None:
        """It is `at` now, later than before; nothing changed until then."""
        while at > self._boundary:
            self._add(self._boundary - self._now)
            self._now = self._boundary
            self._open(self._number + 1)
        self._add(at - self._now)
        self._now = at

    def _add(self, length: float) -> None:
        if self.ended:
            return
        area = self._area
        self._lengths[self._number] += length
        area[0] += length * self._present
        area[1] += length * self._working

    def moved(self, action: Moved) -> None:
        """An agent changed his state, now."""
        member = self.members[action.agent]
        before, after = member.state, action.state
        if not self.ended:
            member.settle(self._now)
        member.state, member.reason, member.contact = after, action.reason, action.contact
        self._present += (after in PRESENT) - (before in PRESENT)
        self._working += (after in WORKING) - (before in WORKING)

    def forget(self) -> None:
        """Count from now on."""
        self._areas.clear()
        self._lengths.clear()
        self._open(self._number)
        for member in self.members.values():
            member.settle(self._now)
            member.present_s = member.working_s = 0.0

    def end(self) -> None:
        """Count no further than now."""
        if not self.ended:
            for member in self.members.values():
                member.settle(self._now)
        self.ended = True

    def mean_at_work(self, number: int) -> float | None:
        """Return the mean number at work over the part of an interval that was counted."""
        length = self._lengths.get(number, 0.0)
        return self._areas[number][0] / length if length else None

    def occupancy(self, number: int | None = None) -> float | None:
        """Return the share of the time at work spent on calls, in an interval or all day."""
        areas = self._areas.values() if number is None else [self._areas.get(number, (0.0, 0.0))]
        present = sum(area[0] for area in areas)
        return sum(area[1] for area in areas) / present if present else None

    def shares(self) -> Iterator[float]:
        """Yield the same of each agent who was at work at all."""
        for member in self.members.values():
            if member.present_s > 0:
                yield member.working_s / member.present_s
