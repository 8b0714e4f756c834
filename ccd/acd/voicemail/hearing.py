"""Agents who hear a message that was given to them (asyncio's side).

What follows what is `ccd.acd.voicemail.messages.HEARING`; this rings, plays, takes keys and keeps
the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from ccd.acd.anonymity import is_anonymous
from ccd.acd.contact import Contact
from ccd.acd.voicemail.messages import (
    HEARING,
    HEARING_KEYS,
    Hearing,
    HearingEvent,
    HearingStep,
    Voicemail,
)
from ccd.acd.waiting import wording
from ccd.acd.waiting.languages import Languages
from ccd.acd.waiting.room import Sounds
from ccd.config import Queue
from ccd.media.protocol import Sound
from ccd.model import Cause
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch

THINK_S = 10.0
"""How long an agent may think before the menu is said again."""

MESSAGE_GAIN_DB = 6.0
"""A message is in one of its file's two channels, and is played as the mean of both."""

REMINDERS = 3
"""How often it is said again before we hang up."""


class Report(Protocol):
    """Who is told what became of a message."""

    def accepted(self, message: Voicemail, agent: str) -> None:
        """The agent answered."""

    def refused(self, message: Voicemail, agent: str, cause: Cause) -> None:
        """He could not be had."""

    def stopped(self, message: Voicemail, agent: str) -> None:
        """It was withdrawn from him, and his phone rings no longer."""

    def heard(self, message: Voicemail, agent: str) -> None:
        """He is done with it."""

    def call_back(self, message: Voicemail, agent: str) -> None:
        """And wants to speak with the customer."""

    def ended(self, message: Voicemail, agent: str, *, returns: bool) -> None:
        """His call is over; `returns`: without his being done with it."""


@dataclass(slots=True, eq=False)
class _Session:
    message: Voicemail
    queue: Queue
    agent: str
    call: Call
    state: Hearing = Hearing.RINGING
    leg: Leg | None = None
    """The agent's, once he has answered."""
    cause: Cause = Cause.NO_ANSWER
    timer: asyncio.TimerHandle | None = None
    reminded: int = 0
    is_accepted: bool = False
    returns: bool = False
    withdrawn: bool = False


