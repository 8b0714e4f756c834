"""Recording and messages in a conversation: start, stop, pause, resume, play (ECMA-269, voice services).

Where every conversation is evidence (`[recording] enabled`) an agent does not end it:
stopping is for supervisors, unless `agents_may_stop` says otherwise. Pausing is everybody's,
for card numbers, and never for longer than `pause_longest_s`: then it goes on by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum

from ccd.config import Recording as Policy
from ccd.control.errors import ControlError, Refused
from ccd.control.service import CallControl
from ccd.control.situations import Verb
from ccd.events import CallCleared, Event, EventStream, Play, RecordingResumed, RecordingStopped
from ccd.media.protocol import Sound
from ccd.switch.call import Call, Leg
from ccd.switch.switch import Switch


class Audience(StrEnum):
    """Who hears a message that is played into a conversation."""

    ALL = "all"
    """Everybody who speaks in it."""
    OTHERS = "others"
    """All but the agent who has it played."""


class RecordingVerbs:
    """The verbs, by agent and call. Every method raises `ControlError`, and then nothing has changed."""

    def __init__(
        self,
        policy: Policy,
        *,
        switch: Switch,
        calls: CallControl,
        message: Callable[[str], Sound],
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`message` finds what is played by its name; raises KeyError."""
        self.policy = policy
        """Replaced when the settings change."""
        self._switch = switch
        self._calls = calls
        self._message = message
        self._events = events
        self._loop = loop
        self._pauses: dict[str, asyncio.TimerHandle] = {}
        """By call: when it goes on by itself."""
        events.subscribe(self._follow)

    def __len__(self) -> int:
        return len(self._pauses)

    def start(self, agent: str, call: str | None = None) -> Call:
        """Record the conversation from now on."""
        found, _ = self._calls.connection(Verb.START_RECORDING, agent, call)
        if not self._switch.start_recording(found):
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} is recorded already")
        return found

    def stop(self, agent: str, call: str | None = None, *, supervised: bool) -> Call:
        """Record it no longer; `supervised`: a supervisor asks for it."""
        found, _ = self._calls.connection(Verb.STOP_RECORDING, agent, call)
        if self.policy.enabled and not self.policy.agents_may_stop and not supervised:
            raise ControlError(
                Refused.NOT_ALLOWED,
                "every conversation is recorded here; a supervisor may stop it, and "
                "pause_recording keeps what follows out of it",
            )
        if not self._switch.stop_recording(found):
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} is not recorded")
        return found

    def pause(self, agent: str, call: str | None = None) -> Call:
        """Keep what follows out of the recording, until `resume` or for `pause_longest_s`."""
        found, _ = self._calls.connection(Verb.PAUSE_RECORDING, agent, call)
        if not self._switch.pause_recording(found, agent):
            state = "paused already" if found.recorder is not None else "not recorded"
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} is {state}")
        self._pauses[found.id] = self._loop.call_later(
            self.policy.pause_longest_s, self._switch.resume_recording, found
        )
        return found

    def resume(self, agent: str, call: str | None = None) -> Call:
        """Go on recording."""
        found, _ = self._calls.connection(Verb.RESUME_RECORDING, agent, call)
        if not self._switch.resume_recording(found, agent):
            raise ControlError(Refused.WRONG_STATE, f"call {found.id} was not paused")
        return found

    def play(
        self, agent: str, message: str, call: str | None = None, to: Audience = Audience.ALL
    ) -> Call:
        """Play a message to those who speak, once; they hear each other meanwhile (play message)."""
        found, leg = self._calls.connection(Verb.PLAY_MESSAGE, agent, call)
        try:
            sound = self._message(message)
        except KeyError as error:
            raise ControlError(
                Refused.BAD_ARGS, f"there is no message {message!r} among the prompts"
            ) from error
        audience = self._audience(found, leg, to)
        for hearer in audience:
            self._switch.play(hearer, (sound,))
        self._events.publish(
            Play(
                call=found.id,
                leg=leg.id,
                agent=agent,
                message=message,
                legs=tuple(hearer.id for hearer in audience),
            )
        )
        return found

    @staticmethod
    def _audience(call: Call, leg: Leg, to: Audience) -> Sequence[Leg]:
        speaking = [party for party in call.parties if party.speaks_in(call)]
        return [party for party in speaking if to is Audience.ALL or party is not leg]

    def _follow(self, event: Event) -> None:
        """What is recorded again, or over, needs nobody to resume it."""
        if isinstance(event, RecordingResumed | RecordingStopped | CallCleared):
            timer = self._pauses.pop(event.call, None)
            if timer is not None:
                timer.cancel()
