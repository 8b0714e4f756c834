"""How legs and calls end: by whom, why, who is told, and what is left behind (nothing)."""

from __future__ import annotations

from collections.abc import Callable

from ccd.events import CallCleared, ConnectionCleared, EventStream, Failed
from ccd.model import Cause, ConnectionState, Direction, Party
from ccd.sip.events import Terminated
from ccd.sip.session import SessionState
from ccd.switch.admission import Admission
from ccd.switch.call import Call, Leg
from ccd.switch.causes import reason_header, status_of_cause
from ccd.switch.conversation import Conversations
from ccd.switch.messages import Messages
from ccd.switch.patch import Patch


class Endings:
    """Ends legs when asked to, and does what is due when one has ended.

    | who is gone                               | told                           | then |
    | ----------------------------------------- | ------------------------------ | ---- |
    | a caller, or a customer who had answered  | `caller_left`                  | everybody else is ended |
    | a customer who had not answered our call  | `Failed`, `failed`             | the rest goes on |
    | an agent who had answered                 | `agent_left`                   | the rest goes on |
    | an agent who had not                      | `Failed`, `failed`             | the rest goes on |
    | anybody of a call that is being ended     | nothing but `caller_left`      | |
    | the last leg of a call                    | the above, then `cleared`      | |

    `forget` takes a call out of the switch's register; False where it was not in it. `wake`
    is the endpoint's, `clock` the loop's.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        conversations: Conversations,
        messages: Messages,
        admission: Admission,
        events: EventStream,
        forget: Callable[[Call], bool],
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._patch = patch
        self._conversations = conversations
        self._messages = messages
        self._admission = admission
        self._events = events
        self._forget = forget
        self._wake = wake
        self._clock = clock

    def begin(self, call: Call, cause: Cause, by: Party) -> None:
        """Note why the call ends and who ended it; the first to do so is the one."""
        if call.ending is None:
            call.ending, call.released_by = cause, by

    def end(self, leg: Leg, cause: Cause, *, status: int | None = None) -> None:
        """Have a leg's session end; `ended` does the rest when it has."""
        if leg.state is ConnectionState.NULL or leg.ending is not None:
            return
        leg.ending = cause
        now = self._clock()
        if leg is leg.call.caller and leg.session.state is SessionState.RINGING:
            status = status or status_of_cause(cause)
            retry = (("Retry-After", "5"),) if status == 503 else ()
            leg.session.reject(status, now=now, headers=retry)
        else:
            leg.session.terminate(now=now, reason=reason_header(cause))
        self._wake()

    def end_call(self, call: Call, cause: Cause, by: Party) -> None:
        """End the call for everybody."""
        self.begin(call, cause, by)
        for leg in tuple(call.legs):
            self.end(leg, cause)

    def lost(self, leg: Leg, cause: Cause) -> None:
        """A leg has no audio: end it, and with the caller's the call."""
        if leg is leg.call.caller:
            self.end_call(leg.call, cause, Party.SYSTEM)
        else:
            self.end(leg, cause)

    def ended(self, leg: Leg, event: Terminated) -> None:
        """A leg's session is over, whoever ended it; the only way a leg leaves a call."""
        call, was_connected = leg.call, leg.connected
        cause = leg.ending or _cause_of(event)
        leg.state = ConnectionState.NULL
        call.legs.remove(leg)
        if leg in (call.caller, call.agent):
            self._conversations.part(call)
        if leg is call.caller:
            self._messages.stop(call)
            self._conversations.stop_ringback(call)
        self._patch.close(leg)
        if leg.channel:
            self._admission.leave(leg.channel)
        if leg is call.caller and (was_connected or call.direction is Direction.IN):
            self._caller_left(call, cause, by=event.by)
        else:
            self._other_left(leg, cause, was_connected)
        if not call.legs and self._forget(call):
            # Nobody ended it for all: it ends because its last leg did.
            by_him = was_connected and event.by == "remote"
            self.begin(call, cause, leg.party if by_him else Party.SYSTEM)
            self._cleared(call)

    def _caller_left(self, call: Call, cause: Cause, *, by: str) -> None:
        self.begin(call, cause, Party.CALLER if by == "remote" else Party.SYSTEM)
        self._publish_cleared(call.caller, cause)
        if call.controller is not None:
            call.controller.caller_left(call, cause)
        for other in tuple(call.legs):
            self.end(other, cause if other.connected else Cause.CALL_CANCELLED)

    def _other_left(self, leg: Leg, cause: Cause, was_connected: bool) -> None:
        """An agent is gone, or somebody whom we called could not be had."""
        call = leg.call
        if leg is call.answered:
            call.answered = None
        elif leg in call.ringing:
            call.ringing.remove(leg)
        if was_connected or call.ending is not None:
            self._publish_cleared(leg, cause)
        else:
            call.transferred_from = None  # whoever takes the call next was not given it
            self._events.publish(
                Failed(call=call.id, leg=leg.id, party=leg.party, cause=cause, agent=leg.agent)
            )
        if call.controller is not None and call.ending is None:
            if was_connected:
                call.controller.agent_left(call, leg, cause)
            else:
                call.controller.failed(call, leg, cause)

    def _publish_cleared(self, leg: Leg, cause: Cause) -> None:
        self._events.publish(
            ConnectionCleared(call=leg.call.id, leg=leg.id, party=leg.party, cause=cause)
        )

    def _cleared(self, call: Call) -> None:
        self._events.publish(
            CallCleared(
                call=call.id,
                cause=call.ending or Cause.NORMAL_CLEARING,
                released_by=call.released_by,
                status=call.refused_with,
            )
        )
        if call.controller is not None:
            call.controller.cleared(call)


def _cause_of(event: Terminated) -> Cause:
    """Why a session ended that we did not end ourselves."""
    if event.by in ("timeout", "transport"):
        return Cause.NETWORK_FAILURE
    return Cause.CALL_CANCELLED if event.cancelled else Cause.NORMAL_CLEARING
