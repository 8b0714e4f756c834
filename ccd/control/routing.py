"""Routing by outside programs: whom to ask about a call, for how long, and what then (sans-IO).

A program registers for a queue (ECMA-269, routing registration services). Whoever comes to that
queue is asked about before he waits there: the program selects a destination (`select`) or
rejects the call (`reject`). Where it does neither in time, where it is gone, or where its
destination cannot be reached, the next program is asked, or the same one again (re-route); and
where nobody is left to ask, the ACD routes the call as if nobody had been asked.

Every call that `ask` takes gets exactly one last word, not later than `Rules.patience_s` after
it came: `routed` by its carrier after a `Chosen`, or one `Defaulted`.

A program that fails several times in a row is out of service for a while, then on trial: one
call at a time, until it has answered one. Each rest is twice as long as the one before it.
`HEALTH` says so as a table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

import msgspec

from ccd.timer_queue import Timer, TimerQueue

ANY_QUEUE = "*"
"""A registration for every queue; it is asked after those for the queue itself."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often programs are asked; times in seconds."""

    patience_s: float = 10.0
    """From a call's coming until the ACD routes it, however many programs there are to ask."""
    reroutes: int = 2
    """How often at most a program is asked again about a call whose destination failed."""
    failures: int = 3
    """So many failures in a row take a program out of service."""
    rest_s: float = 30.0
    """For how long, the first time; then twice as long each time."""
    rest_max_s: float = 900.0
    """The longest rest."""


class Why(StrEnum):
    """Why the ACD routes a call, and not a program."""

    TIMEOUT = "timeout"
    """No answer in time."""
    REFUSED = "refused"
    """The program rejected the call."""
    FAILED = "failed"
    """The destination could not be reached, and there were no more tries."""
    CANCELLED = "cancelled"
    """The program no longer wants to be asked."""
    SESSION_LOST = "session_lost"
    """It is gone."""
    CALLER_LEFT = "caller_left"
    """The caller is: nobody routes the call."""


class Health(Enum):
    """How it stands with a registration."""

    GOOD = auto()
    RESTING = auto()
    """It failed too often, and is not asked."""
    ON_TRIAL = auto()
    """It has rested: it is asked about one call at a time."""


class News(Enum):
    """What may befall it."""

    ANSWERED = auto()
    FAILED = auto()
    FAILED_TOO_OFTEN = auto()
    RESTED = auto()


HEALTH: Mapping[tuple[Health, News], Health] = {
    (Health.GOOD, News.ANSWERED): Health.GOOD,
    (Health.GOOD, News.FAILED): Health.GOOD,
    (Health.GOOD, News.FAILED_TOO_OFTEN): Health.RESTING,
    (Health.RESTING, News.RESTED): Health.ON_TRIAL,
    (Health.ON_TRIAL, News.ANSWERED): Health.GOOD,
    (Health.ON_TRIAL, News.FAILED): Health.RESTING,
    (Health.ON_TRIAL, News.FAILED_TOO_OFTEN): Health.RESTING,
}
"""What follows from what. News that is not here is late (an answer to a question asked before the
rest) and changes nothing."""


# --- actions -------------------------------------------------------------------------------


class Ask(msgspec.Struct, frozen=True):
    """Ask this program about the call; it has until `deadline`."""

    call: str
    router: str
    queue: str
    deadline: float


class Chosen(msgspec.Struct, frozen=True):
    """Send the call there, then say `routed`, or `unreachable`."""

    call: str
    router: str
    queue: str
    destination: str


class Defaulted(msgspec.Struct, frozen=True):
    """The ACD routes the call in its queue, as if nobody had been asked."""

    call: str
    router: str
    """Who was asked last."""
    queue: str
    why: Why


class Gone(msgspec.Struct, frozen=True):
    """The caller left while a program was asked: nothing is left to do."""

    call: str
    router: str
    queue: str


class InService(msgspec.Struct, frozen=True):
    """This program is asked about calls for this queue from now on."""

    router: str
    queue: str


class OutOfService(msgspec.Struct, frozen=True):
    """It is asked no longer; `reason` is cancelled, session_lost, or failing."""

    router: str
    queue: str
    reason: str


Action = Ask | Chosen | Defaulted | Gone | InService | OutOfService


class NotAskedError(Exception):
    """This program is not asked about this call, or no longer: the answer comes too late."""


class RegistrationView(msgspec.Struct, frozen=True, kw_only=True):
    """A registration, as it is now."""

    router: str
    queue: str
    timeout_s: float
    health: Health
    asked: int
    """Calls that it is asked about now."""
    failures: int
    """In a row."""
    until: float | None
    """When its rest is over."""


