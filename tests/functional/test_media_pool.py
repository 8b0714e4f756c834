"""Media workers as processes: started, talked to, killed, restarted, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import struct
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from ccd.media.codecs import decode, encode
from ccd.media.pool import MediaPool, NoPortFree, Port, WorkerFailed
from ccd.media.protocol import (
    CloseLeg,
    Codec,
    Connect,
    Gauge,
    LegClosed,
    LegFailed,
    LegLatched,
    MediaFormat,
    OpenLeg,
    Play,
    PlayFinished,
    Record,
    RecordFinished,
    Report,
    SetGauge,
    Sound,
    Stop,
    WorkerReady,
)


class Watch:
    """Keeps reports, and lets a test wait for one."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, Report]] = []
        self.lost: list[tuple[int, str]] = []
        self._changed = asyncio.Event()

    def report(self, worker: int, report: Report) -> None:
        self.reports.append((worker, report))
        self._changed.set()

    def loss(self, worker: int, reason: str) -> None:
        self.lost.append((worker, reason))
        self._changed.set()

    def of(self, kind: type[Report]) -> list[Any]:
        return [report for _, report in self.reports if isinstance(report, kind)]

    async def until(self, condition: Callable[[], object], seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
def watch() -> Watch:
    return Watch()


def make_pool(watch: Watch, folder: Path, **options: Any) -> MediaPool:
    settings: dict[str, Any] = {"address": "127.0.0.1", "ports": (0, 0), "workers": 1}
    settings.update(options)
    return MediaPool(
        folder=folder,
        on_report=watch.report,
        on_lost=watch.loss,
        log=structlog.get_logger(),
        **settings,
    )


@pytest.fixture(params=[(), ("--plain",)], ids=["recvmmsg", "plain"])
async def pool(
    request: pytest.FixtureRequest, watch: Watch, tmp_path: Path
) -> AsyncIterator[MediaPool]:
    pool = make_pool(watch, tmp_path / "run", arguments=request.param)
    await pool.start()
    yield pool
    await pool.stop()


class Talker(asyncio.DatagramProtocol):
    """A phone on the loop: sends a tone every 20 ms, keeps what it hears."""

    def __init__(self, frequency: float) -> None:
        self.frequency = frequency
        self.heard = b""
        self.packets = 0
        self._wanted = 0
        self._enough = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, frequency: float) -> Talker:
        _, self = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(frequency), ("127.0.0.1", 0)
        )
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.heard += data[12:]
        self.packets += 1
        if self.packets >= self._wanted:
            self._enough.set()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.transport.get_extra_info("sockname")
        return host, port

    def talk_to(self, port: Port) -> None:
        self._task = asyncio.create_task(self._talk(port))

    async def _talk(self, port: Port) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number in range(100_000):
            at = number * 160 + np.arange(160)
            samples = (np.sin(2 * np.pi * self.frequency * at / 8000) * 8000).astype(np.int16)
            header = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 77)
            self.transport.sendto(header + encode(Codec.PCMU, samples), (port.host, port.number))
            await asyncio.sleep(max(0.0, begin + 0.02 * (number + 1) - loop.time()))

    async def hear(self, packets: int) -> None:
        """Wait for so many packets more."""
        self._wanted = self.packets + packets
        self._enough.clear()
        async with asyncio.timeout(15):
            await self._enough.wait()

    def level(self, frequency: float, packets: int = 25) -> float:
        samples = decode(Codec.PCMU, self.heard[-packets * 160 :]).astype(float)
        turn = np.exp(-2j * np.pi * frequency * np.arange(len(samples)) / 8000)
        return float(2 * abs(np.mean(samples * turn)))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.transport.close()


async def leg(
    pool: MediaPool, frequency: float, *, latch: bool = False
) -> tuple[Talker, int, Port]:
    phone = await Talker.start(frequency)
    port = pool.take_port(phone.address, latch=latch)
    node = pool.node()
    pool.send(
        port.worker,
        OpenLeg(
            node=node,
            port=port.number,
            remote=phone.address,
            format=MediaFormat(),
            latch=latch,
        ),
    )
    phone.talk_to(port)
    return phone, node, port


