"""The transaction layer: finds the transaction a message belongs to, in one look-up.

Client transactions are found by branch and method (RFC 3261, 17.1.3), server ones by
branch, sent-by and method (17.2.3). A request without RFC 3261's magic cookie (an
RFC 2543 peer) gets a key made of the fields 17.2.3 compares for those.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from ccd.sip.client_transactions import (
    ClientTransaction,
    InviteClient,
    OnEnd,
    OnFailure,
    OnResponse,
    RequestClient,
)
from ccd.sip.compose import OutgoingRequest
from ccd.sip.hop import Hop
from ccd.sip.message import Request, Response
from ccd.sip.server_transactions import (
    InviteServer,
    RequestServer,
    ServerKey,
    ServerTransaction,
)
from ccd.sip.timers import Timers
from ccd.sip.transaction import Input, State, Transaction, kind
from ccd.timer_queue import TimerQueue

COOKIE = "z9hG4bK"


class TransactionLayer:
    """Every live transaction of one user agent, and what is waiting to be sent."""

    def __init__(self, *, queue: TimerQueue, timers: Timers, rng: random.Random) -> None:
        self.queue = queue
        self.timers = timers
        self._rng = rng
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._merged: dict[tuple[str, str, int, str], ServerTransaction] = {}
        self._by_hop: dict[Hop, dict[Transaction, None]] = {}
        self._outgoing: list[tuple[bytes, Hop]] = []

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def clients(self) -> Mapping[tuple[str, str], ClientTransaction]:
        """Live client transactions by branch and method."""
        return self._clients

    @property
    def servers(self) -> Mapping[ServerKey, ServerTransaction]:
        """Live server transactions by branch, sent-by and method."""
        return self._servers

    def send(self, data: bytes, hop: Hop) -> None:
        """Put `data` into the queue for `hop`."""
        self._outgoing.append((data, hop))

    def to_send(self) -> list[tuple[bytes, Hop]]:
        """What is to be sent, in order; the queue is empty afterwards."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def branch(self) -> str:
        """A fresh branch: 80 random bits behind the cookie (RFC 3261, 8.1.1.7)."""
        return f"{COOKIE}{self._rng.getrandbits(80):020x}"

    def request(
        self,
        request: OutgoingRequest,
        now: float,
        on_response: OnResponse,
        on_failure: OnFailure,
        on_end: OnEnd | None = None,
        branch: str | None = None,
    ) -> ClientTransaction:
        """Send a request in a transaction of its own.

        `branch` is given for a CANCEL, which shares its INVITE's. Raises ValueError where
        a header carries a CR or LF; nothing is sent or kept then.
        """
        machine = InviteClient if request.method == "INVITE" else RequestClient
        state = State.CALLING if request.method == "INVITE" else State.TRYING
        transaction = machine(
            self, request, branch or self.branch(), state, on_response, on_failure, on_end
        )
        self._clients[transaction.branch, request.method] = transaction
        self._index(transaction)
        transaction.begin(now)
        return transaction

    def receive_response(self, response: Response, now: float) -> bool:
        """Hand a response to the transaction that waits for it; False if none does."""
        transaction = self._clients.get((response.top_via.branch, response.cseq_method))
        if transaction is None:
            return False
        transaction.fire(kind(response.code), now, response)
        return True

    def match(self, request: Request, method: str | None = None) -> ServerTransaction | None:
        """The transaction of this request; with `method`, one of the same branch."""
        return self._servers.get(server_key(request, method or request.method))

    def is_merged(self, request: Request) -> bool:
        """Whether the same request is here already by another path (8.2.2.2)."""
        if request.to_tag:
            return False
        return _merge_key(request) in self._merged

    def accept(self, request: Request, source: Hop, now: float) -> ServerTransaction:
        """A transaction for a request that matches none."""
        key = server_key(request, request.method)
        transaction: ServerTransaction
        if request.method == "INVITE":
            transaction = InviteServer(self, request, source, key)
        else:
            transaction = RequestServer(self, request, source, key)
        transaction.to_tag = f"{self._rng.getrandbits(64):016x}"
        self._servers[key] = transaction
        if not request.to_tag:
            transaction.merge_key = _merge_key(request)
            self._merged.setdefault(transaction.merge_key, transaction)
        self._index(transaction)
        transaction.begin(now)
        return transaction

    def transport_failed(self, hop: Hop, now: float) -> None:
        """Nothing can be sent to `hop`: tell every transaction that would."""
        affected = self._by_hop.pop(hop, None)
        for transaction in list(affected or ()):
            if not transaction.live:
                continue
            transaction.fire(Input.TRANSPORT_ERROR, now)
            if transaction.live:
                self._index(transaction)

    def forget(self, transaction: Transaction) -> None:
        """Drop a terminated transaction from every table."""
        if isinstance(transaction, ClientTransaction):
            self._clients.pop((transaction.branch, transaction.method), None)
        elif isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)
            key = transaction.merge_key
            if key is not None and self._merged.get(key) is transaction:
                del self._merged[key]
        same_hop = self._by_hop.get(transaction.hop)
        if same_hop is not None:
            same_hop.pop(transaction, None)
            if not same_hop:
                del self._by_hop[transaction.hop]

    def _index(self, transaction: Transaction) -> None:
        self._by_hop.setdefault(transaction.hop, {})[transaction] = None


def server_key(request: Request, method: str) -> ServerKey:
    """What identifies the server transaction of `request`; an ACK belongs to its INVITE."""
    if method == "ACK":
        method = "INVITE"
    top = request.top_via
    branch = top.branch
    # A bare cookie identifies nothing (RFC 4475, 3.2.1): treated as RFC 2543's.
    if branch.startswith(COOKIE) and len(branch) > len(COOKIE):
        return (branch, top.sent_by.lower(), method)
    # The To tag is left out: an ACK has the response's, a retransmission has none.
    identity = "\n".join(
        (
            request.uri_text,
            request.from_tag,
            request.headers["Call-ID"],
            str(request.cseq_number),
            top.text,
        )
    )
    return (identity, top.sent_by.lower(), method)


def _merge_key(request: Request) -> tuple[str, str, int, str]:
    return (
        request.headers["Call-ID"],
        request.from_tag,
        request.cseq_number,
        request.method,
    )
