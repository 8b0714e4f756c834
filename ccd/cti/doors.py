"""Opening and closing sockets: for this machine's user alone, or for who holds the right key."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from ccd.cti.access import CurveKeys
from ccd.cti.wire import MAX_REQUEST
from ccd.cti.zap import DOMAIN
from ccd.errors import CcdError

LINGER_MS = 500
"""How long a stop waits for the last events to be sent."""

MAX_INCOMING = 2 * MAX_REQUEST
"""Bytes after which ZeroMQ cuts a client off; what it lets through, the wire judges."""

MAX_SUBSCRIPTION = 1024
"""Bytes that a subscriber may send: the name of a topic is all that it has to say."""

QUEUED = 256
"""Requests that wait for us, and answers that wait to be read, of one client."""

HANDSHAKE_MS = 5000
"""Who has not shown a key by then is cut off."""


@dataclass(frozen=True)
class Remote:
    """How other machines reach us."""

    commands: str
    """`tcp://HOST:PORT`, port 0 for any free one."""
    publish: str
    keys: CurveKeys
    """Ours."""


def open_router(context: Any, address: str, curve: CurveKeys | None = None) -> Any:
    """Return a bound ROUTER of `context`. Raises CcdError."""
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.LINGER, LINGER_MS)
    router.setsockopt(zmq.MAXMSGSIZE, MAX_INCOMING)
    router.setsockopt(zmq.RCVHWM, QUEUED)
    router.setsockopt(zmq.SNDHWM, QUEUED)
    # Told, rather than left in the dark, when a client does not read; and never waited for.
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    try:
        bind(router, address, curve)
    except CcdError:
        router.close()
        raise
    return router


def bind(socket: zmq.Socket[Any], address: str, curve: CurveKeys | None) -> None:
    """Open a socket for this user alone (ipc), or for who holds the right key (tcp). Raises CcdError."""
    path = Path(address.removeprefix("ipc://")) if address.startswith("ipc://") else None
    if path is None:
        if curve is None:
            raise CcdError(f"cti: {address} would be open to everybody on the network without keys")
        # Options count for what is bound after them: a PUB's ipc address before stays as it is.
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, curve.secret)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, curve.public)
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        socket.setsockopt(zmq.IPV6, int("[" in address))
    try:
        with _private() if path is not None else contextlib.nullcontext():
            if path is not None:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            socket.bind(address)
    except (zmq.ZMQError, OSError) as error:
        hint = ""
        if path is not None and len(os.fsencode(path)) > zmq.IPC_PATH_MAX_LEN:
            hint = f": its path has more than {zmq.IPC_PATH_MAX_LEN} bytes; choose a shorter one"
        raise CcdError(f"cti: {address} cannot be opened: {error}{hint}") from error


def bound(socket: zmq.Socket[Any] | None, address: str) -> str:
    """Return a socket's newest address, a port of 0 replaced by the one that it became."""
    if socket is None or socket.closed:
        return address
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def unlink(address: str) -> None:
    """Remove a closed socket's file, which ZeroMQ leaves behind."""
    if address.startswith("ipc://"):
        Path(address.removeprefix("ipc://")).unlink(missing_ok=True)


@contextlib.contextmanager
def _private() -> Iterator[None]:
    """Have whatever is made meanwhile be this user's alone, from its first moment."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
