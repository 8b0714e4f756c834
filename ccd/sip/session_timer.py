"""Session timers (RFC 4028): a call whose far end is gone does not stay for ever."""

from __future__ import annotations

from collections.abc import Callable

from ccd.sip.grammar import params, tokens
from ccd.sip.message import Headers, Request, Response
from ccd.timer_queue import Timer, TimerQueue

MIN_SE_S = 90
"""The least interval anybody may ask for (RFC 4028, 5)."""
_EXPIRY_MARGIN_S = 32.0
"""The side that waits for a refresh gives up this long before the end (RFC 4028, 10)."""


class IntervalTooSmall(Exception):  # noqa: N818 - 422's own name
    """The peer asked for less than our minimum: answer 422 with Min-SE."""

    def __init__(self, minimum: int) -> None:
        super().__init__(f"session interval below {minimum} s")
        self.minimum = minimum


class SessionTimer:
    """Who refreshes a session how often, and the timer for it.

    `wanted` is the interval we propose, None for no session timer of our own accord.
    `on_refresh(now)` is called half-way when refreshing is our part, `on_expire(now)` when
    the peer's refresh did not come.
    """

    def __init__(
        self,
        *,
        wanted: int | None,
        queue: TimerQueue,
        on_refresh: Callable[[float], None],
        on_expire: Callable[[float], None],
    ) -> None:
        self._wanted = wanted
        self._queue = queue
        self._on_refresh = on_refresh
        self._on_expire = on_expire
        self._timer: Timer | None = None
        self._expiry: Timer | None = None
        self.minimum = MIN_SE_S
        self.interval: int | None = None
        """Seconds agreed; None: the session has no timer."""
        self.ours = False
        """Whether refreshing is our part."""

    def request_headers(self) -> list[tuple[str, str]]:
        """What an INVITE or UPDATE of ours carries."""
        wanted = self.interval or self._wanted
        if wanted is None:
            return []
        wanted = max(wanted, self.minimum)
        value = str(wanted)
        if self.interval is not None:
            # In a refresh the roles stay as they are (RFC 4028, 7.4).
            value += ";refresher=" + ("uac" if self.ours else "uas")
        headers = [("Session-Expires", value)]
        if self.minimum > MIN_SE_S:
            headers.append(("Min-SE", str(self.minimum)))
        return headers

    def raise_minimum(self, response: Response) -> bool:
        """Take the Min-SE of a 422; False where that does not ask for more than before."""
        minimum = _seconds(response.headers.get("Min-SE"))
        if minimum is None or minimum <= max(self.minimum, self.interval or self._wanted or 0):
            return False
        self.minimum = minimum
        return True

    def answer(self, request: Request) -> list[tuple[str, str]]:
        """Settle the timer for a peer's INVITE or UPDATE; headers of our 2xx (RFC 4028, 9).

        Raises `IntervalTooSmall`.
        """
        headers = request.headers
        supported = _supports_timer(headers)
        asked, refresher = _session_expires(headers)
        least = max(self.minimum, _seconds(headers.get("Min-SE")) or 0)
        if asked is not None and asked < self.minimum:
            if supported:
                raise IntervalTooSmall(self.minimum)
            asked = self.minimum
        if asked is None and (not supported or self._wanted is None):
            self.interval = None
            return []
        if asked is None:
            interval = max(self._wanted or 0, least)
        else:
            interval = asked if self._wanted is None else max(min(asked, self._wanted), least)
        # Without support on their side only we can refresh.
        self.ours = not supported or refresher == "uas"
        self.interval = interval
        answer = [("Session-Expires", f"{interval};refresher={'uas' if self.ours else 'uac'}")]
        if not self.ours:
            answer.append(("Require", "timer"))
        return answer

    def agreed(self, response: Response) -> None:
        """Settle the timer by the 2xx to an INVITE or UPDATE of ours (RFC 4028, 7.2)."""
        interval, refresher = _session_expires(response.headers)
        if interval is None:
            self.interval = None
            return
        self.interval = max(interval, MIN_SE_S)
        self.ours = refresher != "uas"

    def restart(self, now: float) -> None:
        """The session was begun or refreshed: count anew."""
        self.stop()
        interval = self.interval
        if interval is None:
            return
        if self.ours:
            self._timer = self._queue.at(now + interval / 2, self._refresh)
        margin = min(_EXPIRY_MARGIN_S, interval / 3)
        self._expiry = self._queue.at(now + interval - margin, self._expire)

    def stop(self) -> None:
        """The session is over."""
        for timer in (self._timer, self._expiry):
            if timer is not None:
                timer.cancel()
        self._timer = self._expiry = None

    def dispose(self) -> None:
        """Let go of the session."""
        self.stop()
        self._on_refresh = self._on_expire = _nothing

    def _refresh(self, argument: None, now: float) -> None:
        self._on_refresh(now)

    def _expire(self, argument: None, now: float) -> None:
        self.stop()
        self._on_expire(now)


def _nothing(now: float) -> None:
    """What a disposed timer calls."""


def _supports_timer(headers: Headers) -> bool:
    listed = headers.getlist("Supported") + headers.getlist("Require")
    return "timer" in tokens(listed)


def _session_expires(headers: Headers) -> tuple[int | None, str | None]:
    value = headers.get("Session-Expires")
    if value is None:
        return None, None
    seconds, semicolon, rest = value.partition(";")
    refresher = params(semicolon + rest).get("refresher")
    return _seconds(seconds), refresher.lower() if refresher else None


def _seconds(value: str | None) -> int | None:
    if value is None:
        return None
    value = value.partition(";")[0].strip()
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        return None
    return int(value)
