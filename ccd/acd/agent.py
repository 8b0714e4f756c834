"""An agent's states, as a table (ECMA-269, 6.1.3 names them; the table is ours).

Read a line as: in this state, on this trigger, go there. A state that is not a fixed one
is worked out by `Agent.fire`:

- `SETTLE`: the agent is free. He goes where he asked to go while he could not (log off,
  not ready), else to ready.
- `WRAP_UP_OR_SETTLE`: the same after wrap-up, where the queue has one.
- `DEFER`: he is with a contact. Nothing changes now; what he asked is done when he is
  free (the "not ready after this call" of every agent desk).
- `RECALL`: he takes such a wish back.
- `INTERRUPT`: he is busy, and not ready again when that is over: what he was is a wish meanwhile.
- `STAY`: already so.

Who still has another contact in hand (chats), or is engaged in a call that the distributor did not
give (a consultation, a call of his own), is busy wherever these would free him, and what would have
made him not ready is a wish until he has none. What is left of a wrap-up waits as well (`to_wrap_up`).

A pair that is not in the table is refused with `WrongStateError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from ccd.acd.errors import WrongStateError
from ccd.acd.line import Line, Seat
from ccd.acd.occupancy import Occupancy
from ccd.model import AgentState, Channel
from ccd.timer_queue import Timer


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
    ENGAGED = "a call of his own"
    DISENGAGED = "end of a call of his own"
    TAKEN = "taking a contact"


class Step(Enum):
    """Where a trigger leads when that depends on more than the state."""

    SETTLE = auto()
    WRAP_UP_OR_SETTLE = auto()
    DEFER = auto()
    INTERRUPT = auto()
    RECALL = auto()
    STAY = auto()


_S = AgentState
_T = Trigger

TRANSITIONS: dict[tuple[AgentState, Trigger], AgentState | Step] = {
    (_S.LOGGED_OUT, _T.LOG_ON): _S.NOT_READY,
    (_S.NOT_READY, _T.LOG_OFF): _S.LOGGED_OUT,
    (_S.NOT_READY, _T.READY): _S.READY,
    (_S.NOT_READY, _T.NOT_READY): _S.NOT_READY,  # another reason
    (_S.NOT_READY, _T.ENGAGED): Step.INTERRUPT,
    (_S.NOT_READY, _T.TAKEN): Step.INTERRUPT,
    (_S.READY, _T.LOG_OFF): _S.LOGGED_OUT,
    (_S.READY, _T.READY): Step.STAY,  # keeps the idle time he has
    (_S.READY, _T.NOT_READY): _S.NOT_READY,
    (_S.READY, _T.RESERVED): _S.RESERVED,
    (_S.READY, _T.ENGAGED): _S.BUSY,
    (_S.READY, _T.TAKEN): _S.BUSY,
    (_S.RESERVED, _T.LOG_OFF): Step.DEFER,
    (_S.RESERVED, _T.READY): Step.RECALL,
    (_S.RESERVED, _T.NOT_READY): Step.DEFER,
    (_S.RESERVED, _T.ACCEPTED): _S.BUSY,
    (_S.RESERVED, _T.FAILED): _S.NOT_READY,
    (_S.RESERVED, _T.WITHDRAWN): Step.SETTLE,
    (_S.RESERVED, _T.ENDED): Step.STAY,  # another contact, while this one rings
    (_S.RESERVED, _T.TAKEN): Step.STAY,  # it rings on for the other one
    (_S.BUSY, _T.RESERVED): _S.RESERVED,  # with room for one more
    (_S.BUSY, _T.LOG_OFF): Step.DEFER,
    (_S.BUSY, _T.READY): Step.RECALL,
    (_S.BUSY, _T.NOT_READY): Step.DEFER,
    (_S.BUSY, _T.ENDED): Step.WRAP_UP_OR_SETTLE,
    (_S.BUSY, _T.ENGAGED): _S.BUSY,
    (_S.BUSY, _T.DISENGAGED): Step.WRAP_UP_OR_SETTLE,
    (_S.BUSY, _T.TAKEN): _S.BUSY,
    (_S.WRAP_UP, _T.LOG_OFF): _S.LOGGED_OUT,
    (_S.WRAP_UP, _T.READY): _S.READY,
    (_S.WRAP_UP, _T.NOT_READY): _S.NOT_READY,
    (_S.WRAP_UP, _T.WRAPPED_UP): Step.SETTLE,
    (_S.WRAP_UP, _T.ENGAGED): _S.BUSY,
    (_S.WRAP_UP, _T.TAKEN): _S.BUSY,
}

LOGGED_ON_REASON = "logged_on"
"""Why an agent is not ready who has just logged on."""


class Wish(StrEnum):
    """What a busy agent asked for, to be done when he is free."""

    LOG_OFF = "log_off"
    NOT_READY = "not_ready"


WORKING = frozenset({AgentState.RESERVED, AgentState.BUSY, AgentState.WRAP_UP})
"""States that count for occupancy."""


FREEING = frozenset({Trigger.FAILED, Trigger.WITHDRAWN, Trigger.ENDED, Trigger.DISENGAGED})
"""Triggers after which one who has something else in hand is still busy."""


class WrapUp(NamedTuple):
    """After-call work that is still to be done."""

    contact: str
    seconds: float
    """Most time for it; `inf`: until he says so."""


class Agent:
    """One agent, as only the distributor sees and changes him."""

    __slots__ = (
        "_capacity",
        "_shares",
        "_unit",
        "contact",
        "contacts",
        "engaged",
        "idle_since",
        "last_offer",
        "lines",
        "load",
        "name",
        "number",
        "occupancy",
        "queues",
        "rank",
        "reason",
        "seats",
        "sits",
        "skills",
        "state",
        "to_wrap_up",
        "wants_wrap_up",
        "wish",
        "wish_reason",
        "wrap_up",
    )

    def __init__(self, name: str, number: int, now: float) -> None:
        self.name = name
        self.number = number
        self.rank = number
        self.queues: tuple[str, ...] = ()
        self.skills: Mapping[str, int] = {}
        self.lines: list[Line] = []
        """Those that he qualifies for, tighter ones first."""
        self.sits: list[Line] = []
        """Those of them in which he sits while he is idle."""
        self.seats: dict[Line, Seat] = {}
        """Where he sits and waits for work."""
        self.state = AgentState.LOGGED_OUT
        self.reason: str | None = None
        self.contact: str | None = None
        """The one on offer, else the newest in hand, else the one he wraps up."""
        self.engaged: dict[str, None] = {}
        """Calls that he has without the distributor's doing, oldest first; they take all of him."""
        self.contacts: dict[str, Channel] = {}
        """Those in hand (connected), oldest first."""
        self.load = 0
        self.idle_since = now
        self.occupancy = Occupancy(now)
        self.last_offer: dict[str, int] = {}
        self.wish: Wish | None = None
        self.wish_reason = ""
        self.wrap_up: Timer | None = None
        """The time limit of the present one."""
        self.to_wrap_up: WrapUp | None = None
        """What he has still to wrap up when nothing is in his hands any more."""
        self.wants_wrap_up = False
        """He asked for wrap-up after the present contact, whatever its queue says."""
        self.capacity = {}

    @property
    def capacity(self) -> Mapping[str, int]:
        """How many contacts of each channel he can have at once (1 where not named)."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: Mapping[str, int]) -> None:
        # One contact of a channel of capacity n is 1/n of him; in whole units, so that no
        # rounding ever gives him one too many.
        self._capacity = dict(capacity)
        self._unit = math.lcm(*capacity.values()) if capacity else 1
        self._shares = {name: self._unit // most for name, most in capacity.items()}
        self.load = sum(self.share(channel) for channel in self.contacts.values())

    def share(self, channel: Channel) -> int:
        """How much of him one contact of this channel takes."""
        return self._shares.get(channel, self._unit)

    def has_room(self, channel: Channel) -> bool:
        """Whether he can be offered a contact of this channel now."""
        if self.state is AgentState.READY:
            return True
        if self.state is not AgentState.BUSY or self.wish is not None or self.engaged:
            return False
        return self.load + self.share(channel) <= self._unit

    @property
    def has_spare_room(self) -> bool:
        """Whether he is busy, and yet something might fit."""
        if self.state is not AgentState.BUSY or self.wish is not None or self.engaged:
            return False
        return self.load < self._unit

    @property
    def newest(self) -> str | None:
        """What he took in hand last: a call of his own before the distributor's contacts."""
        return next(reversed(self.engaged or self.contacts), None)

    @property
    def at_work(self) -> bool:
        """Whether he is free now, or may be expected to be soon."""
        if self.state in WORKING:
            return self.wish is None
        return self.state is AgentState.READY

    def serve(self, line: Line) -> None:
        """He can serve this line as well."""
        self.lines.append(line)
        line.able += 1
        if line.need.agent is None and not any(tighter in self.lines for tighter in line.tighter):
            self.sits.append(line)

    def serve_only(self, lines: Iterable[Line]) -> None:
        """He can serve these lines, and no others."""
        for line in self.lines:
            line.able -= 1
        self.lines, self.sits = [], []
        for line in lines:
            self.serve(line)

    @property
    def occupancy_mark(self) -> float:
        """Orders the idle by occupancy."""
        return self.occupancy.mark

    def take(self, contact: str, channel: Channel) -> None:
        """A contact is in his hands."""
        self.contacts[contact] = channel
        self.load += self.share(channel)

    def give_back(self, contact: str) -> None:
        """A contact is in his hands no longer."""
        self.load -= self.share(self.contacts.pop(contact))

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
                self.wish, self.wants_wrap_up = None, False
                return None
            case Step.INTERRUPT:
                self.wish, self.wish_reason = Wish.NOT_READY, self.reason or ""
                state = AgentState.BUSY
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
        if (self.contacts or self.engaged) and trigger in FREEING:
            if trigger is Trigger.FAILED and self.wish is None:
                self.wish, self.wish_reason = Wish.NOT_READY, reason or ""
            state = AgentState.BUSY
        if state is AgentState.NOT_READY and self.wish is Wish.LOG_OFF:
            state = AgentState.LOGGED_OUT  # he wanted to go home, and his offer failed
        if state in (AgentState.LOGGED_OUT, AgentState.NOT_READY, AgentState.READY):
            self.wish, self.wants_wrap_up, self.to_wrap_up = None, False, None
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
