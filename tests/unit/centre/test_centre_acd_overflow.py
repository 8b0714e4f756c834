"""Ways out of a queue, told as stories: when they are taken, and what becomes of the caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from virtual.town import Town, person

from ccd.acd.steps import Step
from ccd.config import Calendar, Callback, Overflow, Queue
from ccd.events import CallbackRequested, Delivered, Queued, VoicemailLeft
from ccd.model import Outcome

LI = "13800000001"
WU = "13800000002"
SITE = "01088880000"

OPEN_BY_DAY = Calendar(name="day", open={"daily": ("09:00-17:00",)})
NOON = 1_800_000_000.0 - (1_800_000_000.0 + 8 * 3600) % 86400 + 12 * 3600
"""Twelve o'clock in Shanghai."""


def orders(*rules: Overflow, **keys: Any) -> Queue:
    return Queue(name="orders", overflow=rules, **keys)


def overflowed(town: Town, number: str) -> list[tuple[str | None, Any]]:
    """From which queue the rules sent him where."""
    return [
        (step.queue, step.facts["to"])
        for step in town.routed(town.call_id(number))
        if step.step == Step.OVERFLOWED
    ]


# --- when -----------------------------------------------------------------------------------


def test_by_wait_to_another_queue_with_his_place(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[orders(Overflow(to="queue:help", wait_s=30.0)), Queue(name="help")],
        agents=[person("anna", "orders"), person("bert", "help")],
    )
    town.come(LI, seconds=10.0)
    town.come(WU, "help", 10.0)
    assert town.waiting("help") == [WU]
    town.run(11.0)
    assert town.waiting("orders") == []
    assert town.waiting("help") == [LI, WU]
    (step,) = [s for s in town.routed(town.call_id(LI)) if s.step == Step.OVERFLOWED]
    assert step.why == "has waited 30 s (30 s is the most): to queue help"
    town.staff("bert")
    town.run(2.0)
    assert town.conversations == [(LI, "bert")]
    town.leave(LI, 2.0)
    town.leave(WU)
    town.assert_nothing_left()


def test_by_length_when_he_comes(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[orders(Overflow(to="queue:help", length=2)), Queue(name="help")],
        agents=[person("anna")],
    )
    for number in ("1", "2", "3", "4"):
        town.come(number)
    assert (town.waiting("orders"), town.waiting("help")) == (["1", "2"], ["3", "4"])
    assert [(e.queue, e.position) for e in town.told(Queued)][-1] == ("help", 2)
    for number in ("1", "2", "3", "4"):
        town.leave(number)
    town.assert_nothing_left()


def test_by_the_wait_that_is_likely(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[orders(Overflow(to="queue:help", ewt_s=60.0)), Queue(name="help")],
        agents=[person("anna")],
    )
    town.staff("anna", answers_after=0.1)
    for number in range(12):  # so that the estimator knows how long a call takes
        town.come(f"138{number}", seconds=60.0)
        town.leave(f"138{number}", 1.0)
    for number in ("1", "2", "3", "4", "5"):
        town.come(number, seconds=1.0)
    likely = town.centre.acd.likely("orders")
    assert likely is not None
    assert likely > 60.0
    assert town.waiting("help")[-1:] == ["5"]
    assert "1" not in town.waiting("help")
    step = next(s for s in town.routed(town.call_id("5")) if s.step == Step.OVERFLOWED)
    assert float(step.facts["likely_s"]) >= 60.0
    for number in ("5", "4", "3", "2", "1"):
        town.leave(number)
    town.assert_nothing_left()


def test_when_the_queue_closes_while_he_waits(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[orders(Overflow(to="goodbye", closed=True), hours="day")],
        agents=[person("anna")],
        calendars=[OPEN_BY_DAY],
        epoch=NOON + 5 * 3600 - 60.0,
    )
    town.come(LI, seconds=30.0)
    assert town.waiting() == [LI]
    town.run(31.0)
    assert town.waiting() == []
    assert town.heard(LI) == {"acd-closed.zh"}
    town.hear_out(LI)
    assert town.is_gone(LI)
    assert not town.who(LI).on_the_phone
    assert town.dequeued(LI) == ["overflowed"]
    town.come(WU, seconds=1.0)
    assert town.waiting() == []
    town.hear_out(WU)
    (step,) = town.routed(town.call_id(WU))
    assert step.why.startswith("closed until ")
    town.assert_nothing_left()


@pytest.mark.parametrize("how", ["at once", "from wrap-up", "when his call is over"])
def test_when_the_last_agent_logs_off_while_callers_wait(tmp_path: Path, how: str) -> None:
    town = Town(
        tmp_path,
        queues=[orders(Overflow(to="queue:help", no_agents=True)), Queue(name="help")],
        agents=[person("anna"), person("bert", "help")],
    )
    town.staff("anna")
    if how != "at once":
        town.come(WU, seconds=2.0)
        assert town.conversations == [(WU, "anna")]
    else:
        town.centre.acd.not_ready("anna", "lunch")
    town.come(LI)
    assert town.waiting() == [LI]
    town.centre.acd.log_off("anna")
    if how == "at once":
        assert town.waiting("help") == [LI]
    else:
        town.run(1.0)
        assert town.waiting() == [LI]
        town.hang_up("anna")
        assert town.agent_state("anna") == "logged_out"
        assert town.waiting("help") == [LI]
    town.leave(LI)
    town.assert_nothing_left()


