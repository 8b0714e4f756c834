"""Where a `[[dialling.rule]]` leads: its `to`, and what a trunk is given."""

from __future__ import annotations

import difflib
from enum import StrEnum
from typing import Final

import msgspec

from ccd.config import DiallingRule
from ccd.settings.dial_patterns import is_number

OUTSIDE: Final = "outside"


class Kind(StrEnum):
    """What a rule can lead to."""

    OUTSIDE = "outside"
    AGENT = "agent"
    QUEUE = "queue"
    SERVICE = "service"
    DIAL = "dial"
    """As if another number had been dialled."""


class RuleTarget(msgspec.Struct, frozen=True):
    """A `to`, understood; `name` is empty outside."""

    kind: Kind
    name: str = ""


def parse_rule_target(text: str) -> RuleTarget:
    """Parse `outside`, `agent:NAME`, `queue:NAME`, `service:NUMBER` or `dial:NUMBER`.

    Raises ValueError with the text, what is wrong with it, and the mend.
    """
    if text == OUTSIDE:
        return RuleTarget(Kind.OUTSIDE)
    kind, _, name = text.partition(":")
    if kind not in tuple(Kind) or kind == OUTSIDE:
        near = difflib.get_close_matches(kind, list(Kind), n=1)
        mend = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(FORMS)}"
        raise ValueError(f'"{text}" leads nowhere; {mend}')
    if not name:
        raise ValueError(f'"{text}" does not say which; "{kind}:…"')
    if kind == Kind.DIAL and not is_number(name):
        raise ValueError(f'"{name}" cannot be dialled; digits only, + before them, * and #')
    return RuleTarget(Kind(kind), name)


FORMS: Final = (OUTSIDE, "agent:NAME", "queue:NAME", "service:NUMBER", "dial:NUMBER")
"""Every way to write a target."""


def as_sent(rule: DiallingRule, number: str) -> str:
    """What a trunk is given for a number: digits stripped from its front, others put there."""
    return rule.prefix + number[rule.strip :]
