"""The plan of a worker's RTP ports: which leg may use which, decided by the core alone.

So an SDP answer never waits for a worker. A leg is told apart by local port and remote
address, hence two rules: legs with one remote address never share a port, and a leg
whose remote is not yet sure (it latches, or its SDP has not come) has a port to itself.

A worker binds few of its ports at its start. Those are used first and again, after a rest;
others follow when more are needed at once. Whether nobody else on the machine has such a
port is asked before it goes into an SDP, with the function that the owner gives: no
socket is touched here.
"""

from __future__ import annotations

import itertools
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ccd.media.protocol import Address

SHARED_PORTS = 16
"""Ports that legs with a known remote are spread over, as long as addresses differ.

Few, so that every `recvmmsg` brings many packets; several, because each has a receive
buffer of its own (8 MB hold 0.8 s of 250 legs)."""


RESTING = 32
"""Ports used before that rest while ports never used are left: what a leg's peer sends on
after its end shall find nobody. With many legs it is an eighth of their number."""

ATTEMPTS = 64
"""Ports never used that are tried for one leg (21 µs each); then a resting one must do."""


class NoPortFree(Exception):  # noqa: N818 - the contract's name
    """Every port is taken, or has a leg with this remote address already."""


class Port(NamedTuple):
    """A leg's lease of a local port; `key` tells leases of one port apart."""

    worker: int
    host: str
    number: int
    key: int


@dataclass(eq=False, slots=True)
class _Local:
    """One port and who uses it."""

    number: int
    remotes: dict[Address, int] = field(default_factory=dict)
    """The leases of legs that share, by their remote."""
    owner: int | None = None
    """The lease that has it alone."""
    lost: bool = False
    """It could not be bound: it leaves the plan with its last lease."""

    @property
    def vacant(self) -> bool:
        return self.owner is None and not self.remotes and not self.lost

    def open_to(self, remote: Address) -> bool:
        return self.owner is None and remote not in self.remotes and not self.lost


