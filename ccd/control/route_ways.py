"""Where an outside program may send a call, and how it gets there."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from ccd.acd.errors import AcdError
from ccd.acd.floor import Floor
from ccd.acd.from_settings import NAMED_AGENT
from ccd.ivr.service import Ivr, NotToBeSentError, UnknownFlowError
from ccd.model import AgentState
from ccd.settings.targets import can_be_dialled
from ccd.switch.call import Call
from ccd.switch.errors import NotReachable


class Kind(StrEnum):
    """What a destination names."""

    QUEUE = "queue"
    AGENT = "agent"
    NUMBER = "number"
    VOICEMAIL = "voicemail"
    FLOW = "flow"


class RouteTarget(msgspec.Struct, frozen=True):
    """A destination that can be understood: `queue:NAME`, `agent:NAME`, `number:NUMBER@TRUNK`,
    `voicemail` (of the queue that the call came to) or `voicemail:QUEUE`, `flow:NUMBER` (the flow
    that answers this number)."""

    kind: Kind
    name: str = ""
    trunk: str = ""

    def __str__(self) -> str:
        trunk = f"@{self.trunk}" if self.trunk else ""
        return f"{self.kind}:{self.name}{trunk}" if self.name else str(self.kind)


def parse_route_target(text: str) -> RouteTarget:
    """Understand a destination. Raises ValueError that says what is wrong with it."""
    word, colon, name = text.partition(":")
    try:
        kind = Kind(word)
    except ValueError:
        there = ", ".join(Kind)
        raise ValueError(f"{text!r} leads nowhere: a destination begins with {there}") from None
    if not name and (colon or kind is not Kind.VOICEMAIL):
        raise ValueError(f"{text!r} does not say which {kind}: {kind}:NAME")
    if kind is not Kind.NUMBER:
        return RouteTarget(kind, name)
    number, _, trunk = name.partition("@")
    if not can_be_dialled(number):
        raise ValueError(f"{number!r} cannot be dialled: digits only, + before them, * and #")
    if not trunk:
        raise ValueError(f"{text!r} does not say through which trunk: number:{number}@TRUNK")
    return RouteTarget(kind, number, trunk)


class UnreachableError(Exception):
    """The call cannot be sent there, and is where it was; the message says why."""


class Ways(Protocol):
    """Who takes a call where a program wants it."""

    def send(self, call: Call, queue: str, target: RouteTarget, arrived_at: float) -> None:
        """Send it; `queue` is the one that it came to at `arrived_at` (the loop's clock).

        Raises `UnreachableError`, and then nothing has changed.
        """

    def default(self, call: Call, queue: str, arrived_at: float) -> None:
        """Let it wait in its queue, at the place that it had when it came."""

    def music(self, queue: str) -> str:
        """What is played to who waits for this queue (empty: the built-in music)."""


class CentreWays:
    """The ways of a whole centre: its ACD's floor and its IVR."""

    def __init__(self, floor: Floor, ivr: Callable[[], Ivr]) -> None:
        self._floor = floor
        self._ivr = ivr

    def send(self, call: Call, queue: str, target: RouteTarget, arrived_at: float) -> None:
        """Send the call there. Raises `UnreachableError`."""
        try:
            self._send(call, queue, target, arrived_at)
        except (AcdError, NotReachable, NotToBeSentError, UnknownFlowError) as error:
            raise UnreachableError(str(error)) from error

    def default(self, call: Call, queue: str, arrived_at: float) -> None:
        """Let it wait in its queue."""
        self._floor.enqueue(call, queue, arrived_at=arrived_at)

    def music(self, queue: str) -> str:
        """What is played to who waits for this queue."""
        try:
            return self._floor.acd.queue_config(queue).music
        except AcdError:  # it was closed meanwhile; `default` deals with that
            return ""

    def _send(self, call: Call, queue: str, target: RouteTarget, arrived_at: float) -> None:
        acd = self._floor.acd
        match target.kind:
            case Kind.QUEUE:
                acd.queue_config(target.name)
                acd.enqueue(call, target.name, arrived_at=arrived_at)
            case Kind.AGENT:
                view = acd.agent(target.name)
                if view is None or view.state is AgentState.LOGGED_OUT:
                    raise UnreachableError(f"agent {target.name} is not logged on")
                acd.enqueue(call, NAMED_AGENT + target.name, arrived_at=arrived_at)
            case Kind.NUMBER:
                acd.send_outside(call, queue, target.name, target.trunk, arrived_at=arrived_at)
            case Kind.VOICEMAIL:
                box = target.name or queue
                acd.queue_config(box)
                self._floor.voicemail.take(call, box)
            case Kind.FLOW:
                self._ivr().enter(call, target.name)
