"""Datagrams in batches: many packets a system call, landing in numpy matrices.

`recvmmsg` and `sendmmsg` through ctypes (nothing to compile) read and write the
matrices in place. Where they are missing or do not behave, plain sockets fill the same
matrices, so the bay does not know the difference. CCD_PLAIN_SOCKETS=1 forces these.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ccd.media import addresses
from ccd.media.addresses import SOCKADDR

RECEIVE_BYTES: Final = 640
"""Room for a packet received: 60 ms of G.711 (492) and a generous header extension."""

SEND_BYTES: Final = 512
"""Room for a packet sent: 60 ms of G.711 with its header are 492."""

BATCH: Final = 4096
"""Packets a matrix holds: what 2,000 legs send in 40 ms."""

PLAIN_SOCKETS: Final = "CCD_PLAIN_SOCKETS"

_SO_TIMESTAMPNS: Final = 35
_SO_RCVBUFFORCE: Final = 33
_SO_SNDBUFFORCE: Final = 32
_CONTROL: Final = np.dtype(
    [("len", np.uint64), ("level", np.int32), ("type", np.int32), ("s", np.int64), ("ns", np.int64)]
)
"""A control message with a kernel timestamp on a 64-bit system."""


class Inbound:
    """What was received: `count` packets in the first rows of each array.

    `data` (n, 640) bytes, `length` (n,) bytes (0: it was too long), `port` (n,) local
    port index, `place` (n,) source (see `addresses`), `arrival` (n,) nanoseconds of the
    wall clock, by the kernel where it says.
    """

    def __init__(self, capacity: int = BATCH) -> None:
        self.capacity = capacity
        self.count = 0
        self.data = np.zeros((capacity, RECEIVE_BYTES), np.uint8)
        self.length = np.zeros(capacity, np.int64)
        self.port = np.zeros(capacity, np.int64)
        self.place = np.zeros(capacity, np.uint64)
        self.arrival = np.zeros(capacity, np.int64)


class Outbound:
    """What to send: fill rows, then `send` a range of them.

    `data` (n, 512) bytes, `length` (n,), `sockaddr` (n, 16) destination.
    """

    def __init__(self, capacity: int = BATCH) -> None:
        self.capacity = capacity
        self.data = np.zeros((capacity, SEND_BYTES), np.uint8)
        self.length = np.zeros(capacity, np.int64)
        self.sockaddr = np.zeros((capacity, SOCKADDR), np.uint8)


class BatchIO(Protocol):
    """Either way of moving datagrams."""

    batched: bool
    inbound: Inbound
    outbound: Outbound

    def prepare(self, sock: socket.socket) -> None:
        """Set the socket up for this way of receiving."""

    def receive(self, sock: socket.socket, port: int) -> int:
        """Append what waits in `sock` to `inbound` as of local port index `port`; how many."""

    def finish(self) -> None:
        """All sockets were asked: complete `inbound`'s columns."""

    def send(self, sock: socket.socket, start: int, count: int) -> int:
        """Send rows of `outbound`; how many could not be."""


class PlainIO:
    """One system call a packet, through Python's socket module."""

    batched = False

    def __init__(self, capacity: int = BATCH, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.inbound = Inbound(capacity)
        self.outbound = Outbound(capacity)
        self._clock_ns = clock_ns
        self._views = [memoryview(row.data) for row in self.inbound.data]
        self._out = [memoryview(row.data) for row in self.outbound.data]

    def prepare(self, sock: socket.socket) -> None:
        """Nothing to do: the time is taken after the packet."""

    def receive(self, sock: socket.socket, port: int) -> int:
        """See `BatchIO`."""
        inbound = self.inbound
        begin = inbound.count
        while inbound.count < inbound.capacity:
            at = inbound.count
            try:
                length, (host, number) = sock.recvfrom_into(self._views[at])
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _TRANSIENT:
                    continue
                raise
            inbound.length[at] = length
            inbound.port[at] = port
            inbound.place[at] = int.from_bytes(socket.inet_aton(host), "big") << 16 | number
            inbound.arrival[at] = self._clock_ns()
            inbound.count += 1
        return inbound.count - begin

    def finish(self) -> None:
        """Nothing to do: rows are complete."""

    def send(self, sock: socket.socket, start: int, count: int) -> int:
        """See `BatchIO`."""
        failed = 0
        lengths = self.outbound.length[start : start + count].tolist()
        for row, length in enumerate(lengths, start):
            _, port, ip = struct.unpack_from("!HH4s", self.outbound.sockaddr[row])
            try:
                sock.sendto(self._out[row][:length], (socket.inet_ntoa(ip), port))
            except OSError:
                failed += 1
        return failed


_TRANSIENT: Final = frozenset({errno.EINTR, errno.ECONNREFUSED, errno.EHOSTUNREACH})
"""Errors that tell of an earlier packet of ours (ICMP), not of the socket."""

_WOULD_BLOCK: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})


