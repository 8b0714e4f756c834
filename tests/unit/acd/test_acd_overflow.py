"""Overflow rules: which holds, when to look again, and that nobody goes round in circles."""

from __future__ import annotations

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.acd.overflow.calendar import OpeningHours
from ccd.acd.overflow.rules import (
    Arrival,
    Journey,
    Look,
    Overflows,
    ToCallback,
    ToGoodbye,
    ToNumber,
    ToQueue,
    ToVoicemail,
    parse_target,
)
from ccd.config import Calendar, Overflow, Queue

SHANGHAI = ZoneInfo("Asia/Shanghai")
SESSION = OpeningHours(Calendar(name="session", open={"weekdays": ("09:30-11:30", "13:00-15:00")}))
TEN = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI).timestamp()
HALF_PAST_ELEVEN = TEN + 90 * 60
HERE = Journey().entered("orders")


def rules(*overflow: Overflow, hours: OpeningHours | None = None) -> Overflows:
    return Overflows(Queue(name="orders", overflow=overflow), hours)


def look(
    overflows: Overflows,
    *,
    waited: float = 0.0,
    length: int = 0,
    ewt: float | None = None,
    agents: int = 1,
    came: float = TEN,
    journey: Journey = HERE,
) -> Look:
    arrival = Arrival(at=came, length=length, ewt_s=ewt)
    return overflows.look(arrival, journey, at=came + waited, agents=agents)


def chosen(found: Look) -> str | None:
    return None if found.way is None else found.way.rule.to


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("queue:orders", ToQueue("orders")),
        ("queue:a:b c", ToQueue("a:b c")),
        ("number:+8621500012", ToNumber("+8621500012", "carrier")),
        ("number:95500", ToNumber("95500", "carrier")),
        ("voicemail", ToVoicemail()),
        ("callback", ToCallback()),
        ("goodbye", ToGoodbye()),
    ],
)
def test_targets(text: str, target: object) -> None:
    assert parse_target(text, "carrier") == target


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "leads nowhere; there are: queue:NAME"),
        ("queue", '"queue" does not say which queue'),
        ("number:", '"number:" does not say which number'),
        ("number:li na", '"li na" cannot be dialled'),
        ("number:1@evil", "cannot be dialled"),
        ("number:1\r\n", "cannot be dialled"),
        ("number:١٢", "cannot be dialled"),
        ("que:orders", 'did you mean "queue:orders"?'),
        ("voice mail", 'did you mean "voicemail"?'),
        ("voicemail:orders", 'did you mean "voicemail"?'),
        ("goodby", 'did you mean "goodbye"?'),
    ],
)
def test_targets_that_are_none(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r'^"') as caught:
        parse_target(text)
    assert says in str(caught.value)


def test_a_wait_is_looked_at_when_it_is_over() -> None:
    queue = rules(Overflow(to="voicemail", wait_s=60.0), Overflow(to="goodbye", wait_s=300.0))
    assert look(queue) == Look(None, TEN + 60)
    assert look(queue, waited=59.9).again_at == TEN + 60
    way = look(queue, waited=60.0).way
    assert way is not None
    assert way.target == ToVoicemail()
    assert way.why == "has waited 60 s (60 s is the most): to voicemail"
    assert way.facts == {"to": "voicemail", "waited_s": 60.0, "wait_s": 60.0}


@pytest.mark.parametrize(("waiting", "to"), [(9, None), (10, "goodbye"), (11, "goodbye")])
def test_length_counts_those_who_wait_already(waiting: int, to: str | None) -> None:
    queue = rules(Overflow(to="goodbye", length=10))
    assert chosen(look(queue, length=waiting)) == to
    assert look(queue, length=9).again_at is None


@pytest.mark.parametrize(("ewt", "to"), [(None, None), (89.9, None), (90.0, "callback")])
def test_the_likely_wait_counts_where_there_is_one(ewt: float | None, to: str | None) -> None:
    assert chosen(look(rules(Overflow(to="callback", ewt_s=90.0)), ewt=ewt)) == to


def test_closing_time_comes_while_he_waits() -> None:
    queue = rules(Overflow(to="callback", closed=True), hours=SESSION)
    assert look(queue) == Look(None, HALF_PAST_ELEVEN)
    way = look(queue, waited=HALF_PAST_ELEVEN - TEN).way
    assert way is not None
    assert way.why == "closed until Mon 2026-11-23 13:00: to a callback"
    assert way.facts["opens_at"] == HALF_PAST_ELEVEN + 90 * 60
    assert chosen(look(queue, came=HALF_PAST_ELEVEN + 60)) == "callback"


def test_a_queue_without_hours_never_closes() -> None:
    assert look(rules(Overflow(to="callback", closed=True))) == Look(None, None)


def test_agents_who_leave_are_asked_for_not_timed() -> None:
    queue = rules(Overflow(to="voicemail", no_agents=True))
    assert queue.watches_agents
    assert look(queue) == Look(None, None)
    way = look(queue, waited=7.0, agents=0).way
    assert way is not None
    assert way.why == "nobody is logged on: to voicemail"
    assert not rules(Overflow(to="voicemail", wait_s=1.0)).watches_agents


