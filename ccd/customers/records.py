"""Customers looked for and looked at by people: slower questions, never asked in the event loop."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ccd.customers.directory import Directory
from ccd.customers.match import Record
from ccd.model import Customer
from ccd.store import contact_history, customer_schema, customers, database
from ccd.store.contact_history import PastContact
from ccd.store.customers import Note, UnknownCustomerError


def search(
    directory: Directory,
    path: Path,
    *,
    text: str = "",
    number: str = "",
    account: str = "",
    limit: int,
) -> list[Customer]:
    """Return the customers whom all that is given fits; `text` is a number, name, account or id."""
    found: list[Customer] | None = None
    for asked in (
        directory.find(number).candidates if number else None,
        directory.by_account(account).candidates if account else None,
        _by_text(directory, path, text, limit) if text else None,
    ):
        if asked is not None:
            wanted = {each.id for each in asked}
            found = list(asked) if found is None else [each for each in found if each.id in wanted]
    return (found or [])[:limit]


def _by_text(directory: Directory, path: Path, text: str, limit: int) -> tuple[Customer, ...]:
    several = (directory.by_id(text), directory.by_account(text), directory.find(text))
    found = {each.id: each for match in several for each in match.candidates}
    if path.exists() and len(found) < limit:
        with closing(customer_schema.open_for_reading(path)) as db:
            named = customers.named(db, text, limit)
        for customer in named:
            found |= {each.id: each for each in directory.by_id(customer).candidates}
    return tuple(found.values())


def record(
    directory: Directory, path: Path, journal: Path, customer: str, *, history: int
) -> Record:
    """Return all that is known of a customer. Raises `UnknownCustomerError`, `StoreError`."""
    match = directory.by_id(customer)
    if match.customer is None:
        raise UnknownCustomerError(customer)
    notes: list[Note] = []
    past: list[PastContact] = []
    if path.exists():
        with closing(customer_schema.open_for_reading(path)) as db:
            notes = customers.notes(db, customer)
    if journal.exists():
        connection: sqlite3.Connection = database.open_read_only(journal).conn
        with closing(connection) as db:
            spellings = directory.spellings(match.customer.numbers)
            past = contact_history.contacts(db, spellings, history)
    return Record(customer=match.customer, notes=tuple(notes), history=tuple(past))
