"""Addresses as numbers: what a whole batch of packets is looked up by.

An IPv4 address and port make one 48-bit number, a *place*; with the index of the local
port above it, a *key* that belongs to at most one leg. RTP over IPv6 is not carried.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

import numpy as np
from numpy.typing import NDArray

from ccd.media.protocol import Address

SOCKADDR = 16
"""Bytes of a `sockaddr_in`."""

NOWHERE = 0
"""The place that stands for none."""


def place(address: Address) -> int:
    """The number of an address: IP above, port in the lower 16 bits.

    Raises ValueError where it is no IPv4 address and port.
    """
    host, port = address
    if not 0 < port < 65536:
        raise ValueError(f"{host}:{port}: a port lies between 1 and 65535")
    try:
        return int(ipaddress.IPv4Address(host)) << 16 | port
    except ipaddress.AddressValueError as error:
        raise ValueError(f"{host}:{port}: RTP needs an IPv4 address") from error


def address(number: int) -> Address:
    """The address of a place."""
    return str(ipaddress.IPv4Address(number >> 16)), number & 0xFFFF


def sockaddr(number: int) -> NDArray[np.uint8]:
    """A place as the kernel's `struct sockaddr_in`: (16,) bytes."""
    packed = struct.pack("=H", socket.AF_INET) + struct.pack("!HI8x", number & 0xFFFF, number >> 16)
    return np.frombuffer(packed, np.uint8)


class AddressBook:
    """Finds the rows that packets belong to, by local port and source, all at once."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._keys = np.zeros(0, np.uint64)
        self._values = np.zeros(0, np.int64)
        self._stale = False

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, port: int, number: int, row: int) -> None:
        """Packets from place `number` to local port index `port` are `row`'s from now on."""
        self._rows[port << 48 | number] = row
        self._stale = True

    def remove(self, port: int, number: int, row: int) -> None:
        """Undo `add`, unless somebody else has the key by now."""
        key = port << 48 | number
        if self._rows.get(key) == row:
            del self._rows[key]
            self._stale = True

    def find(self, ports: NDArray[np.int64], places: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each packet, -1 for a stranger's; inputs and result have one shape (n,)."""
        if self._stale:
            self._rebuild()
        if not self._keys.size:
            return np.full(places.size, -1, np.int64)
        keys = ports.astype(np.uint64) << np.uint64(48) | places
        at = np.searchsorted(self._keys, keys)
        at[at == self._keys.size] = 0
        return np.where(self._keys[at] == keys, self._values[at], -1)

    def _rebuild(self) -> None:
        keys = np.fromiter(self._rows.keys(), np.uint64, len(self._rows))
        values = np.fromiter(self._rows.values(), np.int64, len(self._rows))
        order = np.argsort(keys)
        self._keys, self._values = keys[order], values[order]
        self._stale = False
