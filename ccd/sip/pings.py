"""Whether trunks are alive, by OPTIONS (RFC 3261, 11). Sans-IO.

One lost ping is no outage and one answer is no recovery: a peer leaves service after three
pings unanswered in a row and comes back after two answered. A trunk is up while one of its
peers is, or has not been asked yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum

import msgspec

from ccd.sip.hop import Hop
from ccd.sip.trunks import Trunks

HASTE_S = 5.0
"""While a peer is in doubt it is asked again after this, or its own interval if that is less."""


class State(Enum):
    """What we think of a peer."""

    UNKNOWN = "not asked yet"
    UP = "up"
    MISSED_ONE = "up, one ping unanswered"
    MISSED_TWO = "up, two pings unanswered"
    DOWN = "down"
    RECOVERING = "down, one ping answered"

    @property
    def in_service(self) -> bool:
        """Calls may be sent there."""
        return self not in (State.DOWN, State.RECOVERING)


TRANSITIONS: Mapping[tuple[State, bool], State] = {
    (State.UNKNOWN, True): State.UP,
    (State.UNKNOWN, False): State.MISSED_ONE,
    (State.UP, True): State.UP,
    (State.UP, False): State.MISSED_ONE,
    (State.MISSED_ONE, True): State.UP,
    (State.MISSED_ONE, False): State.MISSED_TWO,
    (State.MISSED_TWO, True): State.UP,
    (State.MISSED_TWO, False): State.DOWN,
    (State.DOWN, True): State.RECOVERING,
    (State.DOWN, False): State.DOWN,
    (State.RECOVERING, True): State.UP,
    (State.RECOVERING, False): State.DOWN,
}
"""(what we thought, whether it answered) -> what we think."""

IN_DOUBT = (State.MISSED_ONE, State.MISSED_TWO, State.RECOVERING)


class Ping(msgspec.Struct, frozen=True):
    """Send OPTIONS to `uri` by `hop`, and tell `answered` what came of it."""

    trunk: str
    uri: str
    hop: Hop


class TrunkChanged(msgspec.Struct, frozen=True):
    """A trunk came into or went out of service."""

    trunk: str
    up: bool
    reason: str


class _Watch:
    """One peer that is pinged; `due` is None while a ping is out."""

    __slots__ = ("due", "hop", "interval", "state", "trunk")

    def __init__(self, trunk: str, hop: Hop, interval: float, due: float) -> None:
        self.trunk = trunk
        self.hop = hop
        self.interval = interval
        self.due: float | None = due
        self.state = State.UNKNOWN


class Pings:
    """Asks every peer with a port, of every trunk with `options_ping_s`, in its turn."""

    def __init__(self, trunks: Trunks, now: float) -> None:
        self._watches: list[_Watch] = []
        self._actions: deque[Ping | TrunkChanged] = deque()
        for trunk in trunks:
            hops = [peer.hop for peer in trunks.peers[trunk.name] if peer.hop is not None]
            if trunk.options_ping_s > 0:
                for index, hop in enumerate(hops):  # spread, not all at once
                    due = now + trunk.options_ping_s * index / len(hops)
                    self._watches.append(_Watch(trunk.name, hop, trunk.options_ping_s, due))

    def is_up(self, trunk: str) -> bool:
        """Whether calls may be sent there; a trunk that is never asked always is."""
        watches = [watch for watch in self._watches if watch.trunk == trunk]
        return not watches or any(watch.state.in_service for watch in watches)

    def state(self, trunk: str) -> dict[Hop, State]:
        """What is thought of each peer that is asked."""
        return {watch.hop: watch.state for watch in self._watches if watch.trunk == trunk}

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called, or None."""
        return min((watch.due for watch in self._watches if watch.due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Ask those whose turn it is."""
        for watch in self._watches:
            if watch.due is not None and watch.due <= now:
                watch.due = None
                self._actions.append(Ping(watch.trunk, f"sip:{str(watch.hop)[4:]}", watch.hop))

    def answered(self, ping: Ping, code: int, now: float) -> None:
        """A ping's final response; 408 where none came, 503 where it could not be sent.

        Any other answer, a refusal too, is a sign of life.
        """
        alive = code not in (408, 503)
        for watch in self._watches:
            if (watch.trunk, watch.hop) == (ping.trunk, ping.hop):
                was_up = self.is_up(ping.trunk)
                watch.state = TRANSITIONS[watch.state, alive]
                doubt = watch.state in IN_DOUBT
                watch.due = now + (min(HASTE_S, watch.interval) if doubt else watch.interval)
                if self.is_up(ping.trunk) != was_up:
                    reason = f"{ping.hop} answers again" if alive else f"{ping.hop} does not answer"
                    self._actions.append(TrunkChanged(ping.trunk, not was_up, reason))

    def next_action(self) -> Ping | TrunkChanged | None:
        """The oldest thing to do or to tell, or None."""
        return self._actions.popleft() if self._actions else None
