"""Callbacks at work: from a caller's wish to a conversation, through every try.

The desk joins the engine (`ccd.acd.callbacks.engine`), which knows who is to be called and when,
with the distributor, where a callback waits among the live callers at the place that its
customer had; with the two ways of calling him (`callback_agent_first`,
`callback_customer_first`); with opening hours; and with the journal, from whose events it
is restored after a restart. Nothing is decided here.

The engine's clock is the loop's. Events, settings and the outside have seconds since the
epoch; it is translated here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
import structlog

from ccd.acd.anonymity import is_anonymous
from ccd.acd.callbacks.agent_first import AgentFirst
from ccd.acd.callbacks.customer_first import CustomerFirst, Forecast
from ccd.acd.callbacks.engine import (
    FAULTS_OF_OURS,
    Callback,
    CallbackRules,
    Callbacks,
    CarriedOver,
    Dial,
    Requested,
    Resolve,
    Submit,
    Tried,
    Withdraw,
)
from ccd.acd.callbacks.self_service import HEARD, Callers
from ccd.acd.callbacks.states import Origin
from ccd.acd.contact import Contact
from ccd.acd.errors import AcdError
from ccd.acd.from_settings import Callers as Customers
from ccd.acd.steps import Step
from ccd.alarm import Alarm
from ccd.config import Queue, Settings
from ccd.customers.directory import Directory
from ccd.events import (
    CallbackRequested,
    CallbackResolved,
    CallbackTried,
    Event,
    EventStream,
    Routed,
)
from ccd.model import Cause, Channel, Direction
from ccd.store.callbacks import OpenCallback
from ccd.switch.call import Call
from ccd.switch.switch import NotReachable, Switch

LOOK_AT_HOURS_S = 3600.0
"""How often at least opening hours are looked at: the wall clock may be set meanwhile."""


class NoTrunkError(AcdError):
    """The queue has nothing to call through."""

    code = "no_trunk"

    def __init__(self, queue: str) -> None:
        super().__init__(
            f"queue {queue!r} cannot call back: name a trunk in its [queue.callback] settings"
        )


class Distribution(Protocol):
    """What is needed of `ccd.acd.service.Acd`."""

    def submit(self, contact: Contact, desk: Any) -> None:
        """Have the contact wait; `desk` hears `assigned` and `withdrawn`."""

    def accepted(self, contact_id: str, agent: str) -> None:
        """The agent has it."""

    def offer_failed(self, contact_id: str, cause: Cause, agent: str) -> None:
        """The agent could not be had."""

    def ended(self, contact_id: str) -> None:
        """The agent's call is over."""

    def stopped(self, contact_id: str, agent: str) -> None:
        """The phone of an agent from whom it was withdrawn rings no longer."""

    def remove(self, contact_id: str, reason: str) -> None:
        """It waits no longer; without effect where an agent has it."""

    def contact(self, call: Call) -> Contact | None:
        """The contact that a call is; None where it does not wait for anybody, or with anybody."""

    def release(self, call: Call, reason: str) -> None:
        """Take a waiting call out of its queue; whoever does so controls it from then on."""

    def enqueue(self, call: Call, queue: str, *, enqueued_at: float) -> None:
        """Have an answered call wait, at the place that this time gives it."""


class Hours(Protocol):
    """Opening hours (`ccd.acd.overflow.calendar.OpeningHours`); times are seconds since the epoch."""

    def is_open(self, at: float) -> bool:
        """Whether it is open then."""

    def opens_at(self, at: float) -> float | None:
        """The first time from `at` on when it is open; None: never, as far as one knows."""

    def next_change(self, at: float) -> float | None:
        """When it opens or closes after `at`; None: never, as far as one knows."""


