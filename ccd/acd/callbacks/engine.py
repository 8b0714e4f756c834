"""Customers who are to be called back: none forgotten, none called twice. Sans-IO.

Events and the time go in by methods; what is to be done comes out of `next_action`. A
callback keeps the place that its customer had (`enqueued_at`) through every try, every
closing and every restart. One number has one open callback, whatever queues its owner was
in and however often he asked: a lost caller is rung back once.

    callbacks.request("cb-1", number="138...", queue="orders", origin=Origin.OFFERED,
                      enqueued_at=0.0, now=90.0)
    callbacks.next_action()     # Requested(...)
    callbacks.next_action()     # Submit: have it wait for an agent, at the place of 0.0
    callbacks.dial("cb-1", "anna", now=200.0)
    callbacks.next_action()     # Dial(..., attempt=1)
    callbacks.failed("cb-1", Cause.NO_ANSWER, now=230.0)
    callbacks.next_action()     # Tried(..., next_at=830.0); at that time: Submit, at 0.0

Which phone is called first, the agent's or the customer's, is the desk's business
(`ccd.acd.callbacks.desk`); here a try begins with `dial`, and is over with `reached` or
`failed`. The states and what moves between them: `ccd.acd.callbacks.states`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec
from sortedcontainers import SortedList

from ccd.acd.anonymity import is_anonymous
from ccd.acd.callbacks.states import (
    TRANSITIONS,
    UNDER_WAY,
    CallbackState,
    Origin,
    Outcome,
    Step,
    Trigger,
)
from ccd.acd.errors import AcdError, UnknownQueueError
from ccd.model import Cause

FAULTS_OF_OURS = frozenset(
    {
        *(Cause.TRUNKS_BUSY, Cause.NETWORK_FAILURE, Cause.OVERLOAD, Cause.SHUTDOWN),
        *(Cause.MEDIA_FAILED, Cause.MEDIA_WORKER_LOST, Cause.MEDIA_TIMEOUT),
        *(Cause.CALL_CANCELLED, Cause.TRANSFER),
    }
)
"""Why a try is none of the customer's: no channel, no network, or we broke it off ourselves.

It is repeated after the same time as any other and does not count, or a trunk that is down
for half an hour would make every customer unreachable.
"""


MOVED = "moved"
"""Why a callback that waited waits there no more: its queue is taken out, it is another's."""

RESCHEDULED = "rescheduled"
"""Why a callback that waited waits no more: its customer wishes to be called at a time."""


class NoNumberError(AcdError):
    """A caller who hides his number cannot be called back."""

    code = "no_number"

    def __init__(self, number: str) -> None:
        super().__init__(f"{number!r} cannot be called back: ask the caller for a number")


class UnknownCallbackError(AcdError):
    """No open callback has this id."""

    code = "unknown_callback"

    def __init__(self, callback: str) -> None:
        super().__init__(f"no callback {callback!r} is open: it was resolved, or never requested")


class CallbackRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known of a queue (see `ccd.config.Callback`)."""

    queue: str
    attempts: int = 3
    spacing_s: float = 600.0
    carry_over: bool = True
    """At closing: on to the next opening, with the place kept; else resolved as `closed`."""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """An open callback as it is now. Times are on the engine's clock."""

    id: str
    queue: str
    number: str
    origin: Origin
    enqueued_at: float
    state: CallbackState = CallbackState.WAITING
    due_at: float | None = None
    """Not before this time; None: as soon as its place allows."""
    tries: int = 0
    """How often the customer could have answered, and did not."""
    call: str | None = None
    """The call that it came from."""


class Requested(msgspec.Struct, frozen=True):
    """A callback was requested; again for one that is open: when it is due has changed."""

    callback: Callback


class Submit(msgspec.Struct, frozen=True):
    """Have it wait in its queue, at the place of `enqueued_at`; then say `dial`."""

    callback: Callback


class Dial(msgspec.Struct, frozen=True):
    """Call the customer now (for this agent, who is there already, or None)."""

    callback: Callback
    agent: str | None
    attempt: int


