"""The media worker: the process around a patch bay (`python -m ccd.media.worker`).

It beats every 5 ms and makes a frame on every fourth beat, by absolute times, so that
lateness never adds up. Between beats it takes the core's commands. It goes on when the
core dies, for people keep talking, and ends when no core came back for a while.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import structlog

from ccd.media import batch_io, protocol, sockets
from ccd.media.backlog import Backlog
from ccd.media.bay import Bay
from ccd.media.link import Link
from ccd.media.protocol import FRAME_MS
from ccd.media.recorder import RecorderThread

BEAT_S: Final = 0.005
"""What a relayed packet waits at most."""

BEATS_A_FRAME: Final = FRAME_MS // 5

COMMANDS_S: Final = 0.002
"""Of a beat, for commands while more of them wait: 8,000 legs can be opened a second, and a
frame that is due then is not late for it."""

IDLE_S: Final = 0.05
"""How long to doze while there is nothing to play and nobody to hear."""

GIVE_UP_S: Final = 0.2
"""A stall longer than this (a suspended machine) is not made up for frame by frame."""

CORE_TIMEOUT_S: Final = 30.0

REALTIME: Final = 10
"""Round-robin priority of the beat, where we may: audio before paperwork. The kernel keeps
5 % of each core for the rest (sched_rt_runtime_us), and the core kills a worker that hangs."""

NICE: Final = -10
"""Of the other threads, and of the beat where it may not be real-time. The recorder's is not:
writing to disk in real time would eat up the share of a core that real time has."""

ERROR_LOG_S: Final = 1.0
"""A fault that comes with every beat is told once a second."""

SWITCH_INTERVAL_S: Final = 0.0001
"""The recorder's thread is not to keep the interpreter for longer."""


