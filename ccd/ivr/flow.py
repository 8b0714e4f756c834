"""A flow: what a caller hears and may press, as frozen values.

`ccd.ivr.reader.load` makes one from YAML. Calls keep the `Flow` they began with, so that
a newer version never changes a conversation half-way. docs/ivr.md shows the YAML.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DTMF = frozenset("0123456789*#ABCD")
"""Every key there is on a telephone (ITU-T Q.23)."""

Seconds = Annotated[float, Meta(gt=0, le=120)]
Retries = Annotated[int, Meta(ge=0, le=10)]
Digits = Annotated[int, Meta(ge=0, le=64)]
Name = Annotated[str, Meta(min_length=1)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A map of the document; a key that is not a field is an error."""


class Prompt(Part, frozen=True, kw_only=True):
    """One thing to hear: words by language, a recording (by language or for all), or both.

    Where both are there the recording is heard, and the words are what it says.
    """

    say: dict[str, str] | str = msgspec.field(default_factory=dict[str, str])
    """A plain text is in the flow's language."""
    play: dict[str, str] | str = msgspec.field(default_factory=dict[str, str])
    """WAV files, relative to the flow's."""


Prompts = tuple[Prompt, ...]
"""Heard one after the other; the document may give a single one without a list."""


class Choice(Part, frozen=True, kw_only=True):
    """What a key leads to, and what is remembered then (`language` changes the prompts')."""

    next: Name
    set: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Step(Part, frozen=True, kw_only=True, tag_field="type"):
    """One step; `type` in the document says which. Every step may have its prompts."""

    prompt: Prompts = ()
    barge_in: bool = True
    """A key pressed meanwhile ends the prompt. Without, keys pressed before its end are lost."""


class PlayStep(Step, frozen=True, kw_only=True, tag="play"):
    """Say something and go on."""

    next: Name


class Question(Step, frozen=True, kw_only=True):
    """What menus and collections share: they ask, listen, ask again, and give up."""

    first_digit_timeout_s: Seconds = 5.0
    retries: Retries = 2
    """How often to ask again, after silence and wrong keys together."""
    no_input: Prompts = ()
    """Said after silence, before asking again."""
    invalid: Prompts = ()
    """Said after a wrong key or too few digits, before asking again."""
    fallback: str = ""
    """Where to go when nothing helped; empty: the flow's `fallback`."""


class MenuStep(Question, frozen=True, kw_only=True, tag="menu"):
    """One key decides where to go."""

    choices: dict[str, str | Choice]


class CollectStep(Question, frozen=True, kw_only=True, tag="collect"):
    """Gather digits into a variable."""

    into: Name
    next: Name
    min_digits: Digits = 1
    max_digits: Digits = 20
    """The entry is over at once when it is this long."""
    terminator: str = "#"
    """The key that ends the entry; empty: none."""
    allowed: str = "0123456789"
    inter_digit_timeout_s: Seconds = 3.0
    secret: bool = False
    """A PIN, say: kept apart from the variables, told to nobody as it is."""


class QueueStep(Step, frozen=True, kw_only=True, tag="queue"):
    """Hand the call over to the ACD."""

    queue: Name


class HangUpStep(Step, frozen=True, kw_only=True, tag="hangup"):
    """End the call, after the prompt."""


class ReturnStep(Step, frozen=True, kw_only=True, tag="return"):
    """Give the caller back to the agent who sent him here, after the prompt."""

    outcome: Name
    """What came of it, in the flow's own word: `ok`, `wrong_pin`, `gave_up`; none of `ccd.ivr.outcome.Outcome`."""


AnyStep = PlayStep | MenuStep | CollectStep | QueueStep | HangUpStep | ReturnStep


class Entry(StrEnum):
    """Who comes into a flow."""

    NUMBER = "number"
    """Callers who dialled a number (`[[route]]`): there is no agent to go back to."""
    AGENT = "agent"
    """Callers whom their agent sends (`[[service_flow]]`), and wants back."""


class Flow(Part, frozen=True, kw_only=True):
    """One version of a flow."""

    version: Literal[1]
    """Of this schema."""
    name: Name
    language: Name = "en"
    """What a caller hears until something chose another (`en`, `zh`, …)."""
    start: Name
    fallback: str = ""
    """The step for callers whom no question could help: a person, as a rule."""
    steps: dict[str, AnyStep]
    folder: str = ""
    """Where the document lay (not a key of it): its recordings' names are relative to this."""


NOT_IN_DOCUMENT = frozenset({"folder"})
"""Fields of `Flow` that its reader fills in."""


def targets(step: AnyStep, fallback: str) -> list[tuple[tuple[str, ...], str]]:
    """Where a step may lead: (key path within the step, name of the next step)."""
    match step:
        case PlayStep(next=following):
            return [(("next",), following)]
        case MenuStep():
            found: list[tuple[tuple[str, ...], str]] = []
            for key, choice in step.choices.items():
                if isinstance(choice, Choice):
                    found.append((("choices", key, "next"), choice.next))
                else:
                    found.append((("choices", key), choice))
            return [*found, (("fallback",), step.fallback or fallback)]
        case CollectStep():
            return [(("next",), step.next), (("fallback",), step.fallback or fallback)]
        case _:
            return []
