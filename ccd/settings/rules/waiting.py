"""`[queue.announce]`, `[queue.callback]`, `[queue.voicemail]`: what a queue does for those who wait."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Announce, Callback, Queue, Settings, Voicemail
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import DTMF, LANGUAGES, not_negative, one_of, positive
from ccd.settings.rules.trunks import callable_trunk
from ccd.settings.targets import can_be_dialled

SPOKEN = (*LANGUAGES, "+".join(LANGUAGES))
FIRST = ("agent", "customer")
CLOSING = ("carry_over", "resolve")


def waiting(settings: Settings) -> Iterator[Problem]:
    """Announcements, callbacks and messages that can be made."""
    trunks = {trunk.name: trunk for trunk in settings.trunk}
    for index, queue in enumerate(settings.queue):
        key = ("queue", index)
        yield from _announce((*key, "announce"), queue.announce)
        yield from _callback((*key, "callback"), queue.callback)
        if queue.callback.trunk:
            trunk_key = (*key, "callback", "trunk")
            yield from callable_trunk(trunk_key, queue.callback.trunk, trunks)
        elif reason := _calls_back(queue):
            mend = "name a [[trunk]] whose first peer has a port"
            yield Problem((*key, "callback"), f"has no trunk to call through, but {reason}", mend)
        yield from _voicemail((*key, "voicemail"), queue.voicemail)


def _calls_back(queue: Queue) -> str | None:
    """Return why this queue will have callbacks to make; None: the settings ask for none."""
    if queue.callback.offer_position:
        return "they are offered (offer_position)"
    if queue.callback.offer_ewt_s:
        return "they are offered (offer_ewt_s)"
    if queue.callback.abandoned:
        return "who hangs up is called back (abandoned)"
    if any(rule.to == "callback" for rule in queue.overflow):
        return "callers overflow to one"
    return None


def _announce(key: Key, announce: Announce) -> Iterator[Problem]:
    yield from not_negative((*key, "first_s"), announce.first_s, "at once")
    yield from not_negative((*key, "every_s"), announce.every_s, "never")
    yield from one_of((*key, "language"), announce.language, SPOKEN)


def _callback(key: Key, callback: Callback) -> Iterator[Problem]:
    yield from not_negative((*key, "offer_position"), callback.offer_position, "not for position")
    yield from not_negative((*key, "offer_ewt_s"), callback.offer_ewt_s, "not for the wait")
    if len(callback.key) != 1 or callback.key not in DTMF:
        mend = f"one of {' '.join(DTMF)}"
        yield Problem((*key, "key"), f'"{callback.key}" is no key of a telephone', mend)
    yield from one_of((*key, "first"), callback.first, FIRST)
    yield from one_of((*key, "closing"), callback.closing, CLOSING)
    if callback.ani and not can_be_dialled(callback.ani):
        mend = "digits only, + before them: a number of yours, on which you are called"
        yield Problem((*key, "ani"), f'"{callback.ani}" is no number', mend)
    yield from not_negative((*key, "abandoned_after_s"), callback.abandoned_after_s)
    if callback.attempts < 1:
        yield Problem((*key, "attempts"), f"{callback.attempts} is too few", "1 at least")
    yield from not_negative((*key, "spacing_s"), callback.spacing_s, "at once")


def _voicemail(key: Key, voicemail: Voicemail) -> Iterator[Problem]:
    yield from positive((*key, "max_s"), voicemail.max_s)
    yield from not_negative((*key, "min_s"), voicemail.min_s, "to keep every message")
    if 0 < voicemail.max_s <= voicemail.min_s:
        message = f"{voicemail.min_s:g} is not below max_s, so no message would be kept"
        yield Problem((*key, "min_s"), message, f"below {voicemail.max_s:g}")
