"""Peers for the media benchmarks: thousands of phones in one process, on batched sockets.

Phones share sockets: a phone is one of our sockets and one of the worker's ports. Each
sends a packet every 20 ms, a quarter of them every 5 ms; what comes back is counted by
sequence number. Now and then a phone sends a loud frame into the silence; the time until
its partner hears it is the delay.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any, Final

import msgspec
import numpy as np

from ccd.media import addresses, batch_io, rtp
from ccd.media.codecs import FRAME
from ccd.media.worker import raise_priority

PHONES_A_SOCKET: Final = 16
"""As many as the worker shares ports, so that each phone of a socket has another port."""

LOUD_EVERY: Final = 25
"""Frames from one loud frame of a phone to the next."""

LOUD: Final = 0x80
SILENT: Final = 0xFF


class Order(msgspec.Struct):
    """What the generator is to do: partners by phone, and where each sends to."""

    ports: list[int]
    """The worker's port for each phone."""
    partner: list[int]
    """Whom each phone hears; itself where it hears nobody."""
    warm_up_s: float
    seconds: float


class Findings(msgspec.Struct):
    """What the phones saw while it counted."""

    sent: int
    received: int
    lost: int
    """Holes in the sequence numbers that the phones got."""
    missing: int
    """Packets short of one a frame for each phone."""
    delay_ms: list[float]
    late_ms_p99: float
    """How late the generator itself was."""
    cpu_s: float


class Phones:
    """All phones of one run."""

    def __init__(self, count: int) -> None:
        self.io = batch_io.open_io(capacity=8192)
        self.count = count
        self.socks = []
        for _ in range(-(-count // PHONES_A_SOCKET)):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            batch_io.enlarge_buffers(sock, 8 << 20)
            self.io.prepare(sock)
            self.socks.append(sock)

    def addresses(self) -> list[tuple[str, int]]:
        """Each phone's address."""
        names = [sock.getsockname() for sock in self.socks]
        return [names[phone // PHONES_A_SOCKET] for phone in range(self.count)]

    def run(self, order: Order) -> Findings:
        """Talk for the time ordered."""
        count = self.count
        phone = np.arange(count)
        book = addresses.AddressBook()
        target = np.zeros((count, addresses.SOCKADDR), np.uint8)
        for index, port in enumerate(order.ports):
            place = addresses.place(("127.0.0.1", port))
            target[index] = addresses.sockaddr(place)
            book.add(index // PHONES_A_SOCKET, place, index)
        seq = np.full(count, -1, np.int64)
        received = np.zeros(count, np.int64)
        lost = 0
        loud_at = np.zeros(count)
        delays: list[np.ndarray] = []
        late: list[float] = []
        partner = np.array(order.partner)
        sent = 0
        out, inbound = self.io.outbound, self.io.inbound
        packet = np.zeros((count, rtp.HEADER + FRAME), np.uint8)
        packet[:, 0] = rtp.PLAIN
        packet[:, 12:] = SILENT
        fields = packet[:, :12].view(rtp.FIELDS)[:, 0]
        fields["ssrc"] = phone + 1
        quarters = [phone[(phone // PHONES_A_SOCKET) % 4 == part] for part in range(4)]
        begin = time.monotonic()
        counting = False
        beat = 0
        cpu = os.times()
        rising = order.warm_up_s / 2
        total = order.warm_up_s + order.seconds
        while True:
            due = begin + beat * 0.005
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
                now = time.monotonic()
            if not counting and now - begin >= order.warm_up_s:
                counting, sent, lost = True, 0, 0
                received[:] = 0
                delays.clear()
                late.clear()
                cpu = os.times()
                counted_from = now
            if now - begin >= total:
                break
            late.append(now - due)
            group = quarters[beat % 4]
            # They come one after the other: a call centre has no thousand calls in one frame.
            group = group[: max(1, int(group.size * min(1.0, (now - begin) / rising)))]
            frame = beat // 4
            fields["seq"][group] = frame & 0xFFFF
            fields["ts"][group] = frame * FRAME & 0xFFFFFFFF
            loud = group[(group + frame) % LOUD_EVERY == 0]
            packet[group, 12:] = SILENT
            packet[loud, 12:] = LOUD
            size = group.size
            out.data[:size, : packet.shape[1]] = packet[group]
            out.length[:size] = packet.shape[1]
            out.sockaddr[:size] = target[group]
            loud_at[loud] = time.time()
            for start in range(0, size, PHONES_A_SOCKET):
                number = min(PHONES_A_SOCKET, size - start)
                sock = self.socks[group[start] // PHONES_A_SOCKET]
                self.io.send(sock, start, number)
            sent += size
            inbound.count = 0
            for index, sock in enumerate(self.socks):
                self.io.receive(sock, index)
            self.io.finish()
            n = inbound.count
            if n:
                rows = book.find(inbound.port[:n], inbound.place[:n])
                heads = rtp.parse(inbound.data[:n])
                known = rows >= 0
                for at in (known,):
                    who, numbers = rows[at], heads.seq[at]
                    order_ = np.argsort(who, kind="stable")
                    who, numbers = who[order_], numbers[order_]
                    same = np.zeros(who.size, bool)
                    same[1:] = who[1:] == who[:-1]
                    before = np.where(same, np.roll(numbers, 1), seq[who])
                    gap = rtp.signed16(numbers - before) - 1
                    lost += int(gap[(before >= 0) & (gap > 0)].sum())
                    seq[who] = numbers
                    np.add.at(received, who, 1)
                    data = inbound.data[:n][at]
                    heard = (data[:, 100] & 0x7F) < 0x20
                    listeners = rows[at][heard]
                    since = inbound.arrival[:n][at][heard] / 1e9 - loud_at[partner[listeners]]
                    delays.append(since[(since > 0) & (since < 0.4)])
            beat += 1
        used = os.times()
        late.sort()
        expected = int((time.monotonic() - counted_from) / 0.02) * count
        every = np.concatenate(delays) if delays else np.zeros(0)
        return Findings(
            sent=sent,
            received=int(received.sum()),
            lost=lost,
            missing=max(0, expected - int(received.sum()) - 2 * count),
            delay_ms=np.round(np.sort(every * 1000)[:: max(1, every.size // 2000)], 2).tolist(),
            late_ms_p99=late[len(late) * 99 // 100] * 1000,
            cpu_s=used.user + used.system - cpu.user - cpu.system,
        )


def main() -> None:
    """`python -m bench._media_generator COUNT`: addresses out, an order in, findings out."""
    raise_priority()  # as the worker: peers are not to be late either
    phones = Phones(int(sys.argv[1]))
    out: Any = sys.stdout.buffer
    out.write(msgspec.json.encode(phones.addresses()) + b"\n")
    out.flush()
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    out.write(msgspec.json.encode(phones.run(order)) + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
