"""A live picture of the centre: a snapshot, and the events since, folded into it.

    mirror = Mirror(await client.snapshot())
    async for event in client.events(mirror.seq):
        mirror.apply(event)
        ...  # mirror.agents, mirror.calls, mirror.waiting("orders")

Sans-IO: `apply` takes events by number, each once, and refuses a gap. The picture has what
events say. What they do not say it keeps as the snapshot had it, or leaves out:

- `AgentView.pending` is gone with the agent's next change of state;
- a phone that is called counts as alerting from `Delivered` on;
- `QueueView.waiting` counts callers, not callbacks and messages;
- `CallView.queue` is right while the call waits; later it is the last one that events named;
- `QueueView.oldest_wait_s` is not kept: `waiting` says since when each caller waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from ccd.cti.catalogue import AgentView, CallView, LegView, QueueView, SnapshotResult
from ccd.events import (
    AGENT_STATES,
    AgentLoggedOn,
    AgentSkillsChanged,
    CallCleared,
    CallerChanged,
    Conferenced,
    ConnectionCleared,
    Delivered,
    Dequeued,
    Established,
    Event,
    Failed,
    Held,
    Joined,
    LineNailedUp,
    LineReleased,
    Offered,
    Originated,
    QueueChanged,
    Queued,
    Retrieved,
    Transferred,
)
from ccd.model import AgentState, ConnectionState, ListenMode, Party

ANSWERED = (ConnectionState.CONNECTED.value, ConnectionState.HOLD.value)


class LiveLeg:
    """One connection as it is now."""

    __slots__ = ("agent", "id", "mode", "party", "state")

    def __init__(
        self,
        leg: str,
        party: str,
        state: str,
        agent: str | None = None,
        mode: ListenMode | None = None,
    ) -> None:
        self.id, self.party, self.state, self.agent, self.mode = leg, party, state, agent, mode


def agent_of(legs: Iterable[LegView | LiveLeg]) -> str | None:
    """Whom of our agents a call is with (`CallView.agent`): no listener, connected before called."""
    ours = [leg for leg in legs if leg.party == Party.AGENT.value and leg.mode is None]
    connected = [leg for leg in ours if leg.state in ANSWERED]
    return next((leg.agent for leg in (*connected, *ours)), None)


class LiveCall:
    """One call as it is now. Mutable: `view` gives what may be kept."""

    __slots__ = ("ani", "dnis", "id", "legs", "offered_at", "queue", "trunk", "waits_since")

    def __init__(self, call: str, *, ani: str, dnis: str, trunk: str, offered_at: float) -> None:
        self.id, self.ani, self.dnis, self.trunk = call, ani, dnis, trunk
        self.offered_at = offered_at
        """Seconds since the epoch."""
        self.queue: str | None = None
        """The one that it waits in, or came to its agent from."""
        self.waits_since: float | None = None
        """Seconds since the epoch; None: it does not wait."""
        self.legs: dict[str, LiveLeg] = {}

    @classmethod
    def of(cls, view: CallView) -> LiveCall:
        """Return a call as a snapshot has it."""
        call = cls(
            view.call,
            ani=view.ani,
            dnis=view.dnis,
            trunk=view.trunk,
            offered_at=view.offered_at,
        )
        call.queue, call.waits_since = view.queue, view.waits_since
        for leg in view.legs:
            call.legs[leg.leg] = LiveLeg(leg.leg, leg.party, leg.state, leg.agent, leg.mode)
        return call

    @property
    def agents(self) -> set[str]:
        """Everybody with a connection to it."""
        return {leg.agent for leg in self.legs.values() if leg.agent}

    def view(self) -> CallView:
        """Return the call in a snapshot's words."""
        return CallView(
            call=self.id,
            ani=self.ani,
            dnis=self.dnis,
            trunk=self.trunk,
            offered_at=self.offered_at,
            queue=self.queue,
            waits_since=self.waits_since,
            agent=agent_of(self.legs.values()),
            legs=tuple(
                LegView(
                    leg=leg.id, party=leg.party, state=leg.state, agent=leg.agent, mode=leg.mode
                )
                for leg in self.legs.values()
            ),
        )


