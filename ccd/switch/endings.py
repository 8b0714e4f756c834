"""How legs and calls end: by whom, why, who is told, and what is left behind (nothing)."""

from __future__ import annotations

from collections.abc import Callable

from ccd.events import CallCleared, ConnectionCleared, EventStream, Failed
from ccd.model import Cause, ConnectionState, Direction, Party
from ccd.sip.events import Terminated
from ccd.sip.session import SessionState
from ccd.switch.admission import Admission
from ccd.switch.call import Call, Host, Leg
from ccd.switch.causes import reason_header, status_of_cause
from ccd.switch.conversation import Conversations
from ccd.switch.messages import Messages
from ccd.switch.nailed_up import NailedUp
from ccd.switch.patch import Patch


class Endings:
    """Ends connections when asked to, and does what is due when one has ended.

    | who is gone                               | told                           | then |
    | ----------------------------------------- | ------------------------------ | ---- |
    | a caller, or a customer who had answered  | `caller_left`                  | everybody else is ended, but two or more who speak |
    | a customer who had not answered our call  | `Failed`, `failed`             | the rest goes on |
    | the agent who had the call                | `agent_left`                   | the rest goes on, with another of its agents |
    | an agent who had not answered             | `Failed`, `failed`             | the rest goes on |
    | a guest                                   | its host: `guest_left`, `guest_failed` | the rest goes on |
    | anybody of a call that is being ended     | nothing but `caller_left`, `guest_left` | |
    | all but guests who ring or listen         | the above                      | these are ended |
    | the last leg of a call                    | the above, then `cleared`      | |

    A leg that has other calls on hold leaves a call without its session ending, and so does one
    whose session is a nailed-up line's.

    `forget` takes a call out of the switch's register; False where it was not in it. `wake`
    is the endpoint's, `clock` the loop's.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        conversations: Conversations,
        messages: Messages,
        lines: NailedUp,
        admission: Admission,
        events: EventStream,
        forget: Callable[[Call], bool],
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._patch = patch
        self._conversations = conversations
        self._messages = messages
        self._lines = lines
        self._admission = admission
        self._events = events
        self._forget = forget
        self._wake = wake
        self._clock = clock

    def begin(self, call: Call, cause: Cause, by: Party) -> None:
        """Note why the call ends and who ended it; the first to do so is the one."""
        if call.ending is None:
            call.ending, call.released_by = cause, by

    def end(
        self, leg: Leg, cause: Cause, *, call: Call | None = None, status: int | None = None
    ) -> None:
        """End a leg's connection to a call (the one that it speaks in); `ended` does the rest.

        Its session ends with its last connection; while it has others it goes on with these.
        """
        if leg.state is ConnectionState.NULL or leg.ending is not None:
            return
        if leg.kept:
            self._detach(leg, call or leg.call, cause)
        else:
            self._hang_up(leg, cause, status=status)

    def _hang_up(self, leg: Leg, cause: Cause, *, status: int | None = None) -> None:
        """End a leg's session, and with it all its connections."""
        if leg.state is ConnectionState.NULL or leg.ending is not None:
            return
        leg.ending = cause
        if leg.call.bridged:  # from now on, not from when the far end has confirmed it
            self._patch.hear(leg, ())
            self._conversations.settle(leg.call)
        if self._lines.keeps(leg):
            self._lines.take_back(leg)
            return
        now = self._clock()
        if leg is leg.call.caller and leg.session.state is SessionState.RINGING:
            status = status or status_of_cause(cause)
            retry = (("Retry-After", "5"),) if status == 503 else ()
            leg.session.reject(status, now=now, headers=retry)
        else:
            leg.session.terminate(now=now, reason=reason_header(cause))
        self._wake()

    def _detach(self, leg: Leg, call: Call, cause: Cause) -> None:
        """The leg leaves one call, and lives on in others."""
        held = leg.state_in(call) is ConnectionState.HOLD
        if leg.call is call:
            self._conversations.turn_back(leg)
        elif call in leg.kept:
            leg.kept.remove(call)
        else:
            return
        self._left(call, leg, cause, was_connected=True, held=held, by="local")

    def end_call(self, call: Call, cause: Cause, by: Party) -> None:
        """End the call for everybody."""
        self.begin(call, cause, by)
        for leg in tuple(call.legs):
            self.end(leg, cause, call=call)

    def lost(self, leg: Leg, cause: Cause) -> None:
        """A leg has no audio: end it, and with the caller's the call; it is nobody's line any more."""
        self._lines.gone(leg, cause)
        if leg is leg.call.caller:
            self.end_call(leg.call, cause, Party.SYSTEM)
        self._hang_up(leg, cause)

    def ended(self, leg: Leg, event: Terminated) -> None:
        """A leg's session is over, whoever ended it."""
        was_connected = leg.connected
        cause = leg.ending or cause_of(event)
        leg.ending = cause
        calls = (*reversed(leg.kept), leg.call)
        held = {call.id for call in calls if leg.state_in(call) is ConnectionState.HOLD}
        for call in calls:
            if leg not in call.listeners and len(call.parties) < 2:
                self._conversations.part(call)
        leg.state = ConnectionState.NULL
        self._patch.close(leg)
        if leg.channel:
            self._admission.leave(leg.channel)
        leg.kept = []
        for call in calls:
            self._left(
                call,
                leg,
                cause,
                was_connected=was_connected,
                held=call.id in held,
                by=event.by,
            )

    def merged(self, call: Call, cause: Cause) -> None:
        """A call all of whose connections went over to another one is over."""
        self.begin(call, cause, Party.AGENT)
        if not call.legs and self._forget(call):
            self._cleared(call)

    # --- one connection ends: the only way a leg leaves a call -----------------------------------

    def _left(
        self, call: Call, leg: Leg, cause: Cause, *, was_connected: bool, held: bool, by: str
    ) -> None:
        call.legs.remove(leg)
        if leg is call.caller:
            self._messages.stop(call)
            self._conversations.stop_ringback(call)
        host = call.guests.pop(leg, None)
        if host is not None:
            self._guest_left(call, leg, host, cause, was_connected)
        elif leg is call.caller and (was_connected or call.direction is Direction.IN):
            self._caller_left(call, leg, cause, by=by)
        else:
            call.left_on_hold = held
            self._other_left(call, leg, cause, was_connected)
        if call.legs and call.ending is None and not _anybody(call):
            by_him = was_connected and by == "remote"
            self.end_call(call, cause, leg.party if by_him else Party.SYSTEM)
        if not call.legs and self._forget(call):
            # Nobody ended it for all: it ends because its last leg did.
            by_him = was_connected and by == "remote"
            self.begin(call, cause, leg.party if by_him else Party.SYSTEM)
            self._cleared(call)

    def _caller_left(self, call: Call, leg: Leg, cause: Cause, *, by: str) -> None:
        others = len(call.parties)
        if call.bridged and call.ending is None and others > 1:
            self._publish_cleared(call, leg, cause)  # a conference goes on without him
            self._conversations.settle(call)
            return
        self._conversations.part(call)
        self.begin(call, cause, Party.CALLER if by == "remote" else Party.SYSTEM)
        self._publish_cleared(call, leg, cause)
        if call.controller is not None:
            call.controller.caller_left(call, cause)
        for other in tuple(call.legs):
            self.end(other, cause if other.connected else Cause.CALL_CANCELLED, call=call)

    def _other_left(self, call: Call, leg: Leg, cause: Cause, was_connected: bool) -> None:
        """An agent is gone, or somebody whom we called could not be had."""
        if leg is call.answered or (leg is call.agent and not was_connected):
            self._conversations.stop_ringback(call)
        if leg is call.answered:
            call.answered = next((other for other in call.joined if other.is_here), None)
            if call.answered is not None:
                call.joined.remove(call.answered)
                call.guests.pop(call.answered, None)
        elif leg in call.ringing:
            call.ringing.remove(leg)
        had_it = leg not in call.joined
        if not had_it:  # he came with a call that was merged into this one
            call.joined.remove(leg)
        if len(call.parties) < 2:
            self._conversations.part(call)
        else:
            self._conversations.settle(call)
        if was_connected or call.ending is not None:
            self._publish_cleared(call, leg, cause)
        else:
            call.transferred_from = None  # whoever takes the call next was not given it
            self._publish_failed(call, leg, cause)
        if call.controller is not None and call.ending is None and had_it:
            if was_connected:
                call.controller.agent_left(call, leg, cause)
            else:
                call.controller.failed(call, leg, cause)

    def _guest_left(
        self, call: Call, leg: Leg, host: Host, cause: Cause, was_connected: bool
    ) -> None:
        for seats in (call.joined, call.joining, call.listeners):
            if leg in seats:
                seats.remove(leg)
        if was_connected or call.ending is not None:
            self._publish_cleared(call, leg, cause)
        else:
            self._publish_failed(call, leg, cause)
        self._conversations.settle(call)
        if was_connected:
            host.guest_left(call, leg, cause)
        else:
            host.guest_failed(call, leg, cause)

    def _publish_failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        self._events.publish(
            Failed(call=call.id, leg=leg.id, party=leg.party, cause=cause, agent=leg.agent)
        )

    def _publish_cleared(self, call: Call, leg: Leg, cause: Cause) -> None:
        self._events.publish(
            ConnectionCleared(call=call.id, leg=leg.id, party=leg.party, cause=cause)
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


def _anybody(call: Call) -> bool:
    """Whether there is somebody beside guests who still ring, and who only listen."""
    return any(leg not in call.joining and leg not in call.listeners for leg in call.legs)


def cause_of(event: Terminated) -> Cause:
    """Why a session ended that we did not end ourselves."""
    if event.by in ("timeout", "transport"):
        return Cause.NETWORK_FAILURE
    return Cause.CALL_CANCELLED if event.cancelled else Cause.NORMAL_CLEARING
