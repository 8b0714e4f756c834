"""The ACD's rooms, joined: the service, what callers hear, ways out, callbacks, voicemail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import structlog

from ccd.acd.callbacks.customer_first import Forecast
from ccd.acd.callbacks.desk import CallbackDesk, NoTrunkError
from ccd.acd.callbacks.engine import NoNumberError
from ccd.acd.callbacks.states import Origin
from ccd.acd.distributor import Distributor, Order
from ccd.acd.errors import AcdError
from ccd.acd.overflow.calendar import OpeningHours
from ccd.acd.overflow.exits import Exits
from ccd.acd.overflow.ways import WaysOut
from ccd.acd.service import Acd
from ccd.acd.tape import Tape
from ccd.acd.voicemail.desk import VoicemailDesk
from ccd.acd.voicemail.messages import Voicemail
from ccd.acd.waiting.farewell import Farewell
from ccd.acd.waiting.languages import Languages
from ccd.acd.waiting.room import Sounds, WaitingRoom
from ccd.acd.waiting.wording import Phrase
from ccd.config import Queue, Settings
from ccd.customers.recognition import Recognition
from ccd.events import EventStream, VoicemailLeft
from ccd.model import Cause
from ccd.store.callbacks import OpenCallback
from ccd.switch.call import Call
from ccd.switch.switch import Switch


class LeftOpen(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal of earlier runs holds that is not over."""

    callbacks: Sequence[OpenCallback] = ()
    messages: Sequence[VoicemailLeft] = ()
    conversations: Sequence[tuple[str, str, float]] = ()
    """Customer, agent, when (seconds since the epoch); oldest first."""


