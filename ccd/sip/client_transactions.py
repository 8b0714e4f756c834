"""Client transactions (RFC 3261, 17.1, as corrected by RFC 6026): requests of ours.

The user gets every response that means something to it through `on_response` (of an
INVITE also the retransmitted and forked 2xx, for 64*T1), and `on_failure` at most once,
with "timeout" or "transport", when there will be no final response. `on_end` follows when
nothing more can come. From then on the transaction only absorbs repetitions, for up to 32
seconds, and keeps nothing else alive for that: at 300 calls a second it adds up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ccd.sip.compose import OutgoingRequest
from ccd.sip.message import Response
from ccd.sip.transaction import Input, State, Surroundings, Table, Transaction

OnResponse = Callable[["ClientTransaction", Response, float], None]
OnFailure = Callable[["ClientTransaction", str, float], None]
OnEnd = Callable[["ClientTransaction"], None]


class ClientTransaction(Transaction):
    """A request on its way and what came back."""

    __slots__ = ("branch", "method", "on_end", "on_failure", "on_response", "request")

    def __init__(
        self,
        layer: Surroundings,
        request: OutgoingRequest,
        branch: str,
        state: State,
        on_response: OnResponse,
        on_failure: OnFailure,
        on_end: OnEnd | None = None,
    ) -> None:
        super().__init__(layer, request.hop, state)
        self.request: OutgoingRequest | None = request
        """None after the final response."""
        self.method = request.method
        self.branch = branch
        self.on_response: OnResponse | None = on_response
        self.on_failure: OnFailure | None = on_failure
        self.on_end = on_end
        self.sent = request.serialise(branch)

    def begin(self, now: float) -> None:
        """Send the request and start its timers."""
        raise NotImplementedError

    def _pass_up(self, now: float, response: Response) -> None:
        if self.on_response is not None:
            self.on_response(self, response, now)

    def _tell_timeout(self, now: float, message: None) -> None:
        if self.on_failure is not None:
            self.on_failure(self, "timeout", now)

    def _tell_transport(self, now: float, message: None) -> None:
        if self.on_failure is not None:
            self.on_failure(self, "transport", now)

    def _let_go(self, now: float, message: object) -> None:
        self.request = None
        self.ended()

    def _forget_request(self, now: float, message: object) -> None:
        self.request = None
        self.sent = b""

    def ended(self) -> None:
        """Let go of the user's callbacks, telling it that nothing more will come."""
        on_end = self.on_end
        self.on_response = self.on_failure = self.on_end = None
        if on_end is not None:
            on_end(self)


class InviteClient(ClientTransaction):
    """An INVITE of ours (figure 5; RFC 6026, figure 1)."""

    __slots__ = ()

    def begin(self, now: float) -> None:
        """Send the INVITE; retransmit over UDP until anything comes back (17.1.1.2)."""
        self.layer.send(self.sent, self.hop)
        if not self.hop.reliable:
            self.start(Input.TIMER_A, self.interval, now)
        self.start(Input.TIMER_B, self.layer.timers.timeout, now)

    def cancel(self, now: float) -> None:
        """A CANCEL was sent: without a final response within 64*T1 give up (9.1)."""
        self.fire(Input.CANCELLED, now)

    def _retransmit(self, now: float, message: None) -> None:
        self.layer.send(self.sent, self.hop)
        self.interval *= 2
        self.start(Input.TIMER_A, self.interval, now)

    def _stop_calling(self, now: float, message: object) -> None:
        self.stop(Input.TIMER_A)
        self.stop(Input.TIMER_B)

    def _stop_waiting(self, now: float, message: object) -> None:
        self.stop(Input.TIMER_A)
        self.stop(Input.TIMER_B)
        self.stop(Input.TIMER_CANCEL)

    def _start_cancel(self, now: float, message: None) -> None:
        self.start(Input.TIMER_CANCEL, self.layer.timers.timeout, now)

    def _start_d(self, now: float, message: object) -> None:
        # Zero over reliable transports: gone as soon as the timers run.
        self.start(Input.TIMER_D, 0.0 if self.hop.reliable else self.layer.timers.d, now)

    def _start_m(self, now: float, message: object) -> None:
        self.start(Input.TIMER_M, self.layer.timers.timeout, now)

    def _acknowledge(self, now: float, response: Response) -> None:
        if self.request is not None:
            self.sent = self.request.acknowledge(self.branch, response.headers.get("To"))
        self.layer.send(self.sent, self.hop)

    TABLE: ClassVar[Table] = {
        (State.CALLING, Input.TIMER_A): (State.CALLING, (_retransmit,)),
        (State.CALLING, Input.TIMER_B): (State.TERMINATED, (ClientTransaction._tell_timeout,)),
        (State.CALLING, Input.TRANSPORT_ERROR): (
            State.TERMINATED,
            (ClientTransaction._tell_transport,),
        ),
        (State.CALLING, Input.PROVISIONAL): (
            State.PROCEEDING,
            (_stop_calling, ClientTransaction._pass_up),
        ),
        (State.CALLING, Input.SUCCESS): (
            State.ACCEPTED,
            (
                _stop_waiting,
                _start_m,
                ClientTransaction._forget_request,
                ClientTransaction._pass_up,
            ),
        ),
        (State.CALLING, Input.FAILURE): (
            State.COMPLETED,
            (
                _stop_waiting,
                _acknowledge,
                _start_d,
                ClientTransaction._pass_up,
                ClientTransaction._let_go,
            ),
        ),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (ClientTransaction._pass_up,)),
        (State.PROCEEDING, Input.SUCCESS): (
            State.ACCEPTED,
            (
                _stop_waiting,
                _start_m,
                ClientTransaction._forget_request,
                ClientTransaction._pass_up,
            ),
        ),
        (State.PROCEEDING, Input.FAILURE): (
            State.COMPLETED,
            (
                _stop_waiting,
                _acknowledge,
                _start_d,
                ClientTransaction._pass_up,
                ClientTransaction._let_go,
            ),
        ),
        (State.PROCEEDING, Input.CANCELLED): (State.PROCEEDING, (_start_cancel,)),
        (State.PROCEEDING, Input.TIMER_CANCEL): (
            State.TERMINATED,
            (ClientTransaction._tell_timeout,),
        ),
        (State.COMPLETED, Input.FAILURE): (State.COMPLETED, (_acknowledge,)),
        (State.COMPLETED, Input.TIMER_D): (State.TERMINATED, ()),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (State.TERMINATED, ()),
        (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (ClientTransaction._pass_up,)),
        (State.ACCEPTED, Input.TIMER_M): (State.TERMINATED, ()),
    }


