"""The demo: the daemon, callers over a real trunk, robot agents with real phones, a verdict.

`main` is `ccd demo`. Exit status: 0 all calls right, 1 one or more went astray or the
daemon died, 2 wrong options.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import msgspec
import structlog
from rich.console import Console
from rich.live import Live

from ccd.events import Event
from ccd.media.pool import WorkerFailed
from ccd.media.speech import Prompt, SpeechError, render_many
from ccd.model import CallRecord
from ccd.sip.hop import Hop
from lab.trunk_sim import picture
from lab.trunk_sim.board import Board
from lab.trunk_sim.caller import CallerState
from lab.trunk_sim.daemon import Daemon, DaemonError, log_tail
from lab.trunk_sim.figures import CpuUse, Figures, figures
from lab.trunk_sim.options import DemoOptions, parse
from lab.trunk_sim.plans import Habits, Plan, draw_plan, poisson_arrivals
from lab.trunk_sim.ports import free_block
from lab.trunk_sim.robot import RobotHabits
from lab.trunk_sim.station import Station
from lab.trunk_sim.stories import read_robots, tell
from lab.trunk_sim.trunk import CallResult, Trunk, TrunkSettings
from lab.trunk_sim.verdict import Verdict, ending_of, judge
from lab.trunk_sim.watch import Watch

LAB_SETTINGS = "lab.json"
"""In the state folder: `RobotHabits`, read by the robots when they start."""

PLAIN_EVERY_S = 3.0
PLAIN_WIDTH = 110
"""Columns where there is no terminal to ask."""

PHRASES = ("Hello.", "Good morning.", "One moment.", "Yes, please.")
"""What callers say between their tones: short, so that tones come often."""

SETTLE_S = 0.5
"""After the last call: its record is written within the store's batch (100 ms at most)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo with command-line arguments; returns the exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    return run(options)


