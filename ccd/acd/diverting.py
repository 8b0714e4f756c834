"""Calls that ring at one agent and go elsewhere, without his having let them ring: deflected, picked up."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ccd.acd.giving import Giving
from ccd.acd.hall import Attempt, Outward
from ccd.acd.steps import Step
from ccd.model import Cause
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable


class Diverting(Giving):
    """Verbs about calls that ring. Whoever was rung is what he was, once his phone has stopped."""

    def divert(self, call: Call, agent: str, why: str) -> None:
        """Ring this agent in place of those who are rung; he has the contact when he answers.

        Where he does not, the caller is back in his queue at the place of his age. `why` is the
        reason of `Dequeued`. Raises `UnknownAgentError`, `UnknownQueueError`, `NotReachable` (also
        where the agent is not free), and then nothing has changed.
        """
        why_not = self.why_not(agent)
        if why_not is not None:
            raise NotReachable(Cause.BUSY, why_not)
        case = self._cases[call.id]
        queue = self.queue_config(case.contact.queue).name
        self._distributor.engage(agent, call.id, self._loop.time())
        try:
            leg = self._switch.ring(
                call,
                agent=agent,
                phone=self._phones[agent],
                queue=queue,
                auto_answer=why == "picked_up" or self._answers_itself(queue),
            )
        except NotReachable:
            self._distributor.disengage(agent, call.id, self._loop.time())
            self._pump()
            raise
        self._withdraw_from_all(case, why, but=leg)
        case.colleague = agent
        self._limit_ring(case, leg)
        self._pump()

    def divert_to_queue(self, call: Call, queue: str, agent: str) -> None:
        """The agent at whom it rings sends it to a queue, where it waits by its age.

        Raises `UnknownQueueError`.
        """
        self.queue_config(queue)
        case = self._cases[call.id]
        self._withdraw_from_all(case, "deflected")
        case.contact = msgspec.structs.replace(
            case.contact, queue=queue, agent=None, last_agent=None
        )
        self._again(case, Step.TRANSFERRED, f"{agent} sent it on to {queue}", agent)
        self._pump()

    def divert_outside(
        self,
        call: Call,
        number: str,
        trunks: Sequence[str],
        *,
        ani: str,
        emergency: bool = False,
    ) -> None:
        """The agent at whom it rings sends it to a number outside, in an agent's place.

        Where one of `trunks` cannot, the next is tried; where nobody answers there, the caller is
        back in his queue at the place of his age. Raises `NotReachable`, and then nothing has
        changed.
        """
        case = self._cases[call.id]
        outward = Outward(number, list(trunks), ani or None, emergency)
        leg = self._ring_outside(case, call, outward)
        self._withdraw_from_all(case, "deflected", but=leg)
        case.outward = outward
        self._limit_ring(case, leg)
        self._pump()

    def wait_again(self, call: Call, why: str, agent: str | None) -> None:
        """A call that an agent put aside (parked) waits for an agent of its queue, by its age."""
        self._again(self._cases[call.id], Step.RETURNED, why, agent)
        self._pump()

    def _withdraw_from_all(self, case: Attempt, why: str, *, but: Leg | None = None) -> None:
        """Stop the phones that ring for it, and take it from whom it is offered to."""
        assert case.call is not None
        for leg in tuple(case.call.ringing):
            if leg is but:
                continue
            if leg.agent is not None:
                # His next call would find his phone busy: it waits until this one has stopped.
                self._hanging_up[leg.agent] = (leg, None)
            self._stop_ringing(case, leg)
            self._switch.clear_connection(leg, Cause.ANSWERED_ELSEWHERE)
        self._let_colleague_go(case)
        case.outward, case.rings_outside = None, False
        now = self._loop.time()
        self.forecasts.left(case.contact.id, now)
        if self._distributor.remove(case.contact.id, why, now):
            self._say_dequeued(case, why)
        self._tell("left", case.call)
