"""A callback's states, as a table.

Read a line as: in this state, on this trigger, go there. A state that is not a fixed one is
worked out by `ccd.acd.callbacks.engine`:

- `START`: its time has come. It waits in its queue; but where the queue is closed it is
  carried over, and where the customer is in a call of his own just now it stands aside.
- `RETRY`: the customer was not reached. Another try after some time, unless it was the last.
- `CARRY`: its queue closes. On to the next opening, or over, as the queue's settings say; an
  appointment that is later than the opening stays as it is.
- `GIVE_WAY`: the customer is here himself. It stands aside; an appointment does not, for
  whoever calls about something else today still wants to be called on Tuesday.
- `RESUME`: he left without having been served: where it stood before.
- `STAY`: nothing changes.

A pair that is not in the table is late news: nothing happens.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class CallbackState(StrEnum):
    """Where a callback is."""

    SCHEDULED = "scheduled"
    """Not before a time: an appointment, or the next opening."""
    WAITING = "waiting"
    """In its queue, at its place."""
    DIALLING = "dialling"
    """The customer is being called."""
    SPACING = "spacing"
    """He was not reached, and is tried again at a time."""
    HELD = "held"
    """He called again himself and is in a queue, so nobody need call him."""
    RESOLVED = "resolved"


class Trigger(StrEnum):
    """What can happen to a callback."""

    DUE = "due"
    DIALLED = "dialled"
    REACHED = "reached"
    FAILED = "failed"
    ARRIVED = "customer arrived"
    LEFT = "customer left"
    SERVED = "customer served"
    CLOSING = "queue closing"
    CANCELLED = "cancelled"


class Step(Enum):
    """Where a trigger leads when that depends on more than the state."""

    START = auto()
    RETRY = auto()
    CARRY = auto()
    GIVE_WAY = auto()
    RESUME = auto()
    STAY = auto()


_S = CallbackState
_T = Trigger

TRANSITIONS: dict[tuple[CallbackState, Trigger], CallbackState | Step] = {
    (_S.SCHEDULED, _T.DUE): Step.START,
    (_S.SCHEDULED, _T.ARRIVED): Step.GIVE_WAY,
    (_S.SCHEDULED, _T.SERVED): Step.GIVE_WAY,
    (_S.SCHEDULED, _T.CLOSING): Step.CARRY,
    (_S.SCHEDULED, _T.CANCELLED): _S.RESOLVED,
    (_S.WAITING, _T.DIALLED): _S.DIALLING,
    (_S.WAITING, _T.ARRIVED): _S.HELD,
    (_S.WAITING, _T.SERVED): _S.RESOLVED,
    (_S.WAITING, _T.CLOSING): Step.CARRY,
    (_S.WAITING, _T.CANCELLED): _S.RESOLVED,
    (_S.DIALLING, _T.REACHED): _S.RESOLVED,
    (_S.DIALLING, _T.FAILED): Step.RETRY,
    (_S.DIALLING, _T.ARRIVED): Step.STAY,  # the try that runs is not broken off by that
    (_S.DIALLING, _T.SERVED): _S.RESOLVED,
    (_S.DIALLING, _T.CLOSING): Step.STAY,  # nor by that; `RETRY` looks whether it is closed
    (_S.DIALLING, _T.CANCELLED): _S.RESOLVED,
    (_S.SPACING, _T.DUE): Step.START,
    (_S.SPACING, _T.ARRIVED): _S.HELD,
    (_S.SPACING, _T.SERVED): _S.RESOLVED,
    (_S.SPACING, _T.CLOSING): Step.CARRY,
    (_S.SPACING, _T.CANCELLED): _S.RESOLVED,
    (_S.HELD, _T.ARRIVED): Step.STAY,  # with a second call
    (_S.HELD, _T.LEFT): Step.RESUME,
    (_S.HELD, _T.SERVED): _S.RESOLVED,
    (_S.HELD, _T.CLOSING): Step.STAY,  # he is here; `RESUME` looks whether it is closed
    (_S.HELD, _T.CANCELLED): _S.RESOLVED,
}

UNDER_WAY = frozenset({CallbackState.WAITING, CallbackState.DIALLING})
"""States in which the desk has it in hand, and is to be told when that is over."""


class Outcome(StrEnum):
    """Why a callback is resolved: the values of `ccd.events.CallbackResolved.outcome`."""

    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    CALLED_IN = "called_in"
    CLOSED = "closed"


class Origin(StrEnum):
    """How a callback came about: the values of `ccd.events.CallbackRequested.origin`."""

    OFFERED = "offered"
    OVERFLOW = "overflow"
    SCHEDULED = "scheduled"
    ABANDONED = "abandoned"
