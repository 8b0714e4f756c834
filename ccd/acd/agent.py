"""An agent's states, as a table (ECMA-269, 6.1.3 names them; the table is ours).

Read a line as: in this state, on this trigger, go there. A state that is not a fixed one
is worked out by `Agent.fire`:

- `SETTLE`: the agent is free. He goes where he asked to go while he could not (log off,
  not ready), else to ready.
- `WRAP_UP_OR_SETTLE`: the same after wrap-up, where the queue has one.
- `DEFER`: he is with a contact. Nothing changes now; what he asked is done when he is
  free (the "not ready after this call" of every agent desk).
- `RECALL`: he takes such a wish back.
- `STAY`: already so.

A pair that is not in the table is refused with `WrongStateError`.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto

from ccd.acd.errors import WrongStateError
from ccd.acd.line import Line, Seat
from ccd.model import AgentState


class Trigger(StrEnum):
    """What can happen to an agent. The first four are the agent's own doing."""

    LOG_ON = "log on"
    LOG_OFF = "log off"
    READY = "ready"
    NOT_READY = "not ready"
    WRAPPED_UP = "end of wrap-up"
    RESERVED = "reserved"
    ACCEPTED = "accepted"
    FAILED = "offer failed"
    WITHDRAWN = "offer withdrawn"
    ENDED = "contact ended"


class Step(Enum):
    """Where a trigger leads when that depends on more than the state."""

    SETTLE = auto()
    WRAP_UP_OR_SETTLE = auto()
    DEFER = auto()
    RECALL = auto()
    STAY = auto()


_S = AgentState
_T = Trigger

TRANSITIONS: dict[tuple[AgentState, Trigger], AgentState | Step] = {
    (_S.LOGGED_OUT, _T.LOG_ON): _S.NOT_READY,
    (_S.NOT_READY, _T.LOG_OFF): _S.LOGGED_OUT,
    (_S.NOT_READY, _T.READY): _S.READY,
    (_S.NOT_READY, _T.NOT_READY): _S.NOT_READY,  # another reason
    (_S.READY, _T.LOG_OFF): _S.LOGGED_OUT,
    (_S.READY, _T.READY): Step.STAY,  # keeps the idle time he has
    (_S.READY, _T.NOT_READY): _S.NOT_READY,
    (_S.READY, _T.RESERVED): _S.RESERVED,
    (_S.RESERVED, _T.LOG_OFF): Step.DEFER,
    (_S.RESERVED, _T.READY): Step.RECALL,
    (_S.RESERVED, _T.NOT_READY): Step.DEFER,
    (_S.RESERVED, _T.ACCEPTED): _S.BUSY,
    (_S.RESERVED, _T.FAILED): _S.NOT_READY,
    (_S.RESERVED, _T.WITHDRAWN): Step.SETTLE,
    (_S.BUSY, _T.LOG_OFF): Step.DEFER,
    (_S.BUSY, _T.READY): Step.RECALL,
    (_S.BUSY, _T.NOT_READY): Step.DEFER,
    (_S.BUSY, _T.ENDED): Step.WRAP_UP_OR_SETTLE,
    (_S.WRAP_UP, _T.LOG_OFF): _S.LOGGED_OUT,
    (_S.WRAP_UP, _T.READY): _S.READY,
    (_S.WRAP_UP, _T.NOT_READY): _S.NOT_READY,
    (_S.WRAP_UP, _T.WRAPPED_UP): Step.SETTLE,
}

LOGGED_ON_REASON = "logged_on"
"""Why an agent is not ready who has just logged on."""


class Wish(StrEnum):
    """What a busy agent asked for, to be done when he is free."""

    LOG_OFF = "log_off"
    NOT_READY = "not_ready"


class Agent:
    """One agent, as only the distributor sees and changes him."""

    __slots__ = (
        "contact",
        "idle_since",
        "lines",
        "name",
        "number",
        "reason",
        "state",
        "wish",
        "wish_reason",
        "wrap_up",
    )

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.lines: tuple[Line, ...] = ()
        self.state = AgentState.LOGGED_OUT
        self.reason: str | None = None
        self.contact: str | None = None
        self.idle_since = 0.0
        self.wish: Wish | None = None
        self.wish_reason = ""
        self.wrap_up = 0
        """Counts wrap-ups, so that the time limit of an earlier one is known as such."""

    @property
    def seat(self) -> Seat:
        """The agent's place among the idle: the longest idle first, then by number."""
        return (self.idle_since, self.number, self.name)

    def fire(
        self, trigger: Trigger, *, reason: str | None = None, wrap_up: bool = False
    ) -> AgentState | None:
        """Go through the table; return the state gone to, or None where nothing changed.

        Raises `WrongStateError` where the table has no such line.
        """
        step = TRANSITIONS.get((self.state, trigger))
        if step is None:
            raise WrongStateError(self.name, self.state, trigger.value)
        match step:
            case Step.STAY:
                return None
            case Step.RECALL:
                self.wish = None
                return None
            case Step.DEFER:
                if trigger is Trigger.LOG_OFF:
                    self.wish = Wish.LOG_OFF
                else:
                    self.wish, self.wish_reason = Wish.NOT_READY, reason or ""
                return None
            case Step.WRAP_UP_OR_SETTLE if wrap_up:
                state = AgentState.WRAP_UP
            case Step.WRAP_UP_OR_SETTLE | Step.SETTLE:
                state, reason = self._settled()
            case AgentState():
                state = step
        if state is AgentState.NOT_READY and self.wish is Wish.LOG_OFF:
            state = AgentState.LOGGED_OUT  # he wanted to go home, and his offer failed
        if state in (AgentState.LOGGED_OUT, AgentState.NOT_READY, AgentState.READY):
            self.wish = None
        self.state = state
        self.reason = reason if state is AgentState.NOT_READY else None
        return state

    def _settled(self) -> tuple[AgentState, str | None]:
        match self.wish:
            case Wish.LOG_OFF:
                return AgentState.LOGGED_OUT, None
            case Wish.NOT_READY:
                return AgentState.NOT_READY, self.wish_reason
            case None:
                return AgentState.READY, None

    def __repr__(self) -> str:
        return f"<Agent {self.name} {self.state.value} contact={self.contact}>"
