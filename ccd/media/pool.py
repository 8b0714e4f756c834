"""The core's side of the media plane: starts workers, talks with them, plans their ports.

Every worker has a process, a link and a port plan. When one dies (or falls silent) its
calls are the owner's to end, told by `on_lost`; a new process is started in its place,
with a growing delay, and said by its `WorkerReady` in `on_report`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from ccd.coalescer import Coalescer
from ccd.media.link import HIGH_WATER, decoder, readable
from ccd.media.orphans import end_orphans
from ccd.media.ports import NoPortFree, Port, PortPlan
from ccd.media.protocol import Address, Command, LegFailed, Report, Shutdown, WorkerReady

__all__ = ["MediaPool", "NoPortFree", "Port", "WorkerFailed"]

READY_S: Final = 15.0
"""How long a worker may take to be ready; numpy alone takes 0.2 s on a calm machine."""

SILENCE_S: Final = 5.0
"""Without a gauge (one a second) for so long a worker counts as hung."""

STOP_S: Final = 15.0
"""For finishing recordings at the end."""

BACKOFF_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Delays before one start after another; a worker that lived for a minute begins anew."""

STEADY_S: Final = 60.0

WINDOW_S: Final = 0.002
"""Commands go out together this often at most: the worker looks for them every 5 ms, and
each message wakes two threads on its way."""

IPC_PATH_MAX: Final = 100
"""A unix socket's path has 107 bytes on Linux, with what ZeroMQ adds."""


class WorkerFailed(Exception):  # noqa: N818 - what it says
    """A worker could not be started; the message has its own words."""


class _Worker:
    """One place in the pool, whatever process fills it."""

    def __init__(self, index: int, ports: tuple[int, int]) -> None:
        self.index = index
        self.range = ports
        self.plan: PortPlan | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.socket: zmq.Socket[bytes] | None = None
        self.fd = -1
        self.outbox: list[Command] = []
        self.ready = asyncio.Event()
        self.heard = 0.0
        self.started = 0.0
        self.last_words = ""


