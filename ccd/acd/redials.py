"""Redial storms: who calls again after he gave up is one customer, and has his place back. Sans-IO.

When the market opens and lines are long, callers hang up and dial again. Counted as calls,
five attempts of one man are five customers lost; treated as new, he is sent to the end of
the line each time. Here he is one customer for as long as no more than `window_s` passes
between what he does, and what he left in a queue waits for him:

    redials.arrived("138...", "orders", now=0.0)                     # None: he is new
    redials.left("138...", "orders", enqueued_at=0.0, now=40.0)      # he gave up
    redials.arrived("138...", "orders", now=60.0)                    # 0.0: the place he had

A place is taken back once. A second call of the same customer at the same time finds
nothing left of it, so one customer never stands in a line twice with one claim. Whoever was
served has no claim any more.

Memory is bounded twice: by time (`get_timer`, `handle_timer`), and by `limit` customers, of
whom the one not heard of for the longest is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import NamedTuple

import msgspec

from ccd.acd.anonymity import is_anonymous

LIMIT = 100_000
"""Customers remembered at once: 70 MB (measured), or 160 new ones a second over ten minutes."""


class RedialFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted since the beginning, or since `new_day`."""

    calls: int = 0
    customers: int = 0
    """Unique ones; a caller without a number is one each time, for nobody can say otherwise."""
    places_kept: int = 0
    """How often somebody had his place back."""

    @property
    def redials(self) -> int:
        """Calls of customers who had been counted already."""
        return self.calls - self.customers


class _Place(NamedTuple):
    enqueued_at: float
    until: float
    """When the claim ends."""


class _Customer:
    """One number that was heard of within the window."""

    __slots__ = ("places", "seen", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.seen: dict[str, float] = {}
        """Queue -> until when a call to it is a redial."""
        self.places: dict[str, _Place] = {}


class _Count:
    __slots__ = ("calls", "customers", "places_kept")

    def __init__(self) -> None:
        self.calls = self.customers = self.places_kept = 0


class Redials:
    """Remembers, for `window_s`, who called and what place he left (see the module).

    `now` and `enqueued_at` are seconds on one clock, which does not go back. With a window of 0
    nobody is remembered: every call is a customer.
    """

    def __init__(self, window_s: float, *, limit: int = LIMIT) -> None:
        if window_s < 0 or limit < 1:
            raise ValueError(
                f"a window of {window_s} s for {limit} customers: neither below its least"
            )
        self._window = window_s
        self._limit = limit
        self._customers: OrderedDict[str, _Customer] = OrderedDict()  # least recent first
        self._total = _Count()
        self._queues: defaultdict[str, _Count] = defaultdict(_Count)

    # --- what happened ------------------------------------------------------------------

    def arrived(self, customer: str, queue: str, now: float) -> float | None:
        """A customer comes to a queue: count him; return the `enqueued_at` that he has back.

        None where he has no claim to a place there: he is new, or too late, or anonymous, or
        another call of his took it.
        """
        self.handle_timer(now)
        total, here = self._total, self._queues[queue]
        total.calls += 1
        here.calls += 1
        if not self._is_known(customer):
            total.customers += 1
            here.customers += 1
            return None
        known = self._customers.get(customer)
        total.customers += known is None
        here.customers += known is None or known.seen.get(queue, now) <= now
        known = self._heard_of(customer, queue, now)
        place = known.places.pop(queue, None)
        if place is None or place.until <= now:
            return None
        total.places_kept += 1
        here.places_kept += 1
        return place.enqueued_at

    def left(self, customer: str, queue: str, enqueued_at: float, now: float) -> None:
        """A customer gave up waiting; for a while the place that he had is his.

        Where two calls of his gave up, the better place is: he is one customer.
        """
        self.handle_timer(now)
        if not self._is_known(customer):
            return
        known = self._heard_of(customer, queue, now)
        before = known.places.get(queue)
        if before is not None and before.until > now:
            enqueued_at = min(enqueued_at, before.enqueued_at)
        known.places[queue] = _Place(enqueued_at, now + self._window)

    def served(self, customer: str, queue: str, now: float) -> None:
        """An agent spoke with him: what he left behind, in any queue, is claimed no more."""
        self.handle_timer(now)
        if self._is_known(customer) and customer in self._customers:
            self._heard_of(customer, queue, now).places.clear()

    # --- the seam -----------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        return next(iter(self._customers.values())).until if self._customers else None

    def handle_timer(self, now: float) -> None:
        """Forget whom nobody heard of for the length of the window."""
        customers = self._customers
        while customers:
            name, known = next(iter(customers.items()))
            if known.until > now:
                return
            del customers[name]

    # --- what is so ---------------------------------------------------------------------

    def __len__(self) -> int:
        """How many customers are remembered."""
        return len(self._customers)

    def figures(self, queue: str | None = None) -> RedialFigures:
        """What was counted of one queue; without a queue, in all: there, who tried two is one."""
        count = self._total if queue is None else self._queues.get(queue, _Count())
        return RedialFigures(
            calls=count.calls, customers=count.customers, places_kept=count.places_kept
        )

    def new_day(self) -> None:
        """Count from nothing again. Places are kept; who is still remembered counts with yesterday."""
        self._total = _Count()
        self._queues.clear()

    # --- inside -------------------------------------------------------------------------

    def _is_known(self, customer: str) -> bool:
        """Whether this is somebody who can be remembered."""
        return self._window > 0 and not is_anonymous(customer)

    def _heard_of(self, customer: str, queue: str, now: float) -> _Customer:
        known = self._customers.get(customer)
        if known is None:
            if len(self._customers) >= self._limit:
                self._customers.popitem(last=False)
            known = self._customers[customer] = _Customer()
        self._customers.move_to_end(customer)
        known.until = known.seen[queue] = now + self._window
        return known
