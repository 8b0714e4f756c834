"""Who changed what: audit lines, as rows and back.

A table of their own and not events of the journal: events go to every CTI client, and are
kept for weeks; what somebody did, and from where, is for auditors, and is kept for a year.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # clients read AuditLine, and need no database
    from sqlite_utils import Database

LONGEST_ARGS = 4000
"""Characters of arguments that are kept: those of refused requests may be anything."""

AuditRow = tuple[float, int, str, str, str, str, str, str, str, str]

INSERT = (
    "insert into audit (at, session, client, key, user, agents, op, args, outcome, roles)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed something, or was refused. Secrets are masked."""

    at: float
    """Seconds since the epoch."""
    session: int
    """Its number in that run of the daemon; 0: nobody's, the daemon itself saw it."""
    client: str
    """What the client said it is."""
    agents: tuple[str, ...]
    """For whom the session acts."""
    op: str
    args: dict[str, Any]
    outcome: str
    """`ok`, or the error's code."""
    key: str = ""
    """Over TCP: the name of the client's key; empty: it came in on the daemon's own machine."""
    user: str = ""
    """Who authenticated over the session, if anybody did."""
    roles: tuple[str, ...] = ()


def row(line: AuditLine) -> AuditRow:
    """Return a line as `INSERT` takes it."""
    return (
        line.at,
        line.session,
        line.client,
        line.key,
        line.user,
        msgspec.json.encode(line.agents).decode(),
        line.op,
        _args(line.args),
        line.outcome,
        msgspec.json.encode(line.roles).decode(),
    )


def _args(args: dict[str, Any]) -> str:
    """Arguments as JSON, whatever a stranger put into them."""
    try:
        text = msgspec.json.encode(args, enc_hook=repr).decode()
    except (TypeError, ValueError):
        text = msgspec.json.encode({"unreadable": repr(args)[:LONGEST_ARGS]}).decode()
    if len(text) > LONGEST_ARGS:
        text = msgspec.json.encode({"cut": text[:LONGEST_ARGS]}).decode()
    return text


def audit_lines(
    db: Database,
    *,
    limit: int | None = None,
    since: float | None = None,
    who: str | None = None,
    op: str | None = None,
    outcome: str | None = None,
) -> list[AuditLine]:
    """Return audit lines, newest first.

    `who` is whoever stands in a line: the user, an agent for whom the session acts or whom
    the operation names, the client or its key. `outcome` is `ok`, `refused` for everything
    else, or an error's code.
    """
    where, values = ["1"], list[Any]()
    if since is not None:
        where.append("at >= ?")
        values.append(since)
    if op is not None:
        where.append("op = ?")
        values.append(op)
    if outcome == "refused":
        where.append("outcome <> 'ok'")
    elif outcome is not None:
        where.append("outcome = ?")
        values.append(outcome)
    if who is not None:
        where.append(
            "(? in (user, key, client, args ->> '$.agent', args ->> '$.user', args ->> '$.name')"
            " or exists (select 1 from json_each(agents) where value = ?))"
        )
        values += [who, who]
    text = f"select * from audit where {' and '.join(where)} order by number desc limit ?"
    found = db.query(text, [*values, -1 if limit is None else limit])
    return list(_lines(found))


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[AuditLine]:
    for found in rows:
        found.pop("number")
        for name in ("agents", "args", "roles"):
            found[name] = msgspec.json.decode(found[name])
        yield msgspec.convert(found, AuditLine)
