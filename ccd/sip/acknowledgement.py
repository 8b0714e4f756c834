"""A 2xx to an INVITE, repeated until its ACK comes (RFC 3261, 13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from ccd.sip.server_transactions import InviteServer
from ccd.sip.timers import Timers
from ccd.timer_queue import Timer, TimerQueue


class AckWait:
    """Repeats a 2xx at T1, doubling up to T2, and gives up after 64*T1.

    Also over reliable transports: a proxy on the way may be a datagram one.
    """

    __slots__ = (
        "_data", "_deadline", "_interval", "_queue", "_repeat_timer", "_t2", "_transaction",
        "cseq", "expects_answer", "on_timeout",
    )  # fmt: skip

    def __init__(
        self,
        transaction: InviteServer,
        data: bytes,
        *,
        expects_answer: bool,
        queue: TimerQueue,
        timers: Timers,
        now: float,
        on_timeout: Callable[[float], None],
    ) -> None:
        self.cseq = transaction.cseq
        self.expects_answer = expects_answer
        self.on_timeout = on_timeout
        self._transaction = transaction
        self._data = data
        self._queue = queue
        self._interval = timers.t1
        self._t2 = timers.t2
        self._repeat_timer: Timer = queue.at(now + timers.t1, self._repeat)
        self._deadline: Timer = queue.at(now + timers.timeout, self._expire)

    def stop(self) -> None:
        """The ACK came, or nobody cares any more."""
        self._repeat_timer.cancel()
        self._deadline.cancel()
        self._transaction.on_ack = None

    def _repeat(self, argument: None, now: float) -> None:
        self._transaction.send_again(self._data)
        self._interval = min(self._interval * 2, self._t2)
        self._repeat_timer = self._queue.at(now + self._interval, self._repeat)

    def _expire(self, argument: None, now: float) -> None:
        self._repeat_timer.cancel()
        self.on_timeout(now)
