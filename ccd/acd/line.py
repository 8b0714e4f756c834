"""One line: contacts that wait for the same thing, and the idle agents who could give it.

Both sides are plain lists, kept sorted. A list moves its tail on every change, which is a
block of memory: 0.3 µs among a hundred, 10 µs among twenty thousand, less than the node
walks of a tree in Python at any length that a queue has, and the first is just `[0]`. Heaps
with lazy deletion were weighed as well: they are as quick on the mean, but an agent who
serves ten queues leaves nine stale entries at each call, and the one decision that meets
them all pays for all. Sorted lists also know ranks, which is what a position in the queue is.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TypeVar

from ccd.acd.contact import Place
from ccd.acd.need import Need

Seat = tuple[int, float, float, int, str]
"""An agent's place among the idle: his load, the strategy's number, since when he is idle
(seconds), the agent's number and name."""

T = TypeVar("T", Place, Seat)


class Line:
    """Who waits for one need, soonest due first, and who is idle, the strategy's choice first.

    At rest at most one side is not empty: that is what work-conserving means.
    """

    __slots__ = ("able", "idle", "judged_by", "need", "tighter", "waiting")

    def __init__(
        self, need: Need, *, judged_by: Need | None = None, tighter: tuple[Line, ...] = ()
    ) -> None:
        self.need = need
        self.judged_by = judged_by or need
        """The need that strategies judge agents by; one for all lines that share their idle."""
        self.tighter = tighter
        """Lines that ask for more. Who is idle there would do here as well, and does not sit here too."""
        self.waiting: list[Place] = []
        self.idle: list[Seat] = []
        self.able = 0
        """How many who are logged on can serve it."""

    def ahead_of(self, place: Place) -> int:
        """How many wait here who are due before this place."""
        return bisect_left(self.waiting, place)

    def stand(self, place: Place) -> None:
        """A contact waits here from now on."""
        insort(self.waiting, place)

    def leave(self, place: Place) -> None:
        """A contact waits here no longer. Raises ValueError where it did not."""
        _take_out(self.waiting, place)

    def sit_down(self, seat: Seat) -> None:
        """An agent is idle here from now on."""
        insort(self.idle, seat)

    def stand_up(self, seat: Seat) -> None:
        """An agent is idle here no longer. Raises ValueError where he was not."""
        _take_out(self.idle, seat)

    def candidates(self) -> int:
        """How many are idle who would do."""
        return len(self.idle) + sum(len(line.idle) for line in self.tighter)

    def best(self, count: int) -> list[Seat]:
        """The seats of the first `count` who would do."""
        if not self.tighter:
            return self.idle[:count]
        heads = [seat for line in (self, *self.tighter) for seat in line.idle[:count]]
        return sorted(heads)[:count]

    def __repr__(self) -> str:
        return f"<Line {self.need} waiting={len(self.waiting)} idle={len(self.idle)}>"


def _take_out(line: list[T], item: T) -> None:
    index = bisect_left(line, item)
    if index == len(line) or line[index] != item:
        raise ValueError(f"{item} is not in this line")
    del line[index]
