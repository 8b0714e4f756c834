"""The softphone without a screen: desk, link and phone joined; every action carried out.

A screen (`tui.agent.app`) and the scriptable twin (`tui.agent.headless`) are two faces of it.
It survives what happens to a softphone in eight hours: the daemon restarts or cannot be reached,
the laptop slept, somebody logs in as this agent elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ccd.cti.catalogue import Holdings, Record
from ccd.cti.client import Client, CtiError, ErrorCode
from ccd.events import Delivered, Event, WrappedUp
from tui.agent.actions import BY_ID, Around
from tui.agent.desk import LIVE, Desk, Stage
from tui.agent.phones.phone import Ability, Phone, PhoneError, PhoneState

PULSE_S = 2.0
"""How often the queues are asked about, at the most."""

RETRY_S = 1.0
"""Between two attempts to reach the daemon."""

RECORD_S = 1.5
"""A call's record is there so long after its end."""

RING_S = 3.0
"""How long an answer waits for the INVITE, which comes after `Delivered`."""

TIMEOUT_S = 4.0

AWAY = frozenset({ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE})
"""How it is said that the daemon is not there."""


class LinkState(StrEnum):
    """Whether the daemon is there, and this screen the agent's."""

    CONNECTING = "connecting"
    UP = "up"
    LOST = "lost"
    DISPLACED = "displaced"


class NotPossibleError(Exception):
    """An action is not possible now; `why` is a key below `why.` in the words."""

    def __init__(self, action: str, why: str) -> None:
        super().__init__(f"{action}: {why}")
        self.action, self.why = action, why


class WrongTimeError(ValueError):
    """A text is no time to call somebody back at."""


@dataclass(frozen=True)
class Login:
    """Who works here, and where the daemon is."""

    agent: str
    password: str = ""
    phone: str = ""
    """Where he is rung; empty: as the settings say."""
    nailed_up: bool | None = None
    """Whether his phone is called once, at log-in, and kept; None: as its settings say."""
    state: str | None = None
    commands: str = ""
    keys: str = ""


