"""Skills, queues and people change while callers wait and talk, and nobody loses his place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from virtual.town import Town, person

from ccd.config import Customer, CustomerClass, Phone, Queue, Ring, Settings, Skill
from ccd.events import AgentLoggedOff, AgentSkillsChanged, Dequeued, QueueChanged
from ccd.live import Live, QueueInUseError

replace = msgspec.structs.replace

FIRST, SECOND, THIRD = "13800000001", "13800000002", "13800000003"


class Doors:
    """What the daemon does beside the centre."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def phones_changed(self, settings: Settings) -> None:
        self._town.centre.change_phones(settings.phone)

    def routes_changed(self, settings: Settings) -> None:
        raise AssertionError("no test here changes a number")


def live(town: Town) -> Live:
    # The flows of a town are not in files: what cannot be checked does not matter here.
    settings = replace(town.settings, route=())
    return Live(settings, distribution=town.centre.acd, answering=Doors(town))


def with_agent(settings: Settings, name: str, **keys: Any) -> Settings:
    agents = tuple(replace(each, **keys) if each.name == name else each for each in settings.agent)
    return replace(settings, agent=agents)


def with_queue(settings: Settings, name: str, **keys: Any) -> Settings:
    queues = tuple(replace(each, **keys) if each.name == name else each for each in settings.queue)
    return replace(settings, queue=queues)


def talk(town: Town, agent: str, seconds: float = 5.0) -> None:
    town.run(seconds)
    town.hang_up(agent, 1.0)


def test_an_agent_who_learns_a_skill_gets_who_waited_for_it(tmp_path: Path) -> None:
    town = Town(
        tmp_path, queues=[Queue(name="orders", skills={"english": 5})], agents=[person("anna")]
    )
    town.staff("anna")
    town.come(FIRST, seconds=30.0)
    assert town.waiting() == [FIRST]
    now = live(town)
    now.change(with_agent(now.settings, "anna", skills={"english": 7}))
    assert town.waiting() == []
    town.run(2.0)
    assert town.conversations == [(FIRST, "anna")]
    (changed,) = town.told(AgentSkillsChanged)
    assert changed.skills == {"english": 7}
    talk(town, "anna")
    town.assert_nothing_left()


def test_a_queue_that_asks_less_is_served_at_once_and_in_order(tmp_path: Path) -> None:
    town = Town(
        tmp_path, queues=[Queue(name="orders", skills={"english": 5})], agents=[person("anna")]
    )
    town.staff("anna")
    for number in (FIRST, SECOND, THIRD):
        town.come(number, seconds=10.0)
    now = live(town)
    now.change(with_queue(now.settings, "orders", skills={}, wrap_up_s=2.0))
    assert town.waiting() == [SECOND, THIRD]
    for _ in range(3):
        town.run(2.0)
        talk(town, "anna")
        town.run(3.0)
    assert [number for number, _ in town.conversations] == [FIRST, SECOND, THIRD]
    assert [event.change for event in town.told(QueueChanged)] == ["changed"]
    town.assert_nothing_left()


def test_a_queue_goes_and_its_callers_stand_elsewhere_by_their_age(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[Queue(name="orders"), Queue(name="surge")],
        agents=[person("anna", "orders", "surge")],
    )
    town.come(FIRST, "surge", 10.0)
    town.come(SECOND, "orders", 10.0)
    town.come(THIRD, "surge", 10.0)
    now = live(town)
    without = replace(now.settings, queue=now.settings.queue[:1])
    without = with_agent(without, "anna", queues=("orders",))
    with pytest.raises(QueueInUseError, match="2 wait in it"):
        now.change(without)
    assert town.waiting("surge") == [FIRST, THIRD]
    now.change(without, move_to={"surge": "orders"})
    assert town.waiting("orders") == [FIRST, SECOND, THIRD]
    story = town.story(town.call_id(THIRD))
    assert story.queues == ("surge", "orders")
    assert [line.text for line in story.lines if line.kind == "moved"] == ["moves to orders"]
    town.staff("anna")
    for _ in range(3):
        town.run(2.0)
        talk(town, "anna")
    assert [number for number, _ in town.conversations] == [FIRST, SECOND, THIRD]
    assert all(event.reason == "assigned" for event in town.told(Dequeued))
    town.assert_nothing_left()


