"""The timer queue: order, cancelling, and that it never keeps what nobody waits for."""

from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.timers import Timers
from ccd.timer_queue import TimerQueue


def test_base_values() -> None:
    timers = Timers()
    assert (timers.t1, timers.t2, timers.t4, timers.timeout) == (0.5, 4.0, 5.0, 32.0)


def test_due_timers_run_in_order_of_time_then_of_starting() -> None:
    queue, ran = TimerQueue(), []
    for when, name in ((2.0, "c"), (1.0, "a"), (1.0, "b"), (3.0, "d")):
        queue.at(when, lambda argument, now: ran.append(argument), name)
    assert queue.next_due() == 1.0
    queue.run(2.0)
    assert ran == ["a", "b", "c"]
    assert (len(queue), queue.next_due()) == (1, 3.0)


def test_a_timer_started_by_a_timer_runs_too_when_it_is_due() -> None:
    queue, ran = TimerQueue(), []

    def first(argument: None, now: float) -> None:
        queue.at(now, lambda argument, now: ran.append(now))

    queue.at(1.0, first)
    queue.run(1.0)
    assert ran == [1.0]


def test_cancel_is_idempotent_also_after_it_ran() -> None:
    queue, ran = TimerQueue(), []
    timer = queue.at(1.0, lambda argument, now: ran.append(1))
    timer.cancel()
    timer.cancel()
    assert (len(queue), queue.next_due()) == (0, None)
    timer = queue.at(1.0, lambda argument, now: ran.append(2))
    queue.run(1.0)
    timer.cancel()
    assert (ran, len(queue)) == ([2], 0)


def test_a_cancelled_timer_lets_go_of_what_it_would_have_called() -> None:
    class Owner:
        def expire(self, argument: None, now: float) -> None: ...

    queue, owner = TimerQueue(), Owner()
    gone = weakref.ref(owner)
    timer = queue.at(1e9, owner.expire, owner)
    del owner
    gc.collect()
    assert gone() is not None
    timer.cancel()
    gc.collect()
    assert gone() is None


def test_the_heap_does_not_fill_with_the_dead() -> None:
    queue = TimerQueue()
    for number in range(100_000):
        queue.at(1e9 + number, print).cancel()
    assert len(queue) == 0
    assert len(queue._heap) < 200


@given(st.lists(st.tuples(st.sampled_from(["start", "cancel", "run"]), st.integers(0, 50))))
def test_it_does_what_a_sorted_list_would(steps: list[tuple[str, int]]) -> None:
    queue, model, ran, timers = TimerQueue(), [], [], []
    now, serial = 0, 0
    for step, number in steps:
        if step == "start":
            serial += 1
            timers.append((serial, queue.at(number, lambda name, now: ran.append(name), serial)))
            model.append((number, serial))
        elif step == "cancel" and timers:
            name, timer = timers.pop(number % len(timers))
            timer.cancel()
            model = [entry for entry in model if entry[1] != name]
        elif step == "run":
            now = max(now, number)
            due = sorted(entry for entry in model if entry[0] <= now)
            model = [entry for entry in model if entry[0] > now]
            ran.clear()
            queue.run(now)
            assert ran == [name for _, name in due]
        assert len(queue) == len(model)
        assert queue.next_due() == (min(model)[0] if model else None)
