"""Whole calls through a running daemon: CPU of core and media, set-up time, offer latency, calls/s.

`queue_calls` runs callers and robot agents of the lab (real SIP and RTP) against a daemon of
its own; `calls_per_second` has SIPp place short calls on another. Both need a daemon that
starts; figures are CPU a call and latencies from the daemon's own events, so that they
compare between machines of a class, however busy they are.
"""

from __future__ import annotations

import asyncio
import csv
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop

from bench.result import Result, at_least, at_most, figure
from ccd import events
from ccd.sip.hop import Hop
from lab.trunk_sim.daemon import Daemon, DaemonError
from lab.trunk_sim.figures import CpuUse, percentile
from lab.trunk_sim.plans import EVERYONE_TALKS, Habits, draw_plan, poisson_arrivals
from lab.trunk_sim.ports import free_block
from lab.trunk_sim.robot import RobotHabits
from lab.trunk_sim.robots import HABITS
from lab.trunk_sim.station import Station
from lab.trunk_sim.trunk import CallResult, Trunk, TrunkSettings
from lab.trunk_sim.watch import Watch

CALLS = 120
RATE = 5.0
ROBOTS = 12
TALK_S = 2.0
"""About 3 s of an agent's time a call: 12 agents serve 4 a second, so that callers wait."""

IDLE_S = 3.0
"""Over which the idle daemon is measured, to say how much of a call's CPU is not the call's."""

SIPP_RATE = 300
SIPP_SECONDS = 12
SIPP_HOLD_MS = 500
MOST_RETRANSMISSIONS = 0.005

SCENARIO = Path(__file__).parent.parent / "lab" / "sipp_scenarios" / "uac_short.xml"


class Run(msgspec.Struct, kw_only=True):
    """What a run of queue calls left behind."""

    results: list[CallResult]
    events: list[events.Event]
    cpu: CpuUse
    idle: CpuUse
    """Of `IDLE_S` seconds."""
    seconds: float


def queue_calls() -> list[Result]:
    with _folder() as state:
        try:
            run = uvloop.run(_queue_calls(state))
        except DaemonError as error:
            return [_unmeasured("demo_call_core_cpu", _gist(error))]
    views = [result.view for result in run.results]
    whole = [view for view in views if view.agent_heard_at is not None]
    if not whole:
        return [_unmeasured("demo_call_core_cpu", f"of {len(views)} calls none reached an agent")]
    astray = len(views) - len(whole)
    note = f"{len(whole)} whole calls in {run.seconds:.0f} s"
    if astray:
        note += f"; {astray} others did not reach an agent"
    idle_share = run.seconds / IDLE_S / len(views)
    seconds_of_calls = sum(
        view.ended_at - view.answered_at
        for view in views
        if view.answered_at is not None and view.ended_at is not None
    )
    setups = [
        1000 * (view.answered_at - view.dialled_at)
        for view in views
        if view.answered_at is not None and view.dialled_at is not None
    ]
    offers = list(offer_latencies_ms(run.events))
    return [
        figure("demo_call_core_cpu", 1000 * run.cpu.core_s / len(views), "ms", note),
        figure(
            "demo_call_core_cpu_idle_part",
            1000 * run.idle.core_s * idle_share,
            "ms",
            "what the idle daemon would have used, in the figure above",
        ),
        figure(
            "demo_call_media_cpu",
            1000 * run.cpu.media_s / seconds_of_calls,
            "ms/call-s",
            "caller's leg all the time, agent's while it lasts; recorded",
        ),
        figure("setup_latency_p50", percentile(setups, 0.5) or 0.0, "ms", "INVITE to 200"),
        figure("setup_latency_p99", percentile(setups, 0.99) or 0.0, "ms", "INVITE to 200"),
        _latency("agent_free_to_invite_p99", offers, 0.99, 20.0),
        figure("agent_free_to_invite_p50", percentile(offers, 0.5) or 0.0, "ms"),
    ]


def offer_latencies_ms(stream: Sequence[events.Event]) -> Iterator[float]:
    """From an agent's being ready while somebody waits to the INVITE to his phone, each time."""
    waiting: set[str] = set()
    free_since: dict[str, float] = {}
    for event in stream:
        match event:
            case events.Queued(call=call):
                waiting.add(call)
            case events.AgentReserved(call=call) | events.CallCleared(call=call):
                waiting.discard(call)  # from its being reserved it waits for nobody else
            case events.Dequeued(call=call):
                waiting.discard(call)
            case events.AgentReady(agent=agent, at=at):
                if waiting:
                    free_since[agent] = at
            case events.Delivered(agent=agent, at=at):
                if (since := free_since.pop(agent, None)) is not None:
                    yield 1000 * (at - since)
            case _:
                pass


