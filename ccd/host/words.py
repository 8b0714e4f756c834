"""The nouns of a brokerage's books, as every host back end says them: accounts, positions, orders."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from ccd.errors import CcdError


class OrderSide(StrEnum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"


class OrderState(StrEnum):
    """How far an order is."""

    PENDING = "pending"
    """Taken by the broker, not yet at the exchange."""
    OPEN = "open"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A securities account and its money; amounts in units of `currency` (ISO 4217)."""

    account: str
    currency: str = "CNY"
    cash: Decimal = Decimal(0)
    available: Decimal | None = None
    """What of it may be spent now; None: all."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Securities that an account holds."""

    account: str
    code: str
    """The exchange's, such as `600519`."""
    name: str = ""
    quantity: int
    available: int | None = None
    """What of it may be sold today (T+1); None: all."""
    cost: Decimal | None = None
    """Paid for one, on average."""
    price: Decimal | None = None
    """What one is worth now."""

    @property
    def value(self) -> Decimal | None:
        """What all of it is worth now."""
        return None if self.price is None else self.price * self.quantity


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order of today."""

    order: str
    account: str
    code: str
    name: str = ""
    side: OrderSide
    quantity: int
    filled: int = 0
    price: Decimal | None = None
    """The limit; None: at the market."""
    state: OrderState = OrderState.OPEN
    at: float | None = None
    """When it was placed, seconds since the epoch."""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What is in some accounts, and what is ordered for them today, the newest order first."""

    accounts: tuple[Account, ...] = ()
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()


class HostError(CcdError):
    """The host did not answer, or could not: what is wrong, in words for people."""


class Host(Protocol):
    """What the rest of the house asks of a brokerage's systems, whatever they are."""

    async def holdings(self, accounts: Sequence[str]) -> Holdings:
        """What is in these accounts; one that is not known there has nothing. Raises `HostError`."""
