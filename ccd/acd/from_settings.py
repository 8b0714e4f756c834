"""From the settings file to what the distributor is given: the one place where the two meet.

The service and the simulator both build on it, so that a simulated day is one of the
centre that the settings describe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ccd import config
from ccd.acd.anonymity import is_anonymous
from ccd.acd.contact import Contact, QueueSettings, RingSettings
from ccd.acd.need import lowest_levels, suffice
from ccd.customers.listed import Listed
from ccd.customers.match import NOBODY, Match
from ccd.model import Channel

ALL_QUEUES = "*"
"""In an agent's `queues`: every one that his skills suffice for."""


NAMED_AGENT = "agent:"
"""A queue's name that begins so is an agent's: his own queue (EAS)."""


def destinations(settings: config.Settings) -> list[str]:
    """Return every name that a flow may send callers to: queues, and agents by name."""
    return [
        *(queue.name for queue in settings.queue),
        *(NAMED_AGENT + agent.name for agent in settings.agent),
    ]


def queue_settings(queue: config.Queue) -> QueueSettings:
    """Return what the distributor needs to know of a `[[queue]]`."""
    return QueueSettings(
        name=queue.name,
        wrap_up_s=queue.wrap_up_s,
        skills=queue.skills,
        skill_weights=queue.skill_weights,
        strategy=queue.strategy,
        ring_agents=queue.ring_agents,
        weight_s=queue.weight_s,
        service_level_s=queue.service_level_s,
        last_agent_s=queue.last_agent_s,
        adviser_s=queue.adviser_s,
        rings=tuple(RingSettings(after_s=ring.after_s, skills=ring.skills) for ring in queue.ring),
    )


def agent_queues(agent: config.Agent, queues: Iterable[config.Queue]) -> tuple[str, ...]:
    """Return the queues that an `[[agent]]` serves, `*` spelled out.

    By `*` an agent serves each queue whose skills, or those of one of its rings, he has at
    the level asked for.
    """
    if ALL_QUEUES not in agent.queues:
        return agent.queues
    return tuple(
        queue.name
        for queue in queues
        if any(
            suffice(agent.skills, lowest_levels(need))
            for need in (queue.skills, *(ring.skills for ring in queue.ring))
        )
    )


class Finds(Protocol):
    """Who knows customers (`ccd.customers.directory.Directory`, `ccd.customers.listed.Listed`)."""

    def find(self, number: str) -> Match:
        """Return who calls from this number."""


class Callers:
    """What is known about who calls: the directory's customers, the settings' classes.

    Without a `directory`, customers are those of the settings alone.
    """

    def __init__(
        self,
        customers: Sequence[config.Customer] = (),
        classes: Sequence[config.CustomerClass] = (),
        directory: Finds | None = None,
    ) -> None:
        self._directory = Listed(customers) if directory is None else directory
        self._head_starts = {each.name: each.head_start_s for each in classes}

    @classmethod
    def of(cls, settings: config.Settings, directory: Finds | None = None) -> Callers:
        """Return those of the whole file."""
        return cls(settings.customer, settings.customer_class, directory)

    def match(self, number: str) -> Match:
        """Return who calls from this number."""
        return NOBODY if is_anonymous(number) else self._directory.find(number)

    def head_start(self, customer_class: str) -> float:
        """Return a class's head start in seconds; 0 for none. Raises KeyError for an unknown class."""
        return self._head_starts[customer_class] if customer_class else 0.0

    def contact(
        self,
        *,
        id: str,  # noqa: A002  (the field's name)
        queue: str,
        enqueued_at: float,
        number: str = "",
        customer: str = "",
        customer_class: str = "",
        channel: Channel = Channel.VOICE,
        skills: Mapping[str, int] | None = None,
        agent: str | None = None,
        last_agent: str | None = None,
        deadline: float | None = None,
        data: Mapping[str, str] | None = None,
        match: Match | None = None,
    ) -> Contact:
        """Return the contact that this caller is.

        `customer` and `customer_class` are what is known otherwise (from a flow, a host
        system, a file of calls); where they are empty, `match` decides, and where that is not
        given, who has that number. Raises KeyError for a `customer_class` that the settings do
        not have; one that only the customer store names has no head start.
        """
        known = self.match(number) if match is None else match
        if not customer_class and known.customer_class in self._head_starts:
            customer_class = known.customer_class
        return Contact(
            id=id,
            queue=queue,
            enqueued_at=enqueued_at,
            channel=channel,
            skills=dict(skills) if skills else {},
            head_start_s=self.head_start(customer_class),
            customer_class=customer_class,
            customer=customer or number,
            agent=agent,
            adviser=known.adviser or None,
            last_agent=last_agent,
            deadline=deadline,
            data=dict(data) if data else {},
        )
