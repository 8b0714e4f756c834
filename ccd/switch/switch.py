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

from ccd.config import Settings
from ccd.events import (
    Delivered,
    EventStream,
    Offered,
    Originated,
)
from ccd.media.pool import MediaPool
from ccd.media.ports import NoPortFree
from ccd.media.protocol import Gauge, Report, Sound
from ccd.model import Cause, ConnectionState, Direction, Party
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import (
    InviteReceived,
    SipEvent,
)
from ccd.sip.negotiation import Negotiation, NoCommonMedia
from ccd.sip.sdp import SdpError
from ccd.switch.admission import Admission, Refused
from ccd.switch.call import Call, Controller, Leg
from ccd.switch.causes import cause_of_status
from ccd.switch.conversation import Conversations
from ccd.switch.descriptions import Descriptions
from ccd.switch.endings import Endings
from ccd.switch.errors import NotReachable as NotReachable
from ccd.switch.messages import CallLater, MessageDone, Messages
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
        self._conversations = Conversations(
            patch=self._patch,
            events=events,
            recordings=Recordings(recordings, patch=self._patch, events=events)
            if settings.recording.enabled
            else None,
            hold_music=str(hold_music),
        )
        self._messages = Messages(patch=self._patch, call_later=call_later)
        self._endings = Endings(
            patch=self._patch,
            conversations=self._conversations,
            messages=self._messages,
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
        self._numbers = itertools.count(1)
        self._boot = boot
        self._descriptions = Descriptions(
            patch=self._patch, address=media_address, codecs=settings.media.codecs
        )
        self._signals = Signals(
            patch=self._patch,
            descriptions=self._descriptions,
            conversations=self._conversations,
            endings=self._endings,
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
        self.calls: dict[str, Call] = {}
        self.idle = asyncio.Event()
        """Set while there is no call."""
        self.idle.set()

    # --- verbs -------------------------------------------------------------------

    def answer(self, call: Call) -> None:
        """Answer the caller; `established` follows when the caller's ACK is here."""
        leg = call.caller
        if call.direction is Direction.OUT:
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

    def ring(self, call: Call, *, agent: str, phone: str, queue: str) -> Leg:
        """Call an agent's phone for this call; several may ring at once, a `ring` each.

        `alerting`, then `established` or `failed`, come to the controller for every leg. The
        first to answer has the call: of others who answer later, `failed` is told with
        ANSWERED_ELSEWHERE, and `bridge` ends those that still ring. Raises `NotReachable`
        where the phone is not registered or no port is free.
        """
        leg = self._outbound.phone(call, agent=agent, phone=phone, queue=queue, now=self._clock())
        call.ringing.append(leg)
        self._events.publish(Delivered(call=call.id, leg=leg.id, agent=agent, queue=queue))
        return leg

    def ring_outside(
        self, call: Call, *, number: str, trunk: str, queue: str, ani: str | None = None
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
        )
        call.ringing.append(leg)
        self._events.publish(
            Delivered(call=call.id, leg=leg.id, agent="", queue=queue, number=number)
        )
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
        self._call_customer(call, number, trunk)
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
    ) -> Call:
        """Call an agent first: a call of ours in which the customer is still to be called.

        His phone shows `number`, the customer's; the customer will be shown `ani`. What comes
        to the controller is as for `ring`: after `established`, `add_customer`; after `failed`,
        or when the agent leaves before the customer is called, `cleared`, unless the next
        agent is called from there by `ring`. Raises `NotReachable`; then there is no call.
        """
        call = self._new_call(ani=ani, dnis=number, trunk="", direction=Direction.OUT)
        call.data.update(call_data or {})
        call.controller = controller
        leg = self._outbound.phone(call, agent=agent, phone=phone, queue=queue, now=self._clock())
        call.ringing.append(leg)
        self._keep(call)
        self._events.publish(
            Originated(call=call.id, leg=leg.id, ani=ani, dnis=number, trunk="", party=Party.AGENT)
        )
        self._events.publish(Delivered(call=call.id, leg=leg.id, agent=agent, queue=queue))
        return call

    def add_customer(self, call: Call, number: str, trunk: str) -> Leg:
        """Call the customer of a call of ours: its agent is there, or a first try failed.

        The agent hears ringback meanwhile. `established` (then: `bridge`) or `failed` come to
        the controller as for `dial`, but after `failed` the agent is still there, in silence.
        Where the agent leaves first (`agent_left`), the customer's phone rings on: `clear_call`
        ends that. Raises `NotReachable`, and then nothing has changed.
        """
        if call.direction is Direction.IN or call.caller.state is not ConnectionState.NULL:
            raise NotReachable(Cause.REJECTED, f"call {call.id} has its caller")
        self._call_customer(call, number, trunk)
        self._conversations.play_ringback(call)
        return call.caller

    def _call_customer(self, call: Call, number: str, trunk: str) -> None:
        call.caller = leg = self._outbound.number(
            call, number, trunk=trunk, party=Party.CALLER, ani=call.ani, now=self._clock()
        )
        call.dnis, call.trunk = number, trunk
        self._keep(call)
        self._events.publish(
            Originated(call=call.id, leg=leg.id, ani=call.ani, dnis=number, trunk=trunk)
        )

    def bridge(self, call: Call) -> None:
        """Caller and agent who answered hear each other, and are recorded; nobody rings on."""
        self._messages.stop(call)
        for leg in tuple(call.ringing):
            self._endings.end(leg, Cause.ANSWERED_ELSEWHERE)
        self._conversations.join(call)

    def hold(self, leg: Leg) -> None:
        """Hold a connected party: it hears music, the other one nothing of it."""
        self._conversations.hold(leg)

    def retrieve(self, leg: Leg) -> None:
        """End our hold; both hear each other again, unless the far end holds as well."""
        self._conversations.retrieve(leg)

    def transfer(self, call: Call, *, agent: str, phone: str, queue: str) -> Leg:
        """Give the call to another phone in one step (CSTA single-step transfer).

        The agent is released at once and the caller hears music until the new one
        answers; `established` or `failed` come to the controller as for `ring`. Raises
        `NotReachable`, and then nothing has changed.
        """
        giver = call.agent
        if giver is None or not call.bridged:
            raise NotReachable(Cause.REJECTED, f"call {call.id} is with no agent")
        leg = self.ring(call, agent=agent, phone=phone, queue=queue)
        self._conversations.part(call)
        call.caller.held = False
        self.play_music(call.caller)
        call.transferred_from = giver.id
        call.answered = None
        self._endings.end(giver, Cause.TRANSFER)
        return leg

    def send_digits(self, leg: Leg, digits: str) -> None:
        """Key digits towards a party (CSTA generate digits)."""
        if leg.connected:
            self._patch.send_digits(leg, digits)

    def clear_connection(self, leg: Leg, cause: Cause) -> None:
        """End one leg."""
        self._endings.end(leg, cause)

    def clear_call(self, call: Call, cause: Cause, by: Party = Party.SYSTEM) -> None:
        """End the call for everybody."""
        self._endings.end_call(call, cause, by)

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
        call.caller = Leg(
            id=f"{call.id}.0",
            call=call,
            party=Party.CALLER,
            state=ConnectionState.NULL,
            node=self._patch.node(),
            negotiation=Negotiation(number),
        )
        return call

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
        calls = {leg.call.id: leg.call for leg in legs}
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