class _Iovec(ctypes.Structure):
    _fields_ = (("iov_base", ctypes.c_void_p), ("iov_len", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("msg_name", ctypes.c_void_p),
        ("msg_namelen", ctypes.c_uint),
        ("msg_iov", ctypes.c_void_p),
        ("msg_iovlen", ctypes.c_size_t),
        ("msg_control", ctypes.c_void_p),
        ("msg_controllen", ctypes.c_size_t),
        ("msg_flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("msg_hdr", _Msghdr), ("msg_len", ctypes.c_uint))


class _Messages:
    """An array of `mmsghdr`, each with one `iovec`, seen by the kernel and by numpy."""

    def __init__(
        self,
        data: NDArray[np.uint8],
        names: NDArray[np.uint8],
        control: NDArray[np.void] | None,
    ) -> None:
        count = len(data)
        self._headers = (_Mmsghdr * count)()
        self._iovecs = (_Iovec * count)()
        self._keep = data, names, control
        headers = _view(self._headers, count)
        header = headers["msg_hdr"]
        iovec = _view(self._iovecs, count)
        rows = np.arange(count, dtype=np.uint64)
        iovec["iov_base"] = _addresses(data, rows)
        iovec["iov_len"] = data.shape[1]
        header["msg_name"] = _addresses(names, rows)
        header["msg_namelen"] = SOCKADDR
        header["msg_iov"] = _addresses(iovec, rows)
        header["msg_iovlen"] = 1
        if control is not None:
            header["msg_control"] = _addresses(control, rows)
        self.sizes = iovec["iov_len"]
        self.length = headers["msg_len"]
        self.flags = header["msg_flags"]
        self.controllen = header["msg_controllen"]
        self.at: list[int] = _addresses(headers, rows).tolist()
        """The address of each row, as the system calls want it."""


def _view(structures: Any, count: int) -> NDArray[Any]:
    """An array of ctypes structures as a numpy one, on the same memory."""
    return np.ndarray(count, np.dtype(structures._type_), structures)


def _addresses(array: NDArray[Any], rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.uint64(array.ctypes.data) + rows * np.uint64(array.strides[0])


class MmsgIO:
    """`recvmmsg` and `sendmmsg`. Raises OSError where the system has not got them.

    The calls never wait, and keep the interpreter's lock (PyDLL): a media loop that gave
    it away a hundred times a frame would wait as often for the recorder's thread to give
    it back, and be late by tens of milliseconds (measured).
    """

    batched = True

    def __init__(self, capacity: int = BATCH) -> None:
        try:
            libc = ctypes.PyDLL(None, use_errno=True)
            self._recvmmsg, self._sendmmsg = libc.recvmmsg, libc.sendmmsg
        except (AttributeError, OSError) as error:
            raise OSError(errno.ENOSYS, "no recvmmsg in this system's C library") from error
        common = ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int
        self._recvmmsg.argtypes = (*common, ctypes.c_void_p)
        self._sendmmsg.argtypes = common
        self.inbound = Inbound(capacity)
        self.outbound = Outbound(capacity)
        self._control = np.zeros(capacity, _CONTROL)
        self._names = np.zeros((capacity, SOCKADDR), np.uint8)
        self._name_port = self._names[:, 2:4].view(">u2")[:, 0]
        self._name_ip = self._names[:, 4:8].view(">u4")[:, 0]
        self._in = _Messages(self.inbound.data, self._names, self._control)
        self._out = _Messages(self.outbound.data, self.outbound.sockaddr, None)
        self._in.controllen[:] = _CONTROL.itemsize

    def prepare(self, sock: socket.socket) -> None:
        """Ask the kernel to say when each packet came (jitter is not to measure our beat)."""
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def receive(self, sock: socket.socket, port: int) -> int:
        """See `BatchIO`."""
        inbound = self.inbound
        at = inbound.count
        if at == inbound.capacity:
            return 0
        got: int = self._recvmmsg(
            sock.fileno(), self._in.at[at], inbound.capacity - at, socket.MSG_DONTWAIT, None
        )
        if got < 0:
            number = ctypes.get_errno()
            if number in _TRANSIENT or number in _WOULD_BLOCK:
                return 0
            raise OSError(number, os.strerror(number))
        inbound.port[at : at + got] = port
        inbound.count += got
        return got

    def finish(self) -> None:
        """See `BatchIO`."""
        count = self.inbound.count
        inbound = self.inbound
        too_long = self._in.flags[:count] & socket.MSG_TRUNC
        inbound.length[:count] = np.where(too_long, 0, self._in.length[:count])
        inbound.place[:count] = self._name_ip[:count]
        inbound.place[:count] <<= np.uint64(16)
        inbound.place[:count] |= self._name_port[:count]
        control = self._control[:count]
        stamped = self._in.controllen[:count] >= _CONTROL.itemsize
        stamped &= control["type"] == _SO_TIMESTAMPNS
        arrival = control["s"] * 1_000_000_000 + control["ns"]
        inbound.arrival[:count] = (
            arrival if stamped.all() else np.where(stamped, arrival, time.time_ns())
        )
        self._in.controllen[:count] = _CONTROL.itemsize

    def send(self, sock: socket.socket, start: int, count: int) -> int:
        """See `BatchIO`."""
        self._out.sizes[start : start + count] = self.outbound.length[start : start + count]
        fd, failed, end = sock.fileno(), 0, start + count
        while start < end:
            sent = self._sendmmsg(fd, self._out.at[start], end - start, socket.MSG_DONTWAIT)
            if sent > 0:
                start += sent
                continue
            if ctypes.get_errno() in _WOULD_BLOCK:
                return failed + end - start  # late audio is no use: drop the rest
            failed += 1  # this one destination can't be reached
            start += 1
        return failed


def _probe(io: BatchIO) -> bool:
    """Two datagrams to ourselves and back: do the structures mean what we think?"""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        for sock in (here, there):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        there.settimeout(1.0)
        io.prepare(here)
        target = addresses.place(there.getsockname())
        for row, text in enumerate((b"first", b"second!")):
            io.outbound.data[row, : len(text)] = np.frombuffer(text, np.uint8)
            io.outbound.length[row] = len(text)
            io.outbound.sockaddr[row] = addresses.sockaddr(target)
        if io.send(here, 0, 2) or there.recv(99) != b"first" or there.recv(99) != b"second!":
            return False
        there.sendto(b"third", here.getsockname())
        there.sendto(b"fourth?", here.getsockname())
        io.receive(here, 7)
        io.finish()
        inbound = io.inbound
        good = (
            inbound.count == 2
            and inbound.length[:2].tolist() == [5, 7]
            and inbound.data[1, :7].tobytes() == b"fourth?"
            and inbound.place[:2].tolist() == [target, target]
            and inbound.port[:2].tolist() == [7, 7]
        )
        inbound.count = 0
        return good


def open_io(*, plain: bool = False, capacity: int = BATCH) -> BatchIO:
    """The fastest way that works here; `plain` (or CCD_PLAIN_SOCKETS in the environment) forces sockets."""
    if not plain and os.environ.get(PLAIN_SOCKETS, "") in ("", "0"):
        try:
            io = MmsgIO(capacity)
            if _probe(io):
                return io
        except OSError:
            pass  # musl, macOS, a seccomp profile: the plain way works everywhere
    return PlainIO(capacity)


def enlarge_buffers(sock: socket.socket, wanted: int = 4 << 20) -> None:
    """Room for a stall of ours; beyond the system's limit where we may."""
    for plain, force in (
        (socket.SO_RCVBUF, _SO_RCVBUFFORCE),
        (socket.SO_SNDBUF, _SO_SNDBUFFORCE),
    ):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, wanted)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, plain, wanted)
