"""What a `UserAgent` tells its owner: frozen structs, in the order things happened.

Every session ends with exactly one `Terminated`, which is the last event about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ccd.sip.hop import Hop

if TYPE_CHECKING:
    from ccd.sip.message import Request, Response
    from ccd.sip.server_transactions import ServerTransaction
    from ccd.sip.session import Session
else:  # msgspec resolves annotations at run time; these would be import cycles
    Request = Response = ServerTransaction = Session = Any

EndedBy = Literal["local", "remote", "timeout", "transport"]
FailedBy = Literal["response", "timeout", "transport"]


class InviteReceived(msgspec.Struct, frozen=True):
    """A new incoming call; the INVITE is `session.request`, its offer `session.remote_sdp`.

    The offer is None where the caller wants ours (a late offer): `accept()` carries it.
    """

    session: Session
    source: Hop


class Progressed(msgspec.Struct, frozen=True):
    """An outgoing call got a provisional response; `sdp` is early media, if any."""

    session: Session
    code: int
    sdp: bytes | None


class Accepted(msgspec.Struct, frozen=True):
    """An outgoing call was answered.

    `sdp` is the far end's description in force: its answer (also where that came earlier,
    in a reliable provisional response), or with `is_offer` its offer, which
    `session.answer()` must answer for the ACK to go out.
    """

    session: Session
    sdp: bytes | None
    is_offer: bool


class Confirmed(msgspec.Struct, frozen=True):
    """The ACK for our 2xx came; `sdp` is the answer to our late offer, else None."""

    session: Session
    sdp: bytes | None


class Rejected(msgspec.Struct, frozen=True):
    """An outgoing call failed; `Terminated` follows.

    `request_failed`: by a final response, or (408) none within 64*T1, or (503) the
    request could not be sent. `headers` are the response's, for Contact, Retry-After,
    Reason or Warning.
    """

    session: Session
    code: int
    phrase: str
    request_failed: FailedBy
    response: Response | None = None


class OfferReceived(msgspec.Struct, frozen=True):
    """The far end offers to change media: `answer()` or `refuse_offer()`.

    `sdp` None: it wants our offer, which `answer()` carries; its answer then comes
    as `OfferAnswered`.
    """

    session: Session
    sdp: bytes | None


class OfferAnswered(msgspec.Struct, frozen=True):
    """The answer to an offer of ours."""

    session: Session
    sdp: bytes


class OfferRefused(msgspec.Struct, frozen=True):
    """Our offer was refused; what was agreed before stays in force."""

    session: Session
    code: int


class Terminated(msgspec.Struct, frozen=True):
    """The session is over.

    `cancelled`: the call ended by CANCEL (or our wish to) before it was answered.
    `reason` is the far end's Reason header (RFC 3326) where it sent one, else our words.
    """

    session: Session
    by: EndedBy
    cancelled: bool
    reason: str


class InfoReceived(msgspec.Struct, frozen=True):
    """An INFO in the session's dialog (DTMF relay, say); it is already answered 200."""

    session: Session
    content_type: str
    body: bytes


class RequestReceived(msgspec.Struct, frozen=True):
    """A request outside any dialog: answer it with `UserAgent.respond()`."""

    transaction: ServerTransaction
    request: Request
    source: Hop


class ResponseReceived(msgspec.Struct, frozen=True):
    """The final response to `UserAgent.request()`.

    Code 408 without a response after 64*T1, 503 without one where it could not be sent.
    """

    token: int
    code: int
    response: Response | None


class BadMessage(msgspec.Struct, frozen=True):
    """A packet that was not SIP as we can use it; refused where it could be."""

    source: Hop
    reason: str


SipEvent = (
    InviteReceived
    | Progressed
    | Accepted
    | Confirmed
    | Rejected
    | OfferReceived
    | OfferAnswered
    | OfferRefused
    | Terminated
    | InfoReceived
    | RequestReceived
    | ResponseReceived
    | BadMessage
)
