"""What is said of the operations on a phone that rings, on recordings, and on messages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ccd.control.recording import Audience
from ccd.cti.call_operations import CallArgs
from ccd.cti.spec import FOR_AGENT, Spec
from ccd.cti.wire import ErrorCode


class PlayMessageArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `play_message`."""

    message: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w-][\w.-]*$")]
    """A prompt's name, or a WAV's in the folder of prompts, with or without `.wav`."""
    to: Audience = Audience.ALL
    """Who hears it."""


_ERRORS = (*FOR_AGENT, ErrorCode.UNKNOWN_CALL, ErrorCode.SEAT_LOCKED)


def _spec(name: str, summary: str, *more: ErrorCode, args: type[CallArgs] = CallArgs) -> Spec:
    return Spec(name, summary, args, None, changes=True, for_agent=True, errors=(*_ERRORS, *more))


VOICE_OPERATIONS: tuple[Spec, ...] = (
    _spec(
        "answer_call",
        "Have the agent's phone, which rings, answer by itself (NOTIFY of `talk`). One that cannot "
        "is `not_reachable`: answer it at the phone.",
        ErrorCode.NOT_REACHABLE,
    ),
    _spec("start_recording", "Record the conversation from now on."),
    _spec(
        "stop_recording",
        "Record it no longer. Where all is recorded it is for supervisors, unless "
        "`recording.agents_may_stop`.",
        ErrorCode.NOT_ALLOWED,
    ),
    _spec(
        "pause_recording",
        "Keep what follows out of the recording, as silence, until `resume_recording` or for "
        "`recording.pause_longest_s`.",
    ),
    _spec("resume_recording", "Go on recording."),
    _spec("play_message", "Play a message into the conversation, once.", args=PlayMessageArgs),
)
