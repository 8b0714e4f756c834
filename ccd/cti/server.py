"""The CTI's server: requests in, answers and events out, over ZeroMQ.

A ROUTER takes requests and knows its clients apart; an XPUB sends events. What an
operation does is a handler that the daemon gives (`services`); everything around it is
here: decoding, sessions, roles, limits, errors, the audit line. (Who somebody is: `gate`;
sockets: `doors`; keys: `keys` and `zap`.)

Nothing a client sends is an exception, and nothing a client leaves undone is waited for: for a
peer that does not read, XPUB drops events, and ROUTER answers; nothing more is then done for it.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
import zmq
import zmq.asyncio

import ccd
from ccd.acd.errors import AcdError
from ccd.cti.access import Account, AuditLine, masked
from ccd.cti.answered import Seen
from ccd.cti.bucket import Rate, TokenBucket
from ccd.cti.catalogue import (
    Args,
    AuthenticateArgs,
    AuthenticateResult,
    HelloArgs,
    HelloResult,
    LogInArgs,
    LogInResult,
    Op,
    PingResult,
    ReplayArgs,
    Role,
)
from ccd.cti.doors import (
    LINGER_MS,
    MAX_SUBSCRIPTION,
    Remote,
    bind,
    bound,
    open_router,
    unlink,
)
from ccd.cti.gate import Gate
from ccd.cti.keys import KeyRing
from ccd.cti.lockout import LockoutPolicy
from ccd.cti.monitoring import Monitoring, Picture, sees_all
from ccd.cti.publisher import SUBSCRIBER_QUEUE, Publisher
from ccd.cti.session import Session, SessionId
from ccd.cti.wire import (
    CtiError,
    ErrorCode,
    Packed,
    Request,
    convert,
    pack_error,
    pack_result,
    unpack_request,
)
from ccd.cti.zap import Doorkeeper
from ccd.errors import CcdError
from ccd.events import Event, EventStream

MAX_SESSIONS = 4096
"""More clients than any centre has seats; a peer that makes up identities ends here."""

MAX_SESSIONS_OF_KEY = MAX_SESSIONS // 2
"""Clients that come in with one key: no key can keep all others out."""

MAX_IN_FLIGHT = 64
"""Requests of one client that wait for their handlers."""

BURST = 32
"""Requests read before everything else in the loop has its turn."""

HANDLER_TIMEOUT_S = 30.0
"""How long an asynchronous handler may take."""

ANSWER_TOKEN = 16 * 1024
"""Bytes of an answer that count as one more request of the client that asked."""

NOT_ALL = (
    "all events are for supervisors and admins; monitor (monitor_start) yourself, or a call that "
    "you are connected to, and replay that"
)

UNREAD_RETRY_S = 0.2
"""When a client that did not read its answers may ask again."""

REFUSALS = Rate(per_s=1.0, burst=100.0)
"""Refused requests of one client that are written down; the others are counted."""

REOPEN_TRIES = 100
REOPEN_S = 0.02
"""How long the port of a socket just closed may stay taken."""


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
    limited: int = 0
    """Refused because their client asks too much."""
    repeated: int = 0
    """Came again under their id, and were not done again."""
    unread: int = 0
    """Answers dropped because their client does not read."""
    keys_refused: int = 0
    """Handshakes with a key that is not authorised, or without any."""
    unaudited: int = 0
    """Refusals of one client beyond those that are written down."""


@dataclass(frozen=True)
class Caller:
    """Where a request came from, and its answer goes: a door, and the frames that lead there."""

    door: zmq.asyncio.Socket
    envelope: list[bytes]
    key: str
    """The name of the client's key; empty: this machine."""


