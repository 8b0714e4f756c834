"""The switch: every call-control verb, in one place, and what SIP and media make of it.

It turns SIP sessions and media reports into calls and legs, publishes what happens to
them, and asks the call's controller (the IVR's service, then the ACD's) what comes next.
Neither is known here. All of it runs in the event loop's thread and nothing waits:
verbs return at once and their outcome comes as an event and a controller's call.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from ccd.config import Phone, Settings
from ccd.events import (
    CallerChanged,
    DataAssociated,
    Delivered,
    DigitsGenerated,
    EventStream,
    Offered,
    Originated,
    Transferred,
)
from ccd.media.pool import MediaPool
from ccd.media.ports import NoPortFree
from ccd.media.protocol import Gauge, Report, Sound
from ccd.model import (
    Cause,
    ConnectionState,
    Customer,
    Direction,
    ListenMode,
    Party,
)
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import (
    InviteReceived,
    SipEvent,
)
from ccd.sip.negotiation import Negotiation, NoCommonMedia
from ccd.sip.sdp import SdpError
from ccd.switch.admission import PHONE_PREFIX, Admission, Refused
from ccd.switch.call import Call, Controller, Host, Leg
from ccd.switch.causes import cause_of_status
from ccd.switch.conversation import Conversations
from ccd.switch.descriptions import Descriptions
from ccd.switch.endings import Endings
from ccd.switch.errors import NotReachable as NotReachable
from ccd.switch.messages import CallLater, MessageDone, Messages
from ccd.switch.nailed_up import NailedUp
from ccd.switch.outbound import Outbound
from ccd.switch.patch import Patch, RecordingDone
from ccd.switch.phones import Phones
from ccd.switch.recordings import Recordings
from ccd.switch.reports import Reports
from ccd.switch.signals import Signals

Router = Callable[[Call], Controller | None]
"""Who takes a call that came in: None where the number dialled has no service."""


class Switch:
    """Calls, legs and verbs over one SIP endpoint and one media pool.

    `router` finds a call's first controller, `salvage` makes a torn recording whole. `clock`
    and `call_later` are the loop's, `wall_clock` is seconds since the epoch.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        endpoint: Endpoint,
        media: MediaPool,
        media_address: str,
        events: EventStream,
        admission: Admission,
        phones: Phones,
        router: Router,
        recordings: Path,
        hold_music: Path,
        salvage: Callable[[str, RecordingDone], None],
        boot: str,
        clock: Callable[[], float],
        call_later: CallLater,
        wall_clock: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._events = events
        self._admission = admission
        self._router = router
        self._salvage = salvage
        self._clock = clock
        self._wall_clock = wall_clock
        self._patch = Patch(
            media, rtp_timeout_s=settings.media.rtp_timeout_s, nat=settings.media.nat
        )
        self._recordings = Recordings(
            recordings, always=settings.recording.enabled, patch=self._patch, events=events
        )
        self._conversations = Conversations(
            patch=self._patch,
            events=events,
            recordings=self._recordings,
            hold_music=str(hold_music),
        )
        self._messages = Messages(patch=self._patch, call_later=call_later)
        self._numbers = itertools.count(1)
        self._boot = boot
        self._descriptions = Descriptions(
            patch=self._patch, address=media_address, codecs=settings.media.codecs
        )
        self.lines = NailedUp(
            patch=self._patch,
            descriptions=self._descriptions,
            events=events,
            numbers=self._numbers,
            boot=boot,
            call_phone=self._call_line,
            alerting=lambda leg: self._signals.alerting(leg),
            answered=lambda leg: self._signals.answered(leg),
            ended=lambda leg, event: self._endings.ended(leg, event),
            hang_up=lambda leg, cause: self._endings.end(leg, cause),
            wake=endpoint.wake,
            call_later=call_later,
            clock=clock,
        )
        """Phones of agents that are called once and kept."""
        self._endings = Endings(
            patch=self._patch,
            conversations=self._conversations,
            messages=self._messages,
            lines=self.lines,
            admission=admission,
            events=events,
            forget=self._forget,
            wake=endpoint.wake,
            clock=clock,
        )
        self._reports = Reports(
            patch=self._patch, messages=self._messages, events=events, lost=self._endings.lost
        )
        self._log = structlog.get_logger("switch")
        self._signals = Signals(
            patch=self._patch,
            descriptions=self._descriptions,
            conversations=self._conversations,
            endings=self._endings,
            lines=self.lines,
            events=events,
            wake=endpoint.wake,
            clock=clock,
        )
        self._outbound = Outbound(
            endpoint=endpoint,
            patch=self._patch,
            descriptions=self._descriptions,
            admission=admission,
            phones=phones,
            domain=settings.sip.domain,
            numbers=self._numbers,
        )
        self.change_phones(settings.phone)
        self.screen_pop: Callable[[Call], tuple[Customer | None, int]] = lambda _call: (None, 0)
        """Who it could be that calls: the one customer, and how many there are. Asked before an
        agent's phone is called; the answer goes with `Delivered`."""
        self.calls: dict[str, Call] = {}
        self._of_agents: dict[str, list[Leg]] = {}
        """Legs of agents' phones; those that are over are dropped when somebody looks."""
        self.idle = asyncio.Event()
        """Set while there is no call."""
        self.idle.set()

    def change_phones(self, phones: Sequence[Phone]) -> None:
        """Know which phones answer by themselves from now on."""
        self._outbound.answer_by_themselves = frozenset(
            phone.name for phone in phones if phone.auto_answer
        )

    # --- verbs -------------------------------------------------------------------

    def answer(self, call: Call) -> None:
        """Answer whoever rang us (the caller, or see `adopt`); `established` follows with his ACK."""
        leg = call.caller if call.direction is Direction.IN else call.answered
        if leg is None or leg not in call.legs:
            return
        if leg.state is not ConnectionState.ALERTING or leg.ending is not None:
            return
        if leg.agreed is None:
            # Late offer: ours goes in the 200, the answer comes in the ACK (RFC 3264, 5).
            sdp = self._descriptions.offer(leg)
        else:
            assert leg.negotiation.local is not None
            sdp = leg.negotiation.local
            self._patch.open(leg)
        leg.session.accept(sdp, now=self._clock())
        self._endpoint.wake()

    def refuse(self, call: Call, status: int) -> None:
        """Refuse a caller who is not answered yet, with a SIP status."""
        call.refused_with = status
        self._endings.begin(call, cause_of_status(status), Party.SYSTEM)
        self._endings.end(call.caller, cause_of_status(status), status=status)

    def play(
        self, leg: Leg, sounds: Sequence[Sound], *, loop: bool = False, gain_db: float = 0.0
    ) -> None:
        """Play to one leg, in place of what played before; the controller hears when it ended."""
        self._stop_message(leg)
        self._patch.play(leg, sounds, loop, self._played, gain_db)

    def ask_to_answer(self, leg: Leg, told: Callable[[int], None]) -> bool:
        """Ask a phone that rings to answer by itself; `told` its SIP status. False: it does not ring.

        At a nailed-up line the phone is there already, and need not be asked.
        """
        if leg.state is not ConnectionState.ALERTING or leg.ending is not None:
            return False
        if self.lines.answer(leg, told):
            return True
        asked = leg.session.notify("talk", told, now=self._clock())
        self._endpoint.wake()
        return asked

    def stop_playing(self, leg: Leg) -> None:
        """Stop what plays to one leg."""
        self._stop_message(leg)
        self._patch.stop(leg)

    def play_music(self, leg: Leg, path: str = "") -> None:
        """Let a leg hear the music that plays to all who wait (empty: the built-in one)."""
        self._stop_message(leg)
        self._conversations.play_music(leg, path)

    def record_message(self, call: Call, path: Path, max_s: float, done: MessageDone) -> None:
        """Record the caller alone, after a tone: until the key `#`, for `max_s` seconds at most.

        `done(call, path, seconds)` is called exactly once, when the file is complete; `seconds`
        is 0 where nothing was recorded. That may be after the caller has left and the call is
        cleared. Whatever else the caller is to hear, and `bridge`, end the message.
        """
        self._messages.begin(call, path, max_s, done)

    def stop_message(self, call: Call) -> None:
        """End the message that the caller leaves; `done` follows."""
        self._messages.stop(call)

    def ring(
        self, call: Call, *, agent: str, phone: str, queue: str, auto_answer: bool = False
    ) -> Leg:
        """Call an agent's phone for this call; several may ring at once, a `ring` each.

        With `auto_answer` one that can answers by itself: a nailed-up line, a phone of which the
        settings say so.

        `alerting`, then `established` or `failed`, come to the controller for every leg. The
        first to answer has the call: of others who answer later, `failed` is told with
        ANSWERED_ELSEWHERE, and `bridge` ends those that still ring. Raises `NotReachable`
        where the phone is not registered or no port is free.
        """
        leg = self._call_phone(call, agent=agent, phone=phone, queue=queue, auto_answer=auto_answer)
        call.ringing.append(leg)
        return leg

    def ring_outside(
        self,
        call: Call,
        *,
        number: str,
        trunk: str,
        queue: str,
        ani: str | None = None,
        emergency: bool = False,
    ) -> Leg:
        """Call a number outside for this call, in an agent's place: as `ring`, without an agent.

        It is shown the customer's number (or `ani`), and ours as the one that sent the call on
        (Diversion, RFC 5806). Raises `NotReachable`, and then nothing has changed.
        """
        ours = call.dnis if call.direction is Direction.IN else call.ani
        leg = self._outbound.number(
            call,
            number,
            trunk=trunk,
            party=Party.AGENT,
            ani=call.number if ani is None else ani,
            diverted_by=ours,
            now=self._clock(),
            emergency=emergency,
        )
        call.ringing.append(leg)
        self._say_delivered(call, leg, queue=queue, number=number)
        return leg

    def dial(
        self,
        number: str,
        *,
        trunk: str,
        controller: Controller,
        ani: str = "",
        data: Mapping[str, str] | None = None,
    ) -> Call:
        """Call a customer through a trunk: a call of ours, whose caller he is.

        It shows him the number `ani`. `alerting`, then `established`, come to the controller;
        or `failed` with `leg` the call's caller, after which `cleared` follows. How long it
        may ring is the controller's to say (`clear_connection` with NO_ANSWER). Raises
        `NotReachable`, and then there is no call.
        """
        call = self._new_call(ani=ani, dnis=number, trunk=trunk, direction=Direction.OUT)
        call.data.update(data or {})
        call.controller = controller
        self._call_customer(call, number, trunk, ani=ani)
        return call

    def call_agent(
        self,
        *,
        agent: str,
        phone: str,
        queue: str,
        controller: Controller,
        number: str = "",
        ani: str = "",
        call_data: Mapping[str, str] | None = None,
        direction: Direction = Direction.OUT,
        initiator: str | None = None,
    ) -> Call:
        """Call an agent first: a call of ours in which the customer is still to be called.

        His phone shows `number`, the customer's; the customer will be shown `ani`. What comes
        to the controller is as for `ring`: after `established`, `add_customer`; after `failed`,
        or when the agent leaves before the customer is called, `cleared`, unless the next
        agent is called from there by `ring`. Raises `NotReachable`; then there is no call.
        """
        call = self._new_call(ani=ani, dnis=number, trunk="", direction=direction)
        call.data.update(call_data or {})
        call.initiator = initiator
        call.controller = controller
        leg = self._phone_of(call, agent=agent, phone=phone)
        call.ringing.append(leg)
        self._keep(call)
        self._say_originated(call, leg)
        self._say_delivered(call, leg, queue=queue)
        self._ring_phone(leg, agent=agent, phone=phone, queue=queue)
        return call

    def add_customer(
        self,
        call: Call,
        number: str,
        trunk: str,
        *,
        ani: str | None = None,
        emergency: bool = False,
    ) -> Leg:
        """Call the customer of a call of ours: its agent is there, or a first try failed.

        The agent hears ringback meanwhile. `established` (then: `bridge`) or `failed` come to
        the controller as for `dial`, but after `failed` the agent is still there, in silence.
        Where the agent leaves first (`agent_left`), the customer's phone rings on: `clear_call`
        ends that. `ani` is what he is shown (none: the call's). Raises `NotReachable`, and then
        nothing has changed.
        """
        if call.direction is Direction.IN or call.caller.state is not ConnectionState.NULL:
            raise NotReachable(Cause.REJECTED, f"call {call.id} has its caller")
        shown = call.ani if ani is None else ani
        self._call_customer(call, number, trunk, ani=shown, emergency=emergency)
        self._conversations.play_ringback(call)
        return call.caller

    def _call_customer(
        self, call: Call, number: str, trunk: str, *, ani: str, emergency: bool = False
    ) -> None:
        call.caller = leg = self._outbound.number(
            call,
            number,
            trunk=trunk,
            party=Party.CALLER,
            ani=ani,
            now=self._clock(),
            emergency=emergency,
        )
        call.dnis, call.trunk = number, trunk
        self._keep(call)
        self._events.publish(
            Originated(call=call.id, leg=leg.id, ani=ani, dnis=number, trunk=trunk)
        )

    def bridge(self, call: Call) -> None:
        """The parties hear each other, and are recorded; no phone rings on for the agent's seat."""
        self._messages.stop(call)
        for leg in tuple(call.ringing):
            self._endings.end(leg, Cause.ANSWERED_ELSEWHERE)
        self._conversations.join(call)

    def adopt(self, call: Call, agent: str | None) -> None:
        """A call that came from a phone of ours is this agent's: he has its agent's seat.

        The others are still to be called: `add_customer`, or `invite`. To be said from
        `Controller.offered`, before `answer`.
        """
        number = next(self._numbers)
        leg, customer = call.caller, self._new_leg(call, number, number)
        leg.party, leg.agent = Party.AGENT, agent
        call.answered, call.caller = leg, customer
        call.direction, call.initiator = Direction.INTERNAL, agent
        if agent is not None:
            self._belongs_to(leg, agent)
        self._say_originated(call, leg)

    def dialled(self, call: Call, dnis: str) -> None:
        """Say whom a call is for that was begun without a number; calling him is the next thing."""
        call.dnis = dnis
        if call.agent is not None:
            self._say_originated(call, call.agent)

    def _say_originated(self, call: Call, leg: Leg) -> None:
        self._events.publish(
            Originated(
                call=call.id,
                leg=leg.id,
                ani=call.ani,
                dnis=call.dnis,
                trunk="",
                party=leg.party,
                direction=call.direction,
                agent=leg.agent,
                connected=leg.connected,
            )
        )

    # --- verbs: hold, and several calls at one phone ------------------------------------------

    def hold(self, leg: Leg) -> None:
        """A party leaves the conversation that it is in, and stays connected (CSTA hold call).

        It hears nothing of it; the others hear each other, or music where there is but one.
        """
        self._conversations.hold(leg)

    def retrieve(self, leg: Leg, call: Call | None = None) -> None:
        """A party is back in a conversation that it holds (CSTA retrieve call, alternate call).

        `call` is one of those that it has (the one that it spoke in last, where none is said);
        any other in which it speaks meanwhile is kept on hold.
        """
        if call is None or call is leg.call:
            self._conversations.retrieve(leg)
        elif call in leg.kept and leg.is_here:
            self._conversations.turn_to(leg, call)

    def part_caller(self, call: Call) -> None:
        """The caller leaves the conversation for a while, to key what nobody is to hear.

        The agent stays connected, as one who holds; neither hears the other, nothing is recorded,
        and nobody can be bridged with the caller until `caller_back`. Raises `NotReachable`, and
        then nothing has changed.
        """
        agent = self._giver(call)
        if call.parties != [call.caller, agent]:
            raise NotReachable(Cause.REJECTED, f"call {call.id} is not between caller and agent")
        self._conversations.part_caller(call)

    def caller_back(self, call: Call) -> None:
        """The caller is back with his agent, who hears him unless he speaks in another call."""
        if call.caller_away:
            self._conversations.caller_back(call)

    def begin(self, leg: Leg, controller: Controller, *, dnis: str = "") -> Call:
        """A party begins another call and keeps the one that it has on hold (CSTA consultation call).

        The new call has nobody else yet: `invite`, `invite_outside` or `add_customer` follow.
        """
        before = leg.call
        call = self._new_call(
            ani=leg.agent or "", dnis=dnis, trunk="", direction=Direction.INTERNAL
        )
        call.controller = controller
        call.data.update(before.data)
        call.customer = before.customer
        call.answered = leg
        call.initiator = leg.agent
        call.legs.append(leg)
        self._keep(call)
        self._conversations.turn_to(leg, call)
        self._say_originated(call, leg)
        return call

    def become_caller(self, call: Call) -> None:
        """Who began a call of ours waits in it like a caller: for an agent of a queue, say."""
        leg = call.answered
        if leg is not None and call.caller.state is ConnectionState.NULL:
            self._patch.stop(leg)
            call.caller, call.answered = leg, None

    def seat(self, call: Call, agent: Leg) -> None:
        """Of the two who speak in a call this one has the agent's seat, the other is the caller.

        So it is already where a customer is there; of two colleagues either may give the other
        away. Raises `NotReachable` where there are not just these two, or the agent is himself the
        caller whom a queue's agent answered.
        """
        others = [party for party in call.parties if party is not agent]
        if len(others) != 1 or agent is call.caller:
            raise NotReachable(Cause.REJECTED, f"call {call.id} is not one of caller and agent")
        (other,) = others
        if other is call.caller:
            return
        if call.caller.state is not ConnectionState.NULL:
            raise NotReachable(Cause.REJECTED, f"the caller of call {call.id} is being called")
        call.caller, call.answered = other, agent
        call.joined = [leg for leg in call.joined if leg not in (other, agent)]
        for leg in (other, agent):
            call.guests.pop(leg, None)
        if other.agent and other.agent != call.ani:
            call.ani = other.agent
            told = CallerChanged(call=call.id, leg=other.id, ani=call.ani, agent=other.agent)
            self._events.publish(told)

    # --- verbs: guests -----------------------------------------------------------------------

    def invite(self, call: Call, *, agent: str, phone: str, host: Host, queue: str = "") -> Leg:
        """Call an agent's phone to be a further party; `host` hears what comes of it.

        Where the others speak already he is in the conversation when he answers; else `bridge`.
        While nobody does, who began the call hears ringback. Raises `NotReachable`.
        """
        leg = self._call_phone(call, agent=agent, phone=phone, queue=queue, host=host)
        call.joining.append(leg)
        if not call.bridged:
            self._conversations.play_ringback(call)
        return leg

    def invite_outside(
        self,
        call: Call,
        *,
        number: str,
        trunk: str,
        host: Host,
        ani: str = "",
        emergency: bool = False,
    ) -> Leg:
        """Call a number outside to be a further party, as `invite`. Raises `NotReachable`."""
        leg = self._outbound.number(
            call,
            number,
            trunk=trunk,
            party=Party.AGENT,
            ani=ani,
            now=self._clock(),
            emergency=emergency,
        )
        call.guests[leg] = host
        call.joining.append(leg)
        self._say_delivered(call, leg, queue="", number=number)
        if not call.bridged:
            self._conversations.play_ringback(call)
        return leg

    def listen(
        self,
        call: Call,
        *,
        agent: str,
        phone: str,
        mode: ListenMode,
        host: Host,
        to: Leg | None = None,
    ) -> Leg:
        """Call a supervisor's phone to listen to a conversation (CSTA join call).

        `to` is the agent to whom he whispers. `host` hears what comes of it. Raises
        `NotReachable`.
        """
        leg = self._call_phone(
            call, agent=agent, phone=phone, queue="", host=host, mode=mode, auto_answer=True
        )
        leg.coached = to
        call.listeners.append(leg)
        return leg

    def change_listening(self, leg: Leg, mode: ListenMode, to: Leg | None = None) -> None:
        """Who listens does so otherwise from now on: silent, whispering to `to`, or heard by all."""
        if leg in leg.call.listeners and leg.is_here:
            leg.mode = mode
            leg.coached = to or leg.coached
            self._conversations.listen(leg)

    def take_over(self, leg: Leg) -> None:
        """Who listens takes the call from its agent, who leaves it (CSTA intercept).

        The controller is told `agent_left` with TRANSFER when that one's phone is free, and
        `call.answered` is the new one from now on.
        """
        call, giver = leg.call, leg.call.answered
        if call.caller_away:
            raise NotReachable(Cause.REJECTED, f"the caller of call {call.id} is away")
        if leg not in call.listeners or not leg.is_here or giver is None:
            raise NotReachable(Cause.REJECTED, f"call {call.id} has no agent to take it from")
        call.listeners.remove(leg)
        call.guests.pop(leg, None)
        leg.mode = leg.coached = None
        self._hand_over(call, giver, leg)

    def merge(
        self, call: Call, other: Call, leg: Leg, *, stay: bool, host: Host | None = None
    ) -> None:
        """Make one call of two that a party has: `other`'s parties go over to `call`.

        With `stay` all of them confer (CSTA conference call); else the party leaves both, and
        theirs is the call (CSTA transfer call): the controller is told `agent_left` with
        TRANSFER when his phone is free. `other` is over: its controller is told `cleared`. `host`
        is told of those who came over, unless somebody is already, or one has the call from now on.
        Raises `NotReachable` while phones ring for the agent's seat in `other`.
        """
        if other.ringing or other.ending is not None or call.ending is not None:
            raise NotReachable(Cause.REJECTED, f"call {other.id} is not yet, or no more, answered")
        for both in (call, other):
            if both.caller_away:
                raise NotReachable(Cause.REJECTED, f"the caller of call {both.id} is away")
        self._messages.stop(other)
        self._conversations.part(other)
        self._conversations.stop_ringback(other)
        self._patch.stop(leg)
        moved = [each for each in other.legs if each is not leg]
        parties = [each for each in other.parties if each is not leg]
        ringing = list(other.joining)
        for each in moved:
            other.legs.remove(each)
            call.legs.append(each)
            if each.call is other:
                each.call = call
            else:
                each.kept[each.kept.index(other)] = call
            if each in other.listeners:
                other.listeners.remove(each)
                call.listeners.append(each)
            if each in other.guests:
                call.guests[each] = other.guests.pop(each)
            elif host is not None and (each in parties or each in ringing):
                call.guests[each] = host
        other.joined, other.joining, other.answered = [], [], None
        other.legs.remove(leg)
        other.guests.pop(leg, None)
        if leg.call is other:
            leg.kept.remove(call)
            leg.call = call
        else:
            leg.kept.remove(other)
        leg.held = False
        leg.state = ConnectionState.HOLD if leg.held_by_far_end else ConnectionState.CONNECTED
        call.data.update(other.data)
        for each in moved:
            if not each.connected:  # its phone rings: what for is another call now
                self._say_delivered(call, each, queue="", number=each.number)
        if stay:
            call.joined += parties
            call.joining += ringing
            self._conversations.settle(call)
            for each in parties:
                self._conversations.widen(call, each, secondary=other.id, by=leg)
        elif parties:
            new = parties[0]
            call.joined += parties[1:]
            call.joining += ringing
            self._hand_over(call, leg, new, secondary=other.id)
        else:
            self._give_to_ringing(call, leg, ringing)
        self._conversations.join(call)  # where they did not speak yet
        self._endings.merged(other, Cause.CONFERENCE if stay else Cause.TRANSFER)

    def _hand_over(self, call: Call, giver: Leg, taker: Leg, *, secondary: str = "") -> None:
        """Of those who speak in a call one has it from now on, and who had it leaves."""
        call.guests.pop(taker, None)
        if taker in call.joined:
            call.joined.remove(taker)
        if giver is call.answered:
            call.answered = taker
        else:
            call.joined.append(taker)
        self._patch.stop(taker)
        self._events.publish(
            Transferred(
                call=call.id,
                from_leg=giver.id,
                to_leg=taker.id,
                secondary=secondary,
                agent=giver.agent,
                to_agent=taker.agent,
            )
        )
        self._endings.end(giver, Cause.TRANSFER, call=call)
        self._conversations.settle(call)

    def _give_to_ringing(self, call: Call, giver: Leg, ringing: Sequence[Leg]) -> None:
        """Whose phone still rings has the call when he answers; the caller hears music until then."""
        for leg in ringing:
            call.guests.pop(leg, None)
            call.ringing.append(leg)
        self._conversations.part(call)
        if call.caller.call is call:
            self.play_music(call.caller)
        call.transferred_from = giver
        call.answered = None
        self._endings.end(giver, Cause.TRANSFER, call=call)

    def transfer(
        self, call: Call, *, agent: str, phone: str, queue: str, auto_answer: bool = False
    ) -> Leg:
        """Give the call to another phone in one step (CSTA single-step transfer).

        The agent is released at once and the caller hears music until the new one
        answers; `established` or `failed` come to the controller as for `ring`. Raises
        `NotReachable`, and then nothing has changed.
        """
        giver = self._giver(call)
        leg = self.ring(call, agent=agent, phone=phone, queue=queue, auto_answer=auto_answer)
        self._give_to_ringing(call, giver, ())
        return leg

    def transfer_outside(
        self,
        call: Call,
        *,
        number: str,
        trunk: str,
        queue: str,
        ani: str | None = None,
        emergency: bool = False,
    ) -> Leg:
        """Give the call to a number outside in one step, as `transfer`. Raises `NotReachable`."""
        giver = self._giver(call)
        leg = self.ring_outside(
            call, number=number, trunk=trunk, queue=queue, ani=ani, emergency=emergency
        )
        self._give_to_ringing(call, giver, ())
        return leg

    def detach_agent(self, call: Call) -> None:
        """The agent leaves a call that goes on without him (parked, sent to a queue): music.

        The controller is told `agent_left` with TRANSFER when his phone is free. A caller who is
        away (`part_caller`) is not any more. Raises `NotReachable`.
        """
        giver = call.answered if call.caller_away else self._giver(call)
        if giver is None:
            raise NotReachable(Cause.REJECTED, f"call {call.id} is with no agent")
        call.caller_away = False
        self._give_to_ringing(call, giver, ())

    @staticmethod
    def _giver(call: Call) -> Leg:
        giver = call.answered
        if giver is None or not call.bridged:
            raise NotReachable(Cause.REJECTED, f"call {call.id} is with no agent")
        return giver

    # --- verbs: recording, data, keys, the end --------------------------------------------------

    def start_recording(self, call: Call) -> bool:
        """Record the conversation from now on; False where it is recorded, or there is none."""
        return self._recordings.start(call)

    def stop_recording(self, call: Call) -> bool:
        """Record it no longer; False where it is not."""
        return self._recordings.stop(call)

    def pause_recording(self, call: Call, by: str = "") -> bool:
        """Keep what follows out of the recording, as silence of its length; False where there is none."""
        return self._recordings.pause(call, by)

    def resume_recording(self, call: Call, by: str = "") -> bool:
        """Go on recording; False where it was not paused."""
        return self._recordings.resume(call, by)

    def associate_data(self, call: Call, data: Mapping[str, str], by: str = "") -> None:
        """Attach data to a call, to travel with it; an empty value takes a key away."""
        for key, value in data.items():
            if value:
                call.data[key] = value
            else:
                call.data.pop(key, None)
        self._events.publish(DataAssociated(call=call.id, data=dict(data), by=by))

    def send_digits(self, leg: Leg, digits: str) -> None:
        """Key digits towards a party."""
        if leg.connected:
            self._patch.send_digits(leg, digits)

    def generate_digits(self, call: Call, leg: Leg, digits: str) -> None:
        """Key digits to the other parties on behalf of one (CSTA generate digits); says so.

        Who is alone in his call keys them to what speaks with him: a flow, a message's menu.
        """
        others = [party for party in call.parties if party is not leg]
        for party in others:
            self.send_digits(party, digits)
        self._events.publish(
            DigitsGenerated(
                call=call.id, leg=leg.id, agent=leg.agent or "", digits="*" * len(digits)
            )
        )
        if not others:
            for digit in digits:
                if call.controller is not None and leg.is_here:
                    call.controller.digit(call, leg, digit)

    def clear_connection(self, leg: Leg, cause: Cause, call: Call | None = None) -> None:
        """End a party's connection to a call (the one that it speaks in, where none is said).

        One that has other calls on hold goes on with these; any other's session ends.
        """
        self._endings.end(leg, cause, call=call)

    def clear_call(self, call: Call, cause: Cause, by: Party = Party.SYSTEM) -> None:
        """End the call for everybody."""
        self._endings.end_call(call, cause, by)

    def legs_of(self, agent: str) -> list[Leg]:
        """Legs of this agent's phones that are not over, in the order in which they began."""
        legs = [leg for leg in self._of_agents.get(agent, ()) if leg.call.legs.count(leg)]
        if legs:
            self._of_agents[agent] = legs
        else:
            self._of_agents.pop(agent, None)
        return legs

    def _belongs_to(self, leg: Leg, agent: str) -> None:
        self._of_agents[agent] = [*self.legs_of(agent), leg]

    @property
    def legs(self) -> int:
        """Nodes of legs that the media workers have, or have not yet said to be gone."""
        return len(self._patch)

    # --- what SIP says -------------------------------------------------------------

    def handle_sip(self, event: SipEvent) -> None:
        """Take an event of the endpoint."""
        if isinstance(event, InviteReceived):
            self._invite_received(event)
        else:
            self._signals.take(event)

    def _invite_received(self, event: InviteReceived) -> None:
        session, now = event.session, self._clock()
        assert session.request is not None
        verdict = self._admission.judge(session.request, event.source, now)
        if isinstance(verdict, Refused):
            self._log.info("invite refused", status=verdict.code, reason=verdict.reason)
            session.reject(verdict.code, now=now, headers=verdict.headers)
            return
        # At once, not after 200 ms (RFC 3261, 17.2.1): the simplest phones (pyVoIP) take no final
        # answer that nothing provisional came before.
        session.progress(100, now=now)
        call = self._new_call(ani=verdict.ani, dnis=verdict.dnis, trunk=verdict.trunk)
        leg = call.caller
        leg.state = ConnectionState.ALERTING
        leg.channel = verdict.trunk
        leg.session = session
        session.owner = leg
        if verdict.trunk.startswith(PHONE_PREFIX):
            self._outbound.is_of_phone(verdict.trunk.removeprefix(PHONE_PREFIX), session)
        call.legs.append(leg)
        self._keep(call)
        self._events.publish(
            Offered(call=call.id, leg=leg.id, ani=call.ani, dnis=call.dnis, trunk=call.trunk)
        )
        try:
            self._descriptions.prepare(leg, session.remote_sdp)
        except (SdpError, NoCommonMedia) as error:
            self._log.info("offer refused", call=call.id, reason=str(error))
            self.refuse(call, 488)
            return
        except NoPortFree as error:
            self._log.warning("no RTP port", call=call.id, reason=str(error))
            self.refuse(call, 503)
            return
        call.controller = self._router(call)
        if call.controller is None:
            self.refuse(call, 404)
        else:
            call.controller.offered(call)

    def _new_call(
        self, *, ani: str, dnis: str, trunk: str, direction: Direction = Direction.IN
    ) -> Call:
        number = next(self._numbers)
        call = Call(
            id=f"{self._boot}-{number}",
            ani=ani,
            dnis=dnis,
            trunk=trunk,
            offered_at=self._wall_clock(),
            direction=direction,
        )
        call.caller = self._new_leg(call, 0, number)
        return call

    def _new_leg(self, call: Call, place: int, number: int) -> Leg:
        """A customer's leg, before there is a session."""
        return Leg(
            id=f"{call.id}.{place}",
            call=call,
            party=Party.CALLER,
            state=ConnectionState.NULL,
            node=self._patch.node(),
            negotiation=Negotiation(number),
        )

    def _call_phone(
        self,
        call: Call,
        *,
        agent: str,
        phone: str,
        queue: str,
        host: Host | None = None,
        mode: ListenMode | None = None,
        auto_answer: bool = False,
    ) -> Leg:
        """Say who is going to be rung, then ring: the screen is there before the phone rings."""
        leg = self._phone_of(call, agent=agent, phone=phone)
        leg.mode, leg.auto_answer = mode, auto_answer
        if host is not None:
            call.guests[leg] = host
        self._say_delivered(call, leg, queue=queue)
        self._ring_phone(leg, agent=agent, phone=phone, queue=queue)
        return leg

    def _phone_of(self, call: Call, *, agent: str, phone: str) -> Leg:
        """A leg for an agent's phone, not rung yet: with his nailed-up line, where that rests."""
        leg = self.lines.lend(call, agent, phone)
        return leg or self._outbound.prepare_phone(call, agent=agent, phone=phone)

    def _ring_phone(self, leg: Leg, *, agent: str, phone: str, queue: str) -> None:
        if leg.line is None:
            self._outbound.call_phone(leg, phone=phone, queue=queue, now=self._clock())
            self.lines.become(leg, phone)
        else:
            leg.call.legs.append(leg)
            self.lines.ring(leg)
        self._belongs_to(leg, agent)

    def _call_line(self, call: Call, agent: str, phone: str) -> Leg:
        """Call a phone that is to be kept."""
        leg = self._outbound.prepare_phone(call, agent=agent, phone=phone)
        leg.standing = leg.auto_answer = True
        self._outbound.call_phone(leg, phone=phone, queue="", now=self._clock())
        return leg

    def _say_delivered(self, call: Call, leg: Leg, *, queue: str, number: str = "") -> None:
        call.customer, matches = self.screen_pop(call)
        self._events.publish(
            Delivered(
                call=call.id,
                leg=leg.id,
                agent=leg.agent or "",
                queue=queue,
                number=number,
                ani=call.ani,
                dnis=call.dnis,
                data=dict(call.data),
                customer=call.customer,
                matches=matches,
                mode=leg.mode,
            )
        )

    def _keep(self, call: Call) -> None:
        self.calls[call.id] = call
        self.idle.clear()

    def _forget(self, call: Call) -> bool:
        known = self.calls.pop(call.id, None) is not None
        if not self.calls:
            self.idle.set()
        return known

    # --- what media says -------------------------------------------------------------

    @property
    def gauges(self) -> Mapping[int, Gauge]:
        """The newest figures of each media worker."""
        return self._reports.gauges

    def handle_media(self, worker: int, report: Report) -> None:
        """Take a report of a media worker."""
        self._reports.take(worker, report)

    def media_lost(self, worker: int, reason: str) -> int:
        """A media worker died: end the calls that it carried. Returns how many."""
        legs, recordings = self._patch.lost(worker)
        for path, done in recordings:
            self._salvage(path, done)
        for leg in legs:
            if leg.standing:
                self._endings.end(leg, Cause.MEDIA_WORKER_LOST)
            else:
                self.lines.gone(leg, Cause.MEDIA_WORKER_LOST)  # without audio it is no line
        legs = [leg for leg in legs if not leg.standing]
        calls = {call.id: call for leg in legs for call in (leg.call, *leg.kept)}
        self._log.error("media worker lost", worker=worker, reason=reason, calls=len(calls))
        for call in calls.values():
            call.recorder = None
            self.clear_call(call, Cause.MEDIA_WORKER_LOST)
        return len(calls)

    def _played(self, leg: Leg) -> None:
        if leg.call.controller is not None and leg.ending is None:
            leg.call.controller.played(leg.call, leg)

    def _stop_message(self, leg: Leg) -> None:
        if leg is leg.call.caller:
            self._messages.stop(leg.call)
