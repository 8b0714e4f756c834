"""In which languages callers are spoken to, and which of them must be at hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from ccd.acd.waiting.wording import LANGUAGES, languages_of
from ccd.config import Queue, Settings
from ccd.customers.listed import Listed
from ccd.customers.match import Match
from ccd.switch.call import Call

LANGUAGE = "language"
"""The variable of a flow, and key of a contact's data, that says how a caller is spoken to."""


def needed(settings: Settings, flows: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the languages whose vocabulary must be prepared; none where no queue ever speaks.

    `flows` are those that callers may choose from before they come to a queue. Raises
    ValueError where a queue's language is not spoken here.
    """
    speaking = [queue for queue in settings.queue if _speaks(queue)]
    if not speaking:
        return ()
    wanted = {
        *(language for queue in speaking for language in languages_of(queue.announce.language)),
        *(customer.language for customer in settings.customer),
        *flows,
    }
    return tuple(language for language in LANGUAGES if language in wanted)


def _speaks(queue: Queue) -> bool:
    offers = queue.callback.offer_position > 0 or queue.callback.offer_ewt_s > 0
    spoken = ("voicemail", "callback", "goodbye")
    return queue.announce.every_s > 0 or offers or any(rule.to in spoken for rule in queue.overflow)


class Languages:
    """Whom to address how. `available` are those of which all prompts are at hand.

    `who` says who the customer of a call is; none: the settings' customer of its number.
    """

    def __init__(
        self,
        settings: Settings,
        available: Collection[str],
        who: Callable[[Call], Match] | None = None,
    ) -> None:
        self._available = set(available)
        self._who = who
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Customers speak these languages from now on."""
        self._listed = Listed(settings.customer)

    def add(self, languages: Iterable[str]) -> None:
        """The prompts of these are at hand from now on."""
        self._available.update(languages)

    def of_queue(self, queue: Queue) -> tuple[str, ...]:
        """The queue's own, those of them that are to be had."""
        return tuple(
            language
            for language in languages_of(queue.announce.language)
            if language in self._available
        )

    def of(
        self, call: Call, queue: Queue, data: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """What `data` says, else what the caller chose in a flow, else the customer's language;
        the queue's, where none of these is to be had. () where not even they are.
        """
        for language in (
            (data or {}).get(LANGUAGE),
            call.data.get(LANGUAGE),
            self._language_of(call),
        ):
            if language is not None and language in self._available:
                return (language,)
        return self.of_queue(queue)

    def _language_of(self, call: Call) -> str:
        match = self._listed.find(call.ani) if self._who is None else self._who(call)
        return match.language
