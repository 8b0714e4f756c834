"""What callers intend: drawn before they dial, from a seeded generator.

A plan holds every decision of one call in advance, so that a run is repeated by its
seed whatever the timing of the machine, and a verdict can say what should have been.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from lab.trunk_sim.voices import Voice, caller_voice


class Behaviour(StrEnum):
    """How a caller treats the service."""

    NORMAL = "normal"
    """Presses the right key, waits, talks."""
    WRONG_DIGIT = "wrong_digit"
    """Presses a key the menu does not know, then the right one; waits, talks."""
    IMPATIENT = "impatient"
    """Presses the right key and hangs up after a short patience, if still waiting."""
    LEAVES_MENU = "leaves_menu"
    """Hangs up while the welcome plays, without a key."""
    CANCELS = "cancels"
    """Hangs up before the service answers (or right after, if it was quicker)."""


TYPICAL_MIX: Mapping[Behaviour, float] = {
    Behaviour.NORMAL: 0.72,
    Behaviour.WRONG_DIGIT: 0.08,
    Behaviour.IMPATIENT: 0.10,
    Behaviour.LEAVES_MENU: 0.06,
    Behaviour.CANCELS: 0.04,
}
"""Shares of a demo's callers."""

EVERYONE_TALKS: Mapping[Behaviour, float] = {Behaviour.NORMAL: 1.0}
"""For benches: every call is a whole queue call."""


class Press(msgspec.Struct, frozen=True):
    """Press `digit` so many seconds after the answer, or after the key before."""

    after_s: float
    digit: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's intentions; seconds throughout."""

    number: int
    ani: str
    voice: Voice
    behaviour: Behaviour = Behaviour.NORMAL
    presses: tuple[Press, ...] = (Press(1.0, "1"),)
    cancel_after_s: float | None = None
    """From dialling; None: waits for an answer."""
    menu_patience_s: float | None = None
    """From the answer (or the last wrong key) to hanging up in the menu; None: presses on."""
    patience_s: float = 120.0
    """From the last key to hanging up in the queue."""
    talk_s: float = 5.0
    """From hearing the agent to hanging up, unless the agent does before."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """The distributions plans are drawn from; seconds throughout."""

    mix: Mapping[Behaviour, float] = msgspec.field(default_factory=lambda: dict(TYPICAL_MIX))
    digit: str = "1"
    wrong_digit: str = "5"
    """One the menu does not know."""
    think_s: tuple[float, float] = (0.8, 3.0)
    """Uniform: from the answer to the key."""
    talk_s: float = 4.0
    """Mean of a gamma distribution of shape 4 (a mode, a tail, no zero)."""
    least_talk_s: float = 2.5
    """No talk is shorter: both sides need time to be heard."""
    patience_s: float = 120.0
    impatience_s: tuple[float, float] = (0.3, 4.0)
    """Uniform: what an impatient caller waits in the queue."""
    ani_prefix: str = "138"


def draw_plan(number: int, habits: Habits, rng: random.Random) -> Plan:
    """Draw the intentions of caller `number`; its ANI is unique for numbers below 10^8."""
    behaviours = list(habits.mix)
    behaviour = rng.choices(behaviours, [habits.mix[kind] for kind in behaviours])[0]
    think = rng.uniform(*habits.think_s)
    right = Press(think, habits.digit)
    presses: tuple[Press, ...] = (right,)
    menu_patience = cancel_after = None
    patience = habits.patience_s
    match behaviour:
        case Behaviour.WRONG_DIGIT:
            presses = (Press(think, habits.wrong_digit), Press(rng.uniform(1.5, 3.0), habits.digit))
        case Behaviour.IMPATIENT:
            patience = rng.uniform(*habits.impatience_s)
        case Behaviour.LEAVES_MENU:
            presses = ()
            menu_patience = rng.uniform(0.8, 2.5)
        case Behaviour.CANCELS:
            # From "before the INVITE can be answered" to "just after it was": all the races.
            # A service on the same machine answers within some milliseconds.
            cancel_after = rng.choice((rng.uniform(0.0, 0.004), rng.uniform(0.0, 0.2)))
        case Behaviour.NORMAL:
            pass
    return Plan(
        number=number,
        ani=f"{habits.ani_prefix}{number:08d}",
        voice=caller_voice(number),
        behaviour=behaviour,
        presses=presses,
        cancel_after_s=cancel_after,
        menu_patience_s=menu_patience,
        patience_s=patience,
        talk_s=max(habits.least_talk_s, rng.gammavariate(4.0, habits.talk_s / 4.0)),
    )


def poisson_arrivals(
    rate: float, rng: random.Random, *, calls: int | None = None, duration_s: float | None = None
) -> Iterator[float]:
    """Yield arrival times (seconds from the start) of a Poisson process of `rate` a second.

    Ends after `calls` arrivals or after `duration_s`, whichever comes first; one of
    them must be given, or the arrivals never end. Raises `ValueError` for a rate that
    is not positive.
    """
    if rate <= 0:
        raise ValueError(f"arrivals need a positive rate, not {rate}")
    at = 0.0
    number = 0
    while calls is None or number < calls:
        if number:
            at += rng.expovariate(rate)
        if duration_s is not None and at > duration_s:
            return
        yield at
        number += 1