class Service:
    """See the module."""

    def __init__(
        self,
        login: Login,
        *,
        phone: Phone | None = None,
        auto_answer_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`phone`: None is one that this program does not control. Without `auto_answer_s` the
        agent answers himself."""
        self.login = login
        self.desk = Desk(login.agent)
        self.link = LinkState.CONNECTING
        self.phone = phone
        self.phone_trouble = ""
        self.notes: dict[str, str] = {}
        """What he wrote on each call, until it is wrapped up."""
        self.records: dict[str, Record] = {}
        """Who calls in full, by customer."""
        self.holdings: dict[str, Holdings | str] = {}
        """What he has, by customer; a text: why that is not known."""
        self.on_change: Callable[[], None] = lambda: None
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.on_fault: Callable[[BaseException], None] = _raise
        """Told of a fault of ours in what goes on beside: nothing is swallowed."""
        self.clock = clock
        self._auto_answer_s = auto_answer_s
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._phone_changed = asyncio.Event()
        self._taken_back = asyncio.Event()
        self._answered: set[str] = set()
        self._calls: set[str] = set()
        """His calls, when the newest event had been heard."""
        self._logged_off = False

    # --- beginning and end --------------------------------------------------------------------

    async def start(self, *, take: bool = False) -> None:
        """Log in, and begin to follow. Raises CtiError: `wrong_password`, `locked`,
        `unknown_agent`; `wrong_state` where he is at work at another screen and not `take`;
        `unavailable` where no daemon answers."""
        login = self.login
        client = Client(
            login.state,
            commands=login.commands,
            keys=login.keys or None,
            timeout_s=TIMEOUT_S,
            name=f"softphone of {login.agent}",
        )
        await client.connect()
        try:
            await client.log_in(
                login.agent,
                phone=login.phone,
                password=login.password,
                unless_taken=not take,
                nailed_up=login.nailed_up,
            )
            self.desk.furnish(await client.workplace())
        except BaseException:
            await client.close()
            raise
        self._client = client
        if self.phone is not None:
            self.phone.on_change = self._phone_says
            self._spawn(self._start_phone(self.phone))
        self._spawn(self._follow())
        self._spawn(self._beat())
        self._spawn(self._refresh_day())

    async def close(self) -> None:
        """Leave: who did not log off is not ready from now on."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.phone is not None:
            await self.phone.close()
        if self._client is not None:
            with contextlib.suppress(CtiError):  # where it cannot be said, silence will say it
                await self._client.leave()
            await self._client.close()
            self._client = None

    @property
    def client(self) -> Client:
        """The session. Raises CtiError where there is none."""
        if self._client is None:
            raise CtiError(ErrorCode.UNAVAILABLE, "not connected")
        return self._client

    @property
    def around(self) -> Around:
        """What decides beside the desk whether an action is possible."""
        return Around(
            linked=self.link is LinkState.UP,
            displaced=self.link is LinkState.DISPLACED,
            can_mute=self.phone is not None and Ability.MUTE in self.phone.can,
        )

    # --- what happens -------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Hear what is about this agent, through breaks, for as long as he is here."""
        while True:
            try:
                feed = await self.client.monitor(agent=self.login.agent)
                self.desk.begin(feed.state)
                self._linked(LinkState.UP)
                self._ask_who()
                async for event in feed:
                    self.desk.apply(event, feed.call)
                    self._heard(event)
            except CtiError as error:
                if error.code in (ErrorCode.UNKNOWN_MONITOR, ErrorCode.GONE):
                    continue
                if error.code in AWAY:
                    self._linked(LinkState.LOST)
                    await asyncio.sleep(RETRY_S)
                elif error.code in (ErrorCode.NOT_LOGGED_IN, ErrorCode.FORBIDDEN):
                    await self._displaced()
                else:
                    raise
            else:
                return

    async def _beat(self) -> None:
        """Ask how the queues are; notice by it that the link is lost, or the seat is."""
        while True:
            if not self._logged_off and self.link is not LinkState.DISPLACED:
                try:
                    self.desk.beat(await self.client.pulse())
                    if self.link is LinkState.LOST:
                        self._linked(LinkState.UP)
                except CtiError as error:
                    if error.code in AWAY:
                        self._linked(LinkState.LOST)
                    elif error.code in (ErrorCode.NOT_LOGGED_IN, ErrorCode.FORBIDDEN):
                        if not self._logged_off:  # it may have been while this was asked
                            self._linked(LinkState.DISPLACED)
                    else:
                        raise
                self.on_change()
            await asyncio.sleep(max(PULSE_S, self.desk.pulse_s))

    async def _displaced(self) -> None:
        self._linked(LinkState.DISPLACED)
        self._taken_back.clear()
        await self._taken_back.wait()

    def _linked(self, state: LinkState) -> None:
        if state is not self.link:
            self.link = state
            self.on_change()

    def _heard(self, event: Event) -> None:
        match event:
            case Delivered(agent=agent, call=call) if agent == self.login.agent:
                if event.customer is not None:
                    self._spawn(self._look_up(event.customer.id))
                if self._auto_answer_s is not None and call not in self._answered:
                    self._spawn(self._answer_by_itself(call, self._auto_answer_s))
            case WrappedUp():
                self._spawn(self._refresh_day())
            case _:
                pass
        calls = {line.call for line in self.desk.lines}
        over, self._calls = self._calls - calls, calls
        if over:
            self._answered -= over
            self._spawn(self._refresh_day())
            self._spawn(self._unmute())
        self.on_event(event)
        self.on_change()

    def _ask_who(self) -> None:
        """After a break events do not say who is on the line: it is asked for."""
        for line in self.desk.lines:
            if line.customer is None:
                self._spawn(self._who_is(line.call))

    async def _who_is(self, call: str) -> None:
        with contextlib.suppress(CtiError):  # it may be over by now
            match = await self.client.customer_of_call(call)
            self.desk.customer_is(call, match.customer, match.matches)
            if match.customer is not None:
                await self._look_up(match.customer.id)
            self.on_change()

    async def _look_up(self, customer: str) -> None:
        with contextlib.suppress(CtiError):  # the pop has the essentials
            self.records[customer] = await self.client.customer(customer, history=5)
            self.on_change()
        if self.desk.place.host:
            try:
                self.holdings[customer] = await self.client.holdings(customer)
            except CtiError as error:
                self.holdings[customer] = error.message
            self.on_change()

    async def _unmute(self) -> None:
        """Being muted lasts as long as a call, and the phone's may be nailed up: longer than that."""
        phone = self.phone
        if phone is not None and phone.muted and self.desk.line(*LIVE) is None:
            with contextlib.suppress(PhoneError):  # it is over at the phone as well
                await phone.mute(False)

    async def _refresh_day(self) -> None:
        await asyncio.sleep(RECORD_S)
        midnight = datetime.fromtimestamp(self.clock()).replace(hour=0, minute=0, second=0)
        with contextlib.suppress(CtiError):  # the next call asks again
            found = await self.client.my_calls(since=midnight.timestamp(), limit=500)
            self.desk.calls_of_today(found.records)
            self.on_change()

    async def _answer_by_itself(self, call: str, after_s: float) -> None:
        self._answered.add(call)
        await asyncio.sleep(after_s)
        line = self.desk.line(Stage.RINGING)
        if line is not None and line.call == call:
            with contextlib.suppress(CtiError, PhoneError, NotPossibleError):  # it was answered
                await self.do("answer")

    # --- the phone ----------------------------------------------------------------------------

    async def _start_phone(self, phone: Phone) -> None:
        while True:
            try:
                await phone.start()
            except PhoneError as error:
                self.phone_trouble = str(error)
                self.on_change()
                await asyncio.sleep(5 * RETRY_S)
            else:
                self.phone_trouble = ""
                self.on_change()
                return

    def _phone_says(self) -> None:
        self._phone_changed.set()
        self.on_change()

    async def _phone_rings(self, phone: Phone) -> bool:
        """Wait for the INVITE of a call that the screen shows already."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RING_S):
                while phone.state is PhoneState.IDLE:
                    self._phone_changed.clear()
                    await self._phone_changed.wait()
        return phone.state is PhoneState.RINGING

    # --- actions --------------------------------------------------------------------------------

    async def do(self, action: str, argument: str = "") -> None:
        """Carry out an action. Raises NotPossibleError, CtiError, PhoneError, WrongTimeError."""
        why = BY_ID[action].why_not(self.desk, self.around)
        if why:
            raise NotPossibleError(action, why)
        await self._verbs[action](self, argument)
        self.on_change()

    async def _answer(self, _: str) -> None:
        line = self.desk.line(Stage.RINGING)
        assert line is not None
        phone = self.phone
        by_phone = phone is not None and Ability.ANSWER in phone.can
        if by_phone and phone is not None and await self._phone_rings(phone):
            await phone.answer()
        else:
            await self.client.answer_call(line.call)

    async def _hang_up(self, _: str) -> None:
        line = self.desk.active or self.desk.lines[0]
        await self.client.clear_connection(line.call)

    async def _hold(self, _: str) -> None:
        await self.client.hold_call(self._call(Stage.SPEAKING, Stage.CONFERENCE))

    async def _retrieve(self, _: str) -> None:
        await self.client.retrieve_call(self._call(Stage.HELD))

    async def _alternate(self, _: str) -> None:
        await self.client.alternate_call()

    async def _reconnect(self, _: str) -> None:
        await self.client.reconnect_call()

    async def _transfer(self, _: str) -> None:
        await self.client.transfer_call()

    async def _conference(self, _: str) -> None:
        await self.client.conference_call()

    async def _consult(self, number: str) -> None:
        call = self._call(Stage.SPEAKING, Stage.CONFERENCE, Stage.HELD, Stage.IVR)
        self._dialled(number)
        await self.client.consultation_call(call, number=number)

    async def _dial(self, number: str) -> None:
        self._dialled(number)
        line = self.desk.line(Stage.DIAL_TONE)
        if line is not None and number:
            await self.client.dial_digits(number, line.call)
        else:
            await self.client.make_call(number)

    async def _redial(self, _: str) -> None:
        await self._dial(self.desk.last_dialled)

    async def _blind(self, number: str) -> None:
        call = self._call(Stage.SPEAKING, Stage.CONFERENCE, Stage.HELD)
        await self.client.single_step_transfer(number, call)

    async def _invite(self, number: str) -> None:
        await self.client.single_step_conference(number, self._call(*LIVE))

    async def _deflect(self, number: str) -> None:
        await self.client.deflect_call(number, self._call(Stage.RINGING))

    async def _keypad(self, digits: str) -> None:
        await self.client.generate_digits(digits, self._call(*LIVE))

    async def _mute(self, _: str) -> None:
        assert self.phone is not None
        await self.phone.mute(not self.phone.muted)

    async def _ivr(self, flow: str) -> None:
        await self.client.send_to_ivr(flow, self._call(Stage.SPEAKING, Stage.HELD))

    async def _recall(self, _: str) -> None:
        await self.client.recall_from_ivr(self._call(Stage.IVR))

    async def _park(self, _: str) -> None:
        await self.client.park_call(self._call(Stage.SPEAKING, Stage.CONFERENCE, Stage.HELD))

    async def _unpark(self, place: str) -> None:
        await self.client.unpark_call(place)

    async def _pickup(self, _: str) -> None:
        await self.client.group_pickup()

    async def _pause_recording(self, _: str) -> None:
        await self.client.pause_recording(self._recorded())

    async def _resume_recording(self, _: str) -> None:
        await self.client.resume_recording(self._recorded())

    async def _ready(self, _: str) -> None:
        await self.client.ready()

    async def _not_ready(self, reason: str) -> None:
        await self.client.not_ready(reason or "break")

    async def _wrap_up(self, disposition: str) -> None:
        about = self.desk.wrapping or self.desk.shown
        call = "" if about is None else about.call
        await self.client.wrap_up(disposition, notes=self.notes.get(call, ""))
        self.notes.pop(call, None)

    async def _done(self, _: str) -> None:
        await self.client.wrap_up_done()

    async def _lock(self, _: str) -> None:
        await self.client.lock_seat()

    async def _unlock(self, password: str) -> None:
        await self.client.open_seat(password)

    async def _take_back(self, _: str) -> None:
        login = self.login
        await self.client.log_in(
            login.agent, phone=login.phone, password=login.password, nailed_up=login.nailed_up
        )
        self._linked(LinkState.UP)
        self._taken_back.set()

    async def _log_off(self, _: str) -> None:
        self._logged_off = True  # before: what is asked meanwhile may be refused already
        try:
            await self.client.log_off()
        except CtiError:
            self._logged_off = False
            raise

    async def _callback(self, when: str) -> None:
        subject = self.desk.subject
        assert subject is not None
        queue = subject.queue
        if not queue and self.desk.place.queues:
            queue = self.desk.place.queues[0].name
        await self.client.schedule_callback(subject.number, queue, at=time_of(when, self.clock()))

    async def _voicemail(self, message: str) -> None:
        """Hear what somebody left: the phone rings for it."""
        await self.client.hear_voicemail(message)

    async def _replay(self, _: str) -> None:
        await self.client.generate_digits("1", self._call(Stage.MESSAGE))

    async def _heard_it(self, _: str) -> None:
        await self.client.generate_digits("2", self._call(Stage.MESSAGE))

    async def _call_sender(self, _: str) -> None:
        await self.client.generate_digits("3", self._call(Stage.MESSAGE))

    async def _message(self, text: str) -> None:
        """`NAME: text`."""
        to, _, line = text.partition(":")
        queues = {queue.name for queue in self.desk.place.queues}
        to = to.strip()
        if to in queues:
            await self.client.send_message(line.strip(), queue=to)
        else:
            await self.client.send_message(line.strip(), agent=to)

    async def _note(self, text: str) -> None:
        subject = self.desk.subject
        assert subject is not None
        assert subject.customer is not None
        await self.client.customer_note(subject.customer.id, text)
        await self._look_up(subject.customer.id)

    _verbs: Mapping[str, Callable[[Service, str], Awaitable[None]]] = {
        "answer": _answer,
        "hang_up": _hang_up,
        "hold": _hold,
        "retrieve": _retrieve,
        "alternate": _alternate,
        "reconnect": _reconnect,
        "transfer": _transfer,
        "conference": _conference,
        "consult": _consult,
        "dial": _dial,
        "directory": _dial,
        "redial": _redial,
        "blind": _blind,
        "invite": _invite,
        "deflect": _deflect,
        "keypad": _keypad,
        "mute": _mute,
        "ivr": _ivr,
        "recall": _recall,
        "park": _park,
        "unpark": _unpark,
        "pickup": _pickup,
        "pause_recording": _pause_recording,
        "resume_recording": _resume_recording,
        "ready": _ready,
        "not_ready": _not_ready,
        "wrap_up": _wrap_up,
        "done": _done,
        "lock": _lock,
        "unlock": _unlock,
        "take_back": _take_back,
        "log_off": _log_off,
        "callback": _callback,
        "voicemail": _voicemail,
        "replay": _replay,
        "heard": _heard_it,
        "call_sender": _call_sender,
        "message": _message,
        "note": _note,
    }

    # --- inside -----------------------------------------------------------------------------------

    def _call(self, *stages: Stage) -> str:
        line = self.desk.line(*stages)
        if line is None:
            raise NotPossibleError("call", "no_call")
        return line.call

    def _recorded(self) -> str:
        return next(line.call for line in self.desk.lines if line.recording)

    def _dialled(self, number: str) -> None:
        if number:
            self.desk.last_dialled = number

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.on_fault(fault)


def _raise(fault: BaseException) -> None:
    raise fault


def time_of(text: str, now: float) -> float | None:
    """Return when `15:30` or `+20` (minutes) is, seconds since the epoch; None for an empty text.

    A time of day that is past is tomorrow's. Raises WrongTimeError.
    """
    text = text.strip()
    if not text:
        return None
    try:
        if text.startswith("+"):
            return now + 60.0 * int(text[1:])
        hour, _, minute = text.partition(":")
        here = datetime.fromtimestamp(now)
        at = here.replace(hour=int(hour), minute=int(minute or 0), second=0, microsecond=0)
    except ValueError:
        raise WrongTimeError(text) from None
    return (at if at > here else at + timedelta(days=1)).timestamp()
