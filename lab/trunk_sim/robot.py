"""A robot agent at the phone: a state machine without a socket or a clock.

    IDLE -> RINGING -> TALKING -> LEAVING -> IDLE

One phone, one call at a time: a second INVITE is busy (486), as on an agent's phone
without call waiting. The shell calls the cue methods, carries out `next_action()` until
it is None, and calls `handle_timer` when `get_timer()` is due.
"""

from __future__ import annotations

import random
from collections import deque
from enum import StrEnum

import msgspec


class RobotHabits(msgspec.Struct, frozen=True, kw_only=True):
    """How robots treat calls; seconds, probabilities."""

    ring_s: tuple[float, float] = (0.2, 0.9)
    """Uniform: from the INVITE to the answer."""
    hangs_up: float = 0.35
    """Share of the calls that the robot may end before the caller does."""
    talk_s: float = 4.0
    """Mean of the time after which such a robot hangs up (gamma, shape 4)."""
    least_talk_s: float = 3.0
    ignores: float = 0.0
    """Share of the calls it lets ring."""
    mute: tuple[str, ...] = ()
    """Agents that say nothing: a planted fault, which a verdict must find."""
    record: bool = False
    """Keep what each robot heard and said in a WAV beside the log."""


class RobotState(StrEnum):
    """Where a robot is."""

    IDLE = "idle"
    RINGING = "ringing"
    TALKING = "talking"
    LEAVING = "leaving"


class Answer(msgspec.Struct, frozen=True):
    """Lift the receiver."""


class RobotHangsUp(msgspec.Struct, frozen=True):
    """Put it down."""


RobotAction = Answer | RobotHangsUp


class RobotCall(msgspec.Struct, kw_only=True):
    """What the robot saw of one call; times are the shell's clock."""

    rang_at: float
    answered_at: float | None = None
    hung_up_at: float | None = None
    ended_at: float | None = None


class Robot:
    """One robot agent, with a generator of its own."""

    def __init__(self, habits: RobotHabits, rng: random.Random) -> None:
        self._habits = habits
        self._rng = rng
        self._state = RobotState.IDLE
        self._due: float | None = None
        self._actions: deque[RobotAction] = deque()
        self.call: RobotCall | None = None

    @property
    def state(self) -> RobotState:
        """Where the robot is."""
        return self._state

    def next_action(self) -> RobotAction | None:
        """What the shell has to do next, or None."""
        return self._actions.popleft() if self._actions else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called, or None."""
        return self._due

    def rings(self, now: float) -> bool:
        """A call comes in; False: the robot is busy and takes no second one."""
        if self._state is not RobotState.IDLE:
            return False
        self._state = RobotState.RINGING
        self.call = RobotCall(rang_at=now)
        ignored = self._rng.random() < self._habits.ignores
        self._due = None if ignored else now + self._rng.uniform(*self._habits.ring_s)
        return True

    def handle_timer(self, now: float) -> None:
        """Do what is due at `now`."""
        if self._due is None or now < self._due or self.call is None:
            return
        self._due = None
        if self._state is RobotState.RINGING:
            self._actions.append(Answer())
            self.call.answered_at = now
            self._state = RobotState.TALKING
            if self._rng.random() < self._habits.hangs_up:
                talk = self._rng.gammavariate(4.0, self._habits.talk_s / 4.0)
                self._due = now + max(self._habits.least_talk_s, talk)
        elif self._state is RobotState.TALKING:
            self._actions.append(RobotHangsUp())
            self.call.hung_up_at = now
            self._state = RobotState.LEAVING

    def ended(self, now: float) -> RobotCall | None:
        """Signalling says the call is over; returns what it was, the robot is idle again."""
        call, self.call = self.call, None
        self._state, self._due = RobotState.IDLE, None
        self._actions.clear()
        if call is not None:
            call.ended_at = now
        return call
