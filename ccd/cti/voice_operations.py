"""What is said of the operations on a phone that rings, on recordings, and on messages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ccd.control.recording import Audience
from ccd.cti.call_operations import CallArgs, CallResult
from ccd.cti.spec import FOR_AGENT, AgentArgs, Spec, Text
from ccd.cti.wire import ErrorCode


class PlayMessageArgs(CallArgs, frozen=True, kw_only=True):
    """Arguments of `play_message`."""

    message: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w-][\w.-]*$")]
    """A prompt's name, or a WAV's in the folder of prompts, with or without `.wav`."""
    to: Audience = Audience.ALL
    """Who hears it."""


class HearVoicemailArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `hear_voicemail`."""

    voicemail: Text
    """One of `voicemails`."""


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
    Spec(
        "hear_voicemail",
        "Ring the agent's phone and play him this message, which waits for nobody meanwhile. There "
        "`generate_digits` keys 1 to hear it again, 2 when he is done with it, 3 to have its sender "
        "called back; one that he is not done with waits again.",
        HearVoicemailArgs,
        CallResult,
        changes=True,
        for_agent=True,
        errors=(
            *FOR_AGENT,
            ErrorCode.SEAT_LOCKED,
            ErrorCode.PARTY_BUSY,
            ErrorCode.NOT_REACHABLE,
            ErrorCode.BAD_ARGS,
        ),
    ),
    _spec("play_message", "Play a message into the conversation, once.", args=PlayMessageArgs),
)
