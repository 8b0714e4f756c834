"""Open callbacks outlive the daemon, and the events that they came from."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ccd import events as e
from ccd.events import EventStream
from ccd.model import Cause
from ccd.store import queries
from ccd.store.callbacks import OpenCallback, OpenCallbacks
from ccd.store.database import open_read_only
from ccd.store.journal import Writer


@pytest.fixture
def stream() -> EventStream:
    ticks = itertools.count(1)
    return EventStream(clock=lambda: 1000.0 + next(ticks))


def requested(name: str, place: float, due_at: float | None = None) -> e.CallbackRequested:
    return e.CallbackRequested(
        callback=name,
        queue="orders",
        number=f"138{name}",
        origin="offered",
        enqueued_at=place,
        due_at=due_at,
        call=f"call-{name}",
    )


def tell(stream: EventStream) -> None:
    """Three are asked for; one is tried in vain, one is done."""
    for name, place in (("a", 30.0), ("b", 10.0), ("c", 20.0)):
        stream.publish(requested(name, place))
    stream.publish(e.CallbackTried(callback="b", attempt=1, cause=Cause.BUSY, next_at=1600.0))
    stream.publish(
        e.CallbackResolved(callback="c", queue="orders", number="138c", outcome="answered")
    )


LEFT = [
    OpenCallback(
        callback="b", queue="orders", number="138b", origin="offered", enqueued_at=10.0,
        due_at=1600.0, tries=1, call="call-b",
    ),
    OpenCallback(
        callback="a", queue="orders", number="138a", origin="offered", enqueued_at=30.0,
        call="call-a",
    ),
]  # fmt: skip


def test_the_fold(stream: EventStream) -> None:
    fold = OpenCallbacks()
    stream.subscribe(fold.feed)
    tell(stream)
    assert fold.all() == LEFT
    assert fold.feed(e.AgentReady(agent="li")) is None
    assert fold.feed(e.CallbackTried(callback="c", attempt=2)) is None  # it is done
    assert len(fold) == 2


def test_a_new_time_keeps_the_tries(stream: EventStream) -> None:
    fold = OpenCallbacks(LEFT)
    assert fold.feed(requested("b", 10.0, due_at=9000.0)) == "b"
    found = fold.get("b")
    assert found is not None
    assert (found.due_at, found.tries) == (9000.0, 1)


def test_they_are_there_after_a_restart(tmp_path: Path, stream: EventStream) -> None:
    path = tmp_path / "ccd.sqlite"
    writer = Writer(path)
    stream.subscribe(writer.append)
    tell(stream)
    assert writer.close() == 0
    assert queries.open_callbacks(open_read_only(path)) == LEFT
    again = Writer(path)
    assert list(again.open_callbacks) == LEFT
    again.append(
        e.CallbackResolved(
            seq=6, callback="b", queue="orders", number="138b", outcome="unreachable"
        )
    )
    again.close()
    assert queries.open_callbacks(open_read_only(path)) == LEFT[1:]


def test_an_appointment_outlives_its_events(tmp_path: Path, stream: EventStream) -> None:
    path = tmp_path / "ccd.sqlite"
    writer = Writer(path, keep_events_s=1.0, clock=lambda: 1_000_000.0)
    stream.subscribe(writer.append)
    stream.publish(requested("a", 30.0, due_at=2_000_000.0))
    stream.publish(e.AgentReady(agent="li"))
    assert writer.flush(10.0)
    writer._sweeper._due = 0.0
    writer.flush(10.0)
    writer.close()
    db = open_read_only(path)
    assert [type(event) for event in queries.events_after(db, 0)] == [e.AgentReady]
    assert [found.callback for found in queries.open_callbacks(db)] == ["a"]
