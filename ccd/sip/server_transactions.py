"""Server transactions (RFC 3261, 17.2, as corrected by RFC 6026): requests of others.

The user answers with `respond`. Of an INVITE it is told when the ACK to a refusal
never came (`on_timeout`), which changes nothing for it, and of every transaction when a
response could not be sent. Retransmitting a 2xx to an INVITE until its ACK is the
user's own business (13.3.1.4): the transaction only carries it. Once a final response is
out, all that is left of a transaction is what it takes to answer a repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ccd.sip.compose import ReplyHead, reply
from ccd.sip.hop import Hop, default_port
from ccd.sip.message import Request
from ccd.sip.transaction import Input, State, Surroundings, Table, Transaction, kind

ServerKey = tuple[str, str, str]


class ServerTransaction(Transaction):
    """A request received and what was answered."""

    __slots__ = (
        "_fallback_port", "_has_tag", "_timestamp", "cseq", "head", "key", "merge_key", "owner",
        "to_tag",
    )  # fmt: skip

    def __init__(
        self,
        layer: Surroundings,
        request: Request,
        source: Hop,
        key: ServerKey,
        state: State,
    ) -> None:
        head = ReplyHead(request, source)
        super().__init__(layer, head.hop, state)
        self.head: ReplyHead | None = head
        """None after the final response."""
        self.cseq = request.cseq_number
        self._has_tag = bool(request.to_tag)
        self._fallback_port = request.top_via.port or default_port(source.protocol)
        self._timestamp: str | None = request.headers.get("Timestamp")
        self.key = key
        self.merge_key: tuple[str, str, int, str] | None = None
        self.to_tag = ""
        self.owner: Any = None
        """The user, for CANCEL to find; the transaction itself does not call it."""

    @property
    def answered(self) -> bool:
        """Whether a final response went out."""
        return self.state not in (State.TRYING, State.PROCEEDING)

    def begin(self, now: float) -> None:
        """Start the first timer."""
        raise NotImplementedError

    def respond(
        self,
        code: int,
        now: float,
        *,
        phrase: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        record_routes: bool = False,
    ) -> bytes:
        """Send a response; the octets, or b"" where the transaction's state forbids it.

        A To tag is added to every response but 100 where the request had none. Raises
        ValueError where a header carries a CR or LF.
        """
        if not self.live or self.head is None:
            return b""
        data = reply(
            self.head,
            code,
            to_tag="" if code == 100 or self._has_tag else self.to_tag,
            phrase=phrase,
            headers=headers,
            body=body,
            content_type=content_type,
            record_routes=record_routes,
        )
        return data if self.fire(kind(code), now, data) else b""

    def ended(self) -> None:
        """Let go of the user."""
        self.head = None
        self.owner = None

    def _send(self, now: float, data: bytes) -> None:
        self.sent = data
        self.layer.send(data, self.hop)

    def _reroute(self, now: float, message: None) -> None:
        """The connection broke: answer to the Via's port over a new one (18.2.2)."""
        self.hop = Hop(self.hop.protocol, self.hop.host, self._fallback_port)

    def _let_go(self, now: float, message: object) -> None:
        self.head = None
        self.owner = None

    def _let_go_of_all(self, now: float, message: object) -> None:
        self.sent = b""
        self._let_go(now, message)


