"""What the media plane costs: two-party G.711 calls, mixed, relayed, recorded.

The worker is the real one, started by the real pool; its CPU is what it says itself
(getrusage). Beside it the raw cost of the same packets through bare recvmmsg and sendmmsg.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from bench._media_generator import Findings, Order
from bench.result import Result, at_most, figure
from ccd.media.pool import MediaPool
from ccd.media.protocol import (
    CloseLeg,
    Connect,
    Gauge,
    LegClosed,
    MediaFormat,
    OpenLeg,
    Record,
    RecordFinished,
    Report,
    Stop,
)

SECONDS: Final = 6.0
WARM_UP_S: Final = 2.0

MIXED_BUDGET: Final = 0.7
RECORDED_BUDGET: Final = 0.9
LATE_BUDGET_MS: Final = 5.0


class Run(msgspec.Struct):
    """What one run of the worker under load gave."""

    cpu_ms_per_call_second: float
    late_ms_p99: float
    late_ms_max: float
    lost_in: int
    findings: Findings
    recording_errors: int = 0


def load(calls: int, *, gain_db: float, record: bool = False, plain: bool = False) -> Run:
    """Carry so many two-party calls for a few seconds. At 0 dB they are relayed."""
    return asyncio.run(_load(calls, gain_db=gain_db, record=record, plain=plain))


async def _load(calls: int, *, gain_db: float, record: bool, plain: bool) -> Run:
    gauges: list[Gauge] = []
    closed: list[LegClosed] = []
    finished: list[RecordFinished] = []
    progress = asyncio.Event()

    def on_report(_: int, report: Report) -> None:
        if isinstance(report, Gauge):
            gauges.append(report)
        elif isinstance(report, LegClosed):
            closed.append(report)
        elif isinstance(report, RecordFinished):
            finished.append(report)
        progress.set()

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                progress.clear()
                await progress.wait()

    legs = 2 * calls
    with tempfile.TemporaryDirectory() as folder:
        pool = MediaPool(
            folder=Path(folder),
            address="127.0.0.1",
            ports=(0, 0),
            workers=1,
            on_report=on_report,
            on_lost=lambda worker, reason: gauges.clear(),
            log=structlog.get_logger(),
            arguments=("--plain",) if plain else (),
        )
        await pool.start()
        generator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench._media_generator", str(legs)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=1 << 22,
        )
        assert generator.stdin is not None
        assert generator.stdout is not None
        phones = msgspec.json.decode(await generator.stdout.readline(), type=list[tuple[str, int]])
        ports = [pool.take_port(phone, latch=False) for phone in phones]
        nodes = [pool.node() for _ in phones]
        recorders = [pool.node() for _ in range(calls)] if record else []
        for node, port, phone in zip(nodes, ports, phones, strict=True):
            pool.send(0, OpenLeg(node=node, port=port.number, remote=phone, format=MediaFormat()))
        partner = [phone ^ 1 for phone in range(legs)]
        for phone, other in enumerate(partner):
            pool.send(0, Connect(source=nodes[phone], sink=nodes[other], gain_db=gain_db))
        for call, recorder in enumerate(recorders):
            pool.send(
                0,
                Record(node=recorder, path=str(Path(folder) / "r" / f"{call}.wav")),
                Connect(source=nodes[2 * call], sink=recorder, channel=0),
                Connect(source=nodes[2 * call + 1], sink=recorder, channel=1),
            )
        await until(lambda: bool(gauges) and gauges[-1].legs == legs)
        order = Order([port.number for port in ports], partner, WARM_UP_S, SECONDS)
        generator.stdin.write(msgspec.json.encode(order) + b"\n")
        await asyncio.sleep(WARM_UP_S)
        seen = len(gauges)
        await until(lambda: len(gauges) > seen)
        first = gauges[-1]
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with asyncio.timeout(SECONDS + 30):
            await until(lambda: loop.time() - begin > SECONDS - 1.5 and gauges[-1] is not first)
        last, end = gauges[-1], loop.time()
        findings = msgspec.json.decode(await generator.stdout.readline(), type=Findings)
        await generator.wait()
        counted = gauges[gauges.index(first) + 1 : gauges.index(last) + 1]
        pool.send(0, *(Stop(node=node) for node in recorders))
        pool.send(0, *(CloseLeg(node=node) for node in nodes))
        await until(lambda: len(closed) == legs and len(finished) == len(recorders))
        await pool.stop()
    return Run(
        cpu_ms_per_call_second=(last.cpu_s - first.cpu_s) * 1000 / (end - begin) / calls,
        late_ms_p99=max(gauge.late_ms_p99 for gauge in counted),
        late_ms_max=max(gauge.late_ms_max for gauge in counted),
        lost_in=sum(report.quality.packets_lost for report in closed),
        findings=findings,
        recording_errors=sum(bool(report.error) for report in finished),
    )


def raw(calls: int) -> float:
    """CPU ms a call-second of bare system calls for the same packets."""
    legs = 2 * calls
    with (
        subprocess.Popen(
            [sys.executable, "-m", "bench._media_raw"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as bare,
        subprocess.Popen(
            [sys.executable, "-m", "bench._media_generator", str(legs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as generator,
    ):
        assert bare.stdin is not None and bare.stdout is not None  # noqa: PT018
        assert generator.stdin is not None and generator.stdout is not None  # noqa: PT018
        numbers = msgspec.json.decode(bare.stdout.readline(), type=list[int])
        phones = msgspec.json.decode(generator.stdout.readline(), type=list[tuple[str, int]])
        ports = [numbers[phone % len(numbers)] for phone in range(legs)]
        order = Order(ports, [phone ^ 1 for phone in range(legs)], WARM_UP_S, SECONDS)
        generator.stdin.write(msgspec.json.encode(order) + b"\n")
        generator.stdin.flush()
        plan = SECONDS - 1, WARM_UP_S, list(zip(ports, phones, strict=True))
        bare.stdin.write(msgspec.json.encode(plan) + b"\n")
        bare.stdin.flush()
        used = msgspec.json.decode(bare.stdout.readline(), type=dict[str, float])
        generator.stdout.readline()
    return (used["user"] + used["system"]) * 1000 / (SECONDS - 1) / calls


def _percentile(values: list[float], part: float) -> float:
    return values[min(int(len(values) * part), len(values) - 1)] if values else float("nan")


def _results(name: str, calls: int, run: Run, budget: float | None, note: str) -> list[Result]:
    label = f"media_{name}_{2 * calls}"
    seen = run.findings
    note = f"{note}, {2 * calls} legs; load average {os.getloadavg()[0]:.1f}"
    cpu = f"{label}_cpu_ms_per_call_second"
    value = round(run.cpu_ms_per_call_second, 3)
    ours = run.lost_in + seen.lost + run.recording_errors
    return [
        at_most(cpu, value, "ms", budget, note) if budget else figure(cpu, value, "ms", note),
        at_most(f"{label}_late_p99", round(run.late_ms_p99, 2), "ms", LATE_BUDGET_MS,
                f"worst {run.late_ms_max:.1f} ms; the generator's own p99 {seen.late_ms_p99:.1f} ms"),
        at_most(f"{label}_lost", ours, "packets", 0,
                f"of {seen.sent} in and {seen.received} out; {seen.missing} fewer than one a frame"),
        figure(f"{label}_delay_p99", round(_percentile(seen.delay_ms, 0.99), 1), "ms",
               f"median {_percentile(seen.delay_ms, 0.5):.1f} ms, {len(seen.delay_ms)} samples"),
    ]  # fmt: skip


def mixed() -> list[Result]:
    """Decoded, mixed and encoded, at 200, 1,000 and 2,000 legs, with the kernel's part beside it."""
    results: list[Result] = []
    for calls in (100, 500, 1000):
        budget = MIXED_BUDGET if calls == 1000 else None
        run = load(calls, gain_db=-1.0)
        results += _results("mixed", calls, run, budget, "decoded, mixed, encoded")
        bare = round(raw(calls), 3)
        results.append(
            figure(
                f"media_raw_{2 * calls}_cpu_ms_per_call_second",
                bare,
                "ms",
                f"bare recvmmsg and sendmmsg; ours is {run.cpu_ms_per_call_second / bare:.2f} of it",
            )
        )
    return results


def relayed() -> list[Result]:
    """Plain bridges, relayed on the 5 ms beat."""
    return _results("relayed", 1000, load(1000, gain_db=0.0), None, "relayed")


def recorded() -> list[Result]:
    """Mixed and relayed calls, every one recorded to disk on two channels."""
    return [
        *_results("recorded_mixed", 1000, load(1000, gain_db=-1.0, record=True), RECORDED_BUDGET,
                  "decoded, mixed, recorded"),
        *_results("recorded_relayed", 1000, load(1000, gain_db=0.0, record=True), RECORDED_BUDGET,
                  "relayed, recorded"),
    ]  # fmt: skip


BENCHMARKS = {"media_mixed": mixed, "media_relayed": relayed, "media_recorded": recorded}


def run(names: list[str] | None = None) -> list[Result]:
    """Every figure, or those of the named benchmarks."""
    return [result for name in names or BENCHMARKS for result in BENCHMARKS[name]()]