class Withdraw(msgspec.Struct, frozen=True):
    """Take it out of its queue, or break off the try: nobody is to be called now."""

    callback: str
    reason: str


class Tried(msgspec.Struct, frozen=True):
    """A try is over. `attempt` is how many counted so far; `cause` None: he was reached."""

    callback: str
    attempt: int
    cause: Cause | None
    next_at: float | None


class CarriedOver(msgspec.Struct, frozen=True):
    """Its queue is closed: it waits for the opening at `due_at`."""

    callback: str
    queue: str
    due_at: float


class Resolve(msgspec.Struct, frozen=True):
    """Nobody need call this customer any more: the last that is said of a callback."""

    callback: str
    queue: str
    number: str
    outcome: Outcome


CallbackAction = Requested | Submit | Dial | Withdraw | Tried | CarriedOver | Resolve

_Alarm = tuple[float, float, int, str]
"""When, then whose place is first, arrival number, id."""


class _Item:
    """One open callback, which only the engine changes."""

    __slots__ = (
        *("alarm", "appointed", "call", "carried", "due", "enqueued_at", "here", "id"),
        *("number", "order", "origin", "queue", "state", "tries"),
    )

    def __init__(self, callback: Callback, order: int) -> None:
        self.id = callback.id
        self.order = order
        self.queue = callback.queue
        self.number = callback.number
        self.origin = callback.origin
        self.enqueued_at = callback.enqueued_at
        self.call = callback.call
        self.tries = callback.tries
        self.due = callback.due_at
        self.state = CallbackState.SCHEDULED
        self.appointed = (
            callback.origin is Origin.SCHEDULED
            and callback.due_at is not None
            and not callback.tries
        )
        """The customer wishes to be called at `due`, and not before."""
        self.carried = False
        """`due` is its queue's next opening, and follows that."""
        self.here = 0
        """In how many calls he waits for an agent himself."""
        self.alarm: _Alarm | None = None

    def view(self) -> Callback:
        return Callback(
            id=self.id,
            queue=self.queue,
            number=self.number,
            origin=self.origin,
            enqueued_at=self.enqueued_at,
            state=self.state,
            due_at=self.due,
            tries=self.tries,
            call=self.call,
        )


