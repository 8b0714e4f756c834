"""What the distributor refuses, and why. These are the asker's errors, never ours.

Late news of a contact (an answer that crosses a time-out, a hang-up that crosses both)
is no error: the distributor says `False` to it and goes on.
"""

from __future__ import annotations

from ccd.model import AgentState


class AcdError(ValueError):
    """Something was asked that cannot be done. `code` is stable and goes over the CTI."""

    code = "refused"


class UnknownAgentError(AcdError):
    """No agent of this name ever logged on."""

    code = "unknown_agent"

    def __init__(self, agent: str) -> None:
        super().__init__(f"agent {agent!r} never logged on: log on first")


class UnknownQueueError(AcdError):
    """No queue of this name was added."""

    code = "unknown_queue"

    def __init__(self, queue: str, known: list[str]) -> None:
        super().__init__(f"no queue {queue!r}: there are {', '.join(sorted(known)) or 'none'}")


class QueueNotEmptyError(AcdError):
    """A queue cannot be closed while somebody waits in it."""

    code = "queue_not_empty"

    def __init__(self, queue: str, waiting: int) -> None:
        super().__init__(f"{waiting} wait in queue {queue!r}: move them to another queue first")


class QueueRingsError(QueueNotEmptyError):
    """A queue cannot be closed while phones ring for its calls: they may come back."""

    def __init__(self, queue: str, ringing: int) -> None:
        AcdError.__init__(
            self, f"phones ring for {ringing} of queue {queue!r}: try again in a moment"
        )


class DuplicateContactError(AcdError):
    """A contact of this id is already with us: one contact is in one place."""

    code = "duplicate_contact"

    def __init__(self, contact: str) -> None:
        super().__init__(f"contact {contact!r} is already waiting or with an agent")


class WrongStateError(AcdError):
    """The agent's state does not allow it."""

    code = "wrong_state"

    def __init__(self, agent: str, state: AgentState, trigger: str) -> None:
        self.state = state
        super().__init__(f"agent {agent!r} is {state.value}, which does not allow {trigger}")
