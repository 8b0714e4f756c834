"""Days in virtual time: against Erlang's formulas, and against their own bookkeeping."""

import math
import random
import statistics
from collections.abc import Sequence

import msgspec
import pytest

from ccd import config
from ccd.acd.from_settings import Callers
from ccd.acd.simulation.arrivals import Call, Demand
from ccd.acd.simulation.distributions import Constant, Distribution, Exponential, Lognormal
from ccd.acd.simulation.people import ALL_DAY, Behaviour, Person, Presence, Step, copies
from ccd.acd.simulation.profiles import PROFILES, Profile
from ccd.acd.simulation.report import Report
from ccd.acd.simulation.simulator import Centre, simulate
from ccd.stats.erlang import Steady, erlang_a, erlang_c

AT_ONCE = Behaviour(ring=Constant(0.0))
RUNS = 12
STUDENT_99_9 = 4.437
"""Two-sided 99.9 % quantile of Student's t with RUNS - 1 = 11 degrees of freedom."""


def team(size: int, *queues: str) -> list[Person]:
    return [Person(name=f"a{number}", queues=queues or ("q",)) for number in range(size)]


def centre(size: int = 1, **settings: object) -> Centre:
    return Centre(
        queues=(config.Queue(name="q", **settings),), people=team(size), behaviour=AT_ONCE
    )  # type: ignore[arg-type]


def call(at: float, handle: float = 10.0, patience: float = math.inf, **more: object) -> Call:
    return Call(at=at, queue="q", handle_s=handle, patience_s=patience, **more)  # type: ignore[arg-type]


def live(where: Centre, calls: Sequence[Call], seed: int = 1) -> Report:
    return simulate(where, calls, rng=random.Random(seed))


# --- against the formulas --------------------------------------------------------------


def steady_days(rate: float, handle: float, agents: int, patience: Distribution) -> list[Report]:
    """RUNS independent days of a queue in balance, the first half hour of each not counted."""
    demand = Demand(
        profile=Profile("steady", "", ((0.0, 1.0), (9000.0, 0.0))),
        calls=rate * 9000,
        queues={"q": 1.0},
        handle=Exponential(handle),
        patience=patience,
    )
    where = msgspec.structs.replace(centre(agents), warm_up_s=1800.0)
    return [
        simulate(where, demand.draw(random.Random(seed)), rng=random.Random(seed))
        for seed in range(RUNS)
    ]


def assert_within_error(measured: Sequence[float], expected: float) -> None:
    """The expected value is inside the 99.9 % confidence interval of the mean."""
    error = STUDENT_99_9 * statistics.stdev(measured) / math.sqrt(len(measured))
    assert abs(statistics.mean(measured) - expected) <= error, (measured, expected)
    assert error < 0.4 * expected, "an interval this wide would say nothing"


def check(days: list[Report], steady: Steady) -> None:
    assert_within_error([day.total.service_level or 0.0 for day in days], steady.service_level)
    assert_within_error([day.total.asa_s or 0.0 for day in days], steady.mean_answer_s)
    assert_within_error([day.occupancy or 0.0 for day in days], steady.occupancy)


def test_patient_callers_wait_as_erlang_c_says() -> None:
    check(steady_days(0.4, 60, 28, Constant(math.inf)), erlang_c(0.4, 60, 28))


def test_impatient_callers_wait_and_leave_as_erlang_a_says() -> None:
    days = steady_days(0.5, 60, 29, Exponential(90))
    steady = erlang_a(0.5, 60, 29, 90)
    check(days, steady)
    assert_within_error([day.total.abandonment or 0.0 for day in days], steady.abandoned)


# --- bookkeeping -------------------------------------------------------------------------


def busy_day(seed: int, **behaviour: object) -> Report:
    queues = (
        config.Queue(name="orders", wrap_up_s=10, service_level_s=15, skills={"orders": 3}),
        config.Queue(name="info", wrap_up_s=math.inf, weight_s=-30, ring_agents=2),
    )
    people = [
        Person(
            name=f"a{number}",
            queues=("orders", "info") if number % 2 else ("info",),
            skills={"orders": 1 + number % 10},
        )
        for number in range(30)
    ]
    where = Centre(
        queues=queues,
        people=people,
        callers=Callers(classes=(config.CustomerClass(name="vip", head_start_s=60),)),
        behaviour=Behaviour(rona=0.05, redial=0.5, **behaviour),  # type: ignore[arg-type]
    )
    demand = Demand(
        profile=PROFILES["market-open"],
        calls=3000,
        queues={"orders": 2, "info": 1},
        handle=Lognormal(120, 0.8),
        patience=Exponential(60),
        classes={"vip": 0.1},
    )
    rng = random.Random(seed)
    return simulate(where, demand.draw(rng), rng=rng)


