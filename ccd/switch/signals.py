"""What SIP says of legs that are there: progress, answers, refusals, changes of media."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ccd.events import Established, EventStream
from ccd.media.ports import NoPortFree
from ccd.model import Cause, ConnectionState
from ccd.sip.events import (
    Accepted,
    Confirmed,
    OfferAnswered,
    OfferReceived,
    Progressed,
    Rejected,
    SipEvent,
    Terminated,
)
from ccd.sip.negotiation import NoCommonMedia
from ccd.sip.sdp import SdpError
from ccd.sip.session import Session
from ccd.switch.call import Host, Leg
from ccd.switch.causes import cause_of_status
from ccd.switch.conversation import Conversations
from ccd.switch.descriptions import AnswerRefusedError, Descriptions
from ccd.switch.endings import Endings, cause_of
from ccd.switch.nailed_up import NailedUp
from ccd.switch.patch import Patch


class Signals:
    """Takes the endpoint's events about sessions that are legs; all others mean nothing here.

    `wake` is the endpoint's, `clock` the loop's.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        descriptions: Descriptions,
        conversations: Conversations,
        endings: Endings,
        lines: NailedUp,
        events: EventStream,
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._patch = patch
        self._descriptions = descriptions
        self._conversations = conversations
        self._endings = endings
        self._lines = lines
        self._events = events
        self._wake = wake
        self._clock = clock
        self._log = structlog.get_logger("switch")
        self._on: dict[type, Callable[..., None]] = {
            Progressed: self._progressed,
            Accepted: self._accepted,
            Confirmed: self._confirmed,
            Rejected: self._rejected,
            OfferReceived: self._offer_received,
            OfferAnswered: self._offer_answered,
            Terminated: self._terminated,
        }

    def take(self, event: SipEvent) -> None:
        """Take an event of the endpoint."""
        handler = self._on.get(type(event))
        if handler is not None:
            handler(event)

    def _confirmed(self, event: Confirmed) -> None:
        leg = _owner(event.session)
        if leg is None or leg.ending is not None:
            return
        if event.sdp is not None and not self._take_answer(leg, event.sdp):
            return
        if leg.state is ConnectionState.ALERTING:
            self._establish(leg)

    def _progressed(self, event: Progressed) -> None:
        leg = _owner(event.session)
        if leg is None or leg.state is not ConnectionState.INITIATED or event.code < 180:
            return
        self.alerting(leg)

    def alerting(self, leg: Leg) -> None:
        """A leg's phone rings."""
        leg.state = ConnectionState.ALERTING
        if leg.call.controller is not None and leg not in leg.call.guests:
            leg.call.controller.alerting(leg.call, leg)

    def _accepted(self, event: Accepted) -> None:
        leg = _owner(event.session)
        if leg is None or leg.ending is not None:
            return
        if event.sdp is None or event.is_offer:
            self._log.info("answered without an answer to our offer", leg=leg.id)
            self._endings.end(leg, Cause.INCOMPATIBLE_MEDIA)
        elif self._is_too_late(leg) and leg.line is None:
            self._endings.end(leg, Cause.ANSWERED_ELSEWHERE)
        elif self._take_answer(leg, event.sdp):
            self.answered(leg)

    def answered(self, leg: Leg) -> None:
        """A leg was answered, and its media flows; one that is too late for its call ends."""
        if self._is_too_late(leg):
            self._lines.established(leg)
            self._endings.end(leg, Cause.ANSWERED_ELSEWHERE)
        else:
            self._establish(leg)

    @staticmethod
    def _is_too_late(leg: Leg) -> bool:
        """Whether two answers crossed, and this one was the later."""
        return leg in leg.call.ringing and _is_there(leg.call.answered)

    def _establish(self, leg: Leg) -> None:
        leg.state = ConnectionState.CONNECTED
        self._lines.established(leg)
        if leg.standing:
            return
        call = leg.call
        host = call.guests.get(leg)
        if leg in call.ringing:
            call.ringing.remove(leg)
            self._conversations.part(call)  # from one who is ending, if there is one
            call.answered = leg
        elif leg in call.joining:
            call.joining.remove(leg)
            call.joined.append(leg)
            self._conversations.stop_ringback(call)
        elif host is None and leg is call.caller:
            self._conversations.stop_ringback(call)
        self._events.publish(
            Established(call=call.id, leg=leg.id, party=leg.party, agent=leg.agent)
        )
        if host is not None:
            self._guest_established(leg, host)
        elif call.controller is not None:
            call.controller.established(call, leg)

    def _guest_established(self, leg: Leg, host: Host) -> None:
        if leg.mode is not None:
            self._conversations.listen(leg)
        elif leg.call.bridged:
            self._conversations.widen(leg.call, leg)
        host.guest_joined(leg.call, leg)

    def _rejected(self, event: Rejected) -> None:
        leg = _owner(event.session)
        if leg is not None and leg.ending is None:
            leg.ending = cause_of_status(event.code)

    def _offer_received(self, event: OfferReceived) -> None:
        """The far end changes its media: moves it, holds, retrieves (RFC 3264, 8)."""
        leg, now = _owner(event.session), self._clock()
        if leg is None or leg.port is None:
            event.session.refuse_offer(now=now)
            return
        if event.sdp is None:
            event.session.answer(self._descriptions.offer(leg), now=now)
            return
        try:
            answer = self._descriptions.answer(leg, event.sdp)
        except (SdpError, NoCommonMedia, NoPortFree) as error:
            self._log.info("new offer refused", leg=leg.id, reason=str(error))
            event.session.refuse_offer(now=now)
            return
        event.session.answer(answer, now=now)
        if leg.media_open:
            self._patch.open(leg)
        if leg.connected:
            self._conversations.follow(leg)

    def _offer_answered(self, event: OfferAnswered) -> None:
        leg = _owner(event.session)
        if leg is not None and leg.port is not None and self._take_answer(leg, event.sdp):
            self._conversations.follow(leg)

    def _take_answer(self, leg: Leg, answer: bytes) -> bool:
        """Open the leg as the peer's answer says; an answer that makes no sense ends it."""
        try:
            moved = self._descriptions.accept(leg, answer)
        except AnswerRefusedError as error:
            self._log.info("answer refused", leg=leg.id, reason=str(error))
            self._endings.end(leg, error.cause)
            return False
        if moved:
            # Our offer named the old port, and its answer came too late to choose: say so.
            leg.session.offer(self._descriptions.offer(leg), now=self._clock())
            self._wake()
        return True

    def _terminated(self, event: Terminated) -> None:
        leg = _owner(event.session)
        if leg is None:
            return
        self._lines.gone(leg, leg.ending or cause_of(event))
        if leg.standing:
            leg.state = ConnectionState.NULL
            self._patch.close(leg)
        else:
            self._endings.ended(leg, event)


def _owner(session: Session) -> Leg | None:
    """The leg that this session is of, where it still is."""
    leg = session.owner
    return leg if isinstance(leg, Leg) and leg.session is session else None


def _is_there(leg: Leg | None) -> bool:
    return leg is not None and leg.ending is None
