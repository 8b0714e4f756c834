"""Contacts in the journal: found by name, by its beginning, and by the caller's number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from ccd import events as e
from ccd.events import EventStream
from ccd.model import Cause, Party
from ccd.store import contacts, schema
from ccd.store.database import open_for_writing, open_read_only
from ccd.store.journal import Writer


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A caller who is called back, one who waits, and one who has come and gone."""
    clock = iter(range(1_000, 2_000))
    stream = EventStream(lambda: float(next(clock)))
    writer = Writer(tmp_path / "ccd.sqlite", batch_ms=1)
    stream.subscribe(writer.append)
    for call, ani in (("a-1", "139"), ("a-2", "138"), ("b-1", "139")):
        stream.publish(e.Offered(call=call, leg=f"{call}/1", ani=ani, dnis="9", trunk="t"))
        stream.publish(e.Routed(contact=call, step="enqueued", queue="orders"))
    stream.publish(
        e.CallbackRequested(
            callback="cb-1", queue="orders", number="139", origin="offered", enqueued_at=0.0,
            call="a-1",
        )
    )  # fmt: skip
    stream.publish(e.Routed(contact="cb-1", step="enqueued", queue="orders"))
    stream.publish(e.Routed(contact="a-2", step="moved", queue="night"))
    for call in ("a-1", "a-2"):
        stream.publish(
            e.CallCleared(call=call, cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER)
        )
    assert writer.close() == 0
    found = open_read_only(tmp_path / "ccd.sqlite")
    yield found
    found.close()


def test_a_call_s_events_have_its_steps_among_them(db: Database) -> None:
    kinds = [type(event).__name__ for event in contacts.events_of_contact(db, "a-1")]
    assert kinds == ["Offered", "Routed", "CallbackRequested", "CallCleared"]


def test_a_callback_s_events_are_found_by_its_own_name(db: Database) -> None:
    kinds = [type(event).__name__ for event in contacts.events_of_contact(db, "cb-1")]
    assert kinds == ["CallbackRequested", "Routed"]


def test_names_are_found_by_their_beginning(db: Database) -> None:
    assert contacts.contacts_named_like(db, "a-1") == ["a-1"]
    assert contacts.contacts_named_like(db, "a-") == ["a-1", "a-2"]
    assert contacts.contacts_named_like(db, "cb") == ["cb-1"]
    assert contacts.contacts_named_like(db, "z") == []


def test_a_mistyped_name_has_near_ones(db: Database) -> None:
    assert contacts.names_like(db, "cb-2") == ["cb-1"]
    assert contacts.names_like(db, "quite-another") == []


def test_a_number_s_contacts_are_its_calls_dead_and_alive_and_its_callbacks(db: Database) -> None:
    found = contacts.contacts_of_number(db, "139")
    assert [(visit.contact, visit.what, visit.outcome) for visit in found] == [
        ("cb-1", "callback", None),
        ("b-1", "call", None),
        ("a-1", "call", "self_served"),
    ]
    assert contacts.contacts_of_number(db, "139", limit=1)[0].contact == "cb-1"
    assert contacts.contacts_of_number(db, "110") == []


def test_steps_are_those_of_the_queues_and_the_time_asked_for(db: Database) -> None:
    assert [step.seq for step in contacts.steps_between(db, 1, 8, {"orders"})] == [2, 4, 6, 8]
    assert [step.seq for step in contacts.steps_between(db, 4, 6, {"orders"})] == [4, 6]
    assert [step.seq for step in contacts.steps_between(db, 1, 99, {"night"})] == [9]


def test_calls_of_ours_are_found_by_the_number_called(tmp_path: Path) -> None:
    clock = iter(range(1_000, 2_000))
    stream = EventStream(lambda: float(next(clock)))
    writer = Writer(tmp_path / "out.sqlite", batch_ms=1)
    stream.subscribe(writer.append)
    for call, number in (("o-1", "139"), ("o-2", "138"), ("o-3", "139")):
        stream.publish(e.Originated(call=call, leg="1", ani="9", dnis=number, trunk="t"))
        stream.publish(e.CallCleared(call=call, cause=Cause.BUSY, released_by=Party.SYSTEM))
    assert writer.close() == 0
    found = open_read_only(tmp_path / "out.sqlite")
    assert contacts.calls_made_to(found, "139", 0.0) == ["o-1", "o-3"]
    assert contacts.calls_made_to(found, "139", 1001.0, 1004.0) == ["o-3"]
    found.close()


def test_looking_up_uses_the_indexes(db: Database) -> None:
    """A day has millions of events: none of these may read them all."""
    plans = {
        "by name": "select body from events where call = 'x' or contact = 'x' order by seq",
        "requests": "select body from events where type = 'CallbackRequested' order by seq",
    }
    for what, query in plans.items():
        steps = [row[3] for row in db.execute(f"explain query plan {query}")]
        assert not [step for step in steps if step == "SCAN events"], (what, steps)


def test_a_journal_of_before_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    db = open_for_writing(path)
    db.close()
    raw = sqlite3.connect(path)
    raw.execute("drop index events_contact")
    raw.execute("drop index events_requests")
    raw.execute("drop index events_messages")
    raw.execute("drop table open_callbacks")
    raw.execute("drop table audit")
    raw.execute("drop index if exists calls_customer")
    raw.execute("alter table calls drop column disposition")
    raw.execute("alter table calls drop column notes")
    raw.execute("alter table events drop column contact")
    raw.execute("delete from schema_version where version >= 3")
    raw.execute(
        "insert into events values (1, 5.0, 'AgentReady', null,"
        ' \'{"type":"AgentReady","seq":1,"at":5.0,"agent":"anna"}\')'
    )
    raw.commit()
    raw.close()
    db = open_for_writing(path)
    assert schema.version(db) == schema.VERSION >= 3
    assert contacts.events_of_contact(db, "anna") == []
    assert db.execute("select seq, contact from events").fetchall() == [(1, None)]
    db.close()
