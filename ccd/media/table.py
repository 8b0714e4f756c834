"""Tables of numpy columns, whose rows are taken, given back, and taken again.

The bay keeps what it knows of all its nodes in such tables, so that one operation
serves every leg. A row number is stable while the row is taken; the arrays are not:
growing replaces them, so nobody keeps a reference to a column beyond one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Column(NamedTuple):
    """A column's element type, what a fresh row holds, and the shape of one row of it."""

    dtype: DTypeLike
    fill: Any = 0
    shape: tuple[int, ...] = ()


class Table:
    """Rows of the columns a subclass declares in `COLUMNS`; each is an attribute.

    A taken row starts afresh, but for the columns in `KEEP`: large buffers whose content
    another column guards.
    """

    COLUMNS: ClassVar[Mapping[str, Column]] = {}
    KEEP: ClassVar[frozenset[str]] = frozenset()

    used: NDArray[np.bool_]

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self.used = np.zeros(capacity, bool)
        self._free = list(range(capacity - 1, -1, -1))
        self._left: list[int] = []
        """Rows given back, with what the last one left in them."""
        for name, column in self.COLUMNS.items():
            setattr(self, name, _filled(column, capacity))

    def __len__(self) -> int:
        """How many rows are taken."""
        return self.capacity - len(self._free) - len(self._left)

    def take(self) -> int:
        """A fresh row; the table doubles when there is none."""
        if not self._free:
            self._clean()
        if not self._free:
            self._grow()
        row = self._free.pop()
        self.used[row] = True
        return row

    def give_back(self, row: int) -> None:
        """The row may be taken again."""
        if self.used[row]:
            self.used[row] = False
            self._left.append(row)

    def _clean(self) -> None:
        """Make all rows that were left fresh: sixty columns cost little more for many rows."""
        rows = np.array(self._left, np.int64)
        for name, column in self.COLUMNS.items():
            if name not in self.KEEP:
                getattr(self, name)[rows] = column.fill
        self._free.extend(reversed(self._left))
        self._left.clear()

    def _grow(self) -> None:
        old, new = self.capacity, self.capacity * 2
        used = np.zeros(new, bool)
        used[:old] = self.used
        self.used = used
        for name, column in self.COLUMNS.items():
            array = _filled(column, new)
            array[:old] = getattr(self, name)
            setattr(self, name, array)
        self._free.extend(range(new - 1, old - 1, -1))
        self.capacity = new


def _filled(column: Column, rows: int) -> NDArray[Any]:
    shape = (rows, *column.shape)
    if not column.fill:
        return np.zeros(shape, column.dtype)  # untouched pages cost nothing
    return np.full(shape, column.fill, column.dtype)