def run(options: DemoOptions) -> int:
    """Run the demo; returns the exit status."""
    # With --json, standard output carries the JSON alone; the story goes to standard error.
    console = Console(stderr=options.json)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    keep = options.keep_state or options.state is not None
    state = options.state or Path(tempfile.mkdtemp(prefix="ccd-demo-"))
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    clean = False
    log = _log_to_file(state / "lab" / "lab.log")
    try:
        sums = _run(Demo(options, state, console))
        clean = sums.clean
    except (DaemonError, WorkerFailed, OSError) as error:
        console.print(f"✗ {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    finally:
        log.close()
        if clean and not keep:
            shutil.rmtree(state, ignore_errors=True)
        else:
            console.print(f"state, log and recordings: {state}", highlight=False)
    if options.json:
        sys.stdout.write(msgspec.json.encode(sums).decode() + "\n")
        sys.stdout.flush()
    return 0 if sums.clean else 1


def _log_to_file(path: Path) -> TextIO:
    """Have our own log written to `path`: the terminal is for the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a", encoding="utf-8")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )
    return file


def _run(demo: Demo) -> Figures:
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(demo.run())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(demo.run())


class Demo:
    """One run of the demo."""

    def __init__(self, options: DemoOptions, state: Path, console: Console) -> None:
        self.options = options
        self.state = state
        self.console = console
        self.board = Board(f"robot{number}" for number in range(1, options.robots + 1))
        self.board.planned = options.calls
        self._began = 0.0
        self._trunk: Trunk | None = None
        self._interrupted = asyncio.Event()

    async def run(self) -> Figures:
        """From starting the daemon to the figures. Raises `DaemonError`."""
        options = self.options
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
                loop.add_signal_handler(number, self._interrupt)
        (self.state / LAB_SETTINGS).write_bytes(msgspec.json.encode(self._robot_habits()))
        self.console.print(f"starting the daemon with {options.robots} robot agents …")
        daemon = await Daemon.start(self.state, robots=options.robots)
        try:
            return await self._with_daemon(daemon)
        finally:
            await daemon.stop()

    def _robot_habits(self) -> RobotHabits:
        return RobotHabits(talk_s=self.options.talk, mute=self.options.mute)

    async def _with_daemon(self, daemon: Daemon) -> Figures:
        options = self.options
        ready = daemon.ready
        self.console.print(
            f"daemon {ready.pid} answers {ready.service} at sip:{ready.sip} (seed {options.seed})",
            highlight=False,
        )
        rng = random.Random(options.seed)
        station = Station(
            folder=self._folder("trunk"),
            ports=free_block(options.channels, random.Random()),
            name="trunk",
        )
        watch = Watch(
            self.state,
            on_event=self._on_event,
            on_agents=self.board.agents.update,
            on_stale=self._on_stale,
        )
        try:
            speech = await self._speech()
            await station.start()
            await watch.start()
            trunk = self._trunk = Trunk(
                station,
                TrunkSettings(
                    service=ready.service,
                    target=Hop("udp", *ready.sip_address),
                    channels=options.channels,
                    recordings=self._folder("recordings-of-callers"),
                    speech=speech,
                ),
                on_moved=self._on_moved,
                on_result=self._on_result,
            )
            cpu_before = daemon.cpu()
            self._began = station.now()
            offset = time.time() - self._began
            await self._show(daemon, trunk, self._calls(rng))
            duration = station.now() - self._began
            cpu_after = daemon.cpu()
            await asyncio.sleep(SETTLE_S)
            records = await daemon.records() if daemon.running else []
        finally:
            await watch.stop()
            await station.stop()
        cpu = CpuUse(
            core_s=cpu_after.core_s - cpu_before.core_s,
            media_s=cpu_after.media_s - cpu_before.media_s,
        )
        sums = await asyncio.to_thread(
            self._sum_up,
            trunk.results,
            records,
            self._began + offset if records else 0.0,
            offset,
            ready.service,
            trunk.blocked,
            duration,
            cpu,
        )
        sums = msgspec.structs.replace(sums, interrupted=self._interrupted.is_set())
        self.console.print(picture.closing(sums))
        return sums

    def _sum_up(
        self,
        results: list[CallResult],
        records: list[CallRecord],
        since: float,
        epoch_offset: float,
        service: str,
        blocked: int,
        duration_s: float,
        cpu: CpuUse,
    ) -> Figures:
        own = {result.view.plan.ani for result in results}
        ours = [record for record in records if record.offered_at >= since - 1.0]
        stories = tell(results, ours, read_robots(self.state), epoch_offset=epoch_offset)
        verdicts: list[Verdict] = [judge(story, service=service) for story in stories]
        return figures(
            verdicts,
            [story.view for story in stories],
            [record for record in ours if record.ani in own],
            blocked=blocked,
            duration_s=duration_s,
            cpu=cpu,
            evidence={
                result.view.plan.ani: str(result.recording)
                for result in results
                if result.recording is not None
            },
        )

    def _calls(self, rng: random.Random) -> list[tuple[float, Plan]]:
        options = self.options
        habits = Habits(talk_s=options.talk, digit=options.digit)
        arrivals_rng, plans_rng = random.Random(rng.random()), random.Random(rng.random())
        times = poisson_arrivals(
            options.rate, arrivals_rng, calls=options.calls, duration_s=options.duration
        )
        return [(at, draw_plan(n, habits, plans_rng)) for n, at in enumerate(times, 1)]

    async def _speech(self) -> tuple[str, ...]:
        try:
            files = await render_many(
                [Prompt(phrase, "en") for phrase in PHRASES], self._folder("speech")
            )
        except SpeechError as error:
            # Callers are heard by their tones; what is lost is realism, not the verdict.
            self.console.print(f"callers do not speak: {error}", highlight=False)
            return ()
        return tuple(str(file) for file in files)

    def _folder(self, name: str) -> Path:
        folder = self.state / "lab" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    # --- while it runs -----------------------------------------------------------------

    async def _show(self, daemon: Daemon, trunk: Trunk, calls: list[tuple[float, Plan]]) -> None:
        """Dial, and show what happens, until the last call is over, Ctrl-C, or a death."""
        self.board.planned = len(calls)
        work = asyncio.create_task(self._dial(trunk, calls))
        died = asyncio.create_task(daemon.wait())
        stop = asyncio.create_task(self._interrupted.wait())
        screen = asyncio.create_task(self._screen(trunk))
        try:
            await asyncio.wait({work, died, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                trunk.give_up()
                if not died.done():
                    await asyncio.wait({asyncio.ensure_future(trunk.finished())}, timeout=10.0)
        finally:
            for task in (work, died, stop, screen):
                task.cancel()
            results = await asyncio.gather(work, screen, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if not daemon.running:
            raise DaemonError(f"the daemon died in the middle\n{log_tail(self.state)}")

    async def _dial(self, trunk: Trunk, calls: list[tuple[float, Plan]]) -> None:
        await trunk.run(calls)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.options.grace):
                await trunk.finished()
                return
        # Whoever is still there will be found wanting by the verdict.
        trunk.give_up()
        await trunk.finished()

    async def _screen(self, trunk: Trunk) -> None:
        if self.console.is_terminal and not self.options.plain:
            with Live(
                console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop"
            ) as live:
                while True:
                    live.update(
                        picture.live(self.board, self._elapsed(), *self.console.size), refresh=True
                    )
                    await asyncio.sleep(1 / picture.FRAMES_PER_SECOND)
        while True:
            await asyncio.sleep(PLAIN_EVERY_S)
            self.console.print(
                picture.plain_line(self.board, self._elapsed()), highlight=False, soft_wrap=True
            )

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def _interrupt(self) -> None:
        self._interrupted.set()

    def _on_moved(self, before: CallerState | None, after: CallerState) -> None:
        if before is None:
            self.board.arrived(self._elapsed())
        self.board.moved(before, after)

    def _on_result(self, result: CallResult) -> None:
        self.board.ended(ending_of(result.view))

    def _on_event(self, event: Event) -> None:
        self.board.apply(event, self._elapsed())

    def _on_stale(self, stale: bool) -> None:
        self.board.stale = stale


if __name__ == "__main__":
    sys.exit(main())
