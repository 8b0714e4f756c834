"""All transports of one endpoint: bound as the settings say, chosen by a message's hop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from ccd.sip.hop import Hop, bracketed, default_port
from ccd.sip.resolver import MAX_NAMES, ResolveError, Resolver
from ccd.sip.streams import MAX_CONNECTIONS, StreamPool
from ccd.sip.udp import Counters, Receiver, UdpSocket

SAME_PORT_TRIES = 20
"""How often a free port is looked for that is free for UDP and TCP alike."""


class ListenError(ValueError):
    """A listening address that can't be had; names it, the reason and the mend."""


class Listen(NamedTuple):
    """One entry of `[sip] listen`, understood."""

    protocol: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Read `udp|tcp|tls:HOST:PORT`, HOST an IP address, IPv6 in brackets."""
        protocol, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if protocol not in ("udp", "tcp", "tls"):
            raise ListenError(f"{text!r} does not begin with udp:, tcp: or tls:")
        if not port:
            port = str(default_port(protocol))
        if not (port.isascii() and port.isdigit() and int(port[:6]) < 65536):
            raise ListenError(f"{text!r} has no valid port; write 0 for any free one")
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            raise ListenError(
                f"{text!r} has no IP address to listen on; write 0.0.0.0 for all of IPv4"
            ) from None
        return cls(protocol, str(address), int(port))

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def __str__(self) -> str:
        return f"{self.protocol}:{bracketed(self.host)}:{self.port}"


class Transports:
    """The sockets of an endpoint. `bound` tells where each protocol listens."""

    def __init__(
        self,
        listen: Sequence[str],
        receiver: Receiver,
        *,
        certificate: str = "",
        private_key: str = "",
        ca: str = "",
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._listen = [Listen.parse(text) for text in listen]
        if not self._listen:
            raise ListenError("nothing to listen on; name at least one, like udp:0.0.0.0:5060")
        taken: dict[tuple[str, socket.AddressFamily], Listen] = {}
        for entry in self._listen:
            other = taken.setdefault((entry.protocol, entry.family), entry)
            if other is not entry:
                raise ListenError(
                    f"{entry} and {other}: one {entry.protocol} address for each IP version; "
                    "listen on 0.0.0.0 or [::] for several interfaces"
                )
        self._receiver = receiver
        self._certificate = certificate
        self._private_key = private_key
        self._ca = ca
        self._max_connections = max_connections
        self.counters = Counters()
        self.bound: dict[str, tuple[str, int]] = {}
        """Protocol -> address and port, of its first listening address."""
        self.resolver = Resolver(list({entry.family for entry in self._listen}))
        self._udp: dict[socket.AddressFamily, UdpSocket] = {}
        self._streams: dict[str, StreamPool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._named: OrderedDict[Hop, Hop] = OrderedDict()
        """Hops with an address -> the same as it was asked for, with a name."""

    async def start(self) -> None:
        """Bind everything, or nothing: raises `ListenError`."""
        loop = asyncio.get_running_loop()
        sockets = self._bind()
        try:
            for entry, sock in sockets:
                host, port = sock.getsockname()[:2]
                self.bound.setdefault(entry.protocol, (host, port))
                if entry.protocol == "udp":
                    self._udp[entry.family] = UdpSocket(sock, self._receiver, self.counters, loop)
                else:
                    await self._pool(entry.protocol, loop).listen(sock)
        except BaseException:
            await self.close()
            for _, sock in sockets:
                sock.close()
            raise

    def send(self, data: bytes, hop: Hop) -> bool:
        """Send a message; False when it can't be, at once and for good.

        A hop with a name for a host is looked up first; the receiver hears of failure later.
        """
        known = self.resolver.known(hop.host, asyncio.get_running_loop().time())
        if known is None:
            task = asyncio.create_task(self._resolve_and_send(data, hop))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return True
        resolved = Hop(hop.protocol, known, hop.port)
        if known != hop.host:
            self._remember(resolved, hop)
        return self._send(data, resolved)

    def names(self, hop: Hop) -> tuple[Hop, ...]:
        """What this hop may be called by those who sent to it: itself, and by name."""
        named = self._named.get(hop)
        return (hop,) if named is None else (hop, named)

    async def drain(self) -> None:
        """Wait until all that was sent has left us; a second's patience is the caller's."""
        # Polled, once in a lifetime, rather than told by every connection all the time.
        while self._busy():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def _busy(self) -> bool:
        return (
            bool(self._tasks)
            or any(udp.queued for udp in self._udp.values())
            or any(pool.unsent for pool in self._streams.values())
        )

    async def close(self) -> None:
        """Close every socket."""
        for task in self._tasks:
            task.cancel()
        for udp in self._udp.values():
            udp.close()
        for pool in self._streams.values():
            await pool.close()

    def stop_listening(self) -> None:
        """Take no new connections; those there are, and UDP, go on."""
        for pool in self._streams.values():
            pool.stop_listening()

    # --- sending

    def _send(self, data: bytes, hop: Hop) -> bool:
        if hop.protocol == "udp":
            udp = self._udp.get(socket.AF_INET6 if ":" in hop.host else socket.AF_INET)
            return udp is not None and udp.send(data, hop)
        pool = self._streams.get(hop.protocol)
        return pool is not None and pool.send(data, hop)

    async def _resolve_and_send(self, data: bytes, hop: Hop) -> None:
        try:
            address = await self.resolver.address(hop.host)
        except ResolveError:
            sent = False
        else:
            resolved = Hop(hop.protocol, address, hop.port)
            self._remember(resolved, hop)
            sent = self._send(data, resolved)
        if not sent:
            self._receiver.failed(hop)
            self._receiver.turn()

    def _remember(self, resolved: Hop, named: Hop) -> None:
        self._named[resolved] = named
        self._named.move_to_end(resolved)
        if len(self._named) > MAX_NAMES:
            self._named.popitem(last=False)

    def _tls_name(self, hop: Hop) -> str:
        return self._named.get(hop, hop).host

    # --- binding

    def _bind(self) -> list[tuple[Listen, socket.socket]]:
        wants_same = {e.protocol for e in self._listen if e.port == 0} >= {"udp", "tcp"}
        for left in reversed(range(SAME_PORT_TRIES if wants_same else 1)):
            sockets: list[tuple[Listen, socket.socket]] = []
            free: dict[str, int] = {}
            try:
                for entry in self._listen:
                    # TLS has a port of its own, as 5061 is beside 5060.
                    share = "tls" if entry.protocol == "tls" else "plain"
                    port = entry.port or (free.get(share, 0) if left or not wants_same else 0)
                    sock = _open(entry, port)
                    sockets.append((entry, sock))
                    if entry.port == 0:
                        free.setdefault(share, sock.getsockname()[1])
            except OSError as error:
                for _, sock in sockets:
                    sock.close()
                if error.errno == errno.EADDRINUSE and left:
                    continue
                raise ListenError(_explain(entry, error)) from None
            return sockets
        raise AssertionError("the last try binds or raises")

    def _pool(self, protocol: str, loop: asyncio.AbstractEventLoop) -> StreamPool:
        pool = self._streams.get(protocol)
        if pool is None:
            server = client = None
            if protocol == "tls":
                server, client = self._tls_contexts()
            pool = self._streams[protocol] = StreamPool(
                protocol,
                self._receiver,
                self.counters,
                loop,
                server_tls=server,
                client_tls=client,
                tls_name=self._tls_name,
                max_connections=self._max_connections,
            )
        return pool

    def _tls_contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        if not self._certificate or not self._private_key:
            raise ListenError("listening on tls needs `certificate` and `private_key`")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            server.load_cert_chain(self._certificate, self._private_key)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(
                f"certificate {self._certificate!r} with key {self._private_key!r}: {error}"
            ) from None
        client = ssl.create_default_context(cafile=self._ca or None)
        client.minimum_version = ssl.TLSVersion.TLSv1_2
        client.load_cert_chain(self._certificate, self._private_key)
        return server, client


def _open(entry: Listen, port: int) -> socket.socket:
    kind = socket.SOCK_DGRAM if entry.protocol == "udp" else socket.SOCK_STREAM
    sock = socket.socket(entry.family, kind)
    try:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if entry.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((entry.host, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(1024)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _explain(entry: Listen, error: OSError) -> str:
    mend = ""
    if error.errno == errno.EADDRINUSE:
        mend = "; another program listens there, or a second ccd: `ss -lunpt` shows which"
    elif error.errno == errno.EADDRNOTAVAIL:
        mend = "; this machine has no such address"
    elif error.errno in (errno.EACCES, errno.EPERM):
        mend = "; ports below 1024 need CAP_NET_BIND_SERVICE"
    return f"cannot listen on {entry}: {error.strerror}{mend}"


def reachable_address(bound: str) -> str:
    """What to advertise for a bound address: itself, or for `0.0.0.0` the address that
    this machine would use towards the world (nothing is sent to find out), else loopback.
    """
    address = ipaddress.ip_address(bound)
    if not address.is_unspecified:
        return bound
    six = address.version == 6
    probe = ("2001:db8::1", 9) if six else ("192.0.2.1", 9)
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        sock.connect(probe)
        return str(sock.getsockname()[0])
    return "::1" if six else "127.0.0.1"
