"""`[dialling]`: patterns that can fit, targets that there are, and rules that somebody can reach."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TypeVar

from ccd.config import DiallingRule, Settings, Trunk
from ccd.settings.dial_patterns import Pattern, exactly, is_number, parse_pattern, parse_slots
from ccd.settings.dial_targets import Kind, RuleTarget, as_sent, parse_rule_target
from ccd.settings.loops import loops
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import known
from ccd.settings.rules.trunks import callable_trunk

ROLES = ("agent", "supervisor", "qa", "admin")
"""Of `ccd.cti.catalogue.Role`, which stands above us; a test holds them together."""

NUMBER = "digits only, + before them"

T = TypeVar("T")
Places = Mapping[int, Pattern]
"""The patterns of rules that could be read, by their place in the file."""


def emergency(settings: Settings) -> Iterator[Problem]:
    """Numbers for help that can be dialled, and trunks that take them."""
    dialling = settings.dialling
    if not dialling.emergency:
        mend = "leave it out for 110, 119, 120, 122 and 112"
        yield Problem(("dialling", "emergency"), "is empty, so nobody could call for help", mend)
    for name in ("emergency", "emergency_prefixes"):
        for place, number in enumerate(getattr(dialling, name)):
            if not is_number(number):
                mend = "digits only"
                yield Problem(("dialling", name, place), f'"{number}" is no number', mend)
    trunks = {trunk.name: trunk for trunk in settings.trunk}
    for place, trunk in enumerate(dialling.emergency_trunks):
        yield from callable_trunk(("dialling", "emergency_trunks", place), trunk, trunks)


def numbers(settings: Settings) -> Iterator[Problem]:
    """Numbers that are shown; and those dialled inside, each of which leads to one thing."""
    dialling = settings.dialling
    for name in ("ani", "emergency_ani"):
        yield from _shown(("dialling", name), getattr(dialling, name))
    taken: dict[str, str] = {}
    for key, number, what in _inside(settings):
        if not is_number(number):
            yield Problem(key, f'"{number}" is no number', NUMBER)
        elif number in taken:
            mend = "give each its own"
            yield Problem(key, f'"{number}" is the number of {taken[number]} already', mend)
        elif key[0] != "route" and (help_number := _cut_short_by(number, settings)):
            mend = f"whoever dials it reaches {help_number}: take another"
            yield Problem(key, f'"{number}" begins like an emergency number', mend)
        taken.setdefault(number, what)
    yield from _read(("dialling", "park_slots"), _slots, dialling.park_slots)
    if not settings.control.park_timeout_s > 0:
        mend = "seconds, more than 0; leave it out for 120"
        yield Problem(("control", "park_timeout_s"), "leaves nobody the time to take a call", mend)
    codes = [dialling.pickup, dialling.park]
    if all(codes) and (codes[0].startswith(codes[1]) or codes[1].startswith(codes[0])):
        mend = "numbers stand after both of them"
        yield Problem(
            ("dialling", "park"), f'"{dialling.park}" and "{dialling.pickup}" begin alike', mend
        )


def rules(settings: Settings) -> Iterator[Problem]:
    """Forbidden numbers with reasons; rules that fit, lead somewhere, and are reached."""
    forbidden: dict[int, Pattern] = {}
    for place, entry in enumerate(settings.dialling.forbidden):
        key = ("dialling", "forbidden", place)
        pattern = yield from _read((*key, "number"), parse_pattern, entry.number)
        if pattern is not None:
            forbidden[place] = pattern
        if not entry.reason.strip():
            mend = "who dials it wants to know why"
            yield Problem((*key, "reason"), "is empty", mend)
    patterns: dict[int, Pattern] = {}
    for place, rule in enumerate(settings.dialling.rule):
        key = ("dialling", "rule", place)
        pattern = yield from _read((*key, "number"), parse_pattern, rule.number)
        if pattern is not None:
            yield from _reached(key, place, pattern, settings, patterns, forbidden)
            patterns[place] = pattern
        target = yield from _read((*key, "to"), parse_rule_target, rule.to)
        if target is not None:
            yield from _target(key, rule, target, pattern, settings)
        yield from _audience(key, rule, settings)
    yield from _circles(settings, patterns)


def warnings(settings: Settings) -> Iterator[Problem]:
    """Yield what is no mistake, and yet not what somebody wants who has looked at it."""
    trunks = {trunk.name: trunk for trunk in settings.trunk}
    if not any(not list(callable_trunk((), name, trunks)) for name in trunks):
        mend = "give a [[trunk]] a peer with a port"
        yield Problem(("dialling", "emergency"), "leads nowhere: no trunk that can be called", mend)
    read = [
        (place, rule, parse_pattern(rule.number))
        for place, rule in enumerate(settings.dialling.rule)
    ]
    for number, (place, rule, pattern) in enumerate(read):
        for before, other, earlier in read[:number]:
            apart = not pattern.meets(earlier) or earlier.covers(pattern) or pattern.covers(earlier)
            if not apart and (rule.to, rule.trunks) != (other.to, other.trunks):
                yield Problem(
                    ("dialling", "rule", place, "number"),
                    f'"{rule.number}" has numbers in common with rule {before + 1} '
                    f'("{other.number}"), which has them first',
                    "write them so that each number is in one of them",
                )


def _inside(settings: Settings) -> Iterator[tuple[Key, str, str]]:
    """Yield every number that is dialled exactly so: where it stands, and whose it is."""
    dialling = settings.dialling
    for place, route in enumerate(settings.route):
        if route.dnis != "*" and is_number(route.dnis):  # a name is dialled by callers only
            yield ("route", place, "dnis"), route.dnis, f"route {route.dnis}"
    for name in ("pickup", "park"):
        code = getattr(dialling, name)
        if code:
            yield ("dialling", name), code, f"dialling.{name}"
    if _is_slots(dialling.park_slots):
        for slot in parse_slots(dialling.park_slots):
            yield ("dialling", "park_slots"), str(slot), f"park slot {slot}"
    for place, agent in enumerate(settings.agent):
        if is_number(agent.name):  # a name of digits is dialled like an extension
            yield ("agent", place, "name"), agent.name, f"agent {agent.name}"
        if agent.extension and agent.extension != agent.name:
            yield ("agent", place, "extension"), agent.extension, f"agent {agent.name}"


def _cut_short_by(number: str, settings: Settings) -> str:
    """The emergency number that is reached before all of this one is dialled; else empty."""
    dialling = settings.dialling
    for prefix in ("", *dialling.emergency_prefixes):
        for emergency_number in dialling.emergency:
            if emergency_number and number.startswith(prefix + emergency_number):
                return prefix + emergency_number
    for rule in dialling.rule:
        sent = as_sent(rule, number) if rule.to == Kind.OUTSIDE else ""
        if sent in dialling.emergency and _fits(rule.number, number):
            return number
    return ""


def _fits(pattern: str, number: str) -> bool:
    try:
        return parse_pattern(pattern).fits(number)
    except ValueError:
        return False  # a mistake already, and told where it stands


def _reached(
    key: Key,
    place: int,
    pattern: Pattern,
    settings: Settings,
    before: Places,
    forbidden: Places,
) -> Iterator[Problem]:
    """A rule is there for somebody: no other has all of its numbers for all of its people."""
    rule = settings.dialling.rule[place]
    for other, earlier in before.items():
        if earlier.covers(pattern) and _as_wide(settings.dialling.rule[other], rule):
            mend = "move it up, or take it away"
            yield Problem(
                (*key, "number"),
                f'"{rule.number}" is never reached: rule {other + 1} '
                f'("{settings.dialling.rule[other].number}") has all its numbers',
                mend,
            )
            return
    for other, pattern_of in forbidden.items():
        if pattern_of.covers(pattern):
            text = settings.dialling.forbidden[other].number
            mend = "leave one of them out"
            yield Problem((*key, "number"), f'"{rule.number}" is forbidden by "{text}"', mend)
            return
    for _, number, what in _inside(settings):
        if exactly(number).covers(pattern):
            mend = "take another number"
            yield Problem((*key, "number"), f'"{rule.number}" is the number of {what}', mend)
            return
    for number in settings.dialling.emergency:
        if exactly(number).covers(pattern):
            mend = "it needs no rule"
            yield Problem((*key, "number"), f'"{rule.number}" is an emergency number', mend)
            return


def _as_wide(earlier: DiallingRule, later: DiallingRule) -> bool:
    """Whether the earlier rule is for everybody, and every time, that the later one is for."""
    if earlier.hours and earlier.hours != later.hours:
        return False
    for_all = not (earlier.roles or earlier.agents or earlier.classes)
    if for_all:
        # Outside that is whoever is logged on; a rule inside is also for phones without anybody.
        return earlier.to != Kind.OUTSIDE or later.to == Kind.OUTSIDE or _named(later)
    return _named(later) and all(
        set(getattr(later, name)) <= set(getattr(earlier, name))
        for name in ("roles", "agents", "classes")
    )


def _named(rule: DiallingRule) -> bool:
    return bool(rule.roles or rule.agents or rule.classes)


def _target(
    key: Key,
    rule: DiallingRule,
    target: RuleTarget,
    pattern: Pattern | None,
    settings: Settings,
) -> Iterator[Problem]:
    trunks = {trunk.name: trunk for trunk in settings.trunk}
    match target.kind:
        case Kind.OUTSIDE:
            yield from _outside(key, rule, pattern, trunks)
            return
        case Kind.AGENT:
            names = dict.fromkeys(agent.name for agent in settings.agent)
            yield from known((*key, "to"), target.name, "agent", names)
        case Kind.QUEUE:
            names = dict.fromkeys(queue.name for queue in settings.queue)
            yield from known((*key, "to"), target.name, "queue", names)
        case Kind.SERVICE:
            names = dict.fromkeys(route.dnis for route in settings.route if route.dnis != "*")
            yield from known((*key, "to"), target.name, "route", names)
        case Kind.DIAL:
            if not _leads_somewhere(target.name, settings):
                mend = "there is no extension, code, route or rule for it"
                yield Problem((*key, "to"), f'"{rule.to}" leads nowhere', mend)
    for name in ("trunks", "strip", "prefix", "ani"):
        if getattr(rule, name):
            mend = f"leave it out: {rule.to} needs none"
            yield Problem((*key, name), "is for `outside` only", mend)


def _outside(
    key: Key, rule: DiallingRule, pattern: Pattern | None, trunks: Mapping[str, Trunk]
) -> Iterator[Problem]:
    if not rule.trunks:
        mend = "name the [[trunk]]s it is called through: trunks = [...]"
        yield Problem((*key, "trunks"), "is empty", mend)
    for place, trunk in enumerate(rule.trunks):
        yield from callable_trunk((*key, "trunks", place), trunk, trunks)
        if trunk in rule.trunks[:place]:
            yield Problem((*key, "trunks", place), f'"{trunk}" is there twice', "leave one")
    if rule.strip < 0:
        yield Problem((*key, "strip"), f"{rule.strip} is negative", "0 takes nothing away")
    elif pattern is not None and rule.strip >= pattern.shortest and not rule.prefix:
        mend = f"fewer than the {pattern.shortest} of the shortest number"
        yield Problem((*key, "strip"), f"{rule.strip} leaves nothing to dial", mend)
    elif rule.number.startswith(("+", "_+")) and rule.prefix and not rule.strip:
        yield Problem((*key, "prefix"), "comes before a +", "strip = 1 takes it away")
    if rule.prefix and not (rule.prefix == "+" or is_number(rule.prefix)):
        yield Problem((*key, "prefix"), f'"{rule.prefix}" is no number', NUMBER)
    yield from _shown((*key, "ani"), rule.ani)


def _audience(key: Key, rule: DiallingRule, settings: Settings) -> Iterator[Problem]:
    agents = dict.fromkeys(agent.name for agent in settings.agent)
    classes = dict.fromkeys(a.class_of_service for a in settings.agent if a.class_of_service)
    for name, what, there in (
        ("roles", "role", dict.fromkeys(ROLES)),
        ("agents", "agent", agents),
        ("classes", "class_of_service", classes),
    ):
        for place, each in enumerate(getattr(rule, name)):
            if each in there:
                continue
            if what == "class_of_service" and not there:
                mend = "give it to an [[agent]] as his class_of_service"
                yield Problem((*key, name, place), f'nobody is of class "{each}"', mend)
            else:
                yield from known((*key, name, place), each, what, there)
    if rule.hours:
        calendars = dict.fromkeys(calendar.name for calendar in settings.calendar)
        yield from known((*key, "hours"), rule.hours, "calendar", calendars)


def _leads_somewhere(number: str, settings: Settings) -> bool:
    dialling = settings.dialling
    return (
        number in dialling.emergency
        or any(number == inside for _, inside, _ in _inside(settings))
        or any(_fits(rule.number, number) for rule in dialling.rule)
    )


def _circles(settings: Settings, patterns: Places) -> Iterator[Problem]:
    """No `dial:` leads back to itself, whoever dials: rules may not be his, and so be passed over."""
    graph: dict[str, list[str]] = {}
    inside = {number for _, number, _ in _inside(settings)} | set(settings.dialling.emergency)
    for place, rule in enumerate(settings.dialling.rule):
        kind, _, number = rule.to.partition(":")
        leads_to = graph.setdefault(str(place), [])
        if kind == Kind.DIAL and number not in inside:
            leads_to += [str(other) for other, pattern in patterns.items() if pattern.fits(number)]
    for loop in loops(graph):
        way = " -> ".join(settings.dialling.rule[int(place)].number for place in loop)
        mend = "let one of them lead elsewhere"
        key = ("dialling", "rule", int(loop[0]), "to")
        yield Problem(key, f"leads round in a circle: {way}", mend)


def _shown(key: Key, number: str) -> Iterator[Problem]:
    if number and not (is_number(number) and number.lstrip("+").isdigit()):
        yield Problem(key, f'"{number}" is no number', NUMBER)


def _slots(text: str) -> range | None:
    return parse_slots(text) if text else None


def _is_slots(text: str) -> bool:
    try:
        return _slots(text) is not None
    except ValueError:
        return False  # told where it stands


def _read(key: Key, parse: Callable[[str], T], text: str) -> Generator[Problem, None, T | None]:
    """Parse a text, returning what it means, or None after telling what is wrong with it."""
    try:
        return parse(text)
    except ValueError as error:
        message, _, mend = str(error).partition("; ")
        yield Problem(key, message, mend)
        return None
