"""The CTI's operations on customers. What may take longer than a look-up is done in a thread,
over connections of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Protocol, TypeVar

from ccd.centre import Centre
from ccd.cti.catalogue import (
    CustomerArgs,
    CustomerFindArgs,
    CustomerNoteArgs,
    CustomerOfCallArgs,
    CustomersResult,
    HoldingsArgs,
)
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode
from ccd.customers import records
from ccd.customers.directory import Directory, directory
from ccd.customers.match import Match, Record
from ccd.host.words import Holdings, Host, HostError
from ccd.live import Live
from ccd.paths import StatePaths
from ccd.store import customer_schema, customers
from ccd.store.customers import Note, UnknownCustomerError
from ccd.store.database import explain
from ccd.store.errors import StoreError

SERVED = ("customer_find", "customer", "customer_note", "customer_of_call", "holdings")
"""The operations that are done here."""

NOTE_WAIT_MS = 3000
"""For an import that is just being written: a client waits 5 s for its answer."""

T = TypeVar("T")


class Knowing(Protocol):
    """What is asked of the daemon."""

    centre: Centre
    paths: StatePaths
    host: Host | None

    @property
    def live(self) -> Live:
        """The settings that apply."""


class CustomerHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Knowing) -> None:
        self._daemon = daemon

    async def customer_find(self, _session: Session, args: CustomerFindArgs) -> CustomersResult:
        """Customers by number, account, or a text."""
        if args.number is None and args.text is None and args.account is None:
            raise CtiError(ErrorCode.BAD_ARGS, "say whom: number, text or account")
        found = await self._in_thread(
            lambda known: records.search(
                known,
                self._daemon.paths.customers,
                text=args.text or "",
                number=args.number or "",
                account=args.account or "",
                limit=args.limit,
            )
        )
        return CustomersResult(customers=tuple(found))

    async def customer(self, _session: Session, args: CustomerArgs) -> Record:
        """All that is known of one."""
        paths = self._daemon.paths
        return await self._in_thread(
            lambda known: records.record(
                known, paths.customers, paths.database, args.id, history=args.history
            )
        )

    async def customer_note(self, session: Session, args: CustomerNoteArgs) -> Note:
        """Write something down about one."""
        author = session.agent or session.user or session.client or "local"
        note = Note(at=self._daemon.centre.wall_clock(), author=author, text=args.text.strip())
        if not note.text:
            raise CtiError(ErrorCode.BAD_ARGS, "text: is empty")
        await self._in_thread(lambda _known: self._write(args.id, note))
        return note

    def customer_of_call(self, _session: Session, args: CustomerOfCallArgs) -> Match:
        """Who a live call is with."""
        call = self._daemon.centre.switch.calls.get(args.call)
        if call is None:
            raise CtiError(ErrorCode.UNKNOWN_CALL, f"no call {args.call!r}, or it is over")
        return self._daemon.centre.recognition.match(call)

    async def holdings(self, _session: Session, args: HoldingsArgs) -> Holdings:
        """What his accounts hold."""
        host = self._daemon.host
        if host is None:
            raise CtiError(ErrorCode.HOST_FAILED, "the settings name no [host]")
        found = await self._in_thread(lambda known: known.by_id(args.id).customer)
        if found is None:
            raise CtiError(ErrorCode.UNKNOWN_CUSTOMER, str(UnknownCustomerError(args.id)))
        try:
            return await host.holdings(found.accounts)
        except HostError as error:
            raise CtiError(ErrorCode.HOST_FAILED, str(error)) from error

    def _write(self, customer: str, note: Note) -> None:
        path = self._daemon.paths.customers
        if not path.exists():
            raise UnknownCustomerError(customer)
        with closing(customer_schema.open_for_writing(path)) as db:
            db.execute(f"pragma busy_timeout = {NOTE_WAIT_MS}")
            if not customers.add_note(db, customer, note):
                raise UnknownCustomerError(customer)

    async def _in_thread(self, work: Callable[[Directory], T]) -> T:
        """Do it away from the event loop, and put the store's refusals in the CTI's words."""
        paths = self._daemon.paths
        settings = self._daemon.live.settings

        def done() -> T:
            with closing(
                directory(settings, path=paths.customers, journal=paths.database)
            ) as known:
                return work(known)

        try:
            return await asyncio.to_thread(done)
        except UnknownCustomerError as error:
            raise CtiError(ErrorCode.UNKNOWN_CUSTOMER, str(error)) from error
        except sqlite3.Error as error:
            refusal = explain(error, paths.customers)
            raise CtiError(ErrorCode.REFUSED, str(refusal)) from error
        except StoreError as error:
            raise CtiError(ErrorCode.REFUSED, str(error)) from error
