"""Adherence: rosters that are read, and what of them was kept; checked against hours by hand."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.events import (
    AgentBusy,
    AgentLoggedOff,
    AgentLoggedOn,
    AgentNotReady,
    AgentReady,
    Event,
    Offered,
)
from ccd.stats.adherence import Adherence
from ccd.stats.roster import Activity, RosterError, Stint, parse

NINE = datetime(2026, 11, 24, 9, 0).timestamp()
HOUR = 3600.0
A = "li.na"

ROSTER = """\
agent,start,end,activity
li.na,2026-11-24T09:00,2026-11-24T11:30,work
li.na,2026-11-24T11:30,2026-11-24T12:00,meal
li.na,2026-11-25T09:00,2026-11-25T11:30,work
wei,2026-11-24T09:00,2026-11-24T10:00,training
"""


def after(hours: float, event: Event) -> Event:
    return msgspec.structs.replace(event, at=NINE + hours * HOUR)


def day(*events: Event, roster: str = ROSTER) -> Adherence:
    adherence = Adherence(parse(roster))
    for event in events:
        adherence.apply(event)
    return adherence


def figures(adherence: Adherence, hours: float, agent: str = A) -> tuple[float, float]:
    """Hours rostered and kept."""
    view = adherence.of(agent, NINE + hours * HOUR)
    assert view is not None
    return view.rostered_s / HOUR, view.kept_s / HOUR


def test_a_morning_by_hand() -> None:
    adherence = day(
        after(-0.1, AgentLoggedOn(agent=A, phone="1")),
        after(0.5, AgentReady(agent=A)),  # half an hour late
        after(1.0, AgentBusy(agent=A, call="c")),
        after(1.2, AgentReady(agent=A)),
        after(2.0, AgentNotReady(agent=A, reason="break")),  # a break that is not rostered
        after(2.25, AgentReady(agent=A)),
        after(2.75, AgentNotReady(agent=A, reason="lunch")),  # a quarter of an hour late
        after(3.0, AgentReady(agent=A)),
    )
    assert figures(adherence, 3.0) == pytest.approx((3.0, 2.0))
    assert figures(adherence, 8.0) == pytest.approx((3.0, 2.0))


def test_figures_of_now_count_what_goes_on() -> None:
    adherence = day(after(0.0, AgentReady(agent=A)))
    assert figures(adherence, 1.5) == pytest.approx((1.5, 1.5))
    # Asking changes nothing.
    assert figures(adherence, 1.5) == pytest.approx((1.5, 1.5))


def test_what_he_is_to_do_now() -> None:
    adherence = day()
    view = adherence.of(A, NINE + 2.75 * HOUR)
    assert view is not None
    assert (view.activity, view.until) == ("meal", NINE + 3 * HOUR)
    off = adherence.of(A, NINE + 5 * HOUR)
    assert off is not None
    assert (off.activity, off.until) == (None, None)
    assert adherence.of("nobody", NINE) is None
    assert adherence.of("wei", NINE + 24 * HOUR) is None


def test_who_is_away_keeps_to_what_is_no_work() -> None:
    assert figures(day(), 1.0, "wei") == pytest.approx((1.0, 1.0))
    late = day(after(0.5, AgentReady(agent="wei")), after(0.75, AgentLoggedOff(agent="wei")))
    assert figures(late, 1.0, "wei") == pytest.approx((1.0, 0.75))


def test_another_roster_keeps_what_was_kept_of_stints_that_stay() -> None:
    adherence = day(after(0.0, AgentReady(agent=A)), after(1.0, AgentBusy(agent=A, call="c")))
    adherence.change(
        parse(ROSTER.replace("11:30,2026-11-24T12:00,meal", "11:30,2026-11-24T12:30,meal"))
    )
    assert figures(adherence, 1.0) == pytest.approx((1.0, 1.0))


def test_what_is_no_agents_state_means_nothing() -> None:
    adherence = day()
    adherence.apply(after(1.0, Offered(call="c", leg="c.0", ani="1", dnis="2", trunk="t")))
    assert figures(adherence, 1.0) == pytest.approx((1.0, 0.0))


@given(st.lists(st.tuples(st.floats(0.0, 4.0), st.booleans()), max_size=12))
def test_it_is_what_a_second_look_minute_by_minute_finds(moves: list[tuple[float, bool]]) -> None:
    moves.sort(key=lambda move: move[0])
    adherence = day(
        *(
            after(at, AgentReady(agent=A) if works else AgentNotReady(agent=A, reason="x"))
            for at, works in moves
        )
    )
    step = 1 / 240
    rostered = kept = 0.0
    for tick in range(int(4 / step)):
        at = (tick + 0.5) * step
        works = next((works for since, works in reversed(moves) if since <= at), False)
        wanted = True if at < 2.5 else False if at < 3.0 else None
        rostered += step * (wanted is not None)
        kept += step * (wanted is works)
    assert figures(adherence, 4.0) == pytest.approx((rostered, kept), abs=step * (len(moves) + 1))


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("agent,start", "name,start", "r.csv:1: the first line has to be agent,start,end,activity"),
        (",training", ",sleep", "r.csv:5: activity: there is no 'sleep'; there are: work, break"),
        ("2026-11-24T11:30,work", "later,work", "r.csv:2: end: 'later' is no time"),
        ("wei,", ",", "r.csv:5: agent: is empty"),
        ("2026-11-24T12:00,meal", "2026-11-24T11:00,meal", "is not after"),
        ("2026-11-24T11:30,2026-11-24T12:00", "2026-11-24T11:00,2026-11-24T12:00", "two things"),
    ],
)
def test_every_mistake_is_named_with_its_line(wrong: str, right: str, said: str) -> None:
    with pytest.raises(RosterError) as refused:
        parse(ROSTER.replace(wrong, right), "r.csv")
    assert said in str(refused.value)


def test_times_with_an_offset_and_a_byte_order_mark() -> None:
    text = "\ufeffagent,start,end,activity\nx,2026-11-24T01:00+00:00,2026-11-24T02:00Z,break\n"
    (stint,) = parse(text)
    assert stint == Stint("x", 1795482000.0, 1795485600.0, Activity.BREAK)
