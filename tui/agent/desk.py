"""What an agent sees: his seat, his lines, who calls, his queues, his day. Sans-IO.

Folded from what his monitor says (a state, then events), from `workplace` and `pulse`, and
from his own call records. Values that are given out are frozen; times are seconds since the
epoch. Nothing here knows of screens, sockets or clocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ccd.cti.catalogue import AgentView, CallView, SnapshotResult
from ccd.cti.desk_operations import (
    AdherenceView,
    PulseResult,
    QueuePulse,
    ServedQueueView,
    TeamView,
    WorkplaceResult,
)
from ccd.cti.mirror import ANSWERED, Calls, LiveCall, LiveLeg
from ccd.events import (
    AGENT_STATES,
    AgentLoggedOn,
    AgentWorkingAfterCall,
    CallCleared,
    DataAssociated,
    Delivered,
    DigitsDetected,
    Event,
    LineNailedUp,
    LineReleased,
    MessageSent,
    Originated,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
    ReturnedFromIvr,
    SeatLocked,
    SeatOpened,
    SentToIvr,
    WrappedUp,
)
from ccd.model import AgentState, CallRecord, ConnectionState, Customer, Direction

KEPT_MESSAGES = 100
KEPT_CALLS = 64
"""Calls that are over of which it is still known who it was, for after-call work and redialling."""

SHOWN_ELSEWHERE = frozenset({"ani", "dnis"})
"""Of a call's data: what the screen shows elsewhere."""


class Stage(StrEnum):
    """How far one of his calls is, from where he sits."""

    RINGING = "ringing"
    """It rings for him."""
    DIALLING = "dialling"
    """He calls somebody; his own phone rings first."""
    DIAL_TONE = "dial_tone"
    """He has a line, and has not said whom to call."""
    CALLING = "calling"
    """The other party's phone rings."""
    WAITING = "waiting"
    """He waits in a queue himself."""
    SPEAKING = "speaking"
    HELD = "held"
    CONFERENCE = "conference"
    """With more than one other."""
    IVR = "ivr"
    """The caller keys something in a flow, and comes back."""
    LISTENING = "listening"
    MESSAGE = "message"
    """He hears what somebody left on voicemail."""


LIVE = frozenset(
    {
        *(Stage.SPEAKING, Stage.CONFERENCE, Stage.CALLING),
        *(Stage.WAITING, Stage.DIAL_TONE, Stage.MESSAGE),
    }
)
"""Stages in which he is in the call now."""


@dataclass(frozen=True)
class Line:
    """One of his calls."""

    call: str
    leg: str
    stage: Stage
    who: str
    """The customer's name, the colleague's, or the number."""
    number: str = ""
    direction: Direction = Direction.IN
    queue: str = ""
    since: float = 0.0
    """When this stage began."""
    begun: float = 0.0
    """When the call came in, or began."""
    others: tuple[str, ...] = ()
    """Whom he speaks with, beside the first."""
    data: Mapping[str, str] = field(default_factory=dict)
    customer: Customer | None = None
    matches: int = 0
    recording: bool = False
    paused: bool = False


@dataclass(frozen=True)
class Seat:
    """Who sits here, and how."""

    agent: str
    full_name: str = ""
    phone: str = ""
    state: AgentState = AgentState.LOGGED_OUT
    reason: str = ""
    since: float = 0.0
    locked: bool = False
    queues: tuple[str, ...] = ()
    nailed_up: bool = False
    """His phone is called and kept: calls are put through to it."""


@dataclass(frozen=True)
class Wrapping:
    """After-call work."""

    call: str
    who: str
    number: str
    queue: str
    since: float
    limit_s: float = 0.0
    """0: none."""
    required: bool = False
    """It ends when he says what came of it."""
    said: bool = False
    customer: Customer | None = None


@dataclass(frozen=True)
class Day:
    """His own figures."""

    handled: int = 0
    talk_s: float = 0.0
    wrap_s: float = 0.0
    in_level: int = 0
    """Answered within the queue's service level."""
    queued: int = 0
    """Handled calls that came by a queue: those `in_level` is of."""
    occupied_s: float = 0.0
    at_work_s: float = 0.0
    since: float = 0.0
    """What occupancy is reckoned from: this screen's beginning, or the log-in after it."""

    @property
    def aht_s(self) -> float:
        """Average handling time: talk and after-call work, a call."""
        return (self.talk_s + self.wrap_s) / self.handled if self.handled else 0.0

    @property
    def occupancy(self) -> float | None:
        """Share of his time on calls that he was occupied; None where there was none."""
        return self.occupied_s / self.at_work_s if self.at_work_s else None

    @property
    def level(self) -> float | None:
        """Share of calls answered in time."""
        return self.in_level / self.queued if self.queued else None


