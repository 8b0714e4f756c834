"""The writer: everything arrives, nothing waits, and what goes wrong is told."""

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccd import events as e
from ccd.events import Event, EventStream
from ccd.model import Cause, Outcome, Party, Quality
from ccd.store import queries
from ccd.store.database import open_read_only
from ccd.store.errors import StoreError, StoreFullError
from ccd.store.journal import Writer

WAIT_S = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ccd.sqlite"


@pytest.fixture
def stream() -> EventStream:
    ticks = itertools.count(1)
    return EventStream(clock=lambda: 1000.0 + next(ticks))


def whole_call(name: str) -> Iterator[Event]:
    yield e.Offered(call=name, leg="in", ani="138", dnis="95500", trunk="t")
    yield e.Established(call=name, leg="in", party=Party.CALLER)
    yield e.FlowStepped(call=name, flow="demo", step="欢迎")
    yield e.Queued(call=name, queue="orders", position=1)
    yield e.Delivered(call=name, leg="out", agent="li", queue="orders")
    yield e.Bridged(call=name, legs=("in", "out"), agent="li")
    yield e.CallCleared(call=name, cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER)
    yield e.QualityReported(
        call=name, leg="in", party=Party.CALLER, quality=Quality(mos=4.25, round_trip_ms=None)
    )


def publish(stream: EventStream, events: Iterator[Event]) -> list[Event]:
    return [stream.publish(event) for event in events]


def fill_disk(writer: Writer, pages: int | None = None) -> None:
    """Leave no room in the file, or all there is: SQLite's own limit answers as a full disk does."""
    pragma = "max_page_count"
    count = pages if pages is not None else 1  # never below the present size
    writer._db.execute(f"pragma {pragma} = {count}").fetchall()


def test_what_goes_in_comes_out_the_same(path: Path, stream: EventStream) -> None:
    writer = Writer(path)
    stream.subscribe(writer.append)
    said = publish(stream, whole_call("c1"))
    assert writer.flush(WAIT_S)
    db = open_read_only(path)
    assert queries.events_after(db, 0) == said
    assert queries.events_after(db, 5) == said[5:]
    assert queries.events_after(db, 0, limit=2) == said[:2]
    assert queries.events_of_call(db, "c1") == said
    assert (queries.first_seq(db), queries.last_seq(db)) == (1, len(said))
    record = queries.call(db, "c1")
    assert record is not None
    assert record.outcome is Outcome.ANSWERED
    assert record.ivr_path == ("demo:欢迎",)
    assert record.caller_quality == Quality(mos=4.25)
    db.close()
    assert writer.close() == 0


def test_a_batch_is_written_without_asking(path: Path, stream: EventStream) -> None:
    written = threading.Event()
    writer = Writer(path, batch_ms=1)
    try:
        step = writer._sweeper.step
        writer._sweeper.step = lambda: (step(), written.set())  # type: ignore[method-assign,return-value,func-returns-value]
        stream.subscribe(writer.append)
        publish(stream, whole_call("c1"))
        assert written.wait(WAIT_S)
        assert writer.flush(WAIT_S)
        assert writer.written == 8
    finally:
        writer.close()


def test_close_loses_nothing(path: Path, stream: EventStream) -> None:
    writer = Writer(path, batch_ms=100)
    stream.subscribe(writer.append)
    said = [event for n in range(500) for event in publish(stream, whole_call(f"c{n}"))]
    assert writer.close() == 0
    db = open_read_only(path)
    assert queries.last_seq(db) == len(said)
    assert queries.outcomes(db)[Outcome.ANSWERED] == 500
    db.close()


