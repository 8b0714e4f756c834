"""A daemon with a queue, agents whose phones SIPp answers, and SIPp that calls it.

Signalling alone (no RTP comes in), so that two cores can carry hundreds of calls a second.
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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from ccd.cti.client import Client, CtiError
from lab.trunk_sim.ports import free_block

AGENTS = 450
CALL_MS = 2000
"""From the caller's ACK to the BYE: 0.7 s of prompt, the rest with an agent."""
LEGS = 2048
"""Room for twice as many as there should be at once."""
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
rtp_timeout_s = 0
[[trunk]]
name = "bench"
peers = ["127.0.0.0/8"]
[[queue]]
name = "orders"
auto_answer = {auto_answer}
[[route]]
dnis = "{service}"
flow = "bench.yaml"
"""


class Outcome(NamedTuple):
    """What became of the calls of one run."""

    good: int
    bad: int


class Cost(NamedTuple):
    """What one run cost the core: CPU of all its threads."""

    good: int
    bad: int
    total_ms: float
    """A call."""
    system_ms: float
    """Of which the kernel's."""


class QueueCentre(NamedTuple):
    """What runs."""

    folder: Path
    """The daemon's state."""
    sip: int
    daemon: asyncio.subprocess.Process
    client: Client

    async def call(self, rate: int, seconds: int) -> Outcome:
        """Have SIPp call so often for so long, and wait until the last call is over."""
        statistics = self.folder / "sipp.csv"
        callers = await asyncio.create_subprocess_exec(
            "sipp", f"127.0.0.1:{self.sip}", "-sf", str(SCENARIOS / "uac_short.xml"), "-s", SERVICE,
            "-key", "ani", "13900000000", "-i", "127.0.0.1", "-mi", "127.0.0.1",
            "-mp", str(_block()), "-r", str(rate), "-m", str(rate * seconds), "-d", str(CALL_MS),
            "-l", str(20 * rate), "-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1",
            cwd=self.folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.wait_for(callers.wait(), 4 * seconds + 40)
        finally:
            _kill(callers)
        with statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return Outcome(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]))

    async def cost(self, rate: int, seconds: int) -> Cost:
        """As `call`, and what that took of the daemon's core."""
        process = psutil.Process(self.daemon.pid)
        before = process.cpu_times()
        good, bad = await self.call(rate, seconds)
        after = process.cpu_times()
        calls = max(1, good + bad) / 1000
        user, system = after.user - before.user, after.system - before.system
        return Cost(good, bad, (user + system) / calls, system / calls)


def missing() -> str:
    """What this machine lacks for it, in words; empty: nothing."""
    return "" if shutil.which("sipp") else "sipp is missing: apt install sip-tester"


@asynccontextmanager
async def queue_centre(
    folder: Path,
    *,
    agents: int = AGENTS,
    at_work: bool = True,
    phones_too: bool = True,
    nailed_up: bool = False,
) -> AsyncIterator[QueueCentre]:
    """Start it: every agent's phone answers (where there are phones); where they are `at_work` all
    are ready. Of phones that are `nailed_up` none needs to be answered for a call."""
    sip, phones = _free_ports(2)
    _write_settings(folder, sip, agents, auto_answer=nailed_up)
    async with contextlib.AsyncExitStack() as stack:
        daemon = await _start(
            stack, folder, sys.executable, "-m", "ccd", "run", "--state", str(folder)
        )
        client = await _connect(folder, daemon)
        stack.push_async_callback(client.close)
        if not phones_too:
            yield QueueCentre(folder, sip, daemon, client)
            return
        await asyncio.to_thread(_register, sip, phones, agents)
        await _start(
            stack, folder, "sipp", "-sf", str(SCENARIOS / "uas_agent_short.xml"), "-i", "127.0.0.1",
            "-p", str(phones), "-mp", str(_block()), "-d", "0", "-nostdin",
        )  # fmt: skip
        await asyncio.sleep(1.0)  # what rings at SIPp in its first moment it never answers
        for number in range(agents if at_work else 0):
            await client.log_in(f"agent{number}", nailed_up=nailed_up)
            await client.ready(f"agent{number}")
        if nailed_up:
            await _all_nailed_up(client, agents)
        yield QueueCentre(folder, sip, daemon, client)


async def _all_nailed_up(client: Client, agents: int) -> None:
    """Wait until every agent's phone has been called, and has answered."""
    async with asyncio.timeout(30):
        while True:
            everybody = (await client.snapshot()).agents
            if sum(view.nailed_up for view in everybody) == agents:
                return
            await asyncio.sleep(0.2)


def _write_settings(folder: Path, sip: int, agents: int, *, auto_answer: bool) -> None:
    first, last = free_block(LEGS, random.Random())
    words = {"sip": sip, "domain": DOMAIN, "service": SERVICE, "first": first, "last": last}
    tables = [SETTINGS.format(**words, auto_answer=str(auto_answer).lower())]
    for number in range(agents):
        name = f"agent{number}"
        tables.append(f'[[phone]]\nname = "{name}"\npassword = "unused"\n')
        tables.append(f'[[agent]]\nname = "{name}"\nphone = "{name}"\nqueues = ["orders"]\n')
    (folder / "ccd.toml").write_text("".join(tables))
    (folder / "bench.yaml").write_text(FLOW)


def _register(sip: int, phones: int, agents: int) -> None:
    """Register every phone from the port at which SIPp will answer for all of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", phones))
        sock.settimeout(5)
        for number in range(agents):
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
