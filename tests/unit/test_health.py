"""How the system is: the gravest of what applies, why, since when; said where it is news."""

from __future__ import annotations

import pytest

from ccd.events import (
    Event,
    EventStream,
    MediaWorkerLost,
    MediaWorkerStarted,
    OverloadChanged,
    SystemStatusChanged,
    SystemStopping,
)
from ccd.health import Health
from ccd.model import SystemState


class System:
    """A stream whose clock is set by hand, its health, and what was said of it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.stream = EventStream(lambda: self.now)
        self.health = Health(self.stream, self.now)
        self.said: list[SystemStatusChanged] = []
        self.stream.subscribe(self._heard)

    def _heard(self, event: Event) -> None:
        if isinstance(event, SystemStatusChanged):
            self.said.append(event)

    def publish(self, event: Event, at: float) -> None:
        self.now = at
        self.stream.publish(event)


@pytest.fixture
def system() -> System:
    return System()


def lost(worker: int, reason: str = "killed") -> MediaWorkerLost:
    return MediaWorkerLost(worker=worker, reason=reason, calls=1)


def back(worker: int) -> MediaWorkerStarted:
    return MediaWorkerStarted(worker=worker, pid=1)


def test_at_first_all_is_well(system: System) -> None:
    health = system.health
    assert (health.state, health.states) == (SystemState.NORMAL, (SystemState.NORMAL,))
    assert (health.reason, health.since, system.said) == ("", 100.0, [])


@pytest.mark.parametrize(
    ("wrong", "state", "reason", "mended"),
    [
        (
            OverloadChanged(shedding=True, reason="CPU 97 %"),
            SystemState.SHEDDING,
            "CPU 97 %",
            OverloadChanged(shedding=False, reason=""),
        ),
        (lost(0), SystemState.MEDIA_LOST, "media worker 0: killed", back(0)),
    ],
)
def test_what_goes_wrong_and_is_mended_is_said_both_times(
    system: System, wrong: Event, state: SystemState, reason: str, mended: Event
) -> None:
    system.publish(wrong, at=101.0)
    assert (system.health.state, system.health.reason) == (state, reason)
    assert system.health.since == 101.0
    system.publish(mended, at=105.0)
    assert (system.health.state, system.health.reason) == (SystemState.NORMAL, "")
    assert system.health.since == 105.0
    assert [(event.state, event.reason) for event in system.said] == [
        (state, reason),
        (SystemState.NORMAL, ""),
    ]


def test_the_gravest_counts_and_the_others_are_still_there(system: System) -> None:
    system.publish(lost(0), at=101.0)
    system.publish(OverloadChanged(shedding=True, reason="late"), at=102.0)
    assert system.health.states == (SystemState.MEDIA_LOST, SystemState.SHEDDING)
    assert (system.health.reason, system.health.since) == ("media worker 0: killed", 101.0)
    system.publish(back(0), at=103.0)
    assert (system.health.states, system.health.reason) == ((SystemState.SHEDDING,), "late")
    assert system.health.since == 103.0
    assert [event.states for event in system.said] == [
        (SystemState.MEDIA_LOST,),
        (SystemState.MEDIA_LOST, SystemState.SHEDDING),
        (SystemState.SHEDDING,),
    ]


def test_media_are_lost_until_the_last_worker_is_back_and_the_reason_names_those_away(
    system: System,
) -> None:
    system.publish(lost(0, "killed"), at=101.0)
    system.publish(lost(1, "silent"), at=102.0)
    assert system.health.reason == "media worker 0: killed; media worker 1: silent"
    system.publish(back(0), at=103.0)
    assert system.health.reason == "media worker 1: silent"
    assert (system.health.state, system.health.since) == (SystemState.MEDIA_LOST, 101.0)
    system.publish(back(1), at=104.0)
    assert system.health.state is SystemState.NORMAL


def test_the_same_again_is_no_news(system: System) -> None:
    for _ in range(3):
        system.health.set(SystemState.OVERLOADED, True, "25 ms late")
    system.health.set(SystemState.STORE_FAILING, False)
    assert [event.state for event in system.said] == [SystemState.OVERLOADED]


def test_the_end_is_the_gravest(system: System) -> None:
    system.health.set(SystemState.STORE_FAILING, True, "disk full")
    system.publish(SystemStopping(reason="SIGTERM"), at=110.0)
    assert system.health.states == (SystemState.DRAINING, SystemState.STORE_FAILING)
    assert system.health.reason == "SIGTERM"
