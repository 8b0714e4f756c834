"""The meter of the event loop's lateness."""

from __future__ import annotations

import asyncio
import time

from ccd.sip.lag import EVERY_S, LagMeter


async def test_a_loop_that_was_held_up_is_late_and_then_is_not() -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    meter = LagMeter(lambda late, now: told.put_nowait(late))
    meter.start()
    try:
        await told.get()
        time.sleep(3 * EVERY_S)  # noqa: ASYNC251 - this is what is to be noticed
        late = await told.get()
        assert late > 1.5 * EVERY_S
        assert await told.get() < late
    finally:
        meter.stop()
    meter.stop()
    assert told.empty()
