"""A callback desk on a virtual centre, with what its tests do over and over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from virtual.centre import EPOCH, Telephone, VirtualCentre

from ccd.acd.callbacks.customer_first import Forecast
from ccd.acd.callbacks.desk import CallbackDesk
from ccd.config import Callback
from ccd.events import CallbackRequested, CallbackResolved, CallbackTried
from ccd.model import Cause
from ccd.switch.call import Call

CUSTOMER = "13800000001"


class Shop:
    """Opening hours of one day: open, closed, open again."""

    def __init__(self, closes: float, opens: float) -> None:
        self.closes, self.opens = EPOCH + closes, EPOCH + opens

    def is_open(self, at: float) -> bool:
        return not self.closes <= at < self.opens

    def opens_at(self, at: float) -> float | None:
        return at if self.is_open(at) else self.opens

    def next_change(self, at: float) -> float | None:
        return next((change for change in (self.closes, self.opens) if change > at), None)


class Rig:
    """One customer (`centre.caller`), agents, one queue `orders` that calls back."""

    def __init__(
        self,
        tmp_path: Path,
        *,
        agents: int = 1,
        hours: Shop | None = None,
        trunk_channels: int = 0,
        ring_timeout_s: float = 5.0,
        **callback: Any,
    ) -> None:
        self.centre = VirtualCentre(
            tmp_path,
            agents=agents,
            trunk_channels=trunk_channels,
            ring_timeout_s=ring_timeout_s,
            callback=Callback(trunk="carrier", ani="95500", **callback),
        )
        self.desk = self.centre.centre.floor.callbacks
        self.customer = self.centre.caller
        self.customer.answers_after = 2.0
        if hours is not None:
            self.desk.change_queue(self.centre.settings.queue[0], hours)

    def expect(self, forecast: Forecast) -> None:
        """Have this be what a customer who is called first can expect."""
        self.desk._customer_first._forecast = lambda _queue, _enqueued_at: forecast

    def next_desk(self) -> CallbackDesk:
        """The desk of the daemon that is started after this one was killed."""
        self.desk.close()
        inner = self.centre.centre
        loop: Any = self.centre.loop
        return CallbackDesk(
            settings=self.centre.settings,
            switch=inner.switch,
            acd=inner.acd,
            events=self.centre.stream,
            loop=loop,
            wall_clock=self.centre.wall_clock,
            hours={},
            forecast=lambda _queue, _enqueued_at: Forecast(1, None),
            goodbye=lambda call, _queue: inner.switch.clear_call(call, Cause.NORMAL_CLEARING),
            boot="next",
        )

    def accept(self, wait_s: float = 10.0) -> str:
        """Have the customer call, wait, take the offer."""
        self.centre.caller_in_queue()
        self.centre.run(wait_s)
        callback = self.desk.accept(self.centre.call)
        assert callback is not None
        self.centre.run(1.0)
        assert self.customer.is_over
        return callback

    def other_phone(self, name: str = CUSTOMER) -> Telephone:
        """Another caller's telephone, or a second one of the customer's."""
        return Telephone(self.centre.network, name, "10.0.9.9", seed=77)

    def calls_in(self, phone: Telephone) -> Call:
        """Have somebody call the centre, and press 1 for the queue."""
        centre = self.centre
        before = set(centre.centre.switch.calls)
        centre.do(lambda: phone.call(centre.hop, "95500"))
        (name,) = set(centre.centre.switch.calls) - before
        call = centre.centre.switch.calls[name]
        centre.do(lambda: centre.bay.press(call.caller.node, "1"), 0.1)
        return call

    # --- what was told ---

    @property
    def tries(self) -> list[tuple[int, Cause | None]]:
        return [(event.attempt, event.cause) for event in self.centre.told(CallbackTried)]

    @property
    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.centre.told(CallbackResolved)]

    @property
    def requested(self) -> CallbackRequested:
        (event,) = self.centre.told(CallbackRequested)
        return event

    def assert_nothing_left(self) -> None:
        self.centre.assert_nothing_left()
        assert len(self.desk) == 0
        assert self.desk.open == []
