"""What one measurement says."""

from __future__ import annotations

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, and the budget it is held against.

    `ok` is None where there is no budget, or where the figure could not be measured
    (`value` is None then too, and `note` says why).
    """

    name: str
    value: float | None
    unit: str
    budget: float | None = None
    ok: bool | None = None
    note: str = ""


def at_most(name: str, value: float, unit: str, budget: float, note: str = "") -> Result:
    """Return the result for a figure that should not be above its budget."""
    return Result(name=name, value=value, unit=unit, budget=budget, ok=value <= budget, note=note)


def at_least(name: str, value: float, unit: str, budget: float, note: str = "") -> Result:
    """Return the result for a figure that should not be below its budget."""
    return Result(name=name, value=value, unit=unit, budget=budget, ok=value >= budget, note=note)


def figure(name: str, value: float, unit: str, note: str = "") -> Result:
    """Return the result for a figure without a budget of its own, to compare others with."""
    return Result(name=name, value=value, unit=unit, note=note)
