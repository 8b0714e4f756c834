"""Agents, queues and settings that change while calls go on; contacts that move to another queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ccd.acd.agent_services import AgentServices
from ccd.acd.distributor import (
    Stage,
)
from ccd.acd.errors import (
    QueueNotEmptyError,
    QueueRingsError,
)
from ccd.acd.from_settings import Callers, agent_queues, queue_settings
from ccd.acd.hall import Attempt
from ccd.config import Agent, Queue, Settings
from ccd.events import (
    AgentSkillsChanged,
    QueueChanged,
)
from ccd.model import AgentState

_LOGGED_OUT = AgentState.LOGGED_OUT


class Changes(AgentServices):
    """Changes, each at once and for all."""

    def add_agent(self, agent: Agent) -> None:
        """Know an agent, or know him otherwise; his phone and capacity count from his next log-on."""
        self._agents[agent.name] = agent

    def change_agent(self, agent: str, queues: Sequence[str], skills: Mapping[str, int]) -> None:
        """Have a known agent serve these queues with these skills from now on. Raises `AcdError`."""
        known = msgspec.structs.replace(
            self._settings_of(agent), queues=tuple(queues), skills=dict(skills)
        )
        served = agent_queues(known, self._queues.values())
        for queue in served:
            self.queue_config(queue)
        self._agents[agent] = known
        if agent in self._phones:
            self.forecasts.served_together(served)
            self._distributor.agent_skills(agent, served, skills, self._loop.time())
        self._publish(AgentSkillsChanged(agent=agent, queues=served, skills=known.skills))
        self._pump()
        self._staff_changed()

    def remove_agent(self, agent: str) -> None:
        """Log an agent off, when what he has in hand is over, and know him no longer. Raises `AcdError`."""
        self._settings_of(agent)
        if agent in self._phones and self._distributor.agent(agent).state is not _LOGGED_OUT:
            self.log_off(agent)
        del self._agents[agent]

    def add_queue(self, queue: Queue) -> None:
        """Open a queue; agents who serve any serve this one too. Raises ValueError."""
        self._distributor.add_queue(queue_settings(queue))
        self._queue_set(queue, "opened")

    def change_queue(self, queue: Queue) -> None:
        """A queue's settings are these from now on; nobody who waits loses his place.

        Raises `UnknownQueueError`, ValueError.
        """
        self._distributor.change_queue(queue_settings(queue), self._loop.time())
        self._queue_set(queue, "changed")

    def remove_queue(self, name: str, move_to: str | None) -> None:
        """Close a queue; who waits there moves to `move_to`, or it stays open.

        Raises `UnknownQueueError`, `ccd.acd.errors.QueueNotEmptyError`, `QueueRingsError`.
        """
        if move_to is not None:
            self.queue_config(move_to)
            if ringing := self._distributor.on_offer(name):
                raise QueueRingsError(name, ringing)  # before anybody has moved
            for contact in self._distributor.waiting(name):
                self.move(contact, move_to)
        elif between := sum(case.is_between for case in self._cases_of(name)):
            raise QueueNotEmptyError(name, between)
        self._distributor.remove_queue(name, self._loop.time())
        if move_to is not None:
            # There they are back if nobody answers them outside, or at a colleague's.
            for case in self._cases_of(name):
                case.contact = msgspec.structs.replace(case.contact, queue=move_to)
        del self._queues[name]
        self.forecasts.forget(name)
        for room in self._rooms:
            room.remove_queue(name, move_to)
        for agent in list(self._agents.values()):
            if name in agent.queues:
                left = tuple(queue for queue in agent.queues if queue != name)
                self._agents[agent.name] = msgspec.structs.replace(agent, queues=left)
        self._publish(QueueChanged(queue=name, change="closed"))
        self._pump()

    def change_settings(self, settings: Settings) -> None:
        """Customers, classes, calendars, dispositions and not-ready reasons are these from now on.

        Who waits keeps what he had.
        """
        self._callers = Callers.of(settings, self._directory)
        self._after_call.change_settings(settings)
        for room in self._rooms:
            room.change_settings(settings)

    def move(self, contact: str, queue: str) -> bool:
        """Have a contact wait in another queue, for anybody there, at the place of its age.

        False where it does not wait any more. Raises `UnknownQueueError`.
        """
        self.queue_config(queue)
        case = self._cases.get(contact)
        now = self._loop.time()
        if case is None:
            return False
        there = msgspec.structs.replace(case.contact, queue=queue, agent=None)
        if case.call is not None and not case.came:
            case.contact = there
            return True
        if self._distributor.stage(contact) is not Stage.WAITING:
            return False
        self.forecasts.left(contact, now)
        case.contact = there
        if case.call is not None:
            self._tell("moved", case.call, case.contact)
        self._distributor.move(contact, queue, now)
        if case.call is not None:
            self.forecasts.queued(case.contact, now)
        self._pump()
        return True

    # --- inside ------------------------------------------------------------------------------

    def _cases_of(self, queue: str) -> list[Attempt]:
        return [case for case in self._cases.values() if case.contact.queue == queue]

    def _queue_set(self, queue: Queue, change: str) -> None:
        self._queues[queue.name] = queue
        for room in self._rooms:
            room.set_queue(queue)
        self._publish(QueueChanged(queue=queue.name, change=change))
        self._requalify()

    def _requalify(self) -> None:
        """Agents who serve any queue that they can serve: what these are may have changed."""
        now = self._loop.time()
        for view in self._distributor.agents():
            settings = self._agents.get(view.name)
            if settings is not None and view.state is not AgentState.LOGGED_OUT:
                queues = agent_queues(settings, self._queues.values())
                if queues != view.queues:
                    self._distributor.agent_skills(view.name, queues, settings.skills, now)
        self._pump()
