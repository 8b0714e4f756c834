"""`examples/route_calls.py`, as it stands, decides where the callers of a real daemon go."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sip_party import Party, party

from ccd.cti.client import Client, CtiError
from ccd.demo_settings import free_media_ports
from ccd.events import Queued, RouteCancelled, RouteRequested, RouteUsed
from ccd.sip.hop import Hop
from ccd.sip.negotiation import Negotiation

EXAMPLE = Path(__file__).parents[2] / "examples" / "route_calls.py"
START_S = 45.0

SETTINGS = """\
[media]
address = "127.0.0.1"
ports = [{first}, {last}]

[[trunk]]
name = "loop"
peers = ["127.0.0.0/8"]

[[phone]]
name = "1001"
password = "a-long-one"

[[agent]]
name = "li.na"
phone = "1001"
queues = ["orders"]

[[queue]]
name = "orders"

[[queue]]
name = "english"

[[route]]
dnis = "95500"
flow = "straight.yaml"
"""

STRAIGHT = """\
version: 1
name: straight
start: wait
steps:
  wait: {type: queue, queue: orders}
"""


@asynccontextmanager
async def daemon(root: Path) -> AsyncIterator[tuple[Client, Hop]]:
    """A daemon on a state folder, a client, and where it hears SIP."""
    first, last = free_media_ports()
    (root / "ccd.toml").write_text(SETTINGS.format(first=first, last=last))
    (root / "straight.yaml").write_text(STRAIGHT)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ccd", "run", "--sip", "127.0.0.1:0", "--state", str(root),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    log = root / "log" / "ccd.log"
    client = Client(root)
    try:
        async with asyncio.timeout(START_S):
            while True:
                try:
                    await client.connect()
                except CtiError:
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(
                        0.1
                    )  # there is nobody yet who could tell us that he is there
                else:
                    break
            # Its door for clients opens first.
            while '"sip"' not in log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        told = [line for line in log.read_text().splitlines() if '"sip"' in line]
        host, _, port = json.loads(told[-1])["sip"].rpartition(":")
        yield client, Hop("udp", host, int(port))
        await client.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
    assert process.returncode == 0


def call(caller: Party, to: Hop, ani: str, number: str) -> Negotiation:
    """Dial a number of the daemon's."""
    negotiation = Negotiation(1)
    session = caller.endpoint.agent.invite(
        f"sip:{number}@{to.host}",
        to,
        from_=f"<sip:{ani}@carrier.example>",
        to=f"<sip:{number}@{to.host}>",
        sdp=negotiation.offer(caller.media),
        now=caller.now,
    )
    caller._negotiations[session.id] = negotiation
    caller.endpoint.wake()
    return negotiation


async def test_the_example_routes_callers_of_a_daemon(tmp_path: Path) -> None:
    root = tmp_path / "state"
    root.mkdir()
    async with daemon(root) as (client, hop), party("udp:127.0.0.1:0") as caller:
        await client.call("log_in", agent="li.na", phone="1001")
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLE), str(root), stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                assert program.stdout is not None
                router = (await program.stdout.readline()).decode().split()[-1]
                assert router.startswith("route_calls#")
                feed = aiter(client.events(None, RouteRequested, RouteUsed, Queued))
                # Whom the program knows goes to his adviser: he waits for her, by name.
                call(caller, hop, "13800000001", "95500")
                asked, used, queued = [await anext(feed) for _ in range(3)]
                if isinstance(used, Queued):
                    used, queued = queued, used
                assert isinstance(asked, RouteRequested)
                assert (asked.router, asked.ani, asked.queue) == (router, "13800000001", "orders")
                assert isinstance(used, RouteUsed)
                assert (used.router, used.destination, used.why) == (router, "agent:li.na", "")
                # Whom it knows nothing of, the ACD routes.
                call(caller, hop, "13911111111", "95500")
                while not isinstance(used, RouteUsed) or used.call == asked.call:
                    used = await anext(feed)
                assert (used.destination, used.why) == ("queue:orders", "refused")
                view = (await client.call("routes")).routers
                assert [(each.router, each.queue, each.state) for each in view] == [
                    (router, "*", "good")
                ]
        finally:
            program.kill()
            await program.communicate()


async def test_refusals_of_the_operations(tmp_path: Path) -> None:
    root = tmp_path / "state"
    root.mkdir()
    async with daemon(root) as (client, hop), party("udp:127.0.0.1:0") as caller:

        async def code(op: str, **args: Any) -> str:
            try:
                await client.call(op, **args)
            except CtiError as error:
                return error.code.value
            return "ok"

        assert await code("route_register", queue="nowhere") == "unknown_queue"
        assert await code("route_register", queue="orders", timeout_ms=1) == "bad_args"
        assert await code("route_cancel") == "wrong_state"
        assert await code("route_select", call="no", destination="queue:orders") == "wrong_state"
        assert await code("route_reject", call="no") == "wrong_state"
        assert await code("route_register", queue="orders", timeout_ms=20_000) == "ok"
        feed = aiter(client.events(None, RouteRequested, RouteUsed, RouteCancelled))
        call(caller, hop, "13911111111", "95500")
        async with asyncio.timeout(20):
            asked = await anext(feed)
            assert isinstance(asked, RouteRequested)
            wrong = await client.call("route_select", call=asked.call, destination="queue:nowhere")
            assert not wrong.used
            assert "nowhere" in wrong.why
            again = await anext(feed)
            assert isinstance(again, RouteRequested)
            right = await client.call(
                "route_select", call=asked.call, destination="queue:english", data={"vip": "no"}
            )
            assert right.used
            assert (await anext(feed)).destination == "queue:english"  # type: ignore[attr-defined]
            assert await code("route_reject", call=asked.call) == "wrong_state"
            assert await code("route_cancel", queue="orders") == "ok"
            assert (await anext(feed)).reason == "cancelled"  # type: ignore[attr-defined]
