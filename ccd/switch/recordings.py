"""Recordings as evidence: where they lie, when they begin and end, and who is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import structlog

from ccd.events import EventStream, RecordingStarted, RecordingStopped
from ccd.switch.call import Call, Leg
from ccd.switch.patch import Patch

DAY_S = 86_400


class Recordings:
    """One file a conversation, `YYYY-MM-DD/<call>.wav` (UTC): caller left, agent right."""

    def __init__(self, folder: Path, *, patch: Patch, events: EventStream) -> None:
        self._folder = folder
        self._patch = patch
        self._events = events
        self._day = -1
        self._folder_of_day = folder
        self._log = structlog.get_logger("recordings")

    def start(self, call: Call, agent: Leg) -> None:
        """Record the caller and this agent from now on."""
        path = self._place(call.offered_at) / f"{call.id}.wav"

        def done(written: str, seconds: float, error: str) -> None:
            if error:
                self._log.error("recording failed", call=call.id, path=written, reason=error)
            self._events.publish(RecordingStopped(call=call.id, path=written, seconds=seconds))

        call.recorder = self._patch.record(path, (call.caller, agent), done)
        self._events.publish(RecordingStarted(call=call.id, path=str(path)))

    def stop(self, call: Call) -> None:
        """End the call's recording; `RecordingStopped` follows when the file is complete."""
        if call.recorder is not None:
            self._patch.stop_recording(call.recorder)
            call.recorder = None

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
