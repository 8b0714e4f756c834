"""Estimates of waiting time for live calls: what the estimator is told, and asked.

It is told of every call that waits, is answered or leaves, and of how long agents were busy;
it is asked for what is announced, for rules of overflow, and for how good it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from ccd.acd.contact import Contact
from ccd.acd.distributor import Distributor
from ccd.acd.estimates.backtest import BackTest
from ccd.acd.estimates.estimator import Estimate, Estimator
from ccd.model import AgentState

AT_ONCE = Estimate(0.0, 0.0)

HANDLING = frozenset({AgentState.BUSY, AgentState.WRAP_UP})


class Forecasts:
    """One estimator, fed with what the distributor and its agents do."""

    def __init__(self, distributor: Distributor) -> None:
        self._distributor = distributor
        self._estimator = Estimator()
        self._waiting: dict[str, Contact] = {}
        self._reserved: dict[str, float] = {}  # agent -> since when he rings
        self._handling: dict[str, tuple[str, float]] = {}  # agent -> queue, since
        self._together: dict[str, set[str]] = {}

    # --- what happens -----------------------------------------------------------------

    def queued(self, contact: Contact, now: float) -> None:
        """The contact waits from now on, if nobody was free for it."""
        standing = self._distributor.standing(contact.id, now)
        if standing is not None:
            self._waiting[contact.id] = contact
            self._estimator.arrived(
                contact.id,
                contact.queue,
                standing.ahead,
                standing.servers,
                now,
                group=contact.customer_class,
            )

    def answered(self, contact: str, agent: str, queue: str, now: float) -> None:
        """An agent took it."""
        if self._waiting.pop(contact, None) is not None:
            self._estimator.started(contact, now)
        # He is nobody else's from the moment his phone begins to ring.
        self._handling[agent] = (queue, self._reserved.pop(agent, now))

    def left(self, contact: str, now: float) -> None:
        """It waits no longer, and nobody took it (it hung up, or went elsewhere)."""
        if self._waiting.pop(contact, None) is not None:
            self._estimator.left(contact, now)

    def agent_moved(self, agent: str, state: AgentState, now: float) -> None:
        """The agent is in this state from now on: what he had is handled when he is free."""
        if state is AgentState.RESERVED:
            self._reserved[agent] = now
        elif state is not AgentState.BUSY:
            self._reserved.pop(agent, None)
        if state not in HANDLING and (handled := self._handling.pop(agent, None)) is not None:
            queue, since = handled
            self._estimator.handled(queue, now - since, now)

    def served_together(self, queues: Sequence[str]) -> None:
        """Some agent serves all of these: what they take of his time is waited for in each."""
        for queue in queues:
            known = self._together.setdefault(queue, set())
            if not known.issuperset(queues):
                known.update(queues)
                self._estimator.together(queue, known)

    def forget(self, queue: str) -> None:
        """The queue is no more."""
        self._estimator.forget(queue)
        self._together.pop(queue, None)
        for known in self._together.values():
            known.discard(queue)

    # --- what is likely ------------------------------------------------------------------

    def of(self, contact: str, now: float) -> Estimate | None:
        """How much longer a waiting contact is likely to wait; None where it does not wait."""
        standing = self._distributor.standing(contact, now)
        if standing is None:
            return None
        return self._estimator.advanced(contact, standing.ahead, standing.servers, now)

    def of_newcomer(self, queue: str, now: float, *, enqueued_at: float | None = None) -> Estimate:
        """How long a call would be likely to wait that came now, to the place of `enqueued_at`.

        Raises `UnknownQueueError`.
        """
        standing = self._distributor.standing_of_newcomer(queue, now, enqueued_at=enqueued_at)
        if standing.free:
            return AT_ONCE
        return self._estimator.estimate(queue, standing.ahead, standing.servers)

    def error(self, queue: str) -> BackTest:
        """How good this queue's last estimates were."""
        return self._estimator.error(queue)
