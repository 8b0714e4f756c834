"""SIP over UDP: one socket, read in batches, with ICMP errors told (RFC 3261, 18.4).

The socket is read by hand rather than through asyncio's datagram transport: at equal cost a
burst becomes one turn of the agent instead of many, and the kernel's error queue says which
peer is gone, where a transport would only say that somebody is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from typing import Protocol

import msgspec

from ccd.sip.hop import Hop

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Asked of the kernel, which may give less (net.core.rmem_max): about 2,000 INVITEs, what
comes in while the loop is held up for a few seconds at 300 calls/s."""

BATCH = 64
"""Datagrams read before the loop sees to other things."""

MAX_QUEUED = 4096
"""Datagrams that wait for a full send buffer; more are dropped, for UDP's users to repeat."""

MAX_DATAGRAM = 65_535

# <linux/in.h> and <linux/in6.h>; the socket module does not name them.
_IP_RECVERR = 11
_IPV6_RECVERR = 25


class Counters(msgspec.Struct):
    """What went through the transports since the start."""

    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    keep_alives: int = 0
    dropped_out: int = 0
    unreachable: int = 0
    """Peers found unreachable: by ICMP, a refused connection, or one that broke."""
    connections: int = 0
    """Open now."""
    connections_accepted: int = 0
    connections_opened: int = 0
    connections_refused: int = 0
    """Closed at once, for there were too many."""
    framing_errors: int = 0
    timeouts: int = 0
    """Connections closed for being silent, or slow with a message."""


class Receiver(Protocol):
    """Who is given what comes in; implemented by the endpoint."""

    def received(self, data: bytes, source: Hop) -> None:
        """One message, or what should be one."""

    def failed(self, hop: Hop) -> None:
        """Nothing can be sent there now."""

    def turn(self) -> None:
        """That was all for the moment: decide, and send."""


class UdpSocket:
    """A bound, non-blocking UDP socket on the loop. Owns and closes it."""

    def __init__(
        self,
        sock: socket.socket,
        receiver: Receiver,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._sock = sock
        self._receiver = receiver
        self._counters = counters
        self._loop = loop
        self._queue: deque[tuple[bytes, tuple[str, int]]] = deque()
        self.host, self.port = sock.getsockname()[:2]
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, RECEIVE_BUFFER)
        with contextlib.suppress(OSError):  # not Linux: we learn of dead peers by timeout
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        loop.add_reader(sock.fileno(), self._readable)

    def send(self, data: bytes, hop: Hop) -> bool:
        """Send a datagram, now or when there is room; False if it can never go there."""
        address = (hop.host, hop.port)
        if self._queue:
            self._enqueue(data, address)
        else:
            try:
                self._sendto(data, address)
            except BlockingIOError:
                self._enqueue(data, address)
                self._loop.add_writer(self._sock.fileno(), self._writable)
            except (OSError, OverflowError):
                return False
        self._counters.messages_out += 1
        self._counters.bytes_out += len(data)
        return True

    def close(self) -> None:
        """Stop reading, send nothing more."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()

    @property
    def queued(self) -> int:
        """Datagrams that wait for the send buffer."""
        return len(self._queue)

    def _sendto(self, data: bytes, address: tuple[str, int]) -> None:
        try:
            self._sock.sendto(data, address)
        except ConnectionRefusedError:
            # An earlier datagram's ICMP error, reported to whoever comes next; clear now.
            self._sock.sendto(data, address)

    def _enqueue(self, data: bytes, address: tuple[str, int]) -> None:
        if len(self._queue) < MAX_QUEUED:
            self._queue.append((data, address))
        else:
            self._counters.dropped_out += 1

    def _writable(self) -> None:
        while self._queue:
            data, address = self._queue[0]
            try:
                self._sendto(data, address)
            except BlockingIOError:
                return
            except OSError:
                self._receiver.failed(Hop("udp", address[0], address[1]))
            self._queue.popleft()
        self._loop.remove_writer(self._sock.fileno())
        self._receiver.turn()

    def _readable(self) -> None:
        counters, receiver = self._counters, self._receiver
        for _ in range(BATCH):
            try:
                data, address = self._sock.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error, which is in the error queue too
            if len(data) < 5 and not data.strip(b"\r\n\0"):
                counters.keep_alives += 1  # RFC 5626, 3.5.1 has STUN for UDP; phones send these
                continue
            if address[1] == 0:
                continue  # nobody to answer
            counters.messages_in += 1
            counters.bytes_in += len(data)
            receiver.received(data, Hop("udp", address[0], address[1]))
        self._read_errors()
        receiver.turn()

    def _read_errors(self) -> None:
        """Say which peers ICMP reported as unreachable."""
        if not hasattr(socket, "MSG_ERRQUEUE"):
            return
        found = False
        while True:
            try:
                _, _, _, address = self._sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            found = True
            if address:
                self._counters.unreachable += 1
                self._receiver.failed(Hop("udp", address[0], address[1]))
        if found and self._sock.fileno() >= 0:
            # libuv stops watching a socket that polls as erroneous, and does not say so.
            self._loop.remove_reader(self._sock.fileno())
            self._loop.add_reader(self._sock.fileno(), self._readable)
