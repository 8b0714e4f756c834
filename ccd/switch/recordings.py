"""Recordings as evidence: where they lie, when they begin and end, and who is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import structlog

from ccd.events import (
    EventStream,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
)
from ccd.model import Party
from ccd.switch.call import Call
from ccd.switch.patch import Patch

DAY_S = 86_400

LEFT, RIGHT = 0, 1


class Recordings:
    """Conversations in stereo files: the customer's side left, ours right.

    A call's first file is `YYYY-MM-DD/<call>.wav` (UTC), a later one of the same call has its
    number at the end. `always`: every conversation is recorded from its first word.
    """

    def __init__(self, folder: Path, *, always: bool, patch: Patch, events: EventStream) -> None:
        self._folder = folder
        self._always = always
        self._patch = patch
        self._events = events
        self._day = -1
        self._folder_of_day = folder
        self._log = structlog.get_logger("recordings")

    def begin(self, call: Call) -> None:
        """A conversation begins: record it, where all are to be."""
        if self._always:
            self.start(call)

    def start(self, call: Call) -> bool:
        """Record the call from now on; False where it is already, or cannot be."""
        if call.recorder is not None or not call.bridged:
            return False
        call.recordings += 1
        part = "" if call.recordings == 1 else f"-{call.recordings}"
        path = self._place(call.offered_at) / f"{call.id}{part}.wav"

        def done(written: str, seconds: float, error: str) -> None:
            if error:
                self._log.error("recording failed", call=call.id, path=written, reason=error)
            self._events.publish(RecordingStopped(call=call.id, path=written, seconds=seconds))

        sources = self._sources(call)
        call.recorder = self._patch.record(path, call.parties, sources, done)
        call.recorded = sources
        call.recording = str(path)
        call.recording_paused = False
        self._events.publish(RecordingStarted(call=call.id, path=str(path)))
        return call.recorder is not None

    def stop(self, call: Call) -> bool:
        """End the call's recording; `RecordingStopped` follows when the file is complete."""
        if call.recorder is None:
            return False
        self._patch.stop_recording(call.recorder)
        call.recorder, call.recorded = None, frozenset()
        return True

    def pause(self, call: Call, by: str) -> bool:
        """The file goes on in silence, in step with the time; False where there is none, or it is so."""
        if call.recorder is None or call.recording_paused:
            return False
        call.recording_paused = True
        self.follow(call)
        self._events.publish(RecordingPaused(call=call.id, path=call.recording, by=by))
        return True

    def resume(self, call: Call, by: str) -> bool:
        """It goes on with what is said."""
        if call.recorder is None or not call.recording_paused:
            return False
        call.recording_paused = False
        self.follow(call)
        self._events.publish(RecordingResumed(call=call.id, path=call.recording, by=by))
        return True

    def follow(self, call: Call) -> None:
        """Record who is in the conversation now; one who speaks in another call is not."""
        if call.recorder is not None:
            sources = frozenset() if call.recording_paused else self._sources(call)
            self._patch.record_these(call.recorder, call.recorded, sources)
            call.recorded = sources

    @staticmethod
    def _sources(call: Call) -> frozenset[tuple[int, int]]:
        """Node and channel of everybody who speaks; whoever holds is not overheard.

        Of a call between agents who began it is left.
        """
        legs = [leg for leg in call.parties if leg.speaks_in(call)]
        outside = [leg for leg in legs if leg.party is Party.CALLER]
        left = outside or [leg for leg in legs if leg is call.answered]
        return frozenset((leg.node, LEFT if leg in left else RIGHT) for leg in legs)

    def _place(self, at: float) -> Path:
        """The folder of that day, made where it is not there yet."""
        day = int(at // DAY_S)
        if day != self._day:
            name = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
            self._folder_of_day = self._folder / name
            try:
                self._folder_of_day.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                # The recorder will say so for every call; each tries the folder again.
                self._log.error("no folder for recordings", reason=str(error))
                return self._folder_of_day
            self._day = day
        return self._folder_of_day
