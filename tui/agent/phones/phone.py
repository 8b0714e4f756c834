"""What the softphone expects of a phone, whichever it is.

A phone here is the device that an agent speaks with: what rings, answers and carries the sound.
Everything that makes it a call centre's (hold, consult, transfer, supervision) is the server's
and goes over the CTI, so a phone needs to do very little, and may do nothing at all: what it
lacks (`Phone.can`), its owner has the server do, or asks the agent to do by hand.

    phone = make_phone(settings)
    phone.on_change = screen.refresh
    await phone.start()          # registered now, or PhoneError says why not
    ...
    await phone.answer()
    await phone.close()

A phone has one call at a time, as an agent has: ccd keeps further calls of his in the server
(`leg.kept`) and sends a second INVITE to nobody. `on_change` is called from the event loop, after
`state`, `incoming`, `levels` or `trouble` changed, and must not block.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class PhoneState(enum.Enum):
    """What a phone is doing."""

    STARTING = "starting"
    """Not started, or on its way to the registrar."""
    UNREGISTERED = "unregistered"
    """The server does not know where it is: nothing can ring here. `trouble` says why."""
    IDLE = "idle"
    """Registered, and in no call."""
    RINGING = "ringing"
    """A call has come and is not answered; `incoming` says whose."""
    TALKING = "talking"
    """In a call: sound goes both ways."""


class Ability(enum.Enum):
    """What a phone may be able to do by itself."""

    ANSWER = "answer"
    HANG_UP = "hang up"
    MUTE = "mute"
    LEVELS = "levels"
    """It measures how loud both directions are."""
    SOUND = "sound"
    """It speaks and listens through this computer's own microphone and loudspeaker."""


ALL_ABILITIES = frozenset(Ability)


@dataclass(frozen=True)
class Levels:
    """How loud it is now: 0 silence, 1 as loud as can be, in steps an ear takes for even."""

    microphone: float = 0.0
    """What the caller gets from us; 0 while muted."""
    earpiece: float = 0.0
    """What we get from the caller."""


SILENCE = Levels()


class PhoneError(Exception):
    """The phone cannot do what it was asked: what is wrong, and the mend."""

    def __init__(self, wrong: str, mend: str = "") -> None:
        super().__init__(f"{wrong}: {mend}" if mend else wrong)
        self.wrong = wrong
        self.mend = mend


def cannot(back_end: str, ability: Ability) -> PhoneError:
    """Make the error for what a phone is not able to do at all."""
    return PhoneError(
        f"a {back_end} phone cannot {ability.value} from here",
        "do it through the server, or by hand",
    )


class Phone(Protocol):
    """A phone of any kind. Its methods but `start` want it to be started."""

    on_change: Callable[[], None]
    """Told that something below has changed; set by the owner."""

    @property
    def name(self) -> str:
        """The back end: `pjsip`, `pyvoip` or `desk`."""

    @property
    def can(self) -> frozenset[Ability]:
        """What it does by itself; for the rest there is the server."""

    @property
    def state(self) -> PhoneState:
        """What it is doing."""

    @property
    def incoming(self) -> str:
        """Whom the INVITE of the present call is from, as a phone shows it; empty without one."""

    @property
    def muted(self) -> bool:
        """Whether the caller is kept from hearing us."""

    @property
    def levels(self) -> Levels:
        """How loud the call is in both directions; silence without a call."""

    @property
    def trouble(self) -> str:
        """Why it is unregistered, and the mend; empty while all is well."""

    async def start(self) -> None:
        """Start and register. Raises `PhoneError`; the phone is closed then, and may start anew."""

    async def close(self) -> None:
        """End any call, take the registration back and leave; closing twice does no harm."""

    async def answer(self) -> None:
        """Answer the call that rings. Raises `PhoneError` where none does."""

    async def hang_up(self) -> None:
        """Refuse the call that rings, or end the one that is; nothing where it is over already."""

    async def mute(self, on: bool) -> None:
        """Keep the caller from hearing us, or let him; lasts until the call is over."""
