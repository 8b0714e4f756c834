"""Callers who wait, in the whole centre: announcements, a callback taken, voicemail to its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from virtual.centre import EPOCH, VirtualCentre

from ccd.config import Announce, Callback, Overflow
from ccd.events import (
    AgentReady,
    CallbackRequested,
    Dequeued,
    VoicemailHeard,
    VoicemailLeft,
    WaitEstimated,
)
from ccd.media.prompt import Prompt
from ccd.media.prompt_book import PromptBook
from ccd.media.protocol import Sound
from ccd.model import Outcome


class PaperBook(PromptBook):
    """Says a prompt by a file of its key and language, which nobody made."""

    def sounds(self, prompts: Sequence[Prompt]) -> tuple[Sound, ...]:
        return tuple(Sound(path=f"/{prompt.key}.{prompt.lang}.wav") for prompt in prompts)


def open_centre(tmp_path: Path, **queue: Any) -> VirtualCentre:
    return VirtualCentre(tmp_path, prompts=PaperBook(tmp_path), languages=("en",), **queue)


ENGLISH = Announce(first_s=10.0, every_s=30.0, language="en")
NEXT = {"acd-position-1.en.wav"}


def heard(centre: VirtualCentre) -> set[str]:
    return centre.bay.files_heard(centre.call.caller.node)


def test_a_caller_hears_his_place_between_the_music_until_he_is_answered(tmp_path: Path) -> None:
    centre = open_centre(tmp_path, announce=ENGLISH)
    centre.caller_in_queue()
    centre.run(10.0)
    assert heard(centre) >= NEXT
    assert "music.wav" not in heard(centre)
    (told,) = centre.told(WaitEstimated)
    assert (told.contact, told.position) == (centre.call.id, 1)
    centre.do(lambda: centre.bay.finish(centre.call.caller.node))
    assert heard(centre) == {"music.wav"}
    centre.staff()
    centre.run(2.0)
    assert centre.call.bridged
    centre.run(120.0)
    assert heard(centre) == set()
    assert len(centre.told(WaitEstimated)) == 1
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_an_agent_who_does_not_answer_sets_announcements_going_again(tmp_path: Path) -> None:
    centre = open_centre(tmp_path, announce=ENGLISH, ring_timeout_s=15.0)
    centre.staff(answers_after=99.0)
    centre.caller_in_queue()
    centre.run(14.0)
    assert heard(centre) == {"music.wav"}
    centre.run(3.0)
    assert heard(centre) >= NEXT
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_a_caller_takes_the_callback(tmp_path: Path) -> None:
    centre = open_centre(
        tmp_path,
        announce=ENGLISH,
        callback=Callback(offer_position=1, trunk="carrier"),
    )
    centre.caller_in_queue()
    centre.run(10.0)
    assert "acd-callback-offer.en.wav" in heard(centre)
    centre.do(lambda: centre.bay.press(centre.call.caller.node, "1"))
    (requested,) = centre.told(CallbackRequested)
    assert (requested.queue, requested.number) == ("orders", "13800000001")
    assert heard(centre) == {"acd-callback-confirmed.en.wav"}
    centre.do(lambda: centre.bay.finish(centre.call.caller.node))
    assert centre.caller.is_over
    assert centre.record.outcome is Outcome.SELF_SERVED
    assert [event.reason for event in centre.told(Dequeued)] != ["abandoned"]


def test_a_message_from_overflow_to_the_agent_who_is_done_with_it(tmp_path: Path) -> None:
    centre = open_centre(
        tmp_path,
        announce=Announce(language="en"),
        overflow=(Overflow(to="voicemail", no_agents=True),),
    )
    centre.caller_in_queue()
    assert heard(centre) == {"acd-voicemail-greeting.en.wav"}
    caller = centre.call.caller.node
    centre.do(lambda: centre.bay.finish(caller))
    centre.do(lambda: centre.bay.finish(caller), 6.0)
    (path,) = centre.bay.recorders.values()
    Path(path).write_bytes(b"RIFF")
    centre.do(centre.caller.hang_up)
    (left,) = centre.told(VoicemailLeft)
    assert left.queue == "orders"
    assert centre.record.outcome is Outcome.SELF_SERVED
    assert not centre.centre.switch.calls
    centre.staff()
    centre.run(2.0)
    agent = centre.call.answered
    assert agent.agent == "agent1"
    assert centre.agent_state() == "busy"
    assert centre.bay.files_heard(agent.node) == {Path(path).name}
    ready_before = len(centre.told(AgentReady))
    centre.do(lambda: centre.bay.press(agent.node, "2"))
    (done,) = centre.told(VoicemailHeard)
    assert (done.voicemail, done.agent) == (left.voicemail, "agent1")
    assert centre.agent_state() == "ready"
    assert len(centre.told(AgentReady)) == ready_before + 1
    assert centre.centre.floor.voicemail.open == []
    centre.assert_nothing_left()


@pytest.mark.parametrize("rest", [1, 2])
def test_a_message_that_is_not_done_with_comes_again(tmp_path: Path, rest: int) -> None:
    centre = open_centre(tmp_path, announce=Announce(language="en"))
    centre.centre.floor.voicemail.restore(
        [
            VoicemailLeft(
                at=EPOCH - 60.0, voicemail="vm-1", call="1", queue="orders", number="138",
                path="/gone.wav", seconds=3.0,
            )
        ]
    )  # fmt: skip
    centre.staff()
    for _ in range(rest):
        centre.run(2.0)
        assert centre.agent_state() == "busy"
        centre.do(centre.phones["agent1"].hang_up)
    centre.run(2.0)
    agent = centre.call.answered
    assert centre.bay.files_heard(agent.node) == {"acd-voicemail-gone.en.wav"}
    centre.do(lambda: centre.bay.press(agent.node, "2"))
    assert len(centre.told(VoicemailHeard)) == 1
    centre.assert_nothing_left()


def test_who_waited_is_sent_to_voicemail_and_is_lost_if_he_says_nothing(tmp_path: Path) -> None:
    centre = open_centre(
        tmp_path,
        announce=Announce(language="en"),
        overflow=(Overflow(to="voicemail", wait_s=20.0),),
    )
    centre.caller_in_queue()
    assert heard(centre) == {"music.wav"}
    centre.run(20.0)
    assert heard(centre) == {"acd-voicemail-greeting.en.wav"}
    (gone,) = centre.told(Dequeued)
    assert gone.reason == "overflowed"
    centre.do(centre.caller.hang_up)
    assert centre.record.outcome is Outcome.ABANDONED  # he said nothing
    centre.assert_nothing_left()
