"""Events as they come, without a gap: iterate over a `Feed`, or over a `MonitorFeed`.

What ZeroMQ dropped for a slow reader, or what passed while the daemon could not be reached,
is asked for by number. Iteration ends

- in `CtiError` with the code `gone`, where that is no longer kept, or with `unknown_monitor`,
  where the session that had the monitor is over: take a snapshot, or start the monitor again;
  with `forbidden`, where this client's key was revoked;
- by itself, where the feed or its client was closed, or the monitor's call is over (`stopped`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol, Self

import msgspec
import zmq
import zmq.asyncio

from ccd.cti.catalogue import CallView, MonitorStartResult
from ccd.cti.chain import Chain, MonitorChain
from ccd.cti.wire import BEAT, CtiError, ErrorCode, convert, unpack
from ccd.events import AnyEvent, Event

JOIN_POLL_S = 0.05
"""How often a new feed asks by number until its subscription is known to have arrived."""

RETRY_S = 0.2
"""Between two attempts to fetch what was missed, while the daemon cannot be reached."""


class Source(Protocol):
    """What a feed needs of its client."""

    async def call(self, op: str, *, timeout_s: float | None = None, **args: Any) -> Any:
        """Carry out an operation."""

    def subscribed(self, *topics: bytes) -> zmq.asyncio.Socket:
        """Return a socket that hears these topics."""

    def events_topic(self) -> bytes:
        """Return the topic of all events as last told. Raises CtiError(forbidden)."""

    async def ask_events_topic(self) -> None:
        """Be told it again. Raises CtiError."""

    def let_go(self, feed: Subscription) -> None:
        """A feed was closed."""


class Subscription:
    """What both kinds of feed have in common: a socket, a chain, and what is ready to be read."""

    def __init__(self, source: Source, chain: Chain, *topics: bytes) -> None:
        self.gaps = 0
        """How often events had to be fetched by number."""
        self._source = source
        self._chain = chain
        self._joined = False
        self._closed = False
        self._failure: CtiError | None = None
        self._unheard = False
        """The beat alone told of events: their topic may be another one now."""
        self._ready: deque[dict[str, Any]] = deque()
        self._socket = source.subscribed(BEAT, *topics)

    def close(self) -> None:
        """Receive no more; who iterates comes to the end."""
        self._source.let_go(self)
        self._closed = True
        self._socket.close()

    def fail(self, error: CtiError) -> None:
        """There will be no more: who iterates is told so."""
        self._failure = error
        self.close()

    def _is_closed(self) -> bool:
        return self._closed

    async def _next(self) -> dict[str, Any]:
        """Return the next message. Raises StopAsyncIteration, CtiError."""
        while not self._ready:
            if self._is_closed() or self._chain.stopped:
                if self._failure is not None:
                    raise self._failure
                raise StopAsyncIteration
            try:
                await self._more()
            except asyncio.CancelledError:
                # A socket that is closed under its reader cancels the read, not the reader.
                task = asyncio.current_task()
                if (task is not None and task.cancelling()) or not self._is_closed():
                    raise
        return self._ready.popleft()

    async def _more(self) -> None:
        """Wait for the next message, and for what went missing before it."""
        if not self._joined and not await self._socket.poll(int(JOIN_POLL_S * 1000)):
            # ZeroMQ does not say when a subscription has arrived: until the first message
            # (a beat, at the latest) events are asked for.
            await self._fetch()
            return
        topic, body = await self._socket.recv_multipart()
        self._joined = True
        taken, missing = self._chain.message(topic, unpack(body))
        self._ready.extend(taken)
        if missing or self._owed():
            self._unheard = self._unheard or (missing and topic == BEAT)
            await self._fetch()

    def _owed(self) -> bool:
        """Whether the client heard otherwise that events are missing."""
        return False

    async def _page(self) -> Any:
        raise NotImplementedError

    async def _fetch(self) -> None:
        """Ask for what follows the last event, through a break if there is one."""
        while True:
            try:
                page = await self._page()
            except CtiError as error:
                if error.code not in (ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE):
                    raise
                if self._is_closed():
                    return
                await asyncio.sleep(RETRY_S)
                continue
            taken = self._chain.page(page.events)
            self.gaps += bool(taken)
            self._ready.extend(taken)
            return


class Feed(Subscription):
    """Everything that happens, or some types of it, from one number on."""

    def __init__(self, source: Source, since: int, types: tuple[type[Event], ...]) -> None:
        self._topic = source.events_topic()
        super().__init__(source, Chain(since), self._topic)
        self.seq = since
        """The number of the last event given out (or passed over)."""
        self._types = types

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            event = decoded(await self._next())
            self.seq = event.seq
            if not self._types or isinstance(event, self._types):
                return event

    async def _page(self) -> Any:
        if self._unheard:
            await self._source.ask_events_topic()
            self._unheard = False
            topic, self._topic = self._topic, self._source.events_topic()
            # The same one too: a subscription may have been passed over.
            self._socket.unsubscribe(topic)
            self._socket.subscribe(self._topic)
        return await self._source.call("replay", since=self._chain.seq)


class MonitorFeed(Subscription):
    """What is about one agent, call or queue, as `Client.monitor` began it."""

    def __init__(self, source: Source, begun: MonitorStartResult) -> None:
        super().__init__(source, MonitorChain(begun.seq, begun.n), begun.topic.encode())
        self.monitor = begun.monitor
        self.state = begun.state
        """What is monitored as it was at the beginning: the events go on from there."""
        self.seq = begun.seq
        """The number of the last event given out."""
        self._counted: int | None = begun.n
        self.call: CallView | None = None
        """With the event just given out: the call that came to what is monitored, as it was then."""

    @property
    def stopped(self) -> str:
        """Why the monitor is over (`call_cleared`); empty while it is not."""
        return self._chain.stopped

    @property
    def n(self) -> int:
        """How many events this monitor has had, with the last one that arrived."""
        assert isinstance(self._chain, MonitorChain)
        return self._chain.n

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        message = await self._next()
        event = decoded(message["event"])
        self.seq = event.seq
        call = message.get("call")
        self.call = None if call is None else convert(call, CallView)
        return event

    async def stop(self) -> None:
        """End the monitor at the daemon too."""
        self.close()
        await self._source.call("monitor_stop", monitor=self.monitor)

    def told(self, counts: dict[str, int]) -> None:
        """The daemon says how many events each monitor of this session has had. The reader asks
        for what it lacks at the next beat; a monitor that is not named is asked for too, and
        found to be gone."""
        self._counted = counts.get(self.monitor)

    def _owed(self) -> bool:
        owed = self._counted is None or self._counted > self.n
        self._counted = self.n
        return owed

    async def _page(self) -> Any:
        return await self._source.call("replay", since=self._chain.seq, monitor=self.monitor)


def decoded(plain: dict[str, Any]) -> Event:
    """Return an event; a bare one for a kind that this library does not know."""
    try:
        event: Event = msgspec.convert(plain, AnyEvent)
    except msgspec.ValidationError:
        return Event(seq=plain["seq"], at=plain.get("at", 0.0))
    return event
