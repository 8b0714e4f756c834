"""Callbacks with real SIP in virtual time: who is called when, and whatever goes wrong on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from callback_rig import CUSTOMER, Rig, Shop
from virtual.centre import EPOCH

from ccd.acd.callbacks.customer_first import Forecast, pause
from ccd.acd.callbacks.desk import NoTrunkError
from ccd.acd.callbacks.engine import UnknownCallbackError
from ccd.acd.callbacks.states import Origin
from ccd.events import (
    AgentNotReady,
    Bridged,
    CallbackRequested,
    CallbackTried,
    Dequeued,
    Originated,
    Queued,
    Routed,
)
from ccd.model import Cause, Direction, Outcome
from ccd.sip.events import InviteReceived
from ccd.store.callbacks import OpenCallbacks


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_from_the_offer_to_the_conversation(rig: Rig) -> None:
    callback = rig.accept(wait_s=10.0)
    assert rig.requested.callback == callback
    assert rig.requested.origin == "offered"
    (queued,) = (event for event in rig.centre.told(Queued) if event.call != callback)
    assert rig.requested.enqueued_at == pytest.approx(queued.at)
    assert [event.reason for event in rig.centre.told(Dequeued)] == ["callback"]
    rig.centre.staff(answers_after=3.0)
    rig.centre.run(2.0)
    assert len(rig.customer.saw(InviteReceived)) == 0  # the agent first
    rig.centre.run(2.0)
    assert len(rig.customer.saw(InviteReceived)) == 1
    rig.centre.run(3.0)
    call = rig.centre.call
    assert call.bridged
    assert call.direction is Direction.OUT
    assert rig.tries == [(1, None)]
    assert rig.outcomes == ["answered"]
    assert rig.centre.agent_state() == "busy"
    rig.centre.do(rig.customer.hang_up)
    assert rig.centre.agent_state() == "ready"
    outgoing = [
        record for record in rig.centre.records.values() if record.direction is Direction.OUT
    ]
    assert [record.outcome for record in outgoing] == [Outcome.ANSWERED]
    assert (outgoing[0].dnis, outgoing[0].ani) == (CUSTOMER, "95500")
    rig.assert_nothing_left()


def test_the_agent_hangs_up_after_the_conversation(rig: Rig) -> None:
    rig.accept()
    rig.centre.staff()
    rig.centre.run(5.0)
    rig.centre.do(rig.centre.phones["agent1"].hang_up)
    assert len(rig.customer.saw(InviteReceived)) == 1
    assert rig.outcomes == ["answered"]
    assert rig.centre.agent_state() == "ready"
    rig.assert_nothing_left()


def test_a_callback_is_before_live_callers_who_came_later(rig: Rig) -> None:
    rig.accept()
    rig.calls_in(rig.other_phone("13800000002"))
    rig.centre.staff()
    rig.centre.run(5.0)
    assert rig.outcomes == ["answered"]
    assert [event.reason for event in rig.centre.told(Dequeued)] == ["callback"]


# --- agents who fail ----------------------------------------------------------------------------


def test_an_agent_who_does_not_answer_costs_the_customer_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, agents=2)
    rig.accept()
    rig.centre.staff("agent1", answers_after=60.0)
    rig.centre.staff("agent2", answers_after=1.0)
    rig.centre.run(12.0)
    reasons = [event.reason for event in rig.centre.told(AgentNotReady)]
    assert reasons == ["logged_on", "logged_on", "rona"]
    assert rig.tries == [(1, None)]
    assert rig.centre.call.answered.agent == "agent2"


@pytest.mark.parametrize(
    ("how", "reason"), [("busy", "busy"), ("gone", "destination_out_of_order")]
)
def test_an_agent_whose_phone_cannot_be_had(rig: Rig, how: str, reason: str) -> None:
    rig.accept()
    phone = rig.centre.phones["agent1"]
    phone.refuses_with = 486 if how == "busy" else 480
    rig.centre.staff()
    rig.centre.run(1.0)
    assert rig.centre.told(AgentNotReady)[-1].reason == reason
    assert [each.state.value for each in rig.desk.open] == ["waiting"]
    phone.refuses_with = None
    rig.centre.do(lambda: rig.centre.centre.acd.ready("agent1"), 5.0)
    assert rig.tries == [(1, None)]


def test_an_agent_who_is_not_registered(rig: Rig) -> None:
    rig.accept()
    rig.centre.centre.acd.log_on("agent1")
    rig.centre.do(lambda: rig.centre.centre.acd.ready("agent1"))
    assert rig.centre.told(AgentNotReady)[-1].reason == "destination_out_of_order"
    assert len(rig.desk) == 0
    assert rig.tries == []


def test_the_agent_hangs_up_while_the_customers_phone_rings(rig: Rig) -> None:
    rig.customer.answers_after = 20.0
    rig.accept()
    rig.centre.staff()
    rig.centre.run(4.0)
    rig.centre.do(rig.centre.phones["agent1"].hang_up)
    assert rig.tries == [(0, Cause.CALL_CANCELLED)]  # none of the customer's
    assert rig.centre.agent_state() == "ready"
    assert rig.centre.centre.switch.calls == {}
    rig.customer.answers_after = 1.0
    rig.centre.run(605.0)
    assert rig.outcomes == ["answered"]


# --- customers who cannot be had -----------------------------------------------------------------


def test_a_busy_customer_is_tried_again_and_then_no_more(tmp_path: Path) -> None:
    rig = Rig(tmp_path, attempts=2, spacing_s=100.0)
    rig.accept()
    rig.customer.refuses_with = 486
    rig.centre.staff()
    rig.centre.run(5.0)
    (tried,) = rig.centre.told(CallbackTried)
    assert (tried.attempt, tried.cause) == (1, Cause.BUSY)
    assert tried.next_at == pytest.approx(tried.at + 100.0)
    assert rig.centre.agent_state() == "ready"
    rig.centre.run(101.0)
    assert rig.tries == [(1, Cause.BUSY), (2, Cause.BUSY)]
    assert rig.outcomes == ["unreachable"]
    rig.centre.run(300.0)
    assert len(rig.customer.saw(InviteReceived)) == 2
    rig.assert_nothing_left()


def test_a_customer_who_does_not_answer(rig: Rig) -> None:
    rig.customer.answers_after = None
    rig.accept()
    rig.centre.staff()
    rig.centre.run(35.0)
    assert rig.tries == [(1, Cause.NO_ANSWER)]
    assert rig.centre.agent_state() == "ready"
    assert len(rig.desk) == 0


def test_no_pause_between_tries(tmp_path: Path) -> None:
    """It waits again before its agent is free: it must not be there twice."""
    rig = Rig(tmp_path, attempts=3, spacing_s=0.0)
    rig.accept()
    rig.customer.refuses_with = 486
    rig.centre.staff()
    rig.centre.run(10.0)
    assert [attempt for attempt, _ in rig.tries] == [1, 2, 3]
    assert rig.outcomes == ["unreachable"]
    rig.assert_nothing_left()


def test_a_trunk_without_a_free_channel_uses_up_no_try(tmp_path: Path) -> None:
    rig = Rig(tmp_path, trunk_channels=1, spacing_s=60.0)
    rig.accept()
    other = rig.other_phone("13800000002")
    rig.centre.do(lambda: other.call(rig.centre.hop, "95500"))  # in the menu, on the one channel
    rig.centre.staff()
    rig.centre.run(3.0)
    assert rig.tries == [(0, Cause.TRUNKS_BUSY)]
    assert rig.centre.agent_state() == "ready"
    rig.centre.do(other.hang_up)
    rig.centre.run(65.0)
    assert rig.outcomes == ["answered"]


def test_a_media_worker_dies_while_the_customer_is_called(rig: Rig) -> None:
    rig.customer.answers_after = 20.0
    rig.accept()
    rig.centre.staff()
    rig.centre.run(4.0)
    rig.centre.do(lambda: rig.centre.centre.switch.media_lost(0, "killed"))
    assert rig.tries == [(0, Cause.MEDIA_WORKER_LOST)]
    assert rig.centre.agent_state() == "ready"
    assert len(rig.desk.open) == 1


# --- customers and supervisors who change their minds ---------------------------------------------


def test_the_customer_calls_in_while_the_agents_phone_rings(rig: Rig) -> None:
    rig.accept()
    rig.centre.staff(answers_after=4.0)
    agent = rig.centre.phones["agent1"]
    rig.centre.run(0.5)
    assert len(agent.saw(InviteReceived)) == 1
    rig.calls_in(rig.other_phone())
    rig.centre.run(6.0)
    assert len(agent.saw(InviteReceived)) == 2
    assert rig.centre.call.bridged
    assert rig.centre.call.direction is Direction.IN
    assert rig.outcomes == ["called_in"]
    assert rig.tries == []
    rig.centre.do(agent.hang_up)
    assert rig.centre.agent_state() == "ready"
    rig.assert_nothing_left()


def test_the_customer_calls_in_and_gives_up(rig: Rig) -> None:
    rig.accept()
    phone = rig.other_phone()
    rig.calls_in(phone)
    assert [each.state.value for each in rig.desk.open] == ["held"]
    rig.centre.do(phone.hang_up)
    assert [each.state.value for each in rig.desk.open] == ["waiting"]
    rig.centre.staff()
    rig.centre.run(5.0)
    assert rig.outcomes == ["answered"]


@pytest.mark.parametrize("when", ["waiting", "agent rings", "customer rings"])
def test_cancelled(rig: Rig, when: str) -> None:
    rig.customer.answers_after = 20.0
    callback = rig.accept()
    if when != "waiting":
        rig.centre.staff(answers_after=1.0 if when == "customer rings" else 60.0)
        rig.centre.run(3.0)
    rig.centre.do(lambda: rig.desk.cancel(callback))
    assert rig.outcomes == ["cancelled"]
    assert rig.centre.centre.switch.calls == {}
    if when != "waiting":
        assert rig.centre.agent_state() == "ready"
    with pytest.raises(UnknownCallbackError):
        rig.desk.cancel(callback)
    rig.assert_nothing_left()


# --- where callbacks come from ----------------------------------------------------------------------


def test_a_lost_caller_is_rung_back_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, abandoned=True, abandoned_after_s=15.0)
    for _ in range(2):
        rig.centre.caller_in_queue()
        rig.centre.run(20.0)
        rig.centre.do(rig.customer.hang_up)
    assert rig.requested.origin == "abandoned"
    assert rig.requested.enqueued_at == pytest.approx(rig.requested.at - 20.0, abs=0.2)
    rig.centre.staff()
    rig.centre.run(30.0)
    assert rig.outcomes == ["answered"]
    rig.centre.do(rig.customer.hang_up)
    rig.assert_nothing_left()


@pytest.mark.parametrize(("wait_s", "settings"), [(10.0, {"abandoned": True}), (60.0, {})])
def test_not_every_lost_caller_is(tmp_path: Path, wait_s: float, settings: dict[str, Any]) -> None:
    rig = Rig(tmp_path, abandoned_after_s=15.0, **settings)
    rig.centre.caller_in_queue()
    rig.centre.run(wait_s)
    rig.centre.do(rig.customer.hang_up)
    assert rig.desk.open == []


def test_at_a_time(rig: Rig) -> None:
    rig.centre.staff()
    due_at = EPOCH + rig.centre.network.now + 100.0
    callback = rig.desk.request("13911112222", "orders", due_at)
    assert [(each.id, each.due_at) for each in rig.desk.open] == [(callback, due_at)]
    rig.centre.run(99.0)
    assert rig.centre.told(Originated) == []
    rig.centre.run(10.0)
    assert rig.outcomes == ["answered"]
    assert rig.requested.due_at == due_at


def test_an_overflow_into_a_callback(rig: Rig) -> None:
    rig.centre.caller_in_queue()
    assert rig.desk.accept(rig.centre.call, Origin.OVERFLOW) is not None
    rig.centre.run()
    assert rig.requested.origin == "overflow"


@pytest.mark.parametrize("how", ["an agent has answered", "he has hung up"])
def test_an_offer_taken_too_late(rig: Rig, how: str) -> None:
    rig.centre.caller_in_queue()
    call = rig.centre.call
    if how == "he has hung up":
        rig.centre.do(rig.customer.hang_up)
    else:
        rig.centre.staff()
        rig.centre.run(2.0)
    assert rig.desk.accept(call) is None
    assert rig.desk.open == []
    assert call.bridged == (how == "an agent has answered")


def test_an_offer_taken_while_an_agents_phone_rings(rig: Rig) -> None:
    rig.centre.staff(answers_after=4.0)
    rig.centre.caller_in_queue()
    rig.centre.run(1.0)
    rig.centre.do(lambda: rig.desk.accept(rig.centre.call), 2.0)
    assert rig.customer.is_over
    rig.centre.run(8.0)
    assert rig.outcomes == ["answered"]
    assert rig.centre.call.bridged


def test_who_hides_his_number_goes_on_waiting(rig: Rig) -> None:
    call = rig.calls_in(rig.other_phone("anonymous"))
    assert rig.desk.accept(call) is None
    rig.centre.run()
    assert call.id in rig.centre.centre.switch.calls
    assert call.ending is None


def test_a_queue_without_a_trunk(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    queue = rig.centre.settings.queue[0]
    rig.desk.change_queue(
        msgspec.structs.replace(queue, callback=msgspec.structs.replace(queue.callback, trunk="")),
        None,
    )
    with pytest.raises(NoTrunkError, match="name a trunk"):
        rig.desk.request("13911112222", "orders")
    rig.centre.caller_in_queue()
    assert rig.desk.accept(rig.centre.call) is None


@pytest.mark.parametrize("first", ["agent", "customer"])
def test_a_queue_that_is_taken_out_leaves_its_callbacks_to_another(
    tmp_path: Path, first: str
) -> None:
    rig = Rig(tmp_path, first=first)
    rig.expect(Forecast(agents=0, p50=None))
    callback = rig.accept()
    acd = rig.centre.centre.acd
    orders = rig.centre.settings.queue[0]
    acd.add_queue(msgspec.structs.replace(orders, name="bonds"))
    acd.remove_queue("orders", "bonds")
    rig.centre.run(1.0)
    assert [(each.id, each.queue) for each in rig.desk.open] == [(callback, "bonds")]
    told = rig.centre.told(CallbackRequested)
    assert [event.queue for event in told] == ["orders", "bonds"]
    assert told[0].enqueued_at == pytest.approx(told[1].enqueued_at)
    acd.change_agent("agent1", queues=("bonds",), skills={})
    rig.expect(Forecast(agents=1, p50=None))
    rig.centre.staff()
    rig.centre.run(10.0)
    assert rig.outcomes == ["answered"]


def test_his_queue_is_taken_out_while_his_phone_rings(tmp_path: Path) -> None:
    rig = Rig(tmp_path, first="customer")
    rig.expect(Forecast(agents=1, p50=None))
    rig.customer.answers_after = 5.0
    rig.accept()
    rig.centre.run(2.0)
    acd = rig.centre.centre.acd
    acd.add_queue(msgspec.structs.replace(rig.centre.settings.queue[0], name="bonds"))
    acd.remove_queue("orders", "bonds")
    rig.centre.run(8.0)
    assert acd.queue_of(rig.centre.call) == "bonds"


@pytest.mark.parametrize("moved", [True, False])
def test_a_transfer_that_fails_when_its_queue_is_taken_out(tmp_path: Path, moved: bool) -> None:
    """The customer goes where his queue went; where it went nowhere, he is not left in silence."""
    rig = Rig(tmp_path, agents=2)
    rig.accept()
    rig.centre.staff("agent1")
    rig.centre.run(4.0)
    colleague = rig.centre.phones["agent2"]
    rig.centre.do(lambda: colleague.register(rig.centre.hop, "agent2-secret"))
    call = rig.centre.call
    inner = rig.centre.centre
    inner.acd.add_queue(msgspec.structs.replace(rig.centre.settings.queue[0], name="bonds"))
    rig.centre.do(
        lambda: inner.switch.transfer(call, agent="agent2", phone="agent2", queue="orders"), 2.0
    )
    inner.acd.remove_queue("orders", "bonds" if moved else None)
    rig.centre.do(lambda: inner.switch.clear_connection(call.agent, Cause.NO_ANSWER), 3.0)
    assert rig.outcomes == ["answered"]
    assert inner.acd.queue_of(call) == ("bonds" if moved else None)
    if moved:
        rig.centre.do(rig.customer.hang_up)
    assert rig.customer.is_over
    rig.assert_nothing_left()


# --- closing time, restart ----------------------------------------------------------------------------


def test_closing_time_carries_over_to_the_next_opening(tmp_path: Path) -> None:
    rig = Rig(tmp_path, hours=Shop(closes=60.0, opens=5000.0))
    callback = rig.accept()
    rig.centre.run(60.0)
    (carried,) = (event for event in rig.centre.told(Routed) if event.step == "carried_over")
    assert (carried.contact, carried.facts) == (callback, {"due_at": EPOCH + 5000.0})
    rig.centre.run(4900.0)
    rig.centre.staff()
    assert rig.centre.network.now < 5000.0
    assert rig.tries == []
    rig.centre.run(100.0)
    assert rig.outcomes == ["answered"]
    assert rig.centre.told(CallbackRequested) == [rig.requested]


def test_closing_time_resolves_where_it_is_said_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path, hours=Shop(closes=60.0, opens=5000.0), closing="resolve")
    rig.accept()
    rig.centre.run(60.0)
    assert rig.outcomes == ["closed"]
    rig.assert_nothing_left()


def test_a_restart_forgets_nobody(tmp_path: Path) -> None:
    """Replayed from the events of the run before; the customer's one try stays counted."""
    rig = Rig(tmp_path, attempts=2, spacing_s=50.0)
    rig.customer.refuses_with = 486
    callback = rig.accept()
    rig.centre.staff()
    rig.centre.run(3.0)
    assert rig.tries == [(1, Cause.BUSY)]
    fold = OpenCallbacks()
    for event in rig.centre.events:
        fold.feed(event)
    before = rig.desk.open
    again = rig.next_desk()
    again.restore(fold.all())
    assert again.open[0].id == before[0].id == callback
    assert again.open[0].enqueued_at == pytest.approx(before[0].enqueued_at)
    assert again.open[0].due_at == pytest.approx(before[0].due_at)
    assert (again.open[0].tries, again.open[0].state) == (1, before[0].state)
    rig.centre.run(60.0)
    assert rig.tries == [(1, Cause.BUSY), (2, Cause.BUSY)]
    assert rig.outcomes == ["unreachable"]


