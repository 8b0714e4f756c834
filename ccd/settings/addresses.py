"""Addresses as the settings write them: where we listen, and who a trunk's peers are."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

PROTOCOLS = ("udp", "tcp", "tls")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


class Listen(NamedTuple):
    """Where signalling is heard."""

    protocol: str
    host: str
    port: int


class Peer(NamedTuple):
    """Who may call over a trunk; `port` is None where any will do."""

    network: Network
    port: int | None


def parse_listen(text: str) -> Listen:
    """Parse `udp|tcp|tls:HOST:PORT`, IPv6 in brackets; raises ValueError that says what is wrong."""
    protocol, colon, rest = text.partition(":")
    if not colon or protocol not in PROTOCOLS:
        raise ValueError(f"must begin with one of {', '.join(p + ':' for p in PROTOCOLS)}")
    host, port = split_port(rest)
    if port is None:
        raise ValueError("has no port at its end")
    return Listen(protocol, host, port)


def parse_host_port(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`; raises ValueError that says what is wrong."""
    host, port = split_port(text)
    if port is None:
        raise ValueError("has no port at its end")
    return host, port


def parse_peer(text: str) -> Peer:
    """Parse an address or network with an optional port; raises ValueError that says what is wrong.

    `192.0.2.7`, `10.0.0.0/24`, `127.0.0.1:5062`, `2001:db8::1`, `[2001:db8::1]:5060`.
    """
    host, port = (text, None)
    if text.startswith("[") or text.count(":") == 1:
        host, port = split_port(text)
    try:
        network = ipaddress.ip_network(host, strict=True)
    except ValueError as error:
        try:
            loose = ipaddress.ip_network(host, strict=False)
        except ValueError:
            raise ValueError("is neither an IP address nor a network") from error
        raise ValueError(f"has host bits set; the network is {loose}") from error
    if port == 0:
        raise ValueError("has port 0, from which nothing comes")
    return Peer(network, port)


def split_port(text: str) -> tuple[str, int | None]:
    """Split `HOST[:PORT]`; IPv6 in brackets. Raises ValueError that says what is wrong."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("has a bracket that is not closed before its port")
        if not is_address(host):
            raise ValueError(f"has {host!r} in brackets, which is no IPv6 address")
        port = rest[1:] if rest else None
    else:
        host, colon, port = text.rpartition(":")
        if not colon:
            host, port = text, None
        if ":" in host:
            raise ValueError("has an IPv6 address without brackets")
        if not is_host(host):
            raise ValueError(f"has {host!r} for a host, which is neither an address nor a name")
    if port is None:
        return host, None
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"has {port!r} for a port, which goes from 0 to 65535")
    return host, int(port)


def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Whether this is an address, or could be a host's name.

    Four numbers that make no address are no name either (RFC 1123, 2.1).
    """
    if is_address(text):
        return True
    return bool(_HOST_NAME.fullmatch(text)) and not text.replace(".", "").isdigit()


def overlap(one: str, other: str) -> bool:
    """Whether sockets at these two addresses share the machine: same, or one hears on all."""
    return one == other or any(
        is_address(host) and ipaddress.ip_address(host).is_unspecified for host in (one, other)
    )
