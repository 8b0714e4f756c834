"""A whole simulated day of a large broker: half a million calls, through the real distributor.

A trading day with its surge at the open, eight queues with skills, rings, weights and a
VIP class, 6,000 agents in four shifts, impatient callers, redials, phones not answered.
The budget is five minutes of wall time. `CCD_BENCH_SCALE=0.01` runs a hundredth of it, to
see that it runs.
"""

from __future__ import annotations

import math
import os
import random
import resource
import time

from bench.result import Result, at_most, figure
from ccd import config
from ccd.acd.from_settings import Callers
from ccd.acd.simulation.arrivals import Demand
from ccd.acd.simulation.distributions import Lognormal, Weibull
from ccd.acd.simulation.people import Behaviour, Person, Presence, Step
from ccd.acd.simulation.profiles import PROFILES
from ccd.acd.simulation.simulator import Centre, simulate

CALLS = 500_000
AGENTS = 6_000
BUDGET_S = 300.0
HOUR = 3600.0

PRODUCTS = ("orders", "funds", "margin", "options", "accounts", "technical")


def queues() -> tuple[config.Queue, ...]:
    made = [
        config.Queue(
            name=product,
            skills={product: 4},
            wrap_up_s=15.0,
            strategy="most_skilled" if product == "options" else "longest_idle",
            weight_s=15.0 if product == "orders" else 0.0,
            last_agent_s=10.0,
            ring=(config.Ring(after_s=45.0, skills={product: 2}),),
        )
        for product in PRODUCTS
    ]
    made.append(config.Queue(name="english", skills={"en": 5}, wrap_up_s=15.0, ring_agents=2))
    made.append(config.Queue(name="info", wrap_up_s=5.0, strategy="least_occupied"))
    return tuple(made)


def people(number: int, rng: random.Random) -> list[Person]:
    names = [queue.name for queue in queues()]
    starts = (8.0, 8.25, 9.0, 12.5)
    made = []
    for count in range(number):
        chosen = rng.sample(PRODUCTS, 3)
        skills = {product: rng.randint(2, 10) for product in chosen}
        if rng.random() < 0.15:
            skills["en"] = rng.randint(5, 10)
        begin = rng.choice(starts) * HOUR + rng.uniform(0, 900)
        lunch = begin + 2.8 * HOUR + rng.uniform(0, HOUR)
        made.append(
            Person(
                name=f"a{count}",
                queues=tuple(name for name in names if name in skills or name == "info")
                + (("english",) if "en" in skills else ()),
                skills=skills,
                steps=(
                    Step(begin, Presence.LOG_ON),
                    Step(begin + 60, Presence.READY),
                    Step(lunch, Presence.NOT_READY, "lunch"),
                    Step(lunch + 1800, Presence.READY),
                    Step(begin + 8 * HOUR, Presence.LOG_OFF),
                ),
            )
        )
    return made


def run() -> list[Result]:
    scale = float(os.environ.get("CCD_BENCH_SCALE", "1"))
    rng = random.Random(1)
    demand = Demand(
        profile=PROFILES["market-open"],
        calls=CALLS * scale,
        queues=dict.fromkeys((*PRODUCTS, "info"), 1.0) | {"orders": 4.0, "english": 0.4},
        handle=Lognormal(150.0, 0.9),
        patience=Weibull(150.0, 0.8),
        classes={"vip": 0.05},
    )
    centre = Centre(
        queues=queues(),
        people=people(math.ceil(AGENTS * scale), rng),
        callers=Callers(classes=(config.CustomerClass(name="vip", head_start_s=90.0),)),
        behaviour=Behaviour(rona=0.005, redial=0.4),
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, cpu = time.perf_counter(), time.process_time()
    day = simulate(centre, demand.draw(rng), rng=rng)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    total = day.total
    what = (
        f"{total.offered:,} calls, {len(centre.people):,} agents; {total.service_level or 0:.0%} in "
        f"time, {total.abandonment or 0:.1%} abandoned, longest queue {total.longest_queue:,}"
    )
    return [
        at_most("acd_day wall time", wall, "s", BUDGET_S * scale, what),
        figure("acd_day calls/s", total.offered / wall, "calls/s"),
        figure("acd_day CPU a call", cpu / total.offered * 1e6, "µs", f"{day.offers:,} offers"),
        figure("acd_day memory", memory, "MB"),
    ]
