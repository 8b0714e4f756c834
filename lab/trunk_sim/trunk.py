"""A trunk: callers who dial a service over it, each by his plan, as many as it has channels.

`Trunk.run` dials at the times it is given; `finished` waits for the last caller. What
every call came to is a `CallResult`, from which `stories.py` makes the verdict's stories.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ccd.media.ports import NoPortFree
from ccd.model import Quality
from ccd.sip.hop import Hop
from lab.trunk_sim.caller import Caller, CallerState, CallerView, Dial, HangUp, Leave, PressKey
from lab.trunk_sim.line import Line, LineSettings
from lab.trunk_sim.plans import Plan
from lab.trunk_sim.station import Station
from lab.trunk_sim.voices import ROBOT_TONES, ROBOT_VOICES, Ear

RELEASE_GUARD_S = 10.0
"""How long a finished call may wait for the media worker's last word about it."""


class TrunkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the callers call, and what is kept of their calls."""

    service: str
    target: Hop
    channels: int = 500
    """Most calls at once; a caller who finds none left is blocked and does not dial."""
    recordings: Path | None = None
    """Keep what each caller heard and said in `ANI.wav` here."""
    speech: tuple[str, ...] = ()
    """WAV files that callers speak between their tones, in turn."""


class CallResult(msgspec.Struct, kw_only=True):
    """What one call came to; times are the loop's clock."""

    view: CallerView
    heard_ms: dict[float, int]
    call_id: str
    recording: Path | None
    recording_began_at: float | None
    quality: Quality | None
    released: bool
    """The media worker gave everything back."""


class Trunk:
    """Callers on a station. Make it, then `run` and `finished`."""

    def __init__(
        self,
        station: Station,
        settings: TrunkSettings,
        *,
        on_moved: Callable[[CallerState | None, CallerState], None] | None = None,
        on_result: Callable[[CallResult], None] | None = None,
    ) -> None:
        self.station = station
        self.settings = settings
        self.results: list[CallResult] = []
        self.blocked = 0
        self.dialled = 0
        self._on_moved = on_moved
        self._on_result = on_result
        self._live: set[_Call] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = True

    @property
    def live(self) -> int:
        """Calls that are not over."""
        return len(self._live)

    async def run(self, calls: Iterable[tuple[float, Plan]]) -> None:
        """Dial each plan at its time, seconds from now; returns after the last was dialled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at, plan in calls:
            pause = began + at - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            if not self._running:
                return
            self.place(plan)

    def place(self, plan: Plan) -> bool:
        """Have one caller dial now; False where no channel is left."""
        if len(self._live) >= self.settings.channels:
            self.blocked += 1
            return False
        self.dialled += 1
        call = _Call(self, plan)
        self._live.add(call)
        self._idle.clear()
        call.start()
        return True

    async def finished(self) -> None:
        """Wait until every call is over and accounted for."""
        await self._idle.wait()

    def give_up(self) -> None:
        """Dial no more; everybody on the line hangs up."""
        self._running = False
        for call in list(self._live):
            call.give_up()

    def _moved(self, before: CallerState | None, after: CallerState) -> None:
        if self._on_moved is not None:
            self._on_moved(before, after)

    def _left(self, call: _Call) -> None:
        task = asyncio.get_running_loop().create_task(self._close(call))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, call: _Call) -> None:
        """Wait for the recording to be complete, then account for the call."""
        released = True
        if call.line is not None:
            done, _ = await asyncio.wait({call.line.released}, timeout=RELEASE_GUARD_S)
            released = bool(done)
        result = call.result(released)
        self.results.append(result)
        self._live.discard(call)
        if self._on_result is not None:
            self._on_result(result)
        if not self._live:
            self._idle.set()


class _Call:
    """One caller on a line (a `lab.trunk_sim.line.Party`)."""

    def __init__(self, trunk: Trunk, plan: Plan) -> None:
        self._trunk = trunk
        self._station = trunk.station
        self._caller = Caller(plan)
        self._ear = Ear()
        self._state = CallerState.IDLE
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self.line: Line | None = None
        self._recording: Path | None = None

    def start(self) -> None:
        self._trunk._moved(None, self._caller.state)
        self._caller.start(self._station.now())
        self._carry_out()

    def give_up(self) -> None:
        self._caller.give_up(self._station.now())
        self._carry_out()

    # --- Party ------------------------------------------------------------------------

    def ringing(self) -> None:
        self._caller.ringing(self._station.now())
        self._carry_out()

    def answered(self) -> None:
        self._caller.answered(self._station.now())
        self._carry_out()

    def refused(self, code: int) -> None:
        self._caller.refused(code)

    def tone(self, frequency: float, present: bool) -> None:
        now = self._station.now()
        self._ear.tone(frequency, present, now)
        if frequency not in ROBOT_TONES:
            return
        if present:
            self._caller.hears_somebody(now)
        elif (voice := self._ear.recognise(ROBOT_VOICES)) is not None:
            self._caller.hears_agent(voice, now)
        self._carry_out()

    def ended(self, by: str, reason: str) -> None:
        now = self._station.now()
        self._ear.finish(now)
        self._caller.ended(now)
        self._carry_out()

    # --- what the caller decides ---------------------------------------------------------

    def _carry_out(self) -> None:
        while (action := self._caller.next_action()) is not None:
            match action:
                case Dial():
                    self._dial()
                case PressKey(digit=digit):
                    if self.line is not None:
                        self.line.press(digit)
                case HangUp():
                    if self.line is not None:
                        self.line.hang_up()
                case Leave():
                    self._trunk._left(self)
        state = self._caller.state
        if state is not self._state:
            self._trunk._moved(self._state, state)
            self._state = state
        self._arm()

    def _arm(self) -> None:
        due = self._caller.get_timer()
        if self._timer is not None:
            if due == self._due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = (
            None if due is None else asyncio.get_running_loop().call_at(due, self._on_timer)
        )

    def _on_timer(self) -> None:
        self._timer = None
        if self._due is not None:
            # A loop may call early by its clock's resolution: what is due is due.
            self._caller.handle_timer(max(self._due, self._station.now()))
        self._carry_out()

    def _dial(self) -> None:
        plan, settings = self._caller.plan, self._trunk.settings
        if settings.recordings is not None:
            self._recording = settings.recordings / f"{plan.ani}.wav"
        speech = settings.speech[plan.number % len(settings.speech)] if settings.speech else None
        self.line = Line(
            self._station,
            self,
            LineSettings(sounds=plan.voice.sounds(speech), record=self._recording),
        )
        host, port = settings.target.host, settings.target.port
        try:
            self.line.dial(
                f"sip:{settings.service}@{host}:{port}",
                settings.target,
                from_=f"<sip:{plan.ani}@{self._station.host}>",
                to=f"<sip:{settings.service}@{host}>",
                user=plan.ani,
            )
        except NoPortFree:
            # Ours to answer for: the trunk promised a channel it has no RTP port for.
            self._station.log.exception("trunk.no_port", ani=plan.ani)
            self.line = None
            self._caller.refused(503)
            self._caller.ended(self._station.now())

    def result(self, released: bool) -> CallResult:
        line = self.line
        began = line.answered_at if line is not None else None
        return CallResult(
            view=self._caller.view,
            heard_ms=self._ear.heard_ms,
            call_id=line.call_id if line is not None else "",
            recording=self._recording if began is not None else None,
            recording_began_at=began,
            quality=line.quality if line is not None else None,
            released=released,
        )
