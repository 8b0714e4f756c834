"""200 clients at 1,500 events a second: one stuck, one that reconnects every second.

Every reader is a SUB socket that hears the whole stream (198 of them, in two processes); the
stuck one and the one that comes anew read nothing. Latency is from the event's stamp to its
reading by one of twenty readers, on one machine's clock; the publisher pays for all.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import msgpack
import zmq

from bench.result import Result, at_most, figure
from ccd.cti.server import Server
from ccd.events import AgentReserved, Delivered, Established, Event, EventStream, Offered, Queued
from ccd.model import Party
from ccd.paths import StatePaths

CLIENTS = 200
PROCESSES = 2
RATE = 1500
SECONDS = 8
BUDGET_MS = 10.0
SAMPLED = 10
"""Readers whose every event is timed; the others read and count."""


def read(address: str, topic: bytes, count: int, end: int, out: Any) -> None:
    """Read the whole stream on so many sockets until event number `end`; tell times and losses."""
    context = zmq.Context()
    sockets: list[zmq.Socket[bytes]] = []
    poller = zmq.Poller()
    for _ in range(count):
        socket = context.socket(zmq.SUB)
        socket.setsockopt(zmq.RCVHWM, 20_000)
        socket.setsockopt(zmq.LINGER, 0)
        socket.subscribe(topic)
        socket.connect(address)
        sockets.append(socket)
        poller.register(socket, zmq.POLLIN)
    timed = dict.fromkeys(sockets[:SAMPLED], 0)
    heard = dict.fromkeys(sockets, 0)
    late: list[float] = []
    out.put("ready")
    limit = time.monotonic() + SECONDS * 3 + 10
    left = set(sockets)
    while left and time.monotonic() < limit:
        for socket, _ in poller.poll(200):
            while True:
                try:
                    _, body = socket.recv_multipart(zmq.DONTWAIT)
                except zmq.Again:
                    break
                heard[socket] += 1
                if socket in timed:
                    late.append(time.time() - msgpack.unpackb(body)["at"])
                if heard[socket] == end:
                    left.discard(socket)
    out.put((late, sum(end - n for n in heard.values())))
    context.destroy(0)


def a_call(number: int) -> list[Event]:
    """Events of one call, as a centre publishes them."""
    call, agent = f"c{number}", f"agent{number % 20_000}"
    return [
        Offered(call=call, leg=f"{call}.0", ani="13800000001", dnis="95500", trunk="carrier"),
        Established(call=call, leg=f"{call}.0", party=Party.CALLER),
        *[Queued(call=call, queue="orders", position=9 - n) for n in range(9)],
        AgentReserved(agent=agent, call=call),
        Delivered(call=call, leg=f"{call}.1", agent=agent, queue="orders", ani="13800000001"),
        Established(call=call, leg=f"{call}.1", party=Party.AGENT, agent=agent),
        Established(call=call, leg=f"{call}.0", party=Party.CALLER),
    ]


async def _measure() -> list[Result]:
    total = RATE * SECONDS
    with tempfile.TemporaryDirectory() as folder:
        paths = StatePaths(Path(folder))
        stream = EventStream(time.time)
        server = Server(
            {}, stream, commands=paths.cti_commands, publish=paths.cti_events, people=lambda _: None
        )
        await server.start()
        topic = server.publisher.topics.events
        spawned = multiprocessing.get_context("spawn")
        out = spawned.Queue()
        readers = [
            spawned.Process(
                target=read,
                args=(paths.cti_events, topic, (CLIENTS - 2) // PROCESSES, total, out),
            )
            for _ in range(PROCESSES)
        ]
        for reader in readers:
            reader.start()
        for _ in readers:
            await asyncio.to_thread(out.get)
        context = zmq.Context()
        stuck = context.socket(zmq.SUB)  # never read
        stuck.setsockopt(zmq.RCVHWM, 100)
        stuck.subscribe(topic)
        stuck.connect(paths.cti_events)
        await asyncio.sleep(1.0)  # subscriptions arrive
        spent, events, call, moving = 0.0, 0, 0, None
        begin = time.monotonic()
        try:
            while events < total:
                if moving is None or call % 100 == 0:
                    if moving is not None:
                        moving.close(0)
                    moving = context.socket(zmq.SUB)
                    moving.subscribe(topic)
                    moving.connect(paths.cti_events)
                before = time.thread_time()
                for event in a_call(call)[: total - events]:
                    stream.publish(event)
                    events += 1
                server.publisher.settle()
                spent += time.thread_time() - before
                call += 1
                await asyncio.sleep(max(0.0, begin + events / RATE - time.monotonic()))
            told = [await asyncio.to_thread(out.get) for _ in readers]
        finally:
            context.destroy(0)
            for reader in readers:
                reader.join(5)
                if reader.is_alive():
                    reader.kill()
            await server.stop()
    late = sorted(each for times, _ in told for each in times)
    lost = sum(missing for _, missing in told)
    return [
        at_most("cti_clients_p99", late[int(len(late) * 0.99)] * 1e3, "ms", BUDGET_MS),
        figure("cti_clients_p50", late[len(late) // 2] * 1e3, "ms"),
        at_most("cti_clients_lost", lost, "events", 0),
        figure("cti_clients_publish", spent / total * 1e6, "µs an event"),
    ]


def run() -> list[Result]:
    """Measure it."""
    return asyncio.run(_measure())
