"""Who may dial what, and what it leads to: the dialling plan. Sans-IO.

A number is looked at in this order, and the first that knows it decides:

1. emergency numbers, for everybody and at any time, also behind what a rule would strip;
2. a locked seat, which reaches nothing else;
3. names: an agent's, a queue's, or `agent:`, `queue:`, `service:` and a name;
4. forbidden numbers;
5. numbers inside: feature codes, park slots, extensions, the numbers of `[[route]]`s;
6. `[[dialling.rule]]`s in the order of the file: the first that fits, that he may use, and
   whose hours it is.

So the house is open inside, and closed to the outside until a rule opens it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import Final

import msgspec

from ccd.acd.overflow.calendar import OpeningHours
from ccd.config import DiallingRule, Settings
from ccd.control.destinations import (
    Destination,
    DiallingRefused,
    Feature,
    FeatureName,
    Outside,
    Refusal,
    ToAgent,
    ToQueue,
    ToService,
)
from ccd.settings.dial_patterns import Pattern, bare, is_number, parse_pattern, parse_slots
from ccd.settings.dial_targets import Kind, RuleTarget, as_sent, parse_rule_target
from ccd.sip.trunks import Trunks

__all__ = [
    "Destination",
    "DiallingPlan",
    "DiallingRefused",
    "Explanation",
    "Feature",
    "FeatureName",
    "Outside",
    "Progress",
    "Refusal",
    "Step",
    "ToAgent",
    "ToQueue",
    "ToService",
]

MOST_REDIRECTIONS: Final = 8
"""`dial:` rules after each other. Circles are refused when settings are read; this is for those
that were never checked."""


class Progress(StrEnum):
    """How far somebody has come who dials digit by digit."""

    NOTHING = "nothing"
    """No number begins like this."""
    INCOMPLETE = "incomplete"
    """Every number that begins like this is longer."""
    ENOUGH = "enough"
    """This is a number, and so is a longer one: wait a little for the next digit."""
    COMPLETE = "complete"
    """This is a number, and none is longer."""


class Step(msgspec.Struct, frozen=True):
    """What was looked at for a number, whether it decided, and why or why not."""

    what: str
    decided: bool
    why: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """How a number was looked at. Either `destination` or `refused` and `message` are there."""

    number: str
    steps: tuple[Step, ...]
    destination: Destination | None = None
    refused: Refusal | None = None
    message: str = ""


class _Rule(msgspec.Struct, frozen=True):
    """A rule of the settings, understood."""

    number: int
    """Its place in the file, from 1."""
    pattern: Pattern
    target: RuleTarget
    settings: DiallingRule

    def __str__(self) -> str:
        return f"rule {self.number} ({self.settings.number})"

    @property
    def leads_outside(self) -> bool:
        return self.target.kind is Kind.OUTSIDE

    @property
    def audience(self) -> str:
        """Whom it is for, in words."""
        groups = (
            ("role", self.settings.roles),
            ("agent", self.settings.agents),
            ("class", self.settings.classes),
        )
        named = [f"{what} {name}" for what, names in groups for name in names]
        everybody = "everybody who is logged on" if self.leads_outside else "everybody"
        return " or ".join(named) or everybody


class _Dialler(msgspec.Struct, frozen=True):
    """Who dials, and when."""

    agent: str | None
    role: str
    service_class: str
    locked: bool
    at: float

    @property
    def logged_on(self) -> bool:
        return self.agent is not None or bool(self.role)

    def __str__(self) -> str:
        named = [f"agent {self.agent}"] if self.agent is not None else []
        named += [f"role {self.role}"] if self.role else []
        named += [f"class {self.service_class}"] if self.service_class else []
        return ", ".join(named) or "a phone at which nobody is logged on"


class DiallingPlan:
    """The plan of one state of the settings; a change of them wants a new one.

    The settings must have been checked (`ccd.settings.load`): a pattern that cannot be read
    raises ValueError here.
    """

    def __init__(self, settings: Settings) -> None:
        self._dialling = dialling = settings.dialling
        self._classes = {agent.name: agent.class_of_service for agent in settings.agent}
        self._queues = frozenset(queue.name for queue in settings.queue)
        self._services = frozenset(route.dnis for route in settings.route) - {"*"}
        self._forbidden = [
            (parse_pattern(entry.number), entry.number, entry.reason)
            for entry in dialling.forbidden
        ]
        self._rules = [
            _Rule(number, parse_pattern(rule.number), parse_rule_target(rule.to), rule)
            for number, rule in enumerate(dialling.rule, start=1)
        ]
        self._hours = {calendar.name: OpeningHours(calendar) for calendar in settings.calendar}
        self._emergency_trunks = _callable_trunks(settings)
        self._emergency = {number: number for number in dialling.emergency} | {
            prefix + number: number
            for prefix in dialling.emergency_prefixes
            for number in dialling.emergency
        }
        self._inside = dict(_numbers_inside(settings))
        self._in_order = sorted((*self._inside, *self._emergency))

    def resolve(
        self, dialled: str, *, agent: str | None, role: str, at: float, locked: bool = False
    ) -> Destination:
        """Say what somebody is led to who dials this.

        `dialled` is a number, with or without separators, or a name. `agent` is None and
        `role` empty for a phone at which nobody is logged on: it reaches the house and
        emergency numbers. `at`: seconds since the epoch, for rules with hours. Raises
        `DiallingRefused`, and for no text anything else.
        """
        dialler = self._dialler(agent, role, at, locked=locked)
        return self._resolve(dialled, dialler, [], MOST_REDIRECTIONS)

    def explain(
        self, dialled: str, *, agent: str | None, role: str, at: float, locked: bool = False
    ) -> Explanation:
        """`resolve`, with every step of it; a refusal is returned, not raised."""
        dialler = self._dialler(agent, role, at, locked=locked)
        steps: list[Step] = []
        number = bare(dialled)
        try:
            destination = self._resolve(dialled, dialler, steps, MOST_REDIRECTIONS)
        except DiallingRefused as refused:
            return Explanation(
                number=number, steps=tuple(steps), refused=refused.code, message=refused.message
            )
        return Explanation(number=number, steps=tuple(steps), destination=destination)

    def progress(self, dialled: str) -> Progress:
        """Say whether a number that is dialled digit by digit (ECMA-269, dial digits) is one by now.

        Who dials plays no part: he is told what he may not do when his number is complete.
        """
        number = bare(dialled)
        if self._emergency_number(number) is not None:
            return Progress.COMPLETE
        patterns = [rule.pattern for rule in self._rules]
        known = number in self._inside or any(
            pattern.fits(number)
            for pattern in chain(patterns, (pattern for pattern, _, _ in self._forbidden))
        )
        longer = self._longer_inside(number) or any(
            pattern.may_grow_to_fit(number) for pattern in patterns
        )
        if not is_number(number) and number:
            return Progress.NOTHING
        if known:
            return Progress.ENOUGH if longer else Progress.COMPLETE
        return Progress.INCOMPLETE if longer else Progress.NOTHING

    def is_emergency(self, dialled: str) -> bool:
        """Whether this is a call for help, which is let through whatever the load."""
        return self._emergency_number(bare(dialled)) is not None

    def is_complete(self, dialled: str) -> bool:
        """Whether this is a number, and no longer one begins with it."""
        return self.progress(dialled) is Progress.COMPLETE

    def _dialler(self, agent: str | None, role: str, at: float, *, locked: bool) -> _Dialler:
        service_class = self._classes.get(agent, "") if agent is not None else ""
        return _Dialler(agent, role, service_class, locked, at)

    def _resolve(
        self, dialled: str, dialler: _Dialler, steps: list[Step], redirections: int
    ) -> Destination:
        number = bare(dialled)
        emergency = self._emergency_number(number)
        if emergency is not None:
            steps.append(Step("emergency numbers", True, f"{emergency} is one, for everybody"))
            return self._help(emergency)
        steps.append(Step("emergency numbers", False, "it is none"))
        if dialler.locked:
            steps.append(Step("the seat", True, "it is locked"))
            raise DiallingRefused(
                Refusal.NOT_ALLOWED, "the seat is locked: only emergency numbers are called"
            )
        named = self._named(dialled.strip())
        if named is not None:
            steps.append(Step("names", True, f"it is the name of {named}"))
            return named
        if not number:
            raise DiallingRefused(Refusal.INCOMPLETE, "no number was dialled")
        if not is_number(number):
            raise DiallingRefused(
                Refusal.UNKNOWN_NUMBER, f"{dialled!r} is neither a number nor a name here"
            )
        self._refuse_forbidden(number, steps)
        inside = self._inside.get(number)
        if inside is not None:
            steps.append(Step("numbers inside", True, f"it is that of {inside}"))
            return inside
        steps.append(Step("numbers inside", False, "it is none of them"))
        return self._by_rule(number, dialler, steps, redirections)

    def _by_rule(
        self, number: str, dialler: _Dialler, steps: list[Step], redirections: int
    ) -> Destination:
        refusals = []
        for rule in self._rules:
            if not rule.pattern.fits(number):
                steps.append(Step(str(rule), False, "the pattern does not fit"))
                continue
            refusal = self._why_not(rule, dialler)
            if refusal:
                steps.append(Step(str(rule), False, refusal))
                refusals.append(f"{rule} {refusal}")
                continue
            steps.append(Step(str(rule), True, f"fits, for {rule.audience}: {rule.settings.to}"))
            return self._lead(rule, number, dialler, steps, redirections)
        if refusals:
            raise DiallingRefused(
                Refusal.NOT_ALLOWED, f"{number} may not be dialled: {'; '.join(refusals)}"
            )
        if self.progress(number) is Progress.INCOMPLETE:
            raise DiallingRefused(Refusal.INCOMPLETE, f"{number} is the beginning of a number")
        raise DiallingRefused(
            Refusal.UNKNOWN_NUMBER, f"{number} leads nowhere: no extension, code, service or rule"
        )

    def _why_not(self, rule: _Rule, dialler: _Dialler) -> str:
        """Why a rule that fits is not for him, or not now; empty where it is."""
        wanted = rule.settings
        if wanted.roles or wanted.agents or wanted.classes:
            may = (
                dialler.role in wanted.roles
                or dialler.agent in wanted.agents
                or (bool(dialler.service_class) and dialler.service_class in wanted.classes)
            )
        else:
            may = dialler.logged_on or not rule.leads_outside
        if not may:
            return f"is for {rule.audience}, not for {dialler}"
        if wanted.hours and not self._hours[wanted.hours].is_open(dialler.at):
            return f"is for the hours of calendar {wanted.hours} only"
        return ""

    def _lead(
        self, rule: _Rule, number: str, dialler: _Dialler, steps: list[Step], redirections: int
    ) -> Destination:
        target = rule.target
        match target.kind:
            case Kind.AGENT:
                return ToAgent(target.name)
            case Kind.QUEUE:
                return ToQueue(target.name)
            case Kind.SERVICE:
                return ToService(target.name)
            case Kind.DIAL:
                if not redirections:
                    raise DiallingRefused(Refusal.UNKNOWN_NUMBER, f"{rule} leads round in a circle")
                return self._resolve(target.name, dialler, steps, redirections - 1)
            case Kind.OUTSIDE:
                sent = as_sent(rule.settings, number)
                if not is_number(sent):
                    raise DiallingRefused(
                        Refusal.UNKNOWN_NUMBER, f"{rule} makes {sent!r} of {number}: no number"
                    )
                self._refuse_forbidden(sent, steps)
                return Outside(sent, rule.settings.trunks, rule.settings.ani or self._dialling.ani)

    def _refuse_forbidden(self, number: str, steps: list[Step]) -> None:
        for pattern, text, reason in self._forbidden:
            if pattern.fits(number):
                steps.append(Step("forbidden numbers", True, f"{text} fits {number}: {reason}"))
                raise DiallingRefused(Refusal.FORBIDDEN, f"{number} is forbidden: {reason}")
        steps.append(Step("forbidden numbers", False, f"{number} is none of them"))

    def _named(self, name: str) -> Destination | None:
        if name in self._classes:
            return ToAgent(name)
        if name in self._queues:
            return ToQueue(name)
        kind, _, rest = name.partition(":")
        if kind == Kind.AGENT and rest in self._classes:
            return ToAgent(rest)
        if kind == Kind.QUEUE and rest in self._queues:
            return ToQueue(rest)
        if kind == Kind.SERVICE and rest in self._services:
            return ToService(rest)
        return None

    def _emergency_number(self, number: str) -> str | None:
        """The emergency number that this is: as it stands, or as an outside rule would send it.

        Also by a rule that is not for him, or not now: `9110` is a call for help of whoever
        learnt that 9 is the outside line.
        """
        found = self._emergency.get(number)
        if found is not None:
            return found
        for rule in self._rules:
            if rule.leads_outside and rule.pattern.fits(number):
                sent = as_sent(rule.settings, number)
                if sent in self._dialling.emergency:
                    return sent
        return None

    def _help(self, number: str) -> Outside:
        ani = self._dialling.emergency_ani or self._dialling.ani
        return Outside(number, self._emergency_trunks, ani, emergency=True)

    def _longer_inside(self, number: str) -> bool:
        """Whether an inside or emergency number is longer than this one and begins with it."""
        place = bisect_right(self._in_order, number)
        return place < len(self._in_order) and self._in_order[place].startswith(number)


def _callable_trunks(settings: Settings) -> tuple[str, ...]:
    """Those for emergencies: the ones named for that, then every other that can be called."""
    peers = Trunks(settings.trunk).peers
    can = [name for name, found in peers.items() if any(peer.hop is not None for peer in found)]
    first = [name for name in settings.dialling.emergency_trunks if name in can]
    return tuple(dict.fromkeys((*first, *can)))


def _numbers_inside(settings: Settings) -> Iterator[tuple[str, Destination]]:
    """Yield every number that is dialled exactly so, with what it leads to."""
    dialling = settings.dialling
    for route in settings.route:
        if route.dnis != "*":
            yield route.dnis, ToService(route.dnis)
    for agent in settings.agent:
        if agent.extension:
            yield agent.extension, ToAgent(agent.name)
            if dialling.pickup:
                pickup = Feature(FeatureName.PICKUP, agent.name)
                yield dialling.pickup + agent.extension, pickup
    if dialling.pickup:
        yield dialling.pickup, Feature(FeatureName.PICKUP)
    if dialling.park:
        yield dialling.park, Feature(FeatureName.PARK)
    for slot in map(str, parse_slots(dialling.park_slots) if dialling.park_slots else ()):
        yield slot, Feature(FeatureName.UNPARK, slot)
        if dialling.park:
            yield dialling.park + slot, Feature(FeatureName.PARK, slot)
