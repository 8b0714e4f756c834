"""Whom a caller gets: skills, rings that widen, strategies, last agent, adviser, one by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.town import Town, person

from ccd.acd.need import Need
from ccd.acd.steps import Step
from ccd.acd.stories.reading import read_story
from ccd.acd.strategies import AgentFacts
from ccd.config import Customer, Overflow, Queue, Ring
from ccd.events import AgentNotReady, CallCleared, Delivered, StrategyFailed
from ccd.model import Cause
from ccd.store.database import open_read_only
from ccd.store.journal import Writer

LI = "13800000001"
WU = "13800000002"
HE = "13800000003"


def rung(town: Town) -> list[str]:
    """Whose phones rang, in order."""
    return [event.agent for event in town.told(Delivered)]


def why(town: Town, number: str, step: Step) -> str:
    """The reason of the last such step of his."""
    return [s.why for s in town.routed(town.call_id(number)) if s.step == step][-1]


# --- skills and rings ----------------------------------------------------------------------


def test_rings_widen_as_he_waits(tmp_path: Path) -> None:
    queue = Queue(
        name="orders",
        skills={"bonds": 8},
        ring=(Ring(after_s=10.0, skills={"bonds": 5}), Ring(after_s=30.0)),
    )
    town = Town(
        tmp_path,
        queues=[queue],
        agents=[
            person("able", skills={"bonds": 5}),
            person("novice"),
            person("expert", skills={"bonds": 9}),
        ],
    )
    town.staff("able", "novice")
    town.come(LI, seconds=9.0)
    assert rung(town) == []
    town.run(2.0)
    assert town.conversations == [(LI, "able")]
    assert town.steps(LI) == [Step.ENQUEUED, Step.WIDENED, Step.ASSIGNED]
    assert why(town, LI, Step.WIDENED) == "queue until 10 s, then ring 1"
    town.come(WU, seconds=29.0)
    assert rung(town) == ["able"]
    town.run(2.0)
    assert town.conversations[-1] == (WU, "novice")
    town.come(HE, seconds=5.0)
    town.staff("expert")
    town.run(1.0)
    assert town.conversations[-1] == (HE, "expert")
    assert Step.WIDENED not in town.steps(HE)
    for number in (LI, WU, HE):
        town.leave(number)
    town.assert_nothing_left()


def test_a_place_kept_over_rona_keeps_the_ring_that_was_reached(tmp_path: Path) -> None:
    queue = Queue(
        name="orders", skills={"bonds": 5}, ring=(Ring(after_s=10.0),), ring_timeout_s=5.0
    )
    town = Town(
        tmp_path,
        queues=[queue],
        agents=[person("expert", skills={"bonds": 5}), person("novice")],
    )
    town.come(LI, seconds=7.0)
    town.staff("expert", answers_after=None)
    town.staff("novice")
    town.run(7.0)
    assert rung(town) == ["expert", "novice"]
    assert town.conversations == [(LI, "novice")]
    town.leave(LI)
    town.assert_nothing_left()


@pytest.mark.parametrize(
    ("strategy", "chosen"),
    [
        ("longest_idle", "clara"),
        ("most_skilled", "bert"),
        ("least_skilled", "clara"),
        ("linear", "anna"),
        ("round_robin", "clara"),
    ],
)
def test_strategies(tmp_path: Path, strategy: str, chosen: str) -> None:
    queue = Queue(name="orders", skills={"bonds": 3}, strategy=strategy)
    town = Town(
        tmp_path,
        queues=[queue],
        agents=[
            person("anna", skills={"bonds": 6, "funds": 1}),
            person("bert", skills={"bonds": 9}),
            person("clara", skills={"bonds": 4}),
        ],
    )
    town.staff("clara", "bert", "anna")
    town.come(LI, seconds=1.0)
    assert rung(town) == [chosen]
    assert why(town, LI, Step.ASSIGNED) == f"{strategy.replace('_', ' ')} of 3 free"
    town.leave(LI)
    town.assert_nothing_left()


def tallest(agent: AgentFacts, need: Need, now: float) -> float:
    """A plug-in: by name, backwards."""
    return -ord(agent.name[0])


def confused(agent: AgentFacts, need: Need, now: float) -> float:
    """A plug-in that is broken."""
    raise RuntimeError("no desk plan")


def test_a_plug_in_decides(tmp_path: Path) -> None:
    queue = Queue(name="orders", strategy=f"{__name__}:tallest")
    town = Town(tmp_path, queues=[queue], agents=[person("anna"), person("bert")])
    town.staff()
    town.come(LI, seconds=1.0)
    assert town.conversations == [(LI, "bert")]
    town.leave(LI)
    town.assert_nothing_left()


def test_a_plug_in_that_raises_costs_nobody_his_place(tmp_path: Path) -> None:
    queue = Queue(name="orders", strategy=f"{__name__}:confused")
    town = Town(tmp_path, queues=[queue], agents=[person("bert"), person("anna")])
    town.come(LI, seconds=5.0)
    town.staff("anna", "bert")
    town.come(WU, seconds=2.0)
    assert town.conversations == [(LI, "anna"), (WU, "bert")]
    (failed,) = town.told(StrategyFailed)
    assert (failed.queue, failed.strategy) == ("orders", f"{__name__}:confused")
    assert failed.error == "RuntimeError: no desk plan"
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


# --- an agent of his own ---------------------------------------------------------------------


def served_before(tmp_path: Path, **keys: float) -> Town:
    """Somebody who spoke with anna, who is in her next call now; bert is free."""
    town = Town(
        tmp_path,
        queues=[Queue(name="orders", **keys)],
        agents=[person("anna"), person("bert")],
        customers=[Customer(number=HE, adviser="anna")],
    )
    town.staff("anna", answers_after=0.2)
    town.come(LI, seconds=2.0)
    town.leave(LI, 1.0)
    town.come(WU, seconds=2.0)
    town.staff("bert", answers_after=0.2)
    assert town.conversations == [(LI, "anna"), (WU, "anna")]
    return town


def test_he_waits_for_whom_he_spoke_with_last(tmp_path: Path) -> None:
    town = served_before(tmp_path, last_agent_s=20.0)
    town.come(LI, seconds=10.0)
    assert town.waiting() == [LI]
    town.leave(WU, 1.0)
    assert town.conversations[-1] == (LI, "anna")
    assert why(town, LI, Step.PREFERENCE) == "waits for last agent anna"
    town.leave(LI)
    town.assert_nothing_left()


def test_but_only_as_long_as_the_queues_patience(tmp_path: Path) -> None:
    town = served_before(tmp_path, last_agent_s=20.0)
    town.come(LI, seconds=19.0)
    assert town.waiting() == [LI]
    town.run(2.0)
    assert town.conversations[-1] == (LI, "bert")
    assert why(town, LI, Step.PREFERENCE_ENDED) == "last agent anna until 20 s, then queue"
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


@pytest.mark.parametrize("how", ["log off", "not ready"])
def test_nor_for_one_who_will_not_come(tmp_path: Path, how: str) -> None:
    """She says that she goes after this call: he is given to others at once."""
    town = served_before(tmp_path, last_agent_s=200.0)
    town.come(LI, seconds=5.0)
    assert town.waiting() == [LI]
    if how == "log off":
        town.centre.acd.log_off("anna")
    else:
        town.centre.acd.not_ready("anna", "lunch")
    town.run(1.0)
    assert town.conversations[-1] == (LI, "bert")
    town.leave(LI)
    town.leave(WU)
    town.assert_nothing_left()


def test_the_adviser_first_and_others_when_she_does_not_answer(tmp_path: Path) -> None:
    town = served_before(tmp_path, adviser_s=60.0)
    town.come(HE, seconds=5.0)
    assert town.waiting() == [HE]
    town.phones["anna"].answers_after = None
    town.leave(WU, 1.0)
    assert rung(town)[-1] == "anna"
    town.run(21.0)
    assert town.agent_state("anna") == "not_ready"
    assert town.conversations[-1] == (HE, "bert")
    town.leave(HE)
    town.assert_nothing_left()


def test_one_by_name_whatever_queue_he_serves(tmp_path: Path) -> None:
    """EAS: nobody else will do, however long it takes."""
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    town.staff("anna", "bert")
    town.come(WU, seconds=2.0)
    assert town.conversations == [(WU, "anna")]
    town.come(LI, "agent:anna", 100.0)
    assert town.waiting() == [LI]
    assert why(town, LI, Step.PREFERENCE) == "waits for agent anna alone"
    town.leave(WU, 1.0)
    assert town.conversations[-1] == (LI, "anna")
    town.leave(LI)
    town.assert_nothing_left()


@pytest.mark.parametrize("how", ["log off", "not ready", "rona"])
def test_one_by_name_who_goes_while_he_waits(tmp_path: Path, how: str) -> None:
    """He is not lost: he waits until the agent is back."""
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    town.staff("anna", "bert")
    acd = town.centre.acd
    if how == "rona":
        town.phones["anna"].answers_after = None
        town.come(LI, "agent:anna", 21.0)
        assert [e.reason for e in town.told(AgentNotReady)][-1] == "rona"
        town.phones["anna"].answers_after = 0.5
    else:
        acd.not_ready("anna", "lunch")
        town.come(LI, "agent:anna", 5.0)
        if how == "log off":
            acd.log_off("anna")
    town.run(60.0)
    assert town.waiting() == [LI]
    if how == "log off":
        acd.log_on("anna")
    acd.ready("anna")
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.assert_nothing_left()


def test_one_by_name_is_anybodys_where_a_rule_sends_him(tmp_path: Path) -> None:
    own = Queue(name="orders", overflow=(Overflow(to="queue:help", wait_s=20.0),))
    town = Town(
        tmp_path,
        queues=[own, Queue(name="help")],
        agents=[person("anna", "orders"), person("bert", "help")],
    )
    town.staff("bert")
    town.come(LI, "agent:anna", 15.0)
    assert town.waiting() == [LI]
    town.run(6.0)
    assert town.conversations == [(LI, "bert")]
    town.leave(LI)
    town.assert_nothing_left()


def test_a_flow_that_leads_to_a_queue_that_is_no_more_ends_the_call(tmp_path: Path) -> None:
    town = Town(
        tmp_path, queues=[Queue(name="orders"), Queue(name="help")], agents=[person("anna")]
    )
    town.centre.acd.remove_queue("help", None)
    town.come(LI, "help", 2.0)
    assert town.waiting() == []
    assert town.told(CallCleared)[-1].cause is Cause.DESTINATION_NOT_OBTAINABLE
    town.assert_nothing_left()


def test_one_by_name_who_is_not_at_work_when_he_comes(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person("anna"), person("bert")])
    town.staff("bert")
    town.come(LI, "agent:anna", 30.0)
    assert town.waiting() == [LI]
    town.staff("anna")
    town.run(1.0)
    assert town.conversations == [(LI, "anna")]
    town.leave(LI)
    town.assert_nothing_left()


def test_the_journal_tells_why(tmp_path: Path) -> None:
    """What `ccd acd explain` prints: each step of his way, and why it was taken."""
    town = Town(
        tmp_path,
        queues=[
            Queue(
                name="orders",
                skills={"bonds": 5},
                ring=(Ring(after_s=10.0, skills={"bonds": 3}),),
                ring_timeout_s=5.0,
                overflow=(Overflow(to="queue:help", wait_s=30.0),),
            ),
            Queue(name="help"),
        ],
        agents=[person("anna", skills={"bonds": 3}), person("bert", "help")],
    )
    town.staff("anna", answers_after=None)
    town.come(LI, seconds=31.0)
    town.staff("bert")
    town.run(2.0)
    town.leave(LI, 1.0)
    town.assert_nothing_left()
    writer = Writer(tmp_path / "state.db")
    for event in town.events:
        writer.append(event)
    assert writer.close() == 0
    database = open_read_only(tmp_path / "state.db")
    story = read_story(database, town.call_id(LI))
    database.close()
    assert (story.outcome, story.agent, story.queues) == ("answered", "bert", ("orders", "help"))
    steps = [line.kind for line in story.lines if line.kind in set(Step)]
    assert steps == [
        "enqueued",
        "widened",
        "assigned",
        "returned",
        "overflowed",
        "moved",
        "assigned",
    ]
    assert story.offers == 2
