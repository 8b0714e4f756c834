"""SIP over TCP and TLS: connections by their remote address (RFC 3261, 18).

A connection is used for whatever goes to its far end, whoever opened it; what goes elsewhere
opens one. A stranger's connection costs memory, so each is bounded in what it may have unread
(`ccd.sip.framing`), in how long it takes over a message, and in how long it may be silent; and
all of them in number.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import cast

from ccd.sip.framing import PING, PONG, Framer
from ccd.sip.hop import Hop
from ccd.sip.udp import Counters, Receiver

MAX_CONNECTIONS = 10_000
"""Open at once, of those accepted. The next ones are closed at once."""

MAX_CONNECTIONS_A_SOURCE = 1_000
"""Of these from one address: a building behind one NAT has fewer phones, and one stranger
shall not take them all."""

CONNECT_TIMEOUT_S = 5.0
"""A LAN or a trunk answers in milliseconds; SIP's own timers would wait 32 s."""

HANDSHAKE_TIMEOUT_S = 10.0

MESSAGE_TIMEOUT_S = 10.0
"""From a message's first byte to its last. A phone sends it in one segment or two."""

FIRST_MESSAGE_TIMEOUT_S = 30.0
"""From a connection's begin to its first message or ping."""

IDLE_TIMEOUT_S = 7200.0
"""Without a byte either way: twice the longest registration or session interval."""

SWEEP_S = 1.0
"""How often the time-outs are looked at, all connections at once."""

MAX_UNSENT = 1_048_576
"""Bytes that wait for a peer that does not read; beyond, it is taken for dead."""

CLOSE_GRACE_S = 0.5
"""After lost framing: time for the 400 to leave before the connection is closed."""


