"""A day in the journal, as it was, and as it would have been."""

import json
import math
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from journal_of_a_day import write_journal
from typer.testing import CliRunner

from ccd import config
from ccd.acd.simulation.arrivals import Demand
from ccd.acd.simulation.distributions import Exponential, Lognormal
from ccd.acd.simulation.observed import EVENTS, Observed
from ccd.acd.simulation.people import Behaviour, Person, Presence, Step
from ccd.acd.simulation.profiles import PROFILES
from ccd.acd.simulation.report import Report
from ccd.acd.simulation.simulator import Centre
from ccd.acd.simulation.survival import ProductLimit
from ccd.cli import app
from ccd.errors import CcdError
from ccd.store import queries
from ccd.store.database import open_for_writing, open_read_only

MIDNIGHT = datetime(2026, 11, 23).astimezone().timestamp()
NOON = 12 * 3600.0

# --- patience --------------------------------------------------------------------------


def test_the_product_limit_estimate_by_hand() -> None:
    estimate = ProductLimit([(1.0, True), (2.0, False), (3.0, True), (3.0, False), (5.0, True)])
    assert estimate.survival(0.5) == 1.0
    assert estimate.survival(1.0) == pytest.approx(4 / 5)
    assert estimate.survival(2.5) == pytest.approx(4 / 5)
    assert estimate.survival(3.0) == pytest.approx(4 / 5 * 2 / 3)
    assert estimate.survival(5.0) == pytest.approx(0.0)