class Hearings:
    """A `ccd.switch.call.Controller` for calls in which agents hear messages."""

    def __init__(
        self,
        *,
        switch: Switch,
        sounds: Sounds,
        languages: Languages,
        report: Report,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._switch = switch
        self._sounds = sounds
        self._languages = languages
        self._report = report
        self._loop = loop
        self._sessions: dict[str, _Session] = {}
        """By call."""
        self._log = structlog.get_logger("voicemail")
        self._do: dict[HearingStep, Callable[[_Session], None]] = {
            HearingStep.ACCEPT: self._accept,
            HearingStep.REFUSE: self._refuse,
            HearingStep.PLAY: self._play,
            HearingStep.MENU: self._menu,
            HearingStep.WAIT: self._wait,
            HearingStep.HEARD: lambda s: self._report.heard(s.message, s.agent),
            HearingStep.CALL_BACK: lambda s: self._report.call_back(s.message, s.agent),
            HearingStep.HANG_UP: lambda s: self._switch.clear_call(s.call, Cause.NORMAL_CLEARING),
            HearingStep.RETURN: self._return,
        }

    def __len__(self) -> int:
        return len(self._sessions)

    def hears(self, message: str) -> str | None:
        """Who hears this message, or is rung for it."""
        sessions = self._sessions.values()
        return next((each.agent for each in sessions if each.message.id == message), None)

    def ring(
        self, message: Voicemail, queue: Queue, agent: str, phone: str, *, asked: bool = False
    ) -> Call:
        """Ring an agent for a message, which he may have `asked` for. Raises `NotReachable`."""
        call = self._switch.call_agent(
            agent=agent,
            phone=phone,
            queue=queue.name,
            controller=self,
            number=message.number,
            call_data={"voicemail": message.id},
            initiator=agent if asked else None,
        )
        session = self._sessions[call.id] = _Session(message, queue, agent, call)
        session.timer = self._loop.call_later(queue.ring_timeout_s, self._unanswered, session)
        return call

    def withdraw(self, contact: Contact, agent: str) -> bool:
        """The contact is not this agent's any more: stop ringing him; True where we do."""
        rings = [
            session
            for session in self._sessions.values()
            if session.message.id == contact.id and session.agent == agent
        ]
        for session in rings:
            session.withdrawn = True
            self._happened(session.call, HearingEvent.WITHDRAWN)
        return bool(rings)

    # --- the call's controller -----------------------------------------------------------------

    def established(self, call: Call, leg: Leg) -> None:
        """The agent answered."""
        session = self._sessions.get(call.id)
        if session is not None:
            session.leg = leg
            self._happened(call, HearingEvent.ANSWERED)

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He did not."""
        session = self._sessions.get(call.id)
        if session is not None:
            session.cause = cause
            self._happened(call, HearingEvent.FAILED)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        """He chose."""
        session = self._sessions.get(call.id)
        event = HEARING_KEYS.get(digit)
        if session is None or event is None:
            return
        if event is HearingEvent.CALL_BACK and is_anonymous(session.message.number):
            return  # there is nobody to call
        self._happened(call, event)

    def played(self, call: Call, leg: Leg) -> None:
        """Message or menu are over."""
        self._happened(call, HearingEvent.PLAYED)

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        """He hung up; `cleared` follows."""

    def cleared(self, call: Call) -> None:
        """His call is over."""
        session = self._sessions.get(call.id)
        if session is None:
            return
        session.cause = call.ending or session.cause
        self._happened(call, HearingEvent.HUNG_UP)
        del self._sessions[call.id]
        self._stop_timer(session)
        if session.is_accepted:
            self._report.ended(session.message, session.agent, returns=session.returns)
        elif session.withdrawn:
            self._report.stopped(session.message, session.agent)

    def offered(self, call: Call) -> None:
        """Never: nobody calls in here."""
        raise AssertionError(f"call {call.id} is no agent's")

    def alerting(self, call: Call, leg: Leg) -> None:
        """His phone rings; the ring's time runs from the INVITE."""

    def caller_left(self, call: Call, cause: Cause) -> None:
        """There is no caller."""

    # --- steps ------------------------------------------------------------------------------------

    def _happened(self, call: Call, event: HearingEvent) -> None:
        session = self._sessions[call.id]
        known = HEARING.get((session.state, event))
        if known is None:
            return
        session.state, steps = known
        self._stop_timer(session)
        for step in steps:
            self._do[step](session)

    def _accept(self, session: _Session) -> None:
        session.is_accepted = True
        self._report.accepted(session.message, session.agent)

    def _refuse(self, session: _Session) -> None:
        self._report.refused(session.message, session.agent, session.cause)

    def _play(self, session: _Session) -> None:
        if Path(session.message.path).is_file():
            self._hear(session, (Sound(path=session.message.path),), MESSAGE_GAIN_DB)
        else:
            self._log.error("message lost", voicemail=session.message.id, path=session.message.path)
            self._say(session, wording.Phrase.VOICEMAIL_GONE)

    def _menu(self, session: _Session) -> None:
        self._say(session, wording.Phrase.VOICEMAIL_MENU)

    def _wait(self, session: _Session) -> None:
        session.timer = self._loop.call_later(THINK_S, self._idle, session)

    def _idle(self, session: _Session) -> None:
        session.reminded += 1
        given_up = session.reminded > REMINDERS
        self._happened(session.call, HearingEvent.GAVE_UP if given_up else HearingEvent.IDLE)

    def _unanswered(self, session: _Session) -> None:
        for leg in tuple(session.call.legs):
            self._switch.clear_connection(leg, Cause.NO_ANSWER)

    def _return(self, session: _Session) -> None:
        session.returns = True

    def _say(self, session: _Session, which: wording.Phrase) -> None:
        languages = self._languages.of_queue(session.queue)
        if languages:
            self._hear(session, self._sounds(wording.phrase(which, languages[0])))
        else:
            self._happened(session.call, HearingEvent.PLAYED)

    def _hear(self, session: _Session, sounds: tuple[Sound, ...], gain_db: float = 0.0) -> None:
        assert session.leg is not None  # he has answered
        self._switch.play(session.leg, sounds, gain_db=gain_db)

    @staticmethod
    def _stop_timer(session: _Session) -> None:
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
