"""The plan of a worker's RTP ports: which leg may use which, decided by the core alone.

So an SDP answer never waits for a worker. A leg is told apart by local port and remote
address, hence two rules: legs with one remote address never share a port, and a leg
whose remote is not yet sure (it latches, or its SDP has not come) has a port to itself.

Sans-IO: no socket is touched here; the numbers are those the worker said it has bound.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ccd.media.protocol import Address

SHARED_PORTS = 16
"""Ports that legs with a known remote are spread over, as long as addresses differ.

Few, so that every `recvmmsg` brings many packets; several, because each has a receive
buffer of its own (8 MB hold 0.8 s of 250 legs)."""


class NoPortFree(Exception):  # noqa: N818 - the contract's name
    """Every port is taken, or has a leg with this remote address already."""


class Port(NamedTuple):
    """A leg's lease of a local port; `key` tells leases of one port apart."""

    worker: int
    host: str
    number: int
    key: int


@dataclass(eq=False)
class _Local:
    """One bound port and who uses it."""

    number: int
    remotes: dict[int, Address] = field(default_factory=dict)
    """By lease, of legs that share."""
    owner: int | None = None
    """The lease that has it alone."""

    def open_to(self, remote: Address) -> bool:
        return self.owner is None and remote not in self.remotes.values()


class PortPlan:
    """Leases of one worker's ports.

    `shared` is how many are kept for sharing; `keys` numbers the leases, one series for
    all the plans that a `Port` may be shown to.
    """

    def __init__(
        self,
        numbers: Iterable[int],
        *,
        shared: int = SHARED_PORTS,
        keys: Iterator[int] | None = None,
    ) -> None:
        self._ports = [_Local(number) for number in numbers]
        # With few ports at least half may be had alone: latching legs need them.
        self._shared = self._ports[: min(shared, (len(self._ports) + 1) // 2)]
        # Taken from the left, given back on the right: a port rests before its next
        # leg, so what the last one's peer still sends finds nobody.
        self._rest = list(self._ports[len(self._shared) :])
        self._leases: dict[int, _Local] = {}
        self._keys = keys if keys is not None else itertools.count(1)

    def __len__(self) -> int:
        """How many leases there are."""
        return len(self._leases)

    def has(self, key: int) -> bool:
        """The lease is one of this plan's, and not ended."""
        return key in self._leases

    def take(self, remote: Address | None, *, latch: bool) -> tuple[int, int]:
        """Lease a port: its number and the lease's key.

        `remote` is the peer's address if known; with `latch` it may prove another.
        Raises NoPortFree.
        """
        if remote is None or latch:
            local = self._vacant()
            key = next(self._keys)
            local.owner = key
        else:
            local = self._for_sharing(remote)
            key = next(self._keys)
            local.remotes[key] = remote
        self._leases[key] = local
        return local.number, key

    def settle(self, key: int, remote: Address) -> None:
        """The lease's remote is known for certain (it latched, or SDP came): share its port.

        A lease that shares already keeps sharing under the new remote, unless another
        leg of the port has that address: then nothing changes and ValueError is raised,
        for the caller must move the leg to another port.
        """
        local = self._leases.get(key)
        if local is None:
            return
        if any(other == remote for k, other in local.remotes.items() if k != key):
            raise ValueError(f"port {local.number} has another leg with {remote[0]}:{remote[1]}")
        if local.owner == key:
            local.owner = None
        local.remotes[key] = remote

    def reserve(self, key: int) -> bool:
        """Give a lease its port alone again (it is to latch anew); False where others share it."""
        local = self._leases.get(key)
        if local is None or any(k != key for k in local.remotes):
            return False
        local.remotes.clear()
        local.owner = key
        return True

    def release(self, key: int) -> None:
        """End a lease; one that has ended already is no error."""
        local = self._leases.pop(key, None)
        if local is None:
            return
        local.remotes.pop(key, None)
        if local.owner == key:
            local.owner = None
        if local not in self._shared and not local.remotes and local.owner is None:
            self._rest.remove(local)
            self._rest.append(local)

    def _vacant(self) -> _Local:
        for local in itertools.chain(self._rest, reversed(self._shared)):
            if local.owner is None and not local.remotes:
                return local
        raise NoPortFree(
            f"all {len(self._ports)} RTP ports are in use, and this leg needs one to itself;"
            " widen media.ports in the settings"
        )

    def _for_sharing(self, remote: Address) -> _Local:
        fitting = [local for local in self._shared if local.open_to(remote)]
        if fitting:
            return min(fitting, key=lambda local: len(local.remotes))
        for local in self._rest:
            if local.open_to(remote):
                return local
        raise NoPortFree(
            f"every one of {len(self._ports)} RTP ports has a leg with {remote[0]}:{remote[1]}"
            " or is taken alone; widen media.ports in the settings"
        )
