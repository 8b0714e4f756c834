"""What happens in the centre: one stream of typed, numbered, frozen events.

The journal stores them, the CTI publishes them, statistics fold them, screens render
them; nobody keeps a second truth. Names are CSTA's (ECMA-269, clause 17) where it has
one. `seq` counts from 1 without a gap over the life of a state folder, `at` is seconds
since the Unix epoch, UTC; both are stamped by `EventStream.publish`.

On the wire and in the journal an event is a map whose `type` names the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ccd.model import (
    AgentState,
    Cause,
    Customer,
    Direction,
    ListenMode,
    Party,
    Quality,
    SystemState,
)


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """What every event carries."""

    seq: int = 0
    at: float = 0.0


# --- calls and their connections -------------------------------------------------


class Offered(Event, frozen=True, kw_only=True):
    """A call came in from outside; nothing is answered yet."""

    call: str
    leg: str
    ani: str
    dnis: str
    trunk: str


class Originated(Event, frozen=True, kw_only=True):
    """We call somebody: an outgoing call begins, or its next party is dialled.

    A customer (`party` caller) through a trunk, or first the agent who is to speak with him;
    then `leg` is the agent's, and the customer's own `Originated` follows when he is dialled.
    Of a call that was begun without a number it is said again, when the number is dialled.
    """

    call: str
    leg: str
    ani: str
    """The number that we show."""
    dnis: str
    """The number dialled; empty where it is not known yet."""
    trunk: str
    """Empty where no trunk is used yet."""
    party: Party = Party.CALLER
    direction: Direction = Direction.OUT
    """`internal` where it is for one of us, as far as is known."""
    agent: str | None = None
    """Whose `leg` it is."""
    connected: bool = False
    """`leg` speaks already: it began this call while it has others (consultation call)."""


class Established(Event, frozen=True, kw_only=True):
    """A connection is answered: the caller's by us, or an agent's by the agent."""

    call: str
    leg: str
    party: Party
    agent: str | None = None


class Queued(Event, frozen=True, kw_only=True):
    """The call waits for an agent of this queue, at this position (1 is next)."""

    call: str
    queue: str
    position: int


class Dequeued(Event, frozen=True, kw_only=True):
    """The call left the queue; `reason` says why: `assigned`, `picked_up`, `deflected`, `overflowed`,
    `abandoned` (the customer hung up), `withdrawn` (a colleague who consulted the queue did)..."""

    call: str
    queue: str
    reason: str
    waited: float


class Delivered(Event, frozen=True, kw_only=True):
    """The call is at an agent's phone, which is asked to ring."""

    call: str
    leg: str
    agent: str
    """Empty where it is a number outside that rings."""
    queue: str
    number: str = ""
    """The number outside."""
    ani: str = ""
    dnis: str = ""
    data: dict[str, str] = {}
    """What was gathered on the way and travels with the call."""
    customer: Customer | None = None
    """Who calls, where the customer store knows exactly one; published before the phone is called."""
    matches: int = 0
    """How many customers it could be; 0: unknown, or the number was withheld."""
    mode: ListenMode | None = None
    """He is called to listen so; none: to be a party."""


class Bridged(Event, frozen=True, kw_only=True):
    """Two connections hear each other from now on."""

    call: str
    legs: tuple[str, str]
    agent: str | None = None


class Held(Event, frozen=True, kw_only=True):
    """A connection was put on hold; `by` says who did it."""

    call: str
    leg: str
    by: Party


class Retrieved(Event, frozen=True, kw_only=True):
    """A held connection is connected again."""

    call: str
    leg: str
    by: Party


class Transferred(Event, frozen=True, kw_only=True):
    """The call went from one party to another destination (ECMA-269, Transferred event).

    After a consultation `secondary` is the call that it was, which is over by this.
    """

    call: str
    from_leg: str
    to_leg: str
    secondary: str = ""
    agent: str | None = None
    """Who gave it away."""
    to_agent: str | None = None


