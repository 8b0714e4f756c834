"""Who gets which contact: the distributor, sans-IO.

Events and the time go in by methods; decisions come out of `next_action`. There is no
clock, no timer thread, no polling: a contact is assigned in the very call that made it
possible, be it the contact's arrival or an agent's coming free. Those two are the only
causes, which keeps a decision small: an arrival looks at the longest idle agent of one
line, an agent at the first contact of each of his.

What always holds between two calls:

- a contact is in exactly one place: waiting in one line, with one agent, or not here;
- an agent has at most one contact, and is in the idle side of all of his lines when he is
  ready, and of none otherwise;
- no ready agent and waiting contact exist who could be together.

How long a phone may ring is the switch's business: it says `offer_failed`.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence

import msgspec

from ccd.acd.actions import Action, Assign, Moved, Positioned, Removed
from ccd.acd.agent import LOGGED_ON_REASON, Agent, Trigger, Wish
from ccd.acd.contact import Case, Contact, Place, QueueSettings, Stage
from ccd.acd.errors import (
    AcdError,
    DuplicateContactError,
    UnknownAgentError,
    UnknownQueueError,
    WrongStateError,
)
from ccd.acd.line import Line
from ccd.model import AgentState, Cause

__all__ = [
    "AcdError",
    "Action",
    "AgentView",
    "Assign",
    "Contact",
    "Distributor",
    "DuplicateContactError",
    "Moved",
    "Positioned",
    "QueueSettings",
    "QueueView",
    "Removed",
    "Stage",
    "UnknownAgentError",
    "UnknownQueueError",
    "WrongStateError",
]

FAILURE_REASONS = {Cause.NO_ANSWER: "rona"}
"""Not-ready reason by the cause of a failed offer; any other cause is its own reason."""


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as the distributor has him now."""

    name: str
    state: AgentState
    queues: tuple[str, ...]
    reason: str | None = None
    contact: str | None = None
    pending: str | None = None
    """`log_off` or `not_ready`, to be done when the contact is over."""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as it is now."""

    name: str
    waiting: int
    idle_agents: int
    oldest: float | None = None
    """`enqueued_at` of the contact that is next, None where nobody waits."""


class Distributor:
    """Contacts and agents, brought together (see the module)."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._agents: dict[str, Agent] = {}
        self._cases: dict[str, Case] = {}
        self._arrivals = 0
        self._actions: deque[Action] = deque()
        self._wrap_ups: list[tuple[float, int, int, str]] = []  # ends, agent number, wrap-up, name

    # --- queues and agents ----------------------------------------------------------

    def add_queue(self, settings: QueueSettings) -> None:
        """Open a queue. Raises ValueError where one of this name is open."""
        if settings.name in self._lines:
            raise ValueError(f"queue {settings.name!r} was already added")
        self._lines[settings.name] = Line(settings)

    def agent_log_on(self, agent: str, queues: Sequence[str], now: float) -> None:
        """Begin a shift, not ready, for these queues. Raises `UnknownQueueError`, `WrongStateError`."""
        lines = tuple(self._line(name) for name in dict.fromkeys(queues))
        person = self._agents.get(agent)
        if person is None:
            person = Agent(agent, len(self._agents))
        state = person.fire(Trigger.LOG_ON, reason=LOGGED_ON_REASON)
        self._agents[agent] = person
        person.lines = lines
        self._moved(person, state, now)

    def agent_log_off(self, agent: str, now: float) -> None:
        """End a shift; with a contact in hand, once it is over. Raises `AcdError`."""
        self._fire(agent, Trigger.LOG_OFF, now)

    def agent_ready(self, agent: str, now: float) -> None:
        """Take contacts; ends wrap-up, and recalls a pending not-ready. Raises `AcdError`."""
        self._fire(agent, Trigger.READY, now)

    def agent_not_ready(self, agent: str, reason: str, now: float) -> None:
        """Take none; with a contact in hand, once it is over. Raises `AcdError`."""
        self._fire(agent, Trigger.NOT_READY, now, reason)

    def wrap_up_done(self, agent: str, now: float) -> None:
        """The agent is done with wrap-up before its time. Raises `AcdError`."""
        self._fire(agent, Trigger.WRAPPED_UP, now)

    def agent_queues(self, agent: str, queues: Sequence[str], now: float) -> None:
        """Change what an agent serves, whatever he does now. Raises `AcdError`."""
        lines = tuple(self._line(name) for name in dict.fromkeys(queues))
        person = self._person(agent)
        if person.state is AgentState.READY:
            self._stand_up(person)
            person.lines = lines
            self._take_work(person, now)
        else:
            person.lines = lines

    # --- contacts -------------------------------------------------------------------

    def enqueue(self, contact: Contact, now: float) -> None:
        """Wait for an agent, or get one at once. Raises `UnknownQueueError`, `DuplicateContactError`."""
        line = self._line(contact.queue)
        if contact.id in self._cases:
            raise DuplicateContactError(contact.id)
        self._arrivals += 1
        case = self._cases[contact.id] = Case(contact, self._arrivals)
        self._wait(case, line, now)

    def remove(self, contact: str, reason: str, now: float) -> bool:
        """The contact left before it was connected; a reserved agent gets his place back.

        False where it is not here, or already connected (then `contact_ended` ends it).
        """
        case = self._cases.get(contact)
        if case is None or case.stage is Stage.CONNECTED:
            return False
        del self._cases[contact]
        queue = case.contact.queue
        if case.stage is Stage.WAITING:
            self._lines[queue].waiting.remove(case.place)
        self._actions.append(Removed(contact, queue, reason, now - case.contact.enqueued_at))
        if case.agent is not None:
            # It was the caller who left: the agent's idle time goes on from where it was.
            person = self._agents[case.agent]
            person.contact = None
            self._moved(person, person.fire(Trigger.WITHDRAWN), now, idle_since=person.idle_since)
        return True

    def offer_accepted(self, contact: str, now: float, *, agent: str | None = None) -> bool:
        """The agent answered. False for late news: this contact is not on offer (to `agent`)."""
        case = self._on_offer(contact, agent)
        if case is None:
            return False
        case.stage = Stage.CONNECTED
        person = self._agents[case.agent or ""]
        self._moved(person, person.fire(Trigger.ACCEPTED), now)
        return True

    def offer_failed(
        self, contact: str, cause: Cause, now: float, *, agent: str | None = None
    ) -> bool:
        """The agent did not get it: he is not ready, and the contact is back at its place.

        The agent moves first, so that the contact cannot be offered to him again. False
        for late news: this contact is not on offer (to `agent`).
        """
        case = self._on_offer(contact, agent)
        if case is None:
            return False
        person = self._agents[case.agent or ""]
        person.contact = None
        reason = FAILURE_REASONS.get(cause, cause.value)
        self._moved(person, person.fire(Trigger.FAILED, reason=reason), now)
        case.stage, case.agent = Stage.WAITING, None
        self._wait(case, self._lines[case.contact.queue], now)
        return True

    def contact_ended(self, contact: str, now: float) -> bool:
        """A connected contact is over: its agent wraps up, or is free. False for late news."""
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.CONNECTED:
            return False
        del self._cases[contact]
        person = self._agents[case.agent or ""]
        limit = self._lines[case.contact.queue].settings.wrap_up_s
        state = person.fire(Trigger.ENDED, wrap_up=limit > 0)
        if state is AgentState.WRAP_UP:
            person.wrap_up += 1
            if limit < math.inf:
                heapq.heappush(
                    self._wrap_ups, (now + limit, person.number, person.wrap_up, person.name)
                )
        else:
            person.contact = None
        self._moved(person, state, now)
        return True

    # --- the seam ---------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """The next decision to carry out, None when there is none."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        self._forget_ended_wrap_ups()
        return self._wrap_ups[0][0] if self._wrap_ups else None

    def handle_timer(self, now: float) -> None:
        """End the wrap-ups whose time is over, in the order in which it ran out."""
        self._forget_ended_wrap_ups()
        while self._wrap_ups and self._wrap_ups[0][0] <= now:
            name = heapq.heappop(self._wrap_ups)[3]
            self._fire(name, Trigger.WRAPPED_UP, now)
            self._forget_ended_wrap_ups()

    # --- what is so -------------------------------------------------------------------

    def agent(self, name: str) -> AgentView:
        """One agent. Raises `UnknownAgentError`."""
        return self._view(self._person(name))

    def agents(self) -> list[AgentView]:
        """Every agent who ever logged on, in that order."""
        return [self._view(person) for person in self._agents.values()]

    def queue(self, name: str) -> QueueView:
        """One queue. Raises `UnknownQueueError`."""
        line = self._line(name)
        return QueueView(
            name=name,
            waiting=len(line.waiting),
            idle_agents=len(line.idle),
            oldest=line.waiting[0][0] if line.waiting else None,
        )

    def queues(self) -> list[QueueView]:
        """Every queue, in the order they were added."""
        return [self.queue(name) for name in self._lines]

    def waiting(self, queue: str) -> list[str]:
        """Who waits there, next one first. Raises `UnknownQueueError`."""
        return [contact for _, _, contact in self._line(queue).waiting]

    def position(self, contact: str) -> int | None:
        """A waiting contact's position in its queue, 1 is next; None where it does not wait."""
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.WAITING:
            return None
        return self._lines[case.contact.queue].waiting.bisect_left(case.place) + 1

    def stage(self, contact: str) -> Stage | None:
        """Where a contact is; None where it is not (or no longer) here."""
        case = self._cases.get(contact)
        return None if case is None else case.stage

    def __len__(self) -> int:
        """How many contacts are here: waiting, on offer and connected."""
        return len(self._cases)

    # --- inside -----------------------------------------------------------------------

    def _line(self, name: str) -> Line:
        line = self._lines.get(name)
        if line is None:
            raise UnknownQueueError(name, list(self._lines))
        return line

    def _person(self, name: str) -> Agent:
        person = self._agents.get(name)
        if person is None:
            raise UnknownAgentError(name)
        return person

    @staticmethod
    def _view(person: Agent) -> AgentView:
        return AgentView(
            name=person.name,
            state=person.state,
            queues=tuple(line.settings.name for line in person.lines),
            reason=person.reason,
            contact=person.contact,
            pending=person.wish.value if isinstance(person.wish, Wish) else None,
        )

    def _on_offer(self, contact: str, agent: str | None) -> Case | None:
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.OFFERED:
            return None
        return case if agent is None or agent == case.agent else None

    def _fire(self, agent: str, trigger: Trigger, now: float, reason: str | None = None) -> None:
        person = self._person(agent)
        before = person.state
        state = person.fire(trigger, reason=reason)
        if before is AgentState.READY and state is not None:
            self._stand_up(person)
        if before is AgentState.WRAP_UP and state is not None:
            person.contact = None
        self._moved(person, state, now)

    def _moved(
        self, person: Agent, state: AgentState | None, now: float, idle_since: float | None = None
    ) -> None:
        """Tell where the agent went; one who became ready is given work or sits down idle."""
        if state is None:
            return
        self._actions.append(Moved(person.name, state, person.reason, person.contact))
        if state is AgentState.READY:
            person.idle_since = now if idle_since is None else idle_since
            self._take_work(person, now)

    def _take_work(self, person: Agent, now: float) -> None:
        """Assign a ready agent the first contact of all his lines, else have him wait for one."""
        first: Place | None = None
        for line in person.lines:
            if line.waiting and (first is None or line.waiting[0] < first):
                first = line.waiting[0]
        if first is None:
            seat = person.seat
            for line in person.lines:
                line.idle.add(seat)
        else:
            case = self._cases[first[2]]
            self._lines[case.contact.queue].waiting.remove(first)
            self._assign(case, person, now)

    def _stand_up(self, person: Agent) -> None:
        """Take an agent who is idle out of his lines."""
        seat = person.seat
        for line in person.lines:
            line.idle.remove(seat)

    def _wait(self, case: Case, line: Line, now: float) -> None:
        """Put a contact at its place, from where the longest idle agent takes it, if any."""
        contact = case.contact.id
        position = line.waiting.bisect_left(case.place) + 1
        self._actions.append(Positioned(contact, line.settings.name, position))
        if line.idle:
            # Nobody else waits here then, or an idle agent would have taken him.
            person = self._agents[line.idle[0][2]]
            self._stand_up(person)
            self._assign(case, person, now)
        else:
            line.waiting.add(case.place)

    def _assign(self, case: Case, person: Agent, now: float) -> None:
        contact = case.contact
        case.stage, case.agent = Stage.OFFERED, person.name
        person.contact = contact.id
        self._moved(person, person.fire(Trigger.RESERVED), now)
        self._actions.append(
            Assign(contact.id, person.name, contact.queue, now - contact.enqueued_at)
        )

    def _forget_ended_wrap_ups(self) -> None:
        """Drop time limits of wrap-ups that ended by hand."""
        while self._wrap_ups:
            _, _, wrap_up, name = self._wrap_ups[0]
            person = self._agents[name]
            if person.state is AgentState.WRAP_UP and person.wrap_up == wrap_up:
                return
            heapq.heappop(self._wrap_ups)
