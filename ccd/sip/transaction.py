"""What the four transaction machines of RFC 3261, 17 have in common.

A machine is a table of (state, event) -> (next state, actions). `fire` is the only
way to move it; an event without an entry is ignored, and that is each table's word on
it: the tests go through every pair. Timers are events like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from ccd.sip.hop import Hop
from ccd.sip.timers import Timers
from ccd.timer_queue import Timer, TimerQueue


class State(StrEnum):
    """States of the four machines, by RFC 3261's figures 5 to 8 and RFC 6026's."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(StrEnum):
    """Events that move a machine: messages, the user's responses, timers."""

    REQUEST = "request"
    ACK = "ack"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    CANCELLED = "cancelled"
    TRANSPORT_ERROR = "transport error"
    TIMER_100 = "timer 100"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    TIMER_CANCEL = "timer cancel"
    TIMER_UNANSWERED = "timer unanswered"


def kind(code: int) -> Input:
    """The event a status code is."""
    if code < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if code < 300 else Input.FAILURE


Action = Callable[[Any, float, Any], None]
Table = Mapping[tuple[State, Input], tuple[State, tuple[Action, ...]]]


class Surroundings(Protocol):
    """What a transaction needs of the layer that holds it."""

    queue: TimerQueue
    timers: Timers

    def send(self, data: bytes, hop: Hop) -> None:
        """Have `data` sent to `hop`."""

    def forget(self, transaction: Any) -> None:
        """The transaction is terminated: drop it from the matching tables."""


class Transaction:
    """A machine: its state, its timers, the last message it sent."""

    __slots__ = ("_timers", "hop", "interval", "layer", "live", "sent", "state")

    TABLE: ClassVar[Table]

    def __init__(self, layer: Surroundings, hop: Hop, state: State) -> None:
        self.layer = layer
        self.hop = hop
        self.state = state
        self.live = True
        """False once the transaction has left the layer's tables."""
        self.sent = b""
        self.interval = layer.timers.t1
        self._timers: dict[Input, Timer] = {}

    def fire(self, event: Input, now: float, message: Any = None) -> bool:
        """Move by the table; False where the table ignores `event` in this state."""
        step = self.TABLE.get((self.state, event))
        if step is None:
            return False
        self.state, actions = step
        for action in actions:
            action(self, now, message)
        # An action may have led back here and ended the transaction already.
        if self.state is State.TERMINATED and self.live:
            self._finish()
        return True

    def start(self, event: Input, delay: float, now: float) -> None:
        """Have `event` fire after `delay` seconds, instead of when it would have."""
        timers = self._timers
        old = timers.get(event)
        if old is not None:
            old.cancel()
        timers[event] = self.layer.queue.at(now + delay, self._expired, event)

    def stop(self, event: Input) -> None:
        """Have `event` not fire."""
        timer = self._timers.pop(event, None)
        if timer is not None:
            timer.cancel()

    def resend(self, now: float, message: Any) -> None:
        """Send the last message again, if there is one."""
        if self.sent:
            self.layer.send(self.sent, self.hop)

    def _expired(self, event: Input, now: float) -> None:
        self._timers.pop(event, None)
        self.fire(event, now)

    def _finish(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.live = False
        self.layer.forget(self)
        self.ended()

    def ended(self) -> None:
        """Let go of the user; overridden by the kinds."""
