"""What is said of the operations on calls that are over."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ccd.cti.spec import SUPERVISORS, Args, Role, Spec, Text
from ccd.cti.wire import ErrorCode
from ccd.model import CallRecord, Outcome


class CallRecordsArgs(Args, frozen=True, kw_only=True):
    """Arguments of `call_records`: those given narrow the choice."""

    since: float | None = None
    """Calls that came in then or later, seconds since the epoch."""
    until: float | None = None
    """Calls that came in before then."""
    agent: Text | None = None
    queue: Text | None = None
    ani: Text | None = None
    outcome: Outcome | None = None
    after: Text | None = None
    """The last call of the page before, which must still be kept; none: the first page."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class CallRecordsResult(msgspec.Struct, frozen=True, kw_only=True):
    """A page of call records, newest first; a call that ended this second may still be missing."""

    records: tuple[CallRecord, ...] = ()
    more: bool = False
    """There are further ones: ask again with `after`, the last call of these."""


RECORD_OPERATIONS: tuple[Spec, ...] = (
    Spec(
        "call_records",
        "Records of calls that are over, newest first, a page at a time.",
        CallRecordsArgs,
        CallRecordsResult,
        SUPERVISORS | {Role.QA},
        errors=(ErrorCode.UNKNOWN_CALL, ErrorCode.REFUSED),
    ),
)
