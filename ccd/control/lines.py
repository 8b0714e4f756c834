"""Which agents' phones are nailed up, and when they are called for that (`ccd.switch.nailed_up`).

| what happens                                   | what is done                             |
| ---------------------------------------------- | ---------------------------------------- |
| an agent logs on who wants that, or whose phone does | his phone is called                |
| he becomes ready, and the line is down         | it is called again                       |
| his phone registers anew                       | the same; a line that rested was the old one's |
| a media worker died, and his line with it      | it is called again                       |
| nobody answers for a minute                    | it is called no longer                   |
| he logs off                                    | it is hung up                            |

Who hangs up at the phone has no line until one of these; his calls ring meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from ccd.config import Phone
from ccd.events import (
    AgentLoggedOff,
    AgentReady,
    Event,
    EventStream,
    LineReleased,
    PhoneRegistered,
)
from ccd.model import Cause
from ccd.switch.errors import NotReachable
from ccd.switch.switch import Switch

RING_S = 60.0
"""How long a phone is called that is to be nailed up."""

AGAIN_S = 1.0
"""After audio failed, before the phone is called again."""

OURS = frozenset({Cause.MEDIA_WORKER_LOST, Cause.MEDIA_FAILED})
"""Causes for which neither agent nor phone did anything."""


class Lines:
    """See the module."""

    def __init__(
        self,
        phones: Sequence[Phone],
        *,
        switch: Switch,
        events: EventStream,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._lines = switch.lines
        self._loop = loop
        self._log = structlog.get_logger("control")
        self._limits: dict[str, asyncio.TimerHandle] = {}
        """By agent: when his phone has rung for long enough."""
        self._at: dict[str, list[str]] = {}
        """Agents who are to have a line, by phone."""
        self.change_phones(phones)
        events.subscribe(self._follow)

    def change_phones(self, phones: Sequence[Phone]) -> None:
        """Phones of these settings; lines that are up stay so until their agents log off."""
        self._nailed_up = frozenset(phone.name for phone in phones if phone.nailed_up)

    def log_on(self, agent: str, phone: str, nailed_up: bool | None) -> None:
        """The agent is at work at this phone; None: as its settings say."""
        wanted = phone in self._nailed_up if nailed_up is None else nailed_up
        self._forget(agent)
        if wanted:
            self._at.setdefault(phone, []).append(agent)
            self._call(agent, phone)
        else:
            self._lines.release(agent)

    def is_up(self, agent: str) -> bool:
        """Whether the agent's phone is nailed up now."""
        line = self._lines.of(agent)
        return line is not None and line.said_up

    def _follow(self, event: Event) -> None:
        match event:
            case AgentLoggedOff(agent=agent):
                self._forget(agent)
                self._lines.release(agent)
            case AgentReady(agent=agent):
                self._again(agent)
            case LineReleased(agent=agent, cause=cause) if cause in OURS:
                self._loop.call_later(AGAIN_S, self._again, agent)
            case PhoneRegistered(phone=phone):
                for agent in tuple(self._at.get(phone, ())):
                    self._loop.call_later(0.0, self._renew, agent, phone)
            case _:
                pass

    def _again(self, agent: str) -> None:
        line = self._lines.of(agent)
        if line is not None:
            self._call(agent, line.phone)

    def _renew(self, agent: str, phone: str) -> None:
        if agent in self._at.get(phone, ()):
            self._lines.let_rest_go(agent)
            self._call(agent, phone)

    def _call(self, agent: str, phone: str) -> None:
        try:
            called = self._lines.nail_up(agent, phone)
        except NotReachable as error:
            self._log.info("not nailed up", agent=agent, reason=str(error))
            return
        if called:
            self._stop_timer(agent)
            self._limits[agent] = self._loop.call_later(RING_S, self._lines.give_up, agent)

    def _forget(self, agent: str) -> None:
        """He is to have no line; what there is of one is still his."""
        self._stop_timer(agent)
        line = self._lines.of(agent)
        if line is not None:
            there = self._at[line.phone]
            there.remove(agent)
            if not there:
                del self._at[line.phone]

    def _stop_timer(self, agent: str) -> None:
        timer = self._limits.pop(agent, None)
        if timer is not None:
            timer.cancel()
