"""What it costs the core to publish one event: numbered, packed, kept, handed to ZeroMQ.

Events come in bursts, as they do in a busy core, and are handed over at the end of each.
One subscriber reads in a thread of its own, which shares the interpreter: what it takes
there is not counted.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time

import zmq

from bench.result import Result, at_most
from ccd.cti.publisher import SUBSCRIBER_QUEUE, WINDOW_S, Publisher
from ccd.events import ConnectionCleared, EventStream
from ccd.model import Cause, Party, Quality

EVENTS = 50_000
BURST = 10
BUDGET_US = 30.0


def run() -> list[Result]:
    return asyncio.run(_measure())


async def _measure() -> list[Result]:
    event = ConnectionCleared(
        call="01k9x2abcdefgh", leg="01k9x2abcdefgh.1", party=Party.CALLER,
        cause=Cause.NORMAL_CLEARING, quality=Quality(),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
        pub, sub = context.socket(zmq.XPUB), context.socket(zmq.SUB)
        with pub, sub:
            pub.setsockopt(zmq.SNDHWM, SUBSCRIBER_QUEUE)
            pub.setsockopt(zmq.LINGER, 0)
            pub.setsockopt(zmq.XPUB_MANUAL, 1)
            pub.bind(f"ipc://{folder}/events")
            publisher = Publisher(keep=100_000, last_seq=0, boot="bench", clock=time.time)
            sub.subscribe(b"beat")
            sub.subscribe(publisher.topics.events)
            sub.connect(f"ipc://{folder}/events")
            publisher.open(pub)
            while not sub.poll(10):
                publisher.beat()
                await asyncio.sleep(WINDOW_S)

            ended = threading.Event()

            def read() -> None:
                while not ended.is_set():
                    if sub.poll(10):
                        sub.recv_multipart()

            reader = threading.Thread(target=read)
            reader.start()
            stream = EventStream(time.time)
            stream.subscribe(publisher.on_event)
            begin = time.thread_time()
            for _ in range(EVENTS // BURST):
                for _ in range(BURST):
                    stream.publish(event)
                publisher.settle()
            spent = time.thread_time() - begin
            ended.set()
            reader.join()
    return [at_most("cti_publish", spent / EVENTS * 1e6, "µs an event", BUDGET_US)]
