"""What people and programs ask the database; every query reads and nothing more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlite_utils import Database

from ccd.events import Event, VoicemailLeft
from ccd.model import CallRecord, Outcome
from ccd.store import rows
from ccd.store.callbacks import OpenCallback

OPEN_VOICEMAILS = (
    "select body from events as message where type = 'VoicemailLeft' and not exists"
    " (select 1 from events where contact = message.contact and type = 'VoicemailHeard')"
    " order by seq"
)


def last_seq(db: Database) -> int:
    """Return the number of the newest event; 0 where there is none."""
    (found,) = db.execute("select coalesce(max(seq), 0) from events").fetchone()
    return int(found)


def first_seq(db: Database) -> int | None:
    """Return the number of the oldest event that is still kept; None where there is none."""
    (found,) = db.execute("select min(seq) from events").fetchone()
    return None if found is None else int(found)


def events_after(db: Database, seq: int, limit: int = 10_000) -> list[Event]:
    """Return the events that follow number `seq`, oldest first, at most `limit`."""
    found = db.execute("select body from events where seq > ? order by seq limit ?", [seq, limit])
    return [rows.event_from_body(body) for (body,) in found]


def events_of_types(
    db: Database,
    types: Sequence[type[Event]],
    *,
    until: float | None = None,
    since: float | None = None,
) -> Iterator[Event]:
    """Yield the events of these types between these times (seconds since the epoch), oldest first."""
    marks = ", ".join("?" * len(types))
    first = 0 if since is None else _first_since(db, since)
    found = db.execute(
        f"select body from events where seq >= ? and type in ({marks}) and at <= ? order by seq",
        [first, *(each.__name__ for each in types), math.inf if until is None else until],
    )
    for (body,) in found:
        yield rows.event_from_body(body)


def _first_since(db: Database, at: float) -> int:
    """The number of the first event that happened then or later: times grow with numbers."""
    low, high = db.execute(
        "select coalesce(min(seq), 1), coalesce(max(seq), 0) + 1 from events"
    ).fetchone()
    while low < high:
        middle = (low + high) // 2
        (there,) = db.execute("select at from events where seq = ?", [middle]).fetchone()
        low, high = (middle + 1, high) if there < at else (low, middle)
    return int(low)


def last_at(db: Database) -> float | None:
    """Return when the newest event happened, seconds since the epoch; None where there is none."""
    found = db.execute("select at from events order by seq desc limit 1").fetchone()
    return None if found is None else float(found[0])


def events_of_call(db: Database, call: str) -> list[Event]:
    """Return what happened to a call, oldest first."""
    found = db.execute("select body from events where call = ? order by seq", [call])
    return [rows.event_from_body(body) for (body,) in found]


def unfinished_events(db: Database) -> Iterator[Event]:
    """Yield, oldest first, the events of calls that came in and never ended."""
    found = db.execute(
        "select body from events where call in (select call from open_calls) order by seq"
    )
    for (body,) in found:
        yield rows.event_from_body(body)


def open_voicemails(db: Database) -> list[VoicemailLeft]:
    """Return the messages that were left and that nobody is done with, oldest first."""
    found = db.execute(OPEN_VOICEMAILS)
    events = (rows.event_from_body(body) for (body,) in found)
    return [event for event in events if isinstance(event, VoicemailLeft)]


def open_callbacks(db: Database) -> list[OpenCallback]:
    """Return the customers who are still to be called back, the best place first."""
    found = db.execute("select body from open_callbacks")
    callbacks = [rows.callback_from_body(body) for (body,) in found]
    return sorted(callbacks, key=lambda each: (each.enqueued_at, each.callback))


def conversations(db: Database, since: float) -> list[tuple[str, str, float]]:
    """Return who spoke with whom after `since` (epoch): customer's number, agent, when; oldest first."""
    found = db.execute(
        "select case direction when 'out' then dnis else ani end, agent, connected_at from calls"
        " where connected_at > ? and agent is not null order by connected_at",
        [since],
    )
    return [(customer, agent, at) for customer, agent, at in found]


def call(db: Database, name: str) -> CallRecord | None:
    """Return the record of one call, or None where it has none."""
    found = list(db.query("select * from calls where call = ?", [name]))
    return rows.record_from_row(found[0]) if found else None


def calls_named_like(db: Database, beginning: str, limit: int = 10) -> list[str]:
    """Return the calls with this name, or else whose names begin so; also ones that still live."""
    if db.execute("select 1 from events where call = ? limit 1", [beginning]).fetchone():
        return [beginning]
    end = beginning + "\U0010ffff"  # above every name that begins so
    found = db.execute(
        "select distinct call from events where call >= ? and call < ? limit ?",
        [beginning, end, limit],
    )
    return [name for (name,) in found]


def recent_calls(
    db: Database,
    *,
    limit: int | None = 20,
    since: float | None = None,
    until: float | None = None,
    before: str | None = None,
    agent: str | None = None,
    queue: str | None = None,
    ani: str | None = None,
    outcome: Outcome | None = None,
) -> list[CallRecord]:
    """Return the newest call records, newest first; those given narrow the choice.

    `since` (inclusive) and `until` (exclusive) are seconds since the epoch, and look at when the
    call came in; `before` is a call: only what follows its record in this order, so that one
    page after the other can be read. `limit` None returns all.
    """
    terms: list[str] = []
    values: list[Any] = []
    for term, value in (
        ("offered_at >= ?", since),
        ("offered_at < ?", until),
        ("(offered_at, call) < (select offered_at, call from calls where call = ?)", before),
        ("agent = ?", agent),
        ("queue = ?", queue),
        ("ani = ?", ani),
        ("outcome = ?", None if outcome is None else str(outcome)),
    ):
        if value is not None:
            terms.append(term)
            values.append(value)
    where = f"where {' and '.join(terms)} " if terms else ""
    found = db.query(
        f"select * from calls {where}order by offered_at desc, call desc limit ?",
        [*values, -1 if limit is None else limit],
    )
    return [rows.record_from_row(row) for row in found]


def outcomes(db: Database, since: float = 0.0) -> dict[Outcome, int]:
    """Return how many calls that came in since then ended in which way; every way is there."""
    counts = dict.fromkeys(Outcome, 0)
    found = db.execute(
        "select outcome, count(*) from calls where offered_at >= ? group by outcome", [since]
    )
    for name, count in found:
        counts[Outcome(name)] = count
    return counts
