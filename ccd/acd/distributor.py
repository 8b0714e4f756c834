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
- an agent has at most one offer, and never more in hand than his capacity allows;
- no agent with room and waiting contact exist who could be together.

How long a phone may ring is the switch's business: it says `offer_failed`.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from ccd.acd import strategies
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
from ccd.acd.agent import LOGGED_ON_REASON, WORKING, Agent, Trigger, Wish
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
from ccd.acd.line import Line, Seat
from ccd.acd.need import Need, lowest_levels, suffice
from ccd.acd.order import Order
from ccd.acd.phases import phases
from ccd.acd.queue import QueueState
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


class Distributor:
    """Contacts and agents, brought together (see the module).

    `notes`: also tell each step's reason, as `Noted`.
    """

    def __init__(self, order: Order | None = None, *, notes: bool = False) -> None:
        self._order = order or Order()
        self._notes = notes
        self._queues: dict[str, QueueState] = {}
        self._agents: dict[str, Agent] = {}
        self._cases: dict[str, Case] = {}
        self._personal: dict[
            str, dict[Need, Line]
        ] = {}  # agent -> lines of who waits for him alone
        self._arrivals = 0
        self._offers = itertools.count(1)
        self._actions: deque[Action] = deque()
        self._of_agents = TimerQueue()
        self._of_contacts = TimerQueue()
        self._stirred: list[tuple[Case, Callable[[Case], None]]] = []
        self._competition = Competition()

    # --- queues -----------------------------------------------------------------------

    def add_queue(self, settings: QueueSettings) -> None:
        """Open a queue. Raises ValueError where one of this name is open, or its strategy is unknown."""
        if settings.name in self._queues:
            raise ValueError(f"queue {settings.name!r} was already added")
        self._queues[settings.name] = QueueState(settings)

    def change_queue(self, settings: QueueSettings, now: float) -> None:
        """Change an open queue; nobody who waits loses his place.

        Raises `UnknownQueueError`, and ValueError for an unknown strategy.
        """
        queue = self._queue(settings.name)
        strategies.find(settings.strategy)  # so that a refused change has changed nothing
        members = list(queue.members.values())
        waiting = self._clear_away(queue)
        queue.configure(settings)
        for agent in members:
            self._qualify(agent)
        # Those free first, so that the strategy has its choice; then who waits, in order.
        for agent in members:
            self._sit_down(agent, now)
        self._place_again(waiting, now)

    def remove_queue(self, name: str, now: float) -> None:
        """Close a queue that nobody waits in. Raises `UnknownQueueError`, `QueueNotEmptyError`."""
        queue = self._queue(name)
        here = sum(
            case.queue is queue and case.stage is not Stage.CONNECTED
            for case in self._cases.values()
        )
        if here:
            raise QueueNotEmptyError(name, here)
        members = list(queue.members.values())
        self._clear_away(queue)
        del self._queues[name]
        for agent in members:
            agent.queues = tuple(each for each in agent.queues if each != name)
            self._qualify(agent)
            self._sit_down(agent, now)

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
            self._queue(name)
        person = self._agents.get(agent)
        if person is None:
            person = Agent(agent, len(self._agents), now)
        state = person.fire(Trigger.LOG_ON, reason=LOGGED_ON_REASON)
        self._agents[agent] = person
        person.capacity = capacity or {}
        if rank is not None:
            person.rank = rank
        self._serve(person, queues, skills or {})
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
        """Change which queues an agent serves, whatever he does now. Raises `AcdError`."""
        self.agent_skills(agent, queues, self._person(agent).skills, now)

    def agent_skills(
        self, agent: str, queues: Sequence[str], skills: Mapping[str, int], now: float
    ) -> None:
        """Change what an agent serves and can, whatever he does now. Raises `AcdError`."""
        for name in queues:
            self._queue(name)
        person = self._person(agent)
        self._stand_up(person)
        self._leave(person)
        self._serve(person, queues, skills)
        self._look_for_work(person, now)

    # --- contacts -------------------------------------------------------------------

    def enqueue(self, contact: Contact, now: float) -> None:
        """Wait for an agent, or get one at once. Raises `UnknownQueueError`, `DuplicateContactError`."""
        queue = self._queue(contact.queue)
        if contact.id in self._cases:
            raise DuplicateContactError(contact.id)
        self._arrivals += 1
        case = self._cases[contact.id] = Case(contact, queue, self._arrivals)
        self._plan(case, now)
        if self._notes:
            self._note(case, Step.ENQUEUED, *self._reason_for_place(case))
        self._wait(case, now)

    def move(self, contact: str, queue: str, now: float) -> bool:
        """Have a waiting contact wait in another queue, at the place its age gives it there.

        False where it does not wait. Raises `UnknownQueueError`.
        """
        target = self._queue(queue)
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.WAITING:
            return False
        self._take_out(case)
        case.queue = target
        case.urgent = False
        self._plan(case, now)
        if self._notes:
            self._note(case, Step.MOVED, *self._reason_for_place(case))
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
        person.contact = _newest(person)
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

    def contact_ended(self, contact: str, now: float) -> bool:
        """A connected contact is over: its agent wraps up, or is free. False for late news."""
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.CONNECTED:
            return False
        del self._cases[contact]
        person = self._agents[case.agent or ""]
        if person.state is AgentState.BUSY:
            self._stand_up(person)
        person.give_back(contact)
        limit = case.queue.settings.wrap_up_s
        state = person.fire(Trigger.ENDED, wrap_up=limit > 0)
        if state is AgentState.WRAP_UP:
            if limit < math.inf:
                person.wrap_up = self._of_agents.at(now + limit, self._wrap_up_over, person)
        elif state is not None:
            person.contact = _newest(person)
        if self._notes and case.contact.channel is not Channel.VOICE:
            self._note(case, Step.ENDED, "", {}, person.name)
        self._moved(person, state, now)
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
        queue = self._queue(name)
        waiting = self._waiting_in(queue)
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
        return [self.queue(name) for name in self._queues]

    def waiting(self, queue: str) -> list[str]:
        """Who waits there, next one first. Raises `UnknownQueueError`."""
        return [contact for _, _, contact in sorted(self._waiting_in(self._queue(queue)))]

    def position(self, contact: str) -> int | None:
        """A waiting contact's position in its queue, 1 is next; None where it does not wait."""
        case = self._cases.get(contact)
        if case is None or case.stage is not Stage.WAITING:
            return None
        return self._position(case)

    def length(self, queue: str) -> int:
        """How many wait there. Raises `UnknownQueueError`."""
        state = self._queue(queue)
        lines = (*state.lines.values(), *state.personal.values())
        return sum(len(line.waiting) for line in lines)

    def staff(self, queue: str) -> int:
        """How many who are logged on serve it. Raises `UnknownQueueError`."""
        return len(self._queue(queue).members)

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
        state = self._queue(queue)
        place_at = now if enqueued_at is None else enqueued_at
        contact = Contact(id="", queue=queue, enqueued_at=place_at)
        line = state.line(Need(queue, contact.channel, lowest_levels(state.settings.skills)))
        place = (self._order.due(contact, state.settings, urgent=False), self._arrivals + 1, "")
        return self._competition.standing(line, place, state, now)

    def stage(self, contact: str) -> Stage | None:
        """Where a contact is; None where it is not (or no longer) here."""
        case = self._cases.get(contact)
        return None if case is None else case.stage

    def is_offered(self, contact: str, agent: str) -> bool:
        """Whether this contact is on offer to this agent."""
        return self._on_offer(contact, agent) is not None

    def __len__(self) -> int:
        """How many contacts are here: waiting, on offer and connected."""
        return len(self._cases)

    # --- inside: names ------------------------------------------------------------------

    def _queue(self, name: str) -> QueueState:
        queue = self._queues.get(name)
        if queue is None:
            raise UnknownQueueError(name, list(self._queues))
        return queue

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

    def _serve(self, person: Agent, queues: Iterable[str], skills: Mapping[str, int]) -> None:
        """Have an agent serve these queues from now on, where he is logged on."""
        person.queues = tuple(dict.fromkeys(queues))
        person.skills = dict(skills)
        if person.state is not AgentState.LOGGED_OUT:
            for name in person.queues:
                self._queues[name].members[person.name] = person
            self._qualify(person)

    def _qualify(self, person: Agent) -> None:
        """Find the lines that an agent who is logged on can serve."""
        lines = [line for name in person.queues for line in self._queues[name].lines_for(person)]
        person.serve_only([*lines, *self._personal.get(person.name, {}).values()])

    def _leave(self, person: Agent) -> None:
        """Have an agent serve nothing."""
        for name in person.queues:
            self._queues[name].members.pop(person.name, None)
        person.serve_only(())

    def _fire(self, agent: str, trigger: Trigger, now: float, reason: str | None = None) -> None:
        person = self._person(agent)
        before = person.state
        state = person.fire(trigger, reason=reason)
        if state is None:  # a wish was noted, or taken back
            if before is AgentState.BUSY:
                self._stand_up(person)
                self._look_for_work(person, now)
            if not person.at_work:
                self._go_on_without(person, now)
            return
        self._stand_up(person)
        if before is AgentState.WRAP_UP:
            person.contact = None
            if person.wrap_up is not None:
                person.wrap_up.cancel()
                person.wrap_up = None
        self._moved(person, state, now)

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
                self._leave(person)
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
            self._sit_down(person, now)
        else:
            case = self._cases[first[2]]
            self._take_out(case)
            self._assign(case, [person], 1, now)

    def _sit_down(self, person: Agent, now: float) -> None:
        """Have an agent with room wait in all lines that he can serve."""
        for line in person.lines:
            if line.need.agent is None and person.has_room(line.need.channel):
                self._sit_down_in(person, line, now)

    def _sit_down_in(self, person: Agent, line: Line, now: float) -> None:
        queue = self._queues[line.need.queue]
        try:
            number = queue.strategy(person, line.need, now)
        except Exception as error:  # a plug-in's, whatever it is: calls go on
            self._strategy_broke(queue, error)
            number = queue.strategy(person, line.need, now)
        seat: Seat = (person.load, number, person.idle_since, person.number, person.name)
        line.idle.add(seat)
        person.seats[line] = seat

    @staticmethod
    def _stand_up(person: Agent) -> None:
        """Take an agent who waits for work out of his lines."""
        for line, seat in person.seats.items():
            line.idle.remove(seat)
        person.seats.clear()

    def _strategy_broke(self, queue: QueueState, error: Exception) -> None:
        """Go on with `longest_idle`, also for those who sit in the queue's lines already."""
        text = f"{type(error).__name__}: {error}"
        self._actions.append(StrategyBroke(queue.name, queue.settings.strategy, text))
        queue.strategy = strategies.longest_idle
        for line in queue.lines.values():
            for load, _, since, number, name in list(line.idle):
                person = self._agents[name]
                line.idle.remove(person.seats[line])
                person.seats[line] = (load, since, since, number, name)
                line.idle.add(person.seats[line])

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
                self._stand_up(person)
                self._assign(case, [person], 1, now)
                return
            line = self._personal_line(need, case.queue)
        else:
            line = self._line(need, case.queue, now)
            if line.idle:
                # Nobody else waits here then, or an idle agent would have taken him.
                candidates = len(line.idle)
                rung = min(case.queue.settings.ring_agents, candidates)
                chosen = [self._agents[line.idle[index][-1]] for index in range(rung)]
                for person in chosen:
                    self._stand_up(person)
                self._assign(case, chosen, candidates, now)
                return
        line.waiting.add(case.place)
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
        line.waiting.remove(case.place)
        case.line = None
        for timer in case.timers:
            timer.cancel()
        case.timers.clear()
        need = line.need
        if need.agent is not None and not line.waiting:
            del self._personal[need.agent][need]
            del case.queue.personal[need]
            person = self._agents.get(need.agent)
            if person is not None and line in person.lines:
                person.lines.remove(line)

    def _line(self, need: Need, queue: QueueState, now: float) -> Line:
        known = need in queue.lines
        line = queue.line(need)
        if not known:
            for person in queue.members.values():
                if person.has_room(need.channel) and suffice(person.skills, need.skills):
                    self._sit_down_in(person, line, now)
        return line

    def _personal_line(self, need: Need, queue: QueueState) -> Line:
        assert need.agent is not None
        line = queue.personal.get(need)
        if line is None:
            line = queue.personal[need] = Line(need)
            self._personal.setdefault(need.agent, {})[need] = line
            person = self._agents.get(need.agent)
            if person is not None and person.state is not AgentState.LOGGED_OUT:
                person.serve(line)
        return line

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
                phase = case.phases[case.phase]
                why = f"{case.queue.settings.strategy} of {candidates} free, for {phase.name}"
                if candidates == 1 and waited > 0:
                    why = f"first for {person.name}, for {phase.name}"
                facts: dict[str, str | int | float] = {
                    "waited": round(waited, 3),
                    "due": round(case.place[0], 3),
                    "candidates": candidates,
                    "phase": phase.name,
                }
                self._note(case, Step.ASSIGNED, why, facts, person.name)

    def _withdraw(self, case: Case, names: list[str], now: float) -> None:
        """It was not these agents who let it ring: their idle time goes on from where it was."""
        for name in names:
            person = self._agents[name]
            person.contact = _newest(person)
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
        for line in self._personal.get(person.name, {}).values():
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
            why = f"{before.name} until {after.after_s:g} s, then {after.name}"
            skills = ", ".join(f"{skill} {level}" for skill, level in after.need.skills)
            self._note(case, step, why, {"phase": after.name, "skills": skills})

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
            self._stand_up(person)
            person.serve_only(
                [
                    line
                    for line in person.lines
                    if line.need.queue != queue.name or line.need.agent is not None
                ]
            )
        waiting = [self._cases[place[2]] for place in sorted(self._waiting_in(queue))]
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
    def _waiting_in(queue: QueueState) -> list[Place]:
        lines = (*queue.lines.values(), *queue.personal.values())
        return [place for line in lines for place in line.waiting]

    @staticmethod
    def _position(case: Case) -> int:
        queue, place = case.queue, case.place
        before = sum(line.waiting.bisect_left(place) for line in queue.lines.values())
        if queue.personal:
            before += sum(line.waiting.bisect_left(place) for line in queue.personal.values())
        return before + 1

    # --- inside: reasons ------------------------------------------------------------------

    def _note(
        self,
        case: Case,
        step: Step,
        why: str,
        facts: dict[str, str | int | float] | None = None,
        agent: str | None = None,
    ) -> None:
        self._actions.append(Noted(case.contact.id, step, case.queue.name, agent, why, facts or {}))

    def _reason_for_place(self, case: Case) -> tuple[str, dict[str, str | int | float]]:
        contact, queue = case.contact, case.queue.settings
        facts: dict[str, str | int | float] = {
            "due": round(case.place[0], 3),
            "enqueued_at": round(contact.enqueued_at, 3),
            "head_start_s": contact.head_start_s,
            "weight_s": queue.weight_s,
            "position": self._position(case),
            "phase": case.phases[case.phase].name,
            "channel": contact.channel.value,
        }
        parts = []
        if contact.customer_class:
            facts["customer_class"] = contact.customer_class
            parts.append(f"{contact.customer_class}: {contact.head_start_s:g} s ahead")
        if queue.weight_s:
            parts.append(f"queue's weight: {queue.weight_s:g} s ahead")
        if case.urgent:
            parts.append("its deadline is near")
        return "; ".join(parts) or "first come, first served", facts


def _newest(person: Agent) -> str | None:
    return next(reversed(person.contacts), None)


def _agent_view(person: Agent) -> AgentView:
    return AgentView(
        name=person.name,
        state=person.state,
        queues=person.queues,
        reason=person.reason,
        contact=person.contact,
        contacts=tuple(person.contacts),
        pending=person.wish.value if isinstance(person.wish, Wish) else None,
        skills=dict(person.skills),
    )
