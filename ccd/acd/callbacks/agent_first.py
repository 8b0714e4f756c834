"""Calling a customer back, the agent first (asyncio's side).

The agent whom the distributor chose is rung. When he answers, the customer is called, and
the agent hears it ring; when the customer answers, they are together at once: nobody whom
we called has to wait. What follows what is the table `TRY`; this module does the steps.

The agent is free again when his own leg is over, not when the customer's is: the next call
would find his phone busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from ccd.acd.callbacks.engine import Callback
from ccd.config import Queue
from ccd.model import Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch

CUSTOMER_RINGS_S = 30.0
"""How long a customer's phone may ring: six or seven times, and shorter than most mailboxes
wait, which would answer in his place."""


class Stage(Enum):
    """How far a try is."""

    RINGING = auto()
    """The agent's phone rings."""
    DIALLING = auto()
    """The agent is there, the customer is called."""
    TALKING = auto()
    PASSED_ON = auto()
    """The agent gave the customer to a colleague, whose phone rings."""
    ENDING = auto()
    OVER = auto()


class News(Enum):
    """What can happen to a try."""

    AGENT_ANSWERED = auto()
    AGENT_FAILED = auto()
    AGENT_LEFT = auto()
    AGENT_TRANSFERRED = auto()
    AGENT_CHANGED = auto()
    """The agent left, and a colleague who speaks with the customer already has the call."""
    CUSTOMER_ANSWERED = auto()
    CUSTOMER_FAILED = auto()
    CUSTOMER_LEFT = auto()
    WITHDRAWN = auto()
    CLEARED = auto()


class Act(Enum):
    """What is done then."""

    ACCEPT = auto()
    """The agent has it: it is the customer's turn."""
    REFUSE = auto()
    """The agent has it not: to the next."""
    REACH = auto()
    MISS = auto()
    """The customer could not be had."""
    BRIDGE = auto()
    FREE = auto()
    """The agent, if he had it, is done."""
    HANG_UP = auto()
    HANG_UP_AS_HE_DID = auto()
    """The agent ended it."""
    STRAND = auto()
    """The customer is here and has no agent any more: back into the queue."""


_S, _N, _A = Stage, News, Act

TRY: dict[tuple[Stage, News], tuple[Stage, tuple[Act, ...]]] = {
    (_S.RINGING, _N.AGENT_ANSWERED): (_S.DIALLING, (_A.ACCEPT,)),
    (_S.RINGING, _N.AGENT_FAILED): (_S.ENDING, (_A.REFUSE,)),
    (_S.RINGING, _N.WITHDRAWN): (_S.ENDING, (_A.HANG_UP,)),
    (_S.RINGING, _N.CLEARED): (_S.OVER, (_A.REFUSE,)),  # a media worker died, we shut down
    (_S.DIALLING, _N.CUSTOMER_ANSWERED): (_S.TALKING, (_A.BRIDGE, _A.REACH)),
    (_S.DIALLING, _N.CUSTOMER_FAILED): (_S.ENDING, (_A.MISS, _A.HANG_UP)),
    (_S.DIALLING, _N.AGENT_LEFT): (_S.ENDING, (_A.MISS, _A.FREE, _A.HANG_UP_AS_HE_DID)),
    (_S.DIALLING, _N.WITHDRAWN): (_S.ENDING, (_A.HANG_UP,)),
    (_S.DIALLING, _N.CLEARED): (_S.OVER, (_A.MISS, _A.FREE)),
    (_S.TALKING, _N.AGENT_LEFT): (_S.ENDING, (_A.FREE, _A.HANG_UP_AS_HE_DID)),
    (_S.TALKING, _N.AGENT_TRANSFERRED): (_S.PASSED_ON, (_A.FREE,)),
    (_S.TALKING, _N.AGENT_CHANGED): (_S.TALKING, (_A.FREE,)),
    (_S.TALKING, _N.CUSTOMER_LEFT): (_S.ENDING, ()),  # the switch ends the agent's leg
    (_S.TALKING, _N.CLEARED): (_S.OVER, (_A.FREE,)),
    (_S.PASSED_ON, _N.AGENT_ANSWERED): (_S.TALKING, (_A.BRIDGE,)),
    (_S.PASSED_ON, _N.AGENT_FAILED): (_S.OVER, (_A.STRAND,)),
    (_S.PASSED_ON, _N.CUSTOMER_LEFT): (_S.ENDING, ()),
    (_S.PASSED_ON, _N.CLEARED): (_S.OVER, ()),
    (_S.ENDING, _N.CLEARED): (_S.OVER, (_A.FREE,)),
}
"""A pair that is not here is late news: nothing happens."""


class Report(Protocol):
    """Who is told what became of a try (`ccd.acd.callbacks.desk`)."""

    def accepted(self, callback: str, agent: str) -> None:
        """The agent is there: say `AgentFirst.dial`."""

    def refused(self, callback: str, agent: str, cause: Cause) -> None:
        """The agent could not be had."""

    def reached(self, callback: str) -> None:
        """Agent and customer speak."""

    def missed(self, callback: str, cause: Cause) -> None:
        """The customer could not be had."""

    def freed(self, callback: str, agent: str) -> None:
        """The agent's call is over; he was there, or was still being rung when it was withdrawn."""

    def stranded(self, call: Call, callback: Callback) -> None:
        """A customer who was being transferred has no agent: take the call over."""


@dataclass(slots=True, eq=False)
class _Try:
    callback: Callback
    agent: str
    stage: Stage = Stage.RINGING
    call: Call = field(init=False)
    accepted: bool = False
    withdrawn: bool = False
    timer: asyncio.TimerHandle | None = None


