"""What the live picture shows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ccd import events
from ccd.model import AgentState, Cause, Party
from lab.trunk_sim.board import Board, describe
from lab.trunk_sim.caller import CallerState
from lab.trunk_sim.figures import Astray, figures
from lab.trunk_sim.picture import closing, live, plain_line, sparkline
from lab.trunk_sim.verdict import Ending


def board() -> Board:
    it = Board(["robot1", "robot2"])
    it.planned = 60
    for at in (0.1, 0.2, 1.5, 3.0):
        it.arrived(at)
        it.moved(None, CallerState.CALLING)
    it.moved(CallerState.CALLING, CallerState.LISTENING)
    for n, event in enumerate(
        (
            events.AgentLoggedOn(agent="robot1", phone="robot1"),
            events.AgentReady(agent="robot1"),
            events.Offered(call="c1", leg="l1", ani="13800000001", dnis="95500", trunk="demo"),
            events.Queued(call="c1", queue="orders", position=1),
            events.Queued(call="c2", queue="orders", position=2),
            events.AgentReserved(agent="robot1", call="c1"),
            events.Dequeued(call="c1", queue="orders", reason="assigned", waited=2.0),
            events.Bridged(call="c1", legs=("l1", "l2"), agent="robot1"),
            events.AgentBusy(agent="robot1", call="c1"),
        )
    ):
        it.apply(event, float(n))
    return it


def shown(renderable: object, **options: object) -> str:
    out = io.StringIO()
    Console(file=out, width=100, **options).print(renderable)  # type: ignore[arg-type]
    return out.getvalue()


def test_events_are_folded() -> None:
    it = board()
    assert it.agents == {"robot1": AgentState.BUSY, "robot2": AgentState.LOGGED_OUT}
    assert it.queued == {"c2"}
    assert it.talking == {"c1"}
    assert it.offered == 4
    it.apply(
        events.CallCleared(call="c1", cause=Cause.NORMAL_CLEARING, released_by=Party.AGENT), 9.0
    )
    it.apply(
        events.CallCleared(call="c2", cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER), 9.0
    )
    assert not it.queued
    assert not it.talking


def test_picture_shows_everything_in_24_lines_and_without_colour() -> None:
    text = shown(live(board(), 4.0, 100), no_color=True)
    assert "\x1b" not in text
    assert len(text.splitlines()) <= 24
    for word in ("4 of 60 calls", "■ robot1 busy", "· robot2", "13800000001 dials 95500"):
        assert word in text


def test_picture_counts_agents_where_there_are_many() -> None:
    many = Board([f"robot{n}" for n in range(500)])
    assert "· 500 logged out" in shown(live(many, 0.0, 100))


@pytest.mark.parametrize("robots", [1, 8, 12, 13, 24, 60])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_picture_fits_the_terminal(robots: int, width: int, height: int) -> None:
    it = Board([f"robot{n}" for n in range(1, robots + 1)])
    for n in range(20):
        it.apply(events.AgentReady(agent=f"robot{n % robots + 1}"), 0.0)
        it.apply(events.Offered(call="c", leg="l", ani="1", dnis="95500", trunk="t"), 1.0)
    out = io.StringIO()
    Console(file=out, width=width, height=height).print(live(it, 1.0, width, height))
    assert len(out.getvalue().splitlines()) <= height


def test_stale_data_says_so() -> None:
    it = board()
    it.stale = True
    assert "no events from the daemon" in shown(live(it, 4.0, 100))


def test_plain_line_is_one_line() -> None:
    line = plain_line(board(), 4.0)
    assert "\n" not in line
    assert "offered 4" in line
    assert "queue 1, agents ready 0/2" in line


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0, 0], "▁▁"), ([0, 1, 2], " ▃▆"), ([9, 5], "█▅")]
)
def test_sparkline(values: list[int], line: str) -> None:
    assert sparkline(values) == line


def test_arrivals_are_counted_by_second() -> None:
    it = board()
    assert it.arrivals(4.0, 24) == [2, 1, 0, 1, 0]
    assert it.arrivals(4.0, 2) == [1, 0]


def test_closing_names_what_went_astray() -> None:
    sums = figures([], [], [], blocked=0, duration_s=1.0, cpu=None)
    assert "no call went astray" in shown(closing(sums))
    import msgspec

    bad = msgspec.structs.replace(
        sums,
        astray=(Astray(ani="138", behaviour="normal", ending=Ending.LOST, faults=("one-way: x",)),),
    )
    text = shown(closing(bad))
    assert "1 call went astray" in text
    assert "one-way: x" in text


def test_failures_are_worth_a_line() -> None:
    event = events.Failed(
        call="c", leg="l", party=Party.AGENT, cause=Cause.NO_ANSWER, agent="robot1"
    )
    assert describe(event) == "✗ robot1 failed: no_answer"
    assert describe(events.AgentReady(agent="robot1")) is None