class RequestClient(ClientTransaction):
    """Any other request of ours (figure 6)."""

    __slots__ = ()

    def begin(self, now: float) -> None:
        """Send the request; retransmit over UDP until the final response (17.1.2.2)."""
        self.layer.send(self.sent, self.hop)
        if not self.hop.reliable:
            self.start(Input.TIMER_E, self.interval, now)
        self.start(Input.TIMER_F, self.layer.timers.timeout, now)

    def _retransmit(self, now: float, message: None) -> None:
        self.layer.send(self.sent, self.hop)
        self.interval = min(self.interval * 2, self.layer.timers.t2)
        self.start(Input.TIMER_E, self.interval, now)

    def _retransmit_slowly(self, now: float, message: None) -> None:
        self.layer.send(self.sent, self.hop)
        self.start(Input.TIMER_E, self.layer.timers.t2, now)

    def _complete(self, now: float, message: object) -> None:
        self.stop(Input.TIMER_E)
        self.stop(Input.TIMER_F)
        self.sent = b""
        self.start(Input.TIMER_K, 0.0 if self.hop.reliable else self.layer.timers.t4, now)

    TABLE: ClassVar[Table] = {
        (State.TRYING, Input.TIMER_E): (State.TRYING, (_retransmit,)),
        (State.TRYING, Input.TIMER_F): (State.TERMINATED, (ClientTransaction._tell_timeout,)),
        (State.TRYING, Input.TRANSPORT_ERROR): (
            State.TERMINATED,
            (ClientTransaction._tell_transport,),
        ),
        (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (ClientTransaction._pass_up,)),
        (State.TRYING, Input.SUCCESS): (
            State.COMPLETED,
            (_complete, ClientTransaction._pass_up, ClientTransaction._let_go),
        ),
        (State.TRYING, Input.FAILURE): (
            State.COMPLETED,
            (_complete, ClientTransaction._pass_up, ClientTransaction._let_go),
        ),
        (State.PROCEEDING, Input.TIMER_E): (State.PROCEEDING, (_retransmit_slowly,)),
        (State.PROCEEDING, Input.TIMER_F): (
            State.TERMINATED,
            (ClientTransaction._tell_timeout,),
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (
            State.TERMINATED,
            (ClientTransaction._tell_transport,),
        ),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (ClientTransaction._pass_up,)),
        (State.PROCEEDING, Input.SUCCESS): (
            State.COMPLETED,
            (_complete, ClientTransaction._pass_up, ClientTransaction._let_go),
        ),
        (State.PROCEEDING, Input.FAILURE): (
            State.COMPLETED,
            (_complete, ClientTransaction._pass_up, ClientTransaction._let_go),
        ),
        (State.COMPLETED, Input.TIMER_K): (State.TERMINATED, ()),
    }