@dataclass(slots=True, eq=False)
class _Registration:
    router: str
    queue: str
    timeout_s: float
    rest_s: float
    """How long its next rest is."""
    health: Health = Health.GOOD
    failures: int = 0
    asked: set[str] = field(default_factory=set)
    until: float | None = None
    timer: Timer | None = None


@dataclass(slots=True, eq=False)
class _Question:
    """A call that is asked about."""

    call: str
    queue: str
    until: float
    asked: _Registration | None = None
    """Who is asked now; None while a choice of his is carried out."""
    router: str = ""
    """Who was asked last."""
    chooser: _Registration | None = None
    """Whose choice is carried out."""
    passed_over: set[_Registration] = field(default_factory=set)
    reroutes: int = 0
    timer: Timer | None = None


class Routing:
    """Programs that route, and the calls that they are asked about."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._registrations: dict[tuple[str, str], _Registration] = {}
        """In the order of registering."""
        self._questions: dict[str, _Question] = {}
        self._asked_before: dict[str, set[str]] = {}
        """Queues by call: nobody is asked twice about the same call in the same queue."""
        self._actions: deque[Action] = deque()
        self._timers = TimerQueue()

    # --- programs ---------------------------------------------------------------------------

    def register(self, router: str, queue: str, timeout_s: float, now: float) -> None:
        """Ask this program about calls for this queue (`*`: every one), `timeout_s` each.

        One that is registered already keeps its turn, and is in service again.
        """
        known = self._registrations.get((router, queue))
        if known is None:
            self._registrations[router, queue] = _Registration(
                router, queue, timeout_s, self._rules.rest_s
            )
        else:
            if known.timer is not None:
                known.timer.cancel()
            known.timeout_s, known.rest_s = timeout_s, self._rules.rest_s
            known.health, known.failures, known.until, known.timer = Health.GOOD, 0, None, None
        self._actions.append(InService(router, queue))

    def cancel(
        self, router: str, now: float, *, queue: str | None = None, why: Why = Why.CANCELLED
    ) -> bool:
        """Ask it no more, about calls for one queue or for any. False where it was not registered."""
        ended = [
            each
            for each in self._registrations.values()
            if each.router == router and queue in (None, each.queue)
        ]
        for each in ended:
            del self._registrations[each.router, each.queue]
            if each.timer is not None:
                each.timer.cancel()
            self._actions.append(OutOfService(router, each.queue, str(why)))
        for each in ended:
            for call in sorted(each.asked):
                self._ask_next(self._questions[call], why, now)
        return bool(ended)

    def select(self, router: str, call: str, destination: str, now: float) -> None:
        """The program wants the call there: `Chosen` follows. Raises `NotAskedError`."""
        question, registration = self._answered(router, call)
        question.chooser = registration
        self._stop_asking(question)
        self._actions.append(Chosen(call, router, question.queue, destination))

    def reject(self, router: str, call: str, now: float) -> None:
        """The program leaves the call to the ACD. Raises `NotAskedError`."""
        question, registration = self._answered(router, call)
        self._befall(registration, News.ANSWERED, now)
        self._default(question, Why.REFUSED)

    # --- calls ------------------------------------------------------------------------------

    def ask(self, call: str, queue: str, now: float) -> bool:
        """A call comes to this queue. False where nobody is to be asked: the ACD routes it."""
        if queue in self._asked_before.get(call, ()) or call in self._questions:
            return False
        question = _Question(call, queue, now + self._rules.patience_s)
        if self._next(question) is None:
            return False
        self._questions[call] = question
        self._asked_before.setdefault(call, set()).add(queue)
        self._ask_next(question, Why.TIMEOUT, now)
        return True

    def routed(self, call: str, now: float) -> None:
        """The call is where the program wanted it."""
        question = self._questions.get(call)
        if question is not None and question.chooser is not None:
            self._befall(question.chooser, News.ANSWERED, now)
            self._end(question)

    def unreachable(self, call: str, now: float) -> None:
        """It could not be sent there: the program is asked again, or the next one, or the ACD routes."""
        question = self._questions.get(call)
        if question is None or question.chooser is None:
            return
        registration, question.chooser = question.chooser, None
        self._fail(registration, now)
        question.reroutes += 1
        if question.reroutes <= self._rules.reroutes and self._may_ask(registration):
            self._ask(question, registration, Why.FAILED, now)
        else:
            question.passed_over.add(registration)
            self._ask_next(question, Why.FAILED, now)

    def left(self, call: str) -> None:
        """The caller is gone while somebody was asked about him."""
        question = self._questions.get(call)
        if question is not None:
            self._end(question)
            self._actions.append(Gone(call, question.router, question.queue))

    def cleared(self, call: str) -> None:
        """The call is over: nothing of it need be remembered."""
        self.left(call)
        self._asked_before.pop(call, None)

    # --- the seam ---------------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """The next thing to do, None when there is none."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        return self._timers.next_due()

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        self._timers.run(now)

    def registrations(self) -> list[RegistrationView]:
        """Every registration, in the order of registering."""
        return [
            RegistrationView(
                router=each.router,
                queue=each.queue,
                timeout_s=each.timeout_s,
                health=each.health,
                asked=len(each.asked),
                failures=each.failures,
                until=each.until,
            )
            for each in self._registrations.values()
        ]

    def __len__(self) -> int:
        """Calls that somebody is asked about."""
        return len(self._questions)

    # --- inside: asking ---------------------------------------------------------------------

    def _candidates(self, queue: str) -> Iterator[_Registration]:
        for wanted in dict.fromkeys((queue, ANY_QUEUE)):
            yield from (each for each in self._registrations.values() if each.queue == wanted)

    def _may_ask(self, registration: _Registration) -> bool:
        if (registration.router, registration.queue) not in self._registrations:
            return False
        match registration.health:
            case Health.GOOD:
                return True
            case Health.ON_TRIAL:
                return not registration.asked
            case Health.RESTING:
                return False

    def _next(self, question: _Question) -> _Registration | None:
        for each in self._candidates(question.queue):
            if each not in question.passed_over and self._may_ask(each):
                return each
        return None

    def _ask_next(self, question: _Question, why: Why, now: float) -> None:
        """Whoever was asked cannot help, for this reason: ask the next, or leave it to the ACD."""
        if question.asked is not None:
            question.passed_over.add(question.asked)
            self._stop_asking(question)
        following = self._next(question)
        if following is None:
            self._default(question, why)
        else:
            self._ask(question, following, why, now)

    def _ask(self, question: _Question, of: _Registration, why: Why, now: float) -> None:
        if now >= question.until:
            self._default(question, why)
            return
        deadline = min(now + of.timeout_s, question.until)
        question.asked, question.router = of, of.router
        of.asked.add(question.call)
        question.timer = self._timers.at(deadline, self._too_late, question)
        self._actions.append(Ask(question.call, of.router, question.queue, deadline))

    def _too_late(self, question: _Question, now: float) -> None:
        assert question.asked is not None
        self._fail(question.asked, now)
        self._ask_next(question, Why.TIMEOUT, now)

    def _answered(self, router: str, call: str) -> tuple[_Question, _Registration]:
        question = self._questions.get(call)
        if question is None or question.asked is None or question.asked.router != router:
            raise NotAskedError(f"{router} is not asked about call {call}, or no longer")
        return question, question.asked

    def _stop_asking(self, question: _Question) -> None:
        if question.asked is not None:
            question.asked.asked.discard(question.call)
            question.asked = None
        if question.timer is not None:
            question.timer.cancel()
            question.timer = None

    def _default(self, question: _Question, why: Why) -> None:
        self._end(question)
        self._actions.append(Defaulted(question.call, question.router, question.queue, why))

    def _end(self, question: _Question) -> None:
        self._stop_asking(question)
        question.chooser = None
        del self._questions[question.call]

    # --- inside: health ---------------------------------------------------------------------

    def _fail(self, registration: _Registration, now: float) -> None:
        too_often = registration.failures + 1 >= self._rules.failures
        self._befall(registration, News.FAILED_TOO_OFTEN if too_often else News.FAILED, now)

    def _befall(self, registration: _Registration, news: News, now: float) -> None:
        before = registration.health
        after = HEALTH.get((before, news))
        if after is None or (registration.router, registration.queue) not in self._registrations:
            return
        registration.health = after
        if news is News.ANSWERED:
            registration.failures = 0
            registration.rest_s = self._rules.rest_s
        elif news is not News.RESTED:
            registration.failures += 1
        if after is Health.RESTING:
            self._rest(registration, now)
        elif news is News.RESTED:
            registration.until = registration.timer = None
            self._actions.append(InService(registration.router, registration.queue))

    def _rest(self, registration: _Registration, now: float) -> None:
        registration.until = now + registration.rest_s
        registration.timer = self._timers.at(registration.until, self._rested, registration)
        registration.rest_s = min(registration.rest_s * 2, self._rules.rest_max_s)
        self._actions.append(OutOfService(registration.router, registration.queue, "failing"))

    def _rested(self, registration: _Registration, now: float) -> None:
        self._befall(registration, News.RESTED, now)
