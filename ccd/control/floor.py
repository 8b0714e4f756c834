"""Call control's rooms, joined; and the calls that come from phones of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ccd.acd.errors import AcdError
from ccd.acd.floor import Floor
from ccd.config import Queue, Settings
from ccd.control.answering import Answering
from ccd.control.destinations import (
    Destination,
    DiallingRefused,
    Feature,
    Outside,
    ToQueue,
    ToService,
)
from ccd.control.dialling import DiallingPlan
from ccd.control.features import Features
from ccd.control.ivr_loan import IvrLoans
from ccd.control.lines import Lines
from ccd.control.own_calls import OwnCalls
from ccd.control.parking import Parking, places
from ccd.control.pickup import Pickup
from ccd.control.recording import RecordingVerbs
from ccd.control.seats import Seats
from ccd.control.service import CallControl
from ccd.control.supervision import Supervision
from ccd.control.voicemail import VoicemailVerbs
from ccd.errors import CcdError
from ccd.events import EventStream
from ccd.ivr.service import Ivr
from ccd.media.protocol import Sound
from ccd.model import Cause
from ccd.switch.admission import PHONE_PREFIX
from ccd.switch.call import Call, Controller
from ccd.switch.switch import Switch


class ControlFloor:
    """Everything by which people act on calls."""

    def __init__(
        self,
        settings: Settings,
        *,
        switch: Switch,
        floor: Floor,
        ivr: Ivr,
        message: Callable[[str], Sound],
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
    ) -> None:
        self._switch = switch
        self._floor = floor
        self._acd = floor.acd
        self._answer_service = ivr.enter
        self._wall_clock = wall_clock
        self._roles = {agent.name: agent.role for agent in settings.agent}
        self._log = structlog.get_logger("control")
        self.own_calls = OwnCalls(
            switch=switch, people=self._acd, loop=loop, events=events, enter=self._enter
        )
        self.calls = CallControl(
            switch=switch,
            acd=self._acd,
            own_calls=self.own_calls,
            plan=DiallingPlan(settings),
            role_of=self.role_of,
            wall_clock=wall_clock,
        )
        self.lines = Lines(settings.phone, switch=switch, events=events, loop=loop)
        self.seats = Seats(acd=self._acd, calls=self.calls, events=events)
        self.pickup = Pickup(
            switch=switch,
            acd=self._acd,
            calls=self.calls,
            own_calls=self.own_calls,
            events=events,
        )
        self.parking = Parking(
            switch=switch,
            acd=self._acd,
            calls=self.calls,
            own_calls=self.own_calls,
            events=events,
            loop=loop,
            places=places(settings),
            timeout_s=settings.control.park_timeout_s,
        )
        self.supervision = Supervision(
            switch=switch,
            acd=self._acd,
            calls=self.calls,
            own_calls=self.own_calls,
            role_of=self.role_of,
            loop=loop,
        )
        self.features = Features(
            switch=switch, pickup=self.pickup, parking=self.parking, events=events, loop=loop
        )
        self.recording = RecordingVerbs(
            settings.recording,
            switch=switch,
            calls=self.calls,
            message=message,
            events=events,
            loop=loop,
        )
        self.voicemail = VoicemailVerbs(acd=self._acd, calls=self.calls, voicemail=floor.voicemail)
        self.answering = Answering(switch=switch, calls=self.calls)
        self.ivr_loans = IvrLoans(switch=switch, acd=self._acd, calls=self.calls, ivr=ivr)

    def role_of(self, agent: str) -> str:
        """An agent's role, for the dialling plan."""
        return self._roles.get(agent, "")

    def is_emergency(self, number: str) -> bool:
        """Whether whoever dials this gets through, whatever the load."""
        return self.calls.plan.is_emergency(number)

    def route_phone(self, call: Call) -> Controller | None:
        """Who takes a call from a phone of ours; None where the number is a flow's, or nobody's.

        An agent at work is told by a tone that his number leads nowhere; any other phone is
        refused.
        """
        phone = call.trunk.removeprefix(PHONE_PREFIX)
        agent = self._acd.agent_at(phone)
        try:
            destination = self.calls.plan.resolve(
                call.dnis,
                agent=agent,
                role=self.role_of(agent) if agent is not None else "",
                at=self._wall_clock(),
                locked=agent in self.calls.locked,
            )
        except DiallingRefused as refused:
            self._log.info("not dialled", call=call.id, agent=agent, reason=refused.message)
            return None
        if isinstance(destination, ToService):
            return None
        if agent is None and not isinstance(destination, Outside):
            self._log.info("nobody at work at this phone", call=call.id, phone=phone)
            return None
        self.own_calls.adopt(call, agent, destination)
        return self.own_calls

    def _enter(self, call: Call, destination: Destination) -> None:
        """An agent dialled a queue, or a service: he waits there like a caller."""
        try:
            match destination:
                case ToQueue(queue=queue):
                    self._acd.enqueue(call, queue)
                case ToService(number=number):
                    self._answer_service(call, number)
                case Feature() as feature:
                    self.features.dialled(call, feature)
                case _:
                    raise CcdError(f"{destination} is nothing that is entered")
        except (AcdError, CcdError) as error:
            self._log.info("not entered", call=call.id, reason=str(error))
            self._switch.clear_call(call, Cause.DESTINATION_NOT_OBTAINABLE)

    # --- changes while calls go on: `ccd.acd.seams.Room` ------------------------------------

    def set_queue(self, queue: Queue) -> None:
        """Numbers of queues are the plan's, which comes with the settings."""

    def remove_queue(self, queue: str, move_to: str | None) -> None:
        """As `set_queue`."""

    def change_settings(self, settings: Settings) -> None:
        """Who may dial what is so from now on; calls under way go on."""
        self.calls.plan = DiallingPlan(settings)
        self.lines.change_phones(settings.phone)
        self.recording.policy = settings.recording
        self.parking.places = places(settings)
        self.parking.timeout_s = settings.control.park_timeout_s
        self._roles = {agent.name: agent.role for agent in settings.agent}
