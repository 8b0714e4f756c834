"""Whole calls, judged by what each side recorded, what was published, and what was written."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from peers import audio
from peers.centre import AGENT_HZ, CALLER_HZ, MUSIC_HZ, SERVICE, Centre, Desk, prompt_audio
from peers.daemon import Watch
from peers.pyvoip import PyvoipPhone

from ccd.events import (
    AgentReady,
    Bridged,
    CallCleared,
    ConnectionCleared,
    Delivered,
    DigitsDetected,
    Established,
    Event,
    Held,
    Offered,
    QualityReported,
    Queued,
    Retrieved,
)
from ccd.model import CallRecord, Outcome, Party

pytestmark = pytest.mark.peer

CLOCKS = 0.05
"""Seconds by which a record's time may differ from its event's: none, but for rounding."""


def check_heard_by_caller(path: Path, agent: str = "agent1") -> None:
    """The welcome, the music, the agent; in this order, and never oneself."""
    heard = audio.read(path)
    welcome = audio.part(prompt_audio(), 0.0, 2.0)  # the key interrupts it later
    assert audio.heard(welcome, heard) >= 0.9
    (music, *_) = audio.tone_stretches(heard, MUSIC_HZ)
    (voice, *_) = audio.tone_stretches(heard, AGENT_HZ[agent])
    assert music.seconds > 0.5
    assert voice.start >= music.end - 0.2
    assert audio.tone_seconds(heard, AGENT_HZ[agent]) > 0.8
    assert audio.tone_seconds(heard, CALLER_HZ) < 0.15
    assert audio.tone_seconds(audio.part(heard, voice.start + 0.3), MUSIC_HZ) < 0.15


def check_heard_by_agent(path: Path, agent: str = "agent1") -> None:
    """The caller, and neither music nor oneself."""
    heard = audio.read(path)
    assert audio.tone_seconds(heard, CALLER_HZ) > 0.8
    assert audio.tone_seconds(heard, AGENT_HZ[agent]) < 0.15
    assert audio.tone_seconds(heard, MUSIC_HZ) < 0.15


def check_record(record: CallRecord, events: list[Event], began: float, ended: float) -> None:
    """Every time in the record is its event's, in order, and within the test's wall clock."""
    assert record.outcome is Outcome.ANSWERED
    assert (record.dnis, record.agent, record.queue) == (SERVICE, "agent1", "orders")
    of_call = [e for e in events if getattr(e, "call", None) == record.call]

    def at(kind: type[Event], **fields: object) -> float:
        return next(
            e.at
            for e in of_call
            if isinstance(e, kind) and all(getattr(e, k) == v for k, v in fields.items())
        )

    expected = [
        (record.offered_at, at(Offered)),
        (record.answered_at, at(Established, party=Party.CALLER)),
        (record.queued_at, at(Queued)),
        (record.delivered_at, at(Delivered, agent="agent1")),
        (record.connected_at, at(Bridged)),
        (record.cleared_at, at(CallCleared)),
    ]
    for written, published in expected:
        assert written == pytest.approx(published, abs=CLOCKS)
    times = [written for written, _ in expected if written is not None]
    assert times == sorted(times)
    assert began - CLOCKS <= times[0]
    assert times[-1] <= ended + CLOCKS
    assert [e.seq for e in events] == list(range(events[0].seq, events[0].seq + len(events)))


async def queue_up(watch: Watch, since: int) -> str:
    """Wait until the caller is asked, and return the call."""
    offered = await watch.expect(Offered, since=since)
    await watch.expect(Established, call=offered.call, party=Party.CALLER)
    return offered.call


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_a_pjsip_caller_reaches_an_agent(
    tcp: bool, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    began = time.time()
    async with centre.caller(tcp=tcp) as caller:
        since = watch.mark()
        call = await caller.call(centre.uri(tcp=tcp), record=tmp_path / "caller.wav")
        number = await queue_up(watch, since)
        await asyncio.sleep(2.5)  # the welcome is listened to
        await caller.digits(call, "1")
        digits = await watch.expect(DigitsDetected, call=number)
        assert digits.digits == "1"
        queued = await watch.expect(Queued, call=number)
        assert (queued.queue, queued.position) == ("orders", 1)
        await asyncio.sleep(1.0)  # the music is listened to
        async with Desk(centre, watch, tcp=tcp) as desk:
            theirs = (await desk.incoming())["call"]
            await desk.phone.state(theirs, "confirmed")
            await desk.phone.record(theirs, tmp_path / "agent.wav")
            await watch.expect(Bridged, call=number, agent="agent1")
            await asyncio.sleep(1.5)  # they talk
            await caller.hang_up(call)
            await desk.phone.state(theirs, "disconnected")
            cleared = await watch.expect(CallCleared, call=number)
            assert cleared.released_by is Party.CALLER
            ended = time.time()
            await watch.expect(AgentReady, agent="agent1", where=lambda e: e.seq > cleared.seq)
            await desk.phone.expect("recorded")
            await caller.expect("recorded")
    assert len(watch.of(DigitsDetected, call=number)) == 1
    assert len(watch.of(ConnectionCleared, call=number)) == 2
    check_heard_by_caller(tmp_path / "caller.wav")
    check_heard_by_agent(tmp_path / "agent.wav")
    record = centre.daemon.record(number)
    assert record.ani == "13800000001"
    assert record.digits == "1"
    assert record.released_by is Party.CALLER
    check_record(record, watch.events, began, ended)
    check_recording(record)


def check_recording(record: CallRecord) -> None:
    """Evidence of the conversation: caller left, agent right, each alone."""
    assert record.recording is not None
    left, right = (audio.read(Path(record.recording), channel) for channel in (0, 1))
    assert audio.tone_seconds(left, CALLER_HZ) > 0.8
    assert audio.tone_seconds(left, AGENT_HZ["agent1"]) < 0.15
    assert audio.tone_seconds(right, AGENT_HZ["agent1"]) > 0.8
    assert audio.tone_seconds(right, CALLER_HZ) < 0.15


async def test_a_pyvoip_caller_reaches_an_agent(
    centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    began = time.time()
    wav = centre.tone(CALLER_HZ)
    async with PyvoipPhone("13900000002", centre.address, wav=wav) as caller:
        since = watch.mark()
        call = await caller.call(SERVICE, record=tmp_path / "caller.wav")
        number = await queue_up(watch, since)
        await caller.state(call, "answered")
        await asyncio.sleep(2.5)  # the welcome is listened to
        await caller.digits(call, "1")
        await watch.expect(Queued, call=number)
        await asyncio.sleep(1.0)  # the music is listened to
        async with Desk(centre, watch) as desk:
            theirs = (await desk.incoming())["call"]
            await desk.phone.state(theirs, "confirmed")
            await desk.phone.record(theirs, tmp_path / "agent.wav")
            await watch.expect(Bridged, call=number)
            await asyncio.sleep(1.5)  # they talk
            await caller.hang_up(call)
            await desk.phone.state(theirs, "disconnected")
            await watch.expect(CallCleared, call=number)
            ended = time.time()
            await desk.phone.expect("recorded")
            await caller.expect("recorded")
    assert [e.digits for e in watch.of(DigitsDetected, call=number)] == ["1"]
    check_heard_by_caller(tmp_path / "caller.wav")
    check_heard_by_agent(tmp_path / "agent.wav")
    record = centre.daemon.record(number)
    assert record.ani == "13900000002"
    check_record(record, watch.events, began, ended)


async def test_the_agent_hangs_up(centre: Centre, watch: Watch) -> None:
    async with Desk(centre, watch) as desk, centre.caller() as caller:
        call = await caller.call(centre.uri("95501"))
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        since = watch.mark()
        await desk.phone.hang_up(theirs)
        await caller.state(call, "disconnected")
        cleared = await watch.expect(CallCleared, call=bridged.call)
        assert cleared.released_by is Party.AGENT
        await watch.expect(AgentReady, agent="agent1", since=since)
    record = centre.daemon.record(bridged.call)
    assert record.released_by is Party.AGENT
    assert record.outcome is Outcome.ANSWERED


async def test_two_conversations_do_not_mix(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    """Four parties, four tones: each hears its own other side, and nothing of the neighbours."""
    other_hz = 1500.0
    async with (
        Desk(centre, watch, "agent1") as first,
        Desk(centre, watch, "agent2") as second,
        centre.caller("13800000001") as caller,
        centre.caller("13800000002") as other,
    ):
        await other.play(centre.tone(other_hz))
        one = await caller.call(centre.uri("95501"), record=tmp_path / "caller.wav")
        with_caller = (await watch.expect(Bridged)).agent
        since = watch.mark()
        two = await other.call(centre.uri("95501"), record=tmp_path / "other.wav")
        with_other = (await watch.expect(Bridged, since=since)).agent
        assert with_caller is not None
        assert with_other is not None
        assert {with_caller, with_other} == {"agent1", "agent2"}
        desks = {"agent1": first.phone, "agent2": second.phone}
        for name, phone in desks.items():
            theirs = (await phone.expect("incoming"))["call"]
            await phone.state(theirs, "confirmed")
            await phone.record(theirs, tmp_path / f"{name}.wav")
        await asyncio.sleep(1.2)  # they talk
        await caller.hang_up(one)
        await other.hang_up(two)
        for phone in (*desks.values(), caller, other):
            await phone.expect("recorded")
    tones = {
        "caller": AGENT_HZ[with_caller],
        "other": AGENT_HZ[with_other],
        with_caller: CALLER_HZ,
        with_other: other_hz,
    }
    every = {CALLER_HZ, other_hz, *AGENT_HZ.values()}
    for name, own in tones.items():
        heard = audio.read(tmp_path / f"{name}.wav")
        assert audio.tone_seconds(heard, own) > 0.8, name
        for foreign in every - {own}:
            assert audio.tone_seconds(heard, foreign) < 0.15, (name, foreign)


async def test_a_caller_who_offers_late(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    async with Desk(centre, watch) as desk, centre.caller() as caller:
        call = await caller.call(
            centre.uri("95501"), record=tmp_path / "caller.wav", late_offer=True
        )
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        await desk.phone.record(theirs, tmp_path / "agent.wav")
        await asyncio.sleep(1.2)  # they talk
        await caller.hang_up(call)
        await watch.expect(CallCleared, call=bridged.call)
        await caller.expect("recorded")
        await desk.phone.expect("recorded")
    check_heard_by_agent(tmp_path / "agent.wav")
    assert audio.tone_seconds(audio.read(tmp_path / "caller.wav"), AGENT_HZ["agent1"]) > 0.8


@pytest.mark.parametrize("holder", [Party.CALLER, Party.AGENT])
async def test_hold_and_resume_from_the_far_end(
    holder: Party, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    """Who is held hears music; who comes back is heard again."""
    async with Desk(centre, watch) as desk, centre.caller() as caller:
        call = await caller.call(centre.uri("95501"))
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        await desk.phone.state(theirs, "confirmed")
        sides = {Party.CALLER: (caller, call), Party.AGENT: (desk.phone, theirs)}
        active, active_call = sides.pop(holder)
        ((passive, passive_call),) = sides.values()
        voice = CALLER_HZ if holder is Party.CALLER else AGENT_HZ["agent1"]
        await active.hold(active_call)
        await watch.expect(Held, call=bridged.call, by=holder)
        await passive.record(passive_call, tmp_path / "held.wav")
        await asyncio.sleep(1.2)  # the music is listened to
        await passive.stop_recording(passive_call)
        await active.retrieve(active_call)
        await watch.expect(Retrieved, call=bridged.call, by=holder)
        await passive.record(passive_call, tmp_path / "back.wav")
        await asyncio.sleep(1.2)  # they talk
        await caller.hang_up(call)
        await watch.expect(CallCleared, call=bridged.call)
        await passive.expect("recorded")
    held, back = (audio.read(tmp_path / f"{name}.wav") for name in ("held", "back"))
    assert audio.tone_seconds(audio.part(held, 0.3), voice) < 0.15
    assert audio.level_dbfs(audio.part(held, 0.3)) > -45, "music, not silence"
    assert audio.tone_seconds(back, voice) > 0.7
    assert audio.has_tone(back, voice, 0.3, 1.0)


async def test_a_caller_with_reliable_provisional_answers_and_session_timers(
    centre: Centre, watch: Watch
) -> None:
    async with (
        Desk(centre, watch, prack="required", session_timer=90) as desk,
        centre.caller(prack="required", session_timer=90) as caller,
    ):
        call = await caller.call(centre.uri("95501"))
        bridged = await watch.expect(Bridged)
        await caller.update(call)
        await caller.expect("media", call=call, status="active")
        await desk.incoming()
        await caller.hang_up(call)
        await watch.expect(CallCleared, call=bridged.call)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
@pytest.mark.parametrize("ptime", [20, 30])
async def test_codecs_and_packet_times_of_each_side(
    codec: str, ptime: int, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    """A caller of either codec and another packet time talks with an agent of the other."""
    theirs_codec = "PCMA" if codec == "PCMU" else "PCMU"
    async with (
        Desk(centre, watch, codecs=[theirs_codec]) as desk,
        centre.caller(codecs=[codec], ptime=ptime) as caller,
    ):
        call = await caller.call(centre.uri("95501"), record=tmp_path / "caller.wav")
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        await desk.phone.state(theirs, "confirmed")
        await desk.phone.record(theirs, tmp_path / "agent.wav")
        await asyncio.sleep(1.2)  # they talk
        await caller.hang_up(call)
        await caller.expect("recorded")
        await desk.phone.expect("recorded")
        for party in (Party.CALLER, Party.AGENT):
            reported = await watch.expect(QualityReported, call=bridged.call, party=party)
            assert reported.quality.packets_received > 20, reported
            assert reported.quality.packets_sent > 20, reported
        assert (await caller.expect("media", call=call))["codec"] == codec
    assert audio.tone_seconds(audio.read(tmp_path / "agent.wav"), CALLER_HZ) > 0.8
    assert audio.tone_seconds(audio.read(tmp_path / "caller.wav"), AGENT_HZ["agent1"]) > 0.8
