"""Everything that the distributor was told, written down: so that it can decide again.

The distributor is deterministic: told the same at the same times, it decides the same. Its
inputs go to the journal in batches (`DistributorTold`), a few microseconds each, and
`decide_again` gives them to a new distributor: to check that what was done is what is decided,
and to ask what would have been decided otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import typing
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

from ccd.acd.distributor import Action, Assign, Distributor, Order
from ccd.acd.steps import Step
from ccd.alarm import Alarm
from ccd.events import DistributorTold, Event, EventStream, Routed

BEGIN = "begin"
"""What a run of the daemon tells first: a new distributor, with this order."""

BATCH_S = 0.1
"""How long at most an input waits to be published; what a killed daemon may not have written down."""

Input = tuple[str, list[Any], dict[str, Any]]
"""A verb of the distributor, and its arguments as msgpack writes them."""


class Tape:
    """Publishes what a distributor is told, in batches."""

    def __init__(self, order: Order, events: EventStream, loop: asyncio.AbstractEventLoop) -> None:
        self._events = events
        self._loop = loop
        self._alarm = Alarm(loop, lambda _now: self.flush())
        self._batch: list[Input] = []
        begin: Input = (BEGIN, [msgspec.to_builtins(order)], {})
        events.publish(DistributorTold(inputs=(begin,)))

    def told(self, verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The distributor is told this now."""
        self._batch.append((verb, [msgspec.to_builtins(arg) for arg in args], kwargs))
        if len(self._batch) == 1:
            self._alarm.set(self._loop.time() + BATCH_S)

    def flush(self) -> None:
        """Publish what is waiting."""
        self._alarm.cancel()
        if self._batch:
            batch, self._batch = self._batch, []
            self._events.publish(DistributorTold(inputs=tuple(batch)))


class Difference(msgspec.Struct, frozen=True):
    """The first decision that is not taken again as it was (contact, agent)."""

    number: int
    was: tuple[str, str] | None
    """None: it was not taken, and is now."""
    would_be: tuple[str, str]


class Verdict(msgspec.Struct, frozen=True):
    """What came of deciding a journal's assignments again."""

    decisions: int
    """How many were taken again alike."""
    untold: int
    """How many there are without inputs: of the last moment before a daemon was killed, or of
    this moment, where one runs."""
    difference: Difference | None


class UnreadableTapeError(ValueError):
    """An input that this version's distributor does not know."""


class Player:
    """Gives a distributor what another one was told."""

    def __init__(self) -> None:
        self._engine: Distributor | None = None

    @property
    def begun(self) -> bool:
        """Whether there was a beginning yet; what comes before it is passed over."""
        return self._engine is not None

    def tell(self, told: Input) -> Iterator[Action]:
        """Yield what is decided. What was refused then is refused again. Raises `UnreadableTapeError`."""
        verb, args, kwargs = told
        if verb == BEGIN:
            self._engine = Distributor(msgspec.convert(args[0], Order))
        if verb == BEGIN or self._engine is None:
            return
        if verb not in Distributor.VERBS:
            raise UnreadableTapeError(f"the distributor of this version knows no {verb!r}")
        try:
            values = [
                msgspec.convert(_endless(arg), hint)
                for arg, hint in zip(args, _hints(verb), strict=False)
            ]
        except msgspec.ValidationError as error:
            raise UnreadableTapeError(f"{verb}: {error}") from error
        with contextlib.suppress(ValueError):  # AcdError is one: what was refused had no effect
            getattr(self._engine, verb)(*values, **kwargs)
        while (action := self._engine.next_action()) is not None:
            yield action


def decide_again(told: Iterable[Input]) -> Iterator[Action]:
    """Yield what a distributor decides that is told all this. Raises `UnreadableTapeError`."""
    player = Player()
    for each in told:
        yield from player.tell(each)


def verify(events: Iterable[Event]) -> Verdict:
    """Decide a journal's assignments again, and compare. Raises `UnreadableTapeError`.

    Assignments before the first beginning that the journal still holds are left out.
    """
    player = Player()
    done: deque[tuple[str, str]] = deque()
    again: deque[tuple[str, str]] = deque()
    decisions = untold = 0
    for event in events:
        if isinstance(event, DistributorTold):
            if event.inputs[0][0] == BEGIN:
                untold += len(done)
                done.clear()
            for told in event.inputs:
                for action in player.tell(told):
                    if isinstance(action, Assign):
                        again.append((action.contact, action.agent))
        elif isinstance(event, Routed) and event.step == Step.ASSIGNED and player.begun:
            done.append((event.contact, event.agent or ""))
        while again and done:
            was, would_be = done.popleft(), again.popleft()
            if was != would_be:
                return Verdict(decisions, untold, Difference(decisions + 1, was, would_be))
            decisions += 1
    if again:
        return Verdict(decisions, untold, Difference(decisions + 1, None, again[0]))
    return Verdict(decisions, untold + len(done), None)


def _endless(arg: Any) -> Any:
    """JSON has no infinity: a queue's wrap-up until the agent says so is null in the journal."""
    if isinstance(arg, dict) and arg.get("wrap_up_s", 0.0) is None:
        return {**arg, "wrap_up_s": math.inf}
    return arg


@cache
def _hints(verb: str) -> tuple[Any, ...]:
    hints = typing.get_type_hints(getattr(Distributor, verb))
    return tuple(hint for name, hint in hints.items() if name != "return")
