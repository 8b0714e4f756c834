"""The softphone's own phones at a real daemon: they register, ring, are answered, hear and are heard.

Each back end says a tone out of a WAV and writes what it hears into another: the way of the
sound is that of a headset, but for the device. A phone on the desk is SIPp's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from peers import audio
from peers.asking import until
from peers.centre import AGENT_HZ, AGENTS, CALLER_HZ, DOMAIN, STRAIGHT, Centre, password
from peers.daemon import Watch
from peers.ports import HOST
from peers.sipp import Sipp

from ccd.events import Bridged, DigitsGenerated, LineNailedUp
from ccd.model import AgentState
from tui.agent.desk import Stage
from tui.agent.phones.make import make_phone
from tui.agent.phones.phone import PhoneError, PhoneState
from tui.agent.phones.settings import PhoneSettings
from tui.agent.service import LinkState, Login, Service

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

A = AGENTS[0]
TALK_S = 1.5
SETTLING_S = 0.6
RING_HZ = 450.0


@pytest.fixture(scope="module")
def centre(open_centre: Callable[..., Centre]) -> Centre:
    """MD5 stands first for SIPp's sake; the agent's phone answers his own calls by itself."""
    return open_centre(
        sip={"domain": DOMAIN, "digest_algorithms": ["MD5", "SHA-256"]},
        phone=[{"name": name, "password": password(name), "auto_answer": True} for name in AGENTS],
    )


@pytest_asyncio.fixture(loop_scope="module")
async def watch(centre: Centre) -> AsyncIterator[Watch]:
    async with Watch(centre.daemon) as watching:
        yield watching


def settings(centre: Centre, back_end: str, heard: Path, **options: Any) -> PhoneSettings:
    return PhoneSettings(
        **{
            "back_end": back_end,
            "user": A,
            "password": password(A),
            "host": HOST,
            "port": centre.daemon.port,
            "domain": DOMAIN,
            "codecs": ("PCMU",),
            "capture": str(centre.tone(AGENT_HZ[A])),
            "playback": str(heard),
            **options,
        }
    )


@contextlib.asynccontextmanager
async def working(
    phone_settings: PhoneSettings, centre: Centre, *, nailed_up: bool = False
) -> AsyncIterator[Service]:
    """An agent at work with such a phone, ready."""
    login = Login(A, state=str(centre.daemon.state), nailed_up=nailed_up)
    service = Service(login, phone=make_phone(phone_settings))
    at_rest = PhoneState.TALKING if nailed_up else PhoneState.IDLE
    await service.start(take=True)
    try:
        assert service.phone is not None
        await until(lambda: service.link is LinkState.UP)
        await until(lambda: service.phone.state is at_rest, within=15)  # type: ignore[union-attr]
        await until(lambda: service.desk.seat.nailed_up is nailed_up)
        await service.do("ready")
        await until(lambda: service.desk.seat.state is AgentState.READY)
        yield service
    finally:
        for line in service.desk.lines:
            await service.client.clear_connection(line.call)
        await service.client.log_off()
        await service.close()


async def stage(service: Service, *stages: Stage) -> None:
    def so() -> bool:
        return tuple(line.stage for line in service.desk.lines) == stages

    try:
        await until(so, within=10)
    except TimeoutError:
        phone = service.phone
        assert phone is not None
        now = [line.stage for line in service.desk.lines]
        raise AssertionError(f"{now}, the phone {phone.state} {phone.trouble}") from None


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_a_phone_hears_and_is_heard(
    back_end: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    mine, theirs = tmp_path / "agent.wav", tmp_path / "caller.wav"
    since = watch.mark()
    async with (
        working(settings(centre, back_end, mine), centre) as service,
        centre.caller() as caller,
    ):
        phone = service.phone
        assert phone is not None
        line = await caller.call(centre.uri(STRAIGHT), record=theirs)
        await stage(service, Stage.RINGING)
        await until(lambda: phone.state is PhoneState.RINGING)
        await service.do("answer")
        await stage(service, Stage.SPEAKING)
        await until(lambda: phone.state is PhoneState.TALKING)
        await watch.expect(Bridged, agent=A, since=since)
        await until(lambda: mine.stat().st_size > 2000)  # sound comes
        begin = len(audio.read(mine)) / audio.RATE
        await asyncio.sleep(SETTLING_S + TALK_S)  # they talk
        assert phone.levels.microphone > 0.3
        assert phone.levels.earpiece > 0.3
        heard = audio.part(audio.read(mine), begin + SETTLING_S)
        assert audio.tone_seconds(heard, CALLER_HZ) > 0.8 * len(heard) / audio.RATE
        # Muted, nothing is heard of the agent; and then again.
        await service.do("mute")
        assert phone.muted
        await asyncio.sleep(SETTLING_S + 0.6)
        await service.do("mute")
        await asyncio.sleep(0.3)
        await service.do("hang_up")
        await stage(service)
        await until(lambda: phone.state is PhoneState.IDLE)
        await caller.state(line, "disconnected")
        await caller.expect("recorded", call=line)
    said = audio.read(theirs)
    tone = audio.tone_seconds(said, AGENT_HZ[A])
    assert tone > TALK_S
    stretches = audio.tone_stretches(said, AGENT_HZ[A])
    gaps = [b.start - a.end for a, b in itertools.pairwise(stretches)]
    assert max(gaps) > 0.6, "the mute was heard of by nobody"


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_a_phone_that_is_nailed_up_has_call_after_call_in_one_session(
    back_end: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    """It rings in the ear; each caller is heard and hears, and nobody between the calls."""
    mine = tmp_path / "agent.wav"
    since = watch.mark()
    async with (
        working(settings(centre, back_end, mine), centre, nailed_up=True) as service,
        centre.caller() as caller,
    ):
        phone = service.phone
        assert phone is not None
        for number in range(2):
            theirs = tmp_path / f"caller{number}.wav"
            line = await caller.call(centre.uri(STRAIGHT), record=theirs)
            await stage(service, Stage.RINGING)
            await asyncio.sleep(SETTLING_S)  # it rings
            await service.do("answer")
            await stage(service, Stage.SPEAKING)
            await asyncio.sleep(SETTLING_S + TALK_S)  # they talk
            await service.do("mute")
            await service.do("hang_up") if number else await caller.hang_up(line)
            await stage(service)
            await until(lambda: not phone.muted)
            assert phone.state is PhoneState.TALKING
            await caller.expect("recorded", call=line)
            assert audio.tone_seconds(audio.read(theirs), AGENT_HZ[A]) > TALK_S
            await until(lambda: service.desk.seat.state is AgentState.READY)
        nailed = [event for event in watch.events[since:] if isinstance(event, LineNailedUp)]
        assert len(nailed) == 1
    heard = audio.read(mine)
    order = [
        hertz
        for _, hertz in sorted(
            (stretch.start, hertz)
            for hertz in (RING_HZ, CALLER_HZ)
            for stretch in audio.tone_stretches(heard, hertz)
            if stretch.seconds > 0.3
        )
    ]
    assert order == [RING_HZ, CALLER_HZ] * 2
    assert audio.tone_seconds(heard, CALLER_HZ) == pytest.approx(2 * (SETTLING_S + TALK_S), abs=0.6)


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_a_phone_stops_ringing_when_the_caller_gives_up(
    back_end: str, centre: Centre, tmp_path: Path
) -> None:
    async with (
        working(settings(centre, back_end, tmp_path / "a.wav"), centre) as service,
        centre.caller() as caller,
    ):
        phone = service.phone
        assert phone is not None
        for _ in range(2):
            line = await caller.call(centre.uri(STRAIGHT))
            await until(lambda: phone.state is PhoneState.RINGING)
            assert phone.incoming == caller.user
            await caller.hang_up(line)
            await until(lambda: phone.state is PhoneState.IDLE)


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_a_phone_is_free_when_the_caller_hangs_up(
    back_end: str, centre: Centre, tmp_path: Path
) -> None:
    async with (
        working(settings(centre, back_end, tmp_path / "a.wav"), centre) as service,
        centre.caller() as caller,
    ):
        phone = service.phone
        assert phone is not None
        for _ in range(2):
            line = await caller.call(centre.uri(STRAIGHT))
            await stage(service, Stage.RINGING)
            await service.do("answer")
            await stage(service, Stage.SPEAKING)
            await caller.hang_up(line)
            await until(lambda: phone.state is PhoneState.IDLE)
            await stage(service)


async def test_a_phone_on_the_desk_talks_while_the_screen_controls_it(
    centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    """SIPp is the phone: it registers, answers what rings, and knows nothing of a softphone."""
    desk = Sipp("uas_agent", tmp_path, duration_ms=100)
    register = Sipp(
        "uac_register", tmp_path, remote=centre.address, service=A, user=A, password=password(A),
        auth_uri=DOMAIN, port=desk.port, keys={"domain": DOMAIN, "expires": "60"},
    )  # fmt: skip
    (await register.run()).check(1)
    async with desk:
        service = Service(Login(A, state=str(centre.daemon.state)))
        await service.start(take=True)
        try:
            await until(lambda: service.link is LinkState.UP)
            await service.do("ready")
            async with centre.caller() as caller:
                await caller.call(centre.uri(STRAIGHT))
                await stage(service, Stage.SPEAKING)
                await service.do("hold")
                await stage(service, Stage.HELD)
                await service.do("retrieve")
                await stage(service, Stage.SPEAKING)
                await service.do("hang_up")
                await stage(service)
        finally:
            await service.client.log_off()
            await service.close()


async def test_keys_reach_the_caller(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    async with (
        working(settings(centre, "pjsip", tmp_path / "a.wav"), centre) as service,
        centre.caller() as caller,
    ):
        since = caller.mark()
        await caller.call(centre.uri(STRAIGHT))
        await stage(service, Stage.RINGING)
        await service.do("answer")
        await stage(service, Stage.SPEAKING)
        await service.do("keypad", "7")
        await watch.expect(DigitsGenerated, agent=A)
        assert (await caller.expect("digit", since=since))["digit"] == "7"


async def test_ones_own_call_is_answered_by_itself(centre: Centre, tmp_path: Path) -> None:
    """The server marks it so: who dialled is not to pick his own phone up."""
    async with working(settings(centre, "pjsip", tmp_path / "a.wav"), centre) as service:
        await service.do("dial")
        await stage(service, Stage.DIAL_TONE)
        assert service.phone is not None
        await until(lambda: service.phone.state is PhoneState.TALKING)  # type: ignore[union-attr]


async def test_a_call_is_answered_by_itself_where_that_is_wanted(
    centre: Centre, tmp_path: Path
) -> None:
    wanted = settings(centre, "pjsip", tmp_path / "a.wav", auto_answer=True)
    async with working(wanted, centre) as service, centre.caller() as caller:
        await caller.call(centre.uri(STRAIGHT))
        await stage(service, Stage.SPEAKING)


async def test_a_wrong_password_is_said_with_its_mend(centre: Centre, tmp_path: Path) -> None:
    for back_end in ("pjsip", "pyvoip"):
        phone = make_phone(settings(centre, back_end, tmp_path / "a.wav", password="wrong"))
        with pytest.raises(PhoneError) as caught:
            await phone.start()
        assert "refuses the password of phone 'agent1'" in str(caught.value)
        assert phone.state is PhoneState.STARTING


async def test_nobody_at_the_address_is_said(centre: Centre, tmp_path: Path) -> None:
    phone = make_phone(settings(centre, "pjsip", tmp_path / "a.wav", port=9, transport="tcp"))
    with pytest.raises(PhoneError, match=r"does not answer|refuses phone"):
        await phone.start()


async def test_a_phone_whose_program_falls_is_begun_anew(centre: Centre, tmp_path: Path) -> None:
    async with working(settings(centre, "pjsip", tmp_path / "a.wav"), centre) as service:
        phone: Any = service.phone
        fallen = phone.pid
        os.kill(fallen, signal.SIGKILL)
        await until(lambda: phone.state is PhoneState.UNREGISTERED)
        assert "begun anew" in phone.trouble
        await until(lambda: phone.state is PhoneState.IDLE, within=20)
        assert phone.pid != fallen
        assert phone.trouble == ""


async def test_no_password_is_on_a_command_line(centre: Centre, tmp_path: Path) -> None:
    async with working(settings(centre, "pjsip", tmp_path / "a.wav"), centre) as service:
        phone: Any = service.phone
        assert password(A) not in " ".join(psutil.Process(phone.pid).cmdline())


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_a_phone_that_is_closed_leaves_nothing_behind(
    back_end: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    phone: Any = make_phone(settings(centre, back_end, tmp_path / "a.wav"))
    await phone.start()
    pid = phone.pid
    await phone.close()
    await phone.close()
    assert not psutil.pid_exists(pid)
    assert phone.state is PhoneState.STARTING


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_with_echo_cancelling_the_voice_comes_through(
    back_end: str, centre: Centre, tmp_path: Path
) -> None:
    """The agent's tone has no echo in it: nothing of it is taken out, however loud the caller is."""
    theirs = tmp_path / "caller.wav"
    wanted = settings(centre, back_end, tmp_path / "a.wav", cancel_echo=True)
    async with working(wanted, centre) as service, centre.caller() as caller:
        line = await caller.call(centre.uri(STRAIGHT), record=theirs)
        await stage(service, Stage.RINGING)
        await service.do("answer")
        await stage(service, Stage.SPEAKING)
        await asyncio.sleep(SETTLING_S + TALK_S)  # they talk
        await service.do("hang_up")
        await caller.expect("recorded", call=line)
    said = audio.read(theirs)
    assert audio.tone_seconds(said, AGENT_HZ[A]) > TALK_S
    whole = audio.level_dbfs(audio.read(centre.tone(AGENT_HZ[A])))
    stretch = max(audio.tone_stretches(said, AGENT_HZ[A]), key=lambda each: each.seconds)
    middle = audio.part(said, stretch.start + 0.3, stretch.end - 0.2)
    assert audio.level_dbfs(middle) == pytest.approx(whole, abs=1.5)


@pytest.mark.parametrize("back_end", ["pjsip", "pyvoip"])
async def test_what_is_wrong_with_the_sound_is_said_and_nothing_else(
    back_end: str, centre: Centre, tmp_path: Path
) -> None:
    microphone = tmp_path / "stereo.wav"
    with wave.open(str(microphone), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(400))
    wanted = settings(centre, back_end, tmp_path / "a.wav", capture=str(microphone))
    with pytest.raises(PhoneError, match="2 channels of 16 bit at 44100 Hz") as error:
        await make_phone(wanted).start()
    assert "daemon" not in str(error.value)
