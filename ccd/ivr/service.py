"""The IVR at work: a flow for every call that dials a service number, or that an agent sends.

It is the controller of a call from its first INVITE until the flow hands it to the ACD
or hangs up; or, of a call that an agent has, from `borrow` until the caller is given back.
What is played, when a key counts and where it leads is the interpreter's; nothing is
decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from ccd.alarm import Alarm
from ccd.errors import CcdError
from ccd.events import DigitsDetected, EventStream, FlowStepped, ReturnedFromIvr, SentToIvr
from ccd.ivr.actions import Action, Collected, HangUp, Play, Return, Stepped, StopPlay, ToQueue
from ccd.ivr.flow import Flow
from ccd.ivr.interpreter import Interpreter, Phase
from ccd.ivr.outcome import Outcome
from ccd.ivr.prompts import sounds
from ccd.media.prompt_book import PromptBook
from ccd.model import Cause, Party
from ccd.switch.call import Call, Controller, Leg
from ccd.switch.switch import Switch

ANY_NUMBER = "*"
"""The route of every number that has none of its own."""


Done = Callable[[Call, str, dict[str, str]], None]
"""Told that a borrowed caller is back: the call, the outcome, what the flow gathered."""


ToTheQueue = Callable[[Call, str], None]
"""Takes a borrowed caller to the queue (by name) to which his flow sends him."""


class UnknownFlowError(CcdError):
    """There is no flow of this name that an agent can send callers through."""

    def __init__(self, name: str, known: Mapping[str, Flow]) -> None:
        there = ", ".join(sorted(known)) or "none"
        super().__init__(f"there is no service flow {name!r}: there are {there}")


class NotToBeSentError(CcdError):
    """The caller cannot be sent through a flow now."""


@dataclass(slots=True, eq=False)
class _Loan:
    """What is owed for a caller who was taken from an agent."""

    lender: Controller
    """Who controlled the call before."""
    agent: str
    flow: str
    """By the name under which it was asked for."""
    before: dict[str, str]
    """Variables as they were when the flow began."""
    done: Done
    to_queue: ToTheQueue


@dataclass(slots=True, eq=False)
class _Visit:
    """A call in a flow."""

    call: Call
    interpreter: Interpreter
    alarm: Alarm
    playing: int = 0
    """Number of the `Play` that is being heard."""
    loan: _Loan | None = None
    """None: he dialled a number."""


class Ivr:
    """Answers calls and walks them through flows; a `ccd.switch.call.Controller`.

    `flows` are by the number that they answer, `service_flows` by the name under which agents
    send callers through them.
    """

    def __init__(
        self,
        *,
        flows: Mapping[str, Flow],
        prompts: PromptBook,
        switch: Switch,
        events: EventStream,
        enqueue: Callable[[Call, str], None],
        loop: asyncio.AbstractEventLoop,
        service_flows: Mapping[str, Flow] | None = None,
    ) -> None:
        self._flows = dict(flows)
        self._service_flows = dict(service_flows or {})
        self._prompts = prompts
        self._switch = switch
        self._events = events
        self._enqueue = enqueue
        self._loop = loop
        self._visits: dict[str, _Visit] = {}
        self._log = structlog.get_logger("ivr")
        self._do: dict[type, Callable[..., None]] = {
            Play: self._play,
            StopPlay: self._stop_play,
            Stepped: self._stepped,
            Collected: self._collected,
            ToQueue: self._to_queue,
            HangUp: self._hang_up,
            Return: self._return,
        }

    def __len__(self) -> int:
        return len(self._visits)

    def change_flows(
        self, flows: Mapping[str, Flow], service_flows: Mapping[str, Flow] | None = None
    ) -> None:
        """Answer these numbers from now on; calls in a flow keep the one they began with."""
        self._flows = dict(flows)
        self._service_flows = dict(service_flows or {})

    def serves(self, call: Call) -> bool:
        """Whether a flow answers the number that the call dialled."""
        return call.dnis in self._flows or ANY_NUMBER in self._flows

    # --- callers whom an agent sends ------------------------------------------------------

    def borrow(
        self,
        call: Call,
        flow_name: str,
        done: Done,
        data: Mapping[str, str] | None = None,
        *,
        to_queue: ToTheQueue | None = None,
    ) -> None:
        """Take an established call's caller through a flow, and give him back exactly once.

        The IVR is the call's controller meanwhile. Whoever asks has parted caller and agent
        before. The flow begins at once, but not before this returns. Its variables are the
        call's data and `data`.

        `done(call, outcome, gathered)` is called when it is over, whatever ended it: the word of
        the flow's `return` step, or one of `Outcome`. The call's controller is the one from before
        by then, and `done` may set another. `gathered` are the variables that the flow set, which
        are in `call.data` too; secrets are in neither. After `done` the IVR does what the flow
        wants where it wants more: it hangs up (HUNG_UP), or sends the call to a queue (QUEUED): by
        `to_queue(call, queue)`, or as any caller, when `done` has taken the agent out of it. News that ended it (the caller left, the agent left) is then
        told to the call's controller as if the IVR had never been there.

        Raises `UnknownFlowError`, and `NotToBeSentError` where nobody is there to be sent, a phone
        still rings for the call, or he is in a flow already. Nothing has changed then.
        """
        flow = self._service_flows.get(flow_name)
        if flow is None:
            raise UnknownFlowError(flow_name, self._service_flows)
        if call.id in self._visits:
            raise NotToBeSentError(f"the caller of call {call.id} is in a flow already")
        lender, caller = call.controller, call.caller
        if lender is None or call.ending or caller.ending or not caller.connected:
            raise NotToBeSentError(f"call {call.id} has no caller who could be sent")
        if call.ringing:
            raise NotToBeSentError(f"a phone still rings for call {call.id}")
        variables = {"ani": call.ani, "dnis": call.dnis, **call.data, **(data or {})}
        agent = (call.answered.agent or "") if call.answered is not None else ""
        visit = self._visit(call, flow, variables)
        visit.loan = _Loan(
            lender, agent, flow_name, dict(variables), done, to_queue or self._enqueue
        )
        call.controller = self
        self._events.publish(SentToIvr(call=call.id, flow=flow_name, agent=agent))
        visit.alarm.set(self._loop.time())

    def recall(self, call: Call) -> bool:
        """The agent takes his caller back now. False where he is not in a flow that was asked for."""
        visit = self._visits.get(call.id)
        if visit is None or visit.loan is None:
            return False
        self._switch.stop_playing(call.caller)
        self._give_back(visit, visit.loan, Outcome.RECALLED)
        return True

    def enter(self, call: Call, number: str) -> None:
        """Take an answered caller into the flow that answers this number, as if he had dialled it.

        Raises `UnknownFlowError` where none does, and `NotToBeSentError` as `borrow` does.
        """
        flow = self._flows.get(number)
        if flow is None:
            raise UnknownFlowError(number, self._flows)
        if call.id in self._visits or call.ending or not call.caller.connected:
            raise NotToBeSentError(f"call {call.id} has no caller who could be sent")
        visit = self._visit(call, flow, {"ani": call.ani, "dnis": call.dnis, **call.data})
        call.controller = self
        visit.alarm.set(self._loop.time())

    # --- the call's controller ---------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Answer; the flow begins when the caller's ACK is here."""
        flow = self._flows.get(call.dnis) or self._flows[ANY_NUMBER]
        self._visit(call, flow, {"ani": call.ani, "dnis": call.dnis, **call.data})
        self._switch.answer(call)

    def established(self, call: Call, leg: Leg) -> None:
        """The caller hears us."""
        visit = self._visits.get(call.id)
        if visit is not None and visit.interpreter.phase is Phase.NEW:
            visit.interpreter.start(self._loop.time())
            self._pump(visit)

    def alerting(self, call: Call, leg: Leg) -> None:
        """No agent is called from here."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """A phone that was told to stop ringing, before the caller was sent here, has stopped."""
        visit = self._visits.get(call.id)
        if visit is not None and visit.loan is not None:
            visit.loan.lender.failed(call, leg, cause)

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """Whom the caller was to go back to is gone."""
        visit = self._visits.get(call.id)
        if visit is not None and visit.loan is not None:
            self._switch.stop_playing(call.caller)
            self._give_back(visit, visit.loan, Outcome.AGENT_LEFT)
            if (controller := self._controller_after(call)) is not None:
                controller.agent_left(call, leg, cause)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """The caller pressed a key. (An agent who waits for him may press what he likes.)"""
        visit = self._visits.get(call.id)
        if visit is not None and leg is call.caller:
            visit.interpreter.digit(digit, self._loop.time())
            self._pump(visit)

    def played(self, call: Call, leg: Leg) -> None:
        """A prompt is over."""
        visit = self._visits.get(call.id)
        if visit is not None and leg is call.caller:
            visit.interpreter.played(self._loop.time(), visit.playing)
            self._pump(visit)

    def caller_left(self, call: Call, cause: Cause) -> None:
        """The caller hung up in the flow."""
        visit = self._visits.get(call.id)
        if visit is None:
            return
        visit.interpreter.hung_up(self._loop.time())
        if visit.loan is None:
            visit.alarm.cancel()
            del self._visits[call.id]
            return
        self._give_back(visit, visit.loan, Outcome.CALLER_LEFT)
        if (controller := self._controller_after(call)) is not None:
            controller.caller_left(call, cause)

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call."""
        visit = self._visits.get(call.id)
        if visit is not None and visit.loan is not None:
            self._give_back(visit, visit.loan, Outcome.CALLER_LEFT)
            if (controller := self._controller_after(call)) is not None:
                controller.cleared(call)

    # --- the interpreter's actions --------------------------------------------------------

    def _due(self, call: str, now: float) -> None:
        visit = self._visits.get(call)
        if visit is not None:
            if visit.interpreter.phase is Phase.NEW:
                visit.interpreter.start(now)
            else:
                visit.interpreter.handle_timer(now)
            self._pump(visit)

    def _pump(self, visit: _Visit) -> None:
        while (action := visit.interpreter.next_action()) is not None:
            self._carry_out(visit, action)
        if self._visits.get(visit.call.id) is visit:
            visit.alarm.set(visit.interpreter.get_timer())

    def _carry_out(self, visit: _Visit, action: Action) -> None:
        try:
            self._do[type(action)](visit, action)
        except Exception:
            loan = visit.loan
            if loan is None or self._visits.get(visit.call.id) is not visit:
                raise
            # A fault of ours in a flow must not cost an agent the caller whom he spoke with.
            self._log.exception("flow failed", call=visit.call.id, flow=loan.flow)
            visit.interpreter.hung_up(self._loop.time())
            self._give_back(visit, loan, Outcome.FAILED)

    def _play(self, visit: _Visit, action: Play) -> None:
        visit.playing = action.number
        self._switch.play(visit.call.caller, sounds(action.prompts, self._prompts))

    def _stop_play(self, visit: _Visit, _action: StopPlay) -> None:
        self._switch.stop_playing(visit.call.caller)

    def _stepped(self, visit: _Visit, action: Stepped) -> None:
        self._events.publish(
            FlowStepped(call=visit.call.id, flow=visit.interpreter.flow.name, step=action.step)
        )

    def _collected(self, visit: _Visit, action: Collected) -> None:
        """`action.digits` of a secret are asterisks already."""
        self._events.publish(
            DigitsDetected(call=visit.call.id, leg=visit.call.caller.id, digits=action.digits)
        )

    def _to_queue(self, visit: _Visit, action: ToQueue) -> None:
        call = visit.call
        self._end(visit, Outcome.QUEUED)
        if call.ending is None and call.caller.ending is None and call.caller.connected:
            to_queue = self._enqueue if visit.loan is None else visit.loan.to_queue
            to_queue(call, action.queue)

    def _hang_up(self, visit: _Visit, _action: HangUp) -> None:
        self._end(visit, Outcome.HUNG_UP)
        self._switch.clear_call(visit.call, Cause.NORMAL_CLEARING, Party.SYSTEM)

    def _return(self, visit: _Visit, action: Return) -> None:
        """The linter lets no number lead here; a caller without an agent is not kept waiting for one."""
        if visit.loan is None:
            self._log.error(
                "returned to nobody", call=visit.call.id, flow=visit.interpreter.flow.name
            )
            self._hang_up(visit, HangUp())
        else:
            self._give_back(visit, visit.loan, action.outcome)

    # --- coming and going -----------------------------------------------------------------

    def _visit(self, call: Call, flow: Flow, variables: Mapping[str, str]) -> _Visit:
        visit = self._visits[call.id] = _Visit(
            call,
            Interpreter(flow, variables=variables),
            Alarm(self._loop, lambda now: self._due(call.id, now)),
        )
        return visit

    def _end(self, visit: _Visit, outcome: Outcome) -> None:
        """The flow wants the call elsewhere than with an agent."""
        if visit.loan is None:
            self._leave(visit)
        else:
            self._give_back(visit, visit.loan, outcome)

    def _give_back(self, visit: _Visit, loan: _Loan, outcome: str) -> None:
        """The caller is the agent's again, or what is left of him is."""
        call = visit.call
        gathered = {
            name: value
            for name, value in visit.interpreter.variables.items()
            if loan.before.get(name) != value
        }
        visit.alarm.cancel()
        del self._visits[call.id]
        call.data.update(gathered)
        call.controller = loan.lender
        self._events.publish(
            ReturnedFromIvr(
                call=call.id,
                flow=loan.flow,
                agent=loan.agent,
                outcome=str(outcome),
                data=gathered,
            )
        )
        loan.done(call, str(outcome), gathered)

    def _controller_after(self, call: Call) -> Controller | None:
        """Who has the call after it was given back; None: the IVR again, who knows it already."""
        return None if call.controller is self else call.controller

    def _leave(self, visit: _Visit) -> None:
        """The flow is over; what it gathered goes on with the call (secrets do not)."""
        visit.call.data.update(visit.interpreter.variables)
        visit.alarm.cancel()
        del self._visits[visit.call.id]
