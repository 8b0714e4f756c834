"""Where a contact goes that would wait too long: a queue's overflow rules, judged.

Sans-IO. The service asks when a contact comes to a queue, at the time it was told to ask
again, and, where a rule `watches_agents`, when the last agent leaves. Times are seconds since
the epoch: closing hours are, so waits are counted on the same clock.

A rule holds when all its conditions do. `length` and `ewt_s` are judged by how it stood when
the contact came, and keep their answer; `wait_s`, `closed` and `no_agents` are judged anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ccd.acd.overflow.calendar import OpeningHours
from ccd.config import Overflow, Queue
from ccd.settings.targets import (
    Target,
    ToCallback,
    ToGoodbye,
    ToNumber,
    ToQueue,
    ToVoicemail,
    parse_target,
)

__all__ = [
    "Arrival",
    "Journey",
    "Look",
    "Overflows",
    "Target",
    "ToCallback",
    "ToGoodbye",
    "ToNumber",
    "ToQueue",
    "ToVoicemail",
    "Way",
    "parse_target",
]


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """How it stood with a queue when a contact came to it."""

    at: float
    length: int
    """How many waited already."""
    ewt_s: float | None = None
    """How long it was likely (P50) to wait; None: nothing could be said."""


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """Where a contact has been; it carries this, so that no change of settings sends it back."""

    queues: tuple[str, ...] = ()
    """Every queue that it has waited in, the present one included."""
    failed: frozenset[str] = frozenset()
    """The `to` of rules that could not be followed (no channel free, no answer), in this queue."""

    def entered(self, queue: str) -> Journey:
        """Return the journey of a contact that now waits in this queue."""
        if queue in self.queues:  # brought back by a person, who may
            return Journey(queues=self.queues)
        return Journey(queues=(*self.queues, queue))

    def could_not(self, to: str) -> Journey:
        """Return the journey of a contact that could not go there: it stays, other rules may hold."""
        return Journey(queues=self.queues, failed=self.failed | {to})


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that holds, where it leads, and why: in words, and in the figures it was judged by."""

    rule: Overflow
    target: Target
    why: str
    facts: dict[str, str | int | float]


class Look(msgspec.Struct, frozen=True):
    """What was found: the way out, if there is one now; else when to look again, if time can bring one."""

    way: Way | None
    again_at: float | None


class Overflows:
    """One queue's rules, with its hours (None: always open).

    Raises ValueError where a rule's `to` cannot be read.
    """

    def __init__(self, queue: Queue, hours: OpeningHours | None = None) -> None:
        self.queue = queue.name
        self._hours = hours
        self._rules = [(rule, parse_target(rule.to, rule.trunk)) for rule in queue.overflow]
        self.watches_agents = any(rule.no_agents for rule in queue.overflow)

    def look(self, arrival: Arrival, journey: Journey, *, at: float, agents: int) -> Look:
        """Judge the rules at the time `at`, with so many agents logged on who serve the queue.

        The first rule that holds is the way. With none, `again_at` is the earliest time at which
        one may, if agents are (or are not) there by then: later than `at`, so that asking again
        comes to an end.
        """
        skipped: list[str] = []
        again_at: float | None = None
        for rule, target in self._rules:
            if not self._fits(rule, arrival):
                continue
            due = self._due(rule, arrival, at)
            if due is None:
                continue
            if due > at:
                if not self._barred(target, rule, journey):
                    again_at = due if again_at is None else min(due, again_at)
                continue
            if rule.no_agents and agents:
                continue
            if self._barred(target, rule, journey):
                skipped.append(rule.to)
                continue
            return Look(self._way(rule, target, arrival, at, skipped), None)
        return Look(None, again_at)

    @staticmethod
    def _fits(rule: Overflow, arrival: Arrival) -> bool:
        """Whether the conditions hold that were settled when the contact came."""
        if rule.length is not None and arrival.length < rule.length:
            return False
        return rule.ewt_s is None or (arrival.ewt_s is not None and arrival.ewt_s >= rule.ewt_s)

    def _due(self, rule: Overflow, arrival: Arrival, at: float) -> float | None:
        """Return from when on, `at` or later, the conditions hold that time brings; None: never."""
        due = at if rule.wait_s is None else max(at, arrival.at + rule.wait_s)
        if not rule.closed:
            return due
        if self._hours is None:
            return None
        return self._hours.closes_at(due) if self._hours.is_open(due) else due

    def _barred(self, target: Target, rule: Overflow, journey: Journey) -> bool:
        """Whether this contact cannot go there: it has been, or could not go when it tried."""
        if isinstance(target, ToQueue) and target.queue in (self.queue, *journey.queues):
            return True
        return rule.to in journey.failed

    def _way(
        self, rule: Overflow, target: Target, arrival: Arrival, at: float, skipped: Iterable[str]
    ) -> Way:
        facts: dict[str, str | int | float] = {"to": rule.to}
        reasons = " and ".join(self._reasons(rule, arrival, at, facts))
        passed = ", ".join(skipped)
        if passed:
            facts["skipped"] = passed
        why = f"{reasons}: {target}"
        return Way(rule=rule, target=target, why=why, facts=facts)

    def _reasons(
        self,
        rule: Overflow,
        arrival: Arrival,
        at: float,
        facts: dict[str, str | int | float],
    ) -> Iterator[str]:
        """Yield each condition that held, in words, and note its figures in `facts`."""
        if rule.wait_s is not None:
            waited = round(at - arrival.at, 1)
            facts |= {"waited_s": waited, "wait_s": rule.wait_s}
            yield f"has waited {waited:g} s ({rule.wait_s:g} s is the most)"
        if rule.length is not None:
            facts |= {"waiting": arrival.length, "length": rule.length}
            yield f"{arrival.length} waited already ({rule.length} is the most)"
        if rule.ewt_s is not None and arrival.ewt_s is not None:
            likely = round(arrival.ewt_s, 1)
            facts |= {"likely_s": likely, "ewt_s": rule.ewt_s}
            yield f"was likely to wait {likely:g} s ({rule.ewt_s:g} s is the most)"
        if rule.closed and self._hours is not None:
            opens_at = self._hours.opens_at(at)
            facts["calendar"] = self._hours.name
            if opens_at is None:
                yield "closed"
            else:
                facts["opens_at"] = opens_at
                yield f"closed until {self._hours.local(opens_at):%a %Y-%m-%d %H:%M}"
        if rule.no_agents:
            facts["agents"] = 0
            yield "nobody is logged on"
