"""A caller's behaviour: a state machine without a socket, an ear or a clock.

    IDLE -> CALLING -> LISTENING -> WAITING -> TALKING -> LEAVING -> GONE
                 \\___________\\___________\\________\\______/

`CALLING` until the service answers, `LISTENING` to the menu until the last key is
pressed, `WAITING` until an agent's voice is heard (nothing else tells a caller that he
is through), `TALKING` until one side hangs up, `LEAVING` until signalling agrees that
the call is over. What may happen where is the table `_MOVES`; what is in it is all a
caller can do, everything else is a breach that the view records.

The shell calls the cue methods with its clock, carries out `next_action()` until it is
None, and calls `handle_timer` when `get_timer()` is due.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from lab.trunk_sim.plans import Plan
from lab.trunk_sim.voices import Voice

ANSWER_GUARD_S = 35.0
"""A caller gives up an unanswered call after this: past timer B (32 s, RFC 3261 17.1.1.2),
so that a dead service is told by its SIP time-out, not by us."""

LEAVE_GUARD_S = 45.0
"""Signalling that has not ended so long after a hang-up is stuck: past timer F's 32 s."""

HESITATION_S = 1.2
"""Who hears somebody answer stays this long, whatever the patience: until the voice is known."""

LONGEST_HESITATION_S = 3.6
"""All hesitations together: a prompt that sounds like an agent holds nobody for ever."""


class CallerState(StrEnum):
    """Where a caller is."""

    IDLE = "idle"
    CALLING = "calling"
    LISTENING = "listening"
    WAITING = "waiting"
    TALKING = "talking"
    LEAVING = "leaving"
    GONE = "gone"


class Cue(StrEnum):
    """What happens to a caller."""

    START = "start"
    RINGING = "ringing"
    ANSWERED = "answered"
    AGENT_HEARD = "agent_heard"
    ENDED = "ended"
    # the caller's own timers
    CANCEL_DUE = "cancel_due"
    ANSWER_OVERDUE = "answer_overdue"
    PRESS_DUE = "press_due"
    LAST_PRESS_DUE = "last_press_due"
    MENU_BORES = "menu_bores"
    PATIENCE_OVER = "patience_over"
    TALK_OVER = "talk_over"
    STUCK = "stuck"


class Dial(msgspec.Struct, frozen=True):
    """Send the INVITE."""


class PressKey(msgspec.Struct, frozen=True):
    """Send this digit."""

    digit: str


class HangUp(msgspec.Struct, frozen=True):
    """End the call: CANCEL or BYE, whichever fits."""


class Leave(msgspec.Struct, frozen=True):
    """It is all over: release what the call held."""


Action = Dial | PressKey | HangUp | Leave

_S, _C = CallerState, Cue

_MOVES: dict[tuple[CallerState, Cue], CallerState] = {
    (_S.IDLE, _C.START): _S.CALLING,
    (_S.CALLING, _C.RINGING): _S.CALLING,
    (_S.CALLING, _C.ANSWERED): _S.LISTENING,
    (_S.CALLING, _C.CANCEL_DUE): _S.LEAVING,
    (_S.CALLING, _C.ANSWER_OVERDUE): _S.LEAVING,
    (_S.CALLING, _C.ENDED): _S.GONE,
    (_S.LISTENING, _C.CANCEL_DUE): _S.LEAVING,
    (_S.LISTENING, _C.PRESS_DUE): _S.LISTENING,
    (_S.LISTENING, _C.LAST_PRESS_DUE): _S.WAITING,
    (_S.LISTENING, _C.MENU_BORES): _S.LEAVING,
    (_S.LISTENING, _C.AGENT_HEARD): _S.TALKING,  # a flow may queue without a key
    (_S.LISTENING, _C.ENDED): _S.GONE,
    (_S.WAITING, _C.AGENT_HEARD): _S.TALKING,
    (_S.WAITING, _C.PATIENCE_OVER): _S.LEAVING,
    (_S.WAITING, _C.ENDED): _S.GONE,
    (_S.TALKING, _C.TALK_OVER): _S.LEAVING,
    (_S.TALKING, _C.ENDED): _S.GONE,
    (_S.LEAVING, _C.ANSWERED): _S.LEAVING,  # the 200 crossed our CANCEL (RFC 3261 9.1)
    (_S.LEAVING, _C.RINGING): _S.LEAVING,
    (_S.LEAVING, _C.AGENT_HEARD): _S.LEAVING,  # he answered while our BYE travelled
    (_S.LEAVING, _C.ENDED): _S.GONE,
    (_S.LEAVING, _C.STUCK): _S.GONE,
}


class CallerView(msgspec.Struct, kw_only=True):
    """What the caller saw of his call; times are the shell's clock, in seconds."""

    plan: Plan
    last_state: CallerState = CallerState.IDLE
    """The state he was in before he left, or was left."""
    dialled_at: float | None = None
    answered_at: float | None = None
    waiting_since: float | None = None
    agent_heard_at: float | None = None
    hung_up_at: float | None = None
    """He ended it himself, then."""
    ended_at: float | None = None
    gave_up: bool = False
    """He was told to hang up, against his plan: the run was being ended."""
    pressed: str = ""
    refused: int | None = None
    """The SIP status of a final refusal; 408 and 503 also stand for time-out and transport."""
    agent_voice: Voice | None = None
    breaches: tuple[str, ...] = ()
    """What should not have been possible in a sound SIP call."""

    @property
    def hung_up(self) -> bool:
        """Whether the caller ended the call himself."""
        return self.hung_up_at is not None


