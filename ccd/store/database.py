"""Opening the SQLite file, for the one that writes it and for those who read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from ccd.store import schema
from ccd.store.errors import (
    StoreCorruptError,
    StoreError,
    StoreForeignError,
    StoreFullError,
    StoreLockedError,
    StoreMissingError,
    StoreReadOnlyError,
)

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another program's lock. In WAL mode readers never make
the writer wait; what can is a backup tool, or somebody in the sqlite3 shell."""

CHECKPOINT_PAGES = 1000
"""The write-ahead log goes into the main file each time it has grown by about 4 MB."""


def open_for_writing(path: Path) -> Database:
    """Open the database, making or migrating it; raises `StoreError`.

    Write-ahead log with synchronous=NORMAL: what is committed survives the death of the
    process at any instant; a power cut may cost the commits since the last checkpoint,
    and never damages the file (sqlite.org/wal.html).
    """
    with translated(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        try:
            connection.execute("pragma foreign_keys = on")
            _claim(connection, path)
            db = Database(connection, execute_plugins=False)
            db.enable_wal()
            connection.execute("pragma synchronous = normal")
            connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
            schema.migrate(db, str(path))
        except BaseException:
            connection.close()
            raise
    return db


def open_read_only(path: Path) -> Database:
    """Open the database for queries, whether or not a daemon writes it; raises `StoreError`."""
    if not path.exists():
        raise StoreMissingError(
            f"there is no database in {path.parent}: no daemon has run on this state folder"
        )
    with translated(path):
        connection = _connect_read_only(path)
        try:
            _check_owner(connection, path)
            db = Database(connection, execute_plugins=False)
            if schema.check_version(db, str(path)) < schema.VERSION:
                raise StoreError(
                    f"{path} was written by an earlier release of ccd; "
                    "start the daemon once to bring it up to date"
                )
        except BaseException:
            connection.close()
            raise
    return db


def _connect_read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S
    )
    try:
        connection.execute("select count(*) from sqlite_master")
    except sqlite3.OperationalError as error:
        connection.close()
        if not _wal_index_missing(error, path):
            raise
        # A folder that we may not write, without a daemon: nobody changes the file.
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    return connection


def _wal_index_missing(error: sqlite3.OperationalError, path: Path) -> bool:
    """Whether SQLite failed because it could not make the -shm file of a finished log."""
    log = path.with_name(path.name + "-wal")
    finished = not log.exists() or log.stat().st_size == 0
    return finished and error.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    )


def _claim(connection: sqlite3.Connection, path: Path) -> None:
    """Mark a new file as ours; raise StoreForeignError for somebody else's."""
    (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    (owner,) = connection.execute("pragma application_id").fetchone()
    if not tables and not owner:
        connection.execute(f"pragma application_id = {schema.APPLICATION_ID}")
        connection.commit()
    _check_owner(connection, path)


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    (owner,) = connection.execute("pragma application_id").fetchone()
    if owner != schema.APPLICATION_ID:
        raise StoreForeignError(f"{path} is a database of another program; move it away")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError`s that name the file and the mend."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise explain(error, path) from error


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the `StoreError` that says what a SQLite error means for the file at `path`."""
    # The low byte is the primary code (sqlite.org/rescode.html).
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    kind, mend = _MEANINGS.get(code, (StoreError, ""))
    return kind(f"{path}: {error}{'. ' if mend else ''}{mend}")


_READ_ONLY = "Give the user who runs ccd the right to write the file and its folder"
_CORRUPT = "Stop ccd, keep the file for a repair (sqlite3 FILE .recover), and start with a new one"

_MEANINGS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreLockedError, "Another program holds it; close that one"),
    sqlite3.SQLITE_LOCKED: (StoreLockedError, "Another program holds it; close that one"),
    sqlite3.SQLITE_READONLY: (StoreReadOnlyError, _READ_ONLY),
    sqlite3.SQLITE_CANTOPEN: (StoreReadOnlyError, _READ_ONLY),
    sqlite3.SQLITE_PERM: (StoreReadOnlyError, _READ_ONLY),
    sqlite3.SQLITE_CORRUPT: (StoreCorruptError, _CORRUPT),
    sqlite3.SQLITE_NOTADB: (StoreCorruptError, "It is no SQLite database; move it away"),
    sqlite3.SQLITE_FULL: (StoreFullError, "Make room on that disk"),
}
