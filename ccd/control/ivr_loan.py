"""Callers whom their agent sends through a flow, to key a PIN, say, and has back afterwards.

While he is in it the agent hears nothing, and the recording has ended: what the caller keys
reaches nobody but the flow. His own connection is on hold, and he may speak with a
colleague. The caller comes back once, however it ends:

| what happens                              | then                                              |
| ----------------------------------------- | ------------------------------------------------- |
| the flow returns him, or fails            | he is with his agent, in a new part of the recording |
| the agent takes him back (recall)         | the same                                          |
| the agent speaks with a colleague by then | he hears music until the agent retrieves him      |
| the flow sends him to a queue             | the agent has lost him, and is done with the call |
| the flow hangs up, the caller hangs up, a media worker dies | the call is over                |
| the agent hangs up                        | the call's controller decides, as of a call on hold |
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.control.errors import ControlError, Refused
from ccd.control.service import CallControl
from ccd.control.situations import Verb
from ccd.ivr.outcome import Outcome
from ccd.ivr.service import Ivr, NotToBeSentError, UnknownFlowError
from ccd.switch.call import Call
from ccd.switch.switch import NotReachable, Switch

LOST = frozenset({Outcome.QUEUED, Outcome.HUNG_UP, Outcome.CALLER_LEFT})
"""How it ends where caller and agent are not to be brought together again."""


class IvrLoans:
    """The verbs. Each raises `ControlError`, and then nothing has changed."""

    def __init__(self, *, switch: Switch, acd: Acd, calls: CallControl, ivr: Ivr) -> None:
        self._switch = switch
        self._acd = acd
        self._calls = calls
        self._ivr = ivr
        self._log = structlog.get_logger("control")

    def send(
        self, agent: str, flow: str, call: str | None = None, data: Mapping[str, str] | None = None
    ) -> Call:
        """Send the agent's caller through the service flow of this name.

        `data` are variables of the flow beside the call's data. What it gathers is attached to
        the call when he is back; a secret is not.
        """
        found, leg = self._calls.connection(Verb.SEND_TO_IVR, agent, call)
        if leg is not found.answered or not found.caller.is_here:
            raise ControlError(
                Refused.WRONG_STATE, f"call {found.id} has no caller whom {agent} could send"
            )
        if found.joining or found.ringing:
            raise ControlError(Refused.WRONG_STATE, f"a phone still rings for call {found.id}")
        try:
            self._ivr.borrow(found, flow, self._back, data, to_queue=self._to_queue)
        except UnknownFlowError as error:
            raise ControlError(Refused.BAD_ARGS, str(error)) from error
        except NotToBeSentError as error:
            raise ControlError(Refused.WRONG_STATE, str(error)) from error
        # The flow begins when this turn of the loop is over: he has said nothing to it yet.
        self._switch.part_caller(found)
        return found

    def recall(self, agent: str, call: str | None = None) -> Call:
        """Take the caller back before the flow is done with him."""
        if call is None:  # of several calls it is the one whose caller is in a flow
            his = self._calls.situations(agent)
            call = next((each.id for each, _, _ in his if each.caller_away), None)
        found, _ = self._calls.connection(Verb.RECALL_FROM_IVR, agent, call)
        if not self._ivr.recall(found):
            raise ControlError(
                Refused.WRONG_STATE, f"the caller of call {found.id} is in no flow: retrieve_call"
            )
        return found

    # --- he is back ----------------------------------------------------------------------------

    def _back(self, call: Call, outcome: str, gathered: dict[str, str]) -> None:
        agent = call.answered
        if gathered:
            by = "" if agent is None or agent.agent is None else agent.agent
            self._switch.associate_data(call, gathered, by=by)
        if outcome not in LOST and call.ending is None:
            self._switch.caller_back(call)

    def _to_queue(self, call: Call, queue: str) -> None:
        """The flow leads him to a queue: the agent leaves the call, as by a transfer."""
        try:
            self._acd.transfer_to_queue(call, queue)
        except (AcdError, NotReachable) as error:
            # A queue that was closed meanwhile: rather with his agent than with nobody.
            self._log.warning("not queued", call=call.id, queue=queue, reason=str(error))
            self._switch.caller_back(call)
