"""The examples run, as they stand, against a server."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from ccd.cti.access import Account
from ccd.cti.catalogue import (
    AgentArgs,
    AgentView,
    LogInArgs,
    Nothing,
    NotReadyArgs,
    Op,
    Role,
    SnapshotResult,
)
from ccd.cti.server import Server
from ccd.cti.session import Session
from ccd.events import AgentLoggedOff, AgentLoggedOn, AgentReady, EventStream
from ccd.model import AgentState
from ccd.paths import StatePaths

EXAMPLES = Path(__file__).parents[2] / "examples"


async def run(name: str, *args: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *args,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


async def test_one_prints_what_the_other_does(tmp_path: Path) -> None:
    events = EventStream(time.time)

    def log_in(_session: Session, args: LogInArgs) -> None:
        events.publish(AgentLoggedOn(agent=args.agent, phone=args.phone))

    def log_off(_session: Session, args: AgentArgs) -> None:
        events.publish(AgentLoggedOff(agent=args.agent or ""))

    def ready(_session: Session, args: AgentArgs) -> None:
        events.publish(AgentReady(agent=args.agent or ""))

    paths = StatePaths(tmp_path)
    handlers: dict[str, Any] = {"log_in": log_in, "log_off": log_off, "ready": ready}
    server = Server(
        {name: Op.of(name, handler) for name, handler in handlers.items()},
        events,
        commands=paths.cti_commands,
        publish=paths.cti_events,
        people=lambda name: Account(name, Role.AGENT, agent=True),
        beat_s=0.05,
    )
    await server.start()
    printer = await run("print_events.py", str(tmp_path))
    try:
        async with asyncio.timeout(30):
            while not server.sessions:  # noqa: ASYNC110 - until the printer has connected
                await asyncio.sleep(0.01)
            agent = await run("log_in.py", "anna", "1001", str(tmp_path))
            assert printer.stdout is not None
            lines = [(await printer.stdout.readline()).decode() for _ in range(2)]
            await agent.communicate(b"\n")
            lines.append((await printer.stdout.readline()).decode())
    finally:
        printer.kill()
        await printer.communicate()
        await server.stop()
    assert agent.returncode == 0
    assert lines[0].startswith("1 AgentLoggedOn(")
    assert "phone='1001'" in lines[0]
    assert lines[1].startswith("2 AgentReady(")
    assert lines[2].startswith("3 AgentLoggedOff(")


async def test_lunch_ends_for_who_is_still_at_it(tmp_path: Path) -> None:
    events = EventStream(time.time)
    anna = AgentView(agent="anna", state=AgentState.READY)
    done: list[str] = []

    def not_ready(_session: Session, args: NotReadyArgs) -> None:
        nonlocal anna
        anna = AgentView(agent="anna", state=AgentState.NOT_READY, reason=args.reason)
        done.append(f"{args.agent} {args.reason}")

    def ready(_session: Session, args: AgentArgs) -> None:
        done.append(f"{args.agent} ready")

    def snapshot(_session: Session, _args: Nothing) -> SnapshotResult:
        return SnapshotResult(seq=0, at=0.0, agents=(anna,))

    paths = StatePaths(tmp_path)
    handlers: dict[str, Any] = {"not_ready": not_ready, "ready": ready, "snapshot": snapshot}
    server = Server(
        {name: Op.of(name, handler) for name, handler in handlers.items()},
        events,
        commands=paths.cti_commands,
        publish=paths.cti_events,
        people=lambda _: None,
    )
    await server.start()
    try:
        async with asyncio.timeout(30):
            program = await run("lunch.py", "anna", "0", str(tmp_path))
            said, _ = await program.communicate()
            assert done == ["anna lunch", "anna ready"]
            assert said.decode().splitlines() == ["anna is at lunch", "anna is back"]
            gone = await run("lunch.py", "anna", "0.003", str(tmp_path))
            assert gone.stdout is not None
            await gone.stdout.readline()
            anna = AgentView(agent="anna", state=AgentState.LOGGED_OUT)
            said, _ = await gone.communicate()
    finally:
        await server.stop()
    assert (program.returncode, gone.returncode) == (0, 0)
    assert done[2:] == ["anna lunch"]  # and not ready: he went home
    assert said.decode() == "anna is logged_out meanwhile\n"
