"""The tables, as the steps that led to them: migration N makes version N of version N-1.

A released migration is never changed; what follows gets the next number. Each runs in
a transaction of its own, together with the note that it ran.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlite_utils import Database

from ccd.store.errors import StoreNewerError

APPLICATION_ID = 0x63636430
"""`ccd0` in SQLite's header, so that file(1) and we can tell whose file it is."""


def _first(db: Database) -> None:
    """Events as they happened, and a line for each call."""
    db.execute(
        """
        create table events (
            seq integer primary key,   -- counts from 1 without a gap
            at real not null,          -- seconds since the Unix epoch, UTC
            type text not null,        -- the event's class in ccd/events.py
            call text,                 -- the call it belongs to, where it belongs to one
            body text not null         -- the whole event, JSON
        ) strict
        """
    )
    db.execute("create index events_call on events (call) where call is not null")
    db.execute(
        """
        create table open_calls (      -- came in and did not end yet: what a killed daemon left
            call text primary key,
            first_seq integer not null
        ) strict, without rowid
        """
    )
    db.execute(
        """
        create table calls (
            call text primary key,
            ani text not null,
            dnis text not null,
            trunk text not null,
            outcome text not null,
            offered_at real not null,
            answered_at real,
            queued_at real,
            queue text,
            delivered_at real,
            connected_at real,
            cleared_at real not null,
            wrap_up_ended_at real,
            agent text,
            released_by text not null,
            cause text not null,
            digits text not null,
            ivr_path text not null,          -- JSON list of flow:step
            rings_unanswered integer not null,
            recording text,
            caller_mos real,
            agent_mos real,
            caller_quality text,             -- JSON, ccd.model.Quality
            agent_quality text,
            waited_s real generated always as
                (coalesce(connected_at, cleared_at) - queued_at) virtual,
            talked_s real generated always as (cleared_at - connected_at) virtual
        ) strict, without rowid
        """
    )
    db.execute("create index calls_offered_at on calls (offered_at)")
    db.execute("create index calls_agent on calls (agent, offered_at) where agent is not null")
    db.execute("create index calls_queue on calls (queue, offered_at) where queue is not null")
    db.execute("create index calls_ani on calls (ani, offered_at)")


def _direction(db: Database) -> None:
    """Who began a call: until now it was always the caller."""
    db.execute("alter table calls add column direction text not null default 'in'")


def _contacts(db: Database) -> None:
    """Whose step an event is that belongs to a contact; callbacks and messages are no calls."""
    db.execute("alter table events add column contact text")
    db.execute("create index events_contact on events (contact) where contact is not null")
    # Few of many events: a customer's number is looked for in these.
    db.execute("create index events_requests on events (seq) where type = 'CallbackRequested'")


def _messages(db: Database) -> None:
    """Messages left, few of many events: at its start the daemon looks for those not heard."""
    db.execute("create index events_messages on events (seq) where type = 'VoicemailLeft'")


def _open_callbacks(db: Database) -> None:
    """Who is still to be called back, whether or not the events are kept that say so."""
    db.execute(
        """
        create table open_callbacks (
            callback text primary key,
            body text not null             -- JSON, ccd.store.callbacks.OpenCallback
        ) strict, without rowid
        """
    )


def _audit(db: Database) -> None:
    """Who changed what over the CTI (`ccd.store.audit`)."""
    db.execute(
        """
        create table audit (
            number integer primary key,
            at real not null,
            session integer not null,
            client text not null,
            key text not null,
            user text not null,
            agents text not null,           -- JSON list
            op text not null,
            args text not null,             -- JSON object, secrets masked
            outcome text not null,
            roles text not null             -- JSON list
        ) strict
        """
    )
    db.execute("create index audit_at on audit (at)")


def _customers_calls(db: Database) -> None:
    """A customer's contacts by his number, whoever began the call (`ccd.store.contact_history`)."""
    db.execute(
        "create index calls_customer on calls"
        " ((case direction when 'out' then dnis else ani end), offered_at)"
    )


def _dispositions(db: Database) -> None:
    """What came of a call, as its agent said it."""
    db.execute("alter table calls add column disposition text not null default ''")
    db.execute("alter table calls add column notes text not null default ''")


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _first,
    _direction,
    _contacts,
    _messages,
    _open_callbacks,
    _audit,
    _customers_calls,
    _dispositions,
)

VERSION = len(MIGRATIONS)
"""The schema that this program reads and writes."""


def version(db: Database) -> int:
    """Return the version of the schema in the file; 0 for a new one."""
    if not db["schema_version"].exists():
        return 0
    (found,) = db.execute("select coalesce(max(version), 0) from schema_version").fetchone()
    return int(found)


def check_version(db: Database, file: str) -> int:
    """Return the file's version; raise StoreNewerError where it is from a later release."""
    found = version(db)
    if found > VERSION:
        raise StoreNewerError(
            f"{file} was written by a later release of ccd (schema {found}; this one knows "
            f"{VERSION}). Use that release, or another state folder"
        )
    return found


def migrate(db: Database, file: str) -> None:
    """Bring the file to the present version, or leave it as it was and raise."""
    for number in range(check_version(db, file) + 1, VERSION + 1):
        with db.atomic():
            db.execute(
                "create table if not exists schema_version"
                " (version integer primary key, applied_at real not null) strict"
            )
            MIGRATIONS[number - 1](db)
            db.execute("insert into schema_version values (?, ?)", [number, time.time()])
