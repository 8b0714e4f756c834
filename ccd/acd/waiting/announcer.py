"""What one waiting contact is told, and when (sans-IO).

The seam is that of the other engines: `get_timer` says when to come back, `handle_timer`
returns what to say then, and whoever plays it reports `spoken`. The next announcement
comes `every_s` after the *end* of one, so that a long one does not eat up the music.

What is said:

- The **position**, unless it is behind the best one said so far. Callers of a higher class
  may overtake; hearing "you are number five" after "number three" tells a caller that we
  lost him, which is not so: his place is kept, others were put before it. So a worse
  position is not said, and none is invented; once he is as near again, he hears it again.
- The **wait**, as `ccd.acd.waiting.wording.wait` puts it. It is an estimate of what is ahead and may
  grow: it is said as it is. What it can't say honestly it leaves out.
- Where of both nothing can be said: that all agents are busy.
- The **offer to be called back**, once in a wait, with the first announcement at which the
  caller stands far enough behind or is likely to wait long enough. Its key counts from then
  until he is served, but not while an agent's phone rings for him.

Where a queue announces nothing (`every_s` 0), an offer is made all the same, where one is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

from ccd.acd.waiting import wording
from ccd.config import Announce, Callback
from ccd.media.prompt import Prompt

OFFER_CHECK_S = 10.0
"""How often to look whether an offer is due, where nothing else is announced."""


class Estimate(Protocol):
    """Seconds from now on, or None (`ccd.acd.estimates.estimator.Estimate`)."""

    @property
    def p50(self) -> float | None:
        """Half of such waits are shorter."""

    @property
    def p90(self) -> float | None:
        """Nine in ten of them are shorter."""


class Say(msgspec.Struct, frozen=True):
    """Play these, then say `spoken`."""

    prompts: tuple[Prompt, ...]
    offers_callback: bool = False


class Phase(Enum):
    """What the caller hears."""

    MUSIC = auto()
    ANNOUNCEMENT = auto()
    RINGING = auto()
    """Music or the rest of an announcement, while an agent's phone rings for him: nothing new
    is begun, for he may be answered at any moment."""


class _Happened(Enum):
    SAY = auto()
    SPOKEN = auto()
    ASSIGNED = auto()
    RETURNED = auto()


_NEXT: Final = {
    (Phase.MUSIC, _Happened.SAY): Phase.ANNOUNCEMENT,
    (Phase.ANNOUNCEMENT, _Happened.SPOKEN): Phase.MUSIC,
    (Phase.MUSIC, _Happened.ASSIGNED): Phase.RINGING,
    (Phase.ANNOUNCEMENT, _Happened.ASSIGNED): Phase.RINGING,
    (Phase.RINGING, _Happened.RETURNED): Phase.MUSIC,
}
"""A pair that is not here changes nothing."""


class Announcer:
    """One contact's wait in one queue, from `now` on. Times are seconds on any one clock.

    `languages` are spoken one after the other.
    """

    def __init__(
        self, announce: Announce, callback: Callback, languages: Sequence[str], now: float
    ) -> None:
        self.phase = Phase.MUSIC
        self.offered = False
        """An offer to call back was made in this wait."""
        self._best: int | None = None
        self._begin(announce, callback, languages, now)

    def _begin(
        self, announce: Announce, callback: Callback, languages: Sequence[str], now: float
    ) -> None:
        self._announce = announce
        self._callback = callback
        self._languages = tuple(languages)
        self._due: float | None = None
        if announce.every_s > 0 or self._may_offer:
            self._due = now + announce.first_s

    @property
    def speaking(self) -> bool:
        """An announcement is being heard, and no phone rings."""
        return self.phase is Phase.ANNOUNCEMENT

    # --- what happens to the contact -----------------------------------------------------

    def moved(
        self, announce: Announce, callback: Callback, languages: Sequence[str], now: float
    ) -> None:
        """It waits in another queue from now on: another line, whose positions are its own."""
        self._best = None
        self._begin(announce, callback, languages, now)

    def assigned(self) -> None:
        """An agent's phone rings for it."""
        self._happened(_Happened.ASSIGNED)

    def returned(self, now: float) -> None:
        """That agent did not answer. An announcement that was due meanwhile is due now."""
        if self.phase is Phase.RINGING:
            self._happened(_Happened.RETURNED)
            if self._due is not None:
                self._due = max(self._due, now)

    def spoken(self, now: float) -> None:
        """What `handle_timer` returned was heard to its end, or can't be."""
        self._due = self._after(now)
        self._happened(_Happened.SPOKEN)

    def digit(self, digit: str) -> bool:
        """The caller pressed a key: True where he takes the offer to be called back."""
        return self.offered and self.phase is not Phase.RINGING and digit == self._callback.key

    # --- time ------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called; None: not before something happens."""
        return self._due if self.phase is Phase.MUSIC else None

    def handle_timer(
        self, now: float, position: int | None, estimate: Estimate | None
    ) -> Say | None:
        """Return what to say now, to who stands at `position` (None: not known), if anything."""
        if self.phase is not Phase.MUSIC or self._due is None or now < self._due:
            return None
        offers = self._offers(position, estimate)
        prompts = [
            prompt
            for language in self._languages
            for prompt in self._words(language, position, estimate, offers=offers)
        ]
        if not prompts:
            self._due = self._after(now)
            return None
        if self._announces_position and position is not None:
            self._best = position if self._best is None else min(self._best, position)
        self.offered = self.offered or offers
        self._due = None
        self._happened(_Happened.SAY)
        return Say(tuple(prompts), offers)

    # --- what is said ------------------------------------------------------------------------

    def _words(
        self, language: str, position: int | None, estimate: Estimate | None, *, offers: bool
    ) -> list[Prompt]:
        words: list[Prompt] = []
        if self._announce.every_s > 0:
            if self._announces_position and position is not None and not self._is_behind(position):
                words.extend(wording.position(position, language))
            if self._announce.wait and estimate is not None:
                words.extend(wording.wait(estimate.p50, estimate.p90, language))
            if not words:
                words.extend(wording.phrase(wording.Phrase.BUSY, language))
        if offers:
            words.extend(wording.callback_offer(self._callback.key, language))
        return words

    @property
    def _announces_position(self) -> bool:
        return self._announce.position and self._announce.every_s > 0

    def _is_behind(self, position: int) -> bool:
        """Whether this is worse than what the caller was told already."""
        return self._best is not None and position > self._best

    @property
    def _may_offer(self) -> bool:
        return not self.offered and (
            self._callback.offer_position > 0 or self._callback.offer_ewt_s > 0
        )

    def _offers(self, position: int | None, estimate: Estimate | None) -> bool:
        if not self._may_offer:
            return False
        callback = self._callback
        if 0 < callback.offer_position <= (position or 0):
            return True
        p50 = None if estimate is None else estimate.p50
        return p50 is not None and 0 < callback.offer_ewt_s <= p50

    def _after(self, now: float) -> float | None:
        """When to come back after an announcement, or after none."""
        if self._announce.every_s > 0:
            return now + self._announce.every_s
        return now + OFFER_CHECK_S if self._may_offer else None

    def _happened(self, what: _Happened) -> None:
        self.phase = _NEXT.get((self.phase, what), self.phase)
