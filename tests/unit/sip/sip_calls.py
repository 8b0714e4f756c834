"""Two user agents on a virtual network, for the call-flow tests of this folder."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ccd.sip.agent import UserAgent
from ccd.sip.events import SipEvent, Terminated
from ccd.sip.hop import Hop
from ccd.sip.session import Session
from ccd.sip.virtual_network import Sent, VirtualNetwork

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n"
ANSWER = b"v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\nm=audio 5000 RTP/AVP 0\r\n"
OFFER_2 = OFFER.replace(b"o=- 1 1", b"o=- 1 2") + b"a=sendonly\r\n"
ANSWER_2 = ANSWER.replace(b"o=- 2 1", b"o=- 2 2") + b"a=recvonly\r\n"


class Side:
    """One agent, what it told, and the reactions a test gives it."""

    def __init__(self, name: str, address: tuple[str, int], seed: int, **options: Any) -> None:
        protocol = options.pop("protocol", "udp")
        self.agent = UserAgent({protocol: address}, rng=random.Random(seed), name=name, **options)
        self.protocol = protocol
        self.events: list[SipEvent] = []
        self.reactions: dict[type, Callable[[Any], None]] = {}
        self.hop: Hop

    def handle(self, event: SipEvent) -> None:
        self.events.append(event)
        reaction = self.reactions.get(type(event))
        if reaction is not None:
            reaction(event)

    def on(self, kind: type, reaction: Callable[[Any], None]) -> None:
        self.reactions[kind] = reaction

    @property
    def session(self) -> Session:
        """The session of the newest event that has one."""
        for event in reversed(self.events):
            session = getattr(event, "session", None)
            if session is not None:
                return session
        raise AssertionError("no session yet")

    def told(self, *, fresh: bool = True) -> list[str]:
        """The names of the events since the last call."""
        names = [type(event).__name__ for event in self.events]
        if fresh:
            self.events.clear()
        return names

    def last(self, kind: type) -> Any:
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    @property
    def ends(self) -> list[Terminated]:
        return [event for event in self.events if isinstance(event, Terminated)]


class Pair:
    """A caller and a callee with nothing between them but `network`."""

    def __init__(
        self,
        *,
        protocol: str = "udp",
        caller: dict[str, Any] | None = None,
        callee: dict[str, Any] | None = None,
        **network: Any,
    ) -> None:
        self.network = VirtualNetwork(random.Random(3), **network)
        self.caller = Side("caller", ("192.0.2.1", 5060), 1, protocol=protocol, **(caller or {}))
        self.callee = Side("callee", ("192.0.2.2", 5060), 2, protocol=protocol, **(callee or {}))
        for side in (self.caller, self.callee):
            side.hop = self.network.attach(side.agent, side.handle, protocol)

    @property
    def now(self) -> float:
        return self.network.now

    def call(self, sdp: bytes | None = OFFER, **options: Any) -> Session:
        session = self.caller.agent.invite(
            "sip:95500@192.0.2.2",
            self.callee.hop,
            from_="<sip:alice@192.0.2.1>",
            to="<sip:95500@192.0.2.2>",
            sdp=sdp,
            now=self.now,
            **options,
        )
        self.settle()
        return session

    def settle(self, seconds: float = 0.05) -> None:
        """Let packets arrive (retransmission timers are longer than this)."""
        self.network.run(self.now + seconds)

    def answered_call(self, **options: Any) -> tuple[Session, Session]:
        """A call answered and acknowledged; both sides' events are forgotten."""
        ours = self.call(**options)
        theirs = self.callee.session
        theirs.accept(ANSWER, now=self.now)
        self.settle()
        assert str(ours.state) == str(theirs.state) == "confirmed"
        self.caller.events.clear()
        self.callee.events.clear()
        self.network.trace.clear()
        return ours, theirs

    def lines(self) -> list[str]:
        """Methods and codes on the wire since the last call, lost ones included."""
        short = []
        for sent in self.network.trace:
            words = sent.start_line.split(" ")
            short.append(words[1] if words[0] == "SIP/2.0" else words[0])
        self.network.trace.clear()
        return short

    def messages(self, start: str) -> list[Sent]:
        return [sent for sent in self.network.trace if sent.start_line.startswith(start)]

    def lose(self, *starts: str, times: int = 1) -> None:
        """Lose the first `times` packets whose start line begins so."""
        left = dict.fromkeys(starts, times)

        def passes(sent: Sent) -> bool:
            for start, count in left.items():
                if count and sent.start_line.startswith(start):
                    left[start] -= 1
                    return False
            return True

        self.network.filter = passes

    def finish(self) -> None:
        """Let every timer run out and assert that nothing is left anywhere."""
        self.network.run()
        for side in (self.caller, self.callee):
            counts = side.agent.counts
            assert (
                counts.transactions,
                counts.sessions,
                counts.dialogs,
                counts.requests,
                counts.timers,
            ) == (0, 0, 0, 0, 0), side.agent.name
            assert not side.agent.layer._by_hop
            assert not side.agent.layer._merged
