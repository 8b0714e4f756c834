"""Who sits where: agents, the lines that they can serve, and their places among the idle.

The distributor decides who gets what; this keeps both sides of every line as they must be
for it to decide by looking at their heads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ccd.acd import strategies
from ccd.acd.agent import Agent
from ccd.acd.contact import Place, QueueSettings
from ccd.acd.errors import UnknownQueueError
from ccd.acd.line import Line, Seat
from ccd.acd.need import Need, suffice
from ccd.acd.queue import QueueState
from ccd.model import AgentState


class Seating:
    """All queues with their lines, and all agents.

    `broke` is told the queue, the strategy and the error where a plug-in raises.
    """

    def __init__(self, broke: Callable[[str, str, str], None]) -> None:
        self._broke = broke
        self._personal: dict[str, dict[Need, Line]] = {}  # by agent
        self.queues: dict[str, QueueState] = {}
        self.agents: dict[str, Agent] = {}
        """Every one who ever logged on, in that order."""

    # --- queues -----------------------------------------------------------------------

    def queue(self, name: str) -> QueueState:
        """One queue. Raises `UnknownQueueError`."""
        queue = self.queues.get(name)
        if queue is None:
            raise UnknownQueueError(name, list(self.queues))
        return queue

    def open(self, settings: QueueSettings) -> None:
        """Open a queue. Raises ValueError where one of this name is open, or its strategy is unknown."""
        if settings.name in self.queues:
            raise ValueError(f"queue {settings.name!r} was already added")
        self.queues[settings.name] = QueueState(settings)

    # --- agents -----------------------------------------------------------------------

    def serve(self, person: Agent, queues: Iterable[str], skills: Mapping[str, int]) -> None:
        """Have an agent serve these queues from now on, where he is logged on."""
        person.queues = tuple(dict.fromkeys(queues))
        person.skills = dict(skills)
        if person.state is not AgentState.LOGGED_OUT:
            for name in person.queues:
                self.queues[name].members[person.name] = person
            self.qualify(person)

    def qualify(self, person: Agent) -> None:
        """Find the lines that an agent who is logged on can serve."""
        lines = [line for name in person.queues for line in self.queues[name].lines_for(person)]
        person.serve_only([*lines, *self.personal_lines(person.name)])

    def leave(self, person: Agent) -> None:
        """Have an agent serve nothing."""
        for name in person.queues:
            self.queues[name].members.pop(person.name, None)
        person.serve_only(())

    def sit_down(self, person: Agent, now: float) -> None:
        """Have an agent with room wait in all lines that he can serve."""
        ready = person.state is AgentState.READY
        for line in person.sits:
            if ready or person.has_room(line.need.channel):
                self._sit_down_in(person, line, now)

    def _sit_down_in(self, person: Agent, line: Line, now: float) -> None:
        queue = self.queues[line.need.queue]
        try:
            number = queue.strategy(person, line.judged_by, now)
        except Exception as error:  # a plug-in's, whatever it is: calls go on
            self._strategy_broke(queue, error)
            number = queue.strategy(person, line.judged_by, now)
        seat: Seat = (person.load, number, person.idle_since, person.number, person.name)
        line.sit_down(seat)
        person.seats[line] = seat

    @staticmethod
    def stand_up(person: Agent) -> None:
        """Take an agent who waits for work out of his lines."""
        for line, seat in person.seats.items():
            line.stand_up(seat)
        person.seats.clear()

    def _strategy_broke(self, queue: QueueState, error: Exception) -> None:
        """Go on with `longest_idle`, also for those who sit in the queue's lines already."""
        self._broke(queue.name, queue.settings.strategy, f"{type(error).__name__}: {error}")
        queue.strategy = strategies.longest_idle
        for line in queue.lines.values():
            for load, _, since, number, name in list(line.idle):
                person = self.agents[name]
                line.stand_up(person.seats[line])
                person.seats[line] = (load, since, since, number, name)
                line.sit_down(person.seats[line])

    # --- lines ------------------------------------------------------------------------

    def line(self, need: Need, queue: QueueState, now: float) -> Line:
        """The line of those who need this; in a new one, everybody idle who can serve it sits down."""
        known = need in queue.lines
        line = queue.line(need)
        if not known:
            for person in queue.members.values():
                if person.has_room(need.channel) and suffice(person.skills, need.skills):
                    self._sit_down_in(person, line, now)
        return line

    def personal_line(self, need: Need, queue: QueueState) -> Line:
        """The line of those who wait in this queue for one agent."""
        assert need.agent is not None
        line = queue.personal.get(need)
        if line is None:
            line = queue.personal[need] = Line(need)
            self._personal.setdefault(need.agent, {})[need] = line
            person = self.agents.get(need.agent)
            if person is not None and person.state is not AgentState.LOGGED_OUT:
                person.serve(line)
        return line

    def personal_lines(self, agent: str) -> list[Line]:
        """Lines of those who wait for this agent alone."""
        return list(self._personal.get(agent, {}).values())

    def forget_personal(self, line: Line, queue: QueueState) -> None:
        """Nobody waits in this line any more, which was one agent's."""
        need = line.need
        assert need.agent is not None
        del self._personal[need.agent][need]
        del queue.personal[need]
        person = self.agents.get(need.agent)
        if person is not None and line in person.lines:
            person.lines.remove(line)

    @staticmethod
    def waiting_in(queue: QueueState) -> list[Place]:
        """The places of all who wait there, in no order."""
        lines = (*queue.lines.values(), *queue.personal.values())
        return [place for line in lines for place in line.waiting]
