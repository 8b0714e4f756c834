"""`Hop`: where a SIP message goes to, or came from."""

from __future__ import annotations

from typing import NamedTuple


class Hop(NamedTuple):
    """One transport address: a datagram's peer, or a connection by its remote address.

    `protocol` is `udp`, `tcp` or `tls`; `host` an IP literal without brackets.
    """

    protocol: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}:{host}:{self.port}"

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits for us (RFC 3261, 17: timers A, E, G are not run)."""
        return self.protocol != "udp"
