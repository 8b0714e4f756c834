"""A day in virtual time: people and calls around the real distributor.

The next thing that happens is the earliest of three: the next call, the top of a heap of
what is known to come (an answer, a hang-up, the end of a call, a shift), and the
distributor's own timer. What it decides is carried out at once, as the service would.

A caller's patience and handle time come with his call and are not drawn here, so that two
days with the same calls differ only in how the centre served them. What the agents do
(rings, RONA) and what callers do next (redials) have a generator each.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from ccd import config
from ccd.acd.actions import Assign, Moved, Withdrawn
from ccd.acd.anonymity import is_anonymous
from ccd.acd.distributor import Distributor, Order
from ccd.acd.from_settings import Callers, queue_settings
from ccd.acd.redials import Redials
from ccd.acd.simulation.arrivals import Call
from ccd.acd.simulation.ledger import Ledger, Tally, utilisation
from ccd.acd.simulation.people import Behaviour, Person, Presence, Step
from ccd.acd.simulation.report import Interval, Report
from ccd.acd.simulation.staff import Member, Staff
from ccd.model import AgentState, Cause

PROGRESS_EVERY = 1000
"""Calls."""


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated: who waits where, who serves it, and how they all behave."""

    queues: tuple[config.Queue, ...]
    people: Sequence[Person]
    callers: Callers = msgspec.field(default_factory=Callers)
    behaviour: Behaviour = Behaviour()
    acd: config.Acd = config.Acd()
    short_abandon_s: float = 5.0
    interval_s: float = 1800.0
    warm_up_s: float = 0.0
    """Calls that come this soon after the first one are lived through and not counted."""
    ends_s: float | None = None
    """Until when the agents' time is counted, though nobody calls any more; None: until the
    last call came in, for how long that one takes says nothing about occupancy."""


