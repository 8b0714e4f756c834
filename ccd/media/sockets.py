"""The worker's RTP and RTCP sockets: bound once, at the start, for all legs to come.

Each local port is a pair, RTP on the even number and RTCP on the next (RFC 3550, 11).
"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import Final, NamedTuple

from ccd.media.batch_io import BatchIO, enlarge_buffers

MAX_PAIRS: Final = 512
"""Most port pairs a worker binds: 1,024 sockets cost nothing while silent, and a leg that
has not latched, or whose peer sends many streams from one address, needs one alone."""

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


class Sockets:
    """All pairs of a worker, by index, and which of them have something to read."""

    def __init__(self, pairs: list[Pair], io: BatchIO) -> None:
        self.pairs = pairs
        self.index = {pair.number: index for index, pair in enumerate(pairs)}
        self._poll = select.epoll()
        self._where: dict[int, tuple[int, bool]] = {}
        for index, pair in enumerate(pairs):
            io.prepare(pair.rtp)
            for sock, is_rtp in ((pair.rtp, True), (pair.rtcp, False)):
                self._where[sock.fileno()] = index, is_rtp
                self._poll.register(sock.fileno(), select.EPOLLIN)

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


def bind(host: str, first: int, last: int, limit: int = MAX_PAIRS) -> list[Pair]:
    """Bind the pairs of a range, stepping over what is in use.

    Range 0 to 0 lets the system choose. Raises OSError where not one could be had.
    """
    pairs: list[Pair] = []
    if first == 0 and last == 0:
        for _ in range(min(limit, FREE_CHOICE_PAIRS)):
            pair = _any_pair(host)
            if pair is not None:
                pairs.append(pair)
    else:
        for number in range(first + first % 2, last, 2):
            if len(pairs) == limit:
                break
            pair = _pair(host, number)
            if pair is not None:
                pairs.append(pair)
    if not pairs:
        raise OSError(
            f"no RTP port of {first}-{last} on {host} could be bound; are they in use, or is"
            " the address not this machine's? Set media.ports and media.address"
        )
    return pairs


def _pair(host: str, number: int) -> Pair | None:
    with contextlib.ExitStack() as undo:
        sockets = []
        for port in (number, number + 1):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            undo.callback(sock.close)
            try:
                sock.bind((host, port))
            except OSError:
                return None
            sock.setblocking(False)
            sockets.append(sock)
            with contextlib.suppress(OSError):  # a container may forbid it; audio flows without
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP_EF)
        enlarge_buffers(sockets[0])
        undo.pop_all()
        return Pair(number, sockets[0], sockets[1])


def _any_pair(host: str, attempts: int = 64) -> Pair | None:
    for _ in range(attempts):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scout:
            scout.bind((host, 0))
            number = scout.getsockname()[1] & ~1
        pair = _pair(host, number)
        if pair is not None:
            return pair
    return None
