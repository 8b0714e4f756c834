"""The ACD at work: gives the distributor's decisions to the switch, and the news back.

It is the controller of every call that waits for an agent, rings at one or is with one, and
the keeper of what waits without being a live call (callbacks, voicemail), which it gives to
their desks. The distributor decides; nothing is decided here. What callers hear while they
wait, where they go when they wait too long, and how long that is likely to be are rooms of
their own, which watch (`Watcher`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import structlog

from ccd.acd.after_call import AfterCall
from ccd.acd.contact import Contact
from ccd.acd.distributor import (
    AgentView,
    Assign,
    Distributor,
    Moved,
    Noted,
    Positioned,
    QueueView,
    Removed,
    Stage,
    StrategyBroke,
    Withdrawn,
)
from ccd.acd.errors import (
    QueueNotEmptyError,
    QueueRingsError,
    UnknownAgentError,
    UnknownQueueError,
)
from ccd.acd.estimates.backtest import BackTest
from ccd.acd.estimates.estimator import Estimate
from ccd.acd.estimates.forecasts import Forecasts
from ccd.acd.from_settings import NAMED_AGENT, Callers, agent_queues, queue_settings
from ccd.acd.last_agents import LastAgents
from ccd.acd.overflow.exits import Exits
from ccd.acd.redials import Redials
from ccd.acd.steps import Step
from ccd.alarm import Alarm
from ccd.config import Agent, Queue, Settings
from ccd.customers.recognition import Recognition
from ccd.events import (
    AgentBusy,
    AgentLoggedOff,
    AgentLoggedOn,
    AgentNotReady,
    AgentReady,
    AgentReserved,
    AgentSkillsChanged,
    AgentWorkingAfterCall,
    Dequeued,
    Event,
    EventStream,
    QueueChanged,
    Queued,
    Routed,
    StrategyFailed,
    WrappedUp,
)
from ccd.model import AgentState, Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch

_LOGGED_OUT = AgentState.LOGGED_OUT


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


@dataclass(slots=True, eq=False)
class _Case:
    """A contact in the ACD's hands."""

    contact: Contact
    since: float
    """When this attempt began to wait, on the loop's clock (`contact.enqueued_at` is its place)."""
    call: Call | None = None
    desk: Desk | None = None
    ring_timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    """By leg."""
    abandoned: bool = False
    """The caller left while a phone rang, and it was said so."""
    rings_outside: bool = False
    """A number outside rings for it: the distributor does not have it meanwhile."""
    came: bool = False
    """It came to wait; False while it is still to be seen in which queue, if in any."""
    by_rules: bool = True
    """Its queue's rules of overflow hold for it; not for whom we called ourselves."""
    colleague: str | None = None
    """The agent to whom it is being transferred, who is rung."""
    giver: Leg | None = None
    """Who transferred it, until his phone is free."""

    @property
    def is_between(self) -> bool:
        """Whether a number outside, or a colleague, rings for it: it may wait again yet."""
        return self.call is not None and bool(self.call.ringing)


