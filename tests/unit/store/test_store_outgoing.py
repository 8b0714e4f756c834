"""Calls that we begin, in the records and in the file."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from ccd import events as e
from ccd.events import Event, EventStream
from ccd.model import CallRecord, Cause, Direction, Outcome, Party
from ccd.store import queries, schema
from ccd.store.database import open_for_writing, open_read_only
from ccd.store.journal import Writer
from ccd.store.records import CallRecords


def happens(*events: Event) -> CallRecord:
    """The last record that comes of these events, which are a second apart from 1001 on."""
    fold = CallRecords()
    records = [
        fold.feed(msgspec.structs.replace(event, seq=number, at=1000.0 + number))
        for number, event in enumerate(events, 1)
    ]
    record = next(record for record in reversed(records) if record is not None)
    assert fold.open_calls == []
    return record


def originated(leg: str = "c.1", party: Party = Party.CALLER, number: str = "139") -> Event:
    trunk = "carrier" if party is Party.CALLER else ""
    return e.Originated(call="c", leg=leg, ani="95500", dnis=number, trunk=trunk, party=party)


def failed(cause: Cause, leg: str = "c.1") -> Event:
    return e.Failed(call="c", leg=leg, party=Party.CALLER, cause=cause)


def cleared(cause: Cause = Cause.NORMAL_CLEARING, by: Party = Party.SYSTEM) -> Event:
    return e.CallCleared(call="c", cause=cause, released_by=by)


def test_customer_first() -> None:
    record = happens(
        originated(),
        e.Established(call="c", leg="c.1", party=Party.CALLER),
        e.Queued(call="c", queue="orders", position=1),
        e.Delivered(call="c", leg="c.2", agent="li", queue="orders"),
        e.Established(call="c", leg="c.2", party=Party.AGENT, agent="li"),
        e.Bridged(call="c", legs=("c.1", "c.2"), agent="li"),
        cleared(by=Party.AGENT),
    )
    assert record == CallRecord(
        call="c",
        ani="95500",
        dnis="139",
        trunk="carrier",
        direction=Direction.OUT,
        outcome=Outcome.ANSWERED,
        offered_at=1001.0,
        answered_at=1002.0,
        queued_at=1003.0,
        queue="orders",
        delivered_at=1004.0,
        connected_at=1006.0,
        cleared_at=1007.0,
        agent="li",
        released_by=Party.AGENT,
        cause=Cause.NORMAL_CLEARING,
    )


def test_agent_first_takes_the_customers_leg_when_it_comes() -> None:
    record = happens(
        originated("c.1", Party.AGENT, number=""),
        e.Delivered(call="c", leg="c.1", agent="li", queue="orders"),
        e.Established(call="c", leg="c.1", party=Party.AGENT, agent="li"),
        originated("c.2"),
        failed(Cause.BUSY, "c.2"),
        originated("c.3", number="138"),
        e.Established(call="c", leg="c.3", party=Party.CALLER),
        e.Bridged(call="c", legs=("c.3", "c.1"), agent="li"),
        cleared(),
    )
    assert (record.offered_at, record.answered_at, record.connected_at) == (1001.0, 1007.0, 1008.0)
    assert (record.dnis, record.trunk, record.agent) == ("138", "carrier", "li")
    assert record.delivered_at == 1002.0
    assert record.rings_unanswered == 0


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (Cause.BUSY, Outcome.UNREACHED),
        (Cause.NO_ANSWER, Outcome.UNREACHED),
        (Cause.DESTINATION_NOT_OBTAINABLE, Outcome.UNREACHED),
        (Cause.NETWORK_FAILURE, Outcome.FAILED),
        (Cause.MEDIA_WORKER_LOST, Outcome.FAILED),
        (Cause.SHUTDOWN, Outcome.FAILED),
    ],
)
def test_a_customer_who_was_never_there(cause: Cause, outcome: Outcome) -> None:
    assert happens(originated(), failed(cause), cleared(cause)).outcome is outcome


def test_a_number_outside_has_no_agents_name() -> None:
    record = happens(
        e.Offered(call="c", leg="c.0", ani="138", dnis="95500", trunk="carrier"),
        e.Established(call="c", leg="c.0", party=Party.CALLER),
        e.Queued(call="c", queue="orders", position=1),
        e.Delivered(call="c", leg="c.1", agent="", queue="orders", number="0108888"),
        e.Bridged(call="c", legs=("c.0", "c.1")),
        cleared(),
    )
    assert (record.direction, record.outcome, record.agent) == (
        *(Direction.IN, Outcome.ANSWERED, None),
    )
    assert (record.delivered_at, record.connected_at) == (1004.0, 1005.0)


def test_a_file_from_before_directions_is_one_of_callers(tmp_path: Path) -> None:
    path = tmp_path / "ccd.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        patch.setattr(schema, "VERSION", 1)
        old = open_for_writing(path)
        old.execute(
            "insert into calls (call, ani, dnis, trunk, outcome, offered_at, cleared_at,"
            " released_by, cause, digits, ivr_path, rings_unanswered)"
            " values ('c', '138', '95500', 't', 'answered', 1, 2, 'caller', 'normal_clearing',"
            " '', '[]', 0)"
        )
        old.conn.commit()
        old.close()
    db = open_for_writing(path)
    assert schema.version(db) == schema.VERSION
    record = queries.call(db, "c")
    assert record is not None
    assert record.direction is Direction.IN
    db.close()


def test_directions_are_kept_and_an_outgoing_call_can_be_left_open(tmp_path: Path) -> None:
    path = tmp_path / "ccd.sqlite"
    ticks = itertools.count(1)
    stream = EventStream(clock=lambda: 1000.0 + next(ticks))
    writer = Writer(path)
    stream.subscribe(writer.append)
    for event in (originated(), failed(Cause.BUSY), cleared(Cause.BUSY)):
        stream.publish(event)
    stream.publish(
        e.Originated(call="d", leg="d.1", ani="95500", dnis="", trunk="", party=Party.AGENT)
    )
    assert writer.flush(10.0)
    stream.publish(e.Originated(call="d", leg="d.2", ani="95500", dnis="139", trunk="carrier"))
    assert writer.flush(10.0)
    db = open_read_only(path)
    record = queries.call(db, "c")
    assert record is not None
    assert (record.direction, record.outcome) == (Direction.OUT, Outcome.UNREACHED)
    db.close()
    assert writer.close() == 0
    # A daemon that was killed left it so; the next one gives it its end.
    again = Writer(path)
    assert again.unfinished_calls == ["d"]
    again.append(
        e.CallCleared(
            seq=99, at=2000.0, call="d", cause=Cause.NETWORK_FAILURE, released_by=Party.SYSTEM
        )
    )
    assert again.close() == 0
    db = open_read_only(path)
    left = queries.call(db, "d")
    assert left is not None
    assert (left.dnis, left.outcome) == ("139", Outcome.FAILED)
    db.close()
    assert Writer(path).close() == 0


def test_a_call_that_was_begun_without_a_number_has_the_one_that_was_dialled(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ccd.sqlite"
    stream = EventStream(clock=lambda: 1000.0)
    writer = Writer(path)
    stream.subscribe(writer.append)
    begun = e.Originated(
        call="d", leg="d.1", ani="anna", dnis="", trunk="", party=Party.AGENT,
        direction=Direction.INTERNAL, agent="anna",
    )  # fmt: skip
    stream.publish(begun)
    stream.publish(msgspec.structs.replace(begun, dnis="bert", connected=True))
    stream.publish(e.CallCleared(call="d", cause=Cause.NORMAL_CLEARING, released_by=Party.AGENT))
    assert writer.close() == 0
    db = open_read_only(path)
    record = queries.call(db, "d")
    assert record is not None
    assert (record.ani, record.dnis, record.direction) == ("anna", "bert", Direction.INTERNAL)
    db.close()
