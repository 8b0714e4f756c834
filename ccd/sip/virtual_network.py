"""User agents wired together in virtual time: no socket, no clock, every run the same.

For tests, benchmarks and the study of traces. The network delays, loses, duplicates and
reorders as it is told to, by a seeded generator; time jumps from event to event.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ccd.sip.agent import UserAgent
from ccd.sip.events import SipEvent
from ccd.sip.hop import Hop


class Sent(NamedTuple):
    """One packet as it was put on the wire."""

    at: float
    source: Hop
    target: Hop
    data: bytes
    lost: bool

    @property
    def start_line(self) -> str:
        """The message's first line."""
        return self.data.split(b"\r\n", 1)[0].decode("utf-8", "replace")


class VirtualNetwork:
    """Carries packets between the agents attached to it.

    `delay` and `jitter` are seconds (a packet takes between `delay` and `delay + jitter`,
    so jitter reorders); `loss` and `duplicate` are probabilities. `filter` sees each packet
    and says whether it gets through, for losing one particular message.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        delay: float = 0.005,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.delay = delay
        self.jitter = jitter
        self.loss = loss
        self.duplicate = duplicate
        self.filter: Callable[[Sent], bool] | None = None
        self.trace: list[Sent] = []
        self._rng = rng
        self._agents: dict[Hop, tuple[UserAgent, Callable[[SipEvent], None]]] = {}
        self._flying: list[tuple[float, int, bytes, Hop, Hop]] = []
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def attach(
        self, agent: UserAgent, handler: Callable[[SipEvent], None], protocol: str = "udp"
    ) -> Hop:
        """Connect `agent` at its local address; `handler` gets its events. Returns its hop."""
        hop = Hop(protocol, *agent.local[protocol])
        self._agents[hop] = (agent, handler)
        return hop

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Call `act` at virtual time `when`."""
        self._serial += 1
        heapq.heappush(self._acts, (when, self._serial, act))

    def inject(self, data: bytes, source: Hop, target: Hop) -> None:
        """Deliver `data` to the agent at `target` now, as if from `source`."""
        agent, _ = self._agents[target]
        agent.receive(data, source, self.now)
        self._settle()

    def run(self, until: float | None = None) -> None:
        """Let time pass up to `until`; without it, an hour or until nothing is left to happen."""
        self._settle()
        idle_ends, until = until is None, self.now + 3600.0 if until is None else until
        while True:
            when = self._next()
            if when is None or when > until:
                break
            self.now = max(self.now, when)
            while self._acts and self._acts[0][0] <= self.now:
                heapq.heappop(self._acts)[2]()
            while self._flying and self._flying[0][0] <= self.now:
                _, _, data, source, target = heapq.heappop(self._flying)
                attached = self._agents.get(target)
                if attached is not None:
                    attached[0].receive(data, source, self.now)
                    self._settle()
            for agent, _ in self._agents.values():
                due = agent.get_timer()
                if due is not None and due <= self.now:
                    agent.handle_timer(self.now)
            self._settle()
        if not idle_ends:
            self.now = max(self.now, until)

    def lines(self, *, lost: bool = True) -> list[str]:
        """The start lines of what was sent, for comparing with a call flow."""
        return [sent.start_line for sent in self.trace if lost or not sent.lost]

    def _next(self) -> float | None:
        times: list[float] = []
        if self._acts:
            times.append(self._acts[0][0])
        if self._flying:
            times.append(self._flying[0][0])
        for agent, _ in self._agents.values():
            due = agent.get_timer()
            if due is not None:
                times.append(due)
        return min(times) if times else None

    def _settle(self) -> None:
        """Hand out events and pick up packets until no agent has either."""
        busy = True
        while busy:
            busy = False
            for source, (agent, handler) in self._agents.items():
                while (event := agent.next_event()) is not None:
                    busy = True
                    handler(event)
                outgoing = agent.to_send()
                if outgoing:
                    busy = True
                    self._send(source, outgoing)

    def _send(self, source: Hop, packets: Iterable[tuple[bytes, Hop]]) -> None:
        for data, target in packets:
            passes = Sent(self.now, source, target, data, lost=False)
            lost = self.loss > 0 and self._rng.random() < self.loss
            if self.filter is not None and not self.filter(passes):
                lost = True
            self.trace.append(passes._replace(lost=lost))
            if lost:
                continue
            copies = 2 if self.duplicate > 0 and self._rng.random() < self.duplicate else 1
            for _ in range(copies):
                self._serial += 1
                arrival = self.now + self.delay + self._rng.random() * self.jitter
                heapq.heappush(self._flying, (arrival, self._serial, data, source, target))