def test_threads_may_append_at_once(path: Path) -> None:
    writer = Writer(path, batch_ms=1)
    count, threads = 2_000, 4

    def work(first: int) -> None:
        for seq in range(first, count * threads + 1, threads):
            writer.append(e.AgentReady(agent="li", seq=seq, at=1.0))

    workers = [threading.Thread(target=work, args=(first,)) for first in range(1, threads + 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert writer.close() == 0
    db = open_read_only(path)
    (found,) = db.execute("select count(*) from events").fetchone()
    assert (found, queries.last_seq(db)) == (count * threads, count * threads)
    db.close()


def test_numbers_go_on_after_a_restart(path: Path, stream: EventStream) -> None:
    writer = Writer(path)
    stream.subscribe(writer.append)
    publish(stream, whole_call("c1"))
    writer.close()
    again = Writer(path)
    assert again.last_seq == 8
    assert again.unfinished_calls == []
    again.close()


def test_a_call_that_a_killed_daemon_left_is_known_and_can_be_completed(
    path: Path, stream: EventStream
) -> None:
    writer = Writer(path)
    stream.subscribe(writer.append)
    publish(stream, whole_call("done"))
    publish(stream, itertools.islice(whole_call("left"), 4))
    writer.close()

    again = Writer(path)
    assert again.unfinished_calls == ["left"]
    stream.subscribe(again.append)
    stream.publish(
        e.CallCleared(call="left", cause=Cause.NETWORK_FAILURE, released_by=Party.SYSTEM)
    )
    assert again.close() == 0
    db = open_read_only(path)
    record = queries.call(db, "left")
    assert record is not None
    assert (record.outcome, record.ani, record.queue) == (Outcome.FAILED, "138", "orders")
    db.close()
    third = Writer(path)
    assert third.unfinished_calls == []
    third.close()


def test_a_full_disk_is_told_once_and_costs_nothing(path: Path, stream: EventStream) -> None:
    alarms: list[StoreError | None] = []
    told = threading.Event()

    def alarm(error: StoreError | None) -> None:
        alarms.append(error)
        told.set()

    writer = Writer(path, batch_ms=1, alarm=alarm, retry_s=0.01)
    stream.subscribe(writer.append)
    publish(stream, whole_call("before"))
    assert writer.flush(WAIT_S)
    fill_disk(writer)
    for number in range(300):
        publish(stream, whole_call(f"c{number}"))
    assert told.wait(WAIT_S)
    assert writer.failing
    assert not writer.flush(0.05)
    assert writer.waiting > 0
    told.clear()
    fill_disk(writer, pages=1_000_000)
    assert writer.flush(WAIT_S)
    assert told.wait(WAIT_S)
    assert isinstance(alarms[0], StoreFullError)
    assert "Make room" in str(alarms[0])
    assert alarms[1:] == [None]
    assert writer.close() == 0
    db = open_read_only(path)
    assert queries.last_seq(db) == 301 * 8
    assert queries.outcomes(db)[Outcome.ANSWERED] == 301
    db.close()


def test_a_backlog_has_its_end_and_what_is_lost_is_counted(path: Path, stream: EventStream) -> None:
    writer = Writer(path, batch_ms=1, retry_s=0.01, backlog_limit=100)
    fill_disk(writer)
    stream.subscribe(writer.append)
    for number in range(100):
        publish(stream, whole_call(f"c{number}"))
    assert not writer.flush(0.1)
    assert writer.waiting <= 101  # and the flush itself
    assert writer.dropped == 700
    fill_disk(writer, pages=1_000_000)
    assert writer.flush(WAIT_S)
    assert writer.close() == 700
    db = open_read_only(path)
    (found,) = db.execute("select count(*) from events").fetchone()
    assert found == 100
    # The calls' own lines are all there: they wait apart from their events.
    assert queries.outcomes(db)[Outcome.ANSWERED] == 100
    db.close()


def test_closing_on_a_full_disk_ends_and_says_what_is_lost(path: Path, stream: EventStream) -> None:
    writer = Writer(path, batch_ms=1, retry_s=0.01)
    fill_disk(writer)
    stream.subscribe(writer.append)
    for number in range(100):
        publish(stream, whole_call(f"c{number}"))
    assert writer.close(timeout=0.2) == 800


def test_an_event_that_cannot_be_written_costs_only_itself(path: Path, stream: EventStream) -> None:
    alarms: list[StoreError | None] = []
    writer = Writer(path, alarm=alarms.append)
    stream.subscribe(writer.append)
    broken = stream.publish(e.AgentNotReady(agent="li", reason="\udcff"))
    publish(stream, whole_call("c1"))
    assert writer.flush(WAIT_S)
    assert writer.close() == 1
    (alarm,) = alarms
    assert f"event {broken.seq} (AgentNotReady)" in str(alarm)
    db = open_read_only(path)
    assert queries.last_seq(db) == 9
    db.close()


def test_a_fault_of_ours_is_told_and_the_thread_goes_on(
    path: Path, stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[StoreError | None] = []
    told = threading.Event()

    def alarm(error: StoreError | None) -> None:
        alarms.append(error)
        told.set()

    def broken(record: object) -> None:
        raise ZeroDivisionError("planted")

    writer = Writer(path, batch_ms=1, alarm=alarm, retry_s=0.01)
    stream.subscribe(writer.append)
    monkeypatch.setattr("ccd.store.rows.record_row", broken)
    publish(stream, whole_call("c1"))
    assert told.wait(WAIT_S)
    monkeypatch.undo()
    assert writer.flush(WAIT_S)
    assert "ZeroDivisionError" in str(alarms[0])
    assert alarms[-1] is None
    assert writer.close() == 0
    db = open_read_only(path)
    assert queries.last_seq(db) == 8
    db.close()


def test_what_comes_after_the_end_is_not_kept(path: Path, stream: EventStream) -> None:
    writer = Writer(path)
    stream.subscribe(writer.append)
    assert writer.close() == 0
    publish(stream, whole_call("late"))
    assert writer.waiting == 0
    assert writer.close() == 0


def test_old_events_leave_and_the_newest_stays(path: Path) -> None:
    now = 1_000_000.0
    writer = Writer(path)
    for seq in range(1, 2_001):
        writer.append(e.AgentReady(agent="li", seq=seq, at=seq * 1.0))
    writer.close()
    sweeping = Writer(path, batch_ms=1, keep_events_s=10.0, clock=lambda: now)
    deadline = threading.Event()
    for _ in range(200):
        sweeping.flush(WAIT_S)
        db = open_read_only(path)
        (count,) = db.execute("select count(*) from events").fetchone()
        db.close()
        if count == 1:
            break
        deadline.wait(0.02)
    assert sweeping.close() == 0
    db = open_read_only(path)
    assert [event.seq for event in queries.events_after(db, 0)] == [2000]
    db.close()
    again = Writer(path)
    assert again.last_seq == 2000
    again.close()


def test_events_that_are_young_enough_stay(path: Path) -> None:
    writer = Writer(path, keep_events_s=60.0, clock=lambda: 1000.0)
    for seq in range(1, 11):
        writer.append(e.AgentReady(agent="li", seq=seq, at=900.0 + 10 * seq))
    writer.close()
    again = Writer(path, keep_events_s=60.0, clock=lambda: 1000.0)
    again.flush(WAIT_S)
    again.close()
    db = open_read_only(path)
    assert [event.seq for event in queries.events_after(db, 0)] == [4, 5, 6, 7, 8, 9, 10]
    db.close()


def test_a_reader_in_another_program_does_not_make_the_writer_wait(
    path: Path, stream: EventStream
) -> None:
    writer = Writer(path)
    stream.subscribe(writer.append)
    publish(stream, whole_call("c1"))
    assert writer.flush(WAIT_S)
    reader = sqlite3.connect(path)
    reader.execute("begin")
    assert reader.execute("select count(*) from events").fetchone() == (8,)
    publish(stream, whole_call("c2"))
    assert writer.flush(2.0)
    assert reader.execute("select count(*) from events").fetchone() == (8,)
    reader.execute("commit")
    assert reader.execute("select count(*) from events").fetchone() == (16,)
    reader.close()
    writer.close()
