"""A callback from its request to its end: places, tries, closings, restarts."""

from __future__ import annotations

import itertools

import pytest

from ccd.acd.callbacks.engine import (
    CallbackAction,
    CallbackRules,
    Callbacks,
    CarriedOver,
    Dial,
    NoNumberError,
    Requested,
    Resolve,
    Submit,
    Tried,
    UnknownCallbackError,
    Withdraw,
)
from ccd.acd.callbacks.states import TRANSITIONS, CallbackState, Origin, Outcome, Trigger
from ccd.acd.errors import UnknownQueueError
from ccd.model import Cause

ANNA, BERT = "13800000001", "13800000002"


@pytest.fixture
def engine() -> Callbacks:
    engine = Callbacks()
    engine.set_queue(CallbackRules(queue="orders", attempts=3, spacing_s=600.0))
    engine.set_queue(CallbackRules(queue="bonds", attempts=1, carry_over=False))
    return engine


def actions(engine: Callbacks) -> list[CallbackAction]:
    return list(iter(engine.next_action, None))


def names(engine: Callbacks) -> list[str]:
    return [type(action).__name__ for action in actions(engine)]


def ask(
    engine: Callbacks,
    name: str = "cb1",
    number: str = ANNA,
    *,
    queue: str = "orders",
    origin: Origin = Origin.OFFERED,
    place: float = 10.0,
    now: float = 100.0,
    due_at: float | None = None,
) -> str:
    return engine.request(
        name, number=number, queue=queue, origin=origin, enqueued_at=place, now=now, due_at=due_at
    )


def outcomes(done: list[CallbackAction]) -> list[str]:
    return [action.outcome for action in done if isinstance(action, Resolve)]


def test_requested_submitted_dialled_answered(engine: Callbacks) -> None:
    assert ask(engine) == "cb1"
    requested, submit = actions(engine)
    assert isinstance(requested, Requested)
    assert isinstance(submit, Submit)
    assert submit.callback.enqueued_at == 10.0
    assert engine.dial("cb1", "li", 200.0)
    (dial,) = actions(engine)
    assert isinstance(dial, Dial)
    assert (dial.agent, dial.attempt, dial.callback.number) == ("li", 1, ANNA)
    assert engine.reached("cb1", 210.0)
    assert actions(engine) == [
        Tried("cb1", 1, None, None),
        Resolve("cb1", "orders", ANNA, Outcome.ANSWERED),
    ]
    assert len(engine) == 0
    assert engine.get_timer() is None


def test_every_try_is_from_the_same_place_until_the_last(engine: Callbacks) -> None:
    ask(engine)
    now = 100.0
    for attempt in (1, 2, 3):
        actions(engine)
        assert engine.dial("cb1", None, now)
        assert engine.failed("cb1", Cause.NO_ANSWER, now)
        done = actions(engine)
        last = attempt == 3
        assert done[1] == Tried("cb1", attempt, Cause.NO_ANSWER, None if last else now + 600.0)
        if last:
            assert done[2:] == [Resolve("cb1", "orders", ANNA, Outcome.UNREACHABLE)]
        else:
            now += 600.0
            assert engine.get_timer() == now
            engine.handle_timer(now)
            callback = engine.get("cb1")
            assert callback is not None
            assert callback.enqueued_at == 10.0
            assert callback.state is CallbackState.WAITING
    assert engine.get_timer() is None


@pytest.mark.parametrize("cause", [Cause.TRUNKS_BUSY, Cause.CALL_CANCELLED, Cause.MEDIA_FAILED])
def test_a_fault_of_ours_uses_up_no_try(engine: Callbacks, cause: Cause) -> None:
    ask(engine, queue="bonds")  # which tries once
    for now in (200.0, 800.0, 1400.0):
        engine.handle_timer(now)
        actions(engine)
        engine.dial("cb1", None, now)
        engine.failed("cb1", cause, now)
        assert actions(engine)[1] == Tried("cb1", 0, cause, now + 600.0)
    assert len(engine) == 1


