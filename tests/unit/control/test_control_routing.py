"""Asking outside programs: who is asked, in which order, for how long, and what then."""

from __future__ import annotations

import pytest

from ccd.control.routing import (
    HEALTH,
    Action,
    Ask,
    Chosen,
    Defaulted,
    Gone,
    Health,
    InService,
    News,
    NotAskedError,
    OutOfService,
    Routing,
    Rules,
    Why,
)


class Asked:
    """An engine, and what it wanted since the last look."""

    def __init__(self, rules: Rules | None = None, **routers: str) -> None:
        self.engine = Routing(rules)
        for router, queue in routers.items():
            self.engine.register(router, queue, 2.0, 0.0)
        self.wanted()

    def wanted(self) -> list[Action]:
        found = []
        while (action := self.engine.next_action()) is not None:
            found.append(action)
        return found

    def at(self, now: float) -> list[Action]:
        self.engine.handle_timer(now)
        return self.wanted()

    def health(self, router: str) -> Health:
        return next(v.health for v in self.engine.registrations() if v.router == router)


def test_a_program_is_asked_and_sends_the_call() -> None:
    asked = Asked(a="orders")
    assert asked.engine.ask("c", "orders", 1.0)
    assert asked.wanted() == [Ask("c", "a", "orders", 3.0)]
    asked.engine.select("a", "c", "agent:li", 1.5)
    assert asked.wanted() == [Chosen("c", "a", "orders", "agent:li")]
    asked.engine.routed("c", 1.5)
    assert asked.at(100.0) == []
    assert len(asked.engine) == 0
    assert asked.engine.get_timer() is None


def test_where_nobody_registered_nobody_is_asked() -> None:
    asked = Asked(a="orders")
    assert not asked.engine.ask("c", "advice", 0.0)
    assert asked.wanted() == []


def test_who_is_for_every_queue_is_asked_after_who_is_for_this_one() -> None:
    asked = Asked(every="*", first="orders", second="orders")
    asked.engine.ask("c", "orders", 0.0)
    told = asked.wanted() + asked.at(2.0) + asked.at(4.0) + asked.at(6.0)
    assert told == [
        Ask("c", "first", "orders", 2.0),
        Ask("c", "second", "orders", 4.0),
        Ask("c", "every", "orders", 6.0),
        Defaulted("c", "every", "orders", Why.TIMEOUT),
    ]


def test_patience_ends_before_the_programs_do() -> None:
    asked = Asked(Rules(patience_s=3.0), a="orders", b="orders", c="orders")
    asked.engine.ask("x", "orders", 0.0)
    asked.wanted()
    assert asked.at(2.0) == [Ask("x", "b", "orders", 3.0)]
    assert asked.at(3.0) == [Defaulted("x", "b", "orders", Why.TIMEOUT)]


def test_a_refusal_is_an_answer() -> None:
    asked = Asked(Rules(failures=1), a="orders", b="orders")
    asked.engine.ask("c", "orders", 0.0)
    asked.wanted()
    asked.engine.reject("a", "c", 1.0)
    assert asked.wanted() == [Defaulted("c", "a", "orders", Why.REFUSED)]
    assert asked.health("a") is Health.GOOD


@pytest.mark.parametrize("answer", ["select", "reject"])
def test_who_is_not_asked_cannot_answer(answer: str) -> None:
    asked = Asked(a="orders", b="orders")
    asked.engine.ask("c", "orders", 0.0)

    def say(router: str, call: str) -> None:
        if answer == "select":
            asked.engine.select(router, call, "queue:x", 1.0)
        else:
            asked.engine.reject(router, call, 1.0)

    for router, call in [("b", "c"), ("a", "d")]:
        with pytest.raises(NotAskedError, match="is not asked about call"):
            say(router, call)
    asked.engine.handle_timer(2.0)  # too late: now b is asked
    with pytest.raises(NotAskedError):
        say("a", "c")
    say("b", "c")
    with pytest.raises(NotAskedError):
        say("b", "c")


def test_a_destination_that_cannot_be_reached_is_asked_about_again() -> None:
    asked = Asked(Rules(reroutes=2, failures=9), a="orders", b="orders")
    asked.engine.ask("c", "orders", 0.0)
    asked.wanted()
    told: list[Action] = []
    for router in "aaab":
        asked.engine.select(router, "c", "queue:gone", 0.5)
        asked.wanted()
        asked.engine.unreachable("c", 0.5)
        told += asked.wanted()
    assert told == [
        Ask("c", "a", "orders", 2.5),
        Ask("c", "a", "orders", 2.5),
        Ask("c", "b", "orders", 2.5),
        Defaulted("c", "b", "orders", Why.FAILED),
    ]


