"""What callers hear while they wait: announcements between the music, and keys pressed.

One `Announcer` a waiting call decides what is said and when; this gives it life: plays,
goes back to the music, keeps its timer, publishes `WaitEstimated`. Whoever controls the
call (the ACD's service) tells this room what happens to it:

    queued(call, contact)    it waits from now on; music begins
    moved(call, contact)     it waits in another queue from now on
    assigned(call)           an agent's phone rings for it
    returned(call)           nobody answered there; it waits again
    digit(call, digit)       the caller pressed a key
    played(call)             what was played to the caller has ended
    left(call)               it waits no longer: answered, gone, or taken elsewhere

A call that is not here is nobody's mistake: such news crosses (a prompt that ends as the
caller leaves) and is ignored. Nothing here moves a call or a contact: a caller who takes
the offer to be called back is handed to `call_back`, which releases the call from its queue
(after which the service says `left`). Rules of overflow belong to `ccd.acd.overflow.rules`, which
needs nothing of this room but `left` or `moved` when one has been followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from ccd.acd.anonymity import is_anonymous
from ccd.acd.contact import Contact
from ccd.acd.waiting.announcer import Announcer, Estimate
from ccd.acd.waiting.languages import Languages
from ccd.alarm import Alarm
from ccd.config import Callback, Queue, Settings
from ccd.events import EventStream, WaitEstimated
from ccd.media.prompt import Prompt
from ccd.media.protocol import Sound
from ccd.switch.call import Call
from ccd.switch.switch import Switch

Sounds = Callable[[Sequence[Prompt]], tuple[Sound, ...]]
"""What says these prompts (`ccd.media.prompt_book.PromptBook.sounds`)."""


@dataclass(slots=True, eq=False)
class _Wait:
    call: Call
    contact: Contact
    announcer: Announcer
    alarm: Alarm


class WaitingRoom:
    """Speaks to callers who wait.

    `position` and `estimate` are asked, with a contact's id, at the moment at which they are
    to be said. `call_back` is told a call whose caller takes the offer.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        switch: Switch,
        sounds: Sounds,
        languages: Languages,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
        position: Callable[[str], int | None],
        estimate: Callable[[str], Estimate | None],
        call_back: Callable[[Call], None],
    ) -> None:
        self._queues = {queue.name: queue for queue in settings.queue}
        self._switch = switch
        self._sounds = sounds
        self._languages = languages
        self._events = events
        self._loop = loop
        self._position = position
        self._estimate = estimate
        self._call_back = call_back
        self._waits: dict[str, _Wait] = {}
        self._log = structlog.get_logger("waiting")

    def __len__(self) -> int:
        return len(self._waits)

    def change_queue(self, queue: Queue) -> None:
        """The queue's settings are these from now on; who waits already is told by the old ones."""
        self._queues[queue.name] = queue

    # --- what happens to a call ------------------------------------------------------------

    def queued(self, call: Call, contact: Contact) -> None:
        """It waits from now on."""
        self.left(call)
        queue = self._queues[contact.queue]
        wait = self._waits[call.id] = _Wait(
            call,
            contact,
            Announcer(
                queue.announce,
                _offered_to(call, queue),
                self._languages.of(call, queue, contact.data),
                self._loop.time(),
            ),
            Alarm(self._loop, lambda now: self._due(call.id, now)),
        )
        self._music(wait)
        self._set(wait)

    def moved(self, call: Call, contact: Contact) -> None:
        """It waits in another queue (`contact.queue`) from now on."""
        wait = self._waits.get(call.id)
        if wait is None:
            return
        queue = self._queues[contact.queue]
        other_music = queue.music != self._queues[wait.contact.queue].music
        wait.contact = contact
        wait.announcer.moved(
            queue.announce,
            _offered_to(call, queue),
            self._languages.of(call, queue, contact.data),
            self._loop.time(),
        )
        if other_music and not wait.announcer.speaking:
            self._music(wait)
        self._set(wait)

    def assigned(self, call: Call) -> None:
        """An agent's phone rings for it: an announcement goes on, none begins."""
        wait = self._waits.get(call.id)
        if wait is not None:
            wait.announcer.assigned()
            self._set(wait)

    def returned(self, call: Call) -> None:
        """The agent did not answer: it waits again."""
        wait = self._waits.get(call.id)
        if wait is not None:
            wait.announcer.returned(self._loop.time())
            self._set(wait)

    def left(self, call: Call) -> None:
        """It waits no longer. What plays to the caller is the next controller's to stop."""
        wait = self._waits.pop(call.id, None)
        if wait is not None:
            wait.alarm.cancel()

    def digit(self, call: Call, digit: str) -> None:
        """The caller pressed a key."""
        wait = self._waits.get(call.id)
        if wait is not None and wait.announcer.digit(digit):
            self._log.info("callback taken", call=call.id, queue=wait.contact.queue)
            self._call_back(call)

    def played(self, call: Call) -> None:
        """An announcement has ended: music again."""
        wait = self._waits.get(call.id)
        if wait is not None:
            wait.announcer.spoken(self._loop.time())
            self._music(wait)
            self._set(wait)

    # --- time --------------------------------------------------------------------------------

    def _due(self, call: str, now: float) -> None:
        wait = self._waits[call]  # `left` takes the alarm with it
        contact = wait.contact
        position, estimate = self._position(contact.id), self._estimate(contact.id)
        said = wait.announcer.handle_timer(now, position, estimate)
        if said is not None:
            self._switch.play(wait.call.caller, self._sounds(said.prompts))
        if said is not None and position is not None:
            self._events.publish(
                WaitEstimated(
                    contact=contact.id,
                    queue=contact.queue,
                    position=position,
                    p50=None if estimate is None else estimate.p50,
                    p90=None if estimate is None else estimate.p90,
                )
            )
        self._set(wait)

    def _set(self, wait: _Wait) -> None:
        wait.alarm.set(wait.announcer.get_timer())

    def _music(self, wait: _Wait) -> None:
        self._switch.play_music(wait.call.caller, self._queues[wait.contact.queue].music)


def _offered_to(call: Call, queue: Queue) -> Callback:
    """The queue's callback; nobody can call back who does not show his number."""
    return Callback() if is_anonymous(call.ani) else queue.callback