class Server:
    """The door for everything outside the daemon."""

    def __init__(
        self,
        services: Mapping[str, Op],
        events: EventStream,
        *,
        commands: str,
        publish: str,
        people: Callable[[str], Account | None],
        remote: Remote | None = None,
        ring: KeyRing | None = None,
        rate: Rate | None = None,
        lockout: LockoutPolicy | None = None,
        replay_events: int = 100_000,
        history: Iterable[Event] = (),
        audit: Callable[[AuditLine], None] | None = None,
        on_session_lost: Callable[[Session], None] | None = None,
        picture: Picture | None = None,
        session_timeout_s: float = 30.0,
        beat_s: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a server for `services`, by name; `start` opens it.

        `commands` and `publish` are `ipc://` addresses; `remote` has those for other machines,
        whose clients' keys are in `ring`. `people` returns who is called so in the settings as
        they apply then, None for a name that they do not know; one without a password may come
        in from this machine alone. `history` are the newest events of an earlier run, for
        clients that a restart cut off. `on_session_lost` is told of a client with agents that
        fell silent. `picture` says how what is monitored is now; without it nothing can be
        monitored. Raises CcdError for TCP without keys.
        """
        for address in (commands, publish):
            if not address.startswith("ipc://"):
                raise CcdError(
                    f"cti: {address} would be open to everybody on the network; use an ipc:// "
                    "address, and cti.listen, with CURVE keys, for other machines"
                )
        if remote is not None and ring is None:
            raise CcdError("cti: other machines need CURVE keys: nobody could come in without")
        self.boot = secrets.token_hex(8)
        self.counts = Counts()
        self.sessions: dict[SessionId, Session] = {}
        self.publisher = Publisher(
            keep=replay_events, last_seq=events.last_seq, boot=self.boot, clock=clock
        )
        self.publisher.remember(history)
        events.subscribe(self.publisher.on_event)
        self._monitoring = Monitoring(self.publisher, picture) if picture is not None else None
        self._ops = dict(services)
        self._on_log_in = self._ops.get("log_in")
        self._on_log_off = self._ops.get("log_off")
        self._on_open_seat = self._ops.get("open_seat")
        loop = asyncio.get_running_loop()
        self._gate = Gate(people, lockout or LockoutPolicy(), loop.time)
        builtins: dict[str, Callable[[Session, Any], Any]] = {
            "hello": self._hello,
            "ping": self._ping,
            "leave": self._leave,
            "log_in": self._log_in,
            "log_off": self._log_off,
            "replay": self._replay,
            "authenticate": self._authenticate,
            "locked_accounts": self._gate.locked_accounts,
            "unlock_account": self._gate.unlock_account,
        }
        if self._on_open_seat is not None:
            builtins["open_seat"] = self._open_seat
        if self._monitoring is not None:
            builtins["monitor_start"] = self._monitoring.start
            builtins["monitor_stop"] = self._monitoring.stop
        self._ops.update({name: Op.of(name, handler) for name, handler in builtins.items()})
        self._commands, self._publish = commands, publish
        self._remote, self._ring = remote, ring
        self._rate = rate or Rate()
        self._audit = audit
        self._on_session_lost = on_session_lost
        self._session_timeout_s = session_timeout_s
        self._beat_s = beat_s
        self._clock = clock
        self._log = structlog.get_logger("cti")
        self._session_number = 0
        self._of_key: Counter[str] = Counter()
        self._opened: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._context: zmq.asyncio.Context | None = None
        self._doorkeeper: Doorkeeper | None = None
        self._local: zmq.asyncio.Socket | None = None
        self._distant: zmq.asyncio.Socket | None = None
        self._pub: zmq.Socket[bytes] | None = None
        self._distant_publish = remote.publish if remote is not None else ""

    @property
    def commands(self) -> str:
        """Where this machine's requests are taken."""
        return self._commands

    @property
    def publish(self) -> str:
        """Where events are published for this machine."""
        return self._publish

    @property
    def remote_commands(self) -> str:
        """Where other machines' requests are taken, with the port that it became; empty: nowhere."""
        return bound(self._distant, self._remote.commands) if self._remote is not None else ""

    @property
    def remote_publish(self) -> str:
        """Where events are published for other machines, with the port that it became."""
        return self._distant_publish

    async def start(self) -> None:
        """Open the doors. Raises CcdError where an address cannot be used."""
        self._context = zmq.asyncio.Context()
        self.sessions.clear()
        try:
            if self._remote is not None and self._ring is not None:
                self._ring.changes()
                self._tell_ring_problem()
                self._doorkeeper = Doorkeeper(self._ring.name_of, self._key_refused)
                self._doorkeeper.start(self._context)
                self._distant = open_router(self._context, self._remote.commands, self._remote.keys)
            self._local = open_router(self._context, self._commands)
            self._opened.append(self._commands)
            self._pub = self._open_events()
        except CcdError:
            await self.stop()
            raise
        self.publisher.open(self._pub)
        self._spawn(self._serve(self._local, local=True), "cti.serve")
        if self._distant is not None:
            self._spawn(self._serve(self._distant, local=False), "cti.serve_remote")
        self._spawn(self._beat(), "cti.beat")

    async def stop(self) -> None:
        """Close the doors; events published so far still go out."""
        self.publisher.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for socket in (self._local, self._distant, self._pub):
            if socket is not None:
                socket.close()
        if self._doorkeeper is not None:
            await self._doorkeeper.stop()
        if self._context is not None:
            # Waits for the last messages, at most LINGER_MS: not in the loop's thread.
            await asyncio.to_thread(self._context.term)
            for address in self._opened:
                unlink(address)
        self._opened.clear()
        self._context = self._local = self._distant = self._pub = self._doorkeeper = None
        self.sessions.clear()
        self._of_key.clear()

    def _open_events(self) -> zmq.Socket[bytes]:
        """Return an XPUB for this machine and, where wanted, for others. Raises CcdError."""
        assert self._context is not None
        # Not an asyncio socket: sending to XPUB never waits, and a future an event costs 20 µs.
        pub: zmq.Socket[bytes] = zmq.Socket(self._context, zmq.XPUB)
        # Before anybody can connect: what is subscribed to until then would be accepted unseen.
        pub.setsockopt(zmq.XPUB_MANUAL, 1)
        pub.setsockopt(zmq.SNDHWM, SUBSCRIBER_QUEUE)
        pub.setsockopt(zmq.LINGER, LINGER_MS)
        pub.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION)
        try:
            bind(pub, self._publish, None)
            if self._publish not in self._opened:
                self._opened.append(self._publish)
            if self._remote is not None:
                bind(pub, self._distant_publish, self._remote.keys)
                self._distant_publish = bound(pub, self._distant_publish)
        except CcdError:
            pub.close()
            raise
        return pub

    async def _reopen_events(self) -> None:
        """Cut all subscribers off, so that one whose key was revoked cannot come back.

        ZeroMQ asks about a key at the handshake alone, and cannot cut off one peer. The others
        are back within a second, see the gap in the numbers, and ask for what they missed.
        """
        self.publisher.close()
        if self._pub is not None:
            self._pub.close(linger=0)
        for attempt in range(REOPEN_TRIES):
            try:
                self._pub = self._open_events()
                break
            except CcdError:  # the port is free only when ZeroMQ's thread has let go of it
                if attempt == REOPEN_TRIES - 1:
                    self._log.exception("cti.events_closed")
                    return
                await asyncio.sleep(REOPEN_S)
        assert self._pub is not None
        self.publisher.open(self._pub)

    # --- the loop -------------------------------------------------------------------------

    async def _serve(self, door: zmq.asyncio.Socket, *, local: bool) -> None:
        while True:
            for _ in range(BURST):
                if local:
                    frames, key = await door.recv_multipart(), ""
                else:
                    parts = await door.recv_multipart(copy=False)
                    frames, key = [part.bytes for part in parts], str(parts[-1].get("User-Id"))
                try:
                    self._receive(Caller(door, frames[:-1], key), frames[-1])
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
            self._gate.grant_all(self.sessions.values())
            self._withdraw()
            await self._look_at_keys()

    async def _look_at_keys(self) -> None:
        """Have keys that came or went since the last beat count, and be written down."""
        if self._ring is None:
            return
        came, gone = self._ring.changes()
        if not came and not gone:
            return
        self._tell_ring_problem()
        for names, op in ((came, "key_authorised"), (gone, "key_revoked")):
            for name in sorted(names):
                self._log.info(f"cti.{op}", client=name)
                self._write_down(
                    AuditLine(
                        at=self._clock(), session=0, client="", agents=(), op=op,
                        args={"name": name}, outcome="ok",
                    )
                )  # fmt: skip
        if gone:
            for session in [one for one in self.sessions.values() if one.key in gone]:
                self._lose(session)
            await self._reopen_events()

    def _tell_ring_problem(self) -> None:
        if self._ring is not None and self._ring.problem:
            self._log.error("cti.keys", reason=self._ring.problem)

    def _key_refused(self, address: str, key: str) -> None:
        self.counts.keys_refused += 1
        self._log.warning("cti.key_refused", address=address, key=key or "none")

    def _forget_silent_sessions(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in list(self.sessions.values()):
            if now - session.last_heard >= self._session_timeout_s and not session.in_flight:
                self._lose(session)

    def _lose(self, session: Session) -> None:
        """End a session; the daemon is told where agents depended on it."""
        del self.sessions[session.id]
        self._of_key[session.key] -= 1
        if self._monitoring is not None:
            self._monitoring.ended(session)
        if session.agents:
            self.counts.sessions_lost += 1
            self._log.warning(
                "cti.session_lost", client=session.client, agents=sorted(session.agents)
            )
        if self._on_session_lost is not None:
            self._on_session_lost(session)

    def _receive(self, caller: Caller, body: bytes) -> None:
        """Take one message: [identity, request], with REQ's empty frame between or not."""
        envelope = caller.envelope
        if not (len(envelope) == 1 or (len(envelope) == 2 and not envelope[1])):
            self.counts.malformed += 1
            return
        try:
            request = unpack_request(body)
        except CtiError as error:
            self.counts.malformed += 1
            self._refuse(caller, error.details.pop("id", None), error)
            return
        self.counts.requests += 1
        session = self._session(caller)
        if isinstance(session, CtiError):
            self._refuse(caller, request.id, session)
            return
        try:
            if self._repeated(caller, session, request, body):
                return
            op, args = self._admit(session, request)
            session.answered.begin(request.id, body)
            result = op.handler(session, args)
        except Exception as error:
            self._fail(caller, session, request, error)
        else:
            if inspect.isawaitable(result):
                session.in_flight += 1
                self._spawn(self._finish(caller, session, request, args, result), request.op)
            else:
                self._succeed(caller, session, request, args, result)

    def _repeated(self, caller: Caller, session: Session, request: Request, body: bytes) -> bool:
        """Whether a request was here before, and is so dealt with. Raises CtiError."""
        if session.stuck:
            # To be told so is the sign that it reads again; until then nothing is done for it.
            full = CtiError(
                ErrorCode.BUSY,
                "answers of yours wait to be read; nothing was done",
                {"retry_after_s": UNREAD_RETRY_S},
            )
            session.stuck = False
            self._refuse(caller, request.id, full)
            return True
        now = asyncio.get_running_loop().time()
        wait = session.bucket.take(now)
        if wait:
            self.counts.limited += 1
            limit = CtiError(
                ErrorCode.RATE_LIMITED,
                f"more than {self._rate.per_s:g} requests a second",
                {"retry_after_s": round(wait, 4)},
            )
            self._refuse(caller, request.id, limit)
            return True
        seen = session.answered.look(request.id, body)
        if seen is Seen.NEW:
            return False
        if seen is Seen.UNDER_WAY:
            self.counts.repeated += 1
            return True
        if seen is Seen.ANSWERED:
            self.counts.repeated += 1
            self._reply(caller, session.answered.answer(request.id))
            return True
        op = self._ops.get(request.op)
        if op is None or not op.spec.changes:
            return False  # to look twice does no harm
        why = "is older than what is remembered" if seen is Seen.FORGOTTEN else "was used before"
        raise CtiError(
            ErrorCode.REPLAYED, f"the id {request.id!r} {why}; each request needs a new one"
        )

    async def _finish(
        self, caller: Caller, session: Session, request: Request, args: Args, result: Any
    ) -> None:
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_S) as limit:
                value = await result
        except Exception as error:
            late = CtiError(ErrorCode.TIMEOUT, f"{request.op} took too long")
            mine = isinstance(error, TimeoutError) and limit.expired()
            self._fail(caller, session, request, late if mine else error)
        else:
            self._succeed(caller, session, request, args, value)
        finally:
            session.in_flight -= 1
            session.last_heard = asyncio.get_running_loop().time()

    # --- who may what -----------------------------------------------------------------------

    def _session(self, caller: Caller) -> Session | CtiError:
        """The session of who asks, begun where there is none; or why it is not."""
        now = asyncio.get_running_loop().time()
        session = self.sessions.get((caller.key, caller.envelope[0]))
        if session is not None:
            session.last_heard = now
            return session
        local = caller.door is self._local
        if not local and self._ring is not None and caller.key not in self._ring.names:
            # It came in before its key was revoked: ZeroMQ asks at the handshake only.
            return CtiError(ErrorCode.FORBIDDEN, f"the key of client {caller.key!r} was revoked")
        if len(self.sessions) >= MAX_SESSIONS:
            return CtiError(ErrorCode.BUSY, f"{MAX_SESSIONS} clients are here already")
        if not local and self._of_key[caller.key] >= MAX_SESSIONS_OF_KEY:
            full = f"{MAX_SESSIONS_OF_KEY} clients with the key {caller.key!r} are here already"
            return CtiError(ErrorCode.BUSY, full)
        self._session_number += 1
        session = Session(
            identity=caller.envelope[0],
            number=self._session_number,
            local=local,
            roles=frozenset({Role.ADMIN}) if local else frozenset(),
            last_heard=now,
            bucket=TokenBucket(self._rate, now),
            refusals=TokenBucket(REFUSALS, now),
            key=caller.key,
        )
        self.sessions[session.id] = session
        self._of_key[session.key] += 1
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
        self, caller: Caller, session: Session, request: Request, args: Args, result: Any
    ) -> None:
        try:
            packed = pack_result(request.id, result)
        except (TypeError, ValueError, OverflowError) as error:
            self._fail(caller, session, request, error)
            return
        changes = self._ops[request.op].spec.changes
        session.answered.end(request.id, packed, keep=changes)
        if len(packed) >= ANSWER_TOKEN:
            session.bucket.charge(len(packed) / ANSWER_TOKEN, asyncio.get_running_loop().time())
        self._reply(caller, packed, session)
        if changes:
            self._audited(session, request, args, "ok")

    def _fail(self, caller: Caller, session: Session, request: Request, error: Exception) -> None:
        """Answer with what the error means to a client; one of ours is told the log alone."""
        if isinstance(error, AcdError):
            error = CtiError(ErrorCode(error.code), str(error))
        if not isinstance(error, CtiError):
            self.counts.faults += 1
            self._log.error("cti.fault", op=request.op, exc_info=error)
            error = CtiError(ErrorCode.INTERNAL, f"{request.op} failed; the daemon's log says why")
        op = self._ops.get(request.op)
        changes = op is not None and op.spec.changes
        if changes or error.code is ErrorCode.FORBIDDEN:
            self._audited(session, request, None, error.code.value)
        packed = pack_error(request.id, error)
        if error.code is not ErrorCode.REPLAYED:
            session.answered.end(request.id, packed, keep=changes)
        self.counts.refused += 1
        self._reply(caller, packed, session)

    def _refuse(self, caller: Caller, number: int | str | None, error: CtiError) -> None:
        self.counts.refused += 1
        self._reply(caller, pack_error(number, error))

    def _reply(self, caller: Caller, packed: bytes, session: Session | None = None) -> None:
        if caller.door.closed:
            return
        sent = asyncio.ensure_future(
            caller.door.send_multipart([*caller.envelope, packed], zmq.DONTWAIT)
        )
        # Told at once (DONTWAIT): EAGAIN, its queue is full; EHOSTUNREACH, it is gone.
        error = sent.exception() if sent.done() and not sent.cancelled() else None
        if not isinstance(error, zmq.Again):
            return
        self.counts.unread += 1
        session = session or self.sessions.get((caller.key, caller.envelope[0]))
        if session is not None and not session.stuck:
            session.stuck = True
            self._log.warning("cti.unread", client=session.client, session=session.number)

    def _audited(self, session: Session, request: Request, args: Args | None, outcome: str) -> None:
        if outcome != "ok" and session.refusals.take(asyncio.get_running_loop().time()):
            self.counts.unaudited += 1
            return
        said = msgspec.to_builtins(args) if args is not None else request.args
        self._write_down(
            AuditLine(
                at=self._clock(),
                session=session.number,
                client=session.client,
                agents=tuple(sorted(session.agents)),
                op=request.op,
                args=masked(said),
                outcome=outcome,
                key=session.key,
                user=session.user,
                roles=tuple(sorted(session.roles)),
            )
        )

    def _write_down(self, line: AuditLine) -> None:
        if self._audit is not None:
            self._audit(line)

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
            events_port=0 if session.local else int(self._distant_publish.rpartition(":")[2]),
            events_topic=self._events_topic(session),
            session=session.number,
        )

    def _ping(self, session: Session, _args: Args) -> PingResult:
        return PingResult(
            boot=self.boot,
            seq=self.publisher.ring.last_seq,
            at=self._clock(),
            monitors=self._monitoring.counts(session) if self._monitoring is not None else {},
            session=session.number,
        )

    def _leave(self, session: Session, _args: Args) -> None:
        asyncio.get_running_loop().call_soon(self._left, session)  # when it is answered

    def _left(self, session: Session) -> None:
        if self.sessions.get(session.id) is session:
            self._lose(session)

    def _replay(self, session: Session, args: ReplayArgs) -> Packed:
        if args.monitor is not None and self._monitoring is not None:
            return self._monitoring.replay(session, args)
        if not sees_all(session):
            raise CtiError(ErrorCode.FORBIDDEN, NOT_ALL)
        events = self.publisher.ring.since(args.since, args.limit)
        seq = self.publisher.ring.last_seq
        return Packed({"seq": seq, "more": args.since + len(events) < seq}, "events", events)

    async def _log_in(self, session: Session, args: LogInArgs) -> LogInResult:
        """Check who it is, have the daemon log him on, and let the session act for him."""
        account = await self._gate.check(session, args.agent, args.password)
        if account is None or not account.agent:
            raise CtiError(ErrorCode.UNKNOWN_AGENT, f"there is no agent {args.agent!r}")
        others = (one for one in self.sessions.values() if one is not session)
        if args.unless_taken and any(args.agent in one.agents for one in others):
            taken = f"{args.agent!r} is at work over another session"
            raise CtiError(ErrorCode.WRONG_STATE, taken)
        resumed = False
        if self._on_log_in is not None:
            try:
                await _settled(self._on_log_in.handler(session, args))
            except (AcdError, CtiError) as error:
                if error.code != ErrorCode.WRONG_STATE:
                    raise
                resumed = True  # logged on already: the one thing that refuses a log-on
        self._forget_agent(args.agent)
        session.agents.add(args.agent)
        self._gate.grant(session)
        return LogInResult(resumed=resumed, events_topic=self._events_topic(session))

    async def _authenticate(self, session: Session, args: AuthenticateArgs) -> AuthenticateResult:
        result = await self._gate.authenticate(session, args)
        return msgspec.structs.replace(result, events_topic=self._events_topic(session))

    async def _log_off(self, session: Session, args: Any) -> Any:
        result = None
        if self._on_log_off is not None:
            result = await _settled(self._on_log_off.handler(session, args))
        self._forget_agent(args.agent)
        return result

    async def _open_seat(self, session: Session, args: Any) -> Any:
        """Check who it is, where that is not known, and have the daemon open the seat.

        A supervisor needs no password for another's seat, but does for his own, which he left.
        """
        above = bool(session.roles & {Role.SUPERVISOR, Role.ADMIN})
        if args.password or not (session.local or (above and args.agent not in session.agents)):
            await self._gate.check(session, args.agent, args.password)
        assert self._on_open_seat is not None
        return await _settled(self._on_open_seat.handler(session, args))

    def _forget_agent(self, agent: str) -> None:
        """No session acts for an agent any more, nor has the roles that it had for that."""
        for other in self.sessions.values():
            if agent in other.agents:
                other.agents.discard(agent)
                self._gate.grant(other)
                if self._monitoring is not None:
                    self._monitoring.review(other)

    # --- who may hear what --------------------------------------------------------------------

    def _events_topic(self, session: Session) -> str:
        """The topic of all events for a session that may hear them; empty for others."""
        if not sees_all(session):
            return ""
        if session.local:  # it needs no person for that, and nobody can take it from it
            return self.publisher.topics.tell(())
        people = (name for name in (session.user, *session.agents) if name)
        return self.publisher.topics.tell(name for name in people if self._gate.sees_all(name))

    def _withdraw(self) -> None:
        """Who may no longer hear something hears it no longer."""
        if self._monitoring is not None:
            for session in self.sessions.values():
                self._monitoring.review(session)
        self.publisher.review(self._gate.sees_all)


async def _settled(result: Any) -> Any:
    """What a handler returned, awaited where it must be."""
    return await result if inspect.isawaitable(result) else result
