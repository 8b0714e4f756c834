"""Scripts for the softphone without a screen: one command a line, checked before the shift begins.

    ready
    wait ringing 60
    answer
    wait speaking
    pause 5
    hang_up
    wait wrap_up
    wrap_up sold
    repeat 3
      ready
      ...
    end

Every action of the softphone is a command, with its argument behind it. Beside them:
`wait STAGE|STATE|nothing [SECONDS]`, `pause SECONDS`, `expect who|number|queue|state|stage VALUE`,
`repeat TIMES` ... `end`, `quit`. What follows a # is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ccd.errors import CcdError
from ccd.model import AgentState
from tui.agent.actions import ACTIONS
from tui.agent.desk import Stage

WAIT_S = 30.0
"""How long `wait` waits where nothing is said."""

OF_SCREEN = frozenset(action.id for action in ACTIONS if action.group == "screen")
ACTS = frozenset(action.id for action in ACTIONS) - OF_SCREEN
NEEDS = frozenset(
    {"consult", "blind", "invite", "deflect", "keypad", "wrap_up", "ivr", "message", "note"}
)
"""Actions that mean nothing without an argument."""
WAITABLE = frozenset({*Stage, *AgentState, "nothing"})
EXPECTABLE = frozenset({"who", "number", "queue", "state", "stage"})


class ScriptError(CcdError):
    """A script makes no sense; the message says which line, and why."""


@dataclass(frozen=True)
class Step:
    """One command."""

    line: int
    word: str
    argument: str = ""
    seconds: float = 0.0
    steps: tuple[Step, ...] = field(default=())
    """Of `repeat`."""


def parse(text: str) -> tuple[Step, ...]:
    """Read a script. Raises ScriptError."""
    lines = iter(list(enumerate(text.splitlines(), 1)))
    return _block(lines, None)


def command(line: int, text: str) -> Step | None:
    """Read one line; None for an empty one. Raises ScriptError."""
    words = (
        text.partition("#")[0].split(None, 1)
        if not text.lstrip().startswith("keypad")
        else (text.split(None, 1))
    )
    if not words:
        return None
    word, rest = words[0], (words[1].strip() if len(words) > 1 else "")
    match word:
        case "wait":
            return _wait(line, rest)
        case "pause":
            return Step(line, word, seconds=_seconds(line, rest))
        case "repeat":
            if not rest.isdigit():
                raise ScriptError(f"line {line}: repeat {rest!r}: how often? A number")
            return Step(line, word, rest)
        case "expect":
            what, _, value = rest.partition(" ")
            if what not in EXPECTABLE or not value:
                raise ScriptError(
                    f"line {line}: expect {_either(EXPECTABLE)}, and what it should be"
                )
            return Step(line, word, rest)
        case "end" | "quit":
            return Step(line, word)
        case _ if word in ACTS:
            if word in NEEDS and not rest:
                raise ScriptError(f"line {line}: {word} needs to be told what or whom")
            return Step(line, word, rest)
    raise ScriptError(
        f"line {line}: there is no command {word!r}; there are {_either(ACTS)}, "
        "and wait, pause, expect, repeat, end, quit"
    )


def _block(lines: Iterator[tuple[int, str]], opened: int | None) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, text in lines:
        step = command(number, text)
        if step is None:
            continue
        if step.word == "end":
            if opened is None:
                raise ScriptError(f"line {number}: end of what? There is no repeat before it")
            return tuple(steps)
        if step.word == "repeat":
            inner = _block(lines, number)
            step = Step(step.line, step.word, step.argument, steps=inner)
        steps.append(step)
    if opened is not None:
        raise ScriptError(f"line {opened}: this repeat has no end")
    return tuple(steps)


def _wait(line: int, rest: str) -> Step:
    what, _, seconds = rest.partition(" ")
    if what not in WAITABLE:
        raise ScriptError(f"line {line}: wait for what? {_either(WAITABLE)}")
    return Step(line, "wait", what, _seconds(line, seconds) if seconds else WAIT_S)


def _seconds(line: int, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise ScriptError(f"line {line}: {text!r} is no number of seconds")
    return seconds


def _either(words: frozenset[str]) -> str:
    return ", ".join(sorted(str(word) for word in words))