class Connection(asyncio.Protocol):
    """One stream. `hop` is its remote address; messages and failures go to the receiver."""

    def __init__(self, pool: StreamPool, opened_to: Hop | None = None) -> None:
        self._pool = pool
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self.accepted = opened_to is None
        self.hop = opened_to or Hop(pool.protocol, "", 0)
        self.opened_at = self.active_at = pool.loop.time()
        self.proven = False
        """A message or a ping came, or we opened it ourselves: somebody speaks SIP there."""
        self.begun_at: float | None = None
        """When the message that is still incomplete began."""

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is open, for TLS after the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if not peer:  # gone before we looked
            self._transport.abort()
            return
        if self.accepted:
            self.hop = Hop(self._pool.protocol, peer[0], peer[1])
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._pool.opened(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes came: cut them into messages, answer pings, stop at lost framing."""
        pool = self._pool
        if self._transport is None or self._transport.is_closing():
            return
        self.active_at = now = pool.loop.time()
        pool.counters.bytes_in += len(data)
        for frame in self._framer.feed(data):
            self.proven = True
            if frame == PING:
                pool.counters.keep_alives += 1
                self._transport.write(PONG)
            else:
                pool.counters.messages_in += 1
                pool.receiver.received(frame, self.hop)
            self.begun_at = None
        if not self._framer.incomplete:
            self.begun_at = None
        elif self.begun_at is None:
            self.begun_at = now
        if self._framer.error:
            pool.counters.framing_errors += 1
            self._transport.pause_reading()
            pool.loop.call_later(CLOSE_GRACE_S, self.close)
        pool.receiver.turn()

    def eof_received(self) -> bool:
        """The peer has no more to say: close our side too, for nobody reads it."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The stream is gone, for whatever reason."""
        self._pool.lost(self)
        self._transport = None

    # --- ours

    def send(self, data: bytes) -> bool:
        """Write a message; False when the connection is gone or the peer has stopped reading."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MAX_UNSENT:
            transport.abort()
            return False
        transport.write(data)
        self.active_at = self._pool.loop.time()
        return True

    def overdue(self, now: float) -> bool:
        """Whether it has been silent, or busy with one message, for too long."""
        if self.begun_at is not None and now - self.begun_at > MESSAGE_TIMEOUT_S:
            return True
        if not self.proven and now - self.opened_at > FIRST_MESSAGE_TIMEOUT_S:
            return True
        return now - self.active_at > IDLE_TIMEOUT_S

    @property
    def unsent(self) -> int:
        """Bytes not yet taken by the kernel."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Close when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


class StreamPool:
    """All connections of one protocol, `tcp` or `tls`, and the listening sockets.

    With `tls` give the contexts: `server_tls` for those who connect to us, `client_tls` for
    those we connect to, whose certificate must be for `tls_name(hop)`.
    """

    def __init__(
        self,
        protocol: str,
        receiver: Receiver,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        *,
        server_tls: ssl.SSLContext | None = None,
        client_tls: ssl.SSLContext | None = None,
        tls_name: Callable[[Hop], str] = lambda hop: hop.host,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.protocol = protocol
        self.receiver = receiver
        self.counters = counters
        self.loop = loop
        self._server_tls = server_tls
        self._client_tls = client_tls
        self._tls_name = tls_name
        self._max_connections = max_connections
        self._servers: list[asyncio.Server] = []
        self._connections: dict[Hop, Connection] = {}
        self._connecting: dict[Hop, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._by_source: Counter[str] = Counter()
        self._listening = True
        self._closing = False
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket; the pool owns it from now on."""
        server = await self.loop.create_server(
            lambda: Connection(self),
            sock=sock,
            backlog=1024,
            ssl=self._server_tls,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if self._server_tls else None,
        )
        self._servers.append(server)

    def send(self, data: bytes, hop: Hop) -> bool:
        """Send over the connection to `hop`, which is opened if there is none.

        False when it can't be; if opening fails later the receiver is told.
        """
        connection = self._connections.get(hop)
        if connection is not None:
            if not connection.send(data):
                return False
        elif hop in self._connecting:
            if sum(map(len, self._connecting[hop])) > MAX_UNSENT:
                return False
            self._connecting[hop].append(data)
        elif self._closing or (self.protocol == "tls" and self._client_tls is None):
            return False
        else:
            self._connecting[hop] = [data]
            task = self.loop.create_task(self._connect(hop))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.counters.messages_out += 1
        self.counters.bytes_out += len(data)
        return True

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def unsent(self) -> int:
        """Bytes that are still on their way out, and connections still being made."""
        return len(self._connecting) + sum(c.unsent for c in self._connections.values())

    def stop_listening(self) -> None:
        """Take no new connections."""
        self._listening = False
        for server in self._servers:
            server.close()

    async def close(self) -> None:
        """Close every connection, without telling the receiver of their end."""
        self.stop_listening()
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        connections = list(self._connections.values())
        for connection in connections:
            connection.close()
        for _ in range(20):  # TLS says good-bye first; a peer that doesn't answer is cut off
            if not self._connections:
                break
            await asyncio.sleep(0.01)
        for connection in list(self._connections.values()):
            connection.abort()
        for server in self._servers:
            await server.wait_closed()

    # --- what connections tell

    def opened(self, connection: Connection) -> bool:
        """A connection is there; False if it can't stay."""
        counters = self.counters
        if connection.accepted:
            host = connection.hop.host
            if (
                not self._listening
                or self._accepted >= self._max_connections
                or self._by_source[host] >= MAX_CONNECTIONS_A_SOURCE
            ):
                counters.connections_refused += 1
                return False
            self._accepted += 1
            self._by_source[host] += 1
            counters.connections_accepted += 1
        else:
            connection.proven = True
            counters.connections_opened += 1
        counters.connections += 1
        self._connections[connection.hop] = connection
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(SWEEP_S, self._sweep)
        return True

    def lost(self, connection: Connection) -> None:
        """A connection ended, whoever ended it."""
        if self._connections.get(connection.hop) is not connection:
            return  # one that was refused
        del self._connections[connection.hop]
        if connection.accepted:
            self._accepted -= 1
            self._by_source[connection.hop.host] -= 1
            if not self._by_source[connection.hop.host]:
                del self._by_source[connection.hop.host]
        self.counters.connections -= 1
        if not self._closing:
            self.counters.unreachable += 1
            self.receiver.failed(connection.hop)
            self.receiver.turn()

    async def _connect(self, hop: Hop) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await self.loop.create_connection(
                    lambda: Connection(self, hop),
                    hop.host,
                    hop.port,
                    ssl=self._client_tls,
                    server_hostname=self._tls_name(hop) if self._client_tls else None,
                )
        except (OSError, TimeoutError, OverflowError):  # ssl.SSLError is an OSError
            del self._connecting[hop]
            self.counters.unreachable += 1
            self.receiver.failed(hop)
            self.receiver.turn()
            return
        waiting = self._connecting.pop(hop)
        for data in waiting:
            connection.send(data)

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [c for c in self._connections.values() if c.overdue(now)]:
            self.counters.timeouts += 1
            connection.abort()
        self._sweeper = None
        if self._connections:
            self._sweeper = self.loop.call_later(SWEEP_S, self._sweep)
