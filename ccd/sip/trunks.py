"""Which trunk a message comes from, and how many channels are taken. Sans-IO.

A trunk's peers are trusted by address, so the rule must be plain: the most specific entry
wins. `address:port` beats `address`, which beats a network; of networks, the longer prefix.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

import msgspec

from ccd.config import Trunk
from ccd.sip.hop import Hop

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrunkError(ValueError):
    """A trunk in the settings that can't be; names the trunk, the peer, and the mend."""


class Peer(msgspec.Struct, frozen=True):
    """One entry of `Trunk.peers`, understood: a network (one address is its smallest), maybe a port."""

    network: _Network
    port: int | None

    @property
    def hop(self) -> Hop | None:
        """Where to send to it; None for a network, or where no port is given."""
        if self.port is None or self.network.num_addresses != 1:
            return None
        return Hop("udp", str(self.network.network_address), self.port)


def parse_peer(trunk: str, text: str) -> Peer:
    """Read one entry: `192.0.2.7`, `10.0.0.0/24`, `127.0.0.1:5062`, `[2001:db8::1]:5060`.

    `trunk` is for the message of the `TrunkError` that anything else raises.
    """
    host, port_text = text, ""
    if text.startswith("["):
        host, _, port_text = text[1:].partition("]")
        if port_text and not port_text.startswith(":"):
            raise TrunkError(f"trunk {trunk!r}: peer {text!r} has something odd after the bracket")
        port_text = port_text[1:]
    elif text.count(":") == 1:
        host, _, port_text = text.partition(":")
    port = None
    if port_text or text.endswith(":"):
        if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text[:6]) < 65536):
            raise TrunkError(f"trunk {trunk!r}: peer {text!r} has no valid port (1-65535)")
        port = int(port_text)
    try:
        network = ipaddress.ip_network(host)
    except ValueError as error:
        raise TrunkError(
            f"trunk {trunk!r}: peer {text!r} is no address or network ({error}); "
            "write it like 192.0.2.7, 192.0.2.7:5060, 10.0.0.0/24 or [2001:db8::1]:5060"
        ) from None
    if port is not None and network.num_addresses != 1:
        raise TrunkError(f"trunk {trunk!r}: peer {text!r} is a network, which has no port")
    return Peer(network, port)


class Trunks:
    """The table of trunks, by source; and the channels in use on each."""

    def __init__(self, trunks: Sequence[Trunk]) -> None:
        self._trunks: dict[str, Trunk] = {}
        self.peers: dict[str, tuple[Peer, ...]] = {}
        """Each trunk's entries, in its order."""
        self._in_use: dict[str, int] = {}
        self._exact: dict[tuple[_Address, int | None], Trunk] = {}
        self._networks: list[tuple[_Network, Trunk]] = []
        owners: dict[Peer, str] = {}
        for trunk in trunks:
            if trunk.name in self._trunks:
                raise TrunkError(f"trunk {trunk.name!r} is there twice; give one another name")
            if not trunk.peers:
                raise TrunkError(f"trunk {trunk.name!r} has no peers; name its address in `peers`")
            if trunk.channels < 0:
                raise TrunkError(
                    f"trunk {trunk.name!r}: channels is {trunk.channels}; 0 is no limit"
                )
            self._trunks[trunk.name] = trunk
            self._in_use[trunk.name] = 0
            self.peers[trunk.name] = tuple(parse_peer(trunk.name, text) for text in trunk.peers)
            for text, peer in zip(trunk.peers, self.peers[trunk.name], strict=True):
                owner = owners.setdefault(peer, trunk.name)
                if owner != trunk.name:
                    raise TrunkError(
                        f"trunk {trunk.name!r}: peer {text!r} is already trunk {owner!r}'s; "
                        "an address can belong to one trunk only"
                    )
                if peer.network.num_addresses == 1:
                    self._exact[(peer.network.network_address, peer.port)] = trunk
                else:
                    self._networks.append((peer.network, trunk))
        self._networks.sort(key=lambda row: -row[0].prefixlen)

    def match(self, host: str, port: int) -> Trunk | None:
        """The trunk that this source (IP literal and port) belongs to, or None."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # what a dual-stack socket shows of IPv4
        trunk = self._exact.get((address, port)) or self._exact.get((address, None))
        if trunk is not None:
            return trunk
        for network, owner in self._networks:
            if address in network:
                return owner
        return None

    def take(self, name: str, *, always: bool = False) -> bool:
        """Take a channel for a call; False when all are in use (answer 503, cause 34), unless `always`."""
        limit = self._trunks[name].channels
        if not always and limit and self._in_use[name] >= limit:
            return False
        self._in_use[name] += 1
        return True

    def release(self, name: str) -> None:
        """Give a channel back. Raises ValueError for one that was not taken: a fault of ours."""
        if self._in_use[name] == 0:
            raise ValueError(f"trunk {name!r} has no channel in use")
        self._in_use[name] -= 1

    def in_use(self, name: str) -> int:
        """Channels taken now."""
        return self._in_use[name]

    def __getitem__(self, name: str) -> Trunk:
        return self._trunks[name]

    def __iter__(self) -> Iterator[Trunk]:
        return iter(self._trunks.values())
