"""The CTI from outside, in a few lines: an asyncio `Client`, and `SyncClient` without.

    async with Client(state_folder) as client:
        await client.log_in("anna", phone="1001")
        await client.ready()
        async for event in client.events():
            ...

Events come in order and without a gap: what ZeroMQ dropped for a slow reader, or what
passed while the daemon could not be reached, is asked for by number. Where it is no longer
kept, iteration ends in `CtiError` with the code `gone`; then take a snapshot and begin
again with `events(since=snapshot.seq)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import zmq
import zmq.asyncio

from ccd.cti.access import CurveKeys
from ccd.cti.catalogue import (
    CATALOGUE,
    HelloResult,
    LogInResult,
    PingResult,
    SnapshotResult,
    StatusResult,
)
from ccd.cti.wire import (
    BEAT,
    MAX_MESSAGE,
    Answer,
    CtiError,
    ErrorCode,
    convert,
    pack_request,
    unpack,
)
from ccd.events import AnyEvent, Event
from ccd.paths import state_paths

__all__ = ["Client", "CtiError", "ErrorCode", "Feed", "SyncClient"]

T = TypeVar("T")

PING_S = 5.0
"""How often a client says that it is there."""

JOIN_POLL_S = 0.05
"""How often a new feed asks by number until its subscription is known to have arrived."""

RETRY_S = 0.2
"""Between two attempts to fetch what was missed, while the daemon cannot be reached."""

RECEIVE_QUEUE = 20_000
"""Events that wait in this process for a slow reader; more are dropped and fetched later."""


class Client:
    """A session with a daemon. Safe for many tasks of one event loop."""

    def __init__(
        self,
        state: Path | str | None = None,
        *,
        commands: str = "",
        events: str = "",
        curve: CurveKeys | None = None,
        server_key: bytes = b"",
        timeout_s: float = 5.0,
        name: str = "",
        on_restart: Callable[[], Awaitable[None] | None] | None = None,
    ) -> None:
        """Prepare to speak with the daemon of a state folder (None: the usual one).

        `commands` and `events` are ZeroMQ addresses, for one that is elsewhere; over TCP
        `curve` (own keys) and `server_key` are needed. `on_restart` is called when another
        daemon answers than before: sessions, and so log-ins, do not outlive it.
        """
        paths = state_paths(Path(state) if state is not None else None)
        self.commands_address = commands or paths.cti_commands
        self.events_address = events or paths.cti_events
        self.timeout_s = timeout_s
        self.name = name
        self.hello: HelloResult | None = None
        """What the daemon said of itself at `connect`."""
        self._curve, self._server_key = curve, server_key
        self._on_restart = on_restart
        self._identity = secrets.token_bytes(16)  # unguessable: it is what a session hangs on
        self._context: zmq.asyncio.Context | None = None
        self._dealer: zmq.asyncio.Socket | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._boot = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._feeds: set[Feed] = set()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def connect(self) -> HelloResult:
        """Open the session. Raises CtiError(unavailable) where no daemon answers."""
        address = self.commands_address
        if _nobody_home(address):
            raise _unavailable(address)
        self._context = zmq.asyncio.Context()
        self._dealer = self._socket(zmq.DEALER, address)
        self._tasks = [asyncio.create_task(self._receive(self._dealer), name="cti.receive")]
        try:
            self.hello = await self.call("hello", client=self.name)
        except CtiError as error:
            await self.close()
            if error.code in (ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE):
                raise _unavailable(address) from None
            raise
        except BaseException:
            await self.close()
            raise
        self._boot = self.hello.boot
        self._tasks.append(asyncio.create_task(self._stay(), name="cti.stay"))
        return self.hello

    async def close(self) -> None:
        """End the session and every feed; what is still waited for is `unavailable`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for feed in list(self._feeds):
            feed.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(CtiError(ErrorCode.UNAVAILABLE, "the client was closed"))
        self._waiting.clear()
        if self._dealer is not None:
            self._dealer.close()
        if self._context is not None:
            self._context.term()
        self._dealer = self._context = None

    # --- operations -------------------------------------------------------------------------

    async def call(self, op: str, *, timeout_s: float | None = None, **args: Any) -> Any:
        """Carry out an operation; docs/cti.md lists them, with the results' types.

        Raises CtiError: the daemon's, or `timeout` (then whether it was done is not known),
        or `unavailable` (then it was not).
        """
        if self._dealer is None:
            raise CtiError(ErrorCode.UNAVAILABLE, "the client is not connected")
        self._number += 1
        number = self._number
        data = pack_request(op, args, number)
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        sent = False
        try:
            async with asyncio.timeout(self.timeout_s if timeout_s is None else timeout_s):
                # Waits while there is no connection: a request never lies in a queue, to be
                # carried out long after its caller gave up (ZMQ_IMMEDIATE).
                await self._dealer.send(data)
                sent = True
                plain = await answered
        except TimeoutError:
            if not sent:
                raise _unavailable(self.commands_address) from None
            raise CtiError(ErrorCode.TIMEOUT, f"{op}: no answer in time") from None
        finally:
            self._waiting.pop(number, None)
        spec = CATALOGUE.get(op)
        if spec is None or spec.result is None:
            return plain
        return convert(plain, spec.result)

    async def log_in(self, agent: str, phone: str = "", *, password: str = "") -> LogInResult:
        """Begin an agent's shift, not ready, at a phone (empty: as the settings say).

        One who is logged on already goes on as he is: `resumed` says so.
        """
        result: LogInResult = await self.call("log_in", agent=agent, phone=phone, password=password)
        return result

    async def log_off(self, agent: str | None = None) -> None:
        """End the shift; in a call, once it is over. No agent: the one logged in here."""
        await self.call("log_off", agent=agent)

    async def ready(self, agent: str | None = None) -> None:
        """Take calls."""
        await self.call("ready", agent=agent)

    async def not_ready(self, reason: str = "break", agent: str | None = None) -> None:
        """Take no calls; in a call, once it is over."""
        await self.call("not_ready", reason=reason, agent=agent)

    async def wrap_up_done(self, agent: str | None = None) -> None:
        """End wrap-up before its time."""
        await self.call("wrap_up_done", agent=agent)

    async def snapshot(self) -> SnapshotResult:
        """Return all that is so now, with the number of the last event it includes."""
        result: SnapshotResult = await self.call("snapshot")
        return result

    async def status(self) -> StatusResult:
        """Return how the daemon is."""
        result: StatusResult = await self.call("status")
        return result

    async def ping(self) -> PingResult:
        """Return the daemon's clock and newest event number."""
        result: PingResult = await self.call("ping")
        return result

    def events(self, since: int | None = None, *types: type[Event]) -> Feed:
        """Return the events after number `since`, and so on without end; of `types` where given.

        None: those since this client connected, so that nothing it caused is missed.
        """
        if self._context is None or self.hello is None:
            raise CtiError(ErrorCode.UNAVAILABLE, "the client is not connected")
        feed = Feed(self, self.hello.seq if since is None else since, types)
        self._feeds.add(feed)
        return feed

    # --- inside ---------------------------------------------------------------------------------

    def _socket(self, kind: int, address: str) -> zmq.asyncio.Socket:
        assert self._context is not None
        made: zmq.asyncio.Socket = self._context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        made.setsockopt(zmq.RECONNECT_IVL, 50)
        made.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        if kind == zmq.DEALER:
            made.setsockopt(zmq.IDENTITY, self._identity)
            made.setsockopt(zmq.IMMEDIATE, 1)
        else:
            made.setsockopt(zmq.RCVHWM, RECEIVE_QUEUE)
            made.setsockopt(zmq.SUBSCRIBE, b"")
        if self._curve is not None:
            made.setsockopt(zmq.CURVE_PUBLICKEY, self._curve.public)
            made.setsockopt(zmq.CURVE_SECRETKEY, self._curve.secret)
            made.setsockopt(zmq.CURVE_SERVERKEY, self._server_key)
        try:
            made.connect(address)
        except zmq.ZMQError as error:
            made.close()
            raise CtiError(ErrorCode.UNAVAILABLE, f"{address}: {error}") from None
        return made

    async def _receive(self, dealer: zmq.asyncio.Socket) -> None:
        """Hand answers to those who wait; one that nobody waits for any more is dropped."""
        while True:
            data = await dealer.recv()
            try:
                answer = convert(unpack(data), Answer)
            except CtiError:
                continue
            future = self._waiting.get(answer.id) if isinstance(answer.id, int) else None
            if future is None or future.done():
                continue
            if answer.ok:
                future.set_result(answer.result)
            else:
                future.set_exception(_told(answer))

    async def _stay(self) -> None:
        """Keep the session alive, and notice when another daemon answers."""
        while True:
            await asyncio.sleep(PING_S)
            with contextlib.suppress(CtiError):
                await self._notice(await self.ping())

    async def _notice(self, ping: PingResult) -> None:
        if ping.boot == self._boot:
            return
        self._boot = ping.boot
        self.hello = await self.call("hello", client=self.name)
        if self._on_restart is not None:
            outcome = self._on_restart()
            if outcome is not None:
                await outcome


