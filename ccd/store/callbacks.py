"""Open callbacks, folded from events and nothing else (sans-IO): a restart forgets nobody.

They have a table of their own, written with the events, because an appointment may be
older than the events that are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ccd.events import CallbackRequested, CallbackResolved, CallbackTried, Event


class OpenCallback(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who is still to be called back; times are seconds since the epoch."""

    callback: str
    queue: str
    number: str
    origin: str
    enqueued_at: float
    due_at: float | None = None
    """Not before this time: an appointment, or the next try."""
    tries: int = 0
    call: str | None = None


class OpenCallbacks:
    """Folds events into the callbacks that are open. Feed it every event, in order."""

    def __init__(self, found: Iterable[OpenCallback] = ()) -> None:
        self._open = {each.callback: each for each in found}

    def __len__(self) -> int:
        return len(self._open)

    def feed(self, event: Event) -> str | None:
        """Take one event; return which callback it changed, if any."""
        match event:
            case CallbackRequested():
                before = self._open.get(event.callback)
                self._open[event.callback] = OpenCallback(
                    callback=event.callback,
                    queue=event.queue,
                    number=event.number,
                    origin=event.origin,
                    enqueued_at=event.enqueued_at,
                    due_at=event.due_at,
                    tries=0 if before is None else before.tries,
                    call=event.call,
                )
            case CallbackTried() if event.callback in self._open:
                self._open[event.callback] = msgspec.structs.replace(
                    self._open[event.callback], due_at=event.next_at, tries=event.attempt
                )
            case CallbackResolved():
                if self._open.pop(event.callback, None) is None:
                    return None
            case _:
                return None
        return event.callback

    def get(self, callback: str) -> OpenCallback | None:
        """Return one of them, None where it is not open."""
        return self._open.get(callback)

    def all(self) -> list[OpenCallback]:
        """Return those that are open, the best place first."""
        return sorted(self._open.values(), key=lambda each: (each.enqueued_at, each.callback))
