"""What callers of a busy centre live through, over real SIP and RTP, and what is told of it.

One daemon on settings like those of `examples/brokerage.toml`, with seconds in place of minutes;
three agents' phones, one phone that is the whole world outside, and callers of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import pytest_asyncio
import tomlkit
from peers import audio
from peers.centre import AGENT_HZ, AGENTS, MUSIC_HZ, Centre, prompt_audio
from peers.daemon import Daemon, Watch
from peers.pjsip import PjsipPhone
from peers.ports import HOST, free_port

from ccd.acd.waiting import wording
from ccd.acd.waiting.wording import Phrase
from ccd.events import (
    AgentNotReady,
    AgentReady,
    AgentReserved,
    Bridged,
    CallbackRequested,
    CallbackResolved,
    CallbackTried,
    CallCleared,
    Delivered,
    Dequeued,
    Offered,
    Queued,
    Routed,
    WaitEstimated,
)
from ccd.media.prompt import Prompt
from ccd.media.prompt_book import PromptBook
from ccd.model import Party

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

OUTSIDE_HZ = 1700.0
GOLD, SILVER = "13800138000", "13800138001"
NUMBERS = {
    "desk": "95501",
    "advice": "95502",
    "quotes": "95503",
    "closed": "95504",
    "orders": "95505",
    "lost": "95506",
    "own": "95507",
    "both": "95508",
}
"""A queue each, and the number that leads straight into it."""
RING_S = 0.8
MUSIC = 0.8
"""Of music, before anything is announced."""
MUSIC_DBFS = audio.level_dbfs(audio.tone(MUSIC_HZ, 1, 0.2))


def settings(folder: Path, outside: int) -> dict[str, Any]:
    """What differs from the other tests' settings."""
    audio.write(folder / "music.wav", audio.tone(MUSIC_HZ, 2, 0.2))
    for queue in NUMBERS:
        (folder / f"{queue}.yaml").write_text(
            f"version: 1\nname: {queue}\nstart: wait\nfallback: wait\n"
            f"steps:\n  wait: {{type: queue, queue: {queue}}}\n"
        )
    own: dict[str, dict[str, Any]] = {
        "advice": {"skills": {"advice": 8}, "ring": [{"after_s": 1.0, "skills": {"advice": 3}}]},
        "quotes": {"overflow": [{"to": "queue:own", "wait_s": 0.8}]},
        "closed": {"hours": "past", "overflow": [{"to": "goodbye", "closed": True}]},
        "orders": {
            "announce": {"first_s": MUSIC, "every_s": 30.0},
            "callback": {"trunk": "outside", "offer_position": 2, "ani": "95505"},
        },
        "lost": {
            "callback": {
                "trunk": "outside",
                "first": "customer",
                "abandoned": True,
                "abandoned_after_s": 0.5,
            },
        },
        "own": {"last_agent_s": 20.0},
        "both": {"ring_agents": 2},
    }
    return {
        "trunk": [
            {"name": "outside", "peers": [f"{HOST}:{outside}"]},
            {"name": "test", "peers": ["127.0.0.0/8"]},
        ],
        "skill": [{"name": "advice"}],
        "customer_class": [
            {"name": "gold", "head_start_s": 60.0},
            {"name": "silver", "head_start_s": 0.5},
        ],
        "customer": [
            {"number": GOLD, "customer_class": "gold"},
            {"number": SILVER, "customer_class": "silver"},
        ],
        "calendar": [{"name": "past", "special": {"2020-01-01": ["09:00-17:00"]}}],
        "agent": [
            {"name": name, "phone": name, "queues": ["*"], "skills": skills}
            for name, skills in zip(AGENTS, ({"advice": 9}, {"advice": 4}, {}), strict=True)
        ],
        "queue": [
            {
                "name": name,
                "ring_timeout_s": RING_S,
                "music": str(folder / "music.wav"),
                **own.get(name, {}),
            }
            for name in NUMBERS
        ],
        "route": [
            {"dnis": number, "flow": str(folder / f"{queue}.yaml")}
            for queue, number in NUMBERS.items()
        ],
    }


