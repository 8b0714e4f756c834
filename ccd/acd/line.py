"""One line: contacts that wait for the same thing, and the idle agents who could give it.

Both sides are kept sorted, with removal from anywhere in O(log n). Heaps with lazy
deletion were weighed against this: they are as quick on the mean, but an agent who serves
ten queues leaves nine stale entries at each call, and the one decision that meets them all
pays for all. Sorted lists also know ranks, which is what a position in the queue is.
"""

from __future__ import annotations

from sortedcontainers import SortedList

from ccd.acd.contact import Place
from ccd.acd.need import Need

Seat = tuple[int, float, float, int, str]
"""An agent's place among the idle: his load, the strategy's number, since when he is idle
(seconds), the agent's number and name."""


class Line:
    """Who waits for one need, soonest due first, and who is idle, the strategy's choice first.

    At rest at most one side is not empty: that is what work-conserving means.
    """

    __slots__ = ("able", "idle", "need", "waiting")

    def __init__(self, need: Need) -> None:
        self.need = need
        self.waiting: SortedList[Place] = SortedList()
        self.idle: SortedList[Seat] = SortedList()
        self.able = 0
        """How many who are logged on can serve it."""

    def __repr__(self) -> str:
        return f"<Line {self.need} waiting={len(self.waiting)} idle={len(self.idle)}>"
