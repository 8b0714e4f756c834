"""The asyncio shell around a `UserAgent`: sockets, one timer, and who is told of events.

It decides nothing. Whatever happens (a batch of datagrams, a message on a stream, a timer, an
act of the owner) ends in one `turn`: events to the handler, messages to the sockets, the timer
set anew. An act on a `Session` from outside a handler is followed by `wake()`, and any number
of acts in one iteration of the loop make one turn.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import structlog

from ccd.sip.agent import UserAgent
from ccd.sip.events import SipEvent
from ccd.sip.hop import Hop
from ccd.sip.streams import MAX_CONNECTIONS
from ccd.sip.timers import Timers
from ccd.sip.transaction import State
from ccd.sip.transports import Transports, reachable_address
from ccd.sip.udp import Counters

Trace = Callable[[Literal["in", "out"], bytes, Hop, float], None]
"""Sees every message: direction, bytes, the far end, and the loop's time."""

DRAIN_S = 2.0
"""How long `stop` waits for answers to our last requests: T1 doubled twice and a bit."""

_UNANSWERED = (State.CALLING, State.TRYING, State.PROCEEDING)


class Endpoint:
    """One user agent on the network.

    `listen` are `udp|tcp|tls:HOST:PORT`; port 0 is any free one, the same for UDP and TCP.
    `advertise` goes into Via and Contact instead of the bound address. `handler` is called
    with every event; what it raises is logged and ends nothing. `agent_factory` makes the
    agent from the `local` map where the default one does not do. `unreachable` is told of
    hops that nothing can be sent to (a broken connection, an ICMP error), `trace` of every
    message. `ca` is a file of certificates trusted in TLS peers, else the system's are.
    """

    def __init__(
        self,
        listen: Sequence[str],
        handler: Callable[[SipEvent], None],
        *,
        advertise: str = "",
        name: str = "ccd",
        certificate: str = "",
        private_key: str = "",
        ca: str = "",
        rng: random.Random | None = None,
        timers: Timers | None = None,
        agent_factory: Callable[[Mapping[str, tuple[str, int]]], UserAgent] | None = None,
        unreachable: Callable[[Hop], None] | None = None,
        trace: Trace | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._handler = handler
        self._advertise = advertise
        self._unreachable = unreachable
        self._trace = trace
        self._rng = rng if rng is not None else random.SystemRandom()
        self._agent_factory = agent_factory or (
            lambda local: UserAgent(local, rng=self._rng, name=name, timers=timers or Timers())
        )
        self._transports = Transports(
            listen,
            self,
            certificate=certificate,
            private_key=private_key,
            ca=ca,
            max_connections=max_connections,
        )
        self._log = structlog.get_logger("ccd.sip")
        self._agent: UserAgent | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        """When `_timer` is due: uvloop's handle of a time already past does not know."""
        self._woken = False
        self._turning = False
        self._drained: asyncio.Future[None] | None = None
        self.faults = 0
        """Exceptions in handlers and in ourselves, each of which is in the log."""

    # --- for the owner

    @property
    def agent(self) -> UserAgent:
        """The user agent; there from `start` on."""
        if self._agent is None:
            raise RuntimeError("the endpoint was not started")
        return self._agent

    @property
    def local(self) -> Mapping[str, tuple[str, int]]:
        """Protocol -> host and port, as peers are told."""
        return self.agent.local

    @property
    def counters(self) -> Counters:
        """What went through the sockets."""
        return self._transports.counters

    def hop(self, protocol: str = "udp") -> Hop:
        """Where this endpoint can be reached from this machine."""
        host, port = self._transports.bound[protocol]
        return Hop(protocol, {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)

    async def start(self) -> None:
        """Bind the sockets and begin; raises `ccd.sip.transports.ListenError`."""
        self._loop = asyncio.get_running_loop()
        bound: dict[str, tuple[str, int]] = {}
        await self._transports.start()
        for protocol, (host, port) in self._transports.bound.items():
            bound[protocol] = (self._advertise or reachable_address(host), port)
        self._agent = self._agent_factory(bound)

    async def stop(self, patience: float = DRAIN_S) -> None:
        """Take no new connections, let our last requests be answered, close the sockets.

        Ending the calls is the owner's to do, before; what has no answer after `patience`
        seconds stays without one. Idempotent.
        """
        if self._loop is None:
            return
        self._transports.stop_listening()
        if self._agent is None:  # `start` failed: nothing was ever asked
            await self._transports.close()
            self._loop = None
            return
        self._drained = self._loop.create_future()
        try:
            async with asyncio.timeout(patience):
                self.turn()
                await self._drained
                await self._transports.drain()
        except TimeoutError:
            self._log.info("stopped before all was answered", counts=str(self.agent.counts))
        await self._transports.close()
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None

    def wake(self) -> None:
        """Something was done to the agent or a session: take a turn, soon."""
        if not self._woken and self._loop is not None:
            self._woken = True
            self._loop.call_soon(self.turn)

    async def resolve(self, uri: str) -> Hop:
        """Where a URI leads; raises `ccd.sip.resolver.ResolveError`."""
        return await self._transports.resolver.resolve(uri)

    # --- for the transports

    def received(self, data: bytes, source: Hop) -> None:
        """Give the agent a message. Its exceptions are our faults, and no stranger's weapon."""
        now = self._now()
        if self._trace is not None:
            self._trace("in", data, source, now)
        if self._agent is None:
            return  # before `start` is through; UDP's senders will repeat it
        try:
            self._agent.receive(data, source, now)
        except Exception:
            self._fault("a message could not be handled", source=str(source), message=data[:2000])

    def failed(self, hop: Hop) -> None:
        """Tell the agent and the owner that nothing can be sent to `hop`."""
        if self._agent is None:
            return
        for name in self._transports.names(hop):
            self._agent.transport_failed(name, self._now())
        if self._unreachable is not None:
            try:
                self._unreachable(hop)
            except Exception:
                self._fault("the owner's `unreachable` failed", hop=str(hop))

    def turn(self) -> None:
        """Events to the handler, messages to the sockets, until there are no more of either."""
        self._woken = False
        if self._turning or self._agent is None or self._loop is None:
            return
        self._turning = True
        try:
            while self._tell() + self._flush():
                pass
            self._arm()
        finally:
            self._turning = False
        if self._drained is not None and not self._drained.done() and not self._waiting():
            self._drained.set_result(None)

    # --- one turn

    def _tell(self) -> int:
        agent, count = self.agent, 0
        while (event := agent.next_event()) is not None:
            count += 1
            try:
                self._handler(event)
            except Exception:
                self._fault("an event could not be handled", kind=type(event).__name__)
        return count

    def _flush(self) -> int:
        messages = self.agent.to_send()
        for data, hop in messages:
            if self._trace is not None:
                self._trace("out", data, hop, self._now())
            if not self._transports.send(data, hop):
                self.failed(hop)
        return len(messages)

    def _arm(self) -> None:
        due = self.agent.get_timer()
        assert self._loop is not None
        if self._timer is not None:
            if due is not None and self._rings_at <= due:
                return  # it comes early enough, and sets itself anew: cheaper than moving it
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(due, self._ring)
            self._rings_at = due

    def _ring(self) -> None:
        self._timer = None
        try:
            self.agent.handle_timer(self._now())
        except Exception:
            self._fault("a timer could not be handled")
        self.turn()

    def _waiting(self) -> bool:
        """Whether a request of ours has no final answer yet."""
        return any(t.state in _UNANSWERED for t in self.agent.layer.clients.values())

    def _now(self) -> float:
        return self._loop.time() if self._loop is not None else 0.0

    def _fault(self, what: str, **context: object) -> None:
        self.faults += 1
        self._log.exception(what, **context)
