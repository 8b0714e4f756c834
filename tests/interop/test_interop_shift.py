"""A whole shift as a person has it: `ccd agent` in a terminal (tmux), and its twin without a screen."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Self

import aiohttp
import pytest
import pytest_asyncio
from peers.asking import until
from peers.centre import AGENTS, STRAIGHT, STRAIGHT_FLOW, Centre
from peers.daemon import Watch
from peers.pjsip import PjsipPhone
from peers.ports import HOST, free_port

from ccd.cti.client import Client
from ccd.events import AgentLoggedOff, AgentReady, Bridged, CallCleared, WrappedUp

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

A, B, _ = AGENTS
ANI = "13800138000"


@pytest.fixture(scope="module")
def centre(open_centre: Callable[..., Centre], tmp_path_factory: pytest.TempPathFactory) -> Centre:
    folder = tmp_path_factory.mktemp("flows")
    (folder / "straight.yaml").write_text(STRAIGHT_FLOW)
    return open_centre(
        route=[{"dnis": STRAIGHT, "flow": str(folder / "straight.yaml")}],
        queue=[{"name": "orders", "wrap_up_s": 20.0}, {"name": "advice"}],
        agent=[
            {"name": A, "phone": A, "queues": ["orders"], "full_name": "Anna Bell"},
            {"name": B, "phone": B, "queues": ["advice"], "full_name": "Bert Cole"},
        ],
        disposition=[{"name": "sold", "title": "Sold"}],
    )


@pytest_asyncio.fixture(loop_scope="module")
async def watch(centre: Centre) -> AsyncIterator[Watch]:
    async with Watch(centre.daemon) as watching:
        yield watching


@pytest_asyncio.fixture(loop_scope="module")
async def phones(centre: Centre) -> AsyncIterator[dict[str, PjsipPhone]]:
    """Both agents' desk phones, which answer by themselves; the colleague is logged on."""
    async with centre.phone(A) as anna, centre.phone(B) as bert, Client(centre.daemon.state) as cti:
        for phone in (anna, bert):
            await phone.auto_answer(0.05)
            assert (await phone.register())["code"] == 200
        await cti.log_in(B)
        yield {A: anna, B: bert}
        await cti.log_off(B)


@pytest_asyncio.fixture(loop_scope="module")
async def caller(centre: Centre) -> AsyncIterator[PjsipPhone]:
    async with centre.caller(ANI) as phone:
        yield phone