def test_one_number_has_one_callback_in_whatever_queues(engine: Callbacks) -> None:
    ask(engine, "cb1", queue="orders", origin=Origin.ABANDONED)
    actions(engine)
    assert ask(engine, "cb2", queue="bonds", origin=Origin.ABANDONED) == "cb1"
    assert ask(engine, "cb3", queue="bonds", origin=Origin.OFFERED, place=50.0) == "cb1"
    assert actions(engine) == []
    assert [callback.enqueued_at for callback in engine.callbacks()] == [10.0]


def test_an_appointment_is_kept_to_the_second_and_before_all_who_came_since(
    engine: Callbacks,
) -> None:
    ask(engine, due_at=5000.0, origin=Origin.SCHEDULED)
    assert names(engine) == ["Requested"]
    engine.handle_timer(4999.9)
    assert names(engine) == []
    assert engine.get_timer() == 5000.0
    engine.handle_timer(5000.0)
    (submit,) = actions(engine)
    assert isinstance(submit, Submit)
    assert submit.callback.enqueued_at == 10.0


def test_the_customers_last_word_says_when(engine: Callbacks) -> None:
    ask(engine)
    actions(engine)
    assert ask(engine, "cb2", origin=Origin.SCHEDULED, due_at=5000.0) == "cb1"
    withdraw_and_more = actions(engine)
    assert [type(action) for action in withdraw_and_more] == [Requested, Withdraw]
    assert withdraw_and_more[1] == Withdraw("cb1", "rescheduled")
    assert ask(engine, "cb3", now=200.0) == "cb1"
    assert names(engine) == ["Requested", "Submit"]
    assert engine.get_timer() is None


def test_a_lost_caller_with_an_appointment_keeps_it(engine: Callbacks) -> None:
    ask(engine, origin=Origin.SCHEDULED, due_at=5000.0)
    actions(engine)
    assert ask(engine, "cb2", origin=Origin.ABANDONED) == "cb1"
    assert actions(engine) == []
    assert engine.get_timer() == 5000.0


@pytest.mark.parametrize("number", ["", "anonymous"])
def test_who_hides_his_number_cannot_be_called(engine: Callbacks, number: str) -> None:
    with pytest.raises(NoNumberError, match="ask the caller"):
        ask(engine, number=number)
    assert len(engine) == 0


def test_a_queue_that_is_not_there(engine: Callbacks) -> None:
    with pytest.raises(UnknownQueueError, match="no queue 'funds': there are bonds, orders"):
        ask(engine, queue="funds")


# --- the customer calls himself -------------------------------------------------------------


def test_he_calls_in_and_is_served(engine: Callbacks) -> None:
    ask(engine)
    actions(engine)
    assert engine.arrived(ANNA, 150.0)
    assert actions(engine) == [Withdraw("cb1", "customer arrived")]
    assert engine.served(ANNA, 160.0)
    assert actions(engine) == [Resolve("cb1", "orders", ANNA, Outcome.CALLED_IN)]


def test_he_calls_in_and_gives_up_again(engine: Callbacks) -> None:
    ask(engine)
    engine.arrived(ANNA, 150.0)
    engine.arrived(ANNA, 155.0)  # on two phones of one number
    actions(engine)
    assert not engine.left(ANNA, 160.0)
    assert ask(engine, "cb2", origin=Origin.ABANDONED, now=165.0) == "cb1"
    assert engine.left(ANNA, 165.0)
    (submit,) = actions(engine)
    assert isinstance(submit, Submit)
    assert submit.callback.enqueued_at == 10.0


def test_he_calls_in_between_two_tries(engine: Callbacks) -> None:
    ask(engine)
    engine.dial("cb1", None, 200.0)
    engine.failed("cb1", Cause.BUSY, 200.0)
    actions(engine)
    engine.arrived(ANNA, 300.0)
    engine.handle_timer(1000.0)  # the next try would have been at 800
    assert actions(engine) == []
    engine.left(ANNA, 1000.0)
    assert names(engine) == ["Submit"]


