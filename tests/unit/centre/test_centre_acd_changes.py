"""Queues, skills and people change while callers wait: nobody is lost, work goes on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from virtual.town import Town, person

from ccd.acd.errors import QueueNotEmptyError, QueueRingsError
from ccd.acd.steps import Step
from ccd.config import Announce, Callback, Customer, CustomerClass, Overflow, Queue, Ring
from ccd.events import AgentNotReady, AgentSkillsChanged, QueueChanged, StrategyFailed
from ccd.model import Outcome

LI = "13800000001"
WU = "13800000002"
HE = "13800000003"
SITE = "01088880000"


def confused(*_args: object) -> float:
    """A strategy that is broken."""
    raise RuntimeError("no desk plan")


def test_an_agent_learns_something_and_takes_who_waits_for_it(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", skills={"bonds": 5}), Queue(name="help")],
        agents=[person("anna", "help", skills={"funds": 3})],
    )
    town.staff()
    town.come(LI, seconds=5.0)
    assert town.waiting() == [LI]
    town.centre.acd.change_agent("anna", ["orders"], {"funds": 3, "bonds": 6})
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    (changed,) = town.told(AgentSkillsChanged)
    assert (changed.queues, changed.skills) == (("orders",), {"funds": 3, "bonds": 6})
    town.come(WU, seconds=1.0)
    town.centre.acd.change_agent("anna", ["help"], {"funds": 3})  # in mid-call
    assert town.call_of(LI).bridged
    town.leave(LI, 5.0)
    assert town.agent_state("anna") == "ready"
    assert town.waiting() == [WU]
    town.leave(WU)
    town.assert_nothing_left()


def test_skills_that_change_while_his_phone_rings_cost_the_caller_nothing(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", skills={"bonds": 5}), Queue(name="help")],
        agents=[person("anna", skills={"bonds": 6}), person("bert", skills={"bonds": 6})],
    )
    town.staff("anna", answers_after=None)
    town.come(LI, seconds=5.0)
    town.centre.acd.change_agent("anna", ["help"], {})
    town.run(16.0)
    assert town.waiting() == [LI]
    town.staff("bert")
    town.run(1.0)
    assert town.conversations == [(LI, "bert")]
    town.leave(LI)
    town.assert_nothing_left()


def test_a_queue_asks_less_and_rings_are_put_in(tmp_path: Path) -> None:
    queue = Queue(name="orders", skills={"bonds": 9})
    town = Town(tmp_path, queues=[queue], agents=[person("anna", skills={"bonds": 3})])
    town.staff()
    town.come(LI, seconds=5.0)
    town.come(WU, seconds=5.0)
    town.centre.acd.change_queue(
        msgspec.structs.replace(queue, ring=(Ring(after_s=10.0, skills={"bonds": 3}),))
    )
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI, 5.0)
    assert town.conversations[1:] == [(WU, "anna")]
    assert town.told(QueueChanged)[-1].change == "changed"
    town.leave(WU)
    town.assert_nothing_left()


def test_a_weight_that_changes_changes_who_is_next(tmp_path: Path) -> None:
    advice = Queue(name="advice")
    town = Town(
        tmp_path, queues=[Queue(name="orders"), advice], agents=[person("anna", "orders", "advice")]
    )
    town.come(LI, "orders", 20.0)
    town.come(WU, "advice", 5.0)
    town.centre.acd.change_queue(msgspec.structs.replace(advice, weight_s=30.0))
    town.staff()
    town.run(1.0)
    assert town.conversations == [(WU, "anna")]
    town.leave(WU)
    town.leave(LI, 3.0)
    town.assert_nothing_left()


def test_a_queue_is_taken_out_and_who_waits_goes_elsewhere_at_his_place(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(name="orders", announce=Announce(first_s=5.0, every_s=10.0, wait=False)),
            Queue(name="help", music="/music/help.wav"),
        ],
        agents=[person("anna", "orders"), person("bert", "help")],
    )
    town.come(LI, "orders", 2.0)
    town.come(WU, "help", 2.0)
    town.come(HE, "orders", 2.0)
    town.centre.acd.remove_queue("orders", "help")
    assert town.waiting("help") == [LI, WU, HE]
    assert town.steps(LI)[-1] == Step.MOVED
    town.run(20.0)
    town.hear_out(LI)
    assert town.heard(LI) == {"help.wav"}
    town.staff("anna", "bert")
    town.run(1.0)
    assert town.conversations == [(LI, "bert")]
    assert town.agent_state("anna") == "ready"  # who serves nothing any more
    for number in (LI, WU, HE):
        town.leave(number, 2.0)
    assert town.told(QueueChanged)[-1].change == "closed"
    town.assert_nothing_left()


def test_a_queue_is_not_taken_out_under_a_caller(tmp_path: Path) -> None:
    town = Town(
        tmp_path, queues=[Queue(name="orders"), Queue(name="help")], agents=[person("anna")]
    )
    town.come(LI, seconds=2.0)
    with pytest.raises(QueueNotEmptyError):
        town.centre.acd.remove_queue("orders", None)
    town.staff(answers_after=5.0)
    town.come(WU, seconds=1.0)
    with pytest.raises(QueueRingsError):
        town.centre.acd.remove_queue("orders", "help")
    assert town.waiting() == [WU]
    town.run(6.0)
    assert town.conversations == [(LI, "anna")]
    town.centre.acd.remove_queue("orders", "help")
    assert town.waiting("help") == [WU]
    town.leave(LI, 2.0)  # a conversation that came from a queue that is no more
    assert town.agent_state("anna") == "ready"
    town.leave(WU)
    town.assert_nothing_left()


@pytest.mark.parametrize("how", ["busy", "no answer", "answers"])
def test_a_queue_is_taken_out_while_another_site_rings_for_its_caller(
    tmp_path: Path, how: str
) -> None:
    rule = Overflow(to=f"number:{SITE}", trunk="carrier", wait_s=5.0)
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", overflow=(rule,)), Queue(name="help")],
        agents=[person("bert", "help")],
    )
    site = town.who(SITE)
    site.answers_after = {"answers": 10.0}.get(how)
    town.come(LI, seconds=6.0)
    assert site.on_the_phone
    with pytest.raises(QueueNotEmptyError):
        town.centre.acd.remove_queue("orders", None)
    town.centre.acd.remove_queue("orders", "help")
    if how == "busy":
        assert site.session is not None
        session = site.session
        town.do(lambda: session.reject(486, now=town.network.now))
    town.run(20.0)
    if how == "answers":
        assert town.call_of(LI).bridged
    else:
        assert town.waiting("help") == [LI]
        town.staff()
        town.run(1.0)
        assert town.conversations == [(LI, "bert")]
    town.leave(LI)
    town.assert_nothing_left()


def test_one_who_is_being_transferred_when_his_queue_is_taken_out(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[Queue(name="orders"), Queue(name="help", ring_timeout_s=5.0)],
        agents=[person("anna"), person("bert", "help"), person("clara", "help")],
    )
    town.staff("anna")
    town.come(LI, seconds=2.0)
    assert town.conversations == [(LI, "anna")]
    town.staff("bert", answers_after=None)
    town.centre.acd.not_ready("bert", "desk")
    town.centre.acd.remove_queue("orders", "help")
    town.do(lambda: town.centre.acd.transfer(town.call_of(LI), "bert"), 10.0)
    assert town.waiting("help") == [LI]
    town.staff("clara")
    town.run(1.0)
    assert town.conversations[-1] == (LI, "clara")
    town.leave(LI)
    town.assert_nothing_left()


def test_who_dials_a_queue_that_is_no_more_is_not_left_in_silence(tmp_path: Path) -> None:
    """A flow names a queue that the CTI took out; the flow is reloaded later, or never."""
    town = Town(
        tmp_path, queues=[Queue(name="orders"), Queue(name="help")], agents=[person("anna")]
    )
    town.centre.acd.remove_queue("help", None)
    town.come(LI, "help", 2.0)
    assert town.is_gone(LI)
    assert not town.who(LI).on_the_phone
    assert town.records[town.call_id(LI)].outcome is Outcome.FAILED
    town.assert_nothing_left()


def test_callbacks_of_a_queue_that_is_taken_out(tmp_path: Path) -> None:
    keys = {"callback": Callback(trunk="carrier", offer_position=1)}
    town = Town(
        tmp_path,
        queues=[
            Queue(name="orders", announce=Announce(first_s=5.0), **keys),  # type: ignore[arg-type]
            Queue(name="help", **keys),  # type: ignore[arg-type]
        ],
        agents=[person("bert", "help")],
    )
    town.come(LI, seconds=6.0)
    town.press(LI, "1")
    town.hear_out(LI)
    town.come(WU, "help")
    town.centre.acd.remove_queue("orders", "help")
    assert town.waiting("help") == [f"cb {LI}", WU]
    town.who(LI).answers_after = 1.0
    town.staff()
    town.run(3.0)
    assert town.conversations == [(LI, "bert")]
    town.leave(LI, 2.0)
    town.leave(WU)
    town.assert_nothing_left()


def test_a_message_for_a_queue_that_is_taken_out(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(name="orders", overflow=(Overflow(to="voicemail", no_agents=True),)),
            Queue(name="help"),
        ],
        agents=[person("bert", "help")],
    )
    town.come(LI, seconds=1.0)
    town.hear_out(LI)
    town.hear_out(LI, 5.0)
    town.leave(LI, 1.0)
    (message,) = town.centre.floor.voicemail.open
    town.centre.acd.remove_queue("orders", "help")
    town.staff()
    town.run(1.0)
    assert town.agent_state("bert") == "busy"
    town.hang_up("bert", 1.0)  # not done with it: it comes back, and to him
    assert town.agent_state("bert") == "busy"
    leg = town.call_of(LI).answered
    assert leg is not None
    town.do(lambda: town.bay.press(leg.node, "2"))
    assert town.centre.floor.voicemail.open == []
    assert message.queue == "orders"
    town.run(2.0)
    town.assert_nothing_left()


def test_a_message_that_is_being_left_as_its_queue_is_taken_out(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(name="orders", overflow=(Overflow(to="voicemail", no_agents=True),)),
            Queue(name="help"),
            Queue(name="desk"),
        ],
        agents=[person("bert", "desk")],
    )
    town.come(LI, seconds=1.0)
    town.hear_out(LI)
    town.hear_out(LI, 5.0)
    town.centre.acd.remove_queue("orders", "help")
    town.centre.acd.remove_queue("help", "desk")
    town.leave(LI, 1.0)
    town.staff()
    town.run(1.0)
    leg = town.call_of(LI).answered
    assert leg is not None
    town.do(lambda: town.bay.press(leg.node, "2"), 2.0)
    assert town.centre.floor.voicemail.open == []
    town.assert_nothing_left()


def test_a_strategy_that_a_change_brings_and_that_raises(tmp_path: Path) -> None:
    queue = Queue(name="orders")
    town = Town(tmp_path, queues=[queue], agents=[person("anna"), person("bert")])
    town.staff("bert", "anna")
    town.centre.acd.change_queue(msgspec.structs.replace(queue, strategy=f"{__name__}:confused"))
    town.come(LI, seconds=1.0)
    assert town.conversations == [(LI, "bert")]
    assert [e.error for e in town.told(StrategyFailed)] == ["RuntimeError: no desk plan"]
    with pytest.raises(ValueError, match="no strategy"):
        town.centre.acd.change_queue(msgspec.structs.replace(queue, strategy="fairest"))
    town.come(WU, seconds=1.0)
    assert town.conversations[-1] == (WU, "anna")
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


def test_classes_that_change_are_those_of_who_comes_next(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person("anna")])
    town.come(LI, seconds=30.0)
    settings = msgspec.structs.replace(
        town.settings,
        customer_class=(CustomerClass(name="gold", head_start_s=60.0),),
        customer=(Customer(number=WU, customer_class="gold"),),
    )
    town.centre.acd.change_settings(settings)
    town.come(WU)
    assert town.waiting() == [WU, LI]
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


def test_an_agent_is_removed_with_a_call_in_hand(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    town.staff("anna")
    town.come(LI, seconds=2.0)
    town.come(WU, seconds=1.0)
    town.centre.acd.remove_agent("anna")
    assert town.call_of(LI).bridged
    town.leave(LI, 2.0)
    assert town.agent_state("anna") == "logged_out"
    assert town.waiting() == [WU]
    town.staff("bert")
    town.run(1.0)
    assert town.conversations[-1] == (WU, "bert")
    assert [e.agent for e in town.told(AgentNotReady)] == ["anna", "bert"]
    town.leave(WU)
    town.assert_nothing_left()
