"""The settings' queues, agents and customers, as the distributor is told of them."""

import msgspec
import pytest

from ccd import config
from ccd.acd.contact import QueueSettings, RingSettings
from ccd.acd.from_settings import Callers, agent_queues, queue_settings


def test_every_field_of_a_queue_arrives() -> None:
    queue = config.Queue(
        name="orders",
        wrap_up_s=7,
        skills={"zh": 5},
        strategy="most_skilled",
        ring_agents=3,
        weight_s=11,
        service_level_s=13,
        last_agent_s=17,
        adviser_s=19,
        ring=(config.Ring(after_s=23, skills={"zh": 1}), config.Ring(after_s=29)),
    )
    made = queue_settings(queue)
    assert made.rings == (
        RingSettings(after_s=23, skills={"zh": 1}),
        RingSettings(after_s=29, skills={}),
    )
    for field in msgspec.structs.fields(QueueSettings):
        if field.name != "rings":
            assert getattr(made, field.name) == getattr(queue, field.name), field.name
        assert getattr(made, field.name) != field.default, f"{field.name} was not told at all"


def test_defaults_are_the_same_on_both_sides() -> None:
    assert queue_settings(config.Queue(name="q")) == QueueSettings(name="q")


def agent(*queues: str, **skills: int) -> config.Agent:
    return config.Agent(name="a", phone="p", queues=queues, skills=skills)


def test_an_agent_of_every_queue_serves_those_that_his_skills_suffice_for() -> None:
    queues = (
        config.Queue(name="open"),
        config.Queue(name="options", skills={"options": 4}),
        config.Queue(
            name="english", skills={"en": 6}, ring=(config.Ring(after_s=9, skills={"en": 2}),)
        ),
    )
    assert agent_queues(agent("*"), queues) == ("open",)
    assert agent_queues(agent("*", options=4), queues) == ("open", "options")
    assert agent_queues(agent("*", options=3, en=2), queues) == ("open", "english")
    assert agent_queues(agent("options"), queues) == ("options",)


def test_a_known_number_brings_its_class_and_adviser() -> None:
    callers = Callers(
        (config.Customer(number="139", customer_class="vip", adviser="anna"),),
        (config.CustomerClass(name="vip", head_start_s=60), config.CustomerClass(name="new")),
    )
    known = callers.contact(id="c", queue="q", enqueued_at=5, number="139")
    assert (known.customer, known.customer_class, known.head_start_s) == ("139", "vip", 60)
    assert known.adviser == "anna"
    told = callers.contact(id="c", queue="q", enqueued_at=5, number="139", customer_class="new")
    assert (told.customer_class, told.head_start_s) == ("new", 0)
    stranger = callers.contact(id="c", queue="q", enqueued_at=5, number="1", skills={"en": 3})
    assert (stranger.customer_class, stranger.head_start_s, stranger.adviser) == ("", 0, None)
    assert (stranger.customer, stranger.skills) == ("1", {"en": 3})
    with pytest.raises(KeyError):
        callers.contact(id="c", queue="q", enqueued_at=5, customer_class="gold")
