"""Monitors: which events are about which agent, call or queue (ECMA-269, monitoring services).

The one place that decides it. An event is about

- a call: where it names it;
- an agent: where it names him, or a call that he is connected to (from the phone that is asked
  to ring to the connection's end, both included), or the phone that he is at;
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
)

KEPT_STOPPED = 10_000
"""Monitors of calls that are over, kept so that who was cut off may hear the end."""

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
    """One monitored object, and what was said of it. Shared by all who monitor it."""

    __slots__ = ("entries", "forgotten", "holders", "id", "n", "quiet", "stopped", "target")

    def __init__(self, name: str, target: Target, seq: int) -> None:
        self.id, self.target = name, target
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
        return MONITOR_TOPIC + self.id.encode()

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


def _fields(kind: type[Event]) -> _Fields:
    names = set(kind.__struct_fields__)
    return _Fields(
        agents=tuple(name for name in ("agent", "to_agent") if name in names),
        calls=tuple(name for name in ("call", "secondary", "contact") if name in names),
        queue="queue" in names,
        phone="phone" in names,
        of_agent=kind.__name__.startswith("Agent"),
    )


class Monitors:
    """All monitors; told of every event from the daemon's first on."""

    def __init__(self, name: Callable[[], str]) -> None:
        """`name` makes ids: fresh each time, of one length, not to be guessed."""
        self._name = name
        self._calls = Calls()
        self._by_target: dict[Target, Monitor] = {}
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

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, monitor: str) -> Monitor | None:
        """Return a monitor, also one that stopped lately."""
        return self._by_id.get(monitor)

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

    def start(self, target: Target, holder: Hashable, seq: int) -> Monitor:
        """Return the target's monitor, from event number `seq` on where it is a new one."""
        monitor = self._by_target.get(target)
        if monitor is None:
            monitor = self._by_target[target] = Monitor(self._name(), target, seq)
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

    def _let_go(self, monitor: Monitor, holder: Hashable) -> None:
        monitor.holders.discard(holder)
        held = self._held[holder]
        del held[monitor.id]
        if not held:
            del self._held[holder]

    def _drop(self, monitor: Monitor) -> None:
        self._by_id.pop(monitor.id, None)
        if self._by_target.get(monitor.target) is monitor:
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
            if (monitor := self._by_target.get(target)) is not None:
                new = target in after and target not in before
                found.append((monitor, self._entered(monitor, event, calls if new else ())))
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
        del self._by_target[monitor.target]
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

    def spoke(self) -> list[Monitor]:
        """Return those with events since this was last asked: their count is worth a beat."""
        busy, self._busy = self._busy, []
        for monitor in busy:
            monitor.quiet = True
        return busy
