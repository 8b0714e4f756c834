"""Calls that are parked: they wait in a numbered place, with music, until somebody takes them from there.

While a call is parked this is its controller. Whose it was before (the ACD's, an agent's own) is
put back before anybody else has it, and told how the caller left, if he did. A call that nobody
takes in time rings at who parked it, and after that goes to a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.config import Settings
from ccd.control.errors import ControlError, Refused
from ccd.control.own_calls import OwnCalls
from ccd.control.service import CallControl
from ccd.control.situations import Verb
from ccd.events import EventStream, Parked, Unparked
from ccd.model import Cause, Party
from ccd.settings.dial_patterns import parse_slots
from ccd.switch.call import Call, Controller, Leg
from ccd.switch.switch import NotReachable, Switch

RING_S = 30.0
"""How long the phone of who takes a parked call rings, and of who parked it."""


def places(settings: Settings) -> tuple[str, ...]:
    """The parking places that the settings have, as they are dialled."""
    slots = settings.dialling.park_slots
    return tuple(map(str, parse_slots(slots))) if slots else ()


@dataclass(slots=True, eq=False)
class ParkedCall:
    """A call in its place."""

    call: Call
    place: str
    agent: str
    """Who parked it."""
    since: float
    """Seconds since the epoch."""
    before: Controller
    timeout: asyncio.TimerHandle
    taker: str | None = None
    """Whose phone rings for it."""
    ring: asyncio.TimerHandle | None = None
    overdue: bool = False
    """Nobody took it in time: it is on its way back."""


class Parking:
    """The places, and the calls in them. Verbs raise `ControlError`; then nothing has changed."""

    def __init__(
        self,
        *,
        switch: Switch,
        acd: Acd,
        calls: CallControl,
        own_calls: OwnCalls,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        places: Iterable[str],
        timeout_s: float,
    ) -> None:
        self._switch = switch
        self._acd = acd
        self._calls = calls
        self._own_calls = own_calls
        self._events = events
        self._loop = loop
        self.places = tuple(places)
        """Replaced when the settings change; who is parked stays where he is."""
        self.timeout_s = timeout_s
        self._parked: dict[str, ParkedCall] = {}
        """By call."""

    def __len__(self) -> int:
        return len(self._parked)

    def parked(self) -> list[ParkedCall]:
        """The calls that can be taken back, oldest first."""
        return [each for each in self._parked.values() if not each.overdue]

    def park_call(self, agent: str, place: str | None = None, call: str | None = None) -> str:
        """Leave a call in this place, or in a free one (park call); returns which."""
        found, leg = self._calls.connection(Verb.PARK_CALL, agent, call)
        before = found.controller
        if before is not self._own_calls and self._acd.contact(found) is None:
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} cannot be parked")
        assert before is not None
        place = self._free(place)
        try:
            self._switch.seat(found, leg)
            self._switch.detach_agent(found)
        except NotReachable as error:
            raise ControlError(Refused.WRONG_STATE, str(error)) from error
        found.controller = self
        timeout = self._loop.call_later(self.timeout_s, self._overdue, found.id)
        at = self._events.publish(Parked(call=found.id, leg=leg.id, agent=agent, place=place)).at
        self._parked[found.id] = ParkedCall(found, place, agent, at, before, timeout)
        return place

    def unpark_call(self, agent: str, place: str) -> Call:
        """Ring the agent's phone for the call in this place; it stays there until he answers."""
        self._calls.idle(Verb.UNPARK_CALL, agent)
        parked = next((each for each in self.parked() if each.place == place), None)
        if parked is None:
            raise ControlError(Refused.UNKNOWN_CALL, f"no call is parked in {place!r}")
        if parked.taker is not None:
            raise ControlError(
                Refused.BUSY, f"{parked.taker}'s phone rings for the call in {place} already"
            )
        self._ring(parked, agent)
        return parked.call

    # --- the controller of parked calls ------------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Never: they came long ago."""
        raise AssertionError(f"call {call.id} was offered to the parking places")

    def established(self, call: Call, leg: Leg) -> None:
        """Who wanted it answered: it is his."""
        parked = self._leave(call)
        if not parked.overdue:
            self._events.publish(Unparked(call=call.id, place=parked.place, agent=parked.taker))
        parked.before.established(call, leg)

    def alerting(self, call: Call, leg: Leg) -> None:
        """The ring's time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He did not answer: it stays where it is, or has nobody left but a queue."""
        parked = self._parked[call.id]
        self._let_go(parked)
        if parked.overdue and leg.agent != parked.agent:
            self._back(parked)
        elif parked.overdue:
            self._to_a_queue(parked)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys mean nothing here."""

    def played(self, call: Call, leg: Leg) -> None:
        """Music does not end."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The phone of who parked it is free."""
        self._parked[call.id].before.agent_left(call, leg, cause)

    def caller_left(self, call: Call, cause: Cause) -> None:
        """He did not wait."""
        self._parked[call.id].before.caller_left(call, cause)

    def cleared(self, call: Call) -> None:
        """Nothing is left of it."""
        parked = self._leave(call)
        self._let_go(parked)
        parked.before.cleared(call)

    # --- inside -----------------------------------------------------------------------------

    def _free(self, place: str | None) -> str:
        taken = {each.place for each in self.parked()}
        if place is None:
            free = next((each for each in self.places if each not in taken), None)
            if free is None:
                raise ControlError(Refused.BUSY, "every parking place is taken")
            return free
        if place not in self.places:
            raise ControlError(Refused.BAD_ARGS, f"there is no parking place {place!r}")
        if place in taken:
            raise ControlError(Refused.BUSY, f"a call is parked in {place} already")
        return place

    def _ring(self, parked: ParkedCall, agent: str) -> None:
        try:
            why = self._acd.why_not(agent)
            if why is not None:
                raise ControlError(Refused.BUSY, why)
            queue = self._acd.queue_of(parked.call) or ""
            leg = self._switch.ring(
                parked.call,
                agent=agent,
                phone=self._acd.phone_of(agent),
                queue=queue,
                auto_answer=True,
            )
        except AcdError as error:
            raise ControlError(Refused.UNKNOWN_AGENT, str(error)) from error
        except NotReachable as error:
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        self._acd.engage(agent, parked.call.id)
        parked.taker = agent
        parked.ring = self._loop.call_later(
            RING_S, self._switch.clear_connection, leg, Cause.NO_ANSWER
        )

    def _overdue(self, call: str) -> None:
        """Nobody took it: back to who parked it, unless somebody is about to answer."""
        parked = self._parked[call]
        parked.overdue = True
        self._events.publish(Unparked(call=call, place=parked.place))
        if parked.taker is None:
            self._back(parked)

    def _back(self, parked: ParkedCall) -> None:
        """To who parked it; a queue has it where he cannot be rung."""
        try:
            self._ring(parked, parked.agent)
        except ControlError:
            self._to_a_queue(parked)

    def _to_a_queue(self, parked: ParkedCall) -> None:
        """A customer waits again; a colleague hears that nobody is there, by the end of his call."""
        call = parked.call
        self._leave(call)
        why = f"parked in {parked.place}, and nobody took it"
        if self._acd.contact(call) is not None:
            self._acd.wait_again(call, why, parked.agent)
            return
        view = self._acd.agent(parked.agent)
        if call.caller.agent is None and view is not None and view.queues:
            self._acd.enqueue(call, view.queues[0])
        else:
            self._switch.clear_call(call, Cause.NO_ANSWER, Party.SYSTEM)

    def _let_go(self, parked: ParkedCall) -> None:
        if parked.ring is not None:
            parked.ring.cancel()
            parked.ring = None
        if parked.taker is not None:
            self._acd.disengage(parked.taker, parked.call.id)
            parked.taker = None

    def _leave(self, call: Call) -> ParkedCall:
        """It is parked no longer, and whose it was before."""
        parked = self._parked.pop(call.id)
        parked.timeout.cancel()
        if parked.ring is not None:
            parked.ring.cancel()
        call.controller = parked.before
        return parked
