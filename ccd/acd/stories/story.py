"""The story of one contact, told from its events: where it went, when, and why (sans-IO).

`tell` takes what the journal has of the contact and what it has of others in the same
queues meanwhile, and returns a `Story` that the command line draws and the CTI sends. Of
two events that say one thing, such as `Dequeued` and the distributor's own step, the one
that knows more is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from ccd.acd.steps import Step
from ccd.acd.stories.lines import Line, line_of
from ccd.acd.stories.overtaking import Overtaking, Wait, overtakings, waits
from ccd.events import (
    Bridged,
    CallbackRequested,
    CallbackResolved,
    CallCleared,
    Dequeued,
    Event,
    Offered,
    Queued,
    Routed,
    VoicemailHeard,
    VoicemailLeft,
    WaitEstimated,
)
from ccd.model import Channel
from ccd.store.records import CallRecords

SAME_MOMENT_S = 1.0
"""Two lines so close together may be one happening, told twice."""

_SAID_BETTER_BY: dict[str, frozenset[str]] = {
    "queued": frozenset({Step.ENQUEUED, Step.RETURNED, Step.MOVED, Step.URGENT}),
    "ringing": frozenset({Step.ASSIGNED}),
    "not_answered": frozenset({Step.RETURNED}),
    "talking": frozenset({Step.CONNECTED}),
    "dequeued": frozenset(
        {Step.CONNECTED, Step.REMOVED, Step.OVERFLOWED, Step.ASSIGNED, "talking"}
    ),
    Step.REMOVED: frozenset({"dequeued"}),
    Step.ENDED: frozenset({"cleared"}),
}
"""A kind of line, and those that make it superfluous. Where each makes the other so
(`dequeued` and `removed`), the first goes."""


class EstimateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a wait, and what came of it; seconds."""

    at: float
    """When it was said, seconds since the epoch."""
    after_s: float
    """The same, from the contact's beginning."""
    queue: str
    position: int
    p50: float | None
    p90: float | None
    came: float | None = None
    """How long it really took from then until an agent answered; None: none did (yet)."""
    error_s: float | None = None
    """`came` less `p50`: above zero where the wait was longer than half of such waits."""
    within_p90: bool | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Another contact that this one led to, or came from."""

    contact: str
    what: str
    """`callback`, `voicemail`, or `call`."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one contact. Times are seconds since the epoch, lengths seconds."""

    contact: str
    channel: str
    began_at: float
    ended_at: float | None
    """None while it is not over."""
    outcome: str
    """How it ended, or where it is: `in_ivr`, `waiting`, `ringing` or `talking`."""
    caller: str = ""
    number: str = ""
    """What the caller dialled."""
    customer_class: str = ""
    queues: tuple[str, ...] = ()
    """Those that it waited in, in order."""
    agent: str | None = None
    """Who answered it last."""
    waited_s: float | None = None
    """All its time in queues, rings included; None where it was in none."""
    offers: int = 0
    """How often agents were rung for it."""
    lines: tuple[Line, ...] = ()
    estimates: tuple[EstimateCheck, ...] = ()
    overtaken_by: tuple[Overtaking, ...] = ()
    links: tuple[Link, ...] = ()


def span(events: Sequence[Event]) -> tuple[int, int] | None:
    """The numbers of the first and last event of the contact's time in queues, or None.

    What others did between them may concern it; the last is open-ended (the newest event
    given) while it waits.
    """
    found = [each for each in events if isinstance(each, Queued | Routed)]
    return (found[0].seq, max(each.seq for each in events)) if found else None


def tell(
    contact: str,
    events: Sequence[Event],
    others: Iterable[Event] = (),
    made_for_it: Collection[str] = (),
) -> Story:
    """Return the story of `contact` from its own events, oldest first.

    `made_for_it` are calls by which a callback was carried out, whose events are among its own.
    `others` are the `Routed` events of other contacts meanwhile, oldest first; those of
    queues that it never waited in are passed over. Raises ValueError without events.
    """
    if not events:
        raise ValueError(f"contact {contact!r} has no events")
    began = events[0].at
    own = {contact, *made_for_it}
    told = [each for each in others if isinstance(each, Routed) and each.contact not in own]
    stretches = waits(events)
    connected_at = _first_connected(events)
    left_at = _left_queue_at(events)
    offered = next((each for each in events if isinstance(each, Offered)), None)
    requested = next((each for each in events if isinstance(each, CallbackRequested)), None)
    left = next((each for each in events if isinstance(each, VoicemailLeft)), None)
    caller = (
        offered.ani if offered else requested.number if requested else left.number if left else ""
    )
    return Story(
        contact=contact,
        channel=_channel(contact, events),
        began_at=began,
        ended_at=_ended_at(contact, events),
        outcome=_outcome(contact, events, stretches),
        caller=caller,
        number=offered.dnis if offered else "",
        customer_class=_customer_class(events),
        queues=tuple(dict.fromkeys(wait.queue for wait in stretches)),
        agent=_agent(events),
        waited_s=_waited(stretches, connected_at or left_at, events[-1].at),
        offers=sum(isinstance(each, Routed) and each.step == Step.ASSIGNED for each in events),
        lines=_lines(events, began),
        estimates=tuple(
            _checked(each, began, connected_at)
            for each in events
            if isinstance(each, WaitEstimated)
        ),
        overtaken_by=overtakings(own, events, told, began),
        links=(
            *_links(contact, events),
            *(Link(contact=call, what="call") for call in made_for_it),
        ),
    )


# --- the timeline ---------------------------------------------------------------------


