"""Calls that agents make themselves: to colleagues, to numbers outside, while they hold another.

The controller of such calls (`ccd.switch.call.Controller`), and the host of whom agents
bring into calls of any kind (`ccd.switch.call.Host`). The distributor is told of everybody
who is on the phone in this way, so that it gives him nothing meanwhile.

Of a call's life here: the agent's own phone is rung first (or he rang from it, or he has a
call already that he now holds), then whom he dialled. Where that one cannot be had, the
agent hears why, as a tone; a call that was nothing but that is over after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from ccd.acd.errors import AcdError
from ccd.control.destinations import Destination, Outside, ToAgent
from ccd.control.errors import ControlError, Refused
from ccd.events import CallCleared, ConnectionCleared, Event, EventStream, Failed
from ccd.media.protocol import Sound
from ccd.media.tones import BUSY, CONGESTION
from ccd.model import Cause, Direction, Party
from ccd.switch.call import Call, Leg
from ccd.switch.hunting import NEXT_TRUNK, first_to_take
from ccd.switch.switch import NotReachable, Switch

RING_S = 60.0
"""How long a phone rings that an agent called. Mailboxes answer sooner."""

TONE_S = 5.0
"""How long an agent hears that somebody is busy, or cannot be had."""

SOMEBODY_IS_BUSY = frozenset({Cause.BUSY, Cause.REJECTED})


class People(Protocol):
    """What is asked of the ACD about agents."""

    def phone_of(self, agent: str) -> str:
        """Where he is rung; empty for one who never logged on."""

    def why_not(self, agent: str) -> str | None:
        """Why he cannot be rung now; None: he can. Raises `UnknownAgentError`."""

    def engage(self, agent: str, call_id: str) -> None:
        """He is on the phone with this. Raises `AcdError`."""

    def disengage(self, agent: str, call_id: str) -> bool:
        """No longer."""


@dataclass(slots=True, eq=False)
class _Own:
    """A call in our hands, or one into which a guest was brought."""

    call: Call
    destination: Destination | None = None
    trunks: list[str] = field(default_factory=list)
    """Those not tried yet."""
    engaged: set[str] = field(default_factory=set)
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    """By leg."""
    failing: bool = False
    """Its agent hears why nobody answers."""
    giver: str | None = None
    """Who gave it away; where nobody takes it, it rings at his phone again."""
    outward: Outside | None = None
    """Where he gave it to, outside."""
    back_to: dict[str, str] = field(default_factory=dict)
    """Of phones that ring in a colleague's place, by leg: whose it is where they do not answer."""


