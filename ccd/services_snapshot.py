"""What is so now, in the CTI's words: agents, queues, calls; the whole, or what one watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ccd.acd.errors import UnknownQueueError
from ccd.acd.views import AgentView as AcdAgent
from ccd.acd.views import QueueView as AcdQueue
from ccd.centre import Centre
from ccd.cti.catalogue import (
    AgentView,
    CallArgs,
    CallView,
    ConnectionView,
    DeviceArgs,
    LegView,
    Nothing,
    QueueView,
    SnapshotCallResult,
    SnapshotDeviceResult,
    SnapshotResult,
    SystemStatusResult,
)
from ccd.cti.mirror import agent_of
from ccd.cti.monitors import Kind, Target
from ccd.cti.session import Session
from ccd.cti.spec import SUPERVISORS
from ccd.cti.wire import CtiError, ErrorCode
from ccd.health import Health
from ccd.model import AgentState
from ccd.switch.call import Call

SERVED = ("snapshot", "snapshot_call", "snapshot_device", "system_status")


class Seen(Protocol):
    """What is looked at."""

    centre: Centre
    health: Health


class SnapshotHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Seen) -> None:
        self._daemon = daemon

    def snapshot(self, session: Session, _args: Nothing) -> SnapshotResult:
        """Agents, queues and calls, as of the newest event; of calls those that he may see."""
        return self._all(lambda call: _may_see(session, call))

    def _all(self, seen: Callable[[Call], bool] = lambda _call: True) -> SnapshotResult:
        centre = self._daemon.centre
        return self._picture(
            agents=[self._agent(view) for view in centre.acd.agents()],
            queues=[self._queue(view) for view in centre.acd.queues()],
            calls=[call for call in centre.switch.calls.values() if seen(call)],
        )

    def snapshot_call(self, session: Session, args: CallArgs) -> SnapshotCallResult:
        """One call."""
        call = self._call(args.call)
        if not _may_see(session, call):
            raise CtiError(ErrorCode.FORBIDDEN, f"call {args.call!r} is nobody's of this session")
        return SnapshotCallResult(seq=self._seq, call=self._view(call))

    def snapshot_device(self, _session: Session, args: DeviceArgs) -> SnapshotDeviceResult:
        """An agent, and what he is connected to."""
        agent = args.agent or ""
        calls = [self._view(call) for call in self._calls_of(agent)]
        return SnapshotDeviceResult(
            seq=self._seq,
            agent=self._person(agent),
            connections=tuple(
                ConnectionView(call=call.call, leg=leg.leg, state=leg.state)
                for call in calls
                for leg in call.legs
                if leg.agent == agent
            ),
            calls=tuple(calls),
        )

    def system_status(self, _session: Session, _args: Nothing) -> SystemStatusResult:
        """How the system is."""
        health = self._daemon.health
        return SystemStatusResult(
            state=health.state, states=health.states, reason=health.reason, since=health.since
        )

    def picture(
        self, target: Target, calls: Iterable[str], people: Iterable[str]
    ) -> SnapshotResult:
        """What a monitor watches as it is now. Raises CtiError(unknown_…)."""
        if target.kind is Kind.ALL:
            return self._all()
        live = self._daemon.centre.switch.calls
        queues: list[QueueView] = []
        if target.kind is Kind.CALL:
            self._call(target.name)
        elif target.kind is Kind.QUEUE:
            try:
                self._daemon.centre.acd.queue_config(target.name)
            except UnknownQueueError as error:
                raise CtiError(ErrorCode.UNKNOWN_QUEUE, str(error)) from error
            queues = [
                self._queue(view)
                for view in self._daemon.centre.acd.queues()
                if view.name == target.name
            ]
        return self._picture(
            agents=[self._person(name) for name in people],
            queues=queues,
            calls=[live[name] for name in calls if name in live],
        )

    # --- one of each -----------------------------------------------------------------------

    @property
    def _seq(self) -> int:
        return self._daemon.centre.events.last_seq

    def _picture(
        self, *, agents: Iterable[AgentView], queues: Iterable[QueueView], calls: Iterable[Call]
    ) -> SnapshotResult:
        return SnapshotResult(
            seq=self._seq,
            at=self._daemon.centre.wall_clock(),
            agents=tuple(agents),
            queues=tuple(queues),
            calls=tuple(self._view(call) for call in calls),
        )

    def _person(self, name: str) -> AgentView:
        """An agent by name, also one who never logged on. Raises CtiError(unknown_agent)."""
        acd = self._daemon.centre.acd
        view = acd.agent(name)
        if view is not None:
            return self._agent(view)
        if not acd.knows(name):
            raise CtiError(ErrorCode.UNKNOWN_AGENT, f"the settings have no agent {name!r}")
        return AgentView(agent=name, state=AgentState.LOGGED_OUT)

    def _agent(self, view: AcdAgent) -> AgentView:
        acd = self._daemon.centre.acd
        return AgentView(
            agent=view.name,
            state=view.state,
            queues=view.queues,
            phone=acd.phone_of(view.name),
            reason=view.reason,
            call=acd.call_of(view.name),
            pending=view.pending,
            since=acd.since(view.name),
            nailed_up=self._daemon.centre.control.lines.is_up(view.name),
        )

    def _queue(self, view: AcdQueue) -> QueueView:
        now = self._daemon.centre.loop.time()
        return QueueView(
            queue=view.name,
            waiting=view.waiting,
            idle_agents=view.idle_agents,
            oldest_wait_s=None if view.oldest is None else now - view.oldest,
        )

    def _call(self, name: str) -> Call:
        call = self._daemon.centre.switch.calls.get(name)
        if call is None:
            raise CtiError(ErrorCode.UNKNOWN_CALL, f"there is no call {name!r}, or it is over")
        return call

    def _calls_of(self, agent: str) -> list[Call]:
        legs = self._daemon.centre.switch.legs_of(agent)
        return list(dict.fromkeys(call for leg in legs for call in (leg.call, *leg.kept)))

    def _view(self, call: Call) -> CallView:
        acd = self._daemon.centre.acd
        return call_view(call, acd.queue_of(call), acd.waits_since(call))


def _may_see(session: Session, call: Call) -> bool:
    """Whether it is for these eyes: a supervisor's, or those of an agent who is in the call."""
    if session.roles & SUPERVISORS:
        return True
    return any(leg.agent in session.agents for leg in call.legs)


def call_view(call: Call, queue: str | None, waits_since: float | None = None) -> CallView:
    """Return a call and its connections in the CTI's words."""
    legs = tuple(
        LegView(
            leg=leg.id,
            party=leg.party.value,
            state=leg.state_in(call).value,
            agent=leg.agent,
            mode=leg.mode if leg in call.listeners else None,
        )
        for leg in call.legs
    )
    return CallView(
        call=call.id,
        ani=call.ani,
        dnis=call.dnis,
        trunk=call.trunk,
        offered_at=call.offered_at,
        queue=queue,
        waits_since=waits_since,
        agent=agent_of(legs),
        legs=legs,
    )
