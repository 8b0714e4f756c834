"""Adherence: how much of what was rostered for an agent until now he has kept to.

    adherence = seconds in which his state was that of the rostered activity / seconds rostered until now

in stints that began today (Cleveland, Call Center Management on Fast Forward, 3rd ed., ch. 14: what
was kept to, not what was made up for at another time). Sans-IO: folded from the stream of events,
so live and replayed figures are the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

import msgspec

from ccd.events import AGENT_STATES, Event
from ccd.model import AgentState
from ccd.stats.roster import Activity, Stint

IDLE = frozenset({AgentState.NOT_READY, AgentState.LOGGED_OUT})
"""All other states are work."""


class AdherenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What was rostered for an agent today, up to now, and what he kept of it."""

    rostered_s: float
    kept_s: float
    activity: str | None = None
    """What he is to do now; nothing: he is off."""
    until: float | None = None
    """Until when, seconds since the epoch."""


class Adherence:
    """All agents of a roster. Times are seconds since the epoch."""

    def __init__(self, stints: Iterable[Stint] = ()) -> None:
        self._stints: dict[str, list[Stint]] = {}
        self._kept: dict[Stint, float] = {}
        self._state: dict[str, tuple[float, bool]] = {}
        """Since when, and whether he works."""
        self.change(stints)

    def change(self, stints: Iterable[Stint]) -> None:
        """The roster is this from now on; what was kept of a stint that stays is kept."""
        self._stints = {}
        for stint in sorted(stints, key=lambda each: each.start):
            self._stints.setdefault(stint.agent, []).append(stint)
        staying = {stint for several in self._stints.values() for stint in several}
        self._kept = {stint: kept for stint, kept in self._kept.items() if stint in staying}

    def apply(self, event: Event) -> None:
        """Something happened; what is no agent's state means nothing here."""
        state = AGENT_STATES.get(type(event))
        if state is not None:
            agent: str = event.agent  # type: ignore[attr-defined]
            for stint, kept in self._since_then(agent, event.at):
                self._kept[stint] = self._kept.get(stint, 0.0) + kept
            self._state[agent] = (event.at, state not in IDLE)

    def of(self, agent: str, now: float) -> AdherenceView | None:
        """Up to now; None for one who is not rostered today."""
        today = datetime.fromtimestamp(now).date()
        stints = [
            stint
            for stint in self._stints.get(agent, ())
            if datetime.fromtimestamp(stint.start).date() == today
        ]
        if not stints:
            return None
        lately = dict(self._since_then(agent, now))
        present = next((stint for stint in stints if stint.start <= now < stint.end), None)
        return AdherenceView(
            rostered_s=sum(max(0.0, min(stint.end, now) - stint.start) for stint in stints),
            kept_s=sum(self._kept.get(stint, 0.0) + lately.get(stint, 0.0) for stint in stints),
            activity=None if present is None else present.activity.value,
            until=None if present is None else present.end,
        )

    def _since_then(self, agent: str, now: float) -> list[tuple[Stint, float]]:
        """What he kept of which stints since his state began."""
        since, works = self._state.get(agent, (0.0, False))
        stints = self._stints.get(agent, [])
        first = max(0, bisect_right(stints, since, key=lambda stint: stint.start) - 1)
        found = []
        for stint in stints[first:]:
            if stint.start >= now:
                break
            kept = min(stint.end, now) - max(stint.start, since)
            if kept > 0 and works is (stint.activity is Activity.WORK):
                found.append((stint, kept))
        return found
