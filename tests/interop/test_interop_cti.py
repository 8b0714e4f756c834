"""What a CTI client brings about over real SIP and RTP: who hears whom, and what travels with a caller.

One daemon, three agents' phones and a caller's; every phone says a tone of its own, and whom a
party hears is told by the tones in what it recorded. All that is done to a call is done by
`ccd.cti.client.Client`: each agent has a session of his own, the supervisor's is this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from peers import audio
from peers.centre import AGENT_HZ, AGENTS, CALLER_HZ, STRAIGHT, Centre, prompt_audio
from peers.daemon import Watch
from peers.pjsip import PjsipPhone

from ccd.cti.client import Client, MonitorFeed
from ccd.events import (
    AgentNotReady,
    AgentReady,
    Bridged,
    CallCleared,
    Conferenced,
    ConnectionCleared,
    DataAssociated,
    Delivered,
    DigitsDetected,
    Established,
    Event,
    Held,
    Joined,
    Offered,
    Originated,
    Retrieved,
    Transferred,
)
from ccd.media.music import hold_music
from ccd.model import ListenMode, Outcome

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

A, B, SUPERVISOR = AGENTS
CALLER, MUSIC = "caller", "music"
HZ = {CALLER: CALLER_HZ, **AGENT_HZ}
"""Who says which tone; the music on hold has none of them."""
NOISE_DBFS = -40.0
"""Of what is none of the tones: G.711's own is 5 dB and more below, the music 8 dB above."""
SETTLING_S = 0.5
"""Of every recording, not judged: what jitter buffers still held of the scene before."""
LISTENING_S = 0.7
"""Of every recording, judged."""

ACCOUNTS = "95502"
"""Asks for an account number, then queues."""
ANI, ACCOUNT = "13800138000", "622848"
FLOW = """\
version: 1
name: accounts
language: en
start: ask
fallback: orders
steps:
  ask:
    type: collect
    prompt: {play: welcome.wav}
    into: account
    max_digits: 6
    first_digit_timeout_s: 8
    next: orders
  orders: {type: queue, queue: orders}
"""
CUSTOMERS = f"id,name,class,numbers\nC1,王芳,gold,{ANI}\nC2,李伟,,13900000009\n"


@pytest.fixture(scope="module")
def centre(open_centre: Callable[..., Centre], tmp_path_factory: pytest.TempPathFactory) -> Centre:
    folder = tmp_path_factory.mktemp("flows")
    audio.write(folder / "welcome.wav", prompt_audio())
    (folder / "accounts.yaml").write_text(FLOW)
    (folder / "straight.yaml").write_text(
        "version: 1\nname: straight\nstart: orders\nfallback: orders\n"
        "steps:\n  orders: {type: queue, queue: orders}\n"
    )
    return open_centre(
        route=[
            {"dnis": STRAIGHT, "flow": str(folder / "straight.yaml")},
            {"dnis": ACCOUNTS, "flow": str(folder / "accounts.yaml")},
        ]
    )


@pytest_asyncio.fixture(loop_scope="module")
async def watch(centre: Centre) -> AsyncIterator[Watch]:
    async with Watch(centre.daemon) as watching:
        yield watching


class Agent:
    """An agent's phone, registered, and his own session with the CTI, not ready."""

    def __init__(self, centre: Centre, name: str) -> None:
        self.name = name
        self.phone = centre.phone(name)
        self.cti = Client(centre.daemon.state, name=f"softphone of {name}")

    async def ready(self, watch: Watch) -> None:
        await self.cti.not_ready()
        since = watch.mark()
        await self.cti.ready()
        await watch.expect(AgentReady, agent=self.name, since=since)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents(centre: Centre) -> AsyncIterator[dict[str, Agent]]:
    """All three, logged on at their phones, which answer at once."""
    async with contextlib.AsyncExitStack() as stack:
        made = {name: Agent(centre, name) for name in AGENTS}
        await asyncio.gather(*(stack.enter_async_context(a.phone) for a in made.values()))
        for agent in made.values():
            await agent.phone.auto_answer(0.05)
            assert (await agent.phone.register())["code"] == 200
            await stack.enter_async_context(agent.cti)
            await agent.cti.log_in(agent.name)
        yield made
        for agent in made.values():
            await agent.cti.log_off()


