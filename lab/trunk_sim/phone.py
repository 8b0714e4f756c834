"""Robot agents' phones: real SIP phones on one user agent, each registered on its own.

A `Rack` is a station with phones. A call finds its phone by the user part of the
Request-URI, which is that of the contact the phone registered (RFC 3261 10.2.1). What
each phone heard is written as one `RobotLine` a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ccd.sip import events as sip
from ccd.sip.auth import Credentials
from ccd.sip.hop import Hop
from ccd.sip.session import Session
from lab.trunk_sim.line import Line, LineSettings
from lab.trunk_sim.registration import Registration, RegistrationState
from lab.trunk_sim.robot import Answer, Robot, RobotHabits, RobotHangsUp, RobotState
from lab.trunk_sim.station import Station
from lab.trunk_sim.verdict import RobotLine
from lab.trunk_sim.voices import Ear, Voice, robot_voice

EXPIRES_S = 120
"""Asked of the registrar: refreshed every minute, so that a demo sees refreshes too."""

CSEQ_STEP = 10
"""Between REGISTERs of one Call-ID: the user agent repeats one with credentials under the
next number (RFC 3261 22.2), once more where the nonce was stale."""


class PhoneAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who a phone is."""

    agent: str
    phone: str
    password: str = msgspec.field(default="")

    def __repr__(self) -> str:
        return f"PhoneAccount({self.agent!r}, {self.phone!r}, password=***)"


class Rack:
    """Phones of robot agents, on one station."""

    def __init__(
        self,
        *,
        accounts: Sequence[PhoneAccount],
        registrar: Hop | None,
        domain: str,
        folder: Path,
        ports: tuple[int, int],
        habits: RobotHabits,
        rng: random.Random,
        on_call: Callable[[RobotLine], None],
    ) -> None:
        self.station = Station(
            folder=folder,
            ports=ports,
            name="robots",
            on_invite=self._on_invite,
            on_response=self._on_response,
        )
        self.registrar = registrar
        self.domain = domain
        self.folder = folder
        self.habits = habits
        self.on_call = on_call
        self.phones = {
            account.phone: Phone(self, account, robot_voice(number), random.Random(rng.random()))
            for number, account in enumerate(accounts)
        }
        self._asked: dict[int, Phone] = {}
        self._changed = asyncio.Event()

    async def start(self, *, register_timeout_s: float = 30.0) -> None:
        """Start the station and register every phone.

        Raises `TimeoutError` naming the phones that could not, with the last SIP status.
        """
        await self.station.start()
        if self.registrar is None:
            return
        for phone in self.phones.values():
            phone.register()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(register_timeout_s):
                while any(not phone.registered for phone in self.phones.values()):
                    self._changed.clear()
                    await self._changed.wait()
            return
        missing = [
            f"{phone.account.phone} ({phone.registration.last_code or 'no answer'})"
            for phone in self.phones.values()
            if not phone.registered
        ]
        raise TimeoutError(f"not registered: {', '.join(missing)}")

    async def stop(self, *, timeout_s: float = 3.0) -> None:
        """Hang up, unregister, close. What does not end in time is left."""
        for phone in self.phones.values():
            phone.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(not phone.gone for phone in self.phones.values()):
                    self._changed.clear()
                    await self._changed.wait()
        await self.station.stop()

    def changed(self) -> None:
        """A phone's registration or call changed state."""
        self._changed.set()

    def asks(self, token: int, phone: Phone) -> None:
        """The response to this request belongs to `phone`."""
        self._asked[token] = phone

    def _on_response(self, event: sip.ResponseReceived) -> None:
        phone = self._asked.pop(event.token, None)
        if phone is not None:
            phone.on_register_response(event)

    def _on_invite(self, event: sip.InviteReceived) -> None:
        request = event.session.request
        user = "" if request is None else (request.uri.user or "")
        phone = self.phones.get(user)
        if phone is None:
            event.session.reject(404, now=self.station.now())
        else:
            phone.on_invite(event.session)


