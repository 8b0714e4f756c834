"""The ACD at work: gives the distributor's decisions to the switch, and the news back.

It is the controller of every call that waits for an agent, rings at one or is with one, and
the keeper of what waits without being a live call (callbacks, voicemail), which it gives to
their desks. The distributor decides; nothing is decided here. What callers hear while they
wait, where they go when they wait too long, and how long that is likely to be are rooms of
their own, which watch (`Watcher`). What agents give away and take is `ccd.acd.giving`.
"""

from __future__ import annotations

from ccd.acd.at_desks import AtDesks
from ccd.acd.changes import Changes
from ccd.acd.distributor import Stage
from ccd.acd.diverting import Diverting
from ccd.acd.hall import Attempt
from ccd.acd.steps import Step
from ccd.acd.waits import is_colleagues
from ccd.model import AgentState, Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.hunting import NEXT_TRUNK
from ccd.switch.switch import NotReachable


class Acd(Diverting, Changes, AtDesks):
    """Queues calls, rings agents, connects them; a `ccd.switch.call.Controller`."""

    def _control(self, call: Call) -> None:
        call.controller = self

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
        case.by_rules = enqueued_at is None and not is_colleagues(call)
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

    # --- for who takes calls out of queues ------------------------------------------------

    def release(self, call: Call, reason: str) -> None:
        """Take a call out of its queue, or from its agent, without ending it.

        The taker is its controller. The agent is done with it, and free when his phone is.
        """
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
        elif case.rings_outside:
            case.rings_outside = False
            self._say_dequeued(case, "overflowed")
        case.outward = None
        self._tell("left", call)
        self._switch.bridge(call)
        self._pump()

    def alerting(self, call: Call, leg: Leg) -> None:
        """The agent's phone rings; the ring's time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent did not answer, or could not: on to the next."""
        case = self._cases[call.id]
        self._stop_ringing(case, leg)
        if leg.agent is not None and self._phone_is_free(leg.agent, leg):
            # It was told to stop, and has; who was rung in its place may have failed before.
            nobodys = self._distributor.stage(call.id) is None
            if nobodys and call.answered is None and not call.ringing:
                self._is_nobodys(case, cause, leg.agent)
                self._pump()
            return
        if leg.agent is not None and leg.agent == case.colleague:
            self._let_colleague_go(case)
        if self._distributor.offer_failed(call.id, cause, self._loop.time(), agent=leg.agent):
            if not call.ringing:
                self._tell("returned", call)
        elif call.answered is None and not call.ringing:
            self._is_nobodys(case, cause, leg.agent)
        self._pump()
        self._waits_on(call)

    def _is_nobodys(self, case: Attempt, cause: Cause, agent: str | None) -> None:
        """Who was to have a call in an agent's place could not be had: back at its place."""
        assert case.call is not None
        if self._distributor.stage(case.contact.id) in (Stage.WAITING, Stage.OFFERED):
            return
        if case.rings_outside:
            case.rings_outside = False
            self._tell("returned", case.call)
            self._wait(case)
        elif cause not in NEXT_TRUNK or not self._try_next_trunk(case):
            who = agent or "a number outside"
            self._again(case, Step.RETURNED, f"{who}: {cause.value}", agent)

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
        """The agent is gone: the call is a colleague's by now, or waits again, or is over.

        | how he left it                                   | what becomes of it |
        | ------------------------------------------------ | ------------------ |
        | a colleague speaks with the caller, in his place or with both | the contact is the colleague's |
        | he gave it away (TRANSFER), and it rings or waits there | he is done with it |
        | on hold, and settings say so                     | it waits again, at its place |
        | otherwise                                        | it is over |
        """
        self._his_phone_is_free(leg)
        case = self._cases.get(call.id)
        if case is None:
            return
        if call.answered is not None and (len(call.parties) > 1 or call.joining):
            self._passes_to(case, call.answered.agent)
        elif cause is Cause.TRANSFER and call.answered is None:
            if self._distributor.holder(call.id) == leg.agent:
                self._done_with(case)
        elif self._is_kept(call):
            why = f"{leg.agent or 'who had it'} left it on hold: {cause.value}"
            self._again(case, Step.LEFT_ON_HOLD, why, leg.agent)
        else:
            self._switch.clear_call(call, cause, Party.AGENT)
            if call.id in self._cases:  # `cleared` comes at once where all others only held it
                self._ended(case)
        self._pump()

    def _is_kept(self, call: Call) -> bool:
        """Whether the caller of an agent who is gone waits for another."""
        if call.answered is not None or not call.caller.is_here:
            return False
        return call.left_on_hold and self._held_callers == "requeue"

    def _passes_to(self, case: Attempt, agent: str | None) -> None:
        """Somebody has a call after its agent: a colleague, or (None) a number outside."""
        if agent is None or self._distributor.agent(agent).state is AgentState.LOGGED_OUT:
            self._done_with(case)
        else:
            self._is_with(case, agent)

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
