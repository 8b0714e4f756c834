"""Voicemail: callers leave messages, and each is given to an agent as a call would be.

The desk joins the two conversations about a message (`voicemail_leaving`,
`voicemail_hearing`) with the distributor and the journal. A message that was left is a
contact of channel `voicemail` in its queue, at the place of the moment when it was left,
until an agent says that he is done with it. An agent who hangs up without saying so gives
it back: the first time to its place; from then on behind all that wait by then, so that
one message does not come between one agent and his callers over and over. It is never
dropped: `VoicemailHeard` is the only end of a message.
"""

from __future__ import annotations

import asyncio
import glob
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from ccd.acd.contact import Contact
from ccd.acd.errors import AcdError
from ccd.acd.voicemail.hearing import Hearings
from ccd.acd.voicemail.leaving import Leavings, Left, file_name
from ccd.acd.voicemail.messages import Torn, Voicemail, message_of, torn_calls
from ccd.acd.waiting.languages import Languages
from ccd.acd.waiting.room import Sounds
from ccd.config import Queue, Settings
from ccd.events import Event, EventStream, VoicemailHeard, VoicemailLeft
from ccd.model import Cause, Channel
from ccd.switch.call import Call
from ccd.switch.patch import RecordingDone
from ccd.switch.switch import NotReachable, Switch


class Distribution(Protocol):
    """What is needed of `ccd.acd.service.Acd`."""

    def submit(self, contact: Contact, desk: Any) -> None:
        """Have the contact wait; `desk` hears `assigned` and `withdrawn`. Raises `AcdError`."""

    def accepted(self, contact_id: str, agent: str) -> None:
        """The agent has it."""

    def offer_failed(self, contact_id: str, cause: Cause, agent: str) -> None:
        """The agent could not be had."""

    def ended(self, contact_id: str) -> None:
        """The agent is done, or at least his call is over."""

    def stopped(self, contact_id: str, agent: str) -> None:
        """The phone of an agent from whom it was withdrawn rings no longer."""

    def remove(self, contact_id: str, reason: str) -> None:
        """It waits no longer."""

    def engage(self, agent: str, call_id: str) -> None:
        """The agent has a call that was not given to him."""

    def disengage(self, agent: str, call_id: str) -> bool:
        """That call is over for him."""


