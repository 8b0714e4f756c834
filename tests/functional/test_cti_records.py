"""Calls that are over, over the wire and in the examples: a centre in virtual time, a real database."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from virtual.town import Town, person
from virtual.wired import Wired

from ccd.config import Callback, Queue
from ccd.cti.client import CtiError, ErrorCode
from ccd.events import CallbackRequested
from ccd.model import Outcome
from ccd.store.journal import Writer

EXAMPLES = Path(__file__).parents[2] / "examples"
LI, WANG, ZHAO = "13800000001", "13800000002", "13800000003"


class Day:
    """One who was served, one who gave up, one who was served: in this order."""

    def __init__(self, folder: Path) -> None:
        queue = Queue(name="orders", callback=Callback(trunk="carrier", ani="95500"))
        self.town = Town(folder, queues=[queue], agents=[person("anna")])
        self.wired = Wired(folder, self.town)
        self.wired.paths.prepare()
        self.writer = Writer(self.wired.paths.database)
        self.town.stream.subscribe(self.writer.append)

    def pass_by(self) -> None:
        town = self.town
        town.staff("anna")
        town.come(LI, seconds=3.0)
        town.come(WANG, seconds=5.0)
        town.leave(WANG, 1.0)
        town.leave(LI, 1.0)
        town.come(ZHAO, seconds=3.0)
        town.leave(ZHAO, 1.0)
        assert self.writer.flush(10.0)

    async def program(self, name: str, *args: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLES / name), *args, str(self.wired.paths.root),
            stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    day = Day(tmp_path)
    async with day.wired:
        yield day
    day.writer.close()


async def test_records_are_read_a_page_at_a_time_newest_first(day: Day) -> None:
    day.pass_by()
    client = day.wired.client
    first = await client.call_records(limit=2)
    assert len(first.records) == 2
    assert first.more
    rest = await client.call_records(limit=2, after=first.records[-1].call)
    assert not rest.more
    both = [record.ani for record in (*first.records, *rest.records)]
    assert both == [ZHAO, WANG, LI]


async def test_records_are_chosen_by_time_queue_and_outcome(day: Day) -> None:
    day.pass_by()
    client = day.wired.client
    (gone,) = (await client.call_records(outcome=Outcome.ABANDONED)).records
    assert (gone.ani, gone.queue, gone.agent) == (WANG, "orders", None)
    before = await client.call_records(until=gone.offered_at)
    assert [record.ani for record in before.records] == [LI]
    since = await client.call_records(since=gone.offered_at, agent="anna")
    assert [record.ani for record in since.records] == [ZHAO]
    assert (await client.call_records(queue="help")).records == ()


async def test_a_page_after_a_call_that_is_not_kept_is_refused(day: Day) -> None:
    day.pass_by()
    with pytest.raises(CtiError, match="no call 'nobody'") as refused:
        await day.wired.client.call_records(after="nobody")
    assert refused.value.code == ErrorCode.UNKNOWN_CALL


async def test_a_day_becomes_a_table(day: Day) -> None:
    day.pass_by()
    today = datetime.fromtimestamp(day.town.wall_clock()).date().isoformat()
    async with asyncio.timeout(30):
        program = await day.program("calls_csv.py", today)
        said, _ = await program.communicate()
    assert program.returncode == 0
    rows = list(csv.DictReader(io.StringIO(said.decode())))
    assert [(row["ani"], row["outcome"], row["agent"]) for row in rows] == [
        (LI, "answered", "anna"),
        (WANG, "abandoned", ""),
        (ZHAO, "answered", "anna"),
    ]


async def test_what_is_no_day_is_said_to_be_none(day: Day) -> None:
    async with asyncio.timeout(30):
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLES / "calls_csv.py"), "monday", str(day.wired.paths.root),
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await program.communicate()
    assert program.returncode == 1
    assert said.decode() == "'monday' is no day: yesterday, or a date such as 2026-11-23\n"


async def test_who_gave_up_is_called_back(day: Day) -> None:
    town = day.town
    town.staff("anna")
    town.come(LI, seconds=3.0)
    async with asyncio.timeout(30):
        program = await day.program("missed_calls.py", "orders")
        try:
            assert program.stdout is not None
            assert await program.stdout.readline() == b"waiting for calls that are missed\n"
            town.come(WANG, seconds=5.0)
            town.leave(WANG, 1.0)
            line = (await program.stdout.readline()).decode()
        finally:
            program.kill()
            await program.wait()
    assert line == f"{WANG} gave up orders after 5 s: to be called back in 10 minutes\n"
    (scheduled,) = town.told(CallbackRequested)
    assert (scheduled.number, scheduled.queue, scheduled.origin) == (WANG, "orders", "scheduled")


async def test_a_command_is_run_with_the_number_of_who_calls(day: Day, tmp_path: Path) -> None:
    town, popped = day.town, tmp_path / "popped"
    town.staff("anna", answers_after=None)
    async with asyncio.timeout(30):
        program = await day.program("screen_pop.py", "anna", f"sh -c 'echo $0 >> {popped}'")
        try:
            while not len(day.wired.server.publisher.monitors):  # noqa: ASYNC110 - until it monitors her
                await asyncio.sleep(0.01)
            town.come(LI, seconds=1.0)
            while not (popped.exists() and popped.read_text()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        finally:
            program.kill()
            await program.wait()
    assert popped.read_text() == f"{LI}\n"
