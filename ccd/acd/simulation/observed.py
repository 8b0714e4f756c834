"""A day that was, from its events: who called, what became of them, who was at work.

Sans-IO: a fold over the journal's events, oldest first. Events from before the day are
given too, for they say who was at work when it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ccd.acd.actions import Moved
from ccd.acd.simulation.ledger import Ledger, utilisation
from ccd.acd.simulation.people import Person, Presence, Step
from ccd.acd.simulation.report import Interval, Report
from ccd.acd.simulation.staff import Staff
from ccd.events import (
    AGENT_STATES,
    AgentBusy,
    AgentLoggedOff,
    AgentLoggedOn,
    AgentNotReady,
    AgentReady,
    AgentReserved,
    AgentSkillsChanged,
    AgentWorkingAfterCall,
    CallCleared,
    Dequeued,
    Event,
    Offered,
    Queued,
    SystemStarted,
)
from ccd.model import AgentState

EVENTS = (
    Offered,
    Queued,
    Dequeued,
    CallCleared,
    AgentLoggedOn,
    AgentLoggedOff,
    AgentReady,
    AgentNotReady,
    AgentReserved,
    AgentBusy,
    AgentWorkingAfterCall,
    AgentSkillsChanged,
    SystemStarted,
)
"""Those that matter here; others may be given, and are passed over."""

LOST = "lost"
"""The outcome of a call that ended without a word on how it left its queue."""

_AWAY = frozenset({AgentState.LOGGED_OUT, AgentState.NOT_READY})


@dataclass(slots=True)
class ObservedCall:
    """One caller; times are seconds since midnight of the day."""

    at: float
    queue: str
    number: str = ""
    wait: float | None = None
    """Until an agent spoke, he hung up, or he left otherwise; None: he waits still."""
    outcome: str = ""
    """`assigned`, `abandoned`, or how else he left; empty: he waits still."""
    ring: float | None = None
    """How long the last phone rang, until it was answered or he hung up; None: none did then."""
    handle: float | None = None
    """How long that agent had him in hand, wrap-up included; None: nobody did, or still does."""


@dataclass(slots=True)
class _Agent:
    queues: tuple[str, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)
    state: AgentState = AgentState.LOGGED_OUT
    steps: list[Step] = field(default_factory=list)
    reserved_for: str | None = None
    """The call that his phone rings for."""
    busy_at: float = 0.0
    call: str | None = None
    """The one in hand, or being wrapped up."""


class Observed:
    """The day from `begin` to `end`, seconds since the epoch, that began at `midnight`."""

    def __init__(self, *, midnight: float, begin: float, end: float) -> None:
        self._midnight = midnight
        self._begin = begin
        self._end = end
        self._numbers: dict[str, str] = {}
        self._calls: dict[str, ObservedCall] = {}
        self._agents: dict[str, _Agent] = {}
        self._rung_at: dict[str, float] = {}
        self._moves: list[tuple[float, Moved]] = []

    @property
    def calls(self) -> list[ObservedCall]:
        """Who came into a queue in that time, in order."""
        return sorted(self._calls.values(), key=lambda call: call.at)

    @property
    def end_s(self) -> float:
        """When the day ends, seconds since midnight."""
        return self._end - self._midnight

    def people(self, skills: Mapping[str, Mapping[str, int]]) -> list[Person]:
        """Return who was at work, with their shifts; `skills` by name where events did not say."""
        return [
            Person(
                name=name,
                queues=agent.queues,
                skills=agent.skills or skills.get(name, {}),
                steps=tuple(agent.steps),
            )
            for name, agent in self._agents.items()
            if agent.steps
        ]

    def feed(self, events: Iterable[Event]) -> None:
        """Take events, oldest first."""
        for event in events:
            if event.at > self._end:
                return
            self._take(event, event.at - self._midnight)

    def _take(self, event: Event, at: float) -> None:
        match event:
            case Offered():
                self._numbers[event.call] = event.ani
            case Queued():
                if event.call not in self._calls and event.at >= self._begin:
                    number = self._numbers.pop(event.call, "")
                    self._calls[event.call] = ObservedCall(at, event.queue, number)
            case Dequeued():
                call = self._calls.get(event.call)
                if call is not None and call.outcome in ("", LOST):
                    call.wait, call.outcome = at - call.at, event.reason
                    rung_at = self._rung_at.pop(event.call, None)
                    call.ring = None if rung_at is None else at - rung_at
            case CallCleared():
                # Of a call that a killed daemon left nothing else is said. Otherwise its
                # `Dequeued` came before, or comes now.
                call = self._calls.get(event.call)
                if call is not None and not call.outcome:
                    call.wait, call.outcome = at - call.at, LOST
            case AgentLoggedOn():
                agent = self._agents.setdefault(event.agent, _Agent())
                agent.queues = event.queues
                agent.steps.append(Step(at, Presence.LOG_ON))
                self._moved(event.agent, agent, AgentState.NOT_READY, at)
            case AgentSkillsChanged():
                agent = self._agents.setdefault(event.agent, _Agent())
                agent.queues, agent.skills = event.queues, event.skills
            case SystemStarted():
                for name, agent in self._agents.items():
                    if agent.state is not AgentState.LOGGED_OUT:
                        self._freed(agent, at)
                        agent.steps.append(Step(at, Presence.LOG_OFF))
                        self._moved(name, agent, AgentState.LOGGED_OUT, at)
            case _ if (state := AGENT_STATES.get(type(event))) is not None:
                name = getattr(event, "agent", "")
                found = self._agents.get(name)
                if found is not None:  # else its log-on is older than what the journal keeps
                    self._agent(event, name, found, state, at)

    def _agent(self, event: Event, name: str, agent: _Agent, state: AgentState, at: float) -> None:
        if agent.reserved_for is not None:
            if state is not AgentState.BUSY:  # not answered: the next phone rings anew
                self._rung_at.pop(agent.reserved_for, None)
            agent.reserved_for = None
        match event:
            case AgentReserved():
                # Where several are rung, it is since the first of them.
                self._rung_at.setdefault(event.call, at)
                agent.reserved_for = event.call
            case AgentBusy():
                agent.busy_at, agent.call = at, event.call
            case AgentReady():
                self._freed(agent, at)
                if agent.state in _AWAY:
                    agent.steps.append(Step(at, Presence.READY))
            case AgentNotReady():
                self._freed(agent, at)
                agent.steps.append(Step(at, Presence.NOT_READY, event.reason))
            case AgentLoggedOff():
                self._freed(agent, at)
                agent.steps.append(Step(at, Presence.LOG_OFF))
        self._moved(name, agent, state, at)

    def _freed(self, agent: _Agent, at: float) -> None:
        """The agent has nothing in hand any more."""
        call = self._calls.get(agent.call or "")
        if call is not None and call.handle is None:
            call.handle = at - agent.busy_at
        agent.call = None

    def _moved(self, name: str, agent: _Agent, state: AgentState, at: float) -> None:
        agent.state = state
        self._moves.append((at, Moved(name, state)))

    # --- figures ----------------------------------------------------------------------

    def report(
        self,
        targets: Mapping[str, float],
        *,
        interval_s: float,
        short_abandon_s: float,
        redial_window_s: float,
    ) -> Report:
        """Return the day's figures, as they were; `targets`: each queue's service level time."""
        ledger = Ledger(targets, interval_s=interval_s, short_abandon_s=short_abandon_s)
        seen: dict[str, float] = {}
        lengths: list[tuple[float, int, str]] = []
        for call in self.calls:
            tally = ledger.tally(call.queue, call.at)
            tally.offered += 1
            if call.number:
                last = seen.get(call.number)
                tally.redials += last is not None and call.at - last <= redial_window_s
                seen[call.number] = call.at
            if call.outcome == "assigned":
                tally.answered(call.wait or 0.0, call.handle or 0.0)
            elif call.outcome == "abandoned":
                tally.hung_up(call.wait or 0.0, short_abandon_s)
            elif call.outcome:
                tally.left += 1
            # While a phone rings for him he is not counted as waiting, as in the simulator.
            left_at = self.end_s if call.wait is None else call.at + call.wait - (call.ring or 0.0)
            if left_at > call.at + 1e-3:
                lengths += [(call.at, 1, call.queue), (left_at, -1, call.queue)]
        self._lengths(ledger, lengths)
        staff, begin = self._staff(interval_s)
        return Report(
            begins_s=begin,
            ends_s=self.end_s,
            interval_s=interval_s,
            short_abandon_s=short_abandon_s,
            total=ledger.total(),
            queues={queue: ledger.of_queue(queue) for queue in targets},
            intervals=tuple(
                Interval(
                    begins_s=number * interval_s,
                    figures=figures,
                    agents=staff.mean_at_work(number),
                    occupancy=staff.occupancy(number),
                )
                for number, figures in ledger.intervals()
            ),
            occupancy=staff.occupancy(),
            utilisation=utilisation(staff.shares()),
            offers=sum(
                move.state is AgentState.RESERVED for at, move in self._moves if at >= begin
            ),
            unanswered=0,
        )

    @staticmethod
    def _lengths(ledger: Ledger, changes: list[tuple[float, int, str]]) -> None:
        waiting: dict[str, int] = {}
        total = 0
        for at, change, queue in sorted(changes):
            total += change
            length = waiting[queue] = waiting.get(queue, 0) + change
            if change > 0:
                tally = ledger.tally(queue, at)
                tally.longest_queue = max(tally.longest_queue, length)
                ledger.queue_length(at, total)

    def _staff(self, interval_s: float) -> tuple[Staff, float]:
        """Return the agents' time, from the first call's half-hour to the end."""
        calls = self.calls
        begin = calls[0].at // interval_s * interval_s if calls else self._begin - self._midnight
        staff = Staff([Person(name=name, queues=()) for name in self._agents], interval_s)
        staff.begin(begin)
        for at, move in self._moves:
            if at > begin:
                staff.reach(at)
            staff.moved(move)
        staff.reach(self.end_s)
        staff.end()
        return staff, begin
