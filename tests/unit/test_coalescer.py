"""A coalescer acts at once when it was quiet, and together when it was not."""

from __future__ import annotations

import asyncio

from ccd.coalescer import Coalescer


async def test_touches_of_one_turn_make_one_act() -> None:
    acts: list[int] = []
    coalescer = Coalescer(lambda: acts.append(1), window=0.05)
    for _ in range(10):
        coalescer.touch()
    assert acts == []
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert acts == [1]


async def test_within_the_window_they_wait_for_its_end() -> None:
    loop = asyncio.get_running_loop()
    acts: list[float] = []
    acted = asyncio.Event()

    def act() -> None:
        acts.append(loop.time())
        acted.set()

    coalescer = Coalescer(act, window=0.05)
    coalescer.touch()
    await acted.wait()
    acted.clear()
    coalescer.touch()
    coalescer.touch()
    await acted.wait()
    assert len(acts) == 2
    assert acts[1] - acts[0] >= 0.049


async def test_settle_does_it_now_and_once() -> None:
    acts: list[int] = []
    coalescer = Coalescer(lambda: acts.append(1), window=0.01)
    coalescer.settle()
    assert acts == []
    coalescer.touch()
    coalescer.settle()
    assert acts == [1]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert acts == [1]
