"""Locking out who guesses passwords, for longer each time (sans-IO).

Kept by subject: a person's name, whether there is such a person or not, so that the answer
tells nobody who exists; and a client's key. What it does is this table:

| state    | a wrong password                                   | a right one | time passes |
| -------- | -------------------------------------------------- | ----------- | ----------- |
| unknown  | counting                                           | unknown     |             |
| counting | counting; the last of `attempts` in `window_s`: locked | unknown  | each failure is forgotten after `window_s` |
| locked   | (no password is looked at)                         | (likewise)  | over after `first_s`, twice that the second time, … `longest_s` at most: counting |

Who was locked is watched until `longest_s` after the lock's end: the next lock before that
is twice as long.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

MOST_SUBJECTS = 10_000
"""Made-up names end here: the one that failed longest ago is forgotten first, those that are
locked last of all."""


@dataclass(frozen=True)
class LockoutPolicy:
    """When who is locked out. `attempts` of 0: nobody ever is."""

    attempts: int = 5
    window_s: float = 300.0
    first_s: float = 60.0
    longest_s: float = 3600.0


@dataclass
class _Record:
    failures: deque[float] = field(default_factory=deque[float])
    locks: int = 0
    until: float = 0.0


@dataclass(frozen=True)
class Locked:
    """A subject that is locked out now."""

    subject: str
    until: float
    locks: int
    """How often it has been, without a long quiet time between."""


class Lockout:
    """Who may try a password, by subject. Times are any clock's that does not go back, in seconds."""

    def __init__(self, policy: LockoutPolicy, *, most: int = MOST_SUBJECTS) -> None:
        self.policy = policy
        self._most = most
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def locked_for(self, subject: str, now: float) -> float:
        """Return for how many more seconds a subject is locked; 0.0: it is not."""
        record = self._records.get(subject)
        return 0.0 if record is None else max(0.0, record.until - now)

    def locked(self, now: float) -> list[Locked]:
        """Return everybody who is locked now, by name."""
        return sorted(
            (
                Locked(subject, record.until, record.locks)
                for subject, record in self._records.items()
                if record.until > now
            ),
            key=lambda each: each.subject,
        )

    def failed(self, subject: str, now: float) -> float:
        """Count a wrong password; return for how long the subject is locked because of it."""
        policy = self.policy
        if not policy.attempts:
            return 0.0
        record = self._records.get(subject)
        if record is None or self._is_forgiven(record, now):
            record = self._records[subject] = _Record()
        self._records.move_to_end(subject)
        if record.until > now:
            return record.until - now
        record.failures.append(now)
        while record.failures[0] <= now - policy.window_s:
            record.failures.popleft()
        if len(record.failures) >= policy.attempts:
            record.failures.clear()
            length = min(policy.longest_s, policy.first_s * 2.0 ** min(record.locks, 60))
            record.locks += 1
            record.until = now + length
        self._make_room(now)
        return max(0.0, record.until - now)

    def succeeded(self, subject: str) -> None:
        """Forget what a subject did wrong: it has shown that it knows the password."""
        self._records.pop(subject, None)

    def lift(self, subject: str, now: float) -> bool:
        """End a lock and forget it; whether there was one."""
        record = self._records.pop(subject, None)
        return record is not None and record.until > now

    def _is_forgiven(self, record: _Record, now: float) -> bool:
        return bool(record.locks) and now >= record.until + self.policy.longest_s

    def _make_room(self, now: float) -> None:
        if len(self._records) <= self._most:
            return
        free = next((name for name, one in self._records.items() if one.until <= now), None)
        self._records.pop(next(iter(self._records)) if free is None else free)
