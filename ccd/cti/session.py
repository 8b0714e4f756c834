"""Who is at the other end: one session a client, from its first word to its silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ccd.cti.answered import Answered

if TYPE_CHECKING:
    from ccd.cti.bucket import TokenBucket
    from ccd.cti.catalogue import Role

SessionId = tuple[str, bytes]
"""The name of the client's key (empty on this machine), and its ZeroMQ identity: who has
another key cannot speak for it."""


@dataclass(slots=True, eq=False)
class Session:
    """One client, known by its key and ZeroMQ identity. The server alone changes it."""

    identity: bytes
    number: int
    """Counts the sessions of this run, for logs."""
    local: bool
    """It came in over ipc, where file permissions say who may."""
    roles: frozenset[Role]
    """What it may do now."""
    last_heard: float
    bucket: TokenBucket
    refusals: TokenBucket
    """How many of its refused requests are written down."""
    key: str = ""
    """The name of the client's key; empty: it came in over ipc."""
    client: str = ""
    """What it said it is."""
    user: str = ""
    """Who authenticated over it, not for a shift."""
    agents: set[str] = field(default_factory=set)
    """Those who logged in over it: one for a softphone, many for a robot or a gateway."""
    in_flight: int = 0
    """Requests not answered yet."""
    answered: Answered = field(default_factory=Answered)
    """What was done for it, in case it asks again."""
    stuck: bool = False
    """It does not read its answers: nothing is done for it until it does."""

    @property
    def id(self) -> SessionId:
        """How the server finds it."""
        return (self.key, self.identity)

    @property
    def agent(self) -> str | None:
        """The agent who is meant where none is named."""
        return next(iter(self.agents)) if len(self.agents) == 1 else None
