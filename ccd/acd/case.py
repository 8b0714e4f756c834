"""A contact on its way through the distributor."""

from __future__ import annotations

from enum import Enum, auto

from ccd.acd.contact import Contact, Place
from ccd.acd.line import Line
from ccd.acd.phases import Phase
from ccd.acd.queue import QueueState
from ccd.timer_queue import Timer


class Stage(Enum):
    """Where a contact is: in exactly one of these, or not with the distributor at all."""

    WAITING = auto()
    OFFERED = auto()
    """With an agent who is reserved for it and has not answered."""
    CONNECTED = auto()


class Case:
    """One contact on its way through the distributor, which alone changes it."""

    __slots__ = (
        "agent",
        "arrival",
        "contact",
        "line",
        "offers",
        "phase",
        "phases",
        "place",
        "queue",
        "stage",
        "timers",
        "urgent",
    )

    def __init__(self, contact: Contact, queue: QueueState, arrival: int) -> None:
        self.contact = contact
        self.queue = queue
        self.arrival = arrival
        self.stage = Stage.WAITING
        self.place: Place = (contact.enqueued_at, arrival, contact.id)
        self.urgent = False
        self.phases: tuple[Phase, ...] = ()
        self.phase = 0
        self.line: Line | None = None
        """Where it waits; None while it does not."""
        self.timers: list[Timer] = []
        """Of its wait: the next phase, its deadline."""
        self.offers: list[str] = []
        """Agents whom it is offered to."""
        self.agent: str | None = None
        """The agent whom it is connected to."""

    def __repr__(self) -> str:
        return f"<Case {self.contact.id} {self.stage.name} agent={self.agent or self.offers}>"