# --- where to ---------------------------------------------------------------------------------


def test_never_back_to_a_queue_that_he_was_in(tmp_path: Path) -> None:
    """Settings with such a loop are refused; a reload can make one under a caller's feet."""
    town = Town(
        tmp_path,
        queues=[
            orders(Overflow(to="queue:help", wait_s=10.0)),
            Queue(name="help", overflow=(Overflow(to="queue:orders", wait_s=10.0),)),
        ],
        agents=[person("anna")],
    )
    town.come(LI, seconds=11.0)
    assert town.waiting("help") == [LI]
    town.run(60.0)
    assert town.waiting("help") == [LI]
    assert overflowed(town, LI) == [("orders", "queue:help")]
    town.leave(LI)
    town.assert_nothing_left()


def outside(tmp_path: Path, **keys: Any) -> Town:
    rule = Overflow(to=f"number:{SITE}", trunk="carrier", **{"wait_s": 10.0, **keys})
    last = Overflow(to="goodbye", wait_s=60.0)
    return Town(tmp_path, queues=[orders(rule, last, ring_timeout_s=15.0)], agents=[person("anna")])


def test_to_another_site_that_answers(tmp_path: Path) -> None:
    town = outside(tmp_path)
    town.who(SITE).answers_after = 2.0
    town.come(LI, seconds=11.0)
    assert town.heard(LI) == {"music.wav"}
    assert town.waiting() == []
    town.run(2.0)
    assert town.call_of(LI).bridged
    assert town.dequeued(LI) == ["overflowed"]
    town.leave(LI)
    assert not town.who(SITE).on_the_phone
    assert town.records[town.call_id(LI)].outcome is Outcome.ANSWERED
    town.assert_nothing_left()


@pytest.mark.parametrize("how", ["busy", "no answer"])
def test_to_another_site_that_does_not_take_him(tmp_path: Path, how: str) -> None:
    town = outside(tmp_path)
    if how == "busy":
        town.who(SITE).refuses_with = 486
    town.come(LI, seconds=5.0)
    town.come(WU, seconds=5.2)
    if how == "no answer":
        assert town.waiting() == [WU]
        town.run(4.0)  # and WU's time comes: nobody else can be called there
        town.run(12.0)
    assert town.waiting() == [LI, WU]
    assert town.heard(LI) == {"music.wav"}
    town.staff("anna")
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


def test_to_another_site_and_then_the_next_rule(tmp_path: Path) -> None:
    town = outside(tmp_path)
    town.who(SITE).refuses_with = 486
    town.come(LI, seconds=30.0)
    assert town.waiting() == [LI]
    assert town.who(SITE).rung == 1
    town.run(31.0)
    assert town.heard(LI) == {"acd-closed.zh"}
    town.hear_out(LI)
    assert overflowed(town, LI) == [("orders", f"number:{SITE}"), ("orders", "goodbye")]
    town.assert_nothing_left()


def test_he_hangs_up_while_the_other_site_rings(tmp_path: Path) -> None:
    town = outside(tmp_path)
    town.come(LI, seconds=12.0)
    assert town.who(SITE).on_the_phone
    town.leave(LI, 1.0)
    assert not town.who(SITE).on_the_phone
    assert town.dequeued(LI) == ["abandoned"]
    assert town.records[town.call_id(LI)].outcome is Outcome.ABANDONED
    town.assert_nothing_left()


def test_no_channel_to_the_other_site(tmp_path: Path) -> None:
    rule = Overflow(to=f"number:{SITE}", trunk="carrier", wait_s=10.0)
    town = Town(tmp_path, queues=[orders(rule)], agents=[person("anna")], channels=1)
    town.come(LI, seconds=30.0)
    assert town.waiting() == [LI]
    assert town.who(SITE).rung == 0
    town.leave(LI)
    town.assert_nothing_left()


