"""Messages that callers leave: every way in which one ends, and `done` once for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from listener import Listener, waiting
from virtual.centre import VirtualCentre

from ccd.media.protocol import RecordFinished, Sound
from ccd.model import Cause
from ccd.switch.call import Call

Done = list[tuple[str, str, float]]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def done() -> Done:
    return []


@pytest.fixture
def centre(tmp_path: Path, listener: Listener) -> VirtualCentre:
    """A caller who is answered, and waits for what comes."""
    centre = VirtualCentre(tmp_path)
    waiting(centre, listener)
    return centre


@pytest.fixture
def begin(centre: VirtualCentre, done: Done, tmp_path: Path) -> Callable[[], Call]:
    def begin() -> Call:
        call: Call = centre.call
        centre.centre.switch.record_message(
            call,
            tmp_path / "message.wav",
            60.0,
            lambda call, path, seconds: done.append((call.id, Path(path).name, seconds)),
        )
        return call

    return begin


@pytest.fixture
def recording(centre: VirtualCentre, begin: Callable[[], Call]) -> Call:
    """The tone is over, and the caller speaks."""
    call = begin()
    centre.bay.finish(call.caller.node)
    centre.run(0.1)
    assert len(centre.bay.recorders) == 1
    return call


def finished(call: Call) -> Done:
    """What a message that was recorded is told as; the bay on paper records a second."""
    return [(call.id, "message.wav", 1.0)]


def test_a_tone_and_then_the_caller_alone(
    centre: VirtualCentre, begin: Callable[[], Call], done: Done
) -> None:
    call = begin()
    (player,) = (centre.bay.players[source] for source in centre.bay.sources(call.caller.node))
    assert [sound.frequencies for sound in player.sounds] == [(1000.0,)]
    assert not centre.bay.recorders
    centre.bay.finish(call.caller.node)
    centre.run(0.1)
    ((recorder, path),) = centre.bay.recorders.items()
    assert Path(path).name == "message.wav"
    assert centre.bay.sources(recorder) == {call.caller.node}
    assert centre.bay.edges[call.caller.node, recorder].channel == 0
    assert centre.bay.sources(call.caller.node) == set()
    centre.run(30.0)
    assert done == []


def test_the_key_ends_it_and_is_nobody_elses(
    centre: VirtualCentre, recording: Call, listener: Listener, done: Done
) -> None:
    for key in "1#2#":
        centre.do(lambda key=key: centre.bay.press(recording.caller.node, key), 0.1)  # type: ignore[misc]
    assert listener.told == ["digit caller 1", "digit caller 2", "digit caller #"]
    assert done == finished(recording)
    assert recording.caller.connected
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()
    assert done == finished(recording)


def test_the_limit_ends_it(centre: VirtualCentre, recording: Call, done: Done) -> None:
    centre.run(59.0)
    assert done == []
    centre.run(1.0)
    assert done == finished(recording)
    assert recording.caller.connected


def test_the_caller_hangs_up(
    centre: VirtualCentre, recording: Call, listener: Listener, done: Done
) -> None:
    centre.do(centre.caller.hang_up)
    assert done == finished(recording)
    assert listener.told == ["caller_left normal_clearing", "cleared"]
    centre.assert_nothing_left()
    assert done == finished(recording)


def test_it_is_stopped(centre: VirtualCentre, recording: Call, done: Done) -> None:
    centre.do(lambda: centre.centre.switch.stop_message(recording))
    assert done == finished(recording)
    centre.do(lambda: centre.centre.switch.stop_message(recording))
    centre.run(60.0)
    assert done == finished(recording)


@pytest.mark.parametrize("how", ["key", "stop", "hang_up", "clear"])
def test_during_the_tone_there_is_nothing_yet(
    centre: VirtualCentre, begin: Callable[[], Call], done: Done, how: str
) -> None:
    call = begin()
    acts: dict[str, Callable[[], object]] = {
        "key": lambda: centre.bay.press(call.caller.node, "#"),
        "stop": lambda: centre.centre.switch.stop_message(call),
        "hang_up": centre.caller.hang_up,
        "clear": lambda: centre.centre.switch.clear_call(call, Cause.NORMAL_CLEARING),
    }
    centre.do(acts[how])
    assert done == [(call.id, "message.wav", 0.0)]
    assert not any(not player.loop for player in centre.bay.players.values())
    if how in ("key", "stop"):
        assert call.caller.connected
        centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()
    assert len(done) == 1


def test_a_caller_who_is_gone_leaves_none(
    centre: VirtualCentre, begin: Callable[[], Call], done: Done, tmp_path: Path
) -> None:
    call = centre.call
    centre.do(centre.caller.hang_up)
    centre.centre.switch.record_message(
        call, tmp_path / "late.wav", 60.0, lambda *what: done.append((what[0].id, *what[1:]))
    )
    assert done == [(call.id, str(tmp_path / "late.wav"), 0.0)]
    centre.assert_nothing_left()


@pytest.mark.parametrize("verb", ["play", "music", "again", "bridge"])
def test_what_else_is_done_with_the_caller_ends_it(
    centre: VirtualCentre,
    recording: Call,
    begin: Callable[[], Call],
    done: Done,
    verb: str,
) -> None:
    switch = centre.centre.switch
    acts: dict[str, Callable[[], object]] = {
        "play": lambda: switch.play(recording.caller, [Sound(path="thanks.wav")]),
        "music": lambda: switch.play_music(recording.caller),
        "again": begin,
        "bridge": lambda: switch.bridge(recording),
    }
    centre.do(acts[verb], 0.1)
    assert done == finished(recording)
    assert not centre.bay.recorders
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()
    assert done[1:] == ([(recording.id, "message.wav", 0.0)] if verb == "again" else [])


def test_an_agents_keys_are_no_end_of_it(
    centre: VirtualCentre, recording: Call, listener: Listener, done: Done
) -> None:
    phone = centre.phones["agent1"]
    phone.answers_after = 0.5
    centre.do(lambda: phone.register(centre.hop, "agent1-secret"))
    leg = centre.centre.switch.ring(recording, agent="agent1", phone="agent1", queue="orders")
    centre.run()
    centre.do(lambda: centre.bay.press(leg.node, "#"))
    assert listener.told[-1] == "digit agent1 #"
    assert done == []


def test_a_disk_that_fails_is_told_as_what_was_kept(
    centre: VirtualCentre, recording: Call, done: Done
) -> None:
    ((recorder, path),) = centre.bay.recorders.items()
    del centre.bay.recorders[recorder]
    report = RecordFinished(node=recorder, path=path, seconds=0.0, error="No space left on device")
    centre.do(lambda: centre.centre.handle_media(0, report))
    assert done == [(recording.id, "message.wav", 0.0)]
    centre.run(70.0)
    centre.do(centre.caller.hang_up)
    centre.bay._forget_edges(recorder)
    centre.assert_nothing_left()
    assert len(done) == 1


def test_a_worker_that_dies_leaves_what_was_said(
    centre: VirtualCentre, recording: Call, done: Done
) -> None:
    """`salvage` makes the torn file whole; here it finds half a second."""
    centre.bay.alive = False
    for kept in (centre.bay.legs, centre.bay.edges, centre.bay.recorders, centre.bay.players):
        kept.clear()  # type: ignore[attr-defined]
    centre.do(lambda: centre.centre.switch.media_lost(0, "killed"))
    assert done == [(recording.id, "message.wav", 0.5)]
    assert centre.caller.is_over
    centre.bay.alive = True
    centre.run(70.0)
    centre.assert_nothing_left()
    assert len(done) == 1
