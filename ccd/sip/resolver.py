"""From a URI to the hop it means (RFC 3263 without NAPTR and SRV: A and AAAA only).

Phones register from addresses and trunks are written as addresses; names are for those who
name a trunk's host. A stranger's Contact can hold any name, so answers and failures are kept,
and few names are asked for at a time.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

from ccd.sip.grammar import parse_uri
from ccd.sip.hop import Hop, default_port
from ccd.sip.sdp import is_address

TTL_S = 60.0
"""How long an answer is used; getaddrinfo does not tell the record's own."""

FAILURE_TTL_S = 5.0
"""How long a name that failed is not asked for again; a request is repeated for 32 s."""

MAX_NAMES = 1024

MAX_LOOKUPS = 64
"""Names asked for at one time."""

TIMEOUT_S = 5.0


_is_literal = lru_cache(maxsize=4096)(is_address)  # asked for every message that is sent


class ResolveError(OSError):
    """A URI that leads nowhere; says which and why."""


class Resolver:
    """Resolves for transports that are there: `families` are what the sockets can reach."""

    def __init__(self, families: Sequence[socket.AddressFamily]) -> None:
        self._families = tuple(families)
        self._cache: OrderedDict[str, tuple[float, str]] = OrderedDict()
        """Name -> until when, and its address, or nothing."""
        self._lookups: dict[str, asyncio.Future[str]] = {}

    async def resolve(self, uri: str) -> Hop:
        """The hop of a `sip:` or `sips:` URI; raises `ResolveError`.

        `maddr` and `transport` are honoured (RFC 3263, 4.1); without a transport it is UDP,
        or TLS for `sips`.
        """
        parsed = parse_uri(uri)
        if parsed.scheme not in ("sip", "sips") or not parsed.host:
            raise ResolveError(f"{uri!r} is no SIP URI")
        transport = str(parsed.parameters.get("transport") or "udp").lower()
        if parsed.scheme == "sips" or transport == "tls":
            protocol = "tls"
        elif transport in ("udp", "tcp"):
            protocol = transport
        else:
            raise ResolveError(f"{uri!r} wants the transport {transport}, which is not spoken here")
        host = str(parsed.parameters.get("maddr") or parsed.host).strip("[]")
        port = parsed.port or default_port(protocol)
        return Hop(protocol, await self.address(host), port)

    def known(self, host: str, now: float) -> str | None:
        """The address of a host, if it is one itself or was found lately."""
        if _is_literal(host):
            return host
        expires, address = self._cache.get(host, (now, ""))
        return address if address and expires > now else None

    async def address(self, host: str) -> str:
        """The first address of a host that our sockets can reach; raises `ResolveError`."""
        now = asyncio.get_running_loop().time()
        known = self.known(host, now)
        if known is not None:
            return known
        if host in self._cache and self._cache[host][0] > now:
            raise ResolveError(f"the name {host!r} was not found a moment ago")
        if host in self._lookups:
            return await asyncio.shield(self._lookups[host])
        if len(self._lookups) >= MAX_LOOKUPS:
            raise ResolveError(f"the name {host!r} was not asked for: too many others are")
        lookup = asyncio.ensure_future(self._look_up(host))
        self._lookups[host] = lookup
        lookup.add_done_callback(lambda _: self._lookups.pop(host, None))
        return await asyncio.shield(lookup)

    async def _look_up(self, host: str) -> str:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except TimeoutError:
            reason = f"no answer for the name {host!r} in {TIMEOUT_S:.0f} s"
        except (OSError, UnicodeError) as error:
            reason = f"the name {host!r} is not known: {error}"
        else:
            reason = f"the name {host!r} has no address that our sockets can reach"
            for family, _, _, _, address in found:
                if family in self._families:
                    self._keep(host, str(address[0]), loop.time() + TTL_S)
                    return str(address[0])
        self._keep(host, "", loop.time() + FAILURE_TTL_S)
        raise ResolveError(reason)

    def _keep(self, host: str, address: str, until: float) -> None:
        self._cache[host] = (until, address)
        self._cache.move_to_end(host)
        if len(self._cache) > MAX_NAMES:
            self._cache.popitem(last=False)
