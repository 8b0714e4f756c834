"""Call records, folded from events and nothing else (sans-IO): a replay gives the same lines.

A record exists from `CallCleared` on. What comes later (the legs' last audio figures,
the end of the agent's after-call work) gives a new version of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ccd.events import (
    AgentLoggedOff,
    AgentNotReady,
    AgentReady,
    AgentReserved,
    AgentWorkingAfterCall,
    Bridged,
    CallbackRequested,
    CallCleared,
    ConnectionCleared,
    Delivered,
    DigitsDetected,
    Established,
    Event,
    Failed,
    FlowStepped,
    Offered,
    Originated,
    QualityReported,
    Queued,
    RecordingStarted,
    Routed,
    Transferred,
    VoicemailLeft,
    WrappedUp,
)
from ccd.model import CallRecord, Cause, Direction, Outcome, Party, Quality

LINGER_S = 60.0
"""How long a cleared call is remembered for its last audio figures. They come within
milliseconds; the margin is for a media worker that was busy or restarted."""

RANG_UNANSWERED = frozenset({Cause.NO_ANSWER, Cause.REJECTED})
"""The phone rang and the agent did not take the call. A phone that was busy or gone never rang."""

OUR_REFUSALS = frozenset({Cause.OVERLOAD, Cause.TRUNKS_BUSY, Cause.INCOMPATIBLE_MEDIA})

NOBODY_THERE = frozenset(
    {
        *(Cause.BUSY, Cause.NO_ANSWER, Cause.REJECTED, Cause.CALL_CANCELLED),
        *(Cause.DESTINATION_NOT_OBTAINABLE, Cause.DESTINATION_OUT_OF_ORDER),
        Cause.NORMAL_CLEARING,
    }
)
"""Why a call of ours came to nothing without anybody's fault."""

PROMISED = frozenset({"offered", "overflow"})
"""Callbacks that a caller was promised (`CallbackRequested.origin`), so that he hung up content."""


SENT_ON = "overflowed"
"""The step (`Routed.step`) by which a rule sends a caller on who wanted an agent of a queue."""


@dataclass(slots=True)
class _Call:
    """What is known of a call so far."""

    call: str
    ani: str
    dnis: str
    trunk: str
    offered_at: float
    caller_leg: str
    direction: Direction = Direction.IN
    answered_at: float | None = None
    queued_at: float | None = None
    queue: str | None = None
    sent_on: bool = False
    """The caller wanted an agent, and was sent elsewhere; maybe before he had a place."""
    attended: bool = False
    """The caller left a message, or was promised a callback."""
    delivered: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Agent's leg -> agent, and when the phone began to ring."""
    agent_leg: str | None = None
    """The leg of the agent who answered (the last one, after a transfer)."""
    agent: str | None = None
    delivered_at: float | None = None
    connected_at: float | None = None
    cleared: CallCleared | None = None
    wrap_up_ended_at: float | None = None
    digits: str = ""
    ivr_path: tuple[str, ...] = ()
    rings_unanswered: int = 0
    recording: str | None = None
    disposition: str = ""
    notes: str = ""
    quality: dict[str, Quality] = field(default_factory=dict)

    def record(self) -> CallRecord | None:
        """Return the record as it stands, or None while the call lives."""
        cleared = self.cleared
        if cleared is None:
            return None
        return CallRecord(
            call=self.call,
            ani=self.ani,
            dnis=self.dnis,
            trunk=self.trunk,
            direction=self.direction,
            outcome=outcome(
                cleared,
                direction=self.direction,
                answered=self.answered_at is not None,
                queued=self.queued_at is not None or self.sent_on,
                connected=self.connected_at is not None,
                attended=self.attended,
            ),
            offered_at=self.offered_at,
            answered_at=self.answered_at,
            queued_at=self.queued_at,
            queue=self.queue,
            delivered_at=self.delivered_at,
            connected_at=self.connected_at,
            cleared_at=cleared.at,
            wrap_up_ended_at=self.wrap_up_ended_at,
            agent=self.agent,
            released_by=cleared.released_by,
            cause=cleared.cause,
            digits=self.digits,
            ivr_path=self.ivr_path,
            rings_unanswered=self.rings_unanswered,
            recording=self.recording,
            disposition=self.disposition,
            notes=self.notes,
            caller_quality=self.quality.get(self.caller_leg),
            agent_quality=self.quality.get(self.agent_leg) if self.agent_leg else None,
        )


