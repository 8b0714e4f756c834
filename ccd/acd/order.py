"""The one order of all who wait, whatever they wait for.

Every contact has a *due time*, and smaller is sooner:

    due = enqueued_at - head start of its class - weight of its queue   (+ target, see below)

It does not change while the contact waits, so no list is ever sorted anew, and ageing needs
no tick. It also bounds starvation: who has a head start of H seconds over another overtakes
only those who came less than H before him. So nobody is overtaken by anyone who came later
than by the largest difference of head starts there is, however many VIPs call.

With `by="service_level"` the queue's target is added: due is the moment when the contact
begins to miss it, and the one nearest to that is next (earliest due date; Jackson 1955 shows
that it keeps the largest lateness smallest).

A contact with a deadline gets one more head start, once, `urgent_s` before it.
"""

from __future__ import annotations

import msgspec

from ccd.acd.contact import Contact, QueueSettings

BY = ("age", "service_level")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How due times are made (see the module); all in seconds."""

    by: str = "age"
    urgent_s: float = 60.0
    """A contact with a deadline becomes urgent so long before it."""
    urgent_head_start_s: float = 600.0

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise ValueError(f"order {self.by!r} is none of {', '.join(BY)}")

    def due(self, contact: Contact, queue: QueueSettings, *, urgent: bool) -> float:
        """The contact's due time, on the clock of its `enqueued_at`."""
        due = contact.enqueued_at - contact.head_start_s - queue.weight_s
        if self.by == "service_level":
            due += queue.service_level_s
        return due - self.urgent_head_start_s if urgent else due

    def urgent_at(self, contact: Contact) -> float | None:
        """When the contact becomes urgent; None where it has no deadline."""
        return None if contact.deadline is None else contact.deadline - self.urgent_s
