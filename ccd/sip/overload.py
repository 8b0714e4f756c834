"""Admission of new calls: shed early, so that the calls we have don't suffer. Sans-IO.

A token bucket holds new calls to a rate. The rate is the settings' while the event loop is
punctual; when the loop runs late it is cut to a part of what was let in lately, and grows
back step by step (additive increase, multiplicative decrease, as in RFC 6357, 5.2). A call
that is shed costs one 503 with Retry-After (RFC 3261, 21.5.4); a call that times out costs
seven INVITEs. Those who matter most are shed last: a VIP may go into the bucket's debt, an
emergency call is never shed.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import msgspec

LAG_HIGH_S = 0.100
"""The loop is this late: too much. T1 is 500 ms, so a peer retransmits at five times that."""

LAG_LOW_S = 0.030
"""Late by less than this is well; between the two the rate stays as it is."""

ADJUST_S = 0.5
"""The rate moves at most so often: a cut must have had its effect before the next."""

CUT = 0.7
GROWTH = 0.05
"""A cut leaves this part of the rate; a step up adds this part of the full rate."""

FLOOR = 0.02
"""The part of the full rate that is always let in, so that recovery is noticed."""

BURST_S = 0.25
MIN_BURST = 10.0
"""The bucket holds a quarter of a second's calls, and ten in any case."""

CALM_S = 5.0
"""So long without a refusal, and shedding is over."""


class Priority(Enum):
    """Whose call it is."""

    NORMAL = 0
    VIP = 1
    EMERGENCY = 2


class Accept(msgspec.Struct, frozen=True):
    """Take the call."""


class Shed(msgspec.Struct, frozen=True):
    """Answer 503 with this Retry-After, in seconds."""

    retry_after: int
    reason: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What to add to the 503."""
        return (("Retry-After", str(self.retry_after)),)


class SheddingChanged(msgspec.Struct, frozen=True):
    """Calls are shed from now on, or no longer."""

    shedding: bool
    reason: str


_ACCEPT = Accept()


class Overload:
    """The gate. `rate` is new calls a second at most; times are the loop's."""

    def __init__(self, rate: float, now: float) -> None:
        if rate <= 0:
            raise ValueError(f"the rate of new calls must be above 0, not {rate}")
        self._full_rate = rate
        self._rate = rate
        self._tokens = self._burst
        self._filled_at = now
        self._admitted = 0
        self._adjusted_at = now
        self._late = False
        self._shed = 0
        self._shed_at = float("-inf")
        self.shedding = False
        self._events: deque[SheddingChanged] = deque()

    @property
    def rate(self) -> float:
        """New calls a second that are let in now."""
        return self._rate

    @property
    def shed(self) -> int:
        """Calls shed since the start."""
        return self._shed

    def admit(self, now: float, priority: Priority = Priority.NORMAL) -> Accept | Shed:
        """Decide on a new call."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if priority is Priority.EMERGENCY:
            least = float("-inf")
        else:
            least = 1.0 if priority is Priority.NORMAL else 1.0 - self._burst
        if self._tokens >= least:
            self._tokens = max(self._tokens - 1.0, -self._burst)
            self._admitted += 1
            return _ACCEPT
        self._shed += 1
        self._shed_at = now
        reason = "event loop is late" if self._late else f"more than {self._rate:.0f} new calls/s"
        if not self.shedding:
            self.shedding = True
            self._events.append(SheddingChanged(True, reason))
        # Spread, lest all that were shed together come back together.
        return Shed((5 if self._late else 1) + self._shed % 4, reason)

    def lag(self, late: float, now: float) -> None:
        """Tell how late the event loop runs, in seconds; a few times a second."""
        elapsed = now - self._adjusted_at
        if elapsed >= ADJUST_S:
            if late > LAG_HIGH_S:
                # What was let in lately is what was too much; but few calls and a late loop
                # mean that something else is at fault, so one step halves at the most.
                lately = max(self._admitted / elapsed, self._rate / 2)
                self._rate = max(self._full_rate * FLOOR, min(self._rate, lately) * CUT)
                self._tokens = min(self._tokens, self._burst)
                self._late = True
            elif late < LAG_LOW_S:
                self._rate = min(self._full_rate, self._rate + self._full_rate * GROWTH)
                self._late = self._late and self._rate < self._full_rate
            self._admitted = 0
            self._adjusted_at = now
        if self.shedding and now - self._shed_at >= CALM_S and late < LAG_HIGH_S:
            self.shedding = False
            self._events.append(SheddingChanged(False, f"no call shed for {CALM_S:.0f} s"))

    def next_event(self) -> SheddingChanged | None:
        """The oldest change not yet told, or None."""
        return self._events.popleft() if self._events else None

    @property
    def _burst(self) -> float:
        return max(MIN_BURST, self._rate * BURST_S)