def simulate(
    centre: Centre,
    calls: Iterable[Call],
    *,
    rng: random.Random,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Live through these calls (in order of time) until the last is over.

    `progress` is told, now and then, how many calls have come. Raises ValueError for calls out
    of order, and for a queue or class that is not known.
    """
    return Day(centre, calls, rng, progress).run()


class Waiter:
    """A caller in the centre."""

    __slots__ = (
        "answered",
        "call",
        "customer",
        "id",
        "leaves_at",
        "leaving",
        "place",
        "ringing",
        "since",
        "tally",
        "waits",
    )

    def __init__(self, id_: str, call: Call, customer: str, place: float, tally: Tally) -> None:
        self.id = id_
        self.call = call
        self.customer = customer
        self.since = call.at
        self.place = place
        """What he claims as his time of arrival: an earlier one, for who was here before."""
        self.leaves_at = call.at + call.patience_s
        self.leaving = False
        """Whether the heap knows of `leaves_at`."""
        self.tally = tally
        self.ringing: dict[str, int] = {}
        """Agents who are rung for him, and the number of that offer."""
        self.waits = False
        """Whether he is counted as waiting."""
        self.answered = False


_Entry = tuple[float, int, Callable[..., None], tuple[object, ...]]


class Day:
    """One run of `simulate`: its state, and a method for everything that can happen."""

    def __init__(
        self,
        centre: Centre,
        calls: Iterable[Call],
        rng: random.Random,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.centre = centre
        self.calls: Iterator[Call] = iter(calls)
        self.progress = progress
        # A generator each, so that one more ring does not change who calls again.
        self.agents_rng = random.Random(rng.getrandbits(64))
        self.callers_rng = random.Random(rng.getrandbits(64))
        self.acd = Distributor(Order(by=centre.acd.order))
        self.queues = {queue.name: queue for queue in centre.queues}
        for queue in centre.queues:
            self.acd.add_queue(queue_settings(queue))
        self.staff = Staff(centre.people, centre.interval_s)
        self.ranks = {person.name: rank for rank, person in enumerate(centre.people)}
        self.ledger = Ledger(
            {queue.name: queue.service_level_s for queue in centre.queues},
            interval_s=centre.interval_s,
            short_abandon_s=centre.short_abandon_s,
        )
        self.unmeasured = Tally(0.0)
        self.heap: list[_Entry] = []
        self.entries = 0
        self.waiters: dict[str, Waiter] = {}
        self.waiting = dict.fromkeys(self.queues, 0)
        self.waiting_total = 0
        self.redials = Redials(centre.acd.redial_window_s)
        self.last_agents: dict[str, str] = {}
        self.count = 0
        self.offers = 0
        self.unanswered = 0
        self.now = 0.0
        self.measured_from = 0.0

    # --- the run ----------------------------------------------------------------------

    def run(self) -> Report:
        """Live through the day."""
        call = next(self.calls, None)
        interval = self.centre.interval_s
        begin = self.now = 0.0 if call is None else call.at // interval * interval
        self.measured_from = (0.0 if call is None else call.at) + self.centre.warm_up_s
        self.staff.begin(begin)
        for person in self.centre.people:
            for step in person.steps:
                self.at(max(begin, step.at), self.shift, person, step)
        if self.centre.warm_up_s:
            self.at(self.measured_from, self.staff.forget)
        if self.centre.ends_s is not None:
            self.at(max(begin, self.centre.ends_s), self.staff.end)
        heap, acd = self.heap, self.acd
        while True:
            at = math.inf if call is None else call.at
            timer = acd.get_timer()
            if timer is not None and timer <= at and (not heap or timer <= heap[0][0]):
                self.reach(timer)
                acd.handle_timer(timer)
            elif heap and heap[0][0] <= at:
                if call is None and not self.waiters and self.staff.ended:
                    break  # only shifts are to come
                at, _, happens, args = heapq.heappop(heap)
                self.reach(at)
                happens(*args)
            elif call is not None:
                self.reach(at)
                self.arrive(call)
                self.count += 1
                if self.progress is not None and self.count % PROGRESS_EVERY == 0:
                    self.progress(self.count)
                call = next(self.calls, None)
                if call is None and self.centre.ends_s is None:
                    self.staff.end()
                if call is not None and call.at < at:
                    raise ValueError(f"calls out of order: one at {call.at} after one at {at}")
            else:
                break
            self.pump()
        if self.progress is not None:
            self.progress(self.count)
        return self.report(begin)

    def reach(self, at: float) -> None:
        """It is `at` now."""
        if at > self.now:
            self.staff.reach(at)
            self.now = at

    def at(self, at: float, happens: Callable[..., None], *args: object) -> None:
        """Have this happen then."""
        self.entries += 1
        heapq.heappush(self.heap, (at, self.entries, happens, args))

    # --- callers ----------------------------------------------------------------------

    def arrive(self, call: Call) -> None:
        """Somebody calls, for the first time or again."""
        if call.queue not in self.queues:
            raise ValueError(f"no queue {call.queue!r}: there are {', '.join(self.queues)}")
        number = self.entries = self.entries + 1
        id_ = f"c{number}"
        known = not is_anonymous(call.number)
        customer = call.number if known else id_
        tally = self.unmeasured
        if call.at >= self.measured_from:
            tally = self.ledger.tally(call.queue, call.at)
        tally.offered += 1
        place = call.at
        if known:
            counted = self.redials.figures().customers
            kept = self.redials.arrived(customer, call.queue, self.now)
            place = call.at if kept is None else kept
            if self.redials.figures().customers == counted:
                tally.redials += 1
        waiter = self.waiters[id_] = Waiter(id_, call, customer, place, tally)
        self.acd.enqueue(
            self.centre.callers.contact(
                id=id_,
                queue=call.queue,
                enqueued_at=place,
                number=call.number,
                customer=customer,
                customer_class=call.customer_class,
                skills=call.skills,
                last_agent=self.last_agents.get(customer),
            ),
            self.now,
        )
        self.pump()
        if not waiter.ringing:
            self.wait(waiter)

    def wait(self, waiter: Waiter) -> None:
        """Nobody is rung for him."""
        waiter.waits = True
        queue = waiter.call.queue
        self.waiting_total += 1
        length = self.waiting[queue] = self.waiting[queue] + 1
        if self.now >= self.measured_from:
            tally = self.ledger.tally(queue, self.now)
            if length > tally.longest_queue:
                tally.longest_queue = length
            self.ledger.queue_length(self.now, self.waiting_total)
        self.will_leave(waiter)

    def waits_no_longer(self, waiter: Waiter) -> None:
        """Somebody is rung for him, or he left."""
        if waiter.waits:
            waiter.waits = False
            self.waiting[waiter.call.queue] -= 1
            self.waiting_total -= 1

    def will_leave(self, waiter: Waiter) -> None:
        """He will hang up when his patience is over, unless somebody answers."""
        if not waiter.leaving and waiter.leaves_at < math.inf:
            waiter.leaving = True
            self.at(max(self.now, waiter.leaves_at), self.leave, waiter)

    def leave(self, waiter: Waiter) -> None:
        """His patience is over."""
        if waiter.answered:
            return
        self.waits_no_longer(waiter)
        waiter.ringing.clear()
        del self.waiters[waiter.id]
        self.acd.remove(waiter.id, "abandoned", self.now)
        waiter.tally.hung_up(self.now - waiter.since, self.centre.short_abandon_s)
        self.redials.left(waiter.customer, waiter.call.queue, waiter.place, self.now)
        behaviour = self.centre.behaviour
        if behaviour.redial and self.callers_rng.random() < behaviour.redial:
            after = self.now + behaviour.redial_after.draw(self.callers_rng)
            again = msgspec.structs.replace(waiter.call, at=after, number=waiter.customer)
            self.at(after, self.arrive, again)

    # --- agents -----------------------------------------------------------------------

    def shift(self, person: Person, step: Step) -> None:
        """An agent comes, goes, or takes a break; what fits no longer is left undone."""
        state = self.staff.members[person.name].state
        match step.presence:
            case Presence.LOG_ON if state is AgentState.LOGGED_OUT:
                self.acd.agent_log_on(
                    person.name,
                    person.queues,
                    self.now,
                    skills=person.skills,
                    capacity=person.capacity,
                    rank=self.ranks[person.name],
                )
            case Presence.LOG_OFF if state is not AgentState.LOGGED_OUT:
                self.acd.agent_log_off(person.name, self.now)
            case Presence.NOT_READY if state is not AgentState.LOGGED_OUT:
                self.acd.agent_not_ready(person.name, step.reason or "break", self.now)
            case Presence.LOG_ON | Presence.READY if state is not AgentState.LOGGED_OUT:
                # At work still, having wished to go: he stays.
                self.acd.agent_ready(person.name, self.now)

    def assigned(self, action: Assign) -> None:
        """Ring an agent, and see now what will come of it."""
        waiter = self.waiters[action.contact]
        self.waits_no_longer(waiter)
        self.offers += 1
        number = waiter.ringing[action.agent] = self.offers
        behaviour, rng = self.centre.behaviour, self.agents_rng
        limit = self.queues[action.queue].ring_timeout_s
        ring = limit
        if not behaviour.rona or rng.random() >= behaviour.rona:
            own = waiter.call.ring_s
            ring = behaviour.ring.draw(rng) if own is None else own
        outcome = self.answered_by if ring < limit else self.unanswered_by
        ring = min(ring, limit)
        if waiter.leaves_at <= self.now + ring:
            self.will_leave(waiter)
        else:
            self.at(self.now + ring, outcome, waiter, action.agent, number)

    def answered_by(self, waiter: Waiter, agent: str, offer: int) -> None:
        """The agent picks up: the first of those who are rung has the call."""
        if waiter.ringing.get(agent) != offer:
            return  # withdrawn in the meantime: somebody else was first
        waiter.ringing.clear()
        waiter.answered = True
        call = waiter.call
        self.acd.offer_accepted(waiter.id, self.now, agent=agent)
        waiter.tally.answered(self.now - waiter.since, call.handle_s)
        if waiter.customer != waiter.id:
            self.redials.served(waiter.customer, call.queue, self.now)
            self.last_agents[waiter.customer] = agent
        self.at(self.now + call.handle_s, self.ended, waiter, agent)

    def unanswered_by(self, waiter: Waiter, agent: str, offer: int) -> None:
        """The phone has rung for as long as the queue lets it."""
        if waiter.ringing.get(agent) != offer:
            return
        del waiter.ringing[agent]
        self.unanswered += 1
        self.acd.offer_failed(waiter.id, Cause.NO_ANSWER, self.now, agent=agent)
        self.pump()
        pause = self.centre.behaviour.rona_pause.draw(self.agents_rng)
        self.at(self.now + pause, self.back, self.staff.members[agent])
        if not waiter.ringing:
            self.wait(waiter)

    def back(self, member: Member) -> None:
        """Whoever did not answer comes back, unless he left or is back already."""
        if member.state is AgentState.NOT_READY and member.reason == "rona":
            self.acd.agent_ready(member.name, self.now)

    def ended(self, waiter: Waiter, agent: str) -> None:
        """They have said good-bye."""
        del self.waiters[waiter.id]
        self.acd.contact_ended(waiter.id, self.now)
        if self.queues[waiter.call.queue].wrap_up_s == math.inf:
            pause = self.centre.behaviour.wrap_up.draw(self.agents_rng)
            self.at(self.now + pause, self.wrapped_up, self.staff.members[agent], waiter.id)

    def wrapped_up(self, member: Member, contact: str) -> None:
        """The agent ends a wrap-up that has no limit."""
        if member.state is AgentState.WRAP_UP and member.contact == contact:
            self.acd.wrap_up_done(member.name, self.now)

    # --- the distributor's decisions ----------------------------------------------------

    def pump(self) -> None:
        """Carry out what was decided."""
        next_action, moved = self.acd.next_action, self.staff.moved
        while (action := next_action()) is not None:
            if isinstance(action, Moved):
                moved(action)
            elif isinstance(action, Assign):
                self.assigned(action)
            elif isinstance(action, Withdrawn):
                waiter = self.waiters.get(action.contact)
                if waiter is not None:
                    waiter.ringing.pop(action.agent, None)

    def report(self, begin: float) -> Report:
        """Return what was counted."""
        ledger, staff = self.ledger, self.staff
        return Report(
            begins_s=begin,
            ends_s=self.now,
            interval_s=self.centre.interval_s,
            short_abandon_s=self.centre.short_abandon_s,
            total=ledger.total(),
            queues={name: ledger.of_queue(name) for name in self.queues},
            intervals=tuple(
                Interval(
                    begins_s=number * self.centre.interval_s,
                    figures=figures,
                    agents=staff.mean_at_work(number),
                    occupancy=staff.occupancy(number),
                )
                for number, figures in ledger.intervals()
            ),
            occupancy=staff.occupancy(),
            utilisation=utilisation(staff.shares()),
            offers=self.offers,
            unanswered=self.unanswered,
        )
