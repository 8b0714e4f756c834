"""What the CTI offers, done by the rooms that can: one small handler an operation."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import ccd
from ccd import services_acd, services_routing
from ccd.acd.errors import AcdError, UnknownAgentError, WrongStateError
from ccd.centre import Centre
from ccd.cti.catalogue import (
    AgentArgs,
    AgentView,
    CallView,
    LegView,
    LogInArgs,
    Nothing,
    NotReadyArgs,
    Op,
    QueueView,
    SnapshotResult,
    StatusResult,
    TrunkView,
)
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode
from ccd.model import AgentState
from ccd.switch.call import Call


class Running(services_acd.Changing, Protocol):
    """What is asked of the daemon itself."""

    centre: Centre
    boot: str
    started_at: float

    def counts(self) -> dict[str, float]:
        """Everything that is counted, by name."""


def services(daemon: Running) -> dict[str, Op]:
    """Every catalogued operation that the daemon itself does, with its handler."""
    handlers = Handlers(daemon)
    acd_handlers = services_acd.AcdHandlers(daemon)
    routing = services_routing.RoutingHandlers(daemon)
    return {name: Op.of(name, getattr(acd_handlers, name)) for name in services_acd.SERVED}
        | {name: Op.of(name, getattr(routing, name)) for name in services_routing.SERVED} | {
        name: Op.of(name, getattr(handlers, name))
        for name in (
            "log_in",
            "log_off",
            "ready",
            "not_ready",
            "wrap_up_done",
            "snapshot",
            "status",
        )
    }


class Handlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon

    # --- agents ------------------------------------------------------------------------

    def log_in(self, _session: Session, args: LogInArgs) -> None:
        """Begin an agent's shift."""
        self._agent_act(lambda: self._daemon.centre.acd.log_on(args.agent, args.phone))

    def log_off(self, _session: Session, args: AgentArgs) -> None:
        """End it."""
        self._agent_act(lambda: self._daemon.centre.acd.log_off(args.agent or ""))

    def ready(self, _session: Session, args: AgentArgs) -> None:
        """Take calls."""
        self._agent_act(lambda: self._daemon.centre.acd.ready(args.agent or ""))

    def not_ready(self, _session: Session, args: NotReadyArgs) -> None:
        """Take none."""
        self._agent_act(lambda: self._daemon.centre.acd.not_ready(args.agent or "", args.reason))

    def wrap_up_done(self, _session: Session, args: AgentArgs) -> None:
        """Done with the last call."""
        self._agent_act(lambda: self._daemon.centre.acd.wrap_up_done(args.agent or ""))

    @staticmethod
    def _agent_act(act: Callable[[], None]) -> None:
        """Do it, and put the ACD's refusal in the CTI's words."""
        try:
            act()
        except UnknownAgentError as error:
            raise CtiError(ErrorCode.UNKNOWN_AGENT, str(error)) from error
        except WrongStateError as error:
            raise CtiError(ErrorCode.WRONG_STATE, str(error)) from error
        except AcdError as error:
            raise CtiError(ErrorCode.BAD_ARGS, str(error)) from error

    # --- what is so --------------------------------------------------------------------

    def snapshot(self, _session: Session, _args: Nothing) -> SnapshotResult:
        """Agents, queues and calls, as of the newest event."""
        daemon = self._daemon
        now, wall = daemon.centre.loop.time(), daemon.centre.wall_clock()
        acd = daemon.centre.acd
        return SnapshotResult(
            seq=daemon.centre.events.last_seq,
            at=wall,
            agents=tuple(
                AgentView(
                    agent=view.name,
                    state=view.state,
                    queues=view.queues,
                    phone=acd.phone_of(view.name),
                    reason=view.reason,
                    call=view.contact,
                    pending=view.pending,
                    since=acd.since(view.name),
                )
                for view in acd.agents()
            ),
            queues=tuple(
                QueueView(
                    queue=view.name,
                    waiting=view.waiting,
                    idle_agents=view.idle_agents,
                    oldest_wait_s=None if view.oldest is None else now - view.oldest,
                )
                for view in acd.queues()
            ),
            calls=tuple(
                _call_view(call, acd.queue_of(call)) for call in daemon.centre.switch.calls.values()
            ),
        )

    def status(self, _session: Session, _args: Nothing) -> StatusResult:
        """Load, trunks, workers, and everything that is counted."""
        daemon = self._daemon
        agents = Counter(view.state for view in daemon.centre.acd.agents())
        return StatusResult(
            version=ccd.__version__,
            pid=os.getpid(),
            boot=daemon.boot,
            started_at=daemon.started_at,
            seq=daemon.centre.events.last_seq,
            accepting=not daemon.centre.admission.draining,
            shedding=daemon.centre.overload.shedding,
            calls=len(daemon.centre.switch.calls),
            waiting=sum(view.waiting for view in daemon.centre.acd.queues()),
            agents={state.value: agents[state] for state in AgentState if agents[state]},
            phones=len({binding.user for binding in daemon.centre.phones.registered()}),
            trunks=tuple(
                TrunkView(
                    trunk=trunk.name,
                    up=daemon.centre.plant.trunk_up(trunk.name),
                    calls=daemon.centre.trunks.in_use(trunk.name),
                    channels=trunk.channels,
                )
                for trunk in daemon.centre.trunks
            ),
            media_workers=sum(
                daemon.centre.media.is_ready(worker)
                for worker in range(daemon.centre.media.workers)
            ),
            counts=daemon.counts(),
        )


def _call_view(call: Call, queue: str | None) -> CallView:
    return CallView(
        call=call.id,
        ani=call.ani,
        dnis=call.dnis,
        trunk=call.trunk,
        offered_at=call.offered_at,
        queue=queue,
        agent=None if call.agent is None else call.agent.agent,
        legs=tuple(
            LegView(leg=leg.id, party=leg.party.value, state=leg.state.value, agent=leg.agent)
            for leg in call.legs
        ),
    )
