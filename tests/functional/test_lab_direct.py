"""Callers and robot phones by themselves: real SIP and RTP between them, no daemon."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from ccd.sip.hop import Hop
from lab.trunk_sim.caller import CallerState
from lab.trunk_sim.evidence import Tape
from lab.trunk_sim.phone import PhoneAccount, Rack
from lab.trunk_sim.plans import Plan
from lab.trunk_sim.ports import free_block
from lab.trunk_sim.robot import RobotHabits
from lab.trunk_sim.station import Station
from lab.trunk_sim.trunk import Trunk, TrunkSettings
from lab.trunk_sim.verdict import RobotLine
from lab.trunk_sim.voices import ALL_TONES, caller_voice, robot_voice

pytestmark = pytest.mark.timeout(60)


class Bench:
    """A trunk whose service is the robots' rack itself."""

    trunk: Trunk

    def __init__(self) -> None:
        self.calls: list[RobotLine] = []
        self._accounted = asyncio.Event()
        self._listening = asyncio.Event()

    def on_call(self, line: RobotLine) -> None:
        self.calls.append(line)
        self._accounted.set()

    def on_moved(self, before: CallerState | None, after: CallerState) -> None:
        if after is CallerState.LISTENING:
            self._listening.set()

    async def accounted(self) -> None:
        """Wait until a robot has written its account of a call."""
        await asyncio.wait_for(self._accounted.wait(), 10)

    async def listening(self) -> None:
        """Wait until a caller has been answered."""
        await asyncio.wait_for(self._listening.wait(), 10)


@asynccontextmanager
async def bench(folder: Path, habits: RobotHabits, *, robots: int = 1) -> AsyncIterator[Bench]:
    it = Bench()
    rack = Rack(
        accounts=[PhoneAccount(agent=f"robot{n}", phone=f"robot{n}") for n in range(robots)],
        registrar=None,
        domain="lab",
        folder=folder / "robots",
        ports=free_block(16, random.Random()),
        habits=habits,
        rng=random.Random(2),
        on_call=it.on_call,
    )
    station = Station(
        folder=folder / "trunk",
        ports=free_block(16, random.Random()),
        name="trunk",
    )
    (folder / "robots").mkdir()
    (folder / "trunk").mkdir()
    await rack.start()
    await station.start()
    try:
        host, port = rack.station.local
        it.trunk = Trunk(
            station,
            TrunkSettings(service="robot0", target=Hop("udp", host, port), recordings=folder),
            on_moved=it.on_moved,
        )
        yield it
    finally:
        await station.stop()
        await rack.stop()


def plan(number: int = 1, **changes: object) -> Plan:
    made = Plan(
        number=number,
        ani=f"1380000{number:04d}",
        voice=caller_voice(number),
        presses=(),
        talk_s=2.0,
    )
    return msgspec.structs.replace(made, **changes)


async def test_both_hear_each_other_and_nobody_else(tmp_path: Path) -> None:
    habits = RobotHabits(ring_s=(0.1, 0.1), hangs_up=0.0)
    async with bench(tmp_path, habits) as it:
        assert it.trunk.place(plan())
        async with asyncio.timeout(20):
            await it.trunk.finished()
        await it.accounted()
    (result,) = it.trunk.results
    view = result.view
    assert view.breaches == ()
    assert view.last_state is CallerState.TALKING
    assert view.hung_up
    assert view.agent_voice == robot_voice(0)
    assert result.released
    assert set(result.heard_ms) == set(robot_voice(0).tones)
    (line,) = it.calls
    assert line.ani == "13800000001"
    assert line.call_id == result.call_id
    assert set(line.heard) == set(caller_voice(1).tones)
    assert line.answered_at is not None
    assert line.rang_at < line.answered_at < line.ended_at
    assert line.hung_up_at is None
    # What was recorded says the same, by a detector that is not the media plane's.
    assert result.recording is not None
    tape = Tape.read(result.recording)
    assert set(tape.sounding("heard", ALL_TONES).tones_ms) == set(robot_voice(0).tones)
    assert set(tape.sounding("said", ALL_TONES).tones_ms) == set(caller_voice(1).tones)
    assert result.quality is not None
    assert result.quality.packets_received > 80


async def test_robot_hangs_up(tmp_path: Path) -> None:
    habits = RobotHabits(ring_s=(0.0, 0.1), hangs_up=1.0, talk_s=0.1, least_talk_s=1.5)
    async with bench(tmp_path, habits) as it:
        it.trunk.place(plan(talk_s=30.0))
        async with asyncio.timeout(20):
            await it.trunk.finished()
    (result,) = it.trunk.results
    assert not result.view.hung_up
    assert result.view.last_state is CallerState.TALKING
    assert it.calls[0].hung_up_at is not None


async def test_caller_cancels_while_it_rings(tmp_path: Path) -> None:
    async with bench(tmp_path, RobotHabits(ignores=1.0)) as it:
        it.trunk.place(plan(cancel_after_s=0.3))
        async with asyncio.timeout(20):
            await it.trunk.finished()
        await it.accounted()
    (result,) = it.trunk.results
    assert result.view.last_state is CallerState.CALLING
    assert result.view.hung_up
    assert result.view.breaches == ()
    assert it.calls[0].answered_at is None


async def test_busy_phone_takes_no_second_call(tmp_path: Path) -> None:
    habits = RobotHabits(ring_s=(0.1, 0.1), hangs_up=0.0)
    async with bench(tmp_path, habits) as it:
        it.trunk.place(plan(1))
        it.trunk.place(plan(2))
        async with asyncio.timeout(20):
            await it.trunk.finished()
    refused = {result.view.plan.number: result.view.refused for result in it.trunk.results}
    assert sorted(refused.values(), key=str) == [486, None]


async def test_mute_robot_is_not_heard(tmp_path: Path) -> None:
    habits = RobotHabits(
        ring_s=(0.0, 0.0), hangs_up=1.0, talk_s=0.1, least_talk_s=1.5, mute=("robot0",)
    )
    async with bench(tmp_path, habits) as it:
        it.trunk.place(plan())
        async with asyncio.timeout(20):
            await it.trunk.finished()
        await it.accounted()
    (result,) = it.trunk.results
    assert result.view.agent_heard_at is None
    assert result.heard_ms == {}
    assert set(it.calls[0].heard) == set(caller_voice(1).tones)


async def test_no_channel_left_blocks_the_caller(tmp_path: Path) -> None:
    async with bench(tmp_path, RobotHabits(ignores=1.0)) as it:
        it.trunk.settings = msgspec.structs.replace(it.trunk.settings, channels=1)
        assert it.trunk.place(plan(1, cancel_after_s=0.3))
        assert not it.trunk.place(plan(2))
        assert it.trunk.blocked == 1
        async with asyncio.timeout(20):
            await it.trunk.finished()
        assert it.trunk.place(plan(3, cancel_after_s=0.1))
        async with asyncio.timeout(20):
            await it.trunk.finished()


async def test_giving_up_ends_every_call(tmp_path: Path) -> None:
    habits = RobotHabits(ring_s=(0.0, 0.0), hangs_up=0.0)
    async with bench(tmp_path, habits, robots=3) as it:
        it.trunk.place(plan(1, talk_s=60.0))
        await it.listening()
        it.trunk.give_up()
        async with asyncio.timeout(20):
            await it.trunk.finished()
        assert it.trunk.live == 0
