"""The INVITE that makes a call: progress, forks, the answer, the refusal (RFC 3261, 13.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccd.sip.bodies import UnsupportedBody, session_description
from ccd.sip.compose import PHRASES, OutgoingRequest
from ccd.sip.dialog import Dialog
from ccd.sip.events import OfferReceived, Progressed
from ccd.sip.exchange import Exchange
from ccd.sip.grammar import tokens
from ccd.sip.hop import Hop
from ccd.sip.message import Response
from ccd.sip.offers import Move, Turn
from ccd.sip.reliable import ReliableReceiver
from ccd.sip.transaction import State

if TYPE_CHECKING:
    from ccd.sip.session import Session

Header = tuple[str, str]


class OutgoingSetup:
    """What is particular to a call until it is answered, on the side that calls.

    One INVITE may be answered by several phones behind a forking proxy. Each has an
    early dialog; the first 2xx makes the session, every other is acknowledged and ended.
    """

    def __init__(
        self, session: Session, invite: OutgoingRequest, headers: Sequence[Header]
    ) -> None:
        self._session = session
        self._plain_headers = list(headers)
        self._template = invite
        self._early: dict[str, Dialog] = {}
        self._receivers: dict[str, ReliableReceiver] = {}
        self._answers: dict[str, bytes] = {}
        self._negotiated_tag = ""
        self._previews: dict[str, bytes] = {}
        self._strays: dict[str, tuple[bytes, Hop]] = {}
        self._prack_due: tuple[Dialog, str] | None = None
        self.exchange: Exchange
        self._cancel_reason: str | None = None
        self._cancel_sent = False
        self.answered_tag = ""

    def begin(self, now: float) -> None:
        """Send the INVITE. Raises ValueError where a header carries a CR or LF."""
        session = self._session
        request = self._template.replace(
            cseq=session.next_cseq(),
            headers=[*self._plain_headers, *session.timer.request_headers()],
        )
        self.exchange = Exchange(
            session.core.layer,
            request,
            auth=session.auth,
            next_cseq=session.next_cseq,
            on_response=self._on_response,
            on_failure=self._on_failure,
            on_end=session.let_go,
        )
        session.hold_on()
        try:
            self.exchange.begin(now)
        except ValueError:
            session.let_go()
            raise

    def dialog(self, remote_tag: str) -> Dialog | None:
        """The early dialog with that far end."""
        return self._early.get(remote_tag)

    def latest(self) -> Dialog | None:
        """The early dialog that came last, for an UPDATE of ours."""
        return next(reversed(self._early.values())) if self._early else None

    def cancel(self, now: float, reason: str | None) -> None:
        """Send a CANCEL as soon as there is something to cancel (9.1), once."""
        self._cancel_reason = reason
        self.exchange.give_up()
        transaction = self.exchange.transaction
        if transaction is not None and transaction.state is State.PROCEEDING:
            self._send_cancel(now)

    @property
    def owes_answer(self) -> bool:
        """Whether a PRACK waits for our answer."""
        return self._prack_due is not None

    def answer(self, sdp: bytes, now: float) -> None:
        """Answer the offer of a reliable provisional response, in its PRACK."""
        due, self._prack_due = self._prack_due, None
        if due is not None and self._session.offers.move(Move.ANSWER_SENT, sdp):
            self._session.send_in_dialog(
                "PRACK", now, dialog=due[0], headers=[("RAck", due[1])], body=sdp
            )

    def _on_response(self, response: Response, now: float) -> None:
        if response.code < 200:
            self._on_provisional(response, now)
        elif response.code < 300:
            self._on_success(response, now)
        else:
            self._on_refusal(response, now)

    def _on_provisional(self, response: Response, now: float) -> None:
        session = self._session
        session.fire(session.Event.PROVISIONAL, now)
        if session.state is not session.State.PROCEEDING or response.code == 100:
            return
        try:
            sdp = session_description(response)
        except UnsupportedBody:
            sdp = None
        tag = response.to_tag
        rack = None
        offered = False
        if tag:
            dialog = self._early.get(tag)
            if dialog is None:
                dialog = Dialog.of_client(self.exchange.request, response, session.local_tag)
                self._early[tag] = dialog
            else:
                dialog.refresh_target(response)
            if "100rel" in tokens(response.headers.getlist("Require")):
                rack = self._receivers.setdefault(tag, ReliableReceiver()).accept(response)
                if rack is None:
                    return
                offered = self._take_reliable_sdp(tag, sdp)
                if offered:
                    self._prack_due = (dialog, rack)
                else:
                    session.send_in_dialog("PRACK", now, dialog=dialog, headers=[("RAck", rack)])
            elif sdp is not None:
                self._previews[tag] = sdp
            session.note_allowed(response)
        if sdp is not None and session.offers.turn is Turn.LOCAL:
            session.preview = sdp
        session.emit(Progressed(session, response.code, None if offered else sdp))
        if offered and sdp is not None:
            session.emit(OfferReceived(session, sdp))
        session.media.proceed(now)

    def _take_reliable_sdp(self, tag: str, sdp: bytes | None) -> bool:
        """Account for the description in a reliable response; True if it is an offer."""
        offers = self._session.offers
        if sdp is None:
            return False
        if offers.turn is Turn.LOCAL:
            offers.move(Move.ANSWER_RECEIVED, sdp)
            self._negotiated_tag = tag
        elif offers.turn is Turn.IDLE:
            self._negotiated_tag = tag
            return offers.move(Move.OFFER_RECEIVED, sdp)
        elif tag not in self._answers and tag != self._negotiated_tag:
            self._answers[tag] = sdp  # another fork's answer to the same offer
        return False

    def _on_success(self, response: Response, now: float) -> None:
        session = self._session
        tag = response.to_tag
        if session.dialog is not None:
            if tag == self.answered_tag:
                session.repeat_ack(response.cseq_number, now)
            else:
                self._end_stray(response, now)
            return
        dialog = Dialog.of_client(self.exchange.request, response, session.local_tag)
        early = self._early.get(tag)
        if early is not None:
            dialog.remote_cseq = early.remote_cseq
        session.dialog = dialog
        self.answered_tag = tag
        session.note_allowed(response)
        session.timer.agreed(response)
        self._early.clear()
        self._receivers.clear()
        try:
            sdp = session_description(response)
        except UnsupportedBody:
            sdp = None
        offers = session.offers
        if offers.turn is Turn.LOCAL:
            answer = sdp or self._previews.get(tag)
            if answer is not None:
                offers.move(Move.ANSWER_RECEIVED, answer)
                session.fire(session.Event.SUCCESS, now)
                return
        elif offers.turn is Turn.STABLE:
            if tag != self._negotiated_tag:
                # Another fork than the one that answered reliably first.
                offers.remote = self._answers.get(tag) or sdp or offers.remote
            session.fire(session.Event.SUCCESS, now)
            return
        elif offers.turn is Turn.IDLE and sdp is not None:
            offers.move(Move.OFFER_RECEIVED, sdp)
            session.fire(session.Event.SUCCESS_WITH_OFFER, now)
            return
        session.fire(session.Event.SUCCESS_UNUSABLE, now)

    def _on_refusal(self, response: Response, now: float) -> None:
        session = self._session
        self._early.clear()
        if (
            response.code == 422
            and session.state in (session.State.CALLING, session.State.PROCEEDING)
            and session.timer.raise_minimum(response)
        ):
            # Anew with an interval the far end can live with (RFC 4028, 7.3).
            self.exchange.detach()
            self._template = self.exchange.request
            self._plain_headers = [
                header for header in self.exchange.request.headers
                if header[0] not in ("Session-Expires", "Min-SE")
            ]  # fmt: skip
            session.state = session.State.CALLING
            self.begin(now)
            return
        session.fire(
            session.Event.FAILURE, now, (response.code, response.phrase, "response", response)
        )

    def _on_failure(self, why: str, now: float) -> None:
        code = 408 if why == "timeout" else 503
        self._session.fire(self._session.Event.FAILURE, now, (code, PHRASES[code], why, None))

    def _send_cancel(self, now: float) -> None:
        if not self._cancel_sent:
            self._cancel_sent = True
            self.exchange.cancel(now, self._cancel_reason)

    def _end_stray(self, response: Response, now: float) -> None:
        """A second phone answered: acknowledge it and hang up (13.2.2.4)."""
        session = self._session
        tag = response.to_tag
        known = self._strays.get(tag)
        if known is not None:
            session.core.layer.send(*known)
            return
        dialog = Dialog.of_client(self.exchange.request, response, session.local_tag)
        self._strays[tag] = session.compose_ack(dialog, self.exchange, b"")
        session.core.layer.send(*self._strays[tag])
        session.send_in_dialog("BYE", now, dialog=dialog)
