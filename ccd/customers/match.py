"""What a look-up says: one customer, several that it could be, or nobody."""

from __future__ import annotations

import msgspec

from ccd.model import Customer
from ccd.store.contact_history import PastContact
from ccd.store.customers import Note


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, as far as it is known.

    `customer_class`, `adviser` and `language` are what all that it could be agree on: a
    household of two VIPs is served as VIPs, whichever of them calls.
    """

    customer: Customer | None = None
    """Where it is exactly one."""
    matches: int = 0
    """How many it could be."""
    candidates: tuple[Customer, ...] = ()
    """Those that it could be (`ccd.store.customers.MOST_CANDIDATES` of them at most), the one
    included where it is one."""
    by: str = ""
    """What told: `id`, `account`, `line`, or `number`; empty for nobody."""
    customer_class: str = ""
    adviser: str = ""
    language: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one customer."""

    customer: Customer
    notes: tuple[Note, ...] = ()
    """The newest first."""
    history: tuple[PastContact, ...] = ()
    """His contacts, the newest first."""


NOBODY = Match()


def matched(candidates: tuple[Customer, ...], matches: int, by: str) -> Match:
    """Return the match that these candidates are, of `matches` in all."""
    if not candidates:
        return NOBODY
    # Where not all were read, nobody knows what the rest of them have.
    agreeing = candidates if len(candidates) == matches else ()
    return Match(
        customer=candidates[0] if matches == 1 else None,
        matches=matches,
        candidates=candidates,
        by=by,
        customer_class=_common({each.customer_class for each in agreeing}),
        adviser=_common({each.adviser for each in agreeing}),
        language=_common({each.language for each in agreeing}),
    )


def _common(values: set[str]) -> str:
    return next(iter(values)) if len(values) == 1 else ""
