"""A host that is a file: accounts, positions and orders in TOML, for a first day, demos and tests.

    [[account]]
    account = "6228480"
    cash = "25000.00"

    [[position]]
    account = "6228480"
    code = "600519"
    name = "贵州茅台"
    quantity = 200
    price = "1688.00"

    [[order]]
    order = "1"
    account = "6228480"
    code = "000001"
    side = "buy"
    quantity = 500
    price = "10.20"

The file is read again when it has changed. One with mistakes is refused, and what it held before
is not shown for it: a wrong balance is worse than none.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ccd.host.words import Account, Holdings, HostError, Order, Position


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: tuple[Account, ...] = ()
    position: tuple[Position, ...] = ()
    order: tuple[Order, ...] = ()


class Book:
    """See the module; a `ccd.host.words.Host`."""

    def __init__(self, path: Path) -> None:
        """Read it at once. Raises `HostError`."""
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._page = _Page()
        self._newest()

    async def holdings(self, accounts: Sequence[str]) -> Holdings:
        """What is in these accounts. Raises `HostError`."""
        page = await asyncio.to_thread(self._newest)
        wanted = frozenset(accounts)
        orders = [each for each in page.order if each.account in wanted]
        return Holdings(
            accounts=tuple(each for each in page.account if each.account in wanted),
            positions=tuple(each for each in page.position if each.account in wanted),
            orders=tuple(sorted(orders, key=lambda order: -(order.at or 0.0))),
        )

    def _newest(self) -> _Page:
        try:
            status = self._path.stat()
            mark = (status.st_mtime_ns, status.st_size)
            if mark != self._read_at:
                self._page, self._read_at = read(self._path), mark
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror}") from error
        return self._page


def read(path: Path) -> _Page:
    """Read a book. Raises `HostError`, with the line or the key that is wrong, and OSError."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
        page = msgspec.convert(written, _Page)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise HostError(f"{path}: {error}") from error
    for table, kind in (("account", Account), ("position", Position), ("order", Order)):
        for number, entry in enumerate(written.get(table, ()), 1):
            unknown = sorted(set(entry) - set(kind.__struct_fields__))
            if unknown:
                raise HostError(f"{path}: {table} {number}: there is no key {unknown[0]!r}")
    known = {each.account for each in page.account}
    named = [(each.code, each.account) for each in page.position]
    named += [(each.code, each.account) for each in page.order]
    for code, account in named:
        if account not in known:
            raise HostError(f"{path}: {code} is in account {account!r}, which has no [[account]]")
    return page