class Feed:
    """Events in order, from one number on. Iterate over it; `close` ends it early."""

    def __init__(self, client: Client, since: int, types: tuple[type[Event], ...]) -> None:
        self.seq = since
        """The number of the last event given out (or passed over)."""
        self.gaps = 0
        """How often events had to be fetched by number."""
        self._client = client
        self._types = types
        self._boot = ""
        self._joined = False
        self._closed = False
        self._ready: deque[Event] = deque()
        self._socket = client._socket(zmq.SUB, client.events_address)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            while self._ready:
                event = self._ready.popleft()
                self.seq = event.seq
                if not self._types or isinstance(event, self._types):
                    return event
            if self._is_closed():
                raise StopAsyncIteration
            try:
                await self._more()
            except asyncio.CancelledError:
                # A socket that is closed under its reader cancels the read, not the reader.
                task = asyncio.current_task()
                if (task is not None and task.cancelling()) or not self._is_closed():
                    raise

    def close(self) -> None:
        """Receive no more; who iterates comes to the end."""
        self._client._feeds.discard(self)
        self._closed = True
        self._socket.close()

    def _is_closed(self) -> bool:
        return self._closed

    async def _more(self) -> None:
        """Wait for the next message, and for what went missing before it."""
        if not self._joined and not await self._socket.poll(int(JOIN_POLL_S * 1000)):
            # ZeroMQ does not say when a subscription has arrived: until the first message
            # (a beat, at the latest) events are asked for.
            await self._fetch()
            return
        topic, body = await self._socket.recv_multipart()
        self._joined = True
        plain = unpack(body)
        newest: int = plain["seq"]
        if topic == BEAT:
            restarted, self._boot = plain["boot"] != self._boot, plain["boot"]
            if newest > self.seq or (restarted and newest < self.seq):
                await self._fetch()
        elif newest == self.seq + 1:
            self._take(plain)
        elif newest > self.seq:
            await self._fetch()

    async def _fetch(self) -> None:
        """Ask for everything after the last event, through a break if there is one."""
        while True:
            try:
                page = await self._client.call("replay", since=self.seq)
            except CtiError as error:
                if error.code not in (ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE):
                    raise
                if self._is_closed():
                    return
                await asyncio.sleep(RETRY_S)
                continue
            if page.events:
                self.gaps += 1
            for plain in page.events:
                self._take(plain)
            return

    def _take(self, plain: dict[str, Any]) -> None:
        try:
            self._ready.append(msgspec.convert(plain, AnyEvent))
        except msgspec.ValidationError:
            # An event of a newer daemon, of a kind that this library does not know.
            self._ready.append(Event(seq=plain["seq"], at=plain.get("at", 0.0)))


