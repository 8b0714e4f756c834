"""The client for programs without asyncio: a `Client` in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from ccd.cti.asyncio_client import Client
from ccd.cti.catalogue import CallView, HelloResult, SnapshotResult
from ccd.cti.feed import Feed, MonitorFeed
from ccd.cti.operations import SyncOperations
from ccd.cti.wire import CtiError, ErrorCode
from ccd.events import Event

T = TypeVar("T")


class SyncMonitor:
    """A `MonitorFeed` that one iterates over without asyncio."""

    def __init__(self, feed: MonitorFeed, do: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._feed, self._do = feed, do

    @property
    def state(self) -> SnapshotResult:
        """What is monitored as it was at the beginning."""
        return self._feed.state

    @property
    def call(self) -> CallView | None:
        """With the event just given out: the call that came to what is monitored."""
        return self._feed.call

    @property
    def stopped(self) -> str:
        """Why the monitor is over; empty while it is not."""
        return self._feed.stopped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        try:
            event: Event = self._do(self._feed.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None
        return event

    def stop(self) -> None:
        """End the monitor."""
        self._do(self._feed.stop())


class SyncClient(SyncOperations):
    """The same for programs without asyncio: a `Client` in a thread of its own."""

    def __init__(self, state: Path | str | None = None, **options: Any) -> None:
        """Prepare; the arguments are `Client`'s."""
        self._client = Client(state, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def connect(self) -> HelloResult:
        """Open the session. Raises CtiError(unavailable) where no daemon answers."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cti", daemon=True)
        self._thread.start()
        try:
            return self._do(self._client.connect())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the session and its thread."""
        if self._thread is None or self._loop is None:
            return
        self._do(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = self._loop = None

    def call(self, op: str, *, timeout_s: float | None = None, **args: Any) -> Any:
        """Carry out an operation, as `Client.call`."""
        return self._do(self._client.call(op, timeout_s=timeout_s, **args))

    def events(self, since: int | None = None, *types: type[Event]) -> Iterator[Event]:
        """Return the events after number `since`, without end."""

        async def begin() -> Feed:
            return self._client.events(since, *types)

        feed = self._do(begin())
        while True:
            try:
                event = self._do(feed.__anext__())
            except StopAsyncIteration:
                return
            yield event

    def monitor(
        self,
        *,
        agent: str | None = None,
        call: str | None = None,
        queue: str | None = None,
        all: bool = False,  # noqa: A002 - the operation's word
    ) -> SyncMonitor:
        """Begin to watch one of these, as `Client.monitor`; iterate over what is returned."""
        feed = self._do(self._client.monitor(agent=agent, call=call, queue=queue, all=all))
        return SyncMonitor(feed, self._do)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise CtiError(ErrorCode.UNAVAILABLE, "the client is not connected")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # KeyboardInterrupt too: do not leave the work behind
            future.cancel()
            raise
