"""The operations of monitoring: who may watch what, and what he is told at the beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ccd.cti.catalogue import (
    SUPERVISORS,
    MonitorArgs,
    MonitorStartArgs,
    MonitorStartResult,
    ReplayArgs,
    SnapshotResult,
)
from ccd.cti.monitors import ALL, Kind, Target
from ccd.cti.publisher import Publisher
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode, Packed

MAX_A_SESSION = 1000
"""Monitors of one session: a supervisor's screen has some dozen, a recorder may have every seat."""

Picture = Callable[[Target, Iterable[str], Iterable[str]], SnapshotResult]
"""What is monitored as it is now, given its calls and its people; raises CtiError(unknown_…)."""


class Monitoring:
    """Handlers of `monitor_start`, `monitor_stop`, and of `replay` with a monitor."""

    def __init__(self, publisher: Publisher, picture: Picture) -> None:
        self._publisher = publisher
        self._picture = picture

    def start(self, session: Session, args: MonitorStartArgs) -> MonitorStartResult:
        """Begin to publish what is about the target, and return how it is."""
        target = _target(args)
        if not self._may(session, target):
            raise CtiError(
                ErrorCode.FORBIDDEN, "an agent may monitor himself and the calls he is connected to"
            )
        monitors = self._publisher.monitors
        if len(monitors.held_by(session.id)) >= MAX_A_SESSION:
            raise CtiError(ErrorCode.BUSY, f"this session has {MAX_A_SESSION} monitors already")
        calls: tuple[str, ...]
        people: tuple[str, ...]
        match target.kind:
            case Kind.AGENT:
                calls, people = monitors.calls_of(target.name), (target.name,)
            case Kind.QUEUE:
                calls, people = monitors.in_queue(target.name), monitors.staff(target.name)
            case _:
                calls, people = (target.name,), ()
        state = self._picture(target, calls, people)
        seq = self._publisher.ring.last_seq
        monitor = monitors.start(target, session.id, seq, shared=sees_all(session))
        return MonitorStartResult(
            monitor=monitor.id, topic=monitor.topic.decode(), seq=seq, n=monitor.n, state=state
        )

    def stop(self, session: Session, args: MonitorArgs) -> None:
        """End it for this session."""
        if not self._publisher.monitors.stop(args.monitor, session.id):
            raise _unknown(args.monitor)

    def replay(self, session: Session, args: ReplayArgs) -> Packed:
        """Messages of a monitor of this session, after an event number."""
        monitor = self._publisher.monitors.get(args.monitor or "")
        if monitor is None or session.id not in monitor.holders:
            raise _unknown(args.monitor or "")
        messages, more = self._publisher.monitored(monitor, args.since, args.limit)
        return Packed({"seq": self._publisher.ring.last_seq, "more": more}, "events", messages)

    def counts(self, session: Session) -> dict[str, int]:
        """How many events each monitor of a session has had."""
        return {each.id: each.n for each in self._publisher.monitors.held_by(session.id)}

    def ended(self, session: Session) -> None:
        """The session is over."""
        self._publisher.monitors.ended(session.id)

    def review(self, session: Session) -> None:
        """End monitors that were begun with rights which the session has no longer.

        A shared one ends for all who have it, as its topic is known to who may not hear it.
        """
        if sees_all(session):
            return
        for monitor in self._publisher.monitors.held_by(session.id):
            kept = monitor.owner is not None and (
                monitor.target.kind is Kind.CALL or monitor.target.name in session.agents
            )
            if not kept or not session.agents:
                self._publisher.monitors.drop(monitor)

    def _may(self, session: Session, target: Target) -> bool:
        """Whether this session may watch that."""
        if sees_all(session):
            return True
        if target.kind is Kind.AGENT:
            return target.name in session.agents
        return target.kind is Kind.CALL and any(
            target.name in self._publisher.monitors.calls_of(agent) for agent in session.agents
        )


def sees_all(session: Session) -> bool:
    """Whether it may hear of everything that happens."""
    return bool(session.roles & SUPERVISORS)


def _target(args: MonitorStartArgs) -> Target:
    named = [
        Target(kind, name)
        for kind, name in (
            (Kind.AGENT, args.agent),
            (Kind.CALL, args.call),
            (Kind.QUEUE, args.queue),
        )
        if name is not None
    ]
    if args.all:
        named.append(ALL)
    if len(named) != 1:
        raise CtiError(ErrorCode.BAD_ARGS, "one of agent, call, queue and all is monitored")
    return named[0]


def _unknown(monitor: str) -> CtiError:
    return CtiError(
        ErrorCode.UNKNOWN_MONITOR,
        f"this session has no monitor {monitor!r}: it ended with an earlier session, or was "
        "stopped; start it again",
    )
