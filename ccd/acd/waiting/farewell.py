"""A last word to a caller, then the end of the call: closed, goodbye, callback confirmed."""

from __future__ import annotations

from collections.abc import Sequence

from ccd.media.protocol import Sound
from ccd.model import Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch


class Farewell:
    """A `ccd.switch.call.Controller` for calls that are over but for what is said to them."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def say(self, call: Call, sounds: Sequence[Sound]) -> None:
        """Take the call over (it is in no queue any more), play this to its caller, hang up."""
        call.controller = self
        if sounds:
            self._switch.play(call.caller, sounds)
        else:
            self.played(call, call.caller)

    def played(self, call: Call, leg: Leg) -> None:
        """He has heard it."""
        self._switch.clear_call(call, Cause.NORMAL_CLEARING, Party.SYSTEM)

    def offered(self, call: Call) -> None:
        """Never: calls come here answered."""
        raise AssertionError(f"call {call.id} was given its farewell unanswered")

    def established(self, call: Call, leg: Leg) -> None:
        """Nobody is called from here."""

    def alerting(self, call: Call, leg: Leg) -> None:
        """Nobody is called from here."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """An agent's phone that was still being given up."""

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys mean nothing any more."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """Nobody is called from here."""

    def caller_left(self, call: Call, cause: Cause) -> None:
        """He did not hear it out."""

    def cleared(self, call: Call) -> None:
        """Nothing is kept here."""
