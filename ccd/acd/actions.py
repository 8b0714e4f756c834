"""What the distributor decides; its service carries it out, in this order, one by one."""

from __future__ import annotations

import msgspec

from ccd.acd.steps import Step
from ccd.model import AgentState


class Assign(msgspec.Struct, frozen=True):
    """Ring this agent for this contact, then say `offer_accepted` or `offer_failed`."""

    contact: str
    agent: str
    queue: str
    waited: float
    """Seconds from the contact's `enqueued_at` to this decision."""


class Moved(msgspec.Struct, frozen=True):
    """An agent is in this state from now on. Precedes the `Assign` that reserves him.

    `reason` is set for not ready; `contact` for reserved, busy and wrap-up.
    """

    agent: str
    state: AgentState
    reason: str | None = None
    contact: str | None = None


class Positioned(msgspec.Struct, frozen=True):
    """A contact took its place in a queue, or was put back there; 1 is next."""

    contact: str
    queue: str
    position: int


class Removed(msgspec.Struct, frozen=True):
    """A contact that waited, or was being offered, left without an agent."""

    contact: str
    queue: str
    reason: str
    waited: float


class Withdrawn(msgspec.Struct, frozen=True):
    """Stop ringing this agent: the contact left, or another agent has answered it."""

    contact: str
    agent: str


class Noted(msgspec.Struct, frozen=True):
    """A step on the contact's way, and why it was taken; only for who wants to know."""

    contact: str
    step: Step
    queue: str
    agent: str | None = None
    why: str = ""
    facts: dict[str, str | int | float] = {}


class StrategyBroke(msgspec.Struct, frozen=True):
    """A plug-in raised; its queue goes on with `longest_idle`."""

    queue: str
    strategy: str
    error: str


Action = Assign | Moved | Positioned | Removed | Withdrawn | Noted | StrategyBroke
