"""Who works with the ACD at work: desks, watchers, and rooms that follow changes of the settings."""

from __future__ import annotations

from typing import Protocol

from ccd.acd.contact import Contact
from ccd.config import Queue, Settings
from ccd.switch.call import Call


class Desk(Protocol):
    """Who handles contacts that are no live calls; tells the outcome by `Acd`'s verbs."""

    def assigned(self, contact: Contact, agent: str, phone: str, queue: str) -> None:
        """Ring this agent for it; then `Acd.accepted` or `Acd.offer_failed`."""

    def withdrawn(self, contact: Contact, agent: str) -> bool:
        """Ring him no longer; True where a phone is to stop first: then `Acd.stopped`."""


class Watcher(Protocol):
    """Who wants to know what becomes of calls that wait."""

    def queued(self, call: Call, contact: Contact) -> None:
        """It waits from now on."""

    def moved(self, call: Call, contact: Contact) -> None:
        """It waits in another queue (`contact.queue`) from now on."""

    def assigned(self, call: Call) -> None:
        """A phone rings for it."""

    def returned(self, call: Call) -> None:
        """Nobody answered there; it waits again."""

    def left(self, call: Call) -> None:
        """It waits no longer, whatever the reason."""

    def digit(self, call: Call, digit: str) -> None:
        """The caller pressed a key."""

    def played(self, call: Call) -> None:
        """What was played to the caller has ended."""


class Room(Protocol):
    """Who has to know what is changed of the settings while calls go on."""

    def set_queue(self, queue: Queue) -> None:
        """A queue was opened, or its settings are these from now on."""

    def remove_queue(self, queue: str, move_to: str | None) -> None:
        """The queue is no more; what belongs to it is `move_to`'s from now on, if that is said."""

    def change_settings(self, settings: Settings) -> None:
        """Customers, classes and calendars are these from now on."""
