"""The closing figures."""

from __future__ import annotations

import pytest

from ccd.model import CallRecord, Cause, Outcome, Party
from lab.trunk_sim.caller import CallerState, CallerView
from lab.trunk_sim.figures import CpuUse, figures, percentile, service_level
from lab.trunk_sim.plans import Plan
from lab.trunk_sim.verdict import Ending, Verdict
from lab.trunk_sim.voices import caller_voice


def record(wait: float, outcome: Outcome = Outcome.ANSWERED, *, queued: bool = True) -> CallRecord:
    return CallRecord(
        call="c",
        ani="1",
        dnis="95500",
        trunk="lab",
        outcome=outcome,
        offered_at=100.0,
        queued_at=101.0 if queued else None,
        connected_at=101.0 + wait if outcome is Outcome.ANSWERED else None,
        cleared_at=101.0 + wait + (4.0 if outcome is Outcome.ANSWERED else 0.0),
        released_by=Party.CALLER,
        cause=Cause.NORMAL_CLEARING,
    )


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([], 0.5) is None


def test_service_level_leaves_short_abandons_out() -> None:
    records = [
        record(5.0),
        record(19.0),
        record(25.0),
        record(3.0, Outcome.ABANDONED),
        record(30.0, Outcome.ABANDONED),
        record(0.0, Outcome.SELF_SERVED, queued=False),
    ]
    assert service_level(records, 20.0) == 0.5
    assert service_level([], 20.0) is None


def plan(number: int) -> Plan:
    return Plan(number=number, ani=str(number), voice=caller_voice(number))


def test_a_run_in_numbers() -> None:
    verdicts = [
        Verdict(ani="1", plan=plan(1), ending=Ending.ANSWERED, audio_ok=True),
        Verdict(
            ani="2", plan=plan(2), ending=Ending.ANSWERED, audio_ok=False, faults=("one-way: x",)
        ),
        Verdict(ani="3", plan=plan(3), ending=Ending.ABANDONED, photo_finish=True),
        Verdict(ani="4", plan=plan(4), ending=Ending.LOST, faults=("refused with 503",)),
    ]
    views = [
        CallerView(
            plan=plan(n),
            last_state=CallerState.TALKING,
            dialled_at=0.0,
            answered_at=0.010 * n,
            ended_at=10.0 + 0.010 * n,
        )
        for n in (1, 2, 3)
    ]
    sums = figures(
        verdicts,
        views,
        [record(2.0), record(6.0)],
        blocked=1,
        duration_s=30.0,
        cpu=CpuUse(core_s=0.008, media_s=0.020),
        evidence={"2": "/tmp/2.wav"},
    )
    assert (sums.offered, sums.answered, sums.abandoned, sums.lost) == (4, 2, 1, 1)
    assert (sums.audio_ok, sums.photo_finishes, sums.blocked) == (1, 1, 1)
    assert (sums.wait_p50, sums.wait_p99, sums.talk_mean) == (2.0, 6.0, 4.0)
    assert sums.setup_ms_p50 == pytest.approx(20.0)
    assert sums.cpu_ms_per_call == 2.0
    assert sums.media_cpu_ms_per_call == 5.0
    assert sums.media_cpu_ms_per_call_second == pytest.approx(0.667)
    assert [(call.ani, call.evidence) for call in sums.astray] == [("2", "/tmp/2.wav"), ("4", None)]
    assert not sums.clean


def test_nothing_happened() -> None:
    sums = figures([], [], [], blocked=0, duration_s=0.0, cpu=None)
    assert sums.clean
    assert sums.offered == 0
    assert sums.service_level is sums.wait_p50 is sums.cpu_ms_per_call is None
