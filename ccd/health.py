"""How the system is, for `system_status`: what is wrong with it, and since when. Sans-IO.

It hears of most from the events that say so anyway, and says itself when the whole is
otherwise than before.
"""

from __future__ import annotations

from ccd.events import (
    Event,
    EventStream,
    MediaWorkerLost,
    MediaWorkerStarted,
    OverloadChanged,
    SystemStatusChanged,
    SystemStopping,
)
from ccd.model import SystemState

_GRAVITY = {state: place for place, state in enumerate(SystemState)}


class Health:
    """What is wrong now. A subscriber of the stream that it publishes to."""

    def __init__(self, events: EventStream, since: float) -> None:
        """`since`: when the system began, seconds since the epoch."""
        self._events = events
        self._wrong: dict[SystemState, str] = {}
        self._lost: dict[int, str] = {}
        """Media workers that died and are not back, and why."""
        self.since = since
        """When the present `state` began, seconds since the epoch."""
        events.subscribe(self._on_event)

    @property
    def states(self) -> tuple[SystemState, ...]:
        """All that applies, the gravest first; never empty."""
        wrong = sorted(self._wrong, key=_GRAVITY.__getitem__, reverse=True)
        return tuple(wrong) or (SystemState.NORMAL,)

    @property
    def state(self) -> SystemState:
        """The gravest that applies."""
        return self.states[0]

    @property
    def reason(self) -> str:
        """Why, in words; empty where all is well."""
        return self._wrong.get(self.state, "")

    def set(self, state: SystemState, wrong: bool, reason: str = "") -> None:
        """Say that this applies or not; published where that is news."""
        before = self.states
        if wrong:
            self._wrong[state] = reason
        else:
            self._wrong.pop(state, None)
        if self.states != before:
            event = self._events.publish(
                SystemStatusChanged(state=self.state, states=self.states, reason=self.reason)
            )
            if self.states[0] is not before[0]:
                self.since = event.at

    def _on_event(self, event: Event) -> None:
        match event:
            case OverloadChanged():
                self.set(SystemState.SHEDDING, event.shedding, event.reason)
            case MediaWorkerLost():
                self._lost[event.worker] = f"media worker {event.worker}: {event.reason}"
                self._workers()
            case MediaWorkerStarted():
                self._lost.pop(event.worker, None)
                self._workers()
            case SystemStopping():
                self.set(SystemState.DRAINING, True, event.reason)
            case _:
                pass

    def _workers(self) -> None:
        self.set(SystemState.MEDIA_LOST, bool(self._lost), "; ".join(self._lost.values()))