def outcome(
    cleared: CallCleared,
    *,
    direction: Direction = Direction.IN,
    answered: bool,
    queued: bool,
    connected: bool,
    attended: bool = False,
) -> Outcome:
    """Return how a call ended, by who began it, how far it came and who ended it.

    `queued`: the caller wanted an agent, whether he waited or was sent away at once.
    """
    if connected:
        return Outcome.ANSWERED
    if attended and cleared.cause is Cause.NORMAL_CLEARING:
        return Outcome.SELF_SERVED
    if direction is Direction.OUT and not answered:
        return Outcome.UNREACHED if cleared.cause in NOBODY_THERE else Outcome.FAILED
    if not answered and (cleared.status is not None or cleared.cause in OUR_REFUSALS):
        return Outcome.REFUSED
    if direction is Direction.INTERNAL and queued and cleared.cause is not Cause.NETWORK_FAILURE:
        return Outcome.UNREACHED  # a colleague who consulted a queue: nobody was abandoned
    if cleared.released_by is Party.CALLER and cleared.cause is not Cause.NETWORK_FAILURE:
        # A caller who gave up before we answered gave up waiting too.
        return Outcome.ABANDONED if queued or not answered else Outcome.SELF_SERVED
    if answered and cleared.cause is Cause.NORMAL_CLEARING:
        # One who waited and was then told goodbye got no more than one who gave up.
        return Outcome.ABANDONED if queued else Outcome.SELF_SERVED
    return Outcome.FAILED