async def test_two_calls_legs_talk_and_are_recorded(
    pool: MediaPool, watch: Watch, tmp_path: Path
) -> None:
    (ready,) = watch.of(WorkerReady)
    assert len(ready.ports) == 32
    a, a_node, a_port = await leg(pool, 500)
    b, b_node, _ = await leg(pool, 900, latch=True)
    recorder, path = pool.node(), tmp_path / "talk.wav"
    pool.send(
        0,
        Connect(source=a_node, sink=b_node),
        Connect(source=b_node, sink=a_node),
        Record(node=recorder, path=str(path)),
        Connect(source=a_node, sink=recorder, channel=0),
        Connect(source=b_node, sink=recorder, channel=1),
    )
    await watch.until(lambda: watch.of(LegLatched))
    pool.latched(a_port, a.address)
    await asyncio.gather(a.hear(75), b.hear(75))
    assert a.level(900) > 7000
    assert b.level(500) > 7000
    assert a.level(500) < 100
    assert b.level(900) < 100

    pool.send(0, Stop(node=recorder), CloseLeg(node=a_node), CloseLeg(node=b_node))
    await watch.until(lambda: len(watch.of(LegClosed)) == 2 and watch.of(RecordFinished))
    qualities = {closed.node: closed.quality for closed in watch.of(LegClosed)}
    assert qualities[a_node].packets_received >= 70
    assert qualities[a_node].mos > 4.3
    (finished,) = watch.of(RecordFinished)
    assert finished.error == ""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        audio = np.frombuffer(file.readframes(10**6), "<i2").reshape(-1, 2).astype(float)
    tail = audio[-4000:]
    turn = np.exp(-2j * np.pi * np.outer([500, 900], np.arange(4000)) / 8000)
    left_500, left_900 = 2 * abs(turn @ tail[:, 0]) / 4000
    right_500, right_900 = 2 * abs(turn @ tail[:, 1]) / 4000
    assert left_500 > 7000 > 200 > left_900
    assert right_900 > 7000 > 200 > right_500
    pool.release(a_port)
    await a.close()
    await b.close()