def test_the_first_rule_that_holds_is_followed() -> None:
    queue = rules(
        Overflow(to="queue:advice", length=5),
        Overflow(to="callback", ewt_s=60.0),
        Overflow(to="goodbye", wait_s=0.0),
    )
    assert chosen(look(queue, length=5, ewt=99.0)) == "queue:advice"
    assert chosen(look(queue, length=4, ewt=99.0)) == "callback"
    assert chosen(look(queue, length=4, ewt=9.0)) == "goodbye"


def test_all_conditions_of_a_rule_must_hold() -> None:
    queue = rules(
        Overflow(to="voicemail", wait_s=60.0, length=3, closed=True, no_agents=True), hours=SESSION
    )
    late = HALF_PAST_ELEVEN - TEN
    assert look(queue, length=2) == Look(None, None)  # it never will
    assert look(queue, length=3).again_at == HALF_PAST_ELEVEN
    assert chosen(look(queue, length=3, waited=late, agents=1)) is None
    assert chosen(look(queue, length=3, waited=late, agents=0)) == "voicemail"
    way = look(queue, length=3, waited=late, agents=0).way
    assert way is not None
    assert way.why == (
        "has waited 5400 s (60 s is the most) and 3 waited already (3 is the most)"
        " and closed until Mon 2026-11-23 13:00 and nobody is logged on: to voicemail"
    )


def test_nobody_comes_back_whatever_the_settings_say_by_then() -> None:
    journey = Journey().entered("quotes").entered("orders")
    queue = rules(
        Overflow(to="queue:quotes", wait_s=10.0),
        Overflow(to="queue:orders", wait_s=10.0),
        Overflow(to="queue:advice", wait_s=20.0),
    )
    assert look(queue, journey=journey).again_at == TEN + 20  # not for those that are barred
    assert look(queue, journey=journey, waited=10.0).way is None
    way = look(queue, journey=journey, waited=20.0).way
    assert way is not None
    assert way.target == ToQueue("advice")
    assert way.facts["skipped"] == "queue:quotes, queue:orders"


def test_what_could_not_be_followed_is_not_tried_again_in_this_queue() -> None:
    queue = rules(
        Overflow(to="number:12345", trunk="t", wait_s=5.0), Overflow(to="goodbye", wait_s=50.0)
    )
    journey = HERE.could_not("number:12345")
    assert look(queue, waited=6.0, journey=journey) == Look(None, TEN + 50)
    elsewhere = journey.entered("advice")
    assert (elsewhere.queues, elsewhere.failed) == (("orders", "advice"), frozenset())


def test_a_person_may_bring_him_back_and_the_rules_still_know() -> None:
    journey = Journey().entered("orders").entered("advice").entered("orders")
    assert journey.queues == ("orders", "advice")
    queue = rules(Overflow(to="queue:advice", wait_s=0.0))
    assert look(queue, journey=journey) == Look(None, None)


_rule = st.builds(
    Overflow,
    to=st.sampled_from(["voicemail", "callback", "queue:advice", "queue:quotes"]),
    wait_s=st.none() | st.sampled_from([0.0, 30.0, 600.0, 5400.0]),
    length=st.none() | st.integers(1, 3),
    ewt_s=st.none() | st.just(60.0),
    closed=st.booleans(),
    no_agents=st.booleans(),
)


def naive(rule: Overflow, arrival: Arrival, at: float, agents: int, been: set[str]) -> bool:
    """The rule as its meaning is written in the settings."""
    return (
        (rule.wait_s is None or at - arrival.at >= rule.wait_s)
        and (rule.length is None or arrival.length >= rule.length)
        and (rule.ewt_s is None or (arrival.ewt_s is not None and arrival.ewt_s >= rule.ewt_s))
        and (not rule.closed or not SESSION.is_open(at))
        and (not rule.no_agents or agents == 0)
        and rule.to.removeprefix("queue:") not in been
    )


@settings(deadline=None, max_examples=150)
@given(
    st.lists(_rule, max_size=4),
    st.integers(0, 3),
    st.none() | st.sampled_from([10.0, 60.0]),
    st.sampled_from([0, 1]),
    st.sampled_from([TEN, TEN + 5000, HALF_PAST_ELEVEN + 100, HALF_PAST_ELEVEN + 5300]),
)
def test_looking_only_when_told_finds_the_same_as_looking_always(
    overflow: list[Overflow], length: int, ewt: float | None, agents: int, came: float
) -> None:
    queue = rules(*overflow, hours=SESSION)
    arrival = Arrival(at=came, length=length, ewt_s=ewt)
    journey = Journey().entered("quotes").entered("orders")
    at, looks = came, 0
    while True:
        looks += 1
        found = queue.look(arrival, journey, at=at, agents=agents)
        if found.way is not None or found.again_at is None or found.again_at > came + 12_000:
            break
        assert found.again_at > at
        at = found.again_at
    assert looks <= 2 * len(overflow) + 2
    always = random.Random(length)
    moments = sorted({came, came + 12_000, *(came + always.uniform(0, 12_000) for _ in range(200))})
    been = set(journey.queues)
    for moment in moments:
        if found.way is not None and moment >= at:
            break
        assert not [r for r in overflow if naive(r, arrival, moment, agents, been)]
    if found.way is not None:
        expected = next(r for r in overflow if naive(r, arrival, at, agents, been))
        assert found.way.rule is expected