class Terminal:
    """A terminal of its own, in which one command runs."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._size = ["-x", str(width), "-y", str(height)]

    def run(self, *command: str) -> None:
        # A terminal's size is its own, not what the shell that runs the tests was told once.
        own = ["env", "-u", "COLUMNS", "-u", "LINES"]
        self._do("new-session", "-d", *self._size, *own, *command)

    def press(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", text)

    def screen(self) -> str:
        return self._do("capture-pane", "-p")

    def resize(self, width: int, height: int) -> None:
        self._do("resize-window", "-x", str(width), "-y", str(height))

    @property
    def running(self) -> bool:
        done = subprocess.run([*self._tmux, "has-session"], check=False, capture_output=True)
        return done.returncode == 0

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    async def shows(self, text: str, within: float = 15.0) -> str:
        """Wait until this is on the screen."""
        try:
            await until(lambda: text in self.screen(), within)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not on the screen:\n{self.screen()}") from None
        return self.screen()

    def _do(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments], check=True, capture_output=True, text=True, timeout=10
        )
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.fail("tmux is missing: apt install tmux")
    terminal = Terminal(tmp_path, 100, 30)
    yield terminal
    terminal.close()


async def test_a_whole_shift_in_a_terminal(
    centre: Centre,
    watch: Watch,
    phones: dict[str, PjsipPhone],
    caller: PjsipPhone,
    terminal: Terminal,
) -> None:
    since = watch.mark()
    terminal.run(sys.executable, "-m", "ccd", "agent", A, "--state", str(centre.daemon.state))
    await terminal.shows("NOT READY", within=30)
    assert "Anna Bell" in terminal.screen()
    terminal.press("r")
    await terminal.shows("● READY")
    await caller.call(centre.uri(STRAIGHT))
    await terminal.shows("SPEAKING")
    assert ANI in terminal.screen()
    first = await watch.expect(Bridged, agent=A, since=since)

    terminal.press("c")
    await terminal.shows("Consult whom")
    terminal.type("bert")
    await terminal.shows("1 of")
    terminal.press("Enter")
    await terminal.shows("ON HOLD")
    await terminal.shows("Bert Cole")
    await terminal.shows("conference")
    terminal.press("f")
    await terminal.shows("CONFERENCE")

    # A window made small says the same in less room, and the call goes on.
    terminal.resize(70, 20)
    await terminal.shows("CONFERENCE")
    terminal.resize(50, 12)
    await terminal.shows("too small")
    terminal.resize(100, 30)
    await terminal.shows("CONFERENCE")

    terminal.press("x")
    await terminal.shows("WRAP-UP")
    terminal.press("w")
    await terminal.shows("What came of the call?")
    terminal.press("Enter")
    said = await watch.expect(WrappedUp, agent=A, since=since)
    assert (said.call, said.disposition) == (first.call, "sold")
    terminal.press("r")
    await terminal.shows("● READY")
    async with Client(centre.daemon.state) as cti:
        await cti.clear_call(agent=B)
    await watch.expect(CallCleared, call=first.call, since=since)

    terminal.press("Q")
    await terminal.shows("End the shift?")
    terminal.press("Enter")
    await watch.expect(AgentLoggedOff, agent=A, since=since)
    await until(lambda: not terminal.running)


async def spoken(centre: Centre, *arguments: str, **options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ccd", "agent", A, "--state", str(centre.daemon.state), *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, **options},
    )  # fmt: skip


SCRIPT = """\
ready
wait speaking
expect number {ani}
hold
wait held
retrieve
wait speaking
hang_up
wait wrap_up
wrap_up sold
ready
wait ready
log_off
"""


async def test_a_shift_by_script(
    centre: Centre,
    watch: Watch,
    phones: dict[str, PjsipPhone],
    caller: PjsipPhone,
    tmp_path: Path,
) -> None:
    file = tmp_path / "shift.txt"
    file.write_text(SCRIPT.format(ani=ANI))
    since = watch.mark()
    process = await spoken(centre, "--script", str(file), "--json")
    await watch.expect(AgentReady, agent=A, since=since)
    await caller.call(centre.uri(STRAIGHT))
    out, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, error.decode()
    told = [json.loads(line) for line in out.decode().splitlines()]
    stages = [each["stage"] for each in told if each["what"] == "call"]
    assert stages == ["ringing", "speaking", "held", "speaking", "over"]
    states = [each["state"] for each in told if each["what"] == "state"]
    assert states[:2] == ["not_ready", "ready"]
    assert "wrap_up" in states


async def test_a_script_that_fails_says_at_which_line(
    centre: Centre, phones: dict[str, PjsipPhone], tmp_path: Path
) -> None:
    file = tmp_path / "shift.txt"
    file.write_text("ready\nwait ringing 0.2\n")
    process = await spoken(centre, "--script", str(file))
    _, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert "line 2: not ringing within 0.2 s" in error.decode()


async def test_a_robot_takes_calls_and_goes(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone], caller: PjsipPhone
) -> None:
    since = watch.mark()
    process = await spoken(centre, "--robot", "--robot-talk", "0.5", "--robot-calls", "1")
    await watch.expect(AgentReady, agent=A, since=since)
    await caller.call(centre.uri(STRAIGHT))
    out, error = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, error.decode()
    assert "call" in out.decode()
    await watch.expect(WrappedUp, agent=A, since=since)
    await watch.expect(AgentLoggedOff, agent=A, since=since)


async def test_typed_commands_are_done_or_refused_in_words(centre: Centre) -> None:
    process = await spoken(centre, "--headless")
    assert process.stdin is not None
    process.stdin.write(b"not_ready lunch\nanswer\nfly\nlog_off\nquit\n")
    out, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, error.decode()
    told = out.decode()
    assert "state not_ready lunch" in told
    assert "refused line 2: answer: nothing rings" in told
    assert "refused line 3: there is no command 'fly'" in told


async def test_the_screen_in_a_browser_is_drawn_and_its_keys_are_pressed(
    centre: Centre, watch: Watch
) -> None:
    """Its page, and what the page's script does: a web socket with the terminal's bytes."""
    port, since = free_port(), watch.mark()
    process = await spoken(centre, "--web", f"{HOST}:{port}")
    try:
        async with aiohttp.ClientSession(f"http://{HOST}:{port}") as browser:
            page = await served(browser)
            assert "textual" in page.lower()
            async with browser.ws_connect("/ws?width=100&height=30") as socket:
                await drawn(socket, "Anna Bell")
                await socket.send_json(["stdin", "r"])
                await watch.expect(AgentReady, agent=A, since=since)
                await drawn(socket, "READY")
                await socket.send_json(["resize", {"width": 80, "height": 24}])
                await drawn(socket, "Anna Bell")
                await socket.send_json(["stdin", "Q"])
                await drawn(socket, "End the shift?")
                await socket.send_json(["stdin", "\r"])
                await watch.expect(AgentLoggedOff, agent=A, since=since)
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 15)


async def served(browser: aiohttp.ClientSession) -> str:
    """The page, as soon as there is one."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with browser.get("/") as answer:
                    assert answer.status == 200
                    return await answer.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)


