"""What a reader of events knows: the number of the last one, and whether any are missing.

Sans-IO. It is told every message that arrives and every page of a replay, and says what to
do next; nothing it gives out is out of order, twice, or after a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ccd.cti.wire import BEAT


class Chain:
    """The whole stream: events are counted by their numbers."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The number of the last event taken."""
        self.stopped = ""
        """Why there is nothing more; empty while there may be."""
        self._boot = ""

    def beat(self, boot: str, newest: int) -> bool:
        """The publisher says its newest event's number; True: events are missing, ask for them."""
        restarted, self._boot = boot != self._boot, boot
        return newest > self.seq or (restarted and newest < self.seq)

    def message(self, topic: bytes, plain: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """Take a message; return the events that it brings, and whether some are missing."""
        if topic == BEAT:
            return [], self.beat(plain["boot"], plain["seq"])
        if plain["seq"] == self.seq + 1:
            return [self._take(plain)], False
        return [], plain["seq"] > self.seq

    def page(self, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take what a replay brought, which goes on from `seq`; return the events that are new."""
        return [self._take(plain) for plain in events if plain["seq"] > self.seq]

    def _take(self, plain: dict[str, Any]) -> dict[str, Any]:
        self.seq = plain["seq"]
        return plain


class MonitorChain(Chain):
    """A monitor's events: numbered with gaps, counted by the monitor itself without."""

    def __init__(self, seq: int, n: int) -> None:
        super().__init__(seq)
        self.n = n
        """How many events the monitor had had, with the last one taken."""

    def beat(self, boot: str, newest: int) -> bool:
        """A daemon's first beat, or another daemon's, is a reason to ask; the number is not."""
        restarted, self._boot = boot != self._boot, boot
        return restarted

    def message(self, topic: bytes, plain: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """Take a message; return the ones that bring events, and whether some are missing."""
        if topic == BEAT:
            return [], self.beat(plain["boot"], plain["seq"])
        if "event" not in plain:  # the monitor's own beat
            return [], bool(plain["n"] > self.n)
        if plain["n"] == self.n + 1:
            return [self._take(plain)], False
        return [], bool(plain["n"] > self.n)

    def page(self, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take what a replay brought; return the messages that are new."""
        return [self._take(plain) for plain in events if plain["n"] > self.n]

    def _take(self, plain: dict[str, Any]) -> dict[str, Any]:
        self.seq, self.n = plain["event"]["seq"], plain["n"]
        self.stopped = plain.get("stopped", "")
        return plain
