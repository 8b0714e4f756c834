"""What all parts of the ACD at work share: contacts in hand, agents' phones, and one pump of decisions.

A verb tells the distributor something and then pumps: what was decided is carried out in order,
and what that brings about joins the line. The parts are classes on top of this one, each of
one concept: `ccd.acd.agent_services`, `ccd.acd.changes`, `ccd.acd.at_desks`, and
`ccd.acd.service`, the controller of calls, which is all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

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
    UnknownAgentError,
    UnknownQueueError,
)
from ccd.acd.estimates.backtest import BackTest
from ccd.acd.estimates.estimator import Estimate
from ccd.acd.estimates.forecasts import Forecasts
from ccd.acd.from_settings import Callers, queue_settings
from ccd.acd.last_agents import LastAgents
from ccd.acd.overflow.exits import Exits
from ccd.acd.redials import Redials
from ccd.acd.seams import Desk, Room, Watcher
from ccd.alarm import Alarm
from ccd.config import Agent, Queue, Settings
from ccd.customers.recognition import Recognition
from ccd.events import (
    AgentBusy,
    AgentLoggedOff,
    AgentNotReady,
    AgentReady,
    AgentReserved,
    AgentWorkingAfterCall,
    Event,
    EventStream,
    Queued,
    Routed,
    StrategyFailed,
)
from ccd.model import AgentState, Cause
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch

_LOGGED_OUT = AgentState.LOGGED_OUT


@dataclass(slots=True)
class Outward:
    """A number outside to which an agent gave his caller, until somebody there has answered."""

    number: str
    trunks: list[str]
    """Those not tried yet."""
    ani: str | None
    """What is shown there; None: the caller's number."""
    emergency: bool


@dataclass(slots=True, eq=False)
class Attempt:
    """A contact in the ACD's hands."""

    contact: Contact
    since: float
    """When this attempt began to wait, on the loop's clock (`contact.enqueued_at` is its place)."""
    waits_since: float | None = None
    """Seconds since the epoch, as events said it: from the first `Queued` in this queue to
    `Dequeued`; None: it does not wait."""
    queued_in: str = ""
    """The queue that the last `Queued` named."""
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
    outward: Outward | None = None
    """Where its agent sent it outside, while it rings there."""

    @property
    def is_between(self) -> bool:
        """Whether a number outside, or a colleague, rings for it: it may wait again yet."""
        return self.call is not None and bool(self.call.ringing)


