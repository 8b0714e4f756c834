"""RFC 3261's timer values."""

from __future__ import annotations

from typing import Self

import msgspec


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """The base values of RFC 3261 (17.1.1.1, table 4), in seconds."""

    t1: float = 0.5
    """Round-trip time estimate: the first retransmission interval."""
    t2: float = 4.0
    """Longest retransmission interval of non-INVITE requests and INVITE responses."""
    t4: float = 5.0
    """Longest time a message stays in the network."""
    d: float = 32.0
    """Timer D over UDP: how long retransmitted refusals of an INVITE are acknowledged."""
    trying: float = 0.2
    """A 100 is sent unless something better was within this time (17.2.1)."""
    progress: float = 60.0
    """A provisional response is repeated this often while a call rings (13.3.1.1)."""

    @classmethod
    def of(cls, t1: float) -> Self:
        """The values that go with a T1 (seconds).

        T2 is no shorter than T1, or retransmissions would not slow down. Timer D stays at 32 s
        or more: it outlasts the far end's timer H, whose T1 we do not know (17.1.1.2).
        """
        standard = cls()
        return cls(t1=t1, t2=max(standard.t2, t1), d=max(standard.d, 64 * t1))

    @property
    def timeout(self) -> float:
        """64*T1: timers B, F, H, J, L and M, and the patience with a 2xx unacknowledged."""
        return 64 * self.t1
