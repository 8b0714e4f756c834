"""The plant's health: trunks that answer, an event loop that is punctual."""

from __future__ import annotations

import asyncio

from ccd.alarm import Alarm
from ccd.events import EventStream, OverloadChanged, TrunkStateChanged
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import ResponseReceived
from ccd.sip.lag import LagMeter
from ccd.sip.overload import Overload
from ccd.sip.pings import Ping, Pings


class Plant:
    """Pings the trunks, feeds the gate with the loop's lateness, publishes what changes."""

    def __init__(
        self,
        *,
        overload: Overload,
        pings: Pings,
        endpoint: Endpoint,
        domain: str,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._overload = overload
        self._pings = pings
        self._endpoint = endpoint
        self._address = f"<sip:ccd@{domain}>"
        self._events = events
        self._loop = loop
        self._alarm = Alarm(loop, self._ping)
        self._asked: dict[int, Ping] = {}
        self._lag = LagMeter(self._take_lag)
        self.late_s = 0.0
        """How late the loop was when it was last looked at."""

    def start(self) -> None:
        """Begin to watch."""
        self._lag.start()
        self._ping(self._loop.time())

    def stop(self) -> None:
        """Watch no longer."""
        self._alarm.cancel()
        self._lag.stop()

    def trunk_up(self, trunk: str) -> bool:
        """Whether calls may be sent to this trunk."""
        return self._pings.is_up(trunk)

    def response_received(self, event: ResponseReceived) -> None:
        """The answer to a request outside a dialog; those that are not pings are not ours."""
        ping = self._asked.pop(event.token, None)
        if ping is not None:
            self._pings.answered(ping, event.code, self._loop.time())
            self._act()

    def _take_lag(self, late_s: float, now: float) -> None:
        self.late_s = late_s
        self._overload.lag(self.late_s, now)
        while (change := self._overload.next_event()) is not None:
            self._events.publish(OverloadChanged(shedding=change.shedding, reason=change.reason))

    def _ping(self, now: float) -> None:
        self._pings.handle_timer(now)
        self._act()

    def _act(self) -> None:
        now = self._loop.time()
        while (action := self._pings.next_action()) is not None:
            if isinstance(action, Ping):
                token = self._endpoint.agent.request(
                    "OPTIONS",
                    action.uri,
                    action.hop,
                    from_=self._address,
                    to=f"<{action.uri}>",
                    now=now,
                )
                self._asked[token] = action
                self._endpoint.wake()
            else:
                self._events.publish(
                    TrunkStateChanged(trunk=action.trunk, up=action.up, reason=action.reason)
                )
        self._alarm.set(self._pings.get_timer())