class MediaPool:
    """Media workers. All methods belong to one event loop.

    `folder` holds the links (private to the user); `address` and `ports` are what the
    workers bind, the range divided among them ((0, 0): the system chooses). `on_report`
    gets every report with the worker's number; `on_lost` a worker's number and why it is
    gone, once for every loss. Neither may block or raise.
    """

    def __init__(
        self,
        *,
        folder: Path,
        address: str,
        ports: tuple[int, int],
        workers: int,
        on_report: Callable[[int, Report], None],
        on_lost: Callable[[int, str], None],
        log: Any,
        arguments: tuple[str, ...] = (),
        ready_s: float = READY_S,
        silence_s: float = SILENCE_S,
        backoff_s: tuple[float, ...] = BACKOFF_S,
    ) -> None:
        self._folder = folder
        self._own_folder: Path | None = None
        self._address = address
        self._on_report = on_report
        self._on_lost = on_lost
        self._log = log
        self._arguments = arguments
        self._ready_s = ready_s
        self._silence_s = silence_s
        self._backoff_s = backoff_s
        self._workers = [_Worker(index, part) for index, part in enumerate(divide(ports, workers))]
        self._nodes = itertools.count(1)
        self._leases = itertools.count(1)
        self._incarnations = itertools.count(1)
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._decoder = decoder()
        self._encoder = msgspec.msgpack.Encoder()
        self._sender = Coalescer(self._flush, WINDOW_S)
        self._stopping = False
        self._keepers: list[asyncio.Task[None]] = []

    # --- life -----------------------------------------------------------------------

    async def start(self) -> None:
        """Start every worker and wait until each is ready. Raises WorkerFailed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await end_orphans(self._folder, self._log)
        if len(os.fsencode(self._folder / "media-00-0000.ipc")) > IPC_PATH_MAX:
            self._own_folder = Path(tempfile.mkdtemp(prefix="ccd-"))
        self._context = zmq.Context()
        try:
            await asyncio.gather(*(self._launch(worker) for worker in self._workers))
        except BaseException:
            await self._end_all()
            raise
        self._keepers = [
            asyncio.create_task(self._keep(worker), name=f"media worker {worker.index}")
            for worker in self._workers
        ]

    async def stop(self) -> None:
        """Have every worker finish its recordings and end; what hangs is killed."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for worker in self._workers:
            self.send(worker.index, Shutdown())
        self._sender.settle()
        await self._end_all()

    @property
    def workers(self) -> int:
        """How many workers there are to be."""
        return len(self._workers)

    def is_ready(self, worker: int) -> bool:
        """The worker can carry legs now."""
        return self._workers[worker].ready.is_set()

    def pid(self, worker: int) -> int | None:
        """The worker's process, for CPU figures; None where it is being restarted."""
        process = self._workers[worker].process
        return None if process is None or process.returncode is not None else process.pid

    # --- talking ----------------------------------------------------------------------

    def send(self, worker: int, *commands: Command) -> None:
        """Send with everything else of this loop iteration; to a dead worker: nothing."""
        place = self._workers[worker]
        if not place.ready.is_set():
            return
        place.outbox.extend(commands)
        self._sender.touch()

    def node(self) -> int:
        """A fresh node number."""
        return next(self._nodes)

    def _flush(self) -> None:
        for worker in self._workers:
            if not worker.outbox or worker.socket is None:
                continue
            message = self._encoder.encode(worker.outbox)
            worker.outbox.clear()
            try:
                worker.socket.send(message, zmq.NOBLOCK)
            except zmq.Again:
                # 10,000 messages behind: it hangs, and its heartbeat will say so.
                self._log.error("media.worker_not_reading", worker=worker.index)
            # Sending may have taken the edge of the descriptor's readiness with it.
            self._read(worker)

    def _read(self, worker: _Worker) -> None:
        # Asking first: an exception at the end of each turn costs more than the asking.
        while worker.socket is not None and readable(worker.socket):
            message = worker.socket.recv(zmq.NOBLOCK)
            try:
                reports = self._decoder.decode(message)
            except msgspec.MsgspecError:
                self._log.exception("media.bad_report", worker=worker.index)
                continue
            worker.heard = asyncio.get_running_loop().time()
            for report in reports:
                if isinstance(report, WorkerReady):
                    worker.plan = PortPlan(
                        report.ports,
                        spare=report.spare,
                        usable=self._is_free,
                        keys=self._leases,
                    )
                    worker.ready.set()
                elif isinstance(report, LegFailed) and report.port and worker.plan is not None:
                    worker.plan.lose(report.port)
                self._on_report(worker.index, report)

    # --- ports ------------------------------------------------------------------------

    def take_port(self, remote: Address | None, *, latch: bool, worker: int | None = None) -> Port:
        """Lease a local RTP port, of the named worker or of the one with fewest leases.

        `remote` is the peer's RTP address where it is known. Raises NoPortFree.
        """
        if worker is None:
            plans = [
                (len(w.plan), w.index)
                for w in self._workers
                if w.ready.is_set() and w.plan is not None
            ]
            if not plans:
                raise NoPortFree("no media worker is ready; see the log for why")
            order = [index for _, index in sorted(plans)]
        else:
            order = [worker]
        failure = NoPortFree("the media worker is not ready; see the log for why")
        for index in order:
            plan = self._workers[index].plan
            if plan is None:
                continue
            try:
                number, key = plan.take(remote, latch=latch)
            except NoPortFree as error:
                failure = error
                continue
            return Port(index, self._address, number, key)
        raise failure

    def _is_free(self, number: int) -> bool:
        """Nobody has this port and the next one: the worker will be able to bind them."""
        for port in (number, number + 1):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((self._address, port))
                except OSError:
                    return False
        return True

    def latched(self, port: Port, remote: Address) -> None:
        """The leg on this port found its peer: others may share the port."""
        plan = self._plan(port)
        if plan is None:
            return
        try:
            plan.settle(port.key, remote)
        except ValueError:
            # Alone on its port, nobody can have had that address there.
            self._log.exception("media.port_plan", port=port.number)

    def moved(self, port: Port, remote: Address | None, *, latch: bool = False) -> bool:
        """The peer's media moves to `remote`; False where this port can't serve it there.

        Then the leg needs another port, and our side a new SDP.
        """
        plan = self._plan(port)
        if plan is None:
            return False
        if remote is None or latch:
            return plan.reserve(port.key)
        try:
            plan.settle(port.key, remote)
        except ValueError:
            return False
        return True

    def release(self, port: Port) -> None:
        """End a lease; of a worker that died meanwhile, nothing."""
        plan = self._plan(port)
        if plan is not None:
            plan.release(port.key)

    def _plan(self, port: Port) -> PortPlan | None:
        plan = self._workers[port.worker].plan
        return plan if plan is not None and plan.has(port.key) else None

    # --- processes --------------------------------------------------------------------

    async def _launch(self, worker: _Worker) -> None:
        """Start a process for this place and wait for its word. Raises WorkerFailed."""
        assert self._context is not None
        folder = self._own_folder or self._folder
        path = folder / f"media-{worker.index}-{next(self._incarnations)}.ipc"
        first, last = worker.range
        worker.ready.clear()
        worker.last_words = ""
        worker.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ccd.media.worker", "--link", str(path)),
            *("--address", self._address, "--ports", str(first), str(last)),
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a closed terminal or Ctrl+C is for the core to act on
        )
        loop = asyncio.get_running_loop()
        worker.started = worker.heard = loop.time()
        assert worker.process.stderr is not None
        words = asyncio.create_task(self._listen(worker, worker.process.stderr))
        self._connect(worker, path)
        ready = asyncio.create_task(worker.ready.wait())
        ended = asyncio.create_task(worker.process.wait())
        try:
            await asyncio.wait(
                (ready, ended), timeout=self._ready_s, return_when=asyncio.FIRST_COMPLETED
            )
            if worker.ready.is_set():
                return
            if ended.done():
                await words
                reason = f"it ended at once: {worker.last_words or f'status {ended.result()}'}"
            else:
                reason = f"it was not ready within {self._ready_s:g} s"
            await self._discard(worker)
            raise WorkerFailed(f"media worker {worker.index} could not be started: {reason}")
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    def _connect(self, worker: _Worker, path: Path) -> None:
        assert self._context is not None
        sock: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        sock.sndhwm = sock.rcvhwm = HIGH_WATER
        sock.linger = 0
        sock.reconnect_ivl = 20  # it binds when its imports are done
        sock.connect(f"ipc://{path}")
        worker.socket = sock
        worker.fd = int(sock.fd)
        asyncio.get_running_loop().add_reader(worker.fd, self._read, worker)
        self._read(worker)

    async def _listen(self, worker: _Worker, stream: asyncio.StreamReader) -> None:
        """Pass the worker's log on; it is JSON lines, but for what Python itself says."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                continue  # longer than the buffer: the next one will do
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            worker.last_words = text
            try:
                fields = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                self._log.error("media.worker_says", worker=worker.index, text=text)
                continue
            level = str(fields.pop("level", "info"))
            event = str(fields.pop("event", "media.worker_says"))
            fields.pop("timestamp", None)
            say = getattr(self._log, level, self._log.info)
            say(event, worker=worker.index, **fields)

    async def _keep(self, worker: _Worker) -> None:
        """Watch a place; when its process dies, tell, and fill it again."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            reason = await self._lost(worker)
            if loop.time() - worker.started > STEADY_S:
                failures = 0
            await self._discard(worker)
            self._log.error("media.worker_lost", worker=worker.index, reason=reason)
            self._on_lost(worker.index, reason)
            while not worker.ready.is_set():
                await asyncio.sleep(self._backoff_s[min(failures, len(self._backoff_s) - 1)])
                failures += 1
                try:
                    await self._launch(worker)
                except (WorkerFailed, OSError) as error:
                    self._log.error("media.worker_failed", worker=worker.index, reason=str(error))

    async def _lost(self, worker: _Worker) -> str:
        """Wait until the worker is gone or silent; why."""
        assert worker.process is not None
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                status = await asyncio.wait_for(worker.process.wait(), self._silence_s / 2)
                return (
                    f"ended with status {status}" if status >= 0 else f"killed by signal {-status}"
                )
            silent = loop.time() - worker.heard
            if silent > self._silence_s:
                return f"silent for {silent:.1f} s"

    async def _discard(self, worker: _Worker) -> None:
        """Be rid of a process and its link, however they are."""
        worker.ready.clear()
        worker.plan = None
        worker.outbox.clear()
        if worker.process is not None:
            if worker.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.kill()
            await worker.process.wait()
            worker.process = None
        self._disconnect(worker)

    def _disconnect(self, worker: _Worker) -> None:
        if worker.socket is not None:
            asyncio.get_running_loop().remove_reader(worker.fd)
            worker.socket.close(linger=0)
            worker.socket = None

    async def _end_all(self) -> None:
        for worker in self._workers:
            if worker.process is not None and worker.ready.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(worker.process.wait(), STOP_S)
                self._read(worker)
            await self._discard(worker)
        if self._context is not None:
            self._context.term()
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)


def divide(ports: tuple[int, int], workers: int) -> list[tuple[int, int]]:
    """A range of ports in as many even parts; (0, 0) stays what it is."""
    first, last = ports
    if ports == (0, 0) or workers == 1:
        return [ports] * workers
    first += first % 2
    pairs = (last - first + 1) // 2 // workers
    if pairs < 1:
        raise ValueError(f"ports {first}-{last} are too few for {workers} media workers")
    return [
        (first + 2 * pairs * index, first + 2 * pairs * (index + 1) - 1) for index in range(workers)
    ]
