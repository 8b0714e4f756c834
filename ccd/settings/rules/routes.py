"""`[[route]]`: each number once, each with a flow."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules.common import distinct, file


def routes(settings: Settings) -> Iterator[Problem]:
    """Each number once, each with a flow that is there."""
    yield from distinct("route", [route.dnis for route in settings.route], field="dnis")
    for index, route in enumerate(settings.route):
        key = ("route", index, "flow")
        if not route.flow:
            yield Problem(key, "is empty", "the file name of a flow")
        yield from file(key, route.flow)
