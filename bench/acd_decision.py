"""What one decision of the distributor costs, in CPU: 20,000 agents, 10,000 waiting.

Each agent has one of 2,000 sets of ten skills out of 2,000, at levels 1 to 10, and serves the
ten queues that need them at some level, with a wider ring behind: who comes free has up to
twenty lines to look at, who is taken leaves as many. One caller in ten is a VIP. A decision
is one event put in and all actions taken out. Percentiles are over single decisions, so what
else runs on the machine shows in them.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from typing import Any

from bench.result import Result, at_most, figure
from ccd.acd.contact import RingSettings
from ccd.acd.distributor import Assign, Contact, Distributor, QueueSettings

QUEUES_EACH = 10
BUDGET_US = 100.0
VIP_S = 60.0


class Centre:
    """A distributor under a made-up load, and how long its decisions took."""

    def __init__(self, agents: int, queues: int) -> None:
        self.rng = random.Random(1)
        self.acd = Distributor()
        self.queues = [f"q{number}" for number in range(queues)]
        self.now = 0.0
        self.count = 0
        self.talking: list[str] = []
        self.times: list[float] = []
        for queue in self.queues:
            needed = {queue: self.rng.randint(1, 4)}
            wider = RingSettings(after_s=30.0, skills={queue: 1})
            self.acd.add_queue(
                QueueSettings(
                    name=queue,
                    skills=needed,
                    rings=(wider,),
                    strategy=self.rng.choice(("longest_idle", "most_skilled", "least_occupied")),
                )
            )
        sets = [self.rng.sample(self.queues, min(QUEUES_EACH, queues)) for _ in self.queues]
        for number in range(agents):
            self.now += 0.001
            serves = self.rng.choice(sets)
            skills = {queue: self.rng.randint(1, 10) for queue in serves}
            self.acd.agent_log_on(f"a{number}", serves, self.now, skills=skills)
            self.acd.agent_ready(f"a{number}", self.now)
            while self.acd.next_action() is not None:
                pass

    def decide(self, event: Callable[..., Any], *args: Any) -> None:
        begin = time.perf_counter()
        event(*args)
        actions = []
        while (action := self.acd.next_action()) is not None:
            actions.append(action)
        self.times.append(time.perf_counter() - begin)
        for action in actions:
            if isinstance(action, Assign):
                self.decide(self.acd.offer_accepted, action.contact, self.now)
                self.talking.append(action.contact)

    def arrive(self) -> None:
        self.now += 0.001
        self.count += 1
        contact = Contact(
            id=f"c{self.count}",
            queue=self.rng.choice(self.queues),
            enqueued_at=self.now,
            head_start_s=VIP_S if self.rng.random() < 0.1 else 0.0,
        )
        self.decide(self.acd.enqueue, contact, self.now)

    def end_one(self) -> None:
        index = self.rng.randrange(len(self.talking))
        self.talking[index], self.talking[-1] = self.talking[-1], self.talking[index]
        self.decide(self.acd.contact_ended, self.talking.pop(), self.now)

    def waiting(self) -> int:
        return sum(queue.waiting for queue in self.acd.queues())

    def percentiles(self) -> tuple[float, float]:
        ordered = sorted(self.times)
        self.times.clear()
        return (
            ordered[len(ordered) // 2] * 1e6,
            ordered[int(len(ordered) * 0.99)] * 1e6,
        )


def run() -> list[Result]:
    small = Centre(100, 20)
    for _ in range(5000):
        small.arrive()
        if len(small.talking) > 50:
            small.end_one()
    small_p50, _ = small.percentiles()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    centre = Centre(20_000, 2_000)
    for _ in range(10_000):
        centre.arrive()
        if len(centre.talking) > 500:
            centre.end_one()
    idle_p50, idle_p99 = centre.percentiles()
    while centre.waiting() < 10_000:
        for _ in range(500):
            centre.arrive()
    centre.times.clear()
    for _ in range(10_000):
        centre.arrive()
        centre.end_one()
    busy_p50, busy_p99 = centre.percentiles()
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [
        at_most("acd_decision p99, agents idle", idle_p99, "µs", BUDGET_US),
        at_most("acd_decision p99, 10,000 waiting", busy_p99, "µs", BUDGET_US),
        figure("acd_decision p50, agents idle", idle_p50, "µs"),
        figure("acd_decision p50, 10,000 waiting", busy_p50, "µs"),
        figure("acd_decision p50, 100 agents", small_p50, "µs", "what growth is measured from"),
        figure("acd_decision memory", memory, "MB", "20,000 agents, 2,000 queues, 10,000 waiting"),
    ]
