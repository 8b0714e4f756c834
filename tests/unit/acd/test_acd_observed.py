"""What the real service's events say of a day, in virtual time with real SIP on both sides."""

from pathlib import Path

import pytest
from virtual.centre import EPOCH, VirtualCentre

from ccd.acd.simulation.observed import Observed
from ccd.acd.simulation.people import Presence
from ccd.events import CallCleared, Offered, Queued
from ccd.model import Cause, Party


def observed(centre: VirtualCentre) -> Observed:
    day = Observed(midnight=EPOCH, begin=EPOCH, end=centre.wall_clock())
    day.feed(centre.events)
    return day


def test_a_wait_a_ring_a_talk_and_a_wrap_up(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path, wrap_up_s=4.0)
    centre.caller_in_queue()
    queued_at = centre.wall_clock() - EPOCH - 0.1
    centre.run(3.0)
    centre.staff(answers_after=0.5)
    centre.run(6.0)
    centre.do(centre.caller.hang_up, 10.0)
    (call,) = observed(centre).calls
    assert (call.queue, call.number, call.outcome) == ("orders", "13800000001", "assigned")
    assert call.at == pytest.approx(queued_at, abs=0.2)
    assert call.ring == pytest.approx(0.5, abs=0.1)
    assert call.wait == pytest.approx(3.1 + 1.0 + 0.5, abs=0.3)
    assert call.handle == pytest.approx(5.5 + 4.0, abs=0.3)


def test_who_hangs_up_while_he_waits_and_while_it_rings(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path)
    centre.caller_in_queue()
    centre.run(3.0)
    centre.do(centre.caller.hang_up)
    centre.staff(answers_after=9.0)
    centre.caller_in_queue()
    centre.run(3.0)
    centre.do(centre.caller.hang_up)
    waiting, ringing = observed(centre).calls
    assert (waiting.outcome, waiting.ring, waiting.handle) == ("abandoned", None, None)
    assert waiting.wait == pytest.approx(3.1, abs=0.2)
    assert ringing.outcome == "abandoned"
    assert ringing.ring == pytest.approx(ringing.wait, abs=0.1)


def test_an_agent_who_does_not_answer_and_comes_back(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path, ring_timeout_s=2.0)
    centre.staff(answers_after=99.0)
    centre.caller_in_queue()
    centre.run(4.0)
    centre.phones["agent1"].answers_after = 0.5
    centre.do(lambda: centre.centre.acd.ready("agent1"), 3.0)
    centre.do(centre.caller.hang_up)
    day = observed(centre)
    (call,) = day.calls
    assert call.outcome == "assigned"
    assert call.ring == pytest.approx(0.5, abs=0.1)
    (person,) = day.people({})
    assert [(step.presence, step.reason) for step in person.steps] == [
        (Presence.LOG_ON, ""),
        (Presence.NOT_READY, "logged_on"),
        (Presence.READY, ""),
        (Presence.NOT_READY, "rona"),
        (Presence.READY, ""),
    ]
    report = day.report(
        {"orders": 20.0}, interval_s=1800.0, short_abandon_s=5.0, redial_window_s=600.0
    )
    assert (report.total.offered, report.total.answered, report.offers) == (1, 1, 2)


def test_a_call_that_a_killed_daemon_left_waits_no_longer() -> None:
    day = Observed(midnight=0.0, begin=0.0, end=100.0)
    day.feed(
        [
            Offered(at=1.0, call="c", leg="l", ani="1", dnis="2", trunk="t"),
            Queued(at=2.0, call="c", queue="q", position=1),
            CallCleared(at=9.0, call="c", cause=Cause.SHUTDOWN, released_by=Party.SYSTEM),
        ]
    )
    report = day.report({"q": 20.0}, interval_s=1800.0, short_abandon_s=5.0, redial_window_s=600.0)
    assert (report.total.offered, report.total.waiting, report.total.left) == (1, 0, 1)