class Floor:
    """Everything between a caller who wants an agent and the agent.

    `sounds` says prompts in `languages`, `messages` is voicemail's folder, `boot` makes ids
    differ from those of earlier runs.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        switch: Switch,
        sounds: Sounds,
        languages: Collection[str],
        messages: Path,
        events: EventStream,
        boot: str,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
        recognition: Recognition | None = None,
    ) -> None:
        self._switch = switch
        self._calendars = {each.name: OpeningHours(each) for each in settings.calendar}
        self._queues = {queue.name: queue for queue in settings.queue}
        self._log = structlog.get_logger("acd")
        self._recognition = recognition
        who = None if recognition is None else recognition.match
        self._languages = Languages(settings, languages, who)
        order = Order(by=settings.acd.order)
        self._tape = Tape(order, events, loop)
        distributor = Distributor(order, notes=True, tape=self._tape.told)
        self.acd = Acd(
            settings=settings,
            switch=switch,
            distributor=distributor,
            events=events,
            loop=loop,
            wall_clock=wall_clock,
            recognition=recognition,
        )
        self.voicemail = VoicemailDesk(
            settings=settings,
            switch=switch,
            acd=self.acd,
            sounds=sounds,
            languages=self._languages,
            events=events,
            loop=loop,
            wall_clock=wall_clock,
            folder=messages,
            call_back=self._call_back_sender,
        )
        self.callbacks = CallbackDesk(
            settings=settings,
            switch=switch,
            acd=self.acd,
            events=events,
            loop=loop,
            wall_clock=wall_clock,
            hours={
                queue.name: self._calendars[queue.hours] for queue in settings.queue if queue.hours
            },
            forecast=self._forecast,
            goodbye=self._will_be_called,
            boot=boot,
            directory=None if recognition is None else recognition.directory,
        )
        self._ways = WaysOut(
            acd=self.acd,
            voicemail=self.voicemail,
            call_back=lambda call: self._call_back(call, Origin.OVERFLOW),
            farewell=Farewell(switch),
            sounds=sounds,
            languages=self._languages,
        )
        self.waiting = WaitingRoom(
            settings=settings,
            switch=switch,
            sounds=sounds,
            languages=self._languages,
            events=events,
            loop=loop,
            position=self.acd.position,
            estimate=self.acd.estimate,
            call_back=self._offer_taken,
        )
        self.exits = Exits(
            ways=self._ways,
            crowd=distributor,
            likely=self.acd.likely,
            events=events,
            loop=loop,
            wall_clock=wall_clock,
        )
        for queue in settings.queue:
            self.exits.set_queue(queue, self._calendars.get(queue.hours))
        self.acd.watch(self.waiting)
        self.acd.open_exits(self.exits)
        self.acd.tell_changes(self)

    def restore(self, left: LeftOpen) -> None:
        """Take up what an earlier run left open.

        A message of a queue that is no more waits until the queue is back; a callback of one is
        resolved as closed, and told.
        """
        self.callbacks.restore(left.callbacks)
        self.voicemail.restore(left.messages)
        self.acd.last_agents.restore(left.conversations)

    def close(self) -> None:
        """Stop every timer that is not a call's, and write down what is not yet written."""
        self.callbacks.close()
        self._tape.flush()

    def speak(self, languages: Collection[str]) -> None:
        """The prompts of these languages are at hand from now on."""
        self._languages.add(languages)

    def enqueue(self, call: Call, queue: str, *, arrived_at: float | None = None) -> None:
        """Take an answered call from a flow. One whose queue is no more by now is ended.

        `arrived_at` (the loop's clock) is when it came, where that was before now.
        """
        try:
            self.acd.enqueue(call, queue, arrived_at=arrived_at)
        except AcdError as error:
            self._log.error("a flow leads nowhere", call=call.id, queue=queue, reason=str(error))
            self._switch.clear_call(call, Cause.DESTINATION_NOT_OBTAINABLE)

    def counts(self) -> dict[str, float]:
        """What is under way beside live calls, and how many customers called since the start."""
        figures = self.acd.redials.figures()
        return {
            "acd.callbacks": len(self.callbacks.open),
            "acd.voicemails": len(self.voicemail.open),
            "acd.calls": figures.calls,
            "acd.customers": figures.customers,
            "acd.places_kept": figures.places_kept,
        }

    # --- changes while calls go on: `ccd.acd.seams.Room` ------------------------------------

    def set_queue(self, queue: Queue) -> None:
        """A queue was opened, or its settings are these from now on."""
        self._queues[queue.name] = queue
        self.exits.set_queue(queue, self._calendars.get(queue.hours))
        self.waiting.change_queue(queue)
        self.voicemail.change_queue(queue)
        self.callbacks.change_queue(queue, self._calendars.get(queue.hours))

    def remove_queue(self, queue: str, move_to: str | None) -> None:
        """The queue is no more; what belongs to it is `move_to`'s from now on, if that is said."""
        del self._queues[queue]
        self.exits.remove_queue(queue)
        self.callbacks.remove_queue(queue, move_to)
        self.voicemail.remove_queue(queue, move_to)

    def change_settings(self, settings: Settings) -> None:
        """Customers, classes and calendars are these from now on."""
        self._calendars = {each.name: OpeningHours(each) for each in settings.calendar}
        if self._recognition is not None:
            self._recognition.directory.change(settings.customer)
        self._languages.change(settings)
        self.callbacks.change_settings(settings)
        for queue in list(self._queues.values()):
            if queue.hours:
                self.set_queue(queue)

    # --- calling people back ------------------------------------------------------------------

    def _call_back(self, call: Call, origin: Origin) -> bool:
        return self.callbacks.accept(call, origin) is not None

    def _offer_taken(self, call: Call) -> None:
        if not self._call_back(call, Origin.OFFERED):  # he was being connected just then
            self._log.info("callback too late", call=call.id)

    def _will_be_called(self, call: Call, queue: str) -> None:
        self._ways.farewell(call, self._queues[queue], Phrase.CALLBACK_CONFIRMED)

    def _call_back_sender(self, message: Voicemail, agent: str) -> None:
        """An agent wants to speak with who left a message: as soon as somebody can."""
        try:
            self.callbacks.request(message.number, message.queue)
        except (NoNumberError, NoTrunkError) as error:
            self._log.warning("no callback", voicemail=message.id, agent=agent, reason=str(error))

    def _forecast(self, queue: str, enqueued_at: float) -> Forecast:
        return Forecast(
            agents=self.acd.servers(queue),
            p50=self.acd.estimate_now(queue, enqueued_at).p50,
        )
