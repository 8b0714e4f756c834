"""An alarm rings once, at the time that was set last."""

from __future__ import annotations

import asyncio

from ccd.alarm import Alarm


async def test_it_rings_at_the_time_set_last_and_once() -> None:
    loop = asyncio.get_running_loop()
    rang: asyncio.Queue[float] = asyncio.Queue()
    alarm = Alarm(loop, rang.put_nowait)
    start = loop.time()
    alarm.set(start + 0.01)
    alarm.set(start + 0.03)  # later: the running timer is kept and set again when it fires
    assert await rang.get() >= start + 0.03
    alarm.set(start + 5)
    alarm.set(start + 0.05)  # earlier: moved
    assert await asyncio.wait_for(rang.get(), 1) < start + 4
    assert rang.empty()


async def test_none_silences_it() -> None:
    loop = asyncio.get_running_loop()
    rang: list[float] = []
    done = asyncio.Event()
    alarm = Alarm(loop, rang.append)
    alarm.set(loop.time() + 0.01)
    alarm.set(None)
    loop.call_later(0.03, done.set)
    await done.wait()
    assert rang == []
    alarm.set(loop.time() + 0.01)
    alarm.cancel()
    done.clear()
    loop.call_later(0.03, done.set)
    await done.wait()
    assert rang == []
