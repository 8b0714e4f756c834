"""Supervisors in other people's calls: listen, whisper, barge in, take over (ECMA-269, 17.1.15 join call).

The supervisor's own phone is rung; while he listens his mode changes at once. Who may what:

| role | may |
| --- | --- |
| `qa` | listen silently |
| `supervisor` | listen, whisper to the agent, speak with all, take the call over |
| `admin` | the same, also in calls among colleagues of which a supervisor or admin is a party |

A call among colleagues in which a supervisor takes part (his consultation, say) is his own affair:
nobody below `admin` is let in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.control.errors import ControlError, Refused
from ccd.control.own_calls import RING_S, OwnCalls
from ccd.control.service import CallControl
from ccd.control.situations import Verb
from ccd.model import Cause, ListenMode
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch

ABOVE = frozenset({"supervisor", "admin"})


class Supervision:
    """Who listens to whom: host of all listeners (`ccd.switch.call.Host`)."""

    def __init__(
        self,
        *,
        switch: Switch,
        acd: Acd,
        calls: CallControl,
        own_calls: OwnCalls,
        role_of: Callable[[str], str],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._switch = switch
        self._acd = acd
        self._calls = calls
        self._own_calls = own_calls
        self._role_of = role_of
        self._loop = loop
        self._timers: dict[str, asyncio.TimerHandle] = {}
        """Of phones that ring, by leg."""

    def join_call(
        self,
        agent: str,
        mode: ListenMode,
        *,
        role: str,
        call: str | None = None,
        to_agent: str | None = None,
    ) -> Call:
        """Let `agent` listen to a call, or to the one that `to_agent` speaks in; or otherwise than he does.

        A whisper is heard by `to_agent` alone (none said: by who has the call). `role` is that
        of who asks. Raises `ControlError`, and then nothing has changed.
        """
        if mode is not ListenMode.SILENT and role not in ABOVE:
            raise ControlError(Refused.NOT_ALLOWED, f"{role} may listen silently only")
        listening = self._listening(agent)
        if listening is not None:
            leg, there = listening.call, self._heard(call, to_agent)
            if there is not None and there[0] is not leg:
                raise ControlError(
                    Refused.WRONG_STATE, f"{agent} listens to call {leg.id}: leave it first"
                )
            ear = None if there is None else there[1]
            self._switch.change_listening(listening, mode, ear)
            return listening.call
        self._calls.idle(Verb.JOIN_CALL, agent)
        target = self._heard(call, to_agent)
        if target is None:
            raise ControlError(Refused.BAD_ARGS, "say which call, or whose")
        found, coached = target
        self._may(agent, found, role)
        return self._ring(agent, found, mode, coached)

    def take_over_call(self, agent: str, *, role: str) -> Call:
        """Who listens has the call from now on, and its agent leaves it (intercept)."""
        if role not in ABOVE:
            raise ControlError(Refused.NOT_ALLOWED, f"{role} takes no calls over")
        found, leg = self._calls.connection(Verb.TAKE_OVER_CALL, agent, None)
        if found.answered is None or not found.bridged:
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} is with no agent")
        if self._acd.contact(found) is not None:
            self._acd.take(found, agent)
        else:
            self._own_calls.engage(found, agent)
        try:
            self._switch.take_over(leg)
        except NotReachable as error:
            raise ControlError(Refused.WRONG_STATE, str(error)) from error
        return found

    # --- the listeners' host ------------------------------------------------------------------

    def guest_joined(self, call: Call, leg: Leg) -> None:
        """He answered, and listens."""
        self._stop_timer(leg)

    def guest_failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """His phone was not answered, or the call was over before."""
        self.guest_left(call, leg, cause)

    def guest_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He listens no longer."""
        self._stop_timer(leg)
        if leg.agent is not None:
            self._acd.disengage(leg.agent, call.id)

    # --- inside -----------------------------------------------------------------------------

    def _listening(self, agent: str) -> Leg | None:
        for leg in self._switch.legs_of(agent):
            if leg in leg.call.listeners and leg.is_here:
                if agent in self._calls.locked:
                    raise ControlError(Refused.LOCKED, f"{agent}'s seat is locked: open it first")
                return leg
        return None

    def _heard(self, call: str | None, to_agent: str | None) -> tuple[Call, Leg | None] | None:
        """The call, and the agent in it whom he wants to hear, or coach."""
        found = self._calls.call(call) if call is not None else None
        if to_agent is None:
            if found is None:
                return None
            if not found.bridged:
                raise ControlError(Refused.WRONG_STATE, f"nobody speaks in call {found.id}")
            return found, found.answered
        for leg in self._switch.legs_of(to_agent):
            if leg.call.bridged and leg in leg.call.parties and found in (None, leg.call):
                return leg.call, leg
        where = "in no call" if found is None else f"not in call {found.id}"
        raise ControlError(Refused.WRONG_STATE, f"agent {to_agent} speaks {where}")

    def _may(self, agent: str, call: Call, role: str) -> None:
        outsider = any(party.agent is None for party in call.parties)
        above = [p.agent for p in call.parties if self._role_of(p.agent or "") in ABOVE]
        if not outsider and above and role != "admin":
            raise ControlError(
                Refused.NOT_ALLOWED,
                f"{agent} may not listen to {above[0]}'s call with a colleague: it is for admin",
            )

    def _ring(self, agent: str, call: Call, mode: ListenMode, coached: Leg | None) -> Call:
        try:
            why = self._acd.why_not(agent)
        except AcdError as error:
            raise ControlError(Refused.UNKNOWN_AGENT, str(error)) from error
        if why is not None:
            raise ControlError(Refused.BUSY, why)
        try:
            leg = self._switch.listen(
                call,
                agent=agent,
                phone=self._acd.phone_of(agent),
                mode=mode,
                host=self,
                to=coached,
            )
        except NotReachable as error:
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        self._acd.engage(agent, call.id)
        self._timers[leg.id] = self._loop.call_later(
            RING_S, self._switch.clear_connection, leg, Cause.NO_ANSWER
        )
        return call

    def _stop_timer(self, leg: Leg) -> None:
        timer = self._timers.pop(leg.id, None)
        if timer is not None:
            timer.cancel()