class Hall:
    """See the module."""

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
        self._cases: dict[str, Attempt] = {}
        self._log = structlog.get_logger("acd")
        self._phones: dict[str, str] = {}
        """Where to ring each agent who is logged on."""
        self._since: dict[str, float] = {}
        self._newest_call: dict[str, str] = {}
        """When each agent's present state began, seconds since the epoch."""
        self._hanging_up: dict[str, tuple[Leg | str, Assign | None]] = {}
        """Agents whose phone is told to stop ringing (by leg, or by the contact of a desk), and
        whom they are to be rung for next."""
        self._hangs_up: dict[str, Leg] = {}
        """Legs of agents who are done with their call and whose phones are not free yet, by id;
        they are engaged in it."""
        self._let_go: list[Callable[[Call], None]] = []
        self._held_callers = settings.acd.caller_on_hold
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
        events.subscribe(self._follow)

    def watch(self, watcher: Watcher) -> None:
        """Tell this one what becomes of calls that wait."""
        self._watchers.append(watcher)

    def open_exits(self, exits: Exits) -> None:
        """Send calls out of queues by these rules."""
        self._exits = exits

    def tell_changes(self, room: Room) -> None:
        """Tell this one what is changed of queues and settings while calls go on."""
        self._rooms.append(room)

    # --- what is so --------------------------------------------------------------------------

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

    def queue(self, name: str) -> QueueView:
        """One queue. Raises `UnknownQueueError`."""
        return self._distributor.queue(name)

    def queue_config(self, name: str) -> Queue:
        """A queue's settings. Raises `UnknownQueueError`."""
        queue = self._queues.get(name)
        if queue is None:
            raise UnknownQueueError(name, list(self._queues))
        return queue

    def phone_of(self, agent: str) -> str:
        """Where this agent is rung; empty for one who never logged on."""
        return self._phones.get(agent, "")

    def agent_at(self, phone: str) -> str | None:
        """The agent at work whose phone this is."""
        for agent, his in self._phones.items():
            if his == phone and self._distributor.agent(agent).state is not _LOGGED_OUT:
                return agent
        return None

    def since(self, agent: str) -> float | None:
        """When this agent's present state began, seconds since the epoch."""
        return self._since.get(agent)

    def call_of(self, agent: str) -> str | None:
        """The call that brought about this agent's present state, the newest where several did.

        It may be over, where his phone is not yet free of another.
        """
        return self._newest_call.get(agent) or None

    def contact(self, call: Call) -> Contact | None:
        """The contact that this call is, while it waits and while an agent has it."""
        case = self._cases.get(call.id)
        return None if case is None else case.contact

    def queue_of(self, call: Call) -> str | None:
        """The queue that this call is in, or came to its agent from."""
        case = self._cases.get(call.id)
        return None if case is None else case.contact.queue

    def waits_since(self, call: Call) -> float | None:
        """When this call began to wait in its queue, seconds since the epoch; None: it does not."""
        case = self._cases.get(call.id)
        return None if case is None else case.waits_since

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

    def _follow(self, event: Event) -> None:
        """What is heard of calls whoever controls them; a part on top of this says what it means."""

    # --- inside: the distributor's decisions -------------------------------------------------

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

    def _redials_due(self, now: float) -> None:
        self.redials.handle_timer(now)
        self._redial_alarm.set(self.redials.get_timer())

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
            leg = self._switch.ring(
                case.call,
                agent=action.agent,
                phone=phone,
                queue=action.queue,
                auto_answer=self._answers_itself(action.queue),
            )
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
            case AgentState.BUSY if call in self._hangs_up:
                return  # with his phone alone, which is not free yet: nothing new
            case AgentState.BUSY:
                event = AgentBusy(agent=agent, call=call)
            case AgentState.WRAP_UP:
                event = AgentWorkingAfterCall(agent=agent, call=call)
                self._wrap_up_began(agent, call)
        self._since[agent] = self._events.publish(event).at
        self._newest_call[agent] = call
        self.forecasts.agent_moved(agent, action.state, self._loop.time())

    def _wrap_up_began(self, agent: str, call: str) -> None:
        """Where a disposition is required and not yet said, only that ends it."""
        now = self._loop.time()
        queue = self._queues.get(self._after_call.queue_of(agent))
        if self._after_call.wrap_up_began(agent, call, queue, now):
            self._distributor.wrap_up_limit(agent, None, now)

    def _positioned(self, action: Positioned) -> None:
        case = self._cases.get(action.contact)
        if case is not None and case.call is not None:
            told = Queued(call=action.contact, queue=action.queue, position=action.position)
            at = self._events.publish(told).at
            if case.waits_since is None or case.queued_in != action.queue:
                case.waits_since, case.queued_in = at, action.queue

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

    # --- inside: who is told -----------------------------------------------------------------

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

    def _staff_changed(self) -> None:
        if self._exits is not None:
            self._exits.staff_changed()

    def _publish(self, event: Event) -> None:
        self._events.publish(event)

    # --- inside: people and phones -----------------------------------------------------------

    def _settings_of(self, agent: str) -> Agent:
        settings = self._agents.get(agent)
        if settings is None:
            raise UnknownAgentError(agent)
        return settings

    def _answers_itself(self, queue: str) -> bool:
        """Whether calls of this queue need nobody to answer them."""
        return queue in self._queues and self._queues[queue].auto_answer

    def _limit_ring(self, case: Attempt, leg: Leg) -> None:
        case.ring_timers[leg.id] = self._loop.call_later(
            self._queues[case.contact.queue].ring_timeout_s,
            self._switch.clear_connection,
            leg,
            Cause.NO_ANSWER,
        )

    @staticmethod
    def _stop_ringing(case: Attempt, leg: Leg | None = None) -> None:
        """Forget the limit of one leg's ringing, or of all."""
        for name in [leg.id] if leg is not None else list(case.ring_timers):
            timer = case.ring_timers.pop(name, None)
            if timer is not None:
                timer.cancel()