async def drawn(socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Wait until the terminal was told to show this."""
    shown = ""
    async with asyncio.timeout(20):
        while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown):
            message = await socket.receive()
            if isinstance(message.data, bytes):
                shown += message.data.decode("utf-8", "replace")


class SlowLine:
    """A terminal at the far end of a line: 100 ms there, 100 ms back, as over SSH from another continent."""

    ONE_WAY_S = 0.1

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._loop = asyncio.get_running_loop()
        self.shown = b""
        """What has come to the person's eyes."""

    async def __aenter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ccd", "agent", A, "--state", str(self._centre.daemon.state),
            stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )  # fmt: skip
        os.close(slave)
        self._loop.add_reader(self._master, self._comes)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.remove_reader(self._master)
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.wait_for(self.process.wait(), 15)
        os.close(self._master)

    def _comes(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has left
            self._loop.remove_reader(self._master)
            return
        self._loop.call_later(self.ONE_WAY_S, self._arrives, data)

    def _arrives(self, data: bytes) -> None:
        self.shown += data
        # What a terminal answers to the questions of a program comes just as late.
        if b"\x1b[?2026$p" in data:
            self.press("\x1b[?2026;2$y")
        if b"\x1b[6n" in data:
            self.press("\x1b[1;1R")

    def press(self, keys: str) -> None:
        self._loop.call_later(self.ONE_WAY_S, os.write, self._master, keys.encode())

    async def sees(self, text: str) -> None:
        def is_there() -> bool:
            plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.shown)
            return text in plain.decode("utf-8", "replace")

        await until(is_there, within=20)


async def test_over_a_slow_line_keys_work_and_little_is_drawn(
    centre: Centre, watch: Watch, phones: dict[str, PjsipPhone], caller: PjsipPhone
) -> None:
    async with SlowLine(centre) as line:
        await line.sees("Anna Bell")
        await asyncio.sleep(1.0)  # all of the first picture, and answers to what was asked
        since, line.shown, pressed = watch.mark(), b"", time.time()
        line.press("r")
        event = await watch.expect(AgentReady, agent=A, since=since)
        # One way, and what the program takes: there is no going to and fro before a key counts.
        assert event.at - pressed < line.ONE_WAY_S + 0.25
        await line.sees("READY")
        await asyncio.sleep(1.5)
        assert len(line.shown) < 6000, "a key draws what changed, not the screen"
        line.shown = b""
        call = await caller.call(centre.uri(STRAIGHT))
        await watch.expect(Bridged, agent=A, since=since)
        await line.sees("SPEAKING")
        line.press("x")
        await watch.expect(CallCleared, since=since)
        await line.sees("WRAP-UP")
        assert await caller.state(call, "disconnected")
        line.press("Q")
        await line.sees("End the shift?")
        line.press("\r")
        await watch.expect(AgentLoggedOff, agent=A, since=since)