def test_he_calls_in_while_we_call_him(engine: Callbacks) -> None:
    ask(engine)
    engine.dial("cb1", None, 200.0)
    actions(engine)
    assert not engine.arrived(ANNA, 201.0)
    assert engine.failed("cb1", Cause.BUSY, 202.0)
    assert actions(engine) == [Tried("cb1", 1, Cause.BUSY, 802.0)]
    assert engine.callbacks()[0].state is CallbackState.HELD
    engine.served(ANNA, 300.0)
    assert outcomes(actions(engine)) == ["called_in"]


def test_he_is_served_while_we_call_him(engine: Callbacks) -> None:
    ask(engine)
    engine.dial("cb1", None, 200.0)
    engine.arrived(ANNA, 201.0)
    actions(engine)
    engine.served(ANNA, 202.0)
    assert names(engine) == ["Withdraw", "Resolve"]
    assert not engine.failed("cb1", Cause.CALL_CANCELLED, 203.0)


def test_an_appointment_outlives_a_call_about_something_else(engine: Callbacks) -> None:
    ask(engine, origin=Origin.SCHEDULED, due_at=5000.0)
    actions(engine)
    engine.arrived(ANNA, 300.0)
    engine.served(ANNA, 310.0)
    assert actions(engine) == []
    assert engine.get_timer() == 5000.0


# --- closing time ---------------------------------------------------------------------------


def test_at_closing_everything_goes_to_the_next_opening_in_its_order(engine: Callbacks) -> None:
    for number in (3, 1, 2):
        ask(engine, f"cb{number}", f"138{number}", place=float(number))
    ask(engine, "later", "1389", origin=Origin.SCHEDULED, due_at=9000.0)
    ask(engine, "soon", "1388", place=0.5, origin=Origin.SCHEDULED, due_at=1500.0)
    actions(engine)
    engine.close("orders", 1000.0, reopens_at=5000.0)
    done = actions(engine)
    carried = [action.callback for action in done if isinstance(action, CarriedOver)]
    assert carried == ["soon", "cb1", "cb2", "cb3"]
    assert [action.callback for action in done if isinstance(action, Withdraw)] == carried[1:]
    engine.handle_timer(4999.0)
    assert actions(engine) == []
    engine.open("orders", 5000.0)
    started = [action.callback for action in actions(engine) if isinstance(action, Submit)]
    assert [callback.id for callback in started] == carried
    assert [callback.enqueued_at for callback in started] == [0.5, 1.0, 2.0, 3.0]


def test_at_closing_or_else_everything_is_over_but_later_appointments(engine: Callbacks) -> None:
    ask(engine, queue="bonds")
    ask(engine, "cb2", BERT, queue="bonds", origin=Origin.SCHEDULED, due_at=9000.0)
    actions(engine)
    engine.close("bonds", 1000.0, reopens_at=5000.0)
    assert outcomes(actions(engine)) == ["closed"]
    assert [callback.id for callback in engine.callbacks()] == ["cb2"]


def test_closing_for_good(engine: Callbacks) -> None:
    ask(engine)
    engine.close("orders", 1000.0, reopens_at=None)
    assert outcomes(actions(engine)) == ["closed"]
    ask(engine, "cb2", now=1100.0)
    assert outcomes(actions(engine)) == ["closed"]


@pytest.mark.parametrize("queue", ["orders", "bonds"])
def test_who_asks_while_it_is_closed_is_called_when_it_opens(engine: Callbacks, queue: str) -> None:
    engine.close(queue, 0.0, reopens_at=5000.0)
    ask(engine, queue=queue, origin=Origin.OVERFLOW)
    assert names(engine) == ["Requested", "CarriedOver"]
    engine.handle_timer(5000.0)  # nobody needs to say `open`
    assert names(engine) == ["Submit"]


