"""Who calls again within the window: one customer, and his place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.acd.anonymity import is_anonymous
from ccd.acd.redials import Redials

ANNA, BERT = "13800000001", "13800000002"


@pytest.fixture
def redials() -> Redials:
    return Redials(600.0)


def test_he_has_his_place_back(redials: Redials) -> None:
    assert redials.arrived(ANNA, "orders", 0.0) is None
    redials.left(ANNA, "orders", 0.0, 40.0)
    assert redials.arrived(ANNA, "orders", 639.9) == 0.0


def test_after_the_window_he_is_new(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    redials.left(ANNA, "orders", 0.0, 40.0)
    assert redials.arrived(ANNA, "orders", 640.0) is None
    assert redials.figures().customers == 2


def test_a_second_call_at_the_same_time_gets_nothing_of_the_firsts_place(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    redials.left(ANNA, "orders", 0.0, 40.0)
    assert redials.arrived(ANNA, "orders", 50.0) == 0.0
    assert redials.arrived(ANNA, "orders", 51.0) is None
    assert redials.figures("orders").customers == 1


def test_a_second_call_while_the_first_waits_gets_nothing_of_its_place(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    assert redials.arrived(ANNA, "orders", 10.0) is None
    redials.left(ANNA, "orders", 10.0, 20.0)  # the second gives up
    redials.left(ANNA, "orders", 0.0, 30.0)  # then the first
    assert redials.arrived(ANNA, "orders", 40.0) == 0.0
    assert redials.arrived(ANNA, "orders", 41.0) is None


def test_in_another_queue_he_is_the_same_customer_at_the_end_of_the_line(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    redials.left(ANNA, "orders", 0.0, 40.0)
    assert redials.arrived(ANNA, "bonds", 50.0) is None
    assert redials.figures().customers == 1
    assert redials.figures("bonds").customers == 1
    assert redials.arrived(ANNA, "orders", 60.0) == 0.0


def test_who_was_served_has_no_claim(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    redials.left(ANNA, "orders", 0.0, 40.0)
    redials.arrived(ANNA, "bonds", 50.0)
    redials.served(ANNA, "bonds", 60.0)
    assert redials.arrived(ANNA, "orders", 70.0) is None
    assert redials.figures().redials == 2


def test_giving_up_again_begins_a_new_window(redials: Redials) -> None:
    for start in (0.0, 500.0, 1000.0):
        place = redials.arrived(ANNA, "orders", start)
        redials.left(ANNA, "orders", 0.0 if place is None else place, start + 10.0)
    assert redials.arrived(ANNA, "orders", 1600.0) == 0.0
    assert redials.figures().customers == 1
    assert redials.figures().places_kept == 3


@pytest.mark.parametrize("number", ["", "anonymous", "Anonymous", " unknown "])
def test_anonymous_callers_are_never_each_other(redials: Redials, number: str) -> None:
    assert is_anonymous(number)
    redials.arrived(number, "orders", 0.0)
    redials.left(number, "orders", 0.0, 10.0)
    assert redials.arrived(number, "orders", 20.0) is None
    assert redials.figures().customers == 2
    assert len(redials) == 0


def test_without_a_window_every_call_is_a_customer() -> None:
    redials = Redials(0.0)
    redials.arrived(ANNA, "orders", 0.0)
    redials.left(ANNA, "orders", 0.0, 0.0)
    assert redials.arrived(ANNA, "orders", 0.0) is None
    assert (redials.figures().customers, len(redials), redials.get_timer()) == (2, 0, None)


def test_time_empties_the_memory(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    redials.arrived(BERT, "orders", 100.0)
    redials.left(ANNA, "orders", 0.0, 200.0)
    assert redials.get_timer() == 700.0  # Bert's: Anna was heard of later
    redials.handle_timer(700.0)
    assert (len(redials), redials.get_timer()) == (1, 800.0)
    redials.handle_timer(800.0)
    assert (len(redials), redials.get_timer()) == (0, None)


def test_a_limit_bounds_the_memory_whatever_comes() -> None:
    redials = Redials(600.0, limit=3)
    for number in range(10):
        redials.arrived(str(number), "orders", 0.0)
        redials.left(str(number), "orders", 0.0, 0.0)
    assert len(redials) == 3
    assert redials.arrived("9", "orders", 1.0) == 0.0
    assert redials.arrived("0", "orders", 1.0) is None


def test_a_new_day_counts_from_nothing_and_keeps_places(redials: Redials) -> None:
    redials.arrived(ANNA, "orders", 0.0)
    redials.left(ANNA, "orders", 0.0, 10.0)
    redials.new_day()
    assert redials.figures().calls == 0
    assert redials.arrived(ANNA, "orders", 20.0) == 0.0
    assert redials.figures("orders").calls == 1


@pytest.mark.parametrize(("window", "limit"), [(-1.0, 10), (1.0, 0)])
def test_limits_that_make_no_sense(window: float, limit: int) -> None:
    with pytest.raises(ValueError, match="least"):
        Redials(window, limit=limit)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["arrived", "left", "served"]),
            st.sampled_from(["1", "2", "anonymous"]),
            st.sampled_from(["orders", "bonds"]),
            st.sampled_from([0.0, 1.0, 5.0, 10.0]),
        )
    )
)
def test_against_one_who_reads_the_whole_history(
    history: list[tuple[str, str, str, float]],
) -> None:
    """The oracle keeps every event for ever and looks through all of them each time."""
    window = 10.0
    redials = Redials(window)
    past: list[tuple[float, str, str, str]] = []  # at, what, customer, queue
    claims: list[tuple[float, float, str, str]] = []  # enqueued_at, left at, customer, queue
    calls = customers = 0
    now = 0.0
    for what, customer, queue, seconds in history:
        now += seconds
        known = customer != "anonymous"
        if what == "arrived":
            calls += 1
            customers += not known or not any(
                who == customer and now < at + window for at, _, who, _ in past
            )
            mine = [c for c in claims if c[2:] == (customer, queue) and known]
            # A claim lives on while the next one is left before it ends.
            best: float | None = None
            until = 0.0
            for enqueued_at, at, _, _ in mine:
                best = min(enqueued_at, best) if best is not None and at < until else enqueued_at
                until = at + window
            expected = best if now < until else None
            claims = [c for c in claims if c not in mine]
            assert redials.arrived(customer, queue, now) == expected
            past.append((now, what, customer, queue))
        elif what == "left":
            redials.left(customer, queue, now - 3.0, now)
            claims.append((now - 3.0, now, customer, queue))
            past.append((now, what, customer, queue))
        else:
            redials.served(customer, queue, now)
            claims = [c for c in claims if c[2] != customer]
            if any(who == customer and now < at + window for at, _, who, _ in past):
                past.append((now, what, customer, queue))
        figures = redials.figures()
        assert (figures.calls, figures.customers) == (calls, customers)
        assert len(redials) <= 2
