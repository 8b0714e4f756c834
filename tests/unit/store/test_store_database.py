"""The file: made, migrated, and refused with a reason."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccd.store import schema
from ccd.store.database import open_for_writing, open_read_only
from ccd.store.errors import (
    StoreCorruptError,
    StoreError,
    StoreForeignError,
    StoreLockedError,
    StoreMissingError,
    StoreNewerError,
    StoreReadOnlyError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ccd.sqlite"


def test_a_new_file_is_ours_and_of_the_present_version(path: Path) -> None:
    db = open_for_writing(path)
    assert db.execute("pragma application_id").fetchone() == (schema.APPLICATION_ID,)
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert db.execute("pragma synchronous").fetchone() == (1,)  # NORMAL
    assert schema.version(db) == schema.VERSION
    db.close()
    with path.open("rb") as file:
        file.seek(68)  # sqlite.org/fileformat.html, 1.3
        assert file.read(4) == b"ccd0"


def test_opening_again_migrates_nothing(path: Path) -> None:
    open_for_writing(path).close()
    db = open_for_writing(path)
    assert db.execute("select count(*) from schema_version").fetchone() == (schema.VERSION,)
    db.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(db: object) -> None:
        db.execute("create table half (x)")  # type: ignore[attr-defined]
        raise RuntimeError("broken")

    open_for_writing(path).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(RuntimeError, match="broken"):
        open_for_writing(path)
    monkeypatch.undo()
    db = open_for_writing(path)
    assert "half" not in db.table_names()
    db.close()


def test_a_file_of_a_later_release_is_refused_by_reader_and_writer(path: Path) -> None:
    db = open_for_writing(path)
    db.execute("insert into schema_version values (?, 0)", [schema.VERSION + 1])
    db.conn.commit()
    db.close()
    for open_it in (open_for_writing, open_read_only):
        with pytest.raises(StoreNewerError, match="later release"):
            open_it(path)


def test_a_file_of_an_earlier_release_waits_for_the_daemon(path: Path) -> None:
    db = open_for_writing(path)
    db.execute("delete from schema_version")
    db.conn.commit()
    db.close()
    with pytest.raises(StoreError, match="start the daemon once"):
        open_read_only(path)


def test_another_program_s_database_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("create table theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    for open_it in (open_for_writing, open_read_only):
        with pytest.raises(StoreForeignError, match="another program"):
            open_it(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_told_so(path: Path) -> None:
    path.write_bytes(b"this is a text, and long enough to be looked at as a header" * 20)
    for open_it in (open_for_writing, open_read_only):
        with pytest.raises(StoreCorruptError, match="no SQLite database"):
            open_it(path)


def test_a_damaged_file_is_told_so(path: Path) -> None:
    open_for_writing(path).close()
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * 3996  # the schema's page, behind the header
    path.write_bytes(bytes(data))
    with pytest.raises(StoreCorruptError, match="repair"):
        open_for_writing(path)


def test_a_missing_file_is_nothing_to_read(path: Path) -> None:
    with pytest.raises(StoreMissingError, match="no daemon has run"):
        open_read_only(path)
    assert not path.exists()


def test_a_folder_that_is_not_there_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StoreReadOnlyError, match="right to write"):
        open_for_writing(tmp_path / "none" / "ccd.sqlite")


def test_a_file_that_another_program_locks_is_told_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccd.store.database.BUSY_TIMEOUT_S", 0.05)
    open_for_writing(path).close()
    other = sqlite3.connect(path)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    try:
        with pytest.raises(StoreLockedError, match="Another program holds it"):
            open_for_writing(path)
    finally:
        other.close()


def test_reading_changes_nothing_and_may_not(path: Path) -> None:
    open_for_writing(path).close()
    db = open_read_only(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("delete from events")
    db.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can get at."""
    with tempfile.TemporaryDirectory(prefix="ccd-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_reader_without_rights_to_the_folder_can_read(open_folder: Path) -> None:
    """`ccd calls` by another user, on a copy or a stopped daemon's folder."""
    path = open_folder / "ccd.sqlite"
    open_for_writing(path).close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    program = f"""
import os
from pathlib import Path
from ccd.store.database import open_read_only
from ccd.store.queries import last_seq
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(last_seq(open_read_only(Path({str(path)!r}))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.strip() == "0", done.stderr
