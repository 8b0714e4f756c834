"""What is distributed (contacts), and where it waits (queues)."""

from __future__ import annotations

from enum import Enum, auto

import msgspec

Place = tuple[float, int, str]
"""A contact's place in every order it is part of: when it came (seconds), arrival number, id.

The number makes the order total, and the same in every replay.
"""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who waits for a person: a call today, any channel in this shape.

    `enqueued_at` is on the clock of the distributor's `now`, and is the contact's claim to
    its place: one that comes back (no answer, a queue changed) with its old time stands
    where it stood.
    """

    id: str
    queue: str
    enqueued_at: float


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the distributor needs to know of a queue."""

    name: str
    wrap_up_s: float = 0.0
    """Most time an agent may wrap up after a contact; 0: none, `inf`: until he says so."""


class Stage(Enum):
    """Where a contact is: in exactly one of these, or not with the distributor at all."""

    WAITING = auto()
    OFFERED = auto()
    """With an agent who is reserved for it and has not answered."""
    CONNECTED = auto()


class Case:
    """One contact on its way through the distributor, which alone changes it."""

    __slots__ = ("agent", "contact", "place", "stage")

    def __init__(self, contact: Contact, arrival: int) -> None:
        self.contact = contact
        self.place: Place = (contact.enqueued_at, arrival, contact.id)
        self.stage = Stage.WAITING
        self.agent: str | None = None

    def __repr__(self) -> str:
        return f"<Case {self.contact.id} {self.stage.name} agent={self.agent}>"
