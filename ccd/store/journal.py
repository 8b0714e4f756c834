"""The journal's writer: events in from the event loop, batches out to disk, by a thread.

`append` is a call of half a microsecond that never waits; everything else (encoding,
folding call records, SQLite, the disk) happens in the writer's own thread. A batch is
written at most `batch_ms` after its first event came, so that is all that a killed
process can lose, with the time of one commit on top. In write-ahead mode a commit is a
write to the log without fsync: the kernel has it, whatever becomes of us.

When the disk is full, events wait in memory, up to `backlog_limit` of them, and are
written when there is room again; beyond that they are dropped and counted. Call records
wait as well, one a call however often it changed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sized
from pathlib import Path

from ccd.events import CallCleared, Event, Offered, Originated
from ccd.model import CallRecord
from ccd.store import audit, rows
from ccd.store.audit import AuditLine
from ccd.store.callbacks import OpenCallbacks
from ccd.store.database import explain, open_for_writing, translated
from ccd.store.errors import StoreError
from ccd.store.queries import last_seq, open_callbacks, unfinished_events
from ccd.store.records import CallRecords
from ccd.store.retention import Sweeper

log = logging.getLogger(__name__)

BATCH_MS = 50
BACKLOG_LIMIT = 200_000
"""Events, at some 700 bytes each: 140 MB, or eleven minutes at 300 calls a second."""

LARGEST_BATCH = 2_000
"""Events a transaction: a few milliseconds of writing, so that `flush` need not wait long."""

RETRY_S = 1.0
"""How long to wait before writing again what could not be written."""

Alarm = Callable[[StoreError | None], None]
"""Told the reason when writing begins to fail, and None when it works again."""


class _Flush:
    """Stands in the queue after the events that a `flush` waits for."""

    def __init__(self) -> None:
        self.done = threading.Event()


class Writer:
    """Writes events and call records to the database at `path`, from a thread of its own.

    Opening it raises `StoreError`, in the caller's thread. `alarm` is called in the
    writer's thread and must only pass the word on (`loop.call_soon_threadsafe`).
    `keep_events_s` is how old events may become (by `clock`, seconds since the epoch);
    None keeps them for ever.
    """

    def __init__(
        self,
        path: Path,
        batch_ms: int = BATCH_MS,
        *,
        alarm: Alarm | None = None,
        keep_events_s: float | None = None,
        keep_audit_s: float | None = None,
        backlog_limit: int = BACKLOG_LIMIT,
        retry_s: float = RETRY_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._batch_s = batch_ms / 1000
        self._alarm = alarm
        self._retry_s = retry_s
        self._backlog_limit = backlog_limit
        self._db = open_for_writing(path)
        self._last_seq = last_seq(self._db)
        self._records = CallRecords()
        with translated(path):
            self.left_open = tuple(unfinished_events(self._db))
            """The events of those calls that an earlier run left without an end."""
            self.open_callbacks = tuple(open_callbacks(self._db))
            """The customers whom an earlier run still had to call back."""
        for event in self.left_open:
            self._records.feed(event)
        self._unfinished = self._records.open_calls
        self._callbacks = OpenCallbacks(self.open_callbacks)
        self._sweeper = Sweeper(self._db, keep_events_s, clock, keep_audit_s=keep_audit_s)

        self._queue: deque[Event | AuditLine | _Flush] = deque()
        self._awake = False
        self._wake = threading.Event()
        self._stopping = False
        self._closed = False
        self._abandon = False

        # The thread's own.
        self._rows: deque[rows.EventRow] = deque()
        self._audit: deque[audit.AuditRow] = deque()
        self._dirty: dict[str, CallRecord] = {}
        self._begun: dict[str, int] = {}  # calls that live, and the number of their first event
        self._ended: list[tuple[str]] = []
        self._changed_callbacks: set[str] = set()
        self._flushes: list[_Flush] = []
        self._failing = False
        self._written = 0
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="ccd-journal", daemon=True)
        self._thread.start()

    # --- from any thread ---------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """The number of the newest event that was in the file when it was opened."""
        return self._last_seq

    @property
    def unfinished_calls(self) -> list[str]:
        """Calls that an earlier run left without an end: it was killed while they lived.

        A `CallCleared` for each completes its record.
        """
        return list(self._unfinished)

    @property
    def written(self) -> int:
        """How many events this writer has committed."""
        return self._written

    @property
    def waiting(self) -> int:
        """How many events and audit lines are not on disk yet."""
        return len(self._queue) + len(self._rows) + len(self._audit)

    @property
    def dropped(self) -> int:
        """How many events were lost because the backlog was full."""
        return self._dropped

    @property
    def failing(self) -> bool:
        """Whether the last attempt to write failed."""
        return self._failing

    def append(self, event: Event) -> None:
        """Have `event` written soon. Never blocks, never raises; may be called from any thread.

        A subscriber of `EventStream`. Without effect after `close`.
        """
        self._put(event)

    def append_audit(self, line: AuditLine) -> None:
        """Have an audit line written soon, as `append` does with events."""
        self._put(line)

    def _put(self, item: Event | AuditLine) -> None:
        if self._closed:
            return
        self._queue.append(item)
        # The flag is set before the queue is emptied and cleared before that (see _run),
        # so an event that is appended while it is set is always seen.
        if not self._awake:
            self._awake = True
            self._wake.set()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything appended so far is on disk; False where that took too long."""
        marker = _Flush()
        self._queue.append(marker)
        self._awake = True
        self._wake.set()
        return marker.done.wait(timeout)

    def close(self, timeout: float = 10.0) -> int:
        """Write what is left, close the file; return how many events could not be written.

        Waits at most `timeout` seconds for a disk that does not take them.
        """
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._abandon = True
            self._wake.set()
            self._thread.join()
        self._closed = True
        return self.waiting + self._dropped

    # --- in the writer's thread --------------------------------------------------------

    def _run(self) -> None:
        pause: float | None = None
        while True:
            self._wake.wait(pause)
            stopping = self._stopping
            if not stopping and not self._flush_waiting():
                # Let a batch gather. Sleeping on nothing in particular, for each event
                # sets the flag only once.
                time.sleep(self._batch_s)
            self._wake.clear()
            self._awake = False
            self._drain()
            self._write()
            if stopping and (self._abandon or not (self._queue or self._unwritten)):
                break
            pause = self._next_pause()
        self._close_file()

    def _flush_waiting(self) -> bool:
        return bool(self._queue) and isinstance(self._queue[-1], _Flush)

    def _next_pause(self) -> float | None:
        """Return how long to sleep for want of events; None: until one comes."""
        if self._failing:
            return self._retry_s
        if self._stopping or self._unwritten:
            return 0.0
        return self._sweeper.pause()

    @property
    def _unwritten(self) -> bool:
        return bool(self._rows or self._dirty or self._audit)

    def _drain(self) -> None:
        """Turn what came into rows and records."""
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, _Flush):
                self._flushes.append(item)
                continue
            try:
                if isinstance(item, AuditLine):
                    self._take_audit(audit.row(item))
                    continue
                row = rows.event_row(item)
                self._take(item, row)
            except Exception as error:  # a fault of ours must cost one event, not the journal
                self._dropped += 1
                what = (
                    f"audit line of {item.op}"
                    if isinstance(item, AuditLine)
                    else (f"event {item.seq} ({type(item).__name__})")
                )
                fault = StoreError(f"{what} was lost: {error!r}")
                fault.__cause__ = error
                self._tell(fault)

    def _take(self, event: Event, row: rows.EventRow) -> None:
        record = self._records.feed(event)
        if record is not None and (record.call in self._dirty or self._has_room(self._dirty)):
            self._dirty[record.call] = record
        if isinstance(event, Offered | Originated):
            self._begun.setdefault(event.call, event.seq)
        elif isinstance(event, CallCleared) and self._begun.pop(event.call, None) is None:
            self._ended.append((event.call,))
        callback = self._callbacks.feed(event)
        if callback is not None:
            self._changed_callbacks.add(callback)
        if self._has_room(self._rows):
            self._rows.append(row)
        else:
            self._dropped += 1

    def _take_audit(self, row: audit.AuditRow) -> None:
        if self._has_room(self._audit):
            self._audit.append(row)
        else:
            self._dropped += 1

    def _has_room(self, waiting: Sized) -> bool:
        return len(waiting) < self._backlog_limit

    def _write(self) -> None:
        """Write all that waits, then sweep a little; on failure everything stays as it was."""
        try:
            while self._unwritten:
                self._write_batch()
            self._sweeper.step()
        except sqlite3.Error as error:
            self._failed(explain(error, self._path))
            return
        except (
            Exception
        ) as error:  # a fault of ours: told, and tried again, but no end of the thread
            fault = StoreError(f"{self._path}: {error!r}")
            fault.__cause__ = error
            self._failed(fault)
            return
        if self._failing:
            self._failing = False
            self._tell(None)
        while self._flushes:
            self._flushes.pop().done.set()

    def _write_batch(self) -> None:
        batch = list(itertools.islice(self._rows, LARGEST_BATCH))
        records = [rows.record_row(record) for record in self._dirty.values()]
        lines = list(itertools.islice(self._audit, LARGEST_BATCH))
        changed = [(name, self._callbacks.get(name)) for name in self._changed_callbacks]
        with self._db.atomic():
            connection = self._db.conn
            connection.executemany(rows.INSERT_EVENT, batch)
            connection.executemany(rows.UPSERT_CALL, records)
            connection.executemany(audit.INSERT, lines)
            connection.executemany(rows.BEGIN_CALL, self._begun.items())
            connection.executemany(rows.END_CALL, self._ended)
            connection.executemany(
                rows.KEEP_CALLBACK, [rows.callback_row(each) for _, each in changed if each]
            )
            connection.executemany(
                rows.END_CALLBACK, [(name,) for name, each in changed if each is None]
            )
        for _ in batch:
            self._rows.popleft()
        for _ in lines:
            self._audit.popleft()
        self._dirty.clear()
        self._begun.clear()
        self._ended.clear()
        self._changed_callbacks.clear()
        self._written += len(batch)

    def _failed(self, error: StoreError) -> None:
        if not self._failing:
            self._failing = True
            self._tell(error)

    def _tell(self, error: StoreError | None) -> None:
        if error is None:
            log.warning("the journal is written again; %d events are lost", self._dropped)
        else:
            log.error("the journal cannot be written: %s", error, exc_info=error.__cause__)
        if self._alarm is not None:
            self._alarm(error)

    def _close_file(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # a log left behind is read at the next start
            self._db.execute("pragma wal_checkpoint(truncate)").fetchall()
        self._db.close()
