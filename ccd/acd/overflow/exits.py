"""Ways out of a queue, followed: rules of overflow for calls that come, and for calls that wait.

`ccd.acd.overflow.rules` says which rule holds and when to look again; this looks at those times,
and sends the call there. A call that could not go (no channel free, nobody answered) stays
where it is, and that rule is not tried again for it in this queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from ccd.acd.overflow.calendar import OpeningHours
from ccd.acd.overflow.rules import (
    Arrival,
    Journey,
    Overflows,
    ToCallback,
    ToGoodbye,
    ToNumber,
    ToQueue,
    ToVoicemail,
    Way,
)
from ccd.acd.steps import Step
from ccd.alarm import Alarm
from ccd.config import Queue
from ccd.events import EventStream, Routed
from ccd.switch.call import Call
from ccd.switch.switch import NotReachable


class Ways(Protocol):
    """Where a call can be sent; each takes it over from its queue."""

    def to_queue(self, call: Call, queue: str) -> None:
        """Have it wait there, at the place of its age."""

    def to_number(self, call: Call, number: str, trunk: str) -> None:
        """Connect it with a number outside. Raises `NotReachable`."""

    def to_voicemail(self, call: Call, queue: str) -> None:
        """Have it leave a message."""

    def to_callback(self, call: Call, queue: str) -> bool:
        """Have the caller called back; False where he shows no number."""

    def to_goodbye(self, call: Call, queue: str) -> None:
        """Tell the caller that nobody is there, and hang up."""


class Crowd(Protocol):
    """How it stands with a queue."""

    def length(self, queue: str) -> int:
        """How many wait."""

    def staff(self, queue: str) -> int:
        """How many who are logged on serve it."""


@dataclass(slots=True, eq=False)
class _Traveller:
    call: Call
    queue: str
    journey: Journey
    arrival: Arrival
    alarm: Alarm
    rings: bool = False
    """A phone rings for it, an agent's or one outside."""


