"""Nailed-up lines: an agent's phone is called once, at log-in, and kept; calls are put through to it.

So that connecting a caller is a patch and not an INVITE: no phone to wake, no button to press. A
line is a SIP session with its port and node. At rest they are those of a leg of the line's own; a
call for the agent has them for its leg, which rings, is answered and ends like any other, without
a SIP message, and gives them back.

| the line        | a call for its agent                                               |
| --------------- | ------------------------------------------------------------------ |
| rests           | rings in the agent's ear, or is there at once (`Leg.auto_answer`)  |
| is being called | has the phone that rings: who picks up has the call                |
| has a call      | rings the phone as if there were no line                           |
| is down         | rings the phone; what he answers is the line from then on          |
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import structlog

from ccd.events import EventStream, LineNailedUp, LineReleased
from ccd.media.ports import Port
from ccd.media.protocol import Sound
from ccd.media.tones import RINGBACK
from ccd.model import Cause, ConnectionState, Direction, Party
from ccd.sip.events import Terminated
from ccd.sip.session_states import SessionState
from ccd.switch.call import Call, Leg, Line
from ccd.switch.descriptions import Descriptions
from ccd.switch.errors import NotReachable
from ccd.switch.messages import CallLater
from ccd.switch.outbound import port_towards
from ccd.switch.patch import Patch

ZIP_TONE = (
    Sound(frequencies=(480.0,), level_dbm0=-16.0, on_ms=90, off_ms=60),
    Sound(frequencies=(620.0,), level_dbm0=-16.0, on_ms=120),
)
"""Tells the agent that somebody is on the line now."""

RINGING = RINGBACK["cn"].sounds(level_dbm0=-19.0)
"""What he hears while a call waits for him to answer it."""


class NailedUp:
    """Every agent's line, by agent.

    `call_phone(call, agent, phone)` sends an INVITE for a line's own leg. `alerting(leg)` and
    `answered(leg)` are told of a leg that rings, or is answered, without SIP; `ended(leg, event)`
    of one whose session goes on without it; `hang_up(leg, cause)` ends a line's own.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        descriptions: Descriptions,
        events: EventStream,
        numbers: Iterator[int],
        boot: str,
        call_phone: Callable[[Call, str, str], Leg],
        alerting: Callable[[Leg], None],
        answered: Callable[[Leg], None],
        ended: Callable[[Leg, Terminated], None],
        hang_up: Callable[[Leg, Cause], None],
        wake: Callable[[], None],
        call_later: CallLater,
        clock: Callable[[], float],
    ) -> None:
        self._patch = patch
        self._descriptions = descriptions
        self._events = events
        self._numbers = numbers
        self._boot = boot
        self._call_phone = call_phone
        self._alerting = alerting
        self._answered = answered
        self._ended = ended
        self._hang_up = hang_up
        self._wake = wake
        self._call_later = call_later
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._ids = itertools.count(1)
        self._log = structlog.get_logger("switch")

    def of(self, agent: str) -> Line | None:
        """The line that this agent is to have, up or not."""
        return self._lines.get(agent)

    # --- verbs ----------------------------------------------------------------------------

    def nail_up(self, agent: str, phone: str) -> bool:
        """Call the agent's phone to keep it; False where its line is up, or being called already.

        `LineNailedUp` follows when it answers, `LineReleased` where it does not. Raises
        `NotReachable`; the line is his then all the same, and down.
        """
        line = self._lines.get(agent)
        if line is not None and line.phone != phone:
            self.release(agent)
            line = None
        if line is None:
            line = self._lines[agent] = Line(agent, phone)
        if line.rest is not None or line.borrower is not None:
            return False
        call = self._call_of_its_own(agent, phone)
        leg = self._call_phone(call, agent, phone)
        leg.line, call.caller = line, leg
        line.rest = leg
        return True

    def give_up(self, agent: str) -> None:
        """Call the agent's phone no longer, where it has not answered; the line is down."""
        line = self._lines.get(agent)
        if line is not None and line.rest is not None and not line.rest.connected:
            self._hang_up(line.rest, Cause.NO_ANSWER)

    def release(self, agent: str) -> None:
        """Keep the agent's phone no longer: at rest it is hung up, else with the call that it has."""
        line = self._lines.get(agent)
        if line is None:
            return
        self._is_down(line, Cause.NORMAL_CLEARING)
        del self._lines[agent]
        if line.rest is not None:
            self._hang_up(line.rest, Cause.NORMAL_CLEARING)

    def release_all(self) -> None:
        """We stop."""
        for agent in tuple(self._lines):
            self.release(agent)

    def let_rest_go(self, agent: str) -> None:
        """The phone was started anew, and knows nothing of a line that rests."""
        line = self._lines.get(agent)
        if line is not None and line.rest is not None and line.is_up:
            self.release(agent)

    # --- a call has a line ------------------------------------------------------------------

    def lend(self, call: Call, agent: str, phone: str) -> Leg | None:
        """A leg of this call with the session of the agent's line; None where that can't be had.

        It is not among the call's legs yet. Raises `NotReachable`.
        """
        line = self._lines.get(agent)
        rest = None if line is None or line.phone != phone else line.rest
        if line is None or rest is None or rest.ending is not None:
            return None
        if call.ending is not None:
            raise NotReachable(Cause.CALL_CANCELLED, f"call {call.id} is over")
        worker = call.worker
        elsewhere = rest.port is not None and worker not in (None, rest.port.worker)
        if elsewhere and not rest.connected:
            # It is still being called, with an offer that names another worker's port.
            self._log.info("line called for another call", agent=agent, call=call.id)
            line.rest = None
            self._hang_up(rest, Cause.CALL_CANCELLED)
            return None
        port = None
        if elsewhere:
            assert rest.agreed is not None
            host = rest.session.peer.host
            port = port_towards(self._patch, rest.agreed.remote, host, worker)
        leg = self._leg(line, call, like=rest)
        if not rest.connected:
            leg.state = rest.state
        line.rest, line.borrower = None, leg
        self._give(rest, leg)
        rest.state = ConnectionState.NULL
        if port is not None:
            self._move(leg, port)
        return leg

    def ring(self, leg: Leg) -> None:
        """Let a leg that has a line ring there, as soon as who asked for that has returned."""
        self._call_later(0.0, lambda: self._rings(leg))

    def answer(self, leg: Leg, told: Callable[[int], None]) -> bool:
        """Answer a leg that rings in its agent's ear; False: it does not, its phone is to be asked."""
        if not self._rings_in_the_ear(leg):
            return False

        def there() -> None:
            ringing = self._rings_in_the_ear(leg)
            if ringing:
                self._put_through(leg)
            told(200 if ringing else 481)

        self._call_later(0.0, there)
        return True

    def keeps(self, leg: Leg) -> bool:
        """Whether the session of a leg goes on when that ends."""
        line = leg.line
        return (
            line is not None
            and line.borrower is leg
            and self._is_wanted(line)
            and leg.session.state is SessionState.CONFIRMED
        )

    def take_back(self, leg: Leg) -> None:
        """A leg that has a line is told to end: the line is free as soon as who asked has returned."""
        self._patch.stop(leg)
        self._patch.hear(leg, ())
        self._call_later(0.0, lambda: self._back(leg))

    # --- what SIP says of lines ---------------------------------------------------------------

    def established(self, leg: Leg) -> None:
        """A leg's phone has answered; where it is a line's that was down, that is up from now on."""
        line = leg.line
        if line is None or leg not in (line.rest, line.borrower) or not self._is_wanted(line):
            return
        if not line.said_up:
            line.said_up = True
            self._events.publish(LineNailedUp(agent=line.agent, phone=line.phone))

    def gone(self, leg: Leg, cause: Cause) -> None:
        """The session that a leg has is over, or its audio is; with it goes the line that it is."""
        line = leg.line
        if line is None:
            return
        if line.rest is leg:
            line.rest = None
        elif line.borrower is leg:
            line.borrower = None
        else:  # it gave the line up before
            return
        self._is_down(line, cause, was_called=leg.standing)

    def become(self, leg: Leg, phone: str) -> None:
        """A phone was called for a call: where its agent's line is down, it is that when answered."""
        line = self._lines.get(leg.agent or "")
        if line is None or line.phone != phone:
            return
        if line.rest is None and line.borrower is None:
            leg.line, line.borrower = line, leg

    # --- inside -------------------------------------------------------------------------------

    def _is_wanted(self, line: Line) -> bool:
        """Whether it is to be kept; one that was released lasts as long as the call that has it."""
        return self._lines.get(line.agent) is line

    def _is_down(self, line: Line, cause: Cause, *, was_called: bool = False) -> None:
        if self._is_wanted(line) and (line.said_up or was_called):
            line.said_up = False
            self._events.publish(LineReleased(agent=line.agent, phone=line.phone, cause=cause))

    def _call_of_its_own(self, agent: str, phone: str) -> Call:
        return Call(
            id=f"{self._boot}-line-{next(self._ids)}",
            ani="",
            dnis=phone,
            trunk="",
            offered_at=0.0,
            direction=Direction.INTERNAL,
            initiator=agent,
        )

    def _leg(self, line: Line, call: Call, *, like: Leg) -> Leg:
        return Leg(
            id=f"{call.id}.{next(self._numbers)}",
            call=call,
            party=Party.AGENT,
            state=ConnectionState.INITIATED,
            node=like.node,
            negotiation=like.negotiation,
            agent=line.agent,
            line=line,
        )

    def _give(self, giver: Leg, taker: Leg) -> None:
        """Session and media are another leg's from now on."""
        taker.session = giver.session
        taker.session.owner = taker
        self._patch.hand_over(giver, taker)
        taker.held_by_far_end = taker.agreed is not None and taker.agreed.held

    def _move(self, leg: Leg, port: Port) -> None:
        """Take the media to the worker of the call's other legs, and have the phone send there."""
        self._patch.close(leg)
        leg.node, leg.port = self._patch.node(), port
        self._patch.open(leg)
        leg.session.offer(self._descriptions.offer(leg), now=self._clock())
        self._wake()

    @staticmethod
    def _rings_in_the_ear(leg: Leg) -> bool:
        return (
            leg.line is not None
            and leg.line.borrower is leg
            and leg.state is ConnectionState.ALERTING
            and leg.ending is None
            and leg.session.state is SessionState.CONFIRMED
        )

    def _rings(self, leg: Leg) -> None:
        if leg.line is None or leg.line.borrower is not leg or leg.ending is not None:
            return
        if leg.connected:  # its phone was answered just now
            return
        if leg.session.state is not SessionState.CONFIRMED:
            if leg.state is ConnectionState.ALERTING:  # it rang before the call came
                self._alerting(leg)
            return
        self._alerting(leg)
        if not self._rings_in_the_ear(leg):
            return
        if leg.auto_answer or leg.call.initiator == leg.agent:
            self._put_through(leg)
        else:
            self._patch.play(leg, RINGING, loop=True, ended=_nothing)

    def _put_through(self, leg: Leg) -> None:
        self._patch.stop(leg)
        self._answered(leg)
        unasked = leg.auto_answer and leg.mode is None and leg.call.initiator != leg.agent
        if unasked and leg.is_here and leg.player is None:
            self._patch.play(leg, ZIP_TONE, loop=False, ended=_nothing)

    def _back(self, leg: Leg) -> None:
        """The call of a leg is over for it: the line rests, and only then others are told."""
        line = leg.line
        if line is None or line.borrower is not leg or leg.state is ConnectionState.NULL:
            return  # the phone hung up meanwhile
        call = self._call_of_its_own(line.agent, line.phone)
        rest = call.caller = self._leg(line, call, like=leg)
        rest.standing, rest.state = True, ConnectionState.CONNECTED
        call.legs.append(rest)
        line.rest, line.borrower = rest, None
        self._give(leg, rest)
        over = Terminated(rest.session, by="local", cancelled=not leg.connected, reason="")
        self._ended(leg, over)
        if not self._is_wanted(line):
            self._hang_up(rest, Cause.NORMAL_CLEARING)


def _nothing(_: Leg) -> None:
    """A tone that ended concerns nobody."""
