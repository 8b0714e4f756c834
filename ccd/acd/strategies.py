"""Which of several idle agents gets a contact: strategies, and how to write one.

A strategy gives an agent a number when he sits down to wait for work in a line; the
smallest is next. It is asked once, not each time somebody calls, so the number must keep
its meaning while he sits: what grows alike for all who wait (idle time) goes in as the
moment when it began.

A plug-in is any callable of this shape, named in the settings as `module:name`:

    def nearest_desk(agent: AgentFacts, need: Need, now: float) -> float:
        return DESKS[agent.name]

`need` is the queue's own, also where a ring asks for less by then; with what the contact needs
beside it, if anything. The function must be quick, must not change the agent, and is trusted
code: it runs in the daemon. Should it raise, or return what is no number, its queue goes on
with `longest_idle`, the error is an event, and nobody loses his place. A change of the
queue's settings tries it again.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ccd.acd.need import Need


class AgentFacts(Protocol):
    """What a strategy may know of an agent."""

    @property
    def name(self) -> str:
        """As in the settings."""

    @property
    def rank(self) -> int:
        """His place in the settings, from 0."""

    @property
    def skills(self) -> Mapping[str, int]:
        """Level by skill."""

    @property
    def idle_since(self) -> float:
        """Since when he has been free, in seconds of the distributor's clock."""

    @property
    def occupancy_mark(self) -> float:
        """Orders the idle by occupancy (`ccd.acd.occupancy`)."""

    @property
    def last_offer(self) -> Mapping[str, int]:
        """By queue: the number of the last offer that it made him, of all offers ever made."""


Strategy = Callable[[AgentFacts, Need, float], float]

IDLE_S_PER_LEVEL: Final = 60.0
"""`weighted`: one level of skill more is worth a minute of idle time."""


def longest_idle(agent: AgentFacts, need: Need, now: float) -> float:
    """Who has been free the longest."""
    return agent.idle_since


def most_skilled(agent: AgentFacts, need: Need, now: float) -> float:
    """Who is best at what is needed: the highest sum of his levels in it, each by its weight."""
    if not need.weights:
        return -sum(agent.skills.get(skill, 0) for skill, _ in need.skills)
    weights = dict(need.weights)
    return -sum(agent.skills.get(skill, 0) * weights.get(skill, 1.0) for skill, _ in need.skills)


def least_skilled(agent: AgentFacts, need: Need, now: float) -> float:
    """Who suffices and can do the least beside: it keeps the versatile free for who needs them."""
    return sum(agent.skills.values())


def least_occupied(agent: AgentFacts, need: Need, now: float) -> float:
    """Who was busy for the smallest part of the last hour or so."""
    return agent.occupancy_mark


def round_robin(agent: AgentFacts, need: Need, now: float) -> float:
    """Whom this queue has not given anything for the longest."""
    return agent.last_offer.get(need.queue, 0)


def linear(agent: AgentFacts, need: Need, now: float) -> float:
    """The first free one in the order of the settings."""
    return agent.rank


def weighted(agent: AgentFacts, need: Need, now: float) -> float:
    """Idle time and skill together (`IDLE_S_PER_LEVEL`)."""
    return agent.idle_since + IDLE_S_PER_LEVEL * most_skilled(agent, need, now)


BUILT_IN: Final[Mapping[str, Strategy]] = {
    strategy.__name__: strategy
    for strategy in (
        longest_idle,
        most_skilled,
        least_skilled,
        least_occupied,
        round_robin,
        linear,
        weighted,
    )
}


def find(name: str) -> Strategy:
    """Return a strategy by its name in the settings. Raises ValueError, which says what is wrong."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(f"no strategy {name!r}: {', '.join(BUILT_IN)}, or a plug-in module:name")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"strategy {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"strategy {name!r} is no function")
    strategy: Strategy = found
    return strategy


def ask(strategy: Strategy, agent: AgentFacts, need: Need, now: float) -> float:
    """Ask a strategy that is not ours. Raises ValueError where the answer is no number."""
    number = float(strategy(agent, need, now))
    if math.isnan(number):
        raise ValueError("the strategy returned NaN")
    return number
