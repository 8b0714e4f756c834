"""What callers hear and keep while they wait: announcements, callbacks, redials, messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.town import Town, person

from ccd.acd.steps import Step
from ccd.config import Acd, Announce, Calendar, Callback, Customer, Overflow, Queue, Voicemail
from ccd.events import (
    CallbackRequested,
    CallbackResolved,
    CallbackTried,
    VoicemailHeard,
    VoicemailLeft,
    WaitEstimated,
)
from ccd.model import Cause

LI = "13800000001"
WU = "13800000002"
HE = "13800000003"
NOON = 1_800_000_000.0 - (1_800_000_000.0 + 8 * 3600) % 86400 + 12 * 3600
"""Twelve o'clock in Shanghai."""


def calling_back(tmp_path: Path, agents: int = 1, **keys: Any) -> Town:
    callback = Callback(trunk="carrier", ani="95500", offer_position=1, **keys)
    return Town(
        tmp_path,
        queues=[
            Queue(name="orders", announce=Announce(first_s=5.0), callback=callback),
            Queue(name="advice", callback=callback),
        ],
        agents=[person(name, "orders", "advice") for name in ("anna", "bert", "clara")[:agents]],
    )


def outcomes(town: Town) -> list[tuple[str, str]]:
    return [(event.number, event.outcome) for event in town.told(CallbackResolved)]


def take_the_offer(town: Town, number: str) -> None:
    """He waits until it is made, presses the key, hears that he will be called, is hung up on."""
    town.run(6.0)
    assert "acd-callback-offer.zh" in town.heard(number)
    town.press(number, "1")
    assert town.heard(number) == {"acd-callback-confirmed.zh"}
    town.hear_out(number, 1.0)
    assert town.is_gone(number)


# --- announcements ---------------------------------------------------------------------------


def test_position_and_wait_are_said_again_and_again(tmp_path: Path) -> None:
    queue = Queue(name="orders", announce=Announce(first_s=10.0, every_s=30.0, language="zh+en"))
    town = Town(
        tmp_path,
        queues=[queue],
        agents=[person("anna")],
        customers=[Customer(number=HE, language="en")],
    )
    town.staff("anna", answers_after=0.1)
    for number in range(10):  # so that there is something to estimate by
        town.come(f"139{number}", seconds=60.0)
        town.leave(f"139{number}", 1.0)
    town.come(WU, seconds=1.0)
    town.come(LI, seconds=11.0)
    heard = town.heard(LI)
    assert {"acd-position-1.zh", "acd-position-1.en"} <= heard
    assert any(name.startswith("acd-wait") for name in heard)
    (said,) = [e for e in town.told(WaitEstimated) if e.contact == town.call_id(LI)]
    assert said.position == 1
    assert said.p50 is not None
    assert said.p90 is not None
    assert 0 < said.p50 <= said.p90
    town.hear_out(LI, 29.0)
    assert town.heard(LI) == {"music.wav"}
    town.come(HE, seconds=2.0)
    assert "acd-position-1.zh" in town.heard(LI)
    town.hear_out(LI, 9.0)
    assert {name.partition(".")[2] for name in town.heard(HE)} == {"en"}
    town.leave(WU, 1.0)
    assert town.conversations[-1] == (LI, "anna")
    assert town.heard(LI) == set()
    story = town.story(town.call_id(LI))
    assert len(story.estimates) == 2
    assert all(each.came is not None for each in story.estimates)
    for number in (HE, LI):
        town.leave(number)
    town.assert_nothing_left()


# --- callbacks ----------------------------------------------------------------------------------


def test_a_callback_keeps_its_place_among_live_callers_agent_first(tmp_path: Path) -> None:
    town = calling_back(tmp_path)
    town.come(HE)
    town.come(LI)
    take_the_offer(town, LI)
    town.come(WU, seconds=1.0)
    assert town.waiting() == [HE, f"cb {LI}", WU]
    town.who(LI).answers_after = 3.0
    town.staff("anna")
    town.run(1.0)
    town.leave(HE, 1.0)
    assert town.who(LI).on_the_phone  # anna is there, he is being called
    assert not town.told(CallbackTried)
    town.run(3.0)
    assert town.conversations == [(HE, "anna"), (LI, "anna")]
    assert outcomes(town) == [(LI, "answered")]
    town.leave(LI, 2.0)
    assert town.conversations[-1] == (WU, "anna")
    town.leave(WU)
    (requested,) = town.told(CallbackRequested)
    story = town.story(requested.callback)
    assert (story.channel, story.outcome, story.agent) == ("callback", "answered", "anna")
    call = town.story(requested.call or "")
    assert [(link.what, link.contact) for link in call.links] == [("callback", requested.callback)]
    town.assert_nothing_left()