class CallRecords:
    """Folds events into call records. Feed it every event, in order."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._cleared: OrderedDict[str, float] = OrderedDict()
        self._wrapping: dict[str, _Call] = {}  # by agent
        self._last: dict[str, _Call] = {}  # by agent: he may say something of it hours later

    @property
    def open_calls(self) -> list[str]:
        """The calls that have begun and not ended, in order of arrival."""
        return [name for name, call in self._calls.items() if call.cleared is None]

    def feed(self, event: Event) -> CallRecord | None:
        """Take one event; return the record of a call that ended, where this one changed it."""
        handler = _HANDLERS.get(type(event))
        return None if handler is None else handler(self, event)

    # --- one method an event -----------------------------------------------------------

    def _offered(self, event: Offered) -> CallRecord | None:
        self._forget_before(event.at - LINGER_S)
        self._calls[event.call] = _Call(
            call=event.call,
            ani=event.ani,
            dnis=event.dnis,
            trunk=event.trunk,
            offered_at=event.at,
            caller_leg=event.leg,
        )
        return None

    def _originated(self, event: Originated) -> CallRecord | None:
        """A call of ours begins; or, after its agent, or after a first try, its customer's."""
        call = self._calls.get(event.call)
        if call is None:
            self._forget_before(event.at - LINGER_S)
            call = self._calls[event.call] = _Call(
                call=event.call,
                ani=event.ani,
                dnis=event.dnis,
                trunk=event.trunk,
                offered_at=event.at,
                caller_leg="",
                direction=event.direction,
            )
        elif event.direction is Direction.INTERNAL:  # it came in, from a phone of ours
            call.direction = Direction.INTERNAL
            call.dnis = event.dnis or call.dnis  # it was begun without
            call.caller_leg = ""
        if event.party is Party.CALLER:
            if call.direction is Direction.INTERNAL:  # to a number outside, as it turns out
                call.direction = Direction.OUT
            call.ani, call.dnis, call.trunk = event.ani, event.dnis, event.trunk
            call.caller_leg = event.leg
        return None

    def _established(self, event: Established) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None and event.party is Party.CALLER and call.answered_at is None:
            call.answered_at = event.at
        return None

    def _queued(self, event: Queued) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None:
            if call.queued_at is None:  # back in the queue after a ring unanswered: still waiting
                call.queued_at = event.at
            call.queue = event.queue
        return None

    def _routed(self, event: Routed) -> CallRecord | None:
        """One who is told at the door that the queue is closed wanted an agent as well."""
        call = self._calls.get(event.contact)
        if call is not None and event.step == SENT_ON:
            call.sent_on = True
            call.queue = event.queue
        return None

    def _message_left(self, event: VoicemailLeft) -> CallRecord | None:
        """Often after the call: its file is complete a moment after the caller hung up."""
        call = self._calls.get(event.call)
        if call is None:
            return None
        call.attended = True
        return call.record()

    def _callback_requested(self, event: CallbackRequested) -> CallRecord | None:
        call = None if event.call is None else self._calls.get(event.call)
        if call is None or event.origin not in PROMISED:
            return None
        call.attended = True
        return call.record()

    def _delivered(self, event: Delivered) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None:
            call.delivered[event.leg] = (event.agent, event.at)
        return None

    def _failed(self, event: Failed) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None and event.party is Party.AGENT and event.cause in RANG_UNANSWERED:
            call.rings_unanswered += 1
        return None

    def _bridged(self, event: Bridged) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is None:
            return None
        leg = next((leg for leg in event.legs if leg in call.delivered), None)
        if leg is not None:
            call.agent_leg = leg
            name, call.delivered_at = call.delivered[leg]
            call.agent = name or None  # a number outside has none
        elif event.agent is not None:  # an agent who was reached without ringing
            call.agent_leg = next((leg for leg in event.legs if leg != call.caller_leg), None)
            call.agent, call.delivered_at = event.agent, event.at
        else:
            return None  # two legs of which none is an agent's
        if call.agent is not None:
            self._last[call.agent] = call
        if call.connected_at is None:
            call.connected_at = event.at
        return None

    def _transferred(self, event: Transferred) -> CallRecord | None:
        """Somebody else has it from now on."""
        call = self._calls.get(event.call)
        if call is not None and call.connected_at is not None and event.to_agent is not None:
            call.agent_leg, call.agent = event.to_leg, event.to_agent
        return None

    def _connection_cleared(self, event: ConnectionCleared) -> CallRecord | None:
        return self._add_quality(event.call, event.leg, event.quality)

    def _quality_reported(self, event: QualityReported) -> CallRecord | None:
        return self._add_quality(event.call, event.leg, event.quality)

    def _add_quality(self, name: str, leg: str, quality: Quality | None) -> CallRecord | None:
        call = self._calls.get(name)
        if call is None or quality is None:
            return None
        call.quality[leg] = quality
        return call.record() if leg in (call.caller_leg, call.agent_leg) else None

    def _call_cleared(self, event: CallCleared) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is None or call.cleared is not None:
            return None
        call.cleared = event
        self._cleared[event.call] = event.at
        return call.record()

    def _flow_stepped(self, event: FlowStepped) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None:
            call.ivr_path = (*call.ivr_path, f"{event.flow}:{event.step}")
        return None

    def _digits_detected(self, event: DigitsDetected) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None:
            call.digits += event.digits
        return None

    def _recording_started(self, event: RecordingStarted) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None:
            call.recording = event.path
        return None

    def _working_after_call(self, event: AgentWorkingAfterCall) -> CallRecord | None:
        call = self._calls.get(event.call)
        if call is not None:
            self._wrapping[event.agent] = call
        return None

    def _wrapped_up(self, event: WrappedUp) -> CallRecord | None:
        """In the call, after it, or when it is long over."""
        call = self._calls.get(event.call) or self._last.get(event.agent)
        if call is None or call.call != event.call:
            return None
        call.disposition, call.notes = event.disposition, event.notes
        return call.record()

    def _agent_moved_on(
        self, event: AgentReady | AgentNotReady | AgentReserved | AgentLoggedOff
    ) -> CallRecord | None:
        call = self._wrapping.pop(event.agent, None)
        if call is None:
            return None
        call.wrap_up_ended_at = event.at
        return call.record()

    def _forget_before(self, at: float) -> None:
        while self._cleared:
            name, cleared_at = next(iter(self._cleared.items()))
            if cleared_at > at:
                return
            del self._cleared[name]
            del self._calls[name]


_HANDLERS: dict[type[Event], Callable[[CallRecords, Any], CallRecord | None]] = {
    Offered: CallRecords._offered,
    Originated: CallRecords._originated,
    Established: CallRecords._established,
    Queued: CallRecords._queued,
    VoicemailLeft: CallRecords._message_left,
    CallbackRequested: CallRecords._callback_requested,
    Delivered: CallRecords._delivered,
    Failed: CallRecords._failed,
    Bridged: CallRecords._bridged,
    Transferred: CallRecords._transferred,
    ConnectionCleared: CallRecords._connection_cleared,
    QualityReported: CallRecords._quality_reported,
    CallCleared: CallRecords._call_cleared,
    FlowStepped: CallRecords._flow_stepped,
    DigitsDetected: CallRecords._digits_detected,
    RecordingStarted: CallRecords._recording_started,
    Routed: CallRecords._routed,
    WrappedUp: CallRecords._wrapped_up,
    AgentWorkingAfterCall: CallRecords._working_after_call,
    AgentReady: CallRecords._agent_moved_on,
    AgentNotReady: CallRecords._agent_moved_on,
    AgentReserved: CallRecords._agent_moved_on,
    AgentLoggedOff: CallRecords._agent_moved_on,
}