class SyncClient:
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

    def log_in(self, agent: str, phone: str = "", *, password: str = "") -> LogInResult:
        """Begin an agent's shift, not ready, or go on with it."""
        return self._do(self._client.log_in(agent, phone, password=password))

    def log_off(self, agent: str | None = None) -> None:
        """End the shift; in a call, once it is over."""
        self._do(self._client.log_off(agent))

    def ready(self, agent: str | None = None) -> None:
        """Take calls."""
        self._do(self._client.ready(agent))

    def not_ready(self, reason: str = "break", agent: str | None = None) -> None:
        """Take no calls; in a call, once it is over."""
        self._do(self._client.not_ready(reason, agent))

    def wrap_up_done(self, agent: str | None = None) -> None:
        """End wrap-up before its time."""
        self._do(self._client.wrap_up_done(agent))

    def snapshot(self) -> SnapshotResult:
        """Return all that is so now."""
        return self._do(self._client.snapshot())

    def status(self) -> StatusResult:
        """Return how the daemon is."""
        return self._do(self._client.status())

    def events(self, since: int | None = None, *types: type[Event]) -> Iterator[Event]:
        """Return the events after number `since`, without end."""

        async def begin() -> Feed:
            return self._client.events(since, *types)

        feed = self._do(begin())
        while True:
            yield self._do(feed.__anext__())

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


def _told(answer: Answer) -> CtiError:
    """What the daemon said was wrong; a code of a newer one counts as `internal`."""
    error = answer.error
    if error is None:
        return CtiError(ErrorCode.INTERNAL, "the daemon said neither result nor error")
    known = error.code in set(ErrorCode)
    code = ErrorCode(error.code) if known else ErrorCode.INTERNAL
    return CtiError(code, error.message, error.details)


def _nobody_home(address: str) -> bool:
    """Whether a knock at a Unix socket is refused, which ZeroMQ would not say but try again."""
    if not address.startswith("ipc://"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        try:
            knock.connect(address.removeprefix("ipc://"))
        except (FileNotFoundError, ConnectionRefusedError, PermissionError):
            return True
        except OSError:  # ZeroMQ may know better
            return False
    return False


def _unavailable(address: str) -> CtiError:
    mend = (
        "start one: ccd run"
        if address.startswith("ipc://")
        else "is it running, and this its address?"
    )
    where = address.removeprefix("ipc://")
    if address.startswith("ipc://") and Path(where).exists() and not os.access(where, os.W_OK):
        mend = "its socket is another user's: be that user"
    return CtiError(ErrorCode.UNAVAILABLE, f"no daemon answers at {where}; {mend}")
