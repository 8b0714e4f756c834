"""The CTI's operations for programs that route calls (ECMA-269, routing services)."""

from __future__ import annotations

from typing import Protocol

from ccd.acd.errors import AcdError
from ccd.centre import Centre
from ccd.control.routing import ANY_QUEUE, NotAskedError
from ccd.cti.catalogue import (
    Nothing,
    RouteCancelArgs,
    RouteRegisterArgs,
    RouteRegisterResult,
    RouteRejectArgs,
    RouterView,
    RouteSelectArgs,
    RouteSelectResult,
    RoutesResult,
)
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode

SERVED = ("route_register", "route_cancel", "route_select", "route_reject", "routes")
"""The operations that are done here."""


class Routed(Protocol):
    """What is asked of the daemon."""

    centre: Centre


def router_of(session: Session) -> str:
    """Return what a client is called as a router: a program's second session is another one."""
    return f"{session.client or 'program'}#{session.number}"


class RoutingHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Routed) -> None:
        self._daemon = daemon

    def route_register(self, session: Session, args: RouteRegisterArgs) -> RouteRegisterResult:
        """Ask this client about a queue's calls."""
        if args.queue != ANY_QUEUE:
            try:
                self._daemon.centre.acd.queue_config(args.queue)
            except AcdError as error:
                raise CtiError(ErrorCode.UNKNOWN_QUEUE, str(error)) from error
        router = router_of(session)
        self._daemon.centre.routes.register(router, args.queue, args.timeout_ms / 1000)
        return RouteRegisterResult(router=router)

    def route_cancel(self, session: Session, args: RouteCancelArgs) -> None:
        """Ask it no more."""
        if not self._daemon.centre.routes.cancel(router_of(session), args.queue):
            about = f"queue {args.queue!r}" if args.queue is not None else "any queue"
            raise CtiError(ErrorCode.WRONG_STATE, f"this client is not asked about {about}")

    def route_select(self, session: Session, args: RouteSelectArgs) -> RouteSelectResult:
        """Its answer: send the call there."""
        try:
            why = self._daemon.centre.routes.select(
                router_of(session), args.call, args.destination, args.data
            )
        except NotAskedError as error:
            raise CtiError(ErrorCode.WRONG_STATE, str(error)) from error
        return RouteSelectResult(used=not why, why=why)

    def route_reject(self, session: Session, args: RouteRejectArgs) -> None:
        """Its answer: let the ACD route the call."""
        try:
            self._daemon.centre.routes.reject(router_of(session), args.call)
        except NotAskedError as error:
            raise CtiError(ErrorCode.WRONG_STATE, str(error)) from error

    def routes(self, _session: Session, _args: Nothing) -> RoutesResult:
        """Who is asked."""
        now = self._daemon.centre.loop.time()
        return RoutesResult(
            routers=tuple(
                RouterView(
                    router=view.router,
                    queue=view.queue,
                    timeout_ms=round(view.timeout_s * 1000),
                    state=view.health.name.lower(),
                    asked=view.asked,
                    failures=view.failures,
                    rests_s=None if view.until is None else max(0.0, view.until - now),
                )
                for view in self._daemon.centre.routes.registrations()
            )
        )