CONFIRMED = audio.part(prompt_audio(), 0.0, 1.5)
"""What the studio recorded for who is going to be called back."""


@pytest.fixture(scope="module")
def outside_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def centre(
    open_centre: Callable[..., Centre],
    tmp_path_factory: pytest.TempPathFactory,
    outside_port: int,
) -> Centre:
    return open_centre(
        studio={"acd-callback-confirmed.zh": CONFIRMED},
        **settings(tmp_path_factory.mktemp("flows"), outside_port),
    )


@pytest_asyncio.fixture(loop_scope="module")
async def watch(centre: Centre) -> AsyncIterator[Watch]:
    async with Watch(centre.daemon) as watching:
        yield watching


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outside(centre: Centre, outside_port: int) -> AsyncIterator[PjsipPhone]:
    """Whoever is called through the trunk; answers at once, and says the tone of outside."""
    phone = PjsipPhone("outside", port=outside_port, wav=centre.tone(OUTSIDE_HZ))
    async with phone:
        await phone.auto_answer(0.1)
        yield phone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(centre: Centre) -> AsyncIterator[dict[str, PjsipPhone]]:
    """The agents' phones, registered."""
    async with contextlib.AsyncExitStack() as stack:
        made = {name: centre.phone(name) for name in AGENTS}
        await asyncio.gather(*(stack.enter_async_context(each) for each in made.values()))
        for phone in made.values():
            assert (await phone.register())["code"] == 200
        yield made


class Agent:
    """An agent at work, ready; logged off when left."""

    def __init__(self, watch: Watch, phone: PjsipPhone, *, answers: float | None = 0.05) -> None:
        self.name = phone.user
        self.phone = phone
        self._watch = watch
        self._answers = answers

    async def __aenter__(self) -> Self:
        await self.phone.auto_answer(self._answers)
        await self._watch.log_on(self.name)
        await self.ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(Exception) if error else contextlib.nullcontext():
            await self._watch.log_off(self.name)

    async def ready(self) -> None:
        since = self._watch.mark()
        await self._watch.ready(self.name)
        await self._watch.expect(AgentReady, agent=self.name, since=since)

    async def talks(self, since: int = 0) -> int:
        """Wait until a call is confirmed; returns the phone's number of it."""
        said = await self.phone.expect("state", state="confirmed", since=since)
        return int(said["call"])


class Caller:
    """One who has called a queue's number and waits there; gone when left.

    `call` is the daemon's name of the call. What he hears is `heard()`, after `over()`.
    """

    def __init__(self, centre: Centre, watch: Watch, queue: str, ani: str) -> None:
        self.phone = centre.caller(ani)
        self.ani = ani
        self.call = ""
        self.queue = queue
        self._centre = centre
        self._watch = watch
        self._line = 0
        self._file = centre.folder / f"heard_{queue}_{ani}.wav"

    async def __aenter__(self) -> Self:
        since = self._watch.mark()
        await self.phone.start()
        try:
            self._line = await self.phone.call(
                self._centre.uri(NUMBERS[self.queue]), record=self._file
            )
            offered = await self._watch.expect(Offered, ani=self.ani, since=since)
        except BaseException:
            await self.phone.kill()
            await self.phone.stop()
            raise
        self.call = offered.call
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(Exception) if error else contextlib.nullcontext():
            await self.hang_up()
        await self.phone.kill()
        await self.phone.stop()

    async def waits(self) -> Queued:
        """Wait until he has his place."""
        return await self._watch.expect(Queued, call=self.call)

    async def hang_up(self) -> None:
        """Leave, if he has not, and wait until the call is over everywhere."""
        await self.phone.hang_up(self._line)
        await self._watch.expect(CallCleared, call=self.call)

    async def press(self, key: str) -> None:
        await self.phone.digits(self._line, key)

    async def heard(self) -> audio.Audio:
        """Everything that he heard; when his call is over."""
        await self.phone.expect("recorded", call=self._line)
        return audio.read(self._file)


