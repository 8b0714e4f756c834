"""Robot agents as a process: `python -m lab.trunk_sim.robots --sip HOST:PORT --state DIR --robots N`.

`ccd run --demo --robots N` starts it. It reads who the robots are from `robots.json` in
the state folder and how they behave from `lab.json` (where there is one), registers
their phones, logs the agents in over the CTI, says one JSON line on standard output,
and then answers calls until SIGTERM or SIGINT. `robots.jsonl` gets a line a call.

Exit status: 0 ended when asked, 1 could not register or log in, 2 wrong options.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from ccd.cti.client import Client, CtiError
from ccd.media.pool import WorkerFailed
from ccd.sip.hop import Hop
from lab.trunk_sim.phone import PhoneAccount, Rack
from lab.trunk_sim.ports import free_block
from lab.trunk_sim.robot import RobotHabits
from lab.trunk_sim.stories import ROBOTS_LOG
from lab.trunk_sim.verdict import RobotLine

ACCOUNTS = "robots.json"
HABITS = "lab.json"

PARENT_CHECK_S = 2.0

MOST_LEGS = 4000
"""RTP ports for calls at once; more robots than that share them in turn."""


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """`robots.json`."""

    domain: str
    phones: tuple[PhoneAccount, ...]
    sip: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run robot agents until told to end; returns the exit status."""
    parser = argparse.ArgumentParser(prog="robots", description="Robot agents with real phones.")
    parser.add_argument("--sip", default="", metavar="HOST:PORT", help="the daemon's SIP address")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR")
    parser.add_argument("--robots", type=int, default=0, metavar="N", help="how many; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    _log_to(sys.stderr)
    log = structlog.get_logger("robots")
    try:
        accounts = msgspec.json.decode((options.state / ACCOUNTS).read_bytes(), type=Accounts)
        habits = _habits(options.state / HABITS)
    except (OSError, msgspec.DecodeError) as error:
        log.error("robots.unreadable", reason=str(error))
        return 1
    robots = Robots(
        options.state,
        accounts,
        habits,
        sip=options.sip or accounts.sip,
        robots=options.robots or len(accounts.phones),
        seed=options.seed,
    )
    return _run(robots)


def _run(robots: Robots) -> int:
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(robots.run())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(robots.run())


class Robots:
    """Robot agents at their phones, logged in."""

    def __init__(
        self,
        state: Path,
        accounts: Accounts,
        habits: RobotHabits,
        *,
        sip: str,
        robots: int,
        seed: int,
    ) -> None:
        self.state = state
        self.accounts = accounts
        self.habits = habits
        self.registrar = _hop(sip)
        self.people = accounts.phones[:robots]
        self.rng = random.Random(seed)
        self.log = structlog.get_logger("robots")
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Register, log in, answer calls until told to end; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
                loop.add_signal_handler(number, self._stop.set)
        folder = self.state / "lab" / "robots"
        folder.mkdir(parents=True, exist_ok=True)
        with (self.state / ROBOTS_LOG).open("ab") as journal:

            def write(line: RobotLine) -> None:
                journal.write(msgspec.json.encode(line) + b"\n")
                journal.flush()

            rack = Rack(
                accounts=self.people,
                registrar=self.registrar,
                domain=self.accounts.domain,
                folder=folder,
                ports=free_block(min(len(self.people) + 16, MOST_LEGS), random.Random()),
                habits=self.habits,
                rng=self.rng,
                on_call=write,
            )
            try:
                await rack.start()
                client = Client(self.state, name="robots", on_restart=lambda: self._log_in(client))
                async with client:
                    await self._log_in(client)
                    _say({"ready": True, "robots": len(self.people)})
                    await self._until_told(rack)
                    await self._log_out(client)
            except (TimeoutError, CtiError, OSError, WorkerFailed) as error:
                self.log.error("robots.failed", reason=str(error))
                return 1
            finally:
                await rack.stop()
        return 0

    async def _until_told(self, rack: Rack) -> None:
        """Wait for a signal, or for being an orphan whose daemon is gone."""
        parent = os.getppid()
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), PARENT_CHECK_S)
            lost = not any(phone.registered for phone in rack.phones.values())
            if os.getppid() != parent and lost:
                self.log.warning("robots.orphaned")
                return

    async def _log_in(self, client: Client) -> None:
        """Log everybody in, ready; anew where the daemon was restarted. Raises `CtiError`."""
        for account in self.people:
            await client.log_in(account.agent, account.phone)
            await client.ready(account.agent)

    async def _log_out(self, client: Client) -> None:
        """Log everybody out; a daemon that ends at the same time needs no telling."""
        with contextlib.suppress(TimeoutError, CtiError):
            async with asyncio.timeout(2.0):
                for account in self.people:
                    await client.log_off(account.agent)


def _habits(path: Path) -> RobotHabits:
    if not path.exists():
        return RobotHabits()
    return msgspec.json.decode(path.read_bytes(), type=RobotHabits)


def _hop(address: str) -> Hop:
    host, _, port = address.rpartition(":")
    return Hop("udp", host.strip("[]"), int(port))


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def _log_to(stream: object) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=stream),  # type: ignore[arg-type]
    )


if __name__ == "__main__":
    sys.exit(main())
