"""The least that could move the same packets: recvmmsg and sendmmsg, and nothing between.

Same sockets, same sizes, same rhythm as the media worker: received every 5 ms, as many
sent every 20 ms. What this costs, the kernel costs.
"""

from __future__ import annotations

import os
import sys
import time

import msgspec

from ccd.media import addresses, batch_io, sockets
from ccd.media.ports import SHARED_PORTS
from ccd.media.worker import raise_priority


def main() -> None:
    """`python -m bench._media_raw`: ports out; where each phone is in; CPU seconds at the end."""
    raise_priority()  # as the worker: peers are not to be late either
    io = batch_io.open_io()
    pairs = sockets.bind("127.0.0.1", 0, 0, SHARED_PORTS)
    where = sockets.Sockets(pairs, io)
    sys.stdout.buffer.write(msgspec.json.encode([pair.number for pair in pairs]) + b"\n")
    sys.stdout.buffer.flush()
    seconds, warm_up, legs = msgspec.json.decode(
        sys.stdin.buffer.readline(), type=tuple[float, float, list[tuple[int, tuple[str, int]]]]
    )
    legs.sort(key=lambda leg: where.index(leg[0]))
    out = io.outbound
    out.length[: len(legs)] = 172
    out.data[: len(legs), 0] = 0x80
    seqs = out.data[:, 2:4].view(">u2")[:, 0]
    groups: list[tuple[int, int, int]] = []
    for row, (port, remote) in enumerate(legs):
        out.sockaddr[row] = addresses.sockaddr(addresses.place(remote))
        index = where.index(port)
        if groups and groups[-1][0] == index:
            groups[-1] = index, groups[-1][1], groups[-1][2] + 1
        else:
            groups.append((index, row, 1))
    begin = time.monotonic()
    used = os.times()
    counting = False
    beat = 0
    while (now := time.monotonic()) - begin < seconds + warm_up:
        due = begin + beat * 0.005
        if now < due:
            time.sleep(due - now)
        if not counting and now - begin > warm_up:
            counting, used = True, os.times()
        io.inbound.count = 0
        for index in where.ready().rtp:
            io.receive(where.pairs[index].rtp, index)
        if beat % 4 == 0:
            seqs[: len(legs)] = beat // 4 & 0xFFFF
            for index, row, number in groups:
                io.send(where.pairs[index].rtp, row, number)
        beat += 1
    end = os.times()
    result = {"user": end.user - used.user, "system": end.system - used.system}
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