def test_no_call_is_lost_and_none_is_counted_twice() -> None:
    day = busy_day(1)
    assert day.total.offered > 3000
    for figures in (day.total, *day.queues.values(), *(each.figures for each in day.intervals)):
        assert figures.offered == figures.answered + figures.abandoned + figures.waiting
        assert figures.customers + figures.redials == figures.offered
    for field in ("offered", "answered", "abandoned", "redials"):
        total = getattr(day.total, field)
        assert sum(getattr(each, field) for each in day.queues.values()) == total
        assert sum(getattr(each.figures, field) for each in day.intervals) == total
    assert day.total.waiting == 0
    assert day.total.redials > 100
    # Fewer than one in twenty: many callers hang up before such a phone's time is over.
    assert 0.01 < day.unanswered / day.offers < 0.05
    assert day.total.longest_queue >= max(each.longest_queue for each in day.queues.values())


def test_a_seed_says_it_all() -> None:
    assert busy_day(7) == busy_day(7)
    assert busy_day(7) != busy_day(8)


def test_the_surge_is_where_the_market_opens() -> None:
    day = busy_day(3)
    busiest = max(day.intervals, key=lambda interval: interval.figures.offered)
    assert busiest.begins_s == 9.5 * 3600
    lunch = next(each for each in day.intervals if each.begins_s == 12 * 3600)
    assert lunch.figures.offered < busiest.figures.offered / 5


# --- one caller at a time ------------------------------------------------------------------


def test_waits_are_until_the_agent_speaks() -> None:
    where = msgspec.structs.replace(centre(1), behaviour=Behaviour(ring=Constant(3.0)))
    day = live(where, [call(0.0), call(1.0)])
    # 3 s ring; talk until 13; 3 s ring for the next, who came at 1.
    assert (day.total.asa_s, day.total.p50_s, day.total.p90_s) == (9.0, 3.0, 15.0)
    assert day.total.longest_queue == 1
    assert day.ends_s == 26.0
    assert day.occupancy == 1.0


def test_who_hangs_up_while_the_phone_rings_has_abandoned() -> None:
    where = msgspec.structs.replace(centre(1), behaviour=Behaviour(ring=Constant(3.0)))
    day = live(where, [call(0.0, patience=2.0), call(10.0)])
    assert (day.total.answered, day.total.abandoned, day.total.abandoned_wait_s) == (1, 1, 2.0)
    assert day.total.short_abandoned == 1
    assert day.total.service_level == 0.5
    assert day.total.service_level_without_short == 1.0


def test_an_unanswered_phone_rings_to_its_limit_and_the_next_agent_answers() -> None:
    where = Centre(
        queues=(config.Queue(name="q", ring_timeout_s=20),),
        people=team(2),
        behaviour=Behaviour(ring=Constant(5.0), rona=0.5, rona_pause=Constant(1000.0)),
    )
    seed = next(seed for seed in range(99) if live(where, [call(0.0)], seed).unanswered == 1)
    day = live(where, [call(0.0)], seed)
    assert day.total.asa_s == 25.0
    assert day.offers == 2


def test_a_phone_that_would_be_answered_too_late_is_not_answered() -> None:
    where = Centre(
        queues=(config.Queue(name="q", ring_timeout_s=20),),
        people=team(1),
        behaviour=Behaviour(ring=Constant(25.0), rona_pause=Constant(30.0)),
    )
    day = live(where, [call(0.0, patience=100.0)])
    # Rung 0-20, pause to 50, rung 50-70, pause to 100: then he hangs up.
    assert (day.offers, day.unanswered, day.total.abandoned) == (2, 2, 1)


def test_a_redial_is_one_customer_and_has_his_place_back() -> None:
    where = msgspec.structs.replace(
        centre(1), behaviour=Behaviour(ring=Constant(0.0), redial=1.0, redial_after=Constant(20.0))
    )
    # He hangs up at 40 and is back at 60, before the one who came at 10 and is still there.
    day = live(where, [call(0.0, 65.0), call(5.0, 10.0, 35.0), call(10.0)])
    assert (day.total.offered, day.total.redials, day.total.customers) == (4, 1, 3)
    assert day.total.abandoned == 1
    assert day.total.p50_s == 5.0  # 0.0, then he at 65, who called anew at 60
    assert day.total.longest_s == 65.0  # the other: from 10 to 75


