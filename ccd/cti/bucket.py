"""How fast one client may ask: a token bucket (sans-IO)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """So many requests a second in the long run, and so many at once. `per_s` of 0: no limit."""

    per_s: float = 1000.0
    burst: float = 2000.0


class TokenBucket:
    """Holds up to `burst` tokens, one a request, and gains `per_s` a second."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def take(self, now: float) -> float:
        """Take a token: 0.0. Where there is none, take nothing and return when to ask again, in seconds."""
        if not self._rate.per_s:
            return 0.0
        self._gain(now)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate.per_s

    def charge(self, tokens: float, now: float) -> None:
        """Take more for what turned out to be expensive; later requests wait for it.

        Never more than a bucketful of debt, so that a client can come back.
        """
        if self._rate.per_s:
            self._gain(now)
            self._tokens = max(-self._rate.burst, self._tokens - tokens)

    def _gain(self, now: float) -> None:
        elapsed = max(0.0, now - self._at)
        self._at = max(self._at, now)
        self._tokens = min(self._rate.burst, self._tokens + elapsed * self._rate.per_s)
