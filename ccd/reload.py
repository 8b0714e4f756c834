"""What is to be done so that a running daemon is as its new settings say (sans-IO).

`plan(old, new)` compares two settings and says it change by change: those that can be made
while calls go on, in the order in which they must be made, and those that need a restart.
`ccd.live` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from ccd.config import Section, Settings


class Verb(StrEnum):
    """What is done with something."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is added, changed or removed while the daemon runs."""

    verb: Verb
    table: str
    """Its table in the settings file, such as `queue`; `flow` for a flow's file."""
    name: str
    keys: tuple[str, ...] = ()
    """Which of its keys have changed, by name."""

    def __str__(self) -> str:
        what = f"{self.table.replace('_', ' ')} {self.name}".rstrip()
        match self.verb:
            case Verb.ADD:
                return f"{what} is added"
            case Verb.REMOVE:
                return f"{what} is removed"
            case Verb.CHANGE:
                return f"{what} changes" + (f": {', '.join(self.keys)}" if self.keys else "")


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """A key that has changed, and is taken only when the daemon starts."""

    key: str
    """As it is written: `sip.listen`, `trunk carrier`."""

    def __str__(self) -> str:
        return f"{self.key} has changed: restart the daemon to have it"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs."""

    apply: tuple[Change, ...] = ()
    restart: tuple[Restart, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs at all."""
        return bool(self.apply or self.restart)


_LIVE: dict[str, str] = {
    "skill": "name",
    "disposition": "name",
    "not_ready_reason": "name",
    "customer_class": "name",
    "calendar": "name",
    "customer": "number",
    "phone": "name",
    "queue": "name",
    "agent": "name",
    "user": "name",
    "route": "dnis",
    "service_flow": "name",
}
"""Tables of several whose elements can come, change and go at any time, and the key that
says which element is which."""

_LIVE_SECTIONS = ("dialling",)
"""Tables of which there is one, whose keys can change at any time."""

_STEPS: tuple[tuple[str, frozenset[Verb]], ...] = (
    # What others name comes before them, and goes after them.
    *((table, frozenset(Verb)) for table in ("skill", "customer_class", "calendar", "customer")),
    ("user", frozenset(Verb)),
    ("not_ready_reason", frozenset(Verb)),
    ("phone", frozenset({Verb.ADD, Verb.CHANGE})),
    ("queue", frozenset({Verb.ADD, Verb.CHANGE})),
    ("agent", frozenset({Verb.ADD, Verb.CHANGE})),
    *((table, frozenset(Verb)) for table in _LIVE_SECTIONS),
    ("queue", frozenset({Verb.REMOVE})),
    ("agent", frozenset({Verb.REMOVE})),
    ("disposition", frozenset(Verb)),
    ("flow", frozenset(Verb)),
    ("route", frozenset(Verb)),
    ("service_flow", frozenset(Verb)),
    ("phone", frozenset({Verb.REMOVE})),
)
"""The order of the changes."""

_AT_START = tuple(
    field.name
    for field in msgspec.structs.fields(Settings)
    if field.name not in _LIVE and field.name not in _LIVE_SECTIONS
)
"""Tables that are read once, when the daemon starts."""


def plan(old: Settings, new: Settings, changed_flows: Iterable[str] = ()) -> Plan:
    """Compare the settings that a daemon runs on with others.

    `changed_flows` names flow files whose content differs, which settings don't tell; those
    that `new` does not use are passed over. The order of tables in the file does not matter.
    """
    found = [change for table in _LIVE for change in _changes(table, old, new)]
    found += (
        Change(verb=Verb.CHANGE, table=table, name="", keys=keys)
        for table in _LIVE_SECTIONS
        if (keys := tuple(_differing(getattr(old, table), getattr(new, table))))
    )
    used = {each.flow for each in new.route} | {each.flow for each in new.service_flow}
    found += (
        Change(verb=Verb.CHANGE, table="flow", name=name)
        for name in dict.fromkeys(changed_flows)
        if name in used
    )
    return Plan(
        apply=tuple(
            change
            for table, verbs in _STEPS
            for change in found
            if change.table == table and change.verb in verbs
        ),
        restart=tuple(each for table in _AT_START for each in _restarts(table, old, new)),
    )


def element(settings: Settings, table: str, name: str) -> Any:
    """The element of this name in one of the tables of several. Raises KeyError."""
    return _by_name(settings, table)[name]


def with_what_applies(old: Settings, new: Settings) -> Settings:
    """The settings that a daemon runs on after the changes of `plan(old, new)` were made.

    What needs a restart is as it was, so that it is named again the next time.
    """
    live = {table: getattr(new, table) for table in (*_LIVE, *_LIVE_SECTIONS)}
    return msgspec.structs.replace(old, **live)


def _by_name(settings: Settings, table: str) -> dict[str, Section]:
    return {getattr(each, _LIVE[table]): each for each in getattr(settings, table)}


def _changes(table: str, old: Settings, new: Settings) -> Iterator[Change]:
    before, after = _by_name(old, table), _by_name(new, table)
    for name, section in after.items():
        if name not in before:
            yield Change(verb=Verb.ADD, table=table, name=name)
        elif keys := tuple(_differing(before[name], section)):
            yield Change(verb=Verb.CHANGE, table=table, name=name, keys=keys)
    for name in before:
        if name not in after:
            yield Change(verb=Verb.REMOVE, table=table, name=name)


def _differing(before: Section, after: Section) -> Iterator[str]:
    for name in before.__struct_fields__:
        if getattr(before, name) != getattr(after, name):
            yield name


def _restarts(table: str, old: Settings, new: Settings) -> Iterator[Restart]:
    before, after = getattr(old, table), getattr(new, table)
    if isinstance(before, Section):
        yield from (Restart(key=f"{table}.{key}") for key in _differing(before, after))
        return
    # Several of a kind, all of which have names (trunks).
    ours, theirs = ({each.name: each for each in tables} for tables in (before, after))
    for name in dict.fromkeys((*ours, *theirs)):
        if ours.get(name) != theirs.get(name):
            yield Restart(key=f"{table} {name}")
