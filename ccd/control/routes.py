"""Routing by outside programs, done: between the flow that ends and the queue that begins.

A call that a flow sends to a queue comes here first (`enqueue`). Where a program is to be asked,
this is its controller until the answer is there: the caller hears the queue's music, and his
place counts from when he came. `ccd.control.routing` decides; `ccd.control.route_ways` sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from ccd.acd.from_settings import NAMED_AGENT
from ccd.alarm import Alarm
from ccd.control.route_ways import RouteTarget, UnreachableError, Ways, parse_route_target
from ccd.control.routing import (
    Ask,
    Chosen,
    Defaulted,
    Gone,
    InService,
    OutOfService,
    RegistrationView,
    Routing,
    Rules,
    Why,
)
from ccd.events import (
    CallCleared,
    DataAssociated,
    Event,
    EventStream,
    RouteCancelled,
    RouteRegistered,
    RouteRequested,
    RouteUsed,
)
from ccd.model import Cause
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call whose program is asked."""

    call: Call
    arrived_at: float


class Routes:
    """Asks programs where calls are to go; a `ccd.switch.call.Controller` meanwhile."""

    def __init__(
        self,
        ways: Ways,
        *,
        switch: Switch,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
        rules: Rules | None = None,
    ) -> None:
        self._ways = ways
        self._switch = switch
        self._events = events
        self._loop = loop
        self._wall_clock = wall_clock
        self._engine = Routing(rules)
        self._waiting: dict[str, _Waiting] = {}
        self._verdicts: dict[str, str] = {}
        """What came of a choice, by call, until its program has been told; empty: it is done."""
        self._alarm = Alarm(loop, self._due)
        self._log = structlog.get_logger("routes")
        self._do: dict[type, Callable[..., None]] = {
            Ask: self._ask,
            Chosen: self._chosen,
            Defaulted: self._defaulted,
            Gone: self._gone,
            InService: self._in_service,
            OutOfService: self._out_of_service,
        }
        events.subscribe(self._heard)

    def __len__(self) -> int:
        return len(self._engine)

    def close(self) -> None:
        """Stop the timer."""
        self._alarm.cancel()

    # --- for the IVR ------------------------------------------------------------------------

    def enqueue(self, call: Call, queue: str) -> None:
        """Take an answered call that is to wait in this queue, and ask about it where somebody is to be asked."""
        now = self._loop.time()
        if queue.startswith(NAMED_AGENT) or not self._engine.ask(call.id, queue, now):
            self._ways.default(call, queue, now)
            return
        self._waiting[call.id] = _Waiting(call, now)
        call.controller = self
        self._switch.play_music(call.caller, self._ways.music(queue))
        self._pump()

    # --- for programs -----------------------------------------------------------------------

    def register(self, router: str, queue: str, timeout_s: float) -> None:
        """Ask this program about calls for this queue, or `*` for every one."""
        self._engine.register(router, queue, timeout_s, self._loop.time())
        self._pump()

    def cancel(self, router: str, queue: str | None = None, *, lost: bool = False) -> bool:
        """Ask it no more; False where it was not asked anyway. `lost`: it is gone."""
        why = Why.SESSION_LOST if lost else Why.CANCELLED
        was = self._engine.cancel(router, self._loop.time(), queue=queue, why=why)
        self._pump()
        return was

    def select(
        self, router: str, call: str, destination: str, data: Mapping[str, str] | None = None
    ) -> str:
        """The program's answer: send the call there, with this data attached.

        Returns why it could not be sent there, empty where it was. Raises
        `ccd.control.routing.NotAskedError` where the program is not asked about it (any more).
        """
        self._engine.select(router, call, destination, self._loop.time())
        if data:
            self._waiting[call].call.data.update(data)
            self._events.publish(DataAssociated(call=call, data=dict(data), by=router))
        self._pump()
        return self._verdicts.pop(call, "")

    def reject(self, router: str, call: str) -> None:
        """The program's answer: the ACD shall route it. Raises `NotAskedError`."""
        self._engine.reject(router, call, self._loop.time())
        self._pump()

    def registrations(self) -> list[RegistrationView]:
        """Every registration, in the order in which programs are asked; times on the loop's clock."""
        return self._engine.registrations()

    # --- the call's controller --------------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Never: calls come here answered."""
        raise AssertionError(f"call {call.id} was to be routed unanswered")

    def established(self, call: Call, leg: Leg) -> None:
        """Nobody is called from here."""

    def alerting(self, call: Call, leg: Leg) -> None:
        """Nobody is called from here."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """Nobody is called from here."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """Whoever had the call before it was sent to a queue."""

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys mean nothing while he waits here."""

    def played(self, call: Call, leg: Leg) -> None:
        """Music has no end."""

    def caller_left(self, call: Call, cause: Cause) -> None:
        """He did not wait for the answer."""
        self._engine.left(call.id)
        self._pump()

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call."""

    # --- the engine's actions ---------------------------------------------------------------

    def _due(self, now: float) -> None:
        self._engine.handle_timer(now)
        self._pump()

    def _pump(self) -> None:
        while (action := self._engine.next_action()) is not None:
            self._do[type(action)](action)
        self._alarm.set(self._engine.get_timer())

    def _ask(self, action: Ask) -> None:
        call = self._waiting[action.call].call
        self._events.publish(
            RouteRequested(
                call=call.id,
                router=action.router,
                queue=action.queue,
                ani=call.ani,
                dnis=call.dnis,
                data=dict(call.data),
                deadline=self._wall_clock() + action.deadline - self._loop.time(),
            )
        )

    def _chosen(self, action: Chosen) -> None:
        waiting = self._waiting[action.call]
        if self._is_ending(waiting.call):
            self._verdicts[action.call] = "the caller is gone"
            self._engine.left(action.call)
            return
        try:
            target = self._send(waiting, action)
        except (ValueError, UnreachableError) as error:
            self._log.warning(
                "a program's destination cannot be reached",
                call=action.call,
                router=action.router,
                destination=action.destination,
                reason=str(error),
            )
            self._verdicts[action.call] = str(error)
            self._engine.unreachable(action.call, self._loop.time())
            return
        del self._waiting[action.call]
        self._used(action.call, action.router, str(target), "")
        self._engine.routed(action.call, self._loop.time())

    def _send(self, waiting: _Waiting, action: Chosen) -> RouteTarget:
        target = parse_route_target(action.destination)
        self._ways.send(waiting.call, action.queue, target, waiting.arrived_at)
        return target

    def _defaulted(self, action: Defaulted) -> None:
        waiting = self._waiting.pop(action.call)
        if self._is_ending(waiting.call):
            self._used(action.call, action.router, "", str(Why.CALLER_LEFT))
            return
        self._used(action.call, action.router, f"queue:{action.queue}", str(action.why))
        self._ways.default(waiting.call, action.queue, waiting.arrived_at)

    def _gone(self, action: Gone) -> None:
        del self._waiting[action.call]
        self._used(action.call, action.router, "", str(Why.CALLER_LEFT))

    def _in_service(self, action: InService) -> None:
        self._events.publish(RouteRegistered(router=action.router, queue=action.queue))

    def _out_of_service(self, action: OutOfService) -> None:
        self._log.warning("router out of service", router=action.router, reason=action.reason)
        self._events.publish(
            RouteCancelled(router=action.router, queue=action.queue, reason=action.reason)
        )

    def _used(self, call: str, router: str, destination: str, why: str) -> None:
        self._events.publish(RouteUsed(call=call, router=router, destination=destination, why=why))

    def _heard(self, event: Event) -> None:
        if isinstance(event, CallCleared):
            self._engine.cleared(event.call)
            if event.call in self._waiting:  # nobody said that its caller had left
                self._pump()

    @staticmethod
    def _is_ending(call: Call) -> bool:
        return call.ending is not None or not call.caller.is_here
