"""What a contact needs as its wait grows: a person of its own first, then ring after ring.

1. its adviser, for the queue's `adviser_s`, while he is at work;
2. the agent whom it spoke with last, for `last_agent_s`, while he is at work;
3. the queue's skills;
4. each ring, from its `after_s` on, if not before the patience above is over.

Each phase begins at a wait, in seconds since `enqueued_at`. What the contact itself needs
(`Contact.skills`) is never relaxed. A contact for one agent (EAS) has one phase.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ccd.acd.contact import Contact, QueueSettings
from ccd.acd.need import Need, lowest_levels


class Phase(NamedTuple):
    """From `after_s` of waiting on, this is what is needed; `name` is for people."""

    after_s: float
    need: Need
    name: str


def phases(
    contact: Contact, queue: QueueSettings, at_work: Callable[[str], bool]
) -> tuple[Phase, ...]:
    """A contact's phases, the first at 0; `at_work` says whether an agent may soon be free."""
    if contact.agent is not None:
        need = Need(queue.name, contact.channel, (), contact.agent)
        return (Phase(0.0, need, f"agent {contact.agent} alone"),)
    found = []
    begin = 0.0
    wished = [(contact.adviser, queue.adviser_s, "adviser")]
    if contact.last_agent != contact.adviser:
        wished.append((contact.last_agent, queue.last_agent_s, "last agent"))
    for agent, patience, what in wished:
        if agent is not None and patience > 0 and at_work(agent):
            need = Need(queue.name, contact.channel, (), agent)
            found.append(Phase(begin, need, f"{what} {agent}"))
            begin += patience
    found.append(Phase(begin, _need(contact, queue, queue.skills), "queue"))
    for number, ring in enumerate(queue.rings, 1):
        after = max(begin, ring.after_s)
        found.append(Phase(after, _need(contact, queue, ring.skills), f"ring {number}"))
    return tuple(found)


def _need(contact: Contact, queue: QueueSettings, skills: dict[str, int]) -> Need:
    return Need(queue.name, contact.channel, lowest_levels(skills, contact.skills))