class Worker:
    """One bay, its link, and the time."""

    def __init__(self, options: argparse.Namespace, log: Any) -> None:
        self._log = log
        self._core_timeout: float = options.core_timeout
        io = batch_io.open_io(plain=options.plain)
        self._sockets = open_sockets(options, io)
        self._link = Link(
            options.link,
            lambda: protocol.WorkerReady(
                pid=os.getpid(),
                ports=tuple(pair.number for pair in self._sockets.pairs),
                spare=self._sockets.spare,
                batched=io.batched,
            ),
            log,
        )
        self._loader = ThreadPoolExecutor(1, "sounds")
        self._recordings = RecorderThread()
        self._recordings.start()
        self.bay = Bay(
            self._sockets,
            io,
            report=self._link.report,
            loader=self._loader,
            recordings=self._recordings,
            rng=random.SystemRandom(),
            log=log,
        )
        self._backlog = Backlog(self._obey)
        self._failed_at = -ERROR_LOG_S
        self._late: list[float] = []
        self._gauge_every = 1.0
        self._running = True

    def stop(self, *_: object) -> None:
        """End after this beat."""
        self._running = False

    def run(self) -> None:
        """Beat until told to stop, or the core is gone for good."""
        raise_priority()
        due = time.monotonic()
        beat = 0
        gauge_due = core_seen = due
        while self._running:
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
                now = time.monotonic()
            elif now - due > GIVE_UP_S:
                self._log.warning("media.stalled", seconds=round(now - due, 3))
                due = now
            self._backlog.add(self._link.commands())
            self._backlog.work(COMMANDS_S)
            self._guarded(self.bay.receive, now)
            if beat % BEATS_A_FRAME == 0:
                self._late.append(now - due)
                self._guarded(self.bay.frame, now)
                self._link.watch()
            if self._link.connected:
                core_seen = now
            elif now - core_seen > self._core_timeout:
                self._log.error("media.core_gone", seconds=self._core_timeout)
                self._running = False
            if now >= gauge_due:
                self._gauge()
                gauge_due = now + self._gauge_every
            self._link.flush()
            beat, due = next_beat(beat, due, time.monotonic())
            if self.bay.idle and not self._backlog:
                self._link.wait(IDLE_S)
                due = time.monotonic()
        self._end()

    def _obey(self, command: protocol.Command) -> None:
        if isinstance(command, protocol.Shutdown):
            self._running = False
        elif isinstance(command, protocol.SetGauge):
            self._gauge_every = max(command.every_s, 0.05)
        else:
            self.bay.apply(command, time.monotonic())

    def _guarded(self, step: Callable[[float], None], now: float) -> None:
        """An error that is no leg's own must not end the calls of all."""
        try:
            step(now)
        except Exception:
            if now - self._failed_at > ERROR_LOG_S:
                self._failed_at = now
                self._log.exception("media.beat_failed")

    def _gauge(self) -> None:
        late = sorted(self._late) or [0.0]
        self._late = []
        usage = resource.getrusage(resource.RUSAGE_SELF)
        bay = self.bay
        self._link.report(
            protocol.Gauge(
                legs=len(bay.legs),
                late_ms_p50=late[len(late) // 2] * 1000,
                late_ms_p99=late[min(len(late) * 99 // 100, len(late) - 1)] * 1000,
                late_ms_max=late[-1] * 1000,
                cpu_s=usage.ru_utime + usage.ru_stime,
                packets_in=bay.reception.packets,
                packets_out=bay.transmitter.packets,
                packets_stray=bay.strays,
                send_errors=bay.transmitter.errors,
            )
        )
        gc.collect(0)  # the collector is off: what little garbage has cycles goes here

    def _end(self) -> None:
        self.bay.close(time.monotonic())
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._link.close()
        self._sockets.close()


def next_beat(beat: int, due: float, now: float) -> tuple[int, float]:
    """The number of the beat after this one, and when it is due.

    Behind time by more than a beat, those that only pass packets on are left out, up to the
    next frame: one beat does for all that has come, for less than several would. At 1,000
    relayed and recorded calls on a busy machine that brought frames which were 13 to 108 ms
    late down to 10 to 16 ms.
    """
    beat, due = beat + 1, due + BEAT_S
    while beat % BEATS_A_FRAME and now - due > BEAT_S:
        beat, due = beat + 1, due + BEAT_S
    return beat, due


def open_sockets(options: argparse.Namespace, io: batch_io.BatchIO) -> sockets.Sockets:
    """Some of the range bound, others to be bound as far as descriptors go. Raises OSError."""
    first, last = options.ports
    most = min(options.max_ports or sys.maxsize, sockets.affordable_pairs())
    pairs = sockets.bind(options.address, first, last, min(sockets.FIRST_PAIRS, most))
    bound = {pair.number for pair in pairs}
    rest = [number for number in sockets.numbers(first, last) if number not in bound]
    return sockets.Sockets(pairs, io, host=options.address, spare=rest[: most - len(pairs)])


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ccd.media.worker", description=__doc__)
    parser.add_argument("--link", type=Path, required=True, help="path of the ipc socket to bind")
    parser.add_argument("--address", default="0.0.0.0", help="address of the RTP ports")
    parser.add_argument(
        "--ports",
        type=int,
        nargs=2,
        default=(0, 0),
        metavar=("FIRST", "LAST"),
        help="range of RTP ports; 0 0: the system chooses",
    )
    parser.add_argument(
        "--max-ports",
        type=int,
        default=0,
        metavar="PAIRS",
        help="use so many of them; 0: as many as descriptors allow",
    )
    parser.add_argument("--plain", action="store_true", help="no recvmmsg and sendmmsg")
    parser.add_argument(
        "--core-timeout",
        type=float,
        default=CORE_TIMEOUT_S,
        metavar="SECONDS",
        help="end when no core is connected for so long",
    )
    return parser.parse_args(arguments)


def settle_process() -> None:
    """Make this process fit for a beat: signals, files, priority, collector, interpreter."""
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the core to act on
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(OSError):  # only the privileged may
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.disable()


def raise_priority() -> None:
    """Have this thread, and no other, scheduled before everything that is not real-time."""
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    with contextlib.suppress(OSError):  # not privileged, or a container forbids it
        os.sched_setscheduler(0, policy, os.sched_param(REALTIME))


def log_to_stderr() -> Any:
    """One JSON object a line, with tracebacks."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return structlog.get_logger("ccd.media")


def main() -> None:
    """Run a worker until it is told to end."""
    options = parse(sys.argv[1:])
    log = log_to_stderr()
    settle_process()
    try:
        worker = Worker(options, log)
    except OSError as error:
        sys.exit(f"ccd.media.worker: {error}")
    signal.signal(signal.SIGTERM, worker.stop)
    worker.run()


if __name__ == "__main__":
    main()