async def asked(centre: Centre, *arguments: str) -> Any:
    """What `ccd ARGUMENTS --json` prints, without a standstill of the test's own tasks."""
    return await asyncio.to_thread(centre.daemon.command, *arguments)


async def story(centre: Centre, contact: str, outcome: str) -> dict[str, Any]:
    """What `ccd acd explain` tells, as soon as the journal has its end."""
    for _ in range(5):
        told = await asked(centre, "acd", "explain", contact)
        if told["outcome"] == outcome:
            break
    assert told["outcome"] == outcome, told
    return dict(told)


def steps(told: dict[str, Any]) -> list[str]:
    """A story's steps, by name."""
    return [line["kind"] for line in told["lines"]]


def first(told: dict[str, Any], step: str) -> dict[str, Any]:
    """A story's first step of this name."""
    found = [line for line in told["lines"] if line["kind"] == step]
    assert found, told["lines"]
    return dict(found[0])


def why(told: dict[str, Any], step: str) -> str:
    """The reason that a story gives for that step."""
    return str(first(told, step)["why"])


def facts(told: dict[str, Any], step: str) -> dict[str, Any]:
    """The figures that it gives."""
    return dict(first(told, step)["facts"])


async def spoken(daemon: Daemon, *prompts: Prompt) -> list[audio.Audio]:
    """How the daemon says this."""
    book = PromptBook(daemon.state / "prompts")
    await book.prepare(prompts)
    return [audio.read(Path(sound.path)) for sound in book.sounds(prompts)]


def order(watch: Watch) -> list[str]:
    """Calls in the order in which agents got them."""
    return [event.call for event in watch.of(Bridged)]


async def test_a_class_overtakes_as_far_as_its_head_start_goes(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]
) -> None:
    """Gold goes before who came seconds earlier; silver's half second is used up by ageing."""
    line = functools.partial(Caller, centre, watch, "desk")
    async with line("13900000001") as plain:
        await plain.waits()
        await asyncio.sleep(0.7)  # longer than silver's head start
        async with line(SILVER) as silver, line(GOLD) as gold:
            await silver.waits()
            await gold.waits()
            async with Agent(watch, phones["agent3"]):
                for caller in (gold, plain, silver):
                    await watch.expect(Bridged, call=caller.call, agent="agent3")
                    await caller.hang_up()
    assert order(watch) == [gold.call, plain.call, silver.call]
    told = await story(centre, plain.call, "answered")
    (overtaking,) = told["overtaken_by"]
    assert overtaking["contact"] == gold.call
    assert "gold" in overtaking["why"]
    told = await story(centre, silver.call, "answered")
    assert (told["customer_class"], told["queues"]) == ("silver", ["desk"])


async def test_rings_widen(centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]) -> None:
    """A less skilled agent, idle all the while, gets him when the expert stays away."""
    async with (
        Agent(watch, phones["agent2"]),
        Caller(centre, watch, "advice", "13900000002") as caller,
    ):
        queued = await caller.waits()
        bridged = await watch.expect(Bridged, call=caller.call, agent="agent2")
        assert 1.0 <= bridged.at - queued.at < 2.0
    told = await story(centre, caller.call, "answered")
    assert steps(told).index("widened") < steps(told).index("assigned")
    assert facts(told, "widened")["skills"] == "advice 3"


async def test_a_wait_too_long_overflows_to_another_queue(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]
) -> None:
    """He comes there with his age: before one who has waited there for a shorter time."""
    async with (
        Caller(centre, watch, "quotes", "13900000003") as caller,
        Caller(centre, watch, "own", "13900000004") as later,
    ):
        await caller.waits()
        await later.waits()
        await watch.expect(Queued, call=caller.call, queue="own", position=1)
        async with Agent(watch, phones["agent3"]):
            await watch.expect(Bridged, call=caller.call)
            await caller.hang_up()
            await watch.expect(Bridged, call=later.call)
            await later.hang_up()
    told = await story(centre, caller.call, "answered")
    assert told["queues"] == ["quotes", "own"]
    assert "0.8 s" in why(told, "overflowed")


