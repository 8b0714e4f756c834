"""Events to the outside: each packed once, published by its type, and kept for a while.

ZeroMQ's XPUB drops for a subscriber that does not keep up and never waits for one; who
lost events sees it in the numbers, and asks for them (`since`).

It filters here, at the publisher: a seat that subscribes to its own monitor costs nothing but
what is about it. What the topics are and who may subscribe to them: `topics`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

import zmq

from ccd.coalescer import Coalescer
from ccd.cti.monitors import Entry, Monitor, Monitors
from ccd.cti.subscribers import Subscribers
from ccd.cti.topics import Topics
from ccd.cti.wire import BEAT, CtiError, ErrorCode, pack
from ccd.events import Event

# Plain numbers: joining and passing pyzmq's enumerations cost as much as the sending.
_DONTWAIT = int(zmq.DONTWAIT)
_MORE = int(zmq.SNDMORE | zmq.DONTWAIT)

WINDOW_S = 0.002
"""Events are handed to ZeroMQ together this often at most: each handing over wakes its
thread, which cost 50 to 80 µs of CPU an event on two busy cores, the event itself 2."""

SUBSCRIBER_QUEUE = 20_000
"""Events that wait for one slow subscriber before its next ones are dropped (some 5 MB)."""


TOKEN_BYTES = 9
"""Of what makes a topic a secret. Each guess at its 72 bits is a subscription sent to us; more
would make most topics longer than 33 bytes, beyond which libzmq allocates each message."""

_FIXMAP = tuple(bytes([0x80 + size]) for size in range(5))
_N, _EVENT, _CALL, _STOPPED = (pack(key) for key in ("n", "event", "call", "stopped"))
"""Parts of a monitor's message, so that its event need not be packed a second time."""


class Ring:
    """The newest events, packed, found by number in constant time."""

    def __init__(self, size: int, last_seq: int) -> None:
        self._slots: list[bytes] = []
        self.size = max(size, 1)
        self._first = last_seq + 1
        """The number of the first event that this ring ever held."""
        self.last_seq = last_seq

    @property
    def oldest(self) -> int:
        """The number of the oldest event kept; that of the next one where none is."""
        return max(self._first, self.last_seq - self.size + 1)

    def add(self, seq: int, packed: bytes) -> None:
        """Keep the event that follows; one out of order begins the ring anew."""
        if seq != self.last_seq + 1:
            self._slots.clear()
            self._first = seq
        self.last_seq = seq
        if len(self._slots) < self.size:
            self._slots.append(packed)
        else:
            self._slots[(seq - self._first) % self.size] = packed

    def since(self, seq: int, limit: int) -> list[bytes]:
        """Return up to `limit` events after number `seq`. Raises CtiError(gone)."""
        if seq > self.last_seq or seq + 1 < self.oldest:
            why = "none is so new" if seq > self.last_seq else f"{self.oldest} is the oldest kept"
            raise CtiError(
                ErrorCode.GONE,
                f"no events after number {seq}: {why}; take a snapshot",
                {"oldest": self.oldest, "seq": self.last_seq},
            )
        end = min(self.last_seq, seq + limit)
        return [self._slots[(n - self._first) % self.size] for n in range(seq + 1, end + 1)]

    def packed(self, seq: int) -> bytes:
        """Return an event that is kept (`oldest` to `last_seq`)."""
        return self._slots[(seq - self._first) % self.size]


