"""A call from its INVITE to its end: the INVITE usage of a dialog.

The life of a session is the table `LIFE`: (state, event) -> (state, actions). What is
particular to how it began is in `incoming` and `outgoing`; changing media while it lasts
is in `renegotiation`. Verbs may be called at any time: one that comes too late (the
far end was quicker) does nothing, and the `Terminated` on its way says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ccd.sip.acknowledgement import AckWait
from ccd.sip.bodies import UnsupportedBody, session_description
from ccd.sip.compose import check_headers
from ccd.sip.core import Core
from ccd.sip.dialog import Dialog
from ccd.sip.events import (
    Accepted,
    Confirmed,
    EndedBy,
    OfferAnswered,
    Rejected,
    Terminated,
)
from ccd.sip.exchange import Authenticating, Exchange
from ccd.sip.grammar import GrammarError, parse_name_addr, quote, tokens
from ccd.sip.hop import Hop
from ccd.sip.incoming import IncomingSetup
from ccd.sip.message import Request, Response
from ccd.sip.offers import Move, OfferAnswer, Turn
from ccd.sip.outgoing import OutgoingSetup
from ccd.sip.renegotiation import Renegotiation
from ccd.sip.server_transactions import InviteServer, ServerTransaction
from ccd.sip.session_states import SessionEvent, SessionState
from ccd.sip.session_timer import SessionTimer
from ccd.timer_queue import Timer

__all__ = ["LEAVING_S", "LIFE", "Session", "SessionEvent", "SessionState"]

LEAVING_S = 1.0
"""A far end that has not answered our BYE for so long is taken to be gone by who waits for it.

