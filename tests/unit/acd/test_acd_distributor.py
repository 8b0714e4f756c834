"""What the distributor decides, told as short stories."""

from __future__ import annotations

import math

import pytest

from ccd.acd.distributor import (
    AcdError,
    Action,
    Assign,
    Contact,
    Distributor,
    DuplicateContactError,
    Moved,
    Positioned,
    QueueNotEmptyError,
    QueueSettings,
    Removed,
    Stage,
    UnknownAgentError,
    UnknownQueueError,
    WrongStateError,
)
from ccd.model import AgentState, Cause


def drain(distributor: Distributor) -> list[Action]:
    actions = []
    while (action := distributor.next_action()) is not None:
        actions.append(action)
    return actions


def assigned(distributor: Distributor) -> list[tuple[str, str]]:
    return [(a.contact, a.agent) for a in drain(distributor) if isinstance(a, Assign)]


def contact(name: str, queue: str = "orders", at: float = 0.0) -> Contact:
    return Contact(id=name, queue=queue, enqueued_at=at)


@pytest.fixture
def acd() -> Distributor:
    distributor = Distributor()
    distributor.add_queue(QueueSettings(name="orders"))
    distributor.add_queue(QueueSettings(name="advice", wrap_up_s=30.0))
    return distributor


def at_work(acd: Distributor, *names: str, queues: tuple[str, ...] = ("orders", "advice")) -> None:
    """Log agents on and have them ready, one a second from 0."""
    for second, name in enumerate(names):
        acd.agent_log_on(name, queues, float(second))
        acd.agent_ready(name, float(second))
    drain(acd)


def test_log_on_is_not_ready_and_the_queue_holds(acd: Distributor) -> None:
    acd.agent_log_on("anna", ["orders"], 0.0)
    acd.enqueue(contact("c1", at=1.0), 1.0)
    assert drain(acd) == [
        Moved("anna", AgentState.NOT_READY, "logged_on"),
        Positioned("c1", "orders", 1),
    ]
    assert acd.stage("c1") is Stage.WAITING


def test_a_call_to_an_idle_agent_tells_the_whole_story_in_order(acd: Distributor) -> None:
    at_work(acd, "anna")
    acd.enqueue(contact("c1", at=9.0), 10.0)
    assert drain(acd) == [
        Positioned("c1", "orders", 1),
        Moved("anna", AgentState.RESERVED, None, "c1"),
        Assign("c1", "anna", "orders", 1.0),
    ]
    assert acd.offer_accepted("c1", 12.0)
    assert acd.contact_ended("c1", 60.0)
    assert drain(acd) == [
        Moved("anna", AgentState.BUSY, None, "c1"),
        Moved("anna", AgentState.READY),
    ]
    assert len(acd) == 0


def test_the_longest_idle_agent_is_first_and_goes_to_the_back(acd: Distributor) -> None:
    at_work(acd, "anna", "bert", "cleo")
    for number in range(6):
        now = 10.0 + number
        acd.enqueue(contact(f"c{number}", at=now), now)
        acd.offer_accepted(f"c{number}", now)
        acd.contact_ended(f"c{number}", now)
    assert [agent for _, agent in assigned(acd)] == ["anna", "bert", "cleo"] * 2


def test_two_who_became_idle_at_once_are_told_apart_by_log_on(acd: Distributor) -> None:
    for name in ("bert", "anna"):
        acd.agent_log_on(name, ["orders"], 0.0)
    for name in ("anna", "bert"):
        acd.agent_ready(name, 1.0)
    acd.enqueue(contact("c1", at=2.0), 2.0)
    assert assigned(acd) == [("c1", "bert")]


def test_an_agent_takes_the_oldest_of_all_his_queues(acd: Distributor) -> None:
    acd.enqueue(contact("late", "orders", 2.0), 2.0)
    acd.enqueue(contact("early", "advice", 1.0), 3.0)
    at_work(acd, "anna")
    assert acd.stage("early") is Stage.OFFERED
    assert acd.waiting("orders") == ["late"]


def test_an_agent_is_never_given_what_he_does_not_serve(acd: Distributor) -> None:
    acd.enqueue(contact("c1", "advice", 1.0), 1.0)
    at_work(acd, "anna", queues=("orders",))
    assert acd.stage("c1") is Stage.WAITING
    assert acd.agent("anna").state is AgentState.READY


def test_positions(acd: Distributor) -> None:
    acd.enqueue(contact("b", at=2.0), 2.0)
    acd.enqueue(contact("c", at=3.0), 3.0)
    acd.enqueue(contact("a", at=1.0), 4.0)
    assert drain(acd) == [
        Positioned("b", "orders", 1),
        Positioned("c", "orders", 2),
        Positioned("a", "orders", 1),
    ]
    assert [acd.position(name) for name in "abc"] == [1, 2, 3]
    acd.remove("b", "abandoned", 5.0)
    assert [acd.position(name) for name in "abc"] == [1, None, 2]


