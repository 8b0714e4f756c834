"""The brokerage's systems: a book in a file, and what guards us from a slow or broken host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from ccd.host.book import Book
from ccd.host.guard import Guard
from ccd.host.words import Holdings, HostError, OrderSide, OrderState

BOOK = """\
[[account]]
account = "1"
cash = "25000.10"
available = "5000"

[[account]]
account = "2"

[[position]]
account = "1"
code = "600519"
name = "贵州茅台"
quantity = 200
price = "1688.00"

[[order]]
order = "a"
account = "1"
code = "000001"
side = "buy"
quantity = 500
at = 100.0

[[order]]
order = "b"
account = "1"
code = "000001"
side = "sell"
quantity = 500
price = "10.20"
state = "partly_filled"
at = 200.0
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "book.toml"
    path.write_text(BOOK, encoding="utf-8")
    return path


def rewrite(path: Path, text: str) -> None:
    """At another time, however fast this is done."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1, 1))


async def test_what_is_in_the_accounts_that_are_asked_for(path: Path) -> None:
    found = await Book(path).holdings(["1", "unknown"])
    assert [(each.account, each.cash) for each in found.accounts] == [("1", Decimal("25000.10"))]
    (position,) = found.positions
    assert position.value == Decimal("337600.00")
    newest, oldest = found.orders
    assert (newest.order, newest.side, newest.state) == (
        "b",
        OrderSide.SELL,
        OrderState.PARTLY_FILLED,
    )
    assert oldest.price is None
    assert await Book(path).holdings([]) == Holdings()


async def test_a_book_that_changed_is_read_again(path: Path) -> None:
    book = Book(path)
    rewrite(path, BOOK.replace("25000.10", "7.00"))
    assert (await book.holdings(["1"])).accounts[0].cash == 7


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("quantity = 200", 'quantity = "many"', "position"),
        ('available = "5000"', 'avalable = "5000"', "account 1: there is no key 'avalable'"),
        ('side = "buy"', 'side = "hold"', "order"),
        ('account = "2"', 'acount = "2"', "account"),
        ('account = "2"', "account = ", "line 7"),
        (
            'account = "1"\ncode = "600519"',
            'account = "3"\ncode = "600519"',
            "600519 is in account",
        ),
    ],
)
def test_a_mistake_is_named_when_it_is_read(path: Path, wrong: str, right: str, said: str) -> None:
    path.write_text(BOOK.replace(wrong, right), encoding="utf-8")
    with pytest.raises(HostError, match=said):
        Book(path)


async def test_a_mistake_that_comes_later_shows_no_old_balance(path: Path) -> None:
    book = Book(path)
    rewrite(path, BOOK + "\n[[account")
    for _ in range(2):
        with pytest.raises(HostError, match="at end of document"):
            await book.holdings(["1"])


class Moody:
    """A host that answers, fails, or says nothing."""

    def __init__(self) -> None:
        self.mood = "answers"
        self.asked = 0

    async def holdings(self, accounts: Sequence[str]) -> Holdings:
        self.asked += 1
        if self.mood == "fails":
            raise HostError("no line to the exchange")
        if self.mood == "silent":
            await asyncio.Event().wait()
        return Holdings()


class Guarded:
    """A guard on a clock of the test's."""

    def __init__(self) -> None:
        self.now = 0.0
        self.host = Moody()
        self.guard = Guard(
            self.host, timeout_s=0.01, failures=2, rest_s=10.0, clock=lambda: self.now
        )

    async def refusal(self) -> str:
        with pytest.raises(HostError) as refused:
            await self.guard.holdings(["1"])
        return str(refused.value)


async def test_a_silent_host_costs_its_time_out_and_no_more() -> None:
    guarded = Guarded()
    guarded.host.mood = "silent"
    assert await guarded.refusal() == "the host did not answer in 0.01 s"


async def test_after_failures_in_a_row_it_is_left_alone_and_asked_once_again() -> None:
    guarded = Guarded()
    guarded.host.mood = "fails"
    assert await guarded.refusal() == "no line to the exchange"
    assert await guarded.refusal() == "no line to the exchange"
    guarded.now = 4.0
    assert await guarded.refusal() == "the host failed 2 times: asked again in 6 s"
    assert guarded.host.asked == 2
    guarded.now = 10.0
    await guarded.refusal()
    assert guarded.host.asked == 3
    guarded.now = 12.0
    assert "asked again" in await guarded.refusal()
    guarded.now, guarded.host.mood = 20.0, "answers"
    assert await guarded.guard.holdings(["1"]) == Holdings()
    guarded.host.mood = "fails"
    await guarded.refusal()
    await guarded.refusal()
    assert guarded.host.asked == 6


async def test_when_its_rest_is_over_one_asks_and_the_others_do_not_wait() -> None:
    guarded = Guarded()
    guarded.host.mood = "fails"
    await guarded.refusal()
    await guarded.refusal()
    guarded.now, guarded.host.mood = 10.0, "silent"
    refused = await asyncio.gather(guarded.refusal(), guarded.refusal(), guarded.refusal())
    assert guarded.host.asked == 3
    assert sorted("did not answer" in each for each in refused) == [False, False, True]


async def test_a_success_between_failures_begins_the_count_anew() -> None:
    guarded = Guarded()
    for mood in ("fails", "answers", "fails"):
        guarded.host.mood = mood
        if mood == "answers":
            await guarded.guard.holdings(["1"])
        else:
            await guarded.refusal()
    guarded.host.mood = "answers"
    await guarded.guard.holdings(["1"])
    assert guarded.host.asked == 4


def test_a_book_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        Book(tmp_path / "none.toml")
