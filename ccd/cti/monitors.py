"""Monitors: which events are about which agent, call or queue (ECMA-269, monitoring services).

The one place that decides it. An event is about

- a call: where it names it;
- an agent: where it names him, or a call that he is connected to (from the phone that is asked
  to ring to the connection's end, both included), or the phone that he is at;
- an agent, too: where it says afterwards what became of a call that was his (`AFTERWARDS`);
- a queue: where it names it, or a call that waits in it, or is an agent's who serves it
  coming, going or changing state;
- all: always.

Where a call becomes an agent's (or a queue's) concern, the message carries the call as it is
then, for what happened to it before was not sent. Sans-IO: names come from an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from ccd.cti.catalogue import CallView
from ccd.cti.mirror import Calls
from ccd.cti.wire import MONITOR_TOPIC
from ccd.events import (
    AgentLoggedOff,
    AgentLoggedOn,
    AgentSkillsChanged,
    CallCleared,
    Event,
    QualityReported,
    RecordingStopped,
    WrappedUp,
)

KEPT_STOPPED = 10_000
"""Monitors of calls that are over, kept so that who was cut off may hear the end."""

KEPT_OVER = 10_000
"""Calls that are over of which it is still known whose they were: some minutes of a busy day."""

AFTERWARDS: tuple[type[Event], ...] = (QualityReported, RecordingStopped, WrappedUp)
"""What is said of a call when its connections, or the whole of it, may be over."""

CALL_CLEARED = "call_cleared"
"""Why a call's monitor stops by itself."""


class Kind(StrEnum):
    """What can be monitored."""

    AGENT = "agent"
    CALL = "call"
    QUEUE = "queue"
    ALL = "all"


class Target(NamedTuple):
    """What is monitored; `name` is empty for all."""

    kind: Kind
    name: str = ""


ALL = Target(Kind.ALL)


class Entry(NamedTuple):
    """One event of a monitor: its number, the monitor's own, and the call where it is new."""

    seq: int
    n: int
    call: CallView | None
    stopped: str


class Monitor:
    """One monitored object, and what was said of it."""

    __slots__ = (
        "entries", "forgotten", "holders", "id", "n", "owner", "quiet", "stopped", "target",
    )  # fmt: skip

    def __init__(self, name: str, target: Target, seq: int, owner: Hashable = None) -> None:
        self.id, self.target = name, target
        self.owner = owner
        """The one session that it is for; None: it is shared by all who may watch everything."""
        self.n = 0
        """How many events there were."""
        self.forgotten = seq
        """Events after this number can be had."""
        self.entries: deque[Entry] = deque()
        self.holders: set[Hashable] = set()
        """The sessions that it is for."""
        self.stopped = ""
        """Why it is over."""
        self.quiet = True
        """Nothing since the last beat."""

    @property
    def topic(self) -> bytes:
        """Where its events are published."""
        return MONITOR_TOPIC + self.id.encode() + b"/"

    def forget(self, before: int) -> None:
        """Let go of events that are older than number `before`: nobody else has them."""
        while self.entries and self.entries[0].seq < before:
            self.forgotten = self.entries.popleft().seq

    def since(self, seq: int, limit: int) -> list[Entry]:
        """Return up to `limit` entries after event number `seq`, which is not before `forgotten`."""
        at = len(self.entries)
        while at and self.entries[at - 1].seq > seq:
            at -= 1
        return list(islice(self.entries, at, at + limit))


class _Fields(NamedTuple):
    """Which fields of a type of event name what."""

    agents: tuple[str, ...]
    calls: tuple[str, ...]
    queue: bool
    phone: bool
    of_agent: bool
    """It is an agent's own: his queues hear of it."""
    afterwards: bool
    """It concerns whoever had the call."""


def _fields(kind: type[Event]) -> _Fields:
    names = set(kind.__struct_fields__)
    return _Fields(
        agents=tuple(name for name in ("agent", "to_agent") if name in names),
        calls=tuple(name for name in ("call", "secondary", "contact") if name in names),
        queue="queue" in names,
        phone="phone" in names,
        of_agent=kind.__name__.startswith("Agent"),
        afterwards=kind in AFTERWARDS,
    )


