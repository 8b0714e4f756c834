"""Media workers that outlived the core that started them.

A worker goes on for a while when its core dies, for people keep talking. A new core
that does not pick their calls up must end it first: it holds the RTP ports, and is
still writing the recordings.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from ccd.media.link import decoder
from ccd.media.protocol import Shutdown, WorkerReady

LINKS = "media-*.ipc"

ATTEMPT_S = 1.0
"""A worker that lives says `WorkerReady` within a beat of being connected, or as soon as a
machine that is busy lets it. Without that the connection is made anew: ZeroMQ's PAIR takes
one peer and turns away a second for ever, without a word to it, and until the worker has
noticed that its old core's connection is gone, we are that second."""

ATTEMPTS = 10

END_S = 15.0
"""How long it may take to finish its recordings."""


async def end_orphans(folder: Path, log: Any) -> int:
    """End every worker whose link lies in `folder`, and wait for it. Returns how many lived.

    What is left of links whose workers died is removed. The folder must be of one core
    alone (the daemon holds the lock of its state folder).
    """
    links = await asyncio.to_thread(lambda: sorted(folder.glob(LINKS)))
    if not links:
        return 0
    with zmq.asyncio.Context() as context:
        ended = await asyncio.gather(*(_end(context, link, log) for link in links))
    return sum(ended)


async def _end(context: zmq.asyncio.Context, link: Path, log: Any) -> bool:
    if not await asyncio.to_thread(_is_served, link):
        await asyncio.to_thread(link.unlink, missing_ok=True)
        return False
    for _ in range(ATTEMPTS):
        if await _shut_down(context, link, log):
            break
    else:
        log.error("media.orphan_silent", link=str(link), seconds=ATTEMPTS * ATTEMPT_S)
        return False
    await asyncio.to_thread(link.unlink, missing_ok=True)
    return True


async def _shut_down(context: zmq.asyncio.Context, link: Path, log: Any) -> bool:
    """Connect, and end the worker that answers. False: nobody answered."""
    with context.socket(zmq.PAIR) as pair:
        pair.linger = 0
        pair.connect(f"ipc://{link}")
        pid = await _greeting(pair)
        if pid is None:
            return False
        log.warning("media.orphan", pid=pid)
        await pair.send(msgspec.msgpack.encode([Shutdown()]))
        if not await _gone(pid):
            log.error("media.orphan_stays", pid=pid, seconds=END_S)
        return True


def _is_served(link: Path) -> bool:
    """Whether a process still has this socket bound; ZeroMQ would try for ever to connect."""
    bound = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace")
    return any(line.endswith(f" {link}") for line in bound.splitlines())


async def _greeting(pair: zmq.asyncio.Socket) -> int | None:
    """The process at the other end, or None where there is none."""
    reports = decoder()
    try:
        async with asyncio.timeout(ATTEMPT_S):
            while True:
                for report in reports.decode(await pair.recv()):
                    if isinstance(report, WorkerReady):
                        return report.pid
    except (TimeoutError, msgspec.MsgspecError):
        return None


async def _gone(pid: int) -> bool:
    """Wait until a process that is not our child has ended; False where it takes too long."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)  # readable when the process ends (pidfd_open(2))
    try:
        await asyncio.wait_for(ended.wait(), END_S)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return True
