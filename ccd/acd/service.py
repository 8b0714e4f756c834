"""The ACD at work: gives the distributor's decisions to the switch, and the news back.

It is the controller of every call that waits for an agent, rings at one or is with one, and
the keeper of what waits without being a live call (callbacks, voicemail), which it gives to
their desks. The distributor decides; nothing is decided here. What callers hear while they
wait, where they go when they wait too long, and how long that is likely to be are rooms of
their own, which watch (`Watcher`).
"""

from __future__ import annotations

import msgspec

from ccd.acd.at_desks import AtDesks
from ccd.acd.changes import Changes
from ccd.acd.contact import Contact
from ccd.acd.distributor import (
    Stage,
)
from ccd.acd.errors import (
    UnknownQueueError,
)
from ccd.acd.from_settings import NAMED_AGENT, agent_queues
from ccd.acd.hall import Attempt
from ccd.acd.steps import Step
from ccd.events import (
    Dequeued,
    Routed,
)
from ccd.model import AgentState, Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable

_LOGGED_OUT = AgentState.LOGGED_OUT


class Acd(Changes, AtDesks):
    """Queues calls, rings agents, connects them; a `ccd.switch.call.Controller`."""

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
        case = self._cases[call.id] = Attempt(contact, since, call=call)
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
        case = self._cases[call.id] = Attempt(contact, arrived_at, call=call)
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
            case = self._cases[call.id] = Attempt(contact, self._loop.time(), call=call)
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

    def _enter(self, case: Attempt) -> None:
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

    def _is_with(self, case: Attempt, agent: str) -> None:
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

    def _let_colleague_go(self, case: Attempt) -> None:
        """He to whom a call was to be transferred does not get it."""
        if case.colleague is not None:
            self._distributor.disengage(case.colleague, case.contact.id, self._loop.time())
            case.colleague = None

    def _leave_giver(self, case: Attempt) -> None:
        """A call goes on from who transferred it, whose phone is not free yet: he stays busy so long."""
        giver, now = case.giver, self._loop.time()
        if giver is None or giver.agent is None:
            return
        if self._distributor.holder(case.contact.id) == giver.agent:
            self._distributor.engage(giver.agent, giver.id, now)
            self._distributor.contact_ended(case.contact.id, now)

    def _giver_left(self, case: Attempt | None, call: str, leg: Leg) -> None:
        """The phone of who transferred a call is free: it is over for him."""
        now = self._loop.time()
        if case is not None and case.giver is leg:
            case.giver = None
        if leg.agent is None or self._distributor.disengage(leg.agent, leg.id, now):
            return
        if self._distributor.holder(call) == leg.agent:
            self._distributor.contact_ended(call, now)

    def _come(self, case: Attempt) -> None:
        assert case.call is not None
        case.came = True
        self._tell("queued", case.call, case.contact)

    def _wait(self, case: Attempt) -> None:
        now = self._loop.time()
        self._distributor.enqueue(case.contact, now)
        self.forecasts.queued(case.contact, now)
        self._pump()

    def _leave(self, case: Attempt, reason: str) -> None:
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

    def _ended(self, case: Attempt) -> None:
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

    def _abandoned(self, case: Attempt) -> None:
        if case.abandoned:
            return
        case.abandoned = True
        contact, now = case.contact, self._loop.time()
        self.redials.left(contact.customer, contact.queue, contact.enqueued_at, now)
        self._redial_alarm.set(self.redials.get_timer())
        self._say_dequeued(case, "abandoned")

    def _say_dequeued(self, case: Attempt, reason: str) -> None:
        self._publish(
            Dequeued(
                call=case.contact.id,
                queue=case.contact.queue,
                reason=reason,
                waited=self._loop.time() - case.since,
            )
        )
