"""One look-up over everything that is known of customers: the settings' tables and the store.

It is asked in the event loop before a phone rings, so it waits for nothing: two read-only
connections of its own (customers, and the journal for their contacts), statements compiled
once. What cannot be read is counted and logged, and nobody is known then: a call never fails
for it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from ccd import config
from ccd.customers.listed import Listed
from ccd.customers.match import NOBODY, Match, matched
from ccd.customers.numbers import Numbering
from ccd.customers.read_file import WAIT_S, ReadFile
from ccd.model import Customer
from ccd.store import contact_history, customer_schema, customers, database


class Directory:
    """Who has which number, account, line or id.

    `listed` are the settings' customers; `path` is the store's file, `journal` the journal's (none:
    a centre without). What the settings say of a number goes before what the store says. Raises
    ValueError for a region that there is not.
    """

    def __init__(
        self,
        listed: Iterable[config.Customer] = (),
        *,
        path: Path | None = None,
        journal: Path | None = None,
        numbering: Numbering | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.numbering = numbering or Numbering()
        self._listed = Listed(listed, self.numbering)
        self._customers = ReadFile(path, customer_schema.open_for_reading, clock)
        self._journal = ReadFile(journal, _open_journal, clock)
        self.lookups = 0
        self.faults = 0
        """Look-ups that failed by a fault of ours."""

    @property
    def failures(self) -> int:
        """Look-ups that could not be made, or not wholly."""
        return self._customers.failures + self._journal.failures + self.faults

    def change(self, listed: Iterable[config.Customer]) -> None:
        """The settings' customers are these from now on."""
        self._listed = Listed(listed, self.numbering)

    def close(self) -> None:
        """Let go of the files."""
        self._customers.close()
        self._journal.close()

    # --- questions ---------------------------------------------------------------------

    def find(self, number: str) -> Match:
        """Return who calls from, or has, this number, however it is written."""
        return self.identify(number=number)

    def by_id(self, customer: str) -> Match:
        """Return the customer of this id."""
        return self.identify(ids=(customer,))

    def by_account(self, account: str) -> Match:
        """Return who has this account; a joint one has several."""
        return self.identify(accounts=(account,))

    def identify(
        self,
        *,
        ids: Sequence[str] = (),
        accounts: Sequence[str] = (),
        line: str = "",
        number: str = "",
    ) -> Match:
        """Return who somebody is by all that is known of him, the surest first.

        His id, his account, the line of ours that is there for one customer, his number: the
        first that anybody has decides; where several have it, those that follow tell them apart
        as far as they can.
        """
        self.lookups += 1
        normal = self.numbering.normal(number) or number
        listed = self._listed.of(normal)
        found = self._customers.read(
            lambda db: self._in_store(db, ids, accounts, line, normal, listed)
        )
        if found:
            return found
        for each in ids:  # the id of one whom the settings alone know is his number
            listed = self._listed.of(each) or listed
        if listed is None:
            return NOBODY
        return matched((self._with_contacts(listed),), 1, "number")

    def _in_store(
        self,
        db: sqlite3.Connection,
        given_ids: Sequence[str],
        accounts: Sequence[str],
        line: str,
        number: str,
        listed: Customer | None,
    ) -> Match | None:
        questions = [("id", customers.BY_ID, each) for each in given_ids]
        questions += [("account", customers.BY_ACCOUNT, each) for each in accounts]
        if line:
            known = self.numbering.normal(line) or line
            questions.append(("line", customers.BY_LINE, known))
        questions.append(("number", customers.BY_NUMBER, number))
        found: list[str] = []
        by = ""
        for name, question, key in questions:
            if not key:
                continue
            theirs = customers.ids(db, question, key)
            if not found:
                found, by = theirs, name if theirs else ""
            elif both := [each for each in found if each in set(theirs)]:
                found = both
            if len(found) == 1:
                break
        if not found:
            return None
        rows = [customers.read(db, each) for each in found[: customers.MOST_CANDIDATES]]
        candidates = tuple(
            self._complete(db, row, listed if number in row.numbers else None)
            for row in rows
            if row is not None
        )
        return matched(candidates, len(found), by)

    def _complete(
        self, db: sqlite3.Connection, row: customers.CustomerRow, listed: Customer | None
    ) -> Customer:
        """Return a customer with his notes and contacts, and as the settings want him served."""
        customer = Customer(
            id=row.id,
            name=row.name,
            numbers=row.numbers,
            customer_class=(listed and listed.customer_class) or row.customer_class,
            adviser=(listed and listed.adviser) or row.adviser,
            language=(listed and listed.language) or row.language,
            accounts=row.accounts,
            notes=customers.glance(db, row.id),
        )
        return self._with_contacts(customer)

    def _with_contacts(self, customer: Customer) -> Customer:
        spellings = self.spellings(customer.numbers)
        past = self._journal.read(lambda db: contact_history.summary(db, spellings))
        if past is None or not past.contacts:
            return customer
        return msgspec.structs.replace(
            customer,
            last_contact_at=past.last_at,
            last_agent=past.last_agent,
            contacts=past.contacts,
        )

    def spellings(self, numbers: Iterable[str]) -> tuple[str, ...]:
        """Return every way in which the journal may have these numbers."""
        return tuple(way for number in numbers for way in self.numbering.spellings(number))


def directory(
    settings: config.Settings, *, path: Path | None = None, journal: Path | None = None
) -> Directory:
    """Return the directory that the settings describe, over these files."""
    section = settings.directory
    numbering = Numbering(section.region, section.area_code)
    return Directory(settings.customer, path=path, journal=journal, numbering=numbering)


def _open_journal(path: Path, *, wait_s: float = WAIT_S) -> sqlite3.Connection:
    """Open the journal for the call records in it. Raises `StoreError`."""
    connection = database.open_read_only(path).conn
    connection.execute(f"pragma busy_timeout = {int(wait_s * 1000)}")
    return connection
