"""The words of a session's life: its states, and what moves it from one to the next.

The table itself is `ccd.sip.session.LIFE`.
"""

from __future__ import annotations

from enum import StrEnum


class SessionState(StrEnum):
    """Where a session is in its life."""

    WAITING = "waiting"
    """Outgoing, the INVITE is not sent: another dialog with that phone is not over yet."""
    CALLING = "calling"
    """Outgoing, no response yet."""
    PROCEEDING = "proceeding"
    """Outgoing, it rings or is being routed."""
    CANCELLING = "cancelling"
    """Outgoing, not wanted any more; the far end may not know yet."""
    ACCEPTED = "accepted"
    """Outgoing, answered with an offer that we have not answered yet."""
    RINGING = "ringing"
    """Incoming, not answered."""
    ANSWERED = "answered"
    """Incoming, our 2xx is out, its ACK is awaited."""
    CONFIRMED = "confirmed"
    ENDING = "ending"
    """Over for its owner; the BYE waits for the ACK (RFC 3261, 15)."""
    LEAVING = "leaving"
    """Over for its owner; the far end has not said yet that it knows (RFC 3261, 15.1.1)."""
    ENDED = "ended"


class SessionEvent(StrEnum):
    """What moves a session: verbs of its owner, messages, timers."""

    ACCEPT = "accept()"
    REFUSE = "reject()"
    TERMINATE = "terminate()"
    ANSWER = "answer()"
    CANCEL = "CANCEL"
    BYE = "BYE"
    ACK = "ACK"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    SUCCESS_WITH_OFFER = "2xx with an offer"
    SUCCESS_UNUSABLE = "2xx without a description"
    FAILURE = "3xx-6xx, time-out or transport failure"
    UNACKNOWLEDGED = "no ACK or PRACK"
    UNANSWERED = "ACK or PRACK without the answer due"
    EXPIRED = "the INVITE expired"
    DEAD = "the far end is gone"
    LEFT = "the BYE's final response, or no patience left for it"
    FREE = "the dialogs that were waited for are over"
