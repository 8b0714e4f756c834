"""Where a message goes to or came from."""

from __future__ import annotations

from typing import NamedTuple


class Hop(NamedTuple):
    """One next hop: a transport protocol and the far end's address.

    For `tcp` and `tls` it names the connection by its remote address, so a reply to a
    hop that a message came from travels back over the same connection.
    """

    protocol: str
    """`udp`, `tcp` or `tls`."""
    host: str
    port: int

    @property
    def reliable(self) -> bool:
        """Whether the transport itself retransmits (RFC 3261, 17: no timers A, E, G)."""
        return self.protocol != "udp"

    def __str__(self) -> str:
        return f"{self.protocol}:{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """`host` as it is written in a URI or a Via: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def default_port(protocol: str) -> int:
    """The port a URI or Via without one means (RFC 3261, 18.2.2)."""
    return 5061 if protocol == "tls" else 5060
