"""What events are published as: a topic's name is the right to hear it.

ZeroMQ matches subscriptions by prefix and asks nobody, so that whoever may connect could hear
everything. Here each topic begins with something that cannot be guessed and is told only in an
answer to a session that may know it; nothing else is accepted as a subscription (`subscribers`):

- `event/TOKEN/TYPE`: every event, for supervisors and admins;
- `monitor/ID/`: what a monitor watches, for the sessions that have it;
- `beat`: the newest number, for all.

Who was told a token and loses the right to it may keep it in mind. The token is then replaced:
those who still may know ask for the new one when they hear nothing more. Sans-IO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ccd.cti.monitors import Monitors
from ccd.cti.wire import BEAT, EVENT_TOPIC, MONITOR_TOPIC


class Topics:
    """The names of all topics, and the people who know the one of all events."""

    def __init__(self, token: Callable[[], str], monitors: Monitors) -> None:
        """`token` makes texts that nobody can guess, without a slash."""
        self._token = token
        self._monitors = monitors
        self._told: set[str] = set()
        self._events = self._fresh()

    @property
    def events(self) -> bytes:
        """What the topic of every event begins with."""
        return self._events

    def tell(self, people: Iterable[str]) -> str:
        """Return the topic of all events, for an answer to a session of these people."""
        self._told.update(people)
        return self._events.decode()

    def accepts(self, topic: bytes) -> bool:
        """Whether a subscription is to one of our topics, or to some types of event of it."""
        if topic == BEAT or topic.startswith(self._events):
            return True
        kind, _, rest = topic.partition(b"/")
        name, slash, _ = rest.partition(b"/")
        known = slash and kind + b"/" == MONITOR_TOPIC
        return bool(known) and self._monitors.get(name.decode("ascii", "replace")) is not None

    def review(self, may: Callable[[str], bool]) -> bool:
        """Replace the token where somebody who was told it `may` no longer know; True: it was."""
        if all(may(name) for name in self._told):
            return False
        self._told.clear()
        self._events = self._fresh()
        return True

    def _fresh(self) -> bytes:
        return EVENT_TOPIC + self._token().encode() + b"/"
