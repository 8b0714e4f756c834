"""Whatever the network does and whoever does what when: calls end once, nothing is left."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.sip.agent import UserAgent
from ccd.sip.events import (
    Accepted,
    InviteReceived,
    OfferReceived,
    Rejected,
    RequestReceived,
    Terminated,
)
from ccd.sip.session import Session
from ccd.sip.virtual_network import VirtualNetwork

OFFER, ANSWER = b"v=0\r\noffer\r\n", b"v=0\r\nanswer\r\n"

ACTS = (
    "progress",
    "early media",
    "accept",
    "reject",
    "terminate",
    "offer",
    "ask for an offer",
    "info",
    "answer",
    "refuse offer",
)

moments = st.one_of(
    st.floats(min_value=0.0, max_value=2.0, allow_nan=False),
    st.floats(min_value=0.0, max_value=80.0, allow_nan=False),
)
scripts = st.lists(
    st.tuples(moments, st.sampled_from(["caller", "callee"]), st.sampled_from(ACTS)), max_size=12
)
networks = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "loss": st.sampled_from([0.0, 0.0, 0.1, 0.3, 0.6, 1.0]),
        "duplicate": st.sampled_from([0.0, 0.3, 1.0]),
        "jitter": st.sampled_from([0.0, 0.05, 0.7]),
        "late_offer": st.booleans(),
        "reliable": st.sampled_from(["no", "supported", "required"]),
        "protocol": st.sampled_from(["udp", "udp", "tcp"]),
        "answers_offers": st.booleans(),
        "session_expires": st.sampled_from([None, 90, 1800]),
        "breaks": st.one_of(st.none(), moments),
    }
)


class Party:
    """One side: does what the script says and checks what it is told."""

    def __init__(self, agent: UserAgent, network: VirtualNetwork, *, answers: bool) -> None:
        self.agent = agent
        self.network = network
        self.answers = answers
        self.sessions: list[Session] = []
        self.ended: dict[int, int] = {}
        self.rejected: set[int] = set()

    def handle(self, event: Any) -> None:
        session = getattr(event, "session", None)
        if session is not None:
            assert session.id not in self.ended, f"{event} after the end"
        now = self.network.now
        if isinstance(event, InviteReceived):
            self.sessions.append(session)
        elif isinstance(event, Terminated):
            self.ended[session.id] = 1
            assert session.over
        elif isinstance(event, Rejected):
            assert not session.incoming
            self.rejected.add(session.id)
        elif isinstance(event, OfferReceived) and self.answers:
            session.answer(ANSWER if event.sdp else OFFER, now=now)
        elif isinstance(event, Accepted) and event.is_offer and self.answers:
            session.answer(ANSWER, now=now)
        elif isinstance(event, RequestReceived):
            self.agent.respond(event, 200, now=now)

    def act(self, act: str) -> None:
        now = self.network.now
        for session in self.sessions:
            if act == "progress":
                session.progress(180, now=now)
            elif act == "early media":
                session.progress(183, ANSWER, now=now)
            elif act == "accept":
                session.accept(ANSWER, now=now)
            elif act == "reject":
                session.reject(486, now=now)
            elif act == "terminate":
                session.terminate(now=now)
            elif act == "offer":
                session.offer(OFFER, now=now)
            elif act == "ask for an offer":
                session.offer(None, now=now)
            elif act == "info":
                session.info("application/dtmf-relay", b"Signal=1", now=now)
            elif act == "answer":
                session.answer(ANSWER, now=now)
            else:
                session.refuse_offer(now=now)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts, conditions=networks)
def test_every_session_ends_exactly_once_and_nothing_is_left(
    script: list[tuple[float, str, str]], conditions: dict[str, Any]
) -> None:
    rng = random.Random(conditions["seed"])
    network = VirtualNetwork(
        rng,
        loss=conditions["loss"],
        duplicate=conditions["duplicate"],
        jitter=conditions["jitter"],
    )
    protocol = conditions["protocol"]
    parties: dict[str, Party] = {}
    hops = {}
    for number, name in enumerate(("caller", "callee"), start=1):
        agent = UserAgent(
            {protocol: (f"192.0.2.{number}", 5060)},
            rng=random.Random(conditions["seed"] + number),
            session_expires=conditions["session_expires"],
            prefers_reliable=conditions["reliable"] == "supported",
        )
        parties[name] = Party(agent, network, answers=conditions["answers_offers"])
        hops[name] = network.attach(agent, parties[name].handle, protocol)

    caller = parties["caller"]
    session = caller.agent.invite(
        "sip:95500@192.0.2.2",
        hops["callee"],
        from_="sip:alice@192.0.2.1",
        to="sip:95500@192.0.2.2",
        sdp=None if conditions["late_offer"] else OFFER,
        now=0.0,
        headers=[("Require", "100rel")] if conditions["reliable"] == "required" else [],
    )
    caller.sessions.append(session)
    for when, name, act in script:
        network.at(when, lambda name=name, act=act: parties[name].act(act))
    if conditions["breaks"] is not None:

        def broken() -> None:
            for name, other in (("caller", "callee"), ("callee", "caller")):
                parties[name].agent.transport_failed(hops[other], network.now)

        network.at(conditions["breaks"], broken)
    # In the end both hang up, so that every run is a finite one.
    for name in parties:
        network.at(100.0, lambda name=name: parties[name].act("terminate"))
    network.run(400.0)
    network.run()

    for party in parties.values():
        for own in party.sessions:
            assert party.ended.get(own.id) == 1, f"{own} never ended"
        counts = party.agent.counts
        assert (counts.transactions, counts.sessions, counts.dialogs, counts.timers) == (0, 0, 0, 0)
        assert not party.agent.layer._by_hop
        assert not party.agent.layer._merged
