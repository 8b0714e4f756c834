"""What is distributed (contacts), and where it waits (queues)."""

from __future__ import annotations

import msgspec

from ccd.model import Channel

Place = tuple[float, int, str]
"""A contact's place in every order it is part of: due time (`ccd.acd.order`), arrival number, id.

The number makes the order total, and the same in every replay.
"""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something that waits for a person, of any channel.

    `enqueued_at` is on the clock of the distributor's `now`, and is the contact's claim to
    its place: one that comes back (no answer, a queue changed) with its old time stands
    where it stood.
    """

    id: str
    queue: str
    enqueued_at: float
    channel: Channel = Channel.VOICE
    skills: dict[str, int] = {}
    """What it needs beside what its queue needs: skill and lowest level. Rings do not relax these."""
    head_start_s: float = 0.0
    """Its class of customer's."""
    customer_class: str = ""
    customer: str = ""
    """Who it is, for the last agent and for redials: a customer's number, where nothing better is known."""
    agent: str | None = None
    """Only this agent (EAS: he has a line of his own, whatever queues he serves)."""
    adviser: str | None = None
    last_agent: str | None = None
    deadline: float | None = None
    """Worthless after this (an order to be cancelled before the auction): see `Order.urgent_s`."""
    data: dict[str, str] = {}


class RingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """From `after_s` of waiting on, `skills` is all that the queue needs."""

    after_s: float
    skills: dict[str, int] = {}


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the distributor needs to know of a queue (see `ccd.config.Queue`)."""

    name: str
    wrap_up_s: float = 0.0
    """Most time an agent may wrap up after a contact; 0: none, `inf`: until he says so."""
    skills: dict[str, int] = {}
    skill_weights: dict[str, float] = {}
    strategy: str = "longest_idle"
    ring_agents: int = 1
    weight_s: float = 0.0
    service_level_s: float = 20.0
    last_agent_s: float = 0.0
    adviser_s: float = 0.0
    rings: tuple[RingSettings, ...] = ()
