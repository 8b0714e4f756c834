"""A message from one PJSIP phone to another: recorded, kept over a kill, heard as it was said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from peers import audio
from peers.centre import CALLER_HZ, STRAIGHT, Centre, Desk
from peers.daemon import Watch

from ccd.events import Established, RecordingStarted, VoicemailHeard, VoicemailLeft
from ccd.model import Party

pytestmark = pytest.mark.peer

TONE_HZ = 1000.0
QUEUE = {
    "name": "orders",
    "announce": {"language": "en"},
    "overflow": [{"to": "voicemail", "no_agents": True}],
    "voicemail": {"min_s": 1.0},
}


async def leave_message(centre: Centre, watch: Watch, record: Path) -> None:
    """Call, skip the greeting, speak for two seconds."""
    caller = centre.caller()
    await caller.start()
    try:
        call = await caller.call(centre.uri(STRAIGHT), record=record)
        await caller.state(call, "confirmed")
        await watch.expect(Established, party=Party.CALLER)
        await asyncio.sleep(1.0)  # of the greeting
        await caller.digits(call, "#")
        await asyncio.sleep(2.6)  # the tone, and what he says
        await caller.hang_up(call)
        await caller.state(call, "disconnected")
    finally:
        await caller.stop()


async def test_a_message_is_heard_as_it_was_spoken(
    open_centre: Callable[..., Centre], tmp_path: Path
) -> None:
    centre = open_centre(queue=[QUEUE])
    async with Watch(centre.daemon) as watch:
        await leave_message(centre, watch, tmp_path / "caller.wav")
        left = await watch.expect(VoicemailLeft)
        assert left.seconds == pytest.approx(2.0, abs=0.5)
        assert watch.of(RecordingStarted) == []  # nobody spoke with anybody
    greeted = audio.read(tmp_path / "caller.wav")
    tone = max(audio.tone_stretches(greeted, TONE_HZ), key=lambda each: each.seconds)
    assert tone.seconds == pytest.approx(0.4, abs=0.1)
    assert audio.speech_like(audio.part(greeted, 0.0, tone.start))
    recorded = audio.read(Path(left.path))
    assert audio.tone_seconds(recorded, CALLER_HZ) == pytest.approx(left.seconds, abs=0.3)

    centre.daemon.crash()
    centre.daemon.start()
    async with Watch(centre.daemon) as watch, Desk(centre, watch) as desk:
        call = (await desk.incoming())["call"]
        await watch.expect(Established, party=Party.AGENT)
        await desk.phone.record(call, tmp_path / "agent.wav")
        await asyncio.sleep(left.seconds + 2.0)  # the message, and some of the menu
        await desk.phone.digits(call, "2")
        heard = await watch.expect(VoicemailHeard)
        assert (heard.voicemail, heard.agent) == (left.voicemail, "agent1")
        await desk.phone.state(call, "disconnected")
    played = audio.read(tmp_path / "agent.wav")
    said = max(audio.tone_stretches(played, CALLER_HZ), key=lambda each: each.seconds)
    assert said.seconds == pytest.approx(left.seconds, abs=0.5)
    middle = audio.part(played, said.start + 0.2, said.end - 0.2)
    spoken = audio.level_dbfs(audio.read(centre.tone(CALLER_HZ)))
    assert audio.level_dbfs(middle) == pytest.approx(spoken, abs=1.0)
    assert audio.speech_like(audio.part(played, said.end))
