"""`[acd]`: the order of all who wait."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules.common import file, not_negative, one_of

ORDERS = ("age", "service_level")
ON_HOLD = ("requeue", "end")


def acd(settings: Settings) -> Iterator[Problem]:
    """An order and a fate of held callers that there are, and times to remember that end."""
    section = settings.acd
    yield from file(("acd", "roster"), section.roster)
    yield from one_of(("acd", "order"), section.order, ORDERS)
    yield from one_of(("acd", "caller_on_hold"), section.caller_on_hold, ON_HOLD)
    yield from not_negative(("acd", "redial_window_s"), section.redial_window_s, "never")
    yield from not_negative(("acd", "last_agent_days"), section.last_agent_days, "not at all")