class AgentFirst:
    """Tries that begin with the agent; the `ccd.switch.call.Controller` of their calls."""

    def __init__(self, *, switch: Switch, report: Report, loop: asyncio.AbstractEventLoop) -> None:
        self._switch = switch
        self._report = report
        self._loop = loop
        self._tries: dict[str, _Try] = {}  # by call
        self._do: dict[Act, Callable[[_Try, Cause], None]] = {
            Act.ACCEPT: self._accept,
            Act.REFUSE: lambda one, cause: report.refused(one.callback.id, one.agent, cause),
            Act.REACH: lambda one, _cause: report.reached(one.callback.id),
            Act.MISS: lambda one, cause: report.missed(one.callback.id, cause),
            Act.BRIDGE: lambda one, _cause: switch.bridge(one.call),
            Act.FREE: self._free,
            Act.HANG_UP: lambda one, _cause: self._hang_up(one, Party.SYSTEM),
            Act.HANG_UP_AS_HE_DID: lambda one, _cause: self._hang_up(one, Party.AGENT),
            Act.STRAND: lambda one, _cause: report.stranded(one.call, one.callback),
        }

    def __len__(self) -> int:
        """Calls in progress."""
        return len(self._tries)

    def ring(self, callback: Callback, agent: str, phone: str, queue: Queue) -> None:
        """Ring this agent. Raises `NotReachable`, and then nothing has begun."""
        one = _Try(callback, agent)
        one.call = self._switch.call_agent(
            agent=agent,
            phone=phone,
            queue=queue.name,
            controller=self,
            number=callback.number,
            ani=queue.callback.ani,
            call_data={"callback": callback.id},
        )
        self._tries[one.call.id] = one
        assert one.call.agent is not None
        self._limit(one, one.call.agent, queue.ring_timeout_s)

    def dial(self, callback: str, trunk: str) -> bool:
        """Call the customer of a try whose agent is there; False where there is none (any more)."""
        one = next(
            (each for each in self._of(callback) if each.stage is Stage.DIALLING and each.accepted),
            None,
        )
        if one is None:
            return False
        try:
            leg = self._switch.add_customer(one.call, one.callback.number, trunk)
        except NotReachable as error:
            self._happened(one, News.CUSTOMER_FAILED, error.cause)
        else:
            self._limit(one, leg, CUSTOMER_RINGS_S)
        return True

    def __contains__(self, callback: str) -> bool:
        """Whether an agent is rung for it, or has it in hand."""
        return any(one.stage is not Stage.PASSED_ON for one in self._of(callback))

    def withdraw(self, callback: str, agent: str | None = None) -> bool:
        """Break off a callback's tries, or the one with this agent; no conversation.

        True where there is one; `freed` follows for each.
        """
        tries = [one for one in self._of(callback) if agent in (None, one.agent)]
        for one in tries:
            one.withdrawn = True
            self._happened(one, News.WITHDRAWN, Cause.CALL_CANCELLED)
        return bool(tries)

    # --- the calls' controller ------------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Never: these are calls of ours."""
        raise AssertionError(f"call {call.id} came in, and was given to callbacks")

    def established(self, call: Call, leg: Leg) -> None:
        """The agent answered, or the customer did."""
        customer = leg is call.caller
        self._hear(call, News.CUSTOMER_ANSWERED if customer else News.AGENT_ANSWERED)

    def alerting(self, call: Call, leg: Leg) -> None:
        """A phone rings; its time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent or the customer could not be had."""
        customer = leg is call.caller
        self._hear(call, News.CUSTOMER_FAILED if customer else News.AGENT_FAILED, cause)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys mean nothing here."""

    def played(self, call: Call, leg: Leg) -> None:
        """Nothing is played here but what has no end."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent hung up, or gave the customer to a colleague."""
        if call.answered is not None:
            self._hear(call, News.AGENT_CHANGED, cause)
        elif cause is Cause.TRANSFER:
            self._hear(call, News.AGENT_TRANSFERRED, cause)
        else:
            self._hear(call, News.AGENT_LEFT, Cause.CALL_CANCELLED)

    def caller_left(self, call: Call, cause: Cause) -> None:
        """The customer hung up."""
        self._hear(call, News.CUSTOMER_LEFT, cause)

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call."""
        self._hear(call, News.CLEARED, call.ending or Cause.NORMAL_CLEARING)

    # --- inside ---------------------------------------------------------------------------

    def _of(self, callback: str) -> list[_Try]:
        return [one for one in self._tries.values() if one.callback.id == callback]

    def _hear(self, call: Call, news: News, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        one = self._tries.get(call.id)
        if one is not None:
            self._happened(one, news, cause)

    def _happened(self, one: _Try, news: News, cause: Cause) -> None:
        line = TRY.get((one.stage, news))
        if line is None:
            return
        self._stop_timer(one)
        one.stage, acts = line
        if one.stage is Stage.OVER:
            del self._tries[one.call.id]
        for act in acts:
            self._do[act](one, cause)

    def _accept(self, one: _Try, _cause: Cause) -> None:
        one.accepted = True
        self._report.accepted(one.callback.id, one.agent)

    def _free(self, one: _Try, _cause: Cause) -> None:
        if one.accepted or one.withdrawn:
            one.accepted = one.withdrawn = False
            self._report.freed(one.callback.id, one.agent)

    def _hang_up(self, one: _Try, by: Party) -> None:
        self._switch.clear_call(one.call, Cause.NORMAL_CLEARING, by)

    def _limit(self, one: _Try, leg: Leg, seconds: float) -> None:
        one.timer = self._loop.call_later(
            seconds, self._switch.clear_connection, leg, Cause.NO_ANSWER
        )

    @staticmethod
    def _stop_timer(one: _Try) -> None:
        if one.timer is not None:
            one.timer.cancel()
            one.timer = None
