"""Phones that ring for callers: nobody answers, one of several does, two do at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.town import Town, person

from ccd.acd.steps import Step
from ccd.config import Announce, Callback, Overflow, Queue
from ccd.events import AgentNotReady, AgentReady, Delivered, Failed, WaitEstimated
from ccd.model import Cause
from ccd.sip.virtual_network import Sent

LI = "13800000001"
WU = "13800000002"
HE = "13800000003"


def rung(town: Town) -> list[tuple[str, str]]:
    """Which phones rang for whom, in order."""
    numbers = town.numbers_of_calls
    return [(event.agent, numbers[event.call]) for event in town.told(Delivered)]


def reasons(town: Town) -> list[tuple[str, str]]:
    return [(e.agent, e.reason) for e in town.told(AgentNotReady) if e.reason != "logged_on"]


# --- nobody answers ---------------------------------------------------------------------------


def test_ring_no_answer(tmp_path: Path) -> None:
    queue = Queue(
        name="orders", ring_timeout_s=10.0, announce=Announce(first_s=5.0, every_s=15.0, wait=False)
    )
    town = Town(tmp_path, queues=[queue], agents=[person("anna"), person("bert")])
    town.staff("anna", answers_after=None)
    town.come(LI, seconds=3.0)
    town.come(WU, seconds=6.0)
    assert town.heard(LI) == {"music.wav"}  # nothing is begun while a phone rings for him
    assert town.heard(WU) == {"acd-position-1.zh"}
    assert town.waiting() == [WU]
    town.run(2.0)
    assert reasons(town) == [("anna", "rona")]
    assert town.phones["anna"].is_over
    assert town.waiting() == [LI, WU]
    town.run(1.0)
    assert town.heard(LI) == {"acd-position-1.zh"}
    assert [e.position for e in town.told(WaitEstimated) if e.contact == town.call_id(LI)] == [1]
    assert town.routed(town.call_id(LI))[-1].why == "anna: rona"
    town.hear_out(LI)
    assert town.heard(LI) == {"music.wav"}
    town.staff("bert")
    town.run(1.0)
    assert town.conversations == [(LI, "bert")]
    assert town.heard(LI) == set()
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


@pytest.mark.parametrize(
    ("how", "reason"), [("busy", "busy"), ("gone", "destination_out_of_order")]
)
def test_a_phone_that_cannot_ring(tmp_path: Path, how: str, reason: str) -> None:
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    town.staff("anna")
    if how == "busy":
        town.phones["anna"].refuses_with = 486
    else:
        town.centre.acd.log_off("anna")
        town.centre.acd.log_on("anna", "nowhere")
        town.centre.acd.ready("anna")
    town.come(LI, seconds=1.0)
    assert reasons(town) == [("anna", reason)]
    assert town.waiting() == [LI]
    assert town.heard(LI) == {"music.wav"}
    town.staff("bert")
    town.run(1.0)
    assert town.conversations == [(LI, "bert")]
    assert Step.RETURNED in town.steps(LI)
    town.leave(LI)
    town.assert_nothing_left()


def test_all_phones_are_gone_and_the_next_rule_holds(tmp_path: Path) -> None:
    """One after the other cannot be rung, in the moment of his coming; he is not lost."""
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", overflow=(Overflow(to="goodbye", wait_s=10.0),))],
        agents=[person("anna"), person("bert"), person("clara")],
    )
    for name in town.names:
        town.centre.acd.log_on(name, "nowhere")
        town.centre.acd.ready(name)
    town.come(LI, seconds=5.0)
    assert len(reasons(town)) == 3
    assert town.waiting() == [LI]
    town.run(6.0)
    assert town.heard(LI) == {"acd-closed.zh"}
    town.hear_out(LI)
    town.assert_nothing_left()


# --- several ring ----------------------------------------------------------------------------


def several(tmp_path: Path, **keys: float) -> Town:
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", ring_agents=3, **keys)],  # type: ignore[arg-type]
        agents=[person("anna"), person("bert"), person("clara")],
    )
    town.staff(answers_after=None)
    return town


def test_the_first_answer_wins_and_the_others_stop(tmp_path: Path) -> None:
    town = several(tmp_path)
    town.phones["bert"].answers_after = 3.0
    cancels: list[bytes] = []

    def see(sent: Sent) -> bool:
        if sent.start_line.startswith("CANCEL"):
            cancels.append(sent.data)
        return True

    town.network.filter = see
    town.come(LI, seconds=1.0)
    assert [town.agent_state(name) for name in town.names] == ["reserved"] * 3
    town.run(3.0)
    assert town.conversations == [(LI, "bert")]
    assert len(cancels) == 2
    assert all(b'Reason: SIP;cause=200;text="Call completed elsewhere"' in it for it in cancels)
    assert [town.agent_state(name) for name in town.names] == ["ready", "busy", "ready"]
    assert reasons(town) == []
    assert {e.cause for e in town.told(Failed)} == {Cause.ANSWERED_ELSEWHERE}
    town.leave(LI)
    town.assert_nothing_left()


def test_a_loser_gets_the_next_call_when_his_phone_has_stopped(tmp_path: Path) -> None:
    """An INVITE before the end of his CANCEL would find the phone busy."""
    town = several(tmp_path)
    town.phones["bert"].answers_after = 3.0
    town.come(LI, seconds=1.0)
    town.come(WU, seconds=1.0)
    assert town.waiting() == [WU]
    lost_until = town.network.now + 5.0
    town.network.filter = lambda sent: (
        not sent.start_line.startswith("CANCEL") or town.network.now > lost_until
    )
    town.run(2.0)
    assert town.conversations == [(LI, "bert")]
    assert [number for _, number in rung(town)].count(WU) == 0
    for name in ("anna", "clara"):
        town.phones[name].answers_after = 1.0
    town.run(10.0)
    assert town.conversations[1][0] == WU
    assert reasons(town) == []
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


@pytest.mark.parametrize("who_leaves", ["the caller", "the agent"])
def test_the_call_is_over_before_the_losers_phones_have_stopped(
    tmp_path: Path, who_leaves: str
) -> None:
    town = several(tmp_path)
    town.phones["bert"].answers_after = 3.0
    town.come(LI, seconds=1.0)
    lost_until = town.network.now + 6.0
    town.network.filter = lambda sent: (
        not sent.start_line.startswith("CANCEL") or town.network.now > lost_until
    )
    town.run(2.5)
    assert town.conversations == [(LI, "bert")]
    if who_leaves == "the caller":
        town.leave(LI)
    else:
        town.hang_up("bert")
    for phone in town.phones.values():
        phone.answers_after = 1.0
    for number in (WU, HE, LI):
        town.come(number, seconds=9.0)
        assert town.call_of(number).bridged
        town.leave(number, 1.0)
    assert reasons(town) == []
    assert {agent for agent, number in rung(town) if number == LI} == set(town.names)
    town.assert_nothing_left()


def test_two_answers_cross(tmp_path: Path) -> None:
    town = several(tmp_path)
    town.network.delay = 0.05
    town.phones["anna"].answers_after = 1.02
    town.phones["bert"].answers_after = 1.0
    town.come(LI, seconds=0.5)
    town.come(WU, seconds=3.0)
    assert town.conversations[0] == (LI, "bert")
    assert town.agent_state("bert") == "busy"
    assert reasons(town) == []
    for phone in town.phones.values():
        phone.answers_after = 0.5
    town.run(25.0)
    assert [number for number, _ in town.conversations] == [LI, WU]
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


def test_none_of_several_answers(tmp_path: Path) -> None:
    town = several(tmp_path, ring_timeout_s=10.0)
    town.phones["clara"].refuses_with = 486
    town.come(LI, seconds=5.0)
    assert reasons(town) == [("clara", "busy")]
    assert town.waiting() == []
    town.run(6.0)
    assert sorted(reasons(town)) == [("anna", "rona"), ("bert", "rona"), ("clara", "busy")]
    assert town.waiting() == [LI]
    town.phones["anna"].answers_after = 0.5
    town.centre.acd.ready("anna")
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.assert_nothing_left()


def test_the_caller_leaves_while_several_ring(tmp_path: Path) -> None:
    town = several(tmp_path)
    town.come(LI, seconds=2.0)
    ready_before = [e.agent for e in town.told(AgentReady)]
    town.leave(LI, 1.0)
    assert [town.agent_state(name) for name in town.names] == ["ready"] * 3
    assert [e.agent for e in town.told(AgentReady)][len(ready_before) :] == town.names
    assert all(phone.is_over for phone in town.phones.values())
    town.assert_nothing_left()


def test_a_callback_rings_several_and_a_losers_phone_stops_before_his_next_call(
    tmp_path: Path,
) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(name="orders", ring_agents=3, callback=Callback(trunk="carrier")),
            Queue(name="help"),
        ],
        agents=[person(name, "orders", "help") for name in ("anna", "bert", "clara")],
    )
    town.staff(answers_after=None)
    town.phones["bert"].answers_after = 3.0
    town.who(LI).answers_after = 2.0
    town.do(lambda: town.centre.floor.callbacks.request(LI, "orders"), 0.5)
    assert [agent for agent, _ in rung(town)] == town.names
    town.come(WU, "help", 0.5)
    lost_until = town.network.now + 5.0
    town.network.filter = lambda sent: (
        not sent.start_line.startswith("CANCEL") or town.network.now > lost_until
    )
    town.run(2.5)
    assert [town.agent_state(name) for name in town.names].count("busy") == 1
    assert not any(phone.found_busy for phone in town.phones.values())
    for name in ("anna", "clara"):
        town.phones[name].answers_after = 1.0
    town.run(10.0)
    assert town.conversations[0] == (LI, "bert")
    assert town.agent_state("bert") == "busy"
    assert town.conversations[1][0] == WU
    assert reasons(town) == []
    town.leave(WU)
    town.leave(LI)
    town.assert_nothing_left()
