"""A phone's registration (RFC 3261 10.2): a state machine without a socket or a clock.

    OFFLINE -> REGISTERING -> REGISTERED -> REGISTERING -> ...
                    \\-> WAITING (back-off) -/        \\-> LEAVING -> OFFLINE

The shell sends what `next_action()` asks for under one Call-ID with a growing CSeq,
brings every final response to `response`, and calls `handle_timer` when it is due.
Digest challenges are answered below us, by the user agent.
"""

from __future__ import annotations

import random
from enum import StrEnum

import msgspec

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
"""Back-off after a failure doubles from the first to the longest, each drawn from its upper half."""

REFRESH_SHARE = 0.5
"""Refresh after this share of what the registrar granted: a lost REGISTER can be
repeated for 32 s (timer F) well before the binding is gone."""


class RegistrationState(StrEnum):
    """Where a registration is."""

    OFFLINE = "offline"
    REGISTERING = "registering"
    REGISTERED = "registered"
    WAITING = "waiting"
    LEAVING = "leaving"


class SendRegister(msgspec.Struct, frozen=True):
    """Send a REGISTER with this Expires (0 takes the binding away) and CSeq number."""

    expires: int
    cseq: int


class Registration:
    """One binding of one phone."""

    def __init__(self, *, expires: int, rng: random.Random) -> None:
        self._expires = expires
        self._rng = rng
        self._state = RegistrationState.OFFLINE
        self._due: float | None = None
        self._action: SendRegister | None = None
        self._cseq = 0
        self._failures = 0
        self.last_code: int | None = None
        """Status of the last final response; None before the first."""

    @property
    def state(self) -> RegistrationState:
        """Where the registration is."""
        return self._state

    def next_action(self) -> SendRegister | None:
        """The REGISTER to send now, or None."""
        action, self._action = self._action, None
        return action

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called, or None."""
        return self._due

    def start(self) -> None:
        """Register."""
        self._send(RegistrationState.REGISTERING, self._expires)

    def leave(self) -> None:
        """Take the binding away, if there may be one."""
        if self._state is not RegistrationState.OFFLINE:
            self._send(RegistrationState.LEAVING, 0)

    def handle_timer(self, now: float) -> None:
        """Refresh, or try again, if that is due at `now`."""
        if self._due is not None and now >= self._due:
            self._send(RegistrationState.REGISTERING, self._expires)

    def response(self, code: int, granted: int | None, now: float) -> None:
        """A final response came; `granted` is the expiry it gave our contact, in seconds.

        423 (Interval Too Brief) brings the registrar's Min-Expires in `granted`.
        """
        self.last_code = code
        if self._state is RegistrationState.LEAVING:
            self._state, self._due = RegistrationState.OFFLINE, None
        elif self._state is not RegistrationState.REGISTERING:
            return  # an answer to a question of an earlier state
        elif 200 <= code < 300:
            self._failures = 0
            self._state = RegistrationState.REGISTERED
            self._due = now + REFRESH_SHARE * (granted or self._expires)
        elif code == 423 and granted is not None and granted > self._expires:
            self._expires = granted
            self._send(RegistrationState.REGISTERING, self._expires)
        else:
            pause = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0**self._failures)
            self._failures += 1
            self._state = RegistrationState.WAITING
            self._due = now + pause * self._rng.uniform(0.5, 1.0)

    def _send(self, state: RegistrationState, expires: int) -> None:
        self._state, self._due = state, None
        self._cseq += 1
        self._action = SendRegister(expires, self._cseq)
