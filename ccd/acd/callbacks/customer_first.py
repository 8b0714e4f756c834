"""Calling a customer back, the customer first (asyncio's side).

No agent waits for phones to be answered; the price is that a customer may have to wait for
an agent, in his own call. So he is called only when an agent is likely to be free by the
time he answers, and no more customers are called at once than there are agents who could
serve them. When he answers he is a live caller of the queue, at the place that he kept.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, Protocol

from sortedcontainers import SortedList

from ccd.acd.callbacks.agent_first import CUSTOMER_RINGS_S
from ccd.acd.callbacks.engine import Callback
from ccd.alarm import Alarm
from ccd.config import Queue
from ccd.events import Bridged, CallCleared, Event
from ccd.model import Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch

CUSTOMER_ANSWERS_S = 10.0
"""How long one who answers is likely to let his phone ring: two or three times."""

LOOK_AGAIN_S = 5.0
"""An estimate is older than the next agent's becoming free after so long."""


class Forecast(NamedTuple):
    """What is to be expected of a queue."""

    agents: int
    """Logged on, and able to serve it."""
    p50: float | None
    """Seconds that somebody with this place is likely to wait; None: nothing can be said."""


def pause(forecast: Forecast, under_way: int, answers_s: float = CUSTOMER_ANSWERS_S) -> float:
    """Seconds until it may be time to call the next customer; 0: now.

    `under_way` is how many were called and have no agent yet.
    """
    if under_way >= forecast.agents:
        return LOOK_AGAIN_S
    if forecast.p50 is None or forecast.p50 <= answers_s:
        return 0.0
    return min(forecast.p50 - answers_s, LOOK_AGAIN_S)


class Report(Protocol):
    """Who is told what became of a try (`ccd.acd.callbacks.desk`)."""

    def turn(self, callback: str) -> None:
        """Now is the time: say `CustomerFirst.dial`."""

    def answered(self, call: Call, callback: Callback) -> None:
        """The customer is there: take the call over, and say what becomes of it by `over`."""

    def reached(self, callback: str) -> None:
        """Agent and customer speak."""

    def missed(self, callback: str, cause: Cause) -> None:
        """The customer could not be had, or did not wait for an agent."""


class _Stage(Enum):
    RINGING = auto()
    HANDED_OVER = auto()
    """He answered, and waits for an agent."""


@dataclass(slots=True, eq=False)
class _Try:
    callback: Callback
    call: Call
    stage: _Stage = _Stage.RINGING
    timer: asyncio.TimerHandle | None = None


class CustomerFirst:
    """Tries that begin with the customer; the `ccd.switch.call.Controller` of their calls.

    `forecast(queue, enqueued_at)` says what somebody with this place in this queue can expect.
    """

    def __init__(
        self,
        *,
        switch: Switch,
        report: Report,
        forecast: Callable[[str, float], Forecast],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._switch = switch
        self._report = report
        self._forecast = forecast
        self._loop = loop
        self._lines: defaultdict[str, SortedList[tuple[float, str]]] = defaultdict(SortedList)
        self._alarms: dict[str, Alarm] = {}
        self._tries: dict[str, _Try] = {}  # by call

    def __len__(self) -> int:
        """Calls in progress, those handed over included."""
        return len(self._tries)

    def wait(self, callback: Callback) -> None:
        """Call this customer when his turn has come."""
        self._lines[callback.queue].add((callback.enqueued_at, callback.id))
        self._alarm(callback.queue).set(self._loop.time())

    def dial(self, callback: Callback, queue: Queue, trunk: str) -> None:
        """Call him now."""
        try:
            call = self._switch.dial(
                callback.number,
                trunk=trunk,
                controller=self,
                ani=queue.callback.ani,
                data={"callback": callback.id},
            )
        except NotReachable as error:
            self._report.missed(callback.id, error.cause)
            return
        one = self._tries[call.id] = _Try(callback, call)
        one.timer = self._loop.call_later(
            CUSTOMER_RINGS_S, self._switch.clear_connection, call.caller, Cause.NO_ANSWER
        )

    def withdraw(self, callback: str) -> None:
        """Do not call him; a phone that rings stops. Who has answered is not hung up on."""
        for line in self._lines.values():
            for place in [each for each in line if each[1] == callback]:
                line.remove(place)
        for one in [each for each in self._tries.values() if each.callback.id == callback]:
            self._over(one)
            if one.stage is _Stage.RINGING:
                self._switch.clear_call(one.call, Cause.CALL_CANCELLED, Party.SYSTEM)

    # --- what becomes of those who wait in their queue -----------------------------------------

    def __contains__(self, call: str) -> bool:
        """Whether this call is one of ours, and its customer has no agent yet."""
        return call in self._tries

    def heard(self, event: Event) -> None:
        """Take an event of a call that is ours, and that somebody else may control by now."""
        match event:
            case Bridged(call=call):
                one = self._tries.get(call)
                if one is not None:
                    self._over(one)
                    self._report.reached(one.callback.id)
            case CallCleared(call=call, cause=cause):
                self._gone(call, cause)
            case _:
                pass

    def _gone(self, call: str, cause: Cause) -> None:
        """A call is over; one that was handed over and got no agent was in vain."""
        one = self._tries.get(call)
        if one is not None:
            self._over(one)
            self._report.missed(one.callback.id, cause)

    # --- the calls' controller -------------------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Never: these are calls of ours."""
        raise AssertionError(f"call {call.id} came in, and was given to callbacks")

    def established(self, call: Call, leg: Leg) -> None:
        """He answered."""
        one = self._tries.get(call.id)
        if one is not None:
            self._stop_timer(one)
            one.stage = _Stage.HANDED_OVER
            self._report.answered(call, one.callback)

    def alerting(self, call: Call, leg: Leg) -> None:
        """His phone rings; its time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He did not answer, or could not be called."""
        self._gone(call.id, cause)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys mean nothing here."""

    def played(self, call: Call, leg: Leg) -> None:
        """Nothing is played here."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """There is no agent before the call is handed over."""

    def caller_left(self, call: Call, cause: Cause) -> None:
        """`cleared` follows."""

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call."""
        self._gone(call.id, call.ending or Cause.NORMAL_CLEARING)

    # --- inside --------------------------------------------------------------------------------

    def _alarm(self, queue: str) -> Alarm:
        alarm = self._alarms.get(queue)
        if alarm is None:
            alarm = self._alarms[queue] = Alarm(self._loop, lambda _now: self._look(queue))
        return alarm

    def _look(self, queue: str) -> None:
        """Call whoever's turn it is, and think of the next."""
        line = self._lines[queue]
        while line:
            enqueued_at, callback = line[0]
            under_way = sum(one.callback.queue == queue for one in self._tries.values())
            seconds = pause(self._forecast(queue, enqueued_at), under_way)
            if seconds > 0:
                self._alarm(queue).set(self._loop.time() + seconds)
                return
            line.pop(0)
            self._report.turn(callback)

    def _over(self, one: _Try) -> None:
        self._stop_timer(one)
        del self._tries[one.call.id]
        queue = one.callback.queue
        if self._lines[queue]:
            self._alarm(queue).set(self._loop.time())

    @staticmethod
    def _stop_timer(one: _Try) -> None:
        if one.timer is not None:
            one.timer.cancel()
            one.timer = None
