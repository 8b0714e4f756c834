"""`ccd run --demo`: for those who bring a phone of their own and dial 95500."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from peers import audio
from peers.daemon import Daemon, Watch
from peers.pjsip import PjsipPhone

from ccd.events import Bridged, CallCleared, DigitsDetected, Established, Offered, Queued
from ccd.model import Outcome
from lab.trunk_sim.voices import ROBOT_TONES

pytestmark = pytest.mark.peer

CALLER_HZ = 2650.0
"""Above what carries the energy of speech and of the hold music, and no robot's."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """The daemon on its embedded settings with two robot agents."""
    daemon = Daemon(tmp_path_factory.mktemp("demo") / "state", robots=2)
    with daemon:
        yield daemon
        assert daemon.stop() == 0, daemon.log_tail()
        assert daemon.log_entries("error") == []


@pytest.fixture
async def demo_watch(demo: Daemon) -> AsyncIterator[Watch]:
    async with Watch(demo) as watching:
        yield watching


def test_the_ready_line_says_where_to_call(demo: Daemon) -> None:
    assert demo.ready["ready"] is True
    assert demo.ready["service"] == "95500"
    assert demo.ready["sip"].endswith(f":{demo.port}")
    assert demo.ready["pid"] == demo.pid


async def test_a_caller_hears_the_spoken_welcome_and_talks_with_a_robot(
    demo: Daemon, demo_watch: Watch, tmp_path: Path
) -> None:
    wav = audio.write(tmp_path / "tone.wav", audio.tone(CALLER_HZ, 2))
    uri = f"sip:95500@127.0.0.1:{demo.port}"
    async with PjsipPhone("13800000001", wav=wav) as caller:
        call = await caller.call(uri, record=tmp_path / "caller.wav")
        offered = await demo_watch.expect(Offered)
        await demo_watch.expect(Established, call=offered.call)
        await asyncio.sleep(4.0)  # the welcome is listened to
        await caller.digits(call, "1")
        await demo_watch.expect(DigitsDetected, call=offered.call, digits="1")
        await demo_watch.expect(Queued, call=offered.call)
        bridged = await demo_watch.expect(Bridged, call=offered.call, within=15)
        await asyncio.sleep(2.5)  # they talk
        await caller.hang_up(call)
        await demo_watch.expect(CallCleared, call=offered.call)
        await caller.expect("recorded")
    heard = audio.read(tmp_path / "caller.wav")
    welcome = audio.part(heard, 0.2, 3.8)
    assert audio.speech_like(welcome)
    prompts = [audio.read(path) for path in (demo.state / "prompts").rglob("*.wav")]
    assert max(audio.heard(audio.part(p, 0, 3.0), welcome) for p in prompts) >= 0.6
    # A robot speaks in two tones, and in words, which pass by other tones for a moment.
    seconds = {tone: audio.tone_seconds(heard, tone) for tone in ROBOT_TONES}
    *others, second, first = sorted(seconds, key=seconds.__getitem__)
    voices = (first, second)
    assert seconds[second] > 0.5, seconds
    assert all(seconds[tone] < seconds[second] / 2 for tone in others), seconds
    assert audio.tone_seconds(heard, CALLER_HZ) < 0.15
    record = demo.record(offered.call)
    assert record.outcome is Outcome.ANSWERED
    assert record.agent == bridged.agent
    assert record.recording is not None
    left, right = (audio.read(Path(record.recording), channel) for channel in (0, 1))
    assert audio.tone_seconds(left, CALLER_HZ) > 1.0
    assert audio.tone_seconds(right, CALLER_HZ) < 0.15
    assert all(audio.tone_seconds(right, tone) > 0.2 for tone in voices)
