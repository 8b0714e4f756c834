"""One event of a contact, said in a line (`ccd.acd.stories.story`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ccd.acd.steps import Step
from ccd.events import (
    Bridged,
    CallbackRequested,
    CallbackResolved,
    CallbackTried,
    CallCleared,
    Delivered,
    Dequeued,
    Established,
    Event,
    Failed,
    FlowStepped,
    Held,
    Offered,
    Originated,
    Queued,
    Retrieved,
    Routed,
    Transferred,
    VoicemailHeard,
    VoicemailLeft,
)
from ccd.model import Cause, Party

Facts = dict[str, str | int | float]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One happening of a story."""

    at: float
    """Seconds since the epoch."""
    after_s: float
    """Seconds since the story began."""
    kind: str
    """A `ccd.acd.steps.Step`, or what else happened: `offered`, `originated`, `answered`, `ivr`, `queued`, `ringing`, `not_answered`, `talking`, `held`, `retrieved`, `transferred`, `dequeued`, `cleared`, `callback_requested`, `callback_tried`, `callback_resolved`, `voicemail_left`, `voicemail_heard`."""
    text: str
    """What happened, for people."""
    why: str = ""
    """And why, in the distributor's words."""
    queue: str | None = None
    agent: str | None = None
    facts: Facts = {}
    """The figures that it was decided by."""


def line_of(event: Event, began: float) -> Line | None:
    """Say an event in a line; None for one that is no part of a story."""
    told = _TELLERS.get(type(event))
    said = None if told is None else told(event)
    if said is None:
        return None
    return msgspec.structs.replace(said, at=event.at, after_s=event.at - began)


def _line(kind: str, text: str, **more: Any) -> Line:
    return Line(at=0.0, after_s=0.0, kind=kind, text=text, **more)


# --- the distributor's steps ----------------------------------------------------------

STEP_TEXTS: dict[str, str] = {
    Step.ENQUEUED: "takes its place in {queue}",
    Step.PREFERENCE: "waits for {agent} alone",
    Step.PREFERENCE_ENDED: "waits for {agent} no longer",
    Step.WIDENED: "is offered to more agents of {queue}",
    Step.URGENT: "goes forward in {queue}",
    Step.ASSIGNED: "is given to {agent}, who is rung",
    Step.WITHDRAWN: "rings at {agent} no longer",
    Step.RETURNED: "is back at its place in {queue}: {agent} did not take it",
    Step.CONNECTED: "{agent} answers",
    Step.TAKEN: "is {agent}'s",
    Step.TRANSFERRED: "is sent on to {queue} by {agent}",
    Step.LEFT_ON_HOLD: "is back at its place in {queue}: {agent} left it on hold",
    Step.MOVED: "moves to {queue}",
    Step.OVERFLOWED: "overflows from {queue}",
    Step.REMOVED: "leaves {queue}",
    Step.ENDED: "{agent} is done with it",
    Step.CARRIED_OVER: "waits for {queue} to open again",
    Step.REDIALLED: "has its old place in {queue} back",
}
_PREFERRED = {Step.PREFERENCE: "waits for one agent", Step.PREFERENCE_ENDED: "waits for all again"}
"""The same where the step names nobody (`why` does)."""


def _routed(event: Routed) -> Line:
    # A step of a newer daemon is shown by its name.
    text = STEP_TEXTS.get(event.step, event.step.replace("_", " "))
    if event.agent is None:
        text = _PREFERRED.get(Step(event.step), text) if event.step in _PREFERRED else text
    return _line(
        event.step,
        text.format(queue=event.queue or "its queue", agent=event.agent or "an agent"),
        why=event.why,
        queue=event.queue,
        agent=event.agent,
        facts=event.facts,
    )


# --- everything else --------------------------------------------------------------------


def _offered(event: Offered) -> Line:
    trunk = f" through {event.trunk}" if event.trunk else ""
    return _line("offered", f"{event.ani or 'somebody'} calls {event.dnis}{trunk}")


def _originated(event: Originated) -> Line:
    trunk = f" through {event.trunk}" if event.trunk else ""
    if event.party is Party.CALLER:
        return _line("originated", f"we call {event.dnis}{trunk}")
    return _line("originated", "we call the agent first")


def _established(event: Established) -> Line | None:
    return _line("answered", "is connected with us") if event.party is Party.CALLER else None


def _flow_stepped(event: FlowStepped) -> Line:
    facts: Facts = {"flow": event.flow, "step": event.step}
    return _line("ivr", f"IVR {event.flow}: {event.step}", facts=facts)


def _queued(event: Queued) -> Line:
    facts: Facts = {"position": event.position}
    return _line("queued", f"waits in {event.queue}", queue=event.queue, facts=facts)