class Callbacks:
    """Every open callback of the centre (see the module).

    What comes too late (an answer to a try that is over, the end of a callback that is
    resolved) returns False and changes nothing.
    """

    def __init__(self) -> None:
        self._rules: dict[str, CallbackRules] = {}
        self._closed: dict[str, float | None] = {}
        """Queues that are closed, and until when; None: for good, as far as one knows."""
        self._items: dict[str, _Item] = {}
        self._by_number: dict[str, _Item] = {}
        self._alarms: SortedList[_Alarm] = SortedList()
        self._order = 0
        self._actions: deque[CallbackAction] = deque()

    # --- queues -------------------------------------------------------------------------

    def set_queue(self, rules: CallbackRules) -> None:
        """Serve this queue's callbacks by these rules, from now on."""
        self._rules[rules.queue] = rules

    def remove_queue(self, queue: str, now: float) -> None:
        """The queue is no more; its callbacks are resolved as `closed`."""
        for item in self._of_queue(queue):
            self._resolve(item, Outcome.CLOSED)
        self._rules.pop(queue, None)
        self._closed.pop(queue, None)

    def move_queue(self, queue: str, to: str, now: float) -> None:
        """The queue is no more; its callbacks are another's, at their places.

        Raises `UnknownQueueError` for that one.
        """
        if to not in self._rules:
            raise UnknownQueueError(to, list(self._rules))
        for item in self._of_queue(queue):
            item.queue = to
            if item.carried:
                item.due, item.carried = None, False
            self._actions.append(Requested(item.view()))
            if item.state is CallbackState.WAITING:
                self._enter(item, CallbackState.SCHEDULED, MOVED)
            if item.state in _TIMED:
                self._wait_or_start(item, now)
        self._rules.pop(queue, None)
        self._closed.pop(queue, None)

    def close(self, queue: str, now: float, reopens_at: float | None) -> None:
        """The queue closes (None: for good): each of its callbacks is carried over, or resolved.

        A try that is under way is finished.
        """
        self._closed[queue] = reopens_at
        for item in self._of_queue(queue):
            self._fire(item, Trigger.CLOSING, now)

    def open(self, queue: str, now: float) -> None:
        """The queue opens; what waited for that is next, in its old order."""
        if queue not in self._closed:
            return
        del self._closed[queue]
        for item in self._of_queue(queue):
            if item.carried and item.state is CallbackState.SCHEDULED:
                item.due = now  # whether or not the opening is punctual
                self._wake_at(item, now)
        self.handle_timer(now)

    # --- requests -----------------------------------------------------------------------

    def request(
        self,
        callback: str,
        *,
        number: str,
        queue: str,
        origin: Origin,
        enqueued_at: float,
        now: float,
        due_at: float | None = None,
        call: str | None = None,
    ) -> str:
        """Have a customer called back; return the id of his one open callback.

        That is `callback`, or the id of an earlier one. The earlier one stays in its queue
        and at its place; when it is due is what the customer said last: at a time, or as
        soon as possible. That a caller was lost (`ABANDONED`) is no word of his.

        Raises `NoNumberError`, `UnknownQueueError`.
        """
        if is_anonymous(number):
            raise NoNumberError(number)
        if queue not in self._rules:
            raise UnknownQueueError(queue, list(self._rules))
        item = self._by_number.get(number)
        if item is not None:
            if origin is not Origin.ABANDONED:
                self._asked_again(item, due_at, now)
            return item.id
        item = self._add(
            Callback(
                id=callback,
                queue=queue,
                number=number,
                origin=origin,
                enqueued_at=enqueued_at,
                due_at=due_at,
                call=call,
            )
        )
        self._actions.append(Requested(item.view()))
        self._wait_or_start(item, now)
        return item.id

    def cancel(self, callback: str, now: float) -> None:
        """Nobody is to call him. Raises `UnknownCallbackError`."""
        self._fire(self._item(callback), Trigger.CANCELLED, now)

    # --- tries --------------------------------------------------------------------------

    def dial(self, callback: str, agent: str | None, now: float) -> bool:
        """Its turn has come: call the customer. False where it does not wait any more."""
        item = self._items.get(callback)
        if item is None or not self._fire(item, Trigger.DIALLED, now):
            return False
        self._actions.append(Dial(item.view(), agent, item.tries + 1))
        return True

    def reached(self, callback: str, now: float) -> bool:
        """Customer and agent speak. False for late news."""
        item = self._items.get(callback)
        if item is None or item.state is not CallbackState.DIALLING:
            return False
        self._actions.append(Tried(item.id, item.tries + 1, None, None))
        return self._fire(item, Trigger.REACHED, now)

    def failed(self, callback: str, cause: Cause, now: float) -> bool:
        """The try came to nothing. False for late news."""
        item = self._items.get(callback)
        return item is not None and self._fire(item, Trigger.FAILED, now, cause)

    # --- customers who call themselves ----------------------------------------------------

    def arrived(self, number: str, now: float) -> bool:
        """He called again and waits for an agent himself; return whether a callback stands aside."""
        item = self._by_number.get(number)
        if item is None:
            return False
        item.here += 1
        return self._fire(item, Trigger.ARRIVED, now)

    def left(self, number: str, now: float) -> bool:
        """He left without having been served; return whether a callback is where it was again."""
        item = self._by_number.get(number)
        if item is None:
            return False
        item.here = max(0, item.here - 1)
        return item.here == 0 and self._fire(item, Trigger.LEFT, now)

    def served(self, number: str, now: float) -> bool:
        """An agent spoke with him, in a call of his own; return whether a callback is over by that."""
        item = self._by_number.get(number)
        if item is None:
            return False
        item.here = max(0, item.here - 1)
        return self._fire(item, Trigger.SERVED, now)

    # --- the seam -----------------------------------------------------------------------

    def restore(self, callbacks: Iterable[Callback], now: float) -> None:
        """Go on with what an earlier run left open, as the journal has it.

        A try that was under way is repeated: whether he answered nobody knows. What cannot
        go on is resolved, and so told: of a queue that is no more (`closed`), a second one
        of one number (`cancelled`).
        """
        for callback in sorted(callbacks, key=lambda one: (one.enqueued_at, one.id)):
            if callback.queue not in self._rules:
                self._resolved(callback, Outcome.CLOSED)
            elif callback.number in self._by_number:
                self._resolved(callback, Outcome.CANCELLED)
            else:
                self._wait_or_start(self._add(callback), now)

    @property
    def has_actions(self) -> bool:
        """Whether `next_action` has something to say."""
        return bool(self._actions)

    def next_action(self) -> CallbackAction | None:
        """The next thing to do, None when there is none."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        return self._alarms[0][0] if self._alarms else None

    def handle_timer(self, now: float) -> None:
        """Start what is due; of those due at one time the better place is first."""
        while self._alarms and self._alarms[0][0] <= now:
            self._fire(self._items[self._alarms[0][3]], Trigger.DUE, now)

    # --- what is so ---------------------------------------------------------------------

    def __len__(self) -> int:
        """How many are open."""
        return len(self._items)

    def callbacks(self) -> list[Callback]:
        """Every open one, in the order in which they were requested."""
        return [item.view() for item in self._items.values()]

    def get(self, callback: str) -> Callback | None:
        """One of them, None where it is not open."""
        item = self._items.get(callback)
        return None if item is None else item.view()

    def of_number(self, number: str) -> Callback | None:
        """A customer's open callback, None where he has none."""
        item = self._by_number.get(number)
        return None if item is None else item.view()

    # --- inside -------------------------------------------------------------------------

    def _item(self, callback: str) -> _Item:
        try:
            return self._items[callback]
        except KeyError:
            raise UnknownCallbackError(callback) from None

    def _of_queue(self, queue: str) -> list[_Item]:
        found = (item for item in self._items.values() if item.queue == queue)
        return sorted(found, key=lambda item: (item.enqueued_at, item.order))

    def _add(self, callback: Callback) -> _Item:
        if callback.id in self._items:
            raise ValueError(f"callback {callback.id!r} is open already")
        self._order += 1
        item = _Item(callback, self._order)
        self._items[item.id] = self._by_number[item.number] = item
        return item

    def _fire(self, item: _Item, trigger: Trigger, now: float, cause: Cause | None = None) -> bool:
        """Go through the table; return whether the callback is in another state now."""
        before = item.state
        step = TRANSITIONS.get((before, trigger))
        match step:
            case None | Step.STAY:
                pass
            case CallbackState.RESOLVED:
                self._resolve(item, _OUTCOMES[trigger])
            case CallbackState():
                self._enter(item, step, trigger.value)
            case Step.START | Step.RESUME:
                self._wait_or_start(item, now)
            case Step.GIVE_WAY if item.appointed:
                pass
            case Step.GIVE_WAY if trigger is Trigger.SERVED:
                self._resolve(item, Outcome.CALLED_IN)
            case Step.GIVE_WAY:
                self._enter(item, CallbackState.HELD, trigger.value)
            case Step.CARRY:
                self._carry(item, self._closed[item.queue])
            case Step.RETRY:
                assert cause is not None
                self._retry(item, cause, now)
        return item.state is not before

    def _enter(self, item: _Item, state: CallbackState, why: str) -> None:
        """Be in another state than before, and have the desk let go of it where it had it."""
        if item.state in UNDER_WAY and state not in UNDER_WAY:
            self._actions.append(Withdraw(item.id, why))
        item.state = state
        self._wake_at(item, item.due if state in _TIMED else None)

    def _wait_or_start(self, item: _Item, now: float) -> None:
        """Go to where it belongs, given the time, its queue's hours and where its customer is."""
        closed_until = self._closed.get(item.queue, now)
        if item.here and not (item.appointed and item.due is not None and item.due > now):
            self._enter(item, CallbackState.HELD, Trigger.ARRIVED.value)
        elif closed_until is None or closed_until > now:
            promised = item.state is CallbackState.SCHEDULED and closed_until is not None
            self._carry(item, closed_until, promised=promised)
        elif item.due is not None and item.due > now:
            spaced = item.tries and not item.appointed
            state = CallbackState.SPACING if spaced else CallbackState.SCHEDULED
            self._enter(item, state, RESCHEDULED)
        else:
            item.due, item.appointed, item.carried = None, False, False
            self._enter(item, CallbackState.WAITING, Trigger.DUE.value)
            self._actions.append(Submit(item.view()))

    def _carry(self, item: _Item, reopens_at: float | None, *, promised: bool = False) -> None:
        """Its queue is closed: wait for the opening, or be over.

        `promised`: it was requested while the queue was closed, or is a later day's; then
        closing is no reason to drop it. One that waits for the opening already waits for
        this one now.
        """
        if reopens_at is None:
            self._resolve(item, Outcome.CLOSED)
            return
        later = item.due is not None and item.due >= reopens_at
        if item.due == reopens_at if item.carried else later:
            self._enter(item, CallbackState.SCHEDULED, Trigger.CLOSING.value)
        elif promised or item.carried or self._rules[item.queue].carry_over:
            item.due, item.appointed, item.carried = reopens_at, False, True
            self._enter(item, CallbackState.SCHEDULED, Trigger.CLOSING.value)
            self._actions.append(CarriedOver(item.id, item.queue, reopens_at))
        else:
            self._resolve(item, Outcome.CLOSED)

    def _retry(self, item: _Item, cause: Cause, now: float) -> None:
        rules = self._rules[item.queue]
        item.tries += cause not in FAULTS_OF_OURS
        item.state = CallbackState.SPACING  # the desk is done with it
        item.due, item.carried = now + rules.spacing_s, False
        over = Outcome.UNREACHABLE if item.tries >= rules.attempts else None
        if over is None and item.queue in self._closed:
            reopens_at = self._closed[item.queue]
            if reopens_at is None or (item.due < reopens_at and not rules.carry_over):
                over = Outcome.CLOSED
            elif item.due < reopens_at:
                item.due, item.carried = reopens_at, True
        self._actions.append(Tried(item.id, item.tries, cause, None if over else item.due))
        if over is not None:
            self._resolve(item, over)
        else:
            self._wait_or_start(item, now)

    def _asked_again(self, item: _Item, due_at: float | None, now: float) -> None:
        """The customer has a new wish as to when; a try that is under way comes before it."""
        if due_at is not None and due_at <= now:
            due_at = None
        if item.state is CallbackState.DIALLING or due_at == item.due:
            return
        item.due, item.appointed, item.carried = due_at, due_at is not None, False
        if item.appointed:
            item.origin = Origin.SCHEDULED
        self._actions.append(Requested(item.view()))
        if item.state is not CallbackState.WAITING or item.appointed:
            self._wait_or_start(item, now)

    def _resolve(self, item: _Item, outcome: Outcome) -> None:
        if item.state in UNDER_WAY and outcome is not Outcome.ANSWERED:
            self._actions.append(Withdraw(item.id, outcome.value))
        item.state = CallbackState.RESOLVED
        self._wake_at(item, None)
        del self._items[item.id], self._by_number[item.number]
        self._resolved(item.view(), outcome)

    def _resolved(self, callback: Callback, outcome: Outcome) -> None:
        self._actions.append(Resolve(callback.id, callback.queue, callback.number, outcome))

    def _wake_at(self, item: _Item, when: float | None) -> None:
        if item.alarm is not None:
            self._alarms.remove(item.alarm)
        item.alarm = None if when is None else (when, item.enqueued_at, item.order, item.id)
        if item.alarm is not None:
            self._alarms.add(item.alarm)


_TIMED = frozenset({CallbackState.SCHEDULED, CallbackState.SPACING})

_OUTCOMES = {
    Trigger.REACHED: Outcome.ANSWERED,
    Trigger.SERVED: Outcome.CALLED_IN,
    Trigger.CANCELLED: Outcome.CANCELLED,
}
