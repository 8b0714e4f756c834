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


CATEGORIES: dict[Refused, str] = {
    Refused.WRONG_STATE: "state incompatibility (12.2.14.3)",
    Refused.UNKNOWN_CALL: "operation (12.2.14.1): invalidCallID",
    Refused.UNKNOWN_AGENT: "operation: invalidDeviceID",
    Refused.UNKNOWN_NUMBER: "operation: invalidDestination",
    Refused.NOT_ALLOWED: "operation: privilegeViolationSpecifiedDevice",
    Refused.BUSY: "system resource availability (12.2.14.4): resourceBusy",
    Refused.NOT_REACHABLE: "system resource availability: generic",
    Refused.LOCKED: "operation: privilegeViolationSpecifiedDevice",
    Refused.BAD_ARGS: "operation: generic",
}
"""The category of ECMA-269's universal failure (12.2.14), and the error of it, that each is nearest to."""


class ControlError(Exception):
    """A verb was not done, and nothing has changed."""

    def __init__(self, code: Refused, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
