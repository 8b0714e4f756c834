"""Whole queue calls under load: SIPp calls in, SIPp answers as the agents' phones.

Signalling alone (no RTP comes in), so that two cores can carry hundreds of calls a second
and what is measured is the core: caller in, prompt, queue, agent's leg, talk, recording,
both ends cleared, journalled and published to a subscriber. What a call costs falls as the
rate grows, for code stays in the caches and wake-ups serve several calls: so it is measured
at a busy rate, held against the budget, and at a calm one, to compare.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import uvloop

from bench.result import Result, at_most, figure
from ccd.cti.client import Client, CtiError
from ccd.events import Delivered, Event
from lab.trunk_sim.ports import free_block

BUSY_RATE = 200
CALM_RATE = 30
SECONDS = 12
AGENTS = 450
CALL_MS = 2000
"""From the caller's ACK to the BYE: 0.7 s of prompt, the rest with an agent."""
LEGS = 2048
"""Room for twice as many as there should be at once."""
BUDGET_MS = 2.0
DOMAIN = "bench.ccd.local"
SERVICE = "95500"
SCENARIOS = Path(__file__).parent.parent / "lab" / "sipp_scenarios"

FLOW = """\
version: 1
name: bench
start: orders
fallback: orders
steps:
  orders: {type: queue, queue: orders, prompt: {say: One moment.}}
"""

SETTINGS = """\
[sip]
listen = ["udp:127.0.0.1:{sip}"]
domain = "{domain}"
require_registration_auth = false
max_new_calls_per_s = 2000
[media]
address = "127.0.0.1"
ports = [{first}, {last}]
[[trunk]]
name = "bench"
peers = ["127.0.0.0/8"]
[[queue]]
name = "orders"
[[route]]
dnis = "{service}"
flow = "bench.yaml"
"""


class Cost(NamedTuple):
    """What one run says."""

    good: int
    bad: int
    offers: int
    total_ms: float
    """CPU a call, all threads of the core."""
    system_ms: float
    """Of which the kernel's."""


def queue_load() -> list[Result]:
    """Measure at both rates; needs SIPp."""
    if shutil.which("sipp") is None:
        why = "sipp is missing: apt install sip-tester"
        return [Result(name="queue_call_core_cpu", value=None, unit="ms", note=why)]
    busy, calm = _run(BUSY_RATE), _run(CALM_RATE)
    result = at_most("queue_call_core_cpu", busy.total_ms, "ms", BUDGET_MS, _note(BUSY_RATE, busy))
    if busy.bad or busy.offers < busy.good:
        result = msgspec.structs.replace(result, ok=False)
    return [
        result,
        figure("queue_call_core_cpu_system", busy.system_ms, "ms", "of which the kernel's"),
        figure("queue_call_core_cpu_calm", calm.total_ms, "ms", _note(CALM_RATE, calm)),
    ]


def _note(rate: int, cost: Cost) -> str:
    return f"{cost.good} whole calls at {rate}/s, {cost.bad} failed, {cost.offers} offers to agents"


def _run(rate: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        return uvloop.run(_measure(Path(name), rate))


async def _measure(folder: Path, rate: int) -> Cost:
    sip, phones = _free_ports(2)
    _write_settings(folder, sip)
    seen: Counter[type[Event]] = Counter()
    async with contextlib.AsyncExitStack() as stack:
        daemon = await _start(
            stack, folder, sys.executable, "-m", "ccd", "run", "--state", str(folder)
        )
        client = await _connect(folder, daemon)
        stack.push_async_callback(client.close)
        watch = asyncio.create_task(_count(client, seen))
        stack.callback(watch.cancel)
        await asyncio.to_thread(_register, sip, phones)
        for number in range(AGENTS):
            await client.log_in(f"agent{number}")
            await client.ready(f"agent{number}")
        await _start(
            stack, folder, "sipp", "-sf", str(SCENARIOS / "uas_agent_short.xml"), "-i", "127.0.0.1",
            "-p", str(phones), "-mp", str(_block()), "-d", "0", "-nostdin",
        )  # fmt: skip
        process = psutil.Process(daemon.pid)
        before = process.cpu_times()
        statistics = folder / "sipp.csv"
        callers = await asyncio.create_subprocess_exec(
            "sipp", f"127.0.0.1:{sip}", "-sf", str(SCENARIOS / "uac_short.xml"), "-s", SERVICE,
            "-key", "ani", "13900000000", "-i", "127.0.0.1", "-mi", "127.0.0.1",
            "-mp", str(_block()), "-r", str(rate), "-m", str(rate * SECONDS), "-d", str(CALL_MS),
            "-l", str(20 * rate), "-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1",
            cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(_kill, callers)
        await asyncio.wait_for(callers.wait(), 4 * SECONDS + 40)
        after = process.cpu_times()
        offers = seen[Delivered]
    with statistics.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    good, bad = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
    calls = max(1, good + bad) / 1000
    user, system = after.user - before.user, after.system - before.system
    return Cost(good, bad, offers, (user + system) / calls, system / calls)


def _write_settings(folder: Path, sip: int) -> None:
    first, last = free_block(LEGS, random.Random())
    tables = [SETTINGS.format(sip=sip, domain=DOMAIN, service=SERVICE, first=first, last=last)]
    for number in range(AGENTS):
        name = f"agent{number}"
        tables.append(f'[[phone]]\nname = "{name}"\npassword = "unused"\n')
        tables.append(f'[[agent]]\nname = "{name}"\nphone = "{name}"\nqueues = ["orders"]\n')
    (folder / "ccd.toml").write_text("".join(tables))
    (folder / "bench.yaml").write_text(FLOW)


def _register(sip: int, phones: int) -> None:
    """Register every phone from the port at which SIPp will answer for all of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", phones))
        sock.settimeout(5)
        for number in range(AGENTS):
            address = f"<sip:agent{number}@{DOMAIN}>"
            lines = (
                f"REGISTER sip:{DOMAIN} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{phones};branch=z9hG4bK-bench-{number};rport",
                f"From: {address};tag={number}",
                f"To: {address}",
                f"Call-ID: bench-{number}",
                "CSeq: 1 REGISTER",
                f"Contact: <sip:agent{number}@127.0.0.1:{phones}>;expires=3600",
                "Max-Forwards: 70",
                "Content-Length: 0",
            )
            sock.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), ("127.0.0.1", sip))
            answer = sock.recv(4096)
            if not answer.startswith(b"SIP/2.0 200"):
                raise OSError(f"agent{number} was not registered: {answer[:60]!r}")


async def _connect(folder: Path, daemon: asyncio.subprocess.Process) -> Client:
    """Wait until the daemon answers."""
    async with asyncio.timeout(45):
        while True:
            if daemon.returncode is not None:
                raise OSError(f"the daemon ended with status {daemon.returncode}")
            client = Client(folder, name="bench")
            try:
                await client.connect()
            except CtiError:
                await client.close()
                await asyncio.sleep(0.2)
            else:
                return client


async def _count(client: Client, seen: Counter[type[Event]]) -> None:
    async for event in client.events():
        seen[type(event)] += 1


async def _start(
    stack: contextlib.AsyncExitStack, folder: Path, *command: str
) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    stack.push_async_callback(_stop, process)
    return process


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def _block() -> int:
    return free_block(512, random.Random())[0]


@contextmanager
def _bound() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield int(sock.getsockname()[1])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        return [stack.enter_context(_bound()) for _ in range(count)]


BENCHMARKS = {"queue_load": queue_load}
