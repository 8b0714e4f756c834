"""What the CTI offers, done by the rooms that can: one small handler an operation."""

from __future__ import annotations

import os
from collections import Counter
from typing import Protocol

import ccd
from ccd import (
    services_acd,
    services_calls,
    services_colleagues,
    services_customers,
    services_desk,
    services_records,
    services_routing,
)
from ccd.centre import Centre
from ccd.cti.catalogue import (
    AgentArgs,
    LogInArgs,
    NextStateArgs,
    Nothing,
    NotReadyArgs,
    Op,
    StatusResult,
    TrunkView,
    WrapUpArgs,
    WrapUpResult,
)
from ccd.cti.session import Session
from ccd.model import AgentState
from ccd.services_snapshot import SERVED as SEEN
from ccd.services_snapshot import Seen, SnapshotHandlers
from ccd.services_voice import SERVED as VOICE
from ccd.services_voice import VoiceHandlers


class Running(
    services_acd.Changing,
    Seen,
    services_customers.Knowing,
    services_records.Keeping,
    services_desk.Staffed,
    Protocol,
):
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
    calls = services_calls.CallHandlers(daemon)
    voice = VoiceHandlers(daemon)
    colleagues = services_colleagues.ColleagueHandlers(daemon)
    seen = SnapshotHandlers(daemon)
    known = services_customers.CustomerHandlers(daemon)
    records = services_records.RecordHandlers(daemon)
    desk = services_desk.DeskHandlers(daemon)
    ops = (
        {name: Op.of(name, getattr(acd_handlers, name)) for name in services_acd.SERVED}
        | {name: Op.of(name, getattr(calls, name)) for name in services_calls.SERVED}
        | {name: Op.of(name, getattr(voice, name)) for name in VOICE}
        | {name: Op.of(name, getattr(colleagues, name)) for name in services_colleagues.SERVED}
        | {name: Op.of(name, getattr(routing, name)) for name in services_routing.SERVED}
        | {name: Op.of(name, getattr(seen, name)) for name in SEEN}
        | {name: Op.of(name, getattr(known, name)) for name in services_customers.SERVED}
        | {name: Op.of(name, getattr(records, name)) for name in services_records.SERVED}
        | {name: Op.of(name, getattr(desk, name)) for name in services_desk.SERVED}
        | {
            name: Op.of(name, getattr(handlers, name))
            for name in (
                "log_in",
                "log_off",
                "ready",
                "not_ready",
                "wrap_up_done",
                "wrap_up",
                "next_state",
                "status",
            )
        }
    )
    return services_colleagues.locked_out(ops, lambda: daemon.centre.control)


class Handlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon

    # --- agents ------------------------------------------------------------------------

    def log_in(self, _session: Session, args: LogInArgs) -> None:
        """Begin an agent's shift."""
        centre = self._daemon.centre
        try:
            centre.acd.log_on(args.agent, args.phone)
        finally:  # also of one who is logged on already, and says it over another session
            phone = centre.acd.phone_of(args.agent)
            if phone:
                centre.control.lines.log_on(args.agent, phone, args.nailed_up)

    def log_off(self, _session: Session, args: AgentArgs) -> None:
        """End it."""
        self._daemon.centre.acd.log_off(args.agent or "")

    def ready(self, _session: Session, args: AgentArgs) -> None:
        """Take calls."""
        self._daemon.centre.acd.ready(args.agent or "")

    def not_ready(self, _session: Session, args: NotReadyArgs) -> None:
        """Take none."""
        self._daemon.centre.acd.not_ready(args.agent or "", args.reason)

    def wrap_up_done(self, _session: Session, args: AgentArgs) -> None:
        """Done with the last call."""
        self._daemon.centre.acd.wrap_up_done(args.agent or "")

    def wrap_up(self, _session: Session, args: WrapUpArgs) -> WrapUpResult:
        """Say what came of the last call."""
        call = self._daemon.centre.acd.wrap_up(args.agent or "", args.disposition, args.notes)
        return WrapUpResult(call=call)

    def next_state(self, _session: Session, args: NextStateArgs) -> None:
        """Say what comes after the present call."""
        acd = self._daemon.centre.acd
        acd.next_state(args.agent or "", args.state, args.reason)

    # --- what is so --------------------------------------------------------------------

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
