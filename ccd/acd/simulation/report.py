"""What a day was like, in figures."""

from __future__ import annotations

import msgspec


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of a queue, of all of them, or of half an hour: calls are counted where they came in.

    `offered` = `answered` + `abandoned` + `waiting` + `left`. None: there is nothing to say it of.
    """

    offered: int
    answered: int
    abandoned: int
    waiting: int
    """Still waiting when the day was over."""
    left: int = 0
    """Left the queue otherwise: to another, to voicemail, to a callback (in a measured day)."""
    redials: int
    """Of those offered, how many had hung up shortly before."""
    customers: int
    """Different customers: a redial is not another one."""
    short_abandoned: int
    """Of those abandoned, how many so soon that nobody could have answered."""
    service_level: float | None
    """Answered within the target / offered."""
    service_level_without_short: float | None
    """Answered within the target / (offered - short abandoned)."""
    abandonment: float | None
    """Abandoned / offered."""
    asa_s: float | None
    """Mean wait of the answered, until an agent spoke."""
    p50_s: float | None
    """Half of the answered waited no longer."""
    p90_s: float | None
    longest_s: float | None
    """The longest wait there was, answered or not."""
    abandoned_wait_s: float | None
    """Mean wait of those who hung up."""
    handle_s: float | None
    """Mean conversation of the answered."""
    longest_queue: int


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A half-hour of the day."""

    begins_s: float
    """Seconds since midnight."""
    figures: Figures
    agents: float | None
    """Mean number at work: ready, or with a call."""
    occupancy: float | None
    """Share of the time of those at work that was spent on calls."""


class Utilisation(msgspec.Struct, frozen=True, kw_only=True):
    """How evenly the work was spread: share of each agent's time at work spent on calls."""

    agents: int
    lowest: float
    p10: float
    p50: float
    p90: float
    highest: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One day. Occupancy is (ringing + talking + wrap-up) / (those + ready)."""

    begins_s: float
    ends_s: float
    """When the last call was over; seconds since midnight."""
    interval_s: float
    short_abandon_s: float
    """Who hung up within this is a short abandon."""
    total: Figures
    queues: dict[str, Figures]
    intervals: tuple[Interval, ...]
    occupancy: float | None
    utilisation: Utilisation | None
    offers: int
    """How often an agent's phone was rung."""
    unanswered: int
    """How often he did not answer it (RONA)."""
