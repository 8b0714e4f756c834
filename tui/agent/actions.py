"""Every action of the softphone: its id, its keys, when it is possible, and else why not.

One table; the footer, the palette, the help, the key map, the scriptable twin and
docs/agent.md are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ccd.model import AgentState
from tui.agent.desk import LIVE, Desk, Stage

OK = ""
"""Possible."""


@dataclass(frozen=True)
class Around:
    """What decides beside the desk."""

    linked: bool = True
    displaced: bool = False
    """Somebody logged in as this agent at another screen."""
    can_mute: bool = False


@dataclass(frozen=True)
class Action:
    """One thing that an agent can do."""

    id: str
    """Also `action.ID` in the words."""
    key: str
    function_key: str
    """Its twin, which works while text is typed, too; empty: none."""
    group: str
    weight: int
    """How much it belongs into the footer when it is possible; 0: never there."""
    why_not: Callable[[Desk, Around], str]
    """The key (below `why.` in the words) of the reason why it is not possible now; empty: it is."""


def _seated(check: Callable[[Desk], str]) -> Callable[[Desk, Around], str]:
    """What needs the daemon, the seat, and somebody logged in who has not locked it."""

    def why_not(desk: Desk, around: Around) -> str:
        if not around.linked:
            return "no_link"
        if desk.seat.state is AgentState.LOGGED_OUT:
            return "logged_out"
        if desk.seat.locked:
            return "seat_locked"
        return check(desk)

    return why_not


def _has(why: str, *stages: Stage) -> Callable[[Desk], str]:
    return lambda desk: OK if desk.line(*stages) is not None else why


def _always(_desk: Desk, _around: Around) -> str:
    return OK


def _hang_up(desk: Desk) -> str:
    return OK if desk.lines else "no_call"


def _hold(desk: Desk) -> str:
    return OK if desk.line(Stage.SPEAKING, Stage.CONFERENCE) is not None else "not_speaking"


def _retrieve(desk: Desk) -> str:
    if desk.line(*LIVE) is not None:
        return "in_call"
    return OK if desk.line(Stage.HELD) is not None else "not_held"


def _two(desk: Desk) -> str:
    """He is in one call, and another is on hold."""
    if desk.line(Stage.HELD) is None or len(desk.lines) < 2:
        return "no_second"
    return OK if desk.line(*LIVE) is not None else "not_speaking"


def _confer(desk: Desk) -> str:
    why = _two(desk)
    if why:
        return why
    return OK if desk.line(Stage.SPEAKING, Stage.CONFERENCE) is not None else "second_rings"


def _consult(desk: Desk) -> str:
    if len(desk.lines) > 1:
        return "in_call"
    return _has("not_speaking", Stage.SPEAKING, Stage.CONFERENCE, Stage.HELD, Stage.IVR)(desk)


def _dial(desk: Desk) -> str:
    if desk.line(Stage.RINGING) is not None:
        return "ringing"
    return OK if desk.line(*LIVE) is None or desk.line(Stage.DIAL_TONE) is not None else "in_call"


def _redial(desk: Desk) -> str:
    return _dial(desk) or (OK if desk.last_dialled else "nobody_dialled")


def _ready(desk: Desk) -> str:
    state = desk.seat.state
    if state is AgentState.READY:
        return "already"
    wrapping = desk.wrapping
    if wrapping is not None and wrapping.required and not wrapping.said:
        return "required"
    return OK if state in (AgentState.NOT_READY, AgentState.WRAP_UP) else "in_call"


def _wrap_up(desk: Desk) -> str:
    talks = desk.line(Stage.SPEAKING, Stage.CONFERENCE, Stage.HELD)
    return OK if desk.wrapping is not None or talks is not None else "not_wrapping"


def _done(desk: Desk) -> str:
    if desk.wrapping is None:
        return "not_wrapping"
    return "required" if desk.wrapping.required and not desk.wrapping.said else OK


def _ivr(desk: Desk) -> str:
    if not desk.place.flows:
        return "no_flow"
    return _has("not_speaking", Stage.SPEAKING, Stage.HELD)(desk)


def _recording(paused: bool) -> Callable[[Desk], str]:
    def why_not(desk: Desk) -> str:
        line = desk.line(Stage.SPEAKING, Stage.CONFERENCE, Stage.HELD)
        right = line is not None and line.recording and line.paused is paused
        return OK if right else "not_recorded"

    return why_not


def _number(desk: Desk) -> str:
    number = "" if desk.subject is None else desk.subject.number
    return OK if any(each.isdigit() for each in number) else "no_number"


def _customer(desk: Desk) -> str:
    known = desk.subject is not None and desk.subject.customer is not None
    return OK if known else "no_customer"


def _unlock(desk: Desk, around: Around) -> str:
    if not around.linked:
        return "no_link"
    return OK if desk.seat.locked else "not_locked"


def _take_back(_desk: Desk, around: Around) -> str:
    return OK if around.displaced else "not_displaced"


def _mute(desk: Desk, around: Around) -> str:
    if not around.can_mute:
        return "phone_no_mute"
    return _has("not_speaking", *LIVE)(desk)


_at_work = _seated(lambda _: OK)
_IN_CALL = (Stage.SPEAKING, Stage.CONFERENCE)

ACTIONS: tuple[Action, ...] = (
    Action("answer", "a", "f2", "call", 100, _seated(_has("not_ringing", Stage.RINGING))),
    Action("hang_up", "x", "f3", "call", 60, _seated(_hang_up)),
    Action("hold", "h", "f4", "call", 55, _seated(_hold)),
    Action("retrieve", "g", "f5", "call", 80, _seated(_retrieve)),
    Action("mute", "m", "", "call", 20, _mute),
    Action("keypad", "k", "", "call", 15, _seated(_has("not_speaking", *LIVE))),
    Action("ivr", "i", "", "call", 25, _seated(_ivr)),
    Action("recall", "I", "", "call", 65, _seated(_has("not_in_ivr", Stage.IVR))),
    Action("blind", "T", "", "call", 30, _seated(_has("not_speaking", *_IN_CALL, Stage.HELD))),
    Action("deflect", "o", "", "call", 50, _seated(_has("not_ringing", Stage.RINGING))),
    Action("park", "p", "", "call", 10, _seated(_has("not_speaking", *_IN_CALL, Stage.HELD))),
    Action("pause_recording", "e", "", "call", 12, _seated(_recording(False))),
    Action("resume_recording", "E", "", "call", 70, _seated(_recording(True))),
    Action("consult", "c", "f6", "second", 50, _seated(_consult)),
    Action("alternate", "s", "", "second", 66, _seated(_two)),
    Action("reconnect", "b", "", "second", 64, _seated(_two)),
    Action("transfer", "t", "f7", "second", 78, _seated(_two)),
    Action("conference", "f", "f8", "second", 68, _seated(_confer)),
    Action("invite", "+", "", "second", 18, _seated(_has("not_speaking", *_IN_CALL))),
    Action("dial", "d", "f9", "reach", 40, _seated(_dial)),
    Action("redial", "D", "", "reach", 5, _seated(_redial)),
    Action("directory", "/", "", "reach", 16, _at_work),
    Action("pickup", "u", "", "reach", 4, _seated(_dial)),
    Action("unpark", "U", "", "reach", 3, _seated(_dial)),
    Action("callback", "B", "", "reach", 8, _seated(_number)),
    Action("voicemail", "v", "", "reach", 6, _at_work),
    Action("replay", "y", "", "call", 62, _seated(_has("no_message", Stage.MESSAGE))),
    Action("heard", "V", "", "call", 76, _seated(_has("no_message", Stage.MESSAGE))),
    Action("call_sender", "C", "", "call", 74, _seated(_has("no_message", Stage.MESSAGE))),
    Action("message", "M", "", "reach", 2, _at_work),
    Action("note", "N", "", "reach", 7, _seated(_customer)),
    Action("ready", "r", "f10", "seat", 85, _seated(_ready)),
    Action("not_ready", "n", "", "seat", 35, _at_work),
    Action("wrap_up", "w", "f11", "seat", 90, _seated(_wrap_up)),
    Action("done", "W", "", "seat", 45, _seated(_done)),
    Action("lock", "l", "", "seat", 1, _at_work),
    Action("unlock", "L", "", "seat", 95, _unlock),
    Action("take_back", "R", "", "seat", 99, _take_back),
    Action("log_off", "Q", "", "seat", 1, _at_work),
    Action("caller_pane", "1", "", "screen", 0, _always),
    Action("script_pane", "2", "", "screen", 0, _always),
    Action("notes_pane", "3", "", "screen", 0, _always),
    Action("messages_pane", "4", "", "screen", 0, _always),
    Action("help", "?", "f1", "screen", 9, _always),
    Action("theme", "ctrl+t", "", "screen", 0, _always),
    Action("language", "ctrl+l", "", "screen", 0, _always),
    Action("quit", "ctrl+q", "", "screen", 0, _always),
)

BY_ID = {action.id: action for action in ACTIONS}
GROUPS = ("call", "second", "reach", "seat", "screen")


def possible(desk: Desk, around: Around) -> list[Action]:
    """Those that are possible now and belong into the footer, those that matter most first."""
    found = [each for each in ACTIONS if each.weight and not each.why_not(desk, around)]
    return sorted(found, key=lambda action: -_weight(action, desk))


def _weight(action: Action, desk: Desk) -> int:
    """What came of a call matters when it is over; before, the call does."""
    early = action.id == "wrap_up" and desk.wrapping is None
    return 14 if early else action.weight
