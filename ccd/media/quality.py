"""What reception was like: loss and jitter as RFC 3550 counts them, and their rating.

For one stream `Reception` is the bookkeeping of RFC 3550 appendix A.1 and A.3, packet by
packet; it is the plain model that the bay's arrays are tested against. `Jitter` is
A.8 for many streams at once. `rate` makes figures into an E-model rating.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ccd.media import emodel
from ccd.media.protocol import SAMPLE_RATE

MAX_DROPOUT: Final = 3000
"""Sequence numbers that may be skipped: a minute of 20 ms packets (RFC 3550 A.1)."""

MAX_MISORDER: Final = 100
"""How far back a packet is late rather than of a new sequence (RFC 3550 A.1)."""

_SEQUENCES: Final = 1 << 16

CODEC_DELAY_MS = 20.0
"""Mouth to ear beyond network and jitter buffer: packing a 20 ms frame at the sender."""


class Rating(NamedTuple):
    """E-model rating R (0 to 100) and the mean opinion score it stands for (1 to 4.5)."""

    r_factor: float
    mos: float


def rate(
    *,
    expected: int,
    missing: int,
    bursts: int = 0,
    round_trip_ms: float | None = None,
    buffer_ms: float = 0.0,
    concealed: bool = True,
) -> Rating:
    """Rate one direction of a G.711 leg.

    Of `expected` packets `missing` were not there when they were to be played (lost or
    late), in `bursts` runs (0: not known, taken as random). The network's delay is
    half the round trip where that is known; `buffer_ms` is the jitter buffer's part.
    """
    loss = min(max(missing / expected, 0.0), 1.0) if expected > 0 else 0.0
    delay = CODEC_DELAY_MS + buffer_ms + (round_trip_ms or 0.0) / 2.0
    r = emodel.r_factor(
        delay_ms=delay,
        loss=loss,
        burst_ratio=burst_ratio(expected, missing, bursts),
        codec=emodel.G711_CONCEALED if concealed else emodel.G711_PLAIN,
    )
    return Rating(r, emodel.mos(r))


def burst_ratio(expected: int, missing: int, bursts: int) -> float:
    """How much longer runs of loss are than if packets were lost independently (G.107 7.5).

    At a loss of p random runs have a mean length of 1 / (1 - p); 1.0 where there is too
    little to tell. G.107 gives it for 1 and above only, so it is never below.
    """
    if bursts <= 0 or not 0 < missing < expected:
        return 1.0
    return max(1.0, missing / bursts * (1.0 - missing / expected))


class Reception:
    """One stream's sequence numbers (RFC 3550 A.1) and loss (A.3).

    The first packet begins the stream: there is no probation, for the bay has checked
    the source by other means. A jump forward of `MAX_DROPOUT` or more, or back of more
    than `MAX_MISORDER`, is believed when the next packet goes on from there.
    """

    def __init__(self) -> None:
        self.received = 0
        self.duplicates = 0
        self.reordered = 0
        self._base = 0
        self._highest = 0  # extended: with the cycles
        self._bad: int | None = None
        self._recent: set[int] = set()
        self._expected_before = 0  # of sequences that were given up
        self._expected_prior = 0
        self._received_prior = 0

    def packet(self, sequence: int) -> bool:
        """Count a packet; False where it does not (yet) belong to the sequence."""
        if self.received == 0:
            self._begin(sequence)
            return True
        ahead = (sequence - self._highest) % _SEQUENCES
        if ahead == 0:
            self.duplicates += 1
        elif ahead < MAX_DROPOUT:
            self._highest += ahead
        elif ahead <= _SEQUENCES - MAX_MISORDER:
            if sequence != self._bad:
                self._bad = (sequence + 1) % _SEQUENCES
                return False
            self._expected_before = self.expected
            self._begin(sequence)
            return True
        elif self._highest + ahead - _SEQUENCES in self._recent:
            self.duplicates += 1
        else:
            self.reordered += 1
        self._bad = None
        self._remember(self._highest + (ahead - _SEQUENCES if ahead >= MAX_DROPOUT else 0))
        self.received += 1
        return True

    def _begin(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self._bad = None
        self._recent.clear()
        self._remember(sequence)
        self.received += 1

    def _remember(self, extended: int) -> None:
        self._recent.add(extended)
        if len(self._recent) > 2 * MAX_MISORDER:
            self._recent = {n for n in self._recent if n > self._highest - MAX_MISORDER}

    @property
    def extended_highest(self) -> int:
        """Highest sequence number with the count of its cycles above (for RTCP)."""
        return self._highest & 0xFFFFFFFF

    @property
    def expected(self) -> int:
        """Packets that should have come."""
        if self.received == 0:
            return 0
        return self._expected_before + self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Expected less received; duplicates make it smaller, even negative (A.3)."""
        return self.expected - self.received

    def interval(self) -> int:
        """Loss since the last call as RTCP's fraction lost: 0 to 255 in 1/256 (A.3)."""
        expected = self.expected - self._expected_prior
        received = self.received - self._received_prior
        self._expected_prior, self._received_prior = self.expected, self.received
        return fraction_lost(expected, received)


def fraction_lost(expected: int, received: int) -> int:
    """RTCP's 8-bit fraction lost of an interval (RFC 3550 A.3); 0 where none is missing."""
    if expected <= 0 or received >= expected:
        return 0
    return min(((expected - received) << 8) // expected, 255)


class Jitter:
    """Interarrival jitter (RFC 3550 6.4.1, A.8) of many streams, a row each.

    J += (|D| - J) / 16, with D the change of transit time from packet to packet.
    """

    def __init__(self, capacity: int) -> None:
        self._transit = np.zeros(capacity, dtype=np.float64)
        self._known = np.zeros(capacity, dtype=bool)
        self._jitter = np.zeros(capacity, dtype=np.float64)

    def packets(
        self, rows: NDArray[np.intp], arrival_s: NDArray[np.float64], timestamps: NDArray[np.uint32]
    ) -> None:
        """Take a packet a row: its arrival in seconds (any clock) and its RTP timestamp.

        A row may be there only once in a call: packets of one stream go in their order.
        """
        transit = (arrival_s * SAMPLE_RATE - timestamps) % 2.0**32
        change = np.abs((transit - self._transit[rows] + 2.0**31) % 2.0**32 - 2.0**31)
        jitter = self._jitter[rows]
        updated = jitter + (change - jitter) / 16.0
        self._jitter[rows] = np.where(self._known[rows], updated, jitter)
        self._transit[rows] = transit
        self._known[rows] = True

    def restart(self, rows: NDArray[np.intp]) -> None:
        """A new stream (SSRC) or a jump of its timestamps: transit begins anew, jitter stays."""
        self._known[rows] = False

    def reset(self, rows: NDArray[np.intp]) -> None:
        """Another leg gets the row."""
        self._known[rows] = False
        self._jitter[rows] = 0.0

    @property
    def samples(self) -> NDArray[np.float64]:
        """Jitter of every row in timestamp units, as RTCP reports it."""
        return self._jitter

    @property
    def milliseconds(self) -> NDArray[np.float64]:
        """Jitter of every row in ms."""
        return self._jitter * (1000.0 / SAMPLE_RATE)
