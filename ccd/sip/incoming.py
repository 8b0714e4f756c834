"""The INVITE that brought a call in: ringing, answering, refusing (RFC 3261, 13.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccd.sip.bodies import UnsupportedBody, session_description
from ccd.sip.events import OfferAnswered, OfferReceived
from ccd.sip.grammar import tokens
from ccd.sip.message import Request
from ccd.sip.offers import Move, Turn
from ccd.sip.reliable import Pending, ReliableSender
from ccd.sip.server_transactions import InviteServer, ServerTransaction
from ccd.timer_queue import Timer

if TYPE_CHECKING:
    from ccd.sip.session import Session

Header = tuple[str, str]


class IncomingSetup:
    """What is particular to a call until it is answered, on the side that answers."""

    def __init__(
        self, session: Session, transaction: InviteServer, request: Request, now: float
    ) -> None:
        self._session = session
        self.transaction = transaction
        core = session.core
        headers = request.headers
        required = "100rel" in tokens(headers.getlist("Require"))
        offered = required or "100rel" in tokens(headers.getlist("Supported"))
        self._reliable: ReliableSender | None = None
        if required or (offered and core.prefers_reliable):
            self._reliable = ReliableSender(
                transaction,
                queue=core.queue,
                timers=core.timers,
                rng=core.rng,
                on_timeout=self._unacknowledged,
            )
        self.answer_headers: list[Header] = []
        """Headers of the 2xx that were settled when the INVITE came (RFC 4028)."""
        self._deferred: tuple[bytes, Sequence[Header]] | None = None
        self._last: tuple[int, bytes] | None = None
        self._progress_timer: Timer | None = None
        self._expires_timer: Timer | None = None
        expires = headers.get("Expires")
        if expires is not None and expires.isascii() and expires.isdigit() and len(expires) < 8:
            self._expires_timer = core.queue.at(now + int(expires), self._expired)

    def progress(self, code: int, sdp: bytes | None, now: float) -> None:
        """Send a provisional response, reliably where that was asked for."""
        session = self._session
        offers = session.offers
        headers = [("Contact", session.contact)]
        if code == 100:
            self.transaction.respond(100, now)
            return
        if self._reliable is not None:
            if sdp is not None and offers.turn is Turn.REMOTE:
                offers.move(Move.ANSWER_SENT, sdp)
            elif sdp is not None and offers.turn is Turn.IDLE:
                offers.move(Move.OFFER_SENT, sdp)
            else:
                sdp = None  # it was sent before; an offer of its own needs an UPDATE
            headers += session.core.capabilities
            self._reliable.send(Pending(code, sdp, headers), now)
        else:
            if offers.turn is Turn.REMOTE:
                # Early media: a preview of the answer, which the 2xx gives (13.2.1).
                offers.local = sdp or offers.local
            else:
                sdp = None  # unreliable, so it can be neither offer nor answer
            data = self.transaction.respond(
                code, now, headers=headers, body=sdp or b"", record_routes=True
            )
            if data:
                self._last = (code, data)
        self._schedule_progress(code, now)

    def accept(self, sdp: bytes, headers: Sequence[Header], now: float) -> None:
        """Send the 2xx, or keep it until a description already sent is acknowledged."""
        session = self._session
        if self._reliable is not None and self._reliable.owes_sdp:
            self._deferred = (sdp, headers)
            return
        if session.fire(session.Event.ACCEPT, now):
            self.stop()
            turn = session.offers.turn
            body: bytes = b""
            if turn is Turn.REMOTE:
                session.offers.move(Move.ANSWER_SENT, sdp)
                body = sdp
            elif turn is Turn.IDLE:
                session.offers.move(Move.OFFER_SENT, sdp)
                body = sdp
            session.send_2xx(
                self.transaction,
                [*self.answer_headers, *headers],
                body,
                expects_answer=turn is Turn.IDLE,
                now=now,
            )

    def refuse(
        self, code: int, now: float, phrase: str | None = None, headers: Sequence[Header] = ()
    ) -> None:
        """Send the final refusal."""
        self.stop()
        self.transaction.respond(code, now, phrase=phrase, headers=headers)

    def prack(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """A PRACK came: answer it, and go on with what waited for it (RFC 3262, 3)."""
        session = self._session
        try:
            sdp = session_description(request)
        except UnsupportedBody:
            transaction.respond(415, now, headers=[("Accept", "application/sdp")])
            return
        acknowledged = None
        if self._reliable is not None:
            acknowledged = self._reliable.acknowledge(request)
        if acknowledged is None:
            transaction.respond(481, now)
            return
        if session.offers.turn is Turn.LOCAL and acknowledged.sdp is not None:
            if sdp is None:
                transaction.respond(200, now)
                session.fire(
                    session.Event.UNANSWERED, now, "the PRACK carried no answer to our offer"
                )
                return
            session.offers.move(Move.ANSWER_RECEIVED, sdp)
            transaction.respond(200, now)
            session.emit(OfferAnswered(session, sdp))
        elif sdp is not None:
            # A new offer in a PRACK: its 200 carries our answer.
            if not session.offers.move(Move.OFFER_RECEIVED, sdp):
                transaction.respond(491, now)
                return
            session.media.pend(transaction)
            session.emit(OfferReceived(session, sdp))
        else:
            transaction.respond(200, now)
        if self._reliable is not None:
            self._reliable.proceed(now)
        if self._deferred is not None and not (self._reliable and self._reliable.owes_sdp):
            deferred, self._deferred = self._deferred, None
            self.accept(*deferred, now)
        session.media.proceed(now)

    def stop(self) -> None:
        """No more provisional responses."""
        for timer in (self._progress_timer, self._expires_timer):
            if timer is not None:
                timer.cancel()
        self._progress_timer = self._expires_timer = None
        if self._reliable is not None:
            self._reliable.stop()

    def dispose(self) -> None:
        """Let go of what refers back here."""
        self.stop()
        self._reliable = None

    def _schedule_progress(self, code: int, now: float) -> None:
        core = self._session.core
        if self._progress_timer is not None:
            self._progress_timer.cancel()
        self._progress_timer = core.queue.at(now + core.timers.progress, self._progress_due, code)

    def _progress_due(self, code: int, now: float) -> None:
        # Proxies forget a call that is silent for three minutes (13.3.1.1).
        if self._reliable is not None:
            self._reliable.send(Pending(code, None, [("Contact", self._session.contact)]), now)
        elif self._last is not None:
            self.transaction.send_again(self._last[1])
        self._schedule_progress(code, now)

    def _expired(self, argument: None, now: float) -> None:
        self._session.fire(self._session.Event.EXPIRED, now, "the INVITE expired")

    def _unacknowledged(self, now: float) -> None:
        self._session.fire(
            self._session.Event.UNACKNOWLEDGED, now, "no PRACK for a provisional response"
        )