class Caller:
    """One caller, following a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.view = CallerView(plan=plan)
        self._state = CallerState.IDLE
        self._deadlines: list[tuple[float, Cue]] = []
        self._actions: deque[Action] = deque()
        self._presses_left = list(plan.presses)

    @property
    def state(self) -> CallerState:
        """Where the caller is."""
        return self._state

    def next_action(self) -> Action | None:
        """What the shell has to do next, or None."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called, or None."""
        return min(self._deadlines)[0] if self._deadlines else None

    def handle_timer(self, now: float) -> None:
        """Do what is due at `now`."""
        while self._deadlines and min(self._deadlines)[0] <= now:
            self._cue(min(self._deadlines)[1], now)

    def start(self, now: float) -> None:
        """Dial."""
        self._cue(Cue.START, now)

    def ringing(self, now: float) -> None:
        """A provisional response came."""
        self._cue(Cue.RINGING, now)

    def answered(self, now: float) -> None:
        """The service answered."""
        self._cue(Cue.ANSWERED, now)

    def refused(self, code: int) -> None:
        """A final refusal came (`ended` follows)."""
        self.view.refused = code

    def hears_agent(self, voice: Voice, now: float) -> None:
        """An agent's voice is on the line."""
        if self.view.agent_voice is None:
            self.view.agent_voice = voice
            self._cue(Cue.AGENT_HEARD, now)

    def hears_somebody(self, now: float) -> None:
        """The first sound of what may be an agent: nobody hangs up in that moment."""
        if self._state is CallerState.WAITING and self.view.waiting_since is not None:
            latest = self.view.waiting_since + self.plan.patience_s + LONGEST_HESITATION_S
            until = min(now + HESITATION_S, latest)
            self._deadlines = [(max(at, until), cue) for at, cue in self._deadlines]

    def ended(self, now: float) -> None:
        """Signalling says the call is over, whoever ended it."""
        self._cue(Cue.ENDED, now)

    def give_up(self, now: float) -> None:
        """Hang up at once, whatever was planned (the run is being ended)."""
        if self._state not in (CallerState.IDLE, CallerState.LEAVING, CallerState.GONE):
            self.view.gave_up = True
            self._leave(now)
            self._enter(CallerState.LEAVING, now)

    def _cue(self, cue: Cue, now: float) -> None:
        state = self._state
        target = _MOVES.get((state, cue))
        if target is None:
            self.view.breaches += (f"{cue} while {state}",)
            return
        view = self.view
        match cue:
            case Cue.START:
                view.dialled_at = now
                self._actions.append(Dial())
            case Cue.ANSWERED:
                view.answered_at = now
            case Cue.AGENT_HEARD:
                view.agent_heard_at = now
            case Cue.PRESS_DUE | Cue.LAST_PRESS_DUE:
                digit = self._presses_left.pop(0).digit
                view.pressed += digit
                self._actions.append(PressKey(digit))
                if cue is Cue.LAST_PRESS_DUE:
                    view.waiting_since = now
            case (
                Cue.CANCEL_DUE
                | Cue.ANSWER_OVERDUE
                | Cue.MENU_BORES
                | Cue.PATIENCE_OVER
                | Cue.TALK_OVER
            ):
                self._leave(now)
            case Cue.STUCK:
                view.breaches += (f"signalling did not end within {LEAVE_GUARD_S:.0f} s",)
            case Cue.RINGING | Cue.ENDED:
                pass
        repeated = target is state and cue is not Cue.PRESS_DUE
        if repeated:
            return  # nothing new: what was due stays due
        self._enter(target, now)

    def _leave(self, now: float) -> None:
        self.view.hung_up_at = now
        self._actions.append(HangUp())

    def _enter(self, state: CallerState, now: float) -> None:
        if state in (CallerState.LEAVING, CallerState.GONE) and self._state is not _S.LEAVING:
            self.view.last_state = self._state
        self._state = state
        self._deadlines = self._due_in(state, now)
        if state is CallerState.GONE:
            self.view.ended_at = now
            self._actions.append(Leave())

    def _due_in(self, state: CallerState, now: float) -> list[tuple[float, Cue]]:
        """What the plan makes due in a state entered at `now`."""
        plan = self.plan
        due: list[tuple[float, Cue]] = []
        if state in (_S.CALLING, _S.LISTENING) and plan.cancel_after_s is not None:
            dialled = self.view.dialled_at if self.view.dialled_at is not None else now
            due.append((dialled + plan.cancel_after_s, Cue.CANCEL_DUE))
        match state:
            case CallerState.CALLING:
                due.append((now + ANSWER_GUARD_S, Cue.ANSWER_OVERDUE))
            case CallerState.LISTENING:
                if self._presses_left:
                    last = len(self._presses_left) == 1
                    cue = Cue.LAST_PRESS_DUE if last else Cue.PRESS_DUE
                    due.append((now + self._presses_left[0].after_s, cue))
                if plan.menu_patience_s is not None:
                    due.append((now + plan.menu_patience_s, Cue.MENU_BORES))
            case CallerState.WAITING:
                due.append((now + plan.patience_s, Cue.PATIENCE_OVER))
            case CallerState.TALKING:
                due.append((now + plan.talk_s, Cue.TALK_OVER))
            case CallerState.LEAVING:
                due.append((now + LEAVE_GUARD_S, Cue.STUCK))
            case CallerState.IDLE | CallerState.GONE:
                pass
        return due
