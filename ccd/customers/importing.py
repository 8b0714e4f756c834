"""A file of customers into the store: all of it, or, where a line is wrong, nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from ccd.customers import csv_file
from ccd.customers.csv_file import LineProblem
from ccd.customers.numbers import Numbering
from ccd.store import customer_schema
from ccd.store.customer_imports import Outcome, Staging
from ccd.store.customers import CustomerRow
from ccd.store.database import translated

BATCH = 5_000
MOST_PROBLEMS = 10_000
"""Problems that are kept to be told; more are counted."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading a file."""

    rows: int
    """Customers in it that are right."""
    problems: tuple[LineProblem, ...] = ()
    more_problems: int = 0
    classes: dict[str, int] = {}
    """How many are of each class."""
    advisers: dict[str, int] = {}
    outcome: Outcome | None = None
    """What the import does; none where there are problems, for then nothing is done."""
    done: bool = False


class Import:
    """One import, in two steps, so that somebody may be asked between them. Raises `StoreError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = customer_schema.open_for_writing(path)
        self._staging = Staging(self._db)

    def close(self) -> None:
        """Let go of the file; what was not applied is forgotten."""
        self._db.close()

    def read(
        self,
        file: Path,
        numbering: Numbering,
        *,
        replace: bool = False,
        progress: Callable[[int], None] = lambda _bytes: None,
    ) -> Report:
        """Read the file, and say what `apply` would do. Raises `CsvError` and OSError."""
        problems: list[LineProblem] = []
        more = rows = 0
        classes: Counter[str] = Counter()
        advisers: Counter[str] = Counter()
        batch: list[CustomerRow] = []
        self._staging.columns = csv_file.columns(file)
        with translated(self._path):
            for each in csv_file.read(file, numbering, progress=progress):
                if isinstance(each, LineProblem):
                    more += len(problems) >= MOST_PROBLEMS
                    problems += [each] if len(problems) < MOST_PROBLEMS else []
                    continue
                rows += 1
                classes[each.customer_class] += 1
                advisers[each.adviser] += 1
                if problems:
                    continue
                batch.append(each)
                if len(batch) >= BATCH:
                    self._staging.add(batch)
                    batch.clear()
            self._staging.add(batch)
            outcome = None if problems else self._staging.outcome(replace=replace)
        return Report(
            rows=rows,
            problems=tuple(problems),
            more_problems=more,
            classes={name: count for name, count in classes.items() if name},
            advisers={name: count for name, count in advisers.items() if name},
            outcome=outcome,
        )

    def apply(self, report: Report, *, replace: bool = False) -> Report:
        """Make it true, in one transaction; returns the report, done."""
        with translated(self._path):
            self._staging.apply(replace=replace)
        return msgspec.structs.replace(report, done=True)