class CallbackDesk:
    """Has customers called back; a `ccd.acd.seams.Desk`.

    `hours` are those of the queues that have any; `forecast(queue, enqueued_at)` is asked
    where customers are called first; `goodbye` takes over a caller of a queue who is to be told that he
    will be called, and hangs up; `boot` makes ids differ from those of earlier runs.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        switch: Switch,
        acd: Distribution,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
        hours: Mapping[str, Hours],
        forecast: Callable[[str, float], Forecast],
        goodbye: Callable[[Call, str], None],
        boot: str,
        directory: Directory | None = None,
    ) -> None:
        self._queues: dict[str, Queue] = {}
        self._hours = dict(hours)
        self._successors: dict[str, str] = {}
        """Where customers of a queue go that was taken out while they were being called."""
        self._directory = directory
        self._customers = Customers.of(settings, directory)
        self._switch = switch
        self._acd = acd
        self._events = events
        self._loop = loop
        self._wall_clock = wall_clock
        self._goodbye = goodbye
        self._ids = (f"cb-{boot}-{number}" for number in itertools.count(1))
        self._engine = Callbacks()
        self._alarm = Alarm(loop, self._due)
        self._agent_first = AgentFirst(switch=switch, report=self, loop=loop)
        self._customer_first = CustomerFirst(
            switch=switch, report=self, forecast=forecast, loop=loop
        )
        self._callers = Callers(self._number_of, self)
        self._with_agent: dict[str, str] = {}
        """Callbacks that an agent has answered for, until his call is over."""
        self._withdrawing: set[str] = set()
        """Those that are taken out of their queue when the phones that ring for them have stopped:
        their agents' next call would find them busy."""
        self._when_free: dict[str, Submit] = {}
        """Of both, which are to wait again then."""
        self._pumping = False
        self._closed = False
        self._log = structlog.get_logger("callback")
        self._do: dict[type, Callable[..., None]] = {
            Requested: self._requested,
            Submit: self._submit,
            Dial: self._dial,
            Withdraw: self._withdraw,
            Tried: self._tried,
            CarriedOver: self._carried_over,
            Resolve: self._resolve,
        }
        self._open_now: dict[str, bool] = {}
        self._openings: dict[str, asyncio.TimerHandle] = {}
        for queue in settings.queue:
            self.change_queue(queue, self._hours.get(queue.name))
        events.subscribe(self._heard)

    # --- for callers, agents and supervisors ------------------------------------------------

    def accept(self, call: Call, origin: Origin = Origin.OFFERED) -> str | None:
        """Call the caller of a waiting call back: note it, tell him, hang up.

        Returns the callback's id; None, and nothing has changed, where the call does not wait
        any more, shows no number, or its queue has no trunk to call through.
        """
        contact = self._acd.contact(call)
        if contact is None or call.answered is not None or call.ending is not None:
            return None
        if is_anonymous(call.number):
            return None
        settings = self._queues.get(contact.queue)
        if settings is None or not settings.callback.trunk:
            return None
        callback = self._engine.request(
            next(self._ids),
            number=call.number,
            queue=contact.queue,
            origin=origin,
            enqueued_at=contact.enqueued_at,
            now=self._loop.time(),
            call=call.id,
        )
        self._acd.release(call, "callback")
        self._goodbye(call, contact.queue)
        self._pump()
        return callback

    def request(self, number: str, queue: str, due_at: float | None = None) -> str:
        """Call a customer back, at a time (seconds since the epoch) or as soon as possible.

        Returns the id of his one open callback, which may be an earlier one. Raises
        `NoNumberError`, `UnknownQueueError`, `NoTrunkError`.
        """
        settings = self._queues.get(queue)
        if settings is not None and not settings.callback.trunk:
            raise NoTrunkError(queue)
        now = self._loop.time()
        callback = self._engine.request(
            next(self._ids),
            number=number,
            queue=queue,
            origin=Origin.SCHEDULED,
            enqueued_at=now,
            now=now,
            due_at=None if due_at is None else self._clock(due_at),
        )
        self._pump()
        return callback

    def cancel(self, callback: str) -> None:
        """Nobody is to call him back. Raises `UnknownCallbackError`."""
        self._engine.cancel(callback, self._loop.time())
        self._pump()

    @property
    def open(self) -> list[Callback]:
        """Every callback that is not resolved; times are seconds since the epoch."""
        return [
            msgspec.structs.replace(
                each,
                enqueued_at=self._epoch(each.enqueued_at),
                due_at=None if each.due_at is None else self._epoch(each.due_at),
            )
            for each in self._engine.callbacks()
        ]

    def __len__(self) -> int:
        """Calls in progress."""
        return len(self._agent_first) + len(self._customer_first)

    # --- for the daemon -----------------------------------------------------------------------

    def restore(self, callbacks: Iterable[OpenCallback]) -> None:
        """Go on with what an earlier run left open (`ccd.store.queries.open_callbacks`)."""
        now = self._loop.time()
        self._engine.restore(
            [
                Callback(
                    id=each.callback,
                    queue=each.queue,
                    number=each.number,
                    origin=Origin(each.origin),
                    enqueued_at=self._clock(each.enqueued_at),
                    due_at=None if each.due_at is None else self._clock(each.due_at),
                    tries=each.tries,
                    call=each.call,
                )
                for each in callbacks
            ],
            now,
        )
        self._pump()

    def change_queue(self, queue: Queue, hours: Hours | None) -> None:
        """A queue is there, or its settings are others from now on."""
        self._successors.pop(queue.name, None)
        self._queues[queue.name] = queue
        self._engine.set_queue(
            CallbackRules(
                queue=queue.name,
                attempts=queue.callback.attempts,
                spacing_s=queue.callback.spacing_s,
                carry_over=queue.callback.closing == "carry_over",
            )
        )
        self._stop_watching(queue.name)
        if hours is not None:
            self._hours[queue.name] = hours
            self._watch(queue.name)
        else:
            self._hours.pop(queue.name, None)
            self._engine.open(queue.name, self._loop.time())
            self._pump()

    def change_settings(self, settings: Settings) -> None:
        """Customers and their classes are these from now on."""
        self._customers = Customers.of(settings, self._directory)

    def remove_queue(self, queue: str, move_to: str | None = None) -> None:
        """A queue is no more; its callbacks are those of `move_to`, or resolved as `closed`.

        Raises `UnknownQueueError`.
        """
        now = self._loop.time()
        if move_to is None:
            self._engine.remove_queue(queue, now)
        else:
            self._engine.move_queue(queue, move_to, now)
            self._successors[queue] = move_to
        self._stop_watching(queue)
        self._hours.pop(queue, None)
        self._pump()
        self._queues.pop(queue, None)

    def close(self) -> None:
        """Stop every timer that is not a call's; what is heard from now on is for the next run."""
        self._closed = True
        self._alarm.cancel()
        for queue in tuple(self._openings):
            self._stop_watching(queue)

    # --- the distributor's decisions: `ccd.acd.seams.Desk` --------------------------------------

    def assigned(self, contact: Contact, agent: str, phone: str, queue: str) -> None:
        """Ring this agent for this callback."""
        callback = self._engine.get(contact.id)
        if callback is None:
            self._acd.remove(contact.id, "resolved")
            return
        try:
            self._agent_first.ring(callback, agent, phone, self._queues[queue])
        except NotReachable as error:
            self._log.warning("agent not reachable", agent=agent, reason=str(error))
            self._acd.offer_failed(contact.id, error.cause, agent)

    def withdrawn(self, contact: Contact, agent: str) -> bool:
        """It is not this agent's any more; `stopped` follows, where a phone of his rings."""
        return self._agent_first.withdraw(contact.id, agent)

    # --- what becomes of a try: `callback_agent_first.Report`, `callback_customer_first.Report` ----

    def accepted(self, callback: str, agent: str) -> None:
        """The agent is there: the customer's turn."""
        self._with_agent[callback] = agent
        self._acd.accepted(callback, agent)
        if not self._engine.dial(callback, agent, self._loop.time()):
            self._agent_first.withdraw(callback, agent)
        self._pump()

    def refused(self, callback: str, agent: str, cause: Cause) -> None:
        """The agent could not be had: the distributor puts it back at its place."""
        self._acd.offer_failed(callback, cause, agent)

    def turn(self, callback: str) -> None:
        """An agent is likely to be free when the customer answers: call him."""
        self._engine.dial(callback, None, self._loop.time())
        self._pump()

    def answered(self, call: Call, callback: Callback) -> None:
        """The customer, who was called first, waits for an agent."""
        self._stand_in_line(call, callback)

    def stranded(self, call: Call, callback: Callback) -> None:
        """He was being transferred, and nobody took him: he waits in his queue."""
        self._stand_in_line(call, callback)

    def _stand_in_line(self, call: Call, callback: Callback) -> None:
        queue = callback.queue
        while queue not in self._queues and queue in self._successors:
            queue = self._successors[queue]
        if queue in self._queues:
            self._acd.enqueue(call, queue, enqueued_at=callback.enqueued_at)
        else:
            self._log.warning("no queue left for a customer", call=call.id, queue=queue)
            self._switch.clear_call(call, Cause.DESTINATION_NOT_OBTAINABLE)

    def reached(self, callback: str) -> None:
        """Agent and customer speak."""
        self._engine.reached(callback, self._loop.time())
        self._pump()

    def missed(self, callback: str, cause: Cause) -> None:
        """The customer could not be had."""
        self._engine.failed(callback, cause, self._loop.time())
        self._pump()

    def freed(self, callback: str, agent: str) -> None:
        """The agent's call is over."""
        self._acd.stopped(callback, agent)
        if self._with_agent.get(callback) == agent:
            del self._with_agent[callback]
            self._acd.ended(callback)
        if callback in self._agent_first:
            return
        if callback in self._withdrawing:
            self._withdrawing.discard(callback)
            self._acd.remove(callback, "withdrawn")
        submit = self._when_free.pop(callback, None)
        if submit is not None and self._engine.get(callback) is not None:
            self._submit(submit)

    # --- customers who call themselves: `callback_self_service.Report` -----------------------------

    def arrived(self, number: str) -> None:
        """He waits in a queue himself."""
        self._engine.arrived(number, self._loop.time())

    def served(self, number: str) -> None:
        """He speaks with an agent."""
        self._engine.served(number, self._loop.time())

    def left(self, number: str) -> None:
        """He left without that."""
        self._engine.left(number, self._loop.time())

    def abandoned(self, number: str, queue: str, waited: float, call: str) -> None:
        """A caller was lost: he is rung back, where the queue does that."""
        settings = self._queues.get(queue)
        if (
            settings is None
            or not settings.callback.abandoned
            or waited < settings.callback.abandoned_after_s
            or is_anonymous(number)
        ):
            return
        now = self._loop.time()
        self._engine.request(
            next(self._ids),
            number=number,
            queue=queue,
            origin=Origin.ABANDONED,
            enqueued_at=now - waited,
            now=now,
            call=call,
        )

    # --- the engine's decisions ------------------------------------------------------------------

    def _pump(self) -> None:
        """Carry out what was decided, in order; what that brings about joins the line."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while (action := self._engine.next_action()) is not None:
                self._do[type(action)](action)
        finally:
            self._pumping = False
        self._alarm.set(self._engine.get_timer())

    def _due(self, now: float) -> None:
        self._engine.handle_timer(now)
        self._pump()

    def _heard(self, event: Event) -> None:
        """Note what an event means; it is acted on when whoever published it has finished."""
        if self._closed or not isinstance(event, HEARD):
            return
        self._callers.heard(event)
        if event.call in self._customer_first:
            self._loop.call_later(0.0, self._customer_first.heard, event)
        due = self._loop.time() if self._engine.has_actions else self._engine.get_timer()
        if not self._pumping:
            self._alarm.set(due)

    def _requested(self, action: Requested) -> None:
        callback = action.callback
        self._publish(
            CallbackRequested(
                callback=callback.id,
                queue=callback.queue,
                number=callback.number,
                origin=callback.origin.value,
                due_at=None if callback.due_at is None else self._epoch(callback.due_at),
                enqueued_at=self._epoch(callback.enqueued_at),
                call=callback.call,
            )
        )

    def _submit(self, action: Submit) -> None:
        callback = action.callback
        if callback.id in self._with_agent or callback.id in self._withdrawing:
            self._when_free[callback.id] = action
        elif self._queues[callback.queue].callback.first == "customer":
            self._customer_first.wait(callback)
        else:
            self._acd.submit(
                self._customers.contact(
                    id=callback.id,
                    queue=callback.queue,
                    enqueued_at=callback.enqueued_at,
                    number=callback.number,
                    channel=Channel.CALLBACK,
                    data={"number": callback.number, "call": callback.call or ""},
                ),
                self,
            )

    def _dial(self, action: Dial) -> None:
        queue = self._queues[action.callback.queue]
        if action.agent is None:
            self._customer_first.dial(action.callback, queue, queue.callback.trunk)
        else:
            self._agent_first.dial(action.callback.id, queue.callback.trunk)

    def _withdraw(self, action: Withdraw) -> None:
        self._when_free.pop(action.callback, None)
        self._customer_first.withdraw(action.callback)
        if action.callback in self._agent_first:
            if action.callback not in self._with_agent:
                self._withdrawing.add(action.callback)
            self._agent_first.withdraw(action.callback)
        else:
            self._acd.remove(action.callback, action.reason)

    def _tried(self, action: Tried) -> None:
        if action.cause in FAULTS_OF_OURS:
            self._log.warning(
                "callback not tried", callback=action.callback, cause=str(action.cause)
            )
        self._publish(
            CallbackTried(
                callback=action.callback,
                attempt=action.attempt,
                cause=action.cause,
                next_at=None if action.next_at is None else self._epoch(action.next_at),
            )
        )

    def _carried_over(self, action: CarriedOver) -> None:
        self._publish(
            Routed(
                contact=action.callback,
                step=Step.CARRIED_OVER.value,
                queue=action.queue,
                why="the queue is closed: called at the next opening, at the same place",
                facts={"due_at": self._epoch(action.due_at)},
            )
        )

    def _resolve(self, action: Resolve) -> None:
        self._log.info("callback resolved", callback=action.callback, outcome=action.outcome.value)
        self._publish(
            CallbackResolved(
                callback=action.callback,
                queue=action.queue,
                number=action.number,
                outcome=action.outcome.value,
            )
        )

    def _publish(self, event: Event) -> None:
        self._events.publish(event)

    # --- hours and clocks --------------------------------------------------------------------------

    def _watch(self, queue: str) -> None:
        """Follow a queue's hours: tell the engine of a change, and look again at the next."""
        hours, at, now = self._hours[queue], self._wall_clock(), self._loop.time()
        is_open = hours.is_open(at)
        if is_open is not self._open_now.get(queue):
            self._open_now[queue] = is_open
            if is_open:
                self._engine.open(queue, now)
            else:
                opens_at = hours.opens_at(at)
                self._engine.close(queue, now, None if opens_at is None else self._clock(opens_at))
            self._pump()
        change = hours.next_change(at)
        wait = LOOK_AT_HOURS_S if change is None else min(change - at, LOOK_AT_HOURS_S)
        self._openings[queue] = self._loop.call_later(wait, self._watch, queue)

    def _stop_watching(self, queue: str) -> None:
        self._open_now.pop(queue, None)
        opening = self._openings.pop(queue, None)
        if opening is not None:
            opening.cancel()

    def _epoch(self, time: float) -> float:
        return self._wall_clock() + (time - self._loop.time())

    def _clock(self, epoch: float) -> float:
        return self._loop.time() + (epoch - self._wall_clock())

    def _number_of(self, call: str) -> str | None:
        """Who calls; None where we call."""
        found = self._switch.calls.get(call)
        return found.number if found is not None and found.direction is Direction.IN else None