class Exits:
    """Follows the overflow rules of all queues. `likely` is the P50 of a call that came now."""

    def __init__(
        self,
        *,
        ways: Ways,
        crowd: Crowd,
        likely: Callable[[str], float | None],
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
    ) -> None:
        self._ways = ways
        self._crowd = crowd
        self._likely = likely
        self._events = events
        self._loop = loop
        self._wall_clock = wall_clock
        self._rules: dict[str, Overflows] = {}
        self._wants_likely: set[str] = set()
        self._travellers: dict[str, _Traveller] = {}
        self._log = structlog.get_logger("overflow")

    def set_queue(self, queue: Queue, hours: OpeningHours | None) -> None:
        """The queue's rules and opening hours (None: always open) are these from now on.

        Raises ValueError for a rule that is none.
        """
        self._rules[queue.name] = Overflows(queue, hours)
        self._wants_likely.discard(queue.name)
        if any(rule.ewt_s is not None for rule in queue.overflow):
            self._wants_likely.add(queue.name)
        for traveller in self._travellers.values():
            if traveller.queue == queue.name:
                traveller.alarm.set(self._loop.time())

    def remove_queue(self, queue: str) -> None:
        """The queue is no more."""
        self._rules.pop(queue, None)
        self._wants_likely.discard(queue)

    def __len__(self) -> int:
        return len(self._travellers)

    def enter(self, call: Call, queue: str) -> bool:
        """A call comes to this queue; False where it was sent away from all queues.

        Where its rules send it to another one, `Ways.to_queue` has been told.
        """
        traveller = self._travellers[call.id] = _Traveller(
            call,
            queue,
            Journey(),
            Arrival(at=0.0, length=0),
            Alarm(self._loop, lambda _now: self._look_again(call.id)),
        )
        self._arrive(traveller, queue)
        return not self._travel(traveller)

    def rings(self, call: Call) -> None:
        """A phone rings for it: whom an agent is about to answer is not sent away."""
        traveller = self._travellers.get(call.id)
        if traveller is not None:
            traveller.rings = True
            traveller.alarm.set(None)

    def stays(self, call: Call) -> None:
        """Nobody answered it, and it waits on where it was."""
        traveller = self._travellers.get(call.id)
        if traveller is not None:
            traveller.rings = False
            self._look_again(call.id)

    def moved(self, call: Call, queue: str) -> None:
        """Somebody puts it into this queue, by whose rules it goes from now on."""
        traveller = self._travellers.get(call.id)
        if traveller is not None and traveller.queue != queue:
            self._arrive(traveller, queue)
            traveller.alarm.set(self._loop.time())  # when he is done with it

    def left(self, call: Call) -> None:
        """The call waits no longer."""
        traveller = self._travellers.pop(call.id, None)
        if traveller is not None:
            traveller.alarm.cancel()

    def staff_changed(self) -> None:
        """Somebody logged on or off: queues without anybody may send their callers on."""
        for traveller in list(self._travellers.values()):
            rules = self._rules.get(traveller.queue)
            if rules is not None and rules.watches_agents:
                self._look_again(traveller.call.id)

    # --- inside -------------------------------------------------------------------------

    def _arrive(self, traveller: _Traveller, queue: str) -> None:
        traveller.queue = queue
        traveller.journey = traveller.journey.entered(queue)
        traveller.arrival = Arrival(
            at=self._wall_clock(),
            length=self._crowd.length(queue),
            ewt_s=self._likely(queue) if queue in self._wants_likely else None,
        )

    def _look(self, traveller: _Traveller) -> Way | None:
        """Judge; where nothing holds yet, look again when something may."""
        wall = self._wall_clock()
        look = self._rules[traveller.queue].look(
            traveller.arrival,
            traveller.journey,
            at=wall,
            agents=self._crowd.staff(traveller.queue),
        )
        # The alarm is the loop's, the hours are the wall's: what they differ by is of this moment.
        again = None if look.again_at is None else self._loop.time() + look.again_at - wall
        traveller.alarm.set(again)
        return look.way

    def _look_again(self, call: str) -> None:
        """For a call that waits: send it on, if a rule holds by now."""
        traveller = self._travellers.get(call)
        if traveller is not None:
            self._travel(traveller)

    def _travel(self, traveller: _Traveller) -> bool:
        """Follow the rules as long as one holds; True where the call waits in no queue any more."""
        while not traveller.rings and traveller.queue in self._rules:
            way = self._look(traveller)
            if way is None:
                return False
            if isinstance(way.target, ToQueue):
                self._say(traveller, way)
                self._arrive(traveller, way.target.queue)
                self._ways.to_queue(traveller.call, way.target.queue)
            elif self._follow(traveller, way):
                return True
        return False

    def _follow(self, traveller: _Traveller, way: Way) -> bool:
        """Send a call out of all queues; False where that cannot be."""
        call, target = traveller.call, way.target
        match target:
            case ToNumber(number, trunk):
                # Should nobody answer there, he stays, and this way is not tried again.
                traveller.journey = traveller.journey.could_not(way.rule.to)
                try:
                    self._ways.to_number(call, number, trunk)
                except NotReachable as error:
                    self._log.warning("overflow failed", call=call.id, to=number, reason=str(error))
                    return False
            case ToVoicemail():
                self._ways.to_voicemail(call, traveller.queue)
            case ToCallback():
                if not self._ways.to_callback(call, traveller.queue):
                    traveller.journey = traveller.journey.could_not(way.rule.to)
                    return False
            case ToGoodbye():
                self._ways.to_goodbye(call, traveller.queue)
            case ToQueue():
                raise AssertionError("a way to a queue is not a way out")
        self._say(traveller, way)
        if not isinstance(target, ToNumber):
            self.left(call)
        return True

    def _say(self, traveller: _Traveller, way: Way) -> None:
        self._events.publish(
            Routed(
                contact=traveller.call.id,
                step=Step.OVERFLOWED,
                queue=traveller.queue,
                why=way.why,
                facts=way.facts,
            )
        )
