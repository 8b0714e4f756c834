"""Print what happens in the centre, as it happens: `python examples/print_events.py [STATE]`."""

import asyncio
import sys

from ccd.cti.client import Client


async def main() -> None:
    async with Client(*sys.argv[1:2]) as client:
        async for event in client.events():
            print(event.seq, event, flush=True)


asyncio.run(main())
