"""Tables of columns: rows are fresh whenever they are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ccd.media.table import Column, Table


class Sheep(Table):
    COLUMNS: ClassVar[Mapping[str, Column]] = {
        "legs": Column(np.int64, 4),
        "name": Column(np.uint8, 0, (3,)),
        "wool": Column(np.uint8),
    }
    KEEP: ClassVar[frozenset[str]] = frozenset({"wool"})
    legs: Any
    name: Any
    wool: Any


def spoil(table: Sheep, row: int) -> None:
    table.legs[row], table.name[row], table.wool[row] = 3, 7, 1


def assert_fresh(table: Sheep, row: int) -> None:
    assert table.used[row]
    assert table.legs[row] == 4
    assert not table.name[row].any()


def test_rows_are_fresh_when_taken_again() -> None:
    table = Sheep(4)
    for row in [table.take() for _ in range(4)]:
        spoil(table, row)
    for row in (2, 0, 0):
        table.give_back(row)
    assert len(table) == 2
    assert {table.take(), table.take()} == {0, 2}
    for row in (0, 2):
        assert_fresh(table, row)
        assert table.wool[row] == 1  # kept: its owner knows when it is stale
    assert (table.legs[1], table.legs[3]) == (3, 3)


def test_a_full_table_doubles_and_keeps_its_rows() -> None:
    table = Sheep(2)
    for row in (table.take(), table.take()):
        spoil(table, row)
    rows = [table.take() for _ in range(2)]
    assert (table.capacity, len(table)) == (4, 4)
    for row in rows:
        assert_fresh(table, row)
    assert table.legs[:2].tolist() == [3, 3]
