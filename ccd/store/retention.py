"""Old events leave the journal in small steps, between batches."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlite_utils import Database

STEP = 500
"""Events a step: about two milliseconds of writing."""

EVERY_S = 600.0
"""How often to look, once everything old is gone."""

BETWEEN_STEPS_S = 0.2
"""While there is more: 2,500 events a second leave, faster than 300 calls a second come."""


class Sweeper:
    """Deletes events older than `keep_s`; the newest event always stays, for its number."""

    def __init__(
        self,
        db: Database,
        keep_s: float | None,
        clock: Callable[[], float],
        *,
        keep_audit_s: float | None = None,
    ) -> None:
        self._db = db
        self._keep_s = keep_s
        self._keep_audit_s = keep_audit_s
        self._clock = clock
        self._due = time.monotonic()

    def pause(self) -> float | None:
        """Return the seconds until there is something to do, or None for never."""
        if self._keep_s is None and self._keep_audit_s is None:
            return None
        return max(0.0, self._due - time.monotonic())

    def step(self) -> None:
        """Delete a few old events, if it is time. Raises sqlite3.Error."""
        if self.pause() != 0.0:
            return
        more = self._sweep_events() if self._keep_s is not None else False
        if self._keep_audit_s is not None:
            more |= self._sweep_audit(self._clock() - self._keep_audit_s)
        self._due = time.monotonic() + (BETWEEN_STEPS_S if more else EVERY_S)

    def _sweep_audit(self, before: float) -> bool:
        """Delete a few old audit lines; whether there may be more."""
        with self._db.atomic():
            gone = self._db.execute(
                "delete from audit where number in"
                " (select number from audit where at < ? order by at limit ?)",
                [before, STEP],
            )
        return gone.rowcount == STEP

    def _sweep_events(self) -> bool:
        """Delete a few old events; whether there may be more."""
        assert self._keep_s is not None
        before = self._clock() - self._keep_s
        found = self._db.execute("select seq, at from events order by seq limit ?", [STEP + 1])
        oldest = found.fetchall()
        gone = [seq for seq, at in oldest[:-1] if at < before]
        if gone:
            with self._db.atomic():
                self._db.execute("delete from events where seq <= ?", [max(gone)])
        return len(gone) == STEP