class CallerChanged(Event, frozen=True, kw_only=True):
    """Of two colleagues one gives the other away: he is the call's caller from now on."""

    call: str
    leg: str
    """The caller's."""
    ani: str
    """What the next one's phone shows."""
    agent: str | None = None


class Conferenced(Event, frozen=True, kw_only=True):
    """A party joined the conversation (ECMA-269, 17.2.3): all `legs` hear each other.

    After a consultation `secondary` is the call that it was, which is over by this.
    """

    call: str
    leg: str
    """Who joined."""
    legs: tuple[str, ...]
    """Those who are in the conversation now; a party that holds the call is not."""
    secondary: str = ""
    agent: str | None = None
    """Who brought him in."""


class Diverted(Event, frozen=True, kw_only=True):
    """The call was at this connection and goes elsewhere (ECMA-269, 17.2.7): deflected, or picked up."""

    call: str
    leg: str
    agent: str
    to: str
    """An agent, a queue, or a number outside."""
    why: str
    """`deflected` or `picked_up`."""


class Joined(Event, frozen=True, kw_only=True):
    """Somebody listens to, whispers in, or speaks in a conversation that he was no party of, or does
    so otherwise than before (ECMA-269, join call)."""

    call: str
    leg: str
    agent: str
    """The supervisor."""
    mode: ListenMode
    to_agent: str | None = None
    """The agent whom he listens to, or whispers to."""


class Parked(Event, frozen=True, kw_only=True):
    """The call waits, with music, until somebody takes it from there; `leg` left it there."""

    call: str
    leg: str
    agent: str | None
    place: str


class Unparked(Event, frozen=True, kw_only=True):
    """Somebody took the call, or nobody did in time (`agent` None) and it goes back to who parked it."""

    call: str
    place: str
    agent: str | None = None


class DataAssociated(Event, frozen=True, kw_only=True):
    """Data was attached to the call (ECMA-269, associate data); the new values alone."""

    call: str
    data: dict[str, str]
    by: str = ""


class SentToIvr(Event, frozen=True, kw_only=True):
    """An agent sent his caller through a flow, to key a PIN, say; he comes back."""

    call: str
    flow: str
    agent: str


class ReturnedFromIvr(Event, frozen=True, kw_only=True):
    """The caller is back with the agent; `outcome` is the flow's word, `data` what it gathered."""

    call: str
    flow: str
    agent: str
    outcome: str
    data: dict[str, str] = {}


# --- routing by an outside program (ECMA-269, routing services) --------------------


class RouteRegistered(Event, frozen=True, kw_only=True):
    """A program is asked about calls for this queue from now on."""

    router: str
    queue: str


class RouteCancelled(Event, frozen=True, kw_only=True):
    """And no longer; `reason` is cancelled, session_lost, or failing."""

    router: str
    queue: str
    reason: str


class RouteRequested(Event, frozen=True, kw_only=True):
    """Where shall this call go? The router has until `deadline` (seconds since the epoch)."""

    call: str
    router: str
    queue: str
    ani: str
    dnis: str
    data: dict[str, str] = {}
    deadline: float


class RouteUsed(Event, frozen=True, kw_only=True):
    """Where it went: the router's destination, or by `why` (`ccd.control.routing.Why`) the ACD's.

    Follows every `RouteRequested`, once a call and queue; `destination` is empty where the caller left.
    """

    call: str
    router: str
    destination: str
    why: str = ""


class Failed(Event, frozen=True, kw_only=True):
    """A connection could not be made (the agent's phone was busy, gone or silent)."""

    call: str
    leg: str
    party: Party
    cause: Cause
    agent: str | None = None


class ConnectionCleared(Event, frozen=True, kw_only=True):
    """One party left the call."""

    call: str
    leg: str
    party: Party
    cause: Cause
    quality: Quality | None = None


