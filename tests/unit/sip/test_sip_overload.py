"""The gate for new calls: rate, lateness, recovery, and who passes in spite of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.overload import (
    ADJUST_S,
    CALM_S,
    FLOOR,
    Accept,
    Overload,
    Priority,
    Shed,
    SheddingChanged,
)


def offer(
    gate: Overload, rate: float, seconds: float, start: float, late: float = 0.0
) -> tuple[int, float]:
    """Offer calls evenly and tell the lag every 100 ms; how many got in, and the time after."""
    admitted = 0
    steps = int(rate * seconds)
    told = start
    for i in range(steps):
        now = start + i / rate
        while told + 0.1 <= now:
            told += 0.1
            gate.lag(late, told)
        admitted += isinstance(gate.admit(now), Accept)
    return admitted, start + seconds


def test_below_the_rate_nothing_is_shed() -> None:
    gate = Overload(100, 0.0)
    assert offer(gate, 90, 20, 0.0)[0] == 1800
    assert (gate.shed, gate.shedding) == (0, False)


def test_above_the_rate_the_rate_gets_in() -> None:
    gate = Overload(100, 0.0)
    admitted, _ = offer(gate, 300, 20, 0.0)
    assert admitted == pytest.approx(100 * 20 + 25, rel=0.01)


def test_shed_calls_are_told_when_to_come_again_not_all_at_once() -> None:
    gate = Overload(10, 0.0)
    verdicts = [gate.admit(0.0) for _ in range(100)]
    shed = [v for v in verdicts if isinstance(v, Shed)]
    assert len(shed) == 90
    assert {v.retry_after for v in shed} == {1, 2, 3, 4}
    assert shed[0].headers == (("Retry-After", str(shed[0].retry_after)),)
    assert "10 new calls/s" in shed[0].reason


def test_begin_and_end_of_shedding_are_told_once_each() -> None:
    gate = Overload(10, 0.0)
    for _ in range(50):
        gate.admit(0.0)
    for tick in range(1, 100):
        gate.lag(0.0, tick / 10)
    assert gate.next_event() == SheddingChanged(True, "more than 10 new calls/s")
    assert gate.next_event() == SheddingChanged(False, f"no call shed for {CALM_S:.0f} s")
    assert gate.next_event() is None


def test_a_pause_shorter_than_the_calm_is_no_end() -> None:
    gate = Overload(10, 0.0)
    for now in (0.0, 4.0, 8.0, 12.0):
        for _ in range(100):
            gate.admit(now)
        gate.lag(0.0, now + CALM_S - 1.1)
    assert gate.shedding
    assert gate.next_event() is not None
    assert gate.next_event() is None


def test_a_late_loop_cuts_the_rate_until_it_is_punctual_again() -> None:
    gate = Overload(400, 0.0)
    _, now = offer(gate, 200, 2, 0.0)
    assert gate.rate == 400
    _, now = offer(gate, 200, ADJUST_S + 0.1, now, late=0.3)
    assert gate.rate == pytest.approx(140, rel=0.1)  # 0.7 of what was let in, not of 400
    _, now = offer(gate, 200, 5, now, late=0.3)
    assert gate.rate < 20
    cut = gate.rate
    _, now = offer(gate, 200, 2, now, late=0.05)  # neither good nor bad
    assert gate.rate == cut
    _, now = offer(gate, 200, 15, now, late=0.0)
    assert gate.rate == 400
    before = gate.shed
    offer(gate, 200, 5, now)
    assert gate.shed == before


def test_some_calls_always_get_in_however_late_it_is() -> None:
    gate = Overload(400, 0.0)
    _, now = offer(gate, 400, 20, 0.0, late=2.0)
    assert gate.rate == 400 * FLOOR
    admitted, _ = offer(gate, 400, 20, now, late=2.0)
    assert admitted == pytest.approx(400 * FLOOR * 20, rel=0.2)


def test_few_calls_and_a_late_loop_do_not_close_the_gate_at_once() -> None:
    gate = Overload(400, 0.0)
    gate.lag(0.5, 1.0)
    assert gate.rate == 140


def test_vips_are_shed_last_and_emergencies_never() -> None:
    gate = Overload(100, 0.0)
    while isinstance(gate.admit(0.0), Accept):
        pass
    vips = 0
    while isinstance(gate.admit(0.0, Priority.VIP), Accept):
        vips += 1
    assert vips == 25
    assert all(isinstance(gate.admit(0.0, Priority.EMERGENCY), Accept) for _ in range(1000))
    # The debt they made is bounded: others come in again within two buckets' time.
    assert isinstance(gate.admit(0.27, Priority.VIP), Accept)
    assert isinstance(gate.admit(0.6), Accept)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Overload(0, 0.0)


@given(
    st.floats(1, 1000),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(Priority)), max_size=200),
)
def test_never_more_than_the_rate_and_the_burst_and_changes_alternate(
    rate: float, story: list[tuple[float, float, Priority]]
) -> None:
    gate = Overload(rate, 0.0)
    now, normal, shedding = 0.0, 0, False
    for pause, late, priority in story:
        now += pause
        gate.lag(late, now)
        accepted = isinstance(gate.admit(now, priority), Accept)
        assert accepted or priority is not Priority.EMERGENCY
        normal += accepted and priority is Priority.NORMAL
        while (event := gate.next_event()) is not None:
            assert event.shedding is not shedding
            shedding = event.shedding
        assert normal <= max(10.0, rate / 4) + rate * now + 1
        assert rate * FLOOR <= gate.rate <= rate
    assert gate.shedding is shedding