def test_a_call_is_asked_about_once_in_a_queue() -> None:
    asked = Asked(a="*")
    assert asked.engine.ask("c", "orders", 0.0)
    asked.engine.reject("a", "c", 0.0)
    assert not asked.engine.ask("c", "orders", 1.0)
    assert asked.engine.ask("c", "advice", 2.0)
    asked.engine.cleared("c")
    assert asked.engine.ask("c", "orders", 3.0)


def test_the_caller_leaves() -> None:
    asked = Asked(a="orders")
    asked.engine.ask("c", "orders", 0.0)
    asked.wanted()
    asked.engine.left("c")
    assert asked.wanted() == [Gone("c", "a", "orders")]
    assert asked.at(10.0) == []
    asked.engine.left("c")
    assert asked.wanted() == []


@pytest.mark.parametrize("why", [Why.CANCELLED, Why.SESSION_LOST])
def test_who_goes_leaves_his_calls_to_the_next(why: Why) -> None:
    asked = Asked(a="orders", b="orders")
    for call in ("c", "d"):
        asked.engine.ask(call, "orders", 0.0)
    asked.wanted()
    assert asked.engine.cancel("a", 1.0, why=why)
    assert asked.wanted() == [
        OutOfService("a", "orders", str(why)),
        Ask("c", "b", "orders", 3.0),
        Ask("d", "b", "orders", 3.0),
    ]
    asked.engine.cancel("b", 2.0, queue="orders", why=why)
    assert asked.wanted()[1:] == [
        Defaulted("c", "b", "orders", why),
        Defaulted("d", "b", "orders", why),
    ]
    assert not asked.engine.cancel("a", 3.0)


def fail(asked: Asked, call: str, now: float) -> list[Action]:
    """Ask about a call, and let the time pass."""
    asked.engine.ask(call, "orders", now)
    asked.wanted()
    return asked.at(now + 2.0)


def test_who_fails_in_a_row_rests_and_each_time_for_longer() -> None:
    asked = Asked(Rules(failures=2, rest_s=10.0, rest_max_s=15.0), a="orders")
    assert fail(asked, "1", 0.0) == [Defaulted("1", "a", "orders", Why.TIMEOUT)]
    assert fail(asked, "2", 2.0) == [
        OutOfService("a", "orders", "failing"),
        Defaulted("2", "a", "orders", Why.TIMEOUT),
    ]
    assert not asked.engine.ask("3", "orders", 5.0)
    assert asked.engine.get_timer() == 14.0
    assert asked.at(14.0) == [InService("a", "orders")]
    assert asked.health("a") is Health.ON_TRIAL
    assert asked.engine.ask("4", "orders", 14.0)
    assert not asked.engine.ask("5", "orders", 14.0), "one call at a time while it is on trial"
    assert OutOfService("a", "orders", "failing") in asked.at(16.0)
    assert asked.engine.get_timer() == 31.0, "the second rest is twice as long, 15 s at most"


def test_one_answer_ends_the_trial() -> None:
    asked = Asked(Rules(failures=1, rest_s=10.0), a="orders")
    fail(asked, "1", 0.0)
    asked.at(12.0)
    asked.engine.ask("2", "orders", 12.0)
    asked.engine.select("a", "2", "queue:orders", 12.0)
    asked.engine.routed("2", 12.0)
    assert asked.health("a") is Health.GOOD
    asked.wanted()
    fail(asked, "3", 20.0)
    assert asked.engine.get_timer() == 32.0, "the rest begins from the shortest again"


def test_who_registers_again_is_in_service_again() -> None:
    asked = Asked(Rules(failures=1), a="orders", b="orders")
    fail(asked, "1", 0.0)
    asked.engine.register("a", "orders", 5.0, 3.0)
    assert asked.wanted()[-1:] == [InService("a", "orders")]
    asked.engine.ask("2", "orders", 3.0)
    assert asked.wanted() == [Ask("2", "a", "orders", 8.0)]


def test_every_health_has_its_news() -> None:
    """What the table leaves out is late, and is left out on purpose."""
    left_out = {(health, news) for health in Health for news in News} - HEALTH.keys()
    assert left_out == {
        (Health.GOOD, News.RESTED),
        (Health.ON_TRIAL, News.RESTED),
        (Health.RESTING, News.ANSWERED),
        (Health.RESTING, News.FAILED),
        (Health.RESTING, News.FAILED_TOO_OFTEN),
    }
