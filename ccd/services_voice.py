"""The CTI's operations on a phone that rings, on recordings and messages: asked of `ccd.control`."""

from __future__ import annotations

import asyncio

from ccd.control.errors import ControlError
from ccd.control.recording import RecordingVerbs
from ccd.cti.call_operations import CallArgs, CallResult
from ccd.cti.session import Session
from ccd.cti.spec import SUPERVISORS
from ccd.cti.voice_operations import HearVoicemailArgs, PlayMessageArgs
from ccd.cti.wire import CtiError, ErrorCode
from ccd.services_calls import Controlled, said

SERVED = (
    *("answer_call", "start_recording", "stop_recording", "pause_recording"),
    *("resume_recording", "play_message", "hear_voicemail"),
)
"""The operations that are done here."""


class VoiceHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon

    @property
    def _recording(self) -> RecordingVerbs:
        return self._daemon.centre.control.recording

    async def answer_call(self, _session: Session, args: CallArgs) -> None:
        """Answer, when the phone has said whether it does."""
        came: asyncio.Future[ControlError | None] = asyncio.get_running_loop().create_future()

        def told(refusal: ControlError | None) -> None:
            if not came.done():
                came.set_result(refusal)

        answering = self._daemon.centre.control.answering
        said(lambda: answering.answer(args.agent or "", args.call, told))
        refusal = await came
        if refusal is not None:
            raise CtiError(ErrorCode(refusal.code.value), refusal.message)

    def start_recording(self, _session: Session, args: CallArgs) -> None:
        """Record."""
        said(lambda: self._recording.start(args.agent or "", args.call))

    def stop_recording(self, session: Session, args: CallArgs) -> None:
        """Record no more."""
        supervised = bool(session.roles & SUPERVISORS)
        said(lambda: self._recording.stop(args.agent or "", args.call, supervised=supervised))

    def pause_recording(self, _session: Session, args: CallArgs) -> None:
        """Pause."""
        said(lambda: self._recording.pause(args.agent or "", args.call))

    def resume_recording(self, _session: Session, args: CallArgs) -> None:
        """Go on."""
        said(lambda: self._recording.resume(args.agent or "", args.call))

    def hear_voicemail(self, _session: Session, args: HearVoicemailArgs) -> CallResult:
        """Hear a message."""
        voicemail = self._daemon.centre.control.voicemail
        return CallResult(call=said(lambda: voicemail.hear(args.agent or "", args.voicemail)).id)

    def play_message(self, _session: Session, args: PlayMessageArgs) -> None:
        """Play it."""
        said(lambda: self._recording.play(args.agent or "", args.message, args.call, args.to))