# --- customer first -------------------------------------------------------------------------------------


def test_the_customer_is_called_when_an_agent_is_likely_to_be_free(tmp_path: Path) -> None:
    rig = Rig(tmp_path, first="customer")
    rig.expect(Forecast(agents=1, p50=300.0))
    rig.accept()
    rig.centre.run(60.0)
    assert rig.customer.saw(InviteReceived) == []
    rig.expect(Forecast(agents=1, p50=8.0))
    rig.centre.run(10.0)
    assert len(rig.customer.saw(InviteReceived)) == 1
    assert rig.centre.call.direction is Direction.OUT  # he answered, and waits
    assert rig.tries == []
    rig.centre.staff()
    rig.centre.run(3.0)
    assert rig.centre.call.bridged
    assert len(rig.centre.told(Bridged)) == 1
    assert rig.tries == [(1, None)]
    assert rig.outcomes == ["answered"]
    rig.centre.do(rig.customer.hang_up)
    assert rig.centre.agent_state() == "ready"
    rig.assert_nothing_left()


def test_he_waits_at_the_place_that_he_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path, first="customer")
    rig.expect(Forecast(agents=1, p50=None))
    rig.accept()
    other = rig.calls_in(rig.other_phone("13800000002"))
    rig.centre.run(10.0)
    assert len(rig.centre.centre.switch.calls) == 2
    rig.centre.staff()
    rig.centre.run(3.0)
    assert rig.outcomes == ["answered"]
    assert not other.bridged


