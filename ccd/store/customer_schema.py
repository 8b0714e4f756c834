"""The tables of `customers.sqlite`, and how the file is opened.

A file of its own, beside the journal's: SQLite has one writer a file, and an import of a
million customers is one transaction of many seconds, while the journal commits every 50 ms.
It can also be copied, handed over and thrown away without the journal, as laws on personal
data may want.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ccd.store.database import BUSY_TIMEOUT_S, translated
from ccd.store.errors import StoreForeignError, StoreMissingError, StoreNewerError

APPLICATION_ID = 0x63636475
"""`ccdu` in SQLite's header: a customers' file of ours."""

CACHED_KIB = 65_536
"""Pages that a reader keeps. The file is not mapped into memory (mmap): that saves 5 of 70 µs a
look-up, but whoever copies a file over this one in place would end the daemon by SIGBUS, and a
cold look-up took up to 53 ms, read-ahead included, against 5 ms."""

_FIRST = """
create table customers (
    id text primary key,
    name text not null,
    class text not null,
    adviser text not null,
    language text not null
) strict, without rowid;
create index customers_name on customers (name);

create table numbers (             -- several a customer, several customers a number
    number text not null,          -- ccd.customers.numbers' one form
    customer text not null references customers on delete cascade,
    place integer not null,        -- the order in which they are shown
    primary key (number, customer)
) strict, without rowid;
create index numbers_customer on numbers (customer);

create table accounts (
    account text not null,
    customer text not null references customers on delete cascade,
    place integer not null,
    primary key (account, customer)
) strict, without rowid;
create index accounts_customer on accounts (customer);

create table lines (               -- our numbers that are there for one customer
    line text not null,
    customer text not null references customers on delete cascade,
    place integer not null,
    primary key (line, customer)
) strict, without rowid;
create index lines_customer on lines (customer);

create table notes (
    id integer primary key,
    customer text not null references customers on delete cascade,
    at real not null,              -- seconds since the Unix epoch, UTC
    author text not null,
    text text not null
) strict;
create index notes_customer on notes (customer, at);
"""

MIGRATIONS = (_FIRST,)
"""Script N makes version N of version N-1; one that was released is never changed."""

VERSION = len(MIGRATIONS)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file, making or migrating it. Raises `StoreError`."""
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
        )
        try:
            _claim(connection, path)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma foreign_keys = on")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path, *, wait_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Open the file for look-ups: each sees the last commit, and waits for no import.

    `wait_s` is how long a statement waits for a lock, which in WAL mode is somebody's who means it
    (a repair, a backup). Raises `StoreError`; `StoreMissingError` where there is no file.
    """
    if not path.exists():
        raise StoreMissingError(
            f"there is no {path.name} in {path.parent}: no customers were imported yet"
        )
    with translated(path):
        # Opened for writing, so that the log's index can be made where nobody else has it open.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=wait_s,
            check_same_thread=False,
            isolation_level=None,
        )
        try:
            connection.execute("pragma query_only = on")
            connection.execute("pragma mmap_size = 0")
            connection.execute(f"pragma cache_size = -{CACHED_KIB}")
            _check_owner(connection, path)
            _check_version(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _claim(connection: sqlite3.Connection, path: Path) -> None:
    (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    (owner,) = connection.execute("pragma application_id").fetchone()
    if not tables and not owner:
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
    _check_owner(connection, path)


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    (owner,) = connection.execute("pragma application_id").fetchone()
    if owner != APPLICATION_ID:
        raise StoreForeignError(f"{path} is a database of another program; move it away")


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    (found,) = connection.execute("pragma user_version").fetchone()
    if found > VERSION:
        raise StoreNewerError(
            f"{path} was written by a later release of ccd (schema {found}; this one knows "
            f"{VERSION}). Use that release, or another state folder"
        )
    return int(found)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    for number in range(_check_version(connection, path) + 1, VERSION + 1):
        # Two that start at once (a daemon, an import): the second finds it done.
        connection.execute("begin immediate")
        try:
            if _check_version(connection, path) < number:
                for statement in MIGRATIONS[number - 1].split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"pragma user_version = {number}")
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")
