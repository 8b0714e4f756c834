"""With whom a customer spoke last: so that he may speak with the same person again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ccd.acd.anonymity import is_anonymous

LIMIT = 500_000
"""Customers remembered; then the one heard of longest ago is forgotten."""

DAY_S = 86_400.0


class LastAgents:
    """Remembers for `days`; times are seconds since the epoch."""

    def __init__(self, days: float, *, limit: int = LIMIT) -> None:
        self._keep_s = days * DAY_S
        self._limit = limit
        self._spoke: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._spoke)

    def spoke(self, customer: str, agent: str, at: float) -> None:
        """They spoke with each other."""
        if is_anonymous(customer):
            return
        self._spoke[customer] = (agent, at)
        self._spoke.move_to_end(customer)
        if len(self._spoke) > self._limit:
            self._spoke.popitem(last=False)

    def of(self, customer: str, at: float) -> str | None:
        """The agent with whom this customer spoke last, if that was not too long ago."""
        agent, spoken = self._spoke.get(customer, (None, 0.0))
        return agent if at - spoken <= self._keep_s else None

    def restore(self, conversations: Iterable[tuple[str, str, float]]) -> None:
        """Take up what earlier runs knew: customer, agent and time, oldest first."""
        for customer, agent, at in conversations:
            self.spoke(customer, agent, at)
