"""SIPp as the world outside: customers whom we call, agents first, numbers, messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from peers import audio
from peers.ports import HOST, free_port
from peers.sipp import Sipp
from peers.switch import PHONE, RealSwitch

from ccd.media.protocol import Sound
from ccd.model import Cause
from ccd.switch.call import Call
from lab.sipp_scenarios.media import AGENT_HZ

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("sipp_program")]

NUMBER = "13911112222"
OURS = "95500"


def outside(scenario: str, folder: Path, duration_ms: int = 300) -> Sipp:
    return Sipp(scenario, folder / "outside", duration_ms=duration_ms, ends_within=20.0)


def dial(real: RealSwitch) -> Call:
    return real.switch.dial(NUMBER, trunk="carrier", controller=real, ani=OURS)


async def test_a_customer_behind_early_media(tmp_path: Path) -> None:
    async with (
        outside("uas_customer_early_media", tmp_path) as customer,
        RealSwitch(tmp_path, trunk=(HOST, customer.port), phone=(HOST, 9)) as real,
    ):
        call = dial(real)
        await real.until("established caller")
        real.switch.clear_call(call, Cause.NORMAL_CLEARING)
        await real.until("cleared")
        (await customer.wait()).check(1)
        assert real.told == [
            *("alerting caller", "established caller"),
            *("caller_left normal_clearing", "cleared"),
        ]
        await real.wait(lambda: real.switch.legs == 0)


async def test_a_customer_who_is_busy(tmp_path: Path) -> None:
    async with (
        outside("uas_agent_busy", tmp_path) as customer,
        RealSwitch(tmp_path, trunk=(HOST, customer.port), phone=(HOST, 9)) as real,
    ):
        dial(real)
        await real.until("cleared")
        (await customer.wait()).check(1)
        assert real.told == ["failed caller busy", "cleared"]


async def test_a_customer_who_lets_it_ring(tmp_path: Path) -> None:
    async with (
        outside("uas_agent_no_answer", tmp_path) as customer,
        RealSwitch(tmp_path, trunk=(HOST, customer.port), phone=(HOST, 9)) as real,
    ):
        call = dial(real)
        await real.until("alerting caller")
        real.switch.clear_connection(call.caller, Cause.NO_ANSWER)
        await real.until("cleared")
        (await customer.wait()).check(1)
        assert real.told == ["alerting caller", "failed caller no_answer", "cleared"]


async def test_a_trunk_where_nobody_listens(tmp_path: Path) -> None:
    """ICMP says so at once; nobody waits for 64*T1."""
    async with RealSwitch(tmp_path, trunk=(HOST, free_port()), phone=(HOST, 9)) as real:
        dial(real)
        await real.until("cleared", within=40.0)
        assert real.told == ["failed caller destination_out_of_order", "cleared"]


async def test_agent_first_and_both_hear_each_other(tmp_path: Path) -> None:
    """Both sides of the recording have the other program's voice."""
    async with (
        Sipp("uas_agent", tmp_path / "agent", duration_ms=100, ends_within=20.0) as agent,
        outside("uas_customer_early_media", tmp_path, duration_ms=1500) as customer,
        RealSwitch(tmp_path, trunk=(HOST, customer.port), phone=(HOST, agent.port)) as real,
    ):
        call = real.switch.call_agent(
            agent="li", phone=PHONE, queue="orders", controller=real, number=NUMBER, ani=OURS
        )
        await real.until("established agent")
        real.on_established = lambda call, _leg: real.switch.bridge(call)
        real.switch.add_customer(call, NUMBER, "carrier")
        await real.until("established caller")
        assert call.bridged
        await spoken(real, 2.0)
        real.switch.clear_call(call, Cause.NORMAL_CLEARING)
        await real.until("cleared")
        (await agent.wait()).check(1)
        (await customer.wait()).check(1)
        await real.wait(lambda: "RecordingStopped" in names(real))
        (file,) = (tmp_path / "recordings").rglob("*.wav")
        for channel in (0, 1):
            heard = audio.part(audio.read(file, channel), 0.5, 1.5)
            assert audio.tone_dbfs(heard, AGENT_HZ) > -20
        await real.wait(lambda: real.switch.legs == 0)


async def test_a_message_holds_what_was_said(tmp_path: Path) -> None:
    async with (
        outside("uas_agent", tmp_path) as customer,
        RealSwitch(tmp_path, trunk=(HOST, customer.port), phone=(HOST, 9)) as real,
    ):
        call = dial(real)
        await real.until("established caller")
        lengths: list[tuple[str, float]] = []

        def done(_call: Call, path: str, seconds: float) -> None:
            lengths.append((path, seconds))
            real.note("message done")

        real.switch.record_message(call, tmp_path / "message.wav", 1.0, done)
        await real.until("message done")
        ((path, seconds),) = lengths
        assert Path(path) == tmp_path / "message.wav"
        assert seconds == pytest.approx(1.0, abs=0.1)
        assert audio.tone_dbfs(audio.part(audio.read(Path(path)), 0.2, 0.8), AGENT_HZ) > -20
        assert call.caller.connected
        real.switch.clear_call(call, Cause.NORMAL_CLEARING)
        await real.until("cleared")
        (await customer.wait()).check(1)
        await real.wait(lambda: real.switch.legs == 0)


def names(real: RealSwitch) -> list[str]:
    return [type(event).__name__ for event in real.events]


async def spoken(real: RealSwitch, seconds: float) -> None:
    """Let them speak so long, by the media worker's own clock: a silence that plays to its end."""
    (call,) = real.switch.calls.values()
    assert call.agent is not None
    real.switch.play(call.agent, [Sound(on_ms=int(seconds * 1000))])
    await real.until("played agent")
