"""The IVR at work: a flow for every call that dials a service number.

It is the controller of a call from its first INVITE until the flow hands it to the ACD
or hangs up. What is played, when a key counts and where it leads is the interpreter's;
nothing is decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from ccd.alarm import Alarm
from ccd.events import DigitsDetected, EventStream, FlowStepped
from ccd.ivr.actions import Collected, HangUp, Play, Stepped, StopPlay, ToQueue
from ccd.ivr.flow import Flow
from ccd.ivr.interpreter import Interpreter
from ccd.ivr.prompts import sounds
from ccd.media.prompt_book import PromptBook
from ccd.model import Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch

ANY_NUMBER = "*"
"""The route of every number that has none of its own."""


@dataclass(slots=True, eq=False)
class _Visit:
    """A call in a flow."""

    call: Call
    interpreter: Interpreter
    alarm: Alarm
    playing: int = 0
    """Number of the `Play` that is being heard."""


class Ivr:
    """Answers calls and walks them through flows; a `ccd.switch.call.Controller`."""

    def __init__(
        self,
        *,
        flows: Mapping[str, Flow],
        prompts: PromptBook,
        switch: Switch,
        events: EventStream,
        enqueue: Callable[[Call, str], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._flows = dict(flows)
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
        }

    def __len__(self) -> int:
        return len(self._visits)

    def change_flows(self, flows: Mapping[str, Flow]) -> None:
        """Answer these numbers from now on; calls in a flow keep the one they began with."""
        self._flows = dict(flows)

    def serves(self, call: Call) -> bool:
        """Whether a flow answers the number that the call dialled."""
        return call.dnis in self._flows or ANY_NUMBER in self._flows

    # --- the call's controller ---------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Answer; the flow begins when the caller's ACK is here."""
        flow = self._flows.get(call.dnis) or self._flows[ANY_NUMBER]
        variables = {"ani": call.ani, "dnis": call.dnis, **call.data}
        visit = _Visit(
            call,
            Interpreter(flow, variables=variables),
            Alarm(self._loop, lambda now: self._due(call.id, now)),
        )
        self._visits[call.id] = visit
        self._switch.answer(call)

    def established(self, call: Call, leg: Leg) -> None:
        """The caller hears us."""
        visit = self._visits[call.id]
        visit.interpreter.start(self._loop.time())
        self._pump(visit)

    def alerting(self, call: Call, leg: Leg) -> None:
        """No agent is called from here."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """No agent is called from here."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """No agent is called from here."""

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """The caller pressed a key."""
        visit = self._visits.get(call.id)
        if visit is not None:
            visit.interpreter.digit(digit, self._loop.time())
            self._pump(visit)

    def played(self, call: Call, leg: Leg) -> None:
        """A prompt is over."""
        visit = self._visits.get(call.id)
        if visit is not None:
            visit.interpreter.played(self._loop.time(), visit.playing)
            self._pump(visit)

    def caller_left(self, call: Call, cause: Cause) -> None:
        """The caller hung up in the flow."""
        visit = self._visits.pop(call.id, None)
        if visit is not None:
            visit.interpreter.hung_up(self._loop.time())
            visit.alarm.cancel()

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call."""

    # --- the interpreter's actions --------------------------------------------------------

    def _due(self, call: str, now: float) -> None:
        visit = self._visits.get(call)
        if visit is not None:
            visit.interpreter.handle_timer(now)
            self._pump(visit)

    def _pump(self, visit: _Visit) -> None:
        while (action := visit.interpreter.next_action()) is not None:
            self._do[type(action)](visit, action)
        if visit.call.id in self._visits:
            visit.alarm.set(visit.interpreter.get_timer())

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
        self._leave(visit)
        self._enqueue(visit.call, action.queue)

    def _hang_up(self, visit: _Visit, _action: HangUp) -> None:
        self._leave(visit)
        self._switch.clear_call(visit.call, Cause.NORMAL_CLEARING, Party.SYSTEM)

    def _leave(self, visit: _Visit) -> None:
        """The flow is over; what it gathered goes on with the call (secrets do not)."""
        visit.call.data.update(visit.interpreter.variables)
        visit.alarm.cancel()
        del self._visits[visit.call.id]
