"""Codes dialled at a phone that has nothing else: pick up, park, take back (`[dialling]`).

The call by which a code was dialled ends at once. Then the phone is rung for the call that is
taken; so it works with any phone, also one with a single line. To park, a call is held at the
phone, and the code dialled beside it.
"""

from __future__ import annotations

import asyncio

import structlog

from ccd.control.destinations import Feature, FeatureName
from ccd.control.errors import ControlError
from ccd.control.parking import Parking
from ccd.control.pickup import Pickup
from ccd.events import CallCleared, Event, EventStream
from ccd.model import Cause, Party
from ccd.switch.call import Call
from ccd.switch.switch import Switch


class Features:
    """What codes do, when the call that brought them is over."""

    def __init__(
        self,
        *,
        switch: Switch,
        pickup: Pickup,
        parking: Parking,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._switch = switch
        self._pickup = pickup
        self._parking = parking
        self._loop = loop
        self._dialled: dict[str, tuple[str, Feature]] = {}
        """By call: who dialled what."""
        self._log = structlog.get_logger("control")
        events.subscribe(self._follow)

    def dialled(self, call: Call, feature: Feature) -> None:
        """An agent dialled a code at his phone, and is the caller of this call."""
        if call.caller.agent is not None:
            self._dialled[call.id] = (call.caller.agent, feature)
        self._switch.clear_call(call, Cause.NORMAL_CLEARING, Party.SYSTEM)

    def _follow(self, event: Event) -> None:
        if isinstance(event, CallCleared) and event.call in self._dialled:
            # Not before whoever else hears of it has let go of the agent.
            self._loop.call_later(0.0, self._do, *self._dialled.pop(event.call))

    def _do(self, agent: str, feature: Feature) -> None:
        try:
            match feature.name:
                case FeatureName.PICKUP if feature.argument:
                    self._pickup.directed_pickup(agent, feature.argument)
                case FeatureName.PICKUP:
                    self._pickup.group_pickup(agent)
                case FeatureName.PARK:
                    self._parking.park_call(agent, feature.argument or None)
                case FeatureName.UNPARK:
                    self._parking.unpark_call(agent, feature.argument)
        except ControlError as error:
            self._log.info("code refused", agent=agent, code=str(feature), reason=error.message)
