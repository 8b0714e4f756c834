"""A store that cannot be read costs a moment, a log line and a count, and is tried again."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from ccd.customers.directory import Directory
from ccd.store import customer_schema
from ccd.store.customer_imports import Staging
from ccd.store.customers import CustomerRow


def test_locked_against_readers_then_free(tmp_path: Path) -> None:
    path = tmp_path / "customers.sqlite"
    db = customer_schema.open_for_writing(path)
    staging = Staging(db)
    staging.add([CustomerRow(id="C1", numbers=("+8613800138000",))])
    staging.apply(replace=False)
    db.close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin immediate")
    now = 0.0
    directory = Directory(path=path, clock=lambda: now)
    begin = time.perf_counter()
    assert directory.find("13800138000").matches == 0
    first = time.perf_counter() - begin
    assert directory.failures == 1
    assert first < 1.0  # the journal's readers would wait for 5 s
    # Left alone for a second: no call waits for the lock again.
    assert directory.find("13800138000").matches == 0
    assert directory.failures == 2
    holder.execute("rollback")
    holder.close()
    now = 1.5
    assert directory.find("13800138000").matches == 1
    assert directory.failures == 2
    directory.close()


def test_no_file_is_no_failure_and_another_program_s_file_is_one(tmp_path: Path) -> None:
    path = tmp_path / "customers.sqlite"
    directory = Directory(path=path)
    assert directory.find("13800138000").matches == 0
    assert directory.failures == 0
    other = sqlite3.connect(path)
    other.execute("create table numbers (number, customer)")
    other.close()
    assert directory.find("13800138000").matches == 0
    assert directory.failures == 1
