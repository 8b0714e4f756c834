"""One line for a wall: who waits, who is idle. `python examples/wallboard.py [STATE]`."""

import asyncio
import sys

from ccd.cti.client import Client, CtiError, ErrorCode, Mirror


async def watch(client: Client) -> None:
    mirror = Mirror(await client.snapshot())
    async for event in client.events(mirror.seq):
        mirror.apply(event)
        queues = mirror.queues.values()
        print(
            "  ".join(f"{q.queue}: {q.waiting} wait, {q.idle_agents} idle" for q in queues),
            flush=True,
        )


async def main() -> None:
    async with Client(*sys.argv[1:2]) as client:
        while True:
            try:
                await watch(client)
            except CtiError as error:
                if error.code is not ErrorCode.GONE:
                    raise  # gone: more was missed than is kept, so begin again with a snapshot


asyncio.run(main())
