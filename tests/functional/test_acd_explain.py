"""`ccd acd explain`, as it is used: on a journal that was written as the daemon writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccd import events as e
from ccd.events import EventStream
from ccd.model import Cause, Party
from ccd.paths import StatePaths
from ccd.store.journal import Writer

NOON = 1_790_050_000.0


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Li Na's caller waits, is overtaken by a VIP, and is answered after one RONA."""
    paths = StatePaths(tmp_path_factory.mktemp("explain") / "state")
    paths.prepare()
    now = [NOON]
    stream = EventStream(lambda: now[0])
    writer = Writer(paths.database, batch_ms=1)
    stream.subscribe(writer.append)

    def at(seconds: float, *events: e.Event) -> None:
        now[0] = NOON + seconds
        for event in events:
            stream.publish(event)

    def routed(contact: str, step: str, **more: object) -> e.Routed:
        facts = more.pop("facts", {})
        return e.Routed(contact=contact, step=step, queue="orders", facts=facts, **more)  # type: ignore[arg-type]

    place = {"enqueued_at": 100.0, "due": 100.0, "head_start_s": 0.0, "phase": "queue"}
    vip = {
        "enqueued_at": 130.0,
        "due": 10.0,
        "head_start_s": 120.0,
        "customer_class": "VIP",
        "phase": "queue",
        "channel": "voice",
    }
    at(
        0,
        e.Offered(call="7a-1", leg="1", ani="13800138000", dnis="95500", trunk="carrier"),
        e.Established(call="7a-1", leg="1", party=Party.CALLER),
        e.FlowStepped(call="7a-1", flow="welcome", step="menu"),
        e.FlowStepped(call="7a-1", flow="welcome", step="to_orders"),
    )
    at(4, routed("7a-1", "enqueued", why="first come, first served", facts=place))
    at(4, e.Queued(call="7a-1", queue="orders", position=3))
    at(5, e.WaitEstimated(contact="7a-1", queue="orders", position=3, p50=30.0, p90=70.0))
    at(34, e.Offered(call="7a-2", leg="1", ani="13900139000", dnis="95500", trunk="carrier"))
    at(34, routed("7a-2", "enqueued", why="VIP: 120 s ahead", facts=vip))
    at(40, routed("7a-2", "assigned", agent="li.na", facts={"candidates": 1}))
    at(
        60,
        routed(
            "7a-1",
            "assigned",
            agent="wang",
            facts={"candidates": 2, "waited": 56.0, "phase": "ring 1"},
        ),
    )
    at(80, routed("7a-1", "returned", agent="wang", why="wang: rona"))
    at(80, e.Queued(call="7a-1", queue="orders", position=1))
    at(85, routed("7a-1", "assigned", agent="li.na", why="first for li.na, for queue"))
    at(90, routed("7a-1", "connected", agent="li.na"))
    at(90, e.Bridged(call="7a-1", legs=("1", "3"), agent="li.na"))
    at(
        200,
        e.CallCleared(call="7a-1", cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER),
    )
    assert writer.close() == 0
    return paths.root


def explain(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccd", "acd", "explain", *arguments, "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_the_story_is_told_within_80_columns(state: Path) -> None:
    done = explain(state, "7a-1")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    told = "\n".join(lines)
    assert "✓ answered by li.na, after 1:26 in orders, overtaken by 1" in told
    assert "4.0 s ↳ takes its place in orders" in told
    assert "position 3" in told
    assert "asks ring 1, 2 could have had it, waited 56 s" in told
    assert "IVR welcome: menu → to_orders" in told
    assert "80.0 s ← is back at its place in orders: wang did not take it" in told
    assert "because wang: rona" in told
    assert "40.0 s 7a-2 30.0 s li.na VIP, head start 120 s" in told
    assert "5.0 s 3 30.0 s 1:10 1:25 +55.0 s !" in told


def test_the_beginning_of_a_name_will_do_where_it_is_one_contact_s(state: Path) -> None:
    several = explain(state, "7a")
    assert several.returncode == 1
    assert several.stderr == "ccd: several contacts begin with 7a: 7a-1, 7a-2\n"


def test_json_has_stable_names(state: Path) -> None:
    story = json.loads(explain(state, "7a-1", "--json").stdout)
    assert (story["contact"], story["outcome"], story["agent"]) == ("7a-1", "answered", "li.na")
    assert (story["waited_s"], story["offers"], story["queues"]) == (86.0, 2, ["orders"])
    assert [line["kind"] for line in story["lines"]] == [
        *("offered", "answered", "ivr", "enqueued"),
        *("assigned", "returned", "assigned", "connected", "cleared"),
    ]
    (over,) = story["overtaken_by"]
    assert (over["contact"], over["reason"]) == ("7a-2", "class")
    (said,) = story["estimates"]
    assert (said["p50"], said["came"], said["error_s"]) == (30.0, 85.0, 55.0)


def test_a_number_lists_its_contacts(state: Path) -> None:
    done = explain(state, "13800138000")
    assert done.returncode == 0, done.stderr
    assert "One contact of 13800138000" in done.stdout
    assert "7a-1" in done.stdout
    (visit,) = json.loads(explain(state, "13900139000", "--json").stdout)
    assert (visit["contact"], visit["what"], visit["outcome"]) == ("7a-2", "call", None)


def test_an_unknown_one_is_answered_with_those_like_it(state: Path, tmp_path: Path) -> None:
    done = explain(state, "7b-1")
    assert (done.returncode, "did you mean 7a-1" in done.stderr) == (1, True)
    none = explain(state, "nothing-like-it")
    assert (none.returncode, "ccd calls" in none.stderr) == (1, True)
    missing = explain(tmp_path, "7a-1")
    assert (missing.returncode, "there is no database" in missing.stderr) == (1, True)