def test_answers_do_not_make_people_look_impatient() -> None:
    rng = random.Random(2)
    seen = []
    for _ in range(20_000):
        patience, answer = rng.expovariate(1 / 60), rng.expovariate(1 / 20)
        seen.append((min(patience, answer), patience < answer))
    estimate = ProductLimit(seen)
    for wait in (10.0, 30.0, 60.0):
        assert estimate.survival(wait) == pytest.approx(math.exp(-wait / 60), abs=0.02)
    drawn = [estimate.draw(rng) for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(60, rel=0.05)
    # Without memory: who has waited 40 s waits 60 more.
    longer = [estimate.draw(rng, 40.0) for _ in range(20_000)]
    assert min(longer) > 40.0
    assert sum(longer) / len(longer) == pytest.approx(100, rel=0.05)


def test_where_nobody_hangs_up_nobody_ever_does() -> None:
    assert ProductLimit([(5.0, False)]).draw(random.Random(1)) == math.inf
    assert ProductLimit([]).draw(random.Random(1)) == math.inf


# --- a morning ----------------------------------------------------------------------------


def team(number: int) -> list[Person]:
    """Half serve both queues, half one; every fourth has a break, one comes late."""
    people = []
    for count in range(number):
        begin = 8.4 * 3600 if count else 9.2 * 3600
        steps = [Step(begin, Presence.LOG_ON), Step(begin + 30, Presence.READY)]
        if count % 4 == 0:
            steps += [
                Step(10.5 * 3600, Presence.NOT_READY, "break"),
                Step(10.6 * 3600, Presence.READY),
            ]
        queues = ("orders", "info") if count % 2 else ("orders",)
        people.append(Person(name=f"a{count}", queues=queues, steps=tuple(steps)))
    return people


QUEUES = (
    config.Queue(name="orders", wrap_up_s=8.0, service_level_s=15.0),
    config.Queue(name="info", wrap_up_s=math.inf, service_level_s=20.0),
)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """The journal of a morning with a bad half-hour, and what the simulator counted."""
    file = tmp_path_factory.mktemp("replay") / "ccd.sqlite"
    demand = Demand(
        profile=PROFILES["market-open"],
        calls=1300,
        queues={"orders": 3.0, "info": 1.0},
        handle=Lognormal(110.0, 0.7),
        patience=Exponential(70.0),
    )
    calls = [call for call in demand.draw(random.Random(5)) if call.at < NOON]
    centre = Centre(queues=QUEUES, people=team(13), behaviour=Behaviour(ring=Exponential(3.0)))
    report = write_journal(file, centre, calls, seed=5, midnight=MIDNIGHT)
    assert report.total.abandoned > 50
    (file.parent / "ccd.toml").write_text(
        '[[queue]]\nname = "orders"\nservice_level_s = 15\nwrap_up_s = 8\n'
        '[[queue]]\nname = "info"\nwrap_up_s = inf\n'
    )
    return file, report


def observe(file: Path) -> Observed:
    db = open_read_only(file)
    try:
        end = queries.last_at(db)
        assert end is not None
        day = Observed(midnight=MIDNIGHT, begin=MIDNIGHT, end=end)
        day.feed(queries.events_of_types(db, EVENTS))
    finally:
        db.close()
    return day


def test_what_was_measured_is_what_happened(morning: tuple[Path, Report]) -> None:
    """The fold over the journal's events against the count of the day that wrote them."""
    file, report = morning
    measured = observe(file).report(
        {"orders": 15.0, "info": 20.0},
        interval_s=1800.0,
        short_abandon_s=5.0,
        redial_window_s=600.0,
    )
    for ours, theirs in (
        (measured.total, report.total),
        (measured.queues["orders"], report.queues["orders"]),
        (measured.queues["info"], report.queues["info"]),
    ):
        for name in ("offered", "answered", "abandoned", "short_abandoned", "longest_queue"):
            assert getattr(ours, name) == getattr(theirs, name), name
        for name in ("service_level", "asa_s", "p50_s", "p90_s", "longest_s", "abandoned_wait_s"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-5), name
    # Agents are counted until the last call came in there, to the last event here.
    assert measured.occupancy == pytest.approx(report.occupancy, abs=0.02)
    assert measured.total.handle_s is not None
    assert measured.total.handle_s > (report.total.handle_s or 0) + 8 * 0.7  # with wrap-up


def test_shifts_and_breaks_are_found(morning: tuple[Path, Report]) -> None:
    people = {person.name: person for person in observe(morning[0]).people({"a1": {"en": 3}})}
    assert len(people) == 13
    assert [step.presence for step in people["a0"].steps] == [
        Presence.LOG_ON, Presence.READY, Presence.NOT_READY, Presence.READY,
    ]  # fmt: skip
    assert people["a0"].steps[0].at == pytest.approx(9.2 * 3600, abs=1e-3)
    assert people["a0"].queues == ("orders",)
    assert people["a1"].skills == {"en": 3}


def replay(*arguments: str) -> Any:
    done = CliRunner().invoke(app, ["acd", "replay", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_as_it_was_it_is_again(morning: tuple[Path, Report]) -> None:
    """The same distributor, the same callers, agents and rings: the same morning."""
    found = replay(str(morning[0].parent), "--seeds", "5", "--json")
    for name, row in found["comparison"]["total"].items():
        # A journal's times have a resolution of 0.2 microseconds; a tie may fall otherwise.
        assert row["simulated"]["mean"] == pytest.approx(row["measured"], rel=0.02), name
        assert row["difference"]["mean"] == 0.0, name
        assert row["difference"]["error"] == 0.0, name


def test_more_agents_would_have_helped(morning: tuple[Path, Report]) -> None:
    file = str(morning[0])
    found = replay(file, "--agents", "+6", "--seeds", "4", "--json")
    assert found["agents"] == {"were": 13, "would_be": 19}
    level = found["comparison"]["total"]["service_level"]
    assert level["measured"] == pytest.approx(found["measured"]["total"]["service_level"])
    gain = level["difference"]
    assert gain["mean"] > 0.05
    assert gain["mean"] - gain["error"] > 0
    fewer = replay(file, "--remove-agents", "a1,a3", "--seeds", "4", "--json")
    assert fewer["agents"]["would_be"] == 11
    assert fewer["comparison"]["total"]["abandonment"]["difference"]["mean"] > 0.01


def test_agents_for_one_queue_help_that_one_most(morning: tuple[Path, Report]) -> None:
    found = replay(str(morning[0]), "--agents", "+6", "--queue", "info", "--seeds", "3", "--json")
    gain = {
        name: rows["service_level"]["difference"]["mean"]
        for name, rows in found["comparison"]["queues"].items()
    }
    assert gain["info"] > gain["orders"] > 0  # those who served both are freed for orders


def test_the_same_question_has_the_same_answer(morning: tuple[Path, Report]) -> None:
    arguments = (str(morning[0]), "--agents", "-2", "--seeds", "2", "--json")
    assert replay(*arguments) == replay(*arguments)


def test_people_are_shown_the_error_and_the_gain(morning: tuple[Path, Report]) -> None:
    shown = CliRunner().invoke(
        app, ["acd", "replay", str(morning[0]), "--agents", "+6", "--seeds", "3"]
    )
    assert shown.exit_code == 0
    for words in ("13 agents who were there, 19 with the change", "off by", "✓", "orders"):
        assert words in shown.stdout


def test_a_daemon_may_be_writing(morning: tuple[Path, Report], tmp_path: Path) -> None:
    file = tmp_path / "ccd.sqlite"
    file.write_bytes(morning[0].read_bytes())
    writer = open_for_writing(file)
    writer.execute("begin immediate")
    try:
        assert replay(str(file), "--seeds", "1", "--json")["agents"]["were"] == 13
    finally:
        writer.execute("rollback")
        writer.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--remove-agents", "nobody"), "was not there"),
        (("--agents", "+1", "--queue", "x"), "there was no queue"),
        (("--queue", "info"), "give that too"),
        (("--agents", "many"), "is no number of agents"),
        (("--agents", "-99"), "cannot take 99 from 13 agents"),
        (("--since", "never"), "is no time"),
        (("--since", "2026-11-24", "--until", "2026-11-23"), "is not before the end"),
    ],
)
def test_wrong_questions_are_explained(
    arguments: tuple[str, ...], says: str, morning: tuple[Path, Report]
) -> None:
    done = CliRunner().invoke(app, ["acd", "replay", str(morning[0]), *arguments])
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


def test_a_time_without_callers_is_explained(morning: tuple[Path, Report]) -> None:
    window = ("--since", "2026-11-23T01:00", "--until", "2026-11-23T02:00")
    done = CliRunner().invoke(app, ["acd", "replay", str(morning[0]), *window])
    assert isinstance(done.exception, CcdError)
    assert "nobody came into a queue from 2026-11-23 01:00:00" in str(done.exception)
