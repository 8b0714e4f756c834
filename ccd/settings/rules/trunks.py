"""`[[trunk]]`: whose calls are taken, each by one trunk; and through which we can call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ccd.config import Settings, Trunk
from ccd.settings import addresses
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import distinct, known


def trunks(settings: Settings) -> Iterator[Problem]:
    """Peers that can be told apart, and limits that are some."""
    yield from distinct("trunk", [trunk.name for trunk in settings.trunk])
    seen: list[tuple[str, addresses.Peer]] = []
    for index, trunk in enumerate(settings.trunk):
        key = ("trunk", index)
        if not trunk.peers:
            yield Problem(
                (*key, "peers"), "is empty, so nobody could call", 'such as ["192.0.2.7"]'
            )
        if trunk.channels < 0:
            yield Problem((*key, "channels"), f"{trunk.channels} is negative", "0 means no limit")
        if trunk.options_ping_s < 0:
            yield Problem((*key, "options_ping_s"), "is negative", "0 means never")
        for number, text in enumerate(trunk.peers):
            try:
                peer = addresses.parse_peer(text)
            except ValueError as error:
                mend = 'an address or network: "192.0.2.7", "10.0.0.0/24", "192.0.2.7:5060"'
                yield Problem((*key, "peers", number), f'"{text}" {error}', mend)
                continue
            for owner, other in seen:
                if owner != trunk.name and _same_peer(peer, other):
                    mend = "a call from there could belong to either"
                    yield Problem(
                        (*key, "peers", number), f'"{text}" is trunk {owner!r}\'s as well', mend
                    )
            seen.append((trunk.name, peer))


def _same_peer(one: addresses.Peer, other: addresses.Peer) -> bool:
    # A network within another's is no contradiction: the narrower one wins.
    return one.port == other.port and one.network == other.network


def callable_trunk(key: Key, name: str, trunks: Mapping[str, Trunk]) -> Iterator[Problem]:
    """A trunk through which we can call out: one that there is, with a peer that has a port."""
    if name not in trunks:
        yield from known(key, name, "trunk", trunks)
    elif not any(map(_can_be_called, trunks[name].peers)):
        mend = 'give its first peer a port: "192.0.2.7:5060"'
        yield Problem(key, f'trunk "{name}" has no peer that could be called', mend)


def _can_be_called(text: str) -> bool:
    try:
        peer = addresses.parse_peer(text)
    except ValueError:
        return True  # which is a mistake already, and told where it stands
    return peer.port is not None and peer.network.num_addresses == 1
