"""What tests of the CTI wait for and are refused with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ccd.cti.wire import CtiError


async def until(true: Callable[[], bool], within: float = 5.0) -> None:
    """Wait for what tells nobody that it is so."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is awaited tells nobody
            await asyncio.sleep(0.005)


async def refusal(work: Awaitable[Any]) -> CtiError:
    """The error that this comes to."""
    with pytest.raises(CtiError) as caught:
        await work
    return caught.value