class Monitors:
    """All monitors; told of every event from the daemon's first on."""

    def __init__(self, name: Callable[[], str]) -> None:
        """`name` makes ids: fresh each time, of one length, not to be guessed."""
        self._name = name
        self._calls = Calls()
        self._by_target: dict[Target, dict[Hashable, Monitor]] = {}
        """By owner: None for the shared one."""
        self._by_id: dict[str, Monitor] = {}
        self._held: dict[Hashable, dict[str, Monitor]] = {}
        self._stopped: deque[str] = deque()
        self._fields: dict[type[Event], _Fields] = {}
        self._serves: dict[str, frozenset[str]] = {}
        """The queues of those who are logged on."""
        self._at_phone: dict[str, str] = {}
        """Who is at a phone."""
        self._phone_of: dict[str, str] = {}
        self._busy: list[Monitor] = []
        self._had: dict[str, set[str]] = {}
        """Everybody who has or had a connection to a call; those of the newest ended ones too."""
        self._over: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, monitor: str) -> Monitor | None:
        """Return a monitor, also one that stopped lately."""
        return self._by_id.get(monitor)

    def of(self, target: Target) -> list[Monitor]:
        """Return the monitors of one target: the shared one, and those of one session each."""
        return list(self._by_target.get(target, {}).values())

    def held_by(self, holder: Hashable) -> list[Monitor]:
        """Return the monitors of one session."""
        return list(self._held.get(holder, {}).values())

    def calls_of(self, agent: str) -> tuple[str, ...]:
        """Return the calls that an agent is connected to."""
        return tuple(call.id for call in self._calls.live.values() if agent in call.agents)

    def in_queue(self, queue: str) -> tuple[str, ...]:
        """Return the calls that wait in a queue."""
        return tuple(
            call.id
            for call in self._calls.live.values()
            if call.queue == queue and call.waits_since is not None
        )

    def staff(self, queue: str) -> tuple[str, ...]:
        """Return who is logged on and serves a queue."""
        return tuple(agent for agent, queues in self._serves.items() if queue in queues)

    # --- beginning and ending ------------------------------------------------------------

    def start(self, target: Target, holder: Hashable, seq: int, *, shared: bool = True) -> Monitor:
        """Return the target's monitor, from event number `seq` on where it is a new one.

        One that is not `shared` has a topic that nobody else knows, and goes with its holder.
        """
        owner = None if shared else holder
        of_target = self._by_target.setdefault(target, {})
        monitor = of_target.get(owner)
        if monitor is None:
            monitor = of_target[owner] = Monitor(self._name(), target, seq, owner)
            self._by_id[monitor.id] = monitor
        monitor.holders.add(holder)
        self._held.setdefault(holder, {})[monitor.id] = monitor
        return monitor

    def stop(self, name: str, holder: Hashable) -> bool:
        """End it for one session; False where it had none of this id."""
        monitor = self._by_id.get(name)
        if monitor is None or holder not in monitor.holders:
            return False
        self._let_go(monitor, holder)
        if not monitor.holders:
            self._drop(monitor)
        return True

    def ended(self, holder: Hashable) -> None:
        """A session is over, and its monitors with it."""
        for monitor in self.held_by(holder):
            self.stop(monitor.id, holder)

    def drop_shared(self) -> None:
        """End all that are shared, for everybody: who may goes on with a new one."""
        for monitor in list(self._by_id.values()):
            if monitor.owner is None:
                self.drop(monitor)

    def drop(self, monitor: Monitor) -> None:
        """End it for everybody who has it."""
        for holder in tuple(monitor.holders):
            self._let_go(monitor, holder)
        self._drop(monitor)

    def _let_go(self, monitor: Monitor, holder: Hashable) -> None:
        monitor.holders.discard(holder)
        held = self._held[holder]
        del held[monitor.id]
        if not held:
            del self._held[holder]

    def _drop(self, monitor: Monitor) -> None:
        self._by_id.pop(monitor.id, None)
        self._forget_target(monitor)

    def _forget_target(self, monitor: Monitor) -> None:
        of_target = self._by_target.get(monitor.target, {})
        if of_target.get(monitor.owner) is monitor:
            del of_target[monitor.owner]
            if not of_target:
                del self._by_target[monitor.target]

    # --- events --------------------------------------------------------------------------

    def take(self, event: Event) -> Sequence[tuple[Monitor, Entry]]:
        """Take an event; return the monitors that it is about, each with its new entry."""
        fields = self._fields.get(type(event))
        if fields is None:
            fields = self._fields[type(event)] = _fields(type(event))
        calls = [name for field in fields.calls if (name := getattr(event, field, None))]
        if not self._by_target:
            self._fold(event, fields)
            return ()
        before = self._concerned(calls)
        served = self._served(event, fields)
        self._fold(event, fields)
        after = self._concerned(calls)
        about = before | after | served | self._named(event, fields, calls)
        found = []
        for target in about:
            new = target in after and target not in before
            found += [
                (monitor, self._entered(monitor, event, calls if new else ()))
                for monitor in tuple(self._by_target.get(target, {}).values())
            ]
        return found

    def _entered(self, monitor: Monitor, event: Event, new: Collection[str]) -> Entry:
        monitor.n += 1
        if monitor.quiet:
            monitor.quiet = False
            self._busy.append(monitor)
        live = (self._calls.live.get(name) for name in new)
        call = next((each.view() for each in live if each is not None), None)
        over = isinstance(event, CallCleared) and monitor.target == (Kind.CALL, event.call)
        if over:
            self._stop(monitor)
        entry = Entry(event.seq, monitor.n, call, monitor.stopped)
        monitor.entries.append(entry)
        return entry

    def _stop(self, monitor: Monitor) -> None:
        """Its call is over: nothing more will be said, what was said can be had for a while."""
        monitor.stopped = CALL_CLEARED
        self._forget_target(monitor)
        self._stopped.append(monitor.id)
        if len(self._stopped) > KEPT_STOPPED:
            old = self._by_id.pop(self._stopped.popleft(), None)
            if old is not None:
                for holder in tuple(old.holders):
                    self._let_go(old, holder)

    def _concerned(self, calls: Collection[str]) -> set[Target]:
        """Those who have to do with these calls now."""
        concerned: set[Target] = set()
        for name in calls:
            if (call := self._calls.live.get(name)) is not None:
                concerned.update(Target(Kind.AGENT, agent) for agent in call.agents)
                if call.waits_since is not None and call.queue is not None:
                    concerned.add(Target(Kind.QUEUE, call.queue))
        return concerned

    def _named(self, event: Event, fields: _Fields, calls: Collection[str]) -> set[Target]:
        """Those whom the event names."""
        named = {ALL, *(Target(Kind.CALL, call) for call in calls)}
        named |= {
            Target(Kind.AGENT, agent)
            for field in fields.agents
            if (agent := getattr(event, field)) is not None
        }
        if fields.queue and (queue := event.queue) is not None:  # type: ignore[attr-defined]
            named.add(Target(Kind.QUEUE, queue))
        if fields.phone and (agent := self._at_phone.get(event.phone)) is not None:  # type: ignore[attr-defined]
            named.add(Target(Kind.AGENT, agent))
        if fields.afterwards:
            had = (agent for call in calls for agent in self._had.get(call, ()))
            named |= {Target(Kind.AGENT, agent) for agent in had}
        return named | self._served(event, fields)

    def _served(self, event: Event, fields: _Fields) -> set[Target]:
        """The queues of the agent whose event this is."""
        if not fields.of_agent:
            return set()
        queues = self._serves.get(event.agent, ())  # type: ignore[attr-defined]
        return {Target(Kind.QUEUE, queue) for queue in queues}

    def _fold(self, event: Event, fields: _Fields) -> None:
        if fields.calls:
            self._calls.apply(event)
            self._remember(event)
        elif fields.of_agent:
            match event:
                case AgentLoggedOn():
                    self._serves[event.agent] = frozenset(event.queues)
                    self._at_phone[event.phone] = event.agent
                    self._phone_of[event.agent] = event.phone
                case AgentSkillsChanged() if event.agent in self._serves:
                    self._serves[event.agent] = frozenset(event.queues)
                case AgentLoggedOff():
                    self._serves.pop(event.agent, None)
                    phone = self._phone_of.pop(event.agent, "")
                    if self._at_phone.get(phone) == event.agent:
                        del self._at_phone[phone]
                case _:
                    pass

    def _remember(self, event: Event) -> None:
        """Keep in mind whose a call is, for what is said of it when it is nobody's any more."""
        if isinstance(event, CallCleared):
            if event.call in self._had:
                self._over.append(event.call)
                if len(self._over) > KEPT_OVER:
                    self._had.pop(self._over.popleft(), None)
        elif agent := getattr(event, "agent", None):
            call = getattr(event, "call", "")
            if (live := self._calls.live.get(call)) is not None and agent in live.agents:
                self._had.setdefault(call, set()).add(agent)

    def spoke(self) -> list[Monitor]:
        """Return those with events since this was last asked: their count is worth a beat."""
        busy, self._busy = self._busy, []
        for monitor in busy:
            monitor.quiet = True
        return busy
