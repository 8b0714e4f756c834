"""The CTI's operation on calls that are over: read from the database, away from the event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from ccd.cti.record_operations import CallRecordsArgs, CallRecordsResult
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode
from ccd.paths import StatePaths
from ccd.store import queries
from ccd.store.database import open_read_only, translated
from ccd.store.errors import StoreError

SERVED = ("call_records",)
"""The operations that are done here."""


class Keeping(Protocol):
    """What is asked of the daemon."""

    paths: StatePaths


class RecordHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Keeping) -> None:
        self._daemon = daemon

    async def call_records(self, _session: Session, args: CallRecordsArgs) -> CallRecordsResult:
        """A page of call records."""
        return await page(self._daemon.paths.database, args)


async def page(path: Path, args: CallRecordsArgs) -> CallRecordsResult:
    """Return a page of call records, read away from the event loop. Raises CtiError."""
    try:
        return await asyncio.to_thread(_read, path, args)
    except StoreError as error:
        raise CtiError(ErrorCode.REFUSED, str(error)) from error


def _read(path: Path, args: CallRecordsArgs) -> CallRecordsResult:
    db = open_read_only(path)
    try:
        with translated(path):
            if args.after is not None and queries.call(db, args.after) is None:
                raise CtiError(ErrorCode.UNKNOWN_CALL, f"no call {args.after!r} is kept")
            found = queries.recent_calls(
                db,
                limit=args.limit + 1,
                since=args.since,
                until=args.until,
                before=args.after,
                agent=args.agent,
                queue=args.queue,
                ani=args.ani,
                outcome=args.outcome,
            )
    finally:
        db.close()
    return CallRecordsResult(records=tuple(found[: args.limit]), more=len(found) > args.limit)