class Acd:
    """Queues calls, rings agents, connects them; a `ccd.switch.call.Controller`."""

    def __init__(
        self,
        *,
        settings: Settings,
        switch: Switch,
        distributor: Distributor,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
        recognition: Recognition | None = None,
    ) -> None:
        self._queues = {queue.name: queue for queue in settings.queue}
        self._agents = {agent.name: agent for agent in settings.agent}
        self._recognition = recognition
        self._directory = None if recognition is None else recognition.directory
        self._callers = Callers.of(settings, self._directory)
        self._after_call = AfterCall(settings)
        self._switch = switch
        self._distributor = distributor
        self._events = events
        self._loop = loop
        self._wall_clock = wall_clock
        self._alarm = Alarm(loop, self._due)
        self._redial_alarm = Alarm(loop, self._redials_due)
        self._cases: dict[str, _Case] = {}
        self._log = structlog.get_logger("acd")
        self._phones: dict[str, str] = {}
        """Where to ring each agent who is logged on."""
        self._since: dict[str, float] = {}
        """When each agent's present state began, seconds since the epoch."""
        self._hanging_up: dict[str, tuple[Leg | str, Assign | None]] = {}
        """Agents whose phone is told to stop ringing (by leg, or by the contact of a desk), and
        whom they are to be rung for next."""
        self.redials = Redials(settings.acd.redial_window_s)
        self.last_agents = LastAgents(settings.acd.last_agent_days)
        self.forecasts = Forecasts(distributor)
        self._watchers: list[Watcher] = []
        self._rooms: list[Room] = []
        self._exits: Exits | None = None
        self._pumping = False
        self._somebody_left = False
        """An agent logged off, which who waits in his queues is not told yet."""
        self._do: dict[type, Callable[..., None]] = {
            Assign: self._assign,
            Moved: self._moved,
            Positioned: self._positioned,
            Removed: self._removed,
            Withdrawn: self._withdrawn,
            Noted: self._noted,
            StrategyBroke: self._strategy_broke,
        }
        for queue in settings.queue:
            distributor.add_queue(queue_settings(queue))

    def watch(self, watcher: Watcher) -> None:
        """Tell this one what becomes of calls that wait."""
        self._watchers.append(watcher)

    def open_exits(self, exits: Exits) -> None:
        """Send calls out of queues by these rules."""
        self._exits = exits

    def tell_changes(self, room: Room) -> None:
        """Tell this one what is changed of queues and settings while calls go on."""
        self._rooms.append(room)

    # --- for the IVR -----------------------------------------------------------------

    def enqueue(
        self,
        call: Call,
        queue: str,
        *,
        enqueued_at: float | None = None,
        arrived_at: float | None = None,
    ) -> None:
        """Take over an answered call and have it wait for an agent of this queue.

        `agent:NAME` is the own queue of an agent. `enqueued_at` (the loop's clock) is the
        place that it takes; now, where nothing is said. `arrived_at` is when it came, where
        that was before now (a program was asked about it meanwhile). Raises `UnknownQueueError`,
        `UnknownAgentError`.
        """
        contact = self._contact_of(call, queue, enqueued_at, arrived_at)
        call.controller = self
        since = self._loop.time() if arrived_at is None else arrived_at
        case = self._cases[call.id] = _Case(contact, since, call=call)
        case.by_rules = enqueued_at is None
        self._enter(case)

    def send_outside(
        self, call: Call, queue: str, number: str, trunk: str, *, arrived_at: float
    ) -> None:
        """Take over an answered call and connect it with a number outside at once.

        Where nobody answers there it waits in `queue`, at the place of `arrived_at` (the loop's
        clock). Raises `UnknownQueueError`, `NotReachable`, and then nothing has changed.
        """
        contact = self._contact_of(call, queue, None, arrived_at)
        case = self._cases[call.id] = _Case(contact, arrived_at, call=call)
        before, call.controller = call.controller, self
        try:
            self.connect_outside(call, number, trunk)
        except NotReachable:
            del self._cases[case.contact.id]
            call.controller = before
            raise

    def transfer(self, call: Call, agent: str) -> None:
        """Give a call from its agent to a colleague, in one step.

        The colleague is busy while his phone rings, and has the contact when he answers. Where he
        does not, he is what he was, and the caller is back in the queue at the place that he had.
        Raises `UnknownAgentError`, `UnknownQueueError` (it came from one that is no more),
        `ccd.switch.switch.NotReachable` (also where the colleague is not free).
        """
        why_not = self.why_not(agent)
        if why_not is not None:
            raise NotReachable(Cause.BUSY, why_not)
        case = self._cases[call.id]
        queue = self.queue_config(case.contact.queue).name
        giver = call.answered
        self._distributor.engage(agent, call.id, self._loop.time())
        case.colleague, case.giver = agent, giver
        try:
            leg = self._switch.transfer(call, agent=agent, phone=self._phones[agent], queue=queue)
        except NotReachable:
            case.giver = None
            self._let_colleague_go(case)
            self._pump()
            raise
        self._limit_ring(case, leg)
        self._pump()

    # --- for calls that are not given here ------------------------------------------------

    def why_not(self, agent: str) -> str | None:
        """Why this agent cannot be rung for a call that is not given to him here; None: he can.

        He need not be ready for that, but logged on, and not on the phone. Raises `UnknownAgentError`.
        """
        view = self._distributor.agent(agent)
        if view.state is _LOGGED_OUT:
            return f"agent {agent} is logged out"
        if view.state is AgentState.RESERVED or agent in self._hanging_up:
            return f"agent {agent} is being rung"
        if view.state is AgentState.BUSY:
            return f"agent {agent} is busy"
        return None

    def is_free(self, agent: str) -> bool:
        """Whether he can be rung for a call that is not given to him here. Raises `UnknownAgentError`."""
        return self.why_not(agent) is None

    def engage(self, agent: str, call_id: str) -> None:
        """The agent has a call that was not given to him here, and is busy until `disengage`.

        Several at once count each. Raises `AcdError` where he is being rung, or logged out.
        """
        self._distributor.engage(agent, call_id, self._loop.time())
        self._pump()

    def disengage(self, agent: str, call_id: str) -> bool:
        """That call is over for him: he is what he was, or what he asked to be meanwhile.

        False where he had no such call, or has it as his contact by now (`take`).
        """
        done = self._distributor.disengage(agent, call_id, self._loop.time())
        self._pump()
        return done

    def take(self, call: Call, agent: str, queue: str = "") -> bool:
        """This agent has the call from now on, wherever it was, by whatever hands.

        Phones that ring for it elsewhere stop, and who had it is done with it; it is the taker's
        to connect them. A call that is not the ACD's becomes so, and the ACD its controller: it
        counts as one of `queue` (empty: the first that the agent serves). False where he is
        logged out. Raises `UnknownAgentError`, `UnknownQueueError`.
        """
        if self._distributor.agent(agent).state is _LOGGED_OUT:
            return False
        case = self._cases.get(call.id)
        if case is None:
            contact = self._contact_of(call, queue or f"{NAMED_AGENT}{agent}", self._loop.time())
            contact = msgspec.structs.replace(contact, agent=None)
            case = self._cases[call.id] = _Case(contact, self._loop.time(), call=call)
            case.by_rules = False
            call.controller = self
        self._is_with(case, agent)
        self._tell("left", call)
        self._pump()
        return True

    # --- for who takes calls out of queues ------------------------------------------------

    def release(self, call: Call, reason: str) -> None:
        """Take a waiting call out of its queue without ending it; the taker is its controller."""
        case = self._cases.pop(call.id)
        self._leave(case, reason)
        self._pump()

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

    def connect_outside(self, call: Call, number: str, trunk: str) -> None:
        """Connect a waiting call with a number outside, in an agent's place.

        Where nobody answers there, it is back at its place. Raises `NotReachable`.
        """
        case = self._cases[call.id]
        leg = self._switch.ring_outside(call, number=number, trunk=trunk, queue=case.contact.queue)
        case.rings_outside = True
        if not case.came:
            self._come(case)
        now = self._loop.time()
        self.forecasts.left(call.id, now)
        self._distributor.remove(call.id, "overflowed", now)
        self._tell("assigned", call)
        self._limit_ring(case, leg)
        self._pump()

    # --- for desks: contacts that are no live calls -----------------------------------------

    def submit(self, contact: Contact, desk: Desk) -> None:
        """Have a contact wait; its desk hears `assigned`. Raises `AcdError`."""
        now = self._loop.time()
        self._distributor.enqueue(contact, now)
        self._cases[contact.id] = _Case(contact, now, desk=desk)
        self._pump()

    def accepted(self, contact_id: str, agent: str) -> None:
        """The agent has it."""
        now = self._loop.time()
        if self._distributor.offer_accepted(contact_id, now, agent=agent):
            queue = self._cases[contact_id].contact.queue
            self.forecasts.answered(contact_id, agent, queue, now)
        self._pump()

    def offer_failed(self, contact_id: str, cause: Cause, agent: str) -> None:
        """The agent could not be had: on to the next."""
        self._distributor.offer_failed(contact_id, cause, self._loop.time(), agent=agent)
        self._pump()

    def ended(self, contact_id: str) -> None:
        """The agent is done with it."""
        if self._distributor.contact_ended(contact_id, self._loop.time()):
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

    # --- for agents ------------------------------------------------------------------

    def log_on(self, agent: str, phone: str = "") -> None:
        """Begin an agent's shift at a phone (empty: the settings' one), not ready.

        Raises `AcdError`.
        """
        settings = self._settings_of(agent)
        queues = agent_queues(settings, self._queues.values())
        self._distributor.agent_log_on(
            agent,
            queues,
            self._loop.time(),
            skills=settings.skills,
            capacity=settings.capacity,
            rank=list(self._agents).index(agent),
        )
        self.forecasts.served_together(queues)
        self._phones[agent] = phone or settings.phone
        self._publish(AgentLoggedOn(agent=agent, phone=self._phones[agent], queues=queues))
        self._pump()
        self._staff_changed()

    def log_off(self, agent: str) -> None:
        """End an agent's shift, when the call in hand is over. Raises `AcdError`."""
        self._distributor.agent_log_off(agent, self._loop.time())
        self._pump()

    def ready(self, agent: str) -> None:
        """The agent takes calls. Raises `AcdError`."""
        self._check_wrapped_up(agent)
        self._distributor.agent_ready(agent, self._loop.time())
        self._pump()

    def not_ready(self, agent: str, reason: str) -> None:
        """The agent takes none, once the call in hand is over. Raises `AcdError`."""
        self._after_call.check_reason(reason)
        self._check_wrapped_up(agent)
        self._distributor.agent_not_ready(agent, reason, self._loop.time())
        self._pump()

    def wrap_up_done(self, agent: str) -> None:
        """The agent ends wrap-up before its time. Raises `AcdError`."""
        self._check_wrapped_up(agent)
        self._distributor.wrap_up_done(agent, self._loop.time())
        self._pump()

    def next_state(self, agent: str, state: AgentState, reason: str = "") -> None:
        """Say what the agent shall be when what he has in hand is over. Raises `AcdError`.

        READY takes back what he asked for before, WRAP_UP has him wrap up whatever the queue says;
        NOT_READY (for `reason`) and LOGGED_OUT follow wrap-up, where there is one.
        """
        if state is AgentState.NOT_READY:
            self._after_call.check_reason(reason)
        self._distributor.next_state(agent, state, reason, self._loop.time())
        self._pump()

    def wrap_up(self, agent: str, disposition: str, notes: str = "") -> str:
        """The agent says what came of his call, now or until he answers the next; return the call's id.

        It does not end wrap-up that has time left; said again, the later word counts. Raises
        `AcdError`: no call yet, or no such disposition.
        """
        view = self._distributor.agent(agent)
        call = self._after_call.says(agent, disposition)
        self._publish(WrappedUp(agent=agent, call=call, disposition=disposition, notes=notes))
        if view.state is AgentState.WRAP_UP and view.contact == call:
            queue = self._after_call.queue_of(agent)
            if queue in self._queues and self._queues[queue].wrap_up_requires_disposition:
                now = self._loop.time()
                left = self._after_call.left(agent, self._queues, now)
                self._distributor.wrap_up_limit(agent, left, now)
                self._pump()
        return call

    # --- changes while running ---------------------------------------------------------

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

    # --- what is so ------------------------------------------------------------------

    def agents(self) -> list[AgentView]:
        """Every agent who ever logged on."""
        return self._distributor.agents()

    def agent(self, name: str) -> AgentView | None:
        """One agent; None where he never logged on."""
        return self._distributor.agent(name) if name in self._phones else None

    def knows(self, agent: str) -> bool:
        """Whether the settings have such an agent."""
        return agent in self._agents

    def queues(self) -> list[QueueView]:
        """Every queue."""
        return self._distributor.queues()

    def queue_config(self, name: str) -> Queue:
        """A queue's settings. Raises `UnknownQueueError`."""
        queue = self._queues.get(name)
        if queue is None:
            raise UnknownQueueError(name, list(self._queues))
        return queue

    def phone_of(self, agent: str) -> str:
        """Where this agent is rung; empty for one who never logged on."""
        return self._phones.get(agent, "")

    def since(self, agent: str) -> float | None:
        """When this agent's present state began, seconds since the epoch."""
        return self._since.get(agent)

    def contact(self, call: Call) -> Contact | None:
        """The contact that this call is, while it waits and while an agent has it."""
        case = self._cases.get(call.id)
        return None if case is None else case.contact

    def queue_of(self, call: Call) -> str | None:
        """The queue that this call is in, or came to its agent from."""
        case = self._cases.get(call.id)
        return None if case is None else case.contact.queue

    def position(self, contact_id: str) -> int | None:
        """Position in its queue of one that waits, 1 is next."""
        return self._distributor.position(contact_id)

    def estimate(self, contact_id: str) -> Estimate | None:
        """How much longer one that waits is likely to wait."""
        return self.forecasts.of(contact_id, self._loop.time())

    def likely(self, queue: str) -> float | None:
        """How long (P50) a call that came to this queue now would be likely to wait."""
        return self.estimate_now(queue).p50

    def estimate_now(self, queue: str, enqueued_at: float | None = None) -> Estimate:
        """How long somebody would be likely to wait who came to this queue now.

        `enqueued_at` (the loop's clock) is the place that he has. Raises `UnknownQueueError`.
        """
        return self.forecasts.of_newcomer(queue, self._loop.time(), enqueued_at=enqueued_at)

    def servers(self, queue: str) -> int:
        """How many agents are at work who can take the queue's calls. Raises `UnknownQueueError`."""
        return self._distributor.standing_of_newcomer(queue, self._loop.time()).servers

    def estimate_error(self, queue: str) -> BackTest:
        """How good this queue's last estimates were. Raises `UnknownQueueError`."""
        self.queue_config(queue)
        return self.forecasts.error(queue)

    def __len__(self) -> int:
        return len(self._cases)

    # --- the call's controller ---------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Never: calls come here answered."""
        raise AssertionError(f"call {call.id} was given to the ACD unanswered")

    def established(self, call: Call, leg: Leg) -> None:
        """Somebody answered: connect. (One who got it by transfer was not assigned it.)"""
        case = self._cases[call.id]
        self._stop_ringing(case, leg)
        if leg.agent is not None:
            self._is_with(case, leg.agent)
        else:
            case.rings_outside = False
            self._say_dequeued(case, "overflowed")
        self._tell("left", call)
        self._switch.bridge(call)
        self._pump()

    def alerting(self, call: Call, leg: Leg) -> None:
        """The agent's phone rings; the ring's time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent did not answer, or could not: on to the next."""
        case = self._cases[call.id]
        self._stop_ringing(case, leg)
        now = self._loop.time()
        stage = self._distributor.stage(call.id)
        if leg.agent is not None and self._phone_is_free(leg.agent, leg):
            return  # it was told to stop, and has
        if case.colleague is not None and leg.agent == case.colleague:
            self._leave_giver(case)
            self._let_colleague_go(case)
            self._enter(case)
            self._pump()
            return
        if self._distributor.offer_failed(call.id, cause, now, agent=leg.agent):
            if not call.ringing:
                self._tell("returned", call)
        elif stage is None and case.rings_outside:
            # A number outside that failed: back at the place he had.
            case.rings_outside = False
            self._tell("returned", call)
            self._wait(case)
        self._pump()
        self._waits_on(call)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """A key of the caller's while he waits."""
        if leg is call.caller:
            for watcher in self._watchers:
                watcher.digit(call, digit)

    def played(self, call: Call, leg: Leg) -> None:
        """An announcement is over."""
        for watcher in self._watchers:
            watcher.played(call)

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent hung up: so does the call, unless he gave it to somebody else."""
        if cause is Cause.TRANSFER or call.answered is not None:
            self._giver_left(self._cases.get(call.id), call.id, leg)
            self._pump()
            return
        self._switch.clear_call(call, cause, Party.AGENT)
        self._ended(self._cases[call.id])

    def caller_left(self, call: Call, cause: Cause) -> None:
        """The caller hung up: abandoned, or the conversation is over.

        An agent whose phone still rings or is still off the hook gets the next call only
        when it no longer is (`cleared`), or that call would find it busy.
        """
        case = self._cases.get(call.id)
        if case is None:  # the agent hung up first, and the call was over for us then
            return
        if call.agent is None and not call.ringing:
            self._ended(case)
            return
        self._stop_ringing(case)
        if case.rings_outside or self._distributor.stage(call.id) is Stage.OFFERED:
            self._abandoned(case)

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call, nor of phones that were told to stop ringing for it."""
        for agent, (leg, _) in tuple(self._hanging_up.items()):
            if isinstance(leg, Leg) and leg.call is call:
                self._phone_is_free(agent, leg)
        case = self._cases.get(call.id)
        if case is not None:
            self._ended(case)

    # --- inside: queues -----------------------------------------------------------------

    def _cases_of(self, queue: str) -> list[_Case]:
        return [case for case in self._cases.values() if case.contact.queue == queue]

    def _queue_set(self, queue: Queue, change: str) -> None:
        self._queues[queue.name] = queue
        for room in self._rooms:
            room.set_queue(queue)
        self._publish(QueueChanged(queue=queue.name, change=change))
        self._requalify()

    # --- inside: calls ------------------------------------------------------------------

    def _contact_of(
        self,
        call: Call,
        queue: str,
        enqueued_at: float | None,
        arrived_at: float | None = None,
    ) -> Contact:
        now = self._loop.time()
        agent = None
        if queue.startswith(NAMED_AGENT):
            agent = queue.removeprefix(NAMED_AGENT)
            served = agent_queues(self._settings_of(agent), self._queues.values())
            if not served:
                raise UnknownQueueError(queue, list(self._queues))
            queue = served[0]
        self.queue_config(queue)
        customer = call.data.get("customer") or call.number
        if enqueued_at is None:
            place = self.redials.arrived(customer, queue, now)
            self._redial_alarm.set(self.redials.get_timer())
            if place is not None:
                self._publish(
                    Routed(
                        contact=call.id,
                        step=Step.REDIALLED,
                        queue=queue,
                        why=f"called again: has the place that he left, {now - place:.0f} s old",
                        facts={"place_age_s": round(now - place, 3)},
                    )
                )
            arrived = now if arrived_at is None else arrived_at
            enqueued_at = arrived if place is None else place
        return self._callers.contact(
            id=call.id,
            queue=queue,
            enqueued_at=enqueued_at,
            number=call.number,
            customer=customer,
            customer_class=self._known_class(call),
            agent=agent,
            last_agent=self.last_agents.of(customer, self._wall_clock()),
            data=call.data,
            match=None if self._recognition is None else self._recognition.match(call),
        )

    def _known_class(self, call: Call) -> str:
        """The class that a flow found; one that the settings lack is said, and passed over."""
        name = call.data.get("customer_class", "")
        try:
            self._callers.head_start(name)
        except KeyError:
            self._log.warning("unknown customer class", call=call.id, customer_class=name)
            return ""
        return name

    def _enter(self, case: _Case) -> None:
        """A call comes to its queue, by whose rules it may go elsewhere at once."""
        assert case.call is not None
        case.came = False
        if (
            self._exits is not None
            and case.by_rules
            and not self._exits.enter(case.call, case.contact.queue)
        ):
            return
        self._come(case)
        self._wait(case)

    def _is_with(self, case: _Case, agent: str) -> None:
        """An agent has the call: he answered, or took it."""
        call, now = case.contact.id, self._loop.time()
        stage = self._distributor.stage(call)
        offered = self._distributor.is_offered(call, agent)
        self._leave_giver(case)
        self._distributor.take(case.contact, agent, now)
        case.colleague = None if case.colleague == agent else case.colleague
        if stage in (Stage.WAITING, Stage.OFFERED):
            self._say_dequeued(case, "assigned" if offered else "picked_up")
        self._after_call.has(agent, call, case.contact.queue)
        self.forecasts.answered(call, agent, case.contact.queue, now)
        self.redials.served(case.contact.customer, case.contact.queue, now)
        self.last_agents.spoke(case.contact.customer, agent, self._wall_clock())

    def _let_colleague_go(self, case: _Case) -> None:
        """He to whom a call was to be transferred does not get it."""
        if case.colleague is not None:
            self._distributor.disengage(case.colleague, case.contact.id, self._loop.time())
            case.colleague = None

    def _leave_giver(self, case: _Case) -> None:
        """A call goes on from who transferred it, whose phone is not free yet: he stays busy so long."""
        giver, now = case.giver, self._loop.time()
        if giver is None or giver.agent is None:
            return
        if self._distributor.holder(case.contact.id) == giver.agent:
            self._distributor.engage(giver.agent, giver.id, now)
            self._distributor.contact_ended(case.contact.id, now)

    def _giver_left(self, case: _Case | None, call: str, leg: Leg) -> None:
        """The phone of who transferred a call is free: it is over for him."""
        now = self._loop.time()
        if case is not None and case.giver is leg:
            case.giver = None
        if leg.agent is None or self._distributor.disengage(leg.agent, leg.id, now):
            return
        if self._distributor.holder(call) == leg.agent:
            self._distributor.contact_ended(call, now)

    def _come(self, case: _Case) -> None:
        assert case.call is not None
        case.came = True
        self._tell("queued", case.call, case.contact)

    def _wait(self, case: _Case) -> None:
        now = self._loop.time()
        self._distributor.enqueue(case.contact, now)
        self.forecasts.queued(case.contact, now)
        self._pump()

    def _tell(self, what: str, call: Call, *args: Contact) -> None:
        for watcher in self._watchers:
            getattr(watcher, what)(call, *args)
        if self._exits is None:
            return
        match what:
            case "left":
                self._exits.left(call)
            case "assigned":
                self._exits.rings(call)
            case "moved":
                self._exits.moved(call, args[0].queue)

    def _waits_on(self, call: Call) -> None:
        """Nobody answered: rules of overflow hold again, unless the next phone is to ring."""
        if self._exits is not None and self._distributor.stage(call.id) is Stage.WAITING:
            self._exits.stays(call)

    def _leave(self, case: _Case, reason: str) -> None:
        """A call waits no longer, and lives on elsewhere."""
        assert case.call is not None
        self._stop_ringing(case)
        for leg in tuple(case.call.ringing):
            self._switch.clear_connection(leg, Cause.CALL_CANCELLED)
        self._let_colleague_go(case)
        now = self._loop.time()
        self.forecasts.left(case.contact.id, now)
        if self._distributor.remove(case.contact.id, reason, now):
            self._say_dequeued(case, reason)
        self._tell("left", case.call)

    def _ended(self, case: _Case) -> None:
        """Nothing is left of a call, or of its conversation."""
        del self._cases[case.contact.id]
        self._stop_ringing(case)
        now = self._loop.time()
        assert case.call is not None
        self._tell("left", case.call)
        self.forecasts.left(case.contact.id, now)
        if self._distributor.remove(case.contact.id, "abandoned", now) or case.rings_outside:
            self._abandoned(case)
        else:
            self._distributor.contact_ended(case.contact.id, now)
        self._let_colleague_go(case)
        if case.giver is not None:
            self._giver_left(case, case.contact.id, case.giver)
        self._pump()

    def _abandoned(self, case: _Case) -> None:
        if case.abandoned:
            return
        case.abandoned = True
        contact, now = case.contact, self._loop.time()
        self.redials.left(contact.customer, contact.queue, contact.enqueued_at, now)
        self._redial_alarm.set(self.redials.get_timer())
        self._say_dequeued(case, "abandoned")

    def _say_dequeued(self, case: _Case, reason: str) -> None:
        self._publish(
            Dequeued(
                call=case.contact.id,
                queue=case.contact.queue,
                reason=reason,
                waited=self._loop.time() - case.since,
            )
        )

    def _redials_due(self, now: float) -> None:
        self.redials.handle_timer(now)
        self._redial_alarm.set(self.redials.get_timer())

    # --- inside: the distributor's decisions -----------------------------------------------

    def _pump(self) -> None:
        """Carry out what was decided, in order; what that brings about joins the line."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while (action := self._distributor.next_action()) is not None:
                self._do[type(action)](action)
        finally:
            self._pumping = False
        self._alarm.set(self._distributor.get_timer())
        if self._somebody_left:
            self._somebody_left = False
            self._staff_changed()

    def _due(self, now: float) -> None:
        self._distributor.handle_timer(now)
        self._pump()

    def _assign(self, action: Assign) -> None:
        case = self._cases[action.contact]
        hanging_up = self._hanging_up.get(action.agent)
        if hanging_up is not None:
            # His phone still rings for a call that another has answered: it must stop first.
            self._hanging_up[action.agent] = (hanging_up[0], action)
            if case.call is not None and self._exits is not None:
                self._exits.rings(case.call)
            return
        phone = self._phones[action.agent]
        if case.desk is not None:
            case.desk.assigned(case.contact, action.agent, phone, action.queue)
            return
        assert case.call is not None
        try:
            leg = self._switch.ring(case.call, agent=action.agent, phone=phone, queue=action.queue)
        except NotReachable as error:
            self._log.warning("agent not reachable", agent=action.agent, reason=str(error))
            self._distributor.offer_failed(
                action.contact, error.cause, self._loop.time(), agent=action.agent
            )
            self._waits_on(case.call)
            return
        self._tell("assigned", case.call)
        self._limit_ring(case, leg)

    def _withdrawn(self, action: Withdrawn) -> None:
        case = self._cases[action.contact]
        if case.desk is not None:
            still_to_ring = action.agent in self._hanging_up
            if not still_to_ring and case.desk.withdrawn(case.contact, action.agent):
                self._hanging_up[action.agent] = (action.contact, None)
            return
        assert case.call is not None
        for leg in tuple(case.call.ringing):
            if leg.agent == action.agent:
                self._hanging_up[action.agent] = (leg, None)
                self._stop_ringing(case, leg)
                self._switch.clear_connection(leg, Cause.ANSWERED_ELSEWHERE)

    def _phone_is_free(self, agent: str, stopped: Leg | str) -> bool:
        """Whether this was asked to stop; then the agent is rung for what he got since."""
        told, waiting = self._hanging_up.get(agent, (None, None))
        if told != stopped:
            return False
        del self._hanging_up[agent]
        if waiting is not None and self._distributor.is_offered(waiting.contact, agent):
            self._assign(waiting)
            self._pump()
        return True

    def _moved(self, action: Moved) -> None:
        agent, call = action.agent, action.contact or ""
        event: Event
        match action.state:
            case AgentState.LOGGED_OUT:
                event = AgentLoggedOff(agent=agent)
                self._somebody_left = True
            case AgentState.NOT_READY:
                event = AgentNotReady(agent=agent, reason=action.reason or "")
            case AgentState.READY:
                event = AgentReady(agent=agent)
            case AgentState.RESERVED:
                event = AgentReserved(agent=agent, call=call)
            case AgentState.BUSY:
                event = AgentBusy(agent=agent, call=call)
            case AgentState.WRAP_UP:
                event = AgentWorkingAfterCall(agent=agent, call=call)
                self._wrap_up_began(agent, call)
        self._since[agent] = self._events.publish(event).at
        self.forecasts.agent_moved(agent, action.state, self._loop.time())

    def _wrap_up_began(self, agent: str, call: str) -> None:
        """Where a disposition is required and not yet said, only that ends it."""
        now = self._loop.time()
        queue = self._queues.get(self._after_call.queue_of(agent))
        if self._after_call.wrap_up_began(agent, call, queue, now):
            self._distributor.wrap_up_limit(agent, None, now)

    def _check_wrapped_up(self, agent: str) -> None:
        """Raises `AcdError` where an agent in wrap-up may not leave it yet."""
        if self._distributor.agent(agent).state is AgentState.WRAP_UP:
            self._after_call.check_done(agent, self._queues)

    def _positioned(self, action: Positioned) -> None:
        case = self._cases.get(action.contact)
        if case is not None and case.call is not None:
            self._publish(Queued(call=action.contact, queue=action.queue, position=action.position))

    def _removed(self, action: Removed) -> None:
        """Said already, when the caller left (`_abandoned`) or was sent on."""

    def _noted(self, action: Noted) -> None:
        self._publish(
            Routed(
                contact=action.contact,
                step=action.step,
                queue=action.queue,
                agent=action.agent,
                why=action.why,
                facts=action.facts,
            )
        )

    def _strategy_broke(self, action: StrategyBroke) -> None:
        self._log.error("strategy failed", queue=action.queue, error=action.error)
        self._publish(
            StrategyFailed(queue=action.queue, strategy=action.strategy, error=action.error)
        )

    # --- inside: people and phones ------------------------------------------------------------

    def _settings_of(self, agent: str) -> Agent:
        settings = self._agents.get(agent)
        if settings is None:
            raise UnknownAgentError(agent)
        return settings

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

    def _staff_changed(self) -> None:
        if self._exits is not None:
            self._exits.staff_changed()

    def _publish(self, event: Event) -> None:
        self._events.publish(event)

    def _limit_ring(self, case: _Case, leg: Leg) -> None:
        case.ring_timers[leg.id] = self._loop.call_later(
            self._queues[case.contact.queue].ring_timeout_s,
            self._switch.clear_connection,
            leg,
            Cause.NO_ANSWER,
        )

    @staticmethod
    def _stop_ringing(case: _Case, leg: Leg | None = None) -> None:
        """Forget the limit of one leg's ringing, or of all."""
        for name in [leg.id] if leg is not None else list(case.ring_timers):
            timer = case.ring_timers.pop(name, None)
            if timer is not None:
                timer.cancel()
