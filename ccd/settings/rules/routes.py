"""`[[route]]` and `[[service_flow]]`: each number and name once, each with a flow."""

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


def service_flows(settings: Settings) -> Iterator[Problem]:
    """Each name once, each with a flow that is there, and that no number leads to."""
    yield from distinct("service_flow", [each.name for each in settings.service_flow])
    dialled = {route.flow: route.dnis for route in settings.route if route.flow}
    for index, each in enumerate(settings.service_flow):
        key = ("service_flow", index, "flow")
        if not each.flow:
            yield Problem(key, "is empty", "the file name of a flow")
        elif each.flow in dialled:
            yield Problem(
                key,
                f"the number {dialled[each.flow]} leads to this flow too",
                "who dials it has no agent to go back to: give each a flow of its own",
            )
        yield from file(key, each.flow)
