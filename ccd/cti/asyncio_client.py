"""The asyncio client: a session over a DEALER, whose answers find who asked."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import zmq
import zmq.asyncio

from ccd.cti.catalogue import (
    CATALOGUE,
    AuthenticateResult,
    HelloResult,
    LogInResult,
    PingResult,
)
from ccd.cti.credentials import LOGGING_IN, Credentials
from ccd.cti.feed import Feed, MonitorFeed, Subscription
from ccd.cti.handshake import Handshake
from ccd.cti.keys import ClientKeys, read_client
from ccd.cti.operations import Operations
from ccd.cti.wire import (
    MAX_MESSAGE,
    Answer,
    CtiError,
    ErrorCode,
    convert,
    pack_request,
    unpack,
)
from ccd.events import Event
from ccd.paths import CONNECT_VARIABLE, KEYS_VARIABLE, state_paths

PING_S = 5.0
"""How often a client says that it is there."""

RESEND_S = 2.0
"""After so long without an answer a request is sent again, under the same id: what was done
is not done twice (`ccd.cti.answered`)."""

RECEIVE_QUEUE = 20_000
"""Events that wait in this process for a slow reader; more are dropped and fetched later."""


class Client(Operations):
    """A session with a daemon. Safe for many tasks of one event loop.

    Every operation of docs/cti.md is a method (`ccd.cti.operations`). Where the session is lost
    (the daemon restarted, the network was away for long), who had logged in over it is logged
    in again over the next one by itself, unless he is at work elsewhere by then.
    """

    def __init__(
        self,
        state: Path | str | None = None,
        *,
        commands: str = "",
        events: str = "",
        keys: ClientKeys | Path | str | None = None,
        timeout_s: float = 5.0,
        name: str = "",
        on_restart: Callable[[], Awaitable[None] | None] | None = None,
    ) -> None:
        """Prepare to speak with the daemon of a state folder (None: the usual one).

        `commands` is a ZeroMQ address, for one that is elsewhere: `tcp://HOST:PORT`, with `keys`,
        a file that `ccd keys client` made; where neither is given nor `state`, CCD_CONNECT and
        CCD_KEYS are read. `events` is found by itself. `on_restart` is called when another
        daemon answers than before, and log-ins were said again: agents are not ready then.
        """
        paths = state_paths(Path(state) if state is not None else None)
        if state is None and not commands:
            commands = os.environ.get(CONNECT_VARIABLE, "")
            keys = keys or os.environ.get(KEYS_VARIABLE) or None
        self.commands_address = commands or paths.cti_commands
        self.events_address = events or ("" if commands else paths.cti_events)
        self.timeout_s = timeout_s
        self.name = name
        self.hello: HelloResult | None = None
        """What the daemon said of itself at `connect`."""
        self._keys_file = "" if isinstance(keys, ClientKeys) else str(keys or "")
        self._keys = keys if isinstance(keys, ClientKeys) else None
        self._handshake: Handshake | None = None
        self._on_restart = on_restart
        self._identity = secrets.token_bytes(16)  # unguessable: it is what a session hangs on
        self._context: zmq.asyncio.Context | None = None
        self._dealer: zmq.asyncio.Socket | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._boot = ""
        self._session = ("", 0)
        """The daemon's run, and the number of the session there."""
        self._credentials = Credentials()
        self._logging_in = asyncio.Lock()
        self._events_topic = b""
        self._tasks: list[asyncio.Task[None]] = []
        self._feeds: set[Subscription] = set()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def connect(self) -> HelloResult:
        """Open the session. Raises CtiError: `unavailable` where no daemon answers, `forbidden`
        where keys are wrong; CcdError for a file of keys that makes no sense."""
        address = self.commands_address
        if _nobody_home(address):
            raise _unavailable(address)
        self._keys = self._keys_for(address)
        self._context = zmq.asyncio.Context()
        self._dealer = self._socket(zmq.DEALER, address)
        self._tasks = [asyncio.create_task(self._receive(self._dealer), name="cti.receive")]
        try:
            self.hello = await self._hello()
        except CtiError as error:
            await self.close()
            if error.code is ErrorCode.TIMEOUT:
                raise _unavailable(address) from None
            raise
        except BaseException:
            await self.close()
            raise
        if not self.events_address:
            host = address.rpartition(":")[0]
            self.events_address = f"{host}:{self.hello.events_port}"
        self._boot = self.hello.boot
        self._session = (self.hello.boot, self.hello.session)
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
        if self._handshake is not None:
            self._handshake.close()
            self._handshake = None
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
        before = self._session
        try:
            return await self._ask(op, timeout_s, args)
        except CtiError as error:
            if error.code is not ErrorCode.NOT_LOGGED_IN or op in LOGGING_IN:
                raise
            if not await self._log_in_again(before):
                self._credentials.displaced()
                raise
        return await self._ask(op, timeout_s, args)

    async def _ask(self, op: str, timeout_s: float | None, args: dict[str, Any]) -> Any:
        """Carry out an operation over the session that there is."""
        if self._dealer is None:
            raise CtiError(ErrorCode.UNAVAILABLE, "the client is not connected")
        self._number += 1
        number = self._number
        data = pack_request(op, args, number)
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        sent = False
        patience = self.timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(patience) as limit:
                # Waits while there is no connection: a request never lies in a queue, to be
                # carried out long after its caller gave up (ZMQ_IMMEDIATE).
                await self._dealer.send(data)
                sent = True
                plain = await self._answer(number, data, limit.when())
        except TimeoutError:
            if not sent:
                raise _unavailable(self.commands_address) from None
            raise CtiError(ErrorCode.TIMEOUT, f"{op}: no answer in time") from None
        finally:
            self._waiting.pop(number, None)
        self._credentials.succeeded(op, args)
        spec = CATALOGUE.get(op)
        if spec is None or spec.result is None:
            return plain
        result = convert(plain, spec.result)
        if isinstance(result, HelloResult | AuthenticateResult | LogInResult):
            self._events_topic = result.events_topic.encode()
        return result

    async def _answer(self, number: int, data: bytes, until: float | None) -> Any:
        """Wait for the answer to a request that was sent; send it again where that is of use.

        The same id makes that safe, whatever became of the first one or of its answer.
        """
        loop = asyncio.get_running_loop()
        while True:
            answered = self._waiting[number]
            await asyncio.wait({answered}, timeout=RESEND_S)
            if answered.done():
                try:
                    return answered.result()
                except CtiError as error:
                    # Nothing was done, and the daemon says when to ask again.
                    pause = error.details.get("retry_after_s")
                    limited = error.code in (ErrorCode.RATE_LIMITED, ErrorCode.BUSY)
                    late = until is not None and loop.time() + (pause or 0.0) >= until
                    if not limited or pause is None or late:
                        raise
                    self._waiting[number] = loop.create_future()
                    await asyncio.sleep(pause)
            if self._dealer is None:
                raise CtiError(ErrorCode.UNAVAILABLE, "the client was closed")
            await self._dealer.send(data)

    def events(self, since: int | None = None, *types: type[Event]) -> Feed:
        """Return the events after number `since`, and so on without end; of `types` where given.

        None: those since this client connected, so that nothing it caused is missed. Raises
        CtiError(forbidden) for who is neither supervisor nor admin: he has `monitor`.
        """
        if self._context is None or self.hello is None:
            raise CtiError(ErrorCode.UNAVAILABLE, "the client is not connected")
        feed = Feed(self, self.hello.seq if since is None else since, types)
        self._feeds.add(feed)
        return feed

    async def monitor(
        self,
        *,
        agent: str | None = None,
        call: str | None = None,
        queue: str | None = None,
        all: bool = False,  # noqa: A002 - the operation's word
    ) -> MonitorFeed:
        """Begin to watch one of these; iterate over what is returned, whose `state` is how it is now.

        Only events about it are sent here. Raises CtiError as `monitor_start` does.
        """
        begun = await self.monitor_start(agent=agent, call=call, queue=queue, all=all)
        feed = MonitorFeed(self, begun)
        self._feeds.add(feed)
        return feed

    def subscribed(self, *topics: bytes) -> zmq.asyncio.Socket:
        """Return a socket of this client that hears these topics (for feeds)."""
        return self._socket(zmq.SUB, self.events_address, topics)

    def events_topic(self) -> bytes:
        """Return the topic of all events as last told (for feeds). Raises CtiError(forbidden)."""
        if not self._events_topic:
            raise CtiError(
                ErrorCode.FORBIDDEN,
                "all events are for supervisors and admins (authenticate first); what is about "
                "an agent who logged in here: monitor(agent=…)",
            )
        return self._events_topic

    async def ask_events_topic(self) -> None:
        """Be told it again: the daemon may be another one, or rights may have changed."""
        await self._log_in_again(self._session)

    def let_go(self, feed: Subscription) -> None:
        """Forget a feed that was closed."""
        self._feeds.discard(feed)

    # --- inside ---------------------------------------------------------------------------------

    def _keys_for(self, address: str) -> ClientKeys | None:
        """Return the keys to be used at an address. Raises CtiError, CcdError."""
        if address.startswith("ipc://"):
            return None
        if not self._keys_file and self._keys is None:
            raise CtiError(
                ErrorCode.FORBIDDEN,
                f"{address} lets nobody in without keys: on the daemon's machine, ccd keys client "
                f"NAME makes a file; give it as --keys FILE, {KEYS_VARIABLE}, or Client(keys=…)",
            )
        return read_client(Path(self._keys_file)) if self._keys_file else self._keys

    async def _hello(self) -> HelloResult:
        """Say hello; over TCP, find out what is wrong where nobody can hear it."""
        hello = asyncio.ensure_future(self.call("hello", client=self.name))
        if self._handshake is None:
            result: HelloResult = await hello
            return result
        failed = asyncio.ensure_future(self._handshake.failed())
        try:
            await asyncio.wait({hello, failed}, return_when=asyncio.FIRST_COMPLETED)
            if failed.done() and not hello.done():
                raise failed.result()
            result = await hello
        finally:
            for each in (hello, failed):
                each.cancel()
            await asyncio.gather(hello, failed, return_exceptions=True)
            self._handshake.close()
            self._handshake = None
        return result

    def _socket(
        self, kind: int, address: str, topics: tuple[bytes, ...] = ()
    ) -> zmq.asyncio.Socket:
        if self._context is None:
            raise CtiError(ErrorCode.UNAVAILABLE, "the client is not connected")
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
            for topic in topics:
                made.setsockopt(zmq.SUBSCRIBE, topic)
        if self._keys is not None:
            made.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.own.public)
            made.setsockopt(zmq.CURVE_SECRETKEY, self._keys.own.secret)
            made.setsockopt(zmq.CURVE_SERVERKEY, self._keys.server)
            made.setsockopt(zmq.IPV6, int("[" in address))
            if kind == zmq.DEALER:
                file = self._keys_file or f"the keys of {self._keys.name}"
                self._handshake = Handshake(made, address, file)
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
        """Keep the session alive, and notice when it is another one, or another daemon's."""
        while True:
            await asyncio.sleep(PING_S)
            try:
                ping = await self.ping()
                for feed in self._feeds:
                    if isinstance(feed, MonitorFeed):
                        feed.told(ping.monitors)
                await self._notice(ping)
            except CtiError as error:
                if error.code is ErrorCode.FORBIDDEN:  # the key was revoked: nothing more is sent
                    for feed in list(self._feeds):
                        feed.fail(error)

    async def _notice(self, ping: PingResult) -> None:
        if (ping.boot, ping.session) != self._session:
            await self._log_in_again(self._session)
        if ping.boot == self._boot:
            return
        self._boot = ping.boot
        if self._on_restart is not None:
            outcome = self._on_restart()
            if outcome is not None:
                await outcome

    async def _log_in_again(self, before: tuple[str, int]) -> bool:
        """Say hello, and log-ins again if the session is another one than `before`; False: it is not.

        Raises CtiError where the daemon cannot be asked.
        """
        async with self._logging_in:
            if self._session != before:
                return True  # somebody else saw to it meanwhile
            hello: HelloResult = await self._ask("hello", None, {"client": self.name})
            session = (hello.boot, hello.session)
            if session == before:
                return False
            self.hello = hello
            for op, args in self._credentials.again():
                try:
                    await self._ask(op, None, args)
                except CtiError as error:
                    if error.code in (ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE):
                        raise  # tried again: the session still counts as the old one
                    self._credentials.refused(op, args)
            self._session = session
            return True


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
