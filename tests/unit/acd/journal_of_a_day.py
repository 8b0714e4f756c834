"""A simulated day that leaves the events that a daemon would have left, in a real journal."""

import random
from collections.abc import Sequence
from pathlib import Path

from ccd.acd.actions import Assign, Moved, Withdrawn
from ccd.acd.simulation.arrivals import Call
from ccd.acd.simulation.report import Report
from ccd.acd.simulation.simulator import Centre, Day, Waiter
from ccd.events import (
    AgentBusy,
    AgentLoggedOff,
    AgentLoggedOn,
    AgentNotReady,
    AgentReady,
    AgentReserved,
    AgentWorkingAfterCall,
    CallCleared,
    Dequeued,
    Event,
    EventStream,
    Offered,
    Queued,
)
from ccd.model import AgentState, Cause, Party
from ccd.store.journal import Writer


class RecordedDay(Day):
    """Tells every event to a stream whose clock starts at `midnight`."""

    def __init__(
        self, centre: Centre, calls: Sequence[Call], rng: random.Random, midnight: float
    ) -> None:
        super().__init__(centre, calls, rng, None)
        self.stream = EventStream(lambda: midnight + self.now)
        self.served = {person.name: person.queues for person in centre.people}

    def tell(self, event: Event) -> None:
        self.stream.publish(event)

    def arrive(self, call: Call) -> None:
        id_ = f"c{self.entries + 1}"
        self.tell(Offered(call=id_, leg="l", ani=call.number, dnis="95500", trunk="t"))
        self.tell(Queued(call=id_, queue=call.queue, position=1))
        super().arrive(call)

    def leave(self, waiter: Waiter) -> None:
        if not waiter.answered:
            self.left(waiter, "abandoned")
            self.cleared(waiter)
        super().leave(waiter)

    def answered_by(self, waiter: Waiter, agent: str, offer: int) -> None:
        if waiter.ringing.get(agent) == offer:
            self.left(waiter, "assigned")
        super().answered_by(waiter, agent, offer)

    def ended(self, waiter: Waiter, agent: str) -> None:
        self.cleared(waiter)
        super().ended(waiter, agent)

    def left(self, waiter: Waiter, reason: str) -> None:
        waited = self.now - waiter.since
        queue = waiter.call.queue
        self.tell(Dequeued(call=waiter.id, queue=queue, reason=reason, waited=waited))

    def cleared(self, waiter: Waiter) -> None:
        self.tell(
            CallCleared(call=waiter.id, cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER)
        )

    def pump(self) -> None:
        while (action := self.acd.next_action()) is not None:
            match action:
                case Moved():
                    self.tell(self.event_of(action))
                    self.staff.moved(action)
                case Assign():
                    self.assigned(action)
                case Withdrawn() if action.contact in self.waiters:
                    self.waiters[action.contact].ringing.pop(action.agent, None)

    def event_of(self, moved: Moved) -> Event:
        agent, call = moved.agent, moved.contact or ""
        match moved.state:
            case AgentState.LOGGED_OUT:
                return AgentLoggedOff(agent=agent)
            case AgentState.NOT_READY if moved.reason == "logged_on":
                return AgentLoggedOn(agent=agent, phone="p", queues=self.served[agent])
            case AgentState.NOT_READY:
                return AgentNotReady(agent=agent, reason=moved.reason or "")
            case AgentState.READY:
                return AgentReady(agent=agent)
            case AgentState.RESERVED:
                return AgentReserved(agent=agent, call=call)
            case AgentState.BUSY:
                return AgentBusy(agent=agent, call=call)
            case AgentState.WRAP_UP:
                return AgentWorkingAfterCall(agent=agent, call=call)


def write_journal(
    file: Path, centre: Centre, calls: Sequence[Call], *, seed: int, midnight: float
) -> Report:
    """Live through the day, write its journal; return its figures as the simulator counted them."""
    day = RecordedDay(centre, calls, random.Random(seed), midnight)
    writer = Writer(file, clock=lambda: midnight)
    day.stream.subscribe(writer.append)
    report = day.run()
    assert writer.close() == 0
    return report