class Calls:
    """The live calls and who is connected to them, folded from events alone."""

    def __init__(self) -> None:
        self.live: dict[str, LiveCall] = {}

    def apply(self, event: Event) -> None:
        """Take an event; one that is not about a call, or about one that is over, is ignored."""
        act = self._acts.get(type(event))
        if act is not None:
            act(self, event)

    def _offered(self, event: Offered) -> None:
        call = self._begun(event)
        call.legs[event.leg] = LiveLeg(
            event.leg, Party.CALLER.value, ConnectionState.ALERTING.value
        )

    def _originated(self, event: Originated) -> None:
        call = self.live.get(event.call) or self._begun(event)
        # What was not known when an agent was called first is known with the customer.
        call.dnis = event.dnis or call.dnis
        call.trunk = event.trunk or call.trunk
        if event.leg in call.legs:
            return  # the number is dialled at last
        state = ConnectionState.CONNECTED if event.connected else ConnectionState.INITIATED
        call.legs[event.leg] = LiveLeg(event.leg, event.party.value, state.value, event.agent)

    def _begun(self, event: Offered | Originated) -> LiveCall:
        call = self.live[event.call] = LiveCall(
            event.call, ani=event.ani, dnis=event.dnis, trunk=event.trunk, offered_at=event.at
        )
        return call

    def _delivered(self, event: Delivered) -> None:
        if (call := self.live.get(event.call)) is not None:
            leg = call.legs.get(event.leg)
            if leg is None:
                leg = call.legs[event.leg] = LiveLeg(event.leg, Party.AGENT.value, "")
            leg.agent, leg.mode = event.agent or None, event.mode
            leg.state = ConnectionState.ALERTING.value
            call.queue = event.queue or call.queue

    def _established(self, event: Established) -> None:
        if (call := self.live.get(event.call)) is not None:
            leg = call.legs.get(event.leg)
            if leg is None:
                leg = call.legs[event.leg] = LiveLeg(event.leg, event.party.value, "")
            leg.agent = event.agent or leg.agent
            leg.state = ConnectionState.CONNECTED.value

    def _joined(self, event: Joined) -> None:
        if (call := self.live.get(event.call)) is not None:
            leg = call.legs.get(event.leg)
            if leg is None:
                state = ConnectionState.CONNECTED.value
                leg = call.legs[event.leg] = LiveLeg(event.leg, Party.AGENT.value, state)
            leg.agent, leg.mode = event.agent, event.mode

    def _held(self, event: Held) -> None:
        self._state(event, ConnectionState.HOLD)

    def _retrieved(self, event: Retrieved) -> None:
        self._state(event, ConnectionState.CONNECTED)

    def _state(self, event: Held | Retrieved, state: ConnectionState) -> None:
        call = self.live.get(event.call)
        if call is not None and (leg := call.legs.get(event.leg)) is not None:
            leg.state = state.value

    def _left(self, event: ConnectionCleared | Failed) -> None:
        if (call := self.live.get(event.call)) is not None:
            call.legs.pop(event.leg, None)

    def _merged(self, event: Transferred | Conferenced) -> None:
        """Who was in a consultation is in the call that it was held for."""
        other = self.live.get(event.secondary)
        if (call := self.live.get(event.call)) is not None and other is not None:
            for leg in other.legs.values():
                call.legs.setdefault(leg.id, leg)
        if call is None:
            return
        if isinstance(event, Conferenced):
            for name in event.legs:
                if name in call.legs:
                    call.legs[name].state = ConnectionState.CONNECTED.value
        elif event.to_leg in call.legs:
            call.legs[event.to_leg].mode = None  # he listened, and took it over

    def _caller_changed(self, event: CallerChanged) -> None:
        if (call := self.live.get(event.call)) is not None:
            call.ani = event.ani

    def _queued(self, event: Queued) -> None:
        if (call := self.live.get(event.call)) is not None:
            if call.queue != event.queue or call.waits_since is None:
                call.waits_since = event.at
            call.queue = event.queue

    def _dequeued(self, event: Dequeued) -> None:
        if (call := self.live.get(event.call)) is not None:
            call.waits_since = None

    def _cleared(self, event: CallCleared) -> None:
        self.live.pop(event.call, None)

    _acts: ClassVar[dict[type[Event], Callable[[Any, Any], None]]] = {
        Offered: _offered,
        Originated: _originated,
        Delivered: _delivered,
        Established: _established,
        Joined: _joined,
        Held: _held,
        Retrieved: _retrieved,
        ConnectionCleared: _left,
        Failed: _left,
        Transferred: _merged,
        CallerChanged: _caller_changed,
        Conferenced: _merged,
        Queued: _queued,
        Dequeued: _dequeued,
        CallCleared: _cleared,
    }


