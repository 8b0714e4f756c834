"""Who is at the other end: one session a client, from its first word to its silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccd.cti.catalogue import Role


@dataclass(slots=True, eq=False)
class Session:
    """One client, known by its ZeroMQ identity. The server alone changes it."""

    identity: bytes
    number: int
    """Counts the sessions of this run, for logs."""
    local: bool
    """It came in over ipc, where file permissions say who may."""
    roles: frozenset[Role]
    last_heard: float
    client: str = ""
    """What it said it is."""
    agents: set[str] = field(default_factory=set)
    """Those who logged in over it: one for a softphone, many for a robot or a gateway."""
    in_flight: int = 0
    """Requests not answered yet."""

    @property
    def agent(self) -> str | None:
        """The agent who is meant where none is named."""
        return next(iter(self.agents)) if len(self.agents) == 1 else None
