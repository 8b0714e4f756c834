"""Teams folded from events are those that the distributor knows, whatever agents do."""

from __future__ import annotations

import contextlib
import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual.town import Town, person

from ccd.acd.errors import AcdError
from ccd.config import Queue
from ccd.cti.teams import Teams
from ccd.model import AgentState

QUEUES = ("orders", "advice", "funds")
AGENTS = {"anna": ("orders",), "bert": ("orders", "advice"), "cora": ("advice", "funds")}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_a_team_is_who_serves_the_queue_now(seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        town = Town(
            Path(folder),
            queues=[Queue(name=name, wrap_up_s=2.0) for name in QUEUES],
            agents=[person(name, *queues) for name, queues in AGENTS.items()],
        )
        teams = Teams()
        town.stream.subscribe(teams.apply)
        town.register(*AGENTS)
        acd = town.centre.acd
        for number in range(40):
            name = chance.choice(list(AGENTS))
            town.phones[name].answers_after = 0.1
            do = chance.choice(
                [
                    lambda name=name: acd.log_on(name),
                    lambda name=name: acd.log_off(name),
                    lambda name=name: acd.ready(name),
                    lambda name=name: acd.not_ready(name, "break"),
                    lambda number=number: town.come(f"0138{number:08}", chance.choice(QUEUES)),
                ]
            )
            with contextlib.suppress(AcdError):
                do()
            town.run(chance.choice([0.0, 0.3, 3.0]))
            for queue in QUEUES:
                here = [
                    (view.name, view.state, view.reason)
                    for view in sorted(acd.agents(), key=lambda view: view.name)
                    if view.state is not AgentState.LOGGED_OUT and queue in view.queues
                ]
                folded = teams.of([queue], but="", most=10)
                assert [(each.agent, each.state, each.reason) for each in folded] == here
                assert all(each.since == acd.since(each.agent) for each in folded)


def test_without_oneself_and_the_first_by_name(tmp_path: Path) -> None:
    town = Town(tmp_path, agents=[person(name, "orders") for name in ("c", "a", "b")])
    teams = Teams()
    town.stream.subscribe(teams.apply)
    town.staff(answers_after=None)
    assert [each.agent for each in teams.of(["orders"], but="a", most=10)] == ["b", "c"]
    assert [each.agent for each in teams.of(["orders"], but="", most=2)] == ["a", "b"]
    assert teams.of(["no such"], but="", most=2) == ()