class CallCleared(Event, frozen=True, kw_only=True):
    """The call is over for everybody. `status` is SIP's where we refused it."""

    call: str
    cause: Cause
    released_by: Party
    status: int | None = None


class QualityReported(Event, frozen=True, kw_only=True):
    """The media worker's last word on a leg's audio; follows its clearing."""

    call: str
    leg: str
    party: Party
    quality: Quality


# --- service without a person -----------------------------------------------------


class FlowStepped(Event, frozen=True, kw_only=True):
    """The IVR entered a step of a flow."""

    call: str
    flow: str
    step: str


class DigitsDetected(Event, frozen=True, kw_only=True):
    """The caller keyed this; secrets are published as asterisks."""

    call: str
    leg: str
    digits: str


class DigitsGenerated(Event, frozen=True, kw_only=True):
    """An agent had digits keyed to the other parties (ECMA-269, 18.2.3).

    An asterisk stands for each: it may be a PIN for a bank's menu, and nothing tells which is one.
    """

    call: str
    leg: str
    """His connection."""
    agent: str
    digits: str


class Play(Event, frozen=True, kw_only=True):
    """An agent has a message played into the conversation (ECMA-269, 26.2.7)."""

    call: str
    leg: str
    """His connection."""
    agent: str
    message: str
    """Its name."""
    legs: tuple[str, ...]
    """Who hears it."""


class RecordingStarted(Event, frozen=True, kw_only=True):
    """Both sides go to this file, caller left, agent right."""

    call: str
    path: str


class RecordingStopped(Event, frozen=True, kw_only=True):
    """The file is complete on disk."""

    call: str
    path: str
    seconds: float


class RecordingPaused(Event, frozen=True, kw_only=True):
    """The file goes on in silence, while a customer says a card number, say."""

    call: str
    path: str
    by: str = ""


class RecordingResumed(Event, frozen=True, kw_only=True):
    """It goes on with what is said."""

    call: str
    path: str
    by: str = ""


# --- distribution -----------------------------------------------------------------


class Routed(Event, frozen=True, kw_only=True):
    """A step of a contact on its way to somebody, and why it was taken.

    `step` is one of `ccd.acd.steps` (assigned, widened, overflowed, returned ...); `why` says
    it in words for people, `facts` holds the figures that it was decided by.
    """

    contact: str
    step: str
    queue: str | None = None
    agent: str | None = None
    why: str = ""
    facts: dict[str, str | int | float] = {}


class DistributorTold(Event, frozen=True, kw_only=True):
    """What the distributor was told lately (`ccd.acd.tape`): verb, arguments, named arguments of each.

    With it a journal's decisions can be taken again."""

    inputs: tuple[tuple[str, list[Any], dict[str, Any]], ...]


class WaitEstimated(Event, frozen=True, kw_only=True):
    """How long the contact is likely to wait from now on: half of such waits, and nine in ten of
    them, are shorter than these (seconds). None where nothing can be said yet."""

    contact: str
    queue: str
    position: int
    p50: float | None
    p90: float | None


class CallbackRequested(Event, frozen=True, kw_only=True):
    """A customer is to be called back; `origin`: offered, overflow, scheduled, or abandoned."""

    callback: str
    queue: str
    number: str
    origin: str
    due_at: float | None = None
    """Not before this time (seconds since the epoch); None: in its place in the queue."""
    enqueued_at: float
    """The place that it keeps, seconds since the epoch."""
    call: str | None = None


class CallbackTried(Event, frozen=True, kw_only=True):
    """A customer was called back; `cause` says why he could not be had, None: he was."""

    callback: str
    attempt: int
    cause: Cause | None = None
    next_at: float | None = None
    """When he is tried again, seconds since the epoch."""


class CallbackResolved(Event, frozen=True, kw_only=True):
    """Nobody need call this customer back any more; `outcome`: answered, unreachable, cancelled,
    called_in (he called again and was served), or closed (its queue closed, told to a supervisor)."""

    callback: str
    queue: str
    number: str
    outcome: str


