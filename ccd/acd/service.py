"""The ACD at work: gives the distributor's decisions to the switch, and the news back.

It is the controller of every call that waits for an agent, rings at one or is with
one. The distributor decides; nothing is decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ccd.acd.distributor import (
    AgentView,
    Assign,
    Contact,
    Distributor,
    Moved,
    Positioned,
    QueueView,
    Removed,
    Stage,
)
from ccd.acd.errors import UnknownAgentError
from ccd.alarm import Alarm
from ccd.config import Settings
from ccd.events import (
    AgentBusy,
    AgentLoggedOff,
    AgentLoggedOn,
    AgentNotReady,
    AgentReady,
    AgentReserved,
    AgentWorkingAfterCall,
    Dequeued,
    Event,
    EventStream,
    Queued,
)
from ccd.model import AgentState, Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch


@dataclass(slots=True, eq=False)
class _Case:
    """A call in the ACD's hands."""

    call: Call
    queue: str
    since: float
    ring_timer: asyncio.TimerHandle | None = None
    abandoned: bool = False
    """The caller left while a phone rang, and it was said so."""


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
    ) -> None:
        self._queues = {queue.name: queue for queue in settings.queue}
        self._agents = {agent.name: agent for agent in settings.agent}
        self._switch = switch
        self._distributor = distributor
        self._events = events
        self._loop = loop
        self._alarm = Alarm(loop, self._due)
        self._cases: dict[str, _Case] = {}
        self._log = structlog.get_logger("acd")
        self._phones: dict[str, str] = {}
        """Where to ring each agent who is logged on."""
        self._since: dict[str, float] = {}
        """When each agent's present state began, seconds since the epoch."""
        self._pumping = False
        self._do: dict[type, Callable[..., None]] = {
            Assign: self._assign,
            Moved: self._moved,
            Positioned: self._positioned,
            Removed: self._removed,
        }

    # --- for the IVR -----------------------------------------------------------------

    def enqueue(self, call: Call, queue: str) -> None:
        """Take over an answered call and have it wait for an agent of this queue."""
        now = self._loop.time()
        call.controller = self
        self._cases[call.id] = _Case(call, queue, now)
        self._switch.play_music(call.caller, self._queues[queue].music)
        self._distributor.enqueue(Contact(id=call.id, queue=queue, enqueued_at=now), now)
        self._pump()

    def transfer(self, call: Call, agent: str) -> None:
        """Give a call from its agent to a colleague, in one step.

        Where the colleague does not answer, the caller is back in the queue at the place
        that he had. Raises `UnknownAgentError`, `ccd.switch.switch.NotReachable`.
        """
        if agent not in self._phones:
            raise UnknownAgentError(agent)
        case = self._cases[call.id]
        leg = self._switch.transfer(call, agent=agent, phone=self._phones[agent], queue=case.queue)
        self._limit_ring(case, leg)

    # --- for agents ------------------------------------------------------------------

    def log_on(self, agent: str, phone: str = "") -> None:
        """Begin an agent's shift at a phone (empty: the settings' one), not ready.

        Raises `AcdError`.
        """
        settings = self._agents.get(agent)
        if settings is None:
            raise UnknownAgentError(agent)
        self._distributor.agent_log_on(agent, settings.queues, self._loop.time())
        self._phones[agent] = phone or settings.phone
        self._publish(AgentLoggedOn(agent=agent, phone=self._phones[agent], queues=settings.queues))
        self._pump()

    def log_off(self, agent: str) -> None:
        """End an agent's shift, when the call in hand is over. Raises `AcdError`."""
        self._distributor.agent_log_off(agent, self._loop.time())
        self._pump()

    def ready(self, agent: str) -> None:
        """The agent takes calls. Raises `AcdError`."""
        self._distributor.agent_ready(agent, self._loop.time())
        self._pump()

    def not_ready(self, agent: str, reason: str) -> None:
        """The agent takes none, once the call in hand is over. Raises `AcdError`."""
        self._distributor.agent_not_ready(agent, reason, self._loop.time())
        self._pump()

    def wrap_up_done(self, agent: str) -> None:
        """The agent ends wrap-up before its time. Raises `AcdError`."""
        self._distributor.wrap_up_done(agent, self._loop.time())
        self._pump()

    # --- what is so ------------------------------------------------------------------

    def agents(self) -> list[AgentView]:
        """Every agent who ever logged on."""
        return self._distributor.agents()

    def queues(self) -> list[QueueView]:
        """Every queue."""
        return self._distributor.queues()

    def phone_of(self, agent: str) -> str:
        """Where this agent is rung; empty for one who never logged on."""
        return self._phones.get(agent, "")

    def since(self, agent: str) -> float | None:
        """When this agent's present state began, seconds since the epoch."""
        return self._since.get(agent)

    def queue_of(self, call: Call) -> str | None:
        """The queue that this call is in, or came to its agent from."""
        case = self._cases.get(call.id)
        return None if case is None else case.queue

    def __len__(self) -> int:
        return len(self._cases)

    # --- the call's controller ---------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Never: calls come here answered."""
        raise AssertionError(f"call {call.id} was given to the ACD unanswered")

    def established(self, call: Call, leg: Leg) -> None:
        """The agent answered: connect. (One who got it by transfer was not assigned it.)"""
        case = self._cases[call.id]
        self._stop_ringing(case)
        now = self._loop.time()
        if self._distributor.offer_accepted(call.id, now, agent=leg.agent):
            self._publish(
                Dequeued(call=call.id, queue=case.queue, reason="assigned", waited=now - case.since)
            )
        self._switch.bridge(call)
        self._pump()

    def alerting(self, call: Call, leg: Leg) -> None:
        """The agent's phone rings; the ring's time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent did not answer, or could not: on to the next."""
        case = self._cases[call.id]
        self._stop_ringing(case)
        now = self._loop.time()
        if not self._distributor.offer_failed(call.id, cause, now, agent=leg.agent):
            # It was a transfer that failed: back to the queue, at the place he had.
            self._distributor.enqueue(
                Contact(id=call.id, queue=case.queue, enqueued_at=case.since), now
            )
        self._pump()

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys mean nothing in a queue yet."""

    def played(self, call: Call, leg: Leg) -> None:
        """Music has no end."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent hung up: so does the call, unless he gave it to somebody else."""
        if cause is Cause.TRANSFER:
            self._distributor.contact_ended(call.id, self._loop.time())
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
        if call.agent is None:
            self._ended(case)
            return
        self._stop_ringing(case)
        if self._distributor.stage(call.id) is Stage.OFFERED:
            case.abandoned = True
            self._publish_abandoned(case)

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call."""
        case = self._cases.get(call.id)
        if case is not None:
            self._ended(case)

    def _ended(self, case: _Case) -> None:
        del self._cases[case.call.id]
        self._stop_ringing(case)
        now = self._loop.time()
        if self._distributor.remove(case.call.id, "abandoned", now):
            if not case.abandoned:
                self._publish_abandoned(case)
        else:
            self._distributor.contact_ended(case.call.id, now)
        self._pump()

    def _publish_abandoned(self, case: _Case) -> None:
        self._publish(
            Dequeued(
                call=case.call.id,
                queue=case.queue,
                reason="abandoned",
                waited=self._loop.time() - case.since,
            )
        )

    # --- the distributor's decisions ------------------------------------------------------

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

    def _due(self, now: float) -> None:
        self._distributor.handle_timer(now)
        self._pump()

    def _assign(self, action: Assign) -> None:
        case = self._cases[action.contact]
        call = case.call
        try:
            leg = self._switch.ring(
                call,
                agent=action.agent,
                phone=self._phones[action.agent],
                queue=action.queue,
            )
        except NotReachable as error:
            self._log.warning("agent not reachable", agent=action.agent, reason=str(error))
            self._distributor.offer_failed(
                call.id, error.cause, self._loop.time(), agent=action.agent
            )
            return
        self._limit_ring(case, leg)

    def _moved(self, action: Moved) -> None:
        agent, call = action.agent, action.contact or ""
        event: Event
        match action.state:
            case AgentState.LOGGED_OUT:
                event = AgentLoggedOff(agent=agent)
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
        self._since[agent] = self._events.publish(event).at

    def _positioned(self, action: Positioned) -> None:
        self._publish(Queued(call=action.contact, queue=action.queue, position=action.position))

    def _removed(self, action: Removed) -> None:
        """Said already, when the caller left (`_publish_abandoned`)."""

    def _publish(self, event: Event) -> None:
        self._events.publish(event)

    def _limit_ring(self, case: _Case, leg: Leg) -> None:
        case.ring_timer = self._loop.call_later(
            self._queues[case.queue].ring_timeout_s,
            self._switch.clear_connection,
            leg,
            Cause.NO_ANSWER,
        )

    @staticmethod
    def _stop_ringing(case: _Case) -> None:
        if case.ring_timer is not None:
            case.ring_timer.cancel()
            case.ring_timer = None
