"""Reliable provisional responses (RFC 3262): ours until PRACKed, theirs in order."""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable

import msgspec

from ccd.sip.message import Request, Response
from ccd.sip.server_transactions import InviteServer
from ccd.sip.timers import Timers
from ccd.timer_queue import Timer, TimerQueue

_RACK = re.compile(r"(\d{1,10})[ \t]+(\d{1,10})[ \t]+(\S+)")
_RSEQ_START_MAX = 2**31 - 2
"""RFC 3262, 3: the first RSeq is chosen between 1 and 2**31 - 1."""


class Pending(msgspec.Struct):
    """A provisional response waiting for its turn or its PRACK."""

    code: int
    sdp: bytes | None
    headers: list[tuple[str, str]]
    rseq: int = 0
    octets: bytes = b""


class ReliableSender:
    """Our reliable provisional responses to one INVITE, one at a time.

    Each is repeated at T1, doubling without bound, until its PRACK; after 64*T1
    `on_timeout(now)` is called, and the INVITE is to be refused (RFC 3262, 3).
    """

    def __init__(
        self,
        transaction: InviteServer,
        *,
        queue: TimerQueue,
        timers: Timers,
        rng: random.Random,
        on_timeout: Callable[[float], None],
    ) -> None:
        self._transaction = transaction
        self._queue = queue
        self._timers = timers
        self._rseq = rng.randint(1, _RSEQ_START_MAX)
        self._waiting: deque[Pending] = deque()
        self._timer: Timer | None = None
        self._deadline: Timer | None = None
        self._interval = timers.t1
        self._on_timeout = on_timeout
        self.current: Pending | None = None
        """The response whose PRACK is awaited."""

    @property
    def owes_sdp(self) -> bool:
        """Whether a description is on its way unacknowledged: no 2xx before its PRACK."""
        pending = [*self._waiting, *([self.current] if self.current else [])]
        return any(response.sdp is not None for response in pending)

    def send(self, pending: Pending, now: float) -> None:
        """Send `pending`, or keep it until the one before is acknowledged."""
        self._waiting.append(pending)
        if self.current is None:
            self._next(now)

    def acknowledge(self, prack: Request) -> Pending | None:
        """The response that this PRACK acknowledges; None: answer it 481 (RFC 3262, 3)."""
        current = self.current
        match = _RACK.fullmatch(prack.headers.get("RAck") or "")
        if current is None or match is None:
            return None
        expected = (current.rseq, self._transaction.cseq, "INVITE")
        if (int(match[1]), int(match[2]), match[3]) != expected:
            return None
        self._stop_timers()
        self.current = None
        return current

    def proceed(self, now: float) -> None:
        """The PRACK is answered: send the next response, if one waits."""
        if self.current is None:
            self._next(now)

    def stop(self) -> None:
        """A final response was sent: nothing more to repeat."""
        self._stop_timers()
        self._waiting.clear()
        self.current = None

    def _next(self, now: float) -> None:
        if not self._waiting:
            return
        pending = self._waiting.popleft()
        pending.rseq = self._rseq
        self._rseq += 1
        pending.octets = self._transaction.respond(
            pending.code,
            now,
            headers=[("Require", "100rel"), ("RSeq", str(pending.rseq)), *pending.headers],
            body=pending.sdp or b"",
            record_routes=True,
        )
        if not pending.octets:
            return
        self.current = pending
        self._interval = self._timers.t1
        self._timer = self._queue.at(now + self._interval, self._repeat)
        self._deadline = self._queue.at(now + self._timers.timeout, self._expire)

    def _repeat(self, argument: None, now: float) -> None:
        if self.current is None:
            return
        self._transaction.send_again(self.current.octets)
        self._interval *= 2
        self._timer = self._queue.at(now + self._interval, self._repeat)

    def _expire(self, argument: None, now: float) -> None:
        self.stop()
        self._on_timeout(now)

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._deadline):
            if timer is not None:
                timer.cancel()
        self._timer = self._deadline = None


class ReliableReceiver:
    """Their reliable provisional responses in one early dialog: each once, in order."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0

    def accept(self, response: Response) -> str | None:
        """The RAck value to send in a PRACK; None for a repetition or one out of order."""
        text = response.headers.get("RSeq") or ""
        if not (text.isascii() and text.isdigit() and 0 < len(text) <= 10):
            return None
        number = int(text)
        if self._last and number != self._last + 1:
            return None
        self._last = number
        return f"{number} {response.cseq_number} {response.cseq_method}"
