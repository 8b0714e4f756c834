"""A customer's contacts, read from the journal's call records: nothing of them is copied.

A call record has a number as the carrier wrote it, so that a customer is looked for by every
spelling of his numbers (`ccd.customers.numbers.Numbering.spellings`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

MOST_COUNTED = 100
"""Contacts are counted up to here for a glance: beyond that the number says no more, and a
switchboard's thousands of calls must not keep the phone from ringing."""

MOST_SPELLINGS = 100
"""Of all numbers of one customer together."""

CUSTOMERS_NUMBER = "(case direction when 'out' then dnis else ani end)"
"""The expression of the index `calls_customer`."""


class PastContact(msgspec.Struct, frozen=True, kw_only=True):
    """One contact of the past."""

    call: str
    at: float
    """When it began, seconds since the epoch."""
    channel: str = "voice"
    direction: str
    number: str
    """The customer's, as the carrier wrote it."""
    outcome: str
    queue: str = ""
    agent: str = ""
    talked_s: float | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of them at a glance."""

    contacts: int = 0
    """`MOST_COUNTED` where there are that many or more."""
    last_at: float | None = None
    last_agent: str = ""


def contacts(db: sqlite3.Connection, spellings: Sequence[str], limit: int) -> list[PastContact]:
    """Return the newest contacts with these numbers, the newest first."""
    columns = (
        f"call, offered_at, direction, {CUSTOMERS_NUMBER}, outcome, coalesce(queue, ''),"
        " coalesce(agent, ''), talked_s"
    )
    found = [row for each in _asked(spellings) for row in _newest(db, columns, each, limit)]
    found.sort(key=lambda row: row[1], reverse=True)
    return [
        PastContact(
            call=row[0],
            at=row[1],
            direction=row[2],
            number=row[3],
            outcome=row[4],
            queue=row[5],
            agent=row[6],
            talked_s=row[7],
        )
        for row in found[:limit]
    ]


def summary(db: sqlite3.Connection, spellings: Sequence[str]) -> Summary:
    """Return how many contacts there were, when the last was, and who spoke with him last."""
    found = [
        row
        for each in _asked(spellings)
        for row in _newest(db, "offered_at, agent", each, MOST_COUNTED)
    ]
    spoke = [(at, agent) for at, agent in found if agent]
    return Summary(
        contacts=min(len(found), MOST_COUNTED),
        last_at=max((at for at, _ in found), default=None),
        last_agent=max(spoke)[1] if spoke else "",
    )


def _newest(db: sqlite3.Connection, columns: str, number: str, limit: int) -> sqlite3.Cursor:
    # A question for each spelling: each stops at its limit, where one for all would sort them all.
    return db.execute(
        f"select {columns} from calls indexed by calls_customer where {CUSTOMERS_NUMBER} = ?"
        " order by offered_at desc limit ?",
        (number, limit),
    )


def _asked(spellings: Sequence[str]) -> Sequence[str]:
    return spellings[:MOST_SPELLINGS]
