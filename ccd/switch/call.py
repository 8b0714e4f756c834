"""Calls and legs: who is connected to what, and in which state.

Only the switch changes these. A leg is one party: a SIP session on one side, a node of
the patch bay on the other, between them what was agreed in SDP. It speaks in one call and
may keep others on hold meanwhile; a pair of call and leg is CSTA's connection (ECMA-269,
6.1.5), and `Leg.state_in` its state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ccd.media.ports import Port
from ccd.model import Cause, ConnectionState, Customer, Direction, ListenMode, Party
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
        of the call and nobody else is called from here, `cleared` follows. What comes of a phone
        that was called as a guest, its host is told.
        """

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """A party pressed a key."""

    def played(self, call: Call, leg: Leg) -> None:
        """What `Switch.play` was asked to play has ended by itself."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """An agent who had the call is gone; the rest of it goes on.

        Where `call.answered` is there, he has the call from now on: it was transferred to him
        (cause TRANSFER), or he was in its conference. Else the rest is the caller, who may still
        be ringing where the agent was called first (`Leg.connected`). Where there is none,
        `cleared` follows.
        """

    def caller_left(self, call: Call, cause: Cause) -> None:
        """A caller who was there is gone; the switch ends what else there is of the call."""

    def cleared(self, call: Call) -> None:
        """The call is over: its last event is published."""


class Host(Protocol):
    """Who had a guest called into a call: a further party, or somebody who listens."""

    def guest_joined(self, call: Call, leg: Leg) -> None:
        """He answered. Where the others speak already, he is in the conversation."""

    def guest_failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He could not be had."""

    def guest_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He had joined, and is gone; the others go on (`Call.parties` says who is left)."""


@dataclass(slots=True, eq=False)
class Line:
    """An agent's nailed-up line: his phone is called once, and calls are put through to it.

    Its session, port and node are those of `rest` while it rests (or is being called), and those
    of `borrower`, a leg of a call, while that has it. With neither it is down.
    """

    agent: str
    phone: str
    rest: Leg | None = None
    borrower: Leg | None = None
    said_up: bool = False
    """`LineNailedUp` was said, and not `LineReleased` since."""

    @property
    def is_up(self) -> bool:
        """Whether the phone has answered and not hung up."""
        leg = self.rest or self.borrower
        return leg is not None and leg.is_here


@dataclass(slots=True, eq=False)
class Leg:
    """One party, and its connections: to the call that it speaks in, and to those that it keeps."""

    id: str
    call: Call
    """The call that it speaks in, or is called for."""
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
    number: str = ""
    """The number outside that was called."""
    media_open: bool = False
    hears: frozenset[int] = frozenset()
    """The sources patched to this leg."""
    player: int | None = None
    held_by_far_end: bool = False
    held: bool = False
    """It holds `call`, by `Switch.hold`: it hears nothing of it, and the others not it."""
    kept: list[Call] = field(default_factory=list)
    """Calls that it keeps on hold while it speaks in `call`, the newest last."""
    mode: ListenMode | None = None
    """How it listens; None: it is a party, or is to become one."""
    coached: Leg | None = None
    """The agent to whom it whispers, or whom it came to hear."""
    ending: Cause | None = None
    """Why it ends, once it does; the first reason stands."""
    line: Line | None = None
    """The nailed-up line that it is, or whose session it has, or is to become."""
    standing: bool = False
    """It is a nailed-up line's own, and no call's that anybody is told of."""
    auto_answer: bool = False
    """A phone that can answers by itself; a nailed-up line has nobody to wait for then."""

    @property
    def connected(self) -> bool:
        """Whether it is answered and not gone (a held leg is connected)."""
        return self.state in (ConnectionState.CONNECTED, ConnectionState.HOLD)

    @property
    def is_here(self) -> bool:
        """Whether it is answered and nobody has begun to end it."""
        return self.connected and self.ending is None

    def state_in(self, call: Call) -> ConnectionState:
        """The state of its connection to this call."""
        if call is self.call:
            return self.state
        return ConnectionState.HOLD if call in self.kept else ConnectionState.NULL

    def speaks_in(self, call: Call) -> bool:
        """Whether it is in this call's conversation now, held by nobody."""
        return self.call is call and self.is_here and not self.held and not self.held_by_far_end


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
    initiator: str | None = None
    """The agent who asked for it, where one did: his own phone is rung first."""
    caller: Leg = field(init=False)
    """The customer's, whoever began the call. Its state is null before he is called and after he
    left; playing to it, or ending it, does nothing then."""
    legs: list[Leg] = field(default_factory=list)
    """Those whose session has not ended."""
    answered: Leg | None = None
    """The leg of the agent who answered."""
    ringing: list[Leg] = field(default_factory=list)
    """Legs of agents who have not answered, the first that was called first. One of them gets it."""
    joined: list[Leg] = field(default_factory=list)
    """Further parties, of a conference or of a call between agents."""
    joining: list[Leg] = field(default_factory=list)
    """Phones that ring to become one."""
    listeners: list[Leg] = field(default_factory=list)
    """Who listens, whispers or barges in without being a party; some may still be ringing."""
    guests: dict[Leg, Host] = field(default_factory=dict)
    """Of those in the last three, who is told of them in place of the controller."""
    transferred_from: Leg | None = None
    """The leg that gave the call away, until its successor answers."""
    left_on_hold: bool = False
    """The agent who left it last held it (said for `Controller.agent_left`)."""
    controller: Controller | None = None
    bridged: bool = False
    caller_away: bool = False
    """Its caller is elsewhere for a while (`Switch.part_caller`): nobody is bridged with him."""
    recorder: int | None = None
    """The node that records the conversation."""
    recording: str = ""
    """The file that it writes."""
    recorded: frozenset[tuple[int, int]] = frozenset()
    """Whose audio goes to it: node and channel."""
    recordings: int = 0
    """How many files there have been."""
    recording_paused: bool = False
    ringback: int | None = None
    """The player of the tone that the agent hears while the customer is called."""
    ending: Cause | None = None
    """Why the call ends, once it does."""
    released_by: Party = Party.SYSTEM
    refused_with: int | None = None
    data: dict[str, str] = field(default_factory=dict)
    """What was gathered on the way (keyed digits) or attached, travelling with the call."""
    customer: Customer | None = None
    """Who it is with, where exactly one is known (`Switch.screen_pop`)."""

    @property
    def agent(self) -> Leg | None:
        """The leg of the agent who speaks; while nobody does, the first of those that ring."""
        if self.answered is not None:
            return self.answered
        return self.ringing[0] if self.ringing else None

    @property
    def worker(self) -> int | None:
        """The media worker that has its audio; None: nobody of it has a port yet."""
        return next((leg.port.worker for leg in self.legs if leg.port is not None), None)

    @property
    def number(self) -> str:
        """The number that an agent's phone shows: the customer's, or that of who called him."""
        return self.dnis if self.direction is Direction.OUT else self.ani

    @property
    def parties(self) -> list[Leg]:
        """Everybody who is connected and no listener, also who keeps the call on hold."""
        seats = (self.caller, self.answered, *self.joined)
        return [leg for leg in seats if leg is not None and leg in self.legs and leg.is_here]