def test_ring_no_answer(acd: Distributor) -> None:
    at_work(acd, "anna", "bert")
    acd.enqueue(contact("c1", at=10.0), 10.0)
    assert assigned(acd) == [("c1", "anna")]
    assert acd.offer_failed("c1", Cause.NO_ANSWER, 30.0)
    assert drain(acd) == [
        Moved("anna", AgentState.NOT_READY, "rona"),
        Positioned("c1", "orders", 1),
        Moved("bert", AgentState.RESERVED, None, "c1"),
        Assign("c1", "bert", "orders", 20.0),
    ]


def test_rona_puts_the_contact_back_before_those_who_came_later(acd: Distributor) -> None:
    at_work(acd, "anna")
    for number in (1, 2, 3):
        acd.enqueue(contact(f"c{number}", at=10.0 + number), 10.0 + number)
    acd.offer_failed("c1", Cause.NO_ANSWER, 40.0)
    assert acd.waiting("orders") == ["c1", "c2", "c3"]
    assert Positioned("c1", "orders", 1) in drain(acd)
    acd.agent_ready("anna", 50.0)
    assert assigned(acd) == [("c1", "anna")]


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.NO_ANSWER, "rona"),
        (Cause.BUSY, "busy"),
        (Cause.REJECTED, "rejected"),
        (Cause.DESTINATION_OUT_OF_ORDER, "destination_out_of_order"),
    ],
)
def test_the_cause_of_a_failed_offer_is_the_reason(
    acd: Distributor, cause: Cause, reason: str
) -> None:
    at_work(acd, "anna")
    acd.enqueue(contact("c1"), 1.0)
    acd.offer_failed("c1", cause, 2.0)
    assert acd.agent("anna").reason == reason
    assert acd.stage("c1") is Stage.WAITING


def test_a_caller_who_hangs_up_while_it_rings_does_not_cost_the_agent_his_turn(
    acd: Distributor,
) -> None:
    at_work(acd, "anna", "bert")
    acd.enqueue(contact("c1", at=10.0), 10.0)
    drain(acd)
    assert acd.remove("c1", "abandoned", 15.0)
    assert drain(acd) == [
        Removed("c1", "orders", "abandoned", 5.0),
        Moved("anna", AgentState.READY),
    ]
    acd.enqueue(contact("c2", at=16.0), 16.0)
    assert assigned(acd) == [("c2", "anna")]


def test_late_news_changes_nothing(acd: Distributor) -> None:
    at_work(acd, "anna", "bert")
    acd.enqueue(contact("c1", at=10.0), 10.0)
    acd.offer_failed("c1", Cause.NO_ANSWER, 30.0)
    drain(acd)
    before = acd.agents()
    assert not acd.offer_accepted("c1", 30.1, agent="anna")  # her answer crossed the time-out
    assert not acd.offer_failed("c1", Cause.NO_ANSWER, 30.2, agent="anna")
    assert not acd.contact_ended("c1", 30.3)
    assert not acd.offer_accepted("c9", 30.4)
    assert acd.agents() == before
    assert drain(acd) == []
    assert acd.offer_accepted("c1", 31.0, agent="bert")
    assert not acd.remove("c1", "abandoned", 32.0)  # connected: contact_ended ends it
    assert acd.contact_ended("c1", 33.0)
    assert not acd.contact_ended("c1", 33.0)


def test_wrap_up_ends_by_its_time(acd: Distributor) -> None:
    at_work(acd, "anna")
    acd.enqueue(contact("c1", "advice"), 1.0)
    acd.offer_accepted("c1", 2.0)
    acd.contact_ended("c1", 100.0)
    assert acd.get_timer() == 130.0
    acd.handle_timer(129.9)
    assert acd.agent("anna").state is AgentState.WRAP_UP
    acd.enqueue(contact("c2", at=110.0), 110.0)
    drain(acd)
    acd.handle_timer(130.0)
    assert drain(acd) == [
        Moved("anna", AgentState.READY),
        Moved("anna", AgentState.RESERVED, None, "c2"),
        Assign("c2", "anna", "orders", 20.0),
    ]
    assert acd.get_timer() is None


def test_wrap_up_ends_by_hand_and_its_time_means_nothing_then(acd: Distributor) -> None:
    at_work(acd, "anna")
    for number, start in ((1, 0.0), (2, 20.0)):
        acd.enqueue(contact(f"c{number}", "advice", start), start)
        acd.offer_accepted(f"c{number}", start)
        acd.contact_ended(f"c{number}", start + 5)
        if number == 1:
            acd.wrap_up_done("anna", 10.0)
    assert acd.get_timer() == 55.0
    acd.handle_timer(35.0)  # when the first wrap-up would have ended
    assert acd.agent("anna").state is AgentState.WRAP_UP
    acd.agent_not_ready("anna", "lunch", 40.0)
    assert acd.get_timer() is None
    acd.handle_timer(60.0)
    assert acd.agent("anna").reason == "lunch"


