"""Calls in the ACD's hands: how they come to a queue, wait, are with an agent, and are over.

What `ccd.acd.giving` and `ccd.acd.service` have in common.
"""

from __future__ import annotations

from ccd.acd.contact import Contact
from ccd.acd.distributor import Stage
from ccd.acd.errors import UnknownQueueError
from ccd.acd.from_settings import NAMED_AGENT, agent_queues
from ccd.acd.hall import Attempt, Hall
from ccd.acd.steps import Step
from ccd.events import ConnectionCleared, Dequeued, Event, Routed
from ccd.model import AgentState, Cause, ConnectionState
from ccd.switch.call import Call, Leg


class Waits(Hall):
    """See the module."""

    def _control(self, call: Call) -> None:
        """Be told from now on what happens to this call; `ccd.acd.service`, who hears it, does so."""
        raise NotImplementedError

    # --- coming, waiting ------------------------------------------------------------------

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
        if is_colleagues(call):
            # No customer: what is counted, remembered and promised to these is not for him. He asks
            # for one, though, whose class and data go along.
            return self._callers.contact(
                id=call.id,
                queue=queue,
                enqueued_at=now if enqueued_at is None else enqueued_at,
                customer_class=self._known_class(call),
                agent=agent,
                data=call.data,
            )
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

    def _again(self, case: Attempt, step: Step, why: str, agent: str | None) -> None:
        """A call that somebody had waits for an agent (again), at the place of its age.

        One whose queue is no more by now is ended.
        """
        assert case.call is not None
        queue = case.contact.queue
        if queue not in self._queues:
            self._log.warning("no queue left for a caller", call=case.call.id, queue=queue)
            self._switch.clear_call(case.call, Cause.DESTINATION_NOT_OBTAINABLE)
            return
        self._done_with(case)
        case.since, case.abandoned, case.outward = self._loop.time(), False, None
        self._publish(Routed(contact=case.contact.id, step=step, queue=queue, agent=agent, why=why))
        self._enter(case)

    def _come(self, case: Attempt) -> None:
        assert case.call is not None
        case.came = True
        if is_colleagues(case.call):
            self._switch.play_music(case.call.caller, self._queues[case.contact.queue].music)
        else:
            self._tell("queued", case.call, case.contact)

    def _wait(self, case: Attempt) -> None:
        now = self._loop.time()
        self._distributor.enqueue(case.contact, now)
        if case.call is not None and not is_colleagues(case.call):
            self.forecasts.queued(case.contact, now)
        self._pump()

    # --- with an agent --------------------------------------------------------------------

    def _is_with(self, case: Attempt, agent: str) -> None:
        """An agent has the call: he answered, or took it."""
        call, now = case.contact.id, self._loop.time()
        stage = self._distributor.stage(call)
        offered = self._distributor.is_offered(call, agent)
        had_it = self._distributor.holder(call)
        if had_it not in (None, agent):
            self._busy_till_his_phone_is_free(had_it)
        self._distributor.take(case.contact, agent, now)
        case.colleague = None if case.colleague == agent else case.colleague
        if stage in (Stage.WAITING, Stage.OFFERED):
            self._say_dequeued(case, "assigned" if offered else "picked_up")
        self._after_call.has(agent, call, case.contact.queue)
        assert case.call is not None
        if not is_colleagues(case.call):
            self.forecasts.answered(call, agent, case.contact.queue, now)
            self.redials.served(case.contact.customer, case.contact.queue, now)
            self.last_agents.spoke(case.contact.customer, agent, self._wall_clock())

    def _done_with(self, case: Attempt) -> None:
        """The agent who has a contact, if one does, is done with it: free when his phone is.

        Of a colleague who asked him something there is nothing to be written down: no wrap-up.
        """
        contact = case.contact.id
        holder = self._distributor.holder(contact)
        if holder is not None:
            self._busy_till_his_phone_is_free(holder)
            wrap_up = not is_colleagues(case.call)
            self._distributor.contact_ended(contact, self._loop.time(), wrap_up=wrap_up)

    def _let_colleague_go(self, case: Attempt) -> None:
        """He to whom a call was to be transferred does not get it."""
        if case.colleague is not None:
            self._distributor.disengage(case.colleague, case.contact.id, self._loop.time())
            case.colleague = None

    # --- agents who hang up ---------------------------------------------------------------

    def _busy_till_his_phone_is_free(self, agent: str) -> None:
        """What he had is somebody else's, or over, and his phone is not free yet: neither is he.

        An INVITE that overtakes the BYE would find his phone busy.
        """
        if self._distributor.agent(agent).state is not AgentState.BUSY:
            return
        for leg in self._switch.legs_of(agent):
            if leg.connected and leg.id not in self._hangs_up:
                self._hangs_up[leg.id] = leg
                self._distributor.engage(agent, leg.id, self._loop.time())

    def _his_phone_is_free(self, leg: Leg) -> None:
        """A leg is over."""
        if self._hangs_up.pop(leg.id, None) is not None and leg.agent is not None:
            self._distributor.disengage(leg.agent, leg.id, self._loop.time())
            self._pump()

    def _follow(self, event: Event) -> None:
        """Whoever controls the call by then: act on it when whoever published it has finished."""
        if isinstance(event, ConnectionCleared):
            leg = self._hangs_up.get(event.leg)
            if leg is not None and leg.state is ConnectionState.NULL:
                self._loop.call_later(0.0, self._his_phone_is_free, leg)

    # --- leaving --------------------------------------------------------------------------

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
        else:
            self._done_with(case)
        self._tell("left", case.call)

    def _ended(self, case: Attempt) -> None:
        """Nothing is left of a call, or of its conversation."""
        del self._cases[case.contact.id]
        self._stop_ringing(case)
        now = self._loop.time()
        assert case.call is not None
        self._tell("left", case.call)
        self.forecasts.left(case.contact.id, now)
        reason = _giving_up(case)
        if self._distributor.remove(case.contact.id, reason, now) or case.rings_outside:
            self._abandoned(case)
        else:
            self._done_with(case)
        self._let_colleague_go(case)
        self._pump()

    def _abandoned(self, case: Attempt) -> None:
        if case.abandoned:
            return
        case.abandoned = True
        contact, now = case.contact, self._loop.time()
        if case.call is not None and not is_colleagues(case.call):
            self.redials.left(contact.customer, contact.queue, contact.enqueued_at, now)
            self._redial_alarm.set(self.redials.get_timer())
        self._say_dequeued(case, _giving_up(case))

    def _say_dequeued(self, case: Attempt, reason: str) -> None:
        case.waits_since = None
        self._publish(
            Dequeued(
                call=case.contact.id,
                queue=case.contact.queue,
                reason=reason,
                waited=self._loop.time() - case.since,
            )
        )


def _giving_up(case: Attempt) -> str:
    """What it is called when who waits hangs up: a customer's is a figure that a centre is judged by."""
    return "withdrawn" if is_colleagues(case.call) else "abandoned"


def is_colleagues(call: Call | None) -> bool:
    """Whether it is an agent who calls, and no customer: a consultation of a queue, say."""
    return call is not None and call.caller.agent is not None
