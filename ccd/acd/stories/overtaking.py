"""Who went before a contact although he came later, and why (sans-IO).

The order itself is in `ccd.acd.order`: a smaller due time goes first. So one who overtook
either was due sooner (his class, his deadline), or got an agent who could not have had this
contact at that time: the agent was the one whom he waited for, or this contact waited for
somebody else, or the agent lacks what it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from ccd.acd.steps import Step
from ccd.events import CallbackResolved, CallCleared, Event, Queued, Routed

_ENDS_WAIT = frozenset({Step.ASSIGNED, Step.REMOVED, Step.OVERFLOWED, Step.CONNECTED})
_PLACES = frozenset({Step.ENQUEUED, Step.MOVED, Step.RETURNED, Step.REDIALLED})
PERSONAL_PHASES = ("adviser ", "last agent ", "agent ")
"""How a phase is called in which one agent alone will do (`ccd.acd.phases`)."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A stretch of time in which a contact waited in one queue; seconds since the epoch."""

    queue: str
    begin: float
    end: float


class Overtaking(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who came later and was given to an agent earlier."""

    contact: str
    at: float
    """When he was given to an agent, seconds since the epoch."""
    after_s: float
    """The same, from the beginning of the story."""
    came_later_s: float
    """By how much he came later."""
    agent: str | None
    queue: str
    reason: str
    """`class`, `urgent`, `due`, `his_agent`, `waited_for_one`, or `skills`."""
    why: str
    """The reason for people: `VIP, head start 120 s`."""
    facts: dict[str, str | int | float] = {}


@dataclass(slots=True)
class _Known:
    """What is known of a contact's place, from its latest steps."""

    came_at: float
    facts: dict[str, str | int | float] = field(default_factory=dict)
    urgent: bool = False

    def number(self, name: str) -> float | None:
        value = self.facts.get(name)
        return float(value) if isinstance(value, int | float) else None

    @property
    def phase(self) -> str:
        return str(self.facts.get("phase", ""))

    def learn(self, event: Routed) -> None:
        self.facts = {**self.facts, **event.facts}
        self.urgent = self.urgent or event.step == Step.URGENT


def waits(events: Sequence[Event]) -> tuple[Wait, ...]:
    """The stretches in which a contact waited, from its own events, oldest first.

    One that it still waits in ends with the newest event given.
    """
    found: list[Wait] = []
    queue, begin = "", 0.0
    for event in events:
        if (isinstance(event, Routed) and event.step in _ENDS_WAIT) or isinstance(
            event, CallCleared | CallbackResolved
        ):
            into = None
        elif isinstance(event, Queued):
            into = event.queue
        elif isinstance(event, Routed) and event.step in _PLACES:
            into = event.queue or queue
        else:
            continue
        if into == queue:
            continue
        if queue:
            found.append(Wait(queue, begin, event.at))
        queue, begin = into or "", event.at
    if queue:
        found.append(Wait(queue, begin, events[-1].at))
    return tuple(found)


def overtakings(
    own: Collection[str], events: Sequence[Event], others: Sequence[Routed], began: float
) -> tuple[Overtaking, ...]:
    """Who overtook the contact of these `events`; `others` are steps of others meanwhile.

    `own` are its names: its own, and those of calls made for it.

    `began` is when the story began. Whoever came earlier, or has kept an
    earlier place (a callback, a redial), overtakes nobody.
    """
    mine: _Known | None = None
    waiting_in: str | None = None
    known: dict[str, _Known] = {}
    found: list[Overtaking] = []
    for event in sorted((*events, *others), key=lambda event: event.seq):
        if isinstance(event, Routed) and event.contact not in own:
            other = known.get(event.contact)
            if other is None:
                if event.step not in _PLACES:
                    continue  # he was there before the story began, so he came first
                other = known[event.contact] = _Known(came_at=event.at)
            other.learn(event)
            if (
                event.step == Step.ASSIGNED
                and mine is not None
                and event.queue == waiting_in
                and (later := _came_later(other, mine)) > 0
            ):
                reason, why = _reason(mine, other, event.agent or "the agent")
                found.append(
                    Overtaking(
                        contact=event.contact,
                        at=event.at,
                        after_s=event.at - began,
                        came_later_s=later,
                        agent=event.agent,
                        queue=event.queue or "",
                        reason=reason,
                        why=why,
                        facts=other.facts,
                    )
                )
        elif isinstance(event, Routed | Queued):
            if mine is None:
                mine = _Known(came_at=event.at)
            if isinstance(event, Queued):
                waiting_in = event.queue
                continue
            mine.learn(event)
            if event.step in _ENDS_WAIT:
                waiting_in = None
            elif event.step in _PLACES:
                waiting_in = event.queue
        elif isinstance(event, CallCleared | CallbackResolved):
            waiting_in = None
    return tuple(found)


def _came_later(other: _Known, mine: _Known) -> float:
    """By how many seconds the other came later; by the places they hold, where both are known."""
    theirs, ours = other.number("enqueued_at"), mine.number("enqueued_at")
    if theirs is not None and ours is not None:
        return theirs - ours
    return other.came_at - mine.came_at


def _reason(mine: _Known, other: _Known, agent: str) -> tuple[str, str]:
    """Why the other went first: a word, and words."""
    theirs, ours = other.number("due"), mine.number("due")
    if theirs is not None and ours is not None and theirs < ours:
        if other.urgent and not mine.urgent:
            return "urgent", "its deadline is near"
        head_start = other.number("head_start_s") or 0.0
        if head_start > (mine.number("head_start_s") or 0.0):
            name = str(other.facts.get("customer_class") or "a class of customer")
            return "class", f"{name}, head start {head_start:g} s"
        return "due", f"due {ours - theirs:.1f} s sooner"
    if other.phase.startswith(PERSONAL_PHASES):
        return "his_agent", f"waited for {other.phase}"
    if mine.phase.startswith(PERSONAL_PHASES):
        return "waited_for_one", f"this one waited for {mine.phase} then"
    needed = mine.phase or "what this one needs"
    return "skills", f"{agent} has not what this one needed then ({needed})"