@pytest.mark.parametrize("where", ["ringing", "waiting", "agent rings"])
def test_a_customer_called_first_who_is_lost_again(tmp_path: Path, where: str) -> None:
    rig = Rig(tmp_path, first="customer", spacing_s=100.0)
    rig.expect(Forecast(agents=1, p50=None))
    if where == "ringing":
        rig.customer.answers_after = None
    rig.accept()
    rig.centre.run(40.0 if where == "ringing" else 5.0)
    if where == "agent rings":
        rig.centre.staff(answers_after=60.0)
        rig.centre.run(1.0)
    if where != "ringing":
        rig.centre.do(rig.customer.hang_up)
    cause = Cause.NO_ANSWER if where == "ringing" else Cause.NORMAL_CLEARING
    assert rig.tries == [(1, cause)]
    if where == "agent rings":
        assert rig.centre.agent_state() == "ready"
    assert [each.state.value for each in rig.desk.open] == ["spacing"]
    assert len(rig.desk) == 0


def test_who_hangs_up_on_music_was_not_a_lost_caller(tmp_path: Path) -> None:
    """He is called back already: a call of ours that he leaves asks for no second callback."""
    rig = Rig(tmp_path, first="customer", abandoned=True, abandoned_after_s=1.0)
    rig.expect(Forecast(agents=1, p50=None))
    rig.accept()
    rig.centre.run(20.0)
    rig.centre.do(rig.customer.hang_up)
    assert len(rig.centre.told(CallbackRequested)) == 1


