"""The Replaces header (RFC 3891): an INVITE that asks to take over another call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccd.sip.grammar import params
from ccd.sip.message import Request

if TYPE_CHECKING:
    from ccd.sip.session import Session


def find_replaced(request: Request, sessions: Mapping[tuple[str, str], Session]) -> Session | None:
    """The session an INVITE with Replaces means, None where there is none to take over.

    The header's to-tag is ours and its from-tag the far end's (RFC 3891, 3). Several
    Replaces, or one of a session that is over, match nothing.
    """
    values = request.headers.getlist("Replaces")
    if len(values) != 1:
        return None
    call_id, semicolon, rest = values[0].partition(";")
    tags = params(semicolon + rest)
    session = sessions.get((call_id.strip(), tags.get("to-tag") or ""))
    if session is None or session.over:
        return None
    return session if session.dialog_with(tags.get("from-tag") or "") is not None else None
