"""What types cannot say about settings: every rule there is, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules import (
    acd,
    after_call,
    calendars,
    customers,
    dialling,
    host,
    overflows,
    people,
    plant,
    queues,
    recording,
    routes,
    sip,
    trunks,
    waiting,
)


def check(settings: Settings) -> Iterator[Problem]:
    """Yield every way in which well-typed settings cannot work."""
    for rule in RULES:
        yield from rule(settings)


def warnings(settings: Settings) -> Iterator[Problem]:
    """Yield what works, and yet should be looked at, of settings that `check` found right."""
    yield from dialling.warnings(settings)


RULES: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    sip.listen,
    sip.digest_algorithms,
    sip.values,
    plant.media,
    plant.store,
    plant.cti,
    recording.recording,
    acd.acd,
    trunks.trunks,
    people.phones,
    people.skills,
    people.agents,
    people.users,
    customers.directory,
    customers.classes,
    customers.customers,
    calendars.calendars,
    queues.queues,
    after_call.dispositions,
    after_call.not_ready_reasons,
    waiting.waiting,
    overflows.overflows,
    overflows.no_loops,
    host.host,
    routes.routes,
    routes.service_flows,
    dialling.emergency,
    dialling.numbers,
    dialling.rules,
)
