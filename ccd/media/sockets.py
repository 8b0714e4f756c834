"""The worker's RTP and RTCP sockets.

Each local port is a pair, RTP on the even number and RTCP on the next (RFC 3550, 11). Some
are bound at the start, others when a leg needs them, and all stay: a pair takes 38 µs to
bind and 5 kB of the kernel's memory, and 8,000 silent ones make `epoll` no slower
(0.65 µs). How many there are is decided by the core's plan, which uses few again and again.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from ccd.media.batch_io import BatchIO, enlarge_buffers

FIRST_PAIRS: Final = 64
"""Port pairs bound at the start."""

OWN_FILES: Final = 64
"""Descriptors of the worker itself: its link, its log, what Python has open."""

FREE_CHOICE_PAIRS: Final = 32
"""Pairs bound where the system chooses (range 0 to 0, for tests)."""

DSCP_EF: Final = 46 << 2
"""Expedited forwarding, as RFC 4594 has it for telephony."""


class Pair(NamedTuple):
    """A local port: its RTP number and both sockets."""

    number: int
    rtp: socket.socket
    rtcp: socket.socket


class Readiness(NamedTuple):
    """Which local ports (by index) have packets waiting."""

    rtp: list[int]
    rtcp: list[int]


class PortTaken(OSError):  # noqa: N818 - what it says
    """A local port can't be bound; the message says which and why."""


class Sockets:
    """All pairs of a worker, by index, and which of them have something to read.

    `pairs` are bound; those of the numbers in `spare` are when they are asked for, on `host`.
    """

    def __init__(
        self, pairs: Iterable[Pair], io: BatchIO, *, host: str = "", spare: Iterable[int] = ()
    ) -> None:
        self.pairs: list[Pair] = []
        self._io = io
        self._host = host
        self._spare = dict.fromkeys(spare)
        self._index: dict[int, int] = {}
        self._poll = select.epoll()
        self._where: dict[int, tuple[int, bool]] = {}
        for pair in pairs:
            self._add(pair)

    @property
    def spare(self) -> tuple[int, ...]:
        """Ports that may be bound."""
        return tuple(self._spare)

    def index(self, number: int) -> int:
        """The index of a port; binds it where that is still to be done.

        Raises PortTaken, and ValueError for a port that is none of ours.
        """
        known = self._index.get(number)
        if known is not None:
            return known
        if number not in self._spare:
            raise ValueError(f"port {number} is none of this worker's")
        try:
            pair = _pair(self._host, number)
        except OSError as error:
            raise PortTaken(f"RTP port {number}: {os.strerror(error.errno or 0)}") from error
        del self._spare[number]
        return self._add(pair)

    def _add(self, pair: Pair) -> int:
        index = self._index[pair.number] = len(self.pairs)
        self.pairs.append(pair)
        self._io.prepare(pair.rtp)
        for sock, is_rtp in ((pair.rtp, True), (pair.rtcp, False)):
            self._where[sock.fileno()] = index, is_rtp
            self._poll.register(sock.fileno(), select.EPOLLIN)
        return index

    def ready(self, timeout: float = 0.0) -> Readiness:
        """Ports with something to read, after at most `timeout` seconds."""
        rtp: list[int] = []
        rtcp: list[int] = []
        for fd, _ in self._poll.poll(timeout, len(self._where) or 1):
            index, is_rtp = self._where[fd]
            (rtp if is_rtp else rtcp).append(index)
        return Readiness(rtp, rtcp)

    def close(self) -> None:
        """Give all ports back."""
        self._poll.close()
        for pair in self.pairs:
            pair.rtp.close()
            pair.rtcp.close()


def affordable_pairs() -> int:
    """How many pairs this process may have, a fifth of its descriptors left for recordings."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (limit * 4 // 5 - OWN_FILES) // 2)


def numbers(first: int, last: int) -> range:
    """The RTP ports of a range, each with its RTCP port in it too; none where it is 0 to 0."""
    return range(first + first % 2, last, 2)


def bind(host: str, first: int, last: int, limit: int = FIRST_PAIRS) -> list[Pair]:
    """Bind the first pairs of a range, stepping over what is in use.

    Range 0 to 0 lets the system choose. Raises OSError where not one could be had.
    """
    pairs: list[Pair] = []
    why = ""
    attempts: Iterable[Callable[[], Pair]]
    if first == last == 0:
        attempts = [partial(_any_pair, host)] * FREE_CHOICE_PAIRS
    else:
        attempts = (partial(_pair, host, number) for number in numbers(first, last))
    for attempt in attempts:
        if len(pairs) == limit:
            break
        try:
            pairs.append(attempt())
        except OSError as error:
            why = f" ({error.strerror})"
    if not pairs:
        raise OSError(
            f"no RTP port of {first}-{last} on {host} could be bound{why}; are they in use, or is"
            " the address not this machine's? Set media.ports and media.address"
        )
    return pairs


def _pair(host: str, number: int) -> Pair:
    """Both sockets of a port. Raises OSError."""
    with contextlib.ExitStack() as undo:
        sockets = []
        for port in (number, number + 1):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            undo.callback(sock.close)
            sock.bind((host, port))
            sock.setblocking(False)
            sockets.append(sock)
            with contextlib.suppress(OSError):  # a container may forbid it; audio flows without
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP_EF)
        enlarge_buffers(sockets[0])
        undo.pop_all()
        return Pair(number, sockets[0], sockets[1])


def _any_pair(host: str, attempts: int = 64) -> Pair:
    """A pair of the system's choice. Raises OSError."""
    for attempt in range(attempts):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scout:
            scout.bind((host, 0))
            number = scout.getsockname()[1] & ~1
        try:
            return _pair(host, number)
        except OSError:
            if attempt == attempts - 1:
                raise
    raise AssertionError("unreachable")
