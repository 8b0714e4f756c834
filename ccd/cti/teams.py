"""Who serves which queue with whom, and what they are doing: folded from events. Sans-IO.

Kept as it changes, so that asking for a team costs what the team has and not what the centre has.
"""

from __future__ import annotations

from collections.abc import Iterable

from ccd.cti.desk_operations import TeamView
from ccd.events import (
    AGENT_STATES,
    AgentLoggedOff,
    AgentLoggedOn,
    AgentNotReady,
    AgentSkillsChanged,
    Event,
    QueueChanged,
)


class Teams:
    """Everybody who is logged on, by queue."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, TeamView]] = {}
        self._queues: dict[str, tuple[str, ...]] = {}

    def apply(self, event: Event) -> None:
        """Something happened; what is no agent's doing means nothing here."""
        match event:
            case AgentLoggedOff(agent=agent):
                self._leave(agent)
            case AgentLoggedOn(agent=agent, queues=queues):
                self._serve(agent, queues, self._view(event, agent))
            case AgentSkillsChanged(agent=agent, queues=queues):
                known = self.view(agent)
                if known is not None:
                    self._serve(agent, queues, known)
            case QueueChanged(queue=queue, change="closed"):
                for agent in self._members.pop(queue, {}):
                    kept = tuple(each for each in self._queues[agent] if each != queue)
                    self._queues[agent] = kept
            case _ if type(event) in AGENT_STATES:
                agent = event.agent  # type: ignore[attr-defined]
                view = self._view(event, agent)
                for queue in self._queues.get(agent, ()):
                    self._members[queue][agent] = view
            case _:
                pass

    def view(self, agent: str) -> TeamView | None:
        """One who is logged on for some queue."""
        queues = self._queues.get(agent, ())
        return self._members[queues[0]][agent] if queues else None

    def of(self, queues: Iterable[str], *, but: str, most: int) -> tuple[TeamView, ...]:
        """Who serves any of these queues, without one of them; by name, the first so many."""
        found: dict[str, TeamView] = {}
        for queue in queues:
            found |= self._members.get(queue, {})
        found.pop(but, None)
        return tuple(found[name] for name in sorted(found)[:most])

    @staticmethod
    def _view(event: Event, agent: str) -> TeamView:
        reason = event.reason if isinstance(event, AgentNotReady) else None
        return TeamView(agent=agent, state=AGENT_STATES[type(event)], reason=reason, since=event.at)

    def _serve(self, agent: str, queues: Iterable[str], view: TeamView) -> None:
        self._leave(agent)
        self._queues[agent] = tuple(queues)
        for queue in self._queues[agent]:
            self._members.setdefault(queue, {})[agent] = view

    def _leave(self, agent: str) -> None:
        for queue in self._queues.pop(agent, ()):
            del self._members[queue][agent]