async def test_a_closed_queue_says_so_and_hangs_up(centre: Centre, watch: Watch) -> None:
    """What is heard is what the daemon speaks for "closed", whole; no music before it."""
    async with Caller(centre, watch, "closed", "13900000005") as caller:
        cleared = await watch.expect(CallCleared, call=caller.call, within=12.0)
        heard = await caller.heard()
    assert cleared.released_by is Party.SYSTEM
    (closed,) = await spoken(centre.daemon, *wording.phrase(Phrase.CLOSED, "zh"))
    assert audio.speech_like(heard)
    assert audio.heard(closed, heard) >= 0.9
    assert audio.find(audio.part(closed, 0.0, 1.0), heard).at < 0.4
    told = await story(centre, caller.call, "abandoned")
    assert "closed" in why(told, "overflowed")
    assert not watch.of(Queued, call=caller.call)


async def test_a_callback_is_offered_taken_and_made_at_the_place_he_had(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone], outside: PjsipPhone, tmp_path: Path
) -> None:
    """Three callers; the second would rather be called, and is, before the third."""
    line = functools.partial(Caller, centre, watch, "orders")
    async with line("13900000010") as ahead, line("13900000011") as second:
        await ahead.waits()
        await second.waits()
        async with line("13900000012") as third:
            await third.waits()
            said = await watch.expect(WaitEstimated, contact=second.call)
            assert said.position == 2
            await asyncio.sleep(2.5)  # his place and the beginning of the offer are listened to
            await second.press("1")
            requested = await watch.expect(CallbackRequested, call=second.call)
            assert (requested.number, requested.origin) == ("13900000011", "offered")
            cleared = await watch.expect(CallCleared, call=second.call)
            assert cleared.released_by is Party.SYSTEM
            await check_offer_was_heard(centre, await second.heard())
            async with Agent(watch, phones["agent1"]) as agent:
                await watch.expect(Bridged, call=ahead.call)
                since = outside.mark(), agent.phone.mark()
                await ahead.hang_up()
                await check_announcement_was_heard(centre, await ahead.heard())
                await check_conversation(centre, watch, outside, agent, since, tmp_path)
                await watch.expect(Bridged, call=third.call)
                await third.hang_up()
    callback = requested.callback
    assert watch.of(CallbackTried, callback=callback)[0].cause is None
    assert watch.of(CallbackResolved, callback=callback)[0].outcome == "answered"
    reserved = [event.call for event in watch.of(AgentReserved)]
    assert reserved == [ahead.call, callback, third.call]
    told = await story(centre, callback, "answered")
    assert (told["channel"], told["caller"], told["agent"]) == ("callback", "13900000011", "agent1")
    ours = watch.of(Bridged)[1].call
    assert told["links"] == [
        {"contact": second.call, "what": "call"},
        {"contact": ours, "what": "call"},
    ]
    assert (await story(centre, second.call, "callback"))["links"][0]["contact"] == callback


