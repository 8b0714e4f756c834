"""Calls that agents have in other ways than by the distributor's giving, and calls that they give away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ccd.acd.from_settings import NAMED_AGENT
from ccd.acd.hall import Attempt, Outward
from ccd.acd.steps import Step
from ccd.acd.waits import Waits
from ccd.model import AgentState, Cause
from ccd.switch.call import Call, Leg
from ccd.switch.hunting import first_to_take
from ccd.switch.switch import NotReachable


class Giving(Waits):
    """Call control's verbs."""

    # --- who has what ---------------------------------------------------------------------

    def why_not(self, agent: str) -> str | None:
        """Why this agent cannot be rung for a call that is not given to him here; None: he can.

        He need not be ready for that, but logged on, and not on the phone. Raises `UnknownAgentError`.
        """
        view = self._distributor.agent(agent)
        if view.state is AgentState.LOGGED_OUT:
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

        Phones that ring for it elsewhere stop, and who had it is done with it (and free when his
        phone is); it is the taker's to connect them. A call that is not the ACD's becomes so, and
        the ACD its controller: it counts as one of `queue` (empty: the first that the agent serves).
        False where he is logged out. Raises `UnknownAgentError`, `UnknownQueueError`.
        """
        if self._distributor.agent(agent).state is AgentState.LOGGED_OUT:
            return False
        case = self._cases.get(call.id)
        if case is None:
            contact = self._contact_of(call, queue or f"{NAMED_AGENT}{agent}", self._loop.time())
            contact = msgspec.structs.replace(contact, agent=None)
            case = self._have(call, Attempt(contact, self._loop.time(), call=call))
        self._is_with(case, agent)
        self._tell("left", call)
        self._pump()
        return True

    def hand_over_from(self, let_go: Callable[[Call], None]) -> None:
        """Tell this one of a call that the ACD takes over and that he may have controlled."""
        self._let_go.append(let_go)

    # --- giving away ----------------------------------------------------------------------

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
        self._distributor.engage(agent, call.id, self._loop.time())
        case.colleague = agent
        try:
            leg = self._switch.transfer(
                call,
                agent=agent,
                phone=self._phones[agent],
                queue=queue,
                auto_answer=self._answers_itself(queue),
            )
        except NotReachable:
            self._let_colleague_go(case)
            self._pump()
            raise
        self._done_with(case)
        self._limit_ring(case, leg)
        self._pump()

    def transfer_to_queue(self, call: Call, queue: str) -> None:
        """Give a call from its agent to a queue, in one step: it waits there by its age.

        A call that is not the ACD's (an agent's own, a callback) becomes so, and waits from now on.
        Raises `UnknownQueueError`, `ccd.switch.switch.NotReachable` (it is with no agent), and then
        nothing has changed.
        """
        self.queue_config(queue)
        case, now = self._cases.get(call.id), self._loop.time()
        giver = None if call.answered is None else call.answered.agent
        contact = self._contact_of(call, queue, now) if case is None else case.contact
        self._switch.detach_agent(call)
        if case is None:
            if giver is not None:
                self._busy_till_his_phone_is_free(giver)
            for let_go in self._let_go:
                let_go(call)
            case = self._have(call, Attempt(contact, now, call=call))
        else:
            self._done_with(case)
            # Who gave it away is not to have it back because he was the last.
            case.contact = msgspec.structs.replace(
                contact, queue=queue, agent=None, last_agent=None
            )
        who = giver or "a number outside"
        self._again(case, Step.TRANSFERRED, f"{who} sent it on to {queue}", giver)
        self._pump()

    def transfer_outside(
        self,
        call: Call,
        number: str,
        trunks: Sequence[str],
        *,
        ani: str | None = None,
        emergency: bool = False,
    ) -> None:
        """Give a call from its agent to a number outside, in one step, through one of `trunks`.

        It shows `ani` there (None: the caller's number). Where one trunk cannot, the next is tried;
        where nobody answers, the caller is back in the queue at the place that he had. Raises
        `UnknownQueueError` (it came from one that is no more), `ccd.switch.switch.NotReachable`.
        """
        case = self._cases[call.id]
        queue = self.queue_config(case.contact.queue).name
        outward = Outward(number, list(trunks), ani, emergency)
        leg = first_to_take(
            outward.trunks,
            lambda trunk: self._switch.transfer_outside(
                call, number=number, trunk=trunk, queue=queue, ani=ani, emergency=emergency
            ),
        )
        case.outward = outward
        self._done_with(case)
        self._limit_ring(case, leg)
        self._pump()

    def _try_next_trunk(self, case: Attempt) -> bool:
        """Call the number outside through another trunk; False where none is left that takes it."""
        outward, call = case.outward, case.call
        if outward is None or call is None or not outward.trunks:
            return False
        try:
            leg = self._ring_outside(case, call, outward)
        except NotReachable as error:
            self._log.info("no trunk left", call=call.id, reason=str(error))
            return False
        self._limit_ring(case, leg)
        return True

    def _ring_outside(self, case: Attempt, call: Call, outward: Outward) -> Leg:
        """Call the number outside through the first trunk left that takes it. Raises `NotReachable`."""
        return first_to_take(
            outward.trunks,
            lambda trunk: self._switch.ring_outside(
                call,
                number=outward.number,
                trunk=trunk,
                queue=case.contact.queue,
                ani=outward.ani,
                emergency=outward.emergency,
            ),
        )

    def _have(self, call: Call, case: Attempt) -> Attempt:
        """A call that was not the ACD's is so from now on; no rules of overflow hold for it."""
        case.by_rules = False
        self._cases[call.id] = case
        self._control(call)
        return case