def _dequeued(event: Dequeued) -> Line:
    text = {
        "assigned": f"leaves {event.queue} for an agent",
        "picked_up": f"leaves {event.queue}: an agent took it",
        "abandoned": f"gives up waiting in {event.queue}",
        "withdrawn": f"a colleague, waits for {event.queue} no longer",
    }.get(event.reason, f"leaves {event.queue}: {_words(event.reason)}")
    facts: Facts = {"waited": round(event.waited, 3)}
    return _line("dequeued", text, queue=event.queue, facts=facts)


def _delivered(event: Delivered) -> Line:
    who = event.agent or "a number outside"
    return _line("ringing", f"rings at {who}", queue=event.queue, agent=event.agent or None)


def _failed(event: Failed) -> Line | None:
    if event.party is not Party.AGENT:
        return _line("not_answered", f"cannot be connected: {_words(event.cause)}")
    who = event.agent or "the agent"
    if event.cause in _WITHDRAWN:
        text = f"rings at {who} no longer: {_WITHDRAWN[event.cause]}"
        return _line(Step.WITHDRAWN, text, agent=event.agent)
    return _line("not_answered", f"{who} did not take it: {_words(event.cause)}", agent=event.agent)


_WITHDRAWN = {
    Cause.ANSWERED_ELSEWHERE: "another was first",
    Cause.CALL_CANCELLED: "the call was taken back",
}
"""Phones that were told to stop ringing: it was not these agents who let them ring."""


def _bridged(event: Bridged) -> Line:
    return _line("talking", f"speaks with {event.agent or 'another party'}", agent=event.agent)


def _held(event: Held) -> Line:
    return _line("held", f"is on hold, by {event.by}")


def _retrieved(event: Retrieved) -> Line:
    return _line("retrieved", f"is off hold, by {event.by}")


def _transferred(_event: Transferred) -> Line:
    return _line("transferred", "is transferred")


def _cleared(event: CallCleared) -> Line:
    if event.cause is Cause.NORMAL_CLEARING or event.cause is Cause.CALL_CANCELLED:
        text = {
            Party.CALLER: "the caller hangs up",
            Party.AGENT: "the agent hangs up",
            Party.SYSTEM: "we hang up",
        }[event.released_by]
    else:
        text = f"is over: {_words(event.cause)}, by {event.released_by}"
    facts: Facts = {} if event.status is None else {"status": event.status}
    return _line("cleared", text, facts=facts)


_ORIGINS = {
    "offered": "wants to be called back, as he was offered",
    "overflow": "is to be called back: its queue overflowed",
    "scheduled": "is to be called back at a time agreed",
    "abandoned": "is to be called back: he gave up waiting",
}


def _callback_requested(event: CallbackRequested) -> Line:
    text = f"{event.number} {_ORIGINS.get(event.origin, 'is to be called back')}"
    facts: Facts = {"callback": event.callback, "enqueued_at": event.enqueued_at}
    if event.due_at is not None:
        facts["due_at"] = event.due_at
    return _line("callback_requested", text, queue=event.queue, facts=facts)


def _callback_tried(event: CallbackTried) -> Line:
    said = "was reached" if event.cause is None else f"not reached: {_words(event.cause)}"
    facts: Facts = {"attempt": event.attempt}
    if event.next_at is not None:
        facts["next_at"] = event.next_at
    return _line("callback_tried", f"call back, attempt {event.attempt}: {said}", facts=facts)


def _callback_resolved(event: CallbackResolved) -> Line:
    text = f"need not be called back any more: {_words(event.outcome)}"
    return _line("callback_resolved", text, queue=event.queue)


def _voicemail_left(event: VoicemailLeft) -> Line:
    facts: Facts = {"voicemail": event.voicemail, "seconds": round(event.seconds, 1)}
    return _line("voicemail_left", "leaves a message", queue=event.queue, facts=facts)


def _voicemail_heard(event: VoicemailHeard) -> Line:
    return _line("voicemail_heard", f"{event.agent} has heard the message", agent=event.agent)


def _words(name: str) -> str:
    return str(name).replace("_", " ")


_TELLERS: dict[type[Event], Callable[[Any], Line | None]] = {
    Routed: _routed,
    Offered: _offered,
    Originated: _originated,
    Established: _established,
    FlowStepped: _flow_stepped,
    Queued: _queued,
    Dequeued: _dequeued,
    Delivered: _delivered,
    Failed: _failed,
    Bridged: _bridged,
    Held: _held,
    Retrieved: _retrieved,
    Transferred: _transferred,
    CallCleared: _cleared,
    CallbackRequested: _callback_requested,
    CallbackTried: _callback_tried,
    CallbackResolved: _callback_resolved,
    VoicemailLeft: _voicemail_left,
    VoicemailHeard: _voicemail_heard,
}