def begin_of(prompt: audio.Audio, heard: audio.Audio) -> float:
    """When this was said, by its loudest moment: a slip of the jitter buffer spares that, mostly."""
    size = int(0.4 * audio.RATE)
    starts = range(0, max(1, len(prompt) - size), size // 4)
    loudest = max(starts, key=lambda at: audio.level_dbfs(prompt[at : at + size]))
    found = audio.find(prompt[loudest : loudest + size], heard)
    assert found.likeness > 0.7, found
    return found.at - loudest / audio.RATE


def check_music(piece: audio.Audio) -> None:
    """The queue's music all the time, as loud as it was made, and nothing else."""
    assert len(piece) > 0.4 * audio.RATE
    assert audio.tone_dbfs(piece, MUSIC_HZ) == pytest.approx(MUSIC_DBFS, abs=1.0)
    assert audio.level_dbfs(piece) == pytest.approx(MUSIC_DBFS, abs=1.0)
    assert audio.frame_levels(piece).min() > MUSIC_DBFS - 3


async def check_announcement_was_heard(centre: Centre, heard: audio.Audio) -> None:
    """Music, his place in words, and music again: each as loud as it was made."""
    (place,) = await spoken(centre.daemon, *wording.position(1, "zh"))
    begin = begin_of(place, heard)
    end = begin + len(place) / audio.RATE
    announced = audio.part(heard, begin, end)
    assert audio.level_dbfs(announced) == pytest.approx(audio.level_dbfs(place), abs=1.0)
    check_music(audio.part(heard, 0.1, MUSIC - 0.1))
    check_music(audio.part(heard, end + 0.1, end + 1.0))
    middle = audio.part(heard, begin + 0.2, end - 0.2)
    assert audio.tone_dbfs(middle, MUSIC_HZ, 4.0) < MUSIC_DBFS - 10, "no music under the words"


async def check_offer_was_heard(centre: Centre, heard: audio.Audio) -> None:
    """The second place, the offer, and after the key that he will be called; then we hang up."""
    place, ordinal, offer, *_ = await spoken(
        centre.daemon, *wording.position(2, "zh"), *wording.callback_offer("1", "zh")
    )
    beginning = audio.part(offer, 0.0, 0.6)  # the key interrupts it later
    found = [begin_of(each, heard) for each in (place, ordinal, beginning, CONFIRMED)]
    assert found == sorted(found)
    check_music(audio.part(heard, 0.1, found[0] - 0.1))
    assert audio.heard(CONFIRMED, heard) >= 0.9
    assert len(heard) / audio.RATE - found[-1] < len(CONFIRMED) / audio.RATE + 0.6


async def check_conversation(
    centre: Centre,
    watch: Watch,
    outside: PjsipPhone,
    agent: Agent,
    since: tuple[int, int],
    folder: Path,
) -> None:
    """Agent and customer speak through us and hear each other; the customer ends it."""
    incoming = await outside.expect("incoming", since=since[0])
    assert "13900000011" in incoming["local"]
    assert "95505" in incoming["remote"]
    theirs = int((await outside.expect("state", state="confirmed", since=since[0]))["call"])
    ours = await agent.talks(since[1])
    await outside.record(theirs, folder / "outside.wav")
    await agent.phone.record(ours, folder / "agent.wav")
    await asyncio.sleep(1.0)  # they talk
    await outside.hang_up(theirs)
    for phone, mark in ((outside, since[0]), (agent.phone, since[1])):
        await phone.expect("recorded", since=mark)
    by_customer = audio.read(folder / "outside.wav")
    by_agent = audio.read(folder / "agent.wav")
    assert audio.tone_seconds(by_customer, AGENT_HZ[agent.name]) > 0.7
    assert audio.tone_seconds(by_agent, OUTSIDE_HZ) > 0.7
    for heard in (by_customer, by_agent):
        assert audio.tone_seconds(heard, MUSIC_HZ) < 0.15


async def test_a_lost_caller_is_rung_back_before_an_agent_is(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone], outside: PjsipPhone
) -> None:
    """He hung up while he waited; he is called first, and an agent when he is there."""
    async with Caller(centre, watch, "lost", "13900000020") as caller:
        await caller.waits()
        await asyncio.sleep(0.7)  # long enough for a callback
    requested = await watch.expect(CallbackRequested, call=caller.call)
    assert (requested.number, requested.origin) == ("13900000020", "abandoned")
    since = outside.mark()
    async with Agent(watch, phones["agent2"]):
        incoming = await outside.expect("incoming", since=since)
        assert "13900000020" in incoming["local"]
        bridged = await watch.expect(Bridged, agent="agent2")
        await watch.expect(CallbackResolved, callback=requested.callback, outcome="answered")
        await outside.hang_up(incoming["call"])
        await watch.expect(CallCleared, call=bridged.call)
    told = await story(centre, caller.call, "abandoned")
    assert told["links"][0]["contact"] == requested.callback
    await story(centre, requested.callback, "answered")


