"""Messages that callers leave, and the two conversations about one (sans-IO).

A message is **left** (`Leaving`): greeting, tone, recording, thanks. It is **heard**
(`Hearing`) by an agent to whom it was distributed like a call. Both are tables of
(state, event) -> (state, steps); the desk (`ccd.acd.voicemail.desk`) carries the steps out.

Which messages wait to be heard is no second truth beside the journal: they are those of
which it has a `VoicemailLeft` and no `VoicemailHeard` (`ccd.store.queries.open_voicemails`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Final

import msgspec

from ccd.events import CallCleared, Event, Offered, Queued, VoicemailLeft


class Voicemail(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    id: str
    call: str
    """In which it was left."""
    queue: str
    number: str
    """The caller's."""
    path: str
    """The WAV file."""
    seconds: float
    left_at: float
    """Seconds since the epoch."""


class Torn(msgspec.Struct, frozen=True):
    """A call that a daemon left open when it died: its caller may have been leaving a message."""

    call: str
    queue: str
    """Empty where it was in none."""
    number: str


def torn_calls(events: Iterable[Event]) -> list[Torn]:
    """Return those of calls left open (`ccd.store.journal.Writer.left_open`) of which the
    journal knows no message yet.
    """
    found: dict[str, Torn] = {}
    for event in events:
        match event:
            case Offered():
                found[event.call] = Torn(event.call, "", event.ani)
            case Queued() if event.call in found:
                found[event.call] = Torn(event.call, event.queue, found[event.call].number)
            case VoicemailLeft() | CallCleared():
                found.pop(event.call, None)
            case _:
                pass
    return list(found.values())


def message_of(left: VoicemailLeft) -> Voicemail:
    """Return the message that the event tells of."""
    return Voicemail(
        id=left.voicemail,
        call=left.call,
        queue=left.queue,
        number=left.number,
        path=left.path,
        seconds=left.seconds,
        left_at=left.at,
    )


# --- a caller leaves a message --------------------------------------------------------------


class Leaving(Enum):
    """What the caller hears, or does."""

    GREETING = auto()
    SPEAKING = auto()
    """After the tone, until his message is complete on disk."""
    HUNG_UP = auto()
    """He has left; his message is not complete yet."""
    THANKED = auto()
    OVER = auto()


class LeavingEvent(Enum):
    """What happens to him."""

    PLAYED = auto()
    SKIPPED = auto()
    """He cut the greeting short."""
    RECORDED = auto()
    """The file is complete: he pressed the key, spoke for `max_s`, or hung up."""
    LEFT = auto()


class LeavingStep(Enum):
    """What is to be done."""

    RECORD = auto()
    """Tone, then record."""
    KEEP = auto()
    """Keep the message, or throw a short one away."""
    THANK = auto()
    """Say that it was kept, or that nothing was heard."""
    HANG_UP = auto()


_L, _LE, _LS = Leaving, LeavingEvent, LeavingStep

LEAVING: Final[Mapping[tuple[Leaving, LeavingEvent], tuple[Leaving, tuple[LeavingStep, ...]]]] = {
    (_L.GREETING, _LE.PLAYED): (_L.SPEAKING, (_LS.RECORD,)),
    (_L.GREETING, _LE.SKIPPED): (_L.SPEAKING, (_LS.RECORD,)),
    (_L.GREETING, _LE.LEFT): (_L.OVER, ()),
    (_L.SPEAKING, _LE.RECORDED): (_L.THANKED, (_LS.KEEP, _LS.THANK)),
    (_L.SPEAKING, _LE.LEFT): (_L.HUNG_UP, ()),
    (_L.HUNG_UP, _LE.RECORDED): (_L.OVER, (_LS.KEEP,)),
    (_L.THANKED, _LE.PLAYED): (_L.OVER, (_LS.HANG_UP,)),
    (_L.THANKED, _LE.LEFT): (_L.OVER, ()),
}
"""A pair that is not here changes nothing (a key in mid-thanks, say)."""


# --- an agent hears it -------------------------------------------------------------------------


class Hearing(Enum):
    """Where an agent is with a message that was given to him."""

    RINGING = auto()
    MESSAGE = auto()
    MENU = auto()
    CHOOSING = auto()
    """He has heard message and menu, and thinks."""
    DONE = auto()
    """He is done with it, and is on his way out."""
    OVER = auto()


class HearingEvent(Enum):
    """What he does, or what happens."""

    ANSWERED = auto()
    FAILED = auto()
    """His phone did not answer."""
    WITHDRAWN = auto()
    """The contact is not his any more."""
    PLAYED = auto()
    AGAIN = auto()
    FINISHED = auto()
    CALL_BACK = auto()
    IDLE = auto()
    """He has thought for long."""
    GAVE_UP = auto()
    """He was reminded often enough."""
    HUNG_UP = auto()
    """His call is over, whoever ended it and why."""


class HearingStep(Enum):
    """What is to be done."""

    ACCEPT = auto()
    """Tell the distributor that he has it."""
    REFUSE = auto()
    """Tell it that he could not be had."""
    PLAY = auto()
    """Play the message, or say that it can't be played."""
    MENU = auto()
    WAIT = auto()
    HEARD = auto()
    """It is done, by his word."""
    CALL_BACK = auto()
    HANG_UP = auto()
    RETURN = auto()
    """It is not done: it goes back."""


_H, _HE, _HS = Hearing, HearingEvent, HearingStep
_LISTENING: Final = (_H.MESSAGE, _H.MENU, _H.CHOOSING)

HEARING: Final[Mapping[tuple[Hearing, HearingEvent], tuple[Hearing, tuple[HearingStep, ...]]]] = {
    (_H.RINGING, _HE.ANSWERED): (_H.MESSAGE, (_HS.ACCEPT, _HS.PLAY)),
    (_H.RINGING, _HE.FAILED): (_H.OVER, (_HS.REFUSE,)),
    (_H.RINGING, _HE.HUNG_UP): (_H.OVER, (_HS.REFUSE,)),
    (_H.RINGING, _HE.WITHDRAWN): (_H.OVER, (_HS.HANG_UP,)),
    (_H.MESSAGE, _HE.PLAYED): (_H.MENU, (_HS.MENU,)),
    (_H.MENU, _HE.PLAYED): (_H.CHOOSING, (_HS.WAIT,)),
    (_H.CHOOSING, _HE.IDLE): (_H.MENU, (_HS.MENU,)),
    (_H.CHOOSING, _HE.GAVE_UP): (_H.CHOOSING, (_HS.HANG_UP,)),
    (_H.DONE, _HE.HUNG_UP): (_H.OVER, ()),
} | {
    pair: then
    for state in _LISTENING
    for pair, then in {
        (state, _HE.AGAIN): (_H.MESSAGE, (_HS.PLAY,)),
        (state, _HE.FINISHED): (_H.DONE, (_HS.HEARD, _HS.HANG_UP)),
        (state, _HE.CALL_BACK): (_H.DONE, (_HS.HEARD, _HS.CALL_BACK, _HS.HANG_UP)),
        (state, _HE.HUNG_UP): (_H.OVER, (_HS.RETURN,)),
    }.items()
}
"""A pair that is not here changes nothing."""

HEARING_KEYS: Final = {
    "1": HearingEvent.AGAIN,
    "2": HearingEvent.FINISHED,
    "3": HearingEvent.CALL_BACK,
}
