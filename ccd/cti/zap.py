"""Who may come in over TCP: ZeroMQ asks us about each client's key (ZAP, ZeroMQ RFC 27).

Our own handler rather than `zmq.auth`'s, whose answers stop for good, in silence, after one
exception (its REP socket then waits for an answer that never comes), and which reads keys
only when told to. Without any handler libzmq lets every key in, so this one is bound before
the first TCP socket; while it does not answer, nobody comes in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
import zmq
import zmq.asyncio
from zmq.utils import z85

ADDRESS = "inproc://zeromq.zap.01"
VERSION = b"1.0"
DOMAIN = b"ccd"
"""Ours; a socket without it is asked about by nobody."""

CURVE = b"CURVE"
KEY_BYTES = 32


class Doorkeeper:
    """Answers libzmq's questions in the event loop."""

    def __init__(
        self,
        name_of: Callable[[bytes], str | None],
        refused: Callable[[str, str], None],
    ) -> None:
        """`name_of` gives the client whose public key (Z85) it is, None for a key that nobody
        has authorised. `refused` is told address and key of each who was not let in."""
        self._name_of = name_of
        self._refused = refused
        self._socket: zmq.asyncio.Socket | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, context: zmq.asyncio.Context) -> None:
        """Be asked about every socket of this context that has our domain."""
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(ADDRESS)
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="cti.zap")

    async def stop(self) -> None:
        """Answer no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._task = None

    async def _serve(self) -> None:
        assert self._socket is not None
        while True:
            frames = await self._socket.recv_multipart()
            # [route, empty, version, request, domain, address, identity, mechanism, credentials…]
            try:
                reply = self.answer(frames[2:])
            except Exception:  # a fault of ours must cost one client, not the door
                structlog.get_logger("cti").exception("cti.zap_fault")
                reply = _reply(frames[3] if len(frames) > 3 else b"", b"500", b"a fault of ours")
            await self._socket.send_multipart([*frames[:2], *reply])

    def answer(self, frames: list[bytes]) -> list[bytes]:
        """Return the reply to one question: 200 with the client's name, or 400."""
        if len(frames) < 6 or frames[0] != VERSION:
            return _reply(frames[1] if len(frames) > 1 else b"", b"500", b"not ZAP 1.0")
        _, number, domain, address, _, mechanism, *credentials = frames
        where = address.decode("utf-8", "replace")
        if domain != DOMAIN or mechanism != CURVE or len(credentials) != 1:
            self._refused(where, "")
            return _reply(number, b"400", b"CURVE only")
        if len(credentials[0]) != KEY_BYTES:
            self._refused(where, "")
            return _reply(number, b"400", b"no key")
        key = z85.encode(credentials[0])
        name = self._name_of(key)
        if name is None:
            self._refused(where, key.decode())
            return _reply(number, b"400", b"key not authorised")
        return _reply(number, b"200", b"OK", name.encode())


def _reply(number: bytes, status: bytes, text: bytes, user: bytes = b"") -> list[bytes]:
    return [VERSION, number, status, text, user, b""]
