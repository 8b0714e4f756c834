"""What agents say of a call: its disposition and notes; and the words that the settings have for it.

Sans-IO, and beside the distributor, which knows only how long a wrap-up may last. A call may be
wrapped up from the moment an agent has it until he answers the next one. Where its queue asks
for a disposition (`wrap_up_requires_disposition`), the agent's wrap-up does not end before he
has said one: not by itself, and not by his pressing ready. He may still log off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccd.acd.errors import AcdError
from ccd.config import Queue, Settings

OUR_REASONS = frozenset({"logged_on", "rona", "session_lost", "locked"})
"""Why an agent is not ready without his doing; these need no `[[not_ready_reason]]`."""


class UnknownDispositionError(AcdError):
    """The settings have no such disposition for this queue."""

    code = "unknown_disposition"

    def __init__(self, disposition: str, queue: str, known: list[str]) -> None:
        there_are = ", ".join(known) or "none"
        super().__init__(
            f"queue {queue!r} has no disposition {disposition!r}: there are {there_are}"
        )


class UnknownReasonError(AcdError):
    """The settings have no such reason for being not ready."""

    code = "unknown_reason"

    def __init__(self, reason: str, known: list[str]) -> None:
        super().__init__(f"no reason {reason!r} for not ready: there are {', '.join(known)}")


class NothingToWrapUpError(AcdError):
    """The agent has answered no call yet."""

    code = "nothing_to_wrap_up"

    def __init__(self, agent: str) -> None:
        super().__init__(f"agent {agent!r} has answered no call that could be wrapped up")


class DispositionRequiredError(AcdError):
    """The agent's wrap-up ends only when he has said what came of the call."""

    code = "disposition_required"

    def __init__(self, agent: str, call: str, known: list[str]) -> None:
        there_are = f": one of {', '.join(known)}" if known else ""
        super().__init__(
            f"agent {agent!r} has still to say what came of call {call}{there_are} (wrap_up)"
        )


@dataclass(slots=True)
class _Last:
    """The last contact that an agent had."""

    contact: str
    queue: str
    call: str
    said: bool = False
    wrap_up_began: float | None = None


class AfterCall:
    """Which call each agent wraps up, and what he may say of it. Times are the loop's, seconds."""

    def __init__(self, settings: Settings) -> None:
        self._last: dict[str, _Last] = {}
        self.change_settings(settings)

    def change_settings(self, settings: Settings) -> None:
        """The words for it are these from now on."""
        self._dispositions = settings.disposition
        self._reasons = [reason.name for reason in settings.not_ready_reason]

    # --- what happens -----------------------------------------------------------------

    def has(self, agent: str, contact: str, queue: str, call: str = "") -> None:
        """The agent has this contact from now on; the one before is past.

        `call` is the call that was made for it (a callback's), where it is no call itself.
        """
        last = self._last.get(agent)
        if last is None or last.contact != contact:
            self._last[agent] = _Last(contact, queue, call or contact)

    def wrap_up_began(self, agent: str, contact: str, queue: Queue | None, now: float) -> bool:
        """The agent wraps this one up, maybe again; whether that may end only when he says so."""
        last = self._last.get(agent)
        if last is None or last.contact != contact:
            return False
        if last.wrap_up_began is None:
            last.wrap_up_began = now
        return queue is not None and queue.wrap_up_requires_disposition and not last.said

    def says(self, agent: str, disposition: str) -> str:
        """The agent says what came of his last call; return which that is. Raises `AcdError`."""
        last = self._last.get(agent)
        if last is None:
            raise NothingToWrapUpError(agent)
        known = self.dispositions(last.queue)
        if not disposition or (self._dispositions and disposition not in known):
            raise UnknownDispositionError(disposition, last.queue, known)
        last.said = True
        return last.call

    # --- what is so -------------------------------------------------------------------

    def is_last(self, agent: str, contact: str) -> bool:
        """Whether this is what the agent would wrap up."""
        last = self._last.get(agent)
        return last is not None and last.contact == contact

    def queue_of(self, agent: str) -> str:
        """The queue of the call that the agent would wrap up; empty where there is none."""
        last = self._last.get(agent)
        return "" if last is None else last.queue

    def dispositions(self, queue: str) -> list[str]:
        """What can be said of a call of this queue; empty where the settings name nothing: anything."""
        return [each.name for each in self._dispositions if not each.queues or queue in each.queues]

    def check_reason(self, reason: str) -> None:
        """Raises `UnknownReasonError` where the settings name reasons, and not this one."""
        if self._reasons and reason not in self._reasons and reason not in OUR_REASONS:
            raise UnknownReasonError(reason, self._reasons)

    def check_done(self, agent: str, queues: Mapping[str, Queue]) -> None:
        """Raises `DispositionRequiredError` where an agent who wraps up has not said what he must."""
        last = self._last.get(agent)
        if last is None or last.said:
            return
        queue = queues.get(last.queue)
        if queue is not None and queue.wrap_up_requires_disposition:
            raise DispositionRequiredError(agent, last.call, self.dispositions(last.queue))

    def left(self, agent: str, queues: Mapping[str, Queue], now: float) -> float | None:
        """Seconds of wrap-up that are left to him by his queue's `wrap_up_s`; None: no limit."""
        last = self._last.get(agent)
        queue = None if last is None else queues.get(last.queue)
        if last is None or queue is None or last.wrap_up_began is None:
            return 0.0
        left = last.wrap_up_began + queue.wrap_up_s - now
        return None if left == float("inf") else max(0.0, left)
