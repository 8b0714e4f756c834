"""Exactly once: the answers that a session has had, for requests that come again (sans-IO).

A client that got no answer cannot know whether its request was lost or its answer was. It
sends the same message again, under the same id: what was done is not done twice, and the
answer is given from here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

REMEMBERED = 128
"""Answers kept of one session: far more than a client has unanswered at once (`MAX_IN_FLIGHT`)."""


class Seen(StrEnum):
    """What is known of a request's id."""

    NEW = "new"
    UNDER_WAY = "under_way"
    """The very same is being done: its answer will come."""
    ANSWERED = "answered"
    """The very same was done: `Answered.answer` has what came of it."""
    OTHER = "other"
    """The id was used for something else."""
    FORGOTTEN = "forgotten"
    """So old that it may have been done and is no longer remembered."""


@dataclass(slots=True)
class _Entry:
    digest: int
    answer: bytes | None = None


class Answered:
    """One session's requests that changed something, or are being done."""

    __slots__ = ("_entries", "_floor", "_keep", "_kept")

    def __init__(self, keep: int = REMEMBERED) -> None:
        self._keep = keep
        self._entries: OrderedDict[int | str, _Entry] = OrderedDict()
        self._kept = 0
        self._floor = -1
        """The greatest number of those forgotten. (Of texts nothing says which is older.)"""

    def __len__(self) -> int:
        return len(self._entries)

    def look(self, number: int | str, body: bytes) -> Seen:
        """Say whether a request with this id and these bytes was here before."""
        entry = self._entries.get(number)
        if entry is None:
            old = isinstance(number, int) and number <= self._floor
            return Seen.FORGOTTEN if old else Seen.NEW
        if entry.digest != hash(body):
            return Seen.OTHER
        return Seen.UNDER_WAY if entry.answer is None else Seen.ANSWERED

    def answer(self, number: int | str) -> bytes:
        """Return the answer to one that is ANSWERED."""
        answer = self._entries[number].answer
        assert answer is not None
        return answer

    def begin(self, number: int | str, body: bytes) -> None:
        """It is being done from now on."""
        self._entries[number] = _Entry(hash(body))

    def end(self, number: int | str, answer: bytes, *, keep: bool) -> None:
        """It is done. `keep`: it must not be done again, so its answer is remembered."""
        entry = self._entries.get(number)
        if entry is None:
            return
        if not keep:
            del self._entries[number]
            return
        entry.answer = answer
        self._entries.move_to_end(number)
        self._kept += 1
        while self._kept > self._keep:
            oldest = next(name for name, one in self._entries.items() if one.answer is not None)
            del self._entries[oldest]
            self._kept -= 1
            if isinstance(oldest, int):
                self._floor = max(self._floor, oldest)
