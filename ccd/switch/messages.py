"""Messages that callers leave: a tone, then the caller alone, to a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from ccd.media.protocol import Sound
from ccd.switch.call import Call, Leg
from ccd.switch.patch import Patch

TONE = Sound(frequencies=(1000.0,), on_ms=400)
"""What says that it begins."""

STOP_KEY = "#"
"""The key by which a caller says that this was all."""

MessageDone = Callable[[Call, str, float], None]
"""Told the call, the file's path and its length in seconds; 0 where nothing was recorded."""


class Handle(Protocol):
    """A timer."""

    def cancel(self) -> None:
        """Let it not fire."""


CallLater = Callable[[float, Callable[[], None]], Handle]
"""The loop's `call_later`: seconds, and what to do then."""


@dataclass(slots=True, eq=False)
class _Message:
    call: Call
    path: Path
    max_s: float
    done: MessageDone
    recorder: int | None = None
    limit: Handle | None = None


class Messages:
    """At most one a call. Ends with the key `#`, at the limit, with the caller, or by `stop`."""

    def __init__(self, *, patch: Patch, call_later: CallLater) -> None:
        self._patch = patch
        self._call_later = call_later
        self._running: dict[str, _Message] = {}
        self._log = structlog.get_logger("messages")

    def begin(self, call: Call, path: Path, max_s: float, done: MessageDone) -> None:
        """Play the tone, then record; `done` is called exactly once, whatever happens.

        The file is stereo as every recording, with the caller on the left.
        """
        self.stop(call)
        message = _Message(call, path, max_s, done)
        if not call.caller.connected or call.caller.ending is not None:
            done(call, str(path), 0.0)
            return
        self._running[call.id] = message
        self._patch.hear(call.caller, ())
        self._patch.play(call.caller, (TONE,), False, lambda _leg: self._record(message))

    def stop(self, call: Call) -> None:
        """End a call's message, if one is being taken; `done` follows when it is on disk."""
        message = self._running.pop(call.id, None)
        if message is None:
            return
        if message.limit is not None:
            message.limit.cancel()
        if message.recorder is None:
            self._patch.stop(call.caller)
            message.done(call, str(message.path), 0.0)
        else:
            self._patch.stop_recording(message.recorder)

    def digit(self, leg: Leg, digit: str) -> bool:
        """Take a key; whether it was for the message."""
        if digit != STOP_KEY or leg is not leg.call.caller or leg.call.id not in self._running:
            return False
        self.stop(leg.call)
        return True

    def _record(self, message: _Message) -> None:
        """The tone is over."""
        call = message.call

        def done(path: str, seconds: float, error: str) -> None:
            if error:
                self._log.error("message damaged", call=call.id, path=path, reason=error)
            if self._running.get(call.id) is message:  # it ended by itself: its worker died
                del self._running[call.id]
                if message.limit is not None:
                    message.limit.cancel()
            message.done(call, path, seconds)

        sources = ((call.caller.node, 0),)
        message.recorder = self._patch.record(message.path, (call.caller,), sources, done)
        if message.recorder is None:
            self.stop(call)
            return
        message.limit = self._call_later(message.max_s, lambda: self._too_long(message))

    def _too_long(self, message: _Message) -> None:
        if self._running.get(message.call.id) is message:
            self.stop(message.call)
