"""Changing the media of a session while it lasts: re-INVITE and UPDATE, both directions.

Who may offer when, and how two offers that cross are sorted out, is RFC 3261, 14,
RFC 3311, 5 and RFC 6337, 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccd.sip.bodies import UnsupportedBody, session_description
from ccd.sip.events import OfferAnswered, OfferReceived, OfferRefused
from ccd.sip.exchange import Exchange
from ccd.sip.message import Request, Response
from ccd.sip.offers import Move, Turn
from ccd.sip.server_transactions import InviteServer, ServerTransaction
from ccd.sip.session_timer import IntervalTooSmall
from ccd.timer_queue import Timer

if TYPE_CHECKING:
    from ccd.sip.session import Session

Header = tuple[str, str]

_GLARE_OWNER_S = (2.1, 4.0)
"""After a 491: how long the owner of the Call-ID waits (RFC 3261, 14.1)..."""
_GLARE_OTHER_S = (0.0, 2.0)
"""...and how long the other side."""
_RETRY_AFTER_MAX_S = 10
"""Retry-After of our 500 to an offer that comes too early (14.2)."""


class Renegotiation:
    """The offers in flight in one session, at most one each way."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._remote: ServerTransaction | None = None
        self._remote_headers: list[Header] = []
        self._local: Exchange | None = None
        self._local_sdp: bytes | None = None
        self._refreshing = False
        self._ack_due: Exchange | None = None
        self._wanted: tuple[bytes | None] | None = None
        self._retry: Timer | None = None

    # --- ours -------------------------------------------------------------------------

    def offer(self, sdp: bytes | None, now: float) -> None:
        """Send an offer, or ask for one, as soon as it is our turn."""
        self._wanted = (sdp,)
        self.proceed(now)

    def proceed(self, now: float) -> None:
        """It may be our turn: send what is wanted."""
        if self._wanted is None or not self._free():
            return
        session = self._session
        sdp = self._wanted[0]
        if session.state is session.State.CONFIRMED:
            method = "INVITE"
        elif (
            sdp is not None
            and session.offers.turn is Turn.STABLE
            and "UPDATE" in session.peer_allows
            and session.state in (session.State.RINGING, session.State.PROCEEDING)
        ):
            method = "UPDATE"
        else:
            return
        self._wanted = None
        self._send(method, sdp, now, refreshing=False)

    def refresh(self, now: float) -> None:
        """Show that we are alive (RFC 4028, 7.4): an UPDATE, else a re-INVITE as it was."""
        session = self._session
        if session.state is not session.State.CONFIRMED or not self._free():
            return  # a negotiation is going on, and refreshes the session as well
        if "UPDATE" in session.peer_allows:
            self._send("UPDATE", None, now, refreshing=True)
        elif session.offers.local is not None:
            self._send("INVITE", session.offers.local, now, refreshing=True)

    def _free(self) -> bool:
        session = self._session
        return (
            session.offers.quiet
            and self._local is None
            and self._remote is None
            and self._ack_due is None
            and self._retry is None
            and session.ack_wait is None
            and session.current_dialog() is not None
        )

    def _send(self, method: str, sdp: bytes | None, now: float, *, refreshing: bool) -> None:
        session = self._session
        self._refreshing = refreshing
        self._local_sdp = sdp
        if sdp is not None:
            session.offers.move(Move.OFFER_SENT, sdp)
        self._local = session.send_in_dialog(
            method,
            now,
            headers=[
                ("Contact", session.contact),
                *session.core.capabilities,
                *session.timer.request_headers(),
            ],
            body=sdp or b"",
            on_response=self._on_response,
            on_failure=self._on_failure,
        )

    def _on_response(self, response: Response, now: float) -> None:
        session = self._session
        if response.code < 200:
            return
        if response.code < 300:
            if self._local is None or response.cseq_number != self._local.request.cseq:
                session.repeat_ack(response.cseq_number, now)
                return
            self._on_success(response, now)
        elif self._local is not None:
            self._local = None
            if response.code == 422 and session.timer.raise_minimum(response):
                # Anew, with an interval the far end can live with (RFC 4028, 7.3).
                if self._local_sdp is not None:
                    session.offers.move(Move.REFUSED)
                self._send(response.cseq_method, self._local_sdp, now, refreshing=self._refreshing)
            else:
                self._failed(response.code, now)

    def _on_success(self, response: Response, now: float) -> None:
        session = self._session
        exchange, self._local = self._local, None
        if exchange is None or session.dialog is None:
            if exchange is not None and response.cseq_method == "UPDATE":
                self._early_update_answered(response, now)
            return
        session.dialog.refresh_target(response)
        session.note_allowed(response)
        session.timer.agreed(response)
        session.timer.restart(now)
        try:
            sdp = session_description(response)
        except UnsupportedBody:
            sdp = None
        invite = response.cseq_method == "INVITE"
        if self._local_sdp is None:
            if invite and sdp is not None and session.offers.move(Move.OFFER_RECEIVED, sdp):
                self._ack_due = exchange
                session.emit(OfferReceived(session, sdp))
                return
            if invite:
                session.send_ack(session.dialog, exchange, b"")
        else:
            if invite:
                session.send_ack(session.dialog, exchange, b"")
            self._answered(sdp)
        self.proceed(now)

    def _early_update_answered(self, response: Response, now: float) -> None:
        try:
            sdp = session_description(response)
        except UnsupportedBody:
            sdp = None
        self._answered(sdp)
        self.proceed(now)

    def _answered(self, sdp: bytes | None) -> None:
        session = self._session
        if sdp is None:
            session.offers.move(Move.REFUSED)
            if not self._refreshing:
                session.emit(OfferRefused(session, 488))
            return
        before = session.offers.remote
        session.offers.move(Move.ANSWER_RECEIVED, sdp)
        if not self._refreshing or sdp != before:
            session.emit(OfferAnswered(session, sdp))

    def _on_failure(self, why: str, now: float) -> None:
        if self._local is not None:
            self._local = None
            self._failed(408 if why == "timeout" else 503, now)

    def _failed(self, code: int, now: float) -> None:
        session = self._session
        if self._local_sdp is not None:
            session.offers.move(Move.REFUSED)
        if code in (408, 481):
            # 12.2.1.2: the far end is gone, or has forgotten the dialog.
            session.fire(session.Event.DEAD, now, f"{code} to a request in the dialog")
            return
        if code == 491 and not session.over:
            low, high = _GLARE_OTHER_S if session.incoming else _GLARE_OWNER_S
            # In units of 10 ms, as 14.1 has it.
            delay = session.core.rng.randint(round(low * 100), round(high * 100)) / 100
            again = None if self._refreshing else (self._local_sdp,)
            self._retry = session.core.queue.at(now + delay, self._retry_due, again)
            return
        if not self._refreshing:
            session.emit(OfferRefused(session, code))
        self.proceed(now)

    def _retry_due(self, again: tuple[bytes | None] | None, now: float) -> None:
        self._retry = None
        if again is None:
            self.refresh(now)
            return
        if self._wanted is None:
            self._wanted = again
        self.proceed(now)

    # --- theirs -----------------------------------------------------------------------

    def receive(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """A re-INVITE or UPDATE of the far end, in order and screened."""
        session = self._session
        dialog = session.dialog_with(request.from_tag)
        if dialog is None:
            transaction.respond(481, now)
            return
        try:
            sdp = session_description(request)
        except UnsupportedBody:
            transaction.respond(415, now, headers=[("Accept", "application/sdp")])
            return
        invite = isinstance(transaction, InviteServer)
        if invite and session.state is not session.State.CONFIRMED:
            wait = session.ack_wait
            if session.state is session.State.ANSWERED and wait and not wait.expects_answer:
                # It knows our answer, so only its ACK was lost or overtaken (RFC 5407, 3.1.5).
                session.confirm(now)
            else:
                self._too_early(transaction, now)
                return
        if (invite or sdp is not None) and not self._their_turn(transaction, now):
            return
        try:
            timer_headers = session.timer.answer(request)
        except IntervalTooSmall as small:
            transaction.respond(422, now, headers=[("Min-SE", str(small.minimum))])
            return
        dialog.refresh_target(request)
        session.note_allowed(request)
        if session.state is session.State.CONFIRMED:
            session.timer.restart(now)
        if not invite and sdp is None:
            transaction.respond(200, now, headers=[("Contact", session.contact), *timer_headers])
            return
        if sdp is not None:
            session.offers.move(Move.OFFER_RECEIVED, sdp)
        self._remote_headers = timer_headers
        self.pend(transaction)
        session.emit(OfferReceived(session, sdp))

    def pend(self, transaction: ServerTransaction) -> None:
        """This request's response will carry our answer."""
        self._remote = transaction
        transaction.owner = self._session

    def _their_turn(self, transaction: ServerTransaction, now: float) -> bool:
        session = self._session
        if self._remote is not None or session.offers.turn is Turn.REMOTE:
            self._too_early(transaction, now)
            return False
        if self._local is not None or self._ack_due is not None or not session.offers.quiet:
            transaction.respond(491, now)
            return False
        wait = session.ack_wait
        if wait is not None and isinstance(transaction, InviteServer):
            session.confirm(now)
        return True

    def _too_early(self, transaction: ServerTransaction, now: float) -> None:
        seconds = self._session.core.rng.randint(0, _RETRY_AFTER_MAX_S)
        transaction.respond(500, now, headers=[("Retry-After", str(seconds))])

    def receive_cancel(self, transaction: ServerTransaction, now: float) -> None:
        """A CANCEL of a re-INVITE not yet answered: the session goes on as it was."""
        if transaction is self._remote:
            self.refuse(487, now)

    def answer(self, sdp: bytes, now: float) -> None:
        """Our answer (or, to a re-INVITE without an offer, our offer)."""
        session = self._session
        exchange, self._ack_due = self._ack_due, None
        if exchange is not None and session.dialog is not None:
            session.offers.move(Move.ANSWER_SENT, sdp)
            session.send_ack(session.dialog, exchange, sdp)
            self.proceed(now)
            return
        transaction, self._remote = self._remote, None
        if transaction is None:
            return
        headers, self._remote_headers = self._remote_headers, []
        late = session.offers.turn is not Turn.REMOTE
        session.offers.move(Move.OFFER_SENT if late else Move.ANSWER_SENT, sdp)
        if isinstance(transaction, InviteServer):
            session.send_2xx(transaction, headers, sdp, expects_answer=late, now=now)
        else:
            transaction.respond(
                200, now, headers=[("Contact", session.contact), *headers], body=sdp
            )
            self.proceed(now)

    def refuse(self, code: int, now: float) -> None:
        """Turn the far end's offer down."""
        session = self._session
        if self._ack_due is not None and session.dialog is not None:
            # An offer in a 2xx cannot be refused, only the session ended (RFC 6337, 3.2).
            exchange, self._ack_due = self._ack_due, None
            session.send_ack(session.dialog, exchange, b"")
            session.terminate(now=now)
            return
        transaction, self._remote = self._remote, None
        if transaction is None:
            return
        self._remote_headers = []
        session.offers.move(Move.REFUSED)
        transaction.respond(code, now)
        self.proceed(now)

    def stop(self, now: float) -> None:
        """The session is over: nothing is negotiated any more."""
        self._wanted = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._local is not None:
            self._local.detach()
            self._local = None
        if self._ack_due is not None:
            if self._session.dialog is not None:
                self._session.send_ack(self._session.dialog, self._ack_due, b"")
            self._ack_due = None
        if self._remote is not None:
            transaction, self._remote = self._remote, None
            transaction.respond(487, now)

    def dispose(self) -> None:
        """Let go of the session, which is over: no verb leads here any more."""
        self._local = self._ack_due = self._remote = None
        del self._session
