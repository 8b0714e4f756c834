"""Both ways of moving datagrams do the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from ccd.media import addresses, batch_io, sockets


@pytest.fixture(params=[False, True], ids=["recvmmsg", "plain"])
def io(request: pytest.FixtureRequest) -> batch_io.BatchIO:
    io = batch_io.open_io(plain=request.param, capacity=64)
    if io.batched == request.param:
        pytest.skip("this system has no recvmmsg")
    return io


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
    ):
        for sock in (a, b):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield a, b


def receive(io: batch_io.BatchIO, sock: socket.socket, port: int, count: int) -> None:
    while io.inbound.count < count:
        io.receive(sock, port)
    io.finish()


def test_batch_lands_in_the_matrix(
    io: batch_io.BatchIO, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    io.prepare(ours)
    for size in (0, 1, 172, 640):
        theirs.sendto(bytes([size % 251]) * size, ours.getsockname())
    receive(io, ours, 5, 4)
    inbound = io.inbound
    assert inbound.length[:4].tolist() == [0, 1, 172, 640]
    assert inbound.data[2, :172].tolist() == [172] * 172
    assert inbound.port[:4].tolist() == [5] * 4
    assert {addresses.address(p) for p in inbound.place[:4].tolist()} == {theirs.getsockname()}
    assert (np.diff(inbound.arrival[:4]) >= 0).all()
    assert inbound.arrival[0] > 1.6e18


def test_batches_of_several_sockets_follow_each_other(
    io: batch_io.BatchIO, pair: tuple[socket.socket, socket.socket]
) -> None:
    a, b = pair
    a.sendto(b"to b", b.getsockname())
    receive(io, b, 1, 1)
    b.sendto(b"to a!", a.getsockname())
    receive(io, a, 2, 2)
    assert io.inbound.port[:2].tolist() == [1, 2]
    assert io.inbound.length[:2].tolist() == [4, 5]
    assert [addresses.address(p) for p in io.inbound.place[:2].tolist()] == [
        a.getsockname(),
        b.getsockname(),
    ]


def test_full_matrix_leaves_the_rest_in_the_socket(
    io: batch_io.BatchIO, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    for number in range(100):
        theirs.sendto(bytes([number]), ours.getsockname())
    receive(io, ours, 0, 64)
    assert io.receive(ours, 0) == 0
    assert io.inbound.data[:64, 0].tolist() == list(range(64))
    io.inbound.count = 0
    receive(io, ours, 0, 36)
    assert io.inbound.data[:36, 0].tolist() == list(range(64, 100))


def test_sends_each_row_to_its_place(
    io: batch_io.BatchIO, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    out = io.outbound
    for row in range(10):
        out.data[row, :20] = row
        out.length[row] = 10 + row
        target = theirs if row % 2 else ours
        out.sockaddr[row] = addresses.sockaddr(addresses.place(target.getsockname()))
    assert io.send(ours, 2, 8) == 0
    theirs.settimeout(2)
    assert [theirs.recv(99) for _ in range(4)] == [bytes([r]) * (10 + r) for r in (3, 5, 7, 9)]


def test_unreachable_destinations_cost_only_themselves(
    io: batch_io.BatchIO, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    out = io.outbound
    places = [theirs.getsockname(), ("255.255.255.255", 9), theirs.getsockname()]
    for row, where in enumerate(places):
        out.length[row] = 1 + row
        out.sockaddr[row] = addresses.sockaddr(addresses.place(where))
    assert io.send(ours, 0, 3) == 1  # broadcast is not permitted on this socket
    theirs.settimeout(2)
    assert [len(theirs.recv(99)) for _ in range(2)] == [1, 3]


def test_environment_forces_plain_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(batch_io.PLAIN_SOCKETS, "1")
    assert not batch_io.open_io().batched


def test_ports_in_use_are_stepped_over() -> None:
    first = sockets.bind("127.0.0.1", 0, 0, 1)[0]
    pairs = []
    try:
        pairs = sockets.bind("127.0.0.1", first.number, first.number + 19)
        numbers = [pair.number for pair in pairs]
        assert first.number not in numbers
        assert all(number % 2 == 0 for number in numbers)
        assert all(pair.rtcp.getsockname()[1] == pair.number + 1 for pair in pairs)
    finally:
        for pair in [first, *pairs]:
            pair.rtp.close()
            pair.rtcp.close()


def test_no_port_at_all_is_said() -> None:
    with pytest.raises(OSError, match=r"media\.ports"):
        sockets.bind("192.0.2.77", 20000, 20010)


@pytest.mark.parametrize(
    "address", [("::1", 5), ("example", 5), ("1.2.3.4", 0), ("1.2.3.4", 70000)]
)
def test_addresses_that_are_none(address: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match=address[0]):
        addresses.place(address)


def test_address_book_tells_ports_and_places_apart() -> None:
    book = addresses.AddressBook()
    a, b = addresses.place(("127.0.0.1", 4000)), addresses.place(("127.0.0.1", 4001))
    book.add(0, a, 10)
    book.add(1, a, 11)
    book.add(0, b, 12)
    ports, places = np.array([0, 1, 0, 1, 2]), np.array([a, a, b, b, a], np.uint64)
    assert book.find(ports, places).tolist() == [10, 11, 12, -1, -1]
    book.remove(0, a, 99)
    book.remove(1, a, 11)
    assert book.find(ports, places).tolist() == [10, -1, 12, -1, -1]
