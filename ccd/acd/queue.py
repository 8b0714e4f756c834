"""A queue as the distributor keeps it: its settings, its lines, and who serves it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from ccd.acd import strategies
from ccd.acd.agent import Agent
from ccd.acd.contact import QueueSettings
from ccd.acd.line import Line
from ccd.acd.need import Need, covers, lowest_levels, suffice
from ccd.acd.strategies import Strategy
from ccd.model import Channel

SPARE_LINES: Final = 64
"""Empty lines kept for needs that come again (contacts with skills of their own)."""


class QueueState:
    """One queue, at work."""

    __slots__ = ("lines", "members", "personal", "settings", "strategy")

    settings: QueueSettings
    strategy: Strategy

    def __init__(self, settings: QueueSettings) -> None:
        self.lines: dict[Need, Line] = {}
        self.personal: dict[Need, Line] = {}
        """Lines of those who wait for one agent; here while somebody does."""
        self.members: dict[str, Agent] = {}
        """Agents who serve it and are logged on, in a fixed order."""
        self.configure(settings)

    def configure(self, settings: QueueSettings) -> None:
        """Take other settings, while no lines are there. Raises ValueError for an unknown strategy.

        The lines that calls will need are made at once: a new one has every idle agent sit
        down in it, which is too much for the moment of a call.
        """
        strategy = strategies.find(settings.strategy)
        if settings.strategy not in strategies.BUILT_IN:
            strategy = partial(strategies.ask, strategy)
        self.settings, self.strategy = settings, strategy
        base: Need | None = None
        for need in self._own_needs():
            base = base or self._judged_by(need)
            tighter = (
                line for line in self.lines.values() if covers(line.need.skills, need.skills)
            )
            if need not in self.lines:
                self.lines[need] = Line(need, judged_by=base, tighter=tuple(tighter))

    @property
    def name(self) -> str:
        """As in the settings."""
        return self.settings.name

    def line(self, need: Need) -> Line:
        """The line of those who need this; a new one knows who is idle for it only when told."""
        line = self.lines.get(need)
        if line is None:
            if len(self.lines) >= SPARE_LINES:
                self._forget_empty_lines()
            line = self.lines[need] = Line(need, judged_by=self._judged_by(need))
            for agent in self.members.values():
                if suffice(agent.skills, need.skills):
                    agent.serve(line)
        return line

    def lines_for(self, agent: Agent) -> Iterator[Line]:
        """The lines whose contacts this member can serve."""
        return (line for line in self.lines.values() if suffice(agent.skills, line.need.skills))

    def _judged_by(self, need: Need) -> Need:
        return need._replace(weights=tuple(self.settings.skill_weights.items()))

    def _own_needs(self) -> Iterator[Need]:
        """What a call without needs of its own asks for, ring by ring."""
        for skills in (self.settings.skills, *(ring.skills for ring in self.settings.rings)):
            yield Need(self.name, Channel.VOICE, lowest_levels(skills))

    def _forget_empty_lines(self) -> None:
        own = set(self._own_needs())
        empty = {line for need, line in self.lines.items() if need not in own and not line.waiting}
        for line in empty:
            del self.lines[line.need]
        for agent in self.members.values():
            agent.lines = [line for line in agent.lines if line not in empty]
            agent.sits = [line for line in agent.sits if line not in empty]
            for line in empty & agent.seats.keys():
                del agent.seats[line]
