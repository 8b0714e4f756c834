"""Where an overflow goes: the `to` of a `[[queue.overflow]]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final

import msgspec


class ToQueue(msgspec.Struct, frozen=True):
    """To another queue, at the place that the contact's age gives it there."""

    queue: str

    def __str__(self) -> str:
        return f"to queue {self.queue}"


class ToNumber(msgspec.Struct, frozen=True):
    """To another site, through a trunk."""

    number: str
    trunk: str

    def __str__(self) -> str:
        return f"to {self.number} through trunk {self.trunk}"


class ToVoicemail(msgspec.Struct, frozen=True):
    """To the queue's voicemail."""

    def __str__(self) -> str:
        return "to voicemail"


class ToCallback(msgspec.Struct, frozen=True):
    """Home, to be called back when his turn comes."""

    def __str__(self) -> str:
        return "to a callback"


class ToGoodbye(msgspec.Struct, frozen=True):
    """Out, with a word of goodbye."""

    def __str__(self) -> str:
        return "to a goodbye"


Target = ToQueue | ToNumber | ToVoicemail | ToCallback | ToGoodbye

_PLAIN: Final[Mapping[str, Target]] = {
    "voicemail": ToVoicemail(),
    "callback": ToCallback(),
    "goodbye": ToGoodbye(),
}
_WITH_NAME: Final = ("queue", "number")

FORMS: Final = ("queue:NAME", "number:NUMBER", *_PLAIN)
"""Every way to write a target."""

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)
"""What can be dialled: an address's user part (RFC 3261, 19.1.6) without its visual separators."""


def parse_target(text: str, trunk: str = "") -> Target:
    """Parse `queue:NAME`, `number:NUMBER`, `voicemail`, `callback` or `goodbye`.

    `trunk` is where a number is called through. Raises ValueError with the text and what is
    wrong with it.
    """
    if text in _PLAIN:
        return _PLAIN[text]
    kind, _, name = text.partition(":")
    if kind in _WITH_NAME and not name:
        raise ValueError(f'"{text}" does not say which {kind}: "{kind}:…"')
    if kind == "queue":
        return ToQueue(name)
    if kind == "number":
        if not can_be_dialled(name):
            raise ValueError(f'"{name}" cannot be dialled; digits only, + before them, * and #')
        return ToNumber(name, trunk)
    near = difflib.get_close_matches(kind, (*_PLAIN, *_WITH_NAME), n=1)
    if near:
        meant = f"{near[0]}:{name or '…'}" if near[0] in _WITH_NAME else near[0]
        raise ValueError(f'"{text}" leads nowhere; did you mean "{meant}"?')
    raise ValueError(f'"{text}" leads nowhere; there are: {", ".join(FORMS)}')


def can_be_dialled(number: str) -> bool:
    """Whether this is a telephone number as a trunk takes it."""
    return _NUMBER.fullmatch(number) is not None