async def test_prompt_from_a_file(pool: MediaPool, watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "prompt.wav"
    tone = (np.sin(2 * np.pi * 700 * np.arange(16000) / 16000) * 9000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(tone.tobytes())
    a, node, _ = await leg(pool, 500)
    player = pool.node()
    pool.send(0, Play(node=player, sounds=(Sound(path=str(path)),), sinks=(node,)))
    await watch.until(lambda: watch.of(PlayFinished))
    assert watch.of(PlayFinished) == [PlayFinished(node=player, reason="completed")]
    assert a.level(700, packets=50) > 4000
    await a.close()


async def test_gauge_is_a_heartbeat(pool: MediaPool, watch: Watch) -> None:
    pool.send(0, SetGauge(every_s=0.05))
    await watch.until(lambda: len(watch.of(Gauge)) >= 5)
    assert watch.of(Gauge)[-1].legs == 0
    assert watch.of(Gauge)[-1].cpu_s > 0


async def test_links_are_private(pool: MediaPool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    links = list(folder.glob("*.ipc"))
    assert len(links) == 1
    assert stat.S_IMODE(links[0].stat().st_mode) & 0o077 == 0


async def test_killed_worker_is_told_and_replaced(pool: MediaPool, watch: Watch) -> None:
    a, _, port = await leg(pool, 500)
    await a.hear(5)
    pid = pool.pid(0)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await watch.until(lambda: watch.lost)
    assert watch.lost == [(0, "killed by signal 9")]
    with pytest.raises(NoPortFree):
        pool.take_port(None, latch=True)
    await watch.until(lambda: len(watch.of(WorkerReady)) == 2)
    assert pool.is_ready(0)
    pool.release(port)  # of the dead one: nothing
    b, node, _ = await leg(pool, 900)
    await b.hear(5)
    pool.send(0, CloseLeg(node=node))
    await watch.until(lambda: watch.of(LegClosed))
    assert watch.lost == [(0, "killed by signal 9")]
    await a.close()
    await b.close()


async def test_hanging_worker_is_killed(watch: Watch, tmp_path: Path) -> None:
    pool = make_pool(watch, tmp_path, silence_s=1.5)
    await pool.start()
    try:
        pid = pool.pid(0)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await watch.until(lambda: watch.lost)
        assert "silent" in watch.lost[0][1]
        await watch.until(lambda: len(watch.of(WorkerReady)) == 2)
        assert pool.pid(0) != pid
    finally:
        await pool.stop()


async def test_worker_that_cannot_start_says_why(watch: Watch, tmp_path: Path) -> None:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    number = taken.getsockname()[1] & ~1
    pool = make_pool(watch, tmp_path, ports=(number, number + 1))
    with taken, pytest.raises(WorkerFailed, match=r"media\.ports"):
        await pool.start()
    assert watch.lost == []


OWN_HOST = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""A loopback address of this run's own: tests that need neighbouring ports meet nobody there."""

FIRST = 12000


async def test_ports_beyond_the_first_are_bound_when_legs_need_them(
    watch: Watch, tmp_path: Path
) -> None:
    pool = make_pool(watch, tmp_path, address=OWN_HOST, ports=(FIRST, FIRST + 599))
    await pool.start()
    try:
        (ready,) = watch.of(WorkerReady)
        assert (len(ready.ports), len(ready.spare)) == (64, 236)
        a, node, _ = await leg(pool, 500, latch=True)
        ports = [pool.take_port(None, latch=False) for _ in range(298)]
        assert len({port.number for port in ports}) == 298
        pool.send(
            0,
            *(
                OpenLeg(node=pool.node(), port=port.number, remote=None, format=MediaFormat())
                for port in ports
            ),
        )
        b, b_node, _ = await leg(pool, 900, latch=True)
        pool.send(0, Connect(source=node, sink=b_node), Connect(source=b_node, sink=node))
        await asyncio.gather(a.hear(60), b.hear(60))
        assert a.level(900) > 7000
        assert b.level(500) > 7000
        assert not watch.of(LegFailed)
        with pytest.raises(NoPortFree, match=r"media\.ports"):
            pool.take_port(None, latch=False)
        await a.close()
        await b.close()
    finally:
        await pool.stop()


async def test_ports_that_others_have_are_passed_over(watch: Watch, tmp_path: Path) -> None:
    first, last = FIRST, FIRST + 199
    pool = make_pool(watch, tmp_path, address=OWN_HOST, ports=(first, last))
    await pool.start()
    others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    try:
        for at, other in enumerate(others):
            other.bind((OWN_HOST, last - 20 + at))  # ten pairs, and a port more
        free = range(first, last - 21, 2)
        assert {pool.take_port(None, latch=False).number for _ in free} == set(free)
        with pytest.raises(NoPortFree):
            pool.take_port(None, latch=False)
    finally:
        for other in others:
            other.close()
        await pool.stop()


async def test_a_port_that_somebody_took_in_between_fails_its_leg(
    watch: Watch, tmp_path: Path
) -> None:
    pool = make_pool(watch, tmp_path, address=OWN_HOST, ports=(FIRST, FIRST + 199))
    await pool.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        ports = [pool.take_port(None, latch=False) for _ in range(60)]
        unlucky = max(ports, key=lambda port: port.number)
        other.bind((OWN_HOST, unlucky.number + 1))
        node = pool.node()
        pool.send(0, OpenLeg(node=node, port=unlucky.number, remote=None, format=MediaFormat()))
        await watch.until(lambda: watch.of(LegClosed))
        (failed,) = watch.of(LegFailed)
        assert (failed.node, failed.port) == (node, unlucky.number)
        assert "in use" in failed.reason
        assert [closed.node for closed in watch.of(LegClosed)] == [node]
        pool.release(unlucky)
        assert unlucky.number not in {pool.take_port(None, latch=False).number for _ in range(20)}
    await pool.stop()


async def test_two_workers_share_the_load(watch: Watch, tmp_path: Path) -> None:
    pool = make_pool(watch, tmp_path, workers=2)
    await pool.start()
    try:
        ports = [pool.take_port(("192.0.2.1", 1000 + n), latch=False) for n in range(10)]
        assert [port.worker for port in ports].count(0) == 5
        assert len({port.key for port in ports}) == 10
    finally:
        await pool.stop()


async def test_stop_finishes_recordings(watch: Watch, tmp_path: Path) -> None:
    pool = make_pool(watch, tmp_path)
    await pool.start()
    a, node, _ = await leg(pool, 500)
    recorder, path = pool.node(), tmp_path / "last.wav"
    pool.send(0, Record(node=recorder, path=str(path)), Connect(source=node, sink=recorder))
    await a.hear(20)
    await pool.stop()
    (finished,) = watch.of(RecordFinished)
    assert finished.seconds > 0.3
    assert [closed.node for closed in watch.of(LegClosed)] == [node]
    assert watch.lost == []
    await a.close()


async def test_worker_ends_when_no_core_comes_back(tmp_path: Path) -> None:
    import sys

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ccd.media.worker", "--link", str(tmp_path / "x.ipc")),
        *("--address", "127.0.0.1", "--core-timeout", "0.3"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert b"media.core_gone" in errors


async def test_long_state_folders_do_not_matter(watch: Watch, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    pool = make_pool(watch, folder)
    await pool.start()
    assert pool.is_ready(0)
    await pool.stop()
