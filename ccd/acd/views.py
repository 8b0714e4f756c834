"""What others see of the distributor's agents and queues."""

from __future__ import annotations

import msgspec

from ccd.model import AgentState


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as the distributor has him now."""

    name: str
    state: AgentState
    queues: tuple[str, ...]
    reason: str | None = None
    contact: str | None = None
    """The one on offer, else the newest in hand, else the one he wraps up."""
    contacts: tuple[str, ...] = ()
    """All that he has in hand."""
    engaged: tuple[str, ...] = ()
    """Calls that he has in hand without the distributor's doing."""
    pending: str | None = None
    """`log_off`, `not_ready` or `wrap_up`, to be done when what he has in hand is over."""
    skills: dict[str, int] = {}


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as it is now."""

    name: str
    waiting: int
    idle_agents: int
    oldest: float | None = None
    """The smallest `enqueued_at` of those who wait; None where nobody does."""
    agents: int = 0
    """Logged on for it."""