Two retransmissions over UDP fit in. The BYE itself goes on until its transaction ends.
"""

Header = tuple[str, str]

_REASON = re.compile(r"[A-Za-z0-9.\-]+ *;")


class Session:
    """One call. See `UserAgent` for how it comes about and the events for what it tells."""

    State = SessionState
    Event = SessionEvent

    def __init__(
        self,
        core: Core,
        session_id: int,
        *,
        call_id: str,
        local_tag: str,
        incoming: bool,
        peer: Hop,
        contact_user: str,
        auth: Authenticating | None,
        session_expires: int | None,
    ) -> None:
        self.core = core
        self.id = session_id
        self.call_id = call_id
        self.local_tag = local_tag
        self.incoming = incoming
        self.peer = peer
        """Where the far end's messages come from, or our INVITE went to."""
        self.state = SessionState.RINGING if incoming else SessionState.CALLING
        self.request: Request | None = None
        """The INVITE as received; None where we called."""
        self.replaces: Session | None = None
        """The session that the INVITE asks to replace (RFC 3891), found by the agent."""
        self.owner: Any = None
        """Free for the agent's user."""
        self.auth = auth
        self.contact = core.contact(peer.protocol, contact_user)
        self.dialog: Dialog | None = None
        self.offers = OfferAnswer()
        self.preview: bytes | None = None
        self.peer_allows: frozenset[str] = frozenset()
        self.media = Renegotiation(self)
        self.timer = SessionTimer(
            wanted=session_expires,
            queue=core.queue,
            on_refresh=self.media.refresh,
            on_expire=self._expired,
        )
        self.inbound: IncomingSetup | None = None
        self.outbound: OutgoingSetup | None = None
        self.ack_wait: AckWait | None = None
        self._acks: tuple[int, bytes] | None = None
        self._patience: Timer | None = None
        self._followers: list[Session] = []
        self._begin_late: Callable[[float], None] | None = None
        self._awaited = 0
        self._cseq = 0
        self._holds = 0
        self._told = False
        self._reason: str | None = None

    def __repr__(self) -> str:
        way = "from" if self.incoming else "to"
        return f"<Session {self.id} {way} {self.peer} {self.state.value}>"

    # --- what the owner may ask -------------------------------------------------------

    @property
    def local_sdp(self) -> bytes | None:
        """Our description, in force or proposed."""
        return self.offers.local

    @property
    def remote_sdp(self) -> bytes | None:
        """The far end's description, in force or proposed; before the answer its early media."""
        return self.offers.remote if self.offers.remote is not None else self.preview

    @property
    def asserted_identity(self) -> str | None:
        """The URI of P-Asserted-Identity (RFC 3325); worth what its sender is trusted for."""
        if self.request is None:
            return None
        for value in self.request.headers.elements("P-Asserted-Identity"):
            try:
                return parse_name_addr(value).uri
            except GrammarError:
                continue
        return None

    @property
    def over(self) -> bool:
        """Whether `Terminated` was told."""
        return self._told

    @property
    def leaving(self) -> bool:
        """Whether it is over for us, and the far end may not know: a phone of one line is busy."""
        return self.state in (SessionState.ENDING, SessionState.LEAVING)

    def progress(self, code: int = 180, sdp: bytes | None = None, *, now: float) -> None:
        """Tell the caller how it goes; reliably (RFC 3262) where it requires that.

        `sdp` with an offer received is early media: answered for good where the response
        is reliable, else to be repeated in `accept()`. Without one it can only go reliably.
        """
        if self.inbound is not None and self.state is SessionState.RINGING:
            self.inbound.progress(code, sdp, now)

    def accept(self, sdp: bytes, *, now: float, headers: Sequence[Header] = ()) -> None:
        """Answer the call; `sdp` is our answer, or our offer where the INVITE had none."""
        check_headers(headers)
        if self.inbound is not None and self.state is SessionState.RINGING:
            self.inbound.accept(sdp, headers, now)

    def reject(
        self, code: int, *, now: float, phrase: str | None = None, headers: Sequence[Header] = ()
    ) -> None:
        """Refuse the call with a final response of 300 or above."""
        check_headers(headers, phrase)
        if self.inbound is not None:
            self.fire(SessionEvent.REFUSE, now, (code, phrase, headers))

    def terminate(self, *, now: float, reason: str | None = None) -> None:
        """End it whatever its state: CANCEL, BYE or a final refusal; idempotent.

        `reason` becomes a Reason header (RFC 3326): a whole value, or only its text.
        """
        if reason is not None:
            reason = " ".join(reason.split())  # whoever worded it: one line
            if _REASON.match(reason) is None:
                reason = f"SIP;text={quote(reason)}"
        if not self._told:
            self._reason = reason
        self.fire(SessionEvent.TERMINATE, now)

    def offer(self, sdp: bytes | None, *, now: float) -> None:
        """Change the media: a re-INVITE, or an UPDATE before the call is answered.

        None asks the far end for its offer. Kept until its turn comes where another
        negotiation is going on; a second call before that replaces the first.
        """
        if not self._told:
            self.media.offer(sdp, now)

    def answer(self, sdp: bytes, *, now: float) -> None:
        """Answer an `OfferReceived`, or an `Accepted` that is an offer."""
        if self._told:
            return
        if self.state is SessionState.ACCEPTED:
            if self.offers.move(Move.ANSWER_SENT, sdp):
                self.fire(SessionEvent.ANSWER, now)
        elif self.outbound is not None and self.outbound.owes_answer:
            self.outbound.answer(sdp, now)
        else:
            self.media.answer(sdp, now)

    def refuse_offer(self, code: int = 488, *, now: float) -> None:
        """Turn down an `OfferReceived`; what was agreed before stays in force."""
        if self._told:
            return
        if self.state is SessionState.ACCEPTED:
            self.terminate(now=now)
        else:
            self.media.refuse(code, now)

    def info(self, content_type: str, body: bytes, *, now: float) -> None:
        """Send an INFO (RFC 6086)."""
        check_headers((), content_type)
        if self.current_dialog() is not None and not self._told:
            self.send_in_dialog("INFO", now, body=body, content_type=content_type)

    def notify(self, event: str, told: Callable[[int], None], *, now: float) -> bool:
        """Send a NOTIFY in the dialog, early or not: `talk` has a desk phone answer.

        RFC 6665 wants a subscription for it; desk phones take the INVITE's dialog for one.
        `told` hears the final status, 408 or 503 where there is none. False without a dialog.
        """
        check_headers((("Event", event),))
        if self._told:
            return False

        def failed(why: str, _now: float) -> None:
            told(408 if why == "timeout" else 503)

        def answered(response: Response, _now: float) -> None:
            if response.code >= 200:
                told(response.code)

        headers = [("Event", event), ("Subscription-State", "active")]
        sent = self.send_in_dialog(
            "NOTIFY", now, headers=headers, on_response=answered, on_failure=failed
        )
        return sent is not None

    # --- the table --------------------------------------------------------------------

    def fire(self, event: SessionEvent, now: float, detail: Any = None) -> bool:
        """Move by the table; False where it ignores `event` in this state."""
        step = LIFE.get((self.state, event))
        if step is None:
            return False
        self.state, actions = step
        for action in actions:
            action(self, now, detail)
        return True

    def _refuse(self, now: float, detail: tuple[int, str | None, Sequence[Header]]) -> None:
        if self.inbound is not None:
            self.inbound.refuse(detail[0], now, detail[1], detail[2])

    def _refuse_480(self, now: float, detail: object) -> None:
        headers = [("Reason", self._reason)] if self._reason else []
        self._refuse(now, (480, None, headers))

    def _refuse_487(self, now: float, detail: object) -> None:
        self._refuse(now, (487, None, ()))

    def _refuse_504(self, now: float, detail: object) -> None:
        self._refuse(now, (504, None, ()))

    def _cancel(self, now: float, detail: object) -> None:
        if self.outbound is not None:
            self.outbound.cancel(now, self._reason)

    def _ack(self, now: float, detail: object) -> None:
        if self.outbound is None or self.dialog is None:
            return
        invite = self.outbound.exchange
        turn = self.offers.turn
        # Only an answer to an offer in the 2xx travels in the ACK.
        body = self.offers.local or b"" if detail == "answer" and turn is Turn.STABLE else b""
        self.send_ack(self.dialog, invite, body)

    def _ack_with_answer(self, now: float, detail: object) -> None:
        self._ack(now, "answer")

    def _bye(self, now: float, detail: object) -> None:
        """The session is over for us as soon as the BYE is passed to its transaction (15.1.1)."""
        self._be_patient(now)
        if self.dialog is not None:
            headers = [("Reason", self._reason)] if self._reason else []
            self.send_in_dialog(
                "BYE",
                now,
                headers=headers,
                on_response=self._bye_answered,
                on_failure=self._bye_lost,
            )
        self._stop_ack_wait()

    def _be_patient(self, now: float, detail: object = None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.core.queue.at(now + LEAVING_S, self._out_of_patience)

    def _out_of_patience(self, argument: None, now: float) -> None:
        self._let_follow(now)
        self.fire(SessionEvent.LEFT, now)

    def _bye_answered(self, response: Response, now: float) -> None:
        # Whatever it says: 481 and 408 end the dialog as well (RFC 3261, 15.1.1), and so does
        # any refusal of a request that there is nothing to gain from repeating.
        if response.code >= 200:
            self.fire(SessionEvent.LEFT, now)

    def _bye_lost(self, why: str, now: float) -> None:
        self.fire(SessionEvent.LEFT, now)

    def _left(self, now: float, detail: object) -> None:
        self._let_follow(now)
        self._release()

    def _left_before_bye(self, now: float, detail: object) -> None:
        self._stop_ack_wait()
        self._left(now, detail)

    def follow(self, others: Sequence[Session], begin: Callable[[float], None]) -> bool:
        """Put off a call of ours until all of `others` have left; False where none is leaving."""
        for other in others:
            if other.leaving:
                other._followers.append(self)
                self._awaited += 1
        if not self._awaited:
            return False
        self.state, self._begin_late = SessionState.WAITING, begin
        return True

    def _let_follow(self, now: float) -> None:
        """Who waited for the end of this session need not any longer."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        followers, self._followers = self._followers, []
        for follower in followers:
            follower._awaited -= 1
            if not follower._awaited:
                follower.fire(SessionEvent.FREE, now)

    def _call(self, now: float, detail: object) -> None:
        assert self._begin_late is not None
        begin, self._begin_late = self._begin_late, None
        begin(now)

    def _drop_invite(self, now: float, detail: object) -> None:
        self._begin_late = self.outbound = None

    def _begin(self, now: float, detail: object) -> None:
        self.timer.restart(now)
        self.media.proceed(now)

    def _tell_confirmed(self, now: float, sdp: bytes | None) -> None:
        self.emit(Confirmed(self, sdp))

    def _tell_accepted(self, now: float, detail: object) -> None:
        self.emit(Accepted(self, self.offers.remote, is_offer=False))

    def _tell_offered(self, now: float, detail: object) -> None:
        self.emit(Accepted(self, self.offers.remote, is_offer=True))

    def _tell_rejected(self, now: float, detail: Any) -> None:
        code, phrase, how, response = detail
        self.emit(Rejected(self, code, phrase, how, response))
        reason = response.headers.get("Reason") if response is not None else None
        by: EndedBy = "remote" if how == "response" else how
        self._end(by, reason or f"{code} {phrase}", now)

    def _tell_unusable(self, now: float, detail: object) -> None:
        self.emit(Rejected(self, 488, "No session description in the answer", "response"))
        self._end("local", "no session description in the answer", now)

    def _end_local(self, now: float, detail: object) -> None:
        self._end("local", self._reason or "", now)

    def _refuse_488(self, now: float, detail: object) -> None:
        self._refuse(now, (488, None, ()))

    def _end_unanswered(self, now: float, detail: str) -> None:
        self._end("local", detail, now)

    def _end_cancelled(self, now: float, detail: object) -> None:
        self._end("local", self._reason or "", now, cancelled=True)

    def _end_remote(self, now: float, detail: str) -> None:
        self._end("remote", detail, now)

    def _end_remote_cancelled(self, now: float, detail: str) -> None:
        self._end("remote", detail, now, cancelled=True)

    def _end_timeout(self, now: float, detail: str) -> None:
        self._end("timeout", detail, now)

    def _end(self, by: EndedBy, reason: str, now: float, *, cancelled: bool = False) -> None:
        if self._told:
            return
        self._told = True
        self.timer.stop()
        self.media.stop(now)
        if self.inbound is not None:
            self.inbound.stop()
        if self.state is SessionState.ENDED:
            self._stop_ack_wait()
        self.core.emit(Terminated(self, by, cancelled, reason))
        self.core.ended(self)
        self._release()

    # --- messages in its dialog -------------------------------------------------------

    def receive_cancel(self, request: Request, now: float) -> None:
        """A CANCEL of the INVITE that began it (it is already answered 200)."""
        reason = request.headers.get("Reason") or "CANCEL"
        self.fire(SessionEvent.CANCEL, now, reason)

    def receive_bye(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """A BYE: ends it, whatever is outstanding."""
        reason = request.headers.get("Reason") or "BYE"
        if self.fire(SessionEvent.BYE, now, reason) or self.state is SessionState.ENDED:
            transaction.respond(200, now)
        else:
            # A callee must not end an early dialog (RFC 3261, 15).
            transaction.respond(481, now)
        self._release()

    def receive_ack(self, request: Request, now: float) -> None:
        """An ACK to a 2xx of ours, to the first INVITE or a later one."""
        wait = self.ack_wait
        if wait is None or wait.cseq != request.cseq_number:
            return
        self._stop_ack_wait()
        sdp: bytes | None = None
        if wait.expects_answer:
            try:
                sdp = session_description(request)
            except UnsupportedBody:
                sdp = None
            if sdp is None:
                self.fire(SessionEvent.UNANSWERED, now, "the ACK carried no answer to our offer")
                return
            self.offers.move(Move.ANSWER_RECEIVED, sdp)
        if not self.fire(SessionEvent.ACK, now, sdp):
            if sdp is not None:
                self.emit(OfferAnswered(self, sdp))
            self.media.proceed(now)

    def confirm(self, now: float) -> None:
        """A later request shows that our 2xx arrived, so its ACK will not be missed."""
        self._stop_ack_wait()
        self.fire(SessionEvent.ACK, now)

    def send_2xx(
        self,
        transaction: InviteServer,
        headers: Sequence[Header],
        sdp: bytes,
        *,
        expects_answer: bool,
        now: float,
    ) -> None:
        """Send a 2xx to an INVITE and repeat it until its ACK."""
        data = transaction.respond(
            200,
            now,
            headers=[("Contact", self.contact), *self.core.capabilities, *headers],
            body=sdp,
            record_routes=True,
        )
        if not data:
            return
        transaction.on_ack = self.receive_ack
        self.hold_on()
        self.ack_wait = AckWait(
            transaction,
            data,
            expects_answer=expects_answer,
            queue=self.core.queue,
            timers=self.core.timers,
            now=now,
            on_timeout=self._ack_timeout,
        )

    def send_in_dialog(
        self,
        method: str,
        now: float,
        *,
        dialog: Dialog | None = None,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        content_type: str | None = None,
        on_response: Callable[[Response, float], None] | None = None,
        on_failure: Callable[[str, float], None] | None = None,
    ) -> Exchange | None:
        """Send a request in the given dialog, or the session's; None where it has none."""
        dialog = dialog or self.current_dialog()
        if dialog is None:
            return None
        request = dialog.request(
            method,
            via=self.core.via(dialog.next_hop().protocol),
            cseq=self.next_cseq(),
            headers=headers,
            body=body,
            content_type=content_type,
        )
        exchange = Exchange(
            self.core.layer,
            request,
            auth=self.auth,
            next_cseq=self.next_cseq,
            on_response=on_response or self._gone_if_unknown,
            on_failure=on_failure,
            on_end=self.let_go,
        )
        self.hold_on()
        exchange.begin(now)
        return exchange

    def compose_ack(self, dialog: Dialog, invite: Exchange, body: bytes) -> tuple[bytes, Hop]:
        """The ACK to a 2xx (13.2.2.4): the INVITE's number and credentials, a new branch."""
        request = dialog.request(
            "ACK",
            via=self.core.via(dialog.next_hop().protocol),
            cseq=invite.request.cseq,
            headers=invite.credentials_sent,
            body=body,
        )
        return request.serialise(self.core.layer.branch()), request.hop

    def send_ack(self, dialog: Dialog, invite: Exchange, body: bytes) -> None:
        """Send the ACK to a 2xx and keep it for when the 2xx comes again."""
        data, hop = self.compose_ack(dialog, invite, body)
        self._acks = (invite.request.cseq, data)
        self.core.layer.send(data, hop)

    def repeat_ack(self, cseq: int, now: float) -> None:
        """A 2xx came again: its ACK was lost."""
        if self._acks is not None and self._acks[0] == cseq and self.dialog is not None:
            self.core.layer.send(self._acks[1], self.dialog.next_hop())

    def current_dialog(self) -> Dialog | None:
        """The dialog to talk in: the session's own, or the latest early one."""
        if self.dialog is None and self.outbound is not None:
            return self.outbound.latest()
        return self.dialog

    def dialog_with(self, remote_tag: str) -> Dialog | None:
        """The dialog, early or not, with that far end."""
        dialog = self.dialog
        if dialog is not None:
            return dialog if dialog.remote_tag == remote_tag else None
        return self.outbound.dialog(remote_tag) if self.outbound is not None else None

    def next_cseq(self) -> int:
        """The number of our next request; one count for all early dialogs."""
        self._cseq += 1
        return self._cseq

    def note_allowed(self, message: Request | Response) -> None:
        """Remember which methods the far end understands."""
        allowed = message.headers.getlist("Allow")
        if allowed:
            self.peer_allows = tokens(allowed)

    def emit(self, event: Any) -> None:
        """Tell the owner, unless it was told of the end."""
        if not self._told:
            self.core.emit(event)

    # --- staying known until the wire is quiet ----------------------------------------

    def heard_from(self, dialog: Dialog, source: Hop) -> None:
        """The far end's messages come from there now (a NAT, or a new connection)."""
        if source != dialog.source:
            dialog.source = source
            if source != self.peer:
                self.core.moved(self, self.peer, source)
                self.peer = source

    def connection_lost(self) -> None:
        """The connection its messages came over is gone: its Contact is what remains."""
        dialog = self.dialog
        if dialog is not None:
            dialog.source = dialog.contact_hop()
            self.core.moved(self, self.peer, dialog.source)
            self.peer = dialog.source

    def dispose(self) -> None:
        """Part from the helpers that refer back here, so that no cycle waits for the collector.

        At 300 calls a second the garbage of 32 seconds would be a million objects to walk.
        """
        if self.inbound is not None:
            self.inbound.dispose()
        if self.outbound is not None:
            self.outbound.exchange.detach()
        self.inbound = None
        self.outbound = None
        self.timer.dispose()
        self.media.dispose()

    def hold_on(self) -> None:
        """Something of this session is still on the wire."""
        self._holds += 1

    def let_go(self) -> None:
        """It no longer is."""
        self._holds -= 1
        self._release()

    def _release(self) -> None:
        if self.state is SessionState.ENDED and self._holds == 0:
            self.core.forget(self)

    def _stop_ack_wait(self) -> None:
        if self.ack_wait is not None:
            self.ack_wait.stop()
            self.ack_wait = None
            self.let_go()

    def _ack_timeout(self, now: float) -> None:
        self._stop_ack_wait()
        self.fire(SessionEvent.UNACKNOWLEDGED, now, "no ACK for our 2xx")
        self._release()

    def _expired(self, now: float) -> None:
        self.fire(SessionEvent.DEAD, now, "session timer expired")

    def _gone_if_unknown(self, response: Response, now: float) -> None:
        """The far end does not know this dialog: then neither do we (12.2.1.2)."""
        if response.code == 481:
            self.fire(SessionEvent.DEAD, now, "the far end does not know the dialog")


_S, _E = SessionState, SessionEvent
Action = Callable[[Session, float, Any], None]

LIFE: dict[tuple[SessionState, SessionEvent], tuple[SessionState, tuple[Action, ...]]] = {
    # incoming
    (_S.RINGING, _E.ACCEPT): (_S.ANSWERED, ()),
    (_S.RINGING, _E.REFUSE): (_S.ENDED, (Session._refuse, Session._end_local)),
    (_S.RINGING, _E.TERMINATE): (_S.ENDED, (Session._refuse_480, Session._end_local)),
    (_S.RINGING, _E.CANCEL): (_S.ENDED, (Session._refuse_487, Session._end_remote_cancelled)),
    (_S.RINGING, _E.BYE): (_S.ENDED, (Session._refuse_487, Session._end_remote_cancelled)),
    (_S.RINGING, _E.EXPIRED): (_S.ENDED, (Session._refuse_487, Session._end_timeout)),
    (_S.RINGING, _E.UNACKNOWLEDGED): (_S.ENDED, (Session._refuse_504, Session._end_timeout)),
    (_S.RINGING, _E.UNANSWERED): (_S.ENDED, (Session._refuse_488, Session._end_unanswered)),
    (_S.ANSWERED, _E.ACK): (_S.CONFIRMED, (Session._tell_confirmed, Session._begin)),
    (_S.ANSWERED, _E.TERMINATE): (_S.ENDING, (Session._be_patient, Session._end_local)),
    (_S.ANSWERED, _E.BYE): (_S.ENDED, (Session._end_remote,)),
    (_S.ANSWERED, _E.UNACKNOWLEDGED): (_S.LEAVING, (Session._bye, Session._end_timeout)),
    (_S.ANSWERED, _E.UNANSWERED): (_S.LEAVING, (Session._bye, Session._end_unanswered)),
    (_S.ENDING, _E.ACK): (_S.LEAVING, (Session._bye,)),
    (_S.ENDING, _E.UNACKNOWLEDGED): (_S.LEAVING, (Session._bye,)),
    (_S.ENDING, _E.UNANSWERED): (_S.LEAVING, (Session._bye,)),
    (_S.ENDING, _E.BYE): (_S.ENDED, (Session._left_before_bye,)),
    # outgoing
    (_S.WAITING, _E.FREE): (_S.CALLING, (Session._call,)),
    (_S.WAITING, _E.TERMINATE): (_S.ENDED, (Session._drop_invite, Session._end_cancelled)),
    (_S.CALLING, _E.PROVISIONAL): (_S.PROCEEDING, ()),
    (_S.CALLING, _E.SUCCESS): (
        _S.CONFIRMED,
        (Session._ack, Session._tell_accepted, Session._begin),
    ),
    (_S.CALLING, _E.SUCCESS_WITH_OFFER): (_S.ACCEPTED, (Session._tell_offered,)),
    (_S.CALLING, _E.SUCCESS_UNUSABLE): (
        _S.LEAVING,
        (Session._ack, Session._bye, Session._tell_unusable),
    ),
    (_S.CALLING, _E.FAILURE): (_S.ENDED, (Session._tell_rejected,)),
    (_S.CALLING, _E.TERMINATE): (_S.CANCELLING, (Session._cancel,)),
    (_S.PROCEEDING, _E.PROVISIONAL): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _E.SUCCESS): (
        _S.CONFIRMED,
        (Session._ack, Session._tell_accepted, Session._begin),
    ),
    (_S.PROCEEDING, _E.SUCCESS_WITH_OFFER): (_S.ACCEPTED, (Session._tell_offered,)),
    (_S.PROCEEDING, _E.SUCCESS_UNUSABLE): (
        _S.LEAVING,
        (Session._ack, Session._bye, Session._tell_unusable),
    ),
    (_S.PROCEEDING, _E.FAILURE): (_S.ENDED, (Session._tell_rejected,)),
    (_S.PROCEEDING, _E.TERMINATE): (_S.CANCELLING, (Session._cancel,)),
    # A CANCEL can cross the answer on its way: then the call is ended by BYE.
    (_S.CANCELLING, _E.PROVISIONAL): (_S.CANCELLING, (Session._cancel,)),
    (_S.CANCELLING, _E.SUCCESS): (
        _S.LEAVING,
        (Session._ack, Session._bye, Session._end_cancelled),
    ),
    (_S.CANCELLING, _E.SUCCESS_WITH_OFFER): (
        _S.LEAVING,
        (Session._ack, Session._bye, Session._end_cancelled),
    ),
    (_S.CANCELLING, _E.SUCCESS_UNUSABLE): (
        _S.LEAVING,
        (Session._ack, Session._bye, Session._end_cancelled),
    ),
    (_S.CANCELLING, _E.FAILURE): (_S.ENDED, (Session._end_cancelled,)),
    (_S.ACCEPTED, _E.ANSWER): (_S.CONFIRMED, (Session._ack_with_answer, Session._begin)),
    (_S.ACCEPTED, _E.TERMINATE): (
        _S.LEAVING,
        (Session._ack, Session._bye, Session._end_local),
    ),
    (_S.ACCEPTED, _E.BYE): (_S.ENDED, (Session._ack, Session._end_remote)),
    # both; a BYE of ours may cross one of theirs
    (_S.LEAVING, _E.LEFT): (_S.ENDED, (Session._left,)),
    (_S.LEAVING, _E.BYE): (_S.ENDED, (Session._left,)),
    (_S.CONFIRMED, _E.TERMINATE): (_S.LEAVING, (Session._bye, Session._end_local)),
    (_S.CONFIRMED, _E.BYE): (_S.ENDED, (Session._end_remote,)),
    (_S.CONFIRMED, _E.UNACKNOWLEDGED): (_S.LEAVING, (Session._bye, Session._end_timeout)),
    (_S.CONFIRMED, _E.UNANSWERED): (_S.LEAVING, (Session._bye, Session._end_unanswered)),
    (_S.CONFIRMED, _E.DEAD): (_S.LEAVING, (Session._bye, Session._end_timeout)),
}
"""The life of a session. A pair that is not here is ignored in that state."""
