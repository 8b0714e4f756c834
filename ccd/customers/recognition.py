"""Who is in a call: the match is made once, and again when what it was made of has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from ccd.customers.directory import Directory
from ccd.customers.match import NOBODY, Match
from ccd.events import CallCleared, Event
from ccd.model import Customer, Direction

_Asked = tuple[tuple[str, ...], tuple[str, ...], str, str]


class Called(Protocol):
    """What of a call is looked at (`ccd.switch.call.Call`)."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def number(self) -> str:
        """The customer's number."""

    @property
    def dnis(self) -> str:
        """The number dialled: one of ours, where the call came in."""

    @property
    def direction(self) -> Direction:
        """Who began it."""

    @property
    def data(self) -> Mapping[str, str]:
        """What was gathered on the way."""


class Recognition:
    """Matches live calls; `id_keys` and `account_keys` are those of `Call.data` that tell.

    `is_anonymous` says of a number that it is nobody's. `heard` is to be told of every event, so
    that the match of a call that is over is forgotten.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        id_keys: Sequence[str],
        account_keys: Sequence[str],
        is_anonymous: Callable[[str], bool],
    ) -> None:
        self.directory = directory
        self._id_keys = tuple(id_keys)
        self._account_keys = tuple(account_keys)
        self._is_anonymous = is_anonymous
        self._known: dict[str, tuple[_Asked, Match]] = {}
        self._log = structlog.get_logger("customers")

    @property
    def calls(self) -> int:
        """Live calls that are matched."""
        return len(self._known)

    def match(self, call: Called) -> Match:
        """Return who the customer of this call is. Never raises."""
        asked = self._asked(call)
        known = self._known.get(call.id)
        if known is not None and known[0] == asked:
            return known[1]
        ids, accounts, line, number = asked
        try:
            found = self.directory.identify(ids=ids, accounts=accounts, line=line, number=number)
        except Exception:  # a call goes on whatever is wrong with what is known of its customer
            self.directory.faults += 1
            self._log.exception("look-up failed", call=call.id)
            found = NOBODY
        self._known[call.id] = (asked, found)
        return found

    def describe(self, call: Called) -> tuple[Customer | None, int]:
        """Return what `Delivered` says of a call: the customer, and how many it could be."""
        found = self.match(call)
        return found.customer, found.matches

    def heard(self, event: Event) -> None:
        """Forget calls that are over."""
        if isinstance(event, CallCleared):
            self._known.pop(event.call, None)

    def _asked(self, call: Called) -> _Asked:
        number = call.number
        return (
            tuple(value for key in self._id_keys if (value := call.data.get(key, "").strip())),
            tuple(value for key in self._account_keys if (value := call.data.get(key, "").strip())),
            call.dnis if call.direction is Direction.IN else "",
            "" if self._is_anonymous(number) else number,
        )
