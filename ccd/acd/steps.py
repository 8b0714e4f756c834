"""The steps of a contact on its way to somebody: the values of `ccd.events.Routed.step`.

`why` of the event says a step's reason in words, `facts` the figures it was decided by;
`ccd.acd.stories.story` puts the steps of one contact into a story.
"""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """What was done with a contact."""

    ENQUEUED = "enqueued"
    """It took its place in a queue, by the key in `facts`."""
    PREFERENCE = "preference"
    """It waits for one agent alone: his adviser, his last agent, or the only one who will do."""
    PREFERENCE_ENDED = "preference_ended"
    """It waits for that agent no longer: his patience is over, or the agent is not at work."""
    WIDENED = "widened"
    """The next ring was reached: fewer or other skills are needed from now on."""
    URGENT = "urgent"
    """Its deadline, or its service level, is so near that it goes before others."""
    ASSIGNED = "assigned"
    """It was given to an agent, who is rung."""
    WITHDRAWN = "withdrawn"
    """An agent is rung for it no longer: another was first, or the caller left."""
    RETURNED = "returned"
    """An agent did not answer; it is back in its queue, at its place."""
    CONNECTED = "connected"
    """An agent has it."""
    TAKEN = "taken"
    """An agent has it who was not given it: it was transferred to him, or he picked it up."""
    TRANSFERRED = "transferred"
    """The agent who had it gave it to a queue, where it waits at the place of its age."""
    LEFT_ON_HOLD = "left_on_hold"
    """The agent who had it was gone while he held it; it is back in its queue, at its place."""
    MOVED = "moved"
    """It was put into another queue, at the place that its age gives it."""
    OVERFLOWED = "overflowed"
    """A rule of its queue sent it somewhere else."""
    REMOVED = "removed"
    """It left before an agent had it."""
    ENDED = "ended"
    """The agent who had it is done."""
    CARRIED_OVER = "carried_over"
    """Its queue closed; it waits for the next opening, and keeps its place."""
    REDIALLED = "redialled"
    """The same caller as one who left a short while ago: he has his old place back."""