def test_a_queue_goes_while_its_caller_rings_at_an_agent(tmp_path: Path) -> None:
    """He is on offer, so the queue is not empty, and all that had been done is taken back."""
    town = Town(
        tmp_path,
        queues=[Queue(name="orders"), Queue(name="surge")],
        agents=[person("anna", "surge"), person("bert", "orders")],
    )
    town.staff("anna", answers_after=5.0)
    town.come(FIRST, "surge", 1.0)
    assert town.agent_state("anna") == "reserved"
    now = live(town)
    before = now.settings
    new = replace(before, queue=(before.queue[0], Queue(name="night")))
    new = with_agent(with_agent(new, "anna", queues=("night",)), "bert", queues=("night",))
    with pytest.raises(ValueError, match="wait in queue 'surge'"):
        now.change(new)
    assert now.settings == before
    assert [view.name for view in town.centre.acd.queues()] == ["orders", "surge"]
    (anna,) = town.centre.acd.agents()
    assert anna.queues == ("surge",)
    town.run(6.0)
    assert town.conversations == [(FIRST, "anna")]
    talk(town, "anna")
    town.assert_nothing_left()


def test_a_queue_is_opened_and_served_by_whoever_serves_any(tmp_path: Path) -> None:
    town = Town(tmp_path, queues=[Queue(name="orders")], agents=[person("anna", "*")])
    town.staff("anna")
    now = live(town)
    now.change(replace(now.settings, queue=(*now.settings.queue, Queue(name="surge"))))
    town.come(FIRST, "orders", 2.0)
    (anna,) = town.centre.acd.agents()
    assert anna.queues == ("orders", "surge")
    talk(town, "anna")
    town.assert_nothing_left()


def test_a_new_ring_asks_more_agents_for_who_waits_already(tmp_path: Path) -> None:
    town = Town(
        tmp_path, queues=[Queue(name="orders", skills={"english": 5})], agents=[person("anna")]
    )
    town.staff("anna")
    town.come(FIRST, seconds=20.0)
    now = live(town)
    now.change(with_queue(now.settings, "orders", ring=(Ring(after_s=30.0),)))
    assert town.waiting() == [FIRST]
    town.run(11.0)
    assert town.waiting() == []
    town.run(1.0)
    assert town.conversations == [(FIRST, "anna")]
    talk(town, "anna")
    town.assert_nothing_left()


def test_an_agent_who_goes_ends_his_call_first(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    town.staff("anna")
    town.come(FIRST, seconds=2.0)
    now = live(town)
    left = tuple(agent for agent in now.settings.agent if agent.name != "anna")
    now.change(replace(now.settings, agent=left))
    assert town.conversations == [(FIRST, "anna")]
    assert town.told(AgentLoggedOff) == []
    talk(town, "anna")
    assert [event.agent for event in town.told(AgentLoggedOff)] == ["anna"]
    with pytest.raises(ValueError, match="anna"):
        town.centre.acd.log_on("anna")
    town.assert_nothing_left()


def test_a_class_made_now_counts_for_who_calls_from_now_on(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person("anna")])
    for number in (FIRST, SECOND):
        town.come(number, seconds=10.0)
    now = live(town)
    now.change(
        replace(
            now.settings,
            customer_class=(CustomerClass(name="gold", head_start_s=15.0),),
            customer=(
                Customer(number=SECOND, customer_class="gold"),
                Customer(number=THIRD, customer_class="gold"),
            ),
        )
    )
    town.come(THIRD, seconds=1.0)
    assert town.waiting() == [FIRST, THIRD, SECOND]
    for number in (FIRST, SECOND, THIRD):
        town.leave(number)
    town.assert_nothing_left()


def test_a_new_phone_may_register_and_one_that_is_gone_may_not(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    now = live(town)
    changed = tuple(
        Phone(name=each.name, password="other") if each.name == "bert" else each
        for each in now.settings.phone
    )
    now.change(replace(now.settings, phone=changed, skill=(*now.settings.skill, Skill(name="x"))))
    town.register("anna", "bert")
    assert {binding.user for binding in town.centre.phones.registered()} == {"anna"}
    town.phones["bert"].register(town.hop, "other")
    town.run(1.0)
    assert {binding.user for binding in town.centre.phones.registered()} == {"anna", "bert"}
