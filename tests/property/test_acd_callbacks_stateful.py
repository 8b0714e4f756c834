"""Long random histories of callbacks: none lost, none resolved twice, every place kept.

The onlooker knows only what the engine told, as its desk does, and the journal's events,
from which a second engine is now and then restored in the first one's place.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ccd.acd.callbacks.engine import (
    FAULTS_OF_OURS,
    Callback,
    CallbackRules,
    Callbacks,
    CarriedOver,
    Dial,
    NoNumberError,
    Requested,
    Resolve,
    Submit,
    Tried,
    Withdraw,
)
from ccd.acd.callbacks.states import CallbackState, Origin, Outcome
from ccd.events import CallbackRequested, CallbackResolved, CallbackTried, Event
from ccd.model import Cause
from ccd.store.callbacks import OpenCallbacks

RULES = [
    CallbackRules(queue="orders", attempts=3, spacing_s=60.0),
    CallbackRules(queue="bonds", attempts=1, spacing_s=0.0, carry_over=False),
]
ATTEMPTS = {rules.queue: rules.attempts for rules in RULES}
NUMBERS = ("138", "139", "137", "anonymous")
CAUSES = (Cause.BUSY, Cause.NO_ANSWER, Cause.TRUNKS_BUSY, Cause.CALL_CANCELLED)

numbers = st.sampled_from(NUMBERS)
queues = st.sampled_from([rules.queue for rules in RULES])


class Life(RuleBasedStateMachine):
    """Everything a desk may say to the engine, at any time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Callbacks()
        self.now = 1000.0
        self.count = 0
        # What was told.
        self.places: dict[str, float] = {}
        self.queue_of: dict[str, str] = {}
        self.number_of: dict[str, str] = {}
        self.open: set[str] = set()
        self.over: set[str] = set()
        self.in_line: set[str] = set()
        self.dialling: dict[str, int] = {}
        self.tries: dict[str, int] = {}
        self.journal = OpenCallbacks()
        # What was said.
        self.closed: dict[str, float | None] = {}
        self.here: dict[str, int] = {}

    @initialize()
    def open_shop(self) -> None:
        for rules in RULES:
            self.engine.set_queue(rules)

    def follow(self) -> None:
        """Do what the engine says, as its desk would; check what can be checked then."""
        while (action := self.engine.next_action()) is not None:
            match action:
                case Requested(callback):
                    assert callback.id not in self.over
                    assert self.places.setdefault(callback.id, callback.enqueued_at) == (
                        callback.enqueued_at
                    )
                    self.queue_of.setdefault(callback.id, callback.queue)
                    self.number_of.setdefault(callback.id, callback.number)
                    self.open.add(callback.id)
                    self.tell(
                        CallbackRequested(
                            callback=callback.id,
                            queue=callback.queue,
                            number=callback.number,
                            origin=callback.origin.value,
                            enqueued_at=callback.enqueued_at,
                            due_at=callback.due_at,
                        )
                    )
                case Submit(callback):
                    assert callback.id in self.open
                    assert callback.id not in self.in_line
                    assert callback.id not in self.dialling
                    assert callback.enqueued_at == self.places[callback.id]
                    assert callback.queue == self.queue_of[callback.id]
                    closed_until = self.closed.get(callback.queue, self.now)
                    assert closed_until is not None
                    assert closed_until <= self.now
                    self.in_line.add(callback.id)
                case Dial(callback, _, attempt):
                    assert callback.id in self.in_line
                    assert attempt == self.tries.get(callback.id, 0) + 1
                    assert attempt <= ATTEMPTS[callback.queue]
                    self.in_line.remove(callback.id)
                    self.dialling[callback.id] = attempt
                case Withdraw(callback):
                    assert callback in self.in_line or callback in self.dialling
                    self.in_line.discard(callback)
                    self.dialling.pop(callback, None)
                case Tried(callback, attempt, cause, next_at):
                    assert self.dialling.pop(callback) >= attempt
                    counted = cause not in FAULTS_OF_OURS
                    assert attempt == self.tries.get(callback, 0) + counted
                    self.tries[callback] = attempt
                    assert next_at is None or next_at >= self.now
                    self.tell(CallbackTried(callback=callback, attempt=attempt, next_at=next_at))
                case CarriedOver(callback, queue, due_at):
                    assert due_at == self.closed[queue]
                    assert callback not in self.in_line
                case Resolve(callback, queue, number, outcome):
                    assert callback in self.open
                    assert callback not in self.over
                    assert callback not in self.in_line
                    assert callback not in self.dialling
                    if outcome is Outcome.UNREACHABLE:
                        assert self.tries[callback] == ATTEMPTS[queue]
                    if outcome is Outcome.CLOSED:
                        assert queue in self.closed
                    self.open.remove(callback)
                    self.over.add(callback)
                    self.tell(
                        CallbackResolved(
                            callback=callback, queue=queue, number=number, outcome=outcome.value
                        )
                    )

    def tell(self, event: Event) -> None:
        self.journal.feed(event)

    # --- what may happen ---

    @rule(
        number=numbers,
        queue=queues,
        origin=st.sampled_from(list(Origin)),
        waited=st.sampled_from([0.0, 5.0, 500.0]),
        ahead=st.sampled_from([-5.0, 30.0, 1000.0]),
    )
    def request(self, number: str, queue: str, origin: Origin, waited: float, ahead: float) -> None:
        self.count += 1
        before = self.engine.of_number(number)
        try:
            found = self.engine.request(
                f"cb{self.count}",
                number=number,
                queue=queue,
                origin=origin,
                enqueued_at=self.now - waited,
                now=self.now,
                due_at=self.now + ahead if origin is Origin.SCHEDULED else None,
            )
        except NoNumberError:
            assert number == "anonymous"
            return
        assert found == (before.id if before is not None else f"cb{self.count}")
        self.follow()
        assert found in self.open or found in self.over

    @rule(seconds=st.sampled_from([0.0, 1.0, 59.0, 60.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.engine.handle_timer(self.now)
        self.follow()
        timer = self.engine.get_timer()
        assert timer is None or timer > self.now

    @precondition(lambda self: self.in_line)
    @rule(data=st.data())
    def dial(self, data: st.DataObject) -> None:
        callback = data.draw(st.sampled_from(sorted(self.in_line)))
        assert self.engine.dial(callback, None, self.now)
        self.follow()
        assert callback in self.dialling

    @precondition(lambda self: self.dialling)
    @rule(data=st.data(), cause=st.sampled_from([None, *CAUSES]))
    def try_ends(self, data: st.DataObject, cause: Cause | None) -> None:
        callback = data.draw(st.sampled_from(sorted(self.dialling)))
        if cause is None:
            assert self.engine.reached(callback, self.now)
        else:
            assert self.engine.failed(callback, cause, self.now)
        self.follow()
        assert callback not in self.dialling

    @rule(number=numbers)
    def customer_arrives(self, number: str) -> None:
        self.here[number] = self.here.get(number, 0) + 1
        self.engine.arrived(number, self.now)
        self.follow()

    @rule(number=numbers, served=st.booleans())
    def customer_goes(self, number: str, served: bool) -> None:
        if not self.here.get(number):
            return
        self.here[number] -= 1
        if served:
            self.engine.served(number, self.now)
        else:
            self.engine.left(number, self.now)
        self.follow()

    @rule(queue=queues, after=st.sampled_from([10.0, 1000.0, None]))
    def closing(self, queue: str, after: float | None) -> None:
        reopens_at = None if after is None else self.now + after
        self.closed[queue] = reopens_at
        self.engine.close(queue, self.now, reopens_at)
        self.follow()
        for callback in self.engine.callbacks():
            if callback.queue == queue:
                assert callback.state not in (CallbackState.WAITING, CallbackState.SPACING)

    @rule(queue=queues)
    def opening(self, queue: str) -> None:
        self.closed.pop(queue, None)
        self.engine.open(queue, self.now)
        self.follow()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        callback = data.draw(st.sampled_from(sorted(self.open)))
        self.engine.cancel(callback, self.now)
        self.follow()
        assert callback in self.over

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def late_news(self, data: st.DataObject) -> None:
        """What crosses the end of a callback changes nothing."""
        callback = data.draw(st.sampled_from(sorted(self.over)))
        assert not self.engine.dial(callback, None, self.now)
        assert not self.engine.reached(callback, self.now)
        assert not self.engine.failed(callback, Cause.BUSY, self.now)
        assert self.engine.next_action() is None

    @rule()
    def restart(self) -> None:
        """The daemon is killed; the next one has the journal, and nobody is on the line."""
        self.engine = Callbacks()
        for rules in RULES:
            self.engine.set_queue(rules)
        for queue, reopens_at in self.closed.items():
            self.engine.close(queue, self.now, reopens_at)
        self.in_line.clear()
        self.dialling.clear()
        self.here.clear()
        self.engine.restore(
            [
                Callback(
                    id=each.callback,
                    queue=each.queue,
                    number=each.number,
                    origin=Origin(each.origin),
                    enqueued_at=each.enqueued_at,
                    due_at=each.due_at,
                    tries=each.tries,
                    call=each.call,
                )
                for each in self.journal.all()
            ],
            self.now,
        )
        self.follow()

    # --- what must be so ---

    @invariant()
    def none_is_lost(self) -> None:
        assert {callback.id for callback in self.engine.callbacks()} == self.open
        assert {each.callback for each in self.journal.all()} == self.open
        assert set(self.places) == self.open | self.over
        assert not self.open & self.over

    @invariant()
    def one_number_has_one(self) -> None:
        open_numbers = [callback.number for callback in self.engine.callbacks()]
        assert len(open_numbers) == len(set(open_numbers))

    @invariant()
    def every_place_is_kept(self) -> None:
        for callback in self.engine.callbacks():
            assert callback.enqueued_at == self.places[callback.id]
            assert callback.tries == self.tries.get(callback.id, 0)
            assert callback.tries < ATTEMPTS[callback.queue]

    @invariant()
    def the_desk_has_what_is_under_way(self) -> None:
        states = {callback.id: callback.state for callback in self.engine.callbacks()}
        for callback, state in states.items():
            assert (callback in self.in_line) == (state is CallbackState.WAITING)
            assert (callback in self.dialling) == (state is CallbackState.DIALLING)

    @invariant()
    def what_does_not_wait_has_a_reason(self) -> None:
        """A timer, or the customer himself on the line: nobody is forgotten in a corner."""
        for callback in self.engine.callbacks():
            match callback.state:
                case CallbackState.SCHEDULED | CallbackState.SPACING:
                    timer = self.engine.get_timer()
                    assert callback.due_at is not None
                    assert timer is not None
                    assert timer <= callback.due_at
                    assert callback.due_at > self.now
                case CallbackState.HELD:
                    assert self.here.get(callback.number, 0) > 0
                case _:
                    pass


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCallbackLife = Life.TestCase