class VoicemailDesk:
    """Takes messages and has them heard.

    `folder` keeps the files, `wall_clock` is seconds since the epoch. `call_back(message,
    agent)` is told when an agent, having heard one, wants to speak with the customer; the
    message is done then, and the agent free when his call is over.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        switch: Switch,
        acd: Distribution,
        sounds: Sounds,
        languages: Languages,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
        folder: Path,
        call_back: Callable[[Voicemail, str], None],
    ) -> None:
        self._queues = {queue.name: queue for queue in settings.queue}
        self._acd = acd
        self._events = events
        self._loop = loop
        self._wall_clock = wall_clock
        self._folder = folder
        self._call_back = call_back
        self._leavings = Leavings(
            switch=switch,
            sounds=sounds,
            languages=languages,
            folder=folder,
            wall_clock=wall_clock,
            kept=self._left,
        )
        self._hearings = Hearings(
            switch=switch, sounds=sounds, languages=languages, report=self, loop=loop
        )
        self._open: dict[str, Voicemail] = {}
        self._places: dict[str, float] = {}
        """When each open message's claim to its place began, on the loop's clock."""
        self._successors: dict[str, str] = {}
        """By queue that is no more: the one where its messages wait."""
        self._returned: set[str] = set()
        """Those that came back once."""
        self._stranded: set[str] = set()
        """Those whose queue is no more."""
        self._chosen: dict[str, str] = {}
        """By message that an agent chose himself: the call in which he hears it."""
        self._log = structlog.get_logger("voicemail")

    def __len__(self) -> int:
        """Conversations in progress."""
        return len(self._leavings) + len(self._hearings)

    @property
    def open(self) -> list[Voicemail]:
        """Messages that nobody is done with, the oldest first."""
        return list(self._open.values())

    def change_queue(self, queue: Queue) -> None:
        """The queue's settings are these from now on; messages that it left behind wait again."""
        self._queues[queue.name] = queue
        self._successors.pop(queue.name, None)
        for message in [self._open[name] for name in self._stranded]:
            if message.queue == queue.name:
                self._submit(message)

    def remove_queue(self, queue: str, move_to: str | None) -> None:
        """The queue is no more; messages for it are those of `move_to`, if that is said.

        Who is leaving one finishes it as he began.
        """
        if move_to is not None:
            self._successors[queue] = move_to

    def take(self, call: Call, queue: str) -> None:
        """Have the caller of an answered call, released from its queue, leave a message for one."""
        self._leavings.take(call, self._queues[queue])

    def restore(self, messages: Iterable[VoicemailLeft]) -> None:
        """Take up what an earlier run left open (`ccd.store.queries.open_voicemails`)."""
        for message in map(message_of, messages):
            age = max(0.0, self._wall_clock() - message.left_at)
            self._keep(message, self._loop.time() - age)

    def recover(
        self, left_open: Iterable[Event], salvage: Callable[[str, RecordingDone], None]
    ) -> None:
        """Keep messages that were being spoken when an earlier run was killed.

        `left_open` are the events of calls that had no end, `salvage` makes a torn file whole
        and then tells its path, its length and what went wrong.
        """
        for torn in torn_calls(left_open):
            for path in self._folder.glob(f"*/{glob.escape(file_name(torn.call))}"):
                if torn.queue in self._queues:
                    salvage(str(path), partial(self._recovered, torn))
                else:
                    self._log.error("a message for no queue", path=str(path), number=torn.number)

    def _recovered(self, torn: Torn, path: str, seconds: float, error: str) -> None:
        if error:
            self._log.error("message not saved", call=torn.call, path=path, reason=error)
        elif seconds >= self._queues[torn.queue].voicemail.min_s:
            self._left(Left(torn.call, torn.number, torn.queue, path, seconds))

    # --- the distributor's decisions: `ccd.acd.seams.Desk` ----------------------------------

    def assigned(self, contact: Contact, agent: str, phone: str, queue: str) -> None:
        """Ring this agent for this message."""
        # It may have been moved to another queue, and goes back there if it must.
        message = msgspec.structs.replace(self._open[contact.id], queue=queue)
        self._open[message.id] = message
        try:
            self._hearings.ring(message, self._queues[queue], agent, phone)
        except NotReachable as error:
            self._log.warning("agent not reachable", agent=agent, reason=str(error))
            self._acd.offer_failed(message.id, error.cause, agent)

    def withdrawn(self, contact: Contact, agent: str) -> bool:
        """It is not this agent's any more; `stopped` follows, where a phone of his rings."""
        return self._hearings.withdraw(contact, agent)

    # --- messages that agents choose ----------------------------------------------------------

    def hears(self, message: str) -> str | None:
        """Who hears this message now, or is rung for it."""
        return self._hearings.hears(message)

    def choose(self, message: str, agent: str, phone: str) -> Call:
        """Ring an agent for the message that he wants to hear now, whoever would be given it.

        It waits for nobody meanwhile, and where he is not done with it at the end it is back at its
        place. One that nobody can be given, for its queue is no more, can be heard so too. Raises
        KeyError for a message that is not open, `NotReachable`.
        """
        chosen = self._open[message]
        queue = self._queues[chosen.queue]
        call = self._hearings.ring(chosen, queue, agent, phone, asked=True)
        self._chosen[message] = call.id
        self._acd.remove(message, "chosen")
        self._acd.engage(agent, call.id)
        return call

    def _give_back(self, message: Voicemail, agent: str, *, open_still: bool) -> bool:
        """Whether the agent had chosen it himself; he is free then, and it may wait again."""
        call = self._chosen.pop(message.id, None)
        if call is None:
            return False
        self._acd.disengage(agent, call)
        if open_still:
            self._submit(self._open[message.id])
        return True

    # --- what becomes of a message: `voicemail_hearing.Report` ----------------------------------

    def accepted(self, message: Voicemail, agent: str) -> None:
        """The agent answered."""
        if message.id not in self._chosen:
            self._acd.accepted(message.id, agent)

    def refused(self, message: Voicemail, agent: str, cause: Cause) -> None:
        """He could not be had: the distributor puts it back."""
        if self._give_back(message, agent, open_still=True):
            return
        self._acd.offer_failed(message.id, cause, agent)

    def stopped(self, message: Voicemail, agent: str) -> None:
        """It was withdrawn from him, and his phone rings no longer."""
        self._acd.stopped(message.id, agent)

    def heard(self, message: Voicemail, agent: str) -> None:
        """He is done with it; so is everybody."""
        del self._open[message.id]
        del self._places[message.id]
        self._returned.discard(message.id)
        self._events.publish(VoicemailHeard(voicemail=message.id, agent=agent))

    def call_back(self, message: Voicemail, agent: str) -> None:
        """He wants to speak with the customer."""
        self._call_back(message, agent)

    def ended(self, message: Voicemail, agent: str, *, returns: bool) -> None:
        """His call is over: he is free, and a message that he is not done with waits again."""
        if self._give_back(message, agent, open_still=returns):
            return
        self._acd.ended(message.id)
        if returns:
            message = self._open[message.id]
            if message.id in self._returned:
                self._places[message.id] = self._loop.time()
            self._returned.add(message.id)
            self._log.info("message returned", voicemail=message.id, agent=agent)
            self._submit(message)

    # --- messages ----------------------------------------------------------------------------------

    def _left(self, left: Left) -> None:
        event = self._events.publish(
            VoicemailLeft(
                voicemail=f"vm-{left.call}",
                call=left.call,
                queue=left.queue,
                number=left.number,
                path=left.path,
                seconds=left.seconds,
            )
        )
        self._keep(message_of(event), self._loop.time())

    def _keep(self, message: Voicemail, place: float) -> None:
        self._open[message.id] = message
        self._places[message.id] = place
        self._submit(message)

    def _submit(self, message: Voicemail) -> None:
        queue = message.queue
        while queue in self._successors:
            queue = self._successors[queue]
        contact = Contact(
            id=message.id,
            queue=queue,
            enqueued_at=self._places[message.id],
            channel=Channel.VOICEMAIL,
            customer=message.number,
            data={
                "number": message.number,
                "call": message.call,
                "seconds": f"{message.seconds:.0f}",
            },
        )
        self._stranded.discard(message.id)
        try:
            self._acd.submit(contact, self)
        except AcdError as error:
            self._stranded.add(message.id)
            self._log.error(
                "a message that nobody can be given: put its queue back, or hear its file",
                voicemail=message.id,
                path=message.path,
                reason=str(error),
            )
