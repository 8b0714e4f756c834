"""How long somebody is likely to wait: a calibrated P50 and P90, measured live. Sans-IO.

The model (`ccd.acd.estimates.departures`) takes the place in the order, the agents at work and two learnt rates
(`ccd.acd.estimates.rates`); `ccd.acd.estimates.calibration` turns its quantiles into those that hold here;
`ccd.acd.estimates.backtest` measures what the promises were worth. docs/estimates.md has it in words.

A wait is the time until an agent would have taken the contact, had it stayed: who hangs up after 40 s
is an observation of "longer than 40 s", not of 40 s.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

import msgspec

from ccd.acd.estimates.backtest import BackTest, Record, Said
from ccd.acd.estimates.calibration import Calibration, Seen
from ccd.acd.estimates.departures import Quantiles, moments, quantiles
from ccd.acd.estimates.rates import HandleTimes, Patience

LOOK_S = 5.0
"""The first look back at a waiting contact is after this wait, each further one at twice the wait: a
few a contact, however often it is asked about."""


class Estimate(msgspec.Struct, frozen=True):
    """Seconds from now on: half of such waits are shorter than `p50`, nine in ten than `p90`.

    Both are None where nothing can be said: nobody is at work, or too little was seen.
    """

    p50: float | None = None
    p90: float | None = None


UNKNOWN = Estimate()


class _Look(msgspec.Struct, frozen=True):
    """What was said of a wait, or of the rest of it, and who learns from how it turned out."""

    waited: float
    modelled: tuple[float, float]
    said: Quantiles
    by: Calibration
    learners: tuple[Calibration, ...]

    def over(self, wait: float, *, answered: bool) -> None:
        """The whole wait was so long."""
        rest = wait - self.waited
        self.by.judge(rest, self.said, ended=answered)
        seen = Seen(self.modelled, rest, answered)
        for node in self.learners:
            node.add(seen)


class _Waiting:
    """One contact that waits."""

    __slots__ = ("group", "looks", "queue", "said", "since")

    def __init__(self, queue: str, group: str, since: float) -> None:
        self.queue = queue
        self.group = group
        self.since = since
        self.said: Said | None = None
        self.looks: list[_Look] = []


class _Queue:
    """What was learnt of one queue."""

    def __init__(self, centre: Calibration) -> None:
        self.record = Record()
        self.centre = centre
        self.begin = Calibration(centre)
        self.later = Calibration(self.begin)
        self.groups: dict[str, tuple[Calibration, Calibration]] = {}

    def node(self, group: str, *, waiting: bool) -> Calibration:
        """Return what speaks for a group: the whole queue, where the group is not known."""
        begin, later = self.groups.get(group, (self.begin, self.later))
        return later if waiting else begin

    def look(self, group: str, model: Quantiles, waited: float, now: float) -> _Look:
        """Say something that will be held against the truth."""
        waiting = waited > 0.0
        if group not in self.groups and (group or self.groups):  # one for all until there are two
            begin = Calibration(self.begin)
            self.groups[group] = begin, Calibration(begin)
        by = self.node(group, waiting=waiting)
        said = by(model)
        above = (self.later,) if waiting else (self.begin, self.centre)
        learners = tuple(node for node in dict.fromkeys((by, *above)) if node.wants(said.p50, now))
        return _Look(waited, model.logs, said, by, learners)


class Estimator:
    """Learns from waits and handled contacts, and says how long the next wait is likely to be.

    `ahead` is how many contacts are before this one in the merged order of all that compete for the
    agents who can serve it; `servers` how many agents can serve it and are at work (ready, reserved,
    busy or in wrap-up, not "not ready"). Times are seconds on one clock. `group` tells apart contacts of
    one queue who fare differently with the same number ahead, such as classes of customer:
    others overtake some of them. Use few names.

    Memory: 36 kB for a queue that has seen some hundred waits and 19 kB for each of its groups, no more
    however long it runs; half a kilobyte for each waiting contact.
    """

    def __init__(self) -> None:
        self._handled = HandleTimes()
        self._patience = Patience()
        self._centre = Calibration()
        self._queues: dict[str, _Queue] = {}
        self._waiting: dict[str, _Waiting] = {}

    def handled(self, queue: str, seconds: float, now: float) -> None:
        """An agent was busy for so long with a contact of this queue, wrap-up included.

        Raises ValueError where `seconds` is negative or no number.
        """
        if not (isfinite(seconds) and seconds >= 0.0):
            raise ValueError(f"a handle time is seconds from 0 on, not {seconds} (queue {queue})")
        self._handled.add(queue, seconds, now)

    def together(self, queue: str, queues: Iterable[str]) -> None:
        """Say which queues the agents of `queue` serve: their mixed handle time is what counts.

        Where this is never said, the queue's own handle time is taken.
        """
        self._handled.together(queue, queues)

    def forget(self, queue: str) -> None:
        """The queue is no more; what waits in it is no longer followed."""
        self._queues.pop(queue, None)
        self._handled.forget(queue)
        self._patience.forget(queue)
        for contact in [c for c, waiting in self._waiting.items() if waiting.queue == queue]:
            del self._waiting[contact]

    def arrived(
        self, contact: str, queue: str, ahead: int, servers: int, now: float, *, group: str = ""
    ) -> Estimate:
        """A contact begins to wait. Returns what can be said of its wait, which is held against the truth.

        One that is given to an agent at once never waits: it need not be told here, and where it is, and is
        `started` at the same time, nothing is learnt from it.
        """
        waiting = self._waiting[contact] = _Waiting(queue, group, now)
        if (model := self._model(queue, ahead, servers)) is None:
            return UNKNOWN
        known = self._known(queue)
        look = known.look(group, model, 0.0, now)
        waiting.looks.append(look)
        waiting.said = known.record.say(look.said, now)
        return Estimate(*look.said)

    def advanced(self, contact: str, ahead: int, servers: int, now: float) -> Estimate:
        """Something changed for a waiting contact. Returns what can be said of the rest of its wait.

        Learns from it how waits go on. A contact that is not known here gets no estimate.
        """
        if (waiting := self._waiting.get(contact)) is None:
            return UNKNOWN
        if (model := self._model(waiting.queue, ahead, servers)) is None:
            return UNKNOWN
        known = self._known(waiting.queue)
        waited = max(now - waiting.since, 0.0)
        latest = waiting.looks[-1].waited if waiting.looks else 0.0
        if waited < max(2.0 * latest, LOOK_S):
            return Estimate(*known.node(waiting.group, waiting=waited > 0.0)(model))
        look = known.look(waiting.group, model, waited, now)
        waiting.looks.append(look)
        return Estimate(*look.said)

    def started(self, contact: str, now: float) -> bool:
        """An agent took the contact: its wait is over. Returns whether it was known."""
        return self._over(contact, now, answered=True)

    def left(self, contact: str, now: float) -> bool:
        """The contact left without an agent, whatever the reason. Returns whether it was known.

        It makes way for those behind it, and its own wait is known only to be longer than this.
        """
        return self._over(contact, now, answered=False)

    def estimate(
        self, queue: str, ahead: int, servers: int, *, waited: float = 0.0, group: str = ""
    ) -> Estimate:
        """Return how much longer one waits who has `ahead` before him and has waited for `waited`.

        Never falls with `ahead`, never rises with `servers`.
        """
        if (model := self._model(queue, ahead, servers)) is None:
            return UNKNOWN
        if (known := self._queues.get(queue)) is None:
            return Estimate(*self._centre(model))
        return Estimate(*known.node(group, waiting=waited > 0.0)(model))

    def error(self, queue: str) -> BackTest:
        """Return how good this queue's last estimates were."""
        known = self._queues.get(queue)
        return known.record.result() if known else BackTest(waits=0, left=0)

    def _known(self, queue: str) -> _Queue:
        if (known := self._queues.get(queue)) is None:
            known = self._queues[queue] = _Queue(self._centre)
        return known

    def _model(self, queue: str, ahead: int, servers: int) -> Quantiles | None:
        if ahead < 0:
            raise ValueError(f"nobody has {ahead} contacts before him (queue {queue})")
        if servers <= 0 or (seconds := self._handled.mean(queue)) is None:
            return None
        return quantiles(moments(ahead, servers / seconds, self._patience.leaving_rate(queue)))

    def _over(self, contact: str, now: float, *, answered: bool) -> bool:
        if (waiting := self._waiting.pop(contact, None)) is None:
            return False
        wait = max(now - waiting.since, 0.0)
        if answered and wait == 0.0:
            return True
        self._patience.add(waiting.queue, wait, left=not answered)
        self._known(waiting.queue).record.over(waiting.said, wait, answered=answered)
        for look in waiting.looks:
            look.over(wait, answered=answered)
        return True