def test_customer_first(tmp_path: Path) -> None:
    """He is called when an agent is likely to be free by the time he answers."""
    town = calling_back(tmp_path, first="customer")
    town.come(LI)
    take_the_offer(town, LI)
    town.come(WU, seconds=20.0)
    assert town.who(LI).rung == 0  # nobody is at work
    town.who(LI).answers_after = 3.0
    town.staff("anna", answers_after=1.0)
    town.run(2.0)
    assert town.conversations == [(WU, "anna")]
    for _ in range(20):
        if town.who(LI).on_the_phone:
            break
        town.run(5.0)
    town.run(4.0)
    assert town.waiting() == [LI]
    assert town.heard(LI) == {"music.wav"}
    town.leave(WU, 3.0)
    assert town.conversations[-1] == (LI, "anna")
    assert outcomes(town) == [(LI, "answered")]
    town.leave(LI)
    town.assert_nothing_left()


def test_a_customer_who_is_busy_is_tried_again(tmp_path: Path) -> None:
    town = calling_back(tmp_path, attempts=2, spacing_s=120.0)
    town.come(LI)
    take_the_offer(town, LI)
    town.who(LI).refuses_with = 486
    town.staff("anna")
    town.run(3.0)
    (tried,) = town.told(CallbackTried)
    assert (tried.attempt, tried.cause) == (1, Cause.BUSY)
    assert town.agent_state("anna") == "ready"
    town.come(WU, seconds=2.0)
    town.run(100.0)
    assert town.who(LI).rung == 1
    town.who(LI).refuses_with = None
    town.who(LI).answers_after = 1.0
    town.leave(WU)
    town.run(30.0)
    assert town.who(LI).rung == 2
    assert town.conversations == [(WU, "anna"), (LI, "anna")]
    town.leave(LI)
    assert outcomes(town) == [(LI, "answered")]
    town.assert_nothing_left()


def test_a_customer_who_is_never_there(tmp_path: Path) -> None:
    town = calling_back(tmp_path, attempts=2, spacing_s=60.0)
    town.come(LI)
    take_the_offer(town, LI)
    town.staff("anna")
    town.run(200.0)
    assert [tried.cause for tried in town.told(CallbackTried)] == [Cause.NO_ANSWER] * 2
    assert outcomes(town) == [(LI, "unreachable")]
    assert town.agent_state("anna") == "ready"
    town.assert_nothing_left()


def test_a_customer_who_calls_in_himself(tmp_path: Path) -> None:
    town = calling_back(tmp_path)
    town.come(LI)
    take_the_offer(town, LI)
    town.come(LI, "advice", 1.0)
    assert town.waiting("orders") == []
    assert town.waiting("advice") == [LI]
    town.staff("anna")
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    assert outcomes(town) == [(LI, "called_in")]
    town.leave(LI, 60.0)
    assert town.who(LI).rung == 0
    town.assert_nothing_left()


def test_a_customer_who_calls_in_and_gives_up_again(tmp_path: Path) -> None:
    town = calling_back(tmp_path)
    town.come(LI)
    take_the_offer(town, LI)
    town.come(LI, "advice", 3.0)
    town.leave(LI, 1.0)
    assert town.waiting("orders") == [f"cb {LI}"]
    town.who(LI).answers_after = 1.0
    town.staff("anna")
    town.run(4.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.assert_nothing_left()


def test_a_lost_caller_is_rung_back_once_though_he_was_in_two_queues(tmp_path: Path) -> None:
    town = calling_back(tmp_path, abandoned=True, abandoned_after_s=15.0)
    town.come(LI, "advice", 20.0)
    town.leave(LI, 1.0)
    town.come(LI, "orders", 20.0)
    town.leave(LI, 1.0)
    town.come(WU, "orders", 5.0)
    town.leave(WU, 1.0)  # not long enough
    assert [(e.number, e.origin) for e in town.told(CallbackRequested)] == [(LI, "abandoned")]
    town.who(LI).answers_after = 1.0
    town.staff("anna")
    town.run(4.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI, 900.0)
    assert town.who(LI).rung == 1
    assert town.who(WU).rung == 0
    assert outcomes(town) == [(LI, "answered")]
    town.assert_nothing_left()


@pytest.mark.parametrize("closing", ["carry_over", "resolve"])
def test_closing_time(tmp_path: Path, closing: str) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(
                name="orders",
                hours="day",
                announce=Announce(first_s=5.0),
                callback=Callback(trunk="carrier", offer_position=1, closing=closing),
            )
        ],
        agents=[person("anna")],
        calendars=[Calendar(name="day", open={"daily": ("09:00-17:00",)})],
        epoch=NOON + 5 * 3600 - 60.0,
    )
    town.come(LI)
    take_the_offer(town, LI)
    town.run(60.0)
    assert town.waiting() == []
    (requested,) = town.told(CallbackRequested)
    steps = town.routed(requested.callback)
    town.who(LI).answers_after = 1.0
    if closing == "resolve":
        assert outcomes(town) == [(LI, "closed")]
    else:
        assert steps[-1].step == Step.CARRIED_OVER
        town.run(15.9 * 3600.0)
        town.staff("anna")
        town.run(60.0)
        assert town.who(LI).rung == 0
        town.run(0.1 * 3600.0)
        assert town.conversations == [(LI, "anna")]
        town.leave(LI)
        assert outcomes(town) == [(LI, "answered")]
    town.assert_nothing_left()


