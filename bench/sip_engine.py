"""CPU of one whole B2B call in the SIP engine alone: no socket, no media, no switch.

A middle agent is called, calls on, rings, answers both ways and hangs up: 14 messages
through its parser, transactions, dialogs and sessions. The peers' messages are composed
beforehand where possible and their cost is not counted; timers run as in real time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from bench.result import Result, at_most, figure
from ccd.sip.agent import UserAgent
from ccd.sip.events import Accepted, InviteReceived, Progressed, Terminated
from ccd.sip.hop import Hop

CALLS = 400
BUDGET_US = 1000.0
"""Of the 2 ms a whole queue call may cost the core, what signalling may take."""
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
MIDDLE = ("192.0.2.1", 5060)
PEERS = ("192.0.2.2", 5060)


class Meter:
    """Adds up the CPU time of the calls made through it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return act(*args, **options)
        finally:
            self.seconds += time.process_time() - begun


def one_round(
    middle: UserAgent, peers: UserAgent, now: float, meter: Meter, *, outgoing: bool, incoming: bool
) -> float:
    """One call through `middle`, metered; returns the time after it."""
    here, there = Hop("udp", *MIDDLE), Hop("udp", *PEERS)
    legs: dict[str, Any] = {}

    def middle_acts() -> None:
        while (event := middle.next_event()) is not None:
            if isinstance(event, InviteReceived):
                legs["in"] = event.session
                if outgoing:
                    legs["out"] = middle.invite(
                        "sip:2001@192.0.2.2", there, from_="<sip:95500@192.0.2.1>",
                        to="<sip:2001@192.0.2.2>", sdp=SDP, now=now, contact_user="95500",
                    )  # fmt: skip
                else:
                    event.session.progress(180, now=now)
                    event.session.accept(SDP, now=now)
            elif isinstance(event, Progressed) and "in" in legs:
                legs["in"].progress(event.code, now=now)
            elif isinstance(event, Accepted) and "in" in legs:
                legs["in"].accept(event.sdp or b"", now=now)
            elif isinstance(event, Terminated):
                for leg in legs.values():
                    leg.terminate(now=now)

    def pump() -> None:
        nonlocal now
        while True:
            now += 0.0005
            to_peers = meter(middle.to_send)
            to_middle = peers.to_send()
            if not to_peers and not to_middle:
                return
            for data, _ in to_peers:
                peers.receive(data, here, now)
            while (event := peers.next_event()) is not None:
                if isinstance(event, InviteReceived):
                    event.session.progress(180, now=now)
                    event.session.accept(SDP, now=now)
            for data, _ in to_middle:
                meter(middle.receive, data, there, now)
                meter(middle_acts)
            due = middle.get_timer()
            if due is not None and due <= now:
                meter(middle.handle_timer, now)
            peers.handle_timer(now)

    if incoming:
        caller = peers.invite(
            "sip:95500@192.0.2.1", here, from_="<sip:alice@192.0.2.2>",
            to="<sip:95500@192.0.2.1>", sdp=SDP, now=now, contact_user="alice",
        )  # fmt: skip
        pump()
        caller.terminate(now=now)
    else:
        session = meter(
            middle.invite, "sip:2001@192.0.2.2", there, from_="<sip:95500@192.0.2.1>",
            to="<sip:2001@192.0.2.2>", sdp=SDP, now=now, contact_user="95500",
        )  # fmt: skip
        pump()
        meter(session.terminate, now=now)
    pump()
    return now


def measure(*, outgoing: bool, incoming: bool, calls: int = CALLS) -> float:
    """CPU microseconds a call, timers included, at 100 calls a second of virtual time."""
    middle = UserAgent({"udp": MIDDLE}, rng=random.Random(1))
    peers = UserAgent({"udp": PEERS}, rng=random.Random(2))
    now = 0.0
    for _ in range(50):
        now = one_round(middle, peers, now, Meter(), outgoing=outgoing, incoming=incoming)
    meter = Meter()
    for _ in range(calls):
        now = one_round(middle, peers, now, meter, outgoing=outgoing, incoming=incoming) + 0.005
    while (due := middle.get_timer()) is not None:
        meter(middle.handle_timer, due)
    while (due := peers.get_timer()) is not None:
        peers.handle_timer(due)
    if middle.counts.transactions or middle.counts.dialogs or middle.counts.timers:
        raise AssertionError(f"left over: {middle.counts}")
    return meter.seconds / calls * 1e6


NOTE = "CPU in the SIP engine for a whole call; sockets, switch and media apart"


def run() -> list[Result]:
    """The figures: one B2B call, and its two halves apart; the best of three rounds each."""
    b2b, incoming, outgoing = (
        round(min(measure(incoming=one, outgoing=other) for _ in range(3)), 1)
        for one, other in ((True, True), (True, False), (False, True))
    )
    return [
        at_most("sip_engine_call_us", b2b, "us", BUDGET_US, NOTE),
        figure("sip_engine_incoming_us", incoming, "us", NOTE),
        figure("sip_engine_outgoing_us", outgoing, "us", NOTE),
    ]
