"""The worker's end of its link with the core: ZeroMQ PAIR over ipc, msgpack arrays.

The worker binds and the core connects, so a core that was restarted finds its workers
again. Whoever connects is told `WorkerReady` first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq
import zmq.utils.monitor

from ccd.media.protocol import AnyCommand, AnyReport, Command, Gauge, Report

MAX_WAITING: Final = 100_000
"""Reports kept for a core that does not read; then the oldest go."""

HIGH_WATER: Final = 10_000
"""Messages in ZeroMQ's own queue."""


class Link:
    """Commands in, reports out; nothing here blocks but `wait`."""

    def __init__(self, path: Path, ready: Callable[[], Report], log: Any) -> None:
        self._ready = ready
        self._log = log
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        self._socket.sndhwm = self._socket.rcvhwm = HIGH_WATER
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        self._decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])
        self._command = msgspec.msgpack.Decoder(AnyCommand)
        self._encoder = msgspec.msgpack.Encoder()
        self._waiting: deque[Report] = deque(maxlen=MAX_WAITING)
        self._connections: set[int] = set()
        """By file descriptor, as the monitor tells them."""
        self.connected = False
        self._socket.bind(f"ipc://{path}")

    def watch(self) -> None:
        """Notice a core that came or went."""
        while readable(self._monitor):
            event = zmq.utils.monitor.recv_monitor_message(self._monitor)
            match event["event"]:
                case zmq.EVENT_ACCEPTED:
                    self._connections.add(event["value"])
                case zmq.EVENT_DISCONNECTED:
                    # The old core's connection may end after the new one's has begun.
                    self._connections.discard(event["value"])
                    self.connected = self.connected and bool(self._connections)
                case _:
                    self.connected = True
                    # First, so that the core knows whom the other reports are from.
                    self._waiting.appendleft(self._ready())

    def wait(self, timeout: float) -> None:
        """Until a command comes or `timeout` seconds are over."""
        self._socket.poll(int(timeout * 1000))

    def commands(self) -> list[Command]:
        """What the core asked since the last call; what is no command is logged."""
        result: list[Command] = []
        # Asking first: an exception on each of 200 beats a second costs more than all the rest.
        while readable(self._socket):
            message = self._socket.recv(zmq.NOBLOCK)
            try:
                items = self._decoder.decode(message)
            except msgspec.MsgspecError:
                self._log.exception("media.bad_message", size=len(message))
                continue
            for item in items:
                try:
                    result.append(self._command.decode(item))
                except msgspec.MsgspecError:
                    self._log.exception("media.bad_command")
        return result

    def report(self, report: Report) -> None:
        """Send with the next `flush`."""
        self._waiting.append(report)

    def flush(self) -> None:
        """Send what is waiting in one message, if there is somebody to take it."""
        if not self._waiting:
            return
        if not self.connected:
            # A gauge is of the moment; everything else is worth keeping.
            self._waiting = deque(
                (r for r in self._waiting if not isinstance(r, Gauge)), MAX_WAITING
            )
            return
        try:
            self._socket.send(self._encoder.encode(list(self._waiting)), zmq.NOBLOCK)
        except zmq.Again:
            return
        self._waiting.clear()

    def close(self) -> None:
        """Send what can be sent within a second, and end."""
        self.flush()
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=1000)
        self._context.term()


_EVENTS: Final = int(zmq.EVENTS)
_POLLIN: Final = int(zmq.POLLIN)


def readable(sock: zmq.Socket[bytes]) -> bool:
    """Whether a message can be received now."""
    return bool(int(sock.getsockopt(_EVENTS)) & _POLLIN)


def decoder() -> msgspec.msgpack.Decoder[list[AnyReport]]:
    """For the core's end: a message's reports."""
    return msgspec.msgpack.Decoder(list[AnyReport])
