"""Recordings in agents' hands, phones that answer by themselves, and messages in a conversation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from virtual.centre import VirtualCentre

from ccd.control.errors import ControlError, Refused
from ccd.events import Established, RecordingPaused, RecordingResumed
from ccd.sip.events import InviteReceived


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    centre = VirtualCentre(tmp_path, agents=2)
    centre.staff("agent1")
    centre.caller_in_queue()
    centre.run(2.0)
    return centre


def test_a_pause_ends_by_itself(centre: VirtualCentre) -> None:
    verbs = centre.centre.control.recording
    verbs.pause("agent1")
    centre.run(119.0)
    assert centre.told(RecordingPaused)[-1].by == "agent1"
    assert centre.told(RecordingResumed) == []
    centre.run(2.0)
    assert [event.by for event in centre.told(RecordingResumed)] == [""]
    assert len(verbs) == 0


def test_a_pause_that_was_ended_is_not_ended_again(centre: VirtualCentre) -> None:
    verbs = centre.centre.control.recording
    verbs.pause("agent1")
    verbs.resume("agent1")
    centre.run(130.0)
    assert [event.by for event in centre.told(RecordingResumed)] == ["agent1"]


def test_evidence_is_not_stopped_by_agents(centre: VirtualCentre) -> None:
    verbs = centre.centre.control.recording
    with pytest.raises(ControlError) as caught:
        verbs.stop("agent1", supervised=False)
    assert caught.value.code is Refused.NOT_ALLOWED
    assert centre.call.recorder is not None
    verbs.stop("agent1", supervised=True)
    assert centre.call.recorder is None


def test_a_message_that_there_is_not(centre: VirtualCentre) -> None:
    with pytest.raises(ControlError) as caught:
        centre.centre.control.recording.play("agent1", "nothing")
    assert caught.value.code is Refused.BAD_ARGS


def test_a_phone_is_asked_to_answer_and_one_that_will_not_says_so(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path, agents=1)
    centre.staff("agent1")
    centre.phones["agent1"].answers_after = None
    centre.caller_in_queue()
    centre.run(1.0)
    told: list[ControlError | None] = []
    centre.do(lambda: centre.centre.control.answering.answer("agent1", None, told.append))
    assert any("NOTIFY" in line for line in centre.network.lines())
    (refusal,) = told
    assert refusal is not None
    assert refusal.code is Refused.NOT_REACHABLE
    assert "answer it at the phone" in refusal.message


@pytest.mark.parametrize("auto", [True, False])
def test_his_own_call_has_his_phone_answer(tmp_path: Path, auto: bool) -> None:
    centre = VirtualCentre(tmp_path, agents=2)
    centre.staff()
    phones = [msgspec.structs.replace(each, auto_answer=auto) for each in centre.settings.phone]
    centre.centre.change_phones(phones)
    centre.do(lambda: centre.centre.control.calls.make_call("agent1", "agent2"), 3.0)
    assert len(centre.told(Established)) == 2
    asked = {}
    for name, phone in centre.phones.items():
        (invite,) = phone.saw(InviteReceived)
        asked[name] = invite.session.request.headers.get("Answer-Mode")
    assert asked == {"agent1": "Auto" if auto else None, "agent2": None}
