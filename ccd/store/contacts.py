"""What the journal has of a contact: a call, a callback or a message; reading only.

A contact's events are those that name it, and those of the call that it is. The name of a
call is a contact's as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

import msgspec
from sqlite_utils import Database

from ccd.events import CallbackRequested, Event, Offered, Routed
from ccd.store import rows

NEAR = 5_000
"""How many of the newest names are looked at for one that is like a mistyped one."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of a caller's number."""

    contact: str
    at: float
    """When it came in, or was asked for; seconds since the epoch."""
    what: str
    """`call` or `callback`."""
    queue: str | None = None
    outcome: str | None = None
    """None where it is not over, or the record does not say."""


def events_of_contact(db: Database, contact: str) -> list[Event]:
    """Return what happened to a contact, oldest first."""
    found = db.execute(
        "select body from events where call = :name or contact = :name order by seq",
        {"name": contact},
    )
    return [rows.event_from_body(body) for (body,) in found]


def contacts_named_like(db: Database, beginning: str, limit: int = 10) -> list[str]:
    """Return the contact of this name, or else those whose names begin so, oldest first."""
    exact = "select 1 from events where call = :name or contact = :name limit 1"
    if db.execute(exact, {"name": beginning}).fetchone():
        return [beginning]
    found = db.execute(
        "select call as name from events where call >= :begin and call < :end"
        " union select contact from events where contact >= :begin and contact < :end"
        " limit :limit",
        # The end is above every name that begins so.
        {"begin": beginning, "end": beginning + "\U0010ffff", "limit": limit},
    )
    return [name for (name,) in found]


def names_like(db: Database, name: str, count: int = 3) -> list[str]:
    """Return the names of recent contacts that a mistyped one may mean, the nearest first."""
    found = db.execute(
        "select call, contact from events where call is not null or contact is not null"
        " order by seq desc limit ?",
        [NEAR],
    )
    names = dict.fromkeys(each for row in found for each in row if each is not None)
    return difflib.get_close_matches(name, names, n=count)


def contacts_of_number(db: Database, number: str, limit: int = 10) -> list[Visit]:
    """Return the newest contacts of a customer's number, newest first; live ones as well."""
    visits = [
        Visit(contact=call, at=at, what="call", queue=queue, outcome=outcome)
        for call, at, queue, outcome in db.execute(
            "select call, offered_at, queue, outcome from calls"
            " where ani = ? order by offered_at desc limit ?",
            [number, limit],
        )
    ]
    for (body,) in db.execute(
        "select body from events where type = 'Offered' and call in (select call from open_calls)"
    ):
        event = rows.event_from_body(body)
        if isinstance(event, Offered) and event.ani == number:
            visits.append(Visit(contact=event.call, at=event.at, what="call"))
    for (body,) in db.execute(
        "select body from events where type = 'CallbackRequested'"
        " and json_extract(body, '$.number') = ? order by seq desc limit ?",
        [number, limit],
    ):
        event = rows.event_from_body(body)
        if isinstance(event, CallbackRequested):
            visits.append(
                Visit(contact=event.callback, at=event.at, what="callback", queue=event.queue)
            )
    visits.sort(key=lambda visit: visit.at, reverse=True)
    return visits[:limit]


def calls_made_to(db: Database, number: str, since: float, until: float | None = None) -> list[str]:
    """Return the calls that we made to a number and that are over, oldest first.

    Those that began between these times, seconds since the epoch; `until` None: to this day.
    """
    found = db.execute(
        "select call from calls where direction = 'out' and dnis = ?"
        " and offered_at between ? and ? order by offered_at",
        [number, since, float("inf") if until is None else until],
    )
    return [name for (name,) in found]


def steps_between(
    db: Database, first_seq: int, last_seq: int, queues: Collection[str]
) -> list[Routed]:
    """Return the steps of all contacts in these queues between two events, oldest first."""
    steps = []
    for (body,) in db.execute(
        "select body from events where seq between ? and ? and type = 'Routed' order by seq",
        [first_seq, last_seq],
    ):
        event = rows.event_from_body(body)
        if isinstance(event, Routed) and event.queue in queues:
            steps.append(event)
    return steps