@pytest.mark.parametrize(
    ("queue", "expected"),
    [("orders", (Cause.BUSY, 5000.0, [])), ("bonds", (Cause.TRUNKS_BUSY, None, ["closed"]))],
)
def test_a_try_over_closing_time(
    engine: Callbacks, queue: str, expected: tuple[Cause, float | None, list[str]]
) -> None:
    cause, next_at, over = expected
    ask(engine, queue=queue)
    engine.dial("cb1", None, 990.0)
    actions(engine)
    engine.close(queue, 1000.0, reopens_at=5000.0)
    assert actions(engine) == []
    engine.failed("cb1", cause, 1010.0)
    done = actions(engine)
    assert isinstance(done[0], Tried)
    assert done[0].next_at == next_at
    assert outcomes(done) == over
    engine.open(queue, 4900.0)  # a little early
    assert names(engine) == ([] if over else ["Submit"])


def test_a_customer_who_leaves_after_closing_is_carried_over(engine: Callbacks) -> None:
    ask(engine)
    engine.arrived(ANNA, 900.0)
    engine.close("orders", 1000.0, reopens_at=5000.0)
    actions(engine)
    engine.left(ANNA, 1010.0)
    assert actions(engine) == [CarriedOver("cb1", "orders", 5000.0)]


def test_a_queue_that_is_taken_out_forgets_nobody(engine: Callbacks) -> None:
    ask(engine)
    ask(engine, "cb2", BERT)
    engine.dial("cb2", "li", 200.0)
    actions(engine)
    engine.remove_queue("orders", 300.0)
    assert outcomes(actions(engine)) == ["closed", "closed"]
    assert len(engine) == 0


def test_a_queue_that_is_taken_out_may_leave_them_to_another(engine: Callbacks) -> None:
    ask(engine)
    ask(engine, "cb2", BERT, place=5.0)
    engine.dial("cb2", "li", 200.0)
    engine.failed("cb2", Cause.BUSY, 200.0)
    ask(engine, "cb3", "1383")
    engine.dial("cb3", "li", 200.0)
    actions(engine)
    engine.move_queue("orders", "bonds", 300.0)
    done = actions(engine)
    assert [type(action) for action in done] == [Requested, Requested, Withdraw, Submit, Requested]
    assert done[2] == Withdraw("cb1", "moved")
    assert {c.id: (c.queue, c.enqueued_at, c.due_at) for c in engine.callbacks()} == {
        "cb1": ("bonds", 10.0, None),
        "cb2": ("bonds", 5.0, 800.0),
        "cb3": ("bonds", 10.0, None),
    }
    engine.failed("cb3", Cause.BUSY, 310.0)
    assert outcomes(actions(engine)) == ["unreachable"]  # by the other queue's rules
    with pytest.raises(UnknownQueueError):
        engine.move_queue("bonds", "funds", 400.0)


def test_what_waits_for_an_opening_follows_it(engine: Callbacks) -> None:
    """Opening hours are changed while it is closed."""
    ask(engine)
    engine.close("orders", 1000.0, reopens_at=9000.0)
    actions(engine)
    engine.close("orders", 1100.0, reopens_at=5000.0)
    assert actions(engine) == [CarriedOver("cb1", "orders", 5000.0)]
    engine.close("orders", 1200.0, reopens_at=5000.0)
    assert actions(engine) == []
    assert engine.get_timer() == 5000.0


def test_what_was_promised_while_it_was_closed_outlives_a_change_of_hours(
    engine: Callbacks,
) -> None:
    engine.close("bonds", 1000.0, reopens_at=9000.0)  # which carries nobody over
    ask(engine, queue="bonds")
    engine.close("bonds", 1100.0, reopens_at=5000.0)
    engine.open("bonds", 5000.0)
    assert names(engine)[-1] == "Submit"
    engine.close("bonds", 6000.0, reopens_at=9000.0)
    assert outcomes(actions(engine)) == ["closed"]


# --- the rest -------------------------------------------------------------------------------


def test_cancelled(engine: Callbacks) -> None:
    ask(engine)
    actions(engine)
    engine.cancel("cb1", 200.0)
    assert actions(engine) == [
        Withdraw("cb1", "cancelled"),
        Resolve("cb1", "orders", ANNA, Outcome.CANCELLED),
    ]
    with pytest.raises(UnknownCallbackError, match="cb1"):
        engine.cancel("cb1", 200.0)


