"""The part of an event loop that the services use, on the virtual network's clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccd.sip.virtual_network import VirtualNetwork


class Handle:
    """A timer that can be cancelled, as asyncio's."""

    def __init__(self, act: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._act = act
        self._args = args
        self.cancelled = False
        self.fired = False

    def cancel(self) -> None:
        self.cancelled = True

    @property
    def is_pending(self) -> bool:
        """Whether it is still to be fired."""
        return not self.cancelled and not self.fired

    def fire(self) -> None:
        self.fired = True
        if not self.cancelled:
            self._act(*self._args)


class VirtualLoop:
    """`time`, `call_at` and `call_later`, in virtual time."""

    def __init__(self, network: VirtualNetwork) -> None:
        self._network = network
        self._handles: list[Handle] = []

    def time(self) -> float:
        return self._network.now

    def call_at(self, when: float, act: Callable[..., Any], *args: Any) -> Handle:
        handle = Handle(act, args)
        self._handles = [each for each in self._handles if each.is_pending]
        self._handles.append(handle)
        self._network.at(when, handle.fire)
        return handle

    def call_later(self, delay: float, act: Callable[..., Any], *args: Any) -> Handle:
        return self.call_at(self.time() + delay, act, *args)

    def pending(self) -> list[Callable[..., Any]]:
        """What timers that are set will call."""
        return [each._act for each in self._handles if each.is_pending]
