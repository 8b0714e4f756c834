"""Callers who leave a message: greeting, tone, recording, thanks (asyncio's side).

What follows what is `ccd.acd.voicemail.messages.LEAVING`; this plays, records and hangs up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from ccd.acd.voicemail.messages import LEAVING, Leaving, LeavingEvent, LeavingStep
from ccd.acd.waiting import wording
from ccd.acd.waiting.languages import Languages
from ccd.acd.waiting.room import Sounds
from ccd.config import Queue
from ccd.model import Cause, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch

SKIP_KEY = "#"
"""The key that ends a message cuts the greeting short, too."""


class Left(NamedTuple):
    """A message that was long enough to be kept."""

    call: str
    number: str
    """The caller's."""
    queue: str
    path: str
    seconds: float


def file_name(call: str) -> str:
    """The message's file, in the folder of its day."""
    return f"{call}.wav"


@dataclass(slots=True, eq=False)
class _Visit:
    call: Call
    queue: Queue
    languages: tuple[str, ...]
    path: Path
    state: Leaving = Leaving.GREETING
    seconds: float = 0.0


class Leavings:
    """A `ccd.switch.call.Controller` for callers who leave a message.

    Files are `folder/YYYY-MM-DD/<call>.wav` (UTC). `kept` is told each message that is long
    enough; shorter ones are deleted.
    """

    def __init__(
        self,
        *,
        switch: Switch,
        sounds: Sounds,
        languages: Languages,
        folder: Path,
        wall_clock: Callable[[], float],
        kept: Callable[[Left], None],
    ) -> None:
        self._switch = switch
        self._sounds = sounds
        self._languages = languages
        self._folder = folder
        self._wall_clock = wall_clock
        self._kept = kept
        self._visits: dict[str, _Visit] = {}
        self._log = structlog.get_logger("voicemail")
        self._do: dict[LeavingStep, Callable[[_Visit], None]] = {
            LeavingStep.RECORD: self._record,
            LeavingStep.KEEP: self._keep,
            LeavingStep.THANK: self._thank,
            LeavingStep.HANG_UP: lambda visit: self._switch.clear_call(
                visit.call, Cause.NORMAL_CLEARING, Party.SYSTEM
            ),
        }

    def __len__(self) -> int:
        return len(self._visits)

    def take(self, call: Call, queue: Queue) -> None:
        """Take over an answered call that is in no queue, and greet its caller."""
        call.controller = self
        day = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y-%m-%d")
        visit = self._visits[call.id] = _Visit(
            call, queue, self._languages.of(call, queue), self._folder / day / file_name(call.id)
        )
        self._say(visit, wording.Phrase.VOICEMAIL_GREETING)

    # --- the call's controller -----------------------------------------------------------------

    def played(self, call: Call, leg: Leg) -> None:
        """Greeting or thanks are over."""
        self._happened(call, LeavingEvent.PLAYED)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """The hash key ends the greeting (and, taken by the switch, the message)."""
        if digit == SKIP_KEY:
            self._happened(call, LeavingEvent.SKIPPED)

    def caller_left(self, call: Call, cause: Cause) -> None:
        """He hung up: most people end a message so."""
        self._happened(call, LeavingEvent.LEFT)

    def cleared(self, call: Call) -> None:
        """The call is over; its file may not be complete yet."""
        self._happened(call, LeavingEvent.LEFT)

    def offered(self, call: Call) -> None:
        """Never: calls come here answered."""
        raise AssertionError(f"call {call.id} was sent to voicemail unanswered")

    def established(self, call: Call, leg: Leg) -> None:
        """Nobody is called from here."""

    def alerting(self, call: Call, leg: Leg) -> None:
        """Nobody is called from here."""

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """An agent's phone that was still being given up."""

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """Nobody is called from here."""

    # --- steps ------------------------------------------------------------------------------------

    def _happened(self, call: Call, event: LeavingEvent) -> None:
        visit = self._visits.get(call.id)
        if visit is None:
            return
        visit.state, steps = LEAVING.get((visit.state, event), (visit.state, ()))
        if visit.state is Leaving.OVER:
            del self._visits[call.id]
        for step in steps:
            self._do[step](visit)

    def _record(self, visit: _Visit) -> None:
        try:
            visit.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            # The recorder fails then, and tells of a message of no length.
            self._log.error("no folder for messages", reason=str(error))
        self._switch.record_message(
            visit.call, visit.path, visit.queue.voicemail.max_s, self._recorded
        )

    def _recorded(self, call: Call, path: str, seconds: float) -> None:
        """The file is complete; his call may be long over."""
        self._visits[call.id].seconds = seconds
        self._happened(call, LeavingEvent.RECORDED)

    def _keep(self, visit: _Visit) -> None:
        if self._is_message(visit):
            call = visit.call
            self._kept(Left(call.id, call.ani, visit.queue.name, str(visit.path), visit.seconds))
            return
        self._log.info("message thrown away", call=visit.call.id, seconds=visit.seconds)
        try:
            visit.path.unlink(missing_ok=True)
        except OSError as error:
            self._log.warning("can't delete a message", path=str(visit.path), reason=str(error))

    def _thank(self, visit: _Visit) -> None:
        which = (
            wording.Phrase.VOICEMAIL_THANKS
            if self._is_message(visit)
            else wording.Phrase.VOICEMAIL_EMPTY
        )
        self._say(visit, which)

    @staticmethod
    def _is_message(visit: _Visit) -> bool:
        return visit.seconds > 0 and visit.seconds >= visit.queue.voicemail.min_s

    def _say(self, visit: _Visit, which: wording.Phrase) -> None:
        prompts = [each for one in visit.languages for each in wording.phrase(which, one)]
        if prompts:
            self._switch.play(visit.call.caller, self._sounds(prompts))
        else:  # in no language that we could speak
            self._happened(visit.call, LeavingEvent.PLAYED)