async def test_an_agent_who_does_not_answer_and_the_next(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]
) -> None:
    async with (
        Agent(watch, phones["agent1"], answers=None),
        Agent(watch, phones["agent2"]),
        Caller(centre, watch, "desk", "13900000030") as caller,
    ):
        await watch.expect(AgentNotReady, agent="agent1", reason="rona")
        await watch.expect(Bridged, call=caller.call, agent="agent2")
    told = await story(centre, caller.call, "answered")
    assert told["offers"] == 2
    found = [line for line in told["lines"] if line["kind"] in ("assigned", "returned")]
    assert [(line["kind"], line["agent"]) for line in found] == [
        ("assigned", "agent1"),
        ("returned", "agent1"),
        ("assigned", "agent2"),
    ]


async def test_a_customer_has_his_last_agent_again(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]
) -> None:
    """Also where another is idle for longer, and where his own must be waited for."""
    line = functools.partial(Caller, centre, watch, "own")
    async with Agent(watch, phones["agent2"]):
        for customer in ("13900000040", "13900000041"):
            async with line(customer) as caller:
                await watch.expect(Bridged, call=caller.call, agent="agent2")
        async with Agent(watch, phones["agent1"]):
            async with line("13900000042") as caller:  # agent2 has been ready for longer
                await watch.expect(Bridged, call=caller.call, agent="agent2")
            async with line("13900000040") as again:  # now agent1 has
                await watch.expect(Bridged, call=again.call, agent="agent2")
                async with line("13900000041") as waiting:
                    await waiting.waits()
                    await again.hang_up()
                    await watch.expect(Bridged, call=waiting.call, agent="agent2")
    assert not watch.of(AgentReserved, agent="agent1")
    told = await story(centre, waiting.call, "answered")
    assert "last agent agent2" in why(told, "preference")


async def test_several_phones_ring_and_the_first_to_answer_has_it(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]
) -> None:
    """The other's phone stops ringing, and he gets the next call."""
    line = functools.partial(Caller, centre, watch, "both")
    async with (
        Agent(watch, phones["agent1"], answers=None) as slow,
        Agent(watch, phones["agent2"], answers=0.3),
        line("13900000050") as caller,
    ):
        ringing = slow.phone.mark()
        await watch.expect(Delivered, call=caller.call, agent="agent1")
        await watch.expect(Delivered, call=caller.call, agent="agent2")
        await watch.expect(Bridged, call=caller.call, agent="agent2")
        await slow.phone.expect("state", state="disconnected", since=ringing)
        await slow.phone.auto_answer(0.05)
        async with line("13900000051") as following:
            await watch.expect(Bridged, call=following.call, agent="agent1")
    told = await story(centre, caller.call, "answered")
    assert first(told, "withdrawn")["agent"] == "agent1"
    assert not watch.of(AgentNotReady, agent="agent1", reason="rona")


async def test_skills_and_settings_change_while_he_waits(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone]
) -> None:
    """`ccd acd queues` shows him, `ccd reload` keeps his place, `ccd acd skills` finds him an agent."""
    line = functools.partial(Caller, centre, watch, "advice")
    async with Agent(watch, phones["agent3"]), line("13900000060") as caller:
        await caller.waits()
        (advice,) = [q for q in await asked(centre, "acd", "queues") if q["queue"] == "advice"]
        assert advice["waiting"] == 1
        path = centre.daemon.state / "test.toml"
        changed = tomlkit.parse(path.read_text())
        for queue in changed["queue"]:
            if queue["name"] == "advice":
                queue["skills"] = {"advice": 6}
                queue["ring"] = []
        path.write_text(tomlkit.dumps(changed))
        done = await asked(centre, "reload")
        (change,) = done["changes"]
        assert (change["verb"], change["table"], change["name"]) == ("change", "queue", "advice")
        assert sorted(change["keys"]) == ["ring", "skills"]
        assert done["restart"] == []
        async with line("13900000061") as later:
            await watch.expect(Queued, call=later.call, position=2)
            assert not watch.of(Bridged)
            have = await asked(centre, "acd", "skills", "agent3", "advice=6")
            assert have["skills"] == {"advice": 6}
            await watch.expect(Bridged, call=caller.call, agent="agent3")
            assert not watch.of(Dequeued, call=later.call)
    assert [e.queue for e in watch.of(Routed, contact=caller.call, step="assigned")] == ["advice"]
