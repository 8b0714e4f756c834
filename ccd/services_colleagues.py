"""The CTI's operations on other people's calls and on seats: asked of `ccd.control`, in the CTI's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ccd.control.floor import ControlFloor
from ccd.cti.call_operations import CallResult, NumberArgs
from ccd.cti.catalogue import Op
from ccd.cti.colleague_operations import (
    JoinCallArgs,
    OpenSeatArgs,
    ParkArgs,
    ParkedCallsResult,
    ParkedView,
    PickupArgs,
    PlaceResult,
    UnparkArgs,
)
from ccd.cti.session import Session
from ccd.cti.spec import AgentArgs, Nothing, Role
from ccd.services_calls import Controlled, said

SERVED = (
    *("join_call", "take_over_call", "directed_pickup", "group_pickup", "deflect_call"),
    *("park_call", "unpark_call", "parked_calls", "lock_seat", "open_seat"),
)
"""The operations that are done here."""

IN_A_LOCKED_SEAT = frozenset({"make_call", "log_in", "open_seat"})
"""What is asked for an agent whose seat is locked and not refused by that alone (of calls, help)."""


def role_of(session: Session) -> str:
    """The highest role of a session, of those that may listen."""
    return next(
        (role.value for role in (Role.ADMIN, Role.SUPERVISOR, Role.QA) if role in session.roles), ""
    )


def locked_out(ops: Mapping[str, Op], control: Callable[[], ControlFloor]) -> dict[str, Op]:
    """The same operations, refused for agents whose seats are locked."""

    def guard(op: Op) -> Op:
        def handler(session: Session, args: AgentArgs) -> object:
            said(lambda: control().seats.check(args.agent or ""))
            return op.handler(session, args)

        return Op(op.spec, handler)

    return {
        name: guard(op)
        if op.spec.for_agent and op.spec.changes and name not in IN_A_LOCKED_SEAT
        else op
        for name, op in ops.items()
    }


class ColleagueHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon

    @property
    def _control(self) -> ControlFloor:
        return self._daemon.centre.control

    def join_call(self, session: Session, args: JoinCallArgs) -> CallResult:
        """Listen."""
        call = said(
            lambda: self._control.supervision.join_call(
                args.agent or "",
                args.mode,
                role=role_of(session),
                call=args.call,
                to_agent=args.to_agent,
            )
        )
        return CallResult(call=call.id)

    def take_over_call(self, session: Session, args: AgentArgs) -> CallResult:
        """Intercept."""
        act = self._control.supervision.take_over_call
        return CallResult(call=said(lambda: act(args.agent or "", role=role_of(session))).id)

    def directed_pickup(self, _session: Session, args: PickupArgs) -> CallResult:
        """Take what rings there."""
        act = self._control.pickup.directed_pickup
        return CallResult(call=said(lambda: act(args.agent or "", args.from_agent, args.call)).id)

    def group_pickup(self, _session: Session, args: AgentArgs) -> CallResult:
        """Take what rings among us."""
        return CallResult(call=said(lambda: self._control.pickup.group_pickup(args.agent or "")).id)

    def deflect_call(self, _session: Session, args: NumberArgs) -> None:
        """Send it elsewhere."""
        said(lambda: self._control.pickup.deflect_call(args.agent or "", args.number, args.call))

    def park_call(self, _session: Session, args: ParkArgs) -> PlaceResult:
        """Leave it there."""
        act = self._control.parking.park_call
        return PlaceResult(place=said(lambda: act(args.agent or "", args.place, args.call)))

    def unpark_call(self, _session: Session, args: UnparkArgs) -> CallResult:
        """Take it back."""
        act = self._control.parking.unpark_call
        return CallResult(call=said(lambda: act(args.agent or "", args.place)).id)

    def parked_calls(self, _session: Session, _args: Nothing) -> ParkedCallsResult:
        """What is parked."""
        return ParkedCallsResult(
            parked=tuple(
                ParkedView(
                    place=each.place,
                    call=each.call.id,
                    agent=each.agent,
                    since=each.since,
                    ani=each.call.ani,
                    taker=each.taker,
                )
                for each in self._control.parking.parked()
            )
        )

    def lock_seat(self, _session: Session, args: AgentArgs) -> None:
        """Leave."""
        said(lambda: self._control.seats.lock_seat(args.agent or ""))

    def open_seat(self, session: Session, args: OpenSeatArgs) -> None:
        """Be back; the server has looked at the password by now."""
        agent = args.agent or ""
        mine = bool(args.password) or agent in session.agents
        by = agent if mine else session.user or session.agent or "local"
        said(lambda: self._control.seats.open_seat(agent, by))
