"""Contacts that are no live calls (callbacks, messages): their desks handle them, the ACD gives them."""

from __future__ import annotations

from ccd.acd.contact import Contact
from ccd.acd.distributor import Stage
from ccd.acd.hall import Attempt
from ccd.acd.seams import Desk
from ccd.acd.waits import Waits
from ccd.model import Cause


class AtDesks(Waits):
    """The desks' verbs."""

    def submit(self, contact: Contact, desk: Desk) -> None:
        """Have a contact wait; its desk hears `assigned`. Raises `AcdError`."""
        now = self._loop.time()
        self._distributor.enqueue(contact, now)
        self._cases[contact.id] = Attempt(contact, now, desk=desk)
        self._pump()

    def accepted(self, contact_id: str, agent: str) -> None:
        """The agent has it."""
        now = self._loop.time()
        if self._distributor.offer_accepted(contact_id, now, agent=agent):
            queue = self._cases[contact_id].contact.queue
            self.forecasts.answered(contact_id, agent, queue, now)
            self._after_call.has(agent, contact_id, queue, self._call_with(agent))
        self._pump()

    def offer_failed(self, contact_id: str, cause: Cause, agent: str) -> None:
        """The agent could not be had: on to the next."""
        self._distributor.offer_failed(contact_id, cause, self._loop.time(), agent=agent)
        self._pump()

    def ended(self, contact_id: str) -> None:
        """The agent is done with it, and free when his phone is."""
        if self._distributor.stage(contact_id) is Stage.CONNECTED:
            self._done_with(self._cases[contact_id])
            del self._cases[contact_id]
            self._pump()

    def stopped(self, contact_id: str, agent: str) -> None:
        """The phone of an agent from whom it was withdrawn rings no longer."""
        self._phone_is_free(agent, contact_id)

    def remove(self, contact_id: str, reason: str) -> None:
        """It waits no longer, and is not with an agent."""
        if self._distributor.remove(contact_id, reason, self._loop.time()):
            del self._cases[contact_id]
            self._pump()

    def _call_with(self, agent: str) -> str:
        """The call that this agent has answered; empty where there is none."""
        for call in self._switch.calls.values():
            if call.answered is not None and call.answered.agent == agent:
                return call.id
        return ""
