"""Calls that ring at one phone and are taken at, or sent to, another (ECMA-269, 17.1.6, 17.1.13, 17.1.14).

Phones are thin: the taker's own phone is rung for the call, and the one at which it rang stops.
Where the taker does not answer, the call goes back to its place: a caller of a queue waits
there by his age, a colleague's call rings at the first phone again. Nobody is made not ready
for a call that was taken from him.
"""

from __future__ import annotations

from collections.abc import Callable

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.control.destinations import Outside, ToAgent, ToQueue
from ccd.control.errors import ControlError, Refused
from ccd.control.own_calls import OwnCalls
from ccd.control.service import CallControl
from ccd.control.situations import Situation, Verb
from ccd.events import Diverted, EventStream
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch


class Pickup:
    """Directed and group pickup, deflect. Every verb raises `ControlError`; then nothing has changed."""

    def __init__(
        self,
        *,
        switch: Switch,
        acd: Acd,
        calls: CallControl,
        own_calls: OwnCalls,
        events: EventStream,
    ) -> None:
        self._switch = switch
        self._acd = acd
        self._calls = calls
        self._own_calls = own_calls
        self._events = events

    def directed_pickup(
        self, agent: str, from_agent: str | None = None, call: str | None = None
    ) -> Call:
        """Take the call that rings at a colleague's, or the call named (directed pickup call)."""
        self._calls.idle(Verb.DIRECTED_PICKUP, agent)
        if from_agent is None and call is None:
            raise ControlError(Refused.BAD_ARGS, "say whose call is to be taken, or which")
        ringing = [
            each
            for each in self._ringing()
            if (from_agent is None or each[1].agent == from_agent)
            and (call is None or each[0] is self._calls.call(call))
        ]
        if not ringing:
            where = f"at {from_agent}" if from_agent is not None else f"for call {call}"
            raise ControlError(Refused.WRONG_STATE, f"no phone rings {where}")
        return self._take(agent, *ringing[0])

    def group_pickup(self, agent: str) -> Call:
        """Take the oldest call that rings at anybody who shares a queue with the agent."""
        self._calls.idle(Verb.GROUP_PICKUP, agent)
        queues = {view.name: set(view.queues) for view in self._acd.agents()}
        his = queues.get(agent, set())
        ringing = [each for each in self._ringing() if queues.get(each[1].agent or "", set()) & his]
        if not ringing:
            raise ControlError(
                Refused.WRONG_STATE, f"no phone rings at anybody who shares a queue with {agent}"
            )
        return self._take(agent, *min(ringing, key=lambda each: each[0].offered_at))

    def deflect_call(self, agent: str, number: str, call: str | None = None) -> Call:
        """Send the call that rings at him elsewhere (deflect call): to a colleague, a queue, outside."""
        found, leg = self._calls.connection(Verb.DEFLECT_CALL, agent, call)
        if (found, leg) not in self._ringing():
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} cannot be sent elsewhere")
        destination = self._calls.resolve(agent, number)
        match destination:
            case ToAgent(agent=colleague):
                self._ring(found, leg, colleague, "deflected")
                to = colleague
            case ToQueue(queue=queue) if found.controller is self._acd:
                self._refusing(lambda: self._acd.divert_to_queue(found, queue, agent))
                to = queue
            case Outside(number=to, trunks=trunks) if found.controller is self._acd:
                self._refusing(
                    lambda: self._acd.divert_outside(
                        found,
                        destination.number,
                        trunks,
                        ani=destination.ani,
                        emergency=destination.emergency,
                    )
                )
            case _:
                raise ControlError(Refused.BAD_ARGS, f"{destination} takes no such call")
        self._say(found, leg, to, "deflected")
        return found

    # --- inside -----------------------------------------------------------------------------

    def _ringing(self) -> list[tuple[Call, Leg]]:
        """Phones of agents that ring for a call which may be had elsewhere."""
        return [
            (found, leg)
            for view in self._acd.agents()
            for found, leg, state in self._calls.situations(view.name)
            if state is Situation.ALERTING
            and (leg in found.ringing or leg in found.joining)
            and self._can_be_diverted(found)
        ]

    def _can_be_diverted(self, call: Call) -> bool:
        ours = call.controller is self._acd and self._acd.contact(call) is not None
        return call.ending is None and (ours or call.controller is self._own_calls)

    def _take(self, agent: str, call: Call, leg: Leg) -> Call:
        self._ring(call, leg, agent, "picked_up")
        self._say(call, leg, agent, "picked_up")
        return call

    def _ring(self, call: Call, leg: Leg, agent: str, why: str) -> None:
        if leg in call.joining or call.controller is self._own_calls:
            self._refusing(lambda: self._own_calls.divert(call, leg, agent))
        else:
            self._refusing(lambda: self._acd.divert(call, agent, why))

    @staticmethod
    def _refusing(act: Callable[[], None]) -> None:
        try:
            act()
        except NotReachable as error:
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        except AcdError as error:
            raise ControlError(Refused.UNKNOWN_AGENT, str(error)) from error

    def _say(self, call: Call, leg: Leg, to: str, why: str) -> None:
        self._events.publish(
            Diverted(call=call.id, leg=leg.id, agent=leg.agent or "", to=to, why=why)
        )
