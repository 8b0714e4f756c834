"""Where calls go that leave a queue without an agent (`ccd.acd.overflow.exits.Ways`), done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ccd.acd.service import Acd
from ccd.acd.waiting import wording
from ccd.acd.waiting.farewell import Farewell
from ccd.acd.waiting.languages import Languages
from ccd.acd.waiting.room import Sounds
from ccd.acd.waiting.wording import Phrase
from ccd.config import Queue
from ccd.switch.call import Call

REASON = "overflowed"
"""Why such a call left its queue, in `Dequeued`."""


class Mailbox(Protocol):
    """Who takes messages (`ccd.acd.voicemail.desk.VoicemailDesk`)."""

    def take(self, call: Call, queue: str) -> None:
        """Have the caller leave one."""


class WaysOut:
    """Takes calls from the ACD and gives them to who takes them on."""

    def __init__(
        self,
        *,
        acd: Acd,
        voicemail: Mailbox,
        call_back: Callable[[Call], bool],
        farewell: Farewell,
        sounds: Sounds,
        languages: Languages,
    ) -> None:
        self._acd = acd
        self._voicemail = voicemail
        self._call_back = call_back
        self._farewell = farewell
        self._sounds = sounds
        self._languages = languages

    def to_queue(self, call: Call, queue: str) -> None:
        """Have it wait there, at the place of its age."""
        self._acd.move(call.id, queue)

    def to_number(self, call: Call, number: str, trunk: str) -> None:
        """Connect it with a number outside. Raises `ccd.switch.switch.NotReachable`."""
        self._acd.connect_outside(call, number, trunk)

    def to_voicemail(self, call: Call, queue: str) -> None:
        """Have it leave a message."""
        self._acd.release(call, REASON)
        self._voicemail.take(call, queue)

    def to_callback(self, call: Call, queue: str) -> bool:
        """Have the caller called back; False where he shows no number."""
        return self._call_back(call)

    def to_goodbye(self, call: Call, queue: str) -> None:
        """Tell the caller that nobody is there, and hang up."""
        settings = self._acd.queue_config(queue)
        self._acd.release(call, REASON)
        self.farewell(call, settings, Phrase.CLOSED)

    def farewell(self, call: Call, queue: Queue, phrase: Phrase) -> None:
        """Say this to the caller of a call that is in no queue any more, and hang up."""
        languages = self._languages.of(call, queue)
        said = [prompt for each in languages for prompt in wording.phrase(phrase, each)]
        self._farewell.say(call, self._sounds(said))