class VoicemailLeft(Event, frozen=True, kw_only=True):
    """A caller left a message for a queue."""

    voicemail: str
    call: str
    queue: str
    number: str
    path: str
    seconds: float


class VoicemailHeard(Event, frozen=True, kw_only=True):
    """An agent has heard the message; it is done."""

    voicemail: str
    agent: str


class StrategyFailed(Event, frozen=True, kw_only=True):
    """A queue's strategy raised; the contact was given by `longest_idle` in its place."""

    queue: str
    strategy: str
    error: str


class QueueChanged(Event, frozen=True, kw_only=True):
    """A queue was opened, changed or closed while the daemon ran."""

    queue: str
    change: str


# --- people ------------------------------------------------------------------------


class AgentLoggedOn(Event, frozen=True, kw_only=True):
    """An agent began a shift at this phone, for these queues."""

    agent: str
    phone: str
    queues: tuple[str, ...] = ()


class AgentLoggedOff(Event, frozen=True, kw_only=True):
    """An agent's shift ended."""

    agent: str


class AgentSkillsChanged(Event, frozen=True, kw_only=True):
    """What an agent serves, and how well he can, was changed."""

    agent: str
    queues: tuple[str, ...] = ()
    skills: dict[str, int] = {}


class AgentReady(Event, frozen=True, kw_only=True):
    """The agent can be given a call."""

    agent: str


class AgentNotReady(Event, frozen=True, kw_only=True):
    """The agent cannot be given a call, for this reason (`rona` after a ring unanswered)."""

    agent: str
    reason: str


class AgentReserved(Event, frozen=True, kw_only=True):
    """A call was assigned to the agent and is on its way."""

    agent: str
    call: str


class AgentBusy(Event, frozen=True, kw_only=True):
    """The agent speaks."""

    agent: str
    call: str


class AgentWorkingAfterCall(Event, frozen=True, kw_only=True):
    """The agent wraps up the call just ended."""

    agent: str
    call: str


AGENT_STATES: Final[Mapping[type[Event], AgentState]] = {
    AgentLoggedOn: AgentState.NOT_READY,
    AgentLoggedOff: AgentState.LOGGED_OUT,
    AgentReady: AgentState.READY,
    AgentNotReady: AgentState.NOT_READY,
    AgentReserved: AgentState.RESERVED,
    AgentBusy: AgentState.BUSY,
    AgentWorkingAfterCall: AgentState.WRAP_UP,
}
"""What an agent is from each of these events on."""


class WrappedUp(Event, frozen=True, kw_only=True):
    """An agent said what came of a call."""

    agent: str
    call: str
    disposition: str
    notes: str = ""


class SeatLocked(Event, frozen=True, kw_only=True):
    """The agent left his seat locked: nobody acts for him until it is opened."""

    agent: str


class SeatOpened(Event, frozen=True, kw_only=True):
    """And is back; `by` is he, or the supervisor who opened it."""

    agent: str
    by: str


# --- the plant ---------------------------------------------------------------------


class MessageSent(Event, frozen=True, kw_only=True):
    """Somebody wrote an agent a line, for his screen."""

    agent: str
    """Who is to read it; one event for each."""
    by: str
    text: str


class LineNailedUp(Event, frozen=True, kw_only=True):
    """An agent's phone was called to be kept, and answered: calls are put through to it from now on."""

    agent: str
    phone: str


class LineReleased(Event, frozen=True, kw_only=True):
    """An agent's phone is kept no longer, or could not be had: calls ring it."""

    agent: str
    phone: str
    cause: Cause


class PhoneRegistered(Event, frozen=True, kw_only=True):
    """A phone can be reached at this contact until `expires_at`."""

    phone: str
    contact: str
    expires_at: float


class PhoneUnregistered(Event, frozen=True, kw_only=True):
    """A contact left or expired."""

    phone: str
    contact: str
    expired: bool


