"""What the interpreter wants done; its service does it, in this order."""

from __future__ import annotations

import msgspec


class Spoken(msgspec.Struct, frozen=True):
    """One thing to hear, in the caller's language: a recording, or else words to render.

    `file` is a path, empty where there is none; `text` is what is said, for the renderer
    where there is no file (or it cannot be played), and for a reader of the log anyway.
    """

    text: str
    language: str
    file: str = ""


class Play(msgspec.Struct, frozen=True):
    """Play these one after the other, then say `played(now, number)`."""

    prompts: tuple[Spoken, ...]
    number: int = 0
    """Counts the plays of a call, so that the end of a stopped one is not taken for another's."""


class StopPlay(msgspec.Struct, frozen=True):
    """The caller barged in: silence, at once."""


class Stepped(msgspec.Struct, frozen=True):
    """The call entered this step."""

    step: str


class Collected(msgspec.Struct, frozen=True):
    """The caller keyed this, as an answer to that step. Secrets are asterisks here.

    Publish digits from here alone, never from single keys: only the interpreter knows
    which of them are secret.
    """

    digits: str
    secret: bool
    step: str = ""


class ToQueue(msgspec.Struct, frozen=True):
    """Hand the call to the ACD; the interpreter is done."""

    queue: str


class HangUp(msgspec.Struct, frozen=True):
    """End the call; the interpreter is done."""


class Return(msgspec.Struct, frozen=True):
    """Give the caller back to the agent who sent him; the interpreter is done."""

    outcome: str


Action = Play | StopPlay | Stepped | Collected | ToQueue | HangUp | Return
