"""Lengths of time and times of day, as people read them at a glance."""

from __future__ import annotations

from datetime import datetime


def span(seconds: float) -> str:
    """`0:07`, `12:31`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def clock(at: float) -> str:
    """`09:30`, local."""
    return datetime.fromtimestamp(at).strftime("%H:%M")


def day(at: float, now: float) -> str:
    """`09:30` for today, else `2026-11-23`."""
    then, here = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    return then.strftime("%H:%M" if then.date() == here.date() else "%Y-%m-%d")