class TrunkStateChanged(Event, frozen=True, kw_only=True):
    """A trunk came into or went out of service."""

    trunk: str
    up: bool
    reason: str


class MediaWorkerStarted(Event, frozen=True, kw_only=True):
    """A media worker is ready to carry legs."""

    worker: int
    pid: int


class MediaWorkerLost(Event, frozen=True, kw_only=True):
    """A media worker died; its calls are being ended and a new one started."""

    worker: int
    reason: str
    calls: int


class OverloadChanged(Event, frozen=True, kw_only=True):
    """New calls are shed from now on, or no longer."""

    shedding: bool
    reason: str


class SystemStatusChanged(Event, frozen=True, kw_only=True):
    """The system is otherwise than before (ECMA-269, system status): `state` is the gravest that
    applies, `states` all of them, the gravest first."""

    state: SystemState
    states: tuple[SystemState, ...]
    reason: str = ""


class SystemStarted(Event, frozen=True, kw_only=True):
    """The daemon is up; sequence numbers go on from here."""

    version: str


class SystemStopping(Event, frozen=True, kw_only=True):
    """The daemon ends calmly: the last event of a run that was not killed."""

    reason: str


AnyEvent = (
    Offered
    | Originated
    | Established
    | Queued
    | Dequeued
    | Delivered
    | Bridged
    | Held
    | Retrieved
    | Transferred
    | Conferenced
    | Diverted
    | Joined
    | Parked
    | Unparked
    | CallerChanged
    | DataAssociated
    | SentToIvr
    | ReturnedFromIvr
    | RouteRegistered
    | RouteCancelled
    | RouteRequested
    | RouteUsed
    | Failed
    | ConnectionCleared
    | CallCleared
    | QualityReported
    | FlowStepped
    | DigitsDetected
    | DigitsGenerated
    | Play
    | RecordingStarted
    | RecordingStopped
    | RecordingPaused
    | RecordingResumed
    | Routed
    | DistributorTold
    | WaitEstimated
    | CallbackRequested
    | CallbackTried
    | CallbackResolved
    | VoicemailLeft
    | VoicemailHeard
    | StrategyFailed
    | QueueChanged
    | AgentLoggedOn
    | AgentLoggedOff
    | AgentSkillsChanged
    | AgentReady
    | AgentNotReady
    | AgentReserved
    | AgentBusy
    | AgentWorkingAfterCall
    | WrappedUp
    | SeatLocked
    | MessageSent
    | SeatOpened
    | LineNailedUp
    | LineReleased
    | PhoneRegistered
    | PhoneUnregistered
    | TrunkStateChanged
    | MediaWorkerStarted
    | MediaWorkerLost
    | OverloadChanged
    | SystemStatusChanged
    | SystemStarted
    | SystemStopping
)
"""The closed union, for decoding: `msgspec.convert(map, AnyEvent)`."""

E = TypeVar("E", bound=Event)


class EventStream:
    """Numbers events and hands each to every subscriber, in order, at once.

    A subscriber must not block and must not raise; one that publishes while it is
    called has its event delivered after the present one reached everybody.
    """

    def __init__(self, clock: Callable[[], float], last_seq: int = 0) -> None:
        self._clock = clock
        self._seq = last_seq
        self._subscribers: list[Callable[[Event], None]] = []
        self._pending: list[Event] = []
        self._delivering = False

    @property
    def last_seq(self) -> int:
        """The number of the newest event; 0 before the first of a new state folder."""
        return self._seq

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Have `subscriber` called with every event published from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: E) -> E:
        """Stamp `event` with the next number and the time, and deliver it."""
        self._seq += 1
        stamped = msgspec.structs.replace(event, seq=self._seq, at=self._clock())
        self._pending.append(stamped)
        if not self._delivering:
            self._delivering = True
            try:
                while self._pending:
                    current = self._pending.pop(0)
                    for subscriber in self._subscribers:
                        subscriber(current)
            finally:
                self._delivering = False
        return stamped