async def _queue_calls(state: Path) -> Run:
    habits = RobotHabits(ring_s=(0.05, 0.2), talk_s=TALK_S, hangs_up=0.3)
    (state / HABITS).write_bytes(msgspec.json.encode(habits))
    daemon = await Daemon.start(state, robots=ROBOTS)
    seen: list[events.Event] = []
    watch = Watch(state, on_event=seen.append)
    station = Station(
        folder=state / "trunk",
        ports=free_block(CALLS + 32, random.Random()),
        name="trunk",
    )
    try:
        await station.start()
        await watch.start()
        host, port = daemon.ready.sip_address
        trunk = Trunk(
            station, TrunkSettings(service=daemon.ready.service, target=Hop("udp", host, port))
        )
        before = daemon.cpu()
        await asyncio.sleep(IDLE_S)
        idle = _used(before, daemon.cpu())
        rng = random.Random(1)
        plans = Habits(mix=EVERYONE_TALKS, talk_s=TALK_S, think_s=(0.3, 0.8))
        calls = [
            (at, draw_plan(number, plans, rng))
            for number, at in enumerate(poisson_arrivals(RATE, rng, calls=CALLS), 1)
        ]
        before, began = daemon.cpu(), station.now()
        await trunk.run(calls)
        try:
            async with asyncio.timeout(90.0):
                await trunk.finished()
        except TimeoutError:
            trunk.give_up()
            await trunk.finished()
        cpu, seconds = _used(before, daemon.cpu()), station.now() - began
    finally:
        await watch.stop()
        await station.stop()
        await daemon.stop()
    return Run(results=trunk.results, events=seen, cpu=cpu, idle=idle, seconds=seconds)


def calls_per_second() -> list[Result]:
    if shutil.which("sipp") is None:
        return [_unmeasured("sipp_calls_per_second", "sipp is missing: apt install sip-tester")]
    with _folder() as state:
        try:
            return uvloop.run(_calls_per_second(state))
        except (DaemonError, subprocess.SubprocessError, OSError) as error:
            return [_unmeasured("sipp_calls_per_second", _gist(error))]


async def _calls_per_second(state: Path) -> list[Result]:
    daemon = await Daemon.start(state, robots=0)
    try:
        before = daemon.cpu()
        statistics = await _sipp(daemon, state)
        cpu = _used(before, daemon.cpu())
    finally:
        await daemon.stop()
    good, bad = int(statistics["SuccessfulCall(C)"]), int(statistics["FailedCall(C)"])
    # Requests only: three of ours a call (INVITE, ACK, BYE).
    repeated = int(statistics["Retransmissions(C)"]) / max(1, 3 * (good + bad))
    # SIPp's own rate counts the last calls' holding time, in which none begins.
    lasted = (good + bad) / float(statistics["CallRate(C)"]) - SIPP_HOLD_MS / 1000
    rate = good / max(SIPP_SECONDS, lasted)
    sound = bad == 0 and repeated <= MOST_RETRANSMISSIONS
    note = (
        f"offered {SIPP_RATE}/s for {SIPP_SECONDS} s, {SIPP_HOLD_MS} ms each: {good} good, "
        f"{bad} failed, {100 * repeated:.2f} % retransmissions"
    )
    within = at_least("sipp_calls_per_second", rate, "calls/s", 0.98 * SIPP_RATE, note)
    return [
        msgspec.structs.replace(within, budget=SIPP_RATE, ok=bool(within.ok) and sound),
        figure(
            "sipp_call_core_cpu",
            1000 * cpu.core_s / max(1, good + bad),
            "ms",
            "caller answered, welcome begun, cleared: no queue, no agent",
        ),
        figure("sipp_call_media_cpu", 1000 * cpu.media_s / max(1, good + bad), "ms"),
    ]


async def _sipp(daemon: Daemon, folder: Path) -> dict[str, str]:
    """Place the calls; returns the last line of SIPp's statistics, by column."""
    host, port = daemon.ready.sip_address
    statistics = folder / "sipp.csv"
    process = await asyncio.create_subprocess_exec(
        *("sipp", f"{host}:{port}", "-sf", str(SCENARIO), "-s", daemon.ready.service),
        *("-key", "ani", "13900000000", "-i", "127.0.0.1", "-mi", "127.0.0.1"),
        *("-r", str(SIPP_RATE), "-m", str(SIPP_RATE * SIPP_SECONDS), "-d", str(SIPP_HOLD_MS)),
        *("-l", str(10 * SIPP_RATE), "-nostdin"),
        *("-trace_stat", "-stf", str(statistics), "-fd", "1"),
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(process.wait(), 4 * SIPP_SECONDS + 40)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    with statistics.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    if not rows:
        raise OSError("sipp left no statistics")
    return rows[-1]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _used(before: CpuUse, after: CpuUse) -> CpuUse:
    return CpuUse(core_s=after.core_s - before.core_s, media_s=after.media_s - before.media_s)


def _latency(name: str, values: Iterable[float], share: float, budget: float) -> Result:
    listed = list(values)
    value = percentile(listed, share)
    if value is None:
        return _unmeasured(name, "no agent became free while somebody waited")
    return at_most(name, value, "ms", budget, f"{len(listed)} offers, from the daemon's events")


def _gist(error: Exception) -> str:
    """What went wrong, and the last thing said before it did."""
    lines = str(error).splitlines()
    return lines[0] if len(lines) < 2 else f"{lines[0]}; {lines[-1]}"


def _unmeasured(name: str, why: str) -> Result:
    return Result(name=name, value=None, unit="", note=why)


BENCHMARKS = {"calls": queue_calls, "calls_per_second": calls_per_second}