def test_restored_from_an_earlier_run(engine: Callbacks) -> None:
    ask(engine, "cb1", "1381", place=5.0)
    ask(engine, "cb2", "1382", place=3.0)
    engine.dial("cb2", None, 150.0)
    engine.failed("cb2", Cause.BUSY, 160.0)
    ask(engine, "cb3", "1383", origin=Origin.SCHEDULED, due_at=5000.0)
    ask(engine, "cb4", "1384", place=1.0)
    engine.dial("cb4", None, 170.0)  # the daemon dies while his phone rings
    later = Callbacks()
    later.set_queue(CallbackRules(queue="orders"))
    later.restore(engine.callbacks(), 200.0)
    submitted = [action.callback.id for action in actions(later) if isinstance(action, Submit)]
    assert submitted == ["cb4", "cb1"]
    assert {c.id: (c.enqueued_at, c.tries, c.due_at) for c in later.callbacks()} == {
        "cb1": (5.0, 0, None),
        "cb2": (3.0, 1, 760.0),
        "cb3": (10.0, 0, 5000.0),
        "cb4": (1.0, 0, None),
    }
    assert [c.state.value for c in later.callbacks()] == [
        *("waiting", "spacing", "waiting", "scheduled"),
    ]


def test_what_cannot_go_on_after_a_restart_is_told(engine: Callbacks) -> None:
    ask(engine, "cb1", queue="bonds")
    ask(engine, "cb2", BERT)
    twin = engine.callbacks()[1]
    later = Callbacks()
    later.set_queue(CallbackRules(queue="orders"))
    later.restore([*engine.callbacks(), twin], 200.0)
    assert outcomes(actions(later)) == ["closed", "cancelled"]
    assert [callback.id for callback in later.callbacks()] == ["cb2"]


def test_one_id_is_one_callback(engine: Callbacks) -> None:
    ask(engine)
    with pytest.raises(ValueError, match="open already"):
        ask(engine, number=BERT)
    assert engine.of_number(BERT) is None


def bring(engine: Callbacks, state: CallbackState) -> None:
    """Have `cb1` in this state."""
    if state is CallbackState.SCHEDULED:
        ask(engine, origin=Origin.SCHEDULED, due_at=5000.0)
    else:
        ask(engine)
    if state in (CallbackState.DIALLING, CallbackState.SPACING):
        engine.dial("cb1", None, 200.0)
    if state is CallbackState.SPACING:
        engine.failed("cb1", Cause.BUSY, 200.0)
    if state is CallbackState.HELD:
        engine.arrived(ANNA, 200.0)
    if state is CallbackState.RESOLVED:
        engine.cancel("cb1", 200.0)
    actions(engine)


DO = {
    Trigger.DUE: lambda engine: engine.handle_timer(10_000.0),
    Trigger.DIALLED: lambda engine: engine.dial("cb1", None, 300.0),
    Trigger.REACHED: lambda engine: engine.reached("cb1", 300.0),
    Trigger.FAILED: lambda engine: engine.failed("cb1", Cause.BUSY, 300.0),
    Trigger.ARRIVED: lambda engine: engine.arrived(ANNA, 300.0),
    Trigger.LEFT: lambda engine: engine.left(ANNA, 300.0),
    Trigger.SERVED: lambda engine: engine.served(ANNA, 300.0),
    Trigger.CLOSING: lambda engine: engine.close("orders", 300.0, 20_000.0),
}


@pytest.mark.parametrize(("state", "trigger"), list(itertools.product(CallbackState, DO)))
def test_each_pair_of_state_and_trigger(
    engine: Callbacks, state: CallbackState, trigger: Trigger
) -> None:
    """What is not in the table changes nothing and says nothing."""
    bring(engine, state)
    before = engine.get("cb1")
    DO[trigger](engine)
    if (state, trigger) not in TRANSITIONS:
        assert actions(engine) == []
        assert engine.get("cb1") == before
        return
    after = engine.get("cb1")
    expected = TRANSITIONS[state, trigger]
    if isinstance(expected, CallbackState):
        found = CallbackState.RESOLVED if after is None else after.state
        assert found is expected
    else:
        assert after is not None