class Phone:
    """One phone and the robot at it (a `lab.trunk_sim.line.Party`)."""

    def __init__(self, rack: Rack, account: PhoneAccount, voice: Voice, rng: random.Random) -> None:
        self.account = account
        self.voice = voice
        self.registration = Registration(expires=EXPIRES_S, rng=rng)
        self._rack = rack
        self._station = rack.station
        self._robot = Robot(rack.habits, rng)
        self._call_id = f"{rng.getrandbits(64):016x}@{account.phone}"
        self._line: Line | None = None
        self._ear = Ear()
        self._caller = ""
        self._robot_timer: asyncio.TimerHandle | None = None
        self._registration_timer: asyncio.TimerHandle | None = None

    @property
    def registered(self) -> bool:
        """Whether the registrar has our contact."""
        return self.registration.state is RegistrationState.REGISTERED

    @property
    def gone(self) -> bool:
        """Whether it is neither registered nor in a call."""
        return (
            self.registration.state is RegistrationState.OFFLINE
            and self._robot.state is RobotState.IDLE
        )

    # --- registration -----------------------------------------------------------------

    def register(self) -> None:
        """Register, and stay so."""
        self.registration.start()
        self._send_register()

    def leave(self) -> None:
        """Hang up and unregister."""
        if self._line is not None:
            self._line.hang_up()
        self.registration.leave()
        self._send_register()

    def on_register_response(self, event: sip.ResponseReceived) -> None:
        """The registrar answered a REGISTER of ours."""
        self.registration.response(event.code, self._granted(event), self._station.now())
        self._send_register()
        self._rack.changed()

    def _granted(self, event: sip.ResponseReceived) -> int | None:
        """The expiry the registrar gave our contact, or asks for (423); None where unsaid."""
        response = event.response
        if response is None:
            return None
        if event.code == 423:
            return _seconds(response.headers.get("Min-Expires"))
        host, port = self._station.local
        for contact in response.contact:
            uri = contact.uri
            if (uri.user, uri.host, uri.port) == (self.account.phone, host, port):
                return _seconds(contact.parameters.get("expires"))
        return _seconds(response.headers.get("Expires"))

    def _send_register(self) -> None:
        action = self.registration.next_action()
        rack, account = self._rack, self.account
        if action is not None and rack.registrar is not None:
            host, port = self._station.local
            address = f"<sip:{account.phone}@{rack.domain}>"
            token = self._station.agent.request(
                "REGISTER",
                f"sip:{rack.domain}",
                rack.registrar,
                from_=address,
                to=address,
                now=self._station.now(),
                headers=(
                    ("Contact", f"<sip:{account.phone}@{host}:{port}>"),
                    ("Expires", str(action.expires)),
                ),
                call_id=self._call_id,
                cseq=action.cseq * CSEQ_STEP,
                credentials=Credentials(account.phone, account.password),
            )
            rack.asks(token, self)
            self._station.wake()
        due = self.registration.get_timer()
        if self._registration_timer is not None:
            self._registration_timer.cancel()
        loop = asyncio.get_running_loop()
        self._registration_timer = None if due is None else loop.call_at(due, self._refresh)

    def _refresh(self) -> None:
        due = self.registration.get_timer()
        if due is not None:  # a loop may call early by its clock's resolution
            self.registration.handle_timer(max(due, self._station.now()))
        self._send_register()

    # --- calls ---------------------------------------------------------------------------

    def on_invite(self, session: Session) -> None:
        """A call for this phone."""
        if not self._robot.rings(self._station.now()):
            session.reject(486, now=self._station.now())
            return
        agent, habits = self.account.agent, self._rack.habits
        record = None
        if habits.record:
            stamp = int(1000 * time.time())
            record = self._rack.folder / f"{agent}-{stamp}.wav"
        sounds = () if agent in habits.mute else self.voice.sounds()
        self._ear = Ear()
        self._caller = _calling_number(session)
        self._line = Line(self._station, self, LineSettings(sounds=sounds, record=record))
        self._line.take(session)
        self._line.ring()
        self._carry_out()

    def ringing(self) -> None:
        """Not for incoming calls."""

    def answered(self) -> None:
        """The robot lifted the receiver."""

    def refused(self, code: int) -> None:
        """Not for incoming calls."""

    def tone(self, frequency: float, present: bool) -> None:
        """The ear began or ceased to hear a tone."""
        self._ear.tone(frequency, present, self._station.now())

    def ended(self, by: str, reason: str) -> None:
        """The call is over: account for it."""
        now = self._station.now()
        self._ear.finish(now)
        call = self._robot.ended(now)
        line, self._line = self._line, None
        self._carry_out()
        if call is not None and line is not None:
            epoch = time.time() - now
            self._rack.on_call(
                RobotLine(
                    agent=self.account.agent,
                    phone=self.account.phone,
                    voice=self.voice,
                    ani=self._caller,
                    call_id=line.call_id,
                    rang_at=call.rang_at + epoch,
                    answered_at=_shifted(call.answered_at, epoch),
                    hung_up_at=_shifted(call.hung_up_at, epoch),
                    ended_at=now + epoch,
                    heard_ms=tuple(self._ear.heard_ms.items()),
                )
            )
        self._rack.changed()

    def _carry_out(self) -> None:
        while (action := self._robot.next_action()) is not None:
            if self._line is None:
                continue
            match action:
                case Answer():
                    self._line.answer()
                case RobotHangsUp():
                    self._line.hang_up()
        due = self._robot.get_timer()
        if self._robot_timer is not None:
            self._robot_timer.cancel()
        loop = asyncio.get_running_loop()
        self._robot_timer = None if due is None else loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        due = self._robot.get_timer()
        if due is not None:
            self._robot.handle_timer(max(due, self._station.now()))
        self._carry_out()


def _calling_number(session: Session) -> str:
    """What the phone shows: the user part of From, or whatever it says."""
    if session.request is None:
        return ""
    return session.request.from_address.uri.user or ""


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _shifted(moment: float | None, offset: float) -> float | None:
    return None if moment is None else moment + offset