class Mirror:
    """Agents, calls and queues as they are after event number `seq`."""

    def __init__(self, snapshot: SnapshotResult) -> None:
        self.seq = snapshot.seq
        self.at = snapshot.at
        """The newest event's time, seconds since the epoch."""
        self.agents: dict[str, AgentView] = {view.agent: view for view in snapshot.agents}
        self._calls = Calls()
        for view in snapshot.calls:
            self._calls.live[view.call] = LiveCall.of(view)
        self._queues = {view.queue: view for view in snapshot.queues}

    def apply(self, event: Event) -> None:
        """Take the next event. Raises ValueError for one that is not the next."""
        if event.seq <= self.seq:
            return  # the snapshot has it
        if event.seq != self.seq + 1:
            raise ValueError(f"event {event.seq} after {self.seq}: those between are missing")
        self.seq, self.at = event.seq, event.at
        self._calls.apply(event)
        match event:
            case AgentLoggedOn():
                self._agent(
                    event, AgentState.NOT_READY, phone=event.phone, queues=tuple(event.queues)
                )
            case LineNailedUp() | LineReleased():
                known = self.agents.get(event.agent)
                if known is not None:
                    up = isinstance(event, LineNailedUp)
                    self.agents[event.agent] = msgspec.structs.replace(known, nailed_up=up)
            case AgentSkillsChanged():
                known = self.agents.get(event.agent)
                if known is not None:
                    changed = msgspec.structs.replace(known, queues=tuple(event.queues))
                    self.agents[event.agent] = changed
            case QueueChanged(change="closed"):
                self._queues.pop(event.queue, None)
                for view in list(self.agents.values()):
                    if event.queue in view.queues:
                        served = tuple(queue for queue in view.queues if queue != event.queue)
                        changed = msgspec.structs.replace(view, queues=served)
                        self.agents[view.agent] = changed
            case QueueChanged():
                empty = QueueView(queue=event.queue, waiting=0, idle_agents=0)
                self._queues.setdefault(event.queue, empty)
            case _ if (state := AGENT_STATES.get(type(event))) is not None:
                reason, call = getattr(event, "reason", None), getattr(event, "call", "")
                self._agent(event, state, reason=reason, call=call)
            case _:
                pass

    def _agent(self, event: Any, state: AgentState, **changed: Any) -> None:
        known = self.agents.get(event.agent) or AgentView(agent=event.agent, state=state)
        now: dict[str, Any] = {"reason": None, "call": None, "pending": None, "since": event.at}
        now |= {"call": changed.pop("call", "") or None}
        self.agents[event.agent] = msgspec.structs.replace(
            known, **(now | changed | {"state": state})
        )

    @property
    def calls(self) -> dict[str, CallView]:
        """The live calls by id, oldest first."""
        return {call.id: call.view() for call in self._calls.live.values()}

    def waiting(self, queue: str) -> dict[str, float]:
        """Callers who wait in a queue: since when (seconds since the epoch), by call."""
        return {
            call.id: call.waits_since
            for call in self._calls.live.values()
            if call.queue == queue and call.waits_since is not None
        }

    @property
    def queues(self) -> dict[str, QueueView]:
        """The queues by name; see the module for what they count."""
        idle: dict[str, int] = {}
        for agent in self.agents.values():
            if agent.state is AgentState.READY:
                for queue in agent.queues:
                    idle[queue] = idle.get(queue, 0) + 1
        return {
            name: msgspec.structs.replace(
                view,
                waiting=len(self.waiting(name)),
                idle_agents=idle.get(name, 0),
                oldest_wait_s=None,
            )
            for name, view in self._queues.items()
        }

    def snapshot(self) -> SnapshotResult:
        """Return the whole picture in the words of `snapshot`."""
        return SnapshotResult(
            seq=self.seq,
            at=self.at,
            agents=tuple(self.agents.values()),
            queues=tuple(self.queues.values()),
            calls=tuple(self.calls.values()),
        )