class InviteServer(ServerTransaction):
    """An INVITE received (figure 7; RFC 6026, figure 2)."""

    __slots__ = ("on_ack", "on_timeout")

    def __init__(self, layer: Surroundings, request: Request, source: Hop, key: ServerKey) -> None:
        super().__init__(layer, request, source, key, State.PROCEEDING)
        self.on_ack: Callable[[Request, float], None] | None = None
        self.on_timeout: Callable[[float], None] | None = None

    def begin(self, now: float) -> None:
        """Have a 100 sent unless the user is quick (17.2.1)."""
        self.start(Input.TIMER_100, self.layer.timers.trying, now)

    def send_again(self, data: bytes) -> bool:
        """Repeat a provisional or 2xx response; False when it is too late for that."""
        if not self.live or self.state not in (State.PROCEEDING, State.ACCEPTED):
            return False
        self.layer.send(data, self.hop)
        return True

    def _trying(self, now: float, message: None) -> None:
        headers = (("Timestamp", self._timestamp),) if self._timestamp else ()
        if self.head is not None:
            self._send(now, reply(self.head, 100, headers=headers))

    def _stop_100(self, now: float, message: object) -> None:
        self.stop(Input.TIMER_100)

    def _start_gh(self, now: float, message: object) -> None:
        timers = self.layer.timers
        if not self.hop.reliable:
            self.start(Input.TIMER_G, timers.t1, now)
        self.start(Input.TIMER_H, timers.timeout, now)

    def _start_l(self, now: float, message: object) -> None:
        self.start(Input.TIMER_L, self.layer.timers.timeout, now)

    def _repeat(self, now: float, message: None) -> None:
        self.layer.send(self.sent, self.hop)
        self.interval = min(self.interval * 2, self.layer.timers.t2)
        self.start(Input.TIMER_G, self.interval, now)

    def _confirm(self, now: float, message: object) -> None:
        self.stop(Input.TIMER_G)
        self.stop(Input.TIMER_H)
        self.start(Input.TIMER_I, 0.0 if self.hop.reliable else self.layer.timers.t4, now)

    def _tell_ack(self, now: float, ack: Request) -> None:
        if self.on_ack is not None:
            self.on_ack(ack, now)

    def _tell_timeout(self, now: float, message: None) -> None:
        if self.on_timeout is not None:
            self.on_timeout(now)

    def ended(self) -> None:
        """Let go of the user."""
        super().ended()
        self.on_ack = self.on_timeout = None

    TABLE: ClassVar[Table] = {
        (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Transaction.resend,)),
        (State.PROCEEDING, Input.TIMER_100): (State.PROCEEDING, (_trying,)),
        (State.PROCEEDING, Input.PROVISIONAL): (
            State.PROCEEDING,
            (_stop_100, ServerTransaction._send),
        ),
        (State.PROCEEDING, Input.SUCCESS): (
            State.ACCEPTED,
            (
                _stop_100,
                _start_l,
                ServerTransaction._send,
                ServerTransaction._let_go_of_all,
            ),
        ),
        (State.PROCEEDING, Input.FAILURE): (
            State.COMPLETED,
            (_stop_100, _start_gh, ServerTransaction._send, ServerTransaction._let_go),
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (
            State.PROCEEDING,
            (ServerTransaction._reroute,),
        ),
        (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Transaction.resend,)),
        (State.COMPLETED, Input.TIMER_G): (State.COMPLETED, (_repeat,)),
        (State.COMPLETED, Input.TIMER_H): (State.TERMINATED, (_tell_timeout,)),
        (State.COMPLETED, Input.ACK): (State.CONFIRMED, (_confirm,)),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (
            State.COMPLETED,
            (ServerTransaction._reroute,),
        ),
        # An INVITE that comes again after the 2xx is absorbed: the user repeats the 2xx.
        (State.ACCEPTED, Input.REQUEST): (State.ACCEPTED, ()),
        (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (ServerTransaction._send,)),
        (State.ACCEPTED, Input.ACK): (State.ACCEPTED, (_tell_ack,)),
        (State.ACCEPTED, Input.TIMER_L): (State.TERMINATED, ()),
        (State.ACCEPTED, Input.TRANSPORT_ERROR): (
            State.ACCEPTED,
            (ServerTransaction._reroute,),
        ),
        (State.CONFIRMED, Input.ACK): (State.CONFIRMED, ()),
        (State.CONFIRMED, Input.REQUEST): (State.CONFIRMED, ()),
        (State.CONFIRMED, Input.TIMER_I): (State.TERMINATED, ()),
    }


class RequestServer(ServerTransaction):
    """Any other request received (figure 8).

    RFC 3261 leaves one that is never answered alive for ever; here it goes after
    64*T1, when its sender has given up anyway (RFC 4320, 4.2).
    """

    __slots__ = ()

    def __init__(self, layer: Surroundings, request: Request, source: Hop, key: ServerKey) -> None:
        super().__init__(layer, request, source, key, State.TRYING)

    def begin(self, now: float) -> None:
        """Give the user 64*T1 to answer."""
        self.start(Input.TIMER_UNANSWERED, self.layer.timers.timeout, now)

    def _complete(self, now: float, message: object) -> None:
        self.stop(Input.TIMER_UNANSWERED)
        self.start(Input.TIMER_J, 0.0 if self.hop.reliable else self.layer.timers.timeout, now)

    TABLE: ClassVar[Table] = {
        (State.TRYING, Input.REQUEST): (State.TRYING, ()),
        (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (ServerTransaction._send,)),
        (State.TRYING, Input.SUCCESS): (
            State.COMPLETED,
            (_complete, ServerTransaction._send, ServerTransaction._let_go),
        ),
        (State.TRYING, Input.FAILURE): (
            State.COMPLETED,
            (_complete, ServerTransaction._send, ServerTransaction._let_go),
        ),
        (State.TRYING, Input.TRANSPORT_ERROR): (State.TRYING, (ServerTransaction._reroute,)),
        (State.TRYING, Input.TIMER_UNANSWERED): (State.TERMINATED, ()),
        (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Transaction.resend,)),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (ServerTransaction._send,)),
        (State.PROCEEDING, Input.SUCCESS): (
            State.COMPLETED,
            (_complete, ServerTransaction._send, ServerTransaction._let_go),
        ),
        (State.PROCEEDING, Input.FAILURE): (
            State.COMPLETED,
            (_complete, ServerTransaction._send, ServerTransaction._let_go),
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (
            State.PROCEEDING,
            (ServerTransaction._reroute,),
        ),
        (State.PROCEEDING, Input.TIMER_UNANSWERED): (State.TERMINATED, ()),
        (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Transaction.resend,)),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (
            State.COMPLETED,
            (ServerTransaction._reroute,),
        ),
        (State.COMPLETED, Input.TIMER_J): (State.TERMINATED, ()),
    }
