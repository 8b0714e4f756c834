"""What the bench of whole calls reads out of the daemon's events."""

from __future__ import annotations

import pytest

from bench.calls import offer_latencies_ms
from ccd.events import AgentReady, AgentReserved, CallCleared, Delivered, Dequeued, Event, Queued
from ccd.model import Cause, Party


def ready(agent: str, at: float) -> Event:
    return AgentReady(agent=agent, at=at)


def delivered(agent: str, call: str, at: float) -> Event:
    return Delivered(agent=agent, call=call, leg="l", queue="q", at=at)


def test_only_offers_to_whoever_became_free_while_somebody_waited_count() -> None:
    stream: list[Event] = [
        ready("idle", 0.0),  # nobody waits: this agent waits for callers, not they for him
        Queued(call="c1", queue="q", position=1, at=1.0),
        delivered("idle", "c1", 1.001),
        Dequeued(call="c1", queue="q", reason="assigned", waited=0.0, at=1.5),
        Queued(call="c2", queue="q", position=1, at=2.0),
        Queued(call="c3", queue="q", position=2, at=2.0),
        ready("busy", 3.0),
        delivered("busy", "c2", 3.004),
        Dequeued(call="c2", queue="q", reason="assigned", waited=1.0, at=3.5),
        CallCleared(call="c3", cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER, at=4.0),
        Queued(call="c5", queue="q", position=1, at=4.0),
        AgentReserved(agent="other", call="c5", at=4.1),  # it rings: nobody else gets it
        ready("late", 5.0),
        Queued(call="c4", queue="q", position=1, at=9.0),
        delivered("late", "c4", 9.001),
    ]
    assert list(offer_latencies_ms(stream)) == [pytest.approx(4.0)]
