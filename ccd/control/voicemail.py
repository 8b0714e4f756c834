"""Hear voicemail: an agent has the message that he chooses, and not the one that comes to him.

He need not be ready for it. In the message he keys `1` to hear it again, `2` when he is done with
it, `3` to have its sender called back: at his phone, or by generate digits.
"""

from __future__ import annotations

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.acd.voicemail.desk import VoicemailDesk
from ccd.control.errors import ControlError, Refused
from ccd.control.service import CallControl
from ccd.switch.call import Call
from ccd.switch.switch import NotReachable


class VoicemailVerbs:
    """The verb hear voicemail."""

    def __init__(self, *, acd: Acd, calls: CallControl, voicemail: VoicemailDesk) -> None:
        self._acd = acd
        self._calls = calls
        self._voicemail = voicemail

    def hear(self, agent: str, message: str) -> Call:
        """Ring the agent, and play him this message. Raises `ControlError`."""
        self._calls.idle("hear_voicemail", agent)
        if all(each.id != message for each in self._voicemail.open):
            raise ControlError(
                Refused.BAD_ARGS, f"there is no message {message!r}, or somebody has heard it"
            )
        by = self._voicemail.hears(message)
        if by is not None:
            raise ControlError(Refused.BUSY, f"{by} hears message {message} already")
        try:
            why = self._acd.why_not(agent)
            if why is not None:
                raise ControlError(Refused.BUSY, why)
            return self._voicemail.choose(message, agent, self._acd.phone_of(agent))
        except AcdError as error:
            raise ControlError(Refused.WRONG_STATE, str(error)) from error
        except NotReachable as error:
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
