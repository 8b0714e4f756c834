"""What is asked of `customers.sqlite`, and what is written into it one by one; imports are
`ccd.store.customer_imports`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from ccd.store.errors import StoreError

GLANCE_NOTES = 3
"""Of the newest notes, so many are shown when the phone rings."""

GLANCE_CHARACTERS = 500

MOST_CANDIDATES = 20
"""Of the customers who share a number, so many are listed; the rest are counted."""


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as he is stored: without notes, and without his contacts."""

    id: str
    name: str = ""
    customer_class: str = ""
    adviser: str = ""
    language: str = ""
    numbers: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """Our numbers that are there for him alone."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody wrote down about a customer."""

    at: float
    """Seconds since the epoch."""
    author: str
    text: str


BY_NUMBER = "select customer from numbers where number = ?"
BY_ACCOUNT = "select customer from accounts where account = ?"
BY_LINE = "select customer from lines where line = ?"
BY_ID = "select id from customers where id = ?"


def ids(db: sqlite3.Connection, question: str, key: str) -> list[str]:
    """Return who has this number, account, line or id (`BY_...`), in the order of their ids."""
    return [row[0] for row in db.execute(question, (key,))]


def read(db: sqlite3.Connection, customer: str) -> CustomerRow | None:
    """Return one customer; None where there is none of this id."""
    found = db.execute(
        "select id, name, class, adviser, language from customers where id = ?", (customer,)
    ).fetchone()
    if found is None:
        return None
    return CustomerRow(
        id=found[0],
        name=found[1],
        customer_class=found[2],
        adviser=found[3],
        language=found[4],
        numbers=_several(
            db, "select number from numbers where customer = ? order by place", customer
        ),
        accounts=_several(
            db, "select account from accounts where customer = ? order by place", customer
        ),
        lines=_several(db, "select line from lines where customer = ? order by place", customer),
    )


def _several(db: sqlite3.Connection, question: str, customer: str) -> tuple[str, ...]:
    return tuple(row[0] for row in db.execute(question, (customer,)))


def named(db: sqlite3.Connection, text: str, limit: int) -> list[str]:
    """Return the ids of customers in whose name this occurs; names that begin so come first."""
    beginning = db.execute(
        "select id from customers where name >= ? and name < ? order by name limit ?",
        (text, text + "\U0010ffff", limit),
    )
    found = dict.fromkeys(row[0] for row in beginning)
    if len(found) < limit:
        pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        anywhere = db.execute(
            "select id from customers where name like ? escape '\\' limit ?", (pattern, limit)
        )
        found |= dict.fromkeys(row[0] for row in anywhere)
    return list(found)[:limit]


def notes(db: sqlite3.Connection, customer: str, limit: int = -1) -> list[Note]:
    """Return what was written about a customer, the newest first; a negative limit: all of it."""
    found = db.execute(
        "select at, author, text from notes where customer = ? order by at desc, id desc limit ?",
        (customer, limit),
    )
    return [Note(at=at, author=author, text=text) for at, author, text in found]


def glance(db: sqlite3.Connection, customer: str) -> str:
    """Return the newest notes as one reads them at a glance."""
    text = "\n".join(note.text for note in notes(db, customer, GLANCE_NOTES))
    return text if len(text) <= GLANCE_CHARACTERS else text[: GLANCE_CHARACTERS - 1] + "…"


def count(db: sqlite3.Connection) -> int:
    """Return how many customers there are."""
    return int(db.execute("select count(*) from customers").fetchone()[0])


def every(db: sqlite3.Connection) -> Iterator[CustomerRow]:
    """Yield all customers in the order of their ids, as they are at this moment."""
    for (customer,) in db.execute("select id from customers order by id"):
        row = read(db, customer)
        if row is not None:
            yield row


def add_note(db: sqlite3.Connection, customer: str, note: Note) -> bool:
    """Write something down about a customer; False where there is none of this id."""
    written = db.execute(
        "insert into notes (customer, at, author, text) select id, ?, ?, ? from customers where id = ?",
        (note.at, note.author, note.text, customer),
    )
    return written.rowcount == 1


def remove(db: sqlite3.Connection, customer: str) -> bool:
    """Forget a customer, his numbers and his notes; False where there is none of this id."""
    return db.execute("delete from customers where id = ?", (customer,)).rowcount == 1


class UnknownCustomerError(StoreError):
    """There is no customer of this id."""

    def __init__(self, customer: str) -> None:
        super().__init__(f"there is no customer {customer!r}; see: ccd customers find")
        self.customer = customer
