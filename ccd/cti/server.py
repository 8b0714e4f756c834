"""The CTI's server: requests in, answers and events out, over ZeroMQ.

A ROUTER takes requests and knows its clients apart; a PUB sends events. What an
operation does is a handler that the daemon gives (`services`); everything around it is
here: decoding, sessions, log-in, roles, limits, errors, the audit line.

Nothing a client sends is an exception, and nothing a client leaves undone is waited for:
ROUTER and PUB drop for a peer that does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog
import zmq
import zmq.asyncio

import ccd
from ccd.acd.errors import AcdError
from ccd.cti.access import AuditLine, CurveKeys, check_password, masked
from ccd.cti.catalogue import (
    Args,
    HelloArgs,
    HelloResult,
    LogInArgs,
    LogInResult,
    Op,
    PingResult,
    ReplayArgs,
    Role,
)
from ccd.cti.publisher import SUBSCRIBER_QUEUE, Publisher
from ccd.cti.session import Session
from ccd.cti.wire import (
    MAX_MESSAGE,
    CtiError,
    ErrorCode,
    Packed,
    Request,
    convert,
    pack_error,
    pack_result,
    unpack_request,
)
from ccd.errors import CcdError
from ccd.events import Event, EventStream

MAX_SESSIONS = 4096
"""More clients than any centre has seats; a peer that makes up identities ends here."""

MAX_IN_FLIGHT = 64
"""Requests of one client that wait for their handlers."""

BURST = 32
"""Requests read before everything else in the loop has its turn."""

HANDLER_TIMEOUT_S = 30.0
"""How long an asynchronous handler may take."""

LINGER_MS = 500
"""How long a stop waits for the last events to be sent."""


class Counts(msgspec.Struct):
    """What passed through the door since the start."""

    requests: int = 0
    refused: int = 0
    """Answered with an error, of any kind."""
    malformed: int = 0
    """Not even a request; answered where there was an id."""
    faults: int = 0
    """Handlers that raised what they should not."""
    sessions_lost: int = 0


class Server:
    """The door for everything outside the daemon."""

    def __init__(
        self,
        services: Mapping[str, Op],
        events: EventStream,
        *,
        commands: str,
        publish: str,
        people: Callable[[str], str | None],
        replay_events: int = 100_000,
        history: Iterable[Event] = (),
        curve: CurveKeys | None = None,
        audit: Callable[[AuditLine], None] | None = None,
        on_session_lost: Callable[[Session], None] | None = None,
        session_timeout_s: float = 30.0,
        beat_s: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a server for `services`, by name; `start` opens it.

        `commands` and `publish` are ZeroMQ addresses (`ipc://…`, or `tcp://…` with
        `curve`). `people` returns an agent's argon2 hash (empty: anybody on this machine
        may log in as him), None for a name it does not know. `history` are the newest events
        of an earlier run, for clients that a restart cut off. `on_session_lost` is told
        of a client with agents that fell silent. Raises CcdError for TCP without keys.
        """
        for address in (commands, publish):
            if not address.startswith("ipc://") and curve is None:
                raise CcdError(
                    f"cti: {address} would be open to everybody on the network; use an ipc:// "
                    "address, or give the daemon CURVE keys"
                )
        self.boot = secrets.token_hex(8)
        self.counts = Counts()
        self.sessions: dict[bytes, Session] = {}
        self.publisher = Publisher(
            keep=replay_events, last_seq=events.last_seq, boot=self.boot, clock=clock
        )
        self.publisher.remember(history)
        events.subscribe(self.publisher.on_event)
        self._ops = dict(services)
        self._on_log_in = self._ops.get("log_in")
        self._on_log_off = self._ops.get("log_off")
        builtins: dict[str, Callable[[Session, Any], Any]] = {
            "hello": self._hello,
            "ping": self._ping,
            "log_in": self._log_in,
            "log_off": self._log_off,
            "replay": self._replay,
        }
        self._ops.update({name: Op.of(name, handler) for name, handler in builtins.items()})
        self._commands, self._publish, self._curve = commands, publish, curve
        self._people = people
        self._audit = audit
        self._on_session_lost = on_session_lost
        self._session_timeout_s = session_timeout_s
        self._beat_s = beat_s
        self._clock = clock
        self._log = structlog.get_logger("cti")
        self._session_number = 0
        self._verifying = asyncio.Semaphore(1)  # argon2 takes 50 ms of a core: one at a time
        self._opened: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._context: zmq.asyncio.Context | None = None
        self._router: zmq.asyncio.Socket | None = None
        self._pub: zmq.Socket[bytes] | None = None

    @property
    def commands(self) -> str:
        """Where requests are taken, a port of 0 replaced by the one that it became."""
        return _bound(self._router, self._commands)

    @property
    def publish(self) -> str:
        """Where events are published, a port of 0 replaced by the one that it became."""
        return _bound(self._pub, self._publish)

    async def start(self) -> None:
        """Open the door. Raises CcdError where an address cannot be used."""
        self._context = zmq.asyncio.Context()
        self._router = self._context.socket(zmq.ROUTER)
        # Not an asyncio socket: sending to PUB never waits, and a future an event costs 20 µs.
        self._pub = zmq.Socket(self._context, zmq.PUB)
        self._pub.setsockopt(zmq.SNDHWM, SUBSCRIBER_QUEUE)
        try:
            for socket, address in ((self._router, self._commands), (self._pub, self._publish)):
                socket.setsockopt(zmq.LINGER, LINGER_MS)
                # ZeroMQ cuts off who sends more; what it lets through, the wire judges.
                socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
                _bind(socket, address, self._curve)
                self._opened.append(address)
        except CcdError:
            await self.stop()
            raise
        self.publisher.open(self._pub)
        self._spawn(self._serve(self._router), "cti.serve")
        self._spawn(self._beat(), "cti.beat")

    async def stop(self) -> None:
        """Close the door; events published so far still go out."""
        self.publisher.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for socket in (self._router, self._pub):
            if socket is not None:
                socket.close()
        if self._context is not None:
            # Waits for the last messages, at most LINGER_MS: not in the loop's thread.
            await asyncio.to_thread(self._context.term)
            for address in self._opened:
                _unlink(address)
        self._opened.clear()
        self._context = self._router = self._pub = None
        self.sessions.clear()

    # --- the loop -------------------------------------------------------------------------

    async def _serve(self, router: zmq.asyncio.Socket) -> None:
        while True:
            for _ in range(BURST):
                frames = await router.recv_multipart()
                try:
                    self._receive(frames)
                except Exception:  # a fault of ours must cost one request, not the door
                    self.counts.faults += 1
                    self._log.exception("cti.fault")
            # With requests at hand, receiving never yields by itself.
            await asyncio.sleep(0)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            self.publisher.beat()
            self._forget_silent_sessions()

    def _forget_silent_sessions(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in list(self.sessions.values()):
            if now - session.last_heard < self._session_timeout_s or session.in_flight:
                continue
            del self.sessions[session.identity]
            if session.agents:
                self.counts.sessions_lost += 1
                self._log.warning(
                    "cti.session_lost", client=session.client, agents=sorted(session.agents)
                )
            if self._on_session_lost is not None:
                self._on_session_lost(session)

    def _receive(self, frames: list[bytes]) -> None:
        """Take one message: [identity, request], with REQ's empty frame between or not."""
        envelope, body = frames[:-1], frames[-1]
        if not (len(envelope) == 1 or (len(envelope) == 2 and not envelope[1])):
            self.counts.malformed += 1
            return
        try:
            request = unpack_request(body)
        except CtiError as error:
            self.counts.malformed += 1
            self._refuse(envelope, error.details.pop("id", None), error)
            return
        self.counts.requests += 1
        session = self._session(envelope[0])
        if session is None:
            full = CtiError(ErrorCode.BUSY, f"{MAX_SESSIONS} clients are here already")
            self._refuse(envelope, request.id, full)
            return
        try:
            op, args = self._admit(session, request)
            result = op.handler(session, args)
        except Exception as error:
            self._fail(envelope, session, request, error)
        else:
            if inspect.isawaitable(result):
                session.in_flight += 1
                self._spawn(self._finish(envelope, session, request, args, result), request.op)
            else:
                self._succeed(envelope, session, request, args, result)

    async def _finish(
        self, envelope: list[bytes], session: Session, request: Request, args: Args, result: Any
    ) -> None:
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_S) as limit:
                value = await result
        except Exception as error:
            late = CtiError(ErrorCode.TIMEOUT, f"{request.op} took too long")
            mine = isinstance(error, TimeoutError) and limit.expired()
            self._fail(envelope, session, request, late if mine else error)
        else:
            self._succeed(envelope, session, request, args, value)
        finally:
            session.in_flight -= 1
            session.last_heard = asyncio.get_running_loop().time()

    # --- who may what -----------------------------------------------------------------------

    def _session(self, identity: bytes) -> Session | None:
        now = asyncio.get_running_loop().time()
        session = self.sessions.get(identity)
        if session is not None:
            session.last_heard = now
            return session
        if len(self.sessions) >= MAX_SESSIONS:
            return None
        local = self._commands.startswith("ipc://")
        self._session_number += 1
        session = self.sessions[identity] = Session(
            identity=identity,
            number=self._session_number,
            local=local,
            roles=frozenset({Role.ADMIN}) if local else frozenset(),
            last_heard=now,
        )
        return session

    def _admit(self, session: Session, request: Request) -> tuple[Op, Args]:
        """Find the operation and check who asks and with what. Raises CtiError."""
        op = self._ops.get(request.op)
        if op is None:
            raise CtiError(ErrorCode.UNKNOWN_OP, f"there is no operation {request.op!r}")
        if op.spec.roles and not op.spec.roles & session.roles:
            if not session.roles:
                raise CtiError(ErrorCode.NOT_LOGGED_IN, f"{request.op}: log in first")
            wanted = " or ".join(sorted(op.spec.roles))
            raise CtiError(ErrorCode.FORBIDDEN, f"{request.op} is for {wanted}")
        if session.in_flight >= MAX_IN_FLIGHT:
            raise CtiError(ErrorCode.BUSY, f"{MAX_IN_FLIGHT} requests are not answered yet")
        args = convert(request.args, op.spec.args)
        if op.spec.for_agent:
            agent = self._agent_meant(session, getattr(args, "agent", None))
            args = msgspec.structs.replace(args, agent=agent)
        return op, args

    def _agent_meant(self, session: Session, named: str | None) -> str:
        if named is None:
            if session.agent is None:
                several = ": name one of " + ", ".join(sorted(session.agents))
                raise CtiError(
                    ErrorCode.NOT_LOGGED_IN,
                    f"which agent?{several if session.agents else ' none logged in here'}",
                )
            return session.agent
        if named in session.agents or session.roles & {Role.SUPERVISOR, Role.ADMIN}:
            return named
        raise CtiError(ErrorCode.FORBIDDEN, f"{named!r} did not log in over this session")

    # --- answers ------------------------------------------------------------------------------

    def _succeed(
        self, envelope: list[bytes], session: Session, request: Request, args: Args, result: Any
    ) -> None:
        try:
            packed = pack_result(request.id, result)
        except (TypeError, ValueError, OverflowError) as error:
            self._fail(envelope, session, request, error)
            return
        self._reply(envelope, packed)
        if self._ops[request.op].spec.changes:
            self._audited(session, request, args, "ok")

    def _fail(
        self, envelope: list[bytes], session: Session, request: Request, error: Exception
    ) -> None:
        """Answer with what the error means to a client; one of ours is told the log alone."""
        if isinstance(error, AcdError):
            error = CtiError(ErrorCode(error.code), str(error))
        if not isinstance(error, CtiError):
            self.counts.faults += 1
            self._log.error("cti.fault", op=request.op, exc_info=error)
            error = CtiError(ErrorCode.INTERNAL, f"{request.op} failed; the daemon's log says why")
        op = self._ops.get(request.op)
        if (op is not None and op.spec.changes) or error.code is ErrorCode.FORBIDDEN:
            self._audited(session, request, None, error.code.value)
        self._refuse(envelope, request.id, error)

    def _refuse(self, envelope: list[bytes], number: int | str | None, error: CtiError) -> None:
        self.counts.refused += 1
        self._reply(envelope, pack_error(number, error))

    def _reply(self, envelope: list[bytes], packed: bytes) -> None:
        if self._router is None:
            return
        # ROUTER drops for a peer that is gone or does not read, so this is done at once.
        sent = self._router.send_multipart([*envelope, packed], zmq.DONTWAIT)
        asyncio.ensure_future(sent).add_done_callback(_look_at)

    def _audited(self, session: Session, request: Request, args: Args | None, outcome: str) -> None:
        if self._audit is None:
            return
        said = msgspec.to_builtins(args) if args is not None else request.args
        self._audit(
            AuditLine(
                at=self._clock(),
                session=session.number,
                client=session.client,
                agents=tuple(sorted(session.agents)),
                op=request.op,
                args=masked(said),
                outcome=outcome,
            )
        )

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- operations of the server itself --------------------------------------------------------

    def _hello(self, session: Session, args: HelloArgs) -> HelloResult:
        session.client = args.client
        return HelloResult(
            version=ccd.__version__,
            boot=self.boot,
            seq=self.publisher.ring.last_seq,
            session_timeout_s=self._session_timeout_s,
            ops=tuple(sorted(self._ops)),
        )

    def _ping(self, _session: Session, _args: Args) -> PingResult:
        return PingResult(boot=self.boot, seq=self.publisher.ring.last_seq, at=self._clock())

    def _replay(self, _session: Session, args: ReplayArgs) -> Packed:
        events = self.publisher.ring.since(args.since, args.limit)
        seq = self.publisher.ring.last_seq
        return Packed({"seq": seq, "more": args.since + len(events) < seq}, "events", events)

    async def _log_in(self, session: Session, args: LogInArgs) -> LogInResult:
        """Check who it is, have the daemon log him on, and let the session act for him."""
        stored = self._people(args.agent)
        if stored is None and session.local:
            raise CtiError(ErrorCode.UNKNOWN_AGENT, f"there is no agent {args.agent!r}")
        if stored == "" and session.local:
            pass  # whoever may open the daemon's own socket is trusted
        elif stored == "":
            raise CtiError(
                ErrorCode.FORBIDDEN, f"{args.agent!r} has no password: only this machine may log in"
            )
        else:
            async with self._verifying:
                right = await asyncio.to_thread(check_password, stored, args.password)
            if not right:
                raise CtiError(ErrorCode.WRONG_PASSWORD, f"log-in of {args.agent!r} failed")
        resumed = False
        if self._on_log_in is not None:
            try:
                await _settled(self._on_log_in.handler(session, args))
            except (AcdError, CtiError) as error:
                if error.code != ErrorCode.WRONG_STATE:
                    raise
                resumed = True  # logged on already: the one thing that refuses a log-on
        for other in self.sessions.values():
            other.agents.discard(args.agent)
        session.agents.add(args.agent)
        session.roles |= {Role.AGENT}
        return LogInResult(resumed=resumed)

    async def _log_off(self, session: Session, args: Any) -> Any:
        result = None
        if self._on_log_off is not None:
            result = await _settled(self._on_log_off.handler(session, args))
        for other in self.sessions.values():
            other.agents.discard(args.agent)
        return result


async def _settled(result: Any) -> Any:
    """What a handler returned, awaited where it must be."""
    return await result if inspect.isawaitable(result) else result


def _look_at(sent: asyncio.Future[Any]) -> None:
    """Take a send's outcome: a peer that left in between needs no answer."""
    if not sent.cancelled():
        sent.exception()


def _bound(socket: zmq.Socket[Any] | None, address: str) -> str:
    if socket is None or socket.closed:
        return address
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def _bind(socket: zmq.Socket[Any], address: str, curve: CurveKeys | None) -> None:
    """Open a socket for this user alone (ipc), or for who holds the right key (tcp)."""
    path = Path(address.removeprefix("ipc://")) if address.startswith("ipc://") else None
    if path is None and curve is not None:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, curve.secret)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, curve.public)
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


def _unlink(address: str) -> None:
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