def test_wrap_up_without_end_ends_by_hand_alone() -> None:
    acd = Distributor()
    acd.add_queue(QueueSettings(name="orders", wrap_up_s=math.inf))
    at_work(acd, "anna", queues=("orders",))
    acd.enqueue(contact("c1"), 1.0)
    acd.offer_accepted("c1", 1.0)
    acd.contact_ended("c1", 2.0)
    assert acd.get_timer() is None
    assert acd.agent("anna").state is AgentState.WRAP_UP
    acd.wrap_up_done("anna", 900.0)
    assert acd.agent("anna").state is AgentState.READY


def test_not_ready_after_this_call(acd: Distributor) -> None:
    at_work(acd, "anna")
    acd.enqueue(contact("c1"), 1.0)
    acd.offer_accepted("c1", 2.0)
    drain(acd)
    acd.agent_not_ready("anna", "lunch", 3.0)
    assert drain(acd) == []
    assert acd.agent("anna").pending == "not_ready"
    acd.contact_ended("c1", 4.0)
    assert drain(acd) == [Moved("anna", AgentState.NOT_READY, "lunch")]


def test_log_off_while_idle_leaves_every_line(acd: Distributor) -> None:
    at_work(acd, "anna")
    acd.agent_log_off("anna", 5.0)
    assert [queue.idle_agents for queue in acd.queues()] == [0, 0]
    acd.enqueue(contact("c1"), 6.0)
    assert acd.stage("c1") is Stage.WAITING


def test_another_shift_for_other_queues(acd: Distributor) -> None:
    at_work(acd, "anna", queues=("orders",))
    acd.agent_log_off("anna", 5.0)
    acd.agent_log_on("anna", ["advice"], 6.0)
    acd.agent_ready("anna", 6.0)
    assert [queue.idle_agents for queue in acd.queues()] == [0, 1]


def test_queues_change_while_idle_and_work_is_found_at_once(acd: Distributor) -> None:
    at_work(acd, "anna", queues=("orders",))
    acd.enqueue(contact("c1", "advice", 5.0), 5.0)
    drain(acd)
    acd.agent_queues("anna", ["advice"], 8.0)
    assert assigned(acd) == [("c1", "anna")]
    assert acd.queue("orders").idle_agents == 0


def test_what_cannot_be_is_refused_and_leaves_no_trace(acd: Distributor) -> None:
    at_work(acd, "anna")
    with pytest.raises(UnknownAgentError, match="nobody"):
        acd.agent_ready("nobody", 1.0)
    with pytest.raises(UnknownQueueError, match="advice, orders"):
        acd.enqueue(contact("c1", "bonds"), 1.0)
    with pytest.raises(UnknownQueueError):
        acd.agent_log_on("bert", ["bonds"], 1.0)
    with pytest.raises(UnknownAgentError):
        acd.agent("bert")
    with pytest.raises(WrongStateError, match="ready"):
        acd.agent_log_on("anna", ["orders"], 1.0)
    with pytest.raises(WrongStateError, match="wrap-up"):
        acd.wrap_up_done("anna", 1.0)
    with pytest.raises(ValueError, match="already"):
        acd.add_queue(QueueSettings(name="orders"))
    acd.enqueue(contact("c1"), 2.0)
    with pytest.raises(DuplicateContactError):
        acd.enqueue(contact("c1", "advice"), 3.0)
    assert len(acd) == 1
    assert assigned(acd) == [("c1", "anna")]


def test_errors_have_stable_codes() -> None:
    ours = [error for error in AcdError.__subclasses__() if error.__module__ == "ccd.acd.errors"]
    codes = {error.code for error in ours}
    assert codes == {
        "unknown_agent",
        "unknown_queue",
        "queue_not_empty",
        "duplicate_contact",
        "wrong_state",
    }


def test_a_queue_closes_only_when_nobody_waits_or_is_rung_for(acd: Distributor) -> None:
    at_work(acd, "anna")
    acd.enqueue(contact("c1"), 1.0)
    assert acd.on_offer("orders") == 1
    with pytest.raises(QueueNotEmptyError, match="1 wait in queue 'orders'"):
        acd.remove_queue("orders", 2.0)
    acd.offer_accepted("c1", 2.0)
    acd.remove_queue("orders", 3.0)
    assert acd.agent("anna").queues == ("advice",)
    assert acd.contact_ended("c1", 4.0) is True
    assert acd.agent("anna").state is AgentState.READY


@pytest.mark.parametrize(("weights", "chosen"), [({}, "anna"), ({"english": 3.0}, "bert")])
def test_a_skill_counts_by_its_weight(weights: dict[str, float], chosen: str) -> None:
    acd = Distributor()
    acd.add_queue(
        QueueSettings(
            name="orders",
            skills={"orders": 1, "english": 1},
            skill_weights=weights,
            strategy="most_skilled",
        )
    )
    for name, orders, english in (("anna", 9, 2), ("bert", 3, 5)):
        acd.agent_log_on(name, ["orders"], 0.0, skills={"orders": orders, "english": english})
        acd.agent_ready(name, 0.0)
    drain(acd)
    acd.enqueue(contact("c1", at=1.0), 1.0)
    assert assigned(acd) == [("c1", chosen)]
