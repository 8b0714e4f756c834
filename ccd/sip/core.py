"""What a session asks of the user agent that holds it: the seam between the two."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Protocol

from ccd.sip.hop import Hop
from ccd.sip.timers import Timers
from ccd.sip.transactions import TransactionLayer
from ccd.timer_queue import TimerQueue

if TYPE_CHECKING:
    from ccd.sip.session import Session

Header = tuple[str, str]


class Core(Protocol):
    """What a session needs of the user agent that holds it."""

    layer: TransactionLayer
    queue: TimerQueue
    timers: Timers
    rng: random.Random
    prefers_reliable: bool
    capabilities: list[Header]
    """Allow and Supported."""

    def via(self, protocol: str) -> str:
        """Our Via for that transport, up to and including `branch=`."""

    def contact(self, protocol: str, user: str) -> str:
        """Our Contact for that transport."""

    def emit(self, event: Any) -> None:
        """Tell the owner."""

    def forget(self, session: Session) -> None:
        """The session is over and nothing of it is left on the wire."""

    def ended(self, session: Session) -> None:
        """The session is over for its owner."""

    def moved(self, session: Session, old: Hop, new: Hop) -> None:
        """The far end of this session is at another hop now."""
