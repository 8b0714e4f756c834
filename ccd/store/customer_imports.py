"""A whole file of customers, taken into `customers.sqlite` in one transaction.

What is to come is written into temporary tables first, which are nobody else's and lock
nothing; then one transaction makes it true, and touches only what differs, so that the daily
import of a million customers of whom a thousand changed holds the file for a second or two.
Readers see all of it or nothing, and wait for neither.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from ccd.store.customers import CustomerRow

_STAGE = """
create temp table staged (id text primary key, name text, class text, adviser text, language text)
    without rowid;
create temp table staged_numbers (number text, customer text, place integer,
    primary key (customer, number)) without rowid;
create temp table staged_accounts (account text, customer text, place integer,
    primary key (customer, account)) without rowid;
create temp table staged_lines (line text, customer text, place integer,
    primary key (customer, line)) without rowid;
"""

SINGLE = ("name", "class", "adviser", "language")
SEVERAL = {"numbers": "number", "accounts": "account", "lines": "line"}
"""Tables with several rows a customer, and what each row is keyed by."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an import does, or did."""

    added: int
    changed: int
    unchanged: int
    removed: int
    notes_removed: int
    """Of the customers removed."""


class Staging:
    """Customers on their way in, over one connection of `customer_schema.open_for_writing`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.columns: frozenset[str] = frozenset((*SINGLE, *SEVERAL))
        """Those that the file has; what it does not speak of stays as it is."""
        db.execute("pragma temp_store = file")
        db.executescript(_STAGE)

    def add(self, rows: Sequence[CustomerRow]) -> None:
        """Have these wait; each id once, in all calls together."""
        self._db.execute("begin")
        self._db.executemany(
            "insert into staged values (?, ?, ?, ?, ?)",
            [(row.id, row.name, row.customer_class, row.adviser, row.language) for row in rows],
        )
        for table in SEVERAL:
            self._db.executemany(
                f"insert or ignore into staged_{table} values (?, ?, ?)", _places(rows, table)
            )
        self._db.execute("commit")

    def outcome(self, *, replace: bool) -> Outcome:
        """Return what `apply` would do now."""
        (staged,) = self._one("select count(*) from staged")
        (known,) = self._one("select count(*) from staged join customers using (id)")
        (changed,) = self._one(
            "select count(*) from staged join customers c using (id) where false"
            + "".join(f" or staged.{each} is not c.{each}" for each in self._single)
            + "".join(
                f" or exists (select number_, place from (select {key} as number_, place from"
                f" staged_{table} where customer = c.id except select {key}, place from {table}"
                f" where customer = c.id)) or (select count(*) from {table} where customer = c.id)"
                f" > (select count(*) from staged_{table} where customer = c.id)"
                for table, key in self._several.items()
            )
        )
        gone = "not exists (select 1 from staged where staged.id = "
        removed = notes = 0
        if replace:
            (removed,) = self._one(f"select count(*) from customers where {gone} customers.id)")
            (notes,) = self._one(f"select count(*) from notes where {gone} notes.customer)")
        return Outcome(
            added=staged - known,
            changed=changed,
            unchanged=known - changed,
            removed=removed,
            notes_removed=notes,
        )

    def apply(self, *, replace: bool) -> None:
        """Make it true: all of it, or, where this raises, nothing.

        A customer of a known id is as the file has him, numbers and accounts too; his notes stay.
        With `replace` who is not in the file is removed.
        """
        db = self._db
        db.execute("begin immediate")
        try:
            if replace:
                db.execute("delete from customers where id not in (select id from staged)")
            values = ", ".join(f"{each} = excluded.{each}" for each in self._single)
            differs = " or ".join(f"{each} is not excluded.{each}" for each in self._single)
            db.execute(
                "insert into customers select id, name, class, adviser, language from staged"
                " where true order by id on conflict (id) do "
                + (f"update set {values} where {differs}" if values else "nothing")
            )
            for table, key in self._several.items():
                db.execute(
                    f"delete from {table} where customer in (select id from staged) and not exists"
                    f" (select 1 from staged_{table} as new where new.customer = {table}.customer"
                    f" and new.{key} = {table}.{key})"
                )
                # In the order of its key: the file's pages are filled one after the other.
                db.execute(
                    f"insert into {table} ({key}, customer, place) select {key}, customer, place"
                    f" from staged_{table} where true order by {key}, customer"
                    f" on conflict ({key}, customer) do update set place = excluded.place"
                    " where place is not excluded.place"
                )
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")
        self._clear()

    @property
    def _single(self) -> list[str]:
        return [each for each in SINGLE if each in self.columns]

    @property
    def _several(self) -> dict[str, str]:
        return {table: key for table, key in SEVERAL.items() if table in self.columns}

    def _clear(self) -> None:
        for table in ("staged", *(f"staged_{each}" for each in SEVERAL)):
            self._db.execute(f"delete from {table}")

    def _one(self, question: str) -> tuple[int, ...]:
        found: tuple[int, ...] = self._db.execute(question).fetchone()
        return found


def _places(rows: Iterable[CustomerRow], table: str) -> list[tuple[str, str, int]]:
    return [(key, row.id, place) for row in rows for place, key in enumerate(getattr(row, table))]
