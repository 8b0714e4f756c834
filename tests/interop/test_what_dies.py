"""Processes of ours that are killed under a live call: what people are left with."""

from __future__ import annotations

import asyncio
import os
import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from peers.centre import STRAIGHT, Centre, Desk, make_centre
from peers.daemon import Watch
from peers.raw import RawRtp, RawSip, sdp

from ccd.events import (
    Bridged,
    CallCleared,
    MediaWorkerLost,
    MediaWorkerStarted,
    Queued,
    RecordingStarted,
    RecordingStopped,
)
from ccd.model import Cause, Outcome, Party

pytestmark = pytest.mark.peer

WORKER = "ccd.media.worker"


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    """A daemon of the test's own: it will have something to complain of."""
    centre = make_centre(tmp_path, {})
    with centre.daemon:
        yield centre


def media_worker(centre: Centre) -> int:
    """Its process."""
    (worker,) = [p for p in centre.daemon.processes() if WORKER in " ".join(p.cmdline())]
    return worker.pid


def seconds_of(path: str) -> float:
    """How long a recording is, by its own header, which must be that of its size."""
    with wave.open(path) as tape:
        assert tape.getnchannels() == 2
        assert tape.getnframes() * 4 + 44 == os.path.getsize(path)
        return tape.getnframes() / tape.getframerate()


async def test_a_media_worker_is_killed_under_a_conversation(centre: Centre) -> None:
    async with Watch(centre.daemon) as watch, Desk(centre, watch) as desk:
        with RawSip(centre.address) as sip, RawRtp() as rtp:
            dialog = sip.invite(centre.uri(STRAIGHT), sdp(rtp.port))
            assert sip.answer_of(dialog).code == 200
            bridged = await watch.expect(Bridged)
            recording = await watch.expect(RecordingStarted, call=bridged.call)
            await asyncio.sleep(1.5)  # something to be lost
            since, said = watch.mark(), desk.phone.mark()
            os.kill(media_worker(centre), signal.SIGKILL)
            lost = await watch.expect(MediaWorkerLost, since=since)
            assert lost.calls == 1
            await desk.phone.expect("state", state="disconnected", since=said)
            sip.reply(await asyncio.to_thread(sip.receive, method="BYE"), 200)
            cleared = await watch.expect(CallCleared, call=bridged.call)
            assert (cleared.cause, cleared.released_by) == (Cause.MEDIA_WORKER_LOST, Party.SYSTEM)
            stopped = await watch.expect(RecordingStopped, call=bridged.call)
            assert stopped.path == recording.path
            assert stopped.seconds == seconds_of(recording.path)
            await watch.expect(MediaWorkerStarted, since=since)
            # And on: the next caller is served by the next worker.
            await watch.ready(desk.name)
            since = watch.mark()
            dialog = sip.invite(centre.uri(STRAIGHT), sdp(rtp.port))
            assert sip.answer_of(dialog).code == 200
            await watch.expect(Bridged, since=since)
            assert len(rtp.received(0.5)) > 10
            assert sip.bye(dialog).code == 200
    assert centre.daemon.status()["calls"] == 0


async def test_a_killed_daemon_comes_back_and_its_calls_are_accounted_for(
    centre: Centre,
) -> None:
    with RawSip(centre.address) as sip, RawRtp() as rtp:
        async with Watch(centre.daemon) as watch:
            desk = Desk(centre, watch)
            await desk.__aenter__()
            try:
                dialog = sip.invite(centre.uri(STRAIGHT), sdp(rtp.port))
                assert sip.answer_of(dialog).code == 200
                call = (await watch.expect(Bridged)).call
                path = (await watch.expect(RecordingStarted, call=call)).path
                await asyncio.sleep(1.5)  # more than a batch of the journal, and some audio
                worker = psutil.Process(media_worker(centre))
                centre.daemon.crash()
                assert worker.is_running()
                rtp.received(0.1)  # what was under way
                assert len(rtp.received(0.5)) > 10, "people keep talking"
                await asyncio.to_thread(centre.daemon.start)
                assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
            finally:
                await desk.phone.kill()  # its daemon knows it no more
                await desk.phone.stop()
        async with Watch(centre.daemon) as watch:
            record = centre.daemon.record(call)
            assert record.outcome is Outcome.ANSWERED
            assert (record.cause, record.released_by) == (Cause.SHUTDOWN, Party.SYSTEM)
            assert record.recording == path
            assert seconds_of(path) > 1.0
            dialog = sip.invite(centre.uri(STRAIGHT), sdp(rtp.port))
            assert sip.answer_of(dialog).code == 200
            await watch.expect(Queued)
            assert sip.bye(dialog).code == 200
