"""What media workers report, and what becomes of it for calls and legs."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ccd.events import EventStream, QualityReported
from ccd.media.protocol import (
    Digit,
    Gauge,
    LegClosed,
    LegFailed,
    LegLatched,
    LegMeasured,
    LegTimedOut,
    PlayFinished,
    RecordFinished,
    Report,
)
from ccd.model import Cause, Quality
from ccd.switch.call import Leg
from ccd.switch.messages import Messages
from ccd.switch.patch import Patch


class Reports:
    """Takes every report of every worker.

    `lost(leg, cause)` is asked to end what has no audio: a call with its caller, else the leg.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        messages: Messages,
        events: EventStream,
        lost: Callable[[Leg, Cause], None],
    ) -> None:
        self._patch = patch
        self._messages = messages
        self._events = events
        self._lost = lost
        self._log = structlog.get_logger("switch")
        self.gauges: dict[int, Gauge] = {}
        """The newest figures of each media worker."""
        self._on: dict[type, Callable[..., None]] = {
            Digit: self._digit,
            PlayFinished: lambda _worker, report: patch.play_finished(report),
            RecordFinished: lambda _worker, report: patch.record_finished(report),
            LegLatched: lambda _worker, report: patch.latched(report.node, report.remote),
            LegFailed: self._leg_failed,
            LegTimedOut: self._leg_timed_out,
            LegClosed: self._leg_closed,
            LegMeasured: self._leg_measured,
            Gauge: self._gauge,
        }

    def take(self, worker: int, report: Report) -> None:
        """Take a report of a media worker."""
        handler = self._on.get(type(report))
        if handler is not None:
            handler(worker, report)

    def _digit(self, _worker: int, report: Digit) -> None:
        leg = self._patch.leg(report.node)
        if leg is None or leg.ending is not None or self._messages.digit(leg, report.digit):
            return
        if leg.call.controller is not None:
            leg.call.controller.digit(leg.call, leg, report.digit)

    def _leg_failed(self, _worker: int, report: LegFailed) -> None:
        """A leg has no audio and will have none: nobody is to be left in silence."""
        leg = self._patch.leg(report.node)
        if leg is not None:
            self._log.error("leg failed", call=leg.call.id, leg=leg.id, reason=report.reason)
            self._lost(leg, Cause.MEDIA_FAILED)

    def _leg_timed_out(self, _worker: int, report: LegTimedOut) -> None:
        leg = self._patch.leg(report.node)
        if leg is not None and not leg.held_by_far_end:
            self._log.info("no RTP", leg=leg.id)
            self._lost(leg, Cause.MEDIA_TIMEOUT)

    def _leg_closed(self, _worker: int, report: LegClosed) -> None:
        self._say_quality(self._patch.closed(report.node), report.quality)

    def _leg_measured(self, _worker: int, report: LegMeasured) -> None:
        self._say_quality(self._patch.measured(report.node), report.quality)

    def _say_quality(self, leg: Leg | None, quality: Quality) -> None:
        """What a leg's audio was like, unless it was of no call."""
        if leg is not None and not leg.standing:
            self._events.publish(
                QualityReported(call=leg.call.id, leg=leg.id, party=leg.party, quality=quality)
            )

    def _gauge(self, worker: int, report: Gauge) -> None:
        self.gauges[worker] = report
