"""The settings' `[[customer]]` tables: customers of a small centre, known by number alone."""

from __future__ import annotations

from collections.abc import Iterable

from ccd import config
from ccd.customers.match import NOBODY, Match, matched
from ccd.customers.numbers import Numbering
from ccd.model import Customer


class Listed:
    """Who is in the settings, by the one form of his number, which is his id too."""

    def __init__(
        self, customers: Iterable[config.Customer], numbering: Numbering | None = None
    ) -> None:
        self._numbering = numbering or Numbering()
        self._by_number: dict[str, Customer] = {}
        for each in customers:
            # A text that is no number (the name of a SIP account) is looked for as it stands.
            number = self._numbering.normal(each.number) or each.number
            self._by_number[number] = Customer(
                id=number,
                numbers=(number,),
                customer_class=each.customer_class,
                adviser=each.adviser,
                language=each.language,
            )

    def of(self, number: str) -> Customer | None:
        """Return who has this number."""
        if number in self._by_number:  # also where no form need be found
            return self._by_number[number]
        return self._by_number.get(self._numbering.normal(number)) if self._by_number else None

    def find(self, number: str) -> Match:
        """Return who has this number, as a match."""
        found = self.of(number)
        return NOBODY if found is None else matched((found,), 1, "number")
