"""A request of ours until its final response, digest challenges answered on the way."""

from __future__ import annotations

import random
from collections.abc import Callable, MutableMapping

from ccd.sip.auth import Credentials, authorize, is_stale
from ccd.sip.client_transactions import ClientTransaction, InviteClient
from ccd.sip.compose import OutgoingRequest
from ccd.sip.message import Response
from ccd.sip.transactions import TransactionLayer

MAX_CHALLENGES = 4
"""Challenges answered for one request: one each of a proxy and the server, both stale once."""


class Authenticating:
    """Who we are in one dialog or registration, and the nonces we know there."""

    __slots__ = ("credentials", "nonce_counts", "rng")

    def __init__(self, credentials: Credentials | None, rng: random.Random) -> None:
        self.credentials = credentials
        self.nonce_counts: MutableMapping[str, int] = {}
        self.rng = rng


class Exchange:
    """One request, sent again with credentials as often as that is sensible.

    `on_response(response, now)` gets provisional responses, the final one, and of an
    INVITE every further 2xx; `on_failure(why, now)` is called instead of a final response
    with "timeout" or "transport"; `on_end()` when nothing more can come.
    """

    __slots__ = (
        "_auth", "_challenges", "_extra", "_layer", "_next_cseq", "_tried", "on_end", "on_failure",
        "on_response", "request", "transaction",
    )  # fmt: skip

    def __init__(
        self,
        layer: TransactionLayer,
        request: OutgoingRequest,
        *,
        auth: Authenticating | None,
        next_cseq: Callable[[], int],
        on_response: Callable[[Response, float], None] | None = None,
        on_failure: Callable[[str, float], None] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self._layer = layer
        self._auth = auth
        self._next_cseq = next_cseq
        self._challenges = 0
        self._tried: set[tuple[str, str]] = set()
        self._extra: dict[str, str] = {}
        self.request = request
        self.on_response = on_response
        self.on_failure = on_failure
        self.on_end = on_end
        self.transaction: ClientTransaction | None = None

    def begin(self, now: float) -> None:
        """Send it. Raises ValueError where a header carries a CR or LF."""
        self.transaction = self._layer.request(
            self.request, now, self._response, self._failure, self._ended
        )

    def cancel(self, now: float, reason: str | None) -> None:
        """Send a CANCEL for this INVITE (RFC 3261, 9.1); a provisional response must have come."""
        transaction = self.transaction
        if not isinstance(transaction, InviteClient):
            return
        data = self.request.cancel(transaction.branch, reason)
        self._layer.request(
            CancelRequest(self.request, data),
            now,
            _ignore_response,
            _ignore_failure,
            branch=transaction.branch,
        )
        transaction.cancel(now)

    def give_up(self) -> None:
        """Answer no more challenges: the request is not wanted any longer."""
        self._auth = None

    def detach(self) -> None:
        """Nobody is interested in the outcome any more."""
        self.on_response = self.on_failure = None

    @property
    def credentials_sent(self) -> list[tuple[str, str]]:
        """The Authorization headers of the last attempt (an ACK repeats them, 13.2.2.4)."""
        return list(self._extra.items())

    def _response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if transaction is not self.transaction:
            return
        if response.code in (401, 407) and self._answer_challenge(response, now):
            return
        if self.on_response is not None:
            self.on_response(response, now)

    def _answer_challenge(self, response: Response, now: float) -> bool:
        auth = self._auth
        if auth is None or auth.credentials is None or self._challenges >= MAX_CHALLENGES:
            return False
        name = "WWW-Authenticate" if response.code == 401 else "Proxy-Authenticate"
        challenges = [(name, value) for value in response.headers.getlist(name)]
        mark = (name, "stale" if is_stale(challenges) else "")
        if mark in self._tried:
            return False  # the same question again: the password is wrong
        request = self.request
        answer = authorize(
            challenges, auth.credentials, request.method, request.uri, request.body,
            auth.nonce_counts, auth.rng,
        )  # fmt: skip
        if answer is None:
            return False
        self._tried.add(mark)
        self._challenges += 1
        self._extra[answer[0]] = answer[1]
        plain = [header for header in request.headers if header[0] not in self._extra]
        self.request = request.replace(
            cseq=self._next_cseq(), headers=[*plain, *self._extra.items()]
        )
        self.begin(now)
        return True

    def _failure(self, transaction: ClientTransaction, why: str, now: float) -> None:
        if transaction is self.transaction and self.on_failure is not None:
            self.on_failure(why, now)

    def _ended(self, transaction: ClientTransaction) -> None:
        if transaction is self.transaction and self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end()


class CancelRequest(OutgoingRequest):
    """A CANCEL, already composed from the INVITE it cancels."""

    __slots__ = ("_data",)

    def __init__(self, invite: OutgoingRequest, data: bytes) -> None:
        super().__init__(
            "CANCEL", invite.uri, invite.hop, via=invite.via, from_=invite.from_, to=invite.to,
            call_id=invite.call_id, cseq=invite.cseq,
        )  # fmt: skip
        self._data = data

    def serialise(self, branch: str) -> bytes:
        """The octets given."""
        return self._data


def _ignore_response(transaction: ClientTransaction, response: Response, now: float) -> None:
    """The answer to a CANCEL says nothing: the INVITE's final response does (9.1)."""


def _ignore_failure(transaction: ClientTransaction, why: str, now: float) -> None:
    """The INVITE's own timer ends the wait."""
