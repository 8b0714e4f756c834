"""A player that nobody hears costs nothing, and is where it would be when somebody does."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bay_rig import Phone, Rig

from ccd.media.protocol import CloseLeg, Connect, Disconnect, Play, PlayFinished, Sound, Stop
from ccd.media.sounds import SoundPlayer

STEP = 16
"""Amplitudes of the file's frames differ by this."""

FRAMES = 100


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()
    assert not rig.log.calls, rig.log.calls


@pytest.fixture
def stairs(tmp_path: Path) -> Path:
    """Two seconds, each frame louder than the last: what is heard tells where it is."""
    path = tmp_path / "stairs.wav"
    levels = np.repeat(np.arange(FRAMES) * STEP, 160).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(levels.tobytes())
    return path


def play(rig: Rig, path: Path, *, loop: bool = True) -> int:
    node = rig.node()
    rig.do(Play(node=node, sounds=(Sound(path=str(path)),), loop=loop))
    return node


def step_heard(phone: Phone) -> int:
    """Which frame of the stairs the last packet was of (the louder, the coarser the law)."""
    phone.listen()
    return round(float(np.median(phone.audio()[-160:])) / STEP)


def test_music_that_nobody_hears_lets_the_worker_doze(rig: Rig, stairs: Path) -> None:
    assert rig.bay.idle
    music = play(rig, stairs)
    assert not rig.bay.idle
    rig.frame()
    rig.frame()
    assert rig.bay.idle
    a = rig.leg()
    rig.do(Connect(source=music, sink=a.node))
    assert not rig.bay.idle
    rig.do(CloseLeg(node=a.node))
    rig.frame()
    assert rig.bay.idle
    rig.do(Stop(node=music))
    assert rig.bay.idle
    assert [report.reason for report in rig.of(PlayFinished)] == ["stopped"]


@pytest.mark.parametrize("dozes", [0.0, 0.31, 0.4, 7.1])
def test_who_begins_to_listen_hears_it_where_time_has_got_to(
    rig: Rig, stairs: Path, dozes: float
) -> None:
    """As long as it rests, whether the bay goes on for others or dozes."""
    music = play(rig, stairs)
    rig.frame()
    began = rig.now
    a = rig.leg()
    rig.talk(7, a)
    rig.now += dozes
    rig.do(Connect(source=music, sink=a.node))
    rig.frame()
    expected = round((rig.now - began) / 0.02) % FRAMES
    assert abs(step_heard(a) - expected) <= 1 + expected // 16
    for _ in range(5):
        rig.frame()
    expected = (expected + 5) % FRAMES
    assert abs(step_heard(a) - expected) <= 1 + expected // 16
    rig.do(Disconnect(source=music, sink=a.node))


def test_a_prompt_that_nobody_hears_ends_when_it_would(rig: Rig, stairs: Path) -> None:
    play(rig, stairs, loop=False)
    for _ in range(FRAMES):
        rig.frame()
        assert not rig.of(PlayFinished)
        assert not rig.bay.idle
    rig.frame()
    assert [report.reason for report in rig.of(PlayFinished)] == ["completed"]
    assert rig.bay.idle


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("frames", [0, 1, 99, 100, 149, 150, 151, 1000, 12345])
def test_skipping_is_playing_unheard(stairs: Path, frames: int, loop: bool) -> None:
    tone = Sound(frequencies=(440.0,), on_ms=507, off_ms=493)
    endless = Sound(frequencies=(425.0,), on_ms=1000, off_ms=4000, repeat=0)
    sounds = [Sound(path=str(stairs)), tone, *([] if loop else [endless])]
    played, skipped = SoundPlayer(sounds, loop), SoundPlayer(sounds, loop)
    assert played.endless
    assert skipped.endless
    for player in (played, skipped):
        player.next_frame()
    for _ in range(frames):
        played.next_frame()
    skipped.skip(frames)
    for _ in range(3):
        expected, found = played.next_frame(), skipped.next_frame()
        assert expected is not None
        assert found is not None
        np.testing.assert_array_equal(expected, found)
