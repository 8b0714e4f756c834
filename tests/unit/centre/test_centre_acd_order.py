"""Who is next: classes of customer, ageing and its bound, queues' weights, service levels."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.town import Town, person

from ccd.acd.steps import Step
from ccd.config import Acd, Customer, CustomerClass, Queue

GOLD = [CustomerClass(name="gold", head_start_s=60.0)]
VIP = "13900000001"


def answered(town: Town) -> list[str]:
    return [number for number, _ in town.conversations]


def serve_all(town: Town, talk: float = 5.0, agent: str = "anna") -> None:
    """The agent takes one caller after the other until nobody waits."""
    town.staff(agent, answers_after=0.2)
    for _ in range(20):
        town.run(talk)
        if not town.centre.switch.calls:
            return
        town.hang_up(agent, 0.5)
    raise AssertionError("somebody still waits")


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(
        tmp_path,
        agents=[person("anna")],
        classes=GOLD,
        customers=[Customer(number=VIP, customer_class="gold")],
    )


def test_a_vip_overtakes_who_came_less_than_the_head_start_before(town: Town) -> None:
    for number in ("1380001", "1380002", "1380003"):
        town.come(number, seconds=20.0)
    town.come(VIP)
    assert town.waiting() == ["1380001", VIP, "1380002", "1380003"]
    serve_all(town)
    assert answered(town) == ["1380001", VIP, "1380002", "1380003"]
    enqueued = next(s for s in town.routed(town.call_id(VIP)) if s.step == Step.ENQUEUED)
    assert enqueued.why == "gold: 60 s ahead"
    assert enqueued.facts["position"] == 2
    overtaken = town.story(town.call_id("1380002")).overtaken_by
    assert [each.contact for each in overtaken] == [town.call_id(VIP)]
    town.assert_nothing_left()


def test_however_many_vips_call_nobody_is_overtaken_by_one_who_came_too_late(
    tmp_path: Path,
) -> None:
    """The bound: only those overtake who came within the head start after him."""
    vips = [f"1390{number:03}" for number in range(12)]
    town = Town(
        tmp_path,
        agents=[person("anna")],
        classes=GOLD,
        customers=[Customer(number=vip, customer_class="gold") for vip in vips],
    )
    town.come("13800000001")
    came = {}
    for vip in vips:
        came[vip] = town.network.now
        town.come(vip, seconds=10.0)
    serve_all(town)
    order = answered(town)
    before = order[: order.index("13800000001")]
    assert 0 < len(before) < len(vips)
    assert before == [vip for vip in vips if came[vip] < came[vips[0]] + 60.0]
    town.assert_nothing_left()


def test_a_queues_weight_is_a_head_start_of_its_callers(tmp_path: Path) -> None:
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", weight_s=30.0), Queue(name="advice")],
        agents=[person("anna", "orders", "advice")],
    )
    town.come("1380001", "advice", 40.0)
    town.come("1380002", "advice", 10.0)
    town.come("1380003", "orders", 1.0)
    serve_all(town)
    assert answered(town) == ["1380001", "1380003", "1380002"]
    (enqueued,) = [s for s in town.routed(town.call_id("1380003")) if s.step == Step.ENQUEUED]
    assert enqueued.why == "queue's weight: 30 s ahead"
    town.assert_nothing_left()


@pytest.mark.parametrize(("by", "first"), [("age", "1380001"), ("service_level", "1380002")])
def test_nearest_to_missing_its_service_level(tmp_path: Path, by: str, first: str) -> None:
    town = Town(
        tmp_path,
        queues=[
            Queue(name="advice", service_level_s=120.0),
            Queue(name="orders", service_level_s=10.0),
        ],
        agents=[person("anna", "orders", "advice")],
        acd=Acd(order=by),
    )
    town.come("1380001", "advice", 15.0)
    town.come("1380002", "orders", 5.0)
    serve_all(town)
    assert answered(town)[0] == first
    town.assert_nothing_left()
