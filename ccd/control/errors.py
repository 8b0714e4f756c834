"""What call control refuses, and why."""

from __future__ import annotations

from enum import StrEnum


class Refused(StrEnum):
    """Why a verb was not done; stable, for it goes over the CTI."""

    WRONG_STATE = "wrong_state"
    """The call, or the agent, is in a state that does not allow it (`ccd.control.situations`)."""
    UNKNOWN_CALL = "unknown_call"
    """No call of this id, or it is over."""
    UNKNOWN_AGENT = "unknown_agent"
    """No agent of this name, or he never logged on."""
    UNKNOWN_NUMBER = "unknown_number"
    """Nobody and nothing is called by such a number."""
    NOT_ALLOWED = "not_allowed"
    """He may not dial it, or do it."""
    BUSY = "party_busy"
    """Whom it is about is on the phone, or is being rung."""
    NOT_REACHABLE = "not_reachable"
    """A phone is not registered, a trunk is down or full."""
    LOCKED = "seat_locked"
    """The seat is locked: open it first."""
    BAD_ARGS = "bad_args"
    """An argument makes no sense; the message names it."""


class ControlError(Exception):
    """A verb was not done, and nothing has changed."""

    def __init__(self, code: Refused, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
