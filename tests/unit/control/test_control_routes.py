"""A program is asked where a caller goes, in a whole centre; the ACD routes where it does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from virtual.centre import DOMAIN, EPOCH, FLOW, SERVICE, VirtualCentre

from ccd.config import Agent, Phone, Queue, Route, Settings, Sip, Trunk
from ccd.control.route_ways import Kind, RouteTarget, parse_route_target
from ccd.control.routing import NotAskedError
from ccd.events import (
    CallCleared,
    DataAssociated,
    Delivered,
    Dequeued,
    Queued,
    RouteCancelled,
    RouteRegistered,
    RouteRequested,
    RouteUsed,
)

OTHER = "95511"


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    return a_centre(tmp_path)


def a_centre(tmp_path: Path, **queue: Any) -> VirtualCentre:
    names = ("agent1", "agent2")
    settings = Settings(
        sip=Sip(domain=DOMAIN),
        trunk=(Trunk(name="carrier", peers=("10.0.9.0/24", "10.0.9.1:5060")),),
        phone=tuple(Phone(name=name, password=f"{name}-secret") for name in names),
        agent=(
            Agent(name="agent1", phone="agent1", queues=("orders",)),
            Agent(name="agent2", phone="agent2", queues=("advice", "orders")),
        ),
        queue=(Queue(name="orders", **queue), Queue(name="advice")),
        route=(Route(dnis=SERVICE, flow="test.yaml"),),
    )
    again = FLOW.replace("queue: orders", "queue: advice")
    return VirtualCentre(tmp_path, settings=settings, flows={SERVICE: FLOW, OTHER: again})


def asks(centre: VirtualCentre, queue: str = "orders", timeout_s: float = 2.0) -> None:
    centre.centre.routes.register("crm", queue, timeout_s)
    centre.caller_in_queue()


def select(centre: VirtualCentre, destination: str, **data: str) -> str:
    call = centre.call.id
    why: str = centre.centre.routes.select("crm", call, destination, data)
    centre.run(0.1)
    return why


def used(centre: VirtualCentre) -> list[tuple[str, str]]:
    return [(event.destination, event.why) for event in centre.told(RouteUsed)]


def test_the_program_is_told_all_and_the_caller_hears_music(centre: VirtualCentre) -> None:
    asks(centre)
    call = centre.call
    (request,) = centre.told(RouteRequested)
    assert (request.call, request.router, request.queue) == (call.id, "crm", "orders")
    assert (request.ani, request.dnis) == (call.ani, SERVICE)
    assert request.data == call.data
    assert 1.8 < request.deadline - (EPOCH + centre.network.now) <= 2.0
    assert centre.bay.sources(call.caller.node), "he hears something"
    assert centre.told(Queued) == []
    assert centre.told(RouteRegistered)[0].router == "crm"


def test_no_program_no_question(centre: VirtualCentre) -> None:
    centre.caller_in_queue()
    assert centre.centre.acd.queue_of(centre.call) == "orders"
    assert centre.told(RouteRequested) == []
    assert centre.told(RouteUsed) == []


def test_to_another_queue_with_data(centre: VirtualCentre) -> None:
    asks(centre)
    assert select(centre, "queue:advice", vip="yes") == ""
    assert centre.centre.acd.queue_of(centre.call) == "advice"
    assert centre.call.data["vip"] == "yes"
    assert [event.data for event in centre.told(DataAssociated)] == [{"vip": "yes"}]
    assert used(centre) == [("queue:advice", "")]


def test_to_an_agent_by_name(centre: VirtualCentre) -> None:
    centre.staff("agent1", "agent2")
    asks(centre)
    assert select(centre, "agent:agent2") == ""
    centre.run(2.0)
    assert [event.agent for event in centre.told(Delivered)] == ["agent2"]
    assert centre.call.bridged


def test_to_a_number_outside(centre: VirtualCentre) -> None:
    asks(centre)
    assert select(centre, "number:01088886666@carrier") == ""
    assert [event.number for event in centre.told(Delivered)] == ["01088886666"]
    assert used(centre) == [("number:01088886666@carrier", "")]


def test_a_number_that_does_not_answer_brings_him_back_to_his_place(tmp_path: Path) -> None:
    centre = a_centre(tmp_path, ring_timeout_s=5.0)
    asks(centre)
    select(centre, "number:01088886666@carrier")
    centre.run(8.0)
    assert centre.centre.acd.queue_of(centre.call) == "orders"
    assert centre.centre.acd.position(centre.call.id) == 1


def test_to_a_mailbox(centre: VirtualCentre) -> None:
    asks(centre)
    assert select(centre, "voicemail:advice") == ""
    assert centre.call.controller is not centre.centre.routes
    assert centre.centre.acd.queue_of(centre.call) is None
    centre.do(centre.caller.hang_up)
    centre.assert_nothing_left()


def test_to_a_flow_from_which_he_comes_to_another_queue(centre: VirtualCentre) -> None:
    asks(centre, "*")
    assert select(centre, f"flow:{OTHER}") == ""
    assert centre.call.controller is centre.centre.ivr
    centre.do(lambda: centre.bay.press(centre.call.caller.node, "1"), 0.1)
    assert [event.queue for event in centre.told(RouteRequested)] == ["orders", "advice"]
    centre.centre.routes.reject("crm", centre.call.id)
    assert centre.centre.acd.queue_of(centre.call) == "advice"


def test_he_is_not_asked_about_twice_in_the_same_queue(centre: VirtualCentre) -> None:
    asks(centre, "*")
    select(centre, f"flow:{SERVICE}")
    centre.do(lambda: centre.bay.press(centre.call.caller.node, "1"), 0.1)
    assert len(centre.told(RouteRequested)) == 1
    assert centre.centre.acd.queue_of(centre.call) == "orders"


def test_his_place_counts_from_when_he_came(centre: VirtualCentre) -> None:
    asks(centre)
    came = centre.network.now
    centre.run(3.0)
    assert used(centre) == [("queue:orders", "timeout")]
    contact = centre.centre.acd.contact(centre.call)
    assert contact is not None
    assert contact.enqueued_at <= came
    centre.do(centre.caller.hang_up)
    (left,) = centre.told(Dequeued)
    assert left.reason == "abandoned"
    assert left.waited >= 3.0


def test_too_late(centre: VirtualCentre) -> None:
    asks(centre)
    centre.run(2.5)
    with pytest.raises(NotAskedError):
        select(centre, "queue:advice")
    assert centre.centre.acd.queue_of(centre.call) == "orders"


@pytest.mark.parametrize(
    ("destination", "why"),
    [
        ("queue:nowhere", "nowhere"),
        ("agent:agent2", "not logged on"),
        ("agent:nobody", "not logged on"),
        ("number:110@nothing", "no trunk 'nothing'"),
        ("number:110", "through which trunk"),
        ("number:not-a-number@carrier", "cannot be dialled"),
        ("voicemail:nowhere", "nowhere"),
        ("flow:12345", "12345"),
        ("moon:dark-side", "leads nowhere"),
        ("queue:", "does not say which queue"),
    ],
)
def test_what_cannot_be_reached_is_said_and_asked_about_again(
    centre: VirtualCentre, destination: str, why: str
) -> None:
    asks(centre)
    assert why in select(centre, destination)
    assert len(centre.told(RouteRequested)) == 2
    assert used(centre) == []
    assert select(centre, "queue:advice") == ""
    assert used(centre) == [("queue:advice", "")]


def test_a_program_that_knows_no_better_leaves_it_to_the_acd(centre: VirtualCentre) -> None:
    asks(centre)
    for _ in range(3):
        select(centre, "queue:nowhere")
    assert used(centre) == [("queue:orders", "failed")]
    assert centre.centre.acd.queue_of(centre.call) == "orders"
    assert [event.reason for event in centre.told(RouteCancelled)] == ["failing"]


def test_a_program_that_is_gone(centre: VirtualCentre) -> None:
    asks(centre)
    assert centre.centre.routes.cancel("crm", lost=True)
    assert used(centre) == [("queue:orders", "session_lost")]
    assert [event.reason for event in centre.told(RouteCancelled)] == ["session_lost"]
    assert centre.centre.acd.queue_of(centre.call) == "orders"


def test_the_caller_does_not_wait(centre: VirtualCentre) -> None:
    asks(centre)
    centre.do(centre.caller.hang_up)
    assert used(centre) == [("", "caller_left")]
    assert len(centre.told(CallCleared)) == 1
    centre.assert_nothing_left()
    assert centre.centre.counts()["routes.asked"] == 0


def test_a_worker_dies_meanwhile(centre: VirtualCentre) -> None:
    asks(centre)
    centre.do(lambda: centre.centre.switch.media_lost(0, "killed"), 5.0)
    assert used(centre) == [("", "caller_left")]


def test_who_wants_an_agent_by_name_is_not_asked_about(centre: VirtualCentre) -> None:
    centre.staff("agent2")
    centre.centre.routes.register("crm", "*", 2.0)
    centre.caller_in_menu()
    call = centre.call
    centre.centre.routes.enqueue(call, "agent:agent2")
    assert centre.told(RouteRequested) == []
    assert centre.centre.acd.queue_of(call) == "advice"


def test_every_kind_of_destination_has_its_form() -> None:
    forms = {
        Kind.QUEUE: "queue:orders",
        Kind.AGENT: "agent:li.na",
        Kind.NUMBER: "number:+8610@carrier",
        Kind.VOICEMAIL: "voicemail",
        Kind.FLOW: "flow:95500",
    }
    assert set(forms) == set(Kind)
    for kind, text in forms.items():
        target = parse_route_target(text)
        assert target.kind is kind
        assert str(target) == text
    assert parse_route_target("voicemail:orders") == RouteTarget(Kind.VOICEMAIL, "orders")
