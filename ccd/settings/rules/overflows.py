"""`[[queue.overflow]]`: rules that can hold, lead somewhere, and never back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ccd.config import Overflow, Queue, Settings, Trunk
from ccd.settings.loops import loops
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import known, not_negative, positive
from ccd.settings.rules.trunks import callable_trunk
from ccd.settings.targets import Target, ToNumber, ToQueue, parse_target

CONDITIONS = ("wait_s", "length", "ewt_s", "closed", "no_agents")


def overflows(settings: Settings) -> Iterator[Problem]:
    """Each rule has a condition that can come true, and a way out that there is."""
    queues = dict.fromkeys(queue.name for queue in settings.queue)
    trunks = {trunk.name: trunk for trunk in settings.trunk}
    for index, queue in enumerate(settings.queue):
        for number, rule in enumerate(queue.overflow):
            key = ("queue", index, "overflow", number)
            yield from _conditions(key, rule, queue)
            try:
                target = parse_target(rule.to, rule.trunk)
            except ValueError as error:
                message, _, mend = str(error).partition("; ")
                yield Problem((*key, "to"), message, mend)
                continue
            yield from _way_out(key, rule, target, queues, trunks)


def no_loops(settings: Settings) -> Iterator[Problem]:
    """Nobody can be sent round, whatever the conditions: they may all hold at once."""
    graph: dict[str, dict[str, Key]] = {}  # from queue to queue, by the first rule that leads there
    for index, queue in enumerate(settings.queue):
        leads_to = graph.setdefault(queue.name, {})
        for number, rule in enumerate(queue.overflow):
            kind, _, name = rule.to.partition(":")
            if kind == "queue":
                leads_to.setdefault(name, ("queue", index, "overflow", number, "to"))
    for loop in loops(graph):
        way = " -> ".join(loop)
        mend = "take one of these rules away, or let it lead elsewhere"
        yield Problem(graph[loop[0]][loop[1]], f"leads round in a circle: {way}", mend)


def _conditions(key: Key, rule: Overflow, queue: Queue) -> Iterator[Problem]:
    given = (getattr(rule, condition) for condition in CONDITIONS)
    if all(value is None or value is False for value in given):
        mend = f"give it one of {', '.join(CONDITIONS)}"
        yield Problem(key, "has no condition, so nobody could wait", mend)
    if rule.wait_s is not None:
        yield from not_negative((*key, "wait_s"), rule.wait_s, "at once")
    if rule.length is not None and rule.length < 1:
        mend = "1 at least: so many wait already when one comes"
        yield Problem((*key, "length"), f"{rule.length} is too short", mend)
    if rule.ewt_s is not None:
        yield from positive((*key, "ewt_s"), rule.ewt_s)
    if rule.closed and not queue.hours:
        mend = f"name a [[calendar]] in the hours of queue {queue.name}"
        yield Problem((*key, "closed"), "never holds, for the queue has no hours", mend)


def _way_out(
    key: Key,
    rule: Overflow,
    target: Target,
    queues: Collection[str],
    trunks: Mapping[str, Trunk],
) -> Iterator[Problem]:
    if isinstance(target, ToQueue):
        yield from known((*key, "to"), target.queue, "queue", queues)
    if not isinstance(target, ToNumber):
        if rule.trunk:
            mend = f"leave it out: {rule.to} needs none"
            yield Problem((*key, "trunk"), "is for a number: only", mend)
    elif not rule.trunk:
        mend = "name the [[trunk]] it is called through: trunk = …"
        yield Problem((*key, "to"), f'"{rule.to}" needs a trunk', mend)
    else:
        yield from callable_trunk((*key, "trunk"), rule.trunk, trunks)
