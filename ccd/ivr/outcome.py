"""How a caller came back to the agent who sent him through a flow, in our own words."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a caller came back, where the flow has no word of its own for it (`return`)."""

    QUEUED = "queued"
    """The flow sends him to a queue: he waits there next, and the agent has lost him."""
    HUNG_UP = "hung_up"
    """The flow ends the call."""
    CALLER_LEFT = "caller_left"
    """The caller hung up, or his call was ended for another reason."""
    AGENT_LEFT = "agent_left"
    """The agent is gone whom he was to go back to."""
    RECALLED = "recalled"
    """The agent took him back."""
    FAILED = "failed"
    """The flow could not be carried out; the log says why."""