# --- redials ---------------------------------------------------------------------------------------


def test_who_calls_again_within_the_window_has_his_place_back_and_counts_once(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, agents=[person("anna")], acd=Acd(redial_window_s=120.0))
    town.come(LI, seconds=10.0)
    town.come(WU, seconds=10.0)
    town.leave(LI, 60.0)
    town.come(LI, seconds=1.0)
    assert town.waiting() == [LI, WU]
    redialled = next(s for s in town.routed(town.call_id(LI)) if s.step == Step.REDIALLED)
    assert redialled.why == "called again: has the place that he left, 80 s old"
    figures = town.centre.acd.redials.figures("orders")
    assert (figures.calls, figures.customers, figures.redials, figures.places_kept) == (3, 2, 1, 1)
    town.leave(LI, 121.0)
    town.come(LI)
    assert town.waiting() == [WU, LI]
    assert Step.REDIALLED not in town.steps(LI)
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


def test_a_redial_of_one_who_overflowed_claims_no_place_in_the_old_queue_twice(
    tmp_path: Path,
) -> None:
    """He gave up in the queue that he was sent to: there is his place, by the age that he had."""
    town = Town(
        tmp_path,
        queues=[
            Queue(name="orders", overflow=(Overflow(to="queue:help", wait_s=10.0),)),
            Queue(name="help"),
        ],
        agents=[person("anna", "help")],
    )
    town.come(LI, seconds=15.0)
    town.come(WU, "help", 5.0)
    town.leave(LI, 5.0)
    town.come(LI, "help", 1.0)
    assert town.waiting("help") == [LI, WU]
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


# --- voicemail ---------------------------------------------------------------------------------------


def test_a_message_is_left_given_to_an_agent_heard_and_done(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(
                name="orders",
                overflow=(Overflow(to="voicemail", no_agents=True),),
                voicemail=Voicemail(max_s=30.0, min_s=0.5),
            )
        ],
        agents=[person("anna")],
    )
    town.come(LI, seconds=1.0)
    assert town.heard(LI) == {"acd-voicemail-greeting.zh"}
    town.hear_out(LI)
    town.hear_out(LI, 10.0)  # the tone
    assert town.bay.recorders
    town.leave(LI, 1.0)
    (left,) = town.told(VoicemailLeft)
    assert (left.queue, left.number, left.call) == ("orders", LI, town.call_id(LI))
    Path(left.path).parent.mkdir(parents=True, exist_ok=True)
    Path(left.path).write_bytes(b"")  # paper bays write no files
    town.staff("anna")
    town.run(1.0)
    leg = town.call_of(LI).answered  # the call in which anna hears it
    assert leg is not None
    assert town.bay.files_heard(leg.node) == {Path(left.path).name}
    assert town.agent_state("anna") == "busy"
    town.do(lambda: town.bay.finish(leg.node))
    assert town.bay.files_heard(leg.node) == {"acd-voicemail-menu.zh"}
    town.do(lambda: town.bay.press(leg.node, "2"))
    town.run(2.0)
    assert [(e.voicemail, e.agent) for e in town.told(VoicemailHeard)] == [(left.voicemail, "anna")]
    assert town.agent_state("anna") == "ready"
    story = town.story(left.voicemail)
    assert (story.channel, story.outcome) == ("voicemail", "heard")
    town.assert_nothing_left()


def test_while_an_agent_is_free_nobody_is_likely_to_wait(tmp_path: Path) -> None:
    """However long those waited who came before: no overflow by it, and callbacks begin."""
    town = Town(
        tmp_path,
        queues=[
            Queue(
                name="orders",
                overflow=(Overflow(to="goodbye", ewt_s=5.0),),
                callback=Callback(trunk="carrier", first="customer"),
            )
        ],
        agents=[person("anna")],
    )
    acd = town.centre.acd
    for number in range(8):
        town.come(f"139{number}")
        town.run(40.0)
        town.staff("anna", answers_after=0.1) if not number else acd.ready("anna")
        town.run(60.0)
        town.leave(f"139{number}")
        acd.not_ready("anna", "desk")
    acd.ready("anna")
    assert acd.likely("orders") == 0.0
    town.come(LI, seconds=2.0)
    assert town.conversations[-1] == (LI, "anna")
    assert Step.OVERFLOWED not in town.steps(LI)
    assert (acd.likely("orders") or 0.0) > 0.0
    town.leave(LI, 2.0)
    town.who(WU).answers_after = 1.0
    town.centre.floor.callbacks.request(WU, "orders")
    town.run(3.0)
    assert town.conversations[-1] == (WU, "anna")
    town.leave(WU)
    town.assert_nothing_left()