@pytest.mark.parametrize("how", ["answers", "busy", "no channel"])
def test_straight_to_another_site(tmp_path: Path, how: str) -> None:
    """A rule that holds when he comes: he was in no queue yet."""
    town = Town(
        tmp_path,
        queues=[
            orders(Overflow(to="queue:help", no_agents=True)),
            Queue(
                name="help",
                overflow=(Overflow(to=f"number:{SITE}", trunk="carrier", no_agents=True),),
            ),
        ],
        agents=[person("anna", "help")],
        channels=1 if how == "no channel" else 0,
    )
    town.who(SITE).answers_after = 1.0
    if how == "busy":
        town.who(SITE).refuses_with = 486
    town.come(LI, seconds=0.5)
    if how == "answers":
        assert town.heard(LI) == {"music.wav"}
        town.run(1.0)
        assert town.call_of(LI).bridged
    else:
        town.run(1.0)
        assert town.waiting("help") == [LI]
        assert town.heard(LI) == {"music.wav"}
        town.staff("anna")
        town.run(1.0)
        assert town.conversations == [(LI, "anna")]
    if how != "no channel":
        assert next(event.queue for event in town.told(Delivered)) == "help"
    town.leave(LI)
    town.assert_nothing_left()


def test_to_voicemail(tmp_path: Path) -> None:
    town = Town(
        tmp_path, queues=[orders(Overflow(to="voicemail", wait_s=10.0))], agents=[person("anna")]
    )
    town.come(LI, seconds=11.0)
    assert town.waiting() == []
    assert town.heard(LI) == {"acd-voicemail-greeting.zh"}
    town.leave(LI)
    assert not town.told(VoicemailLeft)
    town.assert_nothing_left()


def test_to_a_callback(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[
            orders(Overflow(to="callback", wait_s=10.0), callback=Callback(trunk="carrier")),
        ],
        agents=[person("anna")],
    )
    town.come(LI, seconds=11.0)
    (requested,) = town.told(CallbackRequested)
    assert (requested.number, requested.origin) == (LI, "overflow")
    assert town.heard(LI) == {"acd-callback-confirmed.zh"}
    town.hear_out(LI, 1.0)
    assert town.is_gone(LI)
    assert town.waiting() == [f"cb {LI}"]
    town.who(LI).answers_after = 1.0
    town.staff("anna")
    town.run(4.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.assert_nothing_left()


@pytest.mark.parametrize("when", ["when he comes", "while he waits"])
def test_a_caller_who_hides_his_number_stays(tmp_path: Path, when: str) -> None:
    rule = Overflow(to="callback", wait_s=10.0 if when == "while he waits" else None, length=0)
    town = Town(
        tmp_path,
        queues=[orders(rule, callback=Callback(trunk="carrier"))],
        agents=[person("anna")],
    )
    town.come("anonymous", seconds=20.0)
    assert town.waiting() == ["anonymous"]
    assert not town.told(CallbackRequested)
    town.leave("anonymous")
    town.assert_nothing_left()


# --- a phone rings meanwhile --------------------------------------------------------------------


@pytest.mark.parametrize("to", ["queue:help", "voicemail", f"number:{SITE}", "goodbye"])
@pytest.mark.parametrize("answers", [True, False])
def test_his_time_comes_while_a_phone_rings_for_him(tmp_path: Path, to: str, answers: bool) -> None:
    """Whom an agent is about to answer is not sent away; if nobody does, he is then."""
    rule = Overflow(to=to, wait_s=10.0, trunk="carrier" if to.startswith("number") else "")
    town = Town(
        tmp_path,
        queues=[orders(rule, ring_timeout_s=8.0), Queue(name="help")],
        agents=[person("anna")],
    )
    town.who(SITE).answers_after = 1.0
    town.come(LI, seconds=5.0)
    town.staff("anna", answers_after=7.0 if answers else None)
    town.run(6.0)
    assert overflowed(town, LI) == []
    assert town.agent_state("anna") == "reserved"
    town.run(3.0)
    if answers:
        assert town.conversations == [(LI, "anna")]
        assert overflowed(town, LI) == []
    else:
        assert overflowed(town, LI) == [("orders", to)]
        assert town.steps(LI)[-2:].count(Step.OVERFLOWED) == 1
    town.run(20.0)
    town.leave(LI)
    town.assert_nothing_left()


# --- queues change under him ----------------------------------------------------------------------


def test_a_rule_that_comes_with_a_change_holds_for_who_waits(tmp_path: Path) -> None:
    queue = orders()
    town = Town(tmp_path, queues=[queue, Queue(name="help")], agents=[person("anna")])
    town.come(LI, seconds=5.0)
    rule = Overflow(to="queue:help", wait_s=10.0)
    town.centre.acd.change_queue(msgspec.structs.replace(queue, overflow=(rule,)))
    town.run(6.0)
    assert town.waiting("help") == [LI]
    town.leave(LI)
    town.assert_nothing_left()


def test_who_is_put_into_another_queue_goes_by_its_rules(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[
            orders(),
            Queue(name="help", overflow=(Overflow(to="goodbye", wait_s=10.0),)),
        ],
        agents=[person("anna")],
    )
    town.come(LI, seconds=5.0)
    town.centre.acd.move(town.call_id(LI), "help")
    town.run(9.0)
    assert town.waiting("help") == [LI]
    town.run(2.0)
    assert town.waiting("help") == []
    town.hear_out(LI)
    assert overflowed(town, LI) == [("help", "goodbye")]
    town.assert_nothing_left()
