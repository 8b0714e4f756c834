"""Hear voicemail: the message that an agent chooses, at his phone, with keys from his screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.centre import SERVICE, VirtualCentre

from ccd.config import Callback
from ccd.control.errors import ControlError, Refused
from ccd.events import CallbackRequested, VoicemailHeard, VoicemailLeft

NUMBER = "13800138000"


def messages(centre: VirtualCentre, folder: Path, *names: str) -> None:
    """What callers left before."""
    left = []
    for place, name in enumerate(names):
        path = folder / f"{name}.wav"
        path.write_bytes(b"RIFF")
        left.append(
            VoicemailLeft(
                voicemail=name,
                call=f"c{name}",
                queue="orders",
                number=NUMBER,
                path=str(path),
                seconds=3.0,
                at=centre.wall_clock() - 100.0 + place,
            )
        )
    centre.centre.floor.voicemail.restore(left)


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    """Two messages; an agent who is not ready, so that he is given none."""
    centre = VirtualCentre(tmp_path, agents=2, callback=Callback(trunk="carrier"))
    for name in centre.names:
        phone = centre.phones[name]
        phone.answers_after = 0.2
        centre.do(lambda phone=phone, name=name: phone.register(centre.hop, f"{name}-secret"))  # type: ignore[misc]
        centre.centre.acd.log_on(name)
    messages(centre, tmp_path, "first", "second")
    return centre


def hear(centre: VirtualCentre, message: str, agent: str = "agent1") -> None:
    centre.do(lambda: centre.centre.control.voicemail.hear(agent, message))


def key(centre: VirtualCentre, digits: str) -> None:
    centre.do(lambda: centre.centre.control.calls.generate_digits("agent1", digits))


def files(centre: VirtualCentre) -> set[str]:
    (leg,) = centre.centre.switch.legs_of("agent1")
    return centre.bay.files_heard(leg.node)


def refusal(centre: VirtualCentre, message: str, agent: str = "agent1") -> Refused:
    with pytest.raises(ControlError) as refused:
        centre.centre.control.voicemail.hear(agent, message)
    return refused.value.code


def open_messages(centre: VirtualCentre) -> list[str]:
    return [each.id for each in centre.centre.floor.voicemail.open]


def test_the_one_that_he_chooses_is_played_though_he_is_not_ready(centre: VirtualCentre) -> None:
    hear(centre, "second")
    assert files(centre) == {"second.wav"}
    assert centre.agent_state() == "busy"
    key(centre, "1")
    assert files(centre) == {"second.wav"}
    key(centre, "2")
    assert [event.voicemail for event in centre.told(VoicemailHeard)] == ["second"]
    assert centre.agent_state() == "not_ready"
    assert open_messages(centre) == ["first"]
    assert not centre.centre.switch.calls


def test_it_waits_for_nobody_meanwhile_and_again_when_he_is_not_done(
    centre: VirtualCentre,
) -> None:
    hear(centre, "first")
    centre.do(lambda: centre.centre.acd.ready("agent2"))
    # agent2 is given the other one.
    assert centre.centre.floor.voicemail.hears("second") == "agent2"
    assert refusal(centre, "first", "agent2") is Refused.WRONG_STATE
    centre.do(centre.phones["agent1"].hang_up)
    assert open_messages(centre) == ["first", "second"]
    assert centre.agent_state() == "not_ready"
    centre.do(centre.phones["agent2"].hang_up)
    centre.run(2.0)
    # And now the first, which is at its old place.
    assert centre.centre.floor.voicemail.hears("first") == "agent2"


def test_its_sender_is_called_back(centre: VirtualCentre) -> None:
    hear(centre, "first")
    key(centre, "3")
    assert [event.number for event in centre.told(CallbackRequested)] == [NUMBER]
    assert open_messages(centre) == ["second"]


def test_who_does_not_pick_up_leaves_it_where_it_was(centre: VirtualCentre) -> None:
    centre.phones["agent1"].refuses_with = 486
    hear(centre, "first")
    assert centre.agent_state() == "not_ready"
    assert open_messages(centre) == ["first", "second"]
    centre.do(lambda: centre.centre.acd.ready("agent2"))
    assert centre.centre.floor.voicemail.hears("first") == "agent2"


def test_what_is_refused(centre: VirtualCentre) -> None:
    assert refusal(centre, "third") is Refused.BAD_ARGS
    assert refusal(centre, "first", "nobody") is Refused.UNKNOWN_AGENT
    hear(centre, "first")
    assert refusal(centre, "second") is Refused.WRONG_STATE
    assert refusal(centre, "first", "agent2") is Refused.BUSY


def test_keys_go_to_a_flow_that_an_agent_dialled(centre: VirtualCentre) -> None:
    centre.do(lambda: centre.centre.control.calls.make_call("agent1", SERVICE))
    (queue,) = centre.centre.acd.queues()
    key(centre, "1")
    (with_him,) = centre.centre.acd.queues()
    assert with_him.waiting == queue.waiting + 1


def test_keys_go_nowhere_while_somebody_is_being_called(centre: VirtualCentre) -> None:
    centre.phones["agent2"].answers_after = None
    centre.do(lambda: centre.centre.control.calls.make_call("agent1", "agent2"))
    with pytest.raises(ControlError) as refused:
        centre.centre.control.calls.generate_digits("agent1", "1")
    assert refused.value.code is Refused.WRONG_STATE