def test_cancelled_while_his_phone_rings(tmp_path: Path) -> None:
    rig = Rig(tmp_path, first="customer")
    rig.expect(Forecast(agents=1, p50=None))
    rig.customer.answers_after = 20.0
    callback = rig.accept()
    rig.centre.run(3.0)
    rig.centre.do(lambda: rig.desk.cancel(callback))
    assert rig.centre.centre.switch.calls == {}
    assert rig.outcomes == ["cancelled"]
    rig.assert_nothing_left()


@pytest.mark.parametrize(
    ("agents", "p50", "under_way", "expected"),
    [
        (2, None, 0, 0.0),
        (2, None, 1, 0.0),
        (2, None, 2, 5.0),
        (0, None, 0, 5.0),
        (1, 10.0, 0, 0.0),
        (1, 12.0, 0, 2.0),
        (1, 300.0, 0, 5.0),
    ],
)
def test_when_to_call(agents: int, p50: float | None, under_way: int, expected: float) -> None:
    assert pause(Forecast(agents, p50), under_way, answers_s=10.0) == expected


# --- transfers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [True, False])
def test_a_customer_who_was_called_back_is_transferred(tmp_path: Path, answers: bool) -> None:
    rig = Rig(tmp_path, agents=2)
    rig.accept()
    rig.centre.staff("agent1")
    rig.centre.run(4.0)
    colleague = rig.centre.phones["agent2"]
    rig.centre.do(lambda: colleague.register(rig.centre.hop, "agent2-secret"))
    colleague.answers_after = 1.0 if answers else None
    colleague.refuses_with = None if answers else 486
    call = rig.centre.call
    rig.centre.do(
        lambda: rig.centre.centre.switch.transfer(
            call, agent="agent2", phone="agent2", queue="orders"
        ),
        5.0,
    )
    if answers:
        assert call.bridged
        assert call.answered.agent == "agent2"
        assert rig.centre.agent_state("agent1") == "ready"
    else:
        # Back in the queue, at his place; the first agent is free, and takes him.
        assert call.bridged
        assert call.answered.agent == "agent1"
    assert rig.outcomes == ["answered"]
    rig.centre.do(rig.customer.hang_up)
    rig.assert_nothing_left()
