"""The four transaction machines, transition by transition, and how messages find them."""

from __future__ import annotations

import random

import pytest

from ccd.sip.client_transactions import InviteClient, RequestClient
from ccd.sip.compose import OutgoingRequest
from ccd.sip.hop import Hop
from ccd.sip.message import Request, Response, parse
from ccd.sip.server_transactions import InviteServer, RequestServer
from ccd.sip.timers import Timers
from ccd.sip.transaction import Input, State, Transaction
from ccd.sip.transactions import TransactionLayer, server_key
from ccd.timer_queue import TimerQueue

UDP = Hop("udp", "192.0.2.1", 5060)
TCP = Hop("tcp", "192.0.2.1", 40000)
TIMERS = Timers()
T = TIMERS.timeout


class User:
    """Writes down what the machines tell it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_response(self, transaction, response, now) -> None:
        self.heard.append(f"response {response.code}")

    def on_failure(self, transaction, why, now) -> None:
        self.heard.append(f"failure {why}")

    def on_end(self, transaction) -> None:
        self.heard.append("end")

    def on_ack(self, ack, now) -> None:
        self.heard.append("ack")

    def on_timeout(self, now) -> None:
        self.heard.append("timeout")


def layer() -> TransactionLayer:
    return TransactionLayer(queue=TimerQueue(), timers=TIMERS, rng=random.Random(7))


def request(method: str = "INVITE", branch: str = "z9hG4bK1", to_tag: str = "") -> Request:
    message = parse(
        f"{method} sip:bob@192.0.2.9 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060{';branch=' + branch if branch else ''}\r\n"
        "From: <sip:alice@192.0.2.1>;tag=a\r\n"
        f"To: <sip:bob@192.0.2.9>{';tag=' + to_tag if to_tag else ''}\r\n"
        f"Call-ID: c1\r\nCSeq: 1 {method}\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


def response(code: int, branch: str, method: str = "INVITE") -> Response:
    message = parse(
        f"SIP/2.0 {code} X\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch}\r\n"
        "From: <sip:alice@192.0.2.1>;tag=a\r\nTo: <sip:bob@192.0.2.9>;tag=b\r\n"
        f"Call-ID: c1\r\nCSeq: 1 {method}\r\n\r\n".encode()
    )
    assert isinstance(message, Response)
    return message


def outgoing(method: str, hop: Hop) -> OutgoingRequest:
    return OutgoingRequest(
        method,
        "sip:bob@192.0.2.9",
        hop,
        via="SIP/2.0/UDP 192.0.2.9:5060;branch=",
        from_="<sip:alice@192.0.2.1>;tag=a",
        to="<sip:bob@192.0.2.9>",
        call_id="c1",
        cseq=1,
        routes=("<sip:proxy.example.com;lr>",),
    )


def client(kind: type, hop: Hop, state: State):
    transactions, user = layer(), User()
    method = "INVITE" if kind is InviteClient else "OPTIONS"
    transaction = transactions.request(
        outgoing(method, hop), 0.0, user.on_response, user.on_failure, user.on_end
    )
    for event in ROADS[kind][state]:
        code = {Input.PROVISIONAL: 180, Input.SUCCESS: 200, Input.FAILURE: 486}.get(event)
        message = response(code, transaction.branch, method) if code else None
        transaction.fire(event, 0.0, message)
    assert transaction.state is state
    transactions.to_send()
    user.heard.clear()
    return transactions, transaction, user, method


def server(kind: type, hop: Hop, state: State):
    transactions, user = layer(), User()
    method = "INVITE" if kind is InviteServer else "OPTIONS"
    transaction = transactions.accept(request(method), hop, 0.0)
    if isinstance(transaction, InviteServer):
        transaction.on_ack, transaction.on_timeout = user.on_ack, user.on_timeout
    for event in ROADS[kind][state]:
        transaction.fire(event, 0.0, _message(event, method))
    assert transaction.state is state
    transactions.to_send()
    return transactions, transaction, user, method


def _message(event: Input, method: str) -> object:
    if event in (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE):
        return event.value.encode()
    if event is Input.ACK:
        return request("ACK", to_tag="b")
    if event is Input.REQUEST:
        return request(method)
    return None


ROADS: dict[type, dict[State, list[Input]]] = {
    InviteClient: {
        State.CALLING: [],
        State.PROCEEDING: [Input.PROVISIONAL],
        State.COMPLETED: [Input.FAILURE],
        State.ACCEPTED: [Input.SUCCESS],
    },
    RequestClient: {
        State.TRYING: [],
        State.PROCEEDING: [Input.PROVISIONAL],
        State.COMPLETED: [Input.SUCCESS],
    },
    InviteServer: {
        State.PROCEEDING: [Input.PROVISIONAL],
        State.COMPLETED: [Input.FAILURE],
        State.CONFIRMED: [Input.FAILURE, Input.ACK],
        State.ACCEPTED: [Input.SUCCESS],
    },
    RequestServer: {
        State.TRYING: [],
        State.PROCEEDING: [Input.PROVISIONAL],
        State.COMPLETED: [Input.SUCCESS],
    },
}

# What RFC 3261's figures 5 to 8 and RFC 6026 say, written out once more: the next state
# and (packets sent, words to the user). A pair that is not here must change nothing.
S, I = State, Input  # noqa: E741
EXPECTED: dict[type, dict[tuple[State, Input], tuple[State, int, list[str]]]] = {
    InviteClient: {
        (S.CALLING, I.TIMER_A): (S.CALLING, 1, []),
        (S.CALLING, I.TIMER_B): (S.TERMINATED, 0, ["failure timeout", "end"]),
        (S.CALLING, I.TRANSPORT_ERROR): (S.TERMINATED, 0, ["failure transport", "end"]),
        (S.CALLING, I.PROVISIONAL): (S.PROCEEDING, 0, ["response 180"]),
        (S.CALLING, I.SUCCESS): (S.ACCEPTED, 0, ["response 200"]),
        (S.CALLING, I.FAILURE): (S.COMPLETED, 1, ["response 486", "end"]),
        (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, 0, ["response 180"]),
        (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, 0, ["response 200"]),
        (S.PROCEEDING, I.FAILURE): (S.COMPLETED, 1, ["response 486", "end"]),
        (S.PROCEEDING, I.CANCELLED): (S.PROCEEDING, 0, []),
        (S.PROCEEDING, I.TIMER_CANCEL): (S.TERMINATED, 0, ["failure timeout", "end"]),
        (S.COMPLETED, I.FAILURE): (S.COMPLETED, 1, []),
        (S.COMPLETED, I.TIMER_D): (S.TERMINATED, 0, []),
        (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, 0, []),
        (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, 0, ["response 200"]),
        (S.ACCEPTED, I.TIMER_M): (S.TERMINATED, 0, ["end"]),
    },
    RequestClient: {
        (S.TRYING, I.TIMER_E): (S.TRYING, 1, []),
        (S.TRYING, I.TIMER_F): (S.TERMINATED, 0, ["failure timeout", "end"]),
        (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, 0, ["failure transport", "end"]),
        (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, 0, ["response 180"]),
        (S.TRYING, I.SUCCESS): (S.COMPLETED, 0, ["response 200", "end"]),
        (S.TRYING, I.FAILURE): (S.COMPLETED, 0, ["response 486", "end"]),
        (S.PROCEEDING, I.TIMER_E): (S.PROCEEDING, 1, []),
        (S.PROCEEDING, I.TIMER_F): (S.TERMINATED, 0, ["failure timeout", "end"]),
        (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, 0, ["failure transport", "end"]),
        (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, 0, ["response 180"]),
        (S.PROCEEDING, I.SUCCESS): (S.COMPLETED, 0, ["response 200", "end"]),
        (S.PROCEEDING, I.FAILURE): (S.COMPLETED, 0, ["response 486", "end"]),
        (S.COMPLETED, I.TIMER_K): (S.TERMINATED, 0, []),
    },
    InviteServer: {
        (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, 1, []),
        (S.PROCEEDING, I.TIMER_100): (S.PROCEEDING, 1, []),
        (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, 1, []),
        (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, 1, []),
        (S.PROCEEDING, I.FAILURE): (S.COMPLETED, 1, []),
        (S.PROCEEDING, I.TRANSPORT_ERROR): (S.PROCEEDING, 0, []),
        (S.COMPLETED, I.REQUEST): (S.COMPLETED, 1, []),
        (S.COMPLETED, I.TIMER_G): (S.COMPLETED, 1, []),
        (S.COMPLETED, I.TIMER_H): (S.TERMINATED, 0, ["timeout"]),
        (S.COMPLETED, I.ACK): (S.CONFIRMED, 0, []),
        (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, 0, []),
        (S.CONFIRMED, I.ACK): (S.CONFIRMED, 0, []),
        (S.CONFIRMED, I.REQUEST): (S.CONFIRMED, 0, []),
        (S.CONFIRMED, I.TIMER_I): (S.TERMINATED, 0, []),
        (S.ACCEPTED, I.REQUEST): (S.ACCEPTED, 0, []),
        (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, 1, []),
        (S.ACCEPTED, I.ACK): (S.ACCEPTED, 0, ["ack"]),
        (S.ACCEPTED, I.TRANSPORT_ERROR): (S.ACCEPTED, 0, []),
        (S.ACCEPTED, I.TIMER_L): (S.TERMINATED, 0, []),
    },
    RequestServer: {
        (S.TRYING, I.REQUEST): (S.TRYING, 0, []),
        (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, 1, []),
        (S.TRYING, I.SUCCESS): (S.COMPLETED, 1, []),
        (S.TRYING, I.FAILURE): (S.COMPLETED, 1, []),
        (S.TRYING, I.TRANSPORT_ERROR): (S.TRYING, 0, []),
        (S.TRYING, I.TIMER_UNANSWERED): (S.TERMINATED, 0, []),
        (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, 1, []),
        (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, 1, []),
        (S.PROCEEDING, I.SUCCESS): (S.COMPLETED, 1, []),
        (S.PROCEEDING, I.FAILURE): (S.COMPLETED, 1, []),
        (S.PROCEEDING, I.TRANSPORT_ERROR): (S.PROCEEDING, 0, []),
        (S.PROCEEDING, I.TIMER_UNANSWERED): (S.TERMINATED, 0, []),
        (S.COMPLETED, I.REQUEST): (S.COMPLETED, 1, []),
        (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, 0, []),
        (S.COMPLETED, I.TIMER_J): (S.TERMINATED, 0, []),
    },
}


def every_pair() -> list[tuple[type, State, Input]]:
    return [(kind, state, event) for kind in ROADS for state in ROADS[kind] for event in Input]


@pytest.mark.parametrize(("kind", "state", "event"), every_pair())
def test_every_event_in_every_state(kind: type, state: State, event: Input) -> None:
    build = client if kind in (InviteClient, RequestClient) else server
    transactions, transaction, user, method = build(kind, UDP, state)
    if build is client:
        code = {I.PROVISIONAL: 180, I.SUCCESS: 200, I.FAILURE: 486}.get(event)
        message: object = response(code, transaction.branch, method) if code else None
    else:
        message = _message(event, method)
    known = (state, event) in EXPECTED[kind]
    then, packets, words = EXPECTED[kind].get((state, event), (state, 0, []))

    assert transaction.fire(event, 1.0, message) is known
    assert transaction.state is then
    assert len(transactions.to_send()) == packets
    assert user.heard == words
    if then is State.TERMINATED:
        assert len(transactions) == 0
        assert len(transactions.queue) == 0
        assert not transaction.live


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_the_table_has_exactly_the_transitions_of_the_figures(kind: type[Transaction]) -> None:
    assert {pair: step[0] for pair, step in kind.TABLE.items()} == {
        pair: step[0] for pair, step in EXPECTED[kind].items()
    }


def send_times(transactions: TransactionLayer, until: float) -> list[float]:
    """When something was sent, letting the timers run."""
    times = [0.0] * len(transactions.to_send())
    while (due := transactions.queue.next_due()) is not None and due <= until:
        transactions.queue.run(due)
        times += [due] * len(transactions.to_send())
    return times


def test_invite_is_retransmitted_at_doubling_intervals_for_32_seconds() -> None:
    transactions, user = layer(), User()
    transactions.request(outgoing("INVITE", UDP), 0.0, user.on_response, user.on_failure)
    assert send_times(transactions, 100.0) == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert user.heard == ["failure timeout"]
    assert len(transactions) == len(transactions.queue) == 0


def test_other_requests_are_retransmitted_up_to_t2() -> None:
    transactions, user = layer(), User()
    transactions.request(outgoing("OPTIONS", UDP), 0.0, user.on_response, user.on_failure)
    times = send_times(transactions, 100.0)
    assert times[:6] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5]
    assert times[-1] == 31.5
    assert user.heard == ["failure timeout"]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nothing_is_retransmitted_over_a_reliable_transport(method: str) -> None:
    transactions, user = layer(), User()
    transactions.request(outgoing(method, TCP), 0.0, user.on_response, user.on_failure)
    assert send_times(transactions, 100.0) == [0.0]
    assert user.heard == ["failure timeout"]


def test_a_ringing_invite_is_waited_for_without_limit() -> None:
    transactions, transaction, _user, _ = client(InviteClient, UDP, State.PROCEEDING)
    assert transactions.queue.next_due() is None
    transaction.fire(Input.CANCELLED, 100.0)
    assert transactions.queue.next_due() == 100.0 + T


@pytest.mark.parametrize(
    ("kind", "state", "udp", "tcp"),
    [
        (InviteClient, State.COMPLETED, 32.0, 0.0),
        (InviteClient, State.ACCEPTED, T, T),
        (RequestClient, State.COMPLETED, 5.0, 0.0),
        (InviteServer, State.CONFIRMED, 5.0, 0.0),
        (InviteServer, State.ACCEPTED, T, T),
        (RequestServer, State.COMPLETED, T, 0.0),
        (RequestServer, State.TRYING, T, T),
    ],
)
def test_how_long_a_finished_transaction_stays(
    kind: type, state: State, udp: float, tcp: float
) -> None:
    build = client if kind in (InviteClient, RequestClient) else server
    for hop, stays in ((UDP, udp), (TCP, tcp)):
        transactions, *_ = build(kind, hop, state)
        assert transactions.queue.next_due() == stays
        transactions.queue.run(stays)
        assert len(transactions) == 0


def test_refusal_of_an_invite_is_repeated_until_the_ack() -> None:
    transactions, _, user, _ = server(InviteServer, UDP, State.COMPLETED)
    times = send_times(transactions, 100.0)
    assert times[:5] == [0.5, 1.5, 3.5, 7.5, 11.5]
    assert user.heard == ["timeout"]


def test_refusal_over_tcp_is_not_repeated_but_its_ack_is_awaited() -> None:
    transactions, _, user, _ = server(InviteServer, TCP, State.COMPLETED)
    assert send_times(transactions, 100.0) == []
    assert user.heard == ["timeout"]


def test_a_100_goes_out_only_when_the_user_is_slow() -> None:
    transactions = layer()
    transactions.accept(request(), UDP, 0.0)
    transactions.queue.run(0.19)
    assert transactions.to_send() == []
    transactions.queue.run(0.2)
    [(data, _)] = transactions.to_send()
    assert data.startswith(b"SIP/2.0 100 Trying\r\n")
    assert b"tag=" not in data.partition(b"To:")[2].partition(b"\r\n")[0]


def test_ack_to_a_refusal_keeps_branch_route_and_takes_the_to_of_the_response() -> None:
    transactions, transaction, *_ = client(InviteClient, UDP, State.CALLING)
    transaction.fire(Input.FAILURE, 0.0, response(486, transaction.branch))
    [(data, hop)] = transactions.to_send()
    ack = parse(data)
    assert isinstance(ack, Request)
    assert (ack.method, ack.cseq_number, ack.to_tag) == ("ACK", 1, "b")
    assert ack.top_via.branch == transaction.branch
    assert ack.headers.get("Route") == "<sip:proxy.example.com;lr>"
    assert hop == UDP


class TestMatching:
    def test_response_finds_its_request_by_branch_and_method(self) -> None:
        transactions, user = layer(), User()
        transaction = transactions.request(
            outgoing("INVITE", UDP), 0.0, user.on_response, user.on_failure
        )
        assert not transactions.receive_response(response(200, "z9hG4bKother"), 0.0)
        assert not transactions.receive_response(response(200, transaction.branch, "CANCEL"), 0.0)
        assert transactions.receive_response(response(180, transaction.branch), 0.0)
        assert user.heard == ["response 180"]

    def test_request_is_told_from_another_senders_with_the_same_branch(self) -> None:
        transactions = layer()
        first = transactions.accept(request(), UDP, 0.0)
        assert transactions.match(request()) is first
        other = request()
        other.top_via = other.top_via._replace(host="192.0.2.77")
        assert transactions.match(other) is None

    def test_ack_and_cancel_find_the_invite_of_their_branch(self) -> None:
        transactions = layer()
        invite = transactions.accept(request(), UDP, 0.0)
        assert transactions.match(request("ACK", to_tag="b")) is invite
        assert transactions.match(request("CANCEL"), "INVITE") is invite
        assert transactions.match(request("CANCEL")) is None

    @pytest.mark.parametrize("branch", ["", "1234", "z9hG4bK"])
    def test_a_request_without_a_cookie_is_matched_as_rfc_2543_has_it(self, branch: str) -> None:
        transactions = layer()
        invite = transactions.accept(request(branch=branch), UDP, 0.0)
        assert transactions.match(request(branch=branch)) is invite
        assert transactions.match(request("ACK", branch=branch, to_tag="b")) is invite
        later = request(branch=branch)
        later.cseq_number = 2
        assert transactions.match(later) is None
        assert server_key(later, "INVITE") != invite.key

    def test_merged_request_is_one_with_the_same_identity_and_another_branch(self) -> None:
        transactions = layer()
        transactions.accept(request(branch="z9hG4bKa"), UDP, 0.0)
        assert transactions.is_merged(request(branch="z9hG4bKb"))
        assert not transactions.is_merged(request(branch="z9hG4bKb", to_tag="b"))
        assert not transactions.is_merged(request("OPTIONS", branch="z9hG4bKb"))

    def test_nothing_is_left_in_any_table(self) -> None:
        transactions = layer()
        transaction = transactions.accept(request("OPTIONS"), UDP, 0.0)
        transaction.respond(200, 0.0)
        transactions.queue.run(T)
        assert len(transactions) == len(transactions.queue) == 0
        assert not transactions._merged
        assert not transactions._by_hop


def test_transport_failure_reaches_only_the_transactions_of_that_hop() -> None:
    transactions, here, there = layer(), User(), User()
    transactions.request(outgoing("OPTIONS", UDP), 0.0, here.on_response, here.on_failure)
    transactions.request(outgoing("OPTIONS", TCP), 0.0, there.on_response, there.on_failure)
    transactions.transport_failed(TCP, 0.0)
    assert here.heard == []
    assert there.heard == ["failure transport"]


def test_response_on_a_broken_connection_goes_to_the_port_of_the_via() -> None:
    transactions = layer()
    transaction = transactions.accept(request(), TCP, 0.0)
    transactions.transport_failed(TCP, 0.0)
    transaction.respond(486, 0.0)
    [(_, hop)] = transactions.to_send()
    assert hop == Hop("tcp", "192.0.2.1", 5060)


@pytest.mark.parametrize(
    ("t1", "others"), [(0.5, (0.5, 4.0, 32.0)), (0.1, (0.1, 4.0, 32.0)), (1.0, (1.0, 4.0, 64.0))]
)
def test_values_that_go_with_a_t1(t1: float, others: tuple[float, float, float]) -> None:
    timers = Timers.of(t1)
    assert (timers.t1, timers.t2, timers.d) == others
    assert timers.timeout == 64 * t1
