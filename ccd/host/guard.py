"""What stands between us and a host that is slow, or gone: a time-out, and a circuit breaker.

While it is broken nobody waits for it: after some failures in a row it is left alone for a while,
and asked again once; what comes of that decides (Nygard, Release It!, 5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ccd.host.words import Holdings, Host, HostError


class Guard:
    """A `ccd.host.words.Host` around another. `clock` is the loop's."""

    def __init__(
        self,
        host: Host,
        *,
        timeout_s: float,
        failures: int,
        rest_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._host = host
        self._timeout_s = timeout_s
        self._most = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failures = 0
        self._rests_until = float("-inf")

    async def holdings(self, accounts: Sequence[str]) -> Holdings:
        """As the host's. Raises `HostError`, at once while it is left alone."""
        left = self._rests_until - self._clock()
        if left > 0:
            raise HostError(f"the host failed {self._failures} times: asked again in {left:.0f} s")
        if self._failures >= self._most:  # one asks for all
            self._rests_until = self._clock() + self._timeout_s
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._host.holdings(accounts)
        except TimeoutError as error:
            self._failed()
            raise HostError(f"the host did not answer in {self._timeout_s:g} s") from error
        except HostError:
            self._failed()
            raise
        self._failures, self._rests_until = 0, float("-inf")
        return found

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= self._most:
            self._rests_until = self._clock() + self._rest_s
