"""Why a connection over TCP does not come about, from ZeroMQ's socket monitor.

ZeroMQ tries again for ever and says nothing; a person wants to know which key is wrong.
"""

from __future__ import annotations

import asyncio
from typing import Any

import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from ccd.cti.wire import CtiError, ErrorCode

_WATCHED = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_CONNECT_RETRIED
)


class Handshake:
    """Watches one socket from before it connects until it has, or cannot."""

    def __init__(self, socket: zmq.asyncio.Socket, address: str, keys: str) -> None:
        """`keys` is what the user calls his keys: their file."""
        self._address, self._keys = address, keys
        self._socket = socket
        self._monitor: Any = socket.get_monitor_socket(_WATCHED)

    async def failed(self) -> CtiError:
        """Wait until the connection cannot come about, and return why; for ever where it does."""
        while True:
            message = await recv_monitor_message(self._monitor)
            error = self._meaning(message["event"])
            if error is not None:
                return error
            if message["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                await asyncio.get_running_loop().create_future()

    def close(self) -> None:
        """Watch no longer."""
        if not self._socket.closed:
            self._socket.disable_monitor()
        self._monitor.close(linger=0)

    def _meaning(self, event: int) -> CtiError | None:
        where, keys = self._address, self._keys
        match event:
            case zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                return CtiError(
                    ErrorCode.FORBIDDEN,
                    f"the daemon at {where} does not let the key in {keys} in: it was revoked, or "
                    "never authorised there; on its machine: ccd keys list, ccd keys client NAME",
                )
            case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                return CtiError(
                    ErrorCode.FORBIDDEN,
                    f"the handshake with {where} failed: server_key in {keys} is not that daemon's "
                    "public key. Its pair was made anew, or this is another daemon; "
                    "on its machine: ccd keys list",
                )
            case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                return CtiError(
                    ErrorCode.FORBIDDEN,
                    f"what answers at {where} is no ccd daemon's CTI (it speaks ZeroMQ without CURVE)",
                )
            case zmq.EVENT_CONNECT_RETRIED:
                return CtiError(
                    ErrorCode.UNAVAILABLE,
                    f"nothing listens at {where}; is the daemon running, and is that its cti.listen?",
                )
        return None
