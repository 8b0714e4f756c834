"""Calls and legs: who is connected to what, and in which state.

Only the switch changes these. A leg is one party's connection: a SIP session on one
side, a node of the patch bay on the other, between them what was agreed in SDP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ccd.media.ports import Port
from ccd.model import Cause, ConnectionState, Direction, Party
from ccd.sip.negotiation import Agreed, Negotiation
from ccd.sip.session import Session


class Controller(Protocol):
    """Who decides what a call does next; a call has exactly one at a time.

    The IVR's service is one, the ACD's another. The switch calls these methods, which
    must not block and must not raise; they act through the switch's verbs.
    """

    def offered(self, call: Call) -> None:
        """A call came in and waits to be answered or refused."""

    def established(self, call: Call, leg: Leg) -> None:
        """A leg is answered and its audio flows."""

    def alerting(self, call: Call, leg: Leg) -> None:
        """A phone that we call rings."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """A phone that we called could not be connected; the rest of the call goes on.

        The phone is an agent's, or (`leg is call.caller`) the customer's. Where nobody is left
        of the call and nobody else is called from here, `cleared` follows.
        """

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """A party pressed a key."""

    def played(self, call: Call, leg: Leg) -> None:
        """What `Switch.play` was asked to play has ended by itself."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """An agent who was connected is gone; the rest of the call goes on.

        The rest is the caller, who may still be ringing where the agent was called first
        (`Leg.connected`). Where there is none, `cleared` follows.
        """

    def caller_left(self, call: Call, cause: Cause) -> None:
        """A caller who was there is gone; the switch ends what else there is of the call."""

    def cleared(self, call: Call) -> None:
        """The call is over: its last event is published."""


@dataclass(slots=True, eq=False)
class Leg:
    """One party's connection to a call."""

    id: str
    call: Call
    party: Party
    state: ConnectionState
    node: int
    negotiation: Negotiation
    session: Session = field(init=False)
    """Not there while nobody is called: the caller of a call whose agent is called first."""
    channel: str = ""
    """The trunk of which it holds a channel (or `phone:` and a phone's name)."""
    port: Port | None = None
    agreed: Agreed | None = None
    agent: str | None = None
    media_open: bool = False
    hears: frozenset[int] = frozenset()
    """The sources patched to this leg."""
    player: int | None = None
    held_by_far_end: bool = False
    held: bool = False
    """We hold it (`Switch.hold`)."""
    ending: Cause | None = None
    """Why it ends, once it does; the first reason stands."""

    @property
    def connected(self) -> bool:
        """Whether it is answered and not gone (a held leg is connected)."""
        return self.state in (ConnectionState.CONNECTED, ConnectionState.HOLD)


@dataclass(slots=True, eq=False)
class Call:
    """A call that came in from outside or that we began, and everyone connected to it."""

    id: str
    ani: str
    dnis: str
    trunk: str
    offered_at: float
    """Seconds since the epoch."""
    direction: Direction = Direction.IN
    caller: Leg = field(init=False)
    """The customer's, whoever began the call. Its state is null before he is called and after he
    left; playing to it, or ending it, does nothing then."""
    legs: list[Leg] = field(default_factory=list)
    """Those whose session has not ended."""
    answered: Leg | None = None
    """The leg of the agent who answered."""
    ringing: list[Leg] = field(default_factory=list)
    """Legs of agents who have not answered, the first that was called first."""
    transferred_from: str | None = None
    """The leg that gave the call away, until its successor answers."""
    controller: Controller | None = None
    bridged: bool = False
    recorder: int | None = None
    """The node that records the conversation."""
    ringback: int | None = None
    """The player of the tone that the agent hears while the customer is called."""
    ending: Cause | None = None
    """Why the call ends, once it does."""
    released_by: Party = Party.SYSTEM
    refused_with: int | None = None
    data: dict[str, str] = field(default_factory=dict)
    """What was gathered on the way (keyed digits), travelling with the call."""

    @property
    def agent(self) -> Leg | None:
        """The leg of the agent who speaks; while nobody does, the first of those that ring."""
        if self.answered is not None:
            return self.answered
        return self.ringing[0] if self.ringing else None

    @property
    def number(self) -> str:
        """The customer's number."""
        return self.ani if self.direction is Direction.IN else self.dnis
