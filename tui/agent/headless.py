"""The softphone without a screen: for scripts, tests, the lab, and for those who read by ear.

It is the same client with the same actions (`tui.agent.service`); what happens is told one line
each, in words or as JSON, and commands come from a script or from standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from ccd.cti.client import CtiError
from ccd.errors import CcdError
from ccd.events import Event, MessageSent
from ccd.model import AgentState
from tui.agent.desk import LIVE, Desk, Line, Stage
from tui.agent.phones.phone import PhoneError
from tui.agent.script import ScriptError, Step, command
from tui.agent.service import LinkState, NotPossibleError, Service, WrongTimeError
from tui.shared.words import Words

REFUSALS = (CtiError, PhoneError, NotPossibleError, WrongTimeError)
"""How an action can be refused."""


class FailedError(CcdError):
    """A script did not come to its end; the message says at which line, and why."""


@dataclass(frozen=True)
class Robot:
    """How a robot works; seconds."""

    answers_after_s: float = 1.0
    talks_s: float = 20.0
    """On average; it varies by half."""
    wraps_s: float = 5.0
    calls: int = 0
    """It logs off after so many; 0: never."""
    seed: int | None = None


class Teller:
    """Says what happens, one line each."""

    def __init__(self, service: Service, out: TextIO, *, as_json: bool) -> None:
        self._service, self._out, self._json = service, out, as_json
        self._state: tuple[AgentState, str] | None = None
        self._stages: dict[str, Stage] = {}
        self._link: LinkState | None = None

    def changed(self) -> None:
        """Say what is otherwise than before."""
        service = self._service
        if service.link is not self._link:
            self._link = service.link
            self.say("link", state=service.link.value)
        seat = service.desk.seat
        if (seat.state, seat.reason) != self._state:
            self._state = (seat.state, seat.reason)
            self.say("state", state=seat.state.value, reason=seat.reason)
        lines = {line.call: line for line in service.desk.lines}
        for call in [call for call in self._stages if call not in lines]:
            del self._stages[call]
            self.say("call", call=call, stage="over")
        for call, line in lines.items():
            if self._stages.get(call) is not line.stage:
                self._stages[call] = line.stage
                self.say(
                    "call", call=call, stage=line.stage.value, who=line.who, number=line.number,
                    queue=line.queue,
                )  # fmt: skip

    def heard(self, event: Event) -> None:
        """Lines from others."""
        if isinstance(event, MessageSent) and event.agent == self._service.login.agent:
            self.say("message", by=event.by, text=event.text)

    def say(self, what: str, **facts: str) -> None:
        """One line."""
        told = {key: value for key, value in facts.items() if value}
        if self._json:
            text = json.dumps({"what": what, "at": round(self._service.clock(), 3), **told},
                              ensure_ascii=False)  # fmt: skip
        else:
            text = " ".join((what, *told.values()))
        print(text, file=self._out, flush=True)


class Headless:
    """Carries scripts, typed commands, or a robot's day out."""

    def __init__(self, service: Service, out: TextIO, *, as_json: bool = False) -> None:
        self.service = service
        self.teller = Teller(service, out, as_json=as_json)
        self._news = asyncio.Event()
        service.on_change = self._changed
        service.on_event = self.teller.heard
        self._fault: BaseException | None = None
        service.on_fault = self._failed

    def _changed(self) -> None:
        self.teller.changed()
        self._news.set()

    def _failed(self, fault: BaseException) -> None:
        self._fault = fault
        self._news.set()

    # --- scripts --------------------------------------------------------------------------------

    async def run(self, steps: Sequence[Step]) -> None:
        """Carry a script out. Raises FailedError where a step cannot be."""
        await self._linked()
        await self._steps(steps)

    async def _steps(self, steps: Sequence[Step]) -> bool:
        """Whether it goes on after them: not after `quit`."""
        for step in steps:
            if step.word == "quit":
                return False
            if step.word == "repeat":
                for _ in range(int(step.argument)):
                    if not await self._steps(step.steps):
                        return False
            else:
                await self._do(step)
        return True

    async def _linked(self) -> None:
        """Wait until it is known how he is."""
        await self.until(lambda _: self.service.link is LinkState.UP)

    async def _do(self, step: Step) -> None:
        match step.word:
            case "pause":
                await asyncio.sleep(step.seconds)
            case "wait":
                await self._wait(step)
            case "expect":
                self._expect(step)
            case action:
                try:
                    await self.service.do(action, step.argument)
                except REFUSALS as error:
                    raise FailedError(f"line {step.line}: {action}: {_said(error)}") from error

    async def _wait(self, step: Step) -> None:
        try:
            async with asyncio.timeout(step.seconds):
                await self.until(lambda desk: _is(desk, step.argument))
        except TimeoutError:
            desk = self.service.desk
            stages = ", ".join(line.stage.value for line in desk.lines) or "no call"
            raise FailedError(
                f"line {step.line}: not {step.argument} within {step.seconds:g} s: "
                f"{desk.seat.state.value}, {stages}"
            ) from None

    async def until(self, true: Callable[[Desk], bool]) -> None:
        """Wait until it is so."""
        while not true(self.service.desk):
            self._news.clear()
            await self._news.wait()
            if self._fault is not None:
                raise self._fault

    def _expect(self, step: Step) -> None:
        what, _, wanted = step.argument.partition(" ")
        found = _fact(self.service.desk, what)
        if found != wanted:
            raise FailedError(f"line {step.line}: {what} is {found!r} and not {wanted!r}")

    # --- typed commands -------------------------------------------------------------------------

    async def converse(self, lines: AsyncIterator[str]) -> None:
        """Carry out what is typed, and say what is wrong with it; ends with `quit` or the input."""
        number = 0
        await self._linked()
        async for text in lines:
            number += 1
            try:
                step = command(number, text)
                if step is None:
                    continue
                if step.word == "quit":
                    return
                await self._do(step)
            except (ScriptError, FailedError) as error:
                self.teller.say("refused", why=str(error))
            else:
                self.teller.say("done", action=step.word)

    # --- a robot --------------------------------------------------------------------------------

    async def work(self, robot: Robot) -> None:
        """Take calls as a person would."""
        chance = random.Random(robot.seed)
        service, taken = self.service, 0
        await self._linked()
        while not robot.calls or taken < robot.calls:
            if service.desk.seat.state in (AgentState.NOT_READY, AgentState.WRAP_UP):
                await self._try("ready")
            await self.until(lambda desk: _is(desk, Stage.RINGING) or _talks(desk))
            await asyncio.sleep(robot.answers_after_s)
            if _is(service.desk, Stage.RINGING):
                await self._try("answer")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    await self.until(lambda desk: _talks(desk) or not desk.lines)
            if not _talks(service.desk):
                continue
            taken += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(robot.talks_s * chance.uniform(0.5, 1.5)):
                    await self.until(lambda desk: not desk.lines)
            if service.desk.lines:
                await self._try("hang_up")
            await self.until(lambda desk: not desk.lines and desk.seat.state is not AgentState.BUSY)
            if service.desk.wrapping is not None:
                await asyncio.sleep(robot.wraps_s)
                words = service.desk.place.dispositions
                await self._try("wrap_up", words[0].name if words else "done")
                await self.until(lambda desk: desk.wrapping is None or desk.wrapping.said)
        await self._try("log_off")

    async def _try(self, action: str, argument: str = "") -> None:
        """A robot is not stopped by what came in between."""
        try:
            await self.service.do(action, argument)
        except REFUSALS as error:
            self.teller.say("refused", action=action, why=_said(error))
            await asyncio.sleep(0.2)


async def typed() -> AsyncIterator[str]:
    """Lines of standard input, read beside the loop."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line


def _said(error: Exception) -> str:
    if isinstance(error, NotPossibleError):
        return Words("en").known(f"why.{error.why}")
    return error.message if isinstance(error, CtiError) else str(error)


def _talks(desk: Desk) -> bool:
    return desk.line(*LIVE, Stage.HELD, Stage.IVR) is not None


def _is(desk: Desk, what: str) -> bool:
    if what == "nothing":
        return not desk.lines
    return desk.seat.state == what or any(line.stage == what for line in desk.lines)


def _fact(desk: Desk, what: str) -> str:
    if what == "state":
        return desk.seat.state.value
    line: Line | None = desk.active or desk.shown
    if line is None:
        return ""
    return str({"who": line.who, "number": line.number, "queue": line.queue,
                "stage": line.stage.value}[what])  # fmt: skip
