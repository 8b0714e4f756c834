"""Seats that are locked: nobody acts for an agent who left his desk, until it is opened again.

He is not ready (reason `locked`) once what he has in hand is over; that goes on. Emergency numbers
are called from a locked seat too (`ccd.control.dialling`). A new shift, with its password, opens it.
"""

from __future__ import annotations

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.control.errors import ControlError, Refused
from ccd.control.service import CallControl
from ccd.events import AgentLoggedOn, Event, EventStream, SeatLocked, SeatOpened
from ccd.model import AgentState

REASON = "locked"


class Seats:
    """Which seats are locked (`CallControl.locked`). Verbs raise `ControlError`."""

    def __init__(self, *, acd: Acd, calls: CallControl, events: EventStream) -> None:
        self._acd = acd
        self._calls = calls
        self._events = events
        events.subscribe(self._follow)

    def check(self, agent: str) -> None:
        """Refuse what is asked for in the name of an agent whose seat is locked."""
        if agent in self._calls.locked:
            raise ControlError(Refused.LOCKED, f"{agent}'s seat is locked: open it first")

    def lock_seat(self, agent: str) -> None:
        """Nobody acts for him from now on, and he is given nothing."""
        self.check(agent)
        view = self._acd.agent(agent)
        if view is None:
            raise ControlError(Refused.UNKNOWN_AGENT, f"agent {agent!r} never logged on")
        if view.state is AgentState.LOGGED_OUT:
            raise ControlError(Refused.WRONG_STATE, f"agent {agent} is logged out")
        try:
            self._acd.not_ready(agent, REASON)
        except AcdError:
            # He has still to say what came of his call: he is given nothing before he has,
            # and cannot while the seat is locked.
            if view.state is not AgentState.WRAP_UP:
                raise
        self._calls.locked.add(agent)
        self._events.publish(SeatLocked(agent=agent))

    def open_seat(self, agent: str, by: str) -> None:
        """He is back, or a supervisor opens it; he stays not ready."""
        if agent not in self._calls.locked:
            raise ControlError(Refused.WRONG_STATE, f"{agent}'s seat is not locked")
        self._open(agent, by)

    def _open(self, agent: str, by: str) -> None:
        self._calls.locked.discard(agent)
        self._events.publish(SeatOpened(agent=agent, by=by))

    def _follow(self, event: Event) -> None:
        if isinstance(event, AgentLoggedOn) and event.agent in self._calls.locked:
            self._open(event.agent, event.agent)
