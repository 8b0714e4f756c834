"""The state of a run as it is shown: folded from the daemon's events and the callers' states.

Pure data: `picture.py` draws it. Times are seconds since the run began.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from ccd import events
from ccd.model import AgentState
from lab.trunk_sim.caller import CallerState
from lab.trunk_sim.verdict import Ending

SPARK_SECONDS = 60
"""How far back the arrivals' sparkline looks."""

LAST_EVENTS = 8


class Board:
    """What is going on."""

    def __init__(self, agents: Iterable[str] = ()) -> None:
        self.agents: dict[str, AgentState] = dict.fromkeys(agents, AgentState.LOGGED_OUT)
        self.queued: set[str] = set()
        self.talking: set[str] = set()
        self.last: deque[tuple[float, str]] = deque(maxlen=LAST_EVENTS)
        self.callers: Counter[CallerState] = Counter()
        self.endings: Counter[Ending] = Counter()
        self.blocked = 0
        self.planned: int | None = None
        self._arrivals: Counter[int] = Counter()
        self.stale = False
        """The daemon's events are not coming (the link is down, or was never made)."""

    def arrived(self, at: float) -> None:
        """A caller dialled."""
        self._arrivals[int(at)] += 1

    @property
    def offered(self) -> int:
        """How many callers have dialled."""
        return sum(self._arrivals.values())

    def arrivals(self, now: float, width: int) -> list[int]:
        """Callers a second over the last `SPARK_SECONDS`, oldest first, at most `width` values."""
        last = int(now)
        first = max(0, last - min(SPARK_SECONDS, width) + 1)
        return [self._arrivals[second] for second in range(first, last + 1)]

    def moved(self, before: CallerState | None, after: CallerState) -> None:
        """A caller went from one state to another."""
        if before is not None:
            self.callers[before] -= 1
        self.callers[after] += 1

    def ended(self, ending: Ending) -> None:
        """A caller's call ended like this."""
        self.endings[ending] += 1

    def apply(self, event: events.Event, at: float) -> None:
        """Fold an event of the daemon in."""
        match event:
            case events.AgentLoggedOn(agent=agent):
                self.agents[agent] = AgentState.NOT_READY
            case events.AgentLoggedOff(agent=agent):
                self.agents[agent] = AgentState.LOGGED_OUT
            case events.AgentReady(agent=agent):
                self.agents[agent] = AgentState.READY
            case events.AgentNotReady(agent=agent, reason=reason):
                self.agents[agent] = AgentState.NOT_READY
                if reason == "rona":
                    self.last.append((at, f"! {agent} did not answer"))
            case events.AgentReserved(agent=agent):
                self.agents[agent] = AgentState.RESERVED
            case events.AgentBusy(agent=agent):
                self.agents[agent] = AgentState.BUSY
            case events.AgentWorkingAfterCall(agent=agent):
                self.agents[agent] = AgentState.WRAP_UP
            case events.Queued(call=call):
                self.queued.add(call)
            case events.Dequeued(call=call):
                self.queued.discard(call)
            case events.Bridged(call=call):
                self.talking.add(call)
            case events.CallCleared(call=call):
                self.queued.discard(call)
                self.talking.discard(call)
            case _:
                pass
        line = describe(event)
        if line is not None:
            self.last.append((at, line))


def describe(event: events.Event) -> str | None:
    """One line for the events worth a viewer's eye; None for the others."""
    match event:
        case events.Offered(ani=ani, dnis=dnis):
            return f"→ {ani} dials {dnis}"
        case events.DigitsDetected(call=call, digits=digits):
            return f"# {digits} pressed on {call}"
        case events.Queued(call=call, queue=queue, position=position):
            return f"… {call} waits in {queue}, position {position}"
        case events.Bridged(call=call, agent=agent):
            return f"✓ {call} speaks with {agent}"
        case events.Dequeued(call=call, reason="abandoned", waited=waited):
            return f"! {call} abandoned after {waited:.1f} s"
        case events.CallCleared(call=call, released_by=by, cause=cause):
            return f"← {call} cleared by {by} ({cause})"
        case events.Failed(agent=agent, cause=cause):
            return f"✗ {agent or 'a leg'} failed: {cause}"
        case events.MediaWorkerLost(worker=worker, reason=reason):
            return f"✗ media worker {worker} lost: {reason}"
        case events.OverloadChanged(shedding=shedding, reason=reason):
            return f"! {'shedding calls' if shedding else 'no longer shedding'}: {reason}"
        case _:
            return None
