"""A mirror fed with events is what a snapshot at that number says: for random days of a centre,
and of agents who do anything with their calls."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_acd_centre_histories import Day
from test_control_histories import EXAMPLES, ControlDay

from ccd.centre import Centre
from ccd.cti.catalogue import AgentView, CallView, SnapshotResult
from ccd.cti.mirror import Mirror
from ccd.events import AgentReady, Event
from ccd.model import AgentState
from ccd.services_snapshot import SnapshotHandlers


def agent_told(view: AgentView) -> Any:
    """What events say of an agent; of one who went, that he is away."""
    if view.state is AgentState.LOGGED_OUT:
        return view.agent
    return msgspec.structs.replace(view, pending=None)


def call_told(view: CallView) -> Any:
    """What events say of a call; a phone that is called may not ring yet."""
    legs = {
        (
            leg.leg,
            leg.party,
            "called" if leg.state in ("initiated", "alerting") else leg.state,
            leg.agent,
            leg.mode,
        )
        for leg in view.legs
        if leg.state != "null"
    }
    waits_in = view.queue if view.waits_since is not None else None
    return msgspec.structs.replace(view, legs=(), queue=waits_in), legs


def told(snapshot: SnapshotResult) -> dict[str, Any]:
    """A snapshot without what events do not say."""
    here = [view for view in snapshot.agents if view.state is not AgentState.LOGGED_OUT]
    return {
        "seq": snapshot.seq,
        "agents": {view.agent: agent_told(view) for view in here},
        "queues": {view.queue: view.idle_agents for view in snapshot.queues},
        "calls": {view.call: call_told(view) for view in snapshot.calls},
    }


def compared(centre: Centre, steps: int) -> Iterator[None]:
    """After each step, compare a mirror of what happened in it with what is so."""
    seen = SnapshotHandlers(SimpleNamespace(centre=centre, health=None))  # type: ignore[arg-type]
    events: list[Event] = []
    centre.events.subscribe(events.append)
    mirror = Mirror(seen._all())
    for _ in range(steps):
        yield
        for event in events:
            mirror.apply(event)
        events.clear()
        now = seen._all()
        assert told(mirror.snapshot()) == told(now)
        assert told(Mirror(now).snapshot()) == told(now)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_mirror_fed_by_events_is_the_snapshot_at_that_number(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder), seed)
        day.go_on(10)
        for _ in compared(day.town.centre, steps=20):
            day.go_on(5)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_mirror_follows_whatever_agents_do_with_their_calls(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        day = ControlDay(seed, Path(folder))
        for _ in compared(day.centre.centre, steps=40):
            day.step()


def test_what_the_snapshot_has_is_passed_over_and_a_gap_is_refused() -> None:
    mirror = Mirror(SnapshotResult(seq=5, at=1.0))
    mirror.apply(AgentReady(agent="anna", seq=5, at=1.0))
    assert mirror.agents == {}
    mirror.apply(AgentReady(agent="anna", seq=6, at=2.0))
    assert mirror.agents["anna"].state is AgentState.READY
    assert (mirror.seq, mirror.at) == (6, 2.0)
    with pytest.raises(ValueError, match="event 8 after 6"):
        mirror.apply(AgentReady(agent="anna", seq=8, at=3.0))