def test_a_redial_after_the_window_is_another_customer() -> None:
    where = msgspec.structs.replace(
        centre(1),
        behaviour=Behaviour(ring=Constant(0.0), redial=1.0, redial_after=Constant(21.0)),
        acd=config.Acd(redial_window_s=20.0),
    )
    day = live(where, [call(0.0, 65.0), call(5.0, 10.0, 35.0), call(10.0)])
    assert (day.total.offered, day.total.redials, day.total.customers) == (4, 0, 4)
    assert day.total.longest_s == 55.0  # the other is next now


def test_a_number_seen_before_is_no_other_customer() -> None:
    day = live(centre(1), [call(0.0, number="139"), call(30.0, number="139"), call(60.0)])
    assert (day.total.offered, day.total.redials) == (3, 1)


def test_a_class_has_its_head_start() -> None:
    where = msgspec.structs.replace(
        centre(1), callers=Callers(classes=(config.CustomerClass(name="vip", head_start_s=30),))
    )
    day = live(where, [call(0.0), call(1.0), call(2.0, customer_class="vip", handle=1.0)])
    # 0, then the VIP at 10 (waited 8), then the other at 11 (waited 10).
    assert (day.total.p50_s, day.total.longest_s) == (8.0, 10.0)


def test_skills_are_needed_here_too() -> None:
    where = Centre(
        queues=(config.Queue(name="q", skills={"en": 5}),),
        people=[Person(name="a", queues=("q",), skills={"en": 4})],
        behaviour=AT_ONCE,
    )
    assert live(where, [call(0.0)]).total.waiting == 1


def test_shifts_begin_and_end() -> None:
    steps = (
        Step(100.0, Presence.LOG_ON),
        Step(110.0, Presence.READY),
        Step(150.0, Presence.NOT_READY, "lunch"),
        Step(200.0, Presence.READY),
        Step(300.0, Presence.LOG_OFF),
    )
    where = Centre(
        queues=(config.Queue(name="q"),),
        people=[Person(name="a", queues=("q",), steps=steps)],
        behaviour=AT_ONCE,
        ends_s=400.0,
    )
    day = live(where, [call(0.0), call(149.0), call(155.0), call(295.0), call(301.0, patience=50)])
    # He is asked for a break while he talks (149-159), goes, and is back at 200.
    assert (day.total.answered, day.total.abandoned) == (4, 1)
    assert day.total.longest_s == 110.0
    assert day.utilisation is not None
    # At work 110-159, 200-305, of which four calls of ten seconds.
    assert day.utilisation.p50 == pytest.approx(40 / (49 + 105))


def test_a_second_shift_on_the_same_day() -> None:
    steps = (
        *ALL_DAY,
        Step(50.0, Presence.LOG_OFF),
        Step(80.0, Presence.LOG_ON),
        Step(90.0, Presence.READY),
    )
    where = Centre(
        queues=(config.Queue(name="q"),),
        people=[Person(name="a", queues=("q",), steps=steps)],
        behaviour=AT_ONCE,
    )
    assert live(where, [call(0.0), call(60.0)]).total.longest_s == 30.0


def test_when_several_phones_ring_the_first_to_answer_has_it() -> None:
    where = Centre(
        queues=(config.Queue(name="q", ring_agents=3),),
        people=team(3),
        behaviour=Behaviour(ring=Exponential(6.0)),
    )
    calls = [call(100.0 * number) for number in range(1000)]
    day = live(where, calls)
    assert day.total.answered == 1000
    assert day.offers > 2900
    assert day.total.asa_s == pytest.approx(2.0, abs=0.3)  # the least of three


def test_calls_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="out of order"):
        live(centre(1), [call(5.0), call(4.0)])


def test_an_unknown_queue_is_refused() -> None:
    with pytest.raises(ValueError, match="no queue 'x'"):
        live(centre(1), [Call(at=0.0, queue="x", handle_s=1.0)])


def test_a_day_without_calls() -> None:
    day = live(centre(1), [])
    assert day.total.offered == 0
    assert day.total.service_level is None
    assert day.intervals == ()


def test_copies_are_like_those_they_are_copied_from() -> None:
    anna = Person(name="anna", queues=("orders", "agent:anna"), skills={"en": 3})
    bob = Person(name="extra1", queues=("info",), steps=(Step(5.0, Presence.LOG_ON),))
    made = copies([anna, bob], 3)
    assert [person.name for person in made] == ["extra2", "extra3", "extra4"]
    assert [person.queues for person in made] == [("orders",), ("info",), ("orders",)]
    assert made[1].steps == bob.steps
    assert made[2].skills == {"en": 3}
    assert [person.queues for person in copies([anna, bob], 2, queue="info")] == [("info",)] * 2
    with pytest.raises(ValueError, match="no agent serves the queue 'x'"):
        copies([anna], 1, queue="x")