class Publisher:
    """Hands every event to the socket, once there is one, to the ring and to the monitors."""

    def __init__(self, *, keep: int, last_seq: int, boot: str, clock: Callable[[], float]) -> None:
        self.ring = Ring(keep, last_seq)
        self.monitors = Monitors(lambda: secrets.token_urlsafe(TOKEN_BYTES))
        self.topics = Topics(lambda: secrets.token_urlsafe(TOKEN_BYTES), self.monitors)
        self.failed = 0
        """Events that ZeroMQ would not take."""
        self._boot = boot
        self._clock = clock
        self._socket: zmq.Socket[bytes] | None = None
        self._subscribers: Subscribers | None = None
        self._of_type: dict[type[Event], bytes] = {}
        self._outbox: list[tuple[bytes, bytes]] = []
        self._sender = Coalescer(self._flush, WINDOW_S)

    def remember(self, history: Iterable[Event]) -> None:
        """Keep events of an earlier run; of use where they lead up to the last number."""
        ring: Ring | None = None
        for event in history:
            if ring is None:
                ring = Ring(self.ring.size, event.seq - 1)
            ring.add(event.seq, pack(event))
        if ring is not None and ring.last_seq == self.ring.last_seq:
            self.ring = ring

    def open(self, socket: zmq.Socket[bytes]) -> None:
        """Publish from now on over an XPUB that was bound with XPUB_MANUAL."""
        self._socket = socket
        self._subscribers = Subscribers(socket, self.topics.accepts)

    def settle(self) -> None:
        """Hand over now what waits for the end of the window."""
        self._sender.settle()

    def close(self) -> None:
        """Publish what waits, then no more; the ring goes on."""
        self.settle()
        if self._subscribers is not None:
            self._subscribers.close()
        self._socket = self._subscribers = None

    @property
    def subscriptions_refused(self) -> int:
        """How many subscriptions were not accepted since the socket was opened."""
        return self._subscribers.refused if self._subscribers is not None else 0

    def review(self, may: Callable[[str], bool]) -> None:
        """Publish under other names where somebody `may` not know the present ones any more."""
        if self.topics.review(may):
            self._of_type.clear()
            self.monitors.drop_shared()

    def on_event(self, event: Event) -> None:
        """Pack, keep and publish an event; never blocks, never raises."""
        packed = pack(event)
        self.ring.add(event.seq, packed)
        kind = type(event)
        topic = self._of_type.get(kind)
        if topic is None:
            topic = self._of_type[kind] = self.topics.events + kind.__name__.encode()
        self._send(topic, packed)
        for monitor, entry in self.monitors.take(event):
            self._send(monitor.topic, _message(entry, packed))

    def monitored(self, monitor: Monitor, since: int, limit: int) -> tuple[list[bytes], bool]:
        """Return up to `limit` messages of a monitor after event number `since`, and whether
        there are more. Raises CtiError(gone)."""
        monitor.forget(self.ring.oldest)
        if since < monitor.forgotten or since > self.ring.last_seq:
            raise CtiError(
                ErrorCode.GONE,
                f"no events of this monitor after number {since}: they are kept from "
                f"{monitor.forgotten} on; stop it and start it again",
                {"oldest": monitor.forgotten + 1, "seq": self.ring.last_seq},
            )
        entries = monitor.since(since, limit)
        more = bool(entries) and entries[-1] is not monitor.entries[-1]
        return [_message(entry, self.ring.packed(entry.seq)) for entry in entries], more

    def beat(self) -> None:
        """Say the newest number, so that who lost the last event learns of it."""
        beat = {"boot": self._boot, "seq": self.ring.last_seq, "at": self._clock()}
        self._send(BEAT, pack(beat))
        for monitor in self.monitors.spoke():
            self._send(monitor.topic, pack({"n": monitor.n}))

    def _send(self, topic: bytes, packed: bytes) -> None:
        if self._socket is not None:
            self._outbox.append((topic, packed))
            self._sender.touch()

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if self._socket is None:
            return
        for topic, packed in outbox:
            try:
                # Two sends, no list: half the cost of send_multipart (measured: 1.7 against 3.0 µs).
                self._socket.send(topic, _MORE)
                self._socket.send(packed, _DONTWAIT)
            except zmq.ZMQError:
                self.failed += 1
        if self._subscribers is not None:
            self._subscribers.look()


def _message(entry: Entry, packed: bytes) -> bytes:
    """A monitor's message: `{n, event}`, and `call` or `stopped` where there is one."""
    parts = [_N, pack(entry.n), _EVENT, packed]
    if entry.call is not None:
        parts += [_CALL, pack(entry.call)]
    if entry.stopped:
        parts += [_STOPPED, pack(entry.stopped)]
    return _FIXMAP[len(parts) // 2] + b"".join(parts)
