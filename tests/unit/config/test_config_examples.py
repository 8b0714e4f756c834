"""examples/brokerage.toml is right, and means what its comments say."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ccd.acd.overflow.calendar import OpeningHours
from ccd.acd.overflow.rules import Arrival, Journey, Overflows
from ccd.config import Settings
from ccd.ivr import reader
from ccd.settings import describe, load

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def brokerage() -> Settings:
    return load(EXAMPLES / "brokerage.toml")


def at(wall: str) -> float:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


def where_to(
    settings: Settings, name: str, when: str, *, waited: float = 0.0, agents: int = 1, **facts
) -> str | None:
    hours = {calendar.name: OpeningHours(calendar) for calendar in settings.calendar}
    queue = next(queue for queue in settings.queue if queue.name == name)
    arrival = Arrival(at=at(when), length=facts.get("length", 0), ewt_s=facts.get("ewt"))
    journey = Journey().entered(name)
    for to in facts.get("failed", ()):
        journey = journey.could_not(to)
    overflows = Overflows(queue, hours.get(queue.hours))
    found = overflows.look(arrival, journey, at=arrival.at + waited, agents=agents)
    return None if found.way is None else found.way.rule.to


def test_every_table_of_the_acd_is_in_it(brokerage: Settings) -> None:
    for name in ("skill", "customer_class", "customer", "calendar", "queue"):
        assert len(getattr(brokerage, name)) >= 2, name
    for table in describe.tables():
        around, _, name = table.name.partition(".")
        if around == "queue" and name:
            default = next(f for f in describe.fields(type(brokerage.queue[0])) if f.name == name)
            assert any(getattr(queue, name) != default.default for queue in brokerage.queue), name


def test_its_flow_leads_to_each_queue(brokerage: Settings) -> None:
    (route,) = brokerage.route
    flow, warnings = reader.load(Path(route.flow), queues=[q.name for q in brokerage.queue])
    assert warnings == ()
    led_to = {step.queue for step in flow.steps.values() if hasattr(step, "queue")}
    assert led_to == {queue.name for queue in brokerage.queue}


@pytest.mark.parametrize(
    ("wall", "session", "office"),
    [
        ("2026-11-23 09:14", False, True),
        ("2026-11-23 09:15", True, True),
        ("2026-11-23 12:00", False, True),  # the lunch break
        ("2026-11-23 14:59", True, True),
        ("2026-11-23 15:00", False, True),
        ("2026-11-23 17:30", False, False),
        ("2026-02-16 10:00", False, False),  # Spring Festival
        ("2026-02-14 10:00", False, True),  # a Saturday that is worked, and not traded on
        ("2026-10-08 10:00", True, True),
    ],
)
def test_its_hours(brokerage: Settings, wall: str, session: bool, office: bool) -> None:
    hours = [OpeningHours(calendar) for calendar in brokerage.calendar]
    assert [(each.name, each.is_open(at(wall))) for each in hours] == [
        ("session", session),
        ("office", office),
    ]


def test_its_ways_out(brokerage: Settings) -> None:
    trading, lunch, night = "2026-11-23 10:00", "2026-11-23 12:00", "2026-11-23 23:00"
    assert where_to(brokerage, "orders", trading) is None
    assert where_to(brokerage, "orders", lunch) == "callback"
    assert where_to(brokerage, "orders", trading, waited=90.0) == "queue:advisers"
    assert where_to(brokerage, "quotes", night) == "voicemail"
    assert where_to(brokerage, "quotes", trading, ewt=600.0) == "callback"
    assert where_to(brokerage, "quotes", trading, length=200) == "goodbye"
    hong_kong = "number:+85220000100"
    assert where_to(brokerage, "english", night, agents=0) == hong_kong
    assert where_to(brokerage, "english", trading, waited=200.0) == hong_kong
    assert where_to(brokerage, "english", trading, waited=200.0, failed=(hong_kong,)) is None
    assert where_to(brokerage, "english", trading, waited=300.0, failed=(hong_kong,)) == "voicemail"
