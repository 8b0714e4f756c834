"""The closing figures of a run, from its verdicts and call records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from ccd.model import CallRecord, Outcome
from lab.trunk_sim.caller import CallerView
from lab.trunk_sim.verdict import Ending, Verdict

SERVICE_LEVEL_VARIANT = "answered within T / all but abandons within T"
"""Which service level is meant: of the calls that were queued, whoever hangs up within T
counts for neither side ("short abandons excluded")."""


class Astray(msgspec.Struct, frozen=True, kw_only=True):
    """A call that went wrong, and how."""

    ani: str
    behaviour: str
    ending: str
    faults: tuple[str, ...]
    evidence: str | None = None
    """The recording of what its caller heard and said."""


class CpuUse(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds (user and system) that the daemon used in a run."""

    core_s: float
    media_s: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A run in numbers. Times are seconds unless the name says ms; None: nothing to measure."""

    offered: int
    """Calls that were dialled."""
    answered: int
    """Callers who talked with an agent."""
    abandoned: int
    """Callers who hung up in the queue."""
    left_menu: int
    cancelled: int
    lost: int
    """Calls that the service refused, cut off or never answered."""
    blocked: int
    """Callers for whom the trunk had no channel left; not among the offered."""
    audio_ok: int
    """Answered calls in which both sides provably heard each other, and nobody else."""
    photo_finishes: int
    """Callers who gave up just as an agent answered; counted as abandoned here."""
    service_level: float | None
    """Share, 0 to 1."""
    service_level_s: float
    service_level_variant: str = SERVICE_LEVEL_VARIANT
    wait_p50: float | None
    """From queued to connected, answered calls."""
    wait_p99: float | None
    setup_ms_p50: float | None
    """From the INVITE to its 200, as the caller measures it."""
    setup_ms_p99: float | None
    talk_mean: float | None
    duration_s: float
    """From the first call to the end of the last."""
    cpu_ms_per_call: float | None
    """The core's CPU for each offered call."""
    media_cpu_ms_per_call: float | None
    media_cpu_ms_per_call_second: float | None
    """The media workers' CPU for each second of each call: caller's legs, agents' beside them."""
    interrupted: bool = False
    """The run was ended early: whoever was on the line had to hang up."""
    astray: tuple[Astray, ...]

    @property
    def clean(self) -> bool:
        """Whether not one call went astray."""
        return not self.astray


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile: the least value that `share` (0 to 1) do not exceed."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def figures(
    verdicts: Sequence[Verdict],
    views: Sequence[CallerView],
    records: Sequence[CallRecord],
    *,
    blocked: int,
    duration_s: float,
    cpu: CpuUse | None,
    service_level_s: float = 20.0,
    evidence: dict[str, str] | None = None,
) -> Figures:
    """Sum a run up. `records` are those of its calls alone; `evidence` is paths by ANI."""
    endings = Counter(verdict.ending for verdict in verdicts)
    waits = [
        record.connected_at - record.queued_at
        for record in records
        if record.connected_at is not None and record.queued_at is not None
    ]
    setups = [
        1000 * (view.answered_at - view.dialled_at)
        for view in views
        if view.answered_at is not None and view.dialled_at is not None
    ]
    talks = [
        record.cleared_at - record.connected_at
        for record in records
        if record.connected_at is not None
    ]
    offered = len(verdicts)
    call_seconds = sum(
        view.ended_at - view.answered_at
        for view in views
        if view.answered_at is not None and view.ended_at is not None
    )
    return Figures(
        offered=offered,
        answered=endings[Ending.ANSWERED],
        abandoned=endings[Ending.ABANDONED],
        left_menu=endings[Ending.LEFT_MENU],
        cancelled=endings[Ending.CANCELLED],
        lost=endings[Ending.LOST],
        blocked=blocked,
        audio_ok=sum(verdict.audio_ok is True for verdict in verdicts),
        photo_finishes=sum(verdict.photo_finish for verdict in verdicts),
        service_level=service_level(records, service_level_s),
        service_level_s=service_level_s,
        wait_p50=_rounded(percentile(waits, 0.50), 3),
        wait_p99=_rounded(percentile(waits, 0.99), 3),
        setup_ms_p50=_rounded(percentile(setups, 0.50), 2),
        setup_ms_p99=_rounded(percentile(setups, 0.99), 2),
        talk_mean=_rounded(sum(talks) / len(talks), 2) if talks else None,
        duration_s=round(duration_s, 2),
        cpu_ms_per_call=_share(cpu.core_s if cpu else None, offered),
        media_cpu_ms_per_call=_share(cpu.media_s if cpu else None, offered),
        media_cpu_ms_per_call_second=_share(cpu.media_s if cpu else None, call_seconds),
        astray=tuple(
            Astray(
                ani=verdict.ani,
                behaviour=verdict.plan.behaviour,
                ending=verdict.ending,
                faults=verdict.faults,
                evidence=(evidence or {}).get(verdict.ani),
            )
            for verdict in verdicts
            if verdict.faults
        ),
    )


def service_level(records: Iterable[CallRecord], threshold_s: float) -> float | None:
    """The share `SERVICE_LEVEL_VARIANT` says, over calls that were queued; None without any."""
    within = late = 0
    for record in records:
        if record.queued_at is None:
            continue
        if record.outcome is Outcome.ANSWERED and record.connected_at is not None:
            if record.connected_at - record.queued_at <= threshold_s:
                within += 1
            else:
                late += 1
        elif record.cleared_at - record.queued_at > threshold_s:
            late += 1
    return round(within / (within + late), 4) if within + late else None


def _share(seconds: float | None, among: float) -> float | None:
    return round(1000 * seconds / among, 3) if seconds is not None and among else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
