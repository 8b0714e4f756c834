"""A phone whose stack runs in a process of its own: what both such back ends have in common.

The process is told `open` with the settings (not on its command line, where anybody could read
the password) and says `registration`, `call` (ringing, talking, over) and `levels`. Where it
falls, the screen stays: it is begun anew, and the phone registers again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from tui.agent.phones.child import Child, ChildError, Said
from tui.agent.phones.phone import SILENCE, Ability, Levels, PhoneError, PhoneState
from tui.agent.phones.settings import PhoneSettings

REGISTERED_S = 12.0
"""How long a first registration may take."""

REVIVE_S = 1.0
"""Before a process that fell is begun anew."""

_STATES = {"ringing": PhoneState.RINGING, "talking": PhoneState.TALKING, "over": PhoneState.IDLE}


class WorkerPhone(Child):
    """See the module; a `Phone`."""

    def __init__(self, settings: PhoneSettings, module: str, can: frozenset[Ability]) -> None:
        super().__init__(module, settings.back_end)
        self.on_change: Callable[[], None] = lambda: None
        self._settings = settings
        self._can = can
        self._state = PhoneState.STARTING
        self._incoming = ""
        self._muted = False
        self._levels = SILENCE
        self._trouble = ""
        self._registered: asyncio.Future[Said] | None = None
        self._wanted = False
        self._reviving: asyncio.Task[None] | None = None

    # --- what is so -----------------------------------------------------------------------

    @property
    def can(self) -> frozenset[Ability]:
        """What it does by itself."""
        return self._can

    @property
    def state(self) -> PhoneState:
        """What it is doing."""
        return self._state

    @property
    def incoming(self) -> str:
        """Whom the INVITE is from."""
        return self._incoming

    @property
    def muted(self) -> bool:
        """Whether the caller is kept from hearing us."""
        return self._muted

    @property
    def levels(self) -> Levels:
        """How loud the call is in both directions."""
        return self._levels

    @property
    def trouble(self) -> str:
        """Why it is unregistered."""
        return self._trouble

    # --- its life -------------------------------------------------------------------------

    async def start(self) -> None:
        """Start and register. Raises `PhoneError`; the phone is closed then, and may start anew."""
        self._wanted = True
        try:
            await self._open()
        except ChildError as error:
            await self.close()
            raise PhoneError(str(error)) from None
        except TimeoutError:
            await self.close()
            there = f"{self._settings.host}:{self._settings.port}"
            raise PhoneError("the server does not answer", f"is a daemon at {there}?") from None
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        self._registered = asyncio.get_running_loop().create_future()
        try:
            await self.begin()
            await self.command("open", settings=msgspec.to_builtins(self._settings))
            async with asyncio.timeout(REGISTERED_S):
                said = await self._registered
        finally:
            self._registered = None
        if not said["active"]:
            raise PhoneError(*_refused(said, self._settings))

    async def close(self) -> None:
        """End any call, take the registration back and leave."""
        self._wanted = False
        if self._reviving is not None:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
            self._reviving = None
        await self.stop()
        self._be(PhoneState.STARTING)

    def ended(self) -> None:
        """It fell, where nobody asked it to leave: begin anew."""
        if self._registered is not None and not self._registered.done():
            self._registered.set_exception(ChildError(self.complaints()))
            return
        if self._wanted and self._reviving is None and self._state is not PhoneState.STARTING:
            self._trouble = f"the {self._settings.back_end} phone's program ended; it is begun anew"
            self._be(PhoneState.UNREGISTERED)
            self._reviving = asyncio.get_running_loop().create_task(self._revive())

    async def _revive(self) -> None:
        while self._wanted:
            await asyncio.sleep(REVIVE_S)
            await self.stop()
            try:
                await self._open()
            except (ChildError, PhoneError, TimeoutError) as error:
                self._trouble = str(error)
                self.on_change()
            else:
                break
        self._reviving = None

    # --- what it is asked -----------------------------------------------------------------

    async def answer(self) -> None:
        """Answer the call that rings. Raises `PhoneError` where none does."""
        await self._ask("answer")

    async def hang_up(self) -> None:
        """Refuse the call that rings, or end the one that is."""
        if self._state in (PhoneState.RINGING, PhoneState.TALKING):
            await self._ask("hang_up")

    async def mute(self, on: bool) -> None:
        """Keep the caller from hearing us, or let him; lasts until the call is over."""
        await self._ask("mute", on=on)
        self._muted = on
        self.on_change()

    async def _ask(self, op: str, **arguments: Any) -> None:
        try:
            await self.command(op, **arguments)
        except ChildError as error:
            raise PhoneError(str(error)) from None

    # --- what it says -----------------------------------------------------------------------

    def heard(self, said: Said) -> None:
        """It said something."""
        match said["event"]:
            case "registration":
                self._registration(said)
            case "call":
                self._incoming = said.get("remote", self._incoming)
                self._be(_STATES[said["state"]])
            case "levels":
                self._levels = Levels(said["microphone"], said["earpiece"])
                self.on_change()

    def _registration(self, said: Said) -> None:
        if self._registered is not None and not self._registered.done():
            self._registered.set_result(said)
        if said["active"]:
            self._trouble = ""
            if self._state in (PhoneState.STARTING, PhoneState.UNREGISTERED):
                self._be(PhoneState.IDLE)
        else:
            self._trouble = ": ".join(_refused(said, self._settings))
            if self._state not in (PhoneState.RINGING, PhoneState.TALKING):
                self._be(PhoneState.UNREGISTERED)

    def _be(self, state: PhoneState) -> None:
        if state is not PhoneState.TALKING:
            self._levels, self._muted = SILENCE, False
        if state is not PhoneState.RINGING and state is not PhoneState.TALKING:
            self._incoming = ""
        self._state = state
        with contextlib.suppress(RuntimeError):  # the owner's loop may be closing
            self.on_change()


def _refused(said: Said, settings: PhoneSettings) -> tuple[str, str]:
    where = f"{settings.host}:{settings.port}"
    match said["code"]:
        case 401 | 403 | 407:
            mend = "CCD_SIP_PASSWORD"
            if settings.back_end == "pyvoip":
                mend += "; and it knows MD5 alone, which must stand first in sip.digest_algorithms"
            return f"{where} refuses the password of phone {settings.user!r}", mend
        case 404:
            return f"{where} knows no phone {settings.user!r}", "name a [[phone]] with --at"
        case 408 | 503 | 0:
            return f"{where} does not answer", "is a daemon there, and --sip its address?"
        case code:
            return f"{where} refuses phone {settings.user!r}", f"{code} {said['reason']}"
