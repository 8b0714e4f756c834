"""One call's way through one version of a flow, sans-IO.

News goes in (`played`, `digit`, `hung_up`, the timer), actions come out of
`next_action`. A call is always in one of five phases; `HANDLERS` says what each does
with each piece of news, and news that a phase has no use for is late, and dropped.

Keys and prompts, the rules of VoiceXML 2.0 (4.1.5 and 4.1.8) in short:

- **Barge-in**: a key pressed during a prompt stops it and counts.
- **Type-ahead**: keys pressed before they are asked for are kept, and answer the next
  questions, whose prompts are then not played at all. A wrong one throws the rest away,
  for the caller is lost and what follows was meant for elsewhere.
- A step with `barge_in: false` is heard to its end; what was pressed up to then is lost,
  so that nobody agrees to what he has not heard.
- **A terminator pressed too late**: who keys four digits of four and then `#`, as he was
  told, does not mean the next question by it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto

from ccd.ivr.actions import (
    Action,
    Collected,
    HangUp,
    Play,
    Return,
    Spoken,
    Stepped,
    StopPlay,
    ToQueue,
)
from ccd.ivr.flow import (
    DTMF,
    AnyStep,
    Choice,
    CollectStep,
    Flow,
    HangUpStep,
    MenuStep,
    PlayStep,
    Prompt,
    Prompts,
    QueueStep,
    ReturnStep,
)

__all__ = [
    "Action",
    "Collected",
    "HangUp",
    "Interpreter",
    "Phase",
    "Play",
    "Return",
    "Spoken",
    "Stepped",
    "StopPlay",
    "ToQueue",
]

MAX_TYPE_AHEAD = 64
"""Keys kept for later questions; nobody types more blindly, a stuck key does."""

LANGUAGE = "language"
"""The variable that says in which language the caller hears prompts."""


class Phase(Enum):
    """What the interpreter waits for."""

    NEW = auto()
    PLAYING = auto()
    LISTENING = auto()
    """For the first digit of an answer."""
    COLLECTING = auto()
    """For the next digit of an entry."""
    OVER = auto()


class News(Enum):
    """What may come."""

    PLAYED = auto()
    DIGIT = auto()
    TIME = auto()


class Interpreter:
    """A call in a flow. `variables` are what is known of it so far, and what it gathers."""

    def __init__(self, flow: Flow, *, variables: Mapping[str, str] | None = None) -> None:
        self.flow = flow
        self.variables = dict(variables or {})
        self._secrets: dict[str, str] = {}
        self.phase = Phase.NEW
        self.step_name = ""
        self.path: list[str] = []
        """The steps entered so far."""
        self._actions: deque[Action] = deque()
        self._goto: str | None = None
        self._ahead: deque[str] = deque()
        self._entry = ""
        self._failures = 0
        self._plays = 0
        self._timer: float | None = None
        self._late_terminator: tuple[str, float] | None = None

    @property
    def step(self) -> AnyStep:
        """The step the call is in; valid once started."""
        return self.flow.steps[self.step_name]

    @property
    def language(self) -> str:
        """What the caller hears prompts in."""
        return self.variables.get(LANGUAGE, self.flow.language)

    def secret(self, name: str) -> str:
        """Return a secret entry, for whoever checks it. Raises KeyError where there is none."""
        return self._secrets[name]

    # --- news ---------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin, once; the call is answered."""
        if self.phase is Phase.NEW:
            self._go(self.flow.start)
            self._run(now)

    def played(self, now: float, number: int | None = None) -> None:
        """The prompts are over (or could not be played); `number` as in `Play`."""
        if number is None or number == self._plays:
            self._take_news(News.PLAYED, now)

    def digit(self, digit: str, now: float) -> None:
        """The caller pressed a key."""
        digit = digit.upper()
        if len(digit) != 1 or digit not in DTMF or self._is_late_terminator(digit, now):
            return
        if len(self._ahead) >= MAX_TYPE_AHEAD:
            return
        if self.phase is Phase.NEW:  # audio may be quicker than the ACK that starts us
            self._ahead.append(digit)
        elif (self.phase, News.DIGIT) in HANDLERS:
            self._ahead.append(digit)
            self._take_news(News.DIGIT, now)

    def hung_up(self, now: float) -> None:
        """The caller is gone: there is nothing more to do."""
        self._over()
        self._actions.clear()

    # --- the seam -------------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """The next thing to do, None when there is none."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        return self._timer

    def handle_timer(self, now: float) -> None:
        """Act on a time-out that is due; too early, do nothing."""
        if self._timer is not None and now >= self._timer:
            self._take_news(News.TIME, now)

    # --- phases -----------------------------------------------------------------------------

    def _take_news(self, news: News, now: float) -> None:
        handler = HANDLERS.get((self.phase, news))
        if handler is not None:
            handler(self, now)
            self._run(now)

    def _barge(self, now: float) -> None:
        """A key during a prompt."""
        if self.step.barge_in:
            self._actions.append(StopPlay())
            self._prompt_over(now)
        else:
            self._ahead.clear()

    def _prompt_over(self, now: float) -> None:
        match self.step:
            case PlayStep(next=following):
                self._go(following)
            case QueueStep(queue=queue):
                self._actions.append(ToQueue(queue))
                self._over()
            case HangUpStep():
                self._actions.append(HangUp())
                self._over()
            case ReturnStep(outcome=outcome):
                self._actions.append(Return(outcome))
                self._over()
            case MenuStep() | CollectStep() as question:
                self.phase = Phase.LISTENING
                self._timer = now + question.first_digit_timeout_s
                self._heed(now)

    def _heed(self, now: float) -> None:
        """Answer the question with the keys that are there, as far as they go."""
        while (
            self._ahead
            and self._goto is None
            and self.phase
            in (
                Phase.LISTENING,
                Phase.COLLECTING,
            )
        ):
            digit = self._ahead.popleft()
            match self.step:
                case MenuStep() as menu:
                    self._choose(menu, digit, now)
                case CollectStep() as collect:
                    self._collect(collect, digit, now)

    def _silence(self, now: float) -> None:
        """Nothing was pressed in time."""
        self._failed(silent=True, now=now)

    def _pause(self, now: float) -> None:
        """No further digit came in time: the entry is over."""
        if isinstance(self.step, CollectStep):
            self._entered(self.step, now)

    # --- questions ----------------------------------------------------------------------------

    def _choose(self, menu: MenuStep, digit: str, now: float) -> None:
        # A wrong key is told as well: the record says what was keyed, not what was meant.
        self._actions.append(Collected(digit, False, self.step_name))
        choice = menu.choices.get(digit)
        if choice is None:
            self._failed(silent=False, now=now)
            return
        if isinstance(choice, Choice):
            self.variables.update(choice.set)
            choice = choice.next
        self._go(choice)

    def _collect(self, step: CollectStep, digit: str, now: float) -> None:
        if digit == step.terminator:
            self._entered(step, now)
        elif digit not in step.allowed:
            self._failed(silent=False, now=now)
        else:
            self._entry += digit
            if len(self._entry) >= step.max_digits:
                if step.terminator:
                    self._late_terminator = (step.terminator, now + step.inter_digit_timeout_s)
                self._entered(step, now)
            else:
                self.phase = Phase.COLLECTING
                self._timer = now + step.inter_digit_timeout_s

    def _entered(self, step: CollectStep, now: float) -> None:
        if len(self._entry) < step.min_digits:
            self._failed(silent=False, now=now)
            return
        shown = "*" * len(self._entry) if step.secret else self._entry
        (self._secrets if step.secret else self.variables)[step.into] = self._entry
        self._actions.append(Collected(shown, step.secret, self.step_name))
        self._go(step.next)

    def _failed(self, *, silent: bool, now: float) -> None:
        """Silence or a wrong key: ask again, or give up and go to the fallback."""
        question = self.step
        if not isinstance(question, MenuStep | CollectStep):
            return
        self._ahead.clear()
        self._failures += 1
        if self._failures > question.retries:
            self._go(question.fallback or self.flow.fallback)
        else:
            self._ask(question.no_input if silent else question.invalid, now)

    def _ask(self, lead: Prompts, now: float) -> None:
        self._entry = ""
        self._say(lead + self.step.prompt, now)

    def _is_late_terminator(self, digit: str, now: float) -> bool:
        if self._late_terminator is None:
            return False
        terminator, until = self._late_terminator
        self._late_terminator = None
        wanted = isinstance(self.step, MenuStep) and digit in self.step.choices
        return digit == terminator and now <= until and not wanted

    # --- steps ----------------------------------------------------------------------------------

    def _go(self, step: str) -> None:
        self._goto = step
        self._timer = None

    def _run(self, now: float) -> None:
        """Enter steps until one waits for something (a loop, for a chain may be long)."""
        while self._goto is not None:
            self.step_name, self._goto = self._goto, None
            self._failures = 0
            self.path.append(self.step_name)
            self._actions.append(Stepped(self.step_name))
            self._ask((), now)

    def _say(self, prompts: Prompts, now: float) -> None:
        """Play, unless there is nothing to play, or the caller has typed ahead."""
        self._timer = None
        if not self.step.barge_in:
            self._ahead.clear()
        if prompts and not self._ahead:
            self._plays += 1
            self.phase = Phase.PLAYING
            spoken = tuple(self._spoken(prompt) for prompt in prompts)
            self._actions.append(Play(spoken, self._plays))
        else:
            self._prompt_over(now)

    def _spoken(self, prompt: Prompt) -> Spoken:
        """Choose the caller's language, else the flow's, else what there is."""
        texts = prompt.say if isinstance(prompt.say, dict) else {self.flow.language: prompt.say}
        files = prompt.play if isinstance(prompt.play, dict) else {}
        there = [*texts, *files] or [self.language]
        language = next(
            (one for one in (self.language, self.flow.language) if one in there), there[0]
        )
        file = files.get(language, "") if isinstance(prompt.play, dict) else prompt.play
        return Spoken(
            text=texts.get(language, ""),
            language=language,
            file=os.path.join(self.flow.folder, file) if file else "",
        )

    def _over(self) -> None:
        self.phase = Phase.OVER
        self._timer = self._goto = None
        self._ahead.clear()


HANDLERS: dict[tuple[Phase, News], Callable[[Interpreter, float], None]] = {
    (Phase.PLAYING, News.PLAYED): Interpreter._prompt_over,
    (Phase.PLAYING, News.DIGIT): Interpreter._barge,
    (Phase.LISTENING, News.DIGIT): Interpreter._heed,
    (Phase.LISTENING, News.TIME): Interpreter._silence,
    (Phase.COLLECTING, News.DIGIT): Interpreter._heed,
    (Phase.COLLECTING, News.TIME): Interpreter._pause,
}
