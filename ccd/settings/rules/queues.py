"""`[[queue]]`: what an agent needs for it, whom it asks, and in which order; and its rings."""

from __future__ import annotations

import importlib
import math
from collections.abc import Collection, Iterator

from ccd.config import Queue, Settings
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import (
    choices,
    distinct,
    file,
    known,
    levels,
    not_negative,
    positive,
)
from ccd.settings.rules.people import EVERY

STRATEGIES = (
    "longest_idle",
    "most_skilled",
    "least_skilled",
    "least_occupied",
    "round_robin",
    "linear",
    "weighted",
)
"""Those of `ccd.acd.strategies`, which is a floor above this one; a test holds them together."""

MOST_RING_AGENTS = 20


def queues(settings: Settings) -> Iterator[Problem]:
    """Each queue once, with skills, strategy and hours that there are."""
    yield from distinct("queue", [queue.name for queue in settings.queue])
    skills = dict.fromkeys(skill.name for skill in settings.skill)
    calendars = dict.fromkeys(calendar.name for calendar in settings.calendar)
    for index, queue in enumerate(settings.queue):
        key = ("queue", index)
        if queue.name == EVERY:
            mend = "it stands for every queue where an agent names his"
            yield Problem((*key, "name"), f'"{EVERY}" is no name', mend)
        yield from _times(key, queue)
        yield from levels((*key, "skills"), queue.skills, skills)
        yield from _weights((*key, "skill_weights"), queue, skills)
        yield from _strategy((*key, "strategy"), queue.strategy)
        if not 1 <= queue.ring_agents <= MOST_RING_AGENTS:
            mend = f"1 to {MOST_RING_AGENTS}"
            yield Problem((*key, "ring_agents"), f"{queue.ring_agents} is out of range", mend)
        if queue.hours:
            yield from known((*key, "hours"), queue.hours, "calendar", calendars)
        yield from file((*key, "music"), queue.music)
        yield from _rings((*key, "ring"), queue, skills)


def _times(key: Key, queue: Queue) -> Iterator[Problem]:
    yield from positive((*key, "ring_timeout_s"), queue.ring_timeout_s)
    yield from positive((*key, "service_level_s"), queue.service_level_s)
    if not queue.wrap_up_s >= 0:  # it may be infinite: until the agent says so
        yield Problem((*key, "wrap_up_s"), f"{queue.wrap_up_s:g} is negative", "0 means none")
    yield from not_negative((*key, "weight_s"), queue.weight_s, "none")
    yield from not_negative((*key, "last_agent_s"), queue.last_agent_s, "not to wait for him")
    yield from not_negative((*key, "adviser_s"), queue.adviser_s, "not to wait for him")


def _weights(key: Key, queue: Queue, skills: Collection[str]) -> Iterator[Problem]:
    """Skills that there are, each with a weight that puts the more skilled first."""
    for skill, weight in queue.skill_weights.items():
        yield from known((*key, skill), skill, "skill", skills)
        if not 0 <= weight < math.inf:
            mend = "0 or more; 1 is what is taken where nothing is said"
            yield Problem((*key, skill), f"{weight:g} is no weight", mend)


def _strategy(key: Key, name: str) -> Iterator[Problem]:
    """A built-in strategy, or a plug-in that can be imported and called."""
    if name in STRATEGIES:
        return
    module, colon, attribute = name.partition(":")
    if not (colon and module and attribute):
        hint = f"{choices(name, STRATEGIES)}; a plug-in is written module:name"
        yield Problem(key, f'there is no strategy "{name}"', hint)
        return
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # a plug-in's own code runs here
        mend = "it must be importable where the daemon runs"
        reason = f"{type(error).__name__}: {error}"
        yield Problem(key, f'"{name}" cannot be imported: {reason}', mend)
        return
    if not callable(found):
        mend = "a function of agent, need and time: see ccd.acd.strategies"
        yield Problem(key, f'"{name}" cannot be called', mend)


def _rings(key: Key, queue: Queue, skills: Collection[str]) -> Iterator[Problem]:
    """Each ring later than the one before, and asking for no more than it."""
    needed, asked_by = queue.skills, "the queue"
    after_s = 0.0
    for number, ring in enumerate(queue.ring):
        one = (*key, number)
        yield from not_negative((*one, "after_s"), ring.after_s)
        if 0 <= ring.after_s <= after_s:
            mend = f"above {after_s:g}: rings are in the order of their waits"
            yield Problem(
                (*one, "after_s"), f"{ring.after_s:g} is not later than what comes before it", mend
            )
        yield from levels((*one, "skills"), ring.skills, skills)
        for skill, level in ring.skills.items():
            before = needed.get(skill)
            if skill in skills and (before is None or level > before):
                asked = "does not ask for it" if before is None else f"asks for {before}"
                mend = "a ring asks for less, so that more agents will do"
                message = f'"{skill}" at {level}, while {asked_by} {asked}'
                yield Problem((*one, "skills", skill), message, mend)
        needed, asked_by = ring.skills, f"ring {number + 1}"
        after_s = max(after_s, ring.after_s)
