"""Subscribers of the event socket: only what they have a right to is accepted.

XPUB_MANUAL (libzmq's zmq_setsockopt): each subscription is handed to us, and counts for the
client that sent it only where we repeat it to the socket before we read the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
import zmq

BURST = 256
"""Subscriptions looked at before everything else in the loop has its turn."""

_AGAIN = int(zmq.DONTWAIT)


class Subscribers:
    """Reads what subscribers ask of an XPUB, and accepts it or not."""

    def __init__(self, socket: zmq.Socket[Any], accepts: Callable[[bytes], bool]) -> None:
        """`socket` is an XPUB, bound with XPUB_MANUAL; `accepts` says whether a topic may be
        subscribed to."""
        self.refused = 0
        """Subscriptions that were not accepted, and messages that were none."""
        self._socket = socket
        self._accepts = accepts
        self._astray = False
        self._blamed: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._file = int(socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._file, self.look)
        self._log = structlog.get_logger("cti")

    def close(self) -> None:
        """Look no more."""
        self._loop.remove_reader(self._file)

    def look(self) -> None:
        """Take what has arrived. ZeroMQ's descriptor tells of it once, and a send may take the
        news from it: to be called after sending too."""
        if self._socket.closed:
            return
        for _ in range(BURST):
            try:
                frame = self._socket.recv(_AGAIN, copy=False)
            except zmq.ZMQError:  # Again: nothing more; or the context is being closed
                self._astray = False
                return
            self._take(frame)
        self._loop.call_soon(self.look)

    def _take(self, frame: zmq.Frame) -> None:
        said = frame.bytes
        wish, topic = said[:1], said[1:]
        if wish not in (b"\0", b"\1"):
            # libzmq 4.3 hands on what is no subscription without noting who said it, and then
            # takes each that follows, until all are read, for the next client's (xpub.cpp:
            # _pending_pipes). A token could be accepted for a stranger: none is until then. Who
            # is ignored for that learns from the beat that he lacks events, and asks again.
            self._astray = True
        elif not self._astray and self._accepts(topic):
            self._socket.setsockopt(zmq.SUBSCRIBE if wish == b"\1" else zmq.UNSUBSCRIBE, topic)
            return
        if wish != b"\0":
            self._refuse(frame)

    def _refuse(self, frame: zmq.Frame) -> None:
        self.refused += 1
        try:
            key = str(frame.get("User-Id"))
        except zmq.ZMQError:
            key = ""  # this machine's
        if key not in self._blamed:  # once: it may send a million
            self._blamed.add(key)
            self._log.warning("cti.topic_refused", client=key)
