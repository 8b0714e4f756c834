"""Who is at work, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto

import msgspec

from ccd.acd.from_settings import NAMED_AGENT, agent_queues
from ccd.acd.simulation.distributions import Constant, Distribution, Exponential
from ccd.config import Settings


class Presence(Enum):
    """What an agent does of his own accord."""

    LOG_ON = auto()
    READY = auto()
    NOT_READY = auto()
    LOG_OFF = auto()


class Step(msgspec.Struct, frozen=True):
    """An agent does something at a time (seconds since midnight)."""

    at: float
    presence: Presence
    reason: str = ""


ALL_DAY = (Step(-math.inf, Presence.LOG_ON), Step(-math.inf, Presence.READY))
"""At work from the first call to the last."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, with his shift."""

    name: str
    queues: tuple[str, ...]
    skills: Mapping[str, int] = {}
    capacity: Mapping[str, int] = {}
    steps: tuple[Step, ...] = ALL_DAY
    """In order of time."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What people do that neither the settings nor a call says."""

    ring: Distribution = Constant(4.0)
    """How long a phone rings before it is answered."""
    rona: float = 0.0
    """Probability that an agent does not answer it at all."""
    rona_pause: Distribution = Constant(60.0)
    """After which he makes himself ready again."""
    wrap_up: Distribution = Exponential(30.0)
    """How long after-call work takes where the queue's `wrap_up_s` is `inf`."""
    redial: float = 0.0
    """Probability that one who hung up in the queue calls again."""
    redial_after: Distribution = Exponential(60.0)


def people_of(settings: Settings) -> list[Person]:
    """Return the settings' agents, at work all day."""
    return [
        Person(
            name=agent.name,
            queues=agent_queues(agent, settings.queue),
            skills=agent.skills,
            capacity=agent.capacity,
        )
        for agent in settings.agent
    ]


def copies(of: Sequence[Person], number: int, *, queue: str | None = None) -> list[Person]:
    """Return `number` more people like these: each in turn is copied, with his shift.

    A model's own queue (`agent:NAME`) stays his alone. With `queue`, only those who serve it are copied, and the copies serve nothing else.
    Raises ValueError where there is nobody to copy.
    """
    models = [person for person in of if queue is None or queue in person.queues]
    if not models and number:
        raise ValueError(
            "there is nobody to copy: "
            + ("no agents" if queue is None else f"no agent serves the queue {queue!r}")
        )
    return list(_copies(models, {person.name for person in of}, number, queue))


def _copies(
    models: Sequence[Person], taken: set[str], number: int, queue: str | None
) -> Iterator[Person]:
    count = 0
    for index in range(number):
        model = models[index % len(models)]
        count += 1
        while (name := f"extra{count}") in taken:
            count += 1
        shared = tuple(each for each in model.queues if not each.startswith(NAMED_AGENT))
        queues = shared if queue is None else (queue,)
        yield msgspec.structs.replace(model, name=name, queues=queues)


def jack_of_all_trades(settings: Settings) -> Person:
    """Return one who serves every queue and can do everything, to plan with before there are names."""
    return Person(
        name="agent1",
        queues=tuple(queue.name for queue in settings.queue),
        skills={skill.name: 10 for skill in settings.skill},
    )