class PortPlan:
    """Leases of one worker's ports.

    `numbers` are bound, `spare` ones can be: `usable` is asked before one of them is first
    leased. `shared` is how many are kept for sharing; `keys` numbers the leases, one series
    for all the plans that a `Port` may be shown to.
    """

    def __init__(
        self,
        numbers: Iterable[int],
        *,
        spare: Iterable[int] = (),
        usable: Callable[[int], bool] = lambda _: True,
        shared: int = SHARED_PORTS,
        keys: Iterator[int] | None = None,
    ) -> None:
        ports = [_Local(number) for number in numbers]
        self._spare = deque(spare)
        self._usable = usable
        # With few ports at least half may be had alone: latching legs need them.
        self._shared = ports[: min(shared, (len(ports) + len(self._spare) + 1) // 2)]
        # Taken from the left, given back on the right.
        self._resting = OrderedDict((port.number, port) for port in ports[len(self._shared) :])
        self._open: dict[int, _Local] = {}
        """Others that legs share: each had one leg alone, whose remote is known by now."""
        self._open_with: Counter[Address] = Counter()
        """How many of these have a leg with a remote."""
        self._leases: dict[int, tuple[_Local, Address | None]] = {}
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
        shared_with = None if latch else remote
        local = self._vacant() if shared_with is None else self._for_sharing(shared_with)
        if local is None:
            raise NoPortFree(self._why(shared_with))
        key = next(self._keys)
        if shared_with is None:
            local.owner = key
            self._leases[key] = local, None
        else:
            self._share(key, local, shared_with)
        return local.number, key

    def fits(self, key: int, remote: Address | None, *, latch: bool) -> bool:
        """The lease's port can serve its leg with this remote, as `take` has it."""
        local, _ = self._leases[key]
        if remote is None or latch:
            return local.owner == key or list(local.remotes.values()) == [key]
        return local.remotes.get(remote, key) == key

    def settle(self, key: int, remote: Address) -> None:
        """The lease's remote is known for certain (it latched, or SDP came): share its port.

        A lease that shares already keeps sharing under the new remote, unless another
        leg of the port has that address: then nothing changes and ValueError is raised,
        for the caller must move the leg to another port.
        """
        if key not in self._leases:
            return
        local, before = self._leases[key]
        if not self.fits(key, remote, latch=False):
            raise ValueError(f"port {local.number} has another leg with {remote[0]}:{remote[1]}")
        self._unshare(local, before)
        if local.owner == key:
            local.owner = None
        self._share(key, local, remote)

    def reserve(self, key: int) -> bool:
        """Give a lease its port alone again (it is to latch anew); False where others share it."""
        if key not in self._leases or not self.fits(key, None, latch=True):
            return False
        local, before = self._leases[key]
        self._unshare(local, before)
        self._open.pop(local.number, None)
        local.owner = key
        self._leases[key] = local, None
        return True

    def release(self, key: int) -> None:
        """End a lease; one that has ended already is no error."""
        local, remote = self._leases.pop(key, (None, None))
        if local is None:
            return
        self._unshare(local, remote)
        if local.owner == key:
            local.owner = None
        if local.remotes or local.owner is not None:
            return
        self._open.pop(local.number, None)
        if local.lost:
            self._spare.append(local.number)
        elif local not in self._shared:
            self._resting[local.number] = local

    def lose(self, number: int) -> None:
        """The worker could not bind this port: it comes last of all when ports are needed."""
        for local in {local for local, _ in self._leases.values() if local.number == number}:
            if self._open.pop(number, None) is not None:
                self._open_with.subtract(local.remotes.keys())
                self._open_with = +self._open_with
            local.lost = True

    # --- which one ---------------------------------------------------------------------

    def _share(self, key: int, local: _Local, remote: Address) -> None:
        local.remotes[remote] = key
        self._leases[key] = local, remote
        if local not in self._shared and not local.lost:
            self._open[local.number] = local
            self._open_with[remote] += 1

    def _unshare(self, local: _Local, remote: Address | None) -> None:
        if remote is None:
            return
        del local.remotes[remote]
        if local.number in self._open:
            self._open_with[remote] -= 1
            if not self._open_with[remote]:
                del self._open_with[remote]

    def _vacant(self) -> _Local | None:
        """A port that nobody uses: one that rests long enough, one never used, any that rests."""
        if len(self._resting) <= max(RESTING, len(self._leases) // 8):
            fresh = self._fresh()
            if fresh is not None:
                return fresh
        if self._resting:
            return self._resting.popitem(last=False)[1]
        return next((local for local in reversed(self._shared) if local.vacant), None)

    def _fresh(self) -> _Local | None:
        for _ in range(min(ATTEMPTS, len(self._spare))):
            number = self._spare.popleft()
            if self._usable(number):
                return _Local(number)
            self._spare.append(number)  # somebody else's: asked again when all others were
        return None

    def _for_sharing(self, remote: Address) -> _Local | None:
        fitting = [local for local in self._shared if local.open_to(remote)]
        if fitting:
            return min(fitting, key=lambda local: len(local.remotes))
        if self._open_with[remote] < len(self._open):
            # The newest first: whoever calls often from one address is on the oldest.
            return next(local for local in reversed(self._open.values()) if local.open_to(remote))
        return self._vacant()

    def _why(self, remote: Address | None) -> str:
        count = len({local.number for local, _ in self._leases.values()})
        if remote is None:
            what = f"all {count} RTP ports are in use, and this leg needs one to itself"
        else:
            where = f"{remote[0]}:{remote[1]}"
            what = f"every one of {count} RTP ports has a leg with {where} or is taken alone"
        others = f" ({len(self._spare)} more are not to be had)" if self._spare else ""
        return f"{what}{others}; widen media.ports in the settings"