@dataclass(frozen=True)
class Message:
    """A line from somebody."""

    at: float
    by: str
    text: str


@dataclass
class _About:
    """What is known of a call beside its connections."""

    number: str = ""
    direction: Direction = Direction.IN
    data: dict[str, str] = field(default_factory=dict)
    customer: Customer | None = None
    matches: int = 0
    mine: bool = False
    """He began it."""
    in_ivr: bool = False
    recording: bool = False
    paused: bool = False
    queue: str = ""
    stage: Stage | None = None
    stage_at: float = 0.0


class Desk:
    """See the module."""

    def __init__(self, agent: str) -> None:
        self.place = WorkplaceResult(agent=agent)
        self.pulse: tuple[QueuePulse, ...] = ()
        self.team: tuple[TeamView, ...] = ()
        self.adherence: AdherenceView | None = None
        self.pulse_s = 0.0
        """How long the daemon asks to be left in peace between two pulses."""
        self.messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self.unread = 0
        """Messages that came since they were last looked at."""
        self.day = Day()
        self.last_dialled = ""
        self.heard_at = 0.0
        """When the daemon was last heard of."""
        self._seat = Seat(agent)
        self._calls = Calls()
        self._about: dict[str, _About] = {}
        self._wrapping: Wrapping | None = None
        self._occupied: float | None = None
        self._worked: float | None = None

    # --- what is told ---------------------------------------------------------------------

    def furnish(self, place: WorkplaceResult) -> None:
        """What the settings say of his work."""
        self.place = place
        self._seat = replace(self._seat, full_name=place.full_name, phone=place.phone)

    def begin(self, state: SnapshotResult) -> None:
        """How he and his calls are now: the events that follow go on from there."""
        view = next((each for each in state.agents if each.agent == self._seat.agent), None)
        self._calls = Calls()
        for call in state.calls:
            self._know(call)
        kept = {call.call for call in state.calls}
        for call_id, about in self._about.items():
            if call_id not in kept:
                about.stage = None
        if view is not None:
            self._be(view.state, view.since or state.at, view.reason or "", state.at)
            self._seat = replace(
                self._seat,
                queues=view.queues,
                phone=view.phone or self._seat.phone,
                nailed_up=view.nailed_up,
            )
            self._wrap(view, state.at)
        self._restage(state.at)

    def _wrap(self, view: AgentView, at: float) -> None:
        if view.state is not AgentState.WRAP_UP:
            self._wrapping = None
        elif self._wrapping is None or self._wrapping.call != view.call:
            self._wrapping = self._wrapping_of(view.call or "", view.since or at)

    def apply(self, event: Event, call: CallView | None = None) -> None:
        """Something happened; `call` is how a call is that came to him by it."""
        if call is not None:
            self._know(call)
        else:
            self._calls.apply(event)
        self._follow_seat(event)
        self._follow_call(event)
        self._restage(event.at)
        self.heard_at = max(self.heard_at, event.at)

    def beat(self, pulse: PulseResult) -> None:
        """How his queues are."""
        self.pulse, self.team = pulse.queues, pulse.team
        self.adherence, self.pulse_s = pulse.adherence, pulse.again_s
        self.heard_at = max(self.heard_at, pulse.at)

    def calls_of_today(self, records: Iterable[CallRecord]) -> None:
        """His call records of today, which his figures are made of."""
        levels = {queue.name: queue.service_level_s for queue in self.place.queues}
        mine = [each for each in records if each.connected_at is not None]
        waits = [
            (each.connected_at - each.queued_at, levels.get(each.queue or "", 20.0))
            for each in mine
            if each.connected_at is not None and each.queued_at is not None
        ]
        self.day = replace(
            self.day,
            handled=len(mine),
            talk_s=sum(each.cleared_at - (each.connected_at or 0.0) for each in mine),
            wrap_s=sum(
                each.wrap_up_ended_at - each.cleared_at
                for each in mine
                if each.wrap_up_ended_at is not None
            ),
            queued=len(waits),
            in_level=sum(wait <= level for wait, level in waits),
        )

    def customer_is(self, call: str, customer: Customer | None, matches: int) -> None:
        """Who a call is with, asked for after a break."""
        about = self._about.setdefault(call, _About())
        about.customer, about.matches = customer, matches

    def read_messages(self) -> None:
        """He has seen them."""
        self.unread = 0

    # --- what is so -----------------------------------------------------------------------

    @property
    def seat(self) -> Seat:
        """Who sits here."""
        return self._seat

    @property
    def wrapping(self) -> Wrapping | None:
        """The after-call work that he is in."""
        return self._wrapping if self._seat.state is AgentState.WRAP_UP else None

    @property
    def lines(self) -> tuple[Line, ...]:
        """His calls, that which needs him first: ringing, spoken in, held."""
        found = [line for call in self._calls.live.values() if (line := self._line(call))]
        return tuple(sorted(found, key=lambda line: (_ORDER[line.stage], line.begun)))

    @property
    def active(self) -> Line | None:
        """The one that he is in, or that rings."""
        return next((line for line in self.lines if line.stage is not Stage.HELD), None)

    def line(self, *stages: Stage) -> Line | None:
        """The first of his calls in one of these stages."""
        return next((line for line in self.lines if line.stage in stages), None)

    @property
    def shown(self) -> Line | None:
        """The call whose caller the screen shows."""
        lines = self.lines
        with_customer = [line for line in lines if line.direction is not Direction.INTERNAL]
        return next(iter((*with_customer, *lines)), None)

    @property
    def subject(self) -> Line | Wrapping | None:
        """What notes, callbacks and the caller's pane are about: a call, or the one wrapped up."""
        return self.shown or self.wrapping

    @property
    def queue(self) -> ServedQueueView | None:
        """The queue of the call that the screen shows, or that he wraps up."""
        name = "" if self.subject is None else self.subject.queue
        return next((each for each in self.place.queues if each.name == name), None)

    def title(self, name: str) -> str:
        """How people read the name of a queue or a colleague."""
        contacts = (each for each in self.place.contacts if each.name == name and each.title)
        return next((each.title for each in contacts), name)

    def figures(self, now: float) -> Day:
        """His figures up to now."""
        day = self.day
        return replace(
            day,
            occupied_s=day.occupied_s + (now - self._occupied if self._occupied else 0.0),
            at_work_s=day.at_work_s + (now - self._worked if self._worked else 0.0),
        )

    # --- inside -----------------------------------------------------------------------------

    def _follow_seat(self, event: Event) -> None:
        if getattr(event, "agent", None) != self._seat.agent:
            return
        state = AGENT_STATES.get(type(event))
        if state is not None:
            self._be(state, event.at, getattr(event, "reason", ""), event.at)
        match event:
            case AgentLoggedOn():
                self._seat = replace(
                    self._seat, queues=tuple(event.queues), phone=event.phone or self._seat.phone
                )
            case AgentWorkingAfterCall():
                self._wrapping = self._wrapping_of(event.call, event.at)
            case WrappedUp():
                if self._wrapping is not None and self._wrapping.call == event.call:
                    self._wrapping = replace(self._wrapping, said=True)
            case SeatLocked():
                self._seat = replace(self._seat, locked=True)
            case SeatOpened():
                self._seat = replace(self._seat, locked=False)
            case LineNailedUp() | LineReleased():
                self._seat = replace(self._seat, nailed_up=isinstance(event, LineNailedUp))
            case MessageSent():
                self.messages.append(Message(event.at, event.by, event.text))
                self.unread += 1
            case _:
                pass

    def _be(self, state: AgentState, since: float, reason: str, now: float) -> None:
        locked = self._seat.locked or (state is AgentState.NOT_READY and reason == "locked")
        self._seat = replace(self._seat, state=state, since=since, reason=reason, locked=locked)
        occupied = state in (AgentState.BUSY, AgentState.WRAP_UP, AgentState.RESERVED)
        at_work = occupied or state is AgentState.READY
        if self._occupied is not None and not occupied:
            self.day = replace(self.day, occupied_s=self.day.occupied_s + now - self._occupied)
        if self._worked is not None and not at_work:
            self.day = replace(self.day, at_work_s=self.day.at_work_s + now - self._worked)
        self._occupied = (self._occupied or now) if occupied else None
        self._worked = (self._worked or now) if at_work else None
        if not self.day.since:
            self.day = replace(self.day, since=now)

    def _follow_call(self, event: Event) -> None:
        name = getattr(event, "call", "") or ""
        if not name:
            return
        about = self._about.get(name)
        if about is None:
            about = self._about[name] = _About()
            for old in list(self._about)[: len(self._about) - KEPT_CALLS]:
                if old not in self._calls.live:
                    del self._about[old]
        match event:
            case Originated():
                about.direction = event.direction
                if event.agent == self._seat.agent:
                    about.mine = True
                about.number = event.dnis or about.number
                if about.mine and about.number:
                    self.last_dialled = about.number
            case Delivered():
                about.data.update(event.data)
                if event.agent == self._seat.agent:
                    about.queue = event.queue or about.queue
                    if not about.mine:
                        about.number = event.ani
                about.customer = event.customer or about.customer
                about.matches = event.matches or about.matches
            case DataAssociated():
                about.data.update(event.data)
            case DigitsDetected():
                about.data["digits"] = (about.data.get("digits", "") + event.digits)[-32:]
            case SentToIvr():
                about.in_ivr = True
            case ReturnedFromIvr():
                about.in_ivr = False
                about.data.update(event.data)
            case RecordingStarted():
                about.recording, about.paused = True, False
            case RecordingStopped():
                about.recording = about.paused = False
            case RecordingPaused():
                about.paused = True
            case RecordingResumed():
                about.paused = False
            case CallCleared():
                about.in_ivr = about.recording = False
            case _:
                pass

    def _know(self, view: CallView) -> None:
        self._calls.live[view.call] = LiveCall.of(view)
        about = self._about.setdefault(view.call, _About())
        about.number = about.number or view.ani
        about.queue = about.queue or view.queue or ""
        if not any(leg.party == "caller" for leg in view.legs) and not about.mine:
            about.direction = Direction.INTERNAL

    def _restage(self, at: float) -> None:
        for call in self._calls.live.values():
            about = self._about.setdefault(call.id, _About())
            leg = self._leg(call)
            stage = None if leg is None else self._stage(call, leg, about)
            if stage is not about.stage:
                about.stage, about.stage_at = stage, at

    def _leg(self, call: LiveCall) -> LiveLeg | None:
        return next((leg for leg in call.legs.values() if leg.agent == self._seat.agent), None)

    def _stage(self, call: LiveCall, leg: LiveLeg, about: _About) -> Stage:
        if leg.state not in ANSWERED:
            return Stage.DIALLING if about.mine else Stage.RINGING
        if leg.mode is not None:
            return Stage.LISTENING
        if about.in_ivr:
            return Stage.IVR
        if leg.state == ConnectionState.HOLD.value:
            return Stage.HELD
        others = [each for each in call.legs.values() if each is not leg and each.mode is None]
        here = [each for each in others if each.state in ANSWERED]
        if len(here) > 1:
            return Stage.CONFERENCE
        if here:
            return Stage.SPEAKING
        if call.waits_since is not None:
            return Stage.WAITING
        if "voicemail" in about.data:
            return Stage.MESSAGE
        return Stage.CALLING if others else Stage.DIAL_TONE

    def _line(self, call: LiveCall) -> Line | None:
        leg = self._leg(call)
        about = self._about.get(call.id)
        if leg is None or about is None or about.stage is None:
            return None
        others = [
            each.agent
            for each in call.legs.values()
            if each.agent and each is not leg and each.mode is None
        ]
        internal = not any(each.party == "caller" for each in call.legs.values())
        number = about.number or call.ani
        if internal:
            number = (call.dnis if about.mine else call.ani) or number
        who = about.customer.name if about.customer is not None and not internal else ""
        if not who:
            named = others[0] if internal and others else number
            who = self.title(named)
        return Line(
            call=call.id,
            leg=leg.id,
            stage=about.stage,
            who=who or number,
            number=number,
            direction=Direction.INTERNAL if internal else about.direction,
            queue=about.queue or call.queue or "",
            since=about.stage_at,
            begun=call.offered_at,
            others=tuple(self.title(name) for name in (others[1:] if internal else others)),
            data={k: v for k, v in about.data.items() if k not in SHOWN_ELSEWHERE},
            customer=about.customer,
            matches=about.matches,
            recording=about.recording,
            paused=about.paused,
        )

    def _wrapping_of(self, call: str, since: float) -> Wrapping:
        about = self._about.get(call) or _About()
        queue = next((each for each in self.place.queues if each.name == about.queue), None)
        who = about.customer.name if about.customer is not None else ""
        return Wrapping(
            call=call,
            who=who or self.title(about.number) or call,
            number=about.number,
            queue=about.queue,
            since=since,
            limit_s=0.0 if queue is None or queue.disposition_required else queue.wrap_up_s,
            required=queue is not None and queue.disposition_required,
            customer=about.customer,
        )


_ORDER = {
    stage: place
    for place, stage in enumerate(
        (
            Stage.RINGING,
            Stage.SPEAKING,
            Stage.MESSAGE,
            Stage.CONFERENCE,
            Stage.CALLING,
            Stage.WAITING,
            Stage.DIAL_TONE,
            Stage.DIALLING,
            Stage.LISTENING,
            Stage.IVR,
            Stage.HELD,
        )
    )
}
