"""A controller that writes down what it is told; tests act in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from virtual.centre import SERVICE, VirtualCentre

from ccd.model import Cause
from ccd.switch.call import Call, Leg


class Listener:
    """`told` is what came, in order, in words; `on` says what to do at once then."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.on: dict[str, Callable[..., Any]] = {}

    def offered(self, call: Call) -> None:
        self._note("offered", call)

    def established(self, call: Call, leg: Leg) -> None:
        self._note("established", call, leg)

    def alerting(self, call: Call, leg: Leg) -> None:
        self._note("alerting", call, leg)

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        self._note("failed", call, leg, cause)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        self._note("digit", call, leg, digit)

    def played(self, call: Call, leg: Leg) -> None:
        self._note("played", call, leg)

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        self._note("agent_left", call, leg, cause)

    def caller_left(self, call: Call, cause: Cause) -> None:
        self._note("caller_left", call, cause)

    def guest_joined(self, call: Call, leg: Leg) -> None:
        self._note("guest_joined", call, leg)

    def guest_failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        self._note("guest_failed", call, leg, cause)

    def guest_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        self._note("guest_left", call, leg, cause)

    def cleared(self, call: Call) -> None:
        self._note("cleared", call)

    def _note(self, what: str, call: Call, *details: object) -> None:
        words = (
            (detail.agent or str(detail.party)) if isinstance(detail, Leg) else str(detail)
            for detail in details
        )
        self.told.append(" ".join((what, *words)))
        act = self.on.get(what)
        if act is not None:
            act(call, *details)


def waiting(centre: VirtualCentre, listener: Listener) -> Call:
    """A caller who came in, was answered and hears music; the listener is his controller."""
    switch = centre.centre.switch
    switch._router = lambda _call: listener
    listener.on["offered"] = switch.answer
    listener.on["established"] = lambda call, _leg: switch.play_music(call.caller)
    centre.do(lambda: centre.caller.call(centre.hop, SERVICE))
    call: Call = centre.call
    assert listener.told == ["offered", "established caller"]
    listener.on.clear()
    listener.told.clear()
    return call