@pytest_asyncio.fixture(loop_scope="module")
async def caller(centre: Centre) -> AsyncIterator[PjsipPhone]:
    """The customer's phone, whose number the store knows."""
    async with centre.caller(ANI) as phone:
        yield phone


class Hall:
    """Everybody's calls as their phones number them, and what is heard in them."""

    def __init__(self, centre: Centre, folder: Path) -> None:
        music = audio.read(hold_music(centre.daemon.state / "prompts"))
        self._music = np.concatenate((music, audio.part(music, 0.0, 1.0)))  # it goes round
        self._folder = folder
        self._lines: dict[str, tuple[PjsipPhone, int]] = {}
        self._scene = 0

    async def comes(self, name: str, phone: PjsipPhone, since: int) -> None:
        """Wait until the call that this phone got or made since then is answered."""
        said = await phone.expect("state", state="confirmed", since=since)
        self._lines[name] = (phone, int(said["call"]))

    async def goes(self, name: str) -> None:
        """Wait until his phone's call is over."""
        phone, line = self._lines.pop(name)
        await phone.state(line, "disconnected")

    async def hears(self, **expected: set[str]) -> None:
        """Listen at all phones at once: each hears these, all the while, and nothing else."""
        assert set(expected) == set(self._lines), "said of whom there is no call, or not of all"
        self._scene += 1
        marks = {name: phone.mark() for name, (phone, _) in self._lines.items()}
        files = {name: self._folder / f"{self._scene}_{name}.wav" for name in self._lines}
        for name, (phone, line) in self._lines.items():
            await phone.record(line, files[name])
        await asyncio.sleep(SETTLING_S + LISTENING_S)  # they talk
        for phone, line in self._lines.values():
            await phone.stop_recording(line)
        for name, (phone, line) in self._lines.items():
            await phone.expect("recorded", call=line, since=marks[name])
        assert {name: self._heard(file) for name, file in files.items()} == expected

    def _heard(self, file: Path) -> set[str]:
        """Who is heard, by name; whoever is heard for a part of the time is `NAME at times`."""
        recording = audio.part(audio.read(file), SETTLING_S)
        seconds = len(recording) / audio.RATE
        assert seconds > 0.6 * LISTENING_S, f"{file} is too short to be judged"
        found: set[str] = set()
        for who, hertz in HZ.items():
            share = audio.tone_seconds(recording, hertz) / seconds
            if share > 0.15:
                found.add(who if share > 0.8 else f"{who} at times")
        if _level_beside_tones(recording) > NOISE_DBFS:
            size = audio.RATE // 20  # a jitter buffer may skip or repeat a frame in some
            pieces = recording[: len(recording) // size * size].reshape(-1, size)
            alike = np.quantile([audio.find(p, self._music).likeness for p in pieces], 0.75)
            found.add(MUSIC if alike > 0.9 else "something else")
        return found


def _level_beside_tones(samples: audio.Audio) -> float:
    """Level in dBFS of what lies more than 40 Hz from every party's tone: the median of tenths of
    a second, so that a frame that a jitter buffer lost, and its splatter, do not count."""
    size = audio.RATE // 10
    windows = samples[: len(samples) // size * size].reshape(-1, size) * np.hanning(size)
    spectra = np.fft.rfft(windows)
    hertz = np.fft.rfftfreq(size, 1 / audio.RATE)
    for tone in HZ.values():
        spectra[:, np.abs(hertz - tone) <= 40] = 0
    # 3/8 is the mean square of Hann's window.
    beside = np.fft.irfft(spectra, size) / np.sqrt(3 / 8)
    return float(np.median([audio.level_dbfs(each) for each in beside]))


async def test_who_hears_whom(
    centre: Centre,
    watch: Watch,
    agents: dict[str, Agent],
    caller: PjsipPhone,
    tmp_path: Path,
) -> None:
    """One caller's way from agent to agent, to a supervisor: what each hears, scene by scene."""
    hall = Hall(centre, tmp_path)
    a, b, supervisor = (agents[name] for name in AGENTS)
    marks = {name: agents[name].phone.mark() for name in AGENTS}
    since = caller.mark()
    await a.ready(watch)
    line = await caller.call(centre.uri(STRAIGHT))
    await hall.comes(CALLER, caller, since)
    call = (await watch.expect(Bridged, agent=A)).call
    await hall.comes(A, a.phone, marks[A])

    await a.cti.hold_call()
    await watch.expect(Held, call=call)
    await hall.hears(caller={MUSIC}, agent1=set())

    await a.cti.retrieve_call()
    await watch.expect(Retrieved, call=call)
    await hall.hears(caller={A}, agent1={CALLER})

    consultation = (await a.cti.consultation_call(number=B)).call
    await watch.expect(Bridged, call=consultation)
    await hall.comes(B, b.phone, marks[B])
    await hall.hears(caller={MUSIC}, agent1={B}, agent2={A})

    since = watch.mark()
    assert (await a.cti.alternate_call()).call == call
    await watch.expect(Held, call=consultation, since=since)
    await watch.expect(Retrieved, call=call, since=since)
    await hall.hears(caller={A}, agent1={CALLER}, agent2={MUSIC})

    await a.cti.conference_call()
    conferenced = await watch.expect(Conferenced, call=call, secondary=consultation)
    assert len(conferenced.legs) == 3
    await hall.hears(caller={A, B}, agent1={CALLER, B}, agent2={CALLER, A})

    marks[B] = b.phone.mark()
    since = watch.mark()
    await b.cti.clear_connection()
    await hall.goes(B)
    await watch.expect(AgentNotReady, agent=B, since=since)
    consultation = (await a.cti.consultation_call(number=B)).call
    await watch.expect(Bridged, call=consultation)
    await hall.comes(B, b.phone, marks[B])
    await a.cti.transfer_call()
    await watch.expect(Transferred, call=call, agent=A, to_agent=B)
    await hall.goes(A)
    await hall.hears(caller={B}, agent2={CALLER})

    await watch.client.join_call(agent=SUPERVISOR, to_agent=B, mode=ListenMode.SILENT)
    await watch.expect(Joined, call=call, agent=SUPERVISOR, mode=ListenMode.SILENT)
    await hall.comes(SUPERVISOR, supervisor.phone, marks[SUPERVISOR])
    await hall.hears(caller={B}, agent2={CALLER}, agent3={CALLER, B})

    await watch.client.join_call(agent=SUPERVISOR, mode=ListenMode.WHISPER)
    await watch.expect(Joined, call=call, mode=ListenMode.WHISPER)
    await hall.hears(caller={B}, agent2={CALLER, SUPERVISOR}, agent3={CALLER, B})

    await watch.client.join_call(agent=SUPERVISOR, mode=ListenMode.ACTIVE)
    await watch.expect(Joined, call=call, mode=ListenMode.ACTIVE)
    await hall.hears(caller={B, SUPERVISOR}, agent2={CALLER, SUPERVISOR}, agent3={CALLER, B})

    await watch.client.take_over_call(agent=SUPERVISOR)
    await watch.expect(Transferred, call=call, agent=B, to_agent=SUPERVISOR)
    await hall.goes(B)
    await hall.hears(caller={SUPERVISOR}, agent3={CALLER})

    await caller.hang_up(line)
    await hall.goes(SUPERVISOR)
    await watch.expect(CallCleared, call=call)
    assert (await asyncio.to_thread(centre.daemon.record, call)).agent == SUPERVISOR
    await a.cti.not_ready()


async def arrival(feed: MonitorFeed) -> Delivered:
    """Wait for a call to be delivered."""
    async for event in feed:
        if isinstance(event, Delivered):
            return event
    raise AssertionError("the monitor is over")


def story(
    events: list[Event], calls: dict[str, str], legs: dict[str, str]
) -> list[tuple[str, ...]]:
    """What happened to these calls: each event's kind, its call and whose connections, by name."""
    told: list[tuple[str, ...]] = []
    for event in events:
        match event:
            case (
                Held(call=call, leg=leg)
                | Originated(call=call, leg=leg)
                | Delivered(call=call, leg=leg)
                | Established(call=call, leg=leg)
                | ConnectionCleared(call=call, leg=leg)
            ):
                whose: tuple[str, ...] = (leg,)
            case Bridged(call=call, legs=pair):
                whose = tuple(sorted(pair, key=lambda each: legs.get(each, each)))
            case Transferred(call=call, from_leg=giver, to_leg=taker):
                whose = (giver, taker)
            case CallCleared(call=call):
                whose = ()
            case _:
                continue
        if call in calls:
            name = type(event).__name__
            told.append((name, calls[call], *(legs.get(leg, leg) for leg in whose)))
    return told


async def test_data_follows_the_caller(
    centre: Centre, watch: Watch, agents: dict[str, Agent], caller: PjsipPhone, tmp_path: Path
) -> None:
    """What he keyed and who he is are on A's screen before A's phone rings, and on B's after him."""
    file = tmp_path / "customers.csv"
    file.write_text(CUSTOMERS, encoding="utf-8")
    imported = await asyncio.to_thread(centre.daemon.command, "customers", "import", str(file))
    assert imported["outcome"]["added"] == 2
    a, b = agents[A], agents[B]
    feed = await a.cti.monitor(agent=A)
    popped = asyncio.create_task(arrival(feed), name="screen pop")
    try:
        await a.ready(watch)
        ringing, rung_b = a.phone.mark(), b.phone.mark()
        line = await caller.call(centre.uri(ACCOUNTS))
        first = (await watch.expect(Offered, ani=ANI)).call
        in_call = await watch.expect(Established, call=first)
        await caller.digits(line, ACCOUNT)
        await watch.expect(DigitsDetected, call=first, digits=ACCOUNT)

        await a.phone.expect("incoming", since=ringing)
        bridged = await watch.expect(Bridged, call=first, agent=A)
        at_a = await watch.expect(Delivered, call=first, agent=A)
        assert (at_a.ani, at_a.dnis, at_a.data["account"]) == (ANI, ACCOUNTS, ACCOUNT)
        assert at_a.customer is not None
        assert (at_a.customer.id, at_a.customer.name, at_a.matches) == ("C1", "王芳", 1)
        # That it is published before the INVITE is sent is shown in tests/unit/customers; here two
        # programs hear of it, and which is first is the machine's to say.
        assert await popped == at_a
        assert at_a.seq < bridged.seq

        await a.cti.associate_data({"order": "600519"})
        await watch.expect(DataAssociated, call=first, data={"order": "600519"})
        since = watch.mark()
        second = (await a.cti.consultation_call(number=B)).call
        at_b = await watch.expect(Delivered, call=second, agent=B)
        assert (at_b.data["account"], at_b.data["order"]) == (ACCOUNT, "600519")
        await b.phone.expect("state", state="confirmed", since=rung_b)
        await watch.expect(Bridged, call=second)
        await a.cti.transfer_call()
        await a.phone.expect("state", state="disconnected", since=ringing)
        transferred = await watch.expect(Transferred, call=first)
        assert (transferred.secondary, transferred.agent, transferred.to_agent) == (second, A, B)
        await caller.hang_up(line)
        await watch.expect(CallCleared, call=first)
    finally:
        popped.cancel()
        await asyncio.gather(popped, return_exceptions=True)
        await feed.stop()

    legs = {in_call.leg: "caller", at_a.leg: "A", at_b.leg: "B"}
    assert set(bridged.legs) == {in_call.leg, at_a.leg}
    told = story(watch.events[since:], {first: "first", second: "second"}, legs)
    assert told[:6] == [
        ("Held", "first", "A"),
        ("Originated", "second", "A"),
        ("Delivered", "second", "B"),
        ("Established", "second", "B"),
        ("Bridged", "second", "A", "B"),
        ("Transferred", "first", "A", "B"),
    ], told
    assert {("ConnectionCleared", "first", "A"), ("CallCleared", "second")} <= set(told[6:]), told
    assert told[-1] == ("CallCleared", "first"), told
    record = await asyncio.to_thread(centre.daemon.record, first)
    assert (record.outcome, record.agent, record.ani) == (Outcome.ANSWERED, B, ANI)