class OwnCalls:
    """Makes agents' calls. Every method that dials raises `ControlError`, and then nothing has changed."""

    def __init__(
        self,
        *,
        switch: Switch,
        people: People,
        loop: asyncio.AbstractEventLoop,
        events: EventStream,
        enter: Callable[[Call, Destination], None],
    ) -> None:
        """`enter` takes a call whose agent dialled a queue or a service: it is theirs then."""
        events.subscribe(self._follow)
        self._switch = switch
        self._people = people
        self._loop = loop
        self._enter = enter
        self._calls: dict[str, _Own] = {}
        self._log = structlog.get_logger("control")

    def __len__(self) -> int:
        return len(self._calls)

    # --- verbs ------------------------------------------------------------------------------

    def make(
        self,
        agent: str,
        destination: Destination | None,
        *,
        dialled: str,
        data: Mapping[str, str] | None = None,
    ) -> Call:
        """Ring the agent's own phone, then whom he dialled (None: he has not said yet)."""
        phone = self._people.phone_of(agent)
        outside = isinstance(destination, Outside)
        self._reachable(destination)
        self._free(agent)
        try:
            call = self._switch.call_agent(
                agent=agent,
                phone=phone,
                queue="",
                controller=self,
                number=dialled,
                ani=destination.ani if isinstance(destination, Outside) else agent,
                call_data=data,
                direction=Direction.OUT if outside else Direction.INTERNAL,
                initiator=agent,
            )
        except NotReachable as error:
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        own = self._own(call)
        own.destination = destination
        self._engage(own, agent)
        self._limit(own, call.ringing[0])
        return call

    def consult(
        self,
        leg: Leg,
        destination: Destination | None,
        *,
        dialled: str,
        data: Mapping[str, str] | None = None,
    ) -> Call:
        """The agent of this leg calls somebody, and keeps the call that he has on hold."""
        self._reachable(destination)
        call = self._switch.begin(leg, self, dnis=dialled)
        call.data.update(data or {})
        own = self._own(call)
        own.destination = destination
        if leg.agent is not None:
            self._engage(own, leg.agent)
        if destination is not None:
            self._dial(own)
        return call

    def dial(self, call: Call, destination: Destination, dialled: str) -> None:
        """Call the one whom the agent of a call dialled by now."""
        own = self._calls.get(call.id)
        if own is None or own.destination is not None:
            raise ControlError(Refused.WRONG_STATE, f"call {call.id} has its number already")
        self._reachable(destination)
        own.destination = destination
        self._switch.dialled(call, dialled)
        if call.answered is not None and call.answered.connected:
            self._dial(own)

    def bring_in(self, call: Call, agent: str) -> Leg:
        """Call a colleague into a conversation (CSTA single-step conference)."""
        self._reachable(ToAgent(agent))
        own = self._own(call)
        try:
            leg = self._switch.invite(
                call, agent=agent, phone=self._people.phone_of(agent), host=self
            )
        except NotReachable as error:
            self._done(own)
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        self._engage(own, agent)
        self._limit(own, leg)
        return leg

    def bring_in_outside(self, call: Call, destination: Outside) -> Leg:
        """Call a number outside into a conversation."""
        own = self._own(call)
        try:
            leg = first_to_take(
                list(destination.trunks),
                lambda trunk: self._switch.invite_outside(
                    call, number=destination.number, trunk=trunk, host=self, ani=destination.ani
                ),
            )
        except NotReachable as error:
            self._done(own)
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        self._limit(own, leg)
        return leg

    def give(self, call: Call, agent: Leg, destination: ToAgent | Outside) -> None:
        """Give away a call that is not the ACD's in one step (CSTA single-step transfer).

        Where nobody takes it, it rings at the giver's phone again (its controller being ours),
        and where he does not answer either, who is left of it hears why, and it is over. Raises
        `NotReachable`.
        """
        self._reachable(destination)
        self._switch.seat(call, agent)
        own = self._own(call)
        try:
            if isinstance(destination, ToAgent):
                colleague = destination.agent
                leg = self._switch.transfer(
                    call, agent=colleague, phone=self._people.phone_of(colleague), queue=""
                )
                self._engage(own, colleague)
            else:
                own.trunks, own.outward = list(destination.trunks), destination
                leg = first_to_take(own.trunks, lambda trunk: self._send(own, trunk, first=True))
        except NotReachable:
            own.outward = None
            self._done(own)
            raise
        own.giver = agent.agent
        self._limit(own, leg)

    def _send(self, own: _Own, trunk: str, *, first: bool) -> Leg:
        assert own.outward is not None
        send = self._switch.transfer_outside if first else self._switch.ring_outside
        return send(
            own.call,
            number=own.outward.number,
            trunk=trunk,
            queue="",
            ani=own.outward.ani,
            emergency=own.outward.emergency,
        )

    def let_go(self, call: Call, agent: str) -> None:
        """He is not on the phone with this call, after all."""
        own = self._calls.get(call.id)
        if own is not None:
            self._disengage(own, agent)
            self._done(own)

    def engage(self, call: Call, agent: str) -> None:
        """He is on the phone with this call, as one of its parties, until he leaves it."""
        self._engage(self._own(call), agent)

    def limit(self, call: Call, leg: Leg) -> None:
        """A phone rings for this call that rang for one that is merged into it: not for ever."""
        self._limit(self._own(call), leg)

    def divert(self, call: Call, leg: Leg, agent: str) -> None:
        """Ring this agent in place of a phone that rings (`leg`), which stops.

        Where he does not answer, it rings there again. Raises `ControlError`, `NotReachable`.
        """
        self._free(agent)
        own, phone = self._own(call), self._people.phone_of(agent)
        if leg in call.joining:
            new = self._switch.invite(call, agent=agent, phone=phone, host=self)
            if leg.agent is not None:
                own.back_to[new.id] = leg.agent
        else:
            new = self._switch.ring(call, agent=agent, phone=phone, queue="")
        self._engage(own, agent)
        self._limit(own, new)
        self._stop_timer(own, leg)
        self._switch.clear_connection(leg, Cause.ANSWERED_ELSEWHERE)

    def adopt(self, call: Call, agent: str | None, destination: Destination) -> None:
        """A call from a phone of ours, of this agent if of any: answered, and whom he dialled is called."""
        self._switch.adopt(call, agent)
        own = self._own(call)
        own.destination = destination
        if agent is not None:
            self._engage(own, agent)
        call.controller = self
        self._switch.answer(call)

    # --- the calls' controller ------------------------------------------------------------------

    def offered(self, call: Call) -> None:
        """Its agent was found already (`adopt`)."""

    def established(self, call: Call, leg: Leg) -> None:
        """The agent is there, or whom he called through a trunk; or who got the call by transfer."""
        own = self._own(call)
        self._stop_timer(own, leg)
        own.giver = own.outward = None
        if leg is call.answered and call.caller.connected:
            self._engage_again(own, leg)
            self._switch.bridge(call)
        elif leg is call.answered:
            if own.destination is not None and not call.joined and not call.joining:
                self._dial(own)
            else:
                self._switch.bridge(call)
        else:
            self._switch.bridge(call)

    def alerting(self, call: Call, leg: Leg) -> None:
        """A phone rings; its time runs from the INVITE."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent did not answer his own phone; or whom he called could not be had."""
        own = self._own(call)
        self._stop_timer(own, leg)
        if leg.agent is not None:
            self._disengage(own, leg.agent)
        if leg is call.caller and cause in NEXT_TRUNK and own.trunks:
            self._dial_outside(own)
        elif call.answered is not None:
            self._fail(own, cause, call.answered)
        elif call.ringing:
            pass
        elif own.outward is not None and cause in NEXT_TRUNK and own.trunks:
            self._send_on(own, cause)
        elif call.parties:  # a transfer that nobody answered
            self._recall(own, cause)
        elif call.legs:
            self._switch.clear_call(call, cause)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """Keys go to whoever is at the other end, and mean nothing here."""

    def played(self, call: Call, leg: Leg) -> None:
        """Tones end by their time."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """The agent hung up, or gave the call away."""
        own = self._own(call)
        if leg.agent is not None:
            self._disengage(own, leg.agent)
        if call.answered is not None and (len(call.parties) > 1 or call.joining):
            self._engage_again(own, call.answered)
        elif cause is not Cause.TRANSFER:
            self._switch.clear_call(call, cause, Party.AGENT)

    def caller_left(self, call: Call, cause: Cause) -> None:
        """Who was called outside is gone; the switch ends the rest."""

    def cleared(self, call: Call) -> None:
        """Nothing is left of the call (`_follow` has seen it)."""

    # --- the guests' host -------------------------------------------------------------------------

    def guest_joined(self, call: Call, leg: Leg) -> None:
        """He answered: in a conversation he is in it already."""
        self._stop_timer(self._own(call), leg)
        self._switch.bridge(call)

    def guest_failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He could not be had. Where the agent has nobody else there, he hears so."""
        own = self._own(call)
        self._stop_timer(own, leg)
        if leg.agent is not None:
            self._disengage(own, leg.agent)
        back_to = own.back_to.pop(leg.id, None)
        if back_to is not None and call.ending is None and call.parties:
            stopping = next((each for each in call.joining if each.agent == back_to), None)
            if stopping is not None:  # his phone is not free before it has stopped
                own.back_to[stopping.id] = back_to
            else:
                self._dial_agent(own, back_to)
            return
        if call.controller is self and call.ending is None and call.answered is not None:
            if len(call.parties) == 1 and not call.joining:
                self._fail(own, cause, call.answered)
        else:
            self._end_where_one_is_left(call)
        self._done(own)

    def guest_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He is gone; who is alone now is so no longer than we need to end the call."""
        own = self._own(call)
        if leg.agent is not None:
            self._disengage(own, leg.agent)
        self._end_where_one_is_left(call)
        self._done(own)

    def _end_where_one_is_left(self, call: Call) -> None:
        """Nobody is kept in a conversation with nobody; a customer is his call's controller's."""
        if call.ending is not None or call.joining or call.ringing or len(call.parties) > 1:
            return
        if call.controller is self or (call.parties and call.caller not in call.legs):
            self._switch.clear_call(call, Cause.NORMAL_CLEARING, Party.AGENT)

    # --- inside: dialling ---------------------------------------------------------------------------

    def _reachable(self, destination: Destination | None) -> None:
        """Refuse at once what can be seen to lead nowhere."""
        if isinstance(destination, ToAgent):
            self._free(destination.agent)
        elif isinstance(destination, Outside) and not destination.trunks:
            raise ControlError(Refused.NOT_REACHABLE, "there is no trunk that can be called")

    def _free(self, agent: str) -> None:
        try:
            why = self._people.why_not(agent)
        except AcdError as error:
            raise ControlError(Refused.UNKNOWN_AGENT, str(error)) from error
        if why is not None:
            raise ControlError(Refused.BUSY, why)
        if self._switch.legs_of(agent):
            raise ControlError(Refused.BUSY, f"agent {agent} is on the phone")

    def _dial(self, own: _Own) -> None:
        match own.destination:
            case ToAgent(agent=agent):
                self._dial_agent(own, agent)
            case Outside(trunks=trunks):
                own.trunks = list(trunks)
                self._dial_outside(own)
            case None:
                pass
            case destination:
                self._limitless(own)
                self._switch.become_caller(own.call)
                self._enter(own.call, destination)

    def _dial_agent(self, own: _Own, agent: str) -> None:
        try:
            self._free(agent)
            leg = self._switch.invite(
                own.call, agent=agent, phone=self._people.phone_of(agent), host=self
            )
        except ControlError:
            self._fail(own, Cause.BUSY, own.call.answered)
        except NotReachable as error:
            self._fail(own, error.cause, own.call.answered)
        else:
            self._engage(own, agent)
            self._limit(own, leg)

    def _dial_outside(self, own: _Own) -> None:
        """Through the first trunk that takes it."""
        destination = own.destination
        assert isinstance(destination, Outside)
        try:
            leg = first_to_take(
                own.trunks,
                lambda trunk: self._switch.add_customer(
                    own.call,
                    destination.number,
                    trunk,
                    ani=destination.ani,
                    emergency=destination.emergency,
                ),
            )
        except NotReachable as error:
            self._log.info("no trunk", call=own.call.id, reason=str(error))
            self._fail(own, error.cause, own.call.answered)
        else:
            self._limit(own, leg)

    # --- inside: when nobody answers ----------------------------------------------------------------

    def _send_on(self, own: _Own, cause: Cause) -> None:
        """To the number outside to which it was given, through the next trunk."""
        try:
            leg = first_to_take(own.trunks, lambda trunk: self._send(own, trunk, first=False))
        except NotReachable:
            self._recall(own, cause)
        else:
            self._limit(own, leg)

    def _recall(self, own: _Own, cause: Cause) -> None:
        """Nobody took a call that an agent gave away: it rings at his phone, once."""
        giver, own.giver, own.outward = own.giver, None, None
        if giver is not None:
            try:
                self._free(giver)
                leg = self._switch.ring(
                    own.call, agent=giver, phone=self._people.phone_of(giver), queue=""
                )
            except (ControlError, NotReachable) as error:
                self._log.info("not recalled", call=own.call.id, agent=giver, reason=str(error))
            else:
                self._engage(own, giver)
                self._limit(own, leg)
                return
        self._fail(own, cause, own.call.parties[0])

    def _fail(self, own: _Own, cause: Cause, ear: Leg | None) -> None:
        """Let who is there hear why nobody answers; a call that is nothing but that ends then."""
        if ear is None or own.failing:
            return
        own.failing = True
        cadence = (BUSY if cause in SOMEBODY_IS_BUSY else CONGESTION)["cn"]
        tone: Sequence[Sound] = cadence.sounds()
        if ear.call is own.call:
            self._switch.play(ear, tone, loop=True)
        own.timers["tone"] = self._loop.call_later(
            TONE_S, self._switch.clear_connection, ear, cause, own.call
        )

    def _follow(self, event: Event) -> None:
        """A call that went to the ACD is over without our being told as its controller."""
        if isinstance(event, ConnectionCleared | Failed):
            own = self._calls.get(event.call)
            if own is not None:
                there = {leg.agent for leg in own.call.legs}
                for agent in own.engaged - there:
                    self._disengage(own, agent)
        elif isinstance(event, CallCleared) and event.call in self._calls:
            self._done(self._calls[event.call], over=True)

    # --- inside: people, times ------------------------------------------------------------------------

    def _own(self, call: Call) -> _Own:
        own = self._calls.get(call.id)
        if own is None:
            own = self._calls[call.id] = _Own(call)
        return own

    def _engage(self, own: _Own, agent: str) -> None:
        try:
            self._people.engage(agent, own.call.id)
        except AcdError as error:
            # A phone that is not an agent's at work, or one who was given a call this instant.
            self._log.info("not engaged", agent=agent, call=own.call.id, reason=str(error))
            return
        own.engaged.add(agent)

    def _engage_again(self, own: _Own, leg: Leg) -> None:
        if leg.agent is not None and leg.agent not in own.engaged:
            self._engage(own, leg.agent)

    def _disengage(self, own: _Own, agent: str) -> None:
        if agent in own.engaged:
            own.engaged.discard(agent)
            self._people.disengage(agent, own.call.id)

    def _limit(self, own: _Own, leg: Leg) -> None:
        own.timers[leg.id] = self._loop.call_later(RING_S, self._rang_long_enough, own, leg)

    def _rang_long_enough(self, own: _Own, leg: Leg) -> None:
        """Unless he has answered a call of which we are not told (it is not in our hands)."""
        del own.timers[leg.id]
        if not leg.connected:
            self._switch.clear_connection(leg, Cause.NO_ANSWER)

    def _limitless(self, own: _Own) -> None:
        for timer in own.timers.values():
            timer.cancel()
        own.timers.clear()

    @staticmethod
    def _stop_timer(own: _Own, leg: Leg) -> None:
        timer = own.timers.pop(leg.id, None)
        if timer is not None:
            timer.cancel()

    def _done(self, own: _Own, *, over: bool = False) -> None:
        """Forget a call that is over, or one of somebody else's with nobody of ours in it."""
        if self._calls.get(own.call.id) is not own:  # it ended while we did what led here
            return
        if not over and (own.engaged or own.call.controller is self or own.timers):
            return
        self._limitless(own)
        del self._calls[own.call.id]
        for agent in own.engaged:
            self._people.disengage(agent, own.call.id)