def _lines(events: Sequence[Event], began: float) -> tuple[Line, ...]:
    lines: list[Line] = []
    for event in events:
        line = line_of(event, began)
        if line is None:
            continue
        if lines and line.kind == lines[-1].kind == "ivr":
            lines[-1] = _joined(lines[-1], line)
        else:
            lines.append(line)
    kept: list[Line] = []
    for index, line in enumerate(lines):
        better = _better(line, lines, index, kept)
        if better is None:
            kept.append(line)
        elif line.kind == "queued" and better in kept:
            facts = {**line.facts, **better.facts}
            kept[kept.index(better)] = msgspec.structs.replace(better, facts=facts)
    return tuple(kept)


def _joined(path: Line, step: Line) -> Line:
    """One line for a walk through the IVR."""
    return msgspec.structs.replace(path, text=f"{path.text} → {step.facts['step']}")


def _better(line: Line, lines: list[Line], index: int, kept: list[Line]) -> Line | None:
    """The line of the same moment that makes this one superfluous, as it is kept."""
    kinds = _SAID_BETTER_BY.get(line.kind)
    if kinds is None:
        return None
    for other in (*reversed(kept), *lines[index + 1 :]):
        near = abs(other.at - line.at) <= SAME_MOMENT_S
        same_agent = None in (line.agent, other.agent) or line.agent == other.agent
        if near and same_agent and other.kind in kinds:
            return other
    return None


# --- its head and its end -----------------------------------------------------------------


def _first_connected(events: Sequence[Event]) -> float | None:
    for event in events:
        if isinstance(event, Routed) and event.step == Step.CONNECTED:
            return event.at
        if isinstance(event, Bridged):
            return event.at
    return None


def _left_queue_at(events: Sequence[Event]) -> float | None:
    """When it last left a queue without an agent; None while it is in one."""
    over: float | None = None
    for event in reversed(events):
        match event:
            case Routed(step=Step.REMOVED | Step.OVERFLOWED):
                return event.at
            case Dequeued(reason=reason) if reason not in ("assigned", "picked_up"):
                return event.at
            case CallCleared() | CallbackResolved():
                over = event.at
            case Queued():
                return over
    return over


def _waited(stretches: Sequence[Wait], end: float | None, newest: float) -> float | None:
    if not stretches:
        return None
    begin = stretches[0].begin
    return max(0.0, (newest if end is None else end) - begin)


def _channel(contact: str, events: Sequence[Event]) -> str:
    for event in events:
        if isinstance(event, Routed) and "channel" in event.facts:
            return str(event.facts["channel"])
    if any(isinstance(each, CallbackRequested) and each.callback == contact for each in events):
        return Channel.CALLBACK.value
    if any(isinstance(each, VoicemailLeft) and each.voicemail == contact for each in events):
        return Channel.VOICEMAIL.value
    return Channel.VOICE.value


def _customer_class(events: Sequence[Event]) -> str:
    for event in events:
        if isinstance(event, Routed) and event.facts.get("customer_class"):
            return str(event.facts["customer_class"])
    return ""


def _agent(events: Sequence[Event]) -> str | None:
    for event in reversed(events):
        if isinstance(event, Bridged) and event.agent:
            return event.agent
        if isinstance(event, Routed) and event.step == Step.CONNECTED and event.agent:
            return event.agent
    return None


def _ended_at(contact: str, events: Sequence[Event]) -> float | None:
    for event in reversed(events):
        match event:
            case CallCleared(call=name) if name == contact:
                return event.at
            case CallbackResolved(callback=name) if name == contact:
                return event.at
            case VoicemailHeard(voicemail=name) if name == contact:
                return event.at
    return None


def _outcome(contact: str, events: Sequence[Event], stretches: Sequence[Wait]) -> str:
    records = CallRecords()
    outcome = ""
    for event in events:
        match event:
            case CallbackResolved(callback=name) if name == contact:
                outcome = event.outcome
            case VoicemailHeard(voicemail=name) if name == contact:
                outcome = "heard"
            case CallbackRequested(call=name) if name == contact:
                outcome = outcome or "callback"
            case VoicemailLeft(call=name) if name == contact:
                outcome = outcome or "voicemail"
        record = records.feed(event)
        if record is not None and record.call == contact and not outcome:
            outcome = record.outcome.value
    return outcome or _present(events, stretches)


def _present(events: Sequence[Event], stretches: Sequence[Wait]) -> str:
    """Where a contact is that is not over."""
    for event in reversed(events):
        if isinstance(event, Bridged):
            return "talking"
        if isinstance(event, Routed):
            if event.step == Step.CONNECTED:
                return "talking"
            if event.step == Step.ASSIGNED:
                return "ringing"
            if event.step == Step.ENDED:
                return "ended"
            if event.step in (Step.REMOVED, Step.OVERFLOWED):
                return str(event.step)
    return "waiting" if stretches else "in_ivr"


def _checked(said: WaitEstimated, began: float, connected_at: float | None) -> EstimateCheck:
    came = connected_at - said.at if connected_at is not None and connected_at >= said.at else None
    return EstimateCheck(
        at=said.at,
        after_s=said.at - began,
        queue=said.queue,
        position=said.position,
        p50=said.p50,
        p90=said.p90,
        came=came,
        error_s=None if came is None or said.p50 is None else came - said.p50,
        within_p90=None if came is None or said.p90 is None else came <= said.p90,
    )


def _links(contact: str, events: Sequence[Event]) -> Iterable[Link]:
    for event in events:
        match event:
            case CallbackRequested() if event.callback != contact:
                yield Link(contact=event.callback, what="callback")
            case VoicemailLeft() if event.voicemail != contact:
                yield Link(contact=event.voicemail, what="voicemail")
            case CallbackRequested(call=str(call)) if call != contact:
                yield Link(contact=call, what="call")
            case VoicemailLeft(call=call) if call != contact:
                yield Link(contact=call, what="call")
