"""`[[disposition]]` and `[[not_ready_reason]]`: the words of after-call work and of breaks."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules.common import distinct, known


def dispositions(settings: Settings) -> Iterator[Problem]:
    """Each once, for queues that there are; where one is required, there is time and a word for it."""
    yield from distinct("disposition", [each.name for each in settings.disposition])
    queues = dict.fromkeys(queue.name for queue in settings.queue)
    for index, each in enumerate(settings.disposition):
        if not each.name:
            yield Problem(
                ("disposition", index, "name"), "it has no name", "one word that records hold"
            )
        for number, name in enumerate(each.queues):
            yield from known(("disposition", index, "queues", number), name, "queue", queues)
    for index, queue in enumerate(settings.queue):
        if not queue.wrap_up_requires_disposition:
            continue
        key = ("queue", index, "wrap_up_requires_disposition")
        if queue.wrap_up_s == 0:
            mend = (
                "give it a wrap_up_s: what an agent has left of it when he has said the disposition"
            )
            yield Problem(key, f'queue "{queue.name}" has no after-call work', mend)
        fit = any(not each.queues or queue.name in each.queues for each in settings.disposition)
        if settings.disposition and not fit:
            mend = "name it in the queues of one, or give one no queues"
            yield Problem(key, f'no disposition is for queue "{queue.name}"', mend)


def not_ready_reasons(settings: Settings) -> Iterator[Problem]:
    """Each once."""
    yield from distinct("not_ready_reason", [each.name for each in settings.not_ready_reason])
    for index, each in enumerate(settings.not_ready_reason):
        if not each.name:
            key = ("not_ready_reason", index, "name")
            yield Problem(key, "it has no name", "one word that agents choose")
