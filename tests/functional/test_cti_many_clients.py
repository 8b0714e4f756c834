"""Many clients of one server, one of them stuck, one that comes anew again and again: readers lose nothing."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ccd.cti import asyncio_client as client_module
from ccd.cti.client import Client
from ccd.cti.server import Server
from ccd.events import AgentReady, EventStream
from ccd.paths import StatePaths

READERS = 12
CALLS = 200
EVENTS_OF_A_CALL = 15
"""As many as a call through a queue has (`bench/cti_clients.py` has their kinds and their latency)."""
LAST = CALLS * EVENTS_OF_A_CALL


async def numbers(client: Client, last: int) -> list[int]:
    """The numbers of all events that a client hears, up to this one."""
    seen: list[int] = []
    async for event in client.events():
        seen.append(event.seq)
        if event.seq == last:
            break
    return seen


async def test_readers_hear_everything_beside_a_stuck_client_and_a_restless_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccd.cti.server.SUBSCRIBER_QUEUE", 500)
    monkeypatch.setattr(client_module, "RECEIVE_QUEUE", 500)
    stream = EventStream(time.time)
    paths = StatePaths(tmp_path)
    server = Server(
        {}, stream, commands=paths.cti_commands, publish=paths.cti_events, people=lambda _: None
    )
    await server.start()
    heard_anew = 0

    async def restless() -> None:
        nonlocal heard_anew
        while True:
            async with Client(tmp_path) as client:
                await anext(client.events())
                heard_anew += 1

    clients = [Client(tmp_path) for _ in range(READERS)]
    for client in clients:
        await client.connect()
    coming = asyncio.create_task(restless())
    async with Client(tmp_path) as stuck, asyncio.timeout(60):
        never_read = stuck.events()
        readers = [asyncio.create_task(numbers(client, LAST)) for client in clients]
        for _ in range(CALLS):
            for _ in range(EVENTS_OF_A_CALL):
                stream.publish(AgentReady(agent="anna"))
            await asyncio.sleep(0)
        for seen in await asyncio.gather(*readers):
            assert seen == list(range(1, LAST + 1))
        while not heard_anew:
            stream.publish(AgentReady(agent="anna"))
            await asyncio.sleep(0.01)
        assert (await anext(never_read)).seq == 1  # it has lost nothing that is still kept
    assert not coming.done()
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    for client in clients:
        await client.close()
    await server.stop()
