"""Who gets which contact: the distributor, sans-IO.

Events and the time go in by methods; decisions come out of `next_action`. There is no
clock, no timer thread, no polling: a contact is assigned in the very call that made it
possible, be it the contact's arrival, an agent's coming free, or the moment when a wait
grew long enough to ask more agents.

Contacts wait in *lines*, one for each need (`ccd.acd.need`), in the order of their due
times (`ccd.acd.order`); idle agents sit in all lines that they could serve, in the order
of the queue's strategy (`ccd.acd.strategies`). So an arrival looks at the first agent of
one line, and an agent at the first contact of each of his.

What always holds between two calls:

- a contact is in exactly one place: waiting in one line, on offer, with one agent, or not here;
- an agent has at most one offer, and is never given more than his capacity allows;
- an agent who is engaged in calls of his own (`engage`) is busy, and is given nothing;
- no agent with room and waiting contact exist who could be together.

How long a phone may ring is the switch's business: it says `offer_failed`.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ccd.acd import reasons, strategies
from ccd.acd.actions import (
    Action,
    Assign,
    Moved,
    Noted,
    Positioned,
    Removed,
    StrategyBroke,
    Withdrawn,
)
from ccd.acd.agent import LOGGED_ON_REASON, WORKING, Agent, Trigger, WrapUp
from ccd.acd.case import Case, Stage
from ccd.acd.competition import Competition, Standing
from ccd.acd.contact import Contact, Place, QueueSettings
from ccd.acd.errors import (
    AcdError,
    DuplicateContactError,
    QueueNotEmptyError,
    UnknownAgentError,
    UnknownQueueError,
    WrongStateError,
)
from ccd.acd.need import Need, lowest_levels
from ccd.acd.order import Order
from ccd.acd.phases import phases
from ccd.acd.queue import QueueState
from ccd.acd.reasons import Facts
from ccd.acd.seating import Seating
from ccd.acd.steps import Step
from ccd.acd.views import AgentView, QueueView
from ccd.model import AgentState, Cause, Channel
from ccd.timer_queue import TimerQueue

__all__ = [
    "AcdError",
    "Action",
    "AgentView",
    "Assign",
    "Contact",
    "Distributor",
    "DuplicateContactError",
    "Moved",
    "Noted",
    "Order",
    "Positioned",
    "QueueNotEmptyError",
    "QueueSettings",
    "QueueView",
    "Removed",
    "Stage",
    "StrategyBroke",
    "UnknownAgentError",
    "UnknownQueueError",
    "Withdrawn",
    "WrongStateError",
]

FAILURE_REASONS = {Cause.NO_ANSWER: "rona"}
"""Not-ready reason by the cause of a failed offer; any other cause is its own reason."""

NEXT_STATES = {
    AgentState.READY: Trigger.READY,
    AgentState.NOT_READY: Trigger.NOT_READY,
    AgentState.LOGGED_OUT: Trigger.LOG_OFF,
}
"""What may be asked to come after the contact in hand beside wrap-up, and the trigger that asks for it."""


class Distributor:
    """Contacts and agents, brought together (see the module).

    `notes`: also tell each step's reason, as `Noted`. `tape` is told every verb with its
    arguments before it is done (`ccd.acd.tape`).
    """

    VERBS = (
        *("add_queue", "change_queue", "remove_queue"),
        *("agent_log_on", "agent_log_off", "agent_ready", "agent_not_ready", "wrap_up_done"),
        *("agent_queues", "agent_skills"),
        *("engage", "disengage", "take", "next_state", "wrap_up_limit"),
        *("enqueue", "move", "remove", "offer_accepted", "offer_failed", "contact_ended"),
        "handle_timer",
    )
    """All that changes anything: told the same at the same times, it decides the same."""

    def __init__(
        self,
        order: Order | None = None,
        *,
        notes: bool = False,
        tape: Callable[[str, tuple[Any, ...], dict[str, Any]], None] | None = None,
    ) -> None:
        if tape is not None:
            for verb in self.VERBS:
                setattr(self, verb, _taped(getattr(self, verb), verb, tape))
        self._order = order or Order()
        self._notes = notes
        self._cases: dict[str, Case] = {}
        self._arrivals = 0
        self._offers = itertools.count(1)
        self._actions: deque[Action] = deque()
        self._of_agents = TimerQueue()
        self._of_contacts = TimerQueue()
        self._stirred: list[tuple[Case, Callable[[Case], None]]] = []
        self._competition = Competition()
        self._seating = Seating(lambda *broken: self._actions.append(StrategyBroke(*broken)))
        self._agents = self._seating.agents

    # --- queues -----------------------------------------------------------------------

    def add_queue(self, settings: QueueSettings) -> None:
        """Open a queue. Raises ValueError where one of this name is open, or its strategy is unknown."""
        self._seating.open(settings)

    def change_queue(self, settings: QueueSettings, now: float) -> None:
        """Change an open queue; nobody who waits loses his place.

        Raises `UnknownQueueError`, and ValueError for an unknown strategy.
        """
        queue = self._seating.queue(settings.name)
        strategies.find(settings.strategy)  # so that a refused change has changed nothing
        members = list(queue.members.values())
        waiting = self._clear_away(queue)
        queue.configure(settings)
        for agent in members:
            self._seating.qualify(agent)
        # Those free first, so that the strategy has its choice; then who waits, in order.
        for agent in members:
            self._seating.sit_down(agent, now)
        self._place_again(waiting, now)

    def remove_queue(self, name: str, now: float) -> None:
        """Close a queue that nobody waits in. Raises `UnknownQueueError`, `QueueNotEmptyError`."""
        queue = self._seating.queue(name)
        here = sum(
            case.queue is queue and case.stage is not Stage.CONNECTED
            for case in self._cases.values()
        )
        if here:
            raise QueueNotEmptyError(name, here)
        members = list(queue.members.values())
        self._clear_away(queue)
        del self._seating.queues[name]
        for agent in members:
            agent.queues = tuple(each for each in agent.queues if each != name)
            self._seating.qualify(agent)
            self._seating.sit_down(agent, now)

    # --- agents -----------------------------------------------------------------------

    def agent_log_on(
        self,
        agent: str,
        queues: Sequence[str],
        now: float,
        *,
        skills: Mapping[str, int] | None = None,
        capacity: Mapping[str, int] | None = None,
        rank: int | None = None,
    ) -> None:
        """Begin a shift, not ready, for these queues.

        `rank` is the agent's place for the strategy `linear`; without one it is the order of
        first log-ons. Raises `UnknownQueueError`, `WrongStateError`.
        """
        for name in queues:
            self._seating.queue(name)
        person = self._agents.get(agent)
        if person is None:
            person = Agent(agent, len(self._agents), now)
        state = person.fire(Trigger.LOG_ON, reason=LOGGED_ON_REASON)
        self._agents[agent] = person
        person.capacity = capacity or {}
        if rank is not None:
            person.rank = rank
        self._seating.serve(person, queues, skills or {})
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

    def next_state(self, agent: str, state: AgentState, reason: str, now: float) -> None:
        """Say what an agent shall be when what he has in hand is over (ECMA-269, pending agent state).

        READY takes back what he asked for before; WRAP_UP has him wrap up also where the queue
        has no wrap-up, until he says so; NOT_READY and LOGGED_OUT are wishes as while he is busy.
        `reason` is for NOT_READY. Raises `AcdError`: he has nothing in hand, or it is no such state.
        """
        person = self._person(agent)
        wraps_up = state is AgentState.WRAP_UP
        in_hand = person.state in (AgentState.RESERVED, AgentState.BUSY)
        if not in_hand or not (wraps_up or state in NEXT_STATES):
            raise WrongStateError(agent, person.state, f"{state.value} as the next state")
        person.wants_wrap_up = wraps_up
        if not wraps_up:
            self._fire(agent, NEXT_STATES[state], now, reason)

    def wrap_up_limit(self, agent: str, seconds: float | None, now: float) -> None:
        """Let the present wrap-up end by itself so long from now (None: not before he says so).

        Raises `AcdError` where he does not wrap up.
        """
        person = self._person(agent)
        if person.state is not AgentState.WRAP_UP:
            raise WrongStateError(agent, person.state, "another time for wrap-up")
        if seconds is not None and seconds <= 0:
            self._wrap_up_over(person, now)
        else:
            self._limit_wrap_up(person, math.inf if seconds is None else seconds, now)

    def agent_queues(self, agent: str, queues: Sequence[str], now: float) -> None:
        """Change which queues an agent serves, whatever he does now. Raises `AcdError`."""
        self._retrain(agent, queues, self._person(agent).skills, now)

    def agent_skills(
        self, agent: str, queues: Sequence[str], skills: Mapping[str, int], now: float
    ) -> None:
        """Change what an agent serves and can, whatever he does now. Raises `AcdError`."""
        self._retrain(agent, queues, skills, now)

    def _retrain(
        self, agent: str, queues: Sequence[str], skills: Mapping[str, int], now: float
    ) -> None:
        for name in queues:
            self._seating.queue(name)
        person = self._person(agent)
        self._seating.stand_up(person)
        self._seating.leave(person)
        self._seating.serve(person, queues, skills)
        self._look_for_work(person, now)

    # --- calls that are not given here ------------------------------------------------

    def engage(self, agent: str, contact_id: str, now: float) -> None:
        """An agent has a call that was not given to him here: a call of his own, a consultation.

        It takes all of him, whatever his capacity. Several at once count each. Raises `AcdError`
        where he is rung for a contact, or logged out.
        """
        person = self._person(agent)
        if contact_id in person.engaged or contact_id in person.contacts:
            return
        self._busy(person, Trigger.ENGAGED, now)
        person.engaged[contact_id] = None
        person.contact = contact_id
        self._moved(person, AgentState.BUSY, now)

    def disengage(self, agent: str, contact_id: str, now: float) -> bool:
        """That call is over for him: he is what he was, or what he asked to be meanwhile.

        Wrap-up goes on with the time that was left. False where he had no such call.
        """
        person = self._agents.get(agent)
        if person is None or contact_id not in person.engaged:
            return False
        del person.engaged[contact_id]
        if person.wants_wrap_up and person.newest is None and person.to_wrap_up is None:
            person.to_wrap_up = WrapUp(contact_id, math.inf)
        self._freed(person, Trigger.DISENGAGED, now)
        return True

    def take(self, contact: Contact, agent: str, now: float) -> bool:
        """This agent has the contact, wherever it was: waiting, on offer, with another, or not here.

        It was transferred to him, say, or he picked it up. Where he was engaged with it, that is
        what it was. Offers to others are withdrawn; another who had it is done with it. False
        where he is logged out. Raises `AcdError`: no such agent, no such queue.
        """
        person = self._person(agent)
        if person.state is AgentState.LOGGED_OUT:
            return False
        case = self._cases.get(contact.id)
        if case is not None and agent in case.offers:
            return self.offer_accepted(contact.id, now, agent=agent)
        if case is not None and case.agent == agent:
            return True
        was = None if case is None else case.stage
        if case is None:
            queue = self._seating.queue(contact.queue)
            self._arrivals += 1
            case = self._cases[contact.id] = Case(contact, queue, self._arrivals)
        elif case.stage is Stage.WAITING:
            self._take_out(case)
        others, giver = case.offers, case.agent
        case.stage, case.agent, case.offers = Stage.CONNECTED, agent, []
        person.engaged.pop(contact.id, None)
        # He first: whom this frees looks for work, and must find nobody idle who is not.
        state = self._busy(person, Trigger.TAKEN, now)
        person.take(contact.id, case.contact.channel)
        if state is not None:
            person.contact = person.newest
        if self._notes:
            self._note(case, Step.TAKEN, reasons.taken(was, giver, others), {}, agent)
        self._moved(person, state, now)
        self._withdraw(case, others, now)
        if giver is not None:
            self._hand_back(self._agents[giver], case, now)
        return True

    # --- contacts -------------------------------------------------------------------

    def enqueue(self, contact: Contact, now: float) -> None:
        """Wait for an agent, or get one at once. Raises `UnknownQueueError`, `DuplicateContactError`."""
        queue = self._seating.queue(contact.queue)
        if contact.id in self._cases:
            raise DuplicateContactError(contact.id)
        self._arrivals += 1
        case = self._cases[contact.id] = Case(contact, queue, self._arrivals)
        self._plan(case, now)
        if self._notes:
            self._note(case, Step.ENQUEUED, *reasons.placed(case, self._position(case)))
        self._wait(case, now)

    def move(self, contact: str, queue: str, now: float) -> bool:
        """Have a waiting contact wait in another queue, at the place its age gives it there.

        One that waited for a named agent waits for anybody there. False where it does not wait. Raises `UnknownQueueError`.
        """
        target = self._seating.queue(queue)
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.WAITING:
            return False
        self._take_out(case)
        case.queue = target
        case.contact = msgspec.structs.replace(case.contact, queue=queue, agent=None)
        self._plan(case, now)
        if self._notes:
            self._note(case, Step.MOVED, *reasons.placed(case, self._position(case)))
        self._wait(case, now)
        return True

    def remove(self, contact: str, reason: str, now: float) -> bool:
        """The contact left before it was connected; a reserved agent gets his place back.

        False where it is not here, or already connected (then `contact_ended` ends it).
        """
        case = self._cases.get(contact)
        if case is None or case.stage is Stage.CONNECTED:
            return False
        del self._cases[contact]
        if case.stage is Stage.WAITING:
            self._take_out(case)
        waited = now - case.contact.enqueued_at
        self._actions.append(Removed(contact, case.queue.name, reason, waited))
        self._withdraw(case, case.offers, now)
        return True

    def offer_accepted(self, contact: str, now: float, *, agent: str | None = None) -> bool:
        """The agent answered. False for late news: this contact is not on offer (to `agent`).

        Where several were rung, `agent` says which of them; the others are withdrawn.
        """
        case = self._on_offer(contact, agent)
        if case is None:
            return False
        winner = agent if agent is not None else case.offers[0]
        others = [name for name in case.offers if name != winner]
        case.stage, case.agent, case.offers = Stage.CONNECTED, winner, []
        person = self._agents[winner]
        person.take(contact, case.contact.channel)
        self._moved(person, person.fire(Trigger.ACCEPTED), now)
        self._withdraw(case, others, now)
        if self._notes and case.contact.channel is not Channel.VOICE:  # calls have events for it
            self._note(case, Step.CONNECTED, "answered", {}, winner)
        return True

    def offer_failed(
        self, contact: str, cause: Cause, now: float, *, agent: str | None = None
    ) -> bool:
        """The agent did not get it: he is not ready, and the contact is back at its place.

        The agent moves first, so that the contact cannot be offered to him again. Where
        others still ring for it, it stays with them. False for late news: this contact is
        not on offer (to `agent`).
        """
        case = self._on_offer(contact, agent)
        if case is None:
            return False
        name = agent if agent is not None else case.offers[0]
        case.offers.remove(name)
        person = self._agents[name]
        person.contact = person.newest
        reason = FAILURE_REASONS.get(cause, cause.value)
        if self._notes:
            self._note(case, Step.RETURNED, f"{name}: {reason}", {}, name)
        if not case.offers:
            case.stage = Stage.WAITING
        self._moved(person, person.fire(Trigger.FAILED, reason=reason), now)
        if not case.offers:
            self._plan(case, now)
            self._wait(case, now)
        return True

    def contact_ended(self, contact: str, now: float, *, wrap_up: bool = True) -> bool:
        """A connected contact is over: its agent wraps up, or is free. False for late news.

        `wrap_up`: False where there is nothing to wrap up: it was part of another contact.
        """
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.CONNECTED:
            return False
        del self._cases[contact]
        person = self._agents[case.agent or ""]
        if self._notes and case.contact.channel is not Channel.VOICE:
            self._note(case, Step.ENDED, "", {}, person.name)
        self._hand_back(person, case, now, wrap_up=wrap_up)
        return True

    # --- the seam ---------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """The next decision to carry out, None when there is none."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        due = (self._of_agents.next_due(), self._of_contacts.next_due())
        return min((when for when in due if when is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due: rings widen, patience for one agent is over, wrap-ups end.

        Contacts go first, and all that move at one instant move together: then those who come
        free choose among all, and of two who widen at once the one due sooner is served.
        """
        self._of_contacts.run(now)
        self._stir(now)
        self._of_agents.run(now)

    # --- what is so -------------------------------------------------------------------

    def agent(self, name: str) -> AgentView:
        """One agent. Raises `UnknownAgentError`."""
        return _agent_view(self._person(name))

    def agents(self) -> list[AgentView]:
        """Every agent who ever logged on, in that order."""
        return [_agent_view(person) for person in self._agents.values()]

    def queue(self, name: str) -> QueueView:
        """One queue. Raises `UnknownQueueError`."""
        queue = self._seating.queue(name)
        waiting = self._seating.waiting_in(queue)
        return QueueView(
            name=name,
            waiting=len(waiting),
            idle_agents=sum(person.state is AgentState.READY for person in queue.members.values()),
            oldest=min(
                (self._cases[place[2]].contact.enqueued_at for place in waiting), default=None
            ),
            agents=len(queue.members),
        )

    def queues(self) -> list[QueueView]:
        """Every queue, in the order they were added."""
        return [self.queue(name) for name in self._seating.queues]

    def waiting(self, queue: str) -> list[str]:
        """Who waits there, next one first. Raises `UnknownQueueError`."""
        return [
            contact
            for _, _, contact in sorted(self._seating.waiting_in(self._seating.queue(queue)))
        ]

    def position(self, contact: str) -> int | None:
        """A waiting contact's position in its queue, 1 is next; None where it does not wait."""
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.WAITING:
            return None
        return self._position(case)

    def length(self, queue: str) -> int:
        """How many wait there. Raises `UnknownQueueError`."""
        state = self._seating.queue(queue)
        lines = (*state.lines.values(), *state.personal.values())
        return sum(len(line.waiting) for line in lines)

    def on_offer(self, queue: str) -> int:
        """For how many of its contacts somebody is rung. Raises `UnknownQueueError`."""
        state = self._seating.queue(queue)
        return sum(
            case.queue is state and case.stage is Stage.OFFERED for case in self._cases.values()
        )

    def staff(self, queue: str) -> int:
        """How many who are logged on serve it. Raises `UnknownQueueError`."""
        return len(self._seating.queue(queue).members)

    def standing(self, contact: str, now: float) -> Standing | None:
        """What stands between a waiting contact and an agent; None where it does not wait."""
        case = self._cases.get(contact)
        if case is None or case.line is None:
            return None
        return self._competition.standing(case.line, case.place, case.queue, now)

    def standing_of_newcomer(
        self, queue: str, now: float, *, enqueued_at: float | None = None
    ) -> Standing:
        """What would stand between a call and an agent that came now, to the place of `enqueued_at`.

        Raises `UnknownQueueError`.
        """
        state = self._seating.queue(queue)
        place_at = now if enqueued_at is None else enqueued_at
        contact = Contact(id="", queue=queue, enqueued_at=place_at)
        line = state.line(Need(queue, contact.channel, lowest_levels(state.settings.skills)))
        place = (self._order.due(contact, state.settings, urgent=False), self._arrivals + 1, "")
        standing = self._competition.standing(line, place, state, now)
        return standing._replace(free=len(line.idle))

    def stage(self, contact: str) -> Stage | None:
        """Where a contact is; None where it is not (or no longer) here."""
        case = self._cases.get(contact)
        return None if case is None else case.stage

    def holder(self, contact: str) -> str | None:
        """The agent who has a contact; None where it is with nobody."""
        case = self._cases.get(contact)
        return None if case is None else case.agent

    def is_offered(self, contact: str, agent: str) -> bool:
        """Whether this contact is on offer to this agent."""
        return self._on_offer(contact, agent) is not None

    def __len__(self) -> int:
        """How many contacts are here: waiting, on offer and connected."""
        return len(self._cases)

    # --- inside: names ------------------------------------------------------------------

    def _person(self, name: str) -> Agent:
        person = self._agents.get(name)
        if person is None:
            raise UnknownAgentError(name)
        return person

    def _at_work(self, name: str) -> bool:
        person = self._agents.get(name)
        return person is not None and person.at_work

    def _on_offer(self, contact: str, agent: str | None) -> Case | None:
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.OFFERED:
            return None
        return case if agent is None or agent in case.offers else None

    # --- inside: agents -----------------------------------------------------------------

    def _fire(self, agent: str, trigger: Trigger, now: float, reason: str | None = None) -> None:
        person = self._person(agent)
        before = person.state
        state = person.fire(trigger, reason=reason)
        if state is None:  # a wish was noted, or taken back
            if before is AgentState.BUSY:
                self._seating.stand_up(person)
                self._look_for_work(person, now)
            if not person.at_work:
                self._go_on_without(person, now)
            return
        self._seating.stand_up(person)
        if before is AgentState.WRAP_UP:
            person.contact = None
            _stop_wrap_up(person)
        self._moved(person, state, now)

    def _busy(self, person: Agent, trigger: Trigger, now: float) -> AgentState | None:
        """Have an agent leave what he does for something that he takes in hand himself."""
        before = person.state
        state = person.fire(trigger)
        self._seating.stand_up(person)
        if before is AgentState.WRAP_UP:
            left = math.inf if person.wrap_up is None else person.wrap_up.when - now
            if left > 0:
                person.to_wrap_up = WrapUp(person.contact or "", left)
            _stop_wrap_up(person)
        return state

    def _hand_back(self, person: Agent, case: Case, now: float, *, wrap_up: bool = True) -> None:
        """An agent is done with a contact that he had."""
        person.give_back(case.contact.id)
        limit = math.inf if person.wants_wrap_up else case.queue.settings.wrap_up_s
        if wrap_up and limit > 0 and person.state is AgentState.BUSY and not person.contacts:
            person.to_wrap_up = WrapUp(case.contact.id, limit)
        self._freed(person, Trigger.ENDED, now)

    def _freed(self, person: Agent, trigger: Trigger, now: float) -> None:
        """Something is out of his hands: he goes on with the rest, wraps up, or is free."""
        if person.state is AgentState.BUSY:
            self._seating.stand_up(person)
        work = person.to_wrap_up
        state = person.fire(trigger, wrap_up=work is not None)
        if state is AgentState.WRAP_UP:
            assert work is not None
            person.contact, person.to_wrap_up, person.wants_wrap_up = work.contact, None, False
            self._limit_wrap_up(person, work.seconds, now)
        elif state is not None:
            person.contact = person.newest
        self._moved(person, state, now)

    def _limit_wrap_up(self, person: Agent, seconds: float, now: float) -> None:
        _stop_wrap_up(person)
        if seconds < math.inf:
            person.wrap_up = self._of_agents.at(now + seconds, self._wrap_up_over, person)

    def _wrap_up_over(self, person: Agent, now: float) -> None:
        self._fire(person.name, Trigger.WRAPPED_UP, now)

    def _moved(
        self, person: Agent, state: AgentState | None, now: float, idle_since: float | None = None
    ) -> None:
        """Tell where the agent went, and do what follows from it."""
        if state is None:
            return
        self._actions.append(Moved(person.name, state, person.reason, person.contact))
        person.occupancy.work(state in WORKING, now)
        match state:
            case AgentState.READY:
                person.idle_since = now if idle_since is None else idle_since
                self._look_for_work(person, now)
            case AgentState.BUSY:
                self._look_for_work(person, now)
            case AgentState.LOGGED_OUT:
                self._seating.leave(person)
                self._go_on_without(person, now)
            case AgentState.NOT_READY:
                self._go_on_without(person, now)

    def _look_for_work(self, person: Agent, now: float) -> None:
        """Assign an agent with room the first contact of all his lines, else have him sit down."""
        if person.state is not AgentState.READY and not person.has_spare_room:
            return
        first: Place | None = None
        for line in person.lines:
            waiting = line.waiting
            if (
                waiting
                and (first is None or waiting[0] < first)
                and person.has_room(line.need.channel)
            ):
                first = waiting[0]
        if first is None:
            self._seating.sit_down(person, now)
        else:
            case = self._cases[first[2]]
            self._take_out(case)
            self._assign(case, [person], 1, now)

    # --- inside: contacts -----------------------------------------------------------------

    def _plan(self, case: Case, now: float) -> None:
        """Work out a contact's place and phases, and the phase that it is in."""
        contact, queue = case.contact, case.queue.settings
        urgent_at = self._order.urgent_at(contact)
        case.urgent = urgent_at is not None and now >= urgent_at
        due = self._order.due(contact, queue, urgent=case.urgent)
        case.place = (due, case.arrival, contact.id)
        case.phases = phases(contact, queue, self._at_work)
        waited = now - contact.enqueued_at
        case.phase = 0
        while case.phase + 1 < len(case.phases) and case.phases[case.phase + 1].after_s <= waited:
            case.phase += 1
        if self._notes and case.phases[case.phase].need.agent is not None:
            self._note(case, Step.PREFERENCE, f"waits for {case.phases[case.phase].name}")

    def _wait(self, case: Case, now: float) -> None:
        """Put a contact at its place, and tell which it is; from there an agent takes it, if any."""
        self._actions.append(Positioned(case.contact.id, case.queue.name, self._position(case)))
        self._stand(case, now)

    def _stand(self, case: Case, now: float) -> None:
        """Give a contact to who is free for it, else have it wait in the line of its need."""
        need = case.phases[case.phase].need
        if need.agent is not None:
            person = self._agents.get(need.agent)
            if person is not None and person.has_room(need.channel):
                self._seating.stand_up(person)
                self._assign(case, [person], 1, now)
                return
            line = self._seating.personal_line(need, case.queue)
        else:
            line = self._seating.line(need, case.queue, now)
            candidates = line.candidates()
            if candidates:
                # Nobody else waits here then, or an idle agent would have taken him.
                seats = line.best(case.queue.settings.ring_agents)
                chosen = [self._agents[seat[-1]] for seat in seats]
                for person in chosen:
                    self._seating.stand_up(person)
                self._assign(case, chosen, candidates, now)
                return
        line.stand(case.place)
        case.line = line
        enqueued_at = case.contact.enqueued_at
        if case.phase + 1 < len(case.phases):
            at = enqueued_at + case.phases[case.phase + 1].after_s
            case.timers.append(self._of_contacts.at(at, self._phase_over, case))
        urgent_at = self._order.urgent_at(case.contact)
        if urgent_at is not None and not case.urgent:
            case.timers.append(self._of_contacts.at(urgent_at, self._deadline_near, case))

    def _take_out(self, case: Case) -> None:
        """Take a waiting contact out of its line."""
        line = case.line
        assert line is not None
        line.leave(case.place)
        case.line = None
        for timer in case.timers:
            timer.cancel()
        case.timers.clear()
        if line.need.agent is not None and not line.waiting:
            self._seating.forget_personal(line, case.queue)

    def _assign(self, case: Case, chosen: list[Agent], candidates: int, now: float) -> None:
        contact, queue = case.contact, case.queue.name
        case.stage, case.offers = Stage.OFFERED, [person.name for person in chosen]
        waited = now - contact.enqueued_at
        for person in chosen:
            person.contact = contact.id
            person.last_offer[queue] = next(self._offers)
            self._moved(person, person.fire(Trigger.RESERVED), now)
            self._actions.append(Assign(contact.id, person.name, queue, waited))
            if self._notes:
                why, facts = reasons.assigned(case, person.name, candidates, waited)
                self._note(case, Step.ASSIGNED, why, facts, person.name)

    def _withdraw(self, case: Case, names: list[str], now: float) -> None:
        """It was not these agents who let it ring: their idle time goes on from where it was."""
        for name in names:
            person = self._agents[name]
            person.contact = person.newest
            if case.stage is Stage.CONNECTED:
                self._actions.append(Withdrawn(case.contact.id, name))
            state = person.fire(Trigger.WITHDRAWN)
            self._moved(person, state, now, idle_since=person.idle_since)

    def _phase_over(self, case: Case, _now: float) -> None:
        self._stirred.append((case, self._next_phase))

    def _deadline_near(self, case: Case, _now: float) -> None:
        self._stirred.append((case, self._urgent))

    def _go_on_without(self, person: Agent, now: float) -> None:
        """Who waits for this agent because he would rather, waits for others as well."""
        for line in self._seating.personal_lines(person.name):
            for place in line.waiting:
                case = self._cases[place[2]]
                if case.contact.agent is None:
                    self._stirred.append((case, self._next_phase))
        self._stir(now)

    def _stir(self, now: float) -> None:
        """Change those who wait, then let each, soonest due first, see who is free for it."""
        stirred, self._stirred = self._stirred, []
        for case, _ in stirred:
            if case.line is not None:
                self._take_out(case)
        for case, change in stirred:
            change(case)
        for case in sorted({case for case, _ in stirred}, key=lambda case: case.place):
            self._stand(case, now)

    def _next_phase(self, case: Case) -> None:
        """The contact has waited long enough to be offered to others."""
        before = case.phases[case.phase]
        case.phase += 1
        if self._notes:
            after = case.phases[case.phase]
            step = Step.WIDENED if before.need.agent is None else Step.PREFERENCE_ENDED
            self._note(case, step, *reasons.went_on(before, after))

    def _urgent(self, case: Case) -> None:
        """The contact's deadline is near: it goes forward."""
        case.urgent = True
        due = self._order.due(case.contact, case.queue.settings, urgent=True)
        case.place = (due, case.arrival, case.contact.id)
        if self._notes:
            self._note(case, Step.URGENT, "its deadline is near", {"due": round(due, 3)})

    def _clear_away(self, queue: QueueState) -> list[Case]:
        """Empty a queue of waiting contacts, idle agents and lines; return who waited."""
        for person in queue.members.values():
            self._seating.stand_up(person)
            person.serve_only(
                [
                    line
                    for line in person.lines
                    if line.need.queue != queue.name or line.need.agent is not None
                ]
            )
        waiting = [self._cases[place[2]] for place in sorted(self._seating.waiting_in(queue))]
        for case in waiting:
            self._take_out(case)
        queue.lines.clear()
        return waiting

    def _place_again(self, waiting: list[Case], now: float) -> None:
        for case in waiting:
            self._plan(case, now)
        for case in sorted(waiting, key=lambda case: case.place):
            self._wait(case, now)

    @staticmethod
    def _position(case: Case) -> int:
        queue, place = case.queue, case.place
        before = sum(line.ahead_of(place) for line in queue.lines.values())
        if queue.personal:
            before += sum(line.ahead_of(place) for line in queue.personal.values())
        return before + 1

    # --- inside: reasons ------------------------------------------------------------------

    def _note(
        self,
        case: Case,
        step: Step,
        why: str,
        facts: Facts | None = None,
        agent: str | None = None,
    ) -> None:
        self._actions.append(Noted(case.contact.id, step, case.queue.name, agent, why, facts or {}))


def _taped(
    do: Callable[..., Any],
    verb: str,
    tape: Callable[[str, tuple[Any, ...], dict[str, Any]], None],
) -> Callable[..., Any]:
    def tell_and_do(*args: Any, **kwargs: Any) -> Any:
        tape(verb, args, kwargs)
        return do(*args, **kwargs)

    return tell_and_do


def _stop_wrap_up(person: Agent) -> None:
    if person.wrap_up is not None:
        person.wrap_up.cancel()
        person.wrap_up = None


def _pending(person: Agent) -> str | None:
    if person.wish is not None:
        return person.wish.value
    return AgentState.WRAP_UP.value if person.wants_wrap_up else None


def _agent_view(person: Agent) -> AgentView:
    return AgentView(
        name=person.name,
        state=person.state,
        queues=person.queues,
        reason=person.reason,
        contact=person.contact,
        contacts=tuple(person.contacts),
        engaged=tuple(person.engaged),
        pending=_pending(person),
        skills=dict(person.skills),
    )
